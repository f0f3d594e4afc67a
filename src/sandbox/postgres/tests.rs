//! Tests of the server with the real PostgreSQL. They name the processes that live, and never wait for a time.

use std::path::Path;
use std::process::Command;

use super::*;

/// The number of the server's first process.
fn pid(server: &Server) -> String {
    let lock = std::fs::read_to_string(server.directory.data().join("postmaster.pid")).unwrap();
    lock.lines().next().unwrap().to_owned()
}

fn lives(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn databases_are_apart_and_outlive_a_stop_and_a_kill() {
    if is_skipped() {
        return;
    }
    let mut server = Server::start().unwrap();
    let (one, other) = (server.database().unwrap(), server.database().unwrap());
    assert_ne!(one, other);
    let name = one.rsplit('/').next().unwrap();
    assert_eq!(server.url(name), one);
    server.sql(name, "create table kept (number int)").unwrap();
    server.sql(name, "insert into kept values (1)").unwrap();

    let first = pid(&server);
    server.kill();
    assert!(!lives(&first));
    assert!(server.sql(name, "select 1").is_err(), "a killed server answers nothing");
    server.start_again().unwrap();
    assert_eq!(server.sql(name, "select number from kept").unwrap(), "1");
    assert!(server.log().unwrap().contains("was not properly shut down"), "a killed server recovers");

    server.stop();
    assert!(server.sql(name, "select 1").is_err());
    server.start_again().unwrap();
    assert_eq!(server.sql(name, "select number from kept").unwrap(), "1");
    assert_eq!(server.sql(name, "show fsync").unwrap(), "on");
    assert_eq!(server.sql(name, "show max_connections").unwrap(), "200");
    assert!(server.sql("postgres", "select * from kept").is_err(), "another database has other tables");
}

#[test]
fn dropping_a_server_leaves_nothing() {
    if is_skipped() {
        return;
    }
    let server = Server::start().unwrap();
    let (pid, directory) = (pid(&server), server.socket_directory().to_owned());
    assert!(lives(&pid) && directory.exists());
    drop(server);
    assert!(!lives(&pid) && !directory.exists());
}

/// The process of a test that is played by itself below.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn a_process_that_ends_with_a_shared_server() {
    let server = std::thread::spawn(|| Server::shared().unwrap()).join().unwrap();
    // The thread that asked for the server is gone, and the server is not.
    server.database().unwrap();
    println!("\n{}|{}|", pid(server), server.socket_directory().display());
}

/// The server and the shell that removes the directory outlive their process by a moment, so the test looks until both are done.
#[test]
fn a_shared_server_ends_with_its_process() {
    if is_skipped() {
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let name = "sandbox::postgres::tests::a_process_that_ends_with_a_shared_server";
    again.args([name, "--exact", "--ignored", "--nocapture"]);
    let output = String::from_utf8(again.output().unwrap().stdout).unwrap();
    let line = output.lines().find(|line| line.contains("tandem-postgres-")).unwrap_or_else(|| panic!("{output}"));
    let mut parts = line.split('|');
    let (pid, directory) = (parts.next().unwrap(), Path::new(parts.next().unwrap()));
    let is_gone = || !lives(pid) && !directory.exists();
    while !is_gone() {
        std::thread::yield_now();
    }
}

#[test]
fn the_password_is_asked_for() {
    if is_skipped() {
        return;
    }
    let server = Server::shared().unwrap();
    let mut psql = server.programs.plain("psql");
    psql.args(["--no-password", "--command=select 1", &format!("--dbname={}", server.url("postgres"))]);
    run(psql).unwrap();
    let mut psql = server.programs.plain("psql");
    let url = server.url("postgres").replace(&server.password, "another");
    psql.args(["--no-password", "--command=select 1", &format!("--dbname={url}")]);
    let refused = run(psql).unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
}

#[test]
fn a_server_with_a_certificate_takes_tls_only() {
    if is_skipped() {
        return;
    }
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    let tls = Some(Tls::of_der(cert.der(), &signing_key.serialize_der()));
    let server = Server::start_with(Options { tls, ..Options::default() }).unwrap();
    assert_eq!(server.sql("postgres", "select ssl from pg_stat_ssl where pid = pg_backend_pid()").unwrap(), "t");
    let mut psql = server.programs.plain("psql");
    let url = format!("{}?sslmode=disable", server.url("postgres"));
    psql.args(["--no-password", "--command=select 1", &format!("--dbname={url}")]);
    let refused = run(psql).unwrap_err();
    assert!(refused.contains("no encryption"), "{refused}");
}

#[test]
fn the_words_of_a_server_that_does_not_start_are_told() {
    if is_skipped() {
        return;
    }
    let settings = vec![("shared_buffers".to_owned(), "much".to_owned())];
    let refused = Server::start_with(Options { settings, ..Options::default() }).unwrap_err();
    assert!(refused.contains("invalid value for parameter \"shared_buffers\""), "{refused}");
}
