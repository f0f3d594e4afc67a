//! A carrier's reports in the store: taken in once, kept until their fate is known, and written into the deliveries that
//! they are about.
//!
//! A report lies under its number until then. Memory holds of each when it is due and the digest of its send's name. It is
//! never decided here which delivery a report is about.

use jiff::Timestamp;

use crate::domain::account::Ends;
use crate::domain::address::{self, Address, Directory};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::State;
use crate::domain::event::{DedupeKey, Event, EventId, EventKind};
use crate::domain::lanes::Position;
use crate::domain::line::Place;
use crate::domain::receipt::{Fate, Kept, Learnt, Report, TakenIn};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::{Arrival, Core, Effect, Owed};
use crate::store::engine::index::PAGE_MAX;
use crate::store::engine::layout;
use crate::store::engine::ledger::Brief;
use crate::store::engine::lists::{self, STEP_MAX};
use crate::store::engine::part::{Scope, Want};
use crate::store::engine::tree::Look;
use crate::store::rules::expiry::Cut;
use crate::store::rules::lanes::lane_of;
use crate::store::rules::learning::home;
use crate::store::rules::reports::{self, Bound};
use crate::store::{Accepted, Page, REPORTS_WAITING_MAX, StoreError, Taken, UNBOUND_MAX};

/// The key of a report.
pub(in crate::store) fn at_number(number: u64) -> Bytes {
    layout::at_position(layout::REPORT, Position(number << 16))
}

impl Core {
    /// Takes up the reports that lie in the tree.
    pub(in crate::store) fn recover_reports(&mut self, look: &dyn Look) -> Result<(), StoreError> {
        for entry in look.with_prefix(&[layout::REPORT]) {
            let (key, value) = entry?;
            let Some(record) = lists::whole(look, &key, value)? else { continue };
            let brief = self.brief(&layout::decode("report", &record)?);
            self.ledger.follow(None, Some(&brief));
        }
        Ok(())
    }

    pub(in crate::store) fn brief(&self, kept: &Kept) -> Brief {
        Brief {
            number: kept.number,
            carrier: kept.report.carrier,
            due_at: kept.due_at,
            dispatch: kept.report.dispatch.as_deref().map(|dispatch| self.index.digest(dispatch)),
            words: kept.taken_in.as_ref().map(|taken| self.words_digest(&taken.conversation, &taken.words)),
        }
    }

    fn words_digest(&self, key: &ConversationKey, words: &str) -> u64 {
        self.index.digest(&reports::words_of(key, words))
    }

    fn report(&self, number: u64) -> Result<Option<Kept>, StoreError> {
        let record = self.journal.load(&at_number(number))?;
        record.map(|record| layout::decode("report", &record)).transpose()
    }

    /// Stages a report's new record, or its end.
    fn write_report(&mut self, before: Option<&Kept>, after: Option<&Kept>) -> Result<(), StoreError> {
        match (before, after) {
            (_, Some(after)) => {
                self.journal.replace(at_number(after.number), layout::encode("report", after)?)?;
            }
            (Some(before), None) => self.journal.remove(at_number(before.number))?,
            (None, None) => {}
        }
        let effect = Effect::Report(before.map(|kept| self.brief(kept)), after.map(|kept| self.brief(kept)));
        self.follow(effect);
        Ok(())
    }

    /// [`crate::store::Inbox::take_body`]. Where there is no room for all, nothing is taken.
    pub(in crate::store) fn take_body(
        &mut self,
        events: Vec<(Arrival, Option<String>)>,
        (ours, others): (Vec<Report>, Vec<Report>),
        now: Timestamp,
    ) -> Result<(Vec<Accepted>, Taken), StoreError> {
        let mut many = 0;
        for (arrival, _) in events.iter().filter(|(_, unreadable)| unreadable.is_none()) {
            many += usize::from(self.duplicate(&arrival.dedupe)?.is_none());
        }
        self.check_reports(ours.len())?;
        self.check_backlog(many)?;
        if !ours.is_empty() {
            self.check_disk()?;
        }
        self.join_all(&ours, now)?;
        let mut accepted = Vec::with_capacity(events.len());
        for (arrival, unreadable) in events {
            accepted.push(match unreadable {
                Some(cause) => self.quarantine(arrival, cause, now)?,
                None => self.accept(arrival, now)?,
            });
            // The next one has another position, and one that stands twice in a body is known the second time.
            self.keep();
        }
        let taken = match ours.is_empty() && others.is_empty() {
            true => Taken::default(),
            false => self.take_reports(ours, others, now)?,
        };
        Ok((accepted, taken))
    }

