//! A customer's words in a template that does not escape them. The bytes are the words.
//!
//! Braze fills texts and names into webhook bodies as they are, so a text may hold quotation marks, braces and whole
//! keys. It may make the body unreadable; it may never choose the text's sender or recipient.

use tandem::domain::event::EventKind;
use tandem::intake::Intake;

use super::intake;

const ME: &str = "me-0417";

/// Templates with a hole (`TYPED`) where a customer's words go, and the door of each. All name [`ME`].
const TEMPLATES: [(&str, &str); 9] = [
    // The published recipe's first campaign: the text, then the name.
    (
        "/api/v2/tickets",
        "{\"ticket\":{\"subject\":\"Action Needed\",\"comment\":{\"body\":\"TYPED\"},\n\"requester\":{\"name\":\"Ada Lovelace\",\"user_fields\":{\"braze_external_id\":\"me-0417\"}},\n\"priority\":\"normal\",\"type\":\"problem\"}}",
    ),
    (
        "/api/v2/tickets",
        "{\"ticket\":{\"subject\":\"Action Needed\",\"comment\":{\"body\":\"Hi\"},\n\"requester\":{\"name\":\"TYPED Lovelace\",\"user_fields\":{\"braze_external_id\":\"me-0417\"}},\n\"priority\":\"normal\",\"type\":\"problem\"}}",
    ),
    // The same, in other orders.
    (
        "/api/v2/tickets",
        "{\"ticket\":{\"requester\":{\"user_fields\":{\"braze_external_id\":\"me-0417\"},\"name\":\"A\"},\"comment\":{\"body\":\"TYPED\"},\"tags\":[\"sms\"]}}",
    ),
    (
        "/api/v2/tickets",
        "{\"ticket\":{\"comment\":{\"body\":\"TYPED\"},\"tags\":[\"sms\"],\"requester\":{\"user_fields\":{\"braze_external_id\":\"me-0417\"}}}}",
    ),
    // Our own body, written as JSON: before, between and behind the ids; and with a list at its end.
    ("/webhooks/braze", "{\"text\":\"TYPED\",\"external_id\":\"me-0417\",\"braze_id\":\"me-0417\"}"),
    (
        "/webhooks/braze",
        "{\"external_id\":\"me-0417\",\"text\":\"TYPED\",\"braze_id\":\"me-0417\",\"category\":\"other\"}",
    ),
    ("/webhooks/braze", "{\"external_id\":\"me-0417\",\"braze_id\":\"me-0417\",\"text\":\"TYPED\"}"),
    (
        "/webhooks/braze",
        "{\"text\":\"TYPED\",\"external_id\":\"me-0417\",\"braze_id\":\"me-0417\",\"media\":[\"https://m.example/1\"]}",
    ),
    // A form that forgot to encode the text.
    ("/webhooks/braze", "text=TYPED&external_id=me-0417&braze_id=me-0417"),
];

/// For any words the text is from [`ME`], or has no sender.
pub fn check(data: &[u8]) {
    for (path, template) in TEMPLATES {
        let (before, after) = template.split_once("TYPED").unwrap();
        let body = [before.as_bytes(), data, after.as_bytes()].concat();
        let Some(Intake::Event { event, .. }) = intake::checked(path, &body) else { continue };
        let EventKind::CustomerText(text) = event.kind else { panic!("a customer caused a {}", event.kind.name()) };
        let customer = text.customer;
        let body = String::from_utf8_lossy(&body);
        assert_eq!(customer.external_id.as_deref(), Some(ME), "{body}");
        assert!(customer.carrier_id.is_none_or(|id| id == ME), "{body}");
    }
}
