//! The state that the writer thread owns, and the two requests that bring an event in.
//!
//! A request reads and stages; it changes nothing in memory by itself. After it has succeeded as a whole,
//! [`Core::keep`] adds its writes to the next commit and applies its [`Effect`]s, so that a request which fails
//! half-way leaves no trace.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::account::{AccountId, Direction, Ends, Route};
use crate::domain::address::{self, Address, Directory, Identity};
use crate::domain::conversation::{Change, Conversation, ConversationKey, channel_in, learnt_from};
use crate::domain::delivery::{self, Delivery, State};
use crate::domain::event::{DedupeKey, Event, EventId, EventKind};
use crate::domain::inbound;
use crate::domain::kind::KindName;
use crate::domain::lanes::{Entry, LaneName, Lease, Position};
use crate::domain::line::{Channel, Place};
use crate::store::engine::dedupe_index::DedupeIndex;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::Epochs;
use crate::store::engine::index::{self, Index};
use crate::store::engine::journal::Journal;
use crate::store::engine::layout::{self, Digest, Remembered};
use crate::store::engine::ledger::{Brief, Ledger};
use crate::store::engine::part::Scope;
use crate::store::engine::pauses::{self, OperatorMemory};
use crate::store::engine::people::{self, Person};
use crate::store::engine::queues::Queues;
use crate::store::rules::accepting::may_echo;
use crate::store::rules::lanes::{entry_of, lane_of};
use crate::store::rules::learning::learn;
use crate::store::{Accepted, LostTime, StoreError, StoreLimits};

/// The writer's whole world.
pub(in crate::store) struct Core {
    pub(in crate::store) journal: Journal,
    pub(in crate::store) epochs: Epochs,
    pub(in crate::store) limits: StoreLimits,
    pub(in crate::store) disk: Disk,
    pub(in crate::store) lanes: Queues,
    /// How much of the store is in memory.
    pub(in crate::store) scope: Scope,
    /// The deliveries that go out as one: the head, and the others.
    pub(in crate::store) groups: HashMap<Position, Vec<Position>>,
    /// The index for lists and searches.
    pub(in crate::store) index: Index,
    /// The carrier's reports whose fate is not known yet.
    pub(in crate::store) ledger: Ledger,
    /// The last fence given out.
    pub(in crate::store) fence: u64,
    /// The routes on which something may be due since the last commit.
    pub(in crate::store) changed: BTreeSet<Route>,
    /// Whether a report came or went since the last commit.
    pub(in crate::store) reports_changed: bool,
    /// Whether a text with links to pictures came since the last commit.
    pub(in crate::store) pictures_came: bool,
    /// The texts that need no pictures any more since the last commit.
    pub(in crate::store) over: Vec<EventId>,
    /// Set by the last request.
    pub(in crate::store) stop: bool,
    /// The dedupe keys.
    pub(in crate::store) dedupe_index: DedupeIndex,
    /// The operator's pauses and orders.
    pub(in crate::store) operator: OperatorMemory,
    /// The span of time missing from the store.
    pub(in crate::store) lost_time: Option<LostTime>,
    /// Since when the clock was not set.
    pub(in crate::store) time_since: Timestamp,
    /// Since when dates tell how long a delivery has waited.
    pub(in crate::store) ages_since: Timestamp,
    /// When it was last recorded that the clock runs on.
    pub(in crate::store) alive_at: Option<Timestamp>,
    effects: Vec<Effect>,
}

/// A change in memory that follows a write.
pub(in crate::store) enum Effect {
    /// Put a delivery in its lane, or give it new times.
    Enter(LaneName, Entry),
    /// Take a delivery out of its lane.
    Leave(LaneName, Position),
    /// Close the lane.
    Lease(LaneName, Lease),
    /// Open the lane.
    Release(LaneName, u64),
    /// These deliveries go out with the head from now on; an empty list ends the group.
    Group(Position, Vec<Position>),
    /// These dedupe keys are dropped.
    Unlearn(Vec<Remembered>),
    /// A delivery's record changes; `None` before the first and after the last.
    Stands(Option<index::Entry>, Option<index::Entry>),
    /// A conversation's record changes, likewise.
    Knows(Option<Person>, Option<Person>),
    /// The operator paused, resumed, or gave an order.
    Operator(pauses::Change),
    /// A report has another record, or its first, or its last.
    Report(Option<Brief>, Option<Brief>),
    /// A text needs no pictures any more.
    Over(EventId),
}

