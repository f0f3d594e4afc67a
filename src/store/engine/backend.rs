//! The store's contract, for any backend that can run a request on the core and make its changes durable.
//!
//! A backend adds the access: a thread that owns the core, or a lock around it. The requests are here and in the core,
//! once for all backends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::domain::account::{AccountId, Direction, Route};
use crate::domain::address::{self, Address, Directory};
use crate::domain::answer::Answers;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Arrived, Delivery, StateName, Transition};
use crate::domain::event::{Customer, DedupeKey, Event, EventId, TicketRef};
use crate::domain::find::Search;
use crate::domain::inbound::Arrivals;
use crate::domain::lanes::{LaneName, Position};
use crate::domain::line::Place;
use crate::domain::operator::{AuditEntry, Order, Pause, PauseTerms, Seen};
use crate::domain::receipt::{Fate, Kept, Report};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::claims::{EncodedVerdict, read_each};
use crate::store::engine::core::{Arrival, Core};
use crate::store::engine::shared::Shared;
use crate::store::engine::tree::{Look, Rewriting};
use crate::store::engine::{forget, layout, lists, operator, sweep};
use crate::store::rules::expiry::Cut;
use crate::store::{
    Accepted, Archive, Claim, Compaction, Control, Counts, DeliveryFilter, Forgotten, Found, Inbox, Incoming, LostTime,
    Moves, Page, Queue, StoreError, Sweep, Taken, Terms, Verdict,
};

