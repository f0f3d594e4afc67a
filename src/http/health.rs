//! The health checks: `/healthz` says that the process lives, `/readyz` whether the next webhook would be accepted.
//!
//! A vendor that refuses the bridge is a note and never makes it unready: its deliveries wait in the store, and
//! webhooks that were turned away would be lost.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::answers;
use super::error::json_answer;
use crate::store::Store;
use crate::telemetry::Readiness;

#[derive(Clone)]
struct Health {
    store: Arc<dyn Store>,
    readiness: Arc<Readiness>,
}

/// `GET /healthz` and `GET /readyz`.
pub(super) fn routes(store: Arc<dyn Store>, readiness: Arc<Readiness>) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(Health { store, readiness })
}

async fn healthz() -> Response {
    json_answer(StatusCode::OK, &answers::Health { status: "alive" })
}

/// The reasons against taking webhooks, and the notes.
pub(super) fn told(store: &dyn Store, readiness: &Readiness) -> (Vec<String>, Vec<String>) {
    let mut reasons = readiness.reasons();
    if let Err(error) = store.health() {
        reasons.push(format!("store: {error}"));
    }
    let mut notes = readiness.notes();
    for (account, pause) in store.pauses() {
        let until = pause.until.map(|until| format!(" until {until}")).unwrap_or_default();
        notes.push(format!("{account}: paused by the operator since {}{until}", pause.since));
    }
    (reasons, notes)
}

async fn readyz(State(health): State<Health>) -> Response {
    let (reasons, notes) = told(health.store.as_ref(), &health.readiness);
    let (code, status) =
        if reasons.is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    json_answer(code, &answers::Readiness { status, reasons, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::http::testing::{ScriptedStore, body_json, get_request};
    use crate::store::StoreError;
    use crate::telemetry::Trouble;
    use jiff::Timestamp;
    use serde_json::json;
    use tower::ServiceExt;

    async fn ask(path: &str, store: ScriptedStore, readiness: Readiness) -> (StatusCode, serde_json::Value) {
        let router = routes(Arc::new(store), Arc::new(readiness));
        let answer = router.oneshot(get_request(path)).await.unwrap();
        (answer.status(), body_json(answer).await)
    }

    #[tokio::test]
    async fn ready_unless_somebody_objects() {
        let readiness = Readiness::default();
        readiness.set_reason("shutdown", "stopping");
        readiness.clear_reason("shutdown");
        let (status, body) = ask("/readyz", ScriptedStore::default(), readiness).await;
        assert_eq!((status, body["status"].as_str()), (StatusCode::OK, Some("ready")));
    }

    #[tokio::test]
    async fn every_objection_is_named() {
        let readiness = Readiness::default();
        readiness.set_reason("shutdown", "stopping");
        let store = ScriptedStore { health: Some(StoreError::BacklogFull(7)), ..ScriptedStore::default() };
        let (status, body) = ask("/readyz", store, readiness).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["reasons"], json!(["shutdown: stopping", "store: the backlog is full (7 deliveries wait)"]));
    }

    #[tokio::test]
    async fn a_paused_destination_is_a_note_and_keeps_nobody_out() {
        let readiness = Readiness::default();
        readiness.set_trouble(Ends::FIRST.carrier, Trouble::Refuses, "401", Timestamp::UNIX_EPOCH);
        let (status, body) = ask("/readyz", ScriptedStore::default(), readiness).await;
        assert_eq!((status, &body["notes"]), (StatusCode::OK, &json!(["braze: refuses the bridge: 401"])));
    }

    #[tokio::test]
    async fn alive_even_when_the_store_is_not() {
        let store = ScriptedStore { health: Some(StoreError::Closed), ..ScriptedStore::default() };
        assert_eq!(ask("/healthz", store, Readiness::default()).await.0, StatusCode::OK);
    }
}
