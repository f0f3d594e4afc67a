//! Reads the webhooks that a desk gave up on from its own log, and makes rings of them. It asks only while the rate
//! budget is not low, and does without where we may not look.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};
use url::Url;

use crate::domain::account::AccountId;
use crate::domain::event::{DedupeKey, Sighting};
use crate::domain::retry::before;
use crate::ports::desk::{Fate, Invocation, LostWebhook};
use crate::ports::{Desk, Failure};
use crate::telemetry::{Metrics, Readiness};

use super::ring::Ring;

/// How much further back each reading goes than the last one ended. A call may end minutes after it was made: 490
/// seconds is the longest on record.
const OVERLAP: Duration = Duration::from_secs(900);

/// The most bodies that are read in one look, one call each. The search finds most of their tickets in one call.
const BODIES_MAX: usize = 20;

/// The most calls whose body is still to be read. The search finds the tickets of the others.
const UNREAD_MAX: usize = 1000;

/// How long the circuit breaker counts as open after the last call that it stopped. On
/// record, calls were let out again after about a minute.
const BREAKER_HOLDS: SignedDuration = SignedDuration::from_mins(15);

/// The name of a desk's breaker in `/readyz`; that of a further desk has the account in front.
const NOTE: &str = "webhooks";

/// The known part of the log.
#[derive(Debug)]
pub(super) struct Log {
    readable: bool,
    told_missing: bool,
    /// Our webhooks; empty while none is known.
    webhooks: Vec<String>,
    /// The time up to which it was read.
    read_to: Timestamp,
    /// The calls that were given up in the stretch that is read again.
    known: HashSet<String>,
    /// The calls that were given up and whose body is still unread.
    unread: VecDeque<Invocation>,
    /// The rings for tickets that the log names; each stays until it is rung.
    pub(super) rings: Vec<Ring>,
}

impl Log {
    /// A log that is read from `since` on.
    pub(super) fn new(since: Timestamp) -> Self {
        Self {
            readable: true,
            told_missing: false,
            webhooks: Vec::new(),
            read_to: since,
            known: HashSet::new(),
            unread: VecDeque::new(),
            rings: Vec::new(),
        }
    }
}

/// The webhooks that one look at the log has found given up.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// The calls, oldest first.
    new: Vec<Invocation>,
    /// Whether more may have been given up.
    more: bool,
}

impl GivenUp {
    /// The time of the first call found.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.new.first().map(|call| call.at)
    }

    /// Reports them in one log line.
    pub(super) fn tell(&self, vendor: &str, caught_up: bool) {
        if let Some(account) = self.account(vendor, caught_up) {
            warn!(count = self.new.len(), "catch_up.given_up: {account}");
        }
    }

    fn account(&self, vendor: &str, caught_up: bool) -> Option<String> {
        let (from, to) = (self.oldest()?, self.new.last()?.at);
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for word in self.new.iter().filter_map(|call| call.fate.given_up()) {
            *states.entry(word).or_default() += 1;
        }
        let states: Vec<String> = states.into_iter().map(|(word, count)| format!("{word} ({count})")).collect();
        let (count, least) = (self.new.len(), if self.more { "at least " } else { "" });
        let end = if caught_up { "caught up with every ticket that changed" } else { "the next look goes on" };
        let states = states.join(", ");
        Some(format!("{vendor} gave up on {least}{count} webhooks between {from} and {to}: {states}; {end}"))
    }
}

/// Reads the log of one desk.
pub(super) struct LogReader {
    pub(super) account: AccountId,
    pub(super) desk: Arc<dyn Desk>,
    /// The bridge's own address, where it is known.
    pub(super) public_url: Option<Url>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Readiness>,
}

impl LogReader {
    /// Reads on from where the last reading ended.
    pub(super) async fn read(&self, log: &mut Log, now: Timestamp) -> GivenUp {
        let mut given_up = GivenUp::default();
        if !log.readable || self.desk.is_budget_low() {
            return given_up;
        }
        let read = match self.find_webhooks(log).await {
            Ok(()) => self.read_calls(log, &mut given_up, now).await,
            Err(failure) => Err(failure),
        };
        let read = match read {
            Ok(()) => self.read_bodies(log).await,
            Err(failure) => Err(failure),
        };
        match read {
            Ok(()) => {}
            // It was ours a while ago, and an operator has set it up anew since.
            Err(Failure::NotFound { .. }) => log.webhooks.clear(),
            Err(Failure::Forbid { cause, .. } | Failure::GiveUp { cause }) => {
                log.readable = false;
                let vendor = self.desk.vendor();
                info!("catch_up.log_closed: {cause}; {vendor}'s log of our webhooks is not read, the search goes on");
            }
            Err(_) => {}
        }
        given_up
    }

