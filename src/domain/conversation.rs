//! A conversation: one customer on one line, and the bridge's knowledge of it.
//!
//! Two lanes work on one conversation at the same time, so a whole conversation is never written back. Each step hands
//! the store a list of [`Change`]s, and the store applies them to its current value.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::account::Ends;
use crate::domain::event::{CommentId, Customer, EventId, Sighting, TicketId, UserId};
use crate::domain::line::{Channel, Lines};
use crate::domain::reading::Reading;

mod change;
mod digest;
mod forwarded;
mod key;
mod learnt;
mod opening;
mod status;
mod subscription;
mod talk;
mod window;
mod wrote;

pub use change::{Change, TakenUp};
pub use digest::fingerprint;
pub use forwarded::Forwarded;
pub use key::ConversationKey;
pub use learnt::{channel_in, learnt_from};
pub use opening::Opening;
pub use status::TicketStatus;
pub use subscription::{Keyword, Subscription};
pub use talk::Talk;
pub use window::{Asked, Stand, Window};
pub use wrote::{WroteAt, WroteOn};

/// How long a text on the ticket that equals one of the bridge's own counts as an echo.
pub const ECHO_LIFE: Duration = Duration::from_secs(600);

/// The most own writes that are remembered: far more than one person texts in [`ECHO_LIFE`].
const OWN_WRITES_MAX: usize = 32;

/// The ticket of a conversation, as last heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// Its status then.
    pub status: TicketStatus,
    /// Since when it has that status, as far as the bridge knows.
    pub since: Timestamp,
    /// When the bridge last heard of it.
    pub seen_at: Timestamp,
    /// Whether the customer was told of this solution, which the desk may announce twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing_told: bool,
    /// The time of its last change that the vendor told, by the vendor's own clock. A ticket that has changed since has
    /// a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Timestamp>,
}

/// The most tickets whose forwarding a conversation remembers; older ones are solved long since.
const FORWARDED_TICKETS_MAX: usize = 8;

/// A text that the bridge is writing, or wrote, to the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnWrite {
    /// [`fingerprint`] of the text.
    pub fingerprint: String,
    /// When the bridge first set out to write it. An equal text from before is no echo.
    pub since: Timestamp,
    /// When it last set out to write it.
    pub at: Timestamp,
}

/// How long a desk knows an idempotency key: two hours, less some minutes by which the clocks may differ.
const IDEMPOTENCY_KEY_LIFE: SignedDuration = SignedDuration::from_mins(110);

/// The most former tickets that a conversation remembers.
const FORMER_TICKETS_MAX: usize = 4;

/// The most openings in doubt that a conversation remembers; each belongs to a text that was given up.
const OPENINGS_IN_DOUBT_MAX: usize = 8;

