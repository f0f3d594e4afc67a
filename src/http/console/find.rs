//! The search: people, tickets and deliveries by an operator's words, masked as in every list. Never shows the text of
//! a message.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::conversations::{Known, known};
use super::deliveries::{Row, rows};
use super::page::{Section, Shell, Trouble, html, see_other};
use super::session::Visitor;
use super::view::{self, Moment, grouped, moment};
use crate::domain::delivery::StateName;
use crate::domain::find::{Search, meanings};
use crate::http::OperatorState;
use crate::http::operator::Query;
use crate::store::{self, Finds, Person};

/// People or deliveries at most for each meaning.
const SHOWN: usize = 20;

/// The finds under one meaning of the words.
struct Group {
    title: String,
    deliveries: Vec<Row>,
    people: Vec<Hit>,
    /// The number of all finds, where not all are shown; empty otherwise.
    more: String,
}

/// A customer who was found.
struct Hit {
    known: Known,
    latest: Vec<Latest>,
}

/// One of a customer's newest deliveries.
struct Latest {
    href: String,
    kind: &'static str,
    state: StateName,
    tone: &'static str,
    at: Moment,
}

#[derive(Template)]
#[template(path = "console/find.html")]
struct Page {
    shell: Shell,
    groups: Vec<Group>,
}

/// `GET /console/find`. A single hit leads to its page at once.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let words = Query::read(&uri, &["words"])?.take("words").unwrap_or_default();
    let found = store::find(state.store.as_ref(), &meanings(&words), SHOWN).await?;
    if let Some(page) = only(&found) {
        return Ok(see_other(&page));
    }
    let now = state.clock.now();
    let mut groups = Vec::with_capacity(found.groups.len());
    for group in &found.groups {
        let hit = |person: &Person| hit(&state, person, now);
        groups.push(Group {
            title: title(&group.by),
            deliveries: rows(&state, &group.deliveries).await?,
            // Each delivery's line names its customer already.
            people: if group.deliveries.is_empty() { group.people.iter().map(hit).collect() } else { Vec::new() },
            more: if group.more { grouped(group.total) } else { String::new() },
        });
    }
    let shell = Shell::new(&visitor, Section::Elsewhere, "Find").finding(&words);
    Ok(html(StatusCode::OK, &Page { shell, groups }))
}

/// The page of a single find; `None` where there are several, or none.
fn only(found: &Finds) -> Option<String> {
    let [group] = found.groups.as_slice() else { return None };
    match (group.deliveries.as_slice(), group.people.as_slice()) {
        ([delivery], _) => Some(format!("/console/deliveries/{}", delivery.id)),
        ([], [person]) => Some(view::conversation_href(&person.conversation.key)),
        _ => None,
    }
}

/// The meaning of the words, as a heading.
fn title(by: &Search) -> String {
    match by {
        Search::Event(_) => "The delivery of this name".to_owned(),
        Search::Dispatch(_) => "Deliveries with this id of a carrier's".to_owned(),
        Search::Ticket(id) => format!("Customers on ticket #{id}"),
        Search::PhoneEnd(end) => format!("Customers whose number ends with {end}"),
        Search::Key(_) => "Customers whose id begins so".to_owned(),
        Search::Name(_) => "Customers of this name".to_owned(),
    }
}

fn hit(state: &OperatorState, person: &Person, now: Timestamp) -> Hit {
    let latest = person.latest.iter().map(|delivery| Latest {
        href: format!("/console/deliveries/{}", delivery.id),
        kind: view::kind(delivery.kind),
        state: delivery.state.name(),
        tone: view::tone(delivery.state.name()),
        at: moment(delivery.accepted_at, now),
    });
    Hit { known: known(state, &person.conversation), latest: latest.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::State as Standing;
    use crate::domain::event::TicketId;
    use crate::http::testing::{conversation, delivery};
    use crate::store;

    #[test]
    fn a_single_hit_leads_to_its_page() {
        let person = |key: &str| Person { conversation: conversation(key), latest: Vec::new() };
        let group = |people: Vec<Person>, deliveries| store::Group {
            by: Search::Ticket(TicketId(7)),
            deliveries,
            total: people.len() as u64,
            people,
            more: false,
        };
        let finds = |groups| Finds { groups };
        let one = delivery(1, Standing::Pending);
        let of_ada = format!("/console/deliveries/{}", one.id);
        for (found, page) in [
            (finds(vec![]), None),
            (finds(vec![group(vec![person("ada")], vec![])]), Some("/console/conversation?key=ada")),
            (finds(vec![group(vec![person("ada"), person("bob")], vec![])]), None),
            (finds(vec![group(vec![person("ada")], vec![]), group(vec![person("bob")], vec![])]), None),
            (finds(vec![group(vec![person("ada")], vec![one.clone()])]), Some(of_ada.as_str())),
            (finds(vec![group(vec![person("ada")], vec![one.clone(), one])]), None),
        ] {
            assert_eq!(only(&found).as_deref(), page);
        }
    }
}
