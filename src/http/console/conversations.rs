//! Looking for a conversation, and forgetting a customer.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::gate;
use super::page::{Section, Shell, Trouble, html};
use super::session::Visitor;
use super::view::{self, Moment, grouped, moment};
use crate::domain::conversation::{Conversation, ConversationKey, Subscription};
use crate::domain::event::TicketId;
use crate::domain::find::{self, Search};
use crate::http::OperatorState;
use crate::http::operator::{Query, actions};
use crate::store::Forgotten;

/// Conversations on a page.
const PAGE: usize = 50;

/// A line of the list.
pub(super) struct Known {
    pub(super) key: String,
    pub(super) href: String,
    /// Ticket and status; empty where there is none.
    pub(super) ticket: String,
    pub(super) phone: String,
    pub(super) line: String,
    pub(super) subscription: &'static str,
    pub(super) updated: Moment,
}

/// A conversation as lists show it: nothing of the customer but the end of the number.
pub(super) fn known(conversation: &Conversation, now: Timestamp) -> Known {
    let ticket = conversation.ticket.as_ref();
    Known {
        key: conversation.key.to_string(),
        href: view::conversation_href(&conversation.key),
        ticket: ticket.map(|ticket| format!("#{} {}", ticket.id, ticket.status.name())).unwrap_or_default(),
        phone: view::phone(conversation.customer.phone.as_deref()),
        line: conversation.line.clone().unwrap_or_default(),
        subscription: match conversation.subscription {
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
    by: String,
    words: String,
    rows: Vec<Known>,
    total: String,
    next: String,
    first: String,
    problem: String,
}

/// `GET /console/conversations`.
pub(super) async fn list(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["by", "words", "after"])?;
    let (by, words, after) = (query.take("by"), query.take("words"), query.take("after"));
    let by = by.unwrap_or_else(|| "key".to_owned());
    let words = words.map(|words| words.trim().to_owned()).unwrap_or_default();
    let mut page = List {
        shell: Shell::new(&visitor, Section::Conversations, "Conversations"),
        rows: Vec::new(),
        total: String::new(),
        next: String::new(),
        first: String::new(),
        problem: String::new(),
        by,
        words,
    };
    let search = match search(&page.by, &page.words) {
        Ok(search) => search,
        Err(problem) => {
            page.problem = problem;
            return Ok(html(StatusCode::BAD_REQUEST, &page));
        }
    };
    let key = after.clone().map(ConversationKey);
    let found = state.store.find_conversations(search, key.as_ref(), PAGE).await?;
    let href = |after: &str| {
        view::query("/console/conversations", &[("by", &page.by), ("words", &page.words), ("after", after)])
    };
    page.next = found.items.last().filter(|_| found.more).map(|last| href(&last.key.0)).unwrap_or_default();
    page.first = after.map(|_| href("")).unwrap_or_default();
    page.total = grouped(found.total);
    page.rows = found.items.iter().map(|conversation| known(conversation, state.clock.now())).collect();
    Ok(html(StatusCode::OK, &page))
}

/// What is looked for; `None` for everything.
fn search(by: &str, words: &str) -> Result<Option<Search>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    match by {
        "key" => Ok(Some(Search::Key(words.to_owned()))),
        "phone" => {
            let end = find::phone_end(words);
            let problem = || format!("Give at least the last {} digits of the number.", find::PHONE_DIGITS_MIN);
            Ok(Some(Search::PhoneEnd(end.ok_or_else(problem)?)))
        }
        "ticket" => match words.trim_start_matches('#').parse() {
            Ok(id) => Ok(Some(Search::Ticket(TicketId(id)))),
            Err(_) => Err("A ticket is a number, such as 4711.".to_owned()),
        },
        _ => Err("Look by key, phone or ticket.".to_owned()),
    }
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
    /// Where the form goes.
    action: String,
    /// What was erased; `None` before.
    forgotten: Option<Forgotten>,
}

/// `GET /console/conversation/forget`: are you sure?
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
    let forgotten = actions::forget(&state, &key, &gate::order(&state, &visitor)).await?;
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
    use crate::http::testing::{conversation, noon};

    #[test]
    fn what_is_looked_for_is_read_from_a_persons_words() {
        for (by, words, found) in [
            ("key", "ada", Ok(Some(Search::Key("ada".into())))),
            ("key", "", Ok(None)),
            ("phone", "…01 01", Ok(Some(Search::PhoneEnd("0101".into())))),
            ("phone", "01", Ok(Some(Search::PhoneEnd("01".into())))),
            ("phone", "1", Err(())),
            ("ticket", "#47", Ok(Some(Search::Ticket(TicketId(47))))),
            ("ticket", "last", Err(())),
            ("name", "ada", Err(())),
        ] {
            assert_eq!(search(by, words).map_err(|_| ()), found, "{by} {words}");
        }
    }

    #[test]
    fn a_list_shows_no_more_of_a_customer_than_the_end_of_the_number() {
        let mut ada = conversation("ada-42");
        ada.customer.first_name = Some("Ada".into());
        let shown = known(&ada, noon());
        assert_eq!((shown.key.as_str(), shown.phone.as_str()), ("ada-42", "…11"));
    }
}
