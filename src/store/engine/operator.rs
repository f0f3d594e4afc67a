//! Operators' acts in the store: pauses, moves over many deliveries, and the audit.
//!
//! An audit entry goes with the same commit as the change it records. The steps of one order share an entry.

use jiff::Timestamp;
use tracing::info;

use crate::domain::account::{AccountId, Route};
use crate::domain::delivery::{Arrived, StateName, Transition};
use crate::domain::event::EventId;
use crate::domain::operator::{Access, Act, AuditEntry, Moved, Operator, Order, PauseTerms};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::{Core, Effect};
use crate::store::engine::index::PAGE_MAX;
use crate::store::engine::pauses::Change;
use crate::store::engine::tree::Look;
use crate::store::engine::{layout, lists};
use crate::store::rules::acts::{act_of, paused};
use crate::store::{IllegalMove, Moves, Page, StoreError};

impl Core {
    /// [`crate::store::Control::pause`].
    pub(in crate::store) fn pause(
        &mut self,
        account: AccountId,
        terms: Option<PauseTerms>,
        order: &Order,
    ) -> Result<bool, StoreError> {
        let before = self.operator.pauses.get(&account);
        let Some((pause, act)) = paused(account, before, terms, order) else { return Ok(false) };
        let key = layout::pause(account);
        match &pause {
            Some(pause) => self.journal.replace(key, layout::encode("pause", pause)?)?,
            None => self.journal.remove(key)?,
        }
        self.follow(Effect::Operator(Change::Paused(account, pause)));
        self.note(act, order)?;
        Ok(true)
    }

    /// Whether a destination is paused. A pause whose end has come is removed with this commit: the claim after this
    /// one finds none.
    pub(in crate::store) fn is_paused(&mut self, account: AccountId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(pause) = self.operator.pauses.get(&account) else { return Ok(false) };
        if pause.has_ended(now) {
            let operator = Operator::claiming(Access::Bridge, None);
            self.pause(account, None, &Order { operator, given_at: now, accepted_by: None })?;
            info!(destination = account.name(), "destination.resumed: the end of its pause has come");
        }
        Ok(true)
    }

    /// [`crate::store::Queue::next_due`].
    pub(in crate::store) fn next_due(&self, route: Route) -> Option<Timestamp> {
        match self.operator.pauses.get(&route.account) {
            Some(pause) => pause.until,
            None => self.lanes.loaded().next_due(route),
        }
    }

    /// Reads the pauses that the records hold.
    pub(in crate::store) fn recover_pauses(&mut self, look: &dyn Look) -> Result<(), StoreError> {
        for entry in look.with_prefix(layout::PAUSE) {
            let (key, value) = entry?;
            let name = key.get(layout::PAUSE.len()..).and_then(|name| std::str::from_utf8(name).ok());
            // An account's name is short, so the record is whole.
            if let Some(account) = name.and_then(|name| name.parse().ok()) {
                self.operator.pauses.insert(account, layout::decode("pause", &value)?);
            }
        }
        Ok(())
    }

    /// [`crate::store::Control::operate`].
    pub(in crate::store) fn operate_one(
        &mut self,
        id: EventId,
        transition: Transition,
        order: &Order,
    ) -> Result<(), StoreError> {
        let count = self.operate(id, transition.clone(), order.given_at)?;
        self.note(act_of(&transition, Moved { count, first: id, last: id }), order)
    }

    /// [`crate::store::Control::settle`].
    pub(in crate::store) fn settle(&mut self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError> {
        let count = self.settle_together(id, arrived, order.given_at)?;
        self.note(Act::Settle(Moved { count, first: id, last: id }), order)
    }

    /// [`crate::store::Control::operate_each`]. Each move is kept or dropped by itself.
    pub(in crate::store) fn operate_each(
        &mut self,
        ids: &[EventId],
        state: StateName,
        transition: &Transition,
        order: &Order,
    ) -> Result<Moves, StoreError> {
        let mut moves = Moves::default();
        let mut ends: Option<(EventId, EventId)> = None;
        for id in ids {
            let standing = self.find_by_id(*id)?;
            if standing.is_none_or(|delivery| delivery.state.name() != state) {
                continue;
            }
            match self.attempt(|core| core.operate(*id, transition.clone(), order.given_at)) {
                Ok(count) => {
                    moves.moved += count;
                    ends = Some((ends.map_or(*id, |(first, _)| first), *id));
                }
                Err(error) => moves.refused.push(refused(*id, error)),
            }
        }
        if let Some((first, last)) = ends {
            let moved = Moved { count: moves.moved, first, last };
            self.note(act_of(transition, moved), order)?;
        }
        Ok(moves)
    }

    /// Stages the audit entry of an act.
    pub(in crate::store) fn note(&mut self, act: Act, order: &Order) -> Result<(), StoreError> {
        let newest = self.operator.newest.as_ref();
        let joined = newest.and_then(|(key, entry)| Some((key.clone(), entry.joined(order, &act)?)));
        let (key, entry) = joined.unwrap_or_else(|| {
            let number = self.journal.number();
            (layout::audit(number), AuditEntry::new(number, order, act))
        });
        self.journal.replace(key.clone(), layout::encode("audit entry", &entry)?)?;
        self.follow(Effect::Operator(Change::Noted(key, entry)));
        Ok(())
    }

    /// Drops audit entries; one step of expiry.
    pub(in crate::store) fn drop_entries(&mut self, keys: &[Bytes]) -> Result<u64, StoreError> {
        for key in keys {
            self.journal.remove(key.clone())?;
        }
        Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
    }
}

fn refused(id: EventId, error: StoreError) -> IllegalMove {
    if let StoreError::Illegal(illegal) = error { illegal } else { IllegalMove { id, reason: error.to_string() } }
}

/// [`crate::store::Archive::audit`].
pub(in crate::store) fn audit(
    look: &dyn Look,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<AuditEntry>, StoreError> {
    let mut page = Page { items: Vec::new(), total: 0, more: false };
    // A look goes one way only; the entries are few and short.
    let entries: Vec<_> = look.with_prefix(&[layout::AUDIT]).collect::<Result<_, _>>()?;
    for (key, value) in entries.into_iter().rev() {
        page.total += 1;
        if after.is_some_and(|after| *key >= *layout::audit(after)) {
            continue;
        }
        if page.items.len() >= limit.min(PAGE_MAX) {
            page.more = true;
        } else if let Some(record) = lists::whole(look, &key, value)? {
            page.items.push(layout::decode("audit entry", &record)?);
        }
    }
    Ok(page)
}

/// Some of the oldest audit entries beyond the bound.
pub(in crate::store) fn surplus(look: &dyn Look, audit_max: usize) -> Result<Vec<Bytes>, StoreError> {
    let many = look.with_prefix(&[layout::AUDIT]).count();
    let surplus = many.saturating_sub(audit_max).min(lists::STEP_MAX);
    look.with_prefix(&[layout::AUDIT]).take(surplus).map(|entry| entry.map(|(key, _)| key)).collect()
}
