//! Claim and record: handing the head of a lane to a worker, and recording the worker's verdict.

use jiff::{SignedDuration, Timestamp};
use tracing::error;

use crate::domain::account::{Direction, Ends, Route};
use crate::domain::address::Directory;
use crate::domain::answer::Answer;
use crate::domain::conversation::{Change, Conversation, ConversationKey, Window};
use crate::domain::delivery::{Delivery, State, Transition};
use crate::domain::event::{Event, EventId};
use crate::domain::kind::Track;
use crate::domain::lanes::{Gates, LaneName, Lease, Need, Position};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::{Core, Effect, Owed};
use crate::store::engine::layout;
use crate::store::engine::part::{Loaded, Scope, Want};
use crate::store::rules::claims::{Decision, decided, in_place_of, started};
use crate::store::rules::doubt;
use crate::store::rules::groups::{Group, heads_of, led_by};
use crate::store::rules::lanes::need_of;
use crate::store::rules::learning::{home, moved_home};
use crate::store::rules::window::head_put_forward;
use crate::store::{Claim, StoreError, Terms, Verdict, Work};

/// The most lanes that one request sets apart or moves: a few milliseconds of the writer's time.
const SET_APART_MAX: usize = 256;

/// How many times as many lanes are looked for in a shared store, where the heads of those found have needs that cannot be met.
const LOOK_FURTHER: usize = 4;

/// A claim whose records the caller still has to read, on the caller's time and not the writer's.
pub(in crate::store) struct RawClaim {
    route: Route,
    key: ConversationKey,
    ends: Ends,
    conversation: Option<Conversation>,
    work: Vec<(Delivery, Bytes)>,
    need: Need,
    not_before: Timestamp,
    fence: u64,
}

/// The head of a lane that may be handed out.
struct Head {
    lane: LaneName,
    delivery: Delivery,
    conversation: Option<Conversation>,
    need: Need,
}

impl RawClaim {
    fn read(self) -> Result<Claim, StoreError> {
        let read = |(delivery, record): (Delivery, Bytes)| {
            Ok(Work { delivery, event: layout::decode::<Event>("event", &record)? })
        };
        Ok(Claim {
            route: self.route,
            conversation: self.conversation,
            key: self.key,
            ends: self.ends,
            work: self.work.into_iter().map(read).collect::<Result<_, StoreError>>()?,
            need: self.need,
            not_before: self.not_before,
            fence: self.fence,
        })
    }
}

/// Reads the claims of one request. The lane of an event that cannot be read stays closed until its lease ends, and the other
/// claims are handed out: an error in their place would leave all of them without a holder.
pub(in crate::store) fn read_each(claims: Vec<RawClaim>) -> Result<Vec<Claim>, StoreError> {
    let mut read = Vec::with_capacity(claims.len());
    let mut failed = None;
    for claim in claims {
        let id = claim.work.first().map(|(head, _)| head.id);
        match claim.read() {
            Ok(claim) => read.push(claim),
            Err(error) => {
                error!(event_id = id.map(tracing::field::display), %error, "store.unreadable: a claimed delivery");
                failed.get_or_insert(error);
            }
        }
    }
    failed.filter(|_| read.is_empty()).map_or(Ok(read), Err)
}

/// A verdict, encoded for the writer.
#[derive(Clone)]
pub(in crate::store) struct EncodedVerdict {
    head: EventId,
    lane: LaneName,
    fence: u64,
    moves: Vec<(EventId, Transition)>,
    /// The window of the conversation when the claim was handed out.
    window: Window,
    parts_sent: Option<u32>,
    answer: Option<Answer>,
    changes: Vec<Change>,
    noted: Vec<EventId>,
    instead: Vec<Owed>,
    besides: Vec<Owed>,
    belongs_to: Option<ConversationKey>,
    ends: Option<Ends>,
}

