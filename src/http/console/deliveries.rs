//! Lists of deliveries, the newest first: each with its customer, kind, state and cause. Never shows the text of a
//! message.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::meant::{self, Meant, merged};
use super::overview::held;
use super::page::{Section, Shell, Trouble, html, sentence};
use super::session::Visitor;
use super::view::{self, Held, Moment, grouped, moment};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, State as Standing, StateName};
use crate::domain::event::{EventId, TicketId};
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::store::StoreError;

/// Deliveries on a page.
const PAGE: usize = 50;

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
    /// The name and the title of each account, for the filter by direction.
    accounts: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    total: String,
    /// The next page; empty on the last.
    next: String,
    /// The first page; empty on that page.
    first: String,
    /// The pages that put all listed deliveries back, or drop them; empty where the states do not allow it.
    redrive: String,
    discard: String,
}

/// A line of a list: without the text of the message, and of the customer only the key and the end of the number.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: Moment,
    pub(super) state: StateName,
    pub(super) tone: &'static str,
    pub(super) kind: &'static str,
    pub(super) way: String,
    /// The customer's share of the key; empty for a delivery that names no customer.
    pub(super) conversation: String,
    /// The name of the line, as in the list of conversations.
    pub(super) line: String,
    /// The address of the conversation's page; empty where there is none.
    pub(super) conversation_href: String,
    pub(super) phone: String,
    /// Number and address of the ticket; empty where none is known.
    pub(super) ticket: String,
    pub(super) ticket_href: String,
    pub(super) why: String,
}

/// `GET /console/deliveries`.
pub(super) async fn list(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &[&meant::NAMES[..], &["after"]].concat())?;
    let after = query.take("after");
    let asked: Vec<_> = meant::NAMES.map(|name| (name, query.take(name))).into();
    let get = |name: &str| asked.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone());
    let list = listed(&state, "/console/deliveries", Meant::read(get)?, after.as_deref()).await?;
    let shell = Shell::new(&visitor, Section::Deliveries, "Deliveries");
    Ok(html(StatusCode::OK, &All { shell, list }))
}

/// `GET /console/quarantine`.
pub(super) async fn quarantine(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let after = Query::read(&uri, &["after"])?.take("after");
    let meant = Meant { state: Some(StateName::Quarantined), ..Meant::default() };
    let list = listed(&state, "/console/quarantine", meant, after.as_deref()).await?;
    let shell = Shell::new(&visitor, Section::Quarantine, "Quarantine");
    Ok(html(StatusCode::OK, &Quarantine { shell, list }))
}

async fn listed(state: &OperatorState, path: &str, meant: Meant, after: Option<&str>) -> Result<List, Trouble> {
    let behind = after.map(parse_id).transpose()?;
    let mut pages = Vec::new();
    for filter in meant.filters(behind, PAGE, state.clock.now())? {
        pages.push(state.store.deliveries(filter).await?);
    }
    let page = merged(pages, PAGE);
    let last = page.items.last().filter(|_| page.more).map(|delivery| delivery.id.to_string());
    let moves = |action: &str, states: &[StateName]| {
        let is_from = meant.state.is_some_and(|state| states.contains(&state));
        let can = page.total > 0 && meant.can_be_swept() && is_from;
        if can { meant.href("/console/deliveries/move", &[("action", action)]) } else { String::new() }
    };
    Ok(List {
        accounts: state.accounts.keys().map(|account| (account.name(), view::vendor(*account))).collect(),
        rows: rows(state, &page.items).await?,
        total: grouped(page.total),
        next: last.map(|last| meant.href(path, &[("after", &last)])).unwrap_or_default(),
        first: after.map(|_| meant.href(path, &[])).unwrap_or_default(),
        redrive: moves("redrive", &StateName::REDRIVEN),
        discard: moves("discard", &StateName::DISCARDED),
        meant,
    })
}

/// The lines of these deliveries, with their customers' numbers and tickets.
pub(super) async fn rows(state: &OperatorState, deliveries: &[Delivery]) -> Result<Vec<Row>, StoreError> {
    let mut people: BTreeMap<&ConversationKey, Option<Conversation>> = BTreeMap::new();
    for delivery in deliveries {
        if !people.contains_key(&delivery.conversation) {
            people.insert(&delivery.conversation, state.store.conversation(&delivery.conversation).await?);
        }
    }
    let now = state.clock.now();
    let mut rows = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let event = state.store.delivery(delivery.id).await?.map(|(_, event)| event);
        let conversation = people.get(&delivery.conversation).and_then(Option::as_ref);
        let known = conversation.and_then(|conversation| conversation.ticket.as_ref()).map(|ticket| ticket.id);
        let ticket = event.as_ref().and_then(|event| event.kind.ticket_id()).or(known);
        let desk = state.console.options.desk_urls.get(&delivery.ends.desk);
        let href = ticket.map(|id| view::ticket_href(desk, id));
        let kind = event.map_or_else(|| view::kind(delivery.kind), |event| view::told(&event.kind));
        let line = conversation.map(|conversation| view::line(conversation, &state.lines)).unwrap_or_default();
        let shown = row(delivery, conversation.map(|known| (known, line)), ticket, held(state, delivery).as_ref(), now);
        rows.push(Row { kind, ticket_href: href.unwrap_or_default(), ..shown });
    }
    Ok(rows)
}

