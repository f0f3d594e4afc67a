//! Queries for users. Zendesk's search is fuzzy and has a query language, and customers typed the values: so every
//! value is put where it cannot be syntax, and every result is compared again. Never finds staff, because a customer
//! who writes with an agent's address or id is not that agent.

use crate::domain::phone::digits;
use crate::ports::Failure;
use crate::ports::desk::UserView;

/// The fewest digits of a number that is searched for. The search would find every user whose number ends in a shorter
/// one.
const PHONE_DIGITS_MIN: usize = 7;

/// A search for users.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Search {
    /// By tandem's own id of the user.
    ExternalId(String),
    /// By a custom user field.
    Field {
        /// The field's key: letters, digits and underscores.
        key: String,
        /// Its value.
        value: String,
    },
    /// By e-mail address, without regard to case.
    Email(String),
    /// By phone number, digit by digit.
    Phone(String),
}

impl Search {
    /// The parameter of the search; `None` when it could find no user.
    pub(super) fn parameter(&self) -> Result<Option<(&'static str, String)>, Failure> {
        Ok(match self {
            // This parameter has no query language.
            Self::ExternalId(id) => (!id.is_empty()).then(|| ("external_id", id.clone())),
            Self::Field { key, value } => {
                if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    let cause = "the user field's key must be letters, digits and underscores".into();
                    return Err(Failure::GiveUp { cause });
                }
                phrase(value).map(|phrase| ("query", format!("{key}:{phrase}")))
            }
            Self::Email(email) => phrase(email).map(|phrase| ("query", format!("email:{phrase}"))),
            // <https://developer.zendesk.com/documentation/voice/talk-partner-edition/retrieving-the-zendesk-user-id-of-a-caller/>
            Self::Phone(phone) => {
                let digits = digits(phone);
                let is_number = digits.len() >= PHONE_DIGITS_MIN;
                is_number.then(|| ("query", format!("role:end-user phone:*{digits}")))
            }
        })
    }

    /// Whether a user in the result matches the query.
    pub(super) fn matches(&self, user: &UserView) -> bool {
        if user.is_agent {
            return false;
        }
        match self {
            Self::ExternalId(id) => user.external_id.as_ref() == Some(id),
            Self::Field { value, .. } => user.customer_id.as_ref() == Some(value),
            Self::Email(email) => user.email.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(email)),
            Self::Phone(phone) => user.phone.as_ref().is_some_and(|found| digits(found) == digits(phone)),
        }
    }
}

/// A value in quotation marks. Zendesk documents no way to write a quotation mark within them, so quotation marks,
/// backslashes and control characters become spaces. A user with such a character is then not found, and no other is.
fn phrase(value: &str) -> Option<String> {
    let is_unsafe = |c: char| matches!(c, '"' | '\\' | '\u{201c}' | '\u{201d}') || c.is_control();
    let value: String = value.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    let value = value.trim();
    (!value.is_empty()).then(|| format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::UserId;

    fn parameter(query: &Search) -> String {
        match query.parameter() {
            Ok(Some((name, value))) => format!("{name}={value}"),
            Ok(None) => "nobody".into(),
            Err(failure) => failure.cause().into(),
        }
    }

    fn field(key: &str, value: &str) -> Search {
        Search::Field { key: key.into(), value: value.into() }
    }

    #[test]
    fn nothing_typed_becomes_query_syntax() {
        let refused = "the user field's key must be letters, digits and underscores";
        let cases = [
            (Search::ExternalId("a OR role:admin *".into()), "external_id=a OR role:admin *"),
            (Search::ExternalId(String::new()), "nobody"),
            (field("braze_external_id", "u1"), r#"query=braze_external_id:"u1""#),
            (field("f", r#"x" role:admin ""#), r#"query=f:"x  role:admin""#),
            (field("f", r#"x\" role:admin"#), r#"query=f:"x   role:admin""#),
            (field("f", "x\n\u{0}\u{201d} y"), r#"query=f:"x    y""#),
            (field("f", "\"\" "), "nobody"),
            (field("f:x role", "u1"), refused),
            (field("", "u1"), refused),
            (Search::Email("a@b.example OR role:admin".into()), r#"query=email:"a@b.example OR role:admin""#),
            (Search::Email(r#""x" role:admin"@b.example"#.into()), r#"query=email:"x  role:admin @b.example""#),
            (Search::Phone("+1 (513) 555-7611 * role:admin".into()), "query=role:end-user phone:*15135557611"),
            (Search::Phone("٣٤٥٦٧٨٩٠".into()), "nobody"),
            (Search::Phone("70123".into()), "nobody"),
            (Search::Phone("*".into()), "nobody"),
        ];
        for (query, expected) in cases {
            assert_eq!(parameter(&query), expected);
        }
    }

    #[test]
    fn only_who_is_equal_was_looked_for() {
        let user = UserView {
            active: true,
            id: UserId(1),
            name: "Alice".into(),
            external_id: Some("u1".into()),
            email: Some("Alice@B.example".into()),
            phone: Some("+1 (513) 555-7611".into()),
            customer_id: Some("v1".into()),
            is_agent: false,
        };
        let cases = [
            (Search::ExternalId("u1".into()), true),
            (Search::ExternalId("U1".into()), false),
            (Search::ExternalId("u10".into()), false),
            (field("key", "v1"), true),
            (field("key", "v"), false),
            (field("key", ""), false),
            (Search::Email("alice@b.example".into()), true),
            (Search::Email("lice@b.example".into()), false),
            (Search::Phone("15135557611".into()), true),
            (Search::Phone("5135557611".into()), false),
        ];
        for (index, (query, expected)) in cases.iter().enumerate() {
            assert_eq!(query.matches(&user), *expected, "case {index}");
            assert!(!query.matches(&UserView { is_agent: true, ..user.clone() }), "case {index}: staff");
        }
    }
}
