//! Webhooks for the properties of the intake, and the rules for every reading at any door.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};
use jiff::Timestamp;
use tandem::domain::account::End;
use tandem::domain::event::{CustomerText, Event, EventKind, PhoneText};
use tandem::intake::signature::TANDEM_TOKEN;
use tandem::intake::{self, Intake, RawWebhook, Senders};
use tandem::vendors::sources::FirstAccounts;
use tandem::vendors::zendesk::signature::{ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP, zendesk_signature};

pub(super) const SECRET: &str = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=";
pub(super) const TOKEN: &str = "q9Zr-a-token-that-no-input-holds-by-chance";
pub(super) const NOW: &str = "2026-11-21T12:00:00Z";
pub(super) const USER_FIELD: &str = "braze_external_id";

/// The longest values that the intake lets through, as documented.
const ID_MAX_CHARS: usize = 255;
const LINE_MAX_CHARS: usize = 255;
const TEXT_MAX_BYTES: usize = 32 * 1024;
const MEDIA_MAX: usize = 10;

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn options() -> FirstAccounts {
    FirstAccounts {
        zendesk_secrets: vec!["another secret".into(), SECRET.into()],
        zendesk_tolerance: Duration::from_secs(600),
        braze_tokens: vec!["k3Xw-one-more-that-no-input-holds".into(), TOKEN.into()],
        user_field: USER_FIELD.to_owned(),
        currents: Default::default(),
    }
}

/// A webhook without any proof of its sender; `None` when this is no path, or no door is at it.
pub(super) fn webhook(path: &str, body: &[u8]) -> Option<RawWebhook> {
    let uri: Uri = path.parse().ok()?;
    Some(RawWebhook {
        endpoint: Senders::from(options()).at(uri.path())?,
        method: Method::POST,
        uri,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
        received_at: now(),
    })
}

/// The same with the right signature or token.
pub(super) fn authentic(path: &str, body: &[u8]) -> Option<RawWebhook> {
    let mut webhook = webhook(path, body)?;
    if webhook.endpoint.end() == End::Desk {
        let signature = zendesk_signature(&SECRET.into(), NOW, body);
        webhook.headers.insert(ZENDESK_SIGNATURE, HeaderValue::from_str(&signature).unwrap());
        webhook.headers.insert(ZENDESK_TIMESTAMP, HeaderValue::from_static(NOW));
    } else {
        webhook.headers.insert(TANDEM_TOKEN, HeaderValue::from_static(TOKEN));
    }
    Some(webhook)
}

/// Reads a webhook as a request is read: the headers first.
pub(super) fn read(webhook: &RawWebhook, options: &FirstAccounts) -> Intake {
    let senders = Senders::from(options.clone());
    let source = senders.source(webhook.endpoint.account).unwrap();
    match source.admit(webhook.endpoint.door, &webhook.headers) {
        Ok(credential) => intake::read(webhook, &credential, source),
        Err(why) => Intake::Refused { why },
    }
}

/// Reads an authentic webhook and checks the rules for each: it ends as an event, ignored or quarantined and never
/// refused; the same bytes always mean the same; a quarantined body is kept byte for byte and reads no better later; an
/// event is clean, bounded and survives the store. `None` when this is no path, or no door is at it.
pub(super) fn checked(path: &str, body: &[u8]) -> Option<Intake> {
    let webhook = authentic(path, body)?;
    let options = options();
    let intake = read(&webhook, &options);
    assert_eq!(read(&webhook, &options), intake, "the same webhook was read in two ways");
    match &intake {
        Intake::Refused { why } => panic!("an authentic body was refused: {why}"),
        Intake::Reports(_) => panic!("no door for reports is tried"),
        Intake::Ignored { reason } => assert!(!reason.is_empty()),
        Intake::Quarantined { event, cause, .. } => kept_whole(&webhook, event, cause, &options),
        Intake::Event { event, .. } => {
            sound(&event.kind);
            let stored = serde_json::to_vec(event).unwrap();
            assert!(
                serde_json::from_slice::<Event>(&stored).unwrap() == *event,
                "the store would give back another event"
            );
        }
    }
    Some(intake)
}

