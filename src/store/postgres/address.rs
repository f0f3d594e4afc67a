//! The address of a database, as an operator writes it, and the name of its schema.
//!
//! `postgres://USER@HOST[:PORT][,HOST[:PORT]]…/DATABASE`. A socket's directory stands as `?host=/run/postgresql`, or as a host in
//! which `%2F` replaces the slashes. The bridge decides everything else about a connection itself, so an address takes no other
//! parameter than `target_session_attrs=read-write`, which is always asked for.
//!
//! It never looks a name up, and no fault quotes a password or the value of a parameter.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// The port of a host that names none.
const PORT: u16 = 5432;

/// Everything that has a meaning in an address.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The reason why a text is no address or no name, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The fault, as the end of a sentence about the text.
    pub problem: String,
    /// The way out.
    pub remedy: String,
}

impl Fault {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }

    /// A fault of the form.
    fn of_form(problem: impl Into<String>) -> Self {
        Self::new(problem, "Write it like postgres://user@host/database")
    }
}

/// A database and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The user.
    pub user: String,
    /// A password in the address itself.
    pub password: Option<Password>,
    /// The hosts, in the order in which they are tried; there is one or more.
    pub hosts: Vec<Host>,
    /// The database.
    pub database: String,
}

/// A password. It is never shown.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Password {}

/// The place of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A host's name or IP address, and a port.
    Tcp {
        /// The name, or the IP address without brackets.
        name: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket of this machine.
    Socket {
        /// The directory that holds it.
        directory: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
}

impl Host {
    /// Whether the way to it stays inside this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { name, .. } => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::Socket { .. } => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match self {
            Self::Tcp { name, port } if name.contains(':') => {
                write!(f, "[{name}]")?;
                port
            }
            Self::Tcp { name, port } => {
                f.write_str(name)?;
                port
            }
            Self::Socket { directory, port } => {
                write!(f, "{}", utf8_percent_encode(&directory.to_string_lossy(), ENCODED))?;
                port
            }
        };
        if *port == PORT { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// The address without its password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", utf8_percent_encode(&self.user, ENCODED))?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", utf8_percent_encode(&self.database, ENCODED))
    }
}

impl Address {
    /// Whether a text means to be one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        rest(text).is_some()
    }

    /// Reads an address.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let rest = rest(text).ok_or_else(|| Fault::of_form("does not start with postgres://"))?;
        // A password may hold anything but a slash, so that its end is the last @ in front of the database.
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        let user = decoded(user, "user")?;
        if user.is_empty() {
            return Err(Fault::of_form("names no user"));
        }
        let password = password.map(|password| decoded(password, "password")).transpose()?;
        let database = decoded(database, "database")?;
        if database.is_empty() {
            return Err(Fault::of_form("names no database"));
        }
        let given = Parameters::read(query)?;
        let places = if hosts.is_empty() { given.host.as_deref().unwrap_or_default() } else { hosts };
        if !hosts.is_empty() && given.host.is_some() {
            return Err(Fault::new("names its hosts twice", "Name them before the database, or with host= behind it"));
        }
        let hosts: Vec<_> =
            places.split(',').map(|place| host(place, given.port.unwrap_or(PORT))).collect::<Result<_, _>>()?;
        Ok(Self { user, password: password.map(|text| Password(text.into())), hosts, database })
    }

    /// The hosts that are reached over a network.
    pub fn remote(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| !host.is_local())
    }
}

fn rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

