//! Alarms as values: notices for the operator, gathered until they may be sent. Pure.
//!
//! One digest tells every notice, however many there are: a number and the newest few ids for lost deliveries, the
//! latest state for each destination. So a digest never grows, and its numbers leave nothing out.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::account::AccountId;
use crate::domain::event::{EventId, TicketId};
use crate::domain::retry::later;

/// How long the first notice waits for company, because a fault hits many deliveries within seconds.
pub const GATHER: Duration = Duration::from_secs(10);

/// The least time between two digests, because an operator who was called a minute ago is looking already.
pub const SPACING: Duration = Duration::from_secs(60);

/// The most ids of each kind that a digest names; the console lists the rest.
const IDS_MAX: usize = 5;

/// A reason to call the operator. No cause holds personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A delivery was given up.
    Dead(Left),
    /// A delivery stays unconfirmed until the operator decides.
    SetAside(Left),
    /// A vendor refuses the bridge.
    Paused {
        /// The vendor.
        account: AccountId,
        /// Why.
        cause: String,
    },
    /// A vendor takes calls again.
    Resumed {
        /// The vendor.
        account: AccountId,
    },
    /// A carrier's own platform opens tickets as well, so that the account's texts wait.
    AnsweredTwice {
        /// The carrier.
        account: AccountId,
        /// Why.
        cause: String,
    },
    /// The texts of a carrier go on.
    AnsweredAlone {
        /// The carrier.
        account: AccountId,
    },
    /// A carrier reports a customer's text of which no webhook came, so no agent sees it.
    NoWebhook,
    /// The deliveries that were given up or set aside before this start, whether or not an alarm told of them.
    Standing {
        /// Dead letters.
        dead: u64,
        /// Unconfirmed ones that were set aside.
        set_aside: u64,
    },
}

/// A delivery that is left to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The delivery.
    pub id: EventId,
    /// Its ticket, where that is known.
    pub ticket: Option<TicketId>,
    /// Why.
    pub cause: String,
}

/// Deliveries of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heap {
    count: u64,
    /// The newest few, in order.
    newest: Vec<Left>,
}

impl Heap {
    fn add(&mut self, left: Left) {
        self.count = self.count.saturating_add(1);
        self.newest.push(left);
        self.trim();
    }

    fn put_before(&mut self, older: Self) {
        self.count = self.count.saturating_add(older.count);
        self.newest.splice(0..0, older.newest);
        self.trim();
    }

    fn trim(&mut self) {
        let excess = self.newest.len().saturating_sub(IDS_MAX);
        self.newest.drain(..excess);
    }

    fn json(&self, kind: &str) -> Option<Value> {
        let Left { cause, .. } = self.newest.last()?;
        let ids: Vec<String> = self.newest.iter().map(|left| left.id.to_string()).collect();
        let mut tickets: Vec<TicketId> = self.newest.iter().filter_map(|left| left.ticket).collect();
        tickets.dedup();
        Some(json!({
            "kind": kind, "count": self.count, "event_ids": ids, "ticket_ids": tickets, "cause": cause,
        }))
    }

    /// The same in a sentence; `None` where there is nothing.
    fn text(&self, what: &str) -> Option<String> {
        let Left { id, ticket, cause } = self.newest.last()?;
        let ticket = ticket.map(|ticket| format!(", on ticket {ticket}")).unwrap_or_default();
        Some(match self.count {
            1 => format!("1 delivery was {what}: {id}{ticket}: {cause}."),
            many => format!("{many} deliveries were {what}; the newest is {id}{ticket}: {cause}."),
        })
    }

    /// The console's page for them: of the only one, or the list of all in this state.
    fn path(&self, state: &str) -> String {
        match self.newest.as_slice() {
            [only] if self.count == 1 => format!("/console/deliveries/{}", only.id),
            _ => format!("/console/deliveries?state={state}"),
        }
    }
}

