//! A pack that is ready to run: its file, checked, with its templates compiled. Never reads a file and never makes a call.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::HeaderName;
use serde_json::{Value, json};

use super::file::{Auth, File, Scheme, Status};
use super::parts::Pointer;
use crate::domain::account::End;
use crate::domain::cause::Answered;
use crate::keys::fault::Flaw;
use crate::mapping::{Sheet, Sheets};
use crate::vendors::http::error_phrases::cause;

/// A checked pack.
pub struct Plan {
    /// The name in the configuration.
    name: String,
    /// The file's text, by which a reload tells whether it has changed.
    text: String,
    /// Whether samples beside the file prove it.
    pub(super) has_samples: bool,
    pub(super) title: &'static str,
    pub(super) file: File,
    pub(super) path: Sheet,
    pub(super) headers: Option<Sheet>,
    pub(super) body: Sheet,
    pub(super) probe: Option<Sheet>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.name).finish()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.text) == (&other.name, &other.text)
    }
}

/// The names that templates may use, with a value for each.
pub(super) fn names(values: [&str; 5], [account_id, key_id, webhook_url]: [Option<&str>; 3]) -> Value {
    let [to, from, text, mark, ticket] = values;
    let ticket = Some(ticket).filter(|ticket| !ticket.is_empty());
    json!({"to": to, "from": from, "text": text, "mark": mark, "ticket": ticket, "account_id": account_id,
        "key_id": key_id, "webhook_url": webhook_url})
}

impl Plan {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every fault of its templates, or else the first of its form.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, Flaw> {
        let flaw = |faults: Vec<String>| {
            Flaw::new(
                format!("names a pack with a fault: {}", faults.join("; ")),
                "Mend the file; docs/packs.md tells its form",
            )
        };
        let one = |what: String| flaw(vec![what]);
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            one(format!("{name}{line}: {}", error.message().replace('\n', " ")))
        })?;
        let sample =
            names(["+15550123456", "+15550100100", "Hi", "evt_1-1", "1"], [Some("a"), Some("k"), Some("https://a/")]);
        let sheets = Sheets::new(name, text, sample).map_err(|fault| one(fault.to_string()))?;
        let mut faults = Vec::new();
        let mut sheet = |keys: &[&str]| {
            sheets.sheet(keys).unwrap_or_else(|all| {
                faults.extend(all.0.iter().map(ToString::to_string));
                None
            })
        };
        let (path, headers, body) = (sheet(&["send", "path"]), sheet(&["send", "headers"]), sheet(&["send", "body"]));
        let probe = sheet(&["probe", "path"]);
        faults.extend(rules(&file).into_iter().map(|what| format!("{name}: {what}")));
        let (Some(path), Some(body), true) = (path, body, faults.is_empty()) else { return Err(flaw(faults)) };
        let title = interned(&file.title);
        let (name, text, has_samples) = (name.to_owned(), text.to_owned(), false);
        Ok(Self { name, text, has_samples, title, file, path, headers, body, probe })
    }

    /// Whether a text whose answer was lost can be sent again under its key: the vendor knows the key for longer than the
    /// bridge tries, where no pause and no stop of the bridge comes between.
    pub(super) fn repeats_safely(&self) -> bool {
        self.file.send.idempotency.as_ref().is_some_and(|key| key.hours >= HOURS_TRIED)
    }
}

/// How long the bridge tries a text, and some hours more.
const HOURS_TRIED: u32 = 30;

/// The faults that the form alone does not show.
fn rules(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let is_word = file.title.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let read = cause(&file.title, 400, "");
    let end = Answered::read(&read).map(|answered| answered.vendor);
    if !is_word || end != Some(End::Carrier) {
        faults.push(format!(
            "title: {:?} is no name for a carrier; write one word that begins with a capital letter",
            file.title
        ));
    }
    for name in file.send.headers.keys().filter(|name| HeaderName::try_from(name.as_str()).is_err()) {
        faults.push(format!("send.headers: {name:?} is no name of a header"));
    }
    let paths = [("send", Some(&file.send.path)), ("probe", file.probe.as_ref().map(|probe| &probe.path))];
    for (table, path) in paths.into_iter().filter_map(|(table, path)| Some((table, path?))) {
        faults.extend(bare_value(path).map(|value| {
            format!("{table}.path: {{{{{value}}}}} stands behind a `?` and may break the query; write {{{{ … | url_encode }}}}")
        }));
    }
    let answer = &file.answer;
    let lists =
        [("retry", &answer.retry), ("reject", &answer.reject), ("unknown", &answer.unknown), ("pause", &answer.pause)];
    for (name, status) in lists.iter().flat_map(|(name, list)| list.iter().map(move |status| (*name, *status))) {
        if !(300..=599).contains(&status) {
            faults.push(format!(
                "answer.{name}: {status} is no status of a refusal; a refusal within a success has a code"
            ));
        }
    }
    faults.extend(stars(file));
    faults.extend(webhook_rules(file));
    let words = &file.account;
    if words.secret.is_none() {
        faults.push("account.secret: is missing; say what the secret of a call is, such as \"the API key\"".to_owned());
    }
    if matches!(file.auth, Auth::Basic {}) && words.account_id.is_none() && words.key_id.is_none() {
        faults.push(
            "account: neither account_id nor key_id has words, and one of them is the user of basic authentication"
                .to_owned(),
        );
    }
    if let Auth::Hmac { signed, .. } = &file.auth
        && (signed.has("nonce") || signed.has("url"))
    {
        faults.push(
            "auth.signed: a call has no {nonce} and no {url}; its parts are {method}, {path}, {timestamp} and {body}"
                .to_owned(),
        );
    }
    let signs_url = match &file.webhook.signature {
        Scheme::Hmac { signed, timestamp, nonce, .. } => {
            if signed.has("timestamp") != timestamp.is_some() || signed.has("nonce") != nonce.is_some() {
                faults.push("webhook.signature: timestamp and nonce name headers whose values the signed text has, and no others".to_owned());
            }
            signed.has("url") || signed.has("path")
        }
        Scheme::FormHmac { .. } => true,
        Scheme::JwtHs256 { .. } | Scheme::Header { .. } => false,
    };
    if signs_url && words.webhook_url.is_none() {
        faults.push(
            "account.webhook_url: is missing, and the signature covers the address of the webhook; say what it is"
                .to_owned(),
        );
    }
    faults
}

