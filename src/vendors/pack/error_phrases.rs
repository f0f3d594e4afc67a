//! The parts of an error that a cause may repeat: its code, and the meaning of a code that the pack knows. Never passes on the words
//! of an answer, which may repeat a customer's.

use serde_json::Value;

use super::file::Codes;
use crate::domain::cause::{CANNOT_BE_TEXTED, FOR_OPERATORS, OPTED_OUT};
use crate::vendors::http::Personal;
use crate::vendors::http::error_phrases::with_codes;

/// The meaning of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    OptedOut,
    Unreachable,
    Operator,
}

impl Known {
    /// The meaning of a code, as far as the pack knows it.
    pub(super) fn of(codes: &Codes, code: &str) -> Option<Self> {
        let lists = [
            (&codes.opted_out, Self::OptedOut),
            (&codes.unreachable, Self::Unreachable),
            (&codes.operator, Self::Operator),
        ];
        lists.into_iter().find(|(list, _)| list.iter().any(|known| known.is(code))).map(|(_, known)| known)
    }

    /// The words of [`crate::domain::cause`] for it.
    const fn words(self) -> &'static str {
        match self {
            Self::OptedOut => OPTED_OUT,
            Self::Unreachable => CANNOT_BE_TEXTED,
            Self::Operator => FOR_OPERATORS,
        }
    }

    /// The code that reports of other carriers have for it, which agents' notes know.
    pub(super) const fn reported(self) -> Option<&'static str> {
        match self {
            Self::OptedOut => Some("recipient_opted_out"),
            Self::Unreachable => Some("undeliverable"),
            Self::Operator => None,
        }
    }
}

/// The repeatable part of an error with this code.
pub(super) fn said(
    code: Option<&str>,
    known: Option<Known>,
    json: Option<&Value>,
    status: u16,
    personal: &Personal,
) -> String {
    match (code, known, json) {
        (Some(code), Some(known), _) => format!("{code}: {}", known.words()),
        (_, _, Some(json)) => with_codes("", json, status, personal),
        (_, _, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::note::Why;
    use crate::vendors::http::error_phrases::cause;
    use crate::vendors::pack::parts::Code;

    fn codes() -> Codes {
        Codes {
            opted_out: vec![Code::Number(21610)],
            unreachable: vec![Code::Text("bad_number".to_owned())],
            operator: vec![Code::Number(21606)],
        }
    }

    #[test]
    fn a_known_code_is_of_the_kind_that_helps_the_agent() {
        for (code, why) in [("21610", Why::OptedOut), ("bad_number", Why::Unreachable), ("21606", Why::Account)] {
            let said = said(Some(code), Known::of(&codes(), code), None, 400, &Personal::default());
            assert_eq!(Why::of(&cause("Acme", 400, &said)), why, "{said}");
        }
    }

    #[test]
    fn an_unknown_code_is_told_and_the_words_beside_it_are_not() {
        let json = json!({"code": 30022, "message": "to +15550123456: see you, Ada"});
        assert_eq!(said(Some("30022"), None, Some(&json), 400, &Personal::default()), ": 30022");
        let mut personal = Personal::default();
        personal.add("+1555030022");
        assert_eq!(said(Some("30022"), None, Some(&json), 400, &personal), "");
    }
}
