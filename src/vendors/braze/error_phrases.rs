//! The parts of Braze's errors that a cause may repeat: its codes, and phrases that are known to be harmless. Never passes on
//! the rest of an answer.

use serde_json::Value;

use crate::domain::cause::OF_THE_ACCOUNT;
use crate::vendors::http::Personal;
use crate::vendors::http::error_phrases::{known, with_codes};

/// Texts, behind those of [`OF_THE_ACCOUNT`]. It has no codes.
const PHRASES: [&str; 7] = [
    "No Recipients",
    "Max Input Length Exceeded",
    "No message to send",
    "Invalid subscription group ID",
    "max number of ids exceeded",
    "rate limit",
    "Bad Request",
];

/// The repeatable part of a Braze error: a known phrase, and its codes.
pub(super) fn said(json: Option<&Value>, status: u16, personal: &Personal) -> String {
    let Some(json) = json else { return String::new() };
    let message = json["message"].as_str();
    let phrase = message.and_then(|message| known(message, &OF_THE_ACCOUNT).or_else(|| known(message, &PHRASES)));
    let phrase = phrase.unwrap_or_default();
    with_codes(phrase, json, status, personal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::vendors::http::error_phrases::{answers_repeating, answers_to_what_was_typed, echoes};

    fn of(body: &Value) -> String {
        said(Some(body), 400, &Personal::default())
    }

    #[test]
    fn a_cause_has_the_codes_of_an_answer_and_nothing_else_of_it() {
        let cases = [
            (
                json!({"message": "Invalid phone number", "errors": [{"code": "invalid_phone_number"}]}),
                ": invalid_phone_number",
            ),
            (
                json!({"message": "Twilio said 21614: 'To' is not a mobile number", "errors": ["invalid_phone_number"]}),
                ": 21614, invalid_phone_number",
            ),
            (json!({"message": "no", "code": 21614}), ": 21614"),
            (json!({"message": "no", "code": 7, "count": 7, "retries": 100}), ": 7, 100"),
            (json!({"message": "no", "status": 400, "code": "400"}), ""),
            (json!({"message": "(#131030) no, see message_is_too_long."}), ": message_is_too_long, 131030"),
            (json!({"message": "Invalid API key: api_key_unknown"}), "Invalid API key: api_key_unknown"),
            (json!({"error_code": "Landline", "message": "no"}), ": Landline"),
            // Telephone numbers, dates, amounts, names of files and addresses, in any spelling.
            (json!({"message": "555 0101, 555-0101, (555) 0101 and 0101 at 2026-11-29T02:00:12Z"}), ""),
            (json!({"message": "from_ada@acme.example, /home/from_ada.txt, from_ada-2, $4711x, a4711"}), ""),
            (json!({"message": "12345678", "code": 12_345_678, "id": "8001234567"}), ""),
            (json!({"message": "Upper_Case __ _a a_ a__b"}), ""),
            (json!({"codes": ["a_a", "b_b", "c_c", "d_d", "e_e"]}), ": a_a, b_b, c_c, d_d"),
            (json!({"code": "a_".repeat(40)}), ""),
        ];
        for (body, said) in cases {
            assert_eq!(of(&body), said, "{body}");
        }
    }

    #[test]
    fn a_code_that_may_be_the_customers_is_left_out() {
        let mut personal = Personal::default();
        ["+1 555 555 0101", "Ada Lovelace", "my_order is 47110 days late"]
            .into_iter()
            .for_each(|value| personal.add(value));
        let body =
            json!({"error": "Ada", "message": "0101 555 47110 my_order user_ada 21614 not_found", "code": "Lovelace"});
        assert_eq!(said(Some(&body), 400, &personal), ": not_found, 21614");
    }

    proptest! {
        /// A vendor's answer may repeat a request in any field. A cause holds only the answer's codes.
        #[test]
        fn nothing_of_the_customers_data_reaches_a_cause(
            first in "[A-Z][a-z]{1,9}",
            last in "[A-Z][a-z]{2,9}",
            phone in "\\+1[0-9]{3} ?[0-9]{3}-?[0-9]{4}",
            id in "[a-z]{2,5}[-_][a-z0-9]{3,8}",
            text in "[a-z]{3,8}( [a-z_]{1,8}| [0-9]{1,7}){4,9}",
            pick in 0..5_usize,
            echo in 0..7_usize,
        ) {
            let values = [format!("{first} {last}"), last, phone, id, text];
            let mut personal = Personal::default();
            values.iter().for_each(|value| personal.add(value));
            let echo = echoes(&values[pick]).swap_remove(echo);
            for mut body in answers_repeating(&echo) {
                let told = said(Some(&body), 400, &personal);
                prop_assert!(OF_THE_ACCOUNT.iter().chain(&PHRASES).any(|phrase| told.contains(phrase)) || told.is_empty(), "{told} of {body}");
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("error_code".into(), json!("qqqqqqqqqqq_wwwwwwwwwww"));
                    fields.insert("further".into(), json!("see eeeeeeeeeee_rrrrrrrrrrr"));
                    let told = said(Some(&body), 400, &personal);
                    prop_assert!(told.ends_with(": qqqqqqqqqqq_wwwwwwwwwww, eeeeeeeeeee_rrrrrrrrrrr"), "{told} of {body}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_a_customer_typed_is_repeated() {
        for (text, body) in answers_to_what_was_typed() {
            let said = of(&body);
            assert!(!said.contains(text), "{said}");
        }
    }

    #[test]
    fn a_key_that_braze_echoes_is_cut() {
        assert_eq!(of(&json!({"message": "Invalid API key: sekrit"})), "Invalid API key");
    }
}
