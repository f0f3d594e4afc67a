//! A body of several events on its way into the store, from its webhook or from the quarantine: a carrier's reports of texts,
//! and the events beside them. It never reads a body.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use jiff::Timestamp;
use serde_json::Value;

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
    /// The same with the result of one more event, which was to be kept for the operator or not.
    fn with(mut self, accepted: Accepted, slot: Option<Slot>, is_kept: bool) -> Self {
        match accepted {
            Accepted::New(_) if is_kept => self.quarantined += 1,
            Accepted::New(_) => self.new.push(slot),
            Accepted::Duplicate(_) | Accepted::Echo => self.repeated += 1,
        }
        self
    }

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
    /// The parts of a body that this account posted: `posted` gives it as it is kept, with a body of one event or whole. Earlier webhooks tell which
    /// lines are this bridge's where the configuration does not.
    pub(super) fn of(
        batch: Batch,
        account: AccountId,
        inbound: &Inbound,
        senders: &Senders,
        posted: impl Fn(Option<&Value>) -> Unreadable,
        now: Timestamp,
    ) -> Self {
        let Batch { mut ours, others, unsure, entries, passed_over } = batch;
        // Few carriers post reports of which only earlier webhooks tell.
        let told = if unsure.is_empty() { Vec::new() } else { inbound.lines(account) };
        let (unsure, elsewhere): (Vec<_>, Vec<_>) =
            unsure.into_iter().partition(|report| may_be_ours(report.line.as_deref(), &told));
        ours.extend(unsure);
        let events: Vec<Incoming> =
            entries.into_iter().map(|entry| incoming(entry, account, senders, &posted, now)).collect();
        let endpoint = Endpoint { door: Door::Carrier, account };
        let slots = events.iter().map(|incoming| inbound.slot(endpoint, &incoming.event.kind)).collect();
        Self { events, slots, ours, others, foreign: passed_over + elsewhere.len() as u64 }
    }

    /// Hands them to the store. Without any there is no call.
    ///
    /// # Errors
    /// As [`crate::store::Inbox::take_body`].
    pub(super) fn take(mut self, store: &dyn Store, now: Timestamp) -> BoxFuture<'_, Result<TakenIn, StoreError>> {
        let is_one = self.events.len() == 1 && self.ours.is_empty() && self.others.is_empty();
        match self.events.pop_if(|event| is_one && event.unreadable.is_none()) {
            // Nearly every body is one text, and a commit of its own needs no body.
            Some(Incoming { event, place, dedupe, .. }) => {
                let (slot, reports) = (self.slots.pop().flatten(), Taken { foreign: self.foreign, ..Taken::default() });
                let taken_in = move |accepted| TakenIn { reports, ..TakenIn::default() }.with(accepted, slot, false);
                store.accept(event, place, dedupe, now).map_ok(taken_in).boxed()
            }
            None => self.take_all(store, now).boxed(),
        }
    }

    async fn take_all(self, store: &dyn Store, now: Timestamp) -> Result<TakenIn, StoreError> {
        let Self { events, slots, ours, others, foreign } = self;
        let kept: Vec<bool> = events.iter().map(|incoming| incoming.unreadable.is_some()).collect();
        let (accepted, taken) = match (events.is_empty(), ours.is_empty() && others.is_empty()) {
            (true, true) => (Vec::new(), Taken::default()),
            (true, false) => (Vec::new(), store.take_reports(ours, others, now).await?),
            (false, _) => store.take_body(events, ours, others, now).await?,
        };
        let taken_in = TakenIn { reports: Taken { foreign: taken.foreign + foreign, ..taken }, ..TakenIn::default() };
        let each = accepted.into_iter().zip(slots).zip(kept);
        Ok(each.fold(taken_in, |taken_in, ((accepted, slot), is_kept)| taken_in.with(accepted, slot, is_kept)))
    }
}

/// An event with its place. One that cannot be read, and a text on no line, is kept alone for the operator.
fn incoming(
    entry: Entry,
    account: AccountId,
    senders: &Senders,
    posted: &impl Fn(Option<&Value>) -> Unreadable,
    now: Timestamp,
) -> Incoming {
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
            let event = Event { received_at: now, kind: EventKind::Unreadable(posted(alone.as_ref())) };
            Incoming { event, place: senders.ends(account).into(), dedupe, unreadable: Some(cause) }
        }
    }
}

