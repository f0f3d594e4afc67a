//! The client against a scripted Zendesk on this machine, over real HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::domain::comment::{Author, Made, Withheld};
use crate::domain::event::{CommentId, EventId, TicketId};
use crate::domain::note::WithheldFor;
use crate::ports::desk::{
    Addition, Comments, Fate, File, Invocation, LostWebhook, NewTicket, TICKETS_AT_ONCE, TicketView, Tickets,
    UserQuery, UserValues, Users, WebhookLog, Written,
};
use crate::vendors::http::scripted::{self, Reply, Scripted, Seen};

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn api_token() -> Auth {
    Auth::ApiToken { email: "bot@brand.example".into(), token: "t0ken".into() }
}

fn oauth() -> Auth {
    Auth::OAuth { client_id: "bridge".into(), client_secret: "sekrit".into() }
}

fn client(url: &Url, auth: Auth, clock: &Clock) -> Zendesk {
    let options = ZendeskOptions { url: url.clone(), auth };
    Zendesk::new(options, scripted::reach(clock))
}

fn basic(url: &Url) -> Zendesk {
    client(url, api_token(), &Clock::manual(start(), 1))
}

fn ticket(id: u64, status: &str) -> Value {
    json!({
        "id": id, "status": status, "external_id": "u1", "requester_id": 5, "tags": ["sms"],
        "updated_at": "2026-11-21T11:59:00Z"
    })
}

fn written() -> Value {
    json!({"ticket": ticket(7, "open"), "audit": {"events": [{"type": "Create", "id": 1}, {"type": "Comment", "id": 42}]}})
}

fn body() -> Value {
    json!({"ticket": {"comment": {"html_body": "hi"}}})
}

fn event() -> EventId {
    "evt_deadbeef123456789abc0007".parse().unwrap()
}

fn file(name: &str, content_type: &str) -> File {
    File { name: name.into(), content_type: content_type.into(), bytes: Bytes::from_static(b"\x00\xff") }
}

fn new_ticket(body: &Value) -> NewTicket<'_> {
    NewTicket { event: event(), body, settings: None }
}

async fn add(zendesk: &Zendesk, ticket: TicketId, body: &Value) -> Result<Written, Failure> {
    zendesk.add(ticket, &Addition::text(body)).await
}

async fn update(reply: Reply) -> Result<Written, Failure> {
    let server = Scripted::answers(vec![reply]).await;
    let result = basic(&server.url).add(TicketId(7), &Addition::text(&body())).await;
    assert_eq!(server.seen().len(), 1, "a write is sent once");
    result
}

async fn read(reply: Reply) -> Result<TicketView, Failure> {
    let server = Scripted::answers(vec![reply]).await;
    basic(&server.url).ticket(TicketId(7)).await
}

