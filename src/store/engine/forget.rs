//! For erasing a customer.
//!
//! A read finds all records that lead to the customer. One request erases those and drops the waiting deliveries, so
//! that nothing more is sent; the settled deliveries follow in small steps. A text that arrives meanwhile begins a new
//! conversation and stays.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::account::{AccountId, Ends};
use crate::domain::address::{Directory, Identity, external_id_in, lead_of};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, TicketRef};
use crate::domain::kind::KindName;
use crate::domain::lanes::{LaneName, Position};
use crate::domain::operator::{Act, Order, Sender, digest};
use crate::domain::receipt::Kept;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::{Core, Effect, prefix_of};
use crate::store::engine::directory::key_in;
use crate::store::engine::people::Person;
use crate::store::engine::sweep::{self, Step};
use crate::store::engine::tree::Look;
use crate::store::engine::{layout, lists};
use crate::store::rules::erasure::{Erasure, Theirs};
use crate::store::rules::lanes::lane_of;
use crate::store::{Forgotten, StoreError};

/// The kind of unreadable bodies.
const UNREADABLE: KindName = KindName::Unreadable;

/// All names and keys of a customer in the store.
pub(in crate::store) struct Identified {
    /// The key in the operator's order.
    named: ConversationKey,
    theirs: Theirs,
    /// The carrier whose customers each desk knows by their ids alone.
    homes: BTreeMap<AccountId, AccountId>,
    conversations: Vec<Bytes>,
    /// The keys of the aliases and tickets that lead to these conversations.
    names: Vec<Bytes>,
    /// The carrier's reports about them whose fate is not known yet.
    reports: Vec<Bytes>,
}

/// The part of a delivery's record that the search reads.
#[derive(Deserialize)]
struct KindAndKey {
    kind: KindName,
    conversation: ConversationKey,
    #[serde(default)]
    ends: Ends,
    #[serde(default)]
    posted_to: Option<AccountId>,
}

/// Finds all names and keys of a conversation's customer.
pub(in crate::store) fn known(look: &dyn Look, key: &ConversationKey) -> Result<Identified, StoreError> {
    if *key == ConversationKey::nobody() {
        // Unreadable bodies lie under this key; they belong to no single customer.
        return Err(StoreError::NotFound(format!("conversation {key}")));
    }
    let directory = Names(look);
    let conversation = load(look, &layout::conversation(key))?;
    let in_talks = conversation.as_ref().is_some_and(|known| known.customer.thread.is_some());
    let mut known = Identified {
        named: key.clone(),
        theirs: Theirs::of(key, conversation.as_ref(), &directory)?,
        homes: homes(look)?,
        conversations: Vec::new(),
        names: Vec::new(),
        reports: Vec::new(),
    };
    for entry in look.with_prefix(&[layout::CONVERSATION]) {
        let (at, value) = entry?;
        let Some(record) = lists::whole(look, &at, value)? else { continue };
        let conversation: Conversation = layout::decode("conversation", &record)?;
        if known.theirs.is_theirs(&conversation, &directory)? {
            known.theirs.take(conversation);
            known.conversations.push(at);
        }
    }
    for prefix in [layout::IDENTITY, layout::TICKET, layout::SCOPED_TICKET] {
        for entry in look.with_prefix(&[prefix]) {
            let (at, value) = entry?;
            let is_theirs = known.theirs.keys.iter().any(|key| key.0.as_bytes() == &*value);
            // Such a talk has a name and no ticket, so the tickets' conversations are not read.
            let may_be_unbegun = in_talks && prefix == layout::IDENTITY;
            if is_theirs || may_be_unbegun && is_unbegun(&directory, &known.theirs, &key_in(&value))? {
                known.names.push(at);
            }
        }
    }
    let tickets = known.names.iter().filter_map(|at| layout::ticket_in(at));
    let tickets: Vec<ConversationKey> = tickets.map(ConversationKey::provisional).collect();
    known.theirs.keys.extend(tickets);
    for entry in look.with_prefix(&[layout::REPORT]) {
        let (at, value) = entry?;
        let Some(record) = lists::whole(look, &at, value)? else { continue };
        let kept: Kept = layout::decode("report", &record)?;
        if known.theirs.are_told_of(&kept.report) {
            known.reports.push(at);
        }
    }
    Ok(known)
}