impl EncodedVerdict {
    pub(in crate::store) fn new(claim: &Claim, verdict: Verdict) -> Result<Self, StoreError> {
        let head = claim.work.first().ok_or_else(|| StoreError::NotFound("work in this claim".into()))?;
        let born = |event| Owed::born_of(head.delivery.id, event);
        Ok(Self {
            head: head.delivery.id,
            lane: LaneName {
                direction: claim.route.direction,
                track: head.event.kind.name().traits().track,
                conversation: claim.key.clone(),
            },
            fence: claim.fence,
            moves: verdict.moves,
            window: claim.conversation.as_ref().map(|known| known.window.clone()).unwrap_or_default(),
            parts_sent: verdict.parts_sent,
            answer: verdict.answer,
            changes: verdict.changes,
            noted: verdict.noted,
            instead: verdict.instead.iter().map(born).collect::<Result<_, _>>()?,
            besides: verdict.besides.iter().map(born).collect::<Result<_, _>>()?,
            belongs_to: verdict.belongs_to,
            ends: verdict.ends,
        })
    }
}

impl Core {
    /// [`crate::store::Queue::claim`].
    pub(in crate::store) fn claim(
        &mut self,
        route: Route,
        now: Timestamp,
        mut terms: Terms,
        most: usize,
    ) -> Result<Vec<RawClaim>, StoreError> {
        let mut claims = Vec::new();
        let mut looked_for = most;
        let mut may_find_more = self.look_for(route, now, &terms.gates, looked_for);
        self.end_leases(now)?;
        if self.is_paused(route.account, now)? {
            return Ok(claims);
        }
        let mut steps = SET_APART_MAX;
        while claims.len() < most {
            let claim = match self.next_head(route, now, &terms.gates, &mut steps) {
                Ok(Some(head)) => {
                    terms.gates.begin(head.need);
                    self.begin(route, head, now, &terms)
                }
                Ok(None) if may_find_more && looked_for < SET_APART_MAX => {
                    looked_for = looked_for.saturating_mul(LOOK_FURTHER);
                    may_find_more = self.look_for(route, now, &terms.gates, looked_for);
                    continue;
                }
                Ok(None) => break,
                Err(error) => Err(error),
            };
            match claim {
                Ok(claim) => claims.push(claim),
                Err(error) if claims.is_empty() => return Err(error),
                // Those before it are handed out. The next request meets it first, and answers the error.
                Err(_) => {
                    self.forget();
                    break;
                }
            }
            // The lane is leased from here on, so the next head is another lane's.
            self.keep();
        }
        Ok(claims)
    }

    /// Claims the head of a lane, with the deliveries that go out with it.
    fn begin(&mut self, route: Route, found: Head, now: Timestamp, terms: &Terms) -> Result<RawClaim, StoreError> {
        let Head { lane, delivery: head_delivery, conversation, need } = found;
        let head = Position::of(head_delivery.id);
        let looking = matches!(head_delivery.state, State::Unconfirmed { .. });
        let mut work = vec![(head_delivery, self.event_record(head)?)];
        let members = self.groups.get(&head).cloned();
        self.prefetch(members.iter().flatten().copied());
        for position in members.iter().flatten() {
            work.push((self.waiting(*position)?, self.event_record(*position)?));
        }
        if lane.track == Track::Notes {
            self.merge_notes(&lane, &mut work, terms.merge_up_to)?;
        } else if members.is_none() {
            let ticket = conversation.as_ref().and_then(|known| known.ticket.as_ref()).map(|ticket| ticket.id);
            self.merge(&lane, &mut work, terms, ticket)?;
        }
        let positions: Vec<Position> = work.iter().map(|(delivery, _)| Position::of(delivery.id)).collect();
        if let Some(newly_merged) = positions.get(1..).filter(|members| !members.is_empty()) {
            self.follow(Effect::Group(head, newly_merged.to_vec()));
        }

        let lease = SignedDuration::try_from(self.limits.lease).unwrap_or(SignedDuration::MAX);
        let lease_until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        if !looking {
            let head_id = work.first().map_or(self.epochs.id(head), |(delivery, _)| delivery.id);
            let thread = conversation.as_ref().and_then(|known| known.customer.thread.as_deref());
            let course = ((terms.cut)(conversation.as_ref()), thread);
            for (before, _) in &mut work {
                if let Some(after) = started(before, head_id, lease_until, course, now)? {
                    self.write(before, &after)?;
                    (before.cut, before.threads) = (after.cut, after.threads);
                }
            }
        }
        let fence = self.next_fence();
        let until = self.limits.steady.now().saturating_add(self.limits.lease);
        self.follow(Effect::Lease(lane.clone(), Lease { fence, until, positions }));
        let not_before = self.epochs.not_before(head, now).max(self.ages_since.min(now));
        let ends = work.first().map_or(Ends::FIRST, |(head, _)| head.ends);
        Ok(RawClaim { route, key: lane.conversation, ends, conversation, work, need, not_before, fence })
    }

