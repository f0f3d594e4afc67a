//! A real PostgreSQL server on 127.0.0.1, for tests, `tandem demo` and `tandem drill`.
//!
//! The server is the machine's own PostgreSQL with a fresh cluster in a directory for temporary files. It syncs as an installed
//! one does, so a test may kill it and count the rows that are left. The cluster and the server go away with this process,
//! however the process ends: the kernel ends the server ([`process`]), and a shell removes the directory ([`directory`]).
//!
//! This module shares no code with the bridge's store, and `psql` makes its own few calls. It never touches a cluster or a
//! service of the machine, and never listens outside of the loopback address.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use base64::prelude::{BASE64_STANDARD, Engine as _};

mod directory;
mod process;
mod programs;

use crate::clock::Clock;
use directory::Directory;
use process::Process;
use programs::Programs;
pub use programs::SKIPPED_BY;

/// The owner of the cluster and of every database.
pub const USER: &str = "tandem";

/// The further settings of a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server takes connections over TCP with TLS only, and shows this certificate.
    pub tls: Option<Tls>,
    /// Settings of `postgresql.conf`, such as `("synchronous_standby_names", "other")`. They win over those made here.
    pub settings: Vec<(String, String)>,
}

/// A certificate with its key, both as PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate, with those between it and the root.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Tls {
    /// The same from DER.
    #[must_use]
    pub fn of_der(certificate: &[u8], key: &[u8]) -> Self {
        Self { certificate: pem("CERTIFICATE", certificate), key: pem("PRIVATE KEY", key) }
    }
}

/// DER as PEM.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    // A line of the form holds 64 characters, which are 48 bytes.
    let lines = der.chunks(48).map(|line| BASE64_STANDARD.encode(line) + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

/// A server with a cluster of its own. Dropping it stops the server and removes the cluster.
#[derive(Debug)]
pub struct Server {
    // In this order, because the directory is removed once the server is gone.
    process: Option<Process>,
    directory: Directory,
    programs: Programs,
    port: u16,
    password: String,
    options: Options,
    databases: AtomicU32,
}

impl Server {
    /// Starts a server with the usual settings.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or its own words when it does not start.
    pub fn start() -> Result<Self, String> {
        Self::start_with(Options::default())
    }

    /// Starts a server with settings of its own.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(options: Options) -> Result<Self, String> {
        let programs = Programs::find()?;
        directory::remove_stale(&programs);
        let directory = Directory::create(&programs)?;
        let password = Clock::system().draw_secret();
        make_cluster(&programs, &directory, &password)?;
        if let Some(tls) = &options.tls {
            directory.keep("server.crt", &tls.certificate, &programs)?;
            directory.keep("server.key", &tls.key, &programs)?;
            // Passwords and rows never go over TCP in clear text, so that a test finds a client that tries it.
            let rules = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
            directory.keep("data/pg_hba.conf", rules, &programs)?;
        }
        let databases = AtomicU32::new(0);
        let mut server = Self { process: None, directory, programs, port: 0, password, options, databases };
        server.find_port_and_run()?;
        Ok(server)
    }

    /// The one server that all tests of a process share. It lives as long as the process.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn shared() -> Result<&'static Self, String> {
        static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    /// The address of a database, with user and password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1. It stays the same when the server is started again.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of [`USER`].
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The directory of the server's Unix socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a database and gives its address.
    ///
    /// # Errors
    /// The server's words, as when it is stopped.
    pub fn database(&self) -> Result<String, String> {
        let name = format!("{USER}_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        self.sql("postgres", &format!("create database {name}"))?;
        Ok(self.url(&name))
    }

    /// Runs statements in a database and gives their rows, a line each, with `|` between the columns.
    ///
    /// # Errors
    /// The server's words.
    pub fn sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let mut psql = self.programs.plain("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--no-password"]);
        psql.args(["--host=127.0.0.1", &format!("--port={}", self.port), &format!("--username={USER}")]);
        psql.args([&format!("--dbname={database}"), "--command", statements]).env("PGPASSWORD", &self.password);
        run(psql)
    }

    /// Kills the server and all its processes at once, as a power cut would: no word to the clients, nothing more written.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops the server in order, and disconnects its clients.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    /// Starts the server again, on the same port and with the same cluster. After [`Server::kill`] it recovers first.
    ///
    /// # Errors
    /// The server's words when it does not start.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.stop();
        self.run()
    }

    /// Everything that the server has logged so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String, String> {
        std::fs::read_to_string(self.directory.log()).map_err(|error| format!("the server's log: {error}"))
    }

    /// Runs the server on a free port. Another process may take the port first, so further ones are tried.
    fn find_port_and_run(&mut self) -> Result<(), String> {
        const TRIES: usize = 20;
        let mut problem = String::from("no port of 127.0.0.1 is free");
        for _ in 0..TRIES {
            let Some(port) = free_port() else { break };
            self.port = port;
            match self.run() {
                Ok(()) => return Ok(()),
                Err(words) if words.contains("Address already in use") => problem = words,
                Err(words) => return Err(words),
            }
        }
        Err(problem)
    }

    fn run(&mut self) -> Result<(), String> {
        let mut postgres = self.programs.guarded("postgres");
        postgres.arg("-D").arg(self.directory.data()).current_dir(self.directory.path());
        let socket = self.directory.path().display().to_string();
        let own = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &self.port.to_string()),
            ("unix_socket_directories", &socket),
            ("max_connections", "200"),
            ("fsync", "on"),
            ("lc_messages", "C"),
            ("log_line_prefix", "%m [%p] %a "),
        ];
        let file = |name: &str| self.directory.path().join(name).display().to_string();
        let tls =
            [("ssl", "on".to_owned()), ("ssl_cert_file", file("server.crt")), ("ssl_key_file", file("server.key"))];
        let tls = tls.iter().filter(|_| self.options.tls.is_some()).map(|(name, value)| (*name, value.as_str()));
        let further = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(tls).chain(further) {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        self.process = Some(Process::start(postgres, &self.directory.log())?);
        Ok(())
    }
}

/// Whether the tests that need a server are to be skipped; they then say so in a line.
#[must_use]
#[expect(clippy::print_stderr, reason = "the line is for the reader of a test's output")]
pub fn is_skipped() -> bool {
    let is_skipped = std::env::var_os(SKIPPED_BY).is_some_and(|value| value == "1");
    if is_skipped {
        eprintln!("skipped, because {SKIPPED_BY}=1 is set: this test needs PostgreSQL");
    }
    is_skipped
}

/// Makes the cluster without waiting for the disk, because no row is in it yet.
fn make_cluster(programs: &Programs, directory: &Directory, password: &str) -> Result<(), String> {
    let secret = directory.keep("password", password, programs)?;
    let mut initdb = programs.guarded("initdb");
    initdb.args(["--no-sync", "--no-instructions", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256"]);
    initdb.args([&format!("--username={USER}"), &format!("--pwfile={}", secret.display())]);
    initdb.arg("-D").arg(directory.data()).current_dir(directory.path());
    run(initdb)?;
    std::fs::remove_file(&secret).map_err(|error| format!("{}: {error}", secret.display()))
}

/// Runs a program to its end and gives its output.
fn run(mut command: Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A free port of 127.0.0.1 below the ports that the kernel gives to connections. No connection takes it while the server is
/// down.
fn free_port() -> Option<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that start together begin at different ports.
    let begin = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    let begin = u16::try_from(begin).unwrap_or_default();
    (0..COUNT).find_map(|_| {
        let port = FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}

#[cfg(test)]
mod tests;
