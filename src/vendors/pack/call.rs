//! The call that sends a text, as a pack makes it of a text, and the fate that an answer to it tells. Pure.

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::error_phrases::Known;
use super::file::File;
use super::parts::Encoding;
use super::plan::Plan;

/// A call before it has a credential.
pub(super) struct Call {
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The type of the body.
    pub(super) kind: &'static str,
    pub(super) body: String,
}

impl Plan {
    /// The call for these names.
    ///
    /// # Errors
    /// The template that could not be filled in, and the reason.
    pub(super) fn call(&self, names: &Value) -> Result<Call, String> {
        let send = &self.file.send;
        let body = self.body.render(names)?.unwrap_or_default();
        let (kind, body) = match send.encoding {
            Encoding::Json => ("application/json", body.to_string()),
            Encoding::Form => ("application/x-www-form-urlencoded", form(&body)),
        };
        let mut headers = Vec::new();
        let rendered = self.headers.as_ref().map(|sheet| sheet.render(names)).transpose()?.flatten();
        for (name, value) in rendered.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().and_then(|text| HeaderValue::from_str(text).ok());
            let pair = HeaderName::try_from(name.as_str()).ok().zip(value);
            headers.push(pair.ok_or_else(|| format!("send.headers.{name}: makes no header"))?);
        }
        if let Some(key) = &send.idempotency {
            let value = HeaderValue::from_str(&format!("tandem-{}", names["mark"].as_str().unwrap_or_default()));
            headers.push((key.header.0.clone(), value.map_err(|_| "the idempotency key makes no header".to_owned())?));
        }
        Ok(Call { path: text_of(self.path.render(names)?), headers, kind, body })
    }

    /// The path of the probe, where the pack has one.
    ///
    /// # Errors
    /// As [`Plan::call`].
    pub(super) fn probe(&self, names: &Value) -> Result<Option<String>, String> {
        self.probe.as_ref().map(|sheet| sheet.render(names).map(text_of)).transpose()
    }
}

/// The text of a rendered value.
fn text_of(value: Option<Value>) -> String {
    value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The fields of a form, out of a table. A list is a field that comes several times.
fn form(body: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, value) in body.as_object().into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            form.append_pair(name, &written(value));
        }
    }
    form.finish()
}

/// The fate of a text, as an answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is accepted.
    Sent,
    /// A code that the pack knows refuses it.
    Known(Known),
    /// Nothing happened, and the same call may succeed later.
    Retry,
    /// It will never be taken.
    Reject,
    /// It may be out.
    Unknown,
    /// The account is refused as a whole.
    Pause,
    /// The object of the call is refused, or the account's rights to it.
    Forbid,
}

impl Fate {
    /// Every fate with its word in samples.
    pub(super) const WORDS: [(&'static str, Self); 9] = [
        ("sent", Self::Sent),
        ("opted_out", Self::Known(Known::OptedOut)),
        ("unreachable", Self::Known(Known::Unreachable)),
        ("operator", Self::Known(Known::Operator)),
        ("retry", Self::Retry),
        ("reject", Self::Reject),
        ("unknown", Self::Unknown),
        ("pause", Self::Pause),
        ("forbid", Self::Forbid),
    ];

    /// The fate that this status tells, with the known code beside it.
    pub(super) fn of(file: &File, status: u16, known: Option<Known>) -> Self {
        let answer = &file.answer;
        let told = [
            (&answer.retry, Self::Retry),
            (&answer.reject, Self::Reject),
            (&answer.unknown, Self::Unknown),
            (&answer.pause, Self::Pause),
        ];
        let told = told.into_iter().find(|(list, _)| list.contains(&status)).map(|(_, fate)| fate);
        match (known, told, status) {
            // Also within a success: a vendor may take a request and refuse the text in it.
            (Some(known), _, _) => Self::Known(known),
            (None, _, 200..=299) => Self::Sent,
            (None, Some(fate), _) => fate,
            (None, None, 401 | 402) => Self::Pause,
            (None, None, 300..=399 | 403 | 404) => Self::Forbid,
            (None, None, 408 | 425 | 429) => Self::Retry,
            // Another call under the same key is still under way.
            (None, None, 409) if file.send.idempotency.is_some() => Self::Retry,
            (None, None, 400..=499) => Self::Reject,
            // Nothing is known of the vendor's order of work, so that the text may be out.
            (None, None, _) => Self::Unknown,
        }
    }

    /// Its word in samples.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, fate)| *fate == self).map_or("", |(word, _)| word)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_has_the_fields_of_its_table_and_a_list_comes_several_times() {
        let table = json!({"To": "+1", "Body": "a&b", "MediaUrl": ["x", "y"], "N": 3});
        assert_eq!(form(&table), "Body=a%26b&MediaUrl=x&MediaUrl=y&N=3&To=%2B1");
    }
}
