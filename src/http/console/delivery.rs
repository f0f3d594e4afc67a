//! The page of one delivery: what came in, what came of it, and what an operator can do about it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, Uri};
use serde_json::Value;

use super::deliveries::parse_id;
use super::gate::{self, Form};
use super::mask::{self, Field};
use super::page::{REASON_MAX, Section, Shell, Trouble, html, see_other, sentence};
use super::preview::{self, Preview};
use super::session::Visitor;
use super::view::{self, Row, Step};
use crate::domain::delivery::{Delivery, State as Standing};
use crate::domain::event::{Event, EventKind};
use crate::domain::operator::Seen;
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::http::operator::actions::{self, DISCARDED, REDRIVEN};

#[derive(Template)]
#[template(path = "console/delivery.html")]
struct Page {
    shell: Shell,
    row: Row,
    /// What else is known of it: name, value, address.
    facts: Vec<(&'static str, String, String)>,
    steps: Vec<Step>,
    event: Vec<Field>,
    /// What would be sent of it; `None` where no mapping is for it.
    request: Option<Preview>,
    revealed: bool,
    redrivable: bool,
    discardable: bool,
    reason: String,
    problem: String,
}

/// `GET /console/deliveries/{id}`.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let done = Query::read(&uri, &["done"])?.take("done");
    let mut page = page(&state, &visitor, &id).await?;
    page.shell = page.shell.after(done.as_deref());
    Ok(html(StatusCode::OK, &page))
}

async fn page(state: &OperatorState, visitor: &Visitor, id: &str) -> Result<Page, Trouble> {
    let id = parse_id(id)?;
    let (delivery, event) = actions::delivery(state, id).await?;
    let conversation = state.store.conversation(&delivery.conversation).await?;
    let revealed = state.console.sessions.has_seen(visitor.session, &Seen::Event(id));
    let word = delivery.state.name();
    let section = if word == "quarantined" { Section::Quarantine } else { Section::Deliveries };
    Ok(Page {
        shell: Shell::new(visitor, section, view::kind(&delivery.kind)),
        row: view::row(&delivery, state.clock.now()),
        facts: facts(&delivery),
        steps: view::steps(&delivery, state.clock.now()),
        event: mask::fields(&record(&event), revealed),
        request: preview::of_event(&state.console, &delivery, &event, conversation.as_ref(), revealed),
        revealed,
        redrivable: REDRIVEN.contains(&word),
        discardable: DISCARDED.contains(&word),
        reason: String::new(),
        problem: String::new(),
    })
}

/// What is known of a delivery beside its way, each with the address of what it is about.
fn facts(delivery: &Delivery) -> Vec<(&'static str, String, String)> {
    let page = |id: &str| format!("/console/deliveries/{id}");
    let mut facts = vec![("Name", delivery.id.to_string(), String::new())];
    for (name, other) in [("Sent together with", delivery.merged_into), ("Came of", delivery.parent)] {
        if let Some(other) = other.map(|id| id.to_string()) {
            facts.push((name, other.clone(), page(&other)));
        }
    }
    if delivery.parts_sent > 0 {
        facts.push(("Parts that are out", delivery.parts_sent.to_string(), String::new()));
    }
    if let Some(at) = delivery.first_sent_at {
        facts.push(("First tried", view::moment(at, at).iso, String::new()));
    }
    facts
}

/// The event as it is kept; the body of one that could not be read as it came.
fn record(event: &Event) -> Value {
    let mut record = serde_json::to_value(event).unwrap_or_default();
    if let EventKind::Unreadable(kept) = &event.kind {
        let body = STANDARD.decode(&kept.body).unwrap_or_default();
        record["body"] = Value::from(String::from_utf8_lossy(&body));
    }
    record
}

/// `POST /console/deliveries/{id}/reveal`.
pub(super) async fn reveal(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let id = parse_id(&id)?;
    actions::delivery(&state, id).await?;
    let seen = Seen::Event(id);
    actions::note_seen(&state, seen.clone(), &gate::order(&state, &visitor)).await?;
    state.console.sessions.saw(visitor.session, &seen);
    Ok(see_other(&format!("/console/deliveries/{id}")))
}

/// `POST /console/deliveries/{id}/redrive`.
pub(super) async fn redrive(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let id = parse_id(&id)?;
    let (delivery, _) = actions::delivery(&state, id).await?;
    actions::redrive(&state, id, &gate::order(&state, &visitor)).await?;
    let done = if matches!(delivery.state, Standing::Quarantined { .. }) { "read" } else { "redriven" };
    Ok(see_other(&format!("/console/deliveries/{id}?done={done}")))
}

/// `POST /console/deliveries/{id}/discard`.
pub(super) async fn discard(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let written = form.get("reason").unwrap_or_default();
    let reason = match actions::reason(written) {
        Ok(reason) => reason,
        Err(problem) => {
            let page = page(&state, &visitor, &id).await?;
            let page = Page { reason: written.to_owned(), problem: sentence(&problem), ..page };
            return Ok(html(StatusCode::BAD_REQUEST, &page));
        }
    };
    let id = parse_id(&id)?;
    actions::discard(&state, id, reason, &gate::order(&state, &visitor)).await?;
    Ok(see_other(&format!("/console/deliveries/{id}?done=discarded")))
}
