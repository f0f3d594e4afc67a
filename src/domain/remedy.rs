//! Remedies for a vendor that refuses the bridge or does not answer: one sentence each for the operator, without its
//! full stop, the same in logs, alarms and pages.

use crate::domain::account::End;

/// Zendesk does not know the credentials.
pub const ZENDESK_CREDENTIALS: &str = "Compare zendesk.client_id and zendesk.client_secret with the OAuth client in \
                                       Zendesk (Admin Center, Apps and integrations); the secret is shown only once, so \
                                       make a new one when in doubt";

/// Braze does not know the key.
pub const BRAZE_KEY: &str = "Compare braze.api_key with the workspace's REST keys, and braze.url with the REST endpoint \
                             that Braze shows under APIs and Identifiers: a key is known in its own cluster only";

/// Zendesk cannot be reached.
pub const ZENDESK_ADDRESS: &str =
    "Compare zendesk.url with the address in the browser when you work in Zendesk, and see whether it is up";

/// Braze cannot be reached.
pub const BRAZE_ADDRESS: &str =
    "Compare braze.url with the REST endpoint that Braze shows under APIs and Identifiers, and see whether it is up";

/// Zendesk knows the credentials, but they lack a permission.
pub const ZENDESK_ROLE: &str =
    "Give the scopes read and write to the OAuth client, and let the client act as an administrator";

/// Braze knows the key, but it lacks a permission.
pub const BRAZE_PERMISSIONS: &str = "Make a key with the permissions that tandem setup braze lists";

/// Braze does not send the campaign.
pub const BRAZE_CAMPAIGN: &str = "Launch the campaign in Braze, or unarchive it, or copy another's API identifier into \
                                  braze.campaigns";

/// The remedy for a vendor that refuses the bridge as a whole, by the cause of the refusal.
#[must_use]
pub fn of_refusal(end: End, cause: &str) -> &'static str {
    match end {
        End::Desk if cause.contains("answered 403") => ZENDESK_ROLE,
        End::Desk => ZENDESK_CREDENTIALS,
        End::Carrier if cause.contains("campaign") => BRAZE_CAMPAIGN,
        End::Carrier if cause.contains("answered 403") => BRAZE_PERMISSIONS,
        End::Carrier => BRAZE_KEY,
    }
}

/// The remedy for a vendor that gives no answer.
#[must_use]
pub fn of_silence(end: End) -> &'static str {
    match end {
        End::Desk => ZENDESK_ADDRESS,
        End::Carrier => BRAZE_ADDRESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (destination, cause, remedy) in [
            (End::Desk, "Zendesk answered 401 invalid_client (Client authentication failed)", ZENDESK_CREDENTIALS),
            (End::Desk, "Zendesk answered 403 for ticket 7", ZENDESK_ROLE),
            (End::Carrier, "Braze answered 401 Invalid API key", BRAZE_KEY),
            (End::Carrier, "Braze answered 403 Access Denied for this customer", BRAZE_PERMISSIONS),
            (End::Carrier, "Braze answered 400 campaign is archived (campaign 3c)", BRAZE_CAMPAIGN),
        ] {
            assert_eq!(of_refusal(destination, cause), remedy, "{cause}");
        }
    }
}
