//! Reads the bodies that the bridge's own Zendesk triggers post to `/webhooks/zendesk`.
//!
//! A body names an event and its ticket. An agent's text is never taken from it, with one exception: a body with `text`
//! and without a comment comes from a published-recipe trigger that was pointed here.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::event::{AgentReply, CommentId, DedupeKey, EventKind, PhoneText, TicketChange, TicketId, UserId};
use crate::domain::inbound::Door;
use crate::domain::text;
use crate::intake::fields::{self, unreadable};
use crate::intake::signature::Verified;
use crate::intake::{Credential, Posted, RawWebhook, Reading, Refusal, Source, Stop};
use crate::vendors::zendesk::recipe;
use crate::vendors::zendesk::signature::{self, Secrets, Signed};

/// The event of the test webhook that `tandem check --live` has Zendesk send. It proves only that webhooks arrive.
pub const CHECK_EVENT: &str = "tandem_check";

/// Names one call of a Zendesk webhook, and is the same for every attempt of it. Opaque.
pub const ZENDESK_INVOCATION: &str = "x-zendesk-webhook-invocation-id";

/// The longest invocation id that is indexed. Zendesk's have 26 characters today.
const INVOCATION_MAX_BYTES: usize = 200;

/// The webhooks of one account: those of the bridge's own triggers, and of the published recipe's.
pub struct Webhooks {
    secrets: Arc<Secrets>,
}

impl Webhooks {
    /// The webhooks of an account that signs with one of these secrets, within this tolerance of the bridge's time, either
    /// way. An empty secret matches nothing.
    #[must_use]
    pub fn new(signing: Vec<SecretString>, tolerance: Duration) -> Self {
        Self { secrets: Arc::new(Secrets { signing, tolerance }) }
    }
}

impl Source for Webhooks {
    fn admit(&self, _door: Door, headers: &HeaderMap) -> Result<Credential, Refusal> {
        Ok(Credential::Seal(Box::new(Signed::of(headers, &self.secrets)?)))
    }

    fn read(&self, posted: &Posted<'_>) -> Reading {
        match posted.door {
            Door::Desk => read(posted.verified),
            Door::RecipeSend => recipe::read_send(posted.verified),
            Door::Carrier | Door::RecipeNewTicket | Door::RecipeAppend | Door::Reports => {
                Reading::unreadable("a desk posts nothing there")
            }
        }
    }

    fn call_keys(&self, webhook: &RawWebhook) -> Vec<DedupeKey> {
        call_keys(webhook).collect()
    }
}

fn read(verified: &Verified<'_>) -> Reading {
    let outcome = fields::object(verified.body()).and_then(|body| read_object(&body));
    let mut dedupe = Vec::new();
    if let Ok(EventKind::AgentReply(AgentReply { ticket_id, comment_id: Some(comment_id), .. })) = &outcome {
        dedupe.push(DedupeKey::Comment(*ticket_id, *comment_id));
    }
    Reading { dedupe, outcome }
}

fn read_object(body: &Map<String, Value>) -> Result<EventKind, Stop> {
    let Some(name) = fields::line(body, "event") else { return Err(unreadable("`event` names no event")) };
    if name == CHECK_EVENT {
        return Err(Stop::Ignored("test"));
    }
    if !matches!(name.as_str(), "agent_reply" | "ticket_solved" | "ticket_reopened") {
        return Err(Stop::Ignored("unknown event"));
    }
    let ticket_id =
        fields::number(body, "ticket_id")?.map(TicketId).ok_or_else(|| unreadable("`ticket_id` is blank"))?;
    let external_user_id = fields::id(body, "external_user_id")?;
    // Older triggers name no requester, and an unreadable one counts as none, because the ticket is read anyway.
    let requester_id = fields::number(body, "requester_id").ok().flatten().map(UserId);
    let change = TicketChange { ticket_id, external_user_id, requester_id };
    match name.as_str() {
        "agent_reply" => read_reply(body, change),
        "ticket_solved" => Ok(EventKind::TicketSolved(change)),
        _ => Ok(EventKind::TicketReopened(change)),
    }
}

fn read_reply(body: &Map<String, Value>, about: TicketChange) -> Result<EventKind, Stop> {
    let TicketChange { ticket_id, external_user_id, requester_id } = about;
    let comment_id = fields::number(body, "comment_id")?.map(CommentId);
    if comment_id.is_none()
        && let Some(text) = fields::text(body, "text")?
    {
        let text = text::visible(text::strip_comment_header(&text));
        if text.trim().is_empty() {
            return Err(unreadable("`text` holds nothing but Zendesk's comment header"));
        }
        return Ok(EventKind::PhoneText(PhoneText {
            ticket_id: Some(ticket_id),
            comment_id: None,
            external_user_id,
            requester_id,
            text,
            agent_name: fields::line(body, "agent_name"),
            attachments: Vec::new(),
            recipe: None,
            caught_up: false,
            written_at: None,
        }));
    }
    Ok(EventKind::AgentReply(AgentReply { ticket_id, comment_id, external_user_id, requester_id, caught_up: None }))
}

/// The dedupe keys of one call of a Zendesk webhook: its invocation id, which every attempt repeats under a new
/// signature, and the signed bytes. The signature does not cover the invocation id, so a recorded request may come
/// again under another id.
fn call_keys(webhook: &RawWebhook) -> impl Iterator<Item = DedupeKey> {
    let invocation = webhook
        .headers
        .get(ZENDESK_INVOCATION)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|id| !id.is_empty() && id.len() <= INVOCATION_MAX_BYTES);
    let invocation = invocation.map(|id| DedupeKey::Invocation(id.to_owned()));
    invocation.into_iter().chain([DedupeKey::SignedRequest(signed_digest(webhook))])
}

/// SHA-256 over the timestamp and the body, in the signed order, in hexadecimal.
fn signed_digest(webhook: &RawWebhook) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut hasher = Sha256::new();
    if let Some(timestamp) = webhook.headers.get(signature::ZENDESK_TIMESTAMP) {
        hasher.update(timestamp.as_bytes());
    }
    hasher.update(&webhook.body);
    let digest = hasher.finalize();
    let mut text = String::with_capacity(2 * digest.len());
    text.extend(digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    text
}