/// A way to the core.
pub(in crate::store) trait Backend: Send + Sync + 'static {
    /// Runs a request on the core, and waits until its changes are durable. A store that several bridges share may have to run
    /// it again, on a copy.
    fn ask<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static;

    /// The same for a sender that waits for its answer: a store whose medium is away says so within seconds.
    fn ask_soon<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        self.ask(work)
    }

    /// Runs a request that changes nothing.
    fn tell<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        self.ask(|core| work(core))
    }

    /// Reads committed records at leisure: the read delays no request.
    fn read<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&dyn Look) -> Result<T, StoreError> + Send + 'static,
    {
        self.read_named(|_| Ok(()), |look, ()| work(look))
    }

    /// Like [`Backend::read`], after the core has named the records.
    fn read_named<P, T, A, F>(&self, ask: A, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        P: Send + 'static,
        T: Send + 'static,
        A: FnOnce(&Core) -> Result<P, StoreError> + Clone + Send + 'static,
        F: FnOnce(&dyn Look, P) -> Result<T, StoreError> + Send + 'static;

    /// The published state, which needs no request.
    fn shared(&self) -> &Shared;

    /// Returns once no picture is left of the texts that earlier requests have ended.
    fn remove_pictures(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Closes the medium after the last request; `well` tells whether that one was served.
    fn close_medium(&self, well: bool) -> impl Future<Output = ()> + Send;
}

#[async_trait]
impl<B: Backend> Inbox for B {
    fn accept(
        &self,
        event: Event,
        place: Place,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        let arrival = Arrival::new(&event, &place, &dedupe);
        Box::pin(self.ask_soon(move |core| core.accept(arrival?, now)))
    }

    async fn quarantine(
        &self,
        event: Event,
        place: Place,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let arrival = Arrival::new(&event, &place, &dedupe)?;
        self.ask_soon(move |core| core.quarantine(arrival, cause, now)).await
    }

    async fn take_reports(&self, ours: Vec<Report>, others: Vec<Report>, now: Timestamp) -> Result<Taken, StoreError> {
        self.ask_soon(move |core| core.take_reports(ours, others, now)).await
    }

    async fn take_body(
        &self,
        events: Vec<Incoming>,
        ours: Vec<Report>,
        others: Vec<Report>,
        now: Timestamp,
    ) -> Result<(Vec<Accepted>, Taken), StoreError> {
        let arrivals = events.into_iter().map(|Incoming { event, place, dedupe, unreadable }| {
            Ok((Arrival::new(&event, &place, &dedupe)?, unreadable))
        });
        let arrivals = arrivals.collect::<Result<Vec<_>, StoreError>>()?;
        self.ask_soon(move |core| core.take_body(arrivals, (ours, others), now)).await
    }

    fn health(&self) -> Result<(), StoreError> {
        self.shared().health()
    }
}

#[async_trait]
impl<B: Backend> Queue for B {
    async fn claim(&self, route: Route, now: Timestamp, terms: Terms, most: usize) -> Result<Vec<Claim>, StoreError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        read_each(self.ask(move |core| core.claim(route, now, terms, most)).await?)
    }

    async fn record(&self, claim: &Claim, verdict: Verdict, now: Timestamp) -> Result<(), StoreError> {
        let verdict = EncodedVerdict::new(claim, verdict)?;
        self.ask(move |core| core.record(verdict, now)).await
    }

    async fn is_waiting(&self, direction: Direction, key: &ConversationKey) -> Result<bool, StoreError> {
        let lane = LaneName::texts(direction, key.clone());
        self.tell(move |core| Ok(!core.lanes.at(&lane).is_idle(&lane))).await
    }

    async fn learn(&self, key: &ConversationKey, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(move |core| {
            let known = Directory::conversation(core, &key)?.ok_or_else(|| StoreError::NotFound(key.to_string()))?;
            core.teach(known, changes, now)
        })
        .await
    }

    async fn changed(&self, route: Route) {
        self.shared().bell(route).notified().await;
    }

    fn next_due(&self, route: Route) -> Option<Timestamp> {
        self.shared().next_due(route)
    }

    async fn conversations_on(&self, tickets: &[TicketRef]) -> Result<Vec<(TicketRef, Conversation)>, StoreError> {
        let tickets = tickets.to_vec();
        self.tell(move |core| {
            let mut found = Vec::new();
            for ticket in tickets {
                let Some(key) = core.by_ticket(ticket)? else { continue };
                let conversation = Directory::conversation(core, &key)?;
                found.extend(conversation.map(|conversation| (ticket, conversation)));
            }
            Ok(found)
        })
        .await
    }

    async fn talks_of(&self, carrier: AccountId, user: &str) -> Result<Vec<Conversation>, StoreError> {
        let user = user.to_owned();
        self.tell(move |core| core.talks_of(carrier, &user)).await
    }

    async fn key_of(
        &self,
        customer: &Customer,
        place: &Place,
        told: Option<&str>,
    ) -> Result<ConversationKey, StoreError> {
        let identities = address::identities_of(customer, place.ends.carrier);
        let address = Address::Customer { identities, told: told.map(str::to_owned), line: place.line.clone() };
        self.tell(move |core| address::resolve(&address, core).map(|resolution| resolution.key)).await
    }

    async fn due_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.tell(move |core| core.reports_due(now, limit)).await
    }

    fn next_report_due(&self) -> Option<Timestamp> {
        self.shared().report_due()
    }

    async fn reports_changed(&self) {
        self.shared().reports().notified().await;
    }

    async fn weigh(&self, report: u64, fate: Fate, now: Timestamp) -> Result<bool, StoreError> {
        self.ask(move |core| core.weigh(report, fate, now)).await
    }

    fn lost_time(&self) -> Option<LostTime> {
        self.shared().lost_time()
    }

    fn may_be_later(&self, id: EventId, than: EventId) -> bool {
        self.shared().may_be_later(id, than)
    }

    async fn expire(&self, now: Timestamp, settled_for: Duration, keys_for: Duration) -> Result<u64, StoreError> {
        let since = self.ask(move |core| {
            core.note_alive(now);
            Ok(core.time_since)
        });
        let since = since.await?;
        let (settled, keys) = (Cut::new(now, settled_for, since), Cut::new(now, keys_for, since));
        let mut dropped = 0;
        let mut last: Option<Position> = None;
        while let Some(cut) = settled {
            let positions = self.read(move |look| lists::settled_before(look, last, cut)).await?;
            let Some(end) = positions.last() else { break };
            last = Some(*end);
            dropped += self.ask(move |core| core.drop_settled(&positions, cut)).await?;
        }
        let mut last: Option<Bytes> = None;
        while let Some(cut) = keys {
            let after = last.clone();
            let keys = self.read(move |look| lists::keys_before(look, after.as_ref(), cut)).await?;
            let Some(end) = keys.last() else { break };
            last = Some(end.clone());
            dropped += self.ask(move |core| core.drop_keys(&keys, cut)).await?;
        }
        while let Some(cut) = settled {
            let reports = self.ask(move |core| core.drop_old_reports(cut)).await?;
            dropped += reports;
            if reports == 0 {
                break;
            }
        }
        let audit_max = self.tell(|core| Ok(core.limits.audit_max)).await?;
        loop {
            let keys = self.read(move |look| operator::surplus(look, audit_max)).await?;
            if keys.is_empty() {
                break;
            }
            self.ask(move |core| core.drop_entries(&keys)).await?;
        }
        self.ask(|core| {
            core.dedupe_index.shrink();
            Ok(())
        })
        .await?;
        Ok(dropped)
    }

    async fn time_was_set(&self, now: Timestamp) -> Result<(), StoreError> {
        self.ask(move |core| {
            core.set_time_since(now);
            core.keep();
            Ok(())
        })
        .await
    }

    async fn compact(&self, when: Compaction) -> Result<(), StoreError> {
        let mut begin = Some(when);
        loop {
            let begin = begin.take();
            match self.ask(move |core| core.journal.rewrite(begin)).await? {
                Rewriting::Done => return Ok(()),
                // A step that finished in the meantime counts as a change, and so does the end of the writer.
                Rewriting::Wait(mut finished) => drop(finished.changed().await),
            }
        }
    }
}

