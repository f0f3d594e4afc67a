//! For finding the deliveries and people that an operator's words may mean: one group for each meaning.
//!
//! It reads no more than the limit asks for, and never writes.

use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, StateName};
use crate::domain::find::Search;
use crate::store::{Archive, DeliveryFilter, StoreError};

/// The number of a conversation's newest texts shown with it, and of its deliveries in each state of [`NEEDING`].
const LATEST: usize = 3;

/// The states shown before the latest texts, the worst first.
const NEEDING: [StateName; 3] = [StateName::Dead, StateName::Unconfirmed, StateName::Waiting];

/// The finds, grouped by the meaning of the words. A meaning without finds is left out.
#[derive(Clone, Debug, Default)]
pub struct Finds {
    /// The surest meaning first.
    pub groups: Vec<Group>,
}

/// The finds of one meaning of the words.
#[derive(Clone, Debug)]
pub struct Group {
    /// The meaning.
    pub by: Search,
    /// The deliveries that it names; empty where it means people.
    pub deliveries: Vec<Delivery>,
    /// The people of these deliveries, or the people that it means; newest first.
    pub people: Vec<Person>,
    /// The number of people that it means, where it means people ([`crate::store::Page::total`]).
    pub total: u64,
    /// Whether it means more than this group holds. [`Archive::find_conversations`] goes on behind the last person.
    pub more: bool,
}

/// A conversation with its latest deliveries.
#[derive(Clone, Debug)]
pub struct Person {
    /// The conversation.
    pub conversation: Conversation,
    /// Its dead, unconfirmed and waiting deliveries, in this order; then its latest texts, without notes to agents and
    /// without answered doorbells. Newest first in each.
    pub latest: Vec<Delivery>,
}

/// Asks a store for every meaning of an operator's words ([`crate::domain::find::meanings`]): up to `limit` of each,
/// newest first. A conversation appears only in the first group that finds it.
///
/// # Errors
/// The errors of the store's lists.
pub async fn find<S: Archive + ?Sized>(store: &S, meanings: &[Search], limit: usize) -> Result<Finds, StoreError> {
    let mut groups: Vec<Group> = Vec::new();
    for by in meanings {
        let mut group = match by {
            Search::Event(id) => {
                let found = store.delivery(*id).await?.map(|(delivery, _)| delivery);
                of_deliveries(store, by, found.into_iter().collect(), false).await?
            }
            Search::Dispatch(id) => {
                let filter = DeliveryFilter {
                    dispatch: Some(id.clone()),
                    newest_first: true,
                    limit,
                    ..DeliveryFilter::default()
                };
                let page = store.deliveries(filter).await?;
                of_deliveries(store, by, page.items, page.more).await?
            }
            Search::Ticket(_) | Search::PhoneEnd(_) | Search::Key(_) | Search::Name(_) => {
                let page = store.find_conversations(Some(by.clone()), None, limit).await?;
                let people = with_latest(store, page.items).await?;
                Group { by: by.clone(), deliveries: Vec::new(), people, total: page.total, more: page.more }
            }
        };
        let is_shown = |key: &ConversationKey| {
            groups.iter().flat_map(|group| &group.people).any(|person| person.conversation.key == *key)
        };
        group.people.retain(|person| !is_shown(&person.conversation.key));
        if !group.people.is_empty() || !group.deliveries.is_empty() {
            groups.push(group);
        }
    }
    Ok(Finds { groups })
}

async fn of_deliveries<S: Archive + ?Sized>(
    store: &S,
    by: &Search,
    deliveries: Vec<Delivery>,
    more: bool,
) -> Result<Group, StoreError> {
    let mut theirs: Vec<Conversation> = Vec::new();
    for delivery in &deliveries {
        if theirs.iter().all(|known| known.key != delivery.conversation) {
            theirs.extend(store.conversation(&delivery.conversation).await?);
        }
    }
    let people = with_latest(store, theirs).await?;
    Ok(Group { by: by.clone(), total: people.len() as u64, deliveries, people, more })
}

async fn with_latest<S: Archive + ?Sized>(
    store: &S,
    conversations: Vec<Conversation>,
) -> Result<Vec<Person>, StoreError> {
    let mut people = Vec::with_capacity(conversations.len());
    for conversation in conversations {
        let latest = latest(store, &conversation.key).await?;
        people.push(Person { conversation, latest });
    }
    Ok(people)
}

async fn latest<S: Archive + ?Sized>(store: &S, key: &ConversationKey) -> Result<Vec<Delivery>, StoreError> {
    let newest = DeliveryFilter {
        conversation: Some(key.clone()),
        newest_first: true,
        limit: LATEST,
        ..DeliveryFilter::default()
    };
    let mut shown: Vec<Delivery> = Vec::new();
    for state in NEEDING {
        let filter = DeliveryFilter { state: Some(state), ..newest.clone() };
        shown.extend(store.deliveries(filter).await?.items);
    }
    let texts = DeliveryFilter { hide_doorbells: true, hide_notes: true, ..newest };
    for text in store.deliveries(texts).await?.items {
        if shown.iter().all(|known| known.id != text.id) {
            shown.push(text);
        }
    }
    Ok(shown)
}
