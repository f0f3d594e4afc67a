//! `tandem` as a process of its own, as a visitor starts it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running `tandem demo`. It is killed when this is dropped, and its store is deleted.
pub(crate) struct Demo {
    process: Child,
    /// Where its page is, `http://127.0.0.1:…`.
    pub(crate) origin: String,
    _temporary: TempDir,
}

impl Demo {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["demo", "--port", "0"])
            .env_clear()
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let origin = lines.find_map(|line| line.strip_prefix("tandem demo: ").map(str::to_owned));
        // Its later output must be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, origin: origin.expect("the demo says its address"), _temporary: temporary }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
