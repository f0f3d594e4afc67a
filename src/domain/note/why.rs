//! The kind of a cause, as far as it makes a difference to agents.
//!
//! A cause is made of fixed words of this bridge's own and of phrases of the vendors' that are known to be harmless
//! (`clients::words`), so its kind is read off its words. It never decides what becomes of a delivery.

/// The kind of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The customer has opted out.
    OptedOut,
    /// The number takes no texts.
    Unreachable,
    /// The customer is not known by any name that Braze takes.
    UnknownCustomer,
    /// The reply can no longer be read in Zendesk.
    NotShown,
    /// It may have arrived all the same.
    Doubtful,
    /// It was tried for a day.
    Late,
    /// An account, a campaign, a permission or a mapping is wrong, which only operators can mend.
    Account,
    /// The vendor refused this one.
    Refused,
    /// Anything else.
    Other,
}

/// The kinds by words that stand in the cause, in lower case. The first that fits counts.
const SIGNS: [(Why, &[&str]); 8] = [
    (Why::OptedOut, &["opted out", "opted_out", "unsubscribed"]),
    (
        Why::Unreachable,
        &["landline", "unreachable", "invalid_phone", "invalid phone", "phone_number", "phone number", "not_mobile"],
    ),
    (Why::UnknownCustomer, &["nobody to text is known", "has no braze user id", "no recipients"]),
    (Why::NotShown, &["does not show comment"]),
    (Why::Doubtful, &["reported problems", "a later text has taken", "without an answer"]),
    (Why::Late, &["given up after"]),
    (
        Why::Account,
        &[
            "campaign",
            "api key",
            "permission",
            "forbidden",
            "access denied",
            "answered 401",
            "answered 403",
            "answered 404",
            "a redirect",
            "the mapping ",
            "cannot be sent",
            "cannot be used",
            "message variant",
            "mismatched message type",
        ],
    ),
    (Why::Refused, &["braze answered 4", "but did not send"]),
];

impl Why {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::OptedOut,
        Self::Unreachable,
        Self::UnknownCustomer,
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
        let cause = cause.to_lowercase();
        let found = SIGNS.iter().find(|(_, signs)| signs.iter().any(|sign| cause.contains(sign)));
        found.map_or(Self::Other, |(why, _)| *why)
    }

    /// The word for it in mappings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Unreachable => "unreachable",
            Self::UnknownCustomer => "unknown_customer",
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
            ("Zendesk does not show comment 7", Why::NotShown),
            ("Braze answered 201 and accepted but reported problems", Why::Doubtful),
            ("sent 5 times without an answer; the receipt is not on the customer's profile", Why::Doubtful),
            ("Braze answered 400 campaign is paused (campaign 6c1d)", Why::Account),
            ("Braze answered 403 Forbidden for this customer", Why::Account),
            ("Zendesk answered 403 for ticket 7", Why::Account),
            ("the mapping agent_reply cannot be rendered: x", Why::Account),
            ("given up after 301 attempts: Braze answered 500", Why::Late),
            ("given up after 301 attempts: Braze answered 403 Forbidden", Why::Late),
            ("Braze answered 400 Bad Request", Why::Refused),
            ("Braze answered 413", Why::Refused),
            ("Braze answered 201 but did not send", Why::Refused),
            ("Zendesk answered 400", Why::Other),
            ("an empty claim", Why::Other),
        ] {
            assert_eq!(Why::of(cause), why, "{cause}");
        }
    }
}
