//! One life of the bridge, and its store as that life sees it.
//!
//! The bridge may die at each step that it takes outside of itself: before and after each call to its store, before each
//! request and after each answer. From then on no call of that life ever returns, so it reaches neither the store nor a
//! vendor nor the sender of a webhook any more: its tasks are as good as gone.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tandem::domain::account::{AccountId, Direction, Ends, Route};
use tandem::domain::answer::Answers;
use tandem::domain::conversation::{Change, Conversation, ConversationKey};
use tandem::domain::delivery::{Arrived, Delivery, StateName, Transition};
use tandem::domain::event::{Customer, DedupeKey, Event, EventId, EventKind, TicketRef};
use tandem::domain::find::Search;
use tandem::domain::inbound::Arrivals;
use tandem::domain::line::Place;
use tandem::domain::operator::{AuditEntry, Order, Pause, PauseTerms, Seen};
use tandem::domain::receipt::{Fate, Kept, Report};
use tandem::store::{
    Accepted, Album, Archive, Claim, Compaction, Control, Counts, DeliveryFilter, Forgotten, Found, Inbox, Incoming,
    Keeping, LostTime, Moves, Page, Picture, PictureId, Pictured, Queue, Store, StoreError, Sweep, Taken, Terms,
    Verdict,
};
use tokio_util::sync::CancellationToken;

use super::plan::Broken;
use super::world::World;

/// How long a bridge that acknowledges before it appends takes to append.
const TOO_LATE: Duration = Duration::from_millis(200);

/// From a start to a death. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) world: Arc<World>,
    pub(crate) died: CancellationToken,
}

impl Life {
    /// A step outside; never returns when it is the last.
    pub(crate) async fn step(&self, what: &str) {
        if !self.died.is_cancelled() && self.world.is_fatal() {
            self.world.trace.fault("death", || what.to_owned());
            self.died.cancel();
        }
        if self.died.is_cancelled() {
            pending().await
        }
    }
}

/// The store, as long as the bridge lives.
pub(crate) struct MortalStore {
    pub(crate) life: Life,
    pub(crate) store: Arc<dyn Store>,
}

impl MortalStore {
    /// Makes a call between two steps.
    async fn call<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        self.life.step(&format!("before {what}")).await;
        let result = call.await;
        self.life.step(&format!("after {what}")).await;
        result
    }

    fn is(&self, broken: Broken) -> bool {
        self.life.world.plan.broken == Some(broken)
    }
}

#[async_trait]
impl Inbox for MortalStore {
    fn accept(
        &self,
        mut event: Event,
        place: Place,
        mut dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        Box::pin(async move {
            if self.is(Broken::DoesNotHearTheRequester) {
                self.life.world.mishear(self.life.world.brand_of_account(place.ends.desk), &mut event.kind);
            }
            if self.is(Broken::DedupesOnTheText) {
                dedupe.extend(text_alone(&event));
            }
            let world = &self.life.world;
            let crosses = self.is(Broken::CrossesAccounts) && world.lots.chance(0.05);
            let place = if crosses { Place::from(Ends::FIRST) } else { place };
            let lies = self.is(Broken::AcknowledgesBeforeAppending)
                || (self.is(Broken::ForgetsAnAppend) && world.is_on_fire() && world.lots.chance(0.05));
            if !lies {
                return self.call("accept", self.store.accept(event, place, dedupe, now)).await;
            }
            let (store, life, forgets) = (Arc::clone(&self.store), self.life.clone(), self.is(Broken::ForgetsAnAppend));
            tokio::spawn(async move {
                tokio::time::sleep(TOO_LATE).await;
                life.step("before the late append").await;
                if !forgets {
                    store.accept(event, place, dedupe, now).await.unwrap();
                }
            });
            Ok(Accepted::New(EventId { epoch: 0, sequence: world.next_number(), sub: 0 }))
        })
    }

    async fn quarantine(
        &self,
        event: Event,
        place: Place,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        self.call("quarantine", self.store.quarantine(event, place, cause, dedupe, now)).await
    }

    async fn take_reports(&self, ours: Vec<Report>, others: Vec<Report>, now: Timestamp) -> Result<Taken, StoreError> {
        self.call("take reports", self.store.take_reports(ours, others, now)).await
    }

