//! Lists of deliveries, and moves over all that a filter finds.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::gate::{self, Form};
use super::page::{Section, Shell, Trouble, html, sentence};
use super::session::Visitor;
use super::view::{self, Row, grouped};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::State as Standing;
use crate::domain::event::{Destination, EventId};
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::http::operator::actions::{self, DISCARDED, REASON_MAX_CHARS, REDRIVEN};
use crate::store::{DeliveryFilter, IllegalMove, Moves, StoreError, Sweep};

/// Deliveries on a page.
const PAGE: usize = 50;

/// How many steps of a move over many one request takes: some thousand deliveries, in a second or so.
const STEPS_MAX: usize = 20;

/// How many that could not be moved are named.
const REFUSED_MAX: usize = 20;

/// Which deliveries are meant: what the filter's form says, and what an order over all of them takes along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meant {
    state: String,
    to: String,
    conversation: String,
}

impl Meant {
    fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let word = |name| get(name).unwrap_or_default();
        Self { state: word("state"), to: word("to"), conversation: word("conversation") }
    }

    fn destination(&self) -> Result<Option<Destination>, Trouble> {
        Ok(Some(self.to.as_str()).filter(|to| !to.is_empty()).map(actions::destination).transpose()?)
    }

    fn filter(&self, after: Option<EventId>, limit: usize) -> Result<DeliveryFilter, Trouble> {
        if !self.state.is_empty() && !Standing::NAMES.contains(&self.state.as_str()) {
            return Err(Trouble::bad(format!("There is no state “{}”.", self.state)));
        }
        Ok(DeliveryFilter {
            state: some(&self.state),
            conversation: some(&self.conversation).map(ConversationKey),
            destination: self.destination()?,
            newest_first: true,
            after,
            limit,
            ..DeliveryFilter::default()
        })
    }

    fn sweep(&self, accepted_by: Timestamp, after: Option<EventId>) -> Result<Sweep, Trouble> {
        Ok(Sweep {
            state: self.state.clone(),
            conversation: some(&self.conversation).map(ConversationKey),
            destination: self.destination()?,
            accepted_by,
            after,
        })
    }

    fn href(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = [("state", &*self.state), ("to", &*self.to), ("conversation", &*self.conversation)];
        view::query(path, &[&own, more].concat())
    }

    /// Whether this is the state that is chosen in the form.
    fn is_state(&self, state: &str) -> bool {
        self.state == state
    }
}

fn some(word: &str) -> Option<String> {
    Some(word.to_owned()).filter(|word| !word.is_empty())
}

#[derive(Template)]
#[template(path = "console/deliveries.html")]
struct All {
    shell: Shell,
    list: List,
}

#[derive(Template)]
#[template(path = "console/quarantine.html")]
struct Quarantine {
    shell: Shell,
    list: List,
}

/// One page of a list.
struct List {
    meant: Meant,
    rows: Vec<Row>,
    total: String,
    /// The next page; empty on the last.
    next: String,
    /// Back to the first page; empty there.
    first: String,
    /// Where all that is meant is put back, or dropped; empty where that makes no sense.
    redrive: String,
    discard: String,
}

/// `GET /console/deliveries`.
pub(super) async fn list(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let list = listed(&state, &uri, "/console/deliveries", Meant::default()).await?;
    let shell = Shell::new(&visitor, Section::Deliveries, "Deliveries");
    Ok(html(StatusCode::OK, &All { shell, list }))
}

/// `GET /console/quarantine`.
pub(super) async fn quarantine(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let meant = Meant { state: "quarantined".to_owned(), ..Meant::default() };
    let list = listed(&state, &uri, "/console/quarantine", meant).await?;
    let shell = Shell::new(&visitor, Section::Quarantine, "Quarantine");
    Ok(html(StatusCode::OK, &Quarantine { shell, list }))
}

async fn listed(state: &OperatorState, uri: &Uri, path: &str, fixed: Meant) -> Result<List, Trouble> {
    let mut query = Query::read(uri, &["state", "to", "conversation", "after"])?;
    let after = query.take("after");
    let asked: Vec<_> = ["state", "to", "conversation"].map(|name| (name, query.take(name))).into();
    let get = |name: &str| asked.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone());
    let meant = if fixed.state.is_empty() { Meant::read(get) } else { fixed };
    let page = state.store.deliveries(meant.filter(after.as_deref().map(parse_id).transpose()?, PAGE)?).await?;
    let now = state.clock.now();
    let last = page.items.last().filter(|_| page.more).map(|delivery| delivery.id.to_string());
    let moves = |action: &str, states: &[&str]| {
        let can = page.total > 0 && states.contains(&meant.state.as_str());
        if can { meant.href("/console/deliveries/move", &[("action", action)]) } else { String::new() }
    };
    Ok(List {
        rows: page.items.iter().map(|delivery| view::row(delivery, now)).collect(),
        total: grouped(page.total),
        next: last.map(|last| meant.href(path, &[("after", &last)])).unwrap_or_default(),
        first: after.map(|_| meant.href(path, &[])).unwrap_or_default(),
        redrive: moves("redrive", &REDRIVEN),
        discard: moves("discard", &DISCARDED),
        meant,
    })
}

