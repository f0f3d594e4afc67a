//! The list of conversations, and the order to forget a customer. Never shows a message: [`super::thread`] does.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;
use url::Url;

use super::auth;
use super::page::{Section, Shell, Trouble, html};
use super::session::Visitor;
use super::view::{self, Moment, grouped, moment};
use crate::domain::conversation::{Conversation, ConversationKey, Subscription};
use crate::http::OperatorState;
use crate::http::operator::{Query, actions};
use crate::store::Forgotten;

/// Conversations on a page.
const PAGE: usize = 50;

/// A conversation as lists show it: of the customer only the key and the end of the number.
pub(super) struct Known {
    /// The customer's share of the key.
    pub(super) key: String,
    pub(super) href: String,
    /// Number, status and address of the ticket; empty where there is none.
    pub(super) ticket: String,
    pub(super) status: &'static str,
    pub(super) ticket_href: String,
    pub(super) phone: String,
    /// The name of the line where there are several, or else the carrier's own name for it; empty where none is told.
    pub(super) line: String,
    pub(super) subscription: &'static str,
    pub(super) updated: Moment,
}

pub(super) fn known(state: &OperatorState, conversation: &Conversation) -> Known {
    let desk = state.console.options.desk_urls.get(&conversation.ends.desk);
    shown(conversation, (view::line(conversation, &state.lines), desk), state.clock.now())
}

fn shown(conversation: &Conversation, (line, desk): (&str, Option<&Url>), now: Timestamp) -> Known {
    let ticket = conversation.ticket.as_ref();
    Known {
        key: view::customer(conversation, line),
        href: view::conversation_href(&conversation.key),
        ticket: ticket.map(|ticket| format!("#{}", ticket.id)).unwrap_or_default(),
        status: ticket.map(|ticket| ticket.status.name()).unwrap_or_default(),
        ticket_href: ticket.map(|ticket| view::ticket_href(desk, ticket.id)).unwrap_or_default(),
        phone: view::phone(conversation.customer.phone.as_deref()),
        line: line.to_owned(),
        subscription: match conversation.takes_texts() {
            Subscription::Unknown => "",
            Subscription::In => "opted in",
            Subscription::Out => "opted out",
        },
        updated: moment(conversation.updated_at, now),
    }
}

#[derive(Template)]
#[template(path = "console/conversations.html")]
struct List {
    shell: Shell,
    rows: Vec<Known>,
    total: String,
    next: String,
    first: String,
}

/// `GET /console/conversations`.
pub(super) async fn list(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let after = Query::read(&uri, &["after"])?.take("after").map(ConversationKey);
    let found = state.store.find_conversations(None, after.as_ref(), PAGE).await?;
    let href = |after: &str| view::query("/console/conversations", &[("after", after)]);
    let page = List {
        shell: Shell::new(&visitor, Section::Conversations, "Conversations"),
        rows: found.items.iter().map(|conversation| known(&state, conversation)).collect(),
        total: grouped(found.total),
        next: found.items.last().filter(|_| found.more).map(|last| href(&last.key.0)).unwrap_or_default(),
        first: after.map(|_| href("")).unwrap_or_default(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The conversation that the address names.
pub(super) fn key(query: &mut Query) -> Result<ConversationKey, Trouble> {
    query.take("key").map(ConversationKey).ok_or_else(|| Trouble::bad("The parameter key is missing."))
}

#[derive(Template)]
#[template(path = "console/forget.html")]
struct Forget {
    shell: Shell,
    key: String,
    /// The conversation's page.
    href: String,
    /// The address of the form.
    action: String,
    /// The numbers of erased records; `None` before the order.
    forgotten: Option<Forgotten>,
}

/// `GET /console/conversation/forget`: asks for confirmation.
pub(super) async fn ask_to_forget(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let key = key(&mut Query::read(&uri, &["key"])?)?;
    let found = state.store.conversation(&key).await?;
    found.ok_or_else(|| Trouble::new(StatusCode::NOT_FOUND, "Nothing is known of such a customer."))?;
    Ok(html(StatusCode::OK, &forget_page(&visitor, &key, None)))
}

/// `POST /console/conversation/forget`.
pub(super) async fn forget(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let key = key(&mut Query::read(&uri, &["key"])?)?;
    let forgotten = actions::forget(&state, &key, &auth::order(&state, &visitor)).await?;
    Ok(html(StatusCode::OK, &forget_page(&visitor, &key, Some(forgotten))))
}

fn forget_page(visitor: &Visitor, key: &ConversationKey, forgotten: Option<Forgotten>) -> Forget {
    let title = if forgotten.is_some() { "Customer forgotten" } else { "Forget this customer" };
    Forget {
        shell: Shell::new(visitor, Section::Conversations, title),
        key: key.to_string(),
        href: view::conversation_href(key),
        action: view::query("/console/conversation/forget", &[("key", &key.0)]),
        forgotten,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::{Change, TicketStatus};
    use crate::domain::event::TicketId;
    use crate::http::testing::{conversation, noon};

    #[test]
    fn a_line_is_shown_by_its_name_and_not_in_the_key_as_well() {
        let mut ada = conversation("ada-42@group-1");
        ada.line = Some("group-1".into());
        for (line, key) in [("uk", "ada-42"), ("group-1", "ada-42@group-1"), ("", "ada-42")] {
            let shown = shown(&ada, (line, None), noon());
            assert_eq!((shown.key.as_str(), shown.line.as_str()), (key, line));
            assert_eq!(shown.href, "/console/conversation?key=ada-42%40group-1");
        }
    }

    #[test]
    fn a_list_shows_no_more_of_a_customer_than_the_end_of_the_number() {
        let mut ada = conversation("ada-42");
        ada.customer.first_name = Some("Ada".into());
        ada.apply(Change::Ticket(TicketId(7), TicketStatus::Open, noon()), noon());
        let zendesk = "https://acme.zendesk.com/".parse().ok();
        let shown = shown(&ada, ("uk", zendesk.as_ref()), noon());
        assert_eq!((shown.key.as_str(), shown.phone.as_str()), ("ada-42", "…111"));
        assert_eq!((shown.ticket.as_str(), shown.status), ("#7", "open"));
        assert_eq!(shown.ticket_href, "https://acme.zendesk.com/agent/tickets/7");
    }
}
