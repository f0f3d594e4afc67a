//! Reads the files that an operator wrote: configurations, secrets, mappings. Judges their size and encoding only.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::domain::text;
use crate::keys::fault::Fault;

/// The largest configuration file: a hundred times a real one.
pub(super) const FILE_MAX_BYTES: u64 = 256 * 1024;

/// The largest mapping file: several times the limit on templates.
const MAPPING_FILE_MAX_BYTES: u64 = 64 * 1024;

/// The most files in the directory of mappings; there are far fewer mapping names.
const MAPPING_FILES_MAX: usize = 64;

/// The contents of the `*.toml` files in a directory, by file name.
pub(super) fn read_mappings(directory: &Path) -> Result<BTreeMap<String, String>, Fault> {
    let fault = |problem: String| {
        let remedy = "Name a directory of mapping files, or remove the key to use the shipped ones";
        Fault::new("mappings", problem, remedy)
    };
    let unreadable = |path: &Path, error: std::io::Error| fault(format!("cannot be read: {}: {error}", path.display()));
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(name), true) = (name, path.extension().is_some_and(|extension| extension == "toml")) else {
            continue;
        };
        if files.len() == MAPPING_FILES_MAX {
            return Err(fault(format!("holds more than {MAPPING_FILES_MAX} files: {}", directory.display())));
        }
        let text = read_text(&path, MAPPING_FILE_MAX_BYTES).map_err(|error| unreadable(&path, error))?;
        files.insert(name.to_owned(), text);
    }
    Ok(files)
}

/// The text of a file of at most this size.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let problem = format!("it is larger than {max_bytes} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, problem));
    }
    text_of(&bytes).map(str::to_owned).map_err(|problem| std::io::Error::new(std::io::ErrorKind::InvalidData, problem))
}

/// The text of an operator's file (a configuration, a mapping, an event): UTF-8, with or without the byte order mark that
/// Windows programs put in front.
///
/// # Errors
/// The encoding of any other file, with the remedy.
pub fn text_of(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is saved as UTF-16; save it as UTF-8");
    }
    std::str::from_utf8(text::unmarked(bytes)).map_err(|_| "it is not valid UTF-8; save it as UTF-8")
}
