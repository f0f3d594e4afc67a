//! No field that a customer chooses is a placeholder to Zendesk: not the text, not the subject, no attribute of the user.

use serde_json::{Value, json};

use crate::inbound::{end, post, ticket_of, user};
use crate::support::TestBridge;

/// Every text anywhere in a body.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(members) => members.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[tokio::test]
async fn the_names_and_addresses_of_a_customer_reach_zendesk_without_live_braces() {
    let bridge = TestBridge::start().await;
    let customer = json!({"external_id": "c1", "braze_id": "b1", "phone": "+1555{{ticket.id}}",
        "email": "{{ticket.requester.phone}}@example.com", "first_name": "{{ticket.requester.phone}}",
        "last_name": "{% if true %}{", "text": "{{ticket.title}}", "subject": "{{ticket.id}}"});
    post(&bridge, &customer).await;
    let ticket = ticket_of(&bridge, "c1");
    let made = user(&bridge, ticket.requester_id);
    assert_eq!(made.name.trim_end(), "{ {ticket.requester.phone}} { % if true %}{", "readable, and not a placeholder");
    assert_eq!((made.email, made.phone), (None, None), "an address with a placeholder in it stays in Braze");
    let calls = bridge.sandbox.zendesk.calls();
    let live: Vec<&str> = calls
        .iter()
        .filter(|call| call.method != "GET")
        .flat_map(|call| texts(&call.body))
        .filter(|text| text.contains("{{") || text.contains("{%"))
        .collect();
    assert_eq!(live, Vec::<&str>::new());
    end(bridge, 0).await;
}

#[tokio::test]
async fn blanks_of_a_user_are_not_filled_with_placeholders() {
    let bridge = TestBridge::start().await;
    let known = tandem::sandbox::zendesk::User { external_id: Some("c1".into()), ..Default::default() };
    let known = bridge.sandbox.zendesk.add_user(known);
    let customer =
        json!({"external_id": "c1", "phone": "+1555{{ticket.id}}", "email": "{%a%}@example.com", "text": "hi"});
    post(&bridge, &customer).await;
    let found = user(&bridge, known);
    assert_eq!(ticket_of(&bridge, "c1").requester_id, known);
    assert_eq!((found.email, found.phone), (None, None));
    end(bridge, 0).await;
}