    /// Looks for the lanes to serve next, where not all are loaded. Tells whether looking for more of them may find some.
    fn look_for(&self, route: Route, now: Timestamp, gates: &Gates, many: usize) -> bool {
        let shut = || Need::ALL.into_iter().filter(|need| gates.is_shut(*need)).collect();
        match self.scope.answer(|| Want::Due(route, now, shut(), many)) {
            Some(Loaded::Due(found)) => found >= many,
            Some(_) | None => false,
        }
    }

    /// A number for a lease: no two have the same.
    fn next_fence(&mut self) -> u64 {
        if matches!(self.scope, Scope::Part(_)) {
            return self.journal.number();
        }
        self.fence += 1;
        self.fence
    }

    /// Ends overdue leases. A call by their workers may have happened, so their deliveries count as lost.
    fn end_leases(&mut self, now: Timestamp) -> Result<(), StoreError> {
        while let Some((lane, lease)) = self.lanes.loaded().overdue(self.limits.steady.now()) {
            for position in lease.positions {
                let before = self.waiting(position)?;
                if let Some(after) = doubt::lease_ended(&before, now)? {
                    self.write(&before, &after)?;
                }
            }
            self.follow(Effect::Release(lane, lease.fence));
            self.keep();
        }
        Ok(())
    }

    /// Takes back the leases of bridges that are gone. Each is named by its fence: one that its lane no longer has is over. A call
    /// that was under way may have happened.
    pub(in crate::store) fn take_back(&mut self, leases: &[(LaneName, u64)], now: Timestamp) -> Result<(), StoreError> {
        let length = SignedDuration::try_from(self.limits.lease).unwrap_or(SignedDuration::MAX);
        for (lane, fence) in leases {
            let held = self.lanes.at(lane).lease_of(lane).filter(|lease| lease.fence == *fence);
            let Some(Lease { positions, .. }) = held.cloned() else { continue };
            self.prefetch(positions.iter().copied());
            for position in positions {
                let Some(before) = self.find(position)? else { continue };
                if let Some(after) = doubt::bridge_stopped(&before, length, now)? {
                    self.write(&before, &after)?;
                }
            }
            self.follow(Effect::Release(lane.clone(), *fence));
            self.keep();
        }
        Ok(())
    }

    /// The next head to hand out. A lane under a provisional key whose ticket has become known first moves to its
    /// conversation, and one of a conversation that was joined into another to that one. Heads whose need cannot be met are
    /// set apart on the way. Each of these takes one of the request's `steps`.
    fn next_head(
        &mut self,
        route: Route,
        now: Timestamp,
        gates: &Gates,
        steps: &mut usize,
    ) -> Result<Option<Head>, StoreError> {
        while *steps > 0 {
            let Some((lane, head)) = self.lanes.loaded_mut().next(route, now, gates) else { return Ok(None) };
            let home = home(self, &lane.conversation)?;
            if home != lane.conversation {
                let given = self.waiting(head)?.ends;
                self.move_home(&lane, &home, self.ends_of(&home, given)?, &[], now)?;
                self.keep();
            } else if let Some(lasting) = self.goes_on_in(&lane)? {
                self.move_lane(&lane, &lasting.key, lasting.ends, &[])?;
                self.keep();
            } else {
                let (delivery, conversation) = (self.waiting(head)?, self.conversation(&lane.conversation)?);
                let need = need_of(&delivery, conversation.as_ref(), now);
                if !gates.is_shut(need) {
                    return Ok(Some(Head { lane, delivery, conversation, need }));
                }
                self.lanes.loaded_mut().set_apart(&lane, need);
            }
            *steps -= 1;
        }
        Ok(None)
    }

