//! Zendesk's log of its webhooks' calls: tandem's webhooks, and the outcome of each call. Never writes.
//!
//! The webhooks' pages are not part of Zendesk's published description of its API. The shapes are those of recorded
//! traffic, so every field that is not needed may be missing. Zendesk keeps the log for seven days and lists it newest
//! first. Source: <https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/>.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::domain::event::{CommentId, TicketId, UserId};
use crate::ports::Failure;
use crate::ports::desk::{Fate, Invocation, Invocations, LostWebhook, WebhookLog};
use crate::vendors::http::exchange::Request;

use super::{PAGE, Zendesk};
use crate::vendors::zendesk::limits;

/// Pages of webhooks that are read. Accounts have far fewer webhooks.
const WEBHOOK_PAGES_MAX: usize = 3;

/// Pages of the log that one look reads: 500 calls. Beyond that [`Invocations::more`] is true.
const LOG_PAGES_MAX: usize = 5;

/// Zendesk's word for a call that its circuit breaker stopped.
const CIRCUIT_BROKEN: &str = "circuit broken";

/// The states that a call has not been seen to leave. `terminated` is undocumented but recorded.
pub const GIVEN_UP: [&str; 6] = [CIRCUIT_BROKEN, "timeout", "failed", "terminated", "client error", "server error"];

fn fate_of(status: &str) -> Fate {
    match GIVEN_UP.into_iter().find(|word| *word == status) {
        Some(CIRCUIT_BROKEN) => Fate::Withheld(CIRCUIT_BROKEN),
        Some(word) => Fate::GivenUp(word),
        None => Fate::Fine,
    }
}

#[derive(Deserialize)]
struct WebhookJson {
    id: String,
    endpoint: String,
}

#[derive(Deserialize)]
struct InvocationJson {
    id: String,
    status: String,
    latest_completed_at: Option<Timestamp>,
}

