//! The table of roles, whole: every route of the operator's listener as every role, against the table of the docs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use http::{Request as HttpRequest, StatusCode};
use tower::ServiceExt;

use super::*;
use crate::domain::access::{Account, Grant, Roster, TokenDigest};
use crate::http::testing::{ScriptedStore, body_text, operator_state};
use crate::http::{console, operator, operator_router};

/// The page that promises the table.
const PROMISED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");

fn token(role: Role) -> String {
    format!("the-token-of-{}-0001", role.name())
}

fn account(role: Role) -> Account {
    Account {
        name: format!("{}-only", role.name()),
        grant: Grant::of(role),
        token: TokenDigest::of(&token(role)),
        is_personal: true,
    }
}

fn everybody() -> Roster {
    Roster::new(Role::ALL.map(account).into())
}

/// The address of a route, with something in the place of each parameter.
fn address(path: &str) -> String {
    path.replace("{id}", "evt_000000010000000000010000")
        .replace("{destination}", "braze")
        .replace("{*rest}", "no-such-page")
}

/// The roles as the docs promise them: the last word of each row of the table, by method and path.
fn promised() -> BTreeMap<(String, String), Role> {
    let page = std::fs::read_to_string(PROMISED).unwrap();
    let (_, table) = page.split_once("| request | role |").expect("the page has the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut promised = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let role = Role::of(cells[1].trim_matches('`')).unwrap_or_else(|| panic!("{row}"));
        for request in cells[0].split(", ") {
            let (method, path) = request.trim_matches('`').split_once(' ').unwrap_or_else(|| panic!("{row}"));
            assert!(promised.insert((method.to_owned(), path.to_owned()), role).is_none(), "{request} stands twice");
        }
    }
    promised
}

fn rows() -> Vec<Row> {
    operator::table().into_iter().chain(console::table()).collect()
}

#[test]
fn the_docs_promise_a_role_for_every_route() {
    let served: BTreeMap<_, _> =
        rows().into_iter().map(|row| ((row.method.to_string(), row.path.to_owned()), row.needs)).collect();
    assert_eq!(served, promised(), "docs/security.md, “Roles”, has another table than the code");
}

#[tokio::test]
async fn every_route_is_served_to_its_role_and_refused_to_the_others() {
    let router = operator_router(operator_state(Arc::new(ScriptedStore::default()), everybody()));
    for role in Role::ALL {
        // A person sends the session's cookie, and the CSRF token that its forms carry.
        let (cookie, csrf) = sign_in(&router, role).await;
        for ((method, path), needs) in promised() {
            // The later rows need the session.
            if path == "/console/sign-out" || path == "/console/live" {
                continue;
            }
            let request = HttpRequest::builder()
                .method(method.as_str())
                .uri(address(&path))
                .header("host", "127.0.0.1:8081")
                .header("authorization", format!("Bearer {}", token(role)))
                .header("cookie", &cookie)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Body::from(format!("csrf={csrf}")))
                .unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let (status, text) = (answer.status(), body_text(answer).await);
            let is_refused = status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, role < needs, "{method} {path} as {role:?}: {status} {text}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path} as {role:?}: {text}");
            if is_refused {
                let why =
                    format!("eeds the role {}, and {}-only has the role {}", needs.name(), role.name(), role.name());
                assert!(text.contains(&why), "{method} {path} as {role:?}: {text}");
            }
        }
    }
}

async fn sign_in(router: &Router, role: Role) -> (String, String) {
    let request = HttpRequest::post("/console/sign-in")
        .header("host", "127.0.0.1:8081")
        .body(Body::from(format!("token={}", token(role))))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = HttpRequest::get("/console/settings").header("host", "127.0.0.1:8081").header("cookie", &cookie);
    let page = body_text(router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()).await;
    let (_, after) = page.split_once("name=\"csrf\" value=\"").expect("a page has a form to sign out");
    (cookie, after.split('"').next().unwrap().to_owned())
}

/// A request that the role refuses never reaches a handler, so it changes nothing.
#[tokio::test]
async fn what_is_refused_is_not_done() {
    let store = Arc::new(ScriptedStore::default());
    let router = operator_router(operator_state(Arc::clone(&store), everybody()));
    for path in ["/api/destinations/braze/pause", "/api/conversation/forget?key=x"] {
        let request = HttpRequest::post(path).header("authorization", format!("Bearer {}", token(Role::Read)));
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert!(store.pauses.lock().unwrap().is_empty() && store.asked().is_empty());
}

#[tokio::test]
async fn the_name_of_an_order_is_that_of_the_token() {
    for (token_of, claimed, status, by) in [
        (Some(Role::Act), None, 200, Some(("act-only", true))),
        (Some(Role::Act), Some("act-only"), 200, Some(("act-only", true))),
        (Some(Role::Act), Some("eve"), 403, None),
        (Some(Role::Act), Some("Eve L"), 400, None),
        (None, Some("eve"), 200, Some(("eve", false))),
    ] {
        let store = Arc::new(ScriptedStore::default());
        let roster =
            Roster::new(Role::ALL.map(account).into_iter().chain([Account::shared("the-shared-token")]).collect());
        let router = operator_router(operator_state(Arc::clone(&store), roster));
        let presented = token_of.map_or("the-shared-token".to_owned(), token);
        let mut request = HttpRequest::post("/api/destinations/braze/pause")
            .header("host", "tandem.internal")
            .header("authorization", format!("Bearer {presented}"));
        if let Some(claimed) = claimed {
            request = request.header("x-tandem-by", claimed);
        }
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{token_of:?} {claimed:?}");
        let pauses = store.pauses.lock().unwrap();
        let operators: BTreeSet<_> =
            pauses.values().map(|pause| (pause.operator.by.clone(), pause.operator.is_proven)).collect();
        let expected = by.map(|(by, is_proven)| (Some(by.to_owned()), is_proven)).into_iter().collect();
        assert_eq!(operators, expected, "{token_of:?} {claimed:?}");
    }
}
