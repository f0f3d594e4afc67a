//! The doors of both generations of the API: who is let in, which call is meant, and how a refusal is spelled.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::app::Inner;
use super::model::State;

/// The largest body that is no upload, in bytes.
const JSON_MAX_BYTES: usize = 100 * 1024;

/// The largest metadata, in bytes.
const METADATA_MAX_BYTES: usize = 4096;

/// A refusal, as the second generation spells it. The first has words of its own, made of the same parts.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    title: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, title: impl Into<String>) -> Self {
        Self { status, code, title: title.into() }
    }

    pub(super) fn bad(title: impl Into<String>) -> Self {
        Self::new(400, "bad_request", title)
    }

    /// Something that the app does not have: `user_not_found` and the like.
    pub(super) fn absent(code: &'static str, what: &str) -> Self {
        Self::new(404, code, format!("{what} not found"))
    }

    fn spelled(self, is_first: bool) -> Answer {
        let Self { status, code, title } = self;
        match is_first {
            true => Answer::json(status, &json!({"error": {"code": code, "description": title}})),
            false => Answer::json(status, &json!({"errors": [{"code": code, "title": title}]})),
        }
    }
}

/// The answer to a call, or its refusal.
pub(super) type Outcome = Result<Answer, Refusal>;

/// An answer with this object.
pub(super) fn ok(status: u16, body: &Value) -> Outcome {
    Ok(Answer::json(status, body))
}

impl Inner {
    pub(super) fn route(&self, state: &mut State, request: &Request) -> Answer {
        let decoded: Vec<String> = request.path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let path: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let is_first = path.get(1) == Some(&"v1.1");
        let outcome = match path.strip_prefix(&["sc"]) {
            Some(["attachments", "v2", name]) => self.download(state, request, name),
            Some([version @ ("v1.1" | "v2"), "apps", app, rest @ ..]) => {
                self.let_in(state, request, app).and_then(|()| self.call(state, request, version, rest))
            }
            Some(_) | None => Err(Refusal::absent("not_found", "Resource")),
        };
        let answer = outcome.unwrap_or_else(|refusal| refusal.spelled(is_first));
        if answer.status == 429 { answer.with("retry-after", 1) } else { answer }
    }

    /// Whether the key is presented.
    pub(super) fn is_let_in(&self, request: &Request) -> bool {
        let key = BASE64.encode(format!("{}:{}", self.options.key_id, self.options.secret));
        request.header("authorization").and_then(|header| header.strip_prefix("Basic ")) == Some(key.as_str())
    }

    fn let_in(&self, state: &mut State, request: &Request, app: &str) -> Result<(), Refusal> {
        if !self.is_let_in(request) {
            return Err(Refusal::new(401, "unauthorized", "Authorization is required"));
        }
        if app != self.options.app_id {
            return Err(Refusal::absent("app_not_found", "App"));
        }
        if state.calls_left == Some(0) {
            return Err(Refusal::new(429, "too_many_requests", "Too many requests"));
        }
        state.calls_left = state.calls_left.map(|left| left.saturating_sub(1));
        let is_upload = request.path.ends_with("/attachments");
        if !is_upload && request.body.len() > JSON_MAX_BYTES {
            return Err(Refusal::new(413, "payload_too_large", "Request entity too large"));
        }
        Ok(())
    }

