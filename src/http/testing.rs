//! A store with scripted answers, and small helpers, for the tests of the routers.
//!
//! Never stores anything, and keeps none of the store's promises: the store's own tests hold those.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::access::Roster;
use crate::domain::account::{AccountId, Direction, End, Ends, Route};
use crate::domain::answer::Answers;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Arrived, Delivery, State, StateName, Transition};
use crate::domain::event::{Customer, DedupeKey, Event, EventId, EventKind, TicketId, TicketRef};
use crate::domain::find::Search;
use crate::domain::inbound::Arrivals;
use crate::domain::kind::KindName;
use crate::domain::line::Place;
use crate::domain::note::{Note, Says, Tells};
use crate::domain::operator::{AuditEntry, Order, Pause, PauseTerms, Seen};
use crate::domain::receipt::{Fate, Kept, Report};
use crate::http::{Inbound, OperatorState};
use crate::intake::Senders;
use crate::store::{
    Accepted, Album, Archive, Claim, Compaction, Control, Counts, DeliveryFilter, Forgotten, Found, Inbox, Incoming,
    Keeping, LostTime, Moves, Page, Picture, PictureId, Pictured, Queue, StoreError, Sweep, Taken, Terms, Verdict,
};
use crate::telemetry::{Metrics, Readiness};
use crate::vendors::sources::FirstAccounts;

/// Answers from its lists, and records the calls.
#[derive(Default)]
pub(crate) struct ScriptedStore {
    /// The answers of `accept` and `quarantine`, in order. When they are used up, the calls never end.
    pub(crate) answers: Mutex<VecDeque<Result<Accepted, StoreError>>>,
    /// The fault that `health` reports.
    pub(crate) health: Option<StoreError>,
    /// The store's deliveries.
    pub(crate) deliveries: Vec<Delivery>,
    /// The vendors' answers, the same for every delivery.
    pub(crate) vendor_answers: Answers,
    /// The store's conversations.
    pub(crate) conversations: Vec<Conversation>,
    /// The arguments of `conversations_named`.
    pub(crate) named: Mutex<Vec<BTreeSet<ConversationKey>>>,
    /// The error of `operate`, if it fails.
    pub(crate) operate: Option<StoreError>,
    /// The arguments of `accept`, `quarantine` and `operate`.
    pub(crate) asked: Mutex<Vec<String>>,
    /// The answer of `forget` for a known conversation.
    pub(crate) forgotten: Forgotten,
    /// The paused destinations.
    pub(crate) pauses: Mutex<BTreeMap<AccountId, Pause>>,
    /// The entries of `audit`, oldest first.
    pub(crate) entries: Vec<AuditEntry>,
    /// The last filter that `deliveries` was given.
    pub(crate) filter: Mutex<Option<DeliveryFilter>>,
}

impl ScriptedStore {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Result<Accepted, StoreError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    async fn next(&self) -> Result<Accepted, StoreError> {
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Inbox for ScriptedStore {
    fn accept(
        &self,
        event: Event,
        _: Place,
        _: Vec<DedupeKey>,
        _: Timestamp,
    ) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        self.note(format!("accept {}", event.kind.name()));
        Box::pin(self.next())
    }

    async fn quarantine(
        &self,
        event: Event,
        _: Place,
        _: String,
        _: Vec<DedupeKey>,
        _: Timestamp,
    ) -> Result<Accepted, StoreError> {
        self.note(format!("quarantine {}", event.kind.name()));
        self.next().await
    }

    async fn take_reports(&self, ours: Vec<Report>, others: Vec<Report>, _: Timestamp) -> Result<Taken, StoreError> {
        self.note(format!("take {} reports, {} of others", ours.len(), others.len()));
        self.next().await?;
        let count = |reports: &[Report]| u64::try_from(reports.len()).unwrap();
        Ok(Taken { new: count(&ours), repeated: 0, foreign: count(&others) })
    }

