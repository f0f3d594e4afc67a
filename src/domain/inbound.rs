//! The account of webhooks that came in: by endpoint, by name (a keyword category, an event of the desk) and by answer, each
//! with the time of the last one and the number since the start.
//!
//! It lets an operator tell a campaign that was never launched from a quiet day. It holds no customer's data: a name is
//! kept only where it looks like a word that the author of a campaign types. Its size is bounded, because names come
//! from outside. It never decides an answer.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, End, Ends};
use crate::domain::account_table::AccountTable;
use crate::domain::conversation::Keyword;
use crate::domain::event::EventKind;
use crate::domain::line::filled_in;

mod endpoint;

pub use crate::domain::line::GROUP_PLACEHOLDER;
pub use endpoint::{CATEGORIES, Door, EVENTS, Endpoint, Poster, posted_to};

/// The most names kept at one endpoint; further ones share [`OTHERS`].
const NAMES_MAX: usize = 64;

/// The most characters of a name.
const NAME_MAX_CHARS: usize = 40;

/// The most words of a name: a category has few, a sentence has more.
const NAME_MAX_WORDS: usize = 3;

/// The most digits in a name: a year fits, a telephone number does not.
const NAME_MAX_DIGITS: usize = 4;

/// The most characters of a line: a carrier's id has 36.
const LINE_MAX_CHARS: usize = 64;

/// How long a campaign with the placeholder is told after its last text. Another campaign of the same name may be right all
/// the time.
const MENDED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Characters of the longest telephone number, with dashes between its 15 digits.
const PHONE_MAX_CHARS: usize = 30;

/// The name shared by all names that are not kept.
pub const OTHERS: &str = "(others)";

/// The answer to a webhook that did not become a new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It repeated an earlier one.
    Duplicate,
    /// There was nothing to do.
    Ignored,
    /// Its body could not be read, and was kept.
    Quarantined,
    /// It was not accepted: the sender was not proven, or the body was too long or not whole.
    Refused,
    /// It could not be accepted at that moment; its sender repeats it.
    Unavailable,
}

impl Otherwise {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A count and a last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The number since the start of the bridge.
    pub count: u64,
    /// The last time, also before the start.
    pub last: Option<Timestamp>,
}

impl Seen {
    fn again(&mut self, at: Timestamp) {
        self.count += 1;
        self.last = Some(at);
    }

    /// The count in words. It leaves out the time before the start.
    #[must_use]
    pub fn times(self) -> String {
        match self.count {
            0 => "not since the start".to_owned(),
            1 => "once".to_owned(),
            many => format!("{many} times"),
        }
    }

    /// Whether a webhook came since the other account was drawn up. A restart of the bridge makes a count fall.
    fn is_newer_than(self, before: Self) -> bool {
        self.last != before.last && self.last.is_some() || self.count > before.count
    }
}

/// The webhooks of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// A keyword category of the carrier's, or an event of the desk's.
    pub name: String,
    /// The carrier's name of the line, where the campaign tells it.
    pub line: Option<String>,
    /// Its accepted webhooks.
    #[serde(flatten)]
    pub seen: Seen,
}

/// The webhooks with one other answer, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The answer.
    pub outcome: Otherwise,
    /// The reason, a fixed word of the program; empty where the answer says it all.
    pub reason: String,
    /// Their count and last time.
    #[serde(flatten)]
    pub seen: Seen,
}

impl Answered {
    /// The answer with its reason, for people: `refused: wrong token`.
    #[must_use]
    pub fn words(&self) -> String {
        match self.reason.as_str() {
            "" => self.outcome.name().to_owned(),
            reason => format!("{}: {}", self.outcome.name(), reason.replace('_', " ")),
        }
    }
}

/// The webhooks of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Since when its account is known. Stores of before tell none, because nothing went by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_since: Option<Timestamp>,
    /// Webhooks that became events.
    pub accepted: Seen,
    /// The accepted webhooks by name.
    pub names: Vec<Named>,
    /// All other webhooks.
    pub otherwise: Vec<Answered>,
}

impl At {
    fn new((endpoint, expected): (Endpoint, &[&str]), now: Timestamp) -> Self {
        let never = |name: &&str| Named { name: (*name).to_owned(), line: None, seen: Seen::default() };
        let names = expected.iter().map(never).collect();
        Self { endpoint, known_since: Some(now), accepted: Seen::default(), names, otherwise: Vec::new() }
    }

