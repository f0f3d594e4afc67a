//! The server's processes, from the first to the last.
//!
//! A thread starts the server and stays until the server is gone, because the kernel ends a guarded program with the thread
//! that started it, not with the process. A test's own thread ends with the test. The server's processes share one pipe for
//! their log, so the end of the pipe says that the last of them is gone.
//!
//! It never signals a process of a number that may belong to another by now.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

/// The line that the server logs once it takes connections.
const READY: &str = "database system is ready to accept";

/// The lines of the log that are told when the server does not start.
const TOLD_LINES: usize = 12;

/// A server that takes connections. Dropping it stops the server at once.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    keeper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts the server, and waits until it takes connections. Its log is appended to a file.
    pub(super) fn start(command: Command, log: &Path) -> Result<Self, String> {
        let told = |error| format!("{}: {error}", log.display());
        let log = OpenOptions::new().create(true).append(true).open(log).map_err(told)?;
        let (started, news) = mpsc::channel();
        let keeper = thread::Builder::new()
            .name("postgres-keeper".into())
            .spawn(move || keep(command, log, &started))
            .map_err(|error| format!("no thread for PostgreSQL: {error}"))?;
        match news.recv() {
            Ok(Ok(pid)) => Ok(Self { pid, keeper: Some(keeper) }),
            Ok(Err(words)) => Err(words),
            Err(_) => Err("PostgreSQL ended without a word".to_owned()),
        }
    }

    /// Ends the sessions, writes a checkpoint and waits for the end.
    pub(super) fn stop(mut self) {
        self.signal(Signal::INT);
        self.wait();
    }

    /// Kills every process of the server and waits for their end.
    pub(super) fn kill(mut self) {
        // A stopped parent starts no further child while its children are looked up.
        self.signal(Signal::STOP);
        let children = children(self.pid);
        self.signal(Signal::KILL);
        for child in children {
            kill_process(child, Signal::KILL).ok();
        }
        self.wait();
    }

    /// The keeper collects the process at its end; until then its number belongs to no other.
    fn signal(&self, signal: Signal) {
        if self.keeper.as_ref().is_some_and(|keeper| !keeper.is_finished()) {
            kill_process(self.pid, signal).ok();
        }
    }

    fn wait(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.join().ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::QUIT);
        self.wait();
    }
}

/// Starts the server, tells whether it takes connections, and writes its log until its last process is gone.
fn keep(mut command: Command, mut log: File, started: &Sender<Result<Pid, String>>) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A receiver that is gone has heard enough.
    let tell = |news| started.send(news).ok();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            tell(Err(format!("{} cannot be run: {error}", command.get_program().display())));
            return;
        }
    };
    let pid = Pid::from_child(&child);
    let mut last = VecDeque::with_capacity(TOLD_LINES);
    if let Some(output) = child.stderr.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            // A log that cannot be written stops no server.
            log.write_all(&[&line, &b"\n"[..]].concat()).ok();
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(READY) {
                tell(Ok(pid));
            }
            if last.len() == TOLD_LINES {
                last.pop_front();
            }
            last.push_back(line);
        }
    }
    child.wait().ok();
    tell(Err(format!("PostgreSQL did not start: {}", Vec::from(last).join("\n"))));
}

/// The children of a process.
fn children(parent: Pid) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |number: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything; state and parent follow it.
        let parent_of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<i32>().ok());
        parent_of == Some(parent.as_raw_nonzero().get())
    };
    numbers.filter(is_child).filter_map(Pid::from_raw).collect()
}