#[async_trait]
impl WebhookLog for Zendesk {
    async fn webhooks_to(&self, address: &Url) -> Result<Vec<String>, Failure> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..WEBHOOK_PAGES_MAX {
            let request = page(Request::get(limits::SEARCH, "/api/v2/webhooks"), cursor.as_deref());
            let answer = self.call(&request).await?;
            let webhooks: Vec<WebhookJson> = self.part(&request, &answer, "webhooks")?;
            found.extend(webhooks.into_iter().filter(|webhook| leads_to(&webhook.endpoint, address)).map(|w| w.id));
            cursor = self.next_page(&request, &answer)?;
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// At most 500 calls.
    async fn invocations(&self, webhook: &str, since: Timestamp) -> Result<Invocations, Failure> {
        let (mut calls, mut cursor) = (Vec::new(), None::<String>);
        let path = format!("/api/v2/webhooks/{webhook}/invocations");
        for _ in 0..LOG_PAGES_MAX {
            let request = Request::get(limits::SEARCH, path.as_str())
                .query("filter[from_ts]", since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                .query("sort", "-latest_completed_at");
            let request = page(request, cursor.as_deref());
            let answer = self.call(&request).await?;
            let page: Vec<InvocationJson> = self.part(&request, &answer, "invocations")?;
            calls.extend(page.into_iter().filter_map(|call| {
                let fate = fate_of(&call.status);
                // A call without a completion is still under way.
                Some(Invocation { webhook: webhook.to_owned(), id: call.id, fate, at: call.latest_completed_at? })
            }));
            cursor = self.next_page(&request, &answer)?;
            if cursor.is_none() {
                break;
            }
        }
        // Zendesk does not document which time the filter compares.
        calls.retain(|call: &Invocation| call.at.saturating_add(Duration::from_secs(1)).is_ok_and(|at| at >= since));
        Ok(Invocations { calls, more: cursor.is_some() })
    }

    async fn lost_webhook(&self, call: &Invocation) -> Result<Option<LostWebhook>, Failure> {
        let path = format!("/api/v2/webhooks/{}/invocations/{}/attempts", call.webhook, call.id);
        let request = Request::get(limits::SEARCH, path);
        let answer = self.call(&request).await?;
        let attempts: Vec<Value> = self.part(&request, &answer, "attempts")?;
        Ok(attempts.iter().filter_map(|attempt| attempt["request"]["payload"].as_str()).find_map(read_body))
    }
}

/// Whether an endpoint is this address or lies below it.
fn leads_to(endpoint: &str, address: &Url) -> bool {
    let Ok(endpoint) = Url::parse(endpoint) else { return false };
    let below = endpoint.path().strip_prefix(address.path().trim_end_matches('/'));
    endpoint.origin() == address.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Asks for a page: <https://developer.zendesk.com/api-reference/introduction/pagination/>.
fn page(request: Request, cursor: Option<&str>) -> Request {
    let request = request.query("page[size]", PAGE.to_string());
    match cursor {
        Some(cursor) => request.query("page[after]", cursor),
        None => request,
    }
}

/// The ids in a body of tandem's own triggers. A body of the published recipe names its ticket among the attributes,
/// and never its comment.
fn read_body(payload: &str) -> Option<LostWebhook> {
    let body: Value = serde_json::from_str(payload).ok()?;
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|id| *id > 0);
    let ticket_id = number(&body["ticket_id"])
        .or_else(|| number(&body["recipients"][0]["attributes"]["zendesk_ticket"]))
        .map(TicketId)?;
    let comment_id = number(&body["comment_id"]).filter(|_| body["event"] == "agent_reply").map(CommentId);
    // Without a comment the time of the requester is unknown.
    let requester_id = comment_id.and_then(|_| number(&body["requester_id"])).map(UserId);
    Some(LostWebhook { ticket_id, comment_id, requester_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_posts_to_us_is_ours() {
        let ours = Url::parse("https://bridge.example/tandem").unwrap();
        let cases = [
            ("https://bridge.example/tandem/webhooks/zendesk", true),
            ("https://BRIDGE.example:443/tandem/campaigns/trigger/send", true),
            ("https://bridge.example/tandem", true),
            ("https://bridge.example/tandem2/webhooks/zendesk", false),
            ("https://bridge.example/webhooks/zendesk", false),
            ("http://bridge.example/tandem/webhooks/zendesk", false),
            ("https://bridge.example.net/tandem/webhooks/zendesk", false),
            ("{{placeholder}}", false),
        ];
        for (endpoint, expected) in cases {
            assert_eq!(leads_to(endpoint, &ours), expected, "{endpoint}");
        }
        assert!(leads_to("https://bridge.example/webhooks/zendesk", &Url::parse("https://bridge.example").unwrap()));
    }

    #[test]
    fn a_lost_body_gives_its_ids_and_nothing_else() {
        let whose = |ticket, comment: Option<u64>, requester: Option<u64>| {
            let (comment_id, requester_id) = (comment.map(CommentId), requester.map(UserId));
            Some(LostWebhook { ticket_id: TicketId(ticket), comment_id, requester_id })
        };
        let lost = |ticket, comment| whose(ticket, comment, None);
        let cases = [
            (r#"{"event":"agent_reply","ticket_id":"7","comment_id":"9"}"#, lost(7, Some(9))),
            (r#"{"event":"agent_reply","ticket_id":7,"comment_id":9}"#, lost(7, Some(9))),
            (
                r#"{"event":"agent_reply","ticket_id":"7","comment_id":"9","requester_id":"3"}"#,
                whose(7, Some(9), Some(3)),
            ),
            (r#"{"event":"ticket_solved","ticket_id":"7","requester_id":"3"}"#, lost(7, None)),
            (r#"{"event":"ticket_solved","ticket_id":"7","comment_id":"9"}"#, lost(7, None)),
            (r#"{"recipients":[{"attributes":{"zendesk_ticket":"7"},"trigger_properties":{}}]}"#, lost(7, None)),
            (r#"{"event":"agent_reply","ticket_id":"0"}"#, None),
            (r#"{"event":"agent_reply"}"#, None),
            ("not JSON", None),
        ];
        for (payload, expected) in cases {
            assert_eq!(read_body(payload), expected, "{payload}");
        }
    }

    #[test]
    fn only_what_has_ended_badly_was_given_up() {
        for word in GIVEN_UP {
            let unsent = word == "circuit broken";
            assert_eq!(fate_of(word), if unsent { Fate::Withheld(word) } else { Fate::GivenUp(word) });
        }
        for word in ["success", "accepted", "throttled", "unknown", "", "new to us"] {
            assert_eq!(fate_of(word), Fate::Fine, "{word}");
        }
    }
}