    /// Whether a webhook came here, with any answer.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.accepted.last.is_some() || !self.otherwise.is_empty()
    }

    /// The texts whose campaigns have the placeholder where the name of a line belongs, all as one. Those of a name are left
    /// out when they are a day old and a later one of that name told its line, because the campaign is mended.
    #[must_use]
    pub fn unfilled(&self, now: Timestamp) -> Option<Seen> {
        let has_placeholder = |named: &&Named| named.line.as_deref() == Some(GROUP_PLACEHOLDER);
        let is_mended = |unfilled: &Named| {
            let is_later = |named: &Named| {
                named.name == unfilled.name
                    && filled_in(named.line.as_deref()).is_some()
                    && named.seen.last > unfilled.seen.last
            };
            let is_old = unfilled.seen.last.is_some_and(|last| now.duration_since(last) > MENDED_AFTER);
            is_old && self.names.iter().any(is_later)
        };
        let came = self.names.iter().filter(|named| has_placeholder(named) && named.seen.last.is_some());
        let open = came.filter(|named| !is_mended(named)).map(|named| named.seen);
        open.reduce(|one, other| Seen { count: one.count + other.count, last: one.last.max(other.last) })
    }

    /// The index of a name, which is added where it is missing. The search copies no name.
    fn slot(&mut self, name: &str, line: Option<&str>) -> usize {
        let find = |names: &[Named], name: &str, line: Option<&str>| {
            names.iter().position(|named| named.name == name && named.line.as_deref() == line)
        };
        // A name that is kept fits.
        if let Some(slot) = find(&self.names, name, line) {
            return slot;
        }
        let (name, line) = (fit_name(name), line.map(fit_line));
        if let Some(slot) = find(&self.names, name, line) {
            return slot;
        }
        if self.names.len() < NAMES_MAX {
            self.names.push(Named { name: name.to_owned(), line: line.map(str::to_owned), seen: Seen::default() });
            return self.names.len() - 1;
        }
        let others = |named: &Named| named.name == OTHERS && named.line.is_none();
        self.names.iter().position(others).unwrap_or_else(|| {
            self.names.push(Named { name: OTHERS.to_owned(), line: None, seen: Seen::default() });
            self.names.len() - 1
        })
    }

    /// The names as they are shown: expected ones first, and no name as missing that came with a line.
    fn shown(&self) -> Self {
        let came = |name: &str| self.names.iter().any(|named| named.name == name && named.seen.last.is_some());
        let shown = self.names.iter().filter(|named| named.seen.last.is_some() || !came(&named.name));
        let mut names: Vec<Named> = shown.cloned().collect();
        // The account begins with the expected ones.
        names.sort_by_key(|named| self.names.iter().position(|first| first.name == named.name));
        Self { names, known_since: None, ..self.clone() }
    }
}

/// The index of a name in the account, kept until the store has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The time since which last times are kept: "never" means not since then.
    pub since: Timestamp,
    /// The time since which webhooks are counted: the start of the bridge.
    pub counting_since: Timestamp,
    /// The endpoints of all accounts.
    pub endpoints: Vec<At>,
}

/// A webhook that came since an earlier account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A webhook became an event, under this name or without one.
    Accepted(Endpoint, Option<Named>),
    /// A webhook got another answer.
    Otherwise(Endpoint, Answered),
}

