//! The page of one delivery: its event, its history, and the operator's moves. Never shows personal values of the event
//! before the audit has the reader.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, Uri};
use jiff::Timestamp;
use serde_json::Value;

use super::auth::{self, Form};
use super::deliveries::parse_id;
use super::mask::{self, Field};
use super::overview::held;
use super::page::{REASON_MAX, Section, Shell, Trouble, html, see_other, sentence};
use super::preview::{self, Preview};
use super::receipts;
use super::session::Visitor;
use super::view::{self, Held, Moment, Row, Step, grouped};
use crate::domain::access::Role;
use crate::domain::account::End;
use crate::domain::answer;
use crate::domain::delivery::{Delivery, State as Standing, StateName};
use crate::domain::event::{Event, EventKind};
use crate::domain::operator::Seen;
use crate::domain::parts;
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::http::operator::actions;
use crate::store::StoreError;

#[derive(Template)]
#[template(path = "console/delivery.html")]
struct Page {
    shell: Shell,
    row: Row,
    /// Its other facts: name, value, address.
    facts: Vec<(&'static str, String, String)>,
    steps: Vec<Step>,
    event: Vec<Field>,
    /// The request that the mapping makes of it; `None` where it has no mapping.
    request: Option<Preview>,
    /// The vendor's answers to its failed attempts; `None` where there are none.
    answers: Option<Answers>,
    /// The advice on an unconfirmed delivery; `None` for any other.
    doubt: Option<Doubt>,
    revealed: bool,
    redrivable: bool,
    discardable: bool,
    /// The text in the form that drops it.
    reason: String,
    /// Why the last act failed; empty where it did not.
    problem: String,
}

/// The vendor's answers.
struct Answers {
    /// Whether the bodies are shown.
    shown: bool,
    items: Vec<Answer>,
    older: u64,
}

struct Answer {
    at: Moment,
    times: u32,
    call: String,
    status: u16,
    content_type: String,
    body: String,
    /// A remark that the body was longer; empty where it is whole.
    cut: String,
}

/// The meaning of an unconfirmed call, where the operator can look, and whether tandem still looks.
struct Doubt {
    means: &'static str,
    look: &'static str,
    wait: String,
    /// The part in doubt; `None` for a message in one piece.
    part: Option<InDoubt>,
}

/// The number of the part in doubt, of all parts, and the number of parts that are known to be sent.
struct InDoubt {
    number: u32,
    of: u32,
    known: u32,
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
    let seen = |seen: &Seen| visitor.may(Role::Act) && state.console.sessions.has_seen(visitor.session, seen);
    let revealed = seen(&Seen::Event(id));
    let kept = state.store.answers(id).await?;
    let (name, now) = (delivery.state.name(), state.clock.now());
    let held = held(state, &delivery);
    let cut = state.cut(conversation.as_ref(), &delivery);
    let parts = parts::count(&event.kind, cut);
    let line = conversation.as_ref().map(|known| view::line(known, &state.lines)).unwrap_or_default();
    let section = if name == StateName::Quarantined { Section::Quarantine } else { Section::Deliveries };
    Ok(Page {
        shell: Shell::new(visitor, section, view::told(&event.kind)),
        row: view::row(&delivery),
        facts: facts(&delivery, line, parts, now),
        steps: view::steps(&delivery, now, held.as_ref()),
        event: mask::fields(&record(&event), revealed),
        answers: Some(kept).filter(|kept| !kept.is_empty()).map(|kept| answers(kept, seen(&Seen::Answers(id)), now)),
        doubt: doubt(&delivery, parts, held.as_ref(), now),
        request: preview::of_event(&state.console, &delivery, &event, conversation.as_ref(), revealed),
        revealed,
        redrivable: StateName::REDRIVEN.contains(&name),
        discardable: StateName::DISCARDED.contains(&name),
        reason: String::new(),
        problem: String::new(),
    })
}

fn answers(kept: answer::Answers, shown: bool, now: Timestamp) -> Answers {
    let item = |answer: answer::Answer| {
        let cut = usize::try_from(answer.length).unwrap_or(usize::MAX) > answer.body.len();
        Answer {
            at: view::moment(answer.at, now),
            times: answer.times,
            call: answer.call,
            status: answer.status,
            content_type: answer.content_type.unwrap_or_default(),
            cut: if shown && cut {
                format!("The whole body had {} bytes.", grouped(answer.length))
            } else {
                String::new()
            },
            body: match answer.body {
                body if body.is_empty() => "(no body)".to_owned(),
                body if shown => body,
                body => mask::hint(&body),
            },
        }
    };
    Answers { shown, items: kept.kept.into_iter().map(item).collect(), older: kept.older }
}

fn doubt(delivery: &Delivery, parts: u32, held: Option<&Held>, now: Timestamp) -> Option<Doubt> {
    let Standing::Unconfirmed { look_at, .. } = &delivery.state else { return None };
    // A delivery that only reads leaves nothing to look at.
    if delivery.only_reads() {
        return None;
    }
    let (means, look) = match delivery.kind.traits().calls {
        End::Carrier => (
            "This text may have gone out: tandem has no answer of Braze’s that says so. The customer may have it or may not.",
            "Look before you decide: ask the customer, or look at the messages that Braze lists on the customer’s profile. \
             If you send it again and it had arrived, the customer has it twice.",
        ),
        End::Desk => (
            "This may stand on the ticket: tandem has no answer of Zendesk’s that says so.",
            "Look at the ticket before you decide. If you send it again and it stands there, it stands there twice.",
        ),
    };
    let wait = look_at.map(|at| {
        let next = view::comes(at, now, held);
        format!("tandem looks for it by itself, next {next}. If nothing presses, wait for that.")
    });
    let known = delivery.parts_sent;
    let part = (parts > 1).then(|| InDoubt { number: known.saturating_add(1).min(parts), of: parts, known });
    Some(Doubt { means, look, wait: wait.unwrap_or_default(), part })
}

/// The facts of a delivery, each with the address of the delivery that it names.
fn facts(delivery: &Delivery, line: &str, parts: u32, now: Timestamp) -> Vec<(&'static str, String, String)> {
    let page = |id: &str| format!("/console/deliveries/{id}");
    let mut facts = vec![("Name", delivery.id.to_string(), String::new())];
    facts.extend((!line.is_empty()).then(|| ("Line", line.to_owned(), String::new())));
    for (name, other) in [("Sent together with", delivery.merged_into), ("Came of", delivery.parent)] {
        if let Some(other) = other.map(|id| id.to_string()) {
            facts.push((name, other.clone(), page(&other)));
        }
    }
    // All parts of a delivered message are sent.
    if delivery.parts_sent > 0 && delivery.state.name() != StateName::Delivered {
        facts.push(("Parts that are out", format!("{} of {parts}", delivery.parts_sent), String::new()));
    }
    if let Some(at) = delivery.first_sent_at {
        facts.push(("First tried", view::moment(at, now).shown, String::new()));
    }
    let told = receipts::facts(delivery, now).into_iter().map(|(name, told)| (name, told, String::new()));
    facts.extend(told);
    facts
}

/// The event's record. The body of an unreadable event is decoded to the text that came.
fn record(event: &Event) -> Value {
    let mut record = serde_json::to_value(event).unwrap_or_default();
    tell_times(&mut record);
    if let EventKind::Unreadable(kept) = &event.kind {
        let body = STANDARD.decode(&kept.body).unwrap_or_default();
        record["body"] = Value::from(String::from_utf8_lossy(&body));
    }
    record
}

/// The names of an event's times.
const TIMES: [&str; 5] = ["received_at", "written_at", "updated_at", "as_of", "all_there_to"];

/// Writes the times of a record to the second, as all pages do.
fn tell_times(record: &mut Value) {
    let Value::Object(fields) = record else { return };
    for (name, value) in fields {
        let at = value.as_str().and_then(|word| word.parse::<Timestamp>().ok());
        if let Some(at) = at.filter(|_| TIMES.contains(&name.as_str())) {
            *value = Value::from(view::moment(at, at).utc);
        } else if name == "caught_up" {
            tell_times(value);
        }
    }
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
    actions::note_seen(&state, seen.clone(), &auth::order(&state, &visitor)).await?;
    state.console.sessions.saw(visitor.session, &seen);
    Ok(see_other(&format!("/console/deliveries/{id}")))
}

/// `POST /console/deliveries/{id}/answers`.
pub(super) async fn reveal_answers(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let id = parse_id(&id)?;
    actions::answers(&state, id, &auth::order(&state, &visitor)).await?;
    state.console.sessions.saw(visitor.session, &Seen::Answers(id));
    Ok(see_other(&format!("/console/deliveries/{id}#answers")))
}

/// `POST /console/deliveries/{id}/redrive`.
pub(super) async fn redrive(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let event = parse_id(&id)?;
    let (delivery, _) = actions::delivery(&state, event).await?;
    let done = if matches!(delivery.state, Standing::Quarantined { .. }) { "read" } else { "redriven" };
    let moved = actions::redrive(&state, event, &auth::order(&state, &visitor)).await;
    after(&state, &visitor, &id, moved, done).await
}

/// `POST /console/deliveries/{id}/settle`.
pub(super) async fn settle(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let out = match form.get("parts").map(str::parse).transpose() {
        Ok(out) => out,
        Err(_) => {
            let problem = "The number of parts that arrived must be a whole number.".to_owned();
            let page = Page { problem, ..page(&state, &visitor, &id).await? };
            return Ok(html(StatusCode::BAD_REQUEST, &page));
        }
    };
    let moved = actions::settle(&state, parse_id(&id)?, out, &auth::order(&state, &visitor)).await;
    after(&state, &visitor, &id, moved, "settled").await
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
            let page = Page { reason: written.to_owned(), ..page(&state, &visitor, &id).await? };
            return Ok(html(StatusCode::BAD_REQUEST, &Page { problem: sentence(&problem), ..page }));
        }
    };
    let moved = actions::discard(&state, parse_id(&id)?, reason, &auth::order(&state, &visitor)).await;
    after(&state, &visitor, &id, moved, "discarded").await
}

