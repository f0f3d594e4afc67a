//! The lists and the search of the operator API. Never shows the text of a message, and of a customer's number only
//! the end.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde_json::Value;

use super::requests::{Query, Refusal, answer, page_json, parse_id, to_json};
use crate::domain::account::AccountId;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::event::TicketId;
use crate::domain::find::{self, Search};
use crate::domain::line::Lines;
use crate::domain::receipt::Kept;
use crate::http::{OperatorState, answers};
use crate::store::{self, DeliveryFilter, StoreError};

/// People of each meaning, unless asked otherwise.
const FOUND_DEFAULT: usize = 10;

/// People of each meaning at most: each brings its latest deliveries along.
const FOUND_MAX: usize = 50;

/// `GET /api/deliveries`.
pub(super) async fn deliveries(State(state): State<OperatorState>, uri: Uri) -> Response {
    let listed = async {
        let filter = filter(&mut Query::read(&uri, &DELIVERIES)?, state.clock.now())?;
        let page = state.store.deliveries(filter).await?;
        let names = LineNames::find(&state, &page.items).await?;
        Ok(page_json(&page, |delivery| delivery_json(delivery, &names), |delivery| delivery.id.to_string()))
    };
    answer(listed.await, &state)
}

/// A delivery, with the name of its line.
pub(super) fn delivery_json(delivery: &Delivery, names: &LineNames) -> Value {
    to_json(&answers::Delivery::of(delivery, names.of(delivery)))
}

/// The names of the lines on which deliveries run, by their conversations.
pub(super) struct LineNames(BTreeMap<ConversationKey, String>);

impl LineNames {
    /// Looks the conversations of these deliveries up, in one look beside the store's other calls: a page may have hundreds.
    pub(super) async fn find(state: &OperatorState, deliveries: &[Delivery]) -> Result<Self, StoreError> {
        let keys: BTreeSet<ConversationKey> = deliveries.iter().filter_map(Delivery::whose).cloned().collect();
        let mut names = BTreeMap::new();
        for conversation in state.store.conversations_named(keys).await? {
            let Some(name) = conversation.line_name(&state.lines).map(str::to_owned) else { continue };
            names.insert(conversation.key, name);
        }
        Ok(Self(names))
    }

    /// The name of the delivery's line, where the configuration has it.
    pub(super) fn of(&self, delivery: &Delivery) -> Option<&str> {
        self.0.get(&delivery.conversation).map(String::as_str)
    }
}

const DELIVERIES: [&str; 11] = [
    "state",
    "conversation",
    "ticket",
    "phone",
    "destination",
    "since",
    "until",
    "doorbells",
    "newest",
    "after",
    "limit",
];

fn filter(query: &mut Query, now: Timestamp) -> Result<DeliveryFilter, Refusal> {
    Ok(DeliveryFilter {
        state: query.state()?,
        conversation: query.take("conversation").map(ConversationKey),
        ticket: query.ticket()?,
        phone_end: query.phone_end()?,
        account: query.account()?,
        dispatch: None,
        since: query.time("since", now)?,
        until: query.time("until", now)?,
        hide_doorbells: !query.flag("doorbells", true)?,
        set_aside: None,
        hide_notes: false,
        newest_first: query.flag("newest", false)?,
        after: query.take("after").map(|id| parse_id(&id)).transpose()?,
        limit: query.limit()?,
    })
}

/// `GET /api/conversations`.
pub(super) async fn conversations(State(state): State<OperatorState>, uri: Uri) -> Response {
    let listed = async {
        let mut query = Query::read(&uri, &["ticket", "phone", "newest", "after", "limit"])?;
        let after = query.take("after").map(ConversationKey);
        let search = match (query.ticket()?, query.phone_end()?) {
            (None, None) => None,
            (Some(ticket), None) => Some(Search::Ticket(ticket)),
            (None, Some(end)) => Some(Search::PhoneEnd(end)),
            (Some(_), Some(_)) => return Err(Refusal::Bad("give ticket or phone, not both".to_owned())),
        };
        let newest_first = query.flag("newest", search.is_some())?;
        if search.is_some() && !newest_first {
            return Err(Refusal::Bad("what is looked for comes newest first: leave newest=false out".to_owned()));
        }
        let limit = query.limit()?;
        let page = if newest_first {
            state.store.find_conversations(search, after.as_ref(), limit).await?
        } else {
            state.store.conversations(after.as_ref(), limit).await?
        };
        Ok(page_json(
            &page,
            |conversation| conversation_json(conversation, &state.lines),
            |conversation| conversation.key.to_string(),
        ))
    };
    answer(listed.await, &state)
}

