//! The kind of a cause, by the difference that it makes to agents.
//!
//! It follows from the bridge's own sentence in a cause, or else from the status and the codes of the vendor's answer
//! ([`crate::domain::cause`]), and from no other words. It never decides the fate of a delivery.

use crate::domain::account::End;
use crate::domain::cause::{self, Answered};

/// The kind of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The customer has opted out.
    OptedOut,
    /// The number takes no texts.
    Unreachable,
    /// The customer has no name that the carrier knows.
    UnknownCustomer,
    /// The channel takes no free text from before the customer writes again.
    Window,
    /// The reply can no longer be read at the desk.
    NotShown,
    /// It may have arrived all the same.
    Doubtful,
    /// It was tried for a day.
    Late,
    /// An account, a campaign, a permission or a mapping is wrong, which only operators can mend.
    Account,
    /// The vendor refused this text.
    Refused,
    /// Anything else.
    Other,
}

/// The kinds of the bridge's own causes. The first match counts.
const OWN: [(Why, &str); 14] = [
    (Why::OptedOut, cause::OPTED_OUT),
    (Why::Unreachable, cause::CANNOT_BE_TEXTED),
    (Why::Account, cause::FOR_OPERATORS),
    (Why::UnknownCustomer, cause::NO_RECIPIENT),
    (Why::UnknownCustomer, cause::NO_CARRIER_ID),
    (Why::Window, cause::TALK_OVER),
    (Why::Window, cause::NO_TEMPLATE),
    (Why::Window, cause::TEMPLATE_NOT_SENT),
    (Why::Window, cause::NOT_ANSWERED),
    (Why::Window, cause::SOLVED_UNANSWERED),
    (Why::NotShown, cause::NOT_SHOWN),
    (Why::Doubtful, cause::RECEIPT_REPLACED),
    (Why::Doubtful, cause::LEAVES_NOTHING),
    (Why::Doubtful, cause::WITHOUT_ANSWER),
];

/// The kinds of codes in a carrier's answers.
const CODES: [(Why, &[&str]); 2] = [
    (Why::OptedOut, &["opted_out", "unsubscribed"]),
    (
        Why::Unreachable,
        &["landline", "unreachable", "not_mobile", "invalid_phone", "phone_number", "invalid_phone_number"],
    ),
];