/// The answer to an act: a redirect to the page with the result, or the page with the reason why the act failed.
async fn after(
    state: &OperatorState,
    visitor: &Visitor,
    id: &str,
    moved: Result<(), StoreError>,
    done: &str,
) -> Result<Response, Trouble> {
    match moved {
        Ok(()) => Ok(see_other(&format!("/console/deliveries/{id}?done={done}"))),
        Err(StoreError::Illegal(illegal)) => {
            let page = page(state, visitor, id).await?;
            Ok(html(StatusCode::CONFLICT, &Page { problem: sentence(&illegal.reason), ..page }))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_events_own_times_are_told_to_the_second_and_what_others_wrote_stays() {
        let raw = "2026-11-29T06:13:20.344994Z";
        let mut record = json!({
            "received_at": raw, "caught_up": {"as_of": raw, "merged": false}, "text": raw,
            "attributes": {"updated_at": raw}, "body": {"received_at": raw},
        });
        tell_times(&mut record);
        let told = "2026-11-29 06:13:20 UTC";
        assert_eq!(
            record,
            json!({
                "received_at": told, "caught_up": {"as_of": told, "merged": false}, "text": raw,
                "attributes": {"updated_at": raw}, "body": {"received_at": raw},
            })
        );
        let body = STANDARD.encode("hello");
        let (path, method, content_type) = ("/webhooks/braze".to_owned(), "POST".to_owned(), None);
        let kind = EventKind::Unreadable(crate::domain::event::Unreadable { path, method, content_type, body });
        let kept = super::record(&Event { received_at: crate::http::testing::noon(), kind });
        assert_eq!((&kept["received_at"], &kept["body"]), (&json!("2026-11-21 12:00:00 UTC"), &json!("hello")));
    }
}
