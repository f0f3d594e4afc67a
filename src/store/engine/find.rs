//! Which deliveries and conversations a filter or a search means. The index answers, and the records of aliases and
//! tickets answer where a ticket or an id leads to a conversation.
//!
//! It names the records to read, and reads no list itself.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::domain::account::{AccountId, Ends};
use crate::domain::address::{Directory, Identity, Scheme};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::StateName;
use crate::domain::event::{TicketId, TicketRef};
use crate::domain::find::Search;
use crate::domain::lanes::Position;
use crate::store::engine::core::Core;
use crate::store::engine::index::{COUNTED_MAX, Listed, PAGE_MAX, Wanted};
use crate::store::engine::part::{Loaded, Scope, Want};
use crate::store::{BACKLOG_MIN, DeliveryFilter, PEOPLE_MAX, StoreError, WAITING_BYTES};

/// The conversations of a page, by their keys.
pub(in crate::store) struct Matches {
    pub(in crate::store) keys: Vec<Arc<str>>,
    /// Of all pages.
    pub(in crate::store) total: u64,
    pub(in crate::store) more: bool,
}

/// A conversation's position in the order of lists: by its newest delivery, then by its key.
type Rank = (Reverse<Option<Position>>, Arc<str>);

impl Matches {
    /// The first page of these keys, of this many in all.
    fn new(mut keys: Vec<Arc<str>>, total: usize, limit: usize) -> Self {
        let more = keys.len() > limit;
        keys.truncate(limit);
        Self { keys, total: u64::try_from(total).unwrap_or(u64::MAX), more }
    }
}

impl Core {
    /// The most deliveries that may wait beside the kept ones.
    pub(in crate::store) fn backlog_max(&self) -> u64 {
        let Some(bytes) = self.limits.backlog_bytes else { return self.limits.backlog_max };
        let fit = bytes.saturating_sub(self.index.kept_bytes(self.lanes.len())) / WAITING_BYTES;
        fit.max(BACKLOG_MIN).min(self.limits.backlog_max)
    }

    /// The page of [`crate::store::Archive::deliveries`].
    pub(in crate::store) fn list(&self, filter: &DeliveryFilter) -> Result<Listed, StoreError> {
        Ok(self.listed(Wanted {
            state: filter.state,
            whose: self.whose(filter)?,
            account: filter.account,
            dispatch: filter.dispatch.as_deref().map(|id| self.index.digest(id)),
            since: filter.since,
            until: filter.until,
            hide_doorbells: filter.hide_doorbells,
            set_aside: filter.set_aside,
            hide_notes: filter.hide_notes,
            newest_first: filter.newest_first,
            after: filter.after.map(Position::of),
            limit: filter.limit.min(PAGE_MAX),
        }))
    }

    /// The deliveries of a conversation that were set aside, oldest first.
    pub(in crate::store) fn set_aside_of(&self, key: &ConversationKey) -> Vec<Position> {
        let wanted = Wanted {
            state: Some(StateName::Unconfirmed),
            whose: Some(vec![self.index.digest(&key.0)]),
            account: None,
            dispatch: None,
            since: None,
            until: None,
            hide_doorbells: false,
            hide_notes: false,
            set_aside: Some(true),
            newest_first: false,
            after: None,
            limit: usize::MAX,
        };
        self.listed(wanted).positions
    }

    fn listed(&self, wanted: Wanted) -> Listed {
        match &self.scope {
            Scope::Whole => self.index.list(&wanted),
            Scope::Part(_) => match self.scope.answer(|| Want::Listed(wanted)) {
                Some(Loaded::Listed(listed)) => listed,
                Some(_) | None => Listed::default(),
            },
        }
    }

    /// The keys of the conversations that a search means.
    fn found(&self, search: &Search) -> Vec<Arc<str>> {
        match &self.scope {
            Scope::Whole => self.index.people().find(search, COUNTED_MAX),
            Scope::Part(_) => self.scope.keys(|| Want::Found(search.clone(), COUNTED_MAX)),
        }
    }

    /// The number of conversations.
    pub(in crate::store) fn people(&self) -> usize {
        let elsewhere = self.scope.part().map_or(0, |part| part.elsewhere.people);
        elsewhere + self.index.people().len()
    }

