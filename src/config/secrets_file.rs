//! The secrets file, `tandem.env` beside `tandem.toml`: variables, one a line, in either of the two syntaxes that other
//! programs read as well. Read here for every command, and worded here for `tandem init`.
//!
//! * systemd's `EnvironmentFile=` and a shell take quotation marks away and change nothing between single ones
//!   (`man systemd.exec`, "EnvironmentFile=").
//! * docker's `--env-file` (and `kubectl --from-env-file`) takes the rest of the line as it stands, marks included
//!   (<https://docs.docker.com/reference/cli/docker/container/run/#env>).
//!
//! Never shows a value.

use std::path::{Path, PathBuf};

use crate::keys::fault::{Fault, Place};

/// Whose syntax the values are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// systemd's `EnvironmentFile=`, which a POSIX shell reads as well.
    Systemd,
    /// docker's `--env-file`.
    Docker,
}

/// The secrets file of a configuration file: the same name, ending in `.env`.
#[must_use]
pub fn beside(config: &Path) -> PathBuf {
    config.with_extension("env")
}

/// One variable as a line without its line break. The value must be one line, as every secret is.
#[must_use]
pub fn line(syntax: Syntax, name: &str, value: &str) -> String {
    match syntax {
        Syntax::Docker => format!("{name}={value}"),
        // Single marks keep everything else; only older versions of systemd obey a backslash between them.
        Syntax::Systemd if !value.contains(['\'', '\\']) => format!("{name}='{value}'"),
        Syntax::Systemd => {
            let mut line = format!("{name}=\"");
            for c in value.chars() {
                if ESCAPED.contains(&c) {
                    line.push('\\');
                }
                line.push(c);
            }
            line.push('"');
            line
        }
    }
}

/// The characters that need a backslash between double quotation marks, for a shell as for systemd.
const ESCAPED: [char; 4] = ['"', '\\', '$', '`'];

