//! The meaning of the server's errors for a caller: try again, run the same again at once, or tell the operator.
//!
//! It never shows the detail of an error, and never the message of an error about data, because both may hold a row.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;

use crate::store::StoreError;

/// Why the database did not do a thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The database cannot be reached, or takes no writes now. Unless a COMMIT was under way, nothing was kept; the caller may
    /// try again.
    #[error("{0}")]
    Away(String),
    /// The disk of the database is full. Nothing was kept.
    #[error("the disk of the database is full")]
    DiskFull,
    /// Two transactions met; this one was rolled back, and the same work may be run again at once.
    #[error("the database asks to run the transaction again (SQLSTATE {0})")]
    Again(&'static str),
    /// The database refuses this user, or something that an operator has to set up. The words hold the remedy.
    #[error("{0}")]
    Refused(String),
    /// The pool is closed, because the store is.
    #[error("the store is shutting down")]
    Closed,
    /// Everything else.
    #[error("{0}")]
    Failed(String),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(_) | Trouble::Again(_) | Trouble::Refused(_) => Self::Away(trouble.to_string()),
            Trouble::DiskFull => Self::DatabaseFull,
            Trouble::Closed => Self::Closed,
            Trouble::Failed(words) => Self::Failed(words),
        }
    }
}

impl Trouble {
    /// The meaning of an error.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.as_db_error() {
            Some(told) => Self::of_code(told.code().code(), told.message()),
            None => Self::of_connection(error),
        }
    }

    /// The meaning of an error that the server told.
    fn of_code(code: &str, message: &str) -> Self {
        let words = || format!("the database answers: {message} (SQLSTATE {code})");
        let refused = |remedy: &str| Self::Refused(format!("{}. {remedy}", words()));
        match code {
            "40001" => Self::Again("40001"),
            "40P01" => Self::Again("40P01"),
            "55P03" => Self::Again("55P03"),
            "53100" => Self::DiskFull,
            "53300" => Self::Away(format!("{}. Raise its max_connections, or lower store.pool", words())),
            "28P01" | "28000" => refused(
                "Compare the user in store.url and TANDEM_STORE__PASSWORD with the role, and see that pg_hba.conf lets it in",
            ),
            "3D000" => refused("Create the database, or correct its name in store.url"),
            "42501" => refused("Make the user of store.url the owner of the schema"),
            "3F000" | "42P01" | "42703" => {
                refused("Run tandem store migrate, and compare store.schema with the schema of the tables")
            }
            // Cancelled statements and sessions that the server ended.
            "57014" | "57P05" | "25P03" | "25P04" => Self::Away(words()),
            _ if ends_sessions(code) => Self::Away(words()),
            _ => match code.get(..2) {
                // Out of memory or of places; an I/O error of the server; a transaction of unknown fate.
                Some("53" | "58" | "40") => Self::Away(words()),
                // The message of a fault in data holds the data.
                Some("22") => Self::Failed(format!("the database refuses a value (SQLSTATE {code})")),
                _ => Self::Failed(words()),
            },
        }
    }

    /// The meaning of an error that arose on this side.
    fn of_connection(error: &Error) -> Self {
        let kind = error.to_string();
        let told = source_words(error);
        if let Some(tls) = behind::<rustls::Error>(error) {
            let remedy =
                "Compare the host in store.url and the authority in store.tls_ca with the server's certificate";
            return Self::Refused(format!("the database's certificate or TLS is not accepted: {tls}. {remedy}"));
        }
        if error.is_closed() {
            return Self::Away("the connection to the database has ended".to_owned());
        }
        match kind.as_str() {
            "error performing TLS handshake" => Self::Refused(format!(
                "the database takes no TLS: {told}. Switch its TLS on; store.tls says when it may be off"
            )),
            "authentication error" | "invalid configuration" => Self::Refused(format!(
                "signing in to the database failed: {told}. See that TANDEM_STORE__PASSWORD is set"
            )),
            "error connecting to server" => Self::Away(format!("the database cannot be reached: {told}")),
            _ => match behind::<io::Error>(error).map(io::Error::kind) {
                Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) | None => {
                    Self::Failed(format!("the database's driver says: {kind}"))
                }
                Some(_) => Self::Away(format!("the connection to the database has ended: {told}")),
            },
        }
    }

    /// Whether the error tells that other sessions with the server are of no use either: the server stops, has become a
    /// standby, or cannot be reached.
    #[must_use]
    pub fn ends_all(error: &Error) -> bool {
        match error.as_db_error() {
            Some(told) => ends_sessions(told.code().code()),
            None => matches!(Self::of_connection(error), Self::Away(_)),
        }
    }
}

/// Whether a code says that the server ends its sessions or takes no writes any more.
fn ends_sessions(code: &str) -> bool {
    matches!(code, "25006" | "57P01" | "57P02" | "57P03") || code.starts_with("08")
}

/// The last words of an error's sources. The driver's own messages about a connection hold no data.
fn source_words(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The source of this type. An I/O error hides the error that it wraps from the usual way.
fn behind<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| wrapped.downcast_ref::<E>()) {
            return Some(found);
        }
        source = inner.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_meaning() {
        let away = ["25006", "57P01", "57P02", "57P03", "08006", "08P01", "53300", "53200", "57014", "40003", "58030"];
        for code in away {
            assert!(matches!(Trouble::of_code(code, "words"), Trouble::Away(told) if told.contains(code)), "{code}");
        }
        for code in ["40001", "40P01", "55P03"] {
            assert!(matches!(Trouble::of_code(code, "words"), Trouble::Again(told) if told == code), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501", "42P01", "3F000"] {
            let Trouble::Refused(told) = Trouble::of_code(code, "words") else { panic!("{code}") };
            assert!(told.contains(code) && told.contains("words (SQLSTATE"), "{told}");
        }
        assert_eq!(Trouble::of_code("53100", "words"), Trouble::DiskFull);
        assert!(matches!(Trouble::of_code("XX000", "words"), Trouble::Failed(_)));
    }

    #[test]
    fn only_codes_of_the_whole_server_end_all_sessions() {
        for code in ["25006", "57P01", "57P02", "57P03", "08000", "08006"] {
            assert!(ends_sessions(code), "{code}");
        }
        for code in ["40001", "53100", "53300", "57014", "42P01"] {
            assert!(!ends_sessions(code), "{code}");
        }
    }

    #[test]
    fn a_value_is_not_told() {
        let told = Trouble::of_code("22P02", "invalid input syntax for type integer: \"+33612345678\"").to_string();
        assert_eq!(told, "the database refuses a value (SQLSTATE 22P02)");
    }

    #[test]
    fn a_caller_hears_of_trouble_as_the_store_s_own() {
        let table = [
            (Trouble::Away("gone".into()), StoreError::Away("gone".into())),
            (Trouble::Refused("no".into()), StoreError::Away("no".into())),
            (Trouble::DiskFull, StoreError::DatabaseFull),
            (Trouble::Closed, StoreError::Closed),
            (Trouble::Failed("odd".into()), StoreError::Failed("odd".into())),
        ];
        for (trouble, error) in table {
            assert_eq!(StoreError::from(trouble), error);
        }
        assert!(matches!(StoreError::from(Trouble::Again("40001")), StoreError::Away(_)));
    }
}