/// An event on its way in, prepared as far as possible without the store.
#[derive(Clone)]
pub(in crate::store) struct Arrival {
    pub(in crate::store) owed: Owed,
    address: Address,
    /// The accounts of the conversation, as far as the sender can tell. A known conversation keeps its own.
    ends: Ends,
    learnt: Vec<Change>,
    /// The channel that the customer wrote on, where the text tells.
    channel: Option<Channel>,
    received_at: Timestamp,
    /// The text to recognise an echo by, where the event may be one.
    echo_of: Option<String>,
    pub(in crate::store) dedupe: Vec<Digest>,
    dispatch: Option<String>,
    answers: Vec<String>,
    /// Whether no webhook has told of it: a report did.
    pub(in crate::store) is_reported: bool,
}

impl Arrival {
    /// The same of an event that no webhook has told of.
    pub(in crate::store) fn reported(self) -> Self {
        Self { is_reported: true, ..self }
    }

    pub(in crate::store) fn new(event: &Event, place: &Place, dedupe: &[DedupeKey]) -> Result<Self, StoreError> {
        let address = Address::of(&event.kind, place);
        Ok(Self {
            owed: Owed { posted_to: inbound::posted_to(&event.kind, place.ends), ..Owed::new(event)? },
            ends: address.ends(place.ends),
            address,
            learnt: learnt_from(event, place.channel),
            channel: channel_in(&event.kind),
            received_at: event.received_at,
            echo_of: may_echo(&event.kind).map(str::to_owned),
            dedupe: layout::dedupe_digests(dedupe, place.ends)?,
            dispatch: delivery::dispatch_in(dedupe),
            answers: answers_of(&event.kind).to_vec(),
            is_reported: false,
        })
    }
}

/// The texts that an event may answer.
fn answers_of(kind: &EventKind) -> &[String] {
    if let EventKind::CustomerText(text) = kind { &text.answers } else { &[] }
}

/// An event, encoded for its record.
#[derive(Clone)]
pub(in crate::store) struct Owed {
    pub(in crate::store) record: Vec<u8>,
    pub(in crate::store) kind: KindName,
    pub(in crate::store) parent: Option<EventId>,
    pub(in crate::store) dispatch: Option<String>,
    has_pictures: bool,
    /// As [`Delivery::posted_to`].
    posted_to: Option<AccountId>,
}

impl Owed {
    pub(in crate::store) fn new(event: &Event) -> Result<Self, StoreError> {
        Ok(Self {
            record: layout::encode("event", event)?,
            kind: event.kind.name(),
            parent: None,
            dispatch: None,
            has_pictures: event.kind.has_pictures(),
            posted_to: None,
        })
    }

    /// An event that follows from this delivery.
    pub(in crate::store) fn born_of(parent: EventId, event: &Event) -> Result<Self, StoreError> {
        Ok(Self { parent: Some(parent), ..Self::new(event)? })
    }
}

impl Core {
    pub(in crate::store) fn new(journal: Journal, epochs: Epochs, limits: StoreLimits, disk: Disk) -> Self {
        Self {
            journal,
            epochs,
            limits,
            disk,
            lanes: Queues::default(),
            scope: Scope::Whole,
            groups: HashMap::new(),
            index: Index::default(),
            ledger: Ledger::default(),
            fence: 0,
            changed: BTreeSet::new(),
            reports_changed: false,
            pictures_came: false,
            over: Vec::new(),
            stop: false,
            dedupe_index: DedupeIndex::default(),
            operator: OperatorMemory::default(),
            lost_time: None,
            time_since: Timestamp::MIN,
            ages_since: Timestamp::MIN,
            alive_at: None,
            effects: Vec::new(),
        }
    }

    /// [`crate::store::Inbox::accept`].
    pub(in crate::store) fn accept(&mut self, arrival: Arrival, now: Timestamp) -> Result<Accepted, StoreError> {
        if let Some(first) = self.duplicate(&arrival.dedupe)? {
            return Ok(Accepted::Duplicate(first));
        }
        let said = (&arrival.address, arrival.received_at, arrival.learnt.as_slice());
        self.join_answered(&arrival.answers, said, now)?;
        let mut resolution = address::resolve(&arrival.address, self)?;
        if let Some(text) = &arrival.echo_of {
            if resolution.conversation.is_none() {
                resolution.conversation = self.conversation(&resolution.key)?;
            }
            if resolution.conversation.as_ref().is_some_and(|conversation| conversation.is_echo(text, now)) {
                return Ok(Accepted::Echo);
            }
        }
        if let Some(taken_in) = self.taken_in_before(&arrival, &resolution.key, now)? {
            return Ok(Accepted::Duplicate(taken_in));
        }
        self.check_backlog(1)?;
        self.check_disk()?;

        self.keep_names(resolution.new_identities);
        let wrote_on = Change::wrote_on(resolution.line, arrival.channel, arrival.received_at);
        let changes: Vec<Change> = resolution.changes.into_iter().chain(wrote_on).chain(arrival.learnt).collect();
        let ends = match &resolution.conversation {
            Some(known) => known.ends,
            None => self.ends_of(&resolution.key, arrival.ends)?,
        };
        if !changes.is_empty() {
            let before = match resolution.conversation {
                Some(conversation) => Some(conversation),
                None => self.conversation(&resolution.key)?,
            };
            self.change(&resolution.key, before, ends, changes, now)?;
        }
        let position = self.fresh_position();
        self.dedupe_index.stage(&arrival.dedupe, position, now.as_second());
        let owed = Owed { dispatch: arrival.dispatch, ..arrival.owed };
        self.add(position, owed, resolution.key, ends, now, State::Pending)?;
        Ok(Accepted::New(self.epochs.id(position)))
    }

