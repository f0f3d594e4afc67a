//! Tests of the pool against the real server: who gets in, who does not and why, and the sessions after the server's end.

use std::io::Write as _;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;

use super::*;
use crate::sandbox::postgres::{self, Server, pem};

/// The way to an address on this machine, without TLS.
fn way(url: &str) -> Options {
    Options { tls: Tls::Disable, ..Options::new(Address::parse(url).unwrap()) }
}

fn connections(url: &str) -> Connections {
    Connections::new(&way(url)).unwrap()
}

async fn value(client: &Client, query: &str) -> String {
    client.query_typed(query, &[]).await.unwrap()[0].get(0)
}

/// The trouble of a way that leads to no session.
async fn refused(options: &Options) -> Trouble {
    Connections::new(options).unwrap().get().await.unwrap_err()
}

#[tokio::test]
async fn a_session_writes_under_its_name_and_goes_back_to_the_pool() {
    if postgres::is_skipped() {
        return;
    }
    let url = Server::shared().unwrap().database().unwrap();
    let connections = connections(&url);
    let client = connections.get().await.unwrap();
    assert_eq!(value(&client, "show application_name").await, "tandem");
    assert_eq!(value(&client, "show transaction_read_only").await, "off");
    let pid = value(&client, "select pg_backend_pid()::text").await;
    drop(client);
    assert_eq!(connections.idle(), 1);
    let again = connections.get().await.unwrap();
    assert_eq!(value(&again, "select pg_backend_pid()::text").await, pid);
    drop(again);
    connections.drop_idle();
    assert_eq!(connections.idle(), 0);
    connections.close();
    assert_eq!(connections.get().await.unwrap_err(), Trouble::Closed);
}

#[tokio::test]
async fn a_socket_and_a_password_of_its_own_lead_in_as_well() {
    if postgres::is_skipped() {
        return;
    }
    let server = Server::shared().unwrap();
    let directory = server.socket_directory().display();
    let url = format!("postgres://{}@/postgres?host={directory}&port={}", postgres::USER, server.port());
    // TLS is asked for, and a socket has none.
    let options = Options {
        password: Some(server.password().into()),
        tls: Tls::VerifyFull,
        ..Options::new(Address::parse(&url).unwrap())
    };
    let client = Connections::new(&options).unwrap().get().await.unwrap();
    assert_eq!(value(&client, "select 'in'").await, "in");
}

#[tokio::test]
async fn the_second_host_is_taken_where_the_first_is_away() {
    if postgres::is_skipped() {
        return;
    }
    let url = Server::shared().unwrap().database().unwrap();
    // A port that was free a moment ago refuses.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = url.replace("@127", &format!("@127.0.0.1:{closed},127"));
    let client = connections(&url).get().await.unwrap();
    assert_eq!(value(&client, "select 'in'").await, "in");
}

/// The clock of this test jumps to the end of each wait in which nothing else happens.
#[tokio::test(start_paused = true)]
async fn a_silent_host_costs_its_time_and_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let trouble = refused(&way(&format!("postgres://ada:hush@127.0.0.1:{port}/tandem"))).await;
    assert_eq!(trouble, Trouble::Away(format!("127.0.0.1:{port}: no answer within 2 s")));
}

#[tokio::test]
async fn refusals_name_the_remedy_and_no_password() {
    if postgres::is_skipped() {
        return;
    }
    let server = Server::shared().unwrap();
    let url = server.database().unwrap();
    let absent = server.url("absent");
    let table = [
        (url.replace(server.password(), "hush"), "28P01", "TANDEM_STORE__PASSWORD"),
        (url.replace(&format!(":{}", server.password()), ""), "password", "TANDEM_STORE__PASSWORD"),
        (absent, "3D000", "Create the database"),
    ];
    for (url, reason, remedy) in table {
        let Trouble::Refused(words) = refused(&way(&url)).await else { panic!("{reason}") };
        assert!(words.contains(reason) && words.contains(remedy), "{words}");
        assert!(!words.contains("hush") && !words.contains(server.password()), "{words}");
    }
}

#[tokio::test]
async fn a_host_that_takes_no_writes_is_passed_over() {
    if postgres::is_skipped() {
        return;
    }
    let server = Server::shared().unwrap();
    let url = server.database().unwrap();
    let name = url.rsplit('/').next().unwrap();
    server.sql("postgres", &format!("alter database {name} set default_transaction_read_only = on")).unwrap();
    let Trouble::Away(words) = refused(&way(&url)).await else { panic!("a standby was taken") };
    assert!(words.contains("does not allow writes"), "{words}");
}

#[tokio::test]
async fn too_many_sessions_are_trouble_of_the_moment() {
    if postgres::is_skipped() {
        return;
    }
    let server = Server::shared().unwrap();
    let url = server.database().unwrap();
    let name = url.rsplit('/').next().unwrap();
    server.sql("postgres", "create role guest login password 'guest'").unwrap();
    server.sql("postgres", &format!("alter database {name} connection limit 0")).unwrap();
    let url = url.replace(&format!("{}:{}", postgres::USER, server.password()), "guest:guest");
    let Trouble::Away(words) = refused(&way(&url)).await else { panic!("a full database was taken") };
    assert!(words.contains("53300") && words.contains("store.pool"), "{words}");
}

