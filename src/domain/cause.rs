//! Causes: why a call failed or a delivery ended, in one line.
//!
//! A cause is a sentence of this bridge's own, or says which vendor answered, with which status and which codes
//! (`clients::words`). It is kept as text, in the stores of earlier versions as well, so its parts are read back here.
//! What follows from them is decided elsewhere.

use crate::domain::event::Destination;

/// The customer has opted out.
pub const OPTED_OUT: &str = "the customer has opted out of texts";

/// Neither the ticket nor the conversation names a customer.
pub const NO_RECIPIENT: &str = "nobody to text is known";

/// The ticket's requester is known in Zendesk only.
pub const NO_BRAZE_ID: &str = "the requester has no Braze user id";

/// The beginning of a cause; the comment's number follows.
pub const NOT_SHOWN: &str = "Zendesk does not show comment";

/// Whether a text arrived can no longer be read off the profile.
pub const RECEIPT_REPLACED: &str = "a later text has taken the place of the receipt";

/// The part of a cause that stands behind the number of tries.
pub const WITHOUT_ANSWER: &str = "without an answer";

/// The beginning of a cause; the number of attempts and the last cause follow.
pub const GIVEN_UP: &str = "given up after";

/// The beginning of a cause; the mapping's name and what is wrong with it follow.
pub const OF_MAPPING: &str = "the mapping";

/// The end of a cause: an address of the configuration is none.
pub const UNUSABLE: &str = "cannot be used";

/// Braze took a request, and says that something was wrong with it.
pub const WITH_PROBLEMS: &str = "and accepted but reported problems";

/// Braze answered well, and says that it sent nothing.
pub const NOT_SENT: &str = "but did not send";

/// What stands before the campaign that Braze refused, and not the text.
pub const CAMPAIGN: &str = "(campaign ";

/// Phrases of Braze's, which has no codes for them: only an operator can mend their cause.
pub const OF_THE_ACCOUNT: [&str; 19] = [
    "Invalid API key",
    "Invalid Campaign ID",
    "campaign does not exist",
    "campaign is archived",
    "campaign has been archived",
    "campaign is paused",
    "campaign has been paused",
    "archived",
    "paused",
    "not a valid api identifier",
    "valid campaign",
    "error authenticating credentials",
    "invalid whitelisted IPs",
    "do not have permission",
    "Access Denied",
    "Forbidden",
    "Message Variant Unspecified",
    "Invalid Message Variant",
    "Mismatched Message Type",
];

/// A vendor's answer, as a cause tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// Whose.
    pub vendor: Destination,
    /// The HTTP status.
    pub status: u16,
    /// What may be repeated of it: words of ours, a known phrase, codes, and what it was about.
    pub said: &'a str,
}

impl<'a> Answered<'a> {
    /// The answer that a cause tells of; `None` where it tells of none.
    #[must_use]
    pub fn read(cause: &'a str) -> Option<Self> {
        let of = |vendor, words: &str| Some((vendor, cause.split_once(words)?.1));
        let (vendor, rest) =
            of(Destination::Braze, "Braze answered ").or_else(|| of(Destination::Zendesk, "Zendesk answered "))?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (status, said) = rest.split_at_checked(end)?;
        Some(Self { vendor, status: status.parse().ok()?, said: said.trim_start() })
    }

    /// Whether this stands in it as a code: whole, whatever its case.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        let is_between = |c: char| !(c.is_alphanumeric() || ['_', '-', '.'].contains(&c));
        self.said.split(is_between).any(|word| word.eq_ignore_ascii_case(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_back_from_its_cause() {
        let read = |cause| Answered::read(cause).map(|answered| (answered.vendor, answered.status, answered.said));
        for (cause, told) in [
            ("Braze answered 400", Some((Destination::Braze, 400, ""))),
            ("Braze answered 400: landline, 30006", Some((Destination::Braze, 400, ": landline, 30006"))),
            ("Zendesk answered 302, a redirect", Some((Destination::Zendesk, 302, ", a redirect"))),
            ("given up after 3 attempts: Zendesk answered 500", Some((Destination::Zendesk, 500, ""))),
            ("Braze answered with a page", None),
            ("Braze answered 99999", None),
            ("the connection was refused", None),
        ] {
            assert_eq!(read(cause), told, "{cause}");
        }
    }

    #[test]
    fn a_code_is_found_whole_and_in_any_case() {
        let answered = Answered::read("Braze answered 400 Bad Request: Invalid_Phone, 30006 (campaign c)").unwrap();
        for (code, is_there) in
            [("invalid_phone", true), ("30006", true), ("phone", false), ("3000", false), ("campaign", true)]
        {
            assert_eq!(answered.has_code(code), is_there, "{code}");
        }
    }
}
