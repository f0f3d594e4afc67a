//! Remedies for a Zendesk that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

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

#[cfg(test)]
mod tests {
    use super::*;

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
