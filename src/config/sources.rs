//! The sources of a configuration: the file, the secrets file beside it, the environment. Reads them, and judges no value.
//!
//! A variable of the process counts over the same one of the secrets file, and both over the configuration file, because
//! systemd and docker hand the secrets file over themselves, as it was at their start.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::environment::environment;
use super::faults::{DEFAULT_FILE, Faults};
use super::files::{FILE_MAX_BYTES, read_text};
use super::named;
use super::read;
use super::reference::{self, VARIABLE_PREFIX};
use super::secrets_file::{self, beside};
use crate::keys::book::Book;
use crate::keys::fault::{Fault, Warning};

/// The right of users who are neither the file's owner nor of its group to read it.
const OTHERS_READ: u32 = 0o004;

/// The sources, read.
#[derive(Default)]
pub(super) struct Sources {
    /// The configuration file, if there is one.
    text: Option<String>,
    /// The directory that relative paths are relative to.
    pub(super) base: PathBuf,
    /// Our variables, each once.
    pub(super) variables: Vec<(String, String)>,
    /// The faults of the secrets file and of variables as such.
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
    /// Why a key may be missing: a fault only where something is.
    excuse: Option<Fault>,
}

impl Sources {
    /// `path` is the file that was named; without one, [`DEFAULT_FILE`] is read if it exists.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Faults> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(DEFAULT_FILE));
        let base = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let (variables, faults) = environment();
        let mut sources = Self { base, variables, faults, ..Self::default() };
        match read_text(path, FILE_MAX_BYTES) {
            Ok(text) => {
                sources.text = Some(text);
                sources.read_secrets(&beside(path));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !named => {}
            Err(error) => {
                let remedy = "Name a configuration file that can be read with --config";
                let fault = Fault::new(path.display().to_string(), format!("cannot be read: {error}"), remedy);
                return Err(Faults(vec![fault]));
            }
        }
        Ok(sources)
    }

    /// The same, for a command that needs a configuration.
    pub(super) fn required(path: Option<&Path>) -> Result<Self, Faults> {
        let sources = Self::read(path)?;
        let is_setting = |(name, _): &(String, String)| {
            named::makes_an_account(name) || reference::find_variable(name).is_some_and(|key| !key.kind.is_secret())
        };
        // A shell in the wrong directory holds the secrets alone.
        match sources.text.is_none() && !sources.variables.iter().any(is_setting) {
            true => Err(Faults::no_file()),
            false => Ok(sources),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// A book of these values for a command that reads a few keys.
    pub(super) fn book_of_a_few(&self) -> Book<'_> {
        Book::of_a_few(read::gather(self.text(), self.variables.clone()), &self.base)
    }

    /// Whether there is a secrets file that this user may not read.
    pub(super) fn has_unread_secrets(&self) -> bool {
        self.excuse.is_some()
    }

    /// Everything that is wrong, when these faults are.
    pub(super) fn refuse(self, mut faults: Vec<Fault>) -> Faults {
        faults.extend(self.faults);
        faults.extend(self.excuse);
        Faults(faults)
    }

    fn read_secrets(&mut self, path: &Path) {
        let name = path.display().to_string();
        let remedy = "Mend the file, or move it away";
        let text = match read_text(path, FILE_MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            // systemd reads a file of root's for a service that may not, and gives it the variables.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let remedy = "Run the command as a user who may read it, or see that these variables are set";
                let problem = "cannot be read by this user: only the variables that are set count";
                self.warnings.push(Warning { key: name.clone(), problem: problem.to_owned() });
                self.excuse = Some(Fault::new(name, "cannot be read by this user", remedy));
                return;
            }
            Err(error) => return self.faults.push(Fault::new(name, format!("cannot be read: {error}"), remedy)),
        };
        let is_open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0);
        if is_open {
            let problem = format!("can be read by every user of this machine: chmod 600 {name}");
            self.warnings.push(Warning { key: name.clone(), problem });
        }
        let (variables, faults) = secrets_file::read(&name, &text);
        let set: BTreeSet<String> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        let is_new = |(name, _): &(String, String)| name.starts_with(VARIABLE_PREFIX) && !set.contains(name);
        self.variables.extend(variables.into_iter().filter(is_new));
        self.faults.extend(faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_directory(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let config = directory.path().join("mine.toml");
        (directory, config)
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_file_of_the_same_name_is_read_and_no_other() {
        let (directory, config) = in_a_directory(&[
            ("mine.toml", "listen = \"x\""),
            ("mine.env", "TANDEM_BRAZE__API_KEY='k 1'\nPATH=/odd\n"),
            ("tandem.env", "TANDEM_OPERATOR_TOKEN='of another'\n"),
        ]);
        chmod(&directory.path().join("mine.env"), 0o640);
        let sources = Sources::read(Some(&config)).unwrap();
        let mine = |name: &str| sources.variables.iter().filter(|(other, _)| other == name).count();
        assert_eq!((mine("TANDEM_OPERATOR_TOKEN"), mine("PATH")), (0, 0));
        assert!(sources.variables.contains(&("TANDEM_BRAZE__API_KEY".into(), "k 1".into())));
        assert_eq!((sources.text(), sources.faults.len(), sources.warnings.len()), (Some("listen = \"x\""), 0, 0));
    }

    #[test]
    fn a_file_that_every_user_may_read_is_warned_about() {
        let (directory, config) = in_a_directory(&[("mine.toml", ""), ("mine.env", "")]);
        for (mode, is_warned) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            chmod(&directory.path().join("mine.env"), mode);
            let warnings = Sources::read(Some(&config)).unwrap().warnings;
            assert_eq!(warnings.iter().any(|w| w.problem.contains("chmod 600")), is_warned, "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_this_user_may_not_read_never_takes_the_token_away() {
        let text = include_str!("../../tandem.example.toml");
        let variables = |token: Option<&str>| -> Vec<(String, String)> {
            let mut given: Vec<(&str, &str)> = vec![
                ("TANDEM_ZENDESK__CLIENT_ID", "an id"),
                ("TANDEM_ZENDESK__CLIENT_SECRET", "a secret"),
                ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "another secret"),
                ("TANDEM_BRAZE__API_KEY", "a key"),
                ("TANDEM_BRAZE__WEBHOOK_TOKENS", "a token for Braze's webhooks"),
                ("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "0123456789abcdef"),
            ];
            given.extend(token.map(|token| ("TANDEM_OPERATOR_TOKEN", token)));
            given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        for (is_unread, token, problems) in
            [(false, None, 0), (true, Some("0123456789abcdef0123456789abcdef"), 0), (true, None, 2)]
        {
            let excuse = is_unread.then(|| Fault::new("tandem.env", "cannot be read by this user", ""));
            let text = Some(text.to_owned());
            let sources = Sources { text, variables: variables(token), excuse, ..Sources::default() };
            let loaded = super::super::load_from(sources, |_, _| Vec::new());
            let faults = loaded.map_or_else(|Faults(faults)| faults, |_| Vec::new());
            assert_eq!(faults.len(), problems, "{is_unread} {token:?}: {faults:?}");
        }
    }

    #[test]
    fn a_file_that_is_none_is_a_fault() {
        let (directory, config) = in_a_directory(&[("mine.toml", "")]);
        std::fs::create_dir(directory.path().join("mine.env")).unwrap();
        let sources = Sources::read(Some(&config)).unwrap();
        assert!(sources.faults[0].to_string().contains("mine.env cannot be read"), "{:?}", sources.faults);
    }
}
