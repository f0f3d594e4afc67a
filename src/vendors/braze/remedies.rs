//! Remedies for a Braze that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::remedy::Remedies;

/// Braze does not know the key.
pub const KEY: &str = "Compare braze.api_key with the workspace's REST keys, and braze.url with the REST endpoint \
                             that Braze shows under APIs and Identifiers: a key is known in its own cluster only";

/// Braze cannot be reached.
pub const ADDRESS: &str =
    "Compare braze.url with the REST endpoint that Braze shows under APIs and Identifiers, and see whether it is up";

/// Braze knows the key, but it lacks a permission.
const PERMISSIONS: &str = "Make a key with the permissions that tandem setup braze lists";

/// Braze does not send the campaign.
const CAMPAIGN: &str = "Launch the campaign in Braze, or unarchive it, or copy another's API identifier into \
                                  braze.campaigns";

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence: ADDRESS };

fn of_refusal(cause: &str) -> &'static str {
    if cause.contains("campaign") {
        CAMPAIGN
    } else if cause.contains("answered 403") {
        PERMISSIONS
    } else {
        KEY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (cause, remedy) in [
            ("Braze answered 401 Invalid API key", KEY),
            ("Braze answered 403 Access Denied for this customer", PERMISSIONS),
            ("Braze answered 400 campaign is archived (campaign 3c)", CAMPAIGN),
        ] {
            assert_eq!((REMEDIES.of_refusal)(cause), remedy, "{cause}");
        }
    }
}