/// The console's address, as the operator reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The address without a path behind it.
    base: String,
}

impl Console {
    /// The console at this address, with or without a slash at its end.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { base: url.trim_end_matches('/').to_owned() }
    }
}

/// The changes of one destination since the last digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Turn {
    /// The cause of its pause, if it was paused.
    paused: Option<String>,
    resumed: bool,
    /// The reason why its texts wait, if they began to.
    answered_twice: Option<String>,
    answered_alone: bool,
}

/// The content of one alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    dead: Heap,
    set_aside: Heap,
    turns: BTreeMap<AccountId, Turn>,
    /// The customers' texts of which no webhook came.
    without_webhook: u64,
    /// The dead letters and the deliveries set aside that stood at the start.
    stood: Option<(u64, u64)>,
}

impl Digest {
    fn add(&mut self, notice: Notice) {
        match notice {
            Notice::Dead(left) => self.dead.add(left),
            Notice::SetAside(left) => self.set_aside.add(left),
            Notice::Paused { account, cause } => {
                let turn = self.turns.entry(account).or_default();
                (turn.paused, turn.resumed) = (Some(cause), false);
            }
            Notice::Resumed { account } => self.turns.entry(account).or_default().resumed = true,
            Notice::AnsweredTwice { account, cause } => {
                let turn = self.turns.entry(account).or_default();
                (turn.answered_twice, turn.answered_alone) = (Some(cause), false);
            }
            Notice::AnsweredAlone { account } => self.turns.entry(account).or_default().answered_alone = true,
            Notice::NoWebhook => self.without_webhook = self.without_webhook.saturating_add(1),
            Notice::Standing { dead: 0, set_aside: 0 } => {}
            Notice::Standing { dead, set_aside } => self.stood = Some((dead, set_aside)),
        }
    }

    /// Puts an unsent digest back before the notices that came since.
    fn put_before(&mut self, older: Self) {
        self.dead.put_before(older.dead);
        self.set_aside.put_before(older.set_aside);
        for (account, turn) in older.turns {
            let newer = self.turns.entry(account).or_default();
            if newer.paused.is_none() {
                newer.paused = turn.paused;
                newer.resumed |= turn.resumed;
            }
            if newer.answered_twice.is_none() {
                newer.answered_twice = turn.answered_twice;
                newer.answered_alone |= turn.answered_alone;
            }
        }
        self.without_webhook = self.without_webhook.saturating_add(older.without_webhook);
        self.stood = self.stood.or(older.stood);
    }

    /// The body that is posted. `dead` and `unconfirmed` count the deliveries in these states at this moment; `console`
    /// is left out where it is unknown.
    #[must_use]
    pub fn json(&self, at: Timestamp, dead: u64, unconfirmed: u64, console: Option<&Console>) -> Value {
        let mut body = json!({
            "text": self.text(console),
            "source": "tandem",
            "at": at.strftime("%FT%TZ").to_string(),
            "alarms": self.alarms(),
            "deliveries": { "dead": dead, "unconfirmed": unconfirmed },
        });
        if let Some(Console { base }) = console {
            body["console_url"] = Value::from(format!("{base}{}", self.path()));
        }
        body
    }

    fn alarms(&self) -> Vec<Value> {
        let mut alarms = Vec::new();
        if let Some((dead, set_aside)) = self.stood {
            alarms.push(json!({ "kind": "standing", "dead": dead, "set_aside": set_aside }));
        }
        alarms.extend(self.dead.json("dead"));
        alarms.extend(self.set_aside.json("set_aside"));
        if self.without_webhook > 0 {
            alarms.push(json!({ "kind": "no_webhook", "count": self.without_webhook }));
        }
        for (account, turn) in &self.turns {
            let account = account.name();
            if let Some(cause) = &turn.paused {
                alarms.push(json!({ "kind": "paused", "destination": account, "cause": cause }));
            }
            if turn.resumed {
                alarms.push(json!({ "kind": "resumed", "destination": account }));
            }
            if let Some(cause) = &turn.answered_twice {
                alarms.push(json!({ "kind": "answered_twice", "destination": account, "cause": cause }));
            }
            if turn.answered_alone {
                alarms.push(json!({ "kind": "answered_alone", "destination": account }));
            }
        }
        alarms
    }

