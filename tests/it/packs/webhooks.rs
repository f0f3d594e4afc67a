//! Webhooks of a pack's vendor: repeated, forged, stale, too long and unreadable ones.

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::pack::Dialect;
use tandem::sandbox::sender::AttemptResult;

use super::{ADA, DIALECTS, NUMBER, Site};

impl Site {
    /// A webhook of a text that was not sent: its headers and its body.
    fn withheld(&self, words: &str) -> (Vec<(String, String)>, String) {
        self.api.pause_webhooks();
        self.api.text(ADA, NUMBER, words, &[]);
        let webhook = self.api.take_held_webhooks().remove(0);
        (webhook.headers(self.bridge.clock.now()), webhook.body)
    }
}

#[tokio::test]
async fn a_repeated_webhook_is_one_text() {
    for dialect in DIALECTS {
        let site = Site::start(dialect).await;
        let (headers, body) = site.withheld("Hello");
        let (status, told) = site.post(&headers, &body).await;
        assert_eq!((status, &told["status"]), (202, &json!("accepted")));
        // The vendor signs anew when it repeats.
        let (status, told) = site.post(&site.api.sign(&body), &body).await;
        assert_eq!((status, &told["status"]), (202, &json!("duplicate")));
        site.bridge.settled().await;
        let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
        assert_eq!(site.bridge.comments(ticket), ["Hello"], "{dialect:?}");
        site.bridge.finish(0).await;
    }
}

#[tokio::test]
async fn forged_and_oversized_webhooks_come_to_nothing() {
    for dialect in DIALECTS {
        let site = Site::start(dialect).await;
        let (headers, body) = site.withheld("Hello");
        let other = |value: &str| {
            let at = value.len() - 10;
            let letter = if value[at..].starts_with('A') { "B" } else { "A" };
            format!("{}{letter}{}", &value[..at], &value[at + 1..])
        };
        let changed: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), other(value))).collect();
        for (headers, body) in [
            (changed, body.clone()),
            (headers.clone(), format!("{body} ")),
            (headers.clone(), String::new()),
            (Vec::new(), body.clone()),
        ] {
            let (status, told) = site.post(&headers, &body).await;
            // Vonage repeats no webhook after a 401.
            let refused = match dialect {
                Dialect::Twilio => (401, json!({"error": "not authorized"})),
                Dialect::Vonage => (503, json!({"error": "cannot take this now; please try again"})),
            };
            assert_eq!((status, told), refused, "{dialect:?}: {headers:?}");
        }
        let long = format!("{body}{}", "a".repeat(256 * 1024));
        assert_eq!(site.post(&headers, &long).await.0, 413);
        assert!(site.bridge.deliveries("").await.is_empty() && site.bridge.sandbox.zendesk.tickets().is_empty());
        assert_eq!(site.post(&headers, &body).await.0, 202, "the right one");
        site.bridge.settled().await;
        site.bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_that_met_the_wrong_secret_comes_in_once_that_is_mended() {
    let mut site = Site::start(Dialect::Vonage).await;
    let right = site.options.signing_secret.clone();
    site.bridge.restart_with(|settings| settings.replace(&right, "the-secret-of-last-year-0123456789")).await;
    site.api.connect(&site.bridge.public);
    let text = site.api.text(ADA, NUMBER, "Hello", &[]);
    site.bridge.until("the webhook is refused", |_| !site.api.webhooks_delivered().is_empty()).await;
    let first = &site.api.webhooks_delivered()[0].result;
    assert!(matches!(first, AttemptResult::Answered { status: 503, .. }), "the vendor repeats no 401: {first:?}");
    site.bridge.restart_with(|settings| settings.replace("the-secret-of-last-year-0123456789", &right)).await;
    site.api.connect(&site.bridge.public);
    // The vendor repeats for a day, the embedded one for an instant.
    assert!(site.api.repeat_webhook(&text));
    site.settled().await;
    let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
    assert_eq!(site.bridge.comments(ticket), ["Hello"]);
    site.finish(0).await;
}

#[tokio::test]
async fn an_old_token_is_refused_and_a_changed_body_has_another_digest() {
    let site = Site::start(Dialect::Vonage).await;
    let (headers, body) = site.withheld("Hello");
    assert_eq!(site.post(&headers, &body.replace("Hello", "Other")).await.0, 503);
    site.bridge.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(site.post(&headers, &body).await.0, 503);
    assert!(site.bridge.sandbox.zendesk.tickets().is_empty());
    assert_eq!(site.post(&site.api.sign(&body), &body).await.0, 202);
    site.bridge.settled().await;
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_malformed_body_of_the_vendors_own_is_kept_and_an_unknown_event_is_ignored() {
    let site = Site::start(Dialect::Twilio).await;
    for (body, told) in [
        ("MessageSid=SM1&To=%2B15550100100&Body=Hi", "quarantined"),
        ("MessageSid=SM1&From=%2B15550123456&To=%2B15550199999&Body=Hi", "quarantined"),
        ("MessageSid=SM1&MessageStatus=receiving", "ignored"),
        ("CallSid=CA1", "ignored"),
    ] {
        let (status, answer) = site.post(&site.api.sign(body), body).await;
        assert_eq!((status, answer["status"].as_str()), (202, Some(told)), "{body}");
    }
    assert_eq!(site.bridge.deliveries("state=quarantined").await.len(), 2);
}