    /// [`crate::store::Queue::record`].
    pub(in crate::store) fn record(&mut self, verdict: EncodedVerdict, now: Timestamp) -> Result<(), StoreError> {
        let lease = self.lanes.at(&verdict.lane).lease_of(&verdict.lane).filter(|lease| lease.fence == verdict.fence);
        let positions = lease.ok_or(StoreError::StaleClaim(verdict.head))?.positions.clone();
        let key = match verdict.belongs_to {
            Some(key) => key,
            None => home(self, &verdict.lane.conversation)?,
        };
        self.prefetch(positions.iter().copied());
        let claimed: Vec<Delivery> =
            positions.iter().map(|position| self.waiting(*position)).collect::<Result<_, _>>()?;
        let of_claim = claimed.first().map_or(Ends::FIRST, |head| head.ends);
        let ends = self.ends_of(&key, verdict.ends.unwrap_or(of_claim))?;
        self.follow(Effect::Release(verdict.lane.clone(), verdict.fence));
        let decision = Decision {
            moves: verdict.moves,
            parts_sent: verdict.parts_sent,
            home: (key.clone(), ends),
            window: verdict.window,
        };
        let window = || Ok(self.conversation(&key)?.map(|known| known.window).unwrap_or_default());
        let decided = decided::<StoreError>(&claimed, decision, window, now)?;
        for (before, after) in claimed.iter().zip(&decided) {
            self.write(before, after)?;
        }
        let settled: Vec<Delivery> = decided.into_iter().filter(|delivery| delivery.state.is_settled()).collect();
        self.leave_groups(&settled)?;

        if key != verdict.lane.conversation {
            self.move_home(&verdict.lane, &key, ends, &positions, now)?;
        }
        if !verdict.changes.is_empty() {
            let before = self.conversation(&key)?;
            self.change(&key, before, ends, verdict.changes, now)?;
        }
        self.mark_noted(verdict.noted)?;
        if let Some(answer) = verdict.answer {
            self.keep_answer(Position::of(verdict.head), answer)?;
        }
        let head_accepted_at = claimed.first().map_or(now, |head| head.accepted_at);
        self.add_instead(verdict.head, verdict.instead, &key, ends, head_accepted_at)?;
        for owed in verdict.besides {
            let position = self.fresh_position();
            self.add(position, owed, key.clone(), ends, now, State::Pending)?;
        }
        Ok(())
    }

    /// Makes the text due that waits for its customer's answer at the head of their lane.
    pub(in crate::store) fn put_head_forward(
        &mut self,
        key: &ConversationKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let lane = LaneName::texts(Direction::ToCustomer, key.clone());
        let texts =
            self.lanes.at(&lane).behind(&lane, Position(0)).filter_map(|position| self.find(position).transpose());
        match head_put_forward(self.held(&lane), texts, now)? {
            Some((before, after)) => self.write(&before, &after),
            None => Ok(()),
        }
    }

    /// The deliveries of a lane on which a worker works.
    pub(in crate::store) fn held(&self, lane: &LaneName) -> &[Position] {
        self.lanes.at(lane).lease_of(lane).map_or(&[], |lease| &lease.positions)
    }

