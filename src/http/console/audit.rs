//! The page of the audit: the operators' orders, and the records that they were shown. Never shows a customer's name or
//! words.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::page::{Section, Shell, Trouble, html};
use super::session::Visitor;
use super::view::{self, Moment, grouped, moment};
use crate::domain::conversation::ConversationKey;
use crate::domain::event::EventId;
use crate::domain::operator::{Act, AuditEntry, digest};
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::store::StoreError;

/// Entries on a page.
const PAGE: usize = 50;

/// One entry.
struct Entry {
    at: Moment,
    by: String,
    /// Whether a token proved that name.
    is_proven: bool,
    access: &'static str,
    action: &'static str,
    /// The object of the act.
    what: String,
    /// When a pause ends by itself.
    until: Option<Moment>,
    /// The page of that object; empty where there is none.
    href: String,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    shell: Shell,
    /// The customer whose entries are shown; empty for everything.
    customer: String,
    entries: Vec<Entry>,
    total: String,
    next: String,
}

/// Entries that are read at once in a search for one customer's.
const LOOK: usize = 1000;

/// `GET /console/audit`.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["customer", "after"])?;
    let (customer, after) = (query.take("customer"), query.take("after"));
    if let Some(customer) = customer {
        let entries = of_customer(&state, &customer).await?;
        let audit = Audit {
            shell: Shell::new(&visitor, Section::Audit, "Audit"),
            customer,
            total: grouped(entries.len() as u64),
            entries,
            next: String::new(),
        };
        return Ok(html(StatusCode::OK, &audit));
    }
    let after =
        after.map(|word| word.parse::<u64>().map_err(|_| Trouble::bad("There is no such page."))).transpose()?;
    let now = state.clock.now();
    let page = state.store.audit(after, PAGE).await?;
    let next = page.items.last().filter(|_| page.more).map(|last| last.number.to_string()).unwrap_or_default();
    let audit = Audit {
        shell: Shell::new(&visitor, Section::Audit, "Audit"),
        customer: String::new(),
        entries: page.items.iter().map(|item| entry(item, now)).collect(),
        total: grouped(page.total),
        next: if next.is_empty() { next } else { view::query("/console/audit", &[("after", &next)]) },
    };
    Ok(html(StatusCode::OK, &audit))
}

/// The entries about this customer. The audit holds a digest of the key, which is computed again here.
async fn of_customer(state: &OperatorState, customer: &str) -> Result<Vec<Entry>, StoreError> {
    let key = ConversationKey(customer.trim().to_owned());
    let digest = digest(&key);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = state.store.audit(after, LOOK).await?;
        for one in &page.items {
            let is_theirs = match about(&one.act) {
                About::Conversation(known) => *known == digest,
                About::Event(id) => {
                    state.store.delivery(id).await?.is_some_and(|(delivery, _)| delivery.conversation == key)
                }
                About::NoCustomer => false,
            };
            if is_theirs {
                found.push(entry(one, state.clock.now()));
            }
        }
        after = page.items.last().map(|last| last.number);
        if !page.more {
            return Ok(found);
        }
    }
}

/// The customer that an entry is about.
enum About<'a> {
    /// The digest of a conversation's key.
    Conversation(&'a String),
    Event(EventId),
    NoCustomer,
}

fn about(act: &Act) -> About<'_> {
    match act {
        Act::Redrive(moved) | Act::Discard(moved) | Act::Settle(moved) if moved.count == 1 => About::Event(moved.first),
        Act::Redrive(_) | Act::Discard(_) | Act::Settle(_) | Act::Pause { .. } | Act::Resume { .. } => {
            About::NoCustomer
        }
        Act::Reveal { event } | Act::RevealAnswers { event } => About::Event(*event),
        Act::Forget { conversation, .. } | Act::Read { conversation } | Act::RevealPhone { conversation } => {
            About::Conversation(conversation)
        }
    }
}