    /// The console's page for this digest: of its deliveries, where it tells of nothing else, or the overview.
    fn path(&self) -> String {
        let is_else = self.stood.is_some() || !self.turns.is_empty() || self.without_webhook > 0;
        match (self.dead.count, self.set_aside.count) {
            (1.., 0) if !is_else => self.dead.path("dead"),
            (0, 1..) if !is_else => self.set_aside.path("unconfirmed"),
            _ => "/console".to_owned(),
        }
    }

    /// The digest for people, in a few sentences.
    fn text(&self, console: Option<&Console>) -> String {
        let mut lines = Vec::new();
        if let Some((dead, set_aside)) = self.stood {
            lines.push(format!("At the start, {dead} given up and {set_aside} unconfirmed still stand."));
        }
        lines.extend(self.dead.text("given up"));
        lines.extend(self.set_aside.text("set aside as unconfirmed"));
        match self.without_webhook {
            0 => {}
            1 => lines.push("1 text of a customer came by no webhook: see tandem reports list.".to_owned()),
            many => lines.push(format!("{many} texts of customers came by no webhook: see tandem reports list.")),
        }
        for (account, turn) in &self.turns {
            let account = account.name();
            lines.extend(turn.paused.as_ref().map(|cause| format!("{account} refuses the bridge: {cause}.")));
            lines.extend(turn.answered_twice.as_ref().map(|cause| format!("The texts of {account} wait: {cause}.")));
            if turn.answered_alone {
                lines.push(format!("The texts of {account} go on."));
            }
            if turn.resumed {
                lines.push(format!("{account} takes calls again."));
            }
        }
        // Receivers make a link of it; a full stop behind it would be part of the address.
        lines.extend(console.map(|Console { base }| format!("{base}{}", self.path())));
        format!("tandem: {}", lines.join(" "))
    }
}

/// The notices to send, and the time to send them.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    gathered: Digest,
    due_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

impl Alarms {
    /// Takes a notice, to be sent after [`GATHER`], or when [`SPACING`] or a retry allows.
    pub fn note(&mut self, notice: Notice, now: Timestamp) {
        self.gathered.add(notice);
        if self.gathered != Digest::default() && self.due_at.is_none() {
            self.due_at = Some(later(now, GATHER).max(self.not_before.unwrap_or(Timestamp::MIN)));
        }
    }

    /// When to send the next digest; `None` when there is nothing to tell.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// All gathered notices as one digest. The caller reports back with [`Alarms::told`] or [`Alarms::failed`].
    #[must_use]
    pub fn take(&mut self) -> Digest {
        self.due_at = None;
        std::mem::take(&mut self.gathered)
    }

    /// The digest was sent.
    pub fn told(&mut self, now: Timestamp) {
        let next = later(now, SPACING);
        self.not_before = Some(next);
        self.due_at = self.due_at.map(|due_at| due_at.max(next));
    }