/// The parameters behind the question mark.
#[derive(Default)]
struct Parameters {
    host: Option<String>,
    port: Option<u16>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, Fault> {
        let mut given = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value, name)?;
            match name {
                "host" => given.host = Some(value),
                "port" => given.port = Some(port(&value)?),
                "target_session_attrs" if value == "read-write" => {}
                "target_session_attrs" => {
                    let remedy = "Give read-write or leave it out: the bridge writes";
                    return Err(Fault::new("asks for a host that takes no writes", remedy));
                }
                "sslmode" | "sslrootcert" => {
                    return Err(Fault::new(
                        format!("holds {name}"),
                        "Take it away, and set store.tls or store.tls_ca instead",
                    ));
                }
                "password" => {
                    return Err(Fault::new("holds a password as a parameter", "Set TANDEM_STORE__PASSWORD instead"));
                }
                "options" => {
                    let remedy = "Take it away: poolers refuse it, and the bridge needs none";
                    return Err(Fault::new("holds options", remedy));
                }
                other => {
                    let remedy = "Take it away: the bridge decides it itself";
                    return Err(Fault::new(format!("holds the parameter {other:?}"), remedy));
                }
            }
        }
        Ok(given)
    }
}

/// One host of the list.
fn host(text: &str, default: u16) -> Result<Host, Fault> {
    let decode = |text| decoded(text, "host");
    let (name, given) = match text.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((address, "")) => (decode(address)?, None),
        Some((address, rest)) => (decode(address)?, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => match text.split_once(':') {
            Some((name, given)) => (decode(name)?, Some(given)),
            None => (decode(text)?, None),
        },
    };
    let port = given.map_or(Ok(default), port)?;
    if name.is_empty() {
        return Err(Fault::of_form("names no host"));
    }
    if name.starts_with('/') {
        return Ok(Host::Socket { directory: PathBuf::from(name), port });
    }
    if text.starts_with('[') && name.parse::<IpAddr>().is_err() {
        return Err(Fault::of_form("has no IP address in its brackets"));
    }
    Ok(Host::Tcp { name, port })
}

fn port(text: &str) -> Result<u16, Fault> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Fault::new("has a port that is no number from 1 to 65535", "Write it like host:5432"))
}

fn decoded(text: &str, part: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
    match decoded {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded),
        _ => Err(Fault::of_form(format!("has a {part} that is no text"))),
    }
}

/// The name of the schema that holds the tables. It stands in statements as it is, so it has letters of one kind only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema(String);

impl Schema {
    /// The usual one.
    pub const USUAL: &'static str = "tandem";

    /// The longest name that PostgreSQL does not cut.
    const LENGTH_MAX: usize = 63;

    /// Checks a name.
    ///
    /// # Errors
    /// The fault.
    pub fn new(name: &str) -> Result<Self, Fault> {
        let has_first = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
        let has_others = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !has_first || !has_others || name.len() > Self::LENGTH_MAX {
            let remedy = "Give up to 63 of a-z, 0-9 and _, and begin with a letter or _";
            return Err(Fault::new("is no plain name of a schema", remedy));
        }
        if name.starts_with("pg_") || name == "information_schema" {
            return Err(Fault::new("is a name of PostgreSQL's own", "Give another, such as tandem"));
        }
        Ok(Self(name.to_owned()))
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self(Self::USUAL.to_owned())
    }
}