    async fn take_body(
        &self,
        events: Vec<Incoming>,
        ours: Vec<Report>,
        others: Vec<Report>,
        now: Timestamp,
    ) -> Result<(Vec<Accepted>, Taken), StoreError> {
        let kinds: Vec<&str> = events.iter().map(|incoming| incoming.event.kind.name().word()).collect();
        self.note(format!("take a body of {}", kinds.join(" ")));
        let accepted = self.next().await?;
        let taken = match ours.is_empty() && others.is_empty() {
            true => Taken::default(),
            false => self.take_reports(ours, others, now).await?,
        };
        Ok((events.iter().map(|_| accepted).collect(), taken))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.health.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Queue for ScriptedStore {
    async fn claim(&self, _: Route, _: Timestamp, _: Terms, _: usize) -> Result<Vec<Claim>, StoreError> {
        Ok(Vec::new())
    }

    async fn record(&self, _: &Claim, _: Verdict, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    async fn is_waiting(&self, _: Direction, _: &ConversationKey) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn learn(&self, _: &ConversationKey, _: Vec<Change>, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    async fn changed(&self, _: Route) {
        std::future::pending().await
    }

    fn next_due(&self, _: Route) -> Option<Timestamp> {
        None
    }

    async fn conversations_on(&self, _: &[TicketRef]) -> Result<Vec<(TicketRef, Conversation)>, StoreError> {
        Ok(Vec::new())
    }

    async fn talks_of(&self, _: AccountId, _: &str) -> Result<Vec<Conversation>, StoreError> {
        Ok(Vec::new())
    }

    async fn key_of(&self, _: &Customer, _place: &Place, _: Option<&str>) -> Result<ConversationKey, StoreError> {
        Err(StoreError::Closed)
    }

    async fn due_reports(&self, _: Timestamp, _: usize) -> Result<Vec<Kept>, StoreError> {
        Ok(Vec::new())
    }

    fn next_report_due(&self) -> Option<Timestamp> {
        None
    }

    async fn reports_changed(&self) {
        std::future::pending().await
    }

    async fn weigh(&self, _: u64, _: Fate, _: Timestamp) -> Result<bool, StoreError> {
        Err(StoreError::Closed)
    }

    fn lost_time(&self) -> Option<LostTime> {
        None
    }

    fn may_be_later(&self, id: EventId, than: EventId) -> bool {
        id > than
    }

    async fn expire(&self, _: Timestamp, _: Duration, _: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn time_was_set(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn compact(&self, _: Compaction) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Album for ScriptedStore {
    async fn pictured(&self, _: Option<u64>) -> Result<Pictured, StoreError> {
        Ok(Pictured::default())
    }

    async fn pictures_came(&self) {}

    async fn keep_picture(&self, _: PictureId, _: Picture) -> Result<Keeping, StoreError> {
        Ok(Keeping::TooLate)
    }

    async fn picture(&self, _: PictureId) -> Result<Option<Picture>, StoreError> {
        Ok(None)
    }

    fn picture_bytes(&self, _: PictureId) -> Option<u64> {
        None
    }

    fn has_room_for_picture(&self, _: u64) -> bool {
        false
    }

    fn pictures_bytes(&self) -> u64 {
        0
    }
}

#[async_trait]
impl Archive for ScriptedStore {
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        Ok(self.conversations.iter().find(|conversation| conversation.key == *key).cloned())
    }

    async fn conversations_named(&self, keys: BTreeSet<ConversationKey>) -> Result<Vec<Conversation>, StoreError> {
        self.named.lock().unwrap().push(keys.clone());
        Ok(self.conversations.iter().filter(|conversation| keys.contains(&conversation.key)).cloned().collect())
    }

    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let behind: Vec<_> =
            self.conversations.iter().filter(|c| after.is_none_or(|after| c.key > *after)).cloned().collect();
        let more = behind.len() > limit;
        Ok(Page { items: behind.into_iter().take(limit).collect(), total: self.conversations.len() as u64, more })
    }

    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let mut page = self.conversations(after, limit).await?;
        page.items.retain(|conversation| search.as_ref().is_none_or(|search| search.finds(conversation)));
        Ok(page)
    }

    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError> {
        Ok(self.deliveries.iter().find(|delivery| delivery.id == id).map(|delivery| (delivery.clone(), event())))
    }

    async fn answers(&self, _: EventId) -> Result<Answers, StoreError> {
        Ok(self.vendor_answers.clone())
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError> {
        let behind: Vec<_> =
            self.deliveries.iter().filter(|d| filter.after.is_none_or(|after| d.id > after)).cloned().collect();
        let (more, limit) = (behind.len() > filter.limit, filter.limit);
        *self.filter.lock().unwrap() = Some(filter);
        Ok(Page { items: behind.into_iter().take(limit).collect(), total: self.deliveries.len() as u64, more })
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError> {
        let wanted = |delivery: &&Delivery| {
            delivery.state.name() == sweep.state && sweep.after.is_none_or(|after| delivery.id > after)
        };
        // One at a time, so that the caller has to ask again.
        let first = self.deliveries.iter().find(wanted).map(|delivery| delivery.id);
        Ok(Found { ids: first.into_iter().collect(), next: first })
    }

    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError> {
        let behind = self.entries.iter().rev().filter(|entry| after.is_none_or(|after| entry.number < after));
        let (count, items) = (behind.clone().count(), behind.take(limit).cloned().collect());
        Ok(Page { items, total: self.entries.len() as u64, more: count > limit })
    }

    async fn unbound_reports(&self, _: Option<u64>, _: usize) -> Result<Page<Kept>, StoreError> {
        Ok(Page { items: Vec::new(), total: 0, more: false })
    }

    fn unbound(&self) -> BTreeMap<AccountId, u64> {
        BTreeMap::new()
    }

    fn pauses(&self) -> BTreeMap<AccountId, Pause> {
        self.pauses.lock().unwrap().clone()
    }

    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError> {
        Ok(None)
    }

    fn counts(&self) -> Counts {
        Counts { by_state: [(StateName::Pending, 4)].into(), oldest_unsettled: Some(noon()), ..Counts::default() }
    }
}

#[async_trait]
impl Control for ScriptedStore {
    async fn operate(&self, id: EventId, transition: Transition, _: &Order) -> Result<(), StoreError> {
        self.note(format!("{id} {transition:?}"));
        self.operate.clone().map_or(Ok(()), Err)
    }

    async fn settle(&self, id: EventId, arrived: Arrived, _: &Order) -> Result<(), StoreError> {
        self.note(format!("{id} settle {arrived:?}"));
        self.operate.clone().map_or(Ok(()), Err)
    }

    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        _: StateName,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError> {
        let mut moves = Moves::default();
        for id in ids {
            match self.operate(id, transition.clone(), order).await {
                Ok(()) => moves.moved += 1,
                Err(StoreError::Illegal(illegal)) => moves.refused.push(illegal),
                Err(other) => return Err(other),
            }
        }
        Ok(moves)
    }

    async fn forget(&self, key: &ConversationKey, _: &Order) -> Result<Forgotten, StoreError> {
        self.note("forget".to_owned());
        if self.conversations.iter().all(|conversation| conversation.key != *key) {
            return Err(StoreError::NotFound(format!("conversation {key}")));
        }
        Ok(self.forgotten)
    }

    async fn pause(&self, account: AccountId, terms: Option<PauseTerms>, order: &Order) -> Result<bool, StoreError> {
        let (mut pauses, is_paused) = (self.pauses.lock().unwrap(), terms.is_some());
        let before = match terms {
            Some(terms) => pauses.insert(account, Pause::new(order, terms)),
            None => pauses.remove(&account),
        };
        Ok(before.is_some() != is_paused)
    }

    async fn note_seen(&self, seen: Seen, _: &Order) -> Result<(), StoreError> {
        self.note(seen.act().name().to_owned());
        Ok(())
    }

    async fn keep_homes(
        &self,
        first: BTreeMap<AccountId, AccountId>,
    ) -> Result<BTreeMap<AccountId, AccountId>, StoreError> {
        Ok(first)
    }

    async fn keep_arrivals(&self, _: Arrivals) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}
/// Options that no reload changes.
pub(crate) fn unchanging<T>(options: T) -> watch::Receiver<Arc<T>> {
    watch::channel(Arc::new(options)).1
}

/// An empty recorder of webhooks.
pub(crate) fn untouched() -> Arc<Inbound> {
    Arc::new(Inbound::new(Arrivals::new(noon())))
}

/// The state of a router with these operators, a minute and a half past noon.
pub(crate) fn operator_state(store: Arc<ScriptedStore>, roster: Roster) -> OperatorState {
    let clock = Clock::manual(noon(), 1);
    clock.advance(jiff::SignedDuration::from_secs(90));
    OperatorState {
        store,
        intake: unchanging(Senders::from(FirstAccounts {
            zendesk_secrets: Vec::new(),
            zendesk_tolerance: Duration::from_secs(600),
            braze_tokens: Vec::new(),
            user_field: "braze_external_id".into(),
            currents: Default::default(),
        })),
        clock,
        metrics: Arc::new(Metrics::default()),
        inbound: untouched(),
        readiness: Arc::new(Readiness::default()),
        roster: unchanging(roster),
        console: Default::default(),
        accounts: Arc::new([(Ends::FIRST.desk, End::Desk), (Ends::FIRST.carrier, End::Carrier)].into()),
        lines: Arc::default(),
        gsm7: Arc::default(),
    }
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn id(sequence: u64) -> EventId {
    EventId { epoch: 1, sequence, sub: 0 }
}

fn event() -> Event {
    let note = Note {
        ticket_id: TicketId(35),
        says: Says::Words { text: "a customer's own words".into() },
        tells: Tells::Fact,
    };
    Event { received_at: noon(), kind: EventKind::Note(note) }
}

pub(crate) fn delivery(sequence: u64, state: State) -> Delivery {
    let home = (ConversationKey("cust-1".into()), Ends::FIRST);
    let accepted = Delivery::accepted(id(sequence), KindName::Note, home, noon(), state);
    Delivery { attempts: 2, settled_at: None, ..accepted }
}

pub(crate) fn conversation(key: &str) -> Conversation {
    let mut conversation = Conversation::new(ConversationKey(key.into()), Ends::FIRST, noon());
    conversation.customer = Customer { phone: Some("+15550001111".into()), ..Customer::default() };
    conversation
}

pub(crate) fn get_request(path: &str) -> Request<Body> {
    Request::get(path).header("host", "127.0.0.1:8081").body(Body::empty()).unwrap()
}

pub(crate) async fn body_text(answer: Response) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

pub(crate) async fn body_json(answer: Response) -> serde_json::Value {
    let text = body_text(answer).await;
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}
