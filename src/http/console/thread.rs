//! The page of one conversation: the messages of both sides in order, the outcome of each, and why one was not sent.
//! Never shows a message before the audit has the reader.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::auth::{self, Form};
use super::conversations::{Known, key, known};
use super::deliveries::parse_id;
use super::mask;
use super::overview::held;
use super::page::{Section, Shell, Trouble, html, see_other};
use super::receipts;
use super::session::Visitor;
use super::view::{self, Held, Moment, Step, grouped, moment};
use crate::domain::access::Role;
use crate::domain::conversation::Keyword;
use crate::domain::delivery::{Delivery, State as Standing, StateName};
use crate::domain::event::{Event, EventKind};
use crate::domain::operator::Seen;
use crate::http::OperatorState;
use crate::http::operator::{Query, actions};
use crate::store::{DeliveryFilter, StoreError};

/// Messages on a page. The first page has the newest; within a page they stand in the order in which they came.
const PAGE: usize = 40;

/// One message, or an event between two.
#[derive(Debug)]
struct Item {
    /// `from` the customer, `to` the customer, or `between`.
    side: &'static str,
    who: String,
    text: String,
    /// Pictures and files, by address or name, as plain text: the page never loads or links a customer's file.
    files: Vec<String>,
    at: Moment,
    id: String,
    state: StateName,
    tone: &'static str,
    /// Why it was not sent, or not yet; empty where it was sent.
    why: String,
    /// How far the carrier has brought it; empty where nothing is reported.
    receipt: String,
    /// Whether it was given up, so that this page offers to put it back.
    is_dead: bool,
    steps: Vec<Step>,
}

impl Item {
    /// The item for a role that may not read messages.
    fn hidden(self) -> Self {
        let who = match self.side {
            "from" => "Customer".to_owned(),
            "to" => "Agent".to_owned(),
            _ => self.who,
        };
        let text = if self.text.is_empty() { self.text } else { mask::hint(&self.text) };
        let files = self.files.iter().map(|file| mask::hint(file)).collect();
        Self { who, text, files, ..self }
    }
}

#[derive(Template)]
#[template(path = "console/thread.html")]
struct Thread {
    shell: Shell,
    known: Known,
    name: String,
    /// The whole number, once the operator has asked for it; empty before, and where none is known.
    phone: String,
    /// The addresses of this page's forms.
    reveal: String,
    redrive: String,
    items: Vec<Item>,
    total: String,
    /// The page of earlier messages; empty on the last.
    earlier: String,
    latest: String,
    deliveries: String,
    forget: String,
}

/// `GET /console/conversation`. The page shows a customer's words, so the audit records the reader, once in a session.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["key", "before", "done"])?;
    let (key, before, done) = (key(&mut query)?, query.take("before"), query.take("done"));
    let found = state.store.conversation(&key).await?;
    let conversation = found.ok_or_else(|| Trouble::new(StatusCode::NOT_FOUND, "There is no such conversation."))?;
    let filter = DeliveryFilter {
        conversation: Some(key.clone()),
        newest_first: true,
        after: before.as_deref().map(parse_id).transpose()?,
        limit: PAGE,
        ..DeliveryFilter::default()
    };
    let page = state.store.deliveries(filter).await?;
    let may_read = visitor.may(Role::Act);
    if may_read {
        write_down(&state, &visitor, Seen::Conversation(key.clone())).await?;
    }
    let earliest = page.items.last().filter(|_| page.more).map(|delivery| delivery.id.to_string());
    let href = |path: &str, before: &str| view::query(path, &[("key", &key.0), ("before", before)]);
    let phone_is_shown = may_read && state.console.sessions.has_seen(visitor.session, &Seen::Phone(key.clone()));
    let thread = Thread {
        shell: Shell::new(&visitor, Section::Conversations, format!("Conversation {key}")).after(done.as_deref()),
        known: known(&state, &conversation),
        name: conversation.customer.name().filter(|_| may_read).unwrap_or_default(),
        phone: conversation.customer.phone.clone().filter(|_| phone_is_shown).unwrap_or_default(),
        reveal: href("/console/conversation/reveal", ""),
        redrive: href("/console/conversation/redrive", ""),
        items: items(&state, &page.items)
            .await?
            .into_iter()
            .map(|item| if may_read { item } else { item.hidden() })
            .collect(),
        total: grouped(page.total),
        earlier: earliest.map(|before| href("/console/conversation", &before)).unwrap_or_default(),
        latest: before.map(|_| href("/console/conversation", "")).unwrap_or_default(),
        deliveries: view::query("/console/deliveries", &[("conversation", &key.0)]),
        forget: href("/console/conversation/forget", ""),
    };
    Ok(html(StatusCode::OK, &thread))
}

