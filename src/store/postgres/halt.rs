//! Why a transaction was not committed, by the next thing to do. It never holds a row's words.

use crate::store::StoreError;

use super::trouble::Trouble;

/// Why a transaction was not committed, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// Another transaction came in between: run it again.
    Raced,
    /// The database cannot be reached, or takes no writes now.
    Away(String),
    /// The other bridges have counted this one as gone, and handed its lanes on.
    Gone,
    /// Running it again would not help.
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Again(_) => Self::Raced,
            Trouble::Away(_) | Trouble::Refused(_) => Self::Away(trouble.to_string()),
            Trouble::DiskFull | Trouble::Closed | Trouble::Failed(_) => Self::Store(trouble.into()),
        }
    }
}

impl From<tokio_postgres::Error> for Halt {
    fn from(error: tokio_postgres::Error) -> Self {
        Trouble::of(&error).into()
    }
}

/// A halt as the caller is told of it.
impl From<Halt> for StoreError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Store(error) => error,
            Halt::Away(why) => Self::Away(why),
            Halt::Raced | Halt::Gone => Self::Away("another bridge came first".into()),
        }
    }
}