impl Why {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::OptedOut,
        Self::Unreachable,
        Self::UnknownCustomer,
        Self::Window,
        Self::NotShown,
        Self::Doubtful,
        Self::Late,
        Self::Account,
        Self::Refused,
        Self::Other,
    ];

    /// The kind of this cause.
    #[must_use]
    pub fn of(cause: &str) -> Self {
        // The rest of a mapping's cause is its author's words.
        if cause.starts_with(cause::OF_MAPPING) {
            return Self::Account;
        }
        let answered = Answered::read(cause);
        let coded = answered.as_ref().and_then(Self::of_codes);
        let own = || OWN.iter().find(|(_, words)| cause.contains(words)).map(|(why, _)| *why);
        coded.or_else(own).unwrap_or_else(|| match answered {
            Some(answered) if answered.said.starts_with(cause::WITH_PROBLEMS) => Self::Doubtful,
            Some(_) | None if cause.starts_with(cause::GIVEN_UP) => Self::Late,
            Some(answered) => Self::of_answer(&answered),
            None if cause.ends_with(cause::UNUSABLE) => Self::Account,
            None => Self::Other,
        })
    }

    fn of_codes(answered: &Answered<'_>) -> Option<Self> {
        if answered.vendor != End::Carrier {
            return None;
        }
        let found = CODES.iter().find(|(_, codes)| codes.iter().any(|code| answered.has_code(code)));
        found.map(|(why, _)| *why)
    }

    fn of_answer(answered: &Answered<'_>) -> Self {
        let of_carrier = answered.vendor == End::Carrier;
        let says = |phrase: &str| of_carrier && answered.said.contains(phrase);
        match answered.status {
            300..=399 | 401 | 403 | 404 => Self::Account,
            _ if says("No Recipients") => Self::UnknownCustomer,
            _ if says(cause::CAMPAIGN) || cause::OF_THE_ACCOUNT.into_iter().any(says) => Self::Account,
            400..=499 if of_carrier => Self::Refused,
            _ if answered.said.starts_with(cause::NOT_SENT) => Self::Refused,
            _ => Self::Other,
        }
    }

    /// Its name in mappings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Unreachable => "unreachable",
            Self::UnknownCustomer => "unknown_customer",
            Self::Window => "window",
            Self::NotShown => "not_shown",
            Self::Doubtful => "doubtful",
            Self::Late => "late",
            Self::Account => "account",
            Self::Refused => "refused",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_that_can_end_a_delivery_is_of_the_kind_that_helps_the_agent() {
        for (cause, why) in [
            ("the customer has opted out of texts", Why::OptedOut),
            ("Braze answered 400 landline", Why::Unreachable),
            ("Braze answered 400 invalid_phone_number", Why::Unreachable),
            ("nobody to text is known", Why::UnknownCustomer),
            ("the requester has no Braze user id: fill the external id of the user in Zendesk", Why::UnknownCustomer),
            ("the customer did not answer the template in time", Why::Window),
            ("the ticket was solved before the customer answered the template", Why::Window),
            (cause::LEAVES_NOTHING, Why::Doubtful),
            (cause::TALK_OVER, Why::Window),
            (cause::NO_TEMPLATE, Why::Window),
            (cause::TEMPLATE_NOT_SENT, Why::Window),
            ("Zendesk does not show comment 7", Why::NotShown),
            ("Braze answered 201 and accepted but reported problems", Why::Doubtful),
            ("sent 5 times without an answer; the carrier shows no receipt of it", Why::Doubtful),
            ("Braze answered 400 campaign is paused (campaign 6c1d)", Why::Account),
            ("Braze answered 403 Forbidden for this customer", Why::Account),
            ("Zendesk answered 403 for ticket 7", Why::Account),
            ("the mapping agent_reply cannot be rendered: x", Why::Account),
            ("given up after 301 attempts: Braze answered 500", Why::Late),
            ("given up after 301 attempts: Braze answered 403 Forbidden", Why::Late),
            ("Braze answered 400 Bad Request", Why::Refused),
            ("Braze answered 413", Why::Refused),
            ("Braze answered 201 but did not send", Why::Refused),
            ("Postmaster answered 422 NoSuchNumber (E02001): the customer's number cannot be texted", Why::Unreachable),
            ("Postmaster answered 422 NoSender: no sender; an operator can mend it: name one", Why::Account),
            ("Postmaster answered 422 NotSupported (E02003)", Why::Refused),
            ("Zendesk answered 400", Why::Other),
            ("an empty claim", Why::Other),
            ("Braze answered 400 Bad Request: Landline, 30006", Why::Unreachable),
            ("given up after 9 attempts: Braze answered 500: unsubscribed", Why::OptedOut),
            ("Braze answered 400 archived", Why::Account),
            ("Braze answered 400 No Recipients", Why::UnknownCustomer),
            ("Zendesk answered 302, a redirect: is the address right?", Why::Account),
            ("the address of Braze cannot be used", Why::Account),
            // No kind follows from a part of a code, nor from the name that an author gave a field of a mapping.
            ("Braze answered 400: campaign_step", Why::Refused),
            ("Braze answered 400: not_unsubscribed", Why::Refused),
            ("Zendesk answered 422 RecordInvalid (phone_number invalid)", Why::Other),
            ("the mapping agent_reply cannot be rendered: there is no `landline`", Why::Account),
        ] {
            assert_eq!(Why::of(cause), why, "{cause}");
        }
    }
}
