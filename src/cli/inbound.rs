//! Asks a running bridge for its account of webhooks.

use http::Method;

use super::Failure;
use super::client::Bridge;
use crate::domain::inbound::Arrivals;

/// The account of webhooks, for what runs by [`Bridge::run`].
pub(super) async fn arrivals(bridge: &Bridge) -> Result<Arrivals, Failure> {
    let account = bridge.asked(Method::GET, &["inbound"], &[], None).await?;
    serde_json::from_value(account)
        .map_err(|_| Failure::Failed("the bridge is of another version, and has no account of webhooks".to_owned()))
}