    async fn take_body(
        &self,
        events: Vec<Incoming>,
        ours: Vec<Report>,
        others: Vec<Report>,
        now: Timestamp,
    ) -> Result<(Vec<Accepted>, Taken), StoreError> {
        self.call("take a body", self.store.take_body(events, ours, others, now)).await
    }

    fn health(&self) -> Result<(), StoreError> {
        self.store.health()
    }
}

#[async_trait]
impl Queue for MortalStore {
    async fn claim(&self, route: Route, now: Timestamp, terms: Terms, most: usize) -> Result<Vec<Claim>, StoreError> {
        let mut claims = self.call("claim", self.store.claim(route, now, terms, most)).await?;
        for claim in &mut claims {
            if let Some(conversation) = claim.conversation.as_mut().filter(|_| self.is(Broken::ForgetsTheWindow)) {
                conversation.window.heard(now);
            }
            self.life.world.trace.say(|| {
                let claimed = |work: &tandem::store::Work| {
                    format!("{} {} {}", work.delivery.id, work.event.kind.name(), work.delivery.state.name())
                };
                let work: Vec<String> = claim.work.iter().map(claimed).collect();
                format!("  claimed in {}: {}", claim.key, work.join(", "))
            });
        }
        Ok(claims)
    }

    async fn record(&self, claim: &Claim, verdict: Verdict, now: Timestamp) -> Result<(), StoreError> {
        let recording = async {
            self.life.world.trace.say(|| {
                let moved = |(id, to): &(EventId, Transition)| format!("{id} {to:?}");
                let moves: Vec<String> = verdict.moves.iter().map(moved).collect();
                let (instead, besides) = (verdict.instead.len(), verdict.besides.len());
                format!("  records in {}: {} (+{instead} instead, +{besides} besides)", claim.key, moves.join(", "))
            });
            let forwarded = |change: &Change| if let Change::Forwarded(on, ..) = change { Some(on.0) } else { None };
            let known: Vec<u64> = verdict.changes.iter().filter_map(forwarded).collect();
            let brand = self.life.world.brand_of_account(claim.ends.desk);
            self.store.record(claim, verdict, now).await.inspect(|()| self.life.world.knows(brand, &known))
        };
        self.call("record", recording).await
    }

    async fn is_waiting(&self, direction: Direction, key: &ConversationKey) -> Result<bool, StoreError> {
        self.call("is_waiting", self.store.is_waiting(direction, key)).await
    }

    async fn learn(&self, key: &ConversationKey, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        self.call("learn", self.store.learn(key, changes, now)).await
    }

    async fn changed(&self, route: Route) {
        self.store.changed(route).await;
    }

    fn next_due(&self, route: Route) -> Option<Timestamp> {
        self.store.next_due(route)
    }

    async fn conversations_on(&self, tickets: &[TicketRef]) -> Result<Vec<(TicketRef, Conversation)>, StoreError> {
        self.call("conversations_on", self.store.conversations_on(tickets)).await
    }

    async fn talks_of(&self, carrier: AccountId, user: &str) -> Result<Vec<Conversation>, StoreError> {
        self.call("talks_of", self.store.talks_of(carrier, user)).await
    }

    async fn key_of(
        &self,
        customer: &Customer,
        place: &Place,
        told: Option<&str>,
    ) -> Result<ConversationKey, StoreError> {
        self.call("key_of", self.store.key_of(customer, place, told)).await
    }

    async fn due_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.store.due_reports(now, limit).await
    }

    fn next_report_due(&self) -> Option<Timestamp> {
        self.store.next_report_due()
    }

    async fn reports_changed(&self) {
        self.store.reports_changed().await;
    }

    async fn weigh(&self, report: u64, fate: Fate, now: Timestamp) -> Result<bool, StoreError> {
        self.call("weigh", self.store.weigh(report, fate, now)).await
    }

    fn lost_time(&self) -> Option<LostTime> {
        self.store.lost_time()
    }

    fn may_be_later(&self, id: EventId, than: EventId) -> bool {
        self.store.may_be_later(id, than)
    }

    async fn expire(&self, now: Timestamp, settled_for: Duration, keys_for: Duration) -> Result<u64, StoreError> {
        self.call("expire", self.store.expire(now, settled_for, keys_for)).await
    }

    async fn time_was_set(&self, now: Timestamp) -> Result<(), StoreError> {
        self.call("time_was_set", self.store.time_was_set(now)).await
    }

    async fn compact(&self, how: Compaction) -> Result<(), StoreError> {
        self.call("compact", self.store.compact(how)).await
    }
}