    fn call(&self, state: &mut State, request: &Request, version: &str, path: &[&str]) -> Outcome {
        let body = body(request);
        check_metadata(&body["metadata"])?;
        match (version, request.method.as_str(), path) {
            ("v1.1", "POST", ["notifications"]) => self.notify(state, &body),
            ("v1.1", method, ["webhooks", rest @ ..]) => self.first_webhooks(state, method, rest, &body),
            ("v1.1", method, ["integrations", id, "messageTemplates", rest @ ..]) => {
                self.message_templates(state, request, method, id, rest, &body)
            }
            ("v2", "GET", []) => {
                ok(200, &json!({"app": {"id": self.options.app_id, "displayName": "Sandbox", "metadata": {}}}))
            }
            ("v2", method, ["users", rest @ ..]) => self.users(state, request, method, rest, &body),
            ("v2", method, ["conversations", rest @ ..]) => self.conversations(state, request, method, rest, &body),
            ("v2", method, ["integrations", rest @ ..]) => self.integrations(state, request, method, rest, &body),
            ("v2", method, ["switchboards", rest @ ..]) => self.switchboards(state, method, rest, &body),
            ("v2", "POST", ["attachments"]) => self.upload(state, request),
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }
}

/// The body, where it is declared as JSON; null otherwise.
fn body(request: &Request) -> Value {
    let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if is_json { request.json() } else { Value::Null }
}

fn decode(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// Metadata is flat and small.
fn check_metadata(metadata: &Value) -> Result<(), Refusal> {
    let is_flat = match metadata {
        Value::Null => true,
        Value::Object(fields) => {
            fields.values().all(|value| value.is_string() || value.is_number() || value.is_boolean())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    };
    if !is_flat {
        return Err(Refusal::bad("metadata should be a flat object of strings, numbers and booleans"));
    }
    if metadata.to_string().len() > METADATA_MAX_BYTES {
        return Err(Refusal::bad(format!("metadata is limited to {METADATA_MAX_BYTES} bytes in size.")));
    }
    Ok(())
}

/// A field of text that is not blank.
pub(super) fn field<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body[name].as_str().filter(|text| !text.is_empty())
}

/// A field of text that has to be there.
pub(super) fn needed<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    field(body, name).ok_or_else(|| Refusal::bad(format!("should have required property '{name}'")))
}

/// The place of a page in a list.
pub(super) struct Paging<'a> {
    /// The name of the list.
    pub(super) name: &'a str,
    /// The size of a page that names none, and whether a call may name one.
    pub(super) size: usize,
    pub(super) is_fixed: bool,
    /// Whether the first page is the last of the list.
    pub(super) from_end: bool,
}

/// A list of the usual size.
pub(super) fn listed(name: &str) -> Paging<'_> {
    Paging { name, size: 25, is_fixed: false, from_end: false }
}

impl Inner {
    /// One page of a list, by the ids of its records.
    pub(super) fn page(&self, request: &Request, paging: &Paging<'_>, records: &[Value]) -> Outcome {
        let refused = || Refusal::bad("Invalid page query parameters");
        let (after, before) = (request.param("page[after]"), request.param("page[before]"));
        let asked = request.param("page[size]").filter(|_| !paging.is_fixed).map(str::parse::<usize>).transpose();
        let size = asked.map_err(|_| refused())?.unwrap_or(paging.size);
        if !(1..=100).contains(&size) || (after.is_some() && before.is_some()) {
            return Err(refused());
        }
        let place = |id: &str| records.iter().position(|record| record["id"] == id).ok_or_else(refused);
        let (start, end, is_back) = match (after, before) {
            (Some(after), _) => {
                let start = place(after)?.saturating_add(1);
                (start, start.saturating_add(size).min(records.len()), false)
            }
            (None, Some(before)) => {
                let end = place(before)?;
                (end.saturating_sub(size), end, true)
            }
            (None, None) if paging.from_end => (records.len().saturating_sub(size), records.len(), true),
            (None, None) => (0, size.min(records.len()), false),
        };
        let page = records.get(start..end).unwrap_or_default();
        let (has_before, has_after) = (start > 0 && !page.is_empty(), end < records.len() && !page.is_empty());
        let (mut meta, mut links) = (json!({"hasMore": if is_back { has_before } else { has_after }}), json!({}));
        let base = format!("{}{}", self.url, request.path.trim_start_matches("/sc"));
        if let Some(id) = page.first().filter(|_| has_before).and_then(|record| record["id"].as_str()) {
            meta["beforeCursor"] = id.into();
            links["prev"] = format!("{base}?page[before]={id}").into();
        }
        if let Some(id) = page.last().filter(|_| has_after).and_then(|record| record["id"].as_str()) {
            meta["afterCursor"] = id.into();
            links["next"] = format!("{base}?page[after]={id}").into();
        }
        let mut answer = json!({"meta": meta, "links": links});
        answer[paging.name] = page.into();
        ok(200, &answer)
    }
}