#[async_trait]
impl<B: Backend> Archive for B {
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        let key = key.clone();
        self.tell(move |core| Directory::conversation(core, &key)).await
    }

    async fn conversations_named(&self, keys: BTreeSet<ConversationKey>) -> Result<Vec<Conversation>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |look| lists::named(look, &keys)).await
    }

    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let after = after.cloned();
        let count = |core: &Core| Ok(core.people());
        self.read_named(count, move |look, total| lists::conversations(look, after.as_ref(), limit, total)).await
    }

    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let after = after.cloned();
        let ask = move |core: &Core| core.find_people(search.as_ref(), after.as_ref(), limit);
        self.read_named(ask, |look, matches| lists::people(look, &matches)).await
    }

    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError> {
        let found = self.tell(move |core| {
            let Some(delivery) = core.find_by_id(id)? else { return Ok(None) };
            Ok(Some((delivery, core.event_record(Position::of(id))?)))
        });
        let Some((delivery, record)) = found.await? else { return Ok(None) };
        Ok(Some((delivery, layout::decode("event", &record)?)))
    }

    async fn answers(&self, id: EventId) -> Result<Answers, StoreError> {
        self.tell(move |core| match core.find_by_id(id)? {
            Some(_) => core.answers(Position::of(id)),
            None => Ok(Answers::default()),
        })
        .await
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError> {
        let ask = move |core: &Core| core.list(&filter).map(|listed| (listed, filter));
        self.read_named(ask, |look, (listed, filter)| lists::deliveries(look, &filter, &listed)).await
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError> {
        let step = self.read(move |look| sweep::next(look, &sweep)).await?;
        let name = move |core: &Core| {
            let ids = step.positions.into_iter().map(|position| core.id_at(position)).collect::<Result<_, _>>()?;
            Ok(Found { ids, next: step.up_to.map(|position| core.epochs.id(position)) })
        };
        self.tell(name).await
    }

    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError> {
        self.read(move |look| operator::audit(look, after, limit)).await
    }

    async fn unbound_reports(&self, after: Option<u64>, limit: usize) -> Result<Page<Kept>, StoreError> {
        self.tell(move |core| core.unbound_reports(after, limit)).await
    }

    fn unbound(&self) -> BTreeMap<AccountId, u64> {
        self.shared().unbound()
    }

    fn pauses(&self) -> BTreeMap<AccountId, Pause> {
        self.shared().pauses()
    }

    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError> {
        let record = self.tell(|core| core.journal.load(layout::META_ARRIVALS)).await?;
        record.map(|record| layout::decode("account of webhooks", &record)).transpose()
    }

    fn counts(&self) -> Counts {
        self.shared().counts()
    }
}

#[async_trait]
impl<B: Backend> Control for B {
    async fn operate(&self, id: EventId, transition: Transition, order: &Order) -> Result<(), StoreError> {
        let order = order.clone();
        self.ask(move |core| core.operate_one(id, transition, &order)).await
    }

    async fn settle(&self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError> {
        let order = order.clone();
        self.ask(move |core| core.settle(id, arrived, &order)).await
    }

    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        state: StateName,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError> {
        let order = order.clone();
        self.ask(move |core| core.operate_each(&ids, state, &transition, &order)).await
    }

    async fn forget(&self, key: &ConversationKey, order: &Order) -> Result<Forgotten, StoreError> {
        let named = key.clone();
        let known = Arc::new(self.read(move |look| forget::known(look, &named)).await?);
        let (theirs, given) = (known.clone(), order.clone());
        let (mut forgotten, end) = self.ask(move |core| core.begin_to_forget(&theirs, &given)).await?;
        let mut after = None;
        loop {
            let theirs = known.clone();
            let (step, unattributed) = self.read(move |look| forget::left(look, &theirs, after, end)).await?;
            forgotten.unattributed += unattributed;
            after = step.up_to;
            let (theirs, given) = (known.clone(), order.clone());
            let more = self.ask(move |core| core.go_on_forgetting(&theirs, &step.positions, &given)).await?;
            forgotten.add(&more);
            if after.is_none() {
                break;
            }
        }
        // The operator is told of erasure once the pictures are gone as well.
        self.remove_pictures().await?;
        if forgotten.is_nothing() { Err(StoreError::NotFound(format!("conversation {key}"))) } else { Ok(forgotten) }
    }

    async fn pause(&self, account: AccountId, terms: Option<PauseTerms>, order: &Order) -> Result<bool, StoreError> {
        let order = order.clone();
        self.ask(move |core| core.pause(account, terms, &order)).await
    }

    async fn note_seen(&self, seen: Seen, order: &Order) -> Result<(), StoreError> {
        let order = order.clone();
        self.ask(move |core| core.note(seen.act(), &order)).await
    }

    async fn keep_arrivals(&self, account: Arrivals) -> Result<(), StoreError> {
        let record = layout::encode("account of webhooks", &account)?;
        self.ask(move |core| core.journal.replace(layout::META_ARRIVALS.into(), record)).await
    }

    async fn keep_homes(
        &self,
        first: BTreeMap<AccountId, AccountId>,
    ) -> Result<BTreeMap<AccountId, AccountId>, StoreError> {
        self.ask(move |core| core.keep_homes(first)).await
    }

    async fn close(&self) {
        // This request comes first, because a closed store takes none.
        let asked = self.ask(|core| {
            core.stop = true;
            Ok(())
        });
        let asked = asked.await;
        self.shared().closed.store(true, Ordering::Release);
        self.close_medium(asked.is_ok()).await;
    }
}