/// `POST /console/conversation/reveal`: shows the whole telephone number and records the reader in the audit.
pub(super) async fn reveal(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let key = key(&mut Query::read(&uri, &["key"])?)?;
    let found = state.store.conversation(&key).await?;
    found.ok_or_else(|| Trouble::new(StatusCode::NOT_FOUND, "There is no such conversation."))?;
    write_down(&state, &visitor, Seen::Phone(key.clone())).await?;
    Ok(see_other(&view::conversation_href(&key)))
}

/// `POST /console/conversation/redrive`: puts back one delivery of the conversation.
pub(super) async fn redrive(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<Form>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let key = key(&mut Query::read(&uri, &["key"])?)?;
    let id = parse_id(form.get("id").unwrap_or_default())?;
    actions::redrive(&state, id, &auth::order(&state, &visitor)).await?;
    Ok(see_other(&view::query("/console/conversation", &[("key", &key.0), ("done", "redriven")])))
}

/// Records the reader in the audit, once in a session.
async fn write_down(state: &OperatorState, visitor: &Visitor, seen: Seen) -> Result<(), StoreError> {
    if !state.console.sessions.has_seen(visitor.session, &seen) {
        actions::note_seen(state, seen.clone(), &auth::order(state, visitor)).await?;
        state.console.sessions.saw(visitor.session, &seen);
    }
    Ok(())
}

/// The items of these deliveries, in the order in which they came.
async fn items(state: &OperatorState, newest_first: &[Delivery]) -> Result<Vec<Item>, StoreError> {
    let now = state.clock.now();
    let mut items = Vec::with_capacity(newest_first.len());
    for delivery in newest_first.iter().rev() {
        // A delivery may have been erased since it was listed.
        if let Some((delivery, event)) = state.store.delivery(delivery.id).await? {
            let mut item = item(&delivery, &event, held(state, &delivery).as_ref(), now);
            if let (Some(item), EventKind::Note(note)) = (&mut item, &event.kind) {
                item.text = state.console.says(note, &view::vendor(delivery.ends.carrier));
            }
            items.extend(item);
        }
    }
    Ok(items)
}

/// The item of a delivery; `None` for a delivered doorbell, whose reply has an item of its own, and for a look of
/// tandem's own that found nothing.
fn item(delivery: &Delivery, event: &Event, held: Option<&Held>, now: Timestamp) -> Option<Item> {
    let is_delivered = matches!(delivery.state, Standing::Delivered { .. });
    let state = delivery.state.name();
    let mut item = Item {
        side: "between",
        who: view::kind(event.kind.name()).to_owned(),
        text: String::new(),
        files: Vec::new(),
        at: moment(event.received_at, now),
        id: delivery.id.to_string(),
        state,
        tone: view::tone(state),
        why: why(&delivery.state),
        receipt: receipts::standing(delivery),
        is_dead: matches!(delivery.state, Standing::Dead { .. }),
        steps: view::steps(delivery, now, held),
    };
    match &event.kind {
        EventKind::CustomerText(text) => {
            item.side = "from";
            item.who = text.customer.name().unwrap_or_else(|| "Customer".to_owned());
            item.text.clone_from(&text.text);
            item.files.clone_from(&text.media);
            if let Some(keyword) = text.keyword {
                item.who = format!("{}, {}", item.who, keyword_words(keyword));
            }
        }
        EventKind::PhoneText(text) => {
            item.side = "to";
            item.who = text.agent_name.clone().unwrap_or_else(|| "Agent".to_owned());
            item.text.clone_from(&text.text);
            item.files = text.attachments.iter().map(|file| file.file_name.clone()).collect();
        }
        EventKind::Template(_) => {
            item.side = "to";
            "The customer is asked to write again".clone_into(&mut item.who);
        }
        EventKind::Note(note) => {
            item.who = format!("Told to the agent on ticket #{}", note.ticket_id);
        }
        EventKind::AgentReply(_) if is_delivered => return None,
        EventKind::AgentReply(reply) if reply.caught_up.is_some() => {
            if matches!(delivery.state, Standing::Skipped { .. }) {
                return None;
            }
            item.who = format!("tandem looks for replies on ticket #{}", reply.ticket_id);
        }
        EventKind::AgentReply(reply) => item.who = format!("Zendesk told of a reply on ticket #{}", reply.ticket_id),
        EventKind::TicketSolved(change) => {
            item.who = format!("Ticket #{} was solved", change.ticket_id);
            if is_delivered {
                "The closing text went to the customer.".clone_into(&mut item.text);
            }
        }
        EventKind::TicketReopened(change) => item.who = format!("Ticket #{} was reopened", change.ticket_id),
        EventKind::Unreadable(_) => {}
    }
    Some(item)
}

