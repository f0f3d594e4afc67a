//! The operator API over the whole operator router: shapes, refusals, who gets in.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use http::Request as HttpRequest;
use tower::ServiceExt;

use super::*;
use crate::domain::access::{Account, Roster};
use crate::domain::account::Ends;
use crate::domain::conversation::TicketStatus;
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::delivery::{State as Standing, StateName};
use crate::domain::event::TicketId;
use crate::http::operator_router;
use crate::http::testing::{
    ScriptedStore, body_json, body_text, conversation, delivery, get_request, id, noon, operator_state,
};
use crate::store::{DeliveryFilter, IllegalMove};

fn state(store: Arc<ScriptedStore>, token: Option<&str>) -> OperatorState {
    operator_state(store, Roster::new(token.map(Account::shared).into_iter().collect()))
}

fn filled() -> ScriptedStore {
    let mut known = conversation("cust-1");
    known.apply(Change::Ticket(TicketId(35), TicketStatus::Pending, noon()), noon());
    ScriptedStore {
        deliveries: vec![
            delivery(1, Standing::Dead { cause: "422 from Zendesk".into() }),
            delivery(2, Standing::Pending),
            delivery(3, Standing::Delivered { receipt: "comment 9001".into() }),
        ],
        conversations: vec![known, conversation("cust/2?&..")],
        ..ScriptedStore::default()
    }
}

async fn ask(store: &Arc<ScriptedStore>, request: HttpRequest<Body>) -> (u16, Value) {
    let answer = operator_router(state(Arc::clone(store), None)).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, body_json(answer).await)
}

