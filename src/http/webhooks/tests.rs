//! The table of answers to webhooks, row by row, over the whole public router.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderValue, Request as HttpRequest, StatusCode};
use secrecy::SecretString;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::clock::Clock;
use crate::http::memory::SHARE_BYTES;
use crate::http::testing::{ScriptedStore, body_json, id, noon, unchanging, untouched};
use crate::http::{Memory, public_router};
use crate::intake::{EVENT_MAX_BYTES, Senders};
use crate::telemetry::{Metrics, Readiness};
use crate::vendors::sources::FirstAccounts;
use crate::vendors::zendesk::signature::zendesk_signature;

const TOKEN: &str = "a-long-enough-token";
const SECRET: &str = "a-signing-secret";
const REPLY: &str = r#"{"event":"agent_reply","ticket_id":"35","comment_id":"9001"}"#;
const TEXT: &str = "channel=sms&category=other&dispatch=d1&external_id=cust-1&text=hello";
/// The first campaign of the published recipe.
const NEW_TICKET: &str = r#"{"ticket":{"subject":"SMS from Ada","comment":{"body":"hello"},
    "requester":{"name":"Ada","user_fields":{"braze_external_id":"cust-1"}}}}"#;
/// The second campaign of the published recipe.
const APPEND: &str = r#"{"ticket":{"comment":{"body":"Inbound message from Ada: hello"}}}"#;
/// The trigger of the published recipe.
const SEND: &str = r#"{"campaign_id":"c1","recipients":[{"external_user_id":"cust-1",
    "trigger_properties":{"msg_body":"hello"},"attributes":{"zendesk_ticket":"35"}}]}"#;

fn state(store: Arc<ScriptedStore>) -> PublicState {
    PublicState {
        store,
        intake: unchanging(Senders::from(FirstAccounts {
            zendesk_secrets: vec![SecretString::from(SECRET)],
            zendesk_tolerance: Duration::from_secs(600),
            braze_tokens: vec![SecretString::from(TOKEN)],
            user_field: "braze_external_id".into(),
            currents: Default::default(),
        })),
        clock: Clock::manual(noon(), 1),
        metrics: Arc::new(Metrics::default()),
        inbound: untouched(),
        readiness: Arc::new(Readiness::default()),
        memory: Arc::default(),
    }
}

fn with_memory(store: Arc<ScriptedStore>, bytes: usize) -> PublicState {
    PublicState { memory: Arc::new(Memory::of(bytes)), ..state(store) }
}

fn accepting() -> Arc<ScriptedStore> {
    Arc::new(ScriptedStore::answering([Ok(Accepted::New(id(1)))]))
}

fn request(method: &str, path: &str) -> http::request::Builder {
    HttpRequest::builder().method(method).uri(path)
}