/// The bridge's knowledge of one customer on one line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its name.
    pub key: ConversationKey,
    /// The customer.
    pub customer: Customer,
    /// The line the customer writes to, where the carrier told.
    pub line: Option<String>,
    /// The channel that the customer wrote on last. Lines of one address share a conversation, and the channel tells
    /// which of them a reply goes out on.
    #[serde(default, skip_serializing_if = "Channel::is_sms")]
    pub channel: Channel,
    /// When they wrote on that line, and on that channel.
    #[serde(default, skip_serializing_if = "WroteAt::is_unknown")]
    pub wrote_at: WroteAt,
    /// The accounts between which it runs; all its tickets are the desk's.
    #[serde(default, skip_serializing_if = "Ends::are_first")]
    pub ends: Ends,
    /// The ticket it goes to now.
    pub ticket: Option<Ticket>,
    /// The tickets it was on before, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_tickets: Vec<TicketId>,
    /// The ticket that the bridge last set out to open, until the result is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
    /// The texts of earlier openings whose result was never learnt, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub openings_in_doubt: Vec<EventId>,
    /// The customer as a user of the desk.
    pub requester_id: Option<UserId>,
    /// The agents' comments that went to the phone, one entry a ticket, the latest last.
    pub forwarded: Vec<Forwarded>,
    /// Whether the customer may be texted.
    pub subscription: Subscription,
    /// When a keyword last told the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_at: Option<Timestamp>,
    /// Whether free text may go, on a channel with a window.
    #[serde(default, skip_serializing_if = "Window::is_unknown")]
    pub window: Window,
    /// The state of the carrier's talk, where it keeps talks.
    #[serde(default, skip_serializing_if = "Talk::is_unknown")]
    pub talk: Talk,
    /// Whether the last reply came with its text but without its comment's number (a recipe's trigger). Then the bridge
    /// cannot tell which of the ticket's comments went out.
    #[serde(default)]
    pub replies_unnumbered: bool,
    /// The bridge's own recent writes to the ticket, oldest first.
    pub own_writes: Vec<OwnWrite>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Conversation {
    /// The name of its line among these, where the configuration has the line.
    #[must_use]
    pub fn line_name<'a>(&self, lines: &'a Lines) -> Option<&'a str> {
        let line = lines.of(self.ends.carrier, self.line.as_deref(), self.channel)?;
        Some(&line.name)
    }

    /// A conversation with nothing known but its name.
    #[must_use]
    pub fn new(key: ConversationKey, ends: Ends, now: Timestamp) -> Self {
        Self {
            key,
            ends,
            customer: Customer::default(),
            line: None,
            channel: Channel::Sms,
            wrote_at: WroteAt::default(),
            ticket: None,
            former_tickets: Vec::new(),
            opening: None,
            openings_in_doubt: Vec::new(),
            requester_id: None,
            forwarded: Vec::new(),
            replies_unnumbered: false,
            subscription: Subscription::Unknown,
            subscription_at: None,
            window: Window::default(),
            talk: Talk::default(),
            own_writes: Vec::new(),
            updated_at: now,
        }
    }

    /// Takes in a change learnt at `now`.
    pub fn apply(&mut self, change: Change, now: Timestamp) {
        self.updated_at = now;
        self.hold_no_later_than(now);
        match change {
            Change::Customer(newer) => self.know(newer),
            Change::TalkMoved(there) => self.move_talk(&there),
            Change::WroteOn(told) => self.wrote_at.take((&mut self.line, &mut self.channel), told),
            Change::Requester(user) => self.requester_id = Some(user),
            Change::Ticket(id, status, since) => self.go_to(id, status, since, now),
            Change::TakenUp(taken) => self.take_up(&taken, now),
            Change::Stamp(id, at) => self.stamp(id, at),
            Change::Sighted(id, seen) => self.sight(id, &seen, now),
            Change::Opening(opening) => self.set_out(opening),
            Change::NotOpened => self.opening = None,
            Change::ClosingTold(id) => {
                if let Some(ticket) = self.ticket.as_mut().filter(|ticket| ticket.id == id) {
                    ticket.closing_told = true;
                }
            }
            Change::TicketGone(id) => self.ticket = self.ticket.take().filter(|ticket| ticket.id != id),
            Change::Status(id, status) => {
                if self.ticket.as_ref().is_some_and(|ticket| ticket.id == id) {
                    self.apply(Change::Ticket(id, status, now), now);
                }
            }
            Change::MayStandOn(id) => self.leave(id),
            Change::TicketLeft(id) => {
                if self.ticket.as_ref().is_some_and(|ticket| ticket.id == id) {
                    self.ticket = None;
                    self.leave(id);
                }
            }
            Change::Forwarded(ticket, up_to, comments) => {
                // Only the numbers of replies end the doubt; the comment that opened a ticket is no reply.
                self.replies_unnumbered &= comments.is_empty();
                self.forward(ticket, up_to, &comments);
            }
            Change::Inherited(theirs) => self.inherit(theirs),
            Change::OpenedInDoubt(event) => {
                self.openings_in_doubt.retain(|other| *other != event);
                self.opening = self.opening.take().filter(|opening| opening.event != event);
            }
            Change::Stands(ticket, comment) => {
                if self.forwarded_on(ticket).is_none() {
                    self.forward(ticket, comment, &[]);
                }
            }
            Change::OpenedWith(ticket, comment) => self.reading_of(ticket, |reading, _| reading.opened_with(comment)),
            Change::Commented(ticket, comment) => self.reading_of(ticket, |reading, _| reading.wrote(comment)),
            Change::Recounted(ticket, census) => self.reading_of(ticket, |reading, _| reading.recount(census)),
            Change::Read(ticket, shown) => self.reading_of(ticket, |reading, up_to| reading.read(&shown, up_to)),
            Change::RepliedUnnumbered => self.replies_unnumbered = true,
            Change::RepliesRead(ticket, at) => self.reading_of(ticket, |reading, _| reading.at = Some(at)),
            Change::Subscription(subscription, at) => self.subscribe(subscription, at),
            Change::SubscriptionAsked(subscription, asked_at) => {
                if self.subscription_at.is_none_or(|heard_at| heard_at <= asked_at) {
                    self.subscription = subscription;
                }
            }
            Change::Heard(at) => self.window.heard(at),
            Change::TalkOver(at) => self.talk.end(at),
            Change::JoinedInto(lasting) => self.talk.join(lasting),
            Change::Blocked(at) => self.talk.block(at),
            Change::Reached(at) => self.talk.reach(at),
            Change::Shut(at) => self.window.shut(at),
            Change::Asked => self.window.ask(now),
            Change::AskStands(stand) => self.window.asked(stand, now),
            Change::SolvedMeanwhile(ticket) => self.window.solved(ticket, now),
            Change::Wrote(fingerprint) => self.wrote(fingerprint, now),
        }
    }

    fn move_talk(&mut self, there: &Customer) {
        self.customer.update(there);
        self.talk.go_on();
    }

    fn know(&mut self, newer: Customer) {
        let is_moved = self.customer.thread.is_some() && newer.thread.is_some() && newer.thread != self.customer.thread;
        // A late text of a talk that has moved names the one of before, and its customer's ids there.
        let own = |newer| {
            if is_moved { Customer { thread: None, carrier_id: None, external_id: None, ..newer } } else { newer }
        };
        self.customer.update(&own(newer));
    }

    fn stamp(&mut self, id: TicketId, at: Timestamp) {
        if let Some(ticket) = self.ticket.as_mut().filter(|ticket| ticket.id == id) {
            ticket.stamp = ticket.stamp.max(Some(at));
        }
    }

    fn take_up(&mut self, taken: &TakenUp, now: Timestamp) {
        if self.ticket.as_ref().is_some_and(|current| current.seen_at > taken.asked_at) {
            self.requester_id = self.requester_id.or(taken.requester);
            return;
        }
        self.requester_id = taken.requester.or(self.requester_id);
        self.go_to(taken.ticket, taken.status, taken.since, now);
    }

    /// A time later than `now` came from a clock that was ahead. Left as it is, it would count for more than every fact until
    /// then.
    fn hold_no_later_than(&mut self, now: Timestamp) {
        self.subscription_at = self.subscription_at.map(|at| at.min(now));
        self.window.hold_no_later_than(now);
        self.talk.hold_no_later_than(now);
        self.wrote_at.hold_no_later_than(now);
    }

    /// Whether the customer may be texted. A block of their line counts as their word against it.
    #[must_use]
    pub fn takes_texts(&self) -> Subscription {
        if self.talk.is_blocked() { Subscription::Out } else { self.subscription }
    }

    /// A keyword came at this time. An end that was told late counts all the same: a text to a customer who wants none is the
    /// worse fault.
    fn subscribe(&mut self, subscription: Subscription, at: Timestamp) {
        let is_newest = self.subscription_at.is_none_or(|heard_at| heard_at <= at);
        if is_newest || subscription == Subscription::Out {
            self.subscription = subscription;
            self.subscription_at = self.subscription_at.max(Some(at));
        }
    }

    fn set_out(&mut self, opening: Opening) {
        let before = self.opening.replace(opening).map(|before| before.event);
        let current = self.opening.as_ref().map(|opening| opening.event);
        let Some(before) = before.filter(|before| Some(*before) != current) else { return };
        if self.openings_in_doubt.len() >= OPENINGS_IN_DOUBT_MAX {
            self.openings_in_doubt.remove(0);
        }
        self.openings_in_doubt.push(before);
    }

    /// The next text goes to this ticket, of this status.
    fn go_to(&mut self, id: TicketId, status: TicketStatus, since: Timestamp, now: Timestamp) {
        let same = self.ticket.as_ref().filter(|old| old.id == id && old.status == status);
        let since = same.map_or(since, |old| old.since.min(since));
        let closing_told = same.is_some_and(|old| old.closing_told);
        // Another status means a later change, whose time is not told here.
        let stamp = same.and_then(|old| old.stamp);
        if let Some(former) = self.ticket.as_ref().map(|old| old.id).filter(|old| *old != id) {
            self.leave(former);
        }
        self.ticket = Some(Ticket { id, status, since, seen_at: now, closing_told, stamp });
    }

    fn wrote(&mut self, fingerprint: String, now: Timestamp) {
        self.own_writes.retain(|write| is_recent(write.at, now));
        let known = self.own_writes.iter().position(|write| write.fingerprint == fingerprint);
        let since = known.map_or(now, |place| self.own_writes.remove(place).since);
        if self.own_writes.len() == OWN_WRITES_MAX {
            self.own_writes.remove(0);
        }
        self.own_writes.push(OwnWrite { fingerprint, since, at: now });
    }

    /// Whether a text that came back from the ticket at `at` is an echo of the bridge's own recent write.
    #[must_use]
    pub fn is_echo(&self, text: &str, at: Timestamp) -> bool {
        let fingerprint = fingerprint(text);
        let ours = |write: &OwnWrite| write.fingerprint == fingerprint && write.since <= at && is_recent(write.at, at);
        self.own_writes.iter().any(ours)
    }

    /// The tickets that the conversation has lately been on, the latest first.
    pub fn recent_tickets(&self) -> impl Iterator<Item = TicketId> + '_ {
        let current = self.ticket.iter().map(|ticket| ticket.id);
        current.chain(self.former_tickets.iter().rev().copied())
    }

    /// The ticket that an earlier attempt at this text set out to open, as long as the desk knows the key.
    #[must_use]
    pub fn opening_in_doubt(&self, event: EventId, now: Timestamp) -> Option<&Opening> {
        let is_known = |opening: &&Opening| now.duration_since(opening.at) < IDEMPOTENCY_KEY_LIFE;
        self.opening.as_ref().filter(|opening| opening.event == event).filter(is_known)
    }

    /// The texts whose opening of a ticket has no known result, the latest first.
    pub fn openings(&self) -> impl Iterator<Item = EventId> + '_ {
        let last = self.opening.iter().map(|opening| opening.event);
        last.chain(self.openings_in_doubt.iter().rev().copied())
    }

    /// The forwarding of this ticket; `None` for a ticket that the bridge never took up.
    #[must_use]
    pub fn forwarded_on(&self, ticket: TicketId) -> Option<&Forwarded> {
        self.forwarded.iter().find(|forwarded| forwarded.ticket_id == ticket)
    }

    /// Takes in the catch-up's view of the current ticket, unless the bridge has heard of that ticket since.
    fn sight(&mut self, ticket: TicketId, seen: &Sighting, now: Timestamp) {
        let is_newer = |current: &Ticket| current.id == ticket && seen.as_of >= current.seen_at;
        if let Some(status) = seen.status.filter(|_| self.ticket.as_ref().is_some_and(is_newer)) {
            self.apply(Change::Ticket(ticket, status, seen.updated_at), now);
            self.apply(Change::Stamp(ticket, seen.updated_at), now);
        }
    }

    /// Changes the reading of a ticket whose replies are forwarded. `change` also gets the last comment that is not
    /// new.
    fn reading_of(&mut self, ticket: TicketId, change: impl FnOnce(&mut Reading, CommentId)) {
        let forwarded = self.forwarded.iter_mut().find(|forwarded| forwarded.ticket_id == ticket);
        if let Some(Forwarded { reading, up_to, .. }) = forwarded {
            change(reading, *up_to);
        }
    }

    fn leave(&mut self, ticket: TicketId) {
        self.former_tickets.retain(|former| *former != ticket);
        if self.former_tickets.len() >= FORMER_TICKETS_MAX {
            self.former_tickets.remove(0);
        }
        self.former_tickets.push(ticket);
    }

    fn forward(&mut self, ticket_id: TicketId, up_to: CommentId, comments: &[CommentId]) {
        let mut forwarded = self.take_forwarded(ticket_id).unwrap_or_else(|| Forwarded::new(ticket_id, up_to));
        forwarded.add(up_to, comments);
        self.keep_forwarded(forwarded);
    }

    /// Takes over a ticket's replies from another conversation of the customer, which has read the ticket since.
    fn inherit(&mut self, mut theirs: Forwarded) {
        if let Some(own) = self.take_forwarded(theirs.ticket_id) {
            theirs.join(own);
        }
        self.keep_forwarded(theirs);
    }

    fn take_forwarded(&mut self, ticket: TicketId) -> Option<Forwarded> {
        let place = self.forwarded.iter().position(|forwarded| forwarded.ticket_id == ticket)?;
        Some(self.forwarded.remove(place))
    }

    fn keep_forwarded(&mut self, forwarded: Forwarded) {
        if self.forwarded.len() >= FORWARDED_TICKETS_MAX {
            self.forwarded.remove(0);
        }
        self.forwarded.push(forwarded);
    }
}