impl Arrivals {
    /// An account that begins now, for the accounts of a configuration that names none.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let posters = [(End::Desk, &EVENTS[..]), (End::Carrier, &CATEGORIES)];
        let poster = |(end, expected)| (Ends::FIRST.at(end), Poster { end, expected });
        Self::of(&posters.map(poster).into(), now)
    }

    /// An account of the webhooks of these accounts that begins now.
    #[must_use]
    pub fn of(accounts: &BTreeMap<AccountId, Poster>, now: Timestamp) -> Self {
        let endpoints = endpoint::of_accounts(accounts).map(|at| At::new(at, now)).collect();
        Self { since: now, counting_since: now, endpoints }
    }

    /// The account of an earlier process, continued now for these accounts: last times stay, and counts begin at zero.
    #[must_use]
    pub fn resume(kept: Self, accounts: &BTreeMap<AccountId, Poster>, now: Timestamp) -> Self {
        let since = kept.since;
        let mut account = Self { since: kept.since, ..Self::of(accounts, now) };
        for kept in kept.endpoints {
            let Some(at) = account.at_mut(kept.endpoint) else { continue };
            at.known_since = Some(kept.known_since.unwrap_or(since));
            at.accepted.last = kept.accepted.last;
            for named in kept.names {
                let slot = at.slot(&named.name, named.line.as_deref());
                at.names.get_mut(slot).into_iter().for_each(|known| known.seen.last = named.seen.last);
            }
            at.otherwise = kept.otherwise;
            at.otherwise.iter_mut().for_each(|answered| answered.seen.count = 0);
        }
        account
    }

    /// The webhooks of an endpoint.
    #[must_use]
    pub fn at(&self, endpoint: impl Into<Endpoint>) -> Option<&At> {
        let endpoint = endpoint.into();
        self.endpoints.iter().find(|at| at.endpoint == endpoint)
    }

    /// Since when the account of an endpoint is known.
    #[must_use]
    pub fn known_since(&self, endpoint: Endpoint) -> Option<Timestamp> {
        self.at(endpoint)?.known_since
    }

    /// Whether it begins with an account that was not known before this time.
    #[must_use]
    pub fn has_new(&self, now: Timestamp) -> bool {
        self.endpoints.iter().any(|at| at.known_since == Some(now))
    }

    /// The index for an event's name, before the event goes to the store; `None` where it has no name here.
    pub fn slot(&mut self, endpoint: impl Into<Endpoint>, kind: &EventKind) -> Option<Slot> {
        let endpoint = endpoint.into();
        let (name, line) = name_of(endpoint.door, kind)?;
        self.at_mut(endpoint).map(|at| Slot(at.slot(name, line)))
    }

    /// A webhook became an event.
    pub fn accept(&mut self, endpoint: impl Into<Endpoint>, slot: Option<Slot>, at: Timestamp) {
        let Some(there) = self.at_mut(endpoint.into()) else { return };
        there.accepted.again(at);
        if let Some(named) = slot.and_then(|Slot(slot)| there.names.get_mut(slot)) {
            named.seen.again(at);
        }
    }

    /// A webhook got another answer. The reason is a fixed word of the program, so there are few.
    pub fn answer(&mut self, endpoint: impl Into<Endpoint>, outcome: Otherwise, reason: &'static str, at: Timestamp) {
        let Some(there) = self.at_mut(endpoint.into()) else { return };
        let is_it = |answered: &&mut Answered| answered.outcome == outcome && answered.reason == reason;
        if let Some(answered) = there.otherwise.iter_mut().find(is_it) {
            return answered.seen.again(at);
        }
        let seen = Seen { count: 1, last: Some(at) };
        there.otherwise.push(Answered { outcome, reason: reason.to_owned(), seen });
        there.otherwise.sort_by(|a, b| (a.outcome, &a.reason).cmp(&(b.outcome, &b.reason)));
    }

    /// Takes in an event of the store that an earlier process accepted. Its time is the last one, unless a later one is
    /// known.
    pub fn remember(&mut self, endpoint: impl Into<Endpoint>, kind: &EventKind, at: Timestamp) {
        let endpoint = endpoint.into();
        let slot = self.slot(endpoint, kind);
        self.since = self.since.min(at);
        let Some(there) = self.at_mut(endpoint) else { return };
        there.accepted.last = there.accepted.last.max(Some(at));
        if let Some(named) = slot.and_then(|Slot(slot)| there.names.get_mut(slot)) {
            named.seen.last = named.seen.last.max(Some(at));
        }
    }

    /// The carrier's names of the lines on which customers' texts have come in over this account.
    pub fn lines(&self, account: AccountId) -> impl Iterator<Item = &str> {
        let came = |named: &&Named| named.seen.last.is_some();
        self.endpoints
            .iter()
            .filter(move |at| at.endpoint.account == account)
            .flat_map(|at| &at.names)
            .filter(came)
            .filter_map(|named| filled_in(named.line.as_deref()))
    }

    /// When the last webhook of all endpoints became an event.
    #[must_use]
    pub fn last_accepted(&self) -> Option<Timestamp> {
        self.endpoints.iter().filter_map(|at| at.accepted.last).max()
    }

    /// The account as it is shown.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { endpoints: self.endpoints.iter().map(At::shown).collect(), ..self.clone() }
    }

    /// The webhooks since an earlier account was drawn up, endpoint by endpoint.
    #[must_use]
    pub fn news(&self, before: &Self) -> Vec<News> {
        self.endpoints.iter().flat_map(|at| news(at, before.at(at.endpoint))).collect()
    }

    fn at_mut(&mut self, endpoint: Endpoint) -> Option<&mut At> {
        self.endpoints.iter_mut().find(|at| at.endpoint == endpoint)
    }
}