fn kept_whole(webhook: &RawWebhook, event: &Event, cause: &str, options: &FirstAccounts) {
    let EventKind::Unreadable(kept) = &event.kind else { panic!("quarantined as {}", event.kind.name()) };
    assert!(STANDARD.decode(&kept.body).unwrap() == webhook.body, "the kept body is not the one that came");
    assert_eq!((kept.path.as_str(), kept.method.as_str()), (webhook.uri.path(), webhook.method.as_str()));
    assert!(!cause.is_empty() && cause.len() <= 200 && !cause.chars().any(char::is_control), "{cause:?}");
    match Senders::from(options.clone()).reread(kept, webhook.received_at) {
        Intake::Quarantined { event: again, cause: same, .. } => assert!(again == *event && same == cause),
        Intake::Event { .. } | Intake::Reports(_) | Intake::Ignored { .. } | Intake::Refused { .. } => {
            panic!("a second look saw more")
        }
    }
}

/// The promises of every reader about an event, so that later code need not look again.
fn sound(kind: &EventKind) {
    match kind {
        EventKind::CustomerText(text) => sound_customer_text(text),
        EventKind::PhoneText(text) => sound_phone_text(text),
        EventKind::AgentReply(reply) => {
            assert!(reply.ticket_id.0 > 0 && reply.comment_id.is_none_or(|id| id.0 > 0));
            reply.external_user_id.iter().for_each(|id| is_id(id));
        }
        EventKind::TicketSolved(change) | EventKind::TicketReopened(change) => {
            assert!(change.ticket_id.0 > 0);
            change.external_user_id.iter().for_each(|id| is_id(id));
        }
        EventKind::Template(_) | EventKind::Note(_) | EventKind::Unreadable(_) => {
            panic!("no sender can cause a {}", kind.name())
        }
    }
}

fn sound_customer_text(text: &CustomerText) {
    let customer = &text.customer;
    [&customer.external_id, &customer.carrier_id, &text.line].into_iter().flatten().for_each(|id| is_id(id));
    let fields = &text.fields;
    [&customer.phone, &customer.email, &customer.first_name, &customer.last_name, &fields.subject]
        .into_iter()
        .flatten()
        .for_each(|line| is_line(line));
    [&text.category, &text.channel].into_iter().for_each(|line| is_line(line));
    is_text(&text.text);
    assert!(!text.text.trim().is_empty() || !text.media.is_empty(), "a text that says nothing");
    assert!(text.media.len() <= MEDIA_MAX);
    for link in &text.media {
        assert!(
            link.to_ascii_lowercase().starts_with("http")
                && !link.contains(|c: char| c.is_whitespace() || c.is_control())
        );
    }
    assert!(text.ticket_id.is_none_or(|id| id.0 > 0));
    // It has a sender: a customer, or the requester of a ticket.
    assert!(customer.external_id.is_some() || customer.carrier_id.is_some() || text.ticket_id.is_some());
}

fn sound_phone_text(text: &PhoneText) {
    is_text(&text.text);
    assert!(!text.text.trim().is_empty(), "a text that says nothing");
    text.external_user_id.iter().for_each(|id| is_id(id));
    text.agent_name.iter().for_each(|name| is_line(name));
    text.recipe.iter().for_each(|recipe| is_id(&recipe.campaign_id));
    assert!(text.ticket_id.is_none_or(|id| id.0 > 0));
    // It has a recipient.
    assert!(text.ticket_id.is_some() || text.external_user_id.is_some());
}

fn is_id(id: &str) {
    assert!(!id.is_empty() && id.trim() == id && id.chars().count() <= ID_MAX_CHARS, "{id:?}");
    assert!(!id.chars().any(char::is_control) && !id.contains("{{"), "{id:?}");
}

fn is_line(line: &str) {
    assert!(!line.is_empty() && line.trim() == line && line.chars().count() <= LINE_MAX_CHARS, "{line:?}");
    assert!(!line.chars().any(char::is_control), "{line:?}");
}

fn is_text(text: &str) {
    assert!(text.len() <= TEXT_MAX_BYTES);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
}
