//! For messages of a chat channel, which bring more than words: the answers of a form, a question about a product, and
//! the kinds of messages that Braze does not pass on. Each becomes lines for the agent to read.
//!
//! It never drops a message: one of which nothing came becomes a line that says so.

use serde_json::{Map, Value};

use crate::domain::conversation::Keyword;
use crate::intake::fields::{self, LINE_MAX_CHARS, clean, one_line};
use crate::intake::{Stop, lenient_json};

/// The line for a message of which Braze passes nothing on: a location, a contact, a sticker, a reaction.
pub(super) const NOT_PASSED_ON: &str = "[The customer sent something that Braze does not pass on, such as a location, a \
                                        contact or a sticker. Ask for it in words.]";

/// The line above the answers of a form.
const FORM: &str = "[Answers of a form]";

/// The words that a customer types to leave a chat channel, or to come back. Braze has no keyword categories there.
/// Source: Braze's page on opt-ins and opt-outs, where the button for opting out sends the second.
const KEYWORDS: [(&str, Keyword); 3] =
    [("STOP", Keyword::OptOut), ("STOP PROMOTIONS", Keyword::OptOut), ("START", Keyword::OptIn)];

/// The most answers of one form that are read: far more than a form has.
const ANSWERS_MAX: usize = 200;

/// The keyword that this text is, as a whole and in any case.
pub(super) fn keyword(text: &str) -> Option<Keyword> {
    let found = KEYWORDS.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
    found.map(|(_, keyword)| *keyword)
}

/// The text with the lines of a form and of a product behind it; `None` where there is none of them.
///
/// # Errors
/// Where a part can be read in no way.
pub(super) fn words(body: &Map<String, Value>) -> Result<Option<String>, Stop> {
    let parts = [fields::text(body, "text")?, form(body.get("flow")), product(body)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Ok((!parts.is_empty()).then(|| parts.join("\n")))
}

/// The answers of a form, one a line. Braze prints them as a JSON object.
fn form(flow: Option<&Value>) -> Option<String> {
    let flow = flow?;
    let printed = flow.as_str().map(|text| lenient_json::parse(text.as_bytes()).unwrap_or_else(|_| text.into()));
    let given = printed.as_ref().unwrap_or(flow);
    let answers: Vec<String> = match given.as_object() {
        Some(answers) => answers.iter().take(ANSWERS_MAX).filter_map(|(name, value)| answer(name, value)).collect(),
        None => spoken(given).into_iter().collect(),
    };
    let words = std::iter::once(FORM.to_owned()).chain(answers).collect::<Vec<_>>();
    (words.len() > 1).then(|| words.join("\n"))
}

fn answer(name: &str, value: &Value) -> Option<String> {
    Some(format!("{}: {}", one_line(name, LINE_MAX_CHARS)?, spoken(value)?))
}

/// A value as words; `None` for a blank.
fn spoken(value: &Value) -> Option<String> {
    let words = match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => clean(text),
        Value::Array(items) => items.iter().filter_map(spoken).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => {
            parts.iter().filter_map(|(name, part)| answer(name, part)).collect::<Vec<_>>().join("; ")
        }
    };
    Some(words).filter(|words| !words.trim().is_empty())
}

/// The product that a question is about.
fn product(body: &Map<String, Value>) -> Option<String> {
    let product = fields::line(body, "product")?;
    let catalog = fields::line(body, "catalog").map(|catalog| format!(" of catalog {catalog}")).unwrap_or_default();
    Some(format!("[About product {product}{catalog}]"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words_of(body: &Value) -> Option<String> {
        words(body.as_object().unwrap()).unwrap()
    }

    #[test]
    fn answers_of_a_form_are_lines_in_every_rendering() {
        let lines = "[Answers of a form]\nname: Ada\nsizes: 4, 5\nwhere: city: Paris; zip: 75001";
        let flow = json!({"name": "Ada", "sizes": [4, 5], "where": {"zip": "75001", "city": "Paris"}, "left": null});
        assert_eq!(words_of(&json!({ "flow": flow })).unwrap(), lines);
        assert_eq!(words_of(&json!({"flow": flow.to_string()})).unwrap(), lines);
        assert_eq!(words_of(&json!({"flow": "not JSON"})).unwrap(), "[Answers of a form]\nnot JSON");
        for blank in [json!(""), json!("  "), json!({}), json!("{}"), json!(null), json!([])] {
            assert_eq!(words_of(&json!({ "flow": blank })), None, "{blank}");
        }
    }

    #[test]
    fn a_product_carries_its_ids_behind_the_words() {
        let of = |body: Value| words_of(&body).unwrap();
        assert_eq!(
            of(json!({"text": "Is it blue?", "product": "sku-7", "catalog": 12})),
            "Is it blue?\n[About product sku-7 of catalog 12]"
        );
        assert_eq!(of(json!({"product": 7})), "[About product 7]");
    }

    #[test]
    fn a_word_that_leaves_the_channel_is_the_whole_text() {
        for (text, keyword_of) in [
            (" stop ", Some(Keyword::OptOut)),
            ("Stop Promotions", Some(Keyword::OptOut)),
            ("start", Some(Keyword::OptIn)),
            ("never stop sending", None),
            ("YES", None),
            ("", None),
        ] {
            assert_eq!(keyword(text), keyword_of, "{text}");
        }
    }
}