fn post_request(path: &str, body: &str) -> HttpRequest<Body> {
    HttpRequest::post(path).header("host", "127.0.0.1:8081").body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn a_page_of_deliveries_looks_all_its_conversations_up_at_once() {
    let mut store = filled();
    store.deliveries.iter_mut().zip(["cust-1", "gone", "cust-1"]).for_each(|(delivery, key)| {
        delivery.conversation = ConversationKey(key.to_owned());
    });
    let store = Arc::new(store);
    assert_eq!(ask(&store, get_request("/api/deliveries")).await.0, 200);
    let keys = ["cust-1", "gone"].map(|key| ConversationKey(key.to_owned()));
    assert_eq!(*store.named.lock().unwrap(), [BTreeSet::from(keys)]);
}

#[tokio::test]
async fn a_list_of_deliveries_has_the_promised_shape() {
    let (status, body) = ask(&Arc::new(filled()), get_request("/api/deliveries")).await;
    assert_eq!(status, 200);
    assert_eq!((&body["total"], &body["next"]), (&json!(3), &Value::Null));
    let first = &body["items"][0];
    assert_eq!(first["id"], json!(id(1)));
    assert_eq!(first["state"], "dead");
    assert_eq!(first["kind"], "note");
    assert_eq!(first["conversation"], "cust-1");
    assert_eq!(first["attempts"], 2);
    assert_eq!(first["cause"], "422 from Zendesk");
    assert_eq!(first["accepted_at"], "2026-11-21T12:00:00Z");
    assert_eq!(body["items"][1]["cause"], Value::Null);
    assert_eq!(body["items"][2]["receipt"], "comment 9001");
    assert!(!body.to_string().contains("own words"), "a list shows no texts: {body}");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let store = Arc::new(filled());
    let (_, first) = ask(&store, get_request("/api/deliveries?limit=2&state=dead&conversation=cust-1")).await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (2, &json!(id(2))));
    let (asked_state, asked_conversation) = {
        let filter = store.filter.lock().unwrap();
        let filter = filter.as_ref().unwrap();
        (filter.state, filter.conversation.clone())
    };
    assert_eq!((asked_state, asked_conversation), (Some(StateName::Dead), Some(ConversationKey("cust-1".into()))));
    let (_, second) = ask(&store, get_request(&format!("/api/deliveries?limit=2&after={}", id(2)))).await;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn each_parameter_of_the_list_reaches_the_store_and_each_has_its_default() {
    let store = Arc::new(filled());
    let asked = async |query: &str| {
        let (status, body) = ask(&store, get_request(&format!("/api/deliveries?{query}"))).await;
        assert_eq!(status, 200, "{query}: {body}");
        store.filter.lock().unwrap().take().unwrap()
    };
    let plain = asked("").await;
    let expected = DeliveryFilter { limit: plain.limit, ..DeliveryFilter::default() };
    assert_eq!(plain, expected, "all deliveries, oldest first");
    let eleven = noon() - jiff::SignedDuration::from_hours(1);
    // The clock of these tests is 90 seconds ahead of noon.
    let an_hour_ago = eleven + jiff::SignedDuration::from_secs(90);
    let with = |set: &dyn Fn(&mut DeliveryFilter)| {
        let mut filter = plain.clone();
        set(&mut filter);
        filter
    };
    for (query, expected) in [
        ("ticket=35", with(&|filter| filter.ticket = Some(TicketId(35)))),
        ("ticket=%2335", with(&|filter| filter.ticket = Some(TicketId(35)))),
        ("phone=0111", with(&|filter| filter.phone_end = Some("0111".to_owned()))),
        ("destination=braze", with(&|filter| filter.account = Some(Ends::FIRST.carrier))),
        ("since=2026-11-21T11:00:00Z", with(&|filter| filter.since = Some(eleven))),
        ("since=1h", with(&|filter| filter.since = Some(an_hour_ago))),
        ("since=-1h", with(&|filter| filter.since = Some(an_hour_ago))),
        ("until=2026-11-21T11:00:00Z", with(&|filter| filter.until = Some(eleven))),
        ("doorbells=false", with(&|filter| filter.hide_doorbells = true)),
        ("doorbells=true", plain.clone()),
        ("newest=true", with(&|filter| filter.newest_first = true)),
        ("newest=false", plain.clone()),
        ("limit=7", with(&|filter| filter.limit = 7)),
    ] {
        assert_eq!(asked(query).await, expected, "{query}");
    }
    for (path, word) in [
        ("/api/deliveries?newest=yes", "true or false"),
        ("/api/deliveries?ticket=x", "a number"),
        ("/api/deliveries?destination=nowhere", "an account"),
        ("/api/deliveries?since=soon", "an age"),
        ("/api/conversations?ticket=35&phone=0111", "not both"),
        ("/api/conversations?ticket=35&newest=false", "newest first"),
        ("/api/find?words=a", "nothing can be meant"),
        ("/api/find?words=ada&limit=51", "50"),
        ("/api/find", "missing"),
        ("/api/reports?after=x", "a number"),
    ] {
        let (status, body) = ask(&store, get_request(path)).await;
        assert!(status == 400 && body.to_string().contains(word), "{path}: {status} {body}");
    }
}

#[tokio::test]
async fn a_conversation_is_found_whatever_its_name() {
    let store = Arc::new(filled());
    let (_, list) = ask(&store, get_request("/api/conversations?limit=1")).await;
    assert_eq!((&list["total"], &list["next"]), (&json!(2), &json!("cust-1")));
    let item = &list["items"][0];
    assert_eq!(
        (&item["key"], &item["ticket_id"], &item["ticket_state"]),
        (&json!("cust-1"), &json!(35), &json!("pending"))
    );
    assert!(!list.to_string().contains("5550001111"), "a list shows no phone numbers: {list}");
    let (status, shown) = ask(&store, get_request("/api/conversation?key=cust%2F2%3F%26..")).await;
    assert_eq!((status, &shown["key"], &shown["ticket_id"]), (200, &json!("cust/2?&.."), &Value::Null));
    assert_eq!(shown["customer"]["phone"], "+15550001111");
}

#[tokio::test]
async fn one_delivery_is_shown_with_its_event() {
    let (status, shown) = ask(&Arc::new(filled()), get_request(&format!("/api/deliveries/{}", id(1)))).await;
    assert_eq!((status, &shown["event"]["text"]), (200, &json!("a customer's own words")));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    for (request, status, word) in [
        (get_request("/api/deliveries?state=lost"), 400, "quarantined"),
        (get_request("/api/deliveries?status=dead"), 400, "state"),
        (get_request("/api/deliveries?limit=0"), 400, "500"),
        (get_request("/api/deliveries?limit=501"), 400, "500"),
        (get_request("/api/deliveries?limit=many"), 400, "500"),
        (get_request("/api/deliveries?after=evt_1"), 400, "event id"),
        (get_request("/api/deliveries/evt_1"), 400, "event id"),
        (get_request(&format!("/api/deliveries/{}", id(99))), 404, "there is no"),
        (get_request("/api/conversation"), 400, "key"),
        (get_request("/api/conversation?key=nobody"), 404, "nobody"),
        (post_request(&format!("/api/deliveries/{}/discard", id(1)), ""), 400, "reason"),
        (post_request(&format!("/api/deliveries/{}/discard", id(1)), r#"{"reason":"  "}"#), 400, "reason"),
        (post_request(&format!("/api/deliveries/{}/discard", id(1)), &"x".repeat(9000)), 400, "too long"),
    ] {
        let store = Arc::new(filled());
        let path = request.uri().to_string();
        let (found, body) = ask(&store, request).await;
        assert_eq!(found, status, "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(word), "{path}: {body}");
        assert_eq!(store.asked(), Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn moves_reach_the_store() {
    let store = Arc::new(filled());
    let (status, body) = ask(&store, post_request(&format!("/api/deliveries/{}/redrive", id(1)), "")).await;
    assert_eq!((status, &body["id"]), (200, &json!(id(1))));
    let discard = post_request(&format!("/api/deliveries/{}/discard", id(2)), r#"{"reason":"asked by phone"}"#);
    assert_eq!(ask(&store, discard).await.0, 200);
    let expected = [format!("{} Redrive", id(1)), format!("{} Discard {{ reason: \"asked by phone\" }}", id(2))];
    assert_eq!(store.asked(), expected);
}

#[tokio::test]
async fn what_the_store_refuses_has_its_own_status() {
    let illegal = IllegalMove { id: id(1), reason: "a delivery that is delivered cannot be redriven".into() };
    for (error, status) in [
        (StoreError::Illegal(illegal), 409),
        (StoreError::NotFound("delivery".into()), 404),
        (StoreError::Closed, 503),
        (StoreError::DatabaseFull, 503),
        (StoreError::Away("no host answers".into()), 503),
        (StoreError::Failed("x".into()), 503),
    ] {
        let store = Arc::new(ScriptedStore { operate: Some(error.clone()), ..filled() });
        let found = ask(&store, post_request(&format!("/api/deliveries/{}/redrive", id(1)), "")).await.0;
        assert_eq!(found, status, "{error}");
    }
}

#[tokio::test]
async fn the_token_is_asked_for_everywhere_but_for_health() {
    let store = Arc::new(filled());
    let router = operator_router(state(store, Some("a-long-enough-token")));
    let ask = |path: &'static str, token: Option<&'static str>| {
        let mut request = HttpRequest::get(path).header("host", "tandem.internal");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for path in ["/metrics", "/api/deliveries", "/api/conversations", "/api/conversation?key=cust-1"] {
        assert_eq!(ask(path, None).await.unwrap().status(), 401, "{path}");
        assert_eq!(ask(path, Some("Bearer wrong")).await.unwrap().status(), 401, "{path}");
        assert_eq!(ask(path, Some("Bearer a-long-enough-token")).await.unwrap().status(), 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(path, None).await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn without_a_token_web_pages_are_kept_out() {
    let store = Arc::new(filled());
    for (host, origin) in [("evil.example", None), ("127.0.0.1:8081", Some("http://evil.example"))] {
        let mut request = HttpRequest::post(format!("/api/deliveries/{}/redrive", id(1))).header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        assert_eq!(ask(&store, request.body(Body::empty()).unwrap()).await.0, 403, "{host} {origin:?}");
    }
    assert_eq!(store.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn metrics_show_the_store_as_it_stands() {
    let router = operator_router(state(Arc::new(filled()), None));
    let answer = router.oneshot(get_request("/metrics")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], exposition::CLASSIC);
    let page = body_text(answer).await;
    for line in [
        "# TYPE tandem_unavailable_total counter",
        "# TYPE tandem_build_info gauge",
        "tandem_deliveries{state=\"pending\"} 4",
        "tandem_deliveries{state=\"dead\"} 0",
        "tandem_oldest_unsettled_seconds 90.0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
    }
}

#[tokio::test]
async fn prometheus_is_given_the_format_that_it_asks_for() {
    let router = operator_router(state(Arc::new(filled()), None));
    let mut request = get_request("/metrics");
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
    request.headers_mut().insert("accept", accept.parse().unwrap());
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], exposition::OPENMETRICS);
    let page = body_text(answer).await;
    for line in [
        "# TYPE tandem_unavailable counter",
        "# UNIT tandem_oldest_unsettled_seconds seconds",
        "tandem_oldest_unsettled_seconds 90.0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
    }
    assert!(page.ends_with("# EOF\n"), "{page}");
}