fn deliveries(many: u64) -> String {
    format!("{} {}", grouped(many), if many == 1 { "delivery" } else { "deliveries" })
}

fn entry(entry: &AuditEntry, now: Timestamp) -> Entry {
    let (what, event) = match &entry.act {
        Act::Redrive(moved) | Act::Discard(moved) | Act::Settle(moved) if moved.count == 1 => {
            (moved.first.to_string(), Some(moved.first))
        }
        Act::Redrive(moved) | Act::Discard(moved) | Act::Settle(moved) => {
            (format!("{}, {} to {}", deliveries(moved.count), moved.first, moved.last), None)
        }
        Act::Forget { conversation, count } => (format!("{conversation}, {}", deliveries(*count)), None),
        Act::Pause { account, .. } | Act::Resume { account } => (view::vendor(*account), None),
        Act::Reveal { event } | Act::RevealAnswers { event } => (event.to_string(), Some(*event)),
        Act::Read { conversation } | Act::RevealPhone { conversation } => (conversation.clone(), None),
    };
    let until = match &entry.act {
        Act::Pause { until, .. } => until.map(|until| moment(until, now)),
        Act::Redrive(_)
        | Act::Discard(_)
        | Act::Settle(_)
        | Act::Forget { .. }
        | Act::Resume { .. }
        | Act::Reveal { .. }
        | Act::RevealAnswers { .. }
        | Act::Read { .. }
        | Act::RevealPhone { .. } => None,
    };
    let unnamed = || view::unnamed(entry.operator.access).unwrap_or_default().to_owned();
    Entry {
        at: moment(entry.at, now),
        by: entry.operator.by.clone().unwrap_or_else(unnamed),
        until,
        is_proven: entry.operator.is_proven,
        access: entry.operator.access.name(),
        action: entry.act.name(),
        what,
        href: event.map(|id| format!("/console/deliveries/{id}")).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::{Access, Moved, Operator};
    use crate::http::testing::{id, noon};

    #[test]
    fn an_entry_says_who_did_what_to_what() {
        let told = |act: Act| {
            let operator = Operator::claiming(Access::Console, Some("ada".into()));
            let shown = entry(&AuditEntry { number: 1, at: noon(), accepted_by: None, operator, act }, noon());
            assert_eq!((shown.by.as_str(), shown.access), ("ada", "console"));
            (shown.action, shown.what, shown.href)
        };
        let one = Moved { count: 1, first: id(1), last: id(1) };
        let name = id(1).to_string();
        assert_eq!(told(Act::Redrive(one)), ("redrive", name.clone(), format!("/console/deliveries/{name}")));
        let many = Moved { count: 2000, first: id(1), last: id(9) };
        assert_eq!(told(Act::Discard(many)).1, format!("2\u{202f}000 deliveries, {} to {}", id(1), id(9)));
        assert_eq!(told(Act::Reveal { event: id(1) }).0, "reveal");
        let forgotten = |count| told(Act::Forget { conversation: "sha256:x".into(), count }).1;
        assert_eq!([forgotten(1), forgotten(2)], ["sha256:x, 1 delivery", "sha256:x, 2 deliveries"]);
    }

    #[test]
    fn an_end_is_a_time_and_an_operator_of_this_machine_has_its_name() {
        let until = noon().checked_add(jiff::SignedDuration::from_hours(1)).ok();
        let act = Act::Pause { account: crate::domain::account::Ends::FIRST.carrier, until };
        for (access, by) in [(Access::Loopback, "this machine"), (Access::Bridge, "tandem"), (Access::Token, "")] {
            let operator = Operator::claiming(access, None);
            let told = AuditEntry { number: 1, at: noon(), accepted_by: None, operator, act: act.clone() };
            let shown = entry(&told, noon());
            assert_eq!((shown.by.as_str(), shown.what.as_str()), (by, "Braze"));
            assert_eq!(shown.until.map(|until| until.shown).as_deref(), Some("13:00:00 UTC"));
        }
    }
}