/// `GET /api/reports`: the carrier's reports of which no delivery is known, the newest first.
pub(super) async fn unbound_reports(State(state): State<OperatorState>, uri: Uri) -> Response {
    let listed = async {
        let mut query = Query::read(&uri, &["after", "limit"])?;
        let after = query.take("after").map(|number| number.parse::<u64>()).transpose();
        let after = after.map_err(|_| Refusal::Bad("after must be a number".to_owned()))?;
        let page = state.store.unbound_reports(after, query.limit()?).await?;
        let item = |kept: &Kept| to_json(&answers::UnboundReport::of(kept, &state.lines));
        Ok(page_json(&page, item, |kept| kept.number.to_string()))
    };
    answer(listed.await, &state)
}

fn conversation_json(conversation: &Conversation, lines: &Lines) -> Value {
    to_json(&answers::Conversation::of(conversation, lines))
}

/// `GET /api/find`.
pub(super) async fn find(State(state): State<OperatorState>, uri: Uri) -> Response {
    let found = async {
        let mut query = Query::read(&uri, &["words", "limit"])?;
        let limit = query.number("limit", FOUND_DEFAULT, FOUND_MAX)?;
        let words = query.take("words").ok_or_else(|| Refusal::Bad("the parameter words is missing".to_owned()))?;
        let meanings = find::meanings(&words);
        if meanings.is_empty() {
            return Err(Refusal::Bad(TOO_SHORT.to_owned()));
        }
        let found = store::find(&*state.store, &meanings, limit).await?;
        Ok(to_json(&answers::Finds::of(&found, &state.lines)))
    };
    answer(found.await, &state)
}

/// The refusal of words without a meaning.
pub(in crate::http) const TOO_SHORT: &str = "nothing can be meant by that: give the last 2 digits of a number or \
    more, 2 letters of a name or more, a customer's id, a ticket such as #4711, an id that begins with evt_, or a \
    carrier's id of a text, in 256 characters at most";

impl Query {
    pub(in crate::http) fn ticket(&mut self) -> Result<Option<TicketId>, Refusal> {
        let Some(words) = self.take("ticket") else { return Ok(None) };
        let number = words.strip_prefix('#').unwrap_or(&words).parse().ok();
        number.map(|number| Some(TicketId(number))).ok_or_else(|| Refusal::Bad("ticket must be a number".to_owned()))
    }

    pub(in crate::http) fn phone_end(&mut self) -> Result<Option<String>, Refusal> {
        let Some(words) = self.take("phone") else { return Ok(None) };
        let problem =
            || format!("phone must be a number, or the last {} digits of one or more", find::PHONE_DIGITS_MIN);
        find::phone_end(&words).map(Some).ok_or_else(|| Refusal::Bad(problem()))
    }

    pub(in crate::http) fn account(&mut self) -> Result<Option<AccountId>, Refusal> {
        let Some(word) = self.take("destination") else { return Ok(None) };
        AccountId::known(&word).map(Some).ok_or_else(|| {
            Refusal::Bad("destination must be the name of an account, such as zendesk or braze".to_owned())
        })
    }

    /// A time in RFC 3339, or an age such as `90m`, `1h` or `2d`.
    pub(in crate::http) fn time(&mut self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let Some(words) = self.take(name) else { return Ok(None) };
        let age = || {
            let age = words.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            now.checked_sub(age.abs()).ok()
        };
        let form = || format!("{name} must be a time such as 2027-01-15T09:30:00Z, or an age such as 90m, 1h or 2d");
        words.parse().ok().or_else(age).map(Some).ok_or_else(|| Refusal::Bad(form()))
    }

    pub(in crate::http) fn flag(&mut self, name: &str, unless_said: bool) -> Result<bool, Refusal> {
        match self.take(name).as_deref() {
            None => Ok(unless_said),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Refusal::Bad(format!("{name} must be true or false"))),
        }
    }
}