/// The worlds have no pictures, so these calls are no steps.
#[async_trait]
impl Album for MortalStore {
    async fn pictured(&self, after: Option<u64>) -> Result<Pictured, StoreError> {
        self.store.pictured(after).await
    }

    async fn pictures_came(&self) {
        self.store.pictures_came().await;
    }

    async fn keep_picture(&self, id: PictureId, picture: Picture) -> Result<Keeping, StoreError> {
        self.store.keep_picture(id, picture).await
    }

    async fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError> {
        self.store.picture(id).await
    }

    fn picture_bytes(&self, id: PictureId) -> Option<u64> {
        self.store.picture_bytes(id)
    }

    fn has_room_for_picture(&self, bytes: u64) -> bool {
        self.store.has_room_for_picture(bytes)
    }

    fn pictures_bytes(&self) -> u64 {
        self.store.pictures_bytes()
    }
}

#[async_trait]
impl Archive for MortalStore {
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        self.call("conversation", self.store.conversation(key)).await
    }

    async fn conversations_named(&self, keys: BTreeSet<ConversationKey>) -> Result<Vec<Conversation>, StoreError> {
        self.call("conversations_named", self.store.conversations_named(keys)).await
    }

    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        self.call("conversations", self.store.conversations(after, limit)).await
    }

    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        self.call("find_conversations", self.store.find_conversations(search, after, limit)).await
    }

    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError> {
        self.call("delivery", self.store.delivery(id)).await
    }

    async fn answers(&self, id: EventId) -> Result<Answers, StoreError> {
        self.call("answers", self.store.answers(id)).await
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError> {
        self.call("deliveries", self.store.deliveries(filter)).await
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError> {
        self.call("sweep", self.store.sweep(sweep)).await
    }

    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError> {
        self.call("audit", self.store.audit(after, limit)).await
    }

    async fn unbound_reports(&self, after: Option<u64>, limit: usize) -> Result<Page<Kept>, StoreError> {
        self.store.unbound_reports(after, limit).await
    }

    fn unbound(&self) -> BTreeMap<AccountId, u64> {
        self.store.unbound()
    }

    fn pauses(&self) -> BTreeMap<AccountId, Pause> {
        self.store.pauses()
    }

    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError> {
        self.call("arrivals", self.store.arrivals()).await
    }

    fn counts(&self) -> Counts {
        self.store.counts()
    }
}

#[async_trait]
impl Control for MortalStore {
    async fn operate(&self, id: EventId, transition: Transition, order: &Order) -> Result<(), StoreError> {
        self.call("operate", self.store.operate(id, transition, order)).await
    }

    async fn settle(&self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError> {
        self.call("settle", self.store.settle(id, arrived, order)).await
    }

    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        state: StateName,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError> {
        self.call("operate_each", self.store.operate_each(ids, state, transition, order)).await
    }

    async fn forget(&self, key: &ConversationKey, order: &Order) -> Result<Forgotten, StoreError> {
        self.call("forget", self.store.forget(key, order)).await
    }

    async fn pause(&self, account: AccountId, terms: Option<PauseTerms>, order: &Order) -> Result<bool, StoreError> {
        self.call("pause", self.store.pause(account, terms, order)).await
    }

    async fn note_seen(&self, seen: Seen, order: &Order) -> Result<(), StoreError> {
        self.call("note_seen", self.store.note_seen(seen, order)).await
    }

    async fn keep_homes(
        &self,
        first: BTreeMap<AccountId, AccountId>,
    ) -> Result<BTreeMap<AccountId, AccountId>, StoreError> {
        self.call("keep_homes", self.store.keep_homes(first)).await
    }

    async fn keep_arrivals(&self, account: Arrivals) -> Result<(), StoreError> {
        self.call("keep_arrivals", self.store.keep_arrivals(account)).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
/// The key by which a bridge that dedupes on the text takes two customers' texts for one. The oracle's tag is left out,
/// because customers do say the same twice.
fn text_alone(event: &Event) -> Option<DedupeKey> {
    let EventKind::CustomerText(text) = &event.kind else { return None };
    let words = text.text.rsplit("~ ").next()?.to_owned();
    let customer = text.customer.carrier_id.clone()?;
    Some(DedupeKey::Dispatch { campaign: "the text alone".to_owned(), dispatch: words, customer })
}