    /// Learns our webhooks once. Warns once when there is none.
    async fn find_webhooks(&self, log: &mut Log) -> Result<(), Failure> {
        let Some(address) = &self.public_url else {
            log.readable = false;
            let vendor = self.desk.vendor();
            info!("catch_up.log_unknown: without public_url none of {vendor}'s webhooks can be told for ours");
            return Ok(());
        };
        if log.webhooks.is_empty() {
            log.webhooks = self.desk.webhooks_to(address).await?;
            if log.webhooks.is_empty() && !log.told_missing {
                log.told_missing = true;
                let vendor = self.desk.vendor();
                warn!("catch_up.no_webhook: no webhook of {vendor} posts to {}", host_of(address));
            }
        }
        Ok(())
    }

    async fn read_calls(&self, log: &mut Log, given_up: &mut GivenUp, now: Timestamp) -> Result<(), Failure> {
        if log.webhooks.is_empty() {
            return Ok(());
        }
        let (mut calls, mut more) = (Vec::new(), false);
        for webhook in &log.webhooks {
            let found = self.desk.invocations(webhook, before(log.read_to, OVERLAP)).await?;
            // The log's times are whole seconds, so its order tells more.
            calls.extend(found.calls.into_iter().rev());
            more |= found.more;
        }
        calls.sort_by_key(|call| call.at);
        self.note_breaker(calls.last(), now);
        calls.retain(|call| call.fate.given_up().is_some());
        let ids = calls.iter().map(|call| call.id.clone()).collect();
        calls.retain(|call| !log.known.contains(&call.id));
        for word in calls.iter().filter_map(|call| call.fate.given_up()) {
            self.metrics.webhook_given_up(word);
        }
        (log.known, log.read_to) = (ids, now);
        log.unread.extend(calls.iter().cloned());
        let surplus = log.unread.len().saturating_sub(UNREAD_MAX);
        log.unread.drain(..surplus);
        *given_up = GivenUp { new: calls, more };
        Ok(())
    }

    /// Reads the bodies of the calls, oldest first. Where the log does not hold the bodies of calls that were never
    /// sent, no more of them are asked for.
    async fn read_bodies(&self, log: &mut Log) -> Result<(), Failure> {
        for _ in 0..BODIES_MAX {
            if self.desk.is_budget_low() {
                break;
            }
            let Some(call) = log.unread.front() else { break };
            let lost = self.desk.lost_webhook(call).await?;
            let Some(call) = log.unread.pop_front() else { break };
            match lost {
                Some(lost) => {
                    let comment = lost.comment_id.map(|comment| DedupeKey::Comment(lost.ticket_id, comment));
                    let keys = [DedupeKey::Invocation(call.id)].into_iter().chain(comment).collect();
                    let seen = Sighting {
                        status: None,
                        updated_at: call.at,
                        as_of: call.at,
                        all_there_to: None,
                        merged: false,
                        heir: false,
                    };
                    let LostWebhook { ticket_id, comment_id, requester_id } = lost;
                    log.rings.push(Ring { ticket_id, comment_id, requester_id, seen, keys });
                }
                None if is_broken(&call) => log.unread.retain(|call| !is_broken(call)),
                None => {}
            }
        }
        Ok(())
    }

    /// Shows the operator an open breaker, by the newest call of all.
    fn note_breaker(&self, newest: Option<&Invocation>, now: Timestamp) {
        let note = self.account.scoped(NOTE);
        match newest.filter(|call| is_broken(call) && now.duration_since(call.at) < BREAKER_HOLDS) {
            Some(call) => self.readiness.set_note(
                note,
                format!(
                    "{}'s circuit breaker is open ({}): it drops our webhooks; replies are late",
                    self.desk.vendor(),
                    call.at
                ),
            ),
            None => self.readiness.clear_note(&note),
        }
    }
}

fn is_broken(call: &Invocation) -> bool {
    matches!(call.fate, Fate::Withheld(_))
}

/// The address's host, because the whole address may hold a password.
fn host_of(address: &Url) -> &str {
    address.host_str().unwrap_or("public_url")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_said_in_one_line() {
        let call = |second: i64, fate| Invocation {
            webhook: "01W".to_owned(),
            id: second.to_string(),
            fate,
            at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        };
        let mut given_up = GivenUp::default();
        assert_eq!(given_up.account("Desk", true), None);
        given_up.new = vec![
            call(0, Fate::Withheld("circuit broken")),
            call(1, Fate::GivenUp("timeout")),
            call(60, Fate::Withheld("circuit broken")),
        ];
        assert_eq!(
            given_up.account("Desk", true).unwrap(),
            "Desk gave up on 3 webhooks between 2027-01-15T08:00:00Z and 2027-01-15T08:01:00Z: circuit broken (2), \
             timeout (1); caught up with every ticket that changed"
        );
        given_up.more = true;
        let account = given_up.account("Desk", false).unwrap();
        assert!(account.contains("at least 3 webhooks") && account.ends_with("the next look goes on"), "{account}");
    }
}