/// The name, as statements hold it.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str, port: u16) -> Host {
        Host::Tcp { name: name.into(), port }
    }

    fn socket(directory: &str, port: u16) -> Host {
        Host::Socket { directory: directory.into(), port }
    }

    #[test]
    fn addresses_are_read_and_written_without_their_password() {
        let table = [
            ("postgres://ada@db/tandem", "postgres://ada@db/tandem", vec![tcp("db", 5432)]),
            (
                "postgresql://ada:s%40c:ret@db1:6432,db2/tandem?target_session_attrs=read-write",
                "postgres://ada@db1:6432,db2/tandem",
                vec![tcp("db1", 6432), tcp("db2", 5432)],
            ),
            // Unencoded signs in a password are taken as they are meant.
            ("postgres://ada:a@b?c@db/tandem", "", vec![]),
            ("postgres://ada:a@b:c@db/tandem", "postgres://ada@db/tandem", vec![tcp("db", 5432)]),
            (
                "postgres://ada@[::1],[2001:db8::1]:5433/tandem",
                "postgres://ada@[::1],[2001:db8::1]:5433/tandem",
                vec![tcp("::1", 5432), tcp("2001:db8::1", 5433)],
            ),
            (
                "postgres://ada@%2Frun%2Fpostgresql/tandem",
                "postgres://ada@%2Frun%2Fpostgresql/tandem",
                vec![socket("/run/postgresql", 5432)],
            ),
            (
                "postgres://ada@/tandem?host=/run/postgresql&port=5433",
                "postgres://ada@%2Frun%2Fpostgresql:5433/tandem",
                vec![socket("/run/postgresql", 5433)],
            ),
            ("postgres://a%20b@db/c%2Fd", "postgres://a%20b@db/c%2Fd", vec![tcp("db", 5432)]),
        ];
        for (text, shown, hosts) in table {
            let Ok(address) = Address::parse(text) else {
                assert!(shown.is_empty(), "{text}");
                continue;
            };
            assert_eq!((address.to_string().as_str(), &address.hosts), (shown, &hosts), "{text}");
            let again = Address::parse(shown).unwrap();
            assert_eq!(Address { password: None, ..address }, again, "{text}");
        }
        let with_password = Address::parse("postgres://ada:s%40c:ret@db/tandem").unwrap();
        assert_eq!(with_password.password.as_ref().unwrap().secret().expose_secret(), "s@c:ret");
        assert!(!format!("{with_password:?}").contains("s@c"));
    }

    #[test]
    fn faults_are_told_without_secrets() {
        let table = [
            ("mysql://ada@db/tandem", "does not start with postgres://"),
            ("postgres://db/tandem", "names no user"),
            ("postgres://:hush@db/tandem", "names no user"),
            ("postgres://ada:hush@db", "names no database"),
            ("postgres://ada:hush@/tandem", "names no host"),
            ("postgres://ada:hush@db,/tandem", "names no host"),
            ("postgres://ada:hush@db:hush/tandem", "has a port that is no number from 1 to 65535"),
            ("postgres://ada:hush@db:0/tandem", "has a port that is no number from 1 to 65535"),
            ("postgres://ada:hush@[db]/tandem", "has no IP address in its brackets"),
            ("postgres://ada:hush%ff@db/tandem", "has a password that is no text"),
            ("postgres://ada:hush@db/tandem?target_session_attrs=any", "asks for a host that takes no writes"),
            ("postgres://ada:hush@db/tandem?sslmode=require", "holds sslmode"),
            ("postgres://ada@db/tandem?password=hush", "holds a password as a parameter"),
            ("postgres://ada@db/tandem?options=-c%20hush", "holds options"),
            ("postgres://ada@db/tandem?user=hush", "holds the parameter \"user\""),
            ("postgres://ada@db/tandem?host=hush", "names its hosts twice"),
        ];
        for (text, problem) in table {
            let fault = Address::parse(text).unwrap_err();
            assert_eq!(fault.problem, problem, "{text}");
            assert!(!fault.remedy.contains("hush") && !fault.remedy.is_empty(), "{text}");
        }
    }

    #[test]
    fn hosts_of_this_machine_are_known() {
        for name in ["localhost", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(tcp(name, 5432).is_local(), "{name}");
        }
        for name in ["db", "10.0.0.1", "0.0.0.0", "::", "localhost.example.com"] {
            assert!(!tcp(name, 5432).is_local(), "{name}");
        }
        assert!(socket("/run/postgresql", 5432).is_local());
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        for name in ["tandem", "_", "a1_b", &"a".repeat(63)] {
            assert_eq!(Schema::new(name).unwrap().to_string(), name);
        }
        for name in ["", "1a", "A", "a-b", "a.b", "a\"b", "a b", "é", "pg_x", "information_schema", &"a".repeat(64)] {
            Schema::new(name).unwrap_err();
        }
    }
}