/// The first carrier of each desk.
fn homes(look: &dyn Look) -> Result<BTreeMap<AccountId, AccountId>, StoreError> {
    let at = Bytes::from(layout::META_HOMES);
    let Some(value) = look.get(&at)? else { return Ok(BTreeMap::new()) };
    let record = lists::whole(look, &at, value)?;
    Ok(record.map(|record| layout::decode("first carriers", &record)).transpose()?.unwrap_or_default())
}

/// Whether this is the key of a talk that was merged into one of theirs before a text of its own began a conversation.
fn is_unbegun(directory: &Names<'_>, theirs: &Theirs, key: &ConversationKey) -> Result<bool, StoreError> {
    if directory.conversation(key)?.is_some() {
        return Ok(false);
    }
    let talk = external_id_in(key, theirs.carrier).value;
    let lead = lead_of(&talk, theirs.carrier, directory)?;
    Ok(theirs.keys.contains(&lead.key))
}

/// The names and conversations of a read.
struct Names<'a>(&'a dyn Look);

impl Directory for Names<'_> {
    type Error = StoreError;

    fn by_identity(&self, name: &Identity) -> Result<Option<ConversationKey>, StoreError> {
        Ok(self.0.get(&layout::identity(name))?.map(|value| key_in(&value)))
    }

    fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, StoreError> {
        Ok(self.0.get(&layout::ticket(ticket))?.map(|value| key_in(&value)))
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        load(self.0, &layout::conversation(key))
    }
}

fn load(look: &dyn Look, at: &Bytes) -> Result<Option<Conversation>, StoreError> {
    let Some(value) = look.get(at)? else { return Ok(None) };
    let record = lists::whole(look, at, value)?;
    record.map(|record| layout::decode("conversation", &record)).transpose()
}

impl Identified {
    /// The sender of a body, as far as the customer may be named in it.
    fn sender(&self, fields: &KindAndKey) -> Option<Sender> {
        let home = fields.posted_to.and_then(|account| self.homes.get(&account).copied());
        self.theirs.sender(fields.posted_to, fields.ends, home)
    }

    /// Whether this event is an unreadable body of that sender that names the customer.
    fn is_named_in(&self, event: &[u8], from: Sender) -> Result<bool, StoreError> {
        Ok(self.theirs.are_named_in(&layout::decode::<Event>("event", event)?, from))
    }
}

/// The customer's settled deliveries after `after` and before `end`, and the number of unreadable bodies on the way
/// that might name the customer and do not.
pub(in crate::store) fn left(
    look: &dyn Look,
    known: &Identified,
    after: Option<Position>,
    end: Position,
) -> Result<(Step, u64), StoreError> {
    let mut unattributed = 0;
    let mut step = sweep::through(look, layout::HISTORY, after, |position, record| {
        let fields: KindAndKey = layout::decode("delivery", record)?;
        if fields.kind != UNREADABLE {
            return Ok(known.theirs.keys.contains(&fields.conversation));
        }
        let Some(from) = known.sender(&fields) else { return Ok(false) };
        let theirs = match layout::event_in(record) {
            Some(event) => known.is_named_in(event, from)?,
            None => {
                let at = layout::at_position(layout::EVENT, position);
                let event = look.get(&at)?;
                let event = event.map(|value| lists::whole(look, &at, value)).transpose()?.flatten();
                event.is_some_and(|event| known.is_named_in(&event, from).unwrap_or(false))
            }
        };
        unattributed += u64::from(!theirs);
        Ok(theirs)
    })?;
    step.positions.retain(|position| *position < end);
    Ok((step, unattributed))
}