/// A conversation is full of personal data, so only its name is shown.
impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({})", self.key)
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) <= jiff::SignedDuration::try_from(ECHO_LIFE).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::forwarded::RECENT_COMMENTS_MAX;
    use super::*;
    use crate::domain::event::{CustomerText, Event, EventKind};
    use crate::domain::testing::customer_text;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn conversation() -> Conversation {
        Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(0))
    }

    #[test]
    fn a_talk_that_has_moved_stays_where_it_is_whatever_a_late_text_names() {
        let talk = |thread: &str, user: &str, phone: &str| Customer {
            thread: Some(thread.to_owned()),
            carrier_id: Some(user.to_owned()),
            phone: Some(phone.to_owned()),
            ..Customer::default()
        };
        let mut known = conversation();
        let mut after = |change| {
            known.apply(change, at(1));
            known.customer.clone()
        };
        assert_eq!(after(Change::Customer(talk("c1", "u1", "p1"))), talk("c1", "u1", "p1"));
        assert_eq!(after(Change::TalkMoved(talk("c2", "u2", "p1"))), talk("c2", "u2", "p1"));
        assert_eq!(
            after(Change::Customer(talk("c1", "u1", "p2"))),
            talk("c2", "u2", "p2"),
            "the carrier's id is found by"
        );
        assert_eq!(after(Change::Customer(talk("c2", "u3", "p2"))), talk("c2", "u3", "p2"));
    }

    #[test]
    fn a_time_from_a_clock_that_was_ahead_counts_for_no_more_than_now() {
        let (ahead, now) = (at(200_000), at(100));
        let mut known = conversation();
        known.apply(Change::Subscription(Subscription::Out, ahead), ahead);
        known.apply(Change::Heard(ahead), ahead);
        known.apply(Change::Asked, ahead);
        known.apply(Change::Subscription(Subscription::In, now), now);
        assert_eq!(known.subscription, Subscription::In, "a START after the clock was set right");
        known.apply(Change::Heard(at(101)), at(101));
        assert_eq!((known.window.heard_at, &known.window.asked), (Some(at(101)), &None), "an answer");
        known.apply(Change::Shut(at(102)), at(103));
        assert_eq!(known.window.heard_at, None);
    }

    #[test]
    fn a_text_opens_the_window_of_its_line_from_when_it_came_also_where_its_webhook_names_another_channel() {
        for (told, on, opens) in [
            ("sms", Channel::Sms, false),
            ("whatsapp", Channel::Whatsapp, true),
            ("sms", Channel::Whatsapp, true),
            ("", Channel::Whatsapp, true),
            ("whatsapp", Channel::Sms, true),
        ] {
            let text = CustomerText { channel: told.into(), ..customer_text() };
            let mut known = conversation();
            let event = Event { received_at: at(100), kind: EventKind::CustomerText(text) };
            learnt_from(&event, on).into_iter().for_each(|change| known.apply(change, at(900)));
            assert_eq!(known.window.heard_at, opens.then_some(at(100)), "{told} on {on}");
        }
    }

    #[test]
    fn a_keyword_that_is_told_late_opts_in_nobody_who_has_opted_out_since() {
        for (first, second, ends) in [
            ((Subscription::Out, 100), (Subscription::In, 50), Subscription::Out),
            ((Subscription::Out, 100), (Subscription::In, 100), Subscription::In),
            ((Subscription::In, 100), (Subscription::Out, 50), Subscription::Out),
        ] {
            let mut known = conversation();
            for (told, second) in [first, second] {
                known.apply(Change::Subscription(told, at(second)), at(900));
            }
            assert_eq!((known.subscription, known.subscription_at), (ends, Some(at(100))), "{first:?} {second:?}");
        }
    }

    #[test]
    fn an_echo_is_known_by_its_words_for_ten_minutes() {
        let mut conversation = conversation();
        conversation.apply(Change::Wrote(fingerprint("Hello  there\nyou")), at(100));
        assert!(conversation.is_echo("Hello there you", at(100)));
        assert!(conversation.is_echo(" Hello there you\n", at(700)));
        assert!(!conversation.is_echo("Hello there you", at(701)), "ten minutes are over");
        assert!(!conversation.is_echo("Hello there", at(100)), "other words");
        assert!(!conversation.is_echo("Hello there you", at(99)), "said before we did");
        conversation.apply(Change::Wrote(fingerprint("Hello there you")), at(650));
        assert!(
            conversation.is_echo("Hello there you", at(640)),
            "writing it again does not make the first time undone"
        );
    }

    #[test]
    fn an_opening_is_in_doubt_for_its_text_only_until_it_is_refused_or_the_desk_forgets_the_key() {
        let mut conversation = conversation();
        let id = |sequence| EventId { epoch: 1, sequence, sub: 0 };
        let opening = Opening { event: id(1), after: None, follows_up: false, at: at(0) };
        conversation.apply(Change::Opening(opening.clone()), at(0));
        assert_eq!(conversation.opening_in_doubt(id(1), at(6_599)), Some(&opening));
        assert_eq!(conversation.opening_in_doubt(id(2), at(1)), None, "another text");
        assert_eq!(conversation.opening_in_doubt(id(1), at(6_600)), None, "110 minutes");
        conversation.apply(Change::NotOpened, at(1));
        assert_eq!(conversation.opening_in_doubt(id(1), at(1)), None, "refused");
    }

    #[test]
    fn every_opening_of_which_nothing_was_learnt_is_remembered_until_its_ticket_is_found() {
        let mut conversation = conversation();
        let id = |sequence| EventId { epoch: 1, sequence, sub: 0 };
        let opening = |sequence| Opening { event: id(sequence), after: None, follows_up: false, at: at(0) };
        for sequence in [1, 1, 2, 3] {
            conversation.apply(Change::Opening(opening(sequence)), at(0));
        }
        conversation.apply(Change::NotOpened, at(0));
        assert_eq!(conversation.openings().collect::<Vec<_>>(), [id(2), id(1)], "the third has come about");
        conversation.apply(Change::Opening(opening(4)), at(0));
        conversation.apply(Change::OpenedInDoubt(id(1)), at(0));
        assert_eq!(conversation.openings().collect::<Vec<_>>(), [id(4), id(2)]);
        conversation.apply(Change::OpenedInDoubt(id(4)), at(0));
        for sequence in 10..99 {
            conversation.apply(Change::Opening(opening(sequence)), at(0));
        }
        assert_eq!(conversation.openings().count(), OPENINGS_IN_DOUBT_MAX + 1);
    }

    #[test]
    fn the_tickets_that_it_was_on_are_remembered_the_latest_first_and_bounded() {
        let mut conversation = conversation();
        for id in [1, 2, 1, 3, 3, 4, 5, 6, 7] {
            conversation.apply(Change::Ticket(TicketId(id), TicketStatus::Open, at(0)), at(0));
        }
        let recent: Vec<u64> = conversation.recent_tickets().map(|ticket| ticket.0).collect();
        assert_eq!(recent, [7, 6, 5, 4, 3]);
    }

    #[test]
    fn a_late_word_about_an_older_ticket_does_not_lead_back_to_it() {
        let mut conversation = conversation();
        conversation.apply(Change::Ticket(TicketId(2), TicketStatus::Open, at(0)), at(0));
        for (told, status) in [(1, TicketStatus::Open), (2, TicketStatus::Solved)] {
            conversation.apply(Change::Status(TicketId(told), TicketStatus::Solved), at(9));
            let ticket = conversation.ticket.as_ref().unwrap();
            assert_eq!((ticket.id, ticket.status), (TicketId(2), status), "told of {told}");
        }
    }

    #[test]
    fn a_read_that_was_overtaken_by_the_conversation_leads_nowhere() {
        let mut conversation = conversation();
        conversation.apply(Change::Ticket(TicketId(2), TicketStatus::Open, at(10)), at(10));
        conversation.apply(Change::Requester(UserId(2)), at(10));
        for (ticket, asked_at, expected) in [(1, 9, 2), (2, 9, 2), (3, 10, 3)] {
            let taken = TakenUp {
                ticket: TicketId(ticket),
                status: TicketStatus::Open,
                since: at(0),
                requester: Some(UserId(ticket)),
                asked_at: at(asked_at),
            };
            conversation.apply(Change::TakenUp(taken), at(10));
            let goes_to = conversation.ticket.as_ref().map(|ticket| ticket.id);
            let expected = (Some(TicketId(expected)), Some(UserId(expected)));
            assert_eq!((goes_to, conversation.requester_id), expected, "{ticket} asked for at {asked_at}");
        }
    }

    #[test]
    fn a_ticket_that_is_left_is_looked_at_for_what_was_written_on_it() {
        let mut conversation = conversation();
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(0)), at(0));
        conversation.apply(Change::TicketLeft(TicketId(2)), at(1));
        assert!(conversation.ticket.is_some(), "another ticket");
        conversation.apply(Change::TicketLeft(TicketId(1)), at(1));
        assert!(conversation.ticket.is_none());
        assert_eq!(conversation.recent_tickets().collect::<Vec<_>>(), [TicketId(1)]);
    }

    #[test]
    fn own_writes_are_bounded_and_the_oldest_go_first() {
        let mut conversation = conversation();
        for n in 0..100 {
            conversation.apply(Change::Wrote(fingerprint(&n.to_string())), at(n));
        }
        assert_eq!(conversation.own_writes.len(), OWN_WRITES_MAX);
        assert!(conversation.is_echo("99", at(99)));
        assert!(!conversation.is_echo("1", at(99)));
    }

    #[test]
    fn a_late_comment_is_told_from_one_that_went_out() {
        let mut conversation = conversation();
        let ticket = TicketId(7);
        assert!(conversation.forwarded_on(ticket).is_none());
        conversation.apply(Change::Forwarded(ticket, CommentId(10), vec![CommentId(8), CommentId(10)]), at(1));
        let forwarded = conversation.forwarded_on(ticket).unwrap();
        assert!(forwarded.covers(CommentId(8)) && forwarded.covers(CommentId(10)));
        assert!(!forwarded.covers(CommentId(9)), "became readable after 10 went out");
        assert!(!forwarded.covers(CommentId(11)));
    }

    #[test]
    fn what_was_forwarded_is_bounded_and_long_gone_comments_stay_covered() {
        let mut conversation = conversation();
        for n in 1..=200 {
            conversation.apply(Change::Forwarded(TicketId(7), CommentId(n), vec![CommentId(n)]), at(1));
        }
        for n in 1..=20 {
            conversation.apply(Change::Forwarded(TicketId(100 + n), CommentId(1), vec![]), at(1));
        }
        assert_eq!(conversation.forwarded.len(), FORWARDED_TICKETS_MAX);
        assert!(conversation.forwarded_on(TicketId(7)).is_none(), "the oldest ticket was forgotten");
        let mut one = Conversation::new(ConversationKey("c2".into()), Ends::FIRST, at(0));
        for n in 1..=200 {
            one.apply(Change::Forwarded(TicketId(7), CommentId(n), vec![CommentId(n)]), at(1));
        }
        let forwarded = one.forwarded_on(TicketId(7)).unwrap();
        assert_eq!(forwarded.recent.len(), RECENT_COMMENTS_MAX);
        assert!(forwarded.covers(CommentId(3)), "went out so long ago that it is forgotten");
    }

    #[test]
    fn a_look_teaches_what_is_newer_than_what_was_heard() {
        let mut conversation = conversation();
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(50)), at(50));
        let seen = |status, second| Sighting {
            status,
            updated_at: at(second),
            as_of: at(second),
            all_there_to: None,
            merged: false,
            heir: false,
        };
        for (ticket, status, second, why) in [
            (1, Some(TicketStatus::Solved), 49, "an index is behind what was heard"),
            (2, Some(TicketStatus::Solved), 60, "it is another ticket's"),
            (1, None, 60, "the look did not tell"),
        ] {
            let before = conversation.ticket.clone();
            conversation.apply(Change::Sighted(TicketId(ticket), seen(status, second)), at(70));
            assert_eq!(conversation.ticket, before, "{why}");
        }
        conversation.apply(Change::Sighted(TicketId(1), seen(Some(TicketStatus::Solved), 50)), at(70));
        let learnt = conversation.ticket.unwrap();
        assert_eq!((learnt.status, learnt.since, learnt.stamp), (TicketStatus::Solved, at(50), Some(at(50))));
        assert_eq!(learnt.seen_at, at(70));
    }

    #[test]
    fn the_vendors_own_time_of_a_change_is_kept_until_the_status_is_another() {
        let mut conversation = conversation();
        let stamp = |conversation: &Conversation| conversation.ticket.as_ref().and_then(|ticket| ticket.stamp);
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(50)), at(50));
        conversation.apply(Change::Stamp(TicketId(1), at(49)), at(50));
        conversation.apply(Change::Stamp(TicketId(1), at(48)), at(51));
        conversation.apply(Change::Stamp(TicketId(2), at(90)), at(51));
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(51)), at(51));
        assert_eq!(stamp(&conversation), Some(at(49)), "the latest of this ticket");
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Solved, at(52)), at(52));
        assert_eq!(stamp(&conversation), None, "an agent has changed it, nobody knows when");
    }

    #[test]
    fn a_conversation_of_an_earlier_version_is_read() {
        let mut conversation = conversation();
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(50)), at(50));
        conversation.apply(Change::Stands(TicketId(1), CommentId(5)), at(50));
        let mut stored = serde_json::to_value(&conversation).unwrap();
        assert!(stored["forwarded"][0].as_object_mut().unwrap().remove("reading").is_some());
        let read: Conversation = serde_json::from_value(stored).unwrap();
        assert_eq!(read, conversation);
        assert!(!read.forwarded_on(TicketId(1)).unwrap().reading.is_counted());
    }

    #[test]
    fn replies_without_a_number_are_remembered_until_one_has_a_number() {
        let mut conversation = conversation();
        conversation.apply(Change::RepliedUnnumbered, at(1));
        conversation.apply(Change::Forwarded(TicketId(1), CommentId(5), vec![]), at(2));
        assert!(conversation.replies_unnumbered, "a new ticket is no reply");
        conversation.apply(Change::Forwarded(TicketId(1), CommentId(6), vec![CommentId(6)]), at(3));
        assert!(!conversation.replies_unnumbered);
    }

    #[test]
    fn a_ticket_keeps_the_time_since_when_it_has_its_status() {
        let mut conversation = conversation();
        let since = |conversation: &Conversation| conversation.ticket.as_ref().map(|ticket| ticket.since);
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Solved, at(50)), at(50));
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Solved, at(90)), at(90));
        assert_eq!(since(&conversation), Some(at(50)), "still the same solving");
        conversation.apply(Change::Ticket(TicketId(1), TicketStatus::Open, at(95)), at(95));
        assert_eq!(since(&conversation), Some(at(95)));
        conversation.apply(Change::TicketGone(TicketId(2)), at(96));
        assert!(conversation.ticket.is_some(), "another ticket is gone, not this one");
        conversation.apply(Change::TicketGone(TicketId(1)), at(97));
        assert!(conversation.ticket.is_none());
    }
}
