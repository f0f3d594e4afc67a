//! Orders over all deliveries that a list shows: first a confirmation, then some steps a request. Never moves a
//! delivery that was accepted after the order.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::auth::{self, Form};
use super::deliveries::parse_id;
use super::meant::Meant;
use super::page::{Section, Shell, Trouble, html, sentence};
use super::session::Visitor;
use super::view::grouped;
use crate::domain::delivery::StateName;
use crate::domain::event::EventId;
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::http::operator::actions::{self, REASON_MAX_CHARS};
use crate::store::{IllegalMove, Moves, StoreError, Sweep};

/// Steps at most in one request: some thousand deliveries, in about a second.
const STEPS_MAX: usize = 20;

/// Deliveries at most that are named as not moved.
const REFUSED_MAX: usize = 20;

/// The move of an order over many deliveries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Redrive,
    Discard,
}

impl Action {
    /// The move, and the state that it moves from.
    fn read(word: Option<&str>, meant: &Meant) -> Result<(Self, StateName), Trouble> {
        let (action, states) = match word {
            Some("redrive") => (Self::Redrive, &StateName::REDRIVEN[..]),
            Some("discard") => (Self::Discard, &StateName::DISCARDED[..]),
            Some(_) | None => return Err(Trouble::bad("There is no such action.")),
        };
        let chosen = meant.state.filter(|state| states.contains(state));
        let state = chosen.ok_or_else(|| {
            let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
            Trouble::bad(format!("Choose a state first: one of {}.", words.join(", ")))
        })?;
        Ok((action, state))
    }
}

/// The page that asks for confirmation of an order over many, and shows its progress.
#[derive(Template)]
#[template(path = "console/move.html")]
struct Move {
    shell: Shell,
    meant: Meant,
    discards: bool,
    /// Whether a first step was taken.
    begun: bool,
    /// The number of selected deliveries before the first step; of moved ones after it.
    count: String,
    refused: Vec<IllegalMove>,
    refused_count: String,
    reason: String,
    accepted_by: String,
    /// The cursor of the next step; empty when the order is carried out.
    after: String,
    back: String,
    problem: String,
}

impl Move {
    fn new(visitor: &Visitor, meant: &Meant, action: Action) -> Self {
        let title = match action {
            Action::Redrive => "Put back all of these",
            Action::Discard => "Drop all of these",
        };
        Self {
            shell: Shell::new(visitor, Section::Deliveries, title),
            meant: meant.clone(),
            discards: action == Action::Discard,
            begun: false,
            count: String::new(),
            refused: Vec::new(),
            refused_count: String::new(),
            reason: String::new(),
            accepted_by: String::new(),
            after: String::new(),
            back: meant.href("/console/deliveries", &[]),
            problem: String::new(),
        }
    }
}

/// `GET /console/deliveries/move`: asks for confirmation.
pub(super) async fn ask(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["action", "state", "to", "conversation"])?;
    let asked: Vec<_> = ["action", "state", "to", "conversation"].map(|name| (name, query.take(name))).into();
    let get = |name: &str| asked.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone());
    let meant = Meant::read(get)?;
    let (action, _) = Action::read(get("action").as_deref(), &meant)?;
    let total = total(&state, &meant).await?;
    let page = Move {
        count: grouped(total),
        accepted_by: state.clock.now().to_string(),
        ..Move::new(&visitor, &meant, action)
    };
    Ok(html(StatusCode::OK, &page))
}

/// The number of selected deliveries, with doorbells, because an order moves those as well.
async fn total(state: &OperatorState, meant: &Meant) -> Result<u64, Trouble> {
    let meant = Meant { with_doorbells: true, ..meant.clone() };
    let mut total = 0;
    for filter in meant.filters(None, 0, state.clock.now())? {
        total += state.store.deliveries(filter).await?.total;
    }
    Ok(total)
}

/// `POST /console/deliveries/move`: some steps of it.
pub(super) async fn carry_out(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let meant = Meant::read(|name| form.get(name).map(str::to_owned))?;
    let (action, from) = Action::read(form.get("action"), &meant)?;
    let accepted_by = form.get("accepted_by").unwrap_or_default().parse();
    let accepted_by: Timestamp = accepted_by.map_err(|_| Trouble::bad("accepted_by must be a time."))?;
    let page = Move { accepted_by: accepted_by.to_string(), ..Move::new(&visitor, &meant, action) };
    let reason = match (action, actions::reason(form.get("reason").unwrap_or_default())) {
        (Action::Redrive, _) => None,
        (Action::Discard, Ok(reason)) => Some(reason),
        (Action::Discard, Err(problem)) => {
            let count = grouped(total(&state, &meant).await?);
            return Ok(html(StatusCode::BAD_REQUEST, &Move { count, problem: sentence(&problem), ..page }));
        }
    };
    let sweep = meant.sweep(from, accepted_by, form.get("after").map(parse_id).transpose()?)?;
    let (moves, next) = steps(&state, &visitor, sweep, reason.as_deref()).await?;
    let page = Move {
        begun: true,
        count: grouped(moves.moved),
        refused_count: grouped(moves.refused.len() as u64),
        refused: moves.refused.into_iter().take(REFUSED_MAX).collect(),
        reason: reason.unwrap_or_default(),
        after: next.map(|id| id.to_string()).unwrap_or_default(),
        ..page
    };
    Ok(html(StatusCode::OK, &page))
}

/// Takes some steps: drops where there is a reason, else puts back. Also returns the cursor of the next step.
async fn steps(
    state: &OperatorState,
    visitor: &Visitor,
    mut sweep: Sweep,
    reason: Option<&str>,
) -> Result<(Moves, Option<EventId>), StoreError> {
    let mut all = Moves::default();
    for _ in 0..STEPS_MAX {
        let order = auth::order(state, visitor);
        let (found, moves) = match reason {
            None => actions::redrive_step(state, &sweep, &order).await?,
            Some(reason) => actions::discard_step(state, &sweep, reason.to_owned(), &order).await?,
        };
        all.moved += moves.moved;
        all.refused.extend(moves.refused);
        sweep.after = found.next;
        if found.next.is_none() {
            break;
        }
    }
    Ok((all, sweep.after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_over_many_needs_a_state_in_which_it_makes_sense() {
        for (word, state, good) in [
            ("redrive", "dead", true),
            ("redrive", "pending", false),
            ("redrive", "", false),
            ("discard", "pending", true),
            ("discard", "delivered", false),
            ("erase", "dead", false),
        ] {
            let meant = Meant { state: state.parse().ok(), ..Meant::default() };
            assert_eq!(Action::read(Some(word), &meant).is_ok(), good, "{word} {state}");
        }
    }
}