/// Whether customers may write to this bridge on a line that the configuration does not name: where webhooks have told of
/// lines, on those only.
fn may_be_ours(line: Option<&str>, told: &[String]) -> bool {
    told.is_empty() || line.is_none_or(|line| told.iter().any(|told| is_one_line(told, line)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::event::EventId;
    use crate::domain::inbound::Arrivals;
    use crate::domain::testing::customer_text;
    use crate::http::testing::{ScriptedStore, id, noon};

    fn body(unreadable: Option<&str>, ours: Vec<Report>) -> Reports {
        let (place, unreadable) = (Ends::FIRST.into(), unreadable.map(str::to_owned));
        let event = Event { received_at: noon(), kind: EventKind::CustomerText(customer_text()) };
        let event = Incoming { event, place, dedupe: Vec::new(), unreadable };
        Reports { events: vec![event], slots: vec![None], ours, others: Vec::new(), foreign: 2 }
    }

    async fn taken_in(accepted: Accepted, body: Reports) -> (TakenIn, Vec<String>) {
        let store = ScriptedStore::answering([Ok(accepted), Ok(accepted)]);
        (body.take(&store, noon()).await.unwrap(), store.asked())
    }

    #[test]
    fn a_text_on_no_line_is_kept_alone_where_its_reader_wrote_it_out_and_else_with_its_whole_body() {
        for (alone, kept) in [(Some(json!({"events": [7]})), r#"{"events":[7]}"#), (None, "whole")] {
            let kind = Ok(EventKind::CustomerText(customer_text()));
            let batch =
                Batch { entries: vec![Entry { at: noon(), kind, dedupe: Vec::new(), alone }], ..Batch::default() };
            let posted = |alone: Option<&Value>| Unreadable {
                path: String::new(),
                method: String::new(),
                content_type: None,
                body: alone.map_or_else(|| "whole".to_owned(), Value::to_string),
            };
            let inbound = Inbound::new(Arrivals::new(noon()));
            let reports = Reports::of(batch, Ends::FIRST.carrier, &inbound, &Senders::default(), posted, noon());
            let EventKind::Unreadable(unread) = &reports.events[0].event.kind else { panic!("it has a place") };
            assert_eq!((unread.body.as_str(), reports.events[0].unreadable.is_some()), (kept, true));
        }
    }

    #[tokio::test]
    async fn a_text_alone_needs_no_body_in_the_store_and_counts_as_one_of_a_body() {
        let new: EventId = id(1);
        let reports = Taken { foreign: 2, ..Taken::default() };
        let (taken, asked) = taken_in(Accepted::New(new), body(None, Vec::new())).await;
        assert_eq!(asked, ["accept customer_text"]);
        assert_eq!(taken, TakenIn { reports, new: vec![None], quarantined: 0, repeated: 0 });
        for known in [Accepted::Duplicate(new), Accepted::Echo] {
            let (taken, _) = taken_in(known, body(None, Vec::new())).await;
            assert_eq!(taken, TakenIn { reports, new: Vec::new(), quarantined: 0, repeated: 1 });
        }
    }

    #[tokio::test]
    async fn an_unreadable_event_and_a_text_beside_a_report_are_taken_as_a_body() {
        let (taken, asked) = taken_in(Accepted::New(id(1)), body(Some("no id"), Vec::new())).await;
        assert_eq!((asked, taken.quarantined), (vec!["take a body of customer_text".to_owned()], 1));
        let (taken, asked) = taken_in(Accepted::New(id(1)), body(None, vec![report()])).await;
        assert_eq!(asked[0], "take a body of customer_text");
        assert_eq!((taken.new.len(), taken.reports.new, taken.reports.foreign), (1, 1, 2));
    }

    fn report() -> Report {
        let (customer, what) = (Default::default(), crate::domain::receipt::Reported::Delivered);
        let carrier = Ends::FIRST.carrier;
        Report { id: "1".into(), at: noon(), customer, campaign: None, dispatch: None, line: None, carrier, what }
    }
}