    /// [`crate::store::Inbox::quarantine`].
    pub(in crate::store) fn quarantine(
        &mut self,
        arrival: Arrival,
        cause: String,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        if let Some(first) = self.duplicate(&arrival.dedupe)? {
            return Ok(Accepted::Duplicate(first));
        }
        self.check_disk()?;
        let position = self.fresh_position();
        self.dedupe_index.stage(&arrival.dedupe, position, now.as_second());
        self.add(position, arrival.owed, ConversationKey::nobody(), arrival.ends, now, State::Quarantined { cause })?;
        Ok(Accepted::New(self.epochs.id(position)))
    }

    /// Whether there is room. A directory that was replaced stops all further writes.
    pub(in crate::store) fn check_disk(&self) -> Result<(), StoreError> {
        let checked = self.disk.check(self.limits.disk_floor_bytes);
        checked.map_err(|error| if let StoreError::Failed(_) = error { self.journal.fail(error) } else { error })
    }

    /// Whether this many deliveries more may wait.
    pub(in crate::store) fn check_backlog(&self, many: usize) -> Result<(), StoreError> {
        let waiting = u64::try_from(self.lanes.len()).unwrap_or(u64::MAX);
        let many = u64::try_from(many).unwrap_or(u64::MAX);
        if many > 0 && waiting.saturating_add(many) > self.backlog_max() {
            Err(StoreError::BacklogFull(waiting))
        } else {
            Ok(())
        }
    }

    /// The position of the next event from outside.
    pub(in crate::store) fn fresh_position(&mut self) -> Position {
        Position(self.journal.number() << 16)
    }

    /// Stages a new event and its delivery.
    pub(in crate::store) fn add(
        &mut self,
        position: Position,
        owed: Owed,
        key: ConversationKey,
        ends: Ends,
        accepted_at: Timestamp,
        state: State,
    ) -> Result<(), StoreError> {
        // A new event takes the present epoch, even in the place of an earlier opening's event: with the old epoch, its id
        // could be that of an event from the lost time.
        let id = position.id(self.epochs.present().epoch);
        let begun = Delivery::accepted(id, owed.kind, (key, ends), accepted_at, state);
        let delivery = Delivery { parent: owed.parent, dispatch: owed.dispatch, posted_to: owed.posted_to, ..begun };
        let short = owed.record.len() <= layout::JOINT_EVENT_BYTES_MAX;
        let record = layout::encode_delivery(&delivery, short.then_some(&owed.record))?;
        self.journal.create(layout::at_position(prefix_of(&delivery), position), record);
        if !short {
            self.journal.create(layout::at_position(layout::EVENT, position), owed.record);
        }
        self.enter(None, &delivery);
        // A request that fails wakes the caller for nothing.
        self.pictures_came |= owed.has_pictures;
        Ok(())
    }

    /// Stages a delivery's new record and its effects in memory.
    pub(in crate::store) fn write(&mut self, before: &Delivery, after: &Delivery) -> Result<(), StoreError> {
        let position = Position::of(after.id);
        let old_key = layout::at_position(prefix_of(before), position);
        let old = self.journal.load(&old_key)?.ok_or_else(|| StoreError::NotFound(after.id.to_string()))?;
        let record = layout::encode_delivery(after, layout::event_in(&old))?;
        let key = layout::at_position(prefix_of(after), position);
        if old_key != key {
            self.journal.remove(old_key)?;
        }
        self.journal.replace(key, record)?;
        self.enter(Some(before), after);
        Ok(())
    }

    /// Stages the effects of a delivery's new record in memory.
    fn enter(&mut self, before: Option<&Delivery>, after: &Delivery) {
        let position = Position::of(after.id);
        let (old, new) = (before.map(|before| self.index.entry(before)), self.index.entry(after));
        self.effects.push(Effect::Stands(old, Some(new)));
        if after.kind == KindName::CustomerText && after.state.is_over() {
            self.effects.push(Effect::Over(after.id));
        }

        let lane = lane_of(after);
        if let Some(before) = before.filter(|before| before.state.holds_lane()) {
            let old_lane = lane_of(before);
            if !after.state.holds_lane() || old_lane != lane {
                self.effects.push(Effect::Leave(old_lane, position));
            }
        }
        if after.state.holds_lane() {
            self.effects.push(Effect::Enter(lane, entry_of(after)));
        }
    }

