//! The description of our own API: it names every route of both routers and no other, and a running bridge answers as it
//! says.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use tandem::domain::inbound::Door;

use crate::openapi::check_in;
use crate::support::{TestBridge, answer};
use crate::webhooks::{braze_post, form, quiet_bridge};

/// The document as the code makes it.
pub(crate) fn document() -> Value {
    serde_json::to_value(tandem::http::openapi::document()).unwrap()
}

fn schemas(document: &Value) -> Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap().clone()
}

/// Method and path of every operation.
fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone())));
    operations.collect()
}

/// The files below `src/http` whose routes are not the API's: pages for people, and tests.
const OTHERS: [&str; 3] = ["console", "testing", "tests"];

/// The routes in the sources: `.route("/path", get(handler))`, the rows of the operator's table of roles:
/// `Row::get(Role, "/path", handler)`, and the table of the endpoints for webhooks.
fn routed() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut files = vec![root.clone()];
    let of_door = |door: Door| {
        door.paths().iter().map(move |path| (door.method().as_str().to_ascii_lowercase(), (*path).to_owned()))
    };
    let mut routes: BTreeSet<(String, String)> = Door::ALL.into_iter().flat_map(of_door).collect();
    while let Some(path) = files.pop() {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        if OTHERS.iter().any(|other| inside.components().any(|part| part.as_os_str() == *other)) {
            continue;
        }
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for route in text.split(".route(").skip(1) {
            let route: String = route.split_whitespace().collect();
            let Some((path, rest)) = route.strip_prefix('"').and_then(|rest| rest.split_once("\",")) else { continue };
            let method = rest.split('(').next().unwrap();
            routes.insert((method.to_owned(), path.to_owned()));
        }
        for row in text.split("Row::").skip(1) {
            let (method, rest) = row.split_once('(').unwrap();
            if let (true, Some(path)) = (["get", "post"].contains(&method), rest.split('"').nth(1)) {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

#[test]
fn every_route_is_described_and_no_other() {
    let (described, routed) = (described(&document()), routed());
    assert!(routed.len() > 20, "the routes were not found: {routed:?}");
    assert_eq!(described, routed);
}

#[test]
fn the_document_holds_together() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = schemas(&document);
    let text = document.to_string();
    let named: BTreeSet<&str> =
        text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for name in &named {
        assert!(schemas.contains_key(*name), "{name} is referred to and not there");
    }
    for name in schemas.keys() {
        assert!(named.contains(name.as_str()), "nothing refers to {name}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is taken");
            let placed = path.matches('{').count();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            assert_eq!(parameters.filter(|parameter| parameter["in"] == "path").count(), placed, "{method} {path}");
        }
    }
}

#[test]
fn every_operation_names_its_listener_and_what_its_authentication_answers() {
    let document = document();
    assert_eq!(document["servers"][0]["url"], "http://{operator_listen}");
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let servers = operation["servers"].as_array().map(|servers| servers.iter().map(|server| &server["url"]));
            let servers: Vec<_> = servers.into_iter().flatten().collect();
            let expected: &[&str] = match operation["tags"][0].as_str().unwrap() {
                "operator" => &[],
                "health" => &["http://{listen}", "http://{operator_listen}"],
                _ => &["http://{listen}"],
            };
            assert_eq!(servers, expected, "{path}");
            if expected.is_empty() {
                for status in ["401", "403", "429"] {
                    assert!(operation["responses"][status].is_object(), "{path} {status}");
                }
            }
        }
    }
    let parameter = |method: &str, path: &str, name: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"].clone()
    };
    assert_eq!(parameter("get", "/api/conversation", "key")["minLength"], 1);
    assert_eq!(parameter("get", "/api/deliveries/{id}", "id")["pattern"], "^evt_[0-9a-f]{24}$");
    assert_eq!(parameter("get", "/api/deliveries", "after")["pattern"], "^(evt_[0-9a-f]{24})?$");
    assert!(parameter("post", "/api/deliveries/{id}/redrive", "X-Tandem-By")["pattern"].is_string());
    assert_eq!(schemas(&document)["Reason"]["properties"]["reason"]["minLength"], 1);
}