    /// The digest could not be sent. It is sent again at `retry_at`, with the notices that came since.
    pub fn failed(&mut self, untold: Digest, retry_at: Timestamp) {
        self.gathered.put_before(untold);
        self.not_before = Some(retry_at);
        self.due_at = Some(retry_at);
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::account::Ends;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn id(sequence: u64) -> EventId {
        EventId { epoch: 1, sequence, sub: 0 }
    }

    fn left(sequence: u64) -> Left {
        Left { id: id(sequence), ticket: Some(TicketId(7)), cause: format!("cause {sequence}") }
    }

    fn dead(sequence: u64) -> Notice {
        Notice::Dead(left(sequence))
    }

    #[test]
    fn a_thousand_dead_letters_are_one_alarm_with_a_number() {
        let mut alarms = Alarms::default();
        for sequence in 0..1000 {
            alarms.note(dead(sequence), at(i64::try_from(sequence / 100).unwrap()));
        }
        assert_eq!(alarms.due_at(), Some(at(10)), "ten seconds after the first");
        let body = alarms.take().json(at(10), 1000, 0, None);
        assert_eq!(body["alarms"][0]["count"], 1000);
        let newest: Vec<String> = (995..1000).map(|sequence| id(sequence).to_string()).collect();
        assert_eq!(body["alarms"][0]["event_ids"], json!(newest));
        assert_eq!(body["alarms"][0]["cause"], "cause 999");
        let text = format!("tandem: 1000 deliveries were given up; the newest is {}, on ticket 7: cause 999.", id(999));
        assert_eq!(body["text"], text);
        assert_eq!(alarms.due_at(), None);
    }

    #[test]
    fn the_next_alarm_is_a_minute_later_at_the_earliest() {
        let mut alarms = Alarms::default();
        alarms.note(dead(1), at(0));
        drop(alarms.take());
        // A notice while the first digest is on its way.
        alarms.note(dead(2), at(11));
        alarms.told(at(12));
        assert_eq!(alarms.due_at(), Some(at(72)));
        drop(alarms.take());
        alarms.told(at(72));
        alarms.note(dead(3), at(200));
        assert_eq!(alarms.due_at(), Some(at(210)));
    }

    #[test]
    fn what_was_not_told_is_told_with_what_came_since() {
        let mut alarms = Alarms::default();
        let paused = |cause: &str| Notice::Paused { account: Ends::FIRST.carrier, cause: cause.to_owned() };
        alarms.note(dead(1), at(0));
        alarms.note(paused("401"), at(1));
        alarms.note(Notice::NoWebhook, at(1));
        let untold = alarms.take();
        alarms.note(dead(2), at(12));
        alarms.note(Notice::Resumed { account: Ends::FIRST.carrier }, at(13));
        alarms.note(Notice::NoWebhook, at(13));
        alarms.failed(untold, at(40));
        assert_eq!(alarms.due_at(), Some(at(40)));
        let body = alarms.take().json(at(40), 2, 0, None);
        let kinds: Vec<&str> = body["alarms"].as_array().unwrap().iter().map(|a| a["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["dead", "no_webhook", "paused", "resumed"]);
        assert_eq!((&body["alarms"][0]["count"], &body["alarms"][1]["count"]), (&json!(2), &json!(2)));
        assert_eq!(body["alarms"][2]["cause"], "401");
        assert_eq!(body["alarms"][0]["event_ids"], json!([id(1).to_string(), id(2).to_string()]), "oldest first");
    }

    #[test]
    fn only_the_last_word_about_a_destination_counts() {
        let mut alarms = Alarms::default();
        let account = Ends::FIRST.desk;
        alarms.note(Notice::Paused { account, cause: "401".into() }, at(0));
        alarms.note(Notice::Resumed { account }, at(1));
        alarms.note(Notice::Paused { account, cause: "403".into() }, at(2));
        let body = alarms.take().json(at(10), 0, 0, None);
        assert_eq!(body["alarms"], json!([{"kind": "paused", "destination": "zendesk", "cause": "403"}]));
        assert_eq!(body["text"], "tandem: zendesk refuses the bridge: 403.");
    }

    #[test]
    fn texts_that_wait_for_a_responder_are_told_beside_a_pause_and_so_is_their_end() {
        let mut alarms = Alarms::default();
        let account = Ends::FIRST.carrier;
        alarms.note(Notice::Paused { account, cause: "401".into() }, at(0));
        alarms.note(Notice::AnsweredTwice { account, cause: "it is answered twice".into() }, at(1));
        let untold = alarms.take();
        alarms.note(Notice::AnsweredAlone { account }, at(2));
        alarms.failed(untold, at(40));
        let body = alarms.take().json(at(40), 0, 0, None);
        let kinds: Vec<&str> = body["alarms"].as_array().unwrap().iter().map(|a| a["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["paused", "answered_twice", "answered_alone"]);
        let text = "tandem: braze refuses the bridge: 401. The texts of braze wait: it is answered twice. The texts of braze go on.";
        assert_eq!(body["text"], text);
    }

    #[test]
    fn what_stands_at_the_start_is_told_and_nothing_is_when_nothing_does() {
        let mut alarms = Alarms::default();
        alarms.note(Notice::Standing { dead: 0, set_aside: 0 }, at(0));
        assert_eq!(alarms.due_at(), None);
        alarms.note(Notice::Standing { dead: 3, set_aside: 1 }, at(0));
        assert_eq!(alarms.due_at(), Some(at(10)));
        let body = alarms.take().json(at(10), 3, 1, None);
        assert_eq!(body["alarms"], json!([{"kind": "standing", "dead": 3, "set_aside": 1}]));
        assert_eq!(body["deliveries"], json!({"dead": 3, "unconfirmed": 1}));
    }

    #[test]
    fn an_alarm_names_the_ticket_and_leads_to_the_page_of_what_it_tells() {
        let console = Console::at("https://tandem.acme.example/");
        let told = |notices: &[Notice]| {
            let mut alarms = Alarms::default();
            notices.iter().for_each(|notice| alarms.note(notice.clone(), at(0)));
            let body = alarms.take().json(at(10), 0, 0, Some(&console));
            (body["text"].as_str().unwrap().to_owned(), body["console_url"].as_str().unwrap().to_owned())
        };
        let aside = Notice::SetAside(Left { ticket: None, ..left(3) });
        let base = "https://tandem.acme.example/console";
        for (notices, text, page) in [
            (
                &[dead(1)][..],
                format!("1 delivery was given up: {}, on ticket 7: cause 1.", id(1)),
                format!("{base}/deliveries/{}", id(1)),
            ),
            (
                &[dead(1), dead(2)],
                format!("2 deliveries were given up; the newest is {}, on ticket 7: cause 2.", id(2)),
                format!("{base}/deliveries?state=dead"),
            ),
            (
                std::slice::from_ref(&aside),
                format!("1 delivery was set aside as unconfirmed: {}: cause 3.", id(3)),
                format!("{base}/deliveries/{}", id(3)),
            ),
            (
                &[Notice::Standing { dead: 1, set_aside: 2 }],
                "At the start, 1 given up and 2 unconfirmed still stand.".to_owned(),
                base.to_owned(),
            ),
            (
                &[dead(1), Notice::NoWebhook, Notice::NoWebhook],
                format!(
                    "1 delivery was given up: {}, on ticket 7: cause 1. 2 texts of customers came by no webhook: see \
                     tandem reports list.",
                    id(1)
                ),
                base.to_owned(),
            ),
            (
                &[Notice::Resumed { account: Ends::FIRST.carrier }],
                "braze takes calls again.".to_owned(),
                base.to_owned(),
            ),
        ] {
            assert_eq!(told(notices), (format!("tandem: {text} {page}"), page));
        }
        let mut alarms = Alarms::default();
        [dead(1), dead(2), aside].into_iter().for_each(|notice| alarms.note(notice, at(0)));
        let body = alarms.take().json(at(10), 2, 1, None);
        assert_eq!(body["alarms"][0]["ticket_ids"], json!([7]));
        assert_eq!(body["alarms"][1]["ticket_ids"], json!([]));
        assert_eq!((&body["console_url"], &body["at"]), (&Value::Null, &json!("1970-01-01T00:00:10Z")));
    }
}
