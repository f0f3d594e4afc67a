//! The customers' and agents' data in a request, so that no cause repeats it from a vendor's answer.
//!
//! Says whether a word may repeat such data. Never decides which words are worth repeating: [`super::error_phrases`] does.

use serde_json::Value;

/// Values of more words than this are texts. A code that shares one word with a text does not repeat it; a code that
/// contains a name or an id does.
const NAME_WORDS_MAX: usize = 3;

/// The length from which a word of a name or an id counts inside a part of a code. A shorter one counts only as a whole
/// part, because `al` stands in many codes.
const INSIDE_LETTERS_MIN: usize = 6;

/// The length from which a word of a name or an id counts at all.
const PART_LETTERS_MIN: usize = 2;

/// The vendors' own words for tickets and users. They stand in requests and are no personal data.
const VOCABULARY: [&str; 17] = [
    "sms", "new", "open", "pending", "hold", "solved", "closed", "low", "normal", "high", "urgent", "problem",
    "incident", "question", "task", "end-user", "agent",
];

/// Data that a cause must not repeat.
#[derive(Clone, Default)]
pub struct Personal(Vec<Known>);

/// One value.
#[derive(Clone)]
struct Known {
    /// In lower case.
    plain: String,
    /// Its letters and digits alone, in lower case.
    squeezed: String,
    /// Its digits alone.
    digits: String,
    /// Its words, where it is no text.
    parts: Vec<String>,
}

impl Personal {
    /// Adds a value: a name, a number, an id, an address or a text.
    pub fn add(&mut self, value: &str) {
        let plain = value.trim().to_lowercase();
        if plain.is_empty() || VOCABULARY.contains(&plain.as_str()) {
            return;
        }
        let squeezed: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
        let digits = plain.chars().filter(char::is_ascii_digit).collect();
        let is_text = plain.split_whitespace().nth(NAME_WORDS_MAX).is_some();
        let words = plain.split(|c: char| !c.is_alphanumeric()).filter(|_| !is_text);
        let parts = words.filter(|word| word.chars().count() >= PART_LETTERS_MIN).map(str::to_owned).collect();
        self.0.push(Known { plain, squeezed, digits, parts });
    }

    /// Adds every value of a request's body, but not the names of its fields.
    pub fn add_json(&mut self, body: &Value) {
        match body {
            Value::String(text) => self.add(text),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add_json(item)),
            Value::Object(fields) => fields.values().for_each(|value| self.add_json(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Whether this number stands in a value, with any characters between the value's digits.
    #[must_use]
    pub fn holds_number(&self, digits: &str) -> bool {
        self.0.iter().any(|known| known.digits.contains(digits))
    }

    /// Whether this code, of letters and underscores, stands in a value in any spelling, or has a name or an id in it.
    #[must_use]
    pub fn holds_code(&self, code: &str) -> bool {
        let code = code.to_lowercase();
        let squeezed = code.replace('_', "");
        let is_inside = |value: &str| value.chars().count() >= INSIDE_LETTERS_MIN && squeezed.contains(value);
        let has_in_it = |part: &String| is_inside(part) || code.split('_').any(|word| word == part);
        let repeats = |known: &Known| {
            known.plain.contains(&code)
                || known.squeezed.contains(&squeezed)
                || is_inside(&known.squeezed)
                || known.parts.iter().any(has_in_it)
        };
        self.0.iter().any(repeats)
    }
}

/// Shows only the number of values, because they are personal.
impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Personal({} values)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal(values: &[&str]) -> Personal {
        let mut personal = Personal::default();
        values.iter().for_each(|value| personal.add(value));
        personal
    }

    #[test]
    fn a_code_may_repeat_no_name_and_no_id_in_any_spelling() {
        let ada =
            personal(&["Ada Lovelace", "lovelace_ada@acme.example", "Cust-Alpha", "My order_number is late today"]);
        for (code, held) in [
            ("ada", true),
            ("user_ada", true),
            ("ada_lovelace", true),
            ("adalovelace", true),
            ("userlovelace_unknown", true),
            ("cust_alpha", true),
            ("unknown_cust_alpha", true),
            ("acme_example", true),
            ("order_number", true),
            ("text_my_order_number_is_late_today", true),
            ("invalid_phone_number", false),
            ("unadapted_field", false),
            ("order_is_late", false),
            ("RecordInvalid", false),
        ] {
            assert_eq!(ada.holds_code(code), held, "{code}");
        }
    }

    #[test]
    fn a_number_may_be_no_run_of_a_value() {
        let ada = personal(&["+1 (555) 555-0101", "order 47-11"]);
        for (digits, held) in
            [("5550101", true), ("0101", true), ("15555", true), ("4711", true), ("21614", false), ("102", false)]
        {
            assert_eq!(ada.holds_number(digits), held, "{digits}");
        }
    }

    #[test]
    fn values_of_a_body_count_and_its_field_names_do_not() {
        let mut body = Personal::default();
        body.add_json(&serde_json::json!({"first_name": ["Ada"], "age": 36, "vip": true, "note": null}));
        assert!(body.holds_code("ada") && body.holds_number("36") && !body.holds_code("first_name"));
        assert_eq!(format!("{body:?}"), "Personal(2 values)");
        assert!(!personal(&["end-user"]).holds_code("user_not_found"), "a word of Zendesk's own");
    }
}