    /// Stages a conversation's new facts; an unchanged conversation is not written.
    pub(in crate::store) fn change(
        &mut self,
        key: &ConversationKey,
        before: Option<Conversation>,
        ends: Ends,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(learnt) = learn(self, key, before.as_ref(), ends, changes, now)? else { return Ok(()) };
        for ticket in learnt.tickets {
            self.journal.put(layout::ticket(ticket), key.0.as_bytes().into());
        }
        self.keep_names(learnt.names);
        for (holder, theirs) in learnt.passed_on {
            self.teach(holder, vec![Change::Inherited(theirs)], now)?;
        }
        let Some(after) = learnt.record else { return Ok(()) };
        if learnt.wakes {
            self.put_head_forward(key, now)?;
        }
        if before.as_ref().is_none_or(|before| people::differ(before, &after)) {
            self.follow(Effect::Knows(before.as_ref().map(Person::of), Some(Person::of(&after))));
        }
        self.journal.replace(layout::conversation(key), layout::encode("conversation", &after)?)
    }

    /// Stages new facts of a conversation that has a record.
    pub(in crate::store) fn teach(
        &mut self,
        known: Conversation,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, ends) = (known.key.clone(), known.ends);
        self.change(&key, Some(known), ends, changes, now)
    }

    /// Stages names, and the conversations that they lead to.
    pub(in crate::store) fn keep_names(&mut self, names: Vec<(Identity, ConversationKey)>) {
        for (name, key) in names {
            self.journal.put(layout::identity(&name), key.0.as_bytes().into());
        }
    }

    /// Runs a request: its changes are kept whole, or leave no trace.
    pub(in crate::store) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = work(self);
        if outcome.is_ok() {
            self.keep();
        } else {
            self.forget();
        }
        outcome
    }

    pub(in crate::store) fn follow(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Keeps the changes of a successful request.
    pub(in crate::store) fn keep(&mut self) {
        self.journal.keep();
        self.dedupe_index.keep();
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Enter(lane, entry) => {
                    self.changed.extend(self.lanes.change(&lane).insert(&lane, entry));
                }
                Effect::Leave(lane, position) => {
                    let lanes = self.lanes.change(&lane);
                    lanes.remove(&lane, position);
                    self.changed.extend(lanes.route(&lane));
                }
                Effect::Lease(lane, lease) => {
                    self.lanes.change(&lane).lease(&lane, lease);
                }
                Effect::Release(lane, fence) => {
                    // The holder's route has a free place, and the next head may have another route.
                    let lanes = self.lanes.change(&lane);
                    self.changed.extend(lanes.route(&lane));
                    lanes.release(&lane, fence);
                    self.changed.extend(lanes.route(&lane));
                }
                Effect::Group(head, members) if members.is_empty() => {
                    self.groups.remove(&head);
                }
                Effect::Group(head, members) => {
                    self.groups.insert(head, members);
                }
                Effect::Unlearn(known) => known.iter().for_each(|known| self.dedupe_index.unlearn(known)),
                Effect::Stands(before, after) => self.index.follow(before.as_ref(), after.as_ref()),
                Effect::Knows(before, after) => self.index.know(before, after),
                Effect::Report(before, after) => {
                    self.ledger.follow(before.as_ref(), after.as_ref());
                    self.reports_changed = true;
                }
                Effect::Over(text) => self.over.push(text),
                Effect::Operator(change) => {
                    if let Some(account) = self.operator.apply(change) {
                        self.changed.extend(Direction::ALL.map(|direction| Route { direction, account }));
                    }
                }
            }
        }
        // Reuses the allocation.
        self.effects = effects;
    }

    /// Drops the changes since those kept last, because they are a failed request's.
    pub(super) fn forget(&mut self) {
        self.journal.forget();
        self.dedupe_index.forget_staged();
        self.effects.clear();
    }

    /// Makes the kept changes durable: [`Journal::commit`].
    pub(in crate::store) fn commit(&mut self) -> Result<bool, StoreError> {
        for (key, record) in self.dedupe_index.take_records() {
            self.journal.put(key, record);
        }
        self.journal.keep();
        self.journal.commit()
    }
}

/// The prefix of a delivery's key: waiting or settled.
pub(in crate::store) fn prefix_of(delivery: &Delivery) -> u8 {
    if delivery.state.holds_lane() { layout::PENDING } else { layout::HISTORY }
}