/// Why it was not sent, or not yet; empty where it was sent or is about to be.
fn why(state: &Standing) -> String {
    match state {
        Standing::Skipped { reason } => format!("Not sent: {reason}"),
        Standing::Dead { cause } => format!("Not sent: {cause}"),
        Standing::Waiting { cause, .. } => format!("Not yet sent: {cause}"),
        Standing::Unconfirmed { cause, .. } => format!("Perhaps sent: {cause}"),
        Standing::Quarantined { cause } => format!("Not read: {cause}"),
        Standing::Pending | Standing::Sending { .. } | Standing::Delivered { .. } => String::new(),
    }
}

fn keyword_words(keyword: Keyword) -> &'static str {
    match keyword {
        Keyword::OptIn => "opts in",
        Keyword::OptOut => "opts out",
        Keyword::Help => "asks for help",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{AgentReply, CustomerText, PhoneText, Sighting, TicketId};
    use crate::domain::note::{Note, Says, Tells};
    use crate::http::testing::{delivery, noon};

    fn shown(kind: EventKind, state: Standing) -> Option<Item> {
        item(&delivery(1, state), &Event { received_at: noon(), kind }, None, noon())
    }

    fn told(kind: EventKind, state: Standing) -> Item {
        shown(kind, state).unwrap()
    }

    #[test]
    fn what_only_tells_of_a_reply_is_shown_when_it_did_not() {
        let bell = || {
            let reply = AgentReply {
                ticket_id: TicketId(7),
                comment_id: None,
                external_user_id: None,
                requester_id: None,
                caught_up: None,
            };
            EventKind::AgentReply(reply)
        };
        assert!(shown(bell(), Standing::Delivered { receipt: "1 to text".into() }).is_none());
        let dead = told(bell(), Standing::Dead { cause: "404 from Zendesk".into() });
        assert_eq!((dead.side, dead.why.as_str()), ("between", "Not sent: 404 from Zendesk"));
        let skipped = || Standing::Skipped { reason: "no public comment by an agent is new".into() };
        assert_eq!(told(bell(), skipped()).who, "Zendesk told of a reply on ticket #7");
    }

    #[test]
    fn a_look_of_tandems_own_is_no_reply_and_is_shown_while_it_is_not_over() {
        let seen = Sighting {
            status: None,
            updated_at: noon(),
            as_of: noon(),
            all_there_to: None,
            merged: false,
            heir: false,
        };
        let look = || {
            let (comment_id, external_user_id, requester_id) = (None, None, None);
            let caught_up = Some(seen);
            EventKind::AgentReply(AgentReply {
                ticket_id: TicketId(7),
                comment_id,
                external_user_id,
                requester_id,
                caught_up,
            })
        };
        assert!(shown(look(), Standing::Skipped { reason: "no public comment by an agent is new".into() }).is_none());
        let dead = told(look(), Standing::Dead { cause: "404 from Zendesk".into() });
        assert_eq!(dead.who, "tandem looks for replies on ticket #7");
        assert_eq!(view::told(&look()), "Look for replies");
    }

    #[test]
    fn each_side_stands_on_its_side_and_what_was_not_sent_says_why() {
        let text: CustomerText = serde_json::from_value(serde_json::json!({
            "customer": {"first_name": "Ada"}, "line": null, "text": "Hi", "media": ["https://a.example/1"],
            "channel": "sms", "category": "opt_out", "keyword": "opt_out", "ticket_id": null, "fields": {},
        }))
        .unwrap();
        let from = told(EventKind::CustomerText(text), Standing::Pending);
        assert_eq!((from.side, from.who.as_str(), from.text.as_str()), ("from", "Ada, opts out", "Hi"));
        assert_eq!(from.files, ["https://a.example/1"]);

        let reply = PhoneText {
            ticket_id: Some(TicketId(7)),
            comment_id: None,
            external_user_id: None,
            requester_id: None,
            text: "Hello".into(),
            agent_name: None,
            attachments: Vec::new(),
            recipe: None,
            caught_up: false,
            written_at: None,
        };
        let reason = "the customer opted out".to_owned();
        let to = told(EventKind::PhoneText(reply), Standing::Skipped { reason });
        assert_eq!((to.side, to.who.as_str(), to.why.as_str()), ("to", "Agent", "Not sent: the customer opted out"));

        let note =
            Note { ticket_id: TicketId(7), says: Says::Words { text: "It did not go".into() }, tells: Tells::Fact };
        let between = told(EventKind::Note(note), Standing::Delivered { receipt: "comment 9".into() });
        assert_eq!((between.side, between.why.as_str()), ("between", ""));
    }
}
