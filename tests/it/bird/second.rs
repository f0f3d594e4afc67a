//! The webhooks of Bird's second generation: a signature over the address, repeated for hours with its first time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tandem::vendors::bird::signature::{SECOND_SIGNATURE, SECOND_TIMESTAMP};

use super::{ADA, Site};

const ADDRESS: &str = "https://bridge.example.org/webhooks/bird";
const SECRET: &str = "second-signing-key-not-real";

/// The headers with which the second generation sends this body.
fn signed(at: Timestamp, body: &str) -> Vec<(String, String)> {
    let seconds = at.as_second().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{seconds}\n{ADDRESS}\n").as_bytes());
    mac.update(&Sha256::digest(body.as_bytes()));
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    vec![(SECOND_TIMESTAMP.to_owned(), seconds), (SECOND_SIGNATURE.to_owned(), signature)]
}

fn inbound(event: &str, id: &str, words: &str) -> String {
    json!({"service": "channels", "event": event, "payload": {
        "id": id, "channelId": "c", "direction": "incoming", "status": "delivered",
        "sender": {"contact": {"id": "p", "identifierKey": "phonenumber", "identifierValue": ADA}},
        "body": {"type": "text", "text": {"text": words}},
    }})
    .to_string()
}

/// A bridge that takes the second generation's webhooks as well.
async fn site() -> Site {
    let keys = format!("accept_generations = [2, 3]\nwebhook_url = \"{ADDRESS}\"\n");
    let mut site = Site::start_with(&keys).await;
    let both = format!("\", \"{SECRET}\"]\nsender");
    site.restart_with(|settings| settings.replace("\"]\nsender", &both)).await;
    site
}

#[tokio::test]
async fn a_text_is_taken_once_although_it_is_repeated_for_hours_and_is_answered_by_the_third_generation() {
    let site = site().await;
    let body = inbound("sms.inbound", "m1", "Hello");
    let headers = signed(site.bridge.clock.now(), &body);
    for (later, told) in [(0, "accepted"), (4, "duplicate"), (4, "duplicate")] {
        site.bridge.clock.advance(SignedDuration::from_hours(later));
        assert_eq!(site.post(&headers, &body).await.1["status"], told, "{later}");
        site.settled().await;
    }
    site.bridge.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(site.post(&headers, &body).await.0, 401, "after ten hours it is no repeat");
    assert_eq!(site.post(&signed(site.bridge.clock.now(), "{}"), &body).await.0, 401, "another body's signature");
    assert_eq!(site.comments(), [["Hello"]]);
    let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Hi Ada");
    site.settled().await;
    assert_eq!(site.words(), ["Hi Ada"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_whatsapp_message_names_no_number_and_is_kept() {
    let site = site().await;
    let body = inbound("whatsapp.inbound", "m2", "Hello");
    let headers = signed(site.bridge.clock.now(), &body);
    assert_eq!(site.post(&headers, &body).await.1["status"], "quarantined");
    assert_eq!(site.post(&headers, &body).await.1["status"], "duplicate");
    assert!(site.comments().is_empty());
}
