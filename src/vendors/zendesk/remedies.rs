//! Remedies for a Zendesk that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::inbound::{Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// Zendesk does not know the credentials.
pub const CREDENTIALS: &str = "Compare zendesk.client_id and zendesk.client_secret with the OAuth client in \
                                       Zendesk (Admin Center, Apps and integrations); the secret is shown only once, so \
                                       make a new one when in doubt";

/// Zendesk cannot be reached.
pub const ADDRESS: &str =
    "Compare zendesk.url with the address in the browser when you work in Zendesk, and see whether it is up";

/// Zendesk knows the credentials, but they lack a permission.
const ROLE: &str = "Give the scopes read and write to the OAuth client, and let the client act as an administrator";

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence: ADDRESS };

fn of_refusal(cause: &str) -> &'static str {
    if cause.contains("answered 403") { ROLE } else { CREDENTIALS }
}

/// The remedy for webhooks of Zendesk that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(outcome: Otherwise, reason: &str) -> Option<&'static str> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_signature") => Some(
            "run tandem setup zendesk, which shows the webhook's signing secret, and add it to zendesk.webhook_secrets",
        ),
        (Otherwise::Refused, "missing_signature") => {
            Some("see that a Zendesk webhook posts here, which signs by itself; a stranger's request looks the same")
        }
        (Otherwise::Ignored, "unknown event") => Some(
            "run tandem setup zendesk: a trigger posts an event other than agent_reply, ticket_solved and ticket_reopened",
        ),
        _ => remedy(outcome, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_loses_replies_has_a_remedy() {
        for reason in ["missing_signature", "wrong_signature", "stale", "bad_timestamp", "cut"] {
            assert!(of_webhooks(Otherwise::Refused, reason).is_some(), "{reason}");
        }
        assert!(of_webhooks(Otherwise::Ignored, "unknown event").is_some());
        assert!(of_webhooks(Otherwise::Quarantined, "").is_some());
        assert_eq!(of_webhooks(Otherwise::Ignored, "test"), None);
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (cause, remedy) in [
            ("Zendesk answered 401 invalid_client (Client authentication failed)", CREDENTIALS),
            ("Zendesk answered 403 for ticket 7", ROLE),
        ] {
            assert_eq!((REMEDIES.of_refusal)(cause), remedy, "{cause}");
        }
    }
}