#[tokio::test]
async fn errors_of_statements_have_their_meaning() {
    if postgres::is_skipped() {
        return;
    }
    let connections = connections(&Server::shared().unwrap().database().unwrap());
    let client = connections.get().await.unwrap();
    let other = connections.get().await.unwrap();
    drop(other);
    for (code, is_meant) in [
        ("53100", (|trouble| trouble == Trouble::DiskFull) as fn(Trouble) -> bool),
        ("40001", |trouble| trouble == Trouble::Again("40001")),
        ("55P03", |trouble| trouble == Trouble::Again("55P03")),
        ("42501", |trouble| matches!(trouble, Trouble::Refused(_))),
    ] {
        let error = client.batch_execute(&raising(code)).await.unwrap_err();
        assert!(is_meant(connections.trouble(&error)), "{code}: {error:?}");
        assert_eq!(connections.idle(), 1, "{code} leaves the other sessions");
    }
    let error = client.query_typed("select 'a row'::int", &[]).await.unwrap_err();
    let told = connections.trouble(&error).to_string();
    assert!(told.contains("22P02") && !told.contains("a row"), "{told}");

    let error = client.batch_execute(&raising("25006")).await.unwrap_err();
    assert!(matches!(connections.trouble(&error), Trouble::Away(_)));
    assert_eq!(connections.idle(), 0, "a server that is read-only ends all");
    let pid = value(&client, "select pg_backend_pid()::text").await;
    drop(client);
    let new = connections.get().await.unwrap();
    assert_ne!(value(&new, "select pg_backend_pid()::text").await, pid, "the session of the error is not used again");
}

/// A statement that ends in this SQLSTATE.
fn raising(code: &str) -> String {
    format!("do $$ begin raise exception 'words' using errcode = '{code}'; end $$")
}

#[tokio::test]
async fn a_warning_of_the_server_is_counted_before_the_answer() {
    if postgres::is_skipped() {
        return;
    }
    let connections = connections(&Server::shared().unwrap().database().unwrap());
    let client = connections.get().await.unwrap();
    client.batch_execute("do $$ begin raise notice 'words'; end $$").await.unwrap();
    assert_eq!(client.warnings(), 0);
    client.batch_execute("do $$ begin raise warning 'words'; end $$").await.unwrap();
    assert_eq!(client.warnings(), 1);
}

#[tokio::test]
async fn after_the_servers_end_its_sessions_are_gone_and_new_ones_come() {
    if postgres::is_skipped() {
        return;
    }
    let mut server = Server::start().unwrap();
    let connections = connections(&server.database().unwrap());
    let client = connections.get().await.unwrap();
    let other = connections.get().await.unwrap();
    drop(other);
    assert_eq!(connections.idle(), 1);
    server.kill();
    let error = client.query_typed("select 1", &[]).await.unwrap_err();
    assert!(matches!(connections.trouble(&error), Trouble::Away(_)), "{error:?}");
    assert_eq!(connections.idle(), 0);
    drop(client);
    let Err(Trouble::Away(words)) = connections.get().await else { panic!("there is no server") };
    assert!(words.contains("cannot be reached"), "{words}");
    server.start_again().unwrap();
    assert_eq!(value(&connections.get().await.unwrap(), "select 'in'").await, "in");
}

/// An authority of this name.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A file with the authority's certificate.
fn file_of(authority: &CertifiedIssuer<'_, KeyPair>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem("CERTIFICATE", authority.der()).as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn tls_checks_the_authority_and_the_name() {
    if postgres::is_skipped() {
        return;
    }
    let (ours, another) = (authority("ours"), authority("another"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let tls = Some(postgres::Tls::of_der(certificate.der(), &key.serialize_der()));
    let server = Server::start_with(postgres::Options { tls, ..postgres::Options::default() }).unwrap();
    let (ours, another) = (file_of(&ours), file_of(&another));
    let by = |file: &tempfile::NamedTempFile, host: &str| {
        let address = Address::parse(&server.url("postgres").replace("127.0.0.1", host)).unwrap();
        Options { tls_ca: Some(file.path().to_owned()), ..Options::new(address) }
    };
    let client = Connections::new(&by(&ours, "localhost")).unwrap().get().await.unwrap();
    assert_eq!(value(&client, "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()").await, "true");
    for options in [by(&another, "localhost"), by(&ours, "127.0.0.1")] {
        let Trouble::Refused(words) = refused(&options).await else { panic!("taken with {options:?}") };
        assert!(words.contains("certificate") && words.contains("store.tls_ca"), "{words}");
    }
    let Trouble::Refused(words) = refused(&way(&server.url("postgres"))).await else { panic!("taken without TLS") };
    assert!(words.contains("no encryption"), "{words}");

    let plain = Server::shared().unwrap();
    let address = Address::parse(&plain.url("postgres")).unwrap();
    let options = Options { tls_ca: Some(ours.path().to_owned()), ..Options::new(address) };
    let Trouble::Refused(words) = refused(&options).await else { panic!("taken by a server without TLS") };
    assert!(words.contains("takes no TLS"), "{words}");
}

#[test]
fn an_unsafe_way_is_not_taken() {
    let remote =
        Options { tls: Tls::Disable, ..Options::new(Address::parse("postgres://ada@10.0.0.1/tandem").unwrap()) };
    assert!(Connections::new(&remote).unwrap_err().contains("10.0.0.1"));
    let mut empty = Options::new(Address::parse("postgres://ada@db/tandem").unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    empty.tls_ca = Some(file.path().to_owned());
    assert!(Connections::new(&empty).unwrap_err().contains("holds no certificate"));
    empty.tls_ca = Some("absent.pem".into());
    assert!(Connections::new(&empty).unwrap_err().contains("absent.pem"));
}

#[test]
fn no_password_is_shown() {
    let options = Options { password: Some("hush".into()), ..way("postgres://ada:hush@127.0.0.1/tandem") };
    let connections = Connections::new(&options).unwrap();
    assert!(!format!("{options:?} {connections:?}").contains("hush"));
}