/// Sends a request, checks the answer against the description of this operation, and returns it.
async fn ask(document: &Value, bridge: &TestBridge, method: &str, path: &str, request: RequestBuilder) -> Value {
    let (status, body) = answer(request).await;
    let described = &document["paths"][path][method]["responses"][status.to_string()];
    let reference = described["content"]["application/json"]["schema"]["$ref"].as_str();
    let name = reference.unwrap_or_else(|| panic!("{method} {path} does not describe {status}: {body}"));
    let name = name.rsplit('/').next().unwrap();
    let fits = check_in(&schemas(document), name, &body);
    assert_eq!(fits, Ok(()), "{method} {path}: {status} {body} from {}", bridge.operator);
    body
}

/// An operator's request to a path in which `{…}` is filled in already.
fn operator(bridge: &TestBridge, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    bridge.http.request(method, format!("{}{path}", bridge.operator))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_bridge_answers_its_senders_as_described() {
    let (document, bridge) = (document(), quiet_bridge().await);
    bridge.customer("ada");
    let text = form(&[("external_id", "ada"), ("text", "Hello"), ("campaign", "c"), ("dispatch", "d")]);
    let test = form(&[("dispatch", "dispatch_id_for_unsent_campaign")]);
    for (body, status) in
        [(text.as_str(), "accepted"), (&text, "duplicate"), (&test, "ignored"), ("unreadable", "quarantined")]
    {
        let told = ask(&document, &bridge, "post", "/webhooks/{account}", braze_post(&bridge, body)).await;
        assert_eq!(told["status"], status);
    }
    let too_large = "x".repeat(256 * 1024 + 1);
    ask(&document, &bridge, "post", "/webhooks/{account}", braze_post(&bridge, &too_large)).await;
    let unsigned = bridge.http.post(format!("{}/webhooks/zendesk", bridge.public)).body("{}");
    ask(&document, &bridge, "post", "/webhooks/{account}", unsigned).await;
    for path in ["/healthz", "/readyz"] {
        for listener in [&bridge.public, &bridge.operator] {
            ask(&document, &bridge, "get", path, bridge.http.get(format!("{listener}{path}"))).await;
        }
    }
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_bridge_answers_its_operator_as_described() {
    let (document, bridge) = (document(), quiet_bridge().await);
    bridge.talking("ada").await;
    assert_eq!(answer(braze_post(&bridge, "unreadable")).await.0, 202);
    bridge.settled().await;
    let kept = bridge.deliveries("state=quarantined").await[0]["id"].as_str().unwrap().to_owned();
    let done = bridge.deliveries("state=delivered").await[0]["id"].as_str().unwrap().to_owned();
    let reason = || json!({ "reason": "a test" }).to_string();
    let pause = || json!({ "reason": "a test", "until": "2099-01-01T00:00:00Z" }).to_string();
    for (method, path, filled, body, status) in [
        ("get", "/api/deliveries", "/api/deliveries?limit=1".to_owned(), String::new(), true),
        ("get", "/api/deliveries", "/api/deliveries?state=odd".into(), String::new(), false),
        ("get", "/api/deliveries/{id}", format!("/api/deliveries/{done}"), String::new(), true),
        ("get", "/api/deliveries/{id}", format!("/api/deliveries/evt_{}", "0".repeat(24)), String::new(), false),
        ("post", "/api/deliveries/{id}/redrive", format!("/api/deliveries/{done}/redrive"), String::new(), false),
        ("post", "/api/deliveries/{id}/redrive", format!("/api/deliveries/{kept}/redrive"), String::new(), false),
        ("post", "/api/deliveries/redrive", "/api/deliveries/redrive?state=quarantined".into(), String::new(), true),
        ("post", "/api/deliveries/{id}/discard", format!("/api/deliveries/{kept}/discard"), reason(), true),
        ("post", "/api/deliveries/discard", "/api/deliveries/discard?state=dead".into(), reason(), true),
        ("get", "/api/conversations", "/api/conversations".into(), String::new(), true),
        ("get", "/api/conversations", "/api/conversations?newest=true&phone=01".into(), String::new(), true),
        ("get", "/api/conversations", "/api/conversations?phone=1".into(), String::new(), false),
        ("get", "/api/deliveries", "/api/deliveries?since=1h&newest=true&doorbells=false".into(), String::new(), true),
        ("get", "/api/deliveries", "/api/deliveries?since=yesterday".into(), String::new(), false),
        ("get", "/api/find", "/api/find?words=ada".into(), String::new(), true),
        ("get", "/api/find", format!("/api/find?words={done}"), String::new(), true),
        ("get", "/api/find", "/api/find?words=a".into(), String::new(), false),
        ("get", "/api/conversation", "/api/conversation?key=ada".into(), String::new(), true),
        ("get", "/api/conversation", "/api/conversation?key=nobody".into(), String::new(), false),
        ("get", "/api/destinations", "/api/destinations".into(), String::new(), true),
        ("post", "/api/destinations/{destination}/pause", "/api/destinations/braze/pause".into(), String::new(), true),
        ("post", "/api/destinations/{destination}/pause", "/api/destinations/braze/pause".into(), pause(), true),
        (
            "post",
            "/api/destinations/{destination}/pause",
            "/api/destinations/braze/pause".into(),
            reason() + "x",
            false,
        ),
        (
            "post",
            "/api/destinations/{destination}/resume",
            "/api/destinations/braze/resume".into(),
            String::new(),
            true,
        ),
        ("post", "/api/destinations/{destination}/pause", "/api/destinations/x/pause".into(), String::new(), false),
        ("post", "/api/conversation/forget", "/api/conversation/forget?key=ada".into(), String::new(), true),
        ("get", "/api/audit", "/api/audit".into(), String::new(), true),
    ] {
        let told = ask(&document, &bridge, method, path, operator(&bridge, method, &filled).body(body)).await;
        assert_eq!(told.get("error").is_none(), status, "{method} {filled}: {told}");
    }
    let acts = answer(operator(&bridge, "get", "/api/audit")).await.1;
    let acts: BTreeSet<&str> =
        acts["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(acts, BTreeSet::from(["discard", "forget", "pause", "resume"]), "every form of an entry was seen");
    bridge.finish(0).await;
}

/// A bridge that is asked with a parameter that it does not know says which ones it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_parameter_is_described_and_no_other() {
    let (document, bridge) = (document(), quiet_bridge().await);
    let mut asked = 0;
    for (method, path) in described(&document) {
        let operation = &document["paths"][&path][&method];
        if operation["tags"][0] != "operator" {
            continue;
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queried = parameters.filter(|parameter| parameter["in"] == "query");
        let described: BTreeSet<&str> = queried.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let filled = path.replace("{id}", &format!("evt_{}", "0".repeat(24))).replace("{destination}", "braze");
        let response =
            operator(&bridge, &method, &format!("{filled}?bogus=1")).send().await.unwrap().text().await.unwrap();
        let known = response.split_once("known ones: ").map(|(_, list)| list.trim_end_matches(['"', '}']));
        let known: BTreeSet<&str> = known.into_iter().flat_map(|list| list.split(", ")).collect();
        assert_eq!(known, described, "{method} {path}: {response}");
        asked += described.len();
    }
    assert!(asked > 10, "{asked} parameters only");
    bridge.finish(0).await;
}

/// A schema is strict: a field more, a field less and a wrong type are all found.
#[test]
fn an_answer_that_differs_is_found() {
    let schemas = schemas(&document());
    let good = json!({ "moved": 1, "refused": [], "next": null, "accepted_by": "2026-11-21T12:00:00Z" });
    assert_eq!(check_in(&schemas, "Step", &good), Ok(()));
    for (field, value) in
        [("moved", json!("1")), ("next", json!(5)), ("refused", json!([{ "id": "x" }])), ("more", json!(1))]
    {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(check_in(&schemas, "Step", &bad).is_err(), "{field}");
    }
    assert!(check_in(&schemas, "Step", &json!({ "moved": 1 })).is_err());
    assert!(check_in(&schemas, "Acknowledgement", &json!({ "status": "ignored", "id": "evt_" })).is_err());
}