impl Core {
    /// Erases the names, tickets and conversations of the customer, and drops the waiting deliveries. Also returns the
    /// position that lies behind all deliveries still to be erased.
    pub(in crate::store) fn begin_to_forget(
        &mut self,
        known: &Identified,
        order: &Order,
    ) -> Result<(Forgotten, Position), StoreError> {
        let mut waiting = Vec::new();
        for conversation in &known.theirs.keys {
            for lane in LaneName::all(conversation) {
                waiting.extend(self.lanes.at(&lane).positions(&lane));
            }
        }
        let mut forgotten = self.drop_theirs(known, &waiting)?;
        for at in &known.conversations {
            if let Some(record) = self.journal.load(at)? {
                self.drop_conversation(&layout::decode("conversation", &record)?)?;
                forgotten.conversations += 1;
            }
        }
        for at in &known.names {
            forgotten.names += u64::from(self.journal.get(at)?.is_some());
            self.journal.remove(at.clone())?;
        }
        for at in &known.reports {
            self.drop_report(at)?;
        }
        self.note_forgotten(known, &forgotten, order)?;
        Ok((forgotten, self.fresh_position()))
    }

    /// Erases these settled deliveries; one step.
    pub(in crate::store) fn go_on_forgetting(
        &mut self,
        known: &Identified,
        positions: &[Position],
        order: &Order,
    ) -> Result<Forgotten, StoreError> {
        let forgotten = self.drop_theirs(known, positions)?;
        self.note_forgotten(known, &forgotten, order)?;
        Ok(forgotten)
    }

    fn note_forgotten(&mut self, known: &Identified, forgotten: &Forgotten, order: &Order) -> Result<(), StoreError> {
        if forgotten.is_nothing() {
            return Ok(());
        }
        let count = forgotten.settled + forgotten.waiting + forgotten.unreadable;
        self.note(Act::Forget { conversation: digest(&known.named), count }, order)
    }

    fn drop_theirs(&mut self, known: &Identified, positions: &[Position]) -> Result<Forgotten, StoreError> {
        let mut forgotten = Forgotten::default();
        let mut gone: Vec<Delivery> = Vec::new();
        for position in positions {
            // It may have moved since it was looked up.
            let Some(delivery) = self.find(*position)? else { continue };
            let lane = lane_of(&delivery);
            let outcome = Erasure::of(&delivery, &known.theirs.keys, self.held(&lane));
            outcome.count(&mut forgotten);
            if outcome.drops() {
                self.drop_delivery(&delivery)?;
            }
            if outcome == Erasure::Waiting {
                self.follow(Effect::Leave(lane, *position));
                gone.push(delivery);
            }
        }
        self.leave_groups(&gone)?;
        Ok(forgotten)
    }

    /// Drops a conversation and its searchable fields.
    pub(in crate::store) fn drop_conversation(&mut self, known: &Conversation) -> Result<(), StoreError> {
        self.follow(Effect::Knows(Some(Person::of(known)), None));
        self.journal.remove(layout::conversation(&known.key))
    }

    /// Drops a delivery with its event, its pictures and the vendor's answers.
    pub(in crate::store) fn drop_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        let position = Position::of(delivery.id);
        let key = layout::at_position(prefix_of(delivery), position);
        let record = self.journal.load(&key)?.ok_or_else(|| StoreError::NotFound(delivery.id.to_string()))?;
        self.journal.remove(key)?;
        if layout::event_in(&record).is_none() {
            self.journal.remove(layout::at_position(layout::EVENT, position))?;
        }
        self.drop_answers(position)?;
        self.follow(Effect::Over(delivery.id));
        self.follow(Effect::Stands(Some(self.index.entry(delivery)), None));
        Ok(())
    }
}

impl Forgotten {
    /// Whether there was nothing to forget.
    pub(in crate::store) fn is_nothing(&self) -> bool {
        let all = [self.conversations, self.names, self.settled, self.waiting, self.unreadable, self.in_hand];
        all.iter().all(|count| *count == 0)
    }

    /// Adds the counts of a further step.
    pub(in crate::store) fn add(&mut self, more: &Self) {
        self.settled += more.settled;
        self.waiting += more.waiting;
        self.unreadable += more.unreadable;
        self.in_hand += more.in_hand;
    }
}