    /// Marks deliveries that a note on the ticket reports as not arrived. A dropped delivery needs no mark.
    pub(in crate::store) fn mark_noted(&mut self, about: impl IntoIterator<Item = EventId>) -> Result<(), StoreError> {
        for noted in about {
            if let Some(before) = self.find(Position::of(noted))?.filter(|found| found.id == noted) {
                self.write(&before, &Delivery { noted: true, ..before.clone() })?;
            }
        }
        Ok(())
    }

    /// Puts events in the place of the claimed one: same sequence, the next free subs, same lane.
    fn add_instead(
        &mut self,
        head: EventId,
        instead: Vec<Owed>,
        key: &ConversationKey,
        ends: Ends,
        accepted_at: Timestamp,
    ) -> Result<(), StoreError> {
        if instead.is_empty() {
            return Ok(());
        }
        // Only the holder of this lane adds to this sequence, so the committed keys are all.
        let place = Position::of(head);
        let mut last = place;
        for prefix in layout::POSITIONED {
            let key = self.journal.last_key(&layout::at_position(prefix, place)[..7])?;
            last = key.and_then(|key| layout::position_of(&key)).map_or(last, |position| position.max(last));
        }
        for (position, owed) in in_place_of(head, last, instead.len())?.into_iter().zip(instead) {
            self.add(position, owed, key.clone(), ends, accepted_at, State::Pending)?;
        }
        Ok(())
    }

    /// Moves everything under a provisional key to its conversation.
    fn move_home(
        &mut self,
        lane: &LaneName,
        key: &ConversationKey,
        ends: Ends,
        claimed: &[Position],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.move_lane(lane, key, ends, claimed)?;
        for other in LaneName::all(&lane.conversation).into_iter().filter(|other| other != lane) {
            // A lane that a worker holds moves at its next claim: see `next_head`.
            if self.held(&other).is_empty() {
                self.move_lane(&other, key, ends, &[])?;
            }
        }
        let (before, provisional) = (self.conversation(key)?, self.conversation(&lane.conversation)?);
        if let Some(provisional) = &provisional {
            self.drop_conversation(provisional)?;
        }
        let moved = moved_home(self, &lane.conversation, (key, ends), (before.as_ref(), provisional), now)?;
        if let Some(ticket) = moved.ticket {
            self.journal.put(layout::ticket(ticket), key.0.as_bytes().into());
        }
        self.keep_names(moved.names);
        self.change(key, before, ends, moved.facts, now)
    }

    /// Moves a lane's waiting deliveries to another conversation, in order; `done` are already written.
    pub(in crate::store) fn move_lane(
        &mut self,
        lane: &LaneName,
        key: &ConversationKey,
        ends: Ends,
        done: &[Position],
    ) -> Result<(), StoreError> {
        let positions = self.lanes.at(lane).positions(lane);
        self.prefetch(positions.iter().copied());
        for position in positions {
            if done.contains(&position) {
                continue;
            }
            let before = self.waiting(position)?;
            let after = Delivery { conversation: key.clone(), ends, ..before.clone() };
            self.write(&before, &after)?;
        }
        Ok(())
    }

    /// Takes settled deliveries out of their groups; when the head settled, the first of the others leads.
    pub(in crate::store) fn leave_groups(&mut self, settled: &[Delivery]) -> Result<(), StoreError> {
        let gone: Vec<Position> = settled.iter().map(|delivery| Position::of(delivery.id)).collect();
        for head in heads_of(settled) {
            let Some(group) = self.group(head) else { continue };
            self.follow(Effect::Group(head, Vec::new()));
            let Some(rest) = group.without(&gone) else { continue };
            if rest.head != head {
                let leader = self.waiting(rest.head)?.id;
                for position in rest.all() {
                    let before = self.waiting(position)?;
                    self.write(&before, &led_by(leader, &before))?;
                }
            }
            self.follow(Effect::Group(rest.head, rest.others));
        }
        Ok(())
    }

    /// The group that this delivery leads.
    pub(in crate::store) fn group(&self, head: Position) -> Option<Group> {
        self.groups.get(&head).map(|others| Group { head, others: others.clone() })
    }
}
