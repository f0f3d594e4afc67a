//! Takes in the customers' texts that no webhook brought, from the list of a carrier that has one. A carrier repeats a webhook for
//! some time only, and stops its webhooks altogether when too many have failed. Never decides where a text goes: a text
//! that is found here takes the same way as one that a webhook brought, under the same dedupe keys.
//!
//! A text is left to its webhook for a minute. The first look goes back as far as the desk's catch-up does, but never to a time
//! before the account was known, because texts of that time were answered elsewhere. The store keeps that time, and its
//! dedupe keys tell which of the texts since then are there. Of a time that the store has lost they tell nothing, so the
//! look begins at its end: texts of that time stand on their tickets, and would be written a second time.
//!
//! A carrier that keeps talks lists each by itself, so each talk that the store knows of the last month is asked for, the one
//! of the latest news first. A talk that the store does not know cannot be found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Clock;
use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Event, EventKind, Unreadable};
use crate::domain::inbound::{Door, Endpoint};
use crate::domain::line::{By, Channel, Lines};
use crate::domain::retry::before;
use crate::ports::{CameIn, Carrier, Failure, Illegible, Incoming, Look};
use crate::store::{Accepted, LostTime, Store, StoreError};

use super::Worker;
use super::talks::talks;

/// How much further back each look goes than the last one ended, because a list may lag and two clocks may differ.
const OVERLAP: Duration = Duration::from_secs(600);

/// How long a text is left to its webhook.
const LEFT_FOR: Duration = Duration::from_secs(60);

/// How far back a look goes at most: far less than dedupe keys are kept.
const BACK_MAX: Duration = Duration::from_secs(2 * 86_400);

/// How long after its last news a talk is asked for.
const TALK_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// How many talks in a row fail before the look ends: the carrier is in trouble, and not the talks.
const FAILED_MAX: usize = 3;

/// The talks whose lists could not be read, each with the time after which its texts are still to be looked for.
type Unread = BTreeMap<String, Timestamp>;

/// The looks for texts at one carrier.
pub(super) struct MissedTexts {
    store: Arc<dyn Store>,
    carrier: Arc<dyn Carrier>,
    account: AccountId,
    ends: Ends,
    lines: Arc<Lines>,
    clock: Clock,
    back: Duration,
}

/// The end of a look.
enum Looked {
    /// Everything is taken in up to this time.
    To(Timestamp),
    /// The next look has to cover the same time, because of this.
    Failed(String),
    /// The same of one talk alone.
    Unread(String),
    /// No call was made.
    PutOff,
    /// The carrier has no list.
    NoList,
}

impl MissedTexts {
    /// The looks at the carrier of this worker.
    pub(super) fn of(lead: &Worker) -> Self {
        Self {
            store: Arc::clone(&lead.store),
            carrier: Arc::clone(&lead.carrier),
            account: lead.ends.carrier,
            ends: lead.ends,
            lines: Arc::clone(&lead.lines),
            clock: lead.clock.clone(),
            back: lead.options.retry.give_up_after.min(BACK_MAX),
        }
    }