#[tokio::test]
async fn a_write_is_one_request_and_brings_ticket_and_comment() {
    let server = Scripted::answers(vec![Reply::json(200, &written()), Reply::json(201, &written())]).await;
    let zendesk = basic(&server.url);
    for result in [zendesk.add(TicketId(7), &Addition::text(&body())).await, zendesk.open(&new_ticket(&body())).await] {
        let written = result.unwrap();
        assert_eq!(written.ticket.id, TicketId(7));
        assert_eq!(written.ticket.status.name(), "open");
        assert_eq!(written.comment_id, Some(CommentId(42)));
    }
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("PUT", "/api/v2/tickets/7"));
    assert_eq!((seen[1].method.as_str(), seen[1].target.as_str()), ("POST", "/api/v2/tickets"));
    assert_eq!(seen[1].headers["idempotency-key"], "evt_deadbeef123456789abc0007");
    assert!(!seen[0].headers.contains_key("idempotency-key"));
    let credential = BASE64.encode("bot@brand.example/token:t0ken");
    for seen in seen {
        assert_eq!(seen.json(), body());
        assert_eq!(seen.headers["authorization"], format!("Basic {credential}"));
        assert_eq!(seen.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn each_refusal_of_a_write_has_its_meaning() {
    let error = |code: &str| json!({"error": code, "description": "d"});
    let closed = |key: &str| {
        json!({"error": "RecordInvalid", "description": "Record validation errors",
            "details": {key: [{"description": "Status: closed prevents ticket update"}]}})
    };
    let coded =
        json!({"error": "RecordInvalid", "details": {"status": [{"error": "ClosedTicket", "description": "x"}]}});
    let typed = json!({"error": "RecordInvalid", "details": {"name": [{"description": "closed prevents ticket update is no name"}]}});
    let cases = [
        (422, closed("status"), "Closed: Zendesk answered 422 RecordInvalid (Status: closed prevents ticket update)"),
        (422, closed("base"), "Closed: Zendesk answered 422 RecordInvalid (Status: closed prevents ticket update)"),
        (422, coded, "Closed: Zendesk answered 422 RecordInvalid (status ClosedTicket)"),
        (422, typed, "Reject: Zendesk answered 422 RecordInvalid (closed prevents ticket update)"),
        (422, error("RecordInvalid"), "Reject: Zendesk answered 422 RecordInvalid"),
        (404, error("RecordNotFound"), "NotFound: Zendesk answered 404 RecordNotFound"),
        (404, error("InvalidEndpoint"), "Forbidden 404: Zendesk answered 404 InvalidEndpoint for ticket 7"),
        (400, error("IdempotentRequestError"), "IdempotencyMismatch: Zendesk answered 400 IdempotentRequestError"),
        (400, error("TooManyValues"), "Reject: Zendesk answered 400 TooManyValues"),
        (401, error("Couldn't authenticate you"), "Refused 401: Zendesk answered 401 (Couldn't authenticate you)"),
        (
            403,
            json!({"error": {"title": "Forbidden", "message": "You do not have access to this page."}}),
            "Forbidden 403: Zendesk answered 403 (You do not have access to this page) for ticket 7",
        ),
        (302, json!({}), "Forbidden 302: Zendesk answered 302, a redirect: is the address right?"),
        (
            409,
            json!({"error": "DatabaseConflict", "description": "Database collision"}),
            "Retry None: Zendesk answered 409 DatabaseConflict (Database collision)",
        ),
        (
            409,
            json!({
                "error": "UpdateConflict",
                "description": "Safe Update prevented the update due to outdated ticket data.",
            }),
            "Changed: Zendesk answered 409 UpdateConflict (Safe Update prevented the update due to outdated ticket data)",
        ),
        (423, json!({}), "Retry None: Zendesk answered 423"),
        (429, error("APIRateLimitExceeded"), "Retry None: Zendesk answered 429 APIRateLimitExceeded"),
        (500, json!({}), "Broke None: Zendesk answered 500"),
        (502, json!({}), "Broke None: Zendesk answered 502"),
        (503, json!({}), "Broke None: Zendesk answered 503"),
        (504, json!({}), "Unknown: Zendesk answered 504"),
        (524, json!({}), "Unknown: Zendesk answered 524"),
        (413, json!({}), "Reject: Zendesk answered 413"),
    ];
    for (status, body, expected) in cases {
        let failure = update(Reply::json(status, &body)).await.unwrap_err();
        assert_eq!(shown(&failure), expected);
    }
    let plain = update(Reply::text(400, "<html>alice@example.com</html>")).await.unwrap_err();
    assert_eq!(shown(&plain), "Reject: Zendesk answered 400");
}

fn shown(failure: &Failure) -> String {
    let cause = failure.cause();
    match failure {
        Failure::Retry { after, .. } => format!("Retry {after:?}: {cause}"),
        Failure::Broke { after, .. } => format!("Broke {after:?}: {cause}"),
        Failure::Lose { .. } => format!("Unknown: {cause}"),
        Failure::GiveUp { .. } => format!("Reject: {cause}"),
        Failure::Pause { status, .. } => format!("Refused {status}: {cause}"),
        Failure::Forbid { status, .. } => format!("Forbidden {status}: {cause}"),
        Failure::Postpone { until, .. } => format!("Postpone {until}: {cause}"),
        Failure::Closed { .. } => format!("Closed: {cause}"),
        Failure::Changed { .. } => format!("Changed: {cause}"),
        Failure::TooLong { .. } => format!("TooLong: {cause}"),
        Failure::NotFound { .. } => format!("NotFound: {cause}"),
        Failure::IdempotencyMismatch { .. } => format!("IdempotencyMismatch: {cause}"),
    }
}

#[tokio::test]
async fn a_hint_is_passed_on_within_bounds() {
    for (status, hint, seconds) in [(429, "38", 38), (503, "5", 5), (429, "0", 1), (503, "999999", 3600)] {
        let failure = update(Reply::text(status, "busy").header("retry-after", hint)).await.unwrap_err();
        let (Failure::Retry { after, .. } | Failure::Broke { after, .. }) = failure else { panic!("{failure:?}") };
        assert_eq!(after, Some(Duration::from_secs(seconds)), "{status} {hint}");
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_may_have_happened_unless_it_was_a_read() {
    let unreadable = [
        Reply::text(200, "<html>welcome</html>"),
        Reply::text(200, ""),
        Reply::json(200, &json!({"ticket": {}})),
        Reply::json(200, &json!([])),
        Reply::json(202, &json!({"job_status": {}})),
    ];
    for reply in unreadable {
        let write = update(reply.clone()).await.unwrap_err();
        assert!(matches!(write, Failure::Lose { .. }), "{write:?}");
        let read = read(reply).await.unwrap_err();
        assert!(matches!(read, Failure::Retry { .. }), "{read:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_may_have_happened_unless_it_was_a_read() {
    let endings: [&[u8]; 2] = [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"ticket\": {"];
    for ending in endings {
        let zendesk = basic(&scripted::raw(ending.to_vec()).await);
        let write = zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err();
        let unknown = "Unknown: Zendesk gave no whole answer: the connection broke off";
        assert_eq!(shown(&write), unknown);
        assert_eq!(shown(&zendesk.open(&new_ticket(&body())).await.unwrap_err()), unknown);
        assert_eq!(shown(&zendesk.save_user(&UserValues::default()).await.unwrap_err()), unknown);
        let retry = "Retry None: Zendesk gave no whole answer: the connection broke off";
        assert_eq!(shown(&zendesk.ticket(TicketId(7)).await.unwrap_err()), retry);
        let upload = zendesk.upload(file("a.jpg", "image/jpeg")).await.unwrap_err();
        assert_eq!(shown(&upload), retry, "an upload that no comment uses is seen by nobody");
    }
}

#[tokio::test]
async fn a_refused_connection_has_done_nothing() {
    let zendesk = basic(&scripted::nobody_listens().await);
    let failure = zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err();
    assert_eq!(shown(&failure), "Retry None: Zendesk could not be reached: the connection was refused");
    let zendesk = client(&scripted::nobody_listens().await, oauth(), &Clock::manual(start(), 1));
    let failure = zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
}

#[tokio::test]
async fn tickets_are_found_by_exactly_their_external_id_on_all_pages() {
    let other = |mut ticket: Value| {
        ticket["external_id"] = json!("u10");
        ticket
    };
    let first = json!({"tickets": [ticket(1, "closed"), other(ticket(2, "open")), ticket(3, "deleted")], "next_page": "https://elsewhere.example/"});
    let second = json!({"tickets": [ticket(4, "open")], "next_page": null});
    let server = Scripted::answers(vec![Reply::json(200, &first), Reply::json(200, &second)]).await;
    let found = basic(&server.url).find_tickets("u1").await.unwrap();
    assert_eq!(found.iter().map(|ticket| ticket.id.0).collect::<Vec<_>>(), [1, 4]);
    let seen = server.seen();
    let asked: Vec<_> = seen.iter().map(|seen| (seen.query("external_id"), seen.query("page"))).collect();
    let page = |page: &str| (Some("u1".to_owned()), Some(page.to_owned()));
    assert_eq!(asked, [page("1"), page("2")]);
}

#[tokio::test]
async fn a_search_says_where_it_was_cut_off() {
    let full = |seen: &Seen| {
        let page: u64 = seen.query("page").unwrap().parse().unwrap();
        let tickets: Vec<Value> = (1..=100).map(|id| ticket(page * 1000 + id, "open")).collect();
        Reply::json(200, &json!({"results": tickets, "next_page": "https://elsewhere.example/next"}))
    };
    let server = Scripted::by(full).await;
    let found = basic(&server.url).tickets_updated(start()).await.unwrap();
    assert_eq!((found.tickets.len(), server.seen().len()), (1000, 10));
    assert_eq!(found.cut_off_at, Some("2026-11-21T11:59:00Z".parse().unwrap()));
    // The index still has the tag; the ticket itself has not.
    let mut untagged = ticket(7, "open");
    untagged["tags"] = json!(["vip"]);
    let page = json!({"results": [ticket(8, "open"), untagged], "next_page": null});
    let server = Scripted::answers(vec![Reply::json(200, &page)]).await;
    let found = basic(&server.url).tickets_updated(start()).await.unwrap();
    assert_eq!((found.tickets.len(), found.tickets[0].id.0, found.cut_off_at), (1, 8, None));
    assert_eq!(server.seen()[0].query("query").unwrap(), "type:ticket tags:sms updated>2026-11-21T12:00:00Z");
}

#[tokio::test]
async fn a_write_on_condition_names_the_time_of_the_last_change_in_whole_seconds() {
    let server = Scripted::answers(vec![Reply::json(200, &written())]).await;
    let stamp = "2026-11-21T12:00:00.75Z".parse().unwrap();
    let mut expected = body();
    let addition = Addition { unchanged_since: Some(stamp), ..Addition::text(&expected) };
    basic(&server.url).add(TicketId(7), &addition).await.unwrap();
    expected["ticket"]["safe_update"] = json!(true);
    expected["ticket"]["updated_stamp"] = json!("2026-11-21T12:00:00Z");
    assert_eq!(server.seen()[0].json(), expected);
}

#[tokio::test]
async fn several_tickets_are_read_in_one_call() {
    let page = json!({"tickets": [ticket(7, "open"), ticket(8, "deleted")], "next_page": null});
    let server = Scripted::answers(vec![Reply::json(200, &page)]).await;
    let ids: Vec<TicketId> = (1..=120).map(TicketId).collect();
    let found = basic(&server.url).tickets(&ids).await.unwrap();
    assert_eq!(found.tickets.iter().map(|ticket| ticket.id.0).collect::<Vec<_>>(), [7]);
    let asked = server.seen()[0].query("ids").unwrap();
    assert!(asked.starts_with("1,2,3,") && asked.split(',').count() == TICKETS_AT_ONCE, "{asked}");
    assert_eq!(server.seen()[0].query("include").unwrap(), "comment_count");
}

#[tokio::test]
async fn the_log_is_read_newest_first_and_within_bounds() {
    let call = |id: u64, status: &str| json!({"id": id.to_string(), "status": status, "latest_completed_at": "2026-11-21T11:59:00Z"});
    let page = move |seen: &Seen| {
        let page = seen.query("page[after]").map_or(0, |cursor| cursor.parse::<u64>().unwrap());
        let calls =
            json!([call(page, "circuit broken"), call(100 + page, "success"), {"id": "u", "status": "accepted"}]);
        let cursor = (page + 1).to_string();
        Reply::json(200, &json!({"invocations": calls, "meta": {"has_more": true, "after_cursor": cursor}}))
    };
    let server = Scripted::by(page).await;
    let since = "2026-11-21T11:58:30Z".parse().unwrap();
    let found = basic(&server.url).invocations("01W", since).await.unwrap();
    assert_eq!((server.seen().len(), found.calls.len(), found.more), (5, 10, true));
    assert_eq!((found.calls[0].id.as_str(), found.calls[0].fate), ("0", Fate::Withheld("circuit broken")));
    let first = &server.seen()[0];
    assert_eq!(first.query("filter[from_ts]").unwrap(), "2026-11-21T11:58:30Z");
    assert!(first.target.starts_with("/api/v2/webhooks/01W/invocations?"), "{}", first.target);
    // Older calls are left out, for any time that the filter may compare.
    let nothing = basic(&server.url).invocations("01W", start()).await.unwrap();
    assert!(nothing.calls.is_empty());
}

#[tokio::test]
async fn only_our_webhooks_are_found_and_what_they_lost_is_read() {
    let webhooks = |id: &str, endpoint: &str, cursor: Value| {
        let more = !cursor.is_null();
        let webhook = json!({"id": id, "endpoint": endpoint, "status": "active"});
        Reply::json(200, &json!({"webhooks": [webhook], "meta": {"has_more": more, "after_cursor": cursor}}))
    };
    let attempts = json!({"attempts": [
        {"status": "terminated", "status_code": 502, "request": {"headers": [], "payload": "no JSON"}},
        {"status": "circuit broken"},
        {"request": {"payload": "{\"event\":\"agent_reply\",\"ticket_id\":\"7\",\"comment_id\":\"9\"}"}},
    ]});
    let server = Scripted::answers(vec![
        webhooks("01A", "https://elsewhere.example/webhooks/zendesk", json!("next")),
        webhooks("01B", "https://bridge.example/webhooks/zendesk", Value::Null),
        Reply::json(200, &attempts),
        Reply::json(403, &json!({"error": "Forbidden"})),
    ])
    .await;
    let zendesk = basic(&server.url);
    let ours = Url::parse("https://bridge.example").unwrap();
    assert_eq!(zendesk.webhooks_to(&ours).await.unwrap(), ["01B"]);
    let call = Invocation { webhook: "01B".into(), id: "01I".into(), fate: Fate::GivenUp("timeout"), at: start() };
    let lost = LostWebhook { ticket_id: TicketId(7), comment_id: Some(CommentId(9)), requester_id: None };
    assert_eq!(zendesk.lost_webhook(&call).await, Ok(Some(lost)));
    assert_eq!(server.seen()[2].target, "/api/v2/webhooks/01B/invocations/01I/attempts");
    assert!(matches!(zendesk.webhooks_to(&ours).await, Err(Failure::Forbid { status: 403, .. })));
}

#[tokio::test]
async fn an_external_id_cannot_leave_its_parameter() {
    let server = Scripted::answers(vec![Reply::json(200, &json!({"tickets": []}))]).await;
    let id = "a&page=9#/../?x=é\" OR *";
    assert_eq!(basic(&server.url).find_tickets(id).await, Ok(Vec::new()));
    assert_eq!(server.seen()[0].query("external_id").as_deref(), Some(id));
    assert_eq!(server.seen()[0].query("page").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_ticket_comes_with_its_requester() {
    let users =
        json!([{"id": 5, "name": "Alice", "external_id": "u1", "phone": "", "role": "end-user"}, {"no": "user"}]);
    let view = read(Reply::json(200, &json!({"ticket": ticket(7, "hold"), "users": users}))).await.unwrap();
    let requester = view.requester.clone().unwrap();
    assert_eq!((view.requester_id, requester.id), (UserId(5), UserId(5)));
    assert_eq!(
        (requester.external_id.as_deref(), requester.phone.clone(), requester.is_agent),
        (Some("u1"), None, false)
    );
    assert!(!format!("{view:?} {:?}", view.requester).contains("Alice"), "names have no debug form");
    let gone = read(Reply::json(200, &json!({"ticket": ticket(7, "deleted")}))).await.unwrap_err();
    assert!(matches!(gone, Failure::NotFound { .. }));
}

fn comment(id: u64, author: i64) -> Value {
    json!({"id": id, "author_id": author, "public": true, "html_body": format!("<p>{id}</p>"), "plain_body": "x",
        "attachments": [{"file_name": "a.jpg", "content_url": "https://z.example/a"}, {"file_name": "b"}]})
}

fn page(name: &str, items: &[Value], cursor: Option<&str>) -> Reply {
    let users = json!([{"id": 9, "name": "Agent", "role": "agent"}, {"id": 5, "name": "Alice", "role": "end-user"}]);
    let meta = json!({"has_more": cursor.is_some(), "after_cursor": cursor});
    Reply::json(200, &json!({name: items, "users": users, "meta": meta}))
}

#[tokio::test]
async fn comments_are_read_newest_first_until_the_known_one_and_given_oldest_first() {
    let server = Scripted::answers(vec![
        page("comments", &[comment(50, 9), comment(40, 5)], Some("c1")),
        page("comments", &[comment(40, 5), comment(30, -1), comment(20, 9)], Some("c2")),
    ])
    .await;
    let comments = basic(&server.url).comments_after(TicketId(7), Some(CommentId(20))).await.unwrap().comments;
    assert_eq!(comments.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), [30, 40, 50]);
    let authors: Vec<_> = comments.iter().map(|comment| (comment.author_id.0, comment.author)).collect();
    assert_eq!(authors, [(0, Author::Desk), (5, Author::EndUser), (9, Author::Staff)]);
    assert_eq!(comments[2].author_name.as_deref(), Some("Agent"));
    assert_eq!(comments[2].attachments.len(), 1);
    let without_address = Withheld { file_name: "b".into(), why: WithheldFor::NoAddress };
    assert_eq!(comments[2].withheld, [without_address]);
    let seen = server.seen();
    assert_eq!(seen[0].query("sort").as_deref(), Some("-created_at"));
    let cursors: Vec<_> = seen.iter().map(|seen| seen.query("page[after]")).collect();
    assert_eq!(cursors, [None, Some("c1".to_owned())]);
}

#[tokio::test]
async fn a_page_that_is_too_long_is_asked_for_again_with_fewer_records() {
    let long = |name: &str| Reply::json(200, &json!({name: ["x".repeat(crate::vendors::http::ANSWER_BYTES_MAX)]}));
    for sizes in [&["100", "25"][..], &["100", "25", "5"], &["100", "25", "5", "1"]] {
        let too_long = || sizes.iter().skip(1).map(|_| ());
        let mut replies: Vec<Reply> = too_long().map(|()| long("comments")).collect();
        replies.push(page("comments", &[comment(50, 9)], Some("c1")));
        replies.push(page("comments", &[comment(40, 9)], None));
        replies.extend(too_long().map(|()| long("audits")));
        replies.push(page("audits", &[json!({"id": 2}), json!({"id": 1})], None));
        let server = Scripted::answers(replies).await;
        let zendesk = basic(&server.url);
        let comments = zendesk.comments_after(TicketId(7), Some(CommentId(20))).await.unwrap().comments;
        assert_eq!(comments.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), [40, 50]);
        assert_eq!(zendesk.find_own_write(TicketId(7), event()).await, Ok(None));
        let asked: Vec<_> = server.seen().iter().map(|seen| seen.query("page[size]").unwrap()).collect();
        let expected = sizes.iter().chain(sizes.last()).chain(sizes);
        assert!(asked.iter().eq(expected), "the size that fits is kept for the pages after it: {asked:?}");
    }
    let server = Scripted::answers((0..4).map(|_| long("comments")).collect()).await;
    let failure = basic(&server.url).comments_after(TicketId(7), None).await.unwrap_err();
    assert!(matches!(failure, Failure::TooLong { .. }), "{failure:?}");
}

#[tokio::test]
async fn how_a_comment_was_made_and_who_wrote_it_is_read_from_what_zendesk_says() {
    let with = |more: Value| {
        let mut comment = comment(50, 9);
        comment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        comment
    };
    let via = |channel: &str, rel: Value| json!({"channel": channel, "source": {"from": {}, "to": {}, "rel": rel}});
    let cases = [
        (json!({}), Made::Written),
        (json!({"type": "Comment", "via": via("web", Value::Null)}), Made::Written),
        (json!({"type": "Comment", "via": via("email", Value::Null)}), Made::Written),
        (json!({"type": "Comment", "via": via("api", Value::Null)}), Made::Written),
        (json!({"type": "VoiceComment", "via": via("voice", json!("outbound"))}), Made::ByCall),
        (json!({"type": "Comment", "via": via("voice", json!("inbound"))}), Made::ByCall),
        (json!({"type": "TpeVoiceComment", "via": via("web", Value::Null)}), Made::ByCall),
        (json!({"type": "Comment", "via": via("web", json!("merge"))}), Made::ByMerge),
        (json!({"type": "Comment", "via": via("merge", Value::Null)}), Made::ByMerge),
        (json!({"type": "ChatTranscript"}), Made::ByRecord),
        (json!({"via": via("system", Value::Null)}), Made::ByRecord),
        (json!({"via": Value::Null}), Made::Written),
    ];
    for (more, made) in cases {
        let server = Scripted::answers(vec![page("comments", &[with(more.clone())], None)]).await;
        let comments = basic(&server.url).comments_after(TicketId(7), None).await.unwrap().comments;
        assert_eq!((comments[0].made, comments[0].author), (made, Author::Staff), "{more}");
    }
    let users = [
        (json!({"role": "agent", "active": true}), Author::Staff),
        (json!({"role": "admin"}), Author::Staff),
        (json!({"role": "agent", "active": false}), Author::Unknown),
        (json!({"role": "end-user"}), Author::EndUser),
        (json!({"role": "end-user", "active": false}), Author::Unknown),
    ];
    for (user, author) in users {
        let mut named = user.clone();
        named["id"] = 9.into();
        let answer = json!({"comments": [comment(50, 9)], "users": [named], "meta": {"has_more": false}});
        let server = Scripted::answers(vec![Reply::json(200, &answer)]).await;
        let comments = basic(&server.url).comments_after(TicketId(7), None).await.unwrap().comments;
        assert_eq!(comments[0].author, author, "{user}");
    }
}

#[tokio::test]
async fn files_that_are_not_for_customers_are_told_apart() {
    let files = json!([
        {"file_name": "ok.pdf", "content_url": "https://z.example/ok", "deleted": false,
            "malware_scan_result": "malware_not_found", "malware_access_override": false},
        {"file_name": "new.pdf", "content_url": "https://z.example/new", "malware_scan_result": "not_scanned"},
        {"file_name": "bad.exe", "content_url": "https://z.example/bad", "malware_scan_result": "malware_found",
            "malware_access_override": false},
        {"file_name": "freed.exe", "content_url": "https://z.example/freed", "malware_scan_result": "malware_found",
            "malware_access_override": true},
        {"file_name": "gone.pdf", "content_url": "https://z.example/gone", "deleted": true},
    ]);
    let mut shown = comment(50, 9);
    shown["attachments"] = files;
    let server = Scripted::answers(vec![page("comments", &[shown], None)]).await;
    let comments = basic(&server.url).comments_after(TicketId(7), None).await.unwrap().comments;
    let names: Vec<_> = comments[0].attachments.iter().map(|file| file.file_name.as_str()).collect();
    assert_eq!(names, ["ok.pdf", "new.pdf", "freed.exe"]);
    let withheld = |name: &str, why| Withheld { file_name: name.into(), why };
    let both = [withheld("bad.exe", WithheldFor::Malware), withheld("gone.pdf", WithheldFor::Deleted)];
    assert_eq!(comments[0].withheld, both);
}

#[tokio::test]
async fn without_a_known_comment_only_the_newest_page_is_read() {
    let newest: Vec<Value> = (41..=140).rev().map(|id| comment(id, 9)).collect();
    let server = Scripted::answers(vec![page("comments", &newest, Some("c1"))]).await;
    let comments = basic(&server.url).comments_after(TicketId(7), None).await.unwrap().comments;
    assert_eq!(comments.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), (41..=140).collect::<Vec<_>>());
}

#[tokio::test]
async fn our_own_write_is_found_by_its_mark() {
    let audit = |id: u64, mark: Value| json!({"id": id, "metadata": {"custom": {"tandem": mark}}, "events": [{"type": "Comment", "id": id + 1}]});
    let id = event().to_string();
    let marks = [json!(id), json!(["evt_000000000000000000000000", id])];
    for mark in marks {
        let audits = [audit(90, json!(null)), audit(80, json!("evt_other")), audit(70, mark)];
        let server = Scripted::answers(vec![
            page("audits", &audits, None),
            Reply::json(200, &json!({"ticket": ticket(7, "open")})),
        ])
        .await;
        let found = basic(&server.url).find_own_write(TicketId(7), event()).await.unwrap().unwrap();
        assert_eq!((found.ticket.id, found.comment_id), (TicketId(7), Some(CommentId(71))));
    }
}

#[tokio::test]
async fn without_a_mark_two_pages_are_enough_when_they_are_newest_first_and_none_otherwise() {
    let plain = |id: u64| json!({"id": id, "metadata": {"custom": {}}, "events": []});
    let up = |from: u64| (from..from + 100).map(plain).collect::<Vec<_>>();
    let down = |from: u64| (from - 100..from).rev().map(plain).collect::<Vec<_>>();
    let newest_first = vec![
        page("audits", &down(900), Some("a")),
        page("audits", &down(800), Some("b")),
        page("audits", &down(700), None),
    ];
    let oldest_first =
        vec![page("audits", &up(100), Some("a")), page("audits", &up(200), Some("b")), page("audits", &up(300), None)];
    for (answers, calls) in [(newest_first, 2), (oldest_first, 3)] {
        let server = Scripted::answers(answers).await;
        assert_eq!(basic(&server.url).find_own_write(TicketId(7), event()).await, Ok(None));
        assert_eq!(server.seen().len(), calls);
    }
}

#[tokio::test]
async fn more_pages_without_a_cursor_are_not_taken_for_the_end() {
    let broken = json!({"audits": [], "meta": {"has_more": true}});
    let server = Scripted::answers(vec![Reply::json(200, &broken)]).await;
    let failure = basic(&server.url).find_own_write(TicketId(7), event()).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
}

#[tokio::test]
async fn found_users_are_compared_again() {
    let found = json!({"users": [
        {"id": 1, "name": "A", "phone": "+1 513 555 7611", "role": "end-user"},
        {"id": 2, "name": "B", "phone": "+91 513 555 7611", "role": "end-user"},
        {"id": 3, "name": "C", "phone": null, "role": "end-user"},
    ]});
    let server = Scripted::answers(vec![Reply::json(200, &found)]).await;
    let zendesk = basic(&server.url);
    let users = zendesk.find_users(&UserQuery::Phone("+15135557611".into())).await.unwrap();
    assert_eq!(users.iter().map(|user| user.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(server.seen()[0].query("query").as_deref(), Some("role:end-user phone:*15135557611"));
    assert_eq!(zendesk.find_users(&UserQuery::Phone("70123".into())).await, Ok(Vec::new()));
    assert_eq!(server.seen().len(), 1, "nobody is asked who has a short code");
}

#[tokio::test]
async fn a_user_is_saved_without_a_mail() {
    let server = Scripted::answers(vec![Reply::json(201, &json!({"user": {"id": 8, "name": "Alice"}}))]).await;
    let values = UserValues {
        external_id: Some("u1".into()),
        name: Some("Alice".into()),
        customer_id: Some("c1".into()),
        ..UserValues::default()
    };
    let saved = basic(&server.url).with_customer_field("crm_id").save_user(&values).await.unwrap();
    assert_eq!((saved.user.id, saved.is_new), (UserId(8), true));
    assert_eq!(server.seen()[0].target, "/api/v2/users/create_or_update");
    let expected = json!({"user": {
        "name": "Alice", "external_id": "u1", "user_fields": {"crm_id": "c1"}, "skip_verify_email": true
    }});
    assert_eq!(server.seen()[0].json(), expected);
}

#[tokio::test]
async fn a_file_is_uploaded_as_it_is() {
    let answer = json!({"upload": {"token": "tok"}});
    let server = Scripted::answers(vec![Reply::json(201, &answer), Reply::json(201, &json!({"upload": {}}))]).await;
    let zendesk = basic(&server.url);
    assert_eq!(zendesk.upload(file("a b&c.jpg", "image/jpeg")).await, Ok("tok".into()));
    let seen = &server.seen()[0];
    assert_eq!(seen.query("filename").as_deref(), Some("a b&c.jpg"));
    assert_eq!((seen.headers["content-type"].to_str().unwrap(), &seen.body), ("image/jpeg", &file("a", "b").bytes));
    assert!(matches!(zendesk.upload(file("a", "image/png")).await, Err(Failure::Retry { .. })));
    assert!(matches!(zendesk.upload(file("a", "image/png\r\nx: y")).await, Err(Failure::GiveUp { .. })));
}

#[tokio::test]
async fn a_spent_budget_postpones_without_a_call() {
    let clock = Clock::manual(start(), 1);
    let told =
        Reply::json(200, &written()).header("zendesk-ratelimit-tickets-update", "total=20; remaining=0; resets=59");
    let server = Scripted::answers(vec![told, Reply::json(200, &written())]).await;
    let zendesk = client(&server.url, api_token(), &clock);
    zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap();
    let until = start() + SignedDuration::from_secs(59);
    let failure = zendesk.add(TicketId(8), &Addition::text(&body())).await.unwrap_err();
    let cause = "Zendesk's limit of 20 ticket updates a minute is reached".into();
    assert_eq!(failure, Failure::Postpone { cause, until, for_budget: true });
    assert_eq!(server.seen().len(), 1);
    clock.advance(SignedDuration::from_secs(59));
    zendesk.add(TicketId(8), &Addition::text(&body())).await.unwrap();
}

#[tokio::test]
async fn after_a_429_nobody_knocks_until_the_hint_is_over() {
    let clock = Clock::manual(start(), 1);
    let server = Scripted::answers(vec![
        Reply::text(429, "").header("retry-after", "30"),
        Reply::json(200, &json!({"ticket": ticket(7, "open")})),
    ])
    .await;
    let zendesk = client(&server.url, api_token(), &clock);
    let first = zendesk.ticket(TicketId(7)).await.unwrap_err();
    assert_eq!(shown(&first), "Retry Some(30s): Zendesk answered 429");
    assert!(matches!(zendesk.ticket(TicketId(7)).await, Err(Failure::Postpone { .. })));
    clock.advance(SignedDuration::from_secs(30));
    zendesk.ticket(TicketId(7)).await.unwrap();
}

/// A Zendesk that hands out `token-1`, `token-2`, … and knows only those from `valid_from` on.
async fn token_server(valid_from: Arc<AtomicU64>) -> Scripted {
    let handed_out = AtomicU64::new(0);
    Scripted::by(move |seen: &Seen| {
        if seen.target == "/oauth/tokens" {
            let number = handed_out.fetch_add(1, Ordering::SeqCst) + 1;
            return Reply::json(200, &json!({"access_token": format!("token-{number}"), "expires_in": 7200}));
        }
        let token = seen.headers["authorization"].to_str().unwrap().strip_prefix("Bearer token-").unwrap();
        if token.parse::<u64>().unwrap() < valid_from.load(Ordering::SeqCst) {
            return Reply::json(401, &json!({"error": "invalid_token", "error_description": "expired"}));
        }
        Reply::json(200, &json!({"ticket": ticket(7, "open"), "audit": {"events": []}}))
    })
    .await
}

fn count(server: &Scripted, target: &str) -> usize {
    server.seen().iter().filter(|seen| seen.target.starts_with(target)).count()
}

#[tokio::test]
async fn twenty_callers_fetch_one_token_and_renew_it_once_before_it_ends() {
    let clock = Clock::manual(start(), 1);
    let server = token_server(Arc::default()).await;
    let zendesk = client(&server.url, oauth(), &clock);
    for (wait, tokens) in [(0, 1), (7139, 1), (1, 2)] {
        clock.advance(SignedDuration::from_secs(wait));
        let results = join_all((0..20).map(|_| zendesk.ticket(TicketId(7)))).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(count(&server, "/oauth/tokens"), tokens);
    }
    let asked = server.seen()[0].json();
    assert_eq!(asked["grant_type"], "client_credentials");
    assert_eq!((&asked["client_id"], &asked["client_secret"]), (&json!("bridge"), &json!("sekrit")));
    assert_eq!((&asked["expires_in"], &asked["scope"]), (&json!(7200), &json!("read tickets:write users:write")));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_and_each_refused_call_repeated_once() {
    let valid_from = Arc::new(AtomicU64::new(0));
    let server = token_server(Arc::clone(&valid_from)).await;
    let zendesk = client(&server.url, oauth(), &Clock::manual(start(), 1));
    zendesk.ticket(TicketId(7)).await.unwrap();
    valid_from.store(2, Ordering::SeqCst);
    let body = body();
    let results = join_all((0..20).map(|id| add(&zendesk, TicketId(id), &body))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(count(&server, "/oauth/tokens"), 2);
    let accepted = |seen: &&Seen| seen.method == "PUT" && seen.headers["authorization"] == "Bearer token-2";
    assert_eq!(server.seen().iter().filter(accepted).count(), 20, "nothing is written twice");
    // A new token that is refused is not tried again.
    valid_from.store(100, Ordering::SeqCst);
    let before = server.seen().len();
    assert!(matches!(zendesk.ticket(TicketId(7)).await, Err(Failure::Pause { status: 401, .. })));
    let after: Vec<String> = server.seen()[before..].iter().map(|seen| seen.target.clone()).collect();
    let shown = "/api/v2/tickets/7?include=users%2Ccomment_count";
    assert_eq!(after, [shown, "/oauth/tokens", shown]);
}

#[tokio::test]
async fn only_an_expired_token_is_renewed() {
    let server = Scripted::answers(vec![
        Reply::json(200, &json!({"access_token": "t"})),
        Reply::json(401, &json!({"error": "Couldn't authenticate you"})),
        Reply::json(403, &json!({"error": "invalid_token"})),
        Reply::text(504, ""),
    ])
    .await;
    let zendesk = client(&server.url, oauth(), &Clock::manual(start(), 1));
    let mut failures = Vec::new();
    for _ in 0..3 {
        failures.push(shown(&zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err()));
    }
    assert!(failures[0].starts_with("Refused 401"), "{failures:?}");
    assert!(failures[1].starts_with("Forbidden 403"), "{failures:?}");
    assert!(failures[2].starts_with("Unknown"), "{failures:?}");
    assert_eq!((count(&server, "/oauth/tokens"), server.seen().len()), (1, 4));
}

#[tokio::test]
async fn a_401_may_name_the_expiry_in_its_header_only() {
    let server = Scripted::answers(vec![
        Reply::json(200, &json!({"access_token": "a", "expires_in": 7200})),
        Reply::text(401, "").header("www-authenticate", "Bearer realm=\"x\", error=\"invalid_token\""),
        Reply::json(200, &json!({"access_token": "b", "expires_in": 7200})),
        Reply::json(200, &json!({"ticket": ticket(7, "open")})),
    ])
    .await;
    let zendesk = client(&server.url, oauth(), &Clock::manual(start(), 1));
    assert_eq!(zendesk.ticket(TicketId(7)).await.map(|ticket| ticket.id), Ok(TicketId(7)));
    assert_eq!(server.seen()[3].headers["authorization"], "Bearer b");
}

#[tokio::test]
async fn without_a_token_nothing_is_called_and_nothing_is_unknown() {
    let cases = [
        (
            Reply::json(
                401,
                &json!({"error": "invalid_client", "error_description": "Client authentication failed x@y.example"}),
            ),
            "Refused 401: Zendesk answered 401 to the request for a token: invalid_client (Client authentication failed)",
        ),
        (
            Reply::json(400, &json!({"error": "invalid_client"})),
            "Refused 400: Zendesk answered 400 to the request for a token: invalid_client",
        ),
        (Reply::text(404, "no such help desk"), "Refused 404: Zendesk answered 404 to the request for a token:"),
        (
            Reply::text(429, "").header("retry-after", "9"),
            "Retry Some(9s): Zendesk answered 429 to the request for a token:",
        ),
        (Reply::text(503, ""), "Retry None: Zendesk answered 503 to the request for a token:"),
        (Reply::text(504, ""), "Retry None: Zendesk answered 504 to the request for a token:"),
        (Reply::text(200, "hello"), "Retry None: Zendesk answered 200 with no access token"),
        (
            Reply::json(200, &json!({"access_token": "bad\ntoken"})),
            "Retry None: Zendesk gave a token that cannot be sent",
        ),
    ];
    for (reply, expected) in cases {
        let server = Scripted::answers(vec![reply]).await;
        let zendesk = client(&server.url, oauth(), &Clock::manual(start(), 1));
        assert_eq!(shown(&zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err()), expected);
        assert_eq!(server.seen().len(), 1);
    }
    let zendesk = client(&scripted::raw(Vec::new()).await, oauth(), &Clock::manual(start(), 1));
    let lost = zendesk.add(TicketId(7), &Addition::text(&body())).await.unwrap_err();
    assert!(matches!(lost, Failure::Retry { .. }), "a lost token is no lost write: {lost:?}");
}

#[tokio::test]
async fn twenty_callers_share_one_failure_to_get_a_token() {
    let server = Scripted::by(|_| Reply::text(503, "")).await;
    let zendesk = client(&server.url, oauth(), &Clock::manual(start(), 1));
    let results = join_all((0..20).map(|_| zendesk.ticket(TicketId(7)))).await;
    assert!(results.iter().all(|result| matches!(result, Err(Failure::Retry { .. }))), "{results:?}");
    assert_eq!(server.seen().len(), 1);
    assert!(zendesk.ticket(TicketId(7)).await.is_err());
    assert_eq!(server.seen().len(), 2, "whoever comes later asks again");
}

#[tokio::test]
async fn a_call_can_be_made_from_any_task() {
    let server = Scripted::answers(vec![Reply::json(200, &json!({"ticket": ticket(7, "open")}))]).await;
    let zendesk = Arc::new(basic(&server.url));
    let task = tokio::spawn(async move { zendesk.ticket(TicketId(7)).await });
    assert!(task.await.unwrap().is_ok());
}