    /// Whether a delivery with this dispatch id may be known.
    pub(in crate::store) fn knows_dispatch(&self, name: &str) -> bool {
        let digest = self.index.digest(name);
        self.scope.want(|| Want::Dispatch(digest));
        self.index.knows_dispatch(digest)
    }

    /// The numbers of the kept reports under this name of a send.
    fn kept_under(&self, name: &str) -> Vec<u64> {
        let digest = self.index.digest(name);
        self.scope.want(|| Want::Dispatch(digest));
        self.ledger.under(digest)
    }

    fn check_reports(&self, many: usize) -> Result<(), StoreError> {
        let elsewhere = self.scope.part().map_or(0, |part| part.elsewhere.due_reports);
        let waiting = self.ledger.due.len() + elsewhere;
        if waiting + many > REPORTS_WAITING_MAX {
            return Err(StoreError::BacklogFull(u64::try_from(waiting).unwrap_or(u64::MAX)));
        }
        Ok(())
    }

    /// [`crate::store::Inbox::take_reports`].
    pub(in crate::store) fn take_reports(
        &mut self,
        ours: Vec<Report>,
        others: Vec<Report>,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.check_disk()?;
        self.check_reports(ours.len())?;
        self.join_all(&ours, now)?;
        let mut taken = Taken::default();
        for report in ours {
            self.take_report(report, now, &mut taken)?;
        }
        for report in others {
            let known = report.dispatch.as_deref();
            let known = known.is_some_and(|name| self.knows_dispatch(name) || !self.kept_under(name).is_empty());
            if known {
                self.take_report(report, now, &mut taken)?;
            } else {
                taken.foreign += 1;
            }
        }
        Ok(taken)
    }

    fn take_report(&mut self, report: Report, now: Timestamp, taken: &mut Taken) -> Result<(), StoreError> {
        let ends = Ends { carrier: report.carrier, ..Ends::FIRST };
        let digests = layout::dedupe_digests(&[DedupeKey::CarrierReport(report.id.clone())], ends)?;
        if self.duplicate(&digests)?.is_some() {
            taken.repeated += 1;
            return Ok(());
        }
        let position = self.fresh_position();
        self.dedupe_index.stage(&digests, position, now.as_second());
        self.write_report(None, Some(&reports::kept(position.0 >> 16, report, now)))?;
        taken.new += 1;
        // One that stands twice in a batch is known the second time.
        self.keep();
        Ok(())
    }

    /// Keeps a report of talks that cannot be joined now, so that it is weighed again; one of them is enough. Where too many wait,
    /// the customer's next text joins the talks.
    pub(in crate::store) fn join_later(&mut self, report: Report, now: Timestamp) -> Result<(), StoreError> {
        let under = report.dispatch.as_deref().map(|name| self.kept_under(name));
        for number in under.unwrap_or_default() {
            if self.report(number)?.is_some_and(|kept| kept.report.what == report.what) {
                return Ok(());
            }
        }
        if self.check_reports(1).is_err() {
            return Ok(());
        }
        let kept = reports::kept(self.fresh_position().0 >> 16, report, now);
        self.write_report(None, Some(&Kept { due_at: Some(kept.weighed_again(now)), ..kept }))?;
        // The next one has another position.
        self.keep();
        Ok(())
    }