fn news(at: &At, before: Option<&At>) -> Vec<News> {
    let known = |named: &Named| {
        let same = |known: &&Named| known.name == named.name && known.line == named.line;
        before.and_then(|before| before.names.iter().find(same)).map(|known| known.seen).unwrap_or_default()
    };
    let answered_before = |answered: &Answered| {
        let same = |known: &&Answered| known.outcome == answered.outcome && known.reason == answered.reason;
        before.and_then(|before| before.otherwise.iter().find(same)).map(|known| known.seen).unwrap_or_default()
    };
    let named = at.names.iter().filter(|named| named.seen.is_newer_than(known(named)));
    let mut news: Vec<News> = named.map(|named| News::Accepted(at.endpoint, Some(named.clone()))).collect();
    if news.is_empty() && at.accepted.is_newer_than(before.map(|before| before.accepted).unwrap_or_default()) {
        news.push(News::Accepted(at.endpoint, None));
    }
    let answered = at.otherwise.iter().filter(|answered| answered.seen.is_newer_than(answered_before(answered)));
    news.extend(answered.map(|answered| News::Otherwise(at.endpoint, answered.clone())));
    news
}

/// The name of an event at a door, and its line. The recipe's bodies tell neither.
fn name_of(door: Door, kind: &EventKind) -> Option<(&str, Option<&str>)> {
    match kind {
        EventKind::CustomerText(text) if door == Door::Carrier => {
            let name = match text.keyword {
                Some(Keyword::OptIn) => "opt_in",
                Some(Keyword::OptOut) => "opt_out",
                Some(Keyword::Help) => "help",
                None if text.category.eq_ignore_ascii_case("other") => "other",
                None => &text.category,
            };
            Some((name, text.line.as_deref()))
        }
        EventKind::AgentReply(_) | EventKind::PhoneText(_) if door == Door::Desk => Some(("agent_reply", None)),
        EventKind::TicketSolved(_) => Some(("ticket_solved", None)),
        EventKind::TicketReopened(_) => Some(("ticket_reopened", None)),
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::PhoneText(_)
        | EventKind::Template(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}

/// The name as it is kept. A template may have filled the field with a customer's data, so a name that does not look
/// like a word typed into a campaign is kept as [`OTHERS`].
fn fit_name(name: &str) -> &str {
    let is_fit = |c: char| c.is_alphanumeric() || " _-.&/()".contains(c);
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let is_short = name.chars().count() <= NAME_MAX_CHARS && name.split_whitespace().count() <= NAME_MAX_WORDS;
    if is_short && digits <= NAME_MAX_DIGITS && name.chars().all(is_fit) { name } else { OTHERS }
}

/// The same of a line. The id of a subscription group has letters, or more digits than a telephone number.
fn fit_line(line: &str) -> &str {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_id = line.len() > PHONE_MAX_CHARS || line.chars().any(|c| c.is_ascii_alphabetic());
    if line.chars().count() <= LINE_MAX_CHARS && is_id && line.chars().all(is_fit) { line } else { OTHERS }
}

/// Whether the account keeps a line by this name. Of a number it keeps none.
#[must_use]
pub fn tells_line(line: &str) -> bool {
    fit_line(line) != OTHERS
}

/// A campaign's body in which the placeholder of the printed sheet was left, in words.
#[must_use]
pub fn unfilled_group() -> String {
    format!("{GROUP_PLACEHOLDER} in place of the id of the subscription group")
}

/// The remedy for it, as a clause.
#[must_use]
pub fn remedy_of_unfilled_group(of: AccountTable) -> String {
    format!(
        "put the id into the body of the webhook campaigns, as {} --group ID prints it; until then their texts count as the \
         default line's",
        of.setup()
    )
}

/// The remedy for webhooks that were answered so, for every vendor, as a clause; `None` where none is needed.
#[must_use]
pub fn remedy(outcome: Otherwise, reason: &str) -> Option<&'static str> {
    match (outcome, reason) {
        (Otherwise::Refused, "stale" | "bad_timestamp") => Some(
            "see that this machine keeps its time by NTP; a request that was recorded and sent again looks the same",
        ),
        (Otherwise::Refused, "cut") => {
            Some("see what stands between the sender and the bridge: the body did not come whole and in time")
        }
        (Otherwise::Quarantined, _) => {
            Some("see tandem deliveries list --state quarantined for what is wrong with the body")
        }
        (Otherwise::Unavailable, _) => Some("see tandem healthcheck; the senders repeat it for minutes, not for hours"),
        (Otherwise::Duplicate | Otherwise::Ignored | Otherwise::Refused, _) => None,
    }
}

#[cfg(test)]
mod tests;
