//! Causes: why a call failed or a delivery ended, in one line.
//!
//! A cause is a sentence of this bridge's own, or names the vendor that answered, the status and the codes
//! (`error_phrases`). Stores keep it as text, those of earlier versions as well, so its parts are read back here. This
//! module never decides the consequences. Its literals alone name vendors, because they are words of records. A vendor whose
//! name stands in none of them is read by the form of a cause.

use crate::domain::account::End;

/// The customer has opted out.
pub const OPTED_OUT: &str = "the customer has opted out of texts";

/// Neither the ticket nor the conversation names a customer.
pub const NO_RECIPIENT: &str = "nobody to text is known";

/// The ticket's requester is known at the desk only.
pub const NO_CARRIER_ID: &str = "the requester has no Braze user id";

/// The ticket's requester has no phone number, at a carrier that knows customers by nothing else.
pub const NO_NUMBER: &str = "the requester has no phone number that can be texted";

/// No talk with the ticket's requester is known, at a carrier that knows customers by nothing else.
pub const NO_THREAD: &str = "no conversation with the requester is known over this carrier";

/// The requester's number is that of another customer, with whom there is a conversation over this carrier.
pub const NUMBER_OF_ANOTHER: &str = "the requester's number is that of another customer, with whom a conversation is known: reply on a ticket of theirs";

/// The requester writes from another number than their user at the desk has.
pub const ANOTHER_NUMBER: &str = "the requester's conversation is with another number than their user has, so that the text could \
     reach a stranger: correct the user's number, or reply on the ticket that their own message has opened";

/// No line of the carrier can be written on first.
pub const NO_FIRST_LINE: &str = "no line of this carrier can be written on first";

/// The talk with the customer is over at a carrier that keeps talks.
pub const TALK_OVER: &str =
    "this conversation is over at the carrier: it was removed there, or joined with another one of the customer's";

/// The customer last wrote too long ago for free text, and their line has no template.
pub const NO_TEMPLATE: &str =
    "the customer last wrote too long ago for a reply, and their line has no template that asks them to write again";

/// The template could not be sent.
pub const TEMPLATE_NOT_SENT: &str = "the template that asks the customer to write again could not be sent";

/// The wait is over.
pub const NOT_ANSWERED: &str = "the customer did not answer the template in time";

/// The ticket was solved while the text waited.
pub const SOLVED_UNANSWERED: &str = "the ticket was solved before the customer answered the template";

/// Why a text waits outside of the window.
pub const WAITS_FOR_ANSWER: &str = "it waits until the customer answers the template";

/// The store lacks the last hours before it was put back.
pub const PUT_BACK: &str = "the store was put back from a backup: it may have been delivered since";

/// The beginning of a cause; the comment's number follows.
pub const NOT_SHOWN: &str = "Zendesk does not show comment";

/// The profile can no longer show whether a text arrived.
pub const RECEIPT_REPLACED: &str = "a later text has taken the place of the receipt";

/// Nothing can tell of a text that went to a number in the place of a talk.
pub const LEAVES_NOTHING: &str = "it is not known whether it went out, and a first text to a number leaves nothing at the carrier by \
     which it could be looked for";

/// The part of a cause that stands behind the number of tries.
pub const WITHOUT_ANSWER: &str = "without an answer";

/// The beginning of a cause; the number of attempts and the last cause follow.
pub const GIVEN_UP: &str = "given up after";

/// The beginning of a cause; the mapping's name and its fault follow.
pub const OF_MAPPING: &str = "the mapping";

/// The beginning of a cause; the line's address and its carrier follow.
pub const OF_LINE: &str = "no line is configured for";

/// The conversation of a ticket's customer began at another desk and stays there.
pub const AT_ANOTHER_DESK: &str = "the customer's conversation on this line stands at another desk";

/// The end of a cause: a configured address is not an address.
pub const UNUSABLE: &str = "cannot be used";

/// A carrier took a request and reported problems with it.
pub const WITH_PROBLEMS: &str = "and accepted but reported problems";

/// A carrier answered with success and said that it sent nothing.
pub const NOT_SENT: &str = "but did not send";

/// Stands before the campaign, where the carrier refused the campaign and not the text.
pub const CAMPAIGN: &str = "(campaign ";

/// A carrier's code says that the customer's number takes no texts. Its folder puts this behind a code of its own.
pub const CANNOT_BE_TEXTED: &str = "the customer's number cannot be texted";

/// A carrier's code concerns the account or the line and not the text. Its folder puts this behind a code of its own.
pub const FOR_OPERATORS: &str = "an operator can mend it";

/// Carriers' phrases for faults of the account, which have no codes and which only an operator can mend.
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

/// The cause in samples of notes.
pub const SAMPLE: &str = "Braze answered 400 Invalid Campaign ID";

/// Stands between the name of a vendor and the status that it answered.
const ANSWERED: &str = " answered ";

/// The vendors whose accounts are desks. A vendor of any other name is a carrier, so that a new one needs no entry.
const DESKS: [&str; 1] = ["Zendesk"];

/// A vendor's answer, as a cause repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// The end of the vendor that answered.
    pub vendor: End,
    /// The HTTP status.
    pub status: u16,
    /// The rest, without personal data: the bridge's own words, a known phrase, codes, and the object.
    pub said: &'a str,
}

impl<'a> Answered<'a> {
    /// The answer in a cause; `None` where it holds none. A vendor's name begins with a capital letter.
    #[must_use]
    pub fn read(cause: &'a str) -> Option<Self> {
        cause.match_indices(ANSWERED).find_map(|(at, _)| Self::at(cause.get(..at)?, cause.get(at + ANSWERED.len()..)?))
    }

    /// The answer of the vendor whose name ends one part, out of the other.
    fn at(before: &str, rest: &'a str) -> Option<Self> {
        let name = before.rsplit(' ').next().filter(|name| name.starts_with(char::is_uppercase))?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (status, said) = rest.split_at_checked(end)?;
        let vendor = if DESKS.contains(&name) { End::Desk } else { End::Carrier };
        Some(Self { vendor, status: status.parse().ok()?, said: said.trim_start() })
    }

    /// Whether it contains this code as a whole word, in upper or lower case.
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
            ("Braze answered 400", Some((End::Carrier, 400, ""))),
            ("Braze answered 400: landline, 30006", Some((End::Carrier, 400, ": landline, 30006"))),
            ("Postmaster answered 422 NoSuchNumber", Some((End::Carrier, 422, "NoSuchNumber"))),
            ("given up after 3 attempts: Acme Text answered 500", Some((End::Carrier, 500, ""))),
            ("Zendesk answered 302, a redirect", Some((End::Desk, 302, ", a redirect"))),
            ("given up after 3 attempts: Zendesk answered 500", Some((End::Desk, 500, ""))),
            ("Braze answered with a page", None),
            ("the alarm receiver answered 500", None),
            ("its host answered 404: Zendesk answered 422", Some((End::Desk, 422, ""))),
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