/// The variables of the file `name`, and the faults of its other lines.
pub(super) fn read(name: &str, text: &str) -> (Vec<(String, String)>, Vec<Fault>) {
    let (mut variables, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let fault = |problem: &str, remedy: &str| Fault::new(name, problem, remedy).at(Place::Line(number));
        let remedy = "Write one variable on each line, such as TANDEM_OPERATOR_TOKEN='…'";
        match line.split_once('=').map(|(variable, value)| (variable.trim_end(), unquoted(value.trim_start()))) {
            Some((variable, Some(value))) if is_name(variable) => variables.push((variable.to_owned(), value)),
            Some((variable, None)) if is_name(variable) => {
                faults.push(fault("opens a quotation mark and does not close it at the end of the line", remedy));
            }
            Some(_) | None => faults.push(fault("holds something else than NAME=value", remedy)),
        }
    }
    (variables, faults)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value without the marks around it; `None` where they do not close at its end. Without marks it is as it stands: that
/// is docker's syntax.
fn unquoted(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.strip_suffix('\'').filter(|inner| !inner.contains('\'')).map(str::to_owned);
    }
    let Some(rest) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let (mut out, mut chars) = (String::new(), rest.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return chars.as_str().is_empty().then_some(out),
            '\\' => {
                let escaped = chars.next()?;
                if !ESCAPED.contains(&escaped) {
                    out.push('\\');
                }
                out.push(escaped);
            }
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const AWKWARD: [&str; 12] = [
        "plain-0123456789",
        "base64+/==",
        "dollar$HOME`id`$(id)",
        "a b # no comment ; either",
        "it's",
        "\"",
        "back\\slash\\\\",
        "don't \"do\" $this \\ `or` that",
        "x&y|z>(w)*?[!]",
        "%41 ünïcode 🚚",
        "=",
        "\\n",
    ];

    /// The value that docker reads in a line: all behind the first `=`, as its documents say.
    fn as_docker_reads(line: &str) -> &str {
        line.split_once('=').unwrap().1
    }

    /// The value that systemd reads in a line that [`line`] wrote, in the versions that obey backslashes between single marks
    /// and in those that do not. Between double marks only `\` is special in either.
    fn as_systemd_reads(line: &str, obeys_in_single_marks: bool) -> String {
        let value = line.split_once('=').unwrap().1;
        let mark = value.chars().next().unwrap();
        assert!(value.len() > 1 && value.ends_with(mark), "{value}");
        let obeys = mark == '"' || obeys_in_single_marks;
        let (mut out, mut chars) = (String::new(), value[1..value.len() - 1].chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' if obeys => out.push(chars.next().unwrap()),
                c => {
                    assert_ne!(c, mark, "the value ends early: {value}");
                    out.push(c);
                }
            }
        }
        out
    }

    fn as_a_shell_reads(line: &str) -> String {
        let script = format!("{line}\nprintf %s \"$TANDEM_X\"");
        let said = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
        assert!(said.status.success() && said.stderr.is_empty(), "{line}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    #[test]
    fn what_is_written_is_read_by_each_reader_and_by_us() {
        for secret in AWKWARD {
            let (for_systemd, for_docker) =
                (line(Syntax::Systemd, "TANDEM_X", secret), line(Syntax::Docker, "TANDEM_X", secret));
            assert_eq!(as_a_shell_reads(&for_systemd), secret);
            for obeys in [true, false] {
                assert_eq!(as_systemd_reads(&for_systemd, obeys), secret, "{for_systemd}");
            }
            assert_eq!(as_docker_reads(&for_docker), secret);
            let mine = [("TANDEM_X".to_owned(), secret.to_owned())];
            assert_eq!(read("x.env", &for_systemd), (mine.to_vec(), vec![]), "{for_systemd}");
            // A value that begins with a mark is refused wherever docker hands it over.
            if !secret.starts_with(['"', '\'']) {
                assert_eq!(read("x.env", &for_docker), (mine.to_vec(), vec![]), "{for_docker}");
            }
        }
    }

    #[test]
    fn comments_blank_lines_and_spaces_are_no_values() {
        let text = "# a comment\n\n; another\n  A_1 = 'x y' \r\nB=\"a\\\"b\\x\"\nC=\nD=it # is\nE=''\n";
        let pairs = [("A_1", "x y"), ("B", "a\"b\\x"), ("C", ""), ("D", "it # is"), ("E", "")];
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(read("x.env", text), (pairs, vec![]));
    }

    #[test]
    fn a_line_that_is_no_variable_is_told_with_its_number_and_without_its_text() {
        for (text, problem) in [
            ("A=1\nPLANTED", "x.env (line 2) holds something else"),
            ("export A=PLANTED", "x.env (line 1) holds something else"),
            ("=PLANTED", "x.env (line 1) holds something else"),
            ("A='PLANTED", "x.env (line 1) opens a quotation mark"),
            ("A='PLANTED'x", "x.env (line 1) opens a quotation mark"),
            ("A='PLAN'TED'", "x.env (line 1) opens a quotation mark"),
            ("A=\"PLANTED\\\"", "x.env (line 1) opens a quotation mark"),
            ("A=\"PLANTED\" # why", "x.env (line 1) opens a quotation mark"),
            ("A=\"", "x.env (line 1) opens a quotation mark"),
            ("A='", "x.env (line 1) opens a quotation mark"),
        ] {
            let told = read("x.env", text).1;
            assert_eq!(told.len(), 1, "{text}: {told:?}");
            let told = told[0].to_string();
            assert!(told.starts_with(problem) && !told.contains("PLAN"), "{text}: {told}");
        }
    }

    #[test]
    fn it_stands_beside_its_configuration() {
        for (config, file) in
            [("tandem.toml", "tandem.env"), ("/etc/tandem/tandem.toml", "/etc/tandem/tandem.env"), ("a/b", "a/b.env")]
        {
            assert_eq!(beside(Path::new(config)), Path::new(file));
        }
    }
}
