//! A record as a list of names and values, with personal values hidden until an operator asks to see them. Pure.
//!
//! A value is shown only when its name is on the list of names without personal data, so a new field is hidden until a
//! developer adds its name.

use serde_json::Value;

/// Names whose values say nothing of a person.
const PLAIN: [&str; 23] = [
    "as_of",
    "call",
    "campaign_id",
    "caught_up",
    "category",
    "channel",
    "comment_id",
    "content_type",
    "event",
    "id",
    "ids",
    "keyword",
    "kind",
    "line",
    "method",
    "path",
    "priority",
    "public",
    "received_at",
    "status",
    "ticket_id",
    "type",
    "updated_at",
];

/// Values under this name are the customer's profile, and hidden,
const PROFILE: &str = "attributes";

/// except those whose names begin so, which are tandem's own.
const RECEIPT: &str = "tandem_receipt";

/// A value with the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether the value stands for one that is not shown.
    pub(super) hidden: bool,
    /// Whether the value is, at least in part, that of a mapping's sample.
    pub(super) sample: bool,
}

/// Every value of a record, in its order, blanks left out.
pub(super) fn fields(record: &Value, reveal: bool) -> Vec<Field> {
    let mut found = Vec::new();
    walk(record, &mut Vec::new(), reveal, &mut found);
    found
}

fn walk<'a>(value: &'a Value, names: &mut Vec<&'a str>, reveal: bool, found: &mut Vec<Field>) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, value) in object {
                names.push(name);
                walk(value, names, reveal, found);
                names.pop();
            }
        }
        // A list of values without names of their own.
        Value::Array(items) => items.iter().for_each(|item| walk(item, names, reveal, found)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let plain = |name: &&str| name.starts_with(RECEIPT) || (PLAIN.contains(name) && !names.contains(&PROFILE));
            let plain = names.last().is_some_and(plain);
            let hidden = !reveal && !plain;
            let value = if hidden { hint(&text) } else { text };
            found.push(Field { name: names.join("."), value, hidden, sample: false });
        }
    }
}

/// The text in place of a hidden value.
pub(super) fn hint(text: &str) -> String {
    match text.chars().count() {
        1 => "hidden, 1 character".to_owned(),
        many => format!("hidden, {many} characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(record: &Value, reveal: bool) -> Vec<(String, String)> {
        fields(record, reveal).into_iter().map(|field| (field.name, field.value)).collect()
    }

    #[test]
    fn only_what_says_nothing_of_a_person_is_shown() {
        let record = json!({
            "kind": "customer_text",
            "customer": {"external_id": "ada-42", "phone": "+15555550101", "email": null},
            "text": "Where is it?",
            "media": ["https://a.example/1"],
            "ticket_id": 7,
            "attributes": {"status": "gold", "age": 30, "tandem_receipt": "evt_1"},
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut hidden = told(&record, false);
        hidden.sort();
        assert_eq!(
            hidden,
            [
                pair("attributes.age", "hidden, 2 characters"),
                pair("attributes.status", "hidden, 4 characters"),
                pair("attributes.tandem_receipt", "evt_1"),
                pair("customer.external_id", "hidden, 6 characters"),
                pair("customer.phone", "hidden, 12 characters"),
                pair("kind", "customer_text"),
                pair("media", "hidden, 19 characters"),
                pair("text", "hidden, 12 characters"),
                pair("ticket_id", "7"),
            ]
        );
        assert!(told(&record, true).contains(&pair("customer.phone", "+15555550101")));
    }
}