/// The id in these words.
pub(super) fn parse_id(id: &str) -> Result<EventId, Trouble> {
    id.parse().map_err(|error| Trouble::bad(sentence(&format!("{error}"))))
}

/// What an order over many is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Redrive,
    Discard,
}

impl Action {
    fn read(word: Option<&str>, meant: &Meant) -> Result<Self, Trouble> {
        let (action, states) = match word {
            Some("redrive") => (Self::Redrive, &REDRIVEN[..]),
            Some("discard") => (Self::Discard, &DISCARDED[..]),
            Some(_) | None => return Err(Trouble::bad("There is no such action.")),
        };
        if states.contains(&meant.state.as_str()) {
            return Ok(action);
        }
        Err(Trouble::bad(format!("Choose a state first: one of {}.", states.join(", "))))
    }
}

/// Asks before an order over many, and tells how far it has gone.
#[derive(Template)]
#[template(path = "console/move.html")]
struct Move {
    shell: Shell,
    meant: Meant,
    discards: bool,
    /// Whether a first step was taken.
    begun: bool,
    /// How many are meant, before the first step; how many were moved, after it.
    count: String,
    refused: Vec<IllegalMove>,
    refused_count: String,
    reason: String,
    accepted_by: String,
    /// Where to go on; empty when everything was looked at.
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

/// `GET /console/deliveries/move`: are you sure?
pub(super) async fn ask(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["action", "state", "to", "conversation"])?;
    let asked: Vec<_> = ["action", "state", "to", "conversation"].map(|name| (name, query.take(name))).into();
    let get = |name: &str| asked.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone());
    let meant = Meant::read(get);
    let action = Action::read(get("action").as_deref(), &meant)?;
    let total = state.store.deliveries(meant.filter(None, 0)?).await?.total;
    let page = Move {
        count: grouped(total),
        accepted_by: state.clock.now().to_string(),
        ..Move::new(&visitor, &meant, action)
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /console/deliveries/move`: some steps of it.
pub(super) async fn carry_out(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let meant = Meant::read(|name| form.get(name).map(str::to_owned));
    let action = Action::read(form.get("action"), &meant)?;
    let accepted_by = form.get("accepted_by").unwrap_or_default().parse();
    let accepted_by: Timestamp = accepted_by.map_err(|_| Trouble::bad("accepted_by must be a time."))?;
    let page = Move { accepted_by: accepted_by.to_string(), ..Move::new(&visitor, &meant, action) };
    let reason = match (action, actions::reason(form.get("reason").unwrap_or_default())) {
        (Action::Redrive, _) => None,
        (Action::Discard, Ok(reason)) => Some(reason),
        (Action::Discard, Err(problem)) => {
            let count = grouped(state.store.deliveries(meant.filter(None, 0)?).await?.total);
            return Ok(html(StatusCode::BAD_REQUEST, &Move { count, problem: sentence(&problem), ..page }));
        }
    };
    let sweep = meant.sweep(accepted_by, form.get("after").map(parse_id).transpose()?)?;
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

/// Takes some steps: puts back, or drops where there is a reason. Also says where to go on.
async fn steps(
    state: &OperatorState,
    visitor: &Visitor,
    mut sweep: Sweep,
    reason: Option<&str>,
) -> Result<(Moves, Option<EventId>), StoreError> {
    let mut all = Moves::default();
    for _ in 0..STEPS_MAX {
        let order = gate::order(state, visitor);
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

    fn meant(state: &str, to: &str, conversation: &str) -> Meant {
        Meant { state: state.into(), to: to.into(), conversation: conversation.into() }
    }

    #[test]
    fn a_filter_is_what_the_form_says_and_never_everything_by_mistake() {
        let filter = meant("dead", "braze", "ada").filter(None, 9).ok().unwrap();
        assert_eq!((filter.state.as_deref(), filter.destination), (Some("dead"), Some(Destination::Braze)));
        assert_eq!(filter.conversation, Some(ConversationKey("ada".into())));
        assert!(meant("ded", "", "").filter(None, 9).is_err());
        assert!(meant("", "zendsk", "").filter(None, 9).is_err());
        assert!(meant("", "", "").filter(None, 9).ok().unwrap().state.is_none());
    }

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
            assert_eq!(Action::read(Some(word), &meant(state, "", "")).is_ok(), good, "{word} {state}");
        }
    }

    #[test]
    fn an_address_takes_the_whole_filter_along() {
        let href = meant("dead", "braze", "a&b").href("/x", &[("after", "e")]);
        assert_eq!(href, "/x?state=dead&to=braze&conversation=a%26b&after=e");
    }
}