    fn newest_of(&self, key: &str) -> Option<Position> {
        let digest = self.index.digest(key);
        match &self.scope {
            Scope::Whole => self.index.newest_of(digest),
            Scope::Part(_) => match self.scope.answer(|| Want::NewestOf(digest)) {
                Some(Loaded::Newest(newest)) => newest,
                Some(_) | None => None,
            },
        }
    }

    /// Digests of the conversations that a filter wants; `None` for all.
    fn whose(&self, filter: &DeliveryFilter) -> Result<Option<Vec<u64>>, StoreError> {
        let digest = |key: &ConversationKey| self.index.digest(&key.0);
        let mut whose = filter.conversation.as_ref().map(|key| vec![digest(key)]);
        let mut also = |theirs: Vec<u64>| {
            whose = Some(match whose.take() {
                Some(before) => before.into_iter().filter(|one| theirs.contains(one)).collect(),
                None => theirs,
            });
        };
        if let Some(ticket) = filter.ticket {
            let mut theirs = Vec::new();
            for ticket in of_each_desk(ticket) {
                theirs.push(ConversationKey::provisional(ticket));
                theirs.extend(self.by_ticket(ticket)?);
            }
            also(theirs.iter().map(digest).collect());
        }
        if let Some(end) = &filter.phone_end {
            let people = self.ranked(self.found(&Search::PhoneEnd(end.clone())));
            also(people.iter().take(PEOPLE_MAX).map(|(_, key)| self.index.digest(key)).collect());
        }
        Ok(whose)
    }

    /// The page of [`crate::store::Archive::find_conversations`].
    pub(in crate::store) fn find_people(
        &self,
        search: Option<&Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Matches, StoreError> {
        let limit = limit.min(PAGE_MAX);
        let Some(search) = search else {
            return Ok(Matches::new(self.newest_first(after, limit.saturating_add(1)), self.people(), limit));
        };
        let mut keys = self.found(search);
        let leads_to = match search {
            Search::Ticket(ticket) => {
                of_each_desk(*ticket).map(|ticket| self.by_ticket(ticket)).collect::<Result<_, _>>()?
            }
            Search::Key(value) => names_of(value).map(|name| self.by_identity(&name)).collect::<Result<_, _>>()?,
            Search::Event(_) | Search::Dispatch(_) | Search::PhoneEnd(_) | Search::Name(_) => Vec::new(),
        };
        for key in leads_to.into_iter().flatten() {
            // An alias may lead to a conversation that is gone.
            if !keys.iter().any(|known| **known == *key.0) && self.conversation(&key)?.is_some() {
                keys.push(key.0.into());
            }
        }
        let total = keys.len();
        let mut ranked = self.ranked(keys);
        if let Some(after) = after {
            let last = self.rank(after.0.as_str().into());
            ranked.retain(|rank| *rank > last);
        }
        ranked.truncate(limit.saturating_add(1));
        Ok(Matches::new(ranked.into_iter().map(|(_, key)| key).collect(), total, limit))
    }

    fn newest_first(&self, after: Option<&ConversationKey>, many: usize) -> Vec<Arc<str>> {
        match &self.scope {
            Scope::Whole => self.index.keys(after.map(|key| key.0.as_str())).take(many).cloned().collect(),
            Scope::Part(_) => self.scope.keys(|| Want::Newest(after.map(|key| key.0.clone()), many)),
        }
    }

    fn ranked(&self, keys: Vec<Arc<str>>) -> Vec<Rank> {
        let mut ranked: Vec<Rank> = keys.into_iter().map(|key| self.rank(key)).collect();
        ranked.sort_unstable();
        ranked
    }

    fn rank(&self, key: Arc<str>) -> Rank {
        (Reverse(self.newest_of(&key)), key)
    }
}

/// The tickets of this number, one for each account that could be a desk.
fn of_each_desk(id: TicketId) -> impl Iterator<Item = TicketRef> {
    let desks = AccountId::all().filter(|account| *account != Ends::FIRST.carrier);
    desks.map(move |account| TicketRef { account, id })
}

/// Everything that this name could be, at each account.
fn names_of(value: &str) -> impl Iterator<Item = Identity> {
    let schemes = [Scheme::External, Scheme::Carrier];
    let carriers = AccountId::all().filter(|account| *account != Ends::FIRST.desk);
    let each = carriers.flat_map(move |account| schemes.map(|scheme| (scheme, account)));
    each.map(|(scheme, account)| Identity { scheme, account, value: value.to_owned() })
}