fn row(
    delivery: &Delivery,
    known: Option<(&Conversation, &str)>,
    ticket: Option<TicketId>,
    held: Option<&Held>,
    now: Timestamp,
) -> Row {
    let key = delivery.whose();
    let customer = known.map(|(conversation, line)| view::customer(conversation, line));
    let phone = known.and_then(|(conversation, _)| conversation.customer.phone.as_deref());
    Row {
        id: delivery.id.to_string(),
        at: moment(delivery.accepted_at, now),
        state: delivery.state.name(),
        tone: view::tone(delivery.state.name()),
        kind: view::kind(delivery.kind),
        way: view::way(delivery),
        conversation: customer.or_else(|| key.map(ToString::to_string)).unwrap_or_default(),
        line: known.map(|(_, line)| line.to_owned()).unwrap_or_default(),
        conversation_href: key.map(view::conversation_href).unwrap_or_default(),
        phone: view::phone(phone),
        ticket: ticket.map(|id| format!("#{id}")).unwrap_or_default(),
        ticket_href: String::new(),
        why: why(&delivery.state, held, now),
    }
}

/// The cause of a delivery's state, and the next step.
fn why(state: &Standing, held: Option<&Held>, now: Timestamp) -> String {
    match state {
        Standing::Waiting { cause, due_at, for_budget: true, .. } => {
            format!("{cause}; goes {}", view::comes(*due_at, now, held))
        }
        Standing::Waiting { cause, due_at, attempt, .. } => {
            let times = if *attempt == 1 { "once".to_owned() } else { format!("{attempt} times") };
            format!("{cause}; tried {times}, again {}", view::comes(*due_at, now, held))
        }
        Standing::Unconfirmed { cause, look_at: None, .. } => format!("{cause}; set aside for you"),
        Standing::Unconfirmed { cause, look_at: Some(at), .. } => {
            format!("{cause}; looked for {}", view::comes(*at, now, held))
        }
        Standing::Delivered { receipt } => view::short(receipt),
        Standing::Pending
        | Standing::Sending { .. }
        | Standing::Skipped { .. }
        | Standing::Dead { .. }
        | Standing::Quarantined { .. } => state.cause().to_owned(),
    }
}

/// The id that this text spells.
pub(super) fn parse_id(id: &str) -> Result<EventId, Trouble> {
    id.parse().map_err(|error| Trouble::bad(sentence(&format!("{error}"))))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::http::testing::{conversation, delivery, noon};

    #[test]
    fn a_line_says_whom_it_is_about_and_no_more_of_the_customer_than_the_end_of_the_number() {
        let dead = delivery(1, Standing::Dead { cause: "Braze answered 400".into() });
        let shown = row(&dead, Some((&conversation("cust-1"), "")), Some(TicketId(7)), None, noon());
        assert_eq!(
            (shown.conversation.as_str(), shown.phone.as_str(), shown.ticket.as_str()),
            ("cust-1", "…111", "#7")
        );
        assert_eq!((shown.state, shown.tone, shown.why.as_str()), (StateName::Dead, "bad", "Braze answered 400"));
        let nobody = Delivery { conversation: ConversationKey::nobody(), ..delivery(2, Standing::Pending) };
        let shown = row(&nobody, None, None, None, noon());
        assert_eq!([shown.conversation, shown.conversation_href, shown.phone, shown.ticket], ["", "", "", ""]);
        let kept = Delivery { posted_to: "canada".parse().ok(), ..nobody };
        assert_eq!(row(&kept, None, None, None, noon()).way, "posted to canada");
        let mut uk = conversation("cust-1@group-1");
        uk.line = Some("group-1".into());
        let shown = row(&dead, Some((&uk, "uk")), None, None, noon());
        assert_eq!((shown.conversation.as_str(), shown.line.as_str()), ("cust-1", "uk"), "no id of the line");
    }

    #[test]
    fn why_also_says_what_comes_next() {
        let soon = noon().checked_add(SignedDuration::from_secs(40)).unwrap();
        let waiting = |attempt, for_budget| Standing::Waiting { attempt, due_at: soon, cause: "x".into(), for_budget };
        let unconfirmed =
            |look_at| Standing::Unconfirmed { attempt: 1, since: noon(), look_at, looks: 0, cause: "x".into() };
        for (state, told) in [
            (waiting(1, false), "x; tried once, again in 40 s"),
            (waiting(8, false), "x; tried 8 times, again in 40 s"),
            (waiting(1, true), "x; goes in 40 s"),
            (unconfirmed(None), "x; set aside for you"),
            (unconfirmed(Some(soon)), "x; looked for in 40 s"),
            (Standing::Delivered { receipt: "dispatch 8f14e45fceea167a5a36dedd4bea2543".into() }, "dispatch 8f14e45f…"),
            (Standing::Pending, ""),
        ] {
            assert_eq!(why(&state, None, noon()), told);
        }
        let held = Held { until: "when Braze answers again".into(), is_pause: false };
        for (state, told) in [(waiting(1, false), "x; tried once, again in 40 s"), (Standing::Pending, "")] {
            assert_eq!(why(&state, Some(&held), noon()), told);
        }
        let later = noon().checked_add(SignedDuration::from_secs(220)).unwrap();
        for (state, told) in [
            (waiting(3, false), "x; tried 3 times, again when Braze answers again"),
            (waiting(1, true), "x; goes when Braze answers again"),
            (unconfirmed(Some(soon)), "x; looked for when Braze answers again"),
        ] {
            assert_eq!(why(&state, Some(&held), later), told, "no time that is over");
        }
    }
}