    /// The numbers of the reports that are due.
    pub(in crate::store) fn reports_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.scope.want(|| Want::DueReports(now, limit));
        let due = self.ledger.due.iter().take_while(|(at, _)| *at <= now).take(limit);
        due.filter_map(|(_, number)| self.report(*number).transpose()).collect()
    }

    /// The page of [`crate::store::Archive::unbound_reports`].
    pub(in crate::store) fn unbound_reports(&self, after: Option<u64>, limit: usize) -> Result<Page<Kept>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        self.scope.want(|| Want::Unbound(after.unwrap_or(u64::MAX), limit.saturating_add(1)));
        let behind = self.ledger.unbound.range(..after.unwrap_or(u64::MAX)).rev();
        let mut numbers: Vec<u64> = behind.take(limit.saturating_add(1)).copied().collect();
        let more = numbers.len() > limit;
        numbers.truncate(limit);
        let items = numbers.into_iter().filter_map(|number| self.report(number).transpose());
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            total: u64::try_from(self.unbound_many()).unwrap_or(u64::MAX),
            more,
        })
    }

    /// [`crate::store::Queue::weigh`].
    pub(in crate::store) fn weigh(&mut self, number: u64, fate: Fate, now: Timestamp) -> Result<bool, StoreError> {
        let Some(kept) = self.report(number)? else { return Ok(true) };
        let waits = fate == Fate::Joined && !self.join_talks(&kept.report, now)?;
        let fate = if waits { Fate::Later(kept.weighed_again(now)) } else { fate };
        let is_settled = !matches!(fate, Fate::Later(_));
        self.settle_report(&kept, fate, now).map(|()| is_settled)
    }

    fn settle_report(&mut self, kept: &Kept, fate: Fate, now: Timestamp) -> Result<(), StoreError> {
        match fate {
            Fate::Later(at) => self.reschedule(kept, Some(at)),
            Fate::Over | Fate::Joined => self.write_report(Some(kept), None),
            Fate::Unbound => {
                let oldest = if self.unbound_many() >= UNBOUND_MAX { self.oldest_unbound() } else { None };
                if let Some(oldest) = oldest.map(|oldest| self.report(oldest)).transpose()?.flatten() {
                    self.write_report(Some(&oldest), None)?;
                }
                self.reschedule(kept, None)
            }
            Fate::Bound { delivery, part, of, note } => {
                self.bind(kept, delivery, (part, of), note.map(|note| *note), now)?;
                self.write_report(Some(kept), None)
            }
            Fate::TakenIn { event, place } => self.take_in(kept, &event, &place, now),
            Fate::Learnt(learnt) => {
                self.write_report(Some(kept), None)?;
                for Learnt { conversation, changes, note } in learnt {
                    let Some(known) = Directory::conversation(self, &conversation)? else { continue };
                    let ends = known.ends;
                    self.teach(known, changes, now)?;
                    self.owe(None, note.map(|note| *note), (&conversation, ends), now)?;
                    // The next note has another position.
                    self.keep();
                }
                Ok(())
            }
        }
    }

    /// How many reports there are of which no delivery is known.
    fn unbound_many(&self) -> usize {
        let elsewhere = self.scope.part().map_or(0, |part| part.elsewhere.unbound);
        self.ledger.unbound.len() + elsewhere
    }

    fn oldest_unbound(&self) -> Option<u64> {
        self.scope.want(|| Want::OldestUnbound);
        self.ledger.unbound.first().copied()
    }

    fn reschedule(&mut self, kept: &Kept, due_at: Option<Timestamp>) -> Result<(), StoreError> {
        self.write_report(Some(kept), Some(&Kept { due_at, ..kept.clone() }))
    }

    /// Writes a report into its delivery, with the consequences.
    fn bind(
        &mut self,
        kept: &Kept,
        id: EventId,
        parts: (u32, u32),
        note: Option<Event>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(before) = self.find_by_id(id)? else { return Ok(()) };
        let Bound { after, tells, taught } =
            reports::bound(&before, parts, &kept.report, self.held(&lane_of(&before)), now)?;
        if after != before {
            self.write(&before, &after)?;
        }
        if let Some(note) = note.filter(|_| tells) {
            let home = home(&*self, &after.conversation)?;
            self.owe(Some(id), Some(note), (&home, before.ends), now)?;
        }
        if let Some(change) = taught {
            let home = home(&*self, &after.conversation)?;
            if let Some(known) = Directory::conversation(self, &home)? {
                self.change(&home, Some(known), before.ends, vec![change], now)?;
            }
        }
        // Others may have waited for the name of this send.
        let under = kept.report.dispatch.as_deref().map(|name| self.kept_under(name));
        for number in under.unwrap_or_default() {
            let Some(other) = self.report(number)? else { continue };
            if let Some(again) = reports::weighed_again(&other, kept, now) {
                self.write_report(Some(&other), Some(&again))?;
            }
        }
        Ok(())
    }

    pub(in crate::store) fn owe(
        &mut self,
        about: Option<EventId>,
        note: Option<Event>,
        (key, ends): (&ConversationKey, Ends),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(note) = note else { return Ok(()) };
        let owed = match about {
            Some(about) => Owed::born_of(about, &note)?,
            None => Owed::new(&note)?,
        };
        let position = self.fresh_position();
        self.add(position, owed, key.clone(), ends, now, State::Pending)
    }

    /// Takes a customer's text in of which no webhook came. The report stays for as long as the webhook may still come.
    fn take_in(&mut self, kept: &Kept, event: &Event, place: &Place, now: Timestamp) -> Result<(), StoreError> {
        let EventKind::CustomerText(text) = &event.kind else { return Ok(()) };
        let key = address::resolve(&Address::of(&event.kind, place), &*self)?.key;
        let arrival = Arrival::new(event, place, &[])?.reported();
        let accepted = self.accept(arrival, now)?;
        let (Accepted::New(id) | Accepted::Duplicate(id)) = accepted else {
            return self.write_report(Some(kept), None);
        };
        if let Some(before) = self.find_by_id(id)? {
            // No other report is about this one.
            let mut after = before.clone();
            after.add_report(1, &kept.report);
            self.write(&before, &after)?;
        }
        let taken = TakenIn { event: id, conversation: key, words: text.text.clone() };
        self.write_report(Some(kept), Some(&reports::taken_in(kept, taken, now)))
    }

    /// The text that was taken in from a report and whose webhook this is; the webhook's dedupe keys are known from now on.
    pub(in crate::store) fn taken_in_before(
        &mut self,
        arrival: &Arrival,
        key: &ConversationKey,
        now: Timestamp,
    ) -> Result<Option<EventId>, StoreError> {
        if arrival.is_reported || matches!(self.scope, Scope::Whole) && self.ledger.taken_in.is_empty() {
            return Ok(None);
        }
        let event: Event = layout::decode("event", &arrival.owed.record)?;
        let EventKind::CustomerText(text) = &event.kind else { return Ok(None) };
        let digest = self.words_digest(key, &text.text);
        self.scope.want(|| Want::Words(digest));
        let number = self.ledger.taken_in.get(&digest).and_then(|known| known.first()).copied();
        let Some(kept) = number.map(|number| self.report(number)).transpose()?.flatten() else { return Ok(None) };
        let Some(taken_in) = &kept.taken_in else { return Ok(None) };
        let position = self.fresh_position();
        self.dedupe_index.stage(&arrival.dedupe, position, now.as_second());
        self.write_report(Some(&kept), None)?;
        Ok(Some(taken_in.event))
    }

    /// Drops the report that lies under this key.
    pub(in crate::store) fn drop_report(&mut self, key: &Bytes) -> Result<(), StoreError> {
        let Some(position) = layout::position_of(key) else { return Ok(()) };
        match self.report(position.0 >> 16)? {
            Some(kept) => self.write_report(Some(&kept), None),
            None => Ok(()),
        }
    }

    /// Drops the oldest reports that were taken in before; one step of expiry.
    pub(in crate::store) fn drop_old_reports(&mut self, cut: Cut) -> Result<u64, StoreError> {
        self.scope.want(|| Want::OldestReports(STEP_MAX));
        let oldest: Vec<u64> = self.ledger.all.keys().take(STEP_MAX).copied().collect();
        let mut dropped = 0;
        for number in oldest {
            let Some(kept) = self.report(number)?.filter(|kept| cut.is_over(kept.taken_at)) else { break };
            self.write_report(Some(&kept), None)?;
            dropped += 1;
        }
        Ok(dropped)
    }
}