/// Whether a path's template writes a query.
pub(super) fn has_query(template: &str) -> bool {
    template.contains('?')
}

/// The first value in a path's query that is not made fit for it.
fn bare_value(template: &str) -> Option<&str> {
    let (_, query) = template.split_once('?')?;
    let values = query.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
    let is_fit = |value: &str| {
        let filter = value.rsplit('|').next().unwrap_or_default();
        value.contains('|') && filter.trim_matches(|at: char| at == '-' || at.is_whitespace()) == "url_encode"
    };
    values.into_iter().find(|value| !is_fit(value))
}

/// The pointers that lead to one value and have a `*`, by which they would find none.
fn stars(file: &File) -> Vec<String> {
    let (answer, text, status) = (&file.answer, &file.webhook.text, file.webhook.status.as_ref());
    let of_status = |name: &'static str, of: fn(&Status) -> Option<&Pointer>| (name, status.and_then(of));
    let words = text.words.iter().map(|at| ("webhook.text.words", Some(at)));
    let single = [
        ("answer.id", Some(&answer.id)),
        ("answer.code", answer.code.as_ref()),
        ("webhook.text.id", Some(&text.id)),
        ("webhook.text.sender", Some(&text.sender)),
        ("webhook.text.line", text.line.as_ref()),
        ("webhook.text.kind", text.kind.as_ref()),
        of_status("webhook.status.state", |status| Some(&status.state)),
        of_status("webhook.status.id", |status| Some(&status.id)),
        of_status("webhook.status.recipient", |status| status.recipient.as_ref()),
        of_status("webhook.status.line", |status| status.line.as_ref()),
        of_status("webhook.status.mark", |status| status.mark.as_ref()),
        of_status("webhook.status.code", |status| status.code.as_ref()),
    ];
    let starred = single.into_iter().chain(words).filter_map(|(name, at)| Some((name, at.filter(|at| at.has_star())?)));
    let fault = |(name, at): (&str, &Pointer)| {
        format!("{name}: {} has a `*`, which stands for each value of a list in media alone", at.written())
    };
    starred.map(fault).collect()
}

/// The faults of the webhooks' table that its form alone does not show.
fn webhook_rules(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let webhook = &file.webhook;
    if webhook.text.kind.is_some() == webhook.text.wordless.is_empty() {
        faults.push(
            "webhook.text: kind and wordless belong together: the place of a text's kind, and the kinds without words"
                .to_owned(),
        );
    }
    let has_time = match &webhook.signature {
        Scheme::Hmac { timestamp, .. } => timestamp.is_some(),
        Scheme::JwtHs256 { .. } => true,
        Scheme::FormHmac { .. } | Scheme::Header { .. } => false,
    };
    if webhook.repeats_hours > 0 && !has_time {
        faults.push(
            "webhook.repeats_hours: the signature has no time, so that it never grows old; leave it out".to_owned(),
        );
    }
    if webhook.repeats_hours > HOURS_REPEATED_MAX {
        faults.push(format!(
            "webhook.repeats_hours: {} is more than {HOURS_REPEATED_MAX}, and a message that came twice is known for a week",
            webhook.repeats_hours
        ));
    }
    faults
}

/// The most hours for which a vendor may repeat a webhook with its first time: less than the keys of its messages are kept.
const HOURS_REPEATED_MAX: u32 = 144;

/// A title that lives as long as the bridge. The same title takes room once, however often the file is read.
fn interned(title: &str) -> &'static str {
    static TITLES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut titles = TITLES.lock().unwrap_or_else(PoisonError::into_inner);
    match titles.get(title) {
        Some(known) => known,
        None => {
            let title: &'static str = Box::leak(title.to_owned().into_boxed_str());
            titles.insert(title);
            title
        }
    }
}
