//! The failures of commands. The exit code that each means is decided in the module above.

use crate::config::Faults;

/// Why a command ends with another code than 0.
#[derive(Debug)]
pub(super) enum Failure {
    /// It did not work: 1. The message is empty when everything has been printed.
    Failed(String),
    /// The arguments make no sense: 2.
    Usage(String),
    /// The configuration is faulty: 78. The message is empty when everything has been printed.
    Configuration(String),
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults.to_string())
    }
}

/// The reader of our output may stop (`tandem deliveries list | head`). A broken pipe therefore fails without a
/// message.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Failed(String::new());
        }
        Self::Failed(format!("cannot read or print: {error}"))
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start threads: {error}")))
}