fn zendesk_request(path: &str, body: &str) -> HttpRequest<Body> {
    let timestamp = noon().to_string();
    request("POST", path)
        .header("content-type", "application/json")
        .header(
            "x-zendesk-webhook-signature",
            zendesk_signature(&SecretString::from(SECRET), &timestamp, body.as_bytes()),
        )
        .header("x-zendesk-webhook-signature-timestamp", timestamp)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

fn braze_request(method: &str, path: &str, body: impl Into<Body>) -> HttpRequest<Body> {
    request(method, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-tandem-token", TOKEN)
        .body(body.into())
        .unwrap()
}

async fn ask(store: Arc<ScriptedStore>, request: HttpRequest<Body>) -> Response {
    public_router(state(store)).oneshot(request).await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn assert_come_again(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u64 = header(answer, "retry-after").parse().unwrap();
    assert!((5..=55).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn every_endpoint_takes_its_webhook_in() {
    let requests = [
        zendesk_request("/webhooks/zendesk", REPLY),
        braze_request("POST", "/webhooks/braze", TEXT),
        braze_request("POST", "/api/v2/tickets", NEW_TICKET),
        braze_request("POST", "/api/v2/tickets.json", NEW_TICKET),
        braze_request("PUT", "/api/v2/tickets/35.json", APPEND),
        zendesk_request("/campaigns/trigger/send", SEND),
        zendesk_request("/campaign/trigger/send", SEND),
    ];
    for request in requests {
        let path = request.uri().path().to_owned();
        let answer = ask(accepting(), request).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{path}");
        assert_eq!(header(&answer, "content-type"), "application/json", "{path}");
        assert_eq!(body_json(answer).await, json!({ "status": "accepted", "id": id(1) }), "{path}");
    }
}

#[tokio::test]
async fn every_spelling_of_the_recipe_is_served() {
    for (method, path) in [
        ("POST", "/campaigns/trigger/send"),
        ("POST", "/campaign/trigger/send"),
        ("POST", "/api/v2/tickets"),
        ("POST", "/api/v2/tickets.json"),
        ("PUT", "/api/v2/tickets/35"),
        ("PUT", "/api/v2/tickets/35.json"),
        ("PUT", "/api/v2/tickets/.json"),
        ("PUT", "/api/v2/tickets/"),
        ("PUT", "/api/v2/tickets/%ff%20.json"),
    ] {
        let unsigned = request(method, path).body(Body::from("{}")).unwrap();
        assert_eq!(ask(accepting(), unsigned).await.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn the_answer_says_what_became_of_it() {
    let braze = |text| braze_request("POST", "/webhooks/braze", text);
    for (stored, body, expected) in [
        (Accepted::Duplicate(id(7)), TEXT, json!({ "status": "duplicate", "id": id(7) })),
        (Accepted::Echo, TEXT, json!({ "status": "ignored", "reason": "echo" })),
        (Accepted::New(id(8)), "\u{1}", json!({ "status": "quarantined", "id": id(8) })),
        (Accepted::Duplicate(id(9)), "\u{1}", json!({ "status": "duplicate", "id": id(9) })),
    ] {
        let answer = ask(Arc::new(ScriptedStore::answering([Ok(stored)])), braze(body)).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{stored:?}");
        assert_eq!(body_json(answer).await, expected, "{stored:?}");
    }
}

#[tokio::test]
async fn what_means_nothing_is_ignored_and_not_stored() {
    let store = accepting();
    let test = "channel=sms&external_id=c&text=hi&dispatch=dispatch_id_for_unsent_campaign";
    let answer = ask(Arc::clone(&store), braze_request("POST", "/webhooks/braze", test)).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(body_json(answer).await, json!({ "status": "ignored", "reason": "test" }));
    assert_eq!(store.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn every_refusal_has_the_same_words_and_stores_nothing() {
    let mut bodies = Vec::new();
    let tampered = {
        let (parts, _) = zendesk_request("/webhooks/zendesk", REPLY).into_parts();
        HttpRequest::from_parts(parts, Body::from(REPLY.replace("35", "36")))
    };
    for request in [
        request("POST", "/webhooks/zendesk").body(Body::from(REPLY)).unwrap(),
        request("POST", "/webhooks/braze").body(Body::from(TEXT)).unwrap(),
        request("POST", "/webhooks/braze").header("x-tandem-token", "wrong").body(Body::from(TEXT)).unwrap(),
        tampered,
    ] {
        let store = accepting();
        let answer = ask(Arc::clone(&store), request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(store.asked(), Vec::<String>::new());
        bodies.push(body_json(answer).await);
    }
    assert!(bodies.iter().all(|body| *body == json!({ "error": "not authorized" })), "{bodies:?}");
}

#[tokio::test]
async fn whatever_is_wrong_with_the_store_the_sender_shall_come_again() {
    for error in [
        StoreError::BacklogFull(9),
        StoreError::DiskLow { free_mib: 1, floor_mib: 256 },
        StoreError::DatabaseFull,
        StoreError::Away("no host answers".into()),
        StoreError::Closed,
        StoreError::StaleClaim(id(1)),
        StoreError::NotFound("x".into()),
        StoreError::Failed("the disk is on fire".into()),
    ] {
        for body in [TEXT, "\u{1}"] {
            let store = Arc::new(ScriptedStore::answering([Err(error.clone())]));
            let answer = ask(store, braze_request("POST", "/webhooks/braze", body)).await;
            assert_come_again(&answer);
            let told = body_json(answer).await.to_string();
            assert!(!told.contains("fire"), "the sender need not know: {told}");
        }
    }
}

#[tokio::test]
async fn a_store_that_never_answers_is_not_waited_for() {
    let state = state(Arc::new(ScriptedStore::default()));
    let router = routes_with(state.clone(), Duration::from_millis(1));
    let answer = router.oneshot(braze_request("POST", "/webhooks/braze", TEXT)).await.unwrap();
    assert_come_again(&answer);
    let page = state.metrics.render();
    assert!(page.contains("tandem_unavailable_total{reason=\"store_slow\"} 1"), "{page}");
}

#[tokio::test]
async fn beyond_the_limit_nobody_is_taken_in() {
    let router = routes_with(with_memory(accepting(), 0), PATIENCE);
    let answer = router.oneshot(braze_request("POST", "/webhooks/braze", vec![b'x'; SHARE_BYTES])).await.unwrap();
    assert_come_again(&answer);
}

/// A body of unknown length, as chunked encoding makes it.
fn chunked(chunks: usize) -> Body {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    Body::from_stream(stream::iter((0..chunks).map(move |_| Ok::<_, Infallible>(chunk.clone()))))
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let small_claim = braze_request("POST", "/webhooks/braze", chunked(5));
    let (mut parts, body) = small_claim.into_parts();
    parts.headers.insert("content-length", HeaderValue::from_static("10"));
    let one_too_many = [vec![b'x'; EVENT_MAX_BYTES], vec![b'x']].map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    let one_too_many = Body::from_stream(stream::iter(one_too_many));
    for (what, request) in [
        ("one byte too many", braze_request("POST", "/webhooks/braze", one_too_many)),
        ("announced", braze_request("POST", "/webhooks/braze", vec![b'x'; EVENT_MAX_BYTES + 1])),
        ("chunked", braze_request("POST", "/webhooks/braze", chunked(5))),
        ("announced too small", HttpRequest::from_parts(parts, body)),
        ("endless", braze_request("POST", "/webhooks/braze", chunked(usize::MAX))),
    ] {
        let store = accepting();
        let answer = ask(Arc::clone(&store), request).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{what}");
        assert_eq!(header(&answer, "connection"), "close", "{what}");
        assert_eq!(store.asked(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    for body in [Body::from(vec![b'x'; EVENT_MAX_BYTES]), chunked(4)] {
        let answer = ask(accepting(), braze_request("POST", "/webhooks/braze", body)).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
    let stuck = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    for body in [broken, stuck] {
        let state = state(accepting());
        let router = routes_with(state.clone(), Duration::from_millis(1));
        let answer = router.oneshot(braze_request("POST", "/webhooks/braze", body)).await.unwrap();
        assert_come_again(&answer);
        assert_eq!(header(&answer, "connection"), "close");
        let page = state.metrics.render();
        assert!(page.contains("tandem_refused_total{endpoint=\"braze\",cause=\"cut\"} 1"), "{page}");
    }
}

#[tokio::test]
async fn whoever_cannot_be_who_they_should_be_is_refused_without_a_look_at_the_body() {
    let untouched = || {
        Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
            panic!("the body is read")
        }))
    };
    let sealed = |signature: &str| {
        let request = request("POST", "/webhooks/zendesk").header("x-zendesk-webhook-signature", signature);
        request.header("x-zendesk-webhook-signature-timestamp", noon().to_string()).body(untouched()).unwrap()
    };
    for request in [
        request("POST", "/webhooks/braze").body(untouched()).unwrap(),
        request("POST", "/webhooks/braze").header("x-tandem-token", "wrong").body(untouched()).unwrap(),
        request("PUT", "/api/v2/tickets/35.json").header("authorization", "Basic eDp5").body(untouched()).unwrap(),
        request("POST", "/webhooks/zendesk").body(untouched()).unwrap(),
        sealed("not base64!"),
        sealed("dG9vIHNob3J0"),
    ] {
        assert_eq!(ask(accepting(), request).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn whoever_sends_slowly_holds_up_nobody_else() {
    // The memory of one greatest body: 64 shares.
    let store = ScriptedStore::answering((1..=3).map(|n| Ok(Accepted::New(id(n)))));
    let router = routes_with(with_memory(Arc::new(store), EVENT_MAX_BYTES), PATIENCE);
    let post = |body: Body| router.clone().oneshot(braze_request("POST", "/webhooks/braze", body));
    let share = || Bytes::from(vec![b'x'; SHARE_BYTES]);
    let slow = || {
        let body = stream::once(async move { Ok::<_, Infallible>(share()) }).chain(stream::pending());
        let mut answer = Box::pin(post(Body::from_stream(body)));
        assert!((&mut answer).now_or_never().is_none(), "it waits for its body");
        answer
    };
    let mut waiting: Vec<_> = (0..63).map(|_| slow()).collect();
    assert_eq!(post(share().into()).await.unwrap().status(), StatusCode::ACCEPTED);
    // Their common memory is bounded, a short body needs none of it, and it comes back when they go.
    waiting.push(slow());
    assert_come_again(&post(share().into()).await.unwrap());
    assert_eq!(post(TEXT.into()).await.unwrap().status(), StatusCode::ACCEPTED);
    drop(waiting);
    assert_eq!(post(vec![b'x'; EVENT_MAX_BYTES].into()).await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn other_methods_are_405_and_other_paths_404() {
    for (method, path, status) in [
        ("GET", "/webhooks/zendesk", 405),
        ("HEAD", "/webhooks/braze", 405),
        ("PUT", "/webhooks/braze", 405),
        ("DELETE", "/campaigns/trigger/send", 405),
        ("GET", "/api/v2/tickets", 405),
        ("POST", "/api/v2/tickets/35.json", 405),
        ("GET", "/api/v2/tickets/35", 405),
        ("POST", "/healthz", 405),
        ("POST", "/", 404),
        ("GET", "/metrics", 404),
        ("GET", "/api/deliveries", 404),
        ("POST", "/webhooks/zendesk/", 404),
        ("PUT", "/api/v2/tickets/35/comments", 404),
    ] {
        let answer = ask(accepting(), request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert!(status == 404 || !header(&answer, "allow").is_empty(), "{method} {path} names no method that works");
    }
}

#[tokio::test]
async fn everything_is_counted() {
    let store = ScriptedStore::answering([
        Ok(Accepted::New(id(1))),
        Ok(Accepted::Duplicate(id(1))),
        Ok(Accepted::New(id(2))),
        Err(StoreError::Closed),
    ]);
    let state = state(Arc::new(store));
    let router = public_router(state.clone());
    for body in [TEXT, TEXT, "\u{1}", TEXT] {
        let answer = router.clone().oneshot(braze_request("POST", "/webhooks/braze", body)).await.unwrap();
        assert!(answer.status() == 202 || answer.status() == 503);
    }
    let too_large = braze_request("POST", "/webhooks/braze", chunked(5));
    assert_eq!(router.clone().oneshot(too_large).await.unwrap().status(), 413);
    let unsigned = request("POST", "/webhooks/braze").body(Body::from(TEXT)).unwrap();
    assert_eq!(router.oneshot(unsigned).await.unwrap().status(), 401);
    let page = state.metrics.render();
    for line in [
        "tandem_accepted_total{endpoint=\"braze\"} 1",
        "tandem_duplicates_total{endpoint=\"braze\"} 1",
        "tandem_quarantined_total{endpoint=\"braze\"} 1",
        "tandem_unavailable_total{reason=\"stopping\"} 1",
        "tandem_refused_total{endpoint=\"braze\",cause=\"too_large\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("tandem_refused_total")).count(), 2, "{page}");
    let account = state.inbound.shown();
    let at = account.at(Door::Carrier).unwrap();
    assert_eq!((at.accepted.count, at.accepted.last), (1, Some(noon())));
    let otherwise: Vec<_> = at.otherwise.iter().map(|answered| (answered.words(), answered.seen.count)).collect();
    let expected =
        ["duplicate", "quarantined", "refused: missing token", "refused: too large", "unavailable: stopping"];
    assert_eq!(otherwise, expected.map(|words| (words.to_owned(), 1)));
    let other = at.names.iter().find(|named| named.seen.count > 0).map(|named| named.name.as_str());
    assert_eq!(other, Some("other"));
}

#[tokio::test]
async fn a_panic_in_a_handler_makes_the_sender_come_again() {
    async fn fall() -> Response {
        panic!("on purpose")
    }
    let router = crate::http::panics_caught(Router::new().route("/fall", post(fall)), Clock::manual(noon(), 1));
    let answer = router.oneshot(request("POST", "/fall").body(Body::empty()).unwrap()).await.unwrap();
    assert_come_again(&answer);
    // Webhooks have no layer that catches panics, so the handler itself must.
    let falls = Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
        panic!("on purpose")
    }));
    assert_come_again(&ask(accepting(), braze_request("POST", "/webhooks/braze", falls)).await);
}

#[tokio::test]
async fn who_waits_for_the_store_holds_nothing_of_the_request() {
    let desk = HandlerState { state: state(Arc::new(ScriptedStore::default())), patience: PATIENCE };
    let held = Arc::new(());
    let mut request = braze_request("POST", "/webhooks/braze", TEXT);
    request.extensions_mut().insert(Arc::clone(&held));
    let mut answer = Box::pin(take(Arc::new(desk), Door::Carrier.into(), request));
    assert!((&mut answer).now_or_never().is_none(), "it waits for the store");
    assert_eq!(Arc::strong_count(&held), 1);
    // Each waiting sender has one, and a processor's cache holds few large ones.
    let bytes = size_of_val(&*answer);
    assert!(bytes <= 1280, "{bytes}");
}
