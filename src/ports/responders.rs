//! The port of a carrier whose own platform may answer customers beside the bridge. It never changes who answers.

use async_trait::async_trait;

use crate::domain::account::AccountId;
use crate::domain::line::Lines;

use super::Failure;

/// The responders of a carrier's platform.
#[async_trait]
pub trait Responders: Send + Sync {
    /// Why each text on some line of this account would become two tickets now, with the remedy; `None` where the bridge alone
    /// opens tickets.
    ///
    /// # Errors
    /// As for every read.
    async fn second_ticket(&self, account: AccountId, lines: &Lines) -> Result<Option<String>, Failure>;
}
