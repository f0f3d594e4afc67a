//! Files: uploaded to go with a message, and those that customers sent. With private media, each needs the key to be read.

use bytes::Bytes;
use serde_json::json;

use super::super::server::{Answer, Request};
use super::api::{Outcome, Refusal, ok};
use super::app::Inner;
use super::model::{File, State};

/// The largest upload, in bytes.
const UPLOAD_MAX_BYTES: usize = 50 * 1024 * 1024;

impl Inner {
    pub(super) fn upload(&self, state: &mut State, request: &Request) -> Outcome {
        if request.param("access") != Some("public") {
            return Err(Refusal::bad("access should be equal to one of the allowed values"));
        }
        if request.body.len() > UPLOAD_MAX_BYTES {
            return Err(Refusal::new(413, "payload_too_large", "Request entity too large"));
        }
        let boundary = request.header("content-type").and_then(|kind| kind.split_once("boundary="));
        let file = boundary.and_then(|(_, boundary)| source(&request.body, boundary.trim_matches('"')));
        let file = file.ok_or_else(|| Refusal::bad("Bad request"))?;
        let kind = file.kind.clone();
        let address = self.keep(state, file);
        ok(201, &json!({"attachment": {"mediaUrl": address, "mediaType": kind}}))
    }

    /// Keeps a file; gives its address.
    pub(super) fn keep(&self, state: &mut State, file: File) -> String {
        let name = self.id();
        let address = format!("{}/attachments/v2/{name}", self.url);
        state.files.insert(name, file);
        address
    }

    pub(super) fn download(&self, state: &State, request: &Request, name: &str) -> Outcome {
        if self.options.private_media && !self.is_let_in(request) {
            return Err(Refusal::new(401, "unauthorized", "Authorization is required"));
        }
        let file = state.files.get(name).ok_or_else(|| Refusal::absent("not_found", "Attachment"))?;
        Ok(Answer { status: 200, headers: vec![("content-type".into(), file.kind.clone())], body: file.bytes.clone() })
    }
}

/// The part `source` of a form.
fn source(body: &Bytes, boundary: &str) -> Option<File> {
    let mark = format!("--{boundary}");
    let mut places = find_all(body, mark.as_bytes());
    let mut start = places.next()?;
    for end in places {
        let part = body.get(start.saturating_add(mark.len())..end)?;
        start = end;
        let Some(gap) = find_all(part, b"\r\n\r\n").next() else { continue };
        let head = String::from_utf8_lossy(part.get(..gap)?).to_ascii_lowercase();
        if head.contains("name=\"source\"") {
            let kind =
                head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or("application/octet-stream");
            let content = part.get(gap.saturating_add(4)..part.len().saturating_sub(2))?;
            return Some(File { kind: kind.trim().to_owned(), bytes: Bytes::copy_from_slice(content) });
        }
    }
    None
}

/// Every place of some bytes in others.
fn find_all<'a>(bytes: &'a [u8], sought: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let starts = 0..bytes.len();
    starts.filter(move |start| bytes.get(*start..).is_some_and(|rest| rest.starts_with(sought)))
}
