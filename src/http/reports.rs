//! A body of several events on its way into the store, from its webhook or from the quarantine: a carrier's reports of texts,
//! and the events beside them. It never reads a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::inbound::Inbound;
use crate::domain::account::AccountId;
use crate::domain::event::{Event, EventKind, Unreadable};
use crate::domain::inbound::{Door, Endpoint, Slot};
use crate::domain::line::is_one_line;
use crate::domain::receipt::Report;
use crate::intake::{Batch, Entry, Senders, no_line};
use crate::store::{Accepted, Incoming, Store, StoreError, Taken};

/// The parts of a batch that go to the store.
pub(super) struct Reports {
    events: Vec<Incoming>,
    /// The slot of each event's name, taken before it goes to the store.
    slots: Vec<Option<Slot>>,
    ours: Vec<Report>,
    others: Vec<Report>,
    /// How many events are of no concern and go to no store.
    foreign: u64,
}

/// The counts of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TakenIn {
    /// Its reports.
    pub(super) reports: Taken,
    /// Its new events, each by the slot of its name in the account of webhooks.
    pub(super) new: Vec<Option<Slot>>,
    /// How many of its events are kept for the operator.
    pub(super) quarantined: u64,
    /// How many of its events came before.
    pub(super) repeated: u64,
}

impl TakenIn {
    /// How many events and reports are on disk because of this body.
    pub(super) fn fresh(&self) -> u64 {
        self.reports.new + self.new.len() as u64 + self.quarantined
    }

    /// How many events and reports came before.
    pub(super) fn known(&self) -> u64 {
        self.reports.repeated + self.repeated
    }
}

impl Reports {
    /// The parts of a body that this account posted: `posted` is its envelope, without its body. Earlier webhooks tell which
    /// lines are this bridge's where the configuration does not.
    pub(super) fn of(
        batch: Batch,
        account: AccountId,
        inbound: &Inbound,
        senders: &Senders,
        posted: &Unreadable,
        now: Timestamp,
    ) -> Self {
        let Batch { mut ours, others, unsure, entries, passed_over } = batch;
        let told = inbound.lines(account);
        let (unsure, elsewhere): (Vec<_>, Vec<_>) =
            unsure.into_iter().partition(|report| may_be_ours(report.line.as_deref(), &told));
        ours.extend(unsure);
        let events: Vec<Incoming> =
            entries.into_iter().map(|entry| incoming(entry, account, senders, posted, now)).collect();
        let endpoint = Endpoint { door: Door::Carrier, account };
        let slots = events.iter().map(|incoming| inbound.slot(endpoint, &incoming.event.kind)).collect();
        Self { events, slots, ours, others, foreign: passed_over + elsewhere.len() as u64 }
    }

    /// Hands them to the store. Without any there is no call.
    ///
    /// # Errors
    /// As [`crate::store::Inbox::take_body`].
    pub(super) async fn take(self, store: &dyn Store, now: Timestamp) -> Result<TakenIn, StoreError> {
        let Self { events, slots, ours, others, foreign } = self;
        let kept: Vec<bool> = events.iter().map(|incoming| incoming.unreadable.is_some()).collect();
        let (accepted, taken) = match (events.is_empty(), ours.is_empty() && others.is_empty()) {
            (true, true) => (Vec::new(), Taken::default()),
            (true, false) => (Vec::new(), store.take_reports(ours, others, now).await?),
            (false, _) => store.take_body(events, ours, others, now).await?,
        };
        let mut taken_in =
            TakenIn { reports: Taken { foreign: taken.foreign + foreign, ..taken }, ..TakenIn::default() };
        for ((accepted, slot), is_kept) in accepted.iter().zip(slots).zip(kept) {
            match accepted {
                Accepted::New(_) if is_kept => taken_in.quarantined += 1,
                Accepted::New(_) => taken_in.new.push(slot),
                Accepted::Duplicate(_) | Accepted::Echo => taken_in.repeated += 1,
            }
        }
        Ok(taken_in)
    }
}

/// An event with its place. One that cannot be read, and a text on no line, is kept alone for the operator.
fn incoming(entry: Entry, account: AccountId, senders: &Senders, posted: &Unreadable, now: Timestamp) -> Incoming {
    let Entry { at, kind, dedupe, alone } = entry;
    let read = kind.and_then(|kind| match senders.place(account, &kind) {
        Some(place) => Ok((kind, place)),
        None => Err(no_line(account)),
    });
    match read {
        Ok((kind, place)) => {
            Incoming { event: Event { received_at: at.min(now), kind }, place, dedupe, unreadable: None }
        }
        Err(cause) => {
            let kept = Unreadable { body: STANDARD.encode(alone.to_string()), ..posted.clone() };
            let event = Event { received_at: now, kind: EventKind::Unreadable(kept) };
            Incoming { event, place: senders.ends(account).into(), dedupe, unreadable: Some(cause) }
        }
    }
}

/// Whether customers may write to this bridge on a line that the configuration does not name: where webhooks have told of
/// lines, on those only.
fn may_be_ours(line: Option<&str>, told: &[String]) -> bool {
    told.is_empty() || line.is_none_or(|line| told.iter().any(|told| is_one_line(told, line)))
}