    /// Looks at once, and then each time that `every` has passed, until `stop`.
    pub(super) async fn run(&self, every: Duration, stop: &CancellationToken) {
        let (first, mut lost) = self.first().await;
        let (mut since, mut unread) = (first, Unread::new());
        let mut told = String::new();
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let is_paused = self.store.paused(self.account).is_some_and(|pause| !pause.has_ended(now));
            if !is_paused {
                since = self.no_further_back(since, &mut unread, now);
                let look = self.look_everywhere(since, &mut unread, now);
                let Some(looked) = stop.run_until_cancelled(look).await else { return };
                if matches!(looked, Looked::To(_) | Looked::Failed(_)) {
                    self.tell(lost.take());
                }
                match looked {
                    Looked::To(to) => (since, told) = (to.max(first), String::new()),
                    Looked::PutOff => {}
                    Looked::Failed(cause) | Looked::Unread(cause) if cause == told => {}
                    Looked::Failed(cause) | Looked::Unread(cause) => {
                        warn!(account = %self.account, "missed_texts.failed: {cause}; the next look covers the same time");
                        told = cause;
                    }
                    Looked::NoList => return stop.cancelled().await,
                }
            }
            let _ = stop.run_until_cancelled(self.clock.sleep(every)).await;
        }
    }

    /// The time after which the first look finds texts, and the lost time that it leaves out.
    async fn first(&self) -> (Timestamp, Option<LostTime>) {
        let now = self.clock.now();
        let back = before(now, self.back);
        let lost = self.store.lost_time().filter(|lost| lost.until > back);
        let back = lost.as_ref().map_or(back, |lost| lost.until);
        let endpoint = Endpoint { door: Door::Carrier, account: self.account };
        let kept = self.store.arrivals().await.unwrap_or_else(|error| {
            warn!(%error, "missed_texts.not_read: texts from before this start are not looked for");
            None
        });
        (back.max(kept.and_then(|kept| kept.known_since(endpoint)).unwrap_or(now)), lost)
    }

    /// Tells the operator of a lost time that no look covers.
    fn tell(&self, lost: Option<LostTime>) {
        if let Some(LostTime { since, until, .. }) = lost.filter(|lost| lost.doubted.is_some()) {
            warn!(
                account = %self.account,
                "missed_texts.lost_time: texts that came between {since} and {until} are not looked for: those that had \
                 arrived are on their tickets, and the store no longer knows which"
            );
        }
    }

    /// Where looks have failed for days, the time from which the next one begins: a text of before might be in the store, and
    /// its dedupe key forgotten.
    fn no_further_back(&self, since: Timestamp, unread: &mut Unread, now: Timestamp) -> Timestamp {
        let bound = before(now, BACK_MAX);
        unread.values_mut().for_each(|since| *since = bound.max(*since));
        if since < bound {
            warn!(
                account = %self.account,
                "missed_texts.left_out: texts that came between {since} and {bound} are not looked for any more, because no \
                 look has succeeded since"
            );
        }
        since.max(bound)
    }

    /// Takes in the texts after this time, from the carrier's list or from that of each known talk.
    async fn look_everywhere(&self, since: Timestamp, unread: &mut Unread, now: Timestamp) -> Looked {
        match self.lines.knows_by(self.account) {
            By::Id | By::Phone => self.look(since, None, now).await,
            By::Thread => self.look_in_talks(since, unread, now).await,
        }
    }

    /// A talk that cannot be read is left to the next look, and the others are not to wait for it. Those of before come last.
    async fn look_in_talks(&self, since: Timestamp, unread: &mut Unread, now: Timestamp) -> Looked {
        let talks = match self.talks(now).await {
            Ok(talks) => talks,
            Err(error) => return Looked::Failed(format!("the conversations could not be read: {error}")),
        };
        let (again, talks): (Vec<_>, Vec<_>) = talks.into_iter().partition(|talk| unread.contains_key(talk));
        unread.retain(|talk, _| again.contains(talk));
        let mut failed = 0;
        for talk in talks.into_iter().chain(again) {
            let known = unread.get(&talk).copied();
            match self.look(known.unwrap_or(since), Some(&talk), now).await {
                Looked::To(_) => {
                    failed = 0;
                    unread.remove(&talk);
                }
                Looked::Unread(cause) => {
                    failed += 1;
                    if failed >= FAILED_MAX && known.is_none() {
                        return Looked::Failed(cause);
                    }
                    if known.is_none() {
                        warn!(account = %self.account, "missed_texts.talk_not_read: {cause}; the next look covers the same time");
                        unread.insert(talk, since);
                    }
                }
                looked @ (Looked::Failed(_) | Looked::PutOff | Looked::NoList) => return looked,
            }
        }
        Looked::To(before(now, OVERLAP))
    }

    /// The talks of this carrier that have had news lately and are not over, the latest first.
    async fn talks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let since = before(now, TALK_LIFE);
        let lately = |known: Conversation| {
            let is_asked_for = known.updated_at >= since && !known.talk.is_over();
            known.customer.thread.filter(|_| is_asked_for).map(|talk| (known.updated_at, talk))
        };
        let mut known = talks(&*self.store, self.account, lately).await?;
        known.sort_unstable_by(|one, other| other.cmp(one));
        Ok(known.into_iter().map(|(_, talk)| talk).collect())
    }

    /// Takes in the texts after this time, all of them or those in a talk.
    async fn look(&self, mut since: Timestamp, talk: Option<&str>, now: Timestamp) -> Looked {
        loop {
            let look = Look { account: self.account, lines: &self.lines, since, talk };
            let CameIn { texts, until, unreadable, unread } = match self.carrier.texts_since(&look).await {
                Ok(Some(came_in)) => came_in,
                Ok(None) => return Looked::NoList,
                Err(Failure::Postpone { until, for_budget: true, .. }) if talk.is_some() => {
                    self.clock.sleep_until(until).await;
                    continue;
                }
                Err(Failure::Postpone { .. }) => return Looked::PutOff,
                // Another look would end so as well, and the other talks are not to wait for it.
                Err(Failure::GiveUp { cause } | Failure::NotFound { cause }) if talk.is_some() => {
                    warn!(account = %self.account, "missed_texts.talk_not_read: {cause}");
                    return Looked::To(before(now, OVERLAP));
                }
                Err(failure @ Failure::Pause { .. }) => return Looked::Failed(failure.cause().to_owned()),
                Err(failure) if talk.is_some() => return Looked::Unread(failure.cause().to_owned()),
                Err(failure) => return Looked::Failed(failure.cause().to_owned()),
            };
            if unreadable > 0 {
                warn!(account = %self.account, "missed_texts.unreadable: {unreadable} texts in the carrier's list");
            }
            if let Err(cause) = self.keep(unread, now).await {
                return Looked::Failed(cause);
            }
            match self.take_in(texts, now).await {
                Ok(0) => {}
                Ok(many) => warn!(
                    account = %self.account,
                    "missed_texts.taken_in: {many} texts came by no webhook; see whether the carrier still posts them"
                ),
                Err(cause) => return Looked::Failed(cause),
            }
            match until {
                Some(until) => since = until,
                None => return Looked::To(before(now, OVERLAP)),
            }
        }
    }

    /// Keeps for the operator the entries that cannot be read and are no longer left to their webhooks.
    async fn keep(&self, unread: Vec<Illegible>, now: Timestamp) -> Result<(), String> {
        for Illegible { cause, body, at, dedupe } in unread {
            if at > before(now, LEFT_FOR) {
                continue;
            }
            let posted = Unreadable {
                path: Endpoint { door: Door::Carrier, account: self.account }.path(),
                method: "POST".to_owned(),
                content_type: Some("application/json".to_owned()),
                body: STANDARD.encode(body),
            };
            let event = Event { received_at: now, kind: EventKind::Unreadable(posted) };
            match self.store.quarantine(event, self.ends.into(), cause, dedupe, now).await {
                Ok(Accepted::New(id)) => warn!(
                    account = %self.account,
                    event_id = %id,
                    "missed_texts.quarantined: a message in the carrier's list cannot be read and is kept for the operator"
                ),
                Ok(Accepted::Duplicate(_) | Accepted::Echo) => {}
                Err(error) => return Err(format!("a message could not be kept: {error}")),
            }
        }
        Ok(())
    }

    /// Takes in those that are no longer left to their webhooks; gives the number of new ones.
    async fn take_in(&self, texts: Vec<Incoming>, now: Timestamp) -> Result<usize, String> {
        let mut many = 0;
        for Incoming { text, at, dedupe } in texts {
            if at > before(now, LEFT_FOR) {
                break;
            }
            let channel = Channel::of_word(&text.channel).unwrap_or_default();
            let Some(place) = self.lines.place(self.account, text.told_line(), channel) else {
                warn!(account = %self.account, "missed_texts.no_line: a text in the carrier's list is on no line");
                continue;
            };
            let event = Event { received_at: at, kind: EventKind::CustomerText(text) };
            match self.store.accept(event, place, dedupe, now).await {
                Ok(Accepted::New(_)) => many += 1,
                Ok(Accepted::Duplicate(_) | Accepted::Echo) => {}
                Err(error) => return Err(format!("a text could not be stored: {error}")),
            }
        }
        Ok(many)
    }
}
