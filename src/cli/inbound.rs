//! Asks a running bridge for its account of webhooks.

use http::Method;

use super::client::{Answer, Bridge};
use super::failure::Failure;
use crate::domain::inbound::Arrivals;

/// The account of webhooks, for [`Bridge::run`].
pub(super) async fn arrivals(bridge: &Bridge) -> Result<Arrivals, Failure> {
    read(ask(bridge).await?)
}

/// The bridge's answer to the request for its account.
pub(super) async fn ask(bridge: &Bridge) -> Result<Answer, Failure> {
    bridge.answer(Method::GET, &["inbound"], &[], None).await
}

/// The account of a good answer.
pub(super) fn read(answer: Answer) -> Result<Arrivals, Failure> {
    serde_json::from_value(answer.good()?)
        .map_err(|_| Failure::Failed("the bridge is of another version, and has no account of webhooks".to_owned()))
}
