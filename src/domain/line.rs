//! Lines: the numbers and senders of one brand's customers, each with the accounts that serve it and its settings. Pure;
//! never knows how a line came to be configured.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, Ends};

/// Stands in the printed campaigns for a carrier's name of a line, until a person puts the name in its place.
pub const GROUP_PLACEHOLDER: &str = "GROUP_ID";

/// The carrier's name of a line; `None` where the author of a campaign has left the placeholder in its place, which is no
/// name.
#[must_use]
pub fn filled_in(told: Option<&str>) -> Option<&str> {
    told.filter(|told| *told != GROUP_PLACEHOLDER)
}

/// Whether a carrier means one line by both names. A carrier's ids read the same in capital and in small letters.
#[must_use]
pub fn is_one_line(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// The kind of messages that a line carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text messages, also with pictures.
    #[default]
    Sms,
    /// WhatsApp.
    Whatsapp,
    /// RCS.
    Rcs,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 3] = [Self::Sms, Self::Whatsapp, Self::Rcs];

    /// The word in the configuration, webhooks, records and lists.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Rcs => "rcs",
        }
    }

    /// Whether free text goes on it only for some time after the customer's last message.
    #[must_use]
    pub const fn has_window(self) -> bool {
        matches!(self, Self::Whatsapp)
    }

    /// Whether it is the channel of records that tell none.
    #[must_use]
    pub const fn is_sms(&self) -> bool {
        matches!(self, Self::Sms)
    }

    /// The channel of this word, in any case.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word().eq_ignore_ascii_case(word.trim()))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The name by which a carrier knows customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// An id: the brand's own, or else the carrier's.
    #[default]
    Id,
    /// Their number, which is the carrier's id of them.
    Phone,
    /// The talk with them, which the carrier keeps under a name of its own. One talk is one conversation, on whichever of
    /// the carrier's lines the customer writes in it, and an answer goes on the line that they wrote on last.
    Thread,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name, for operators and metrics. It may change.
    pub name: String,
    /// The accounts that serve it.
    pub ends: Ends,
    /// The kind of its messages.
    pub channel: Channel,
    /// The carrier's own name for it, which never changes. `None` for the carrier's default line, which takes every
    /// event that names no configured line.
    pub address: Option<String>,
    /// The carrier's forms for messages on this line.
    pub forms: Forms,
    /// Whether a text that the channel cannot deliver goes out as a text message.
    pub sms_fallback: bool,
    /// How long after the customer's last message free text may go, on a channel with a window.
    pub window: Duration,
    /// How long an agent's text waits for the customer's answer to the template.
    pub template_wait: Duration,
    /// The settings of its tickets.
    pub tickets: TicketSettings,
    /// The language of notes to its agents; `None` for that of all lines.
    pub agent_language: Option<String>,
}

impl Line {
    /// How long after the customer's last message free text may go, where the configuration does not say.
    pub const WINDOW: Duration = Duration::from_secs(1430 * 60);

    /// How long an agent's text waits for the answer to the template, where the configuration does not say.
    pub const TEMPLATE_WAIT: Duration = Duration::from_secs(7 * 86_400);

    /// The name of a carrier's default line where the configuration does not describe it.
    #[must_use]
    pub fn default_name(carrier: AccountId) -> &'static str {
        if carrier == Ends::FIRST.carrier { "default" } else { carrier.name() }
    }

    /// Whether the carrier calls it so.
    #[must_use]
    pub fn is_at(&self, name: &str) -> bool {
        self.address.as_deref().is_some_and(|address| is_one_line(address, name))
    }

    /// The default line of a carrier, as it is where the configuration does not describe it.
    #[must_use]
    pub fn default_of(ends: Ends, forms: Forms) -> Self {
        Self {
            name: Self::default_name(ends.carrier).to_owned(),
            ends,
            channel: Channel::default(),
            address: None,
            forms,
            sms_fallback: true,
            window: Self::WINDOW,
            template_wait: Self::TEMPLATE_WAIT,
            tickets: TicketSettings::default(),
            agent_language: None,
        }
    }
}

/// The names of the carrier's forms in which messages go out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    /// For an agent's reply.
    pub agent_reply: String,
    /// For the closing text; without it none is sent.
    pub ticket_solved: Option<String>,
    /// For the request to write again, where the window is closed.
    pub template: Option<String>,
}

/// The settings of the tickets that a line opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketSettings {
    /// The brand.
    pub brand_id: Option<u64>,
    /// The group of agents.
    pub group_id: Option<u64>,
    /// The form.
    pub ticket_form_id: Option<u64>,
    /// Tags beside those of every text conversation.
    pub tags: Vec<String>,
}

/// The place of an event: the accounts that it belongs between, and the line among the carrier's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The accounts.
    pub ends: Ends,
    /// The line.
    pub line: OnLine,
    /// The channel of the line.
    pub channel: Channel,
}

/// The line of a customer's text, as far as it names the conversation ([`crate::domain::address`]). Lines of one
/// address, such as RCS beside SMS, share one conversation, because the carrier sends both from one sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnLine {
    /// The carrier's only line.
    #[default]
    Alone,
    /// The carrier's default line, beside lines of these addresses.
    Default(Arc<BTreeSet<String>>),
    /// The line of this address.
    At(String),
    /// The line of this address, or none, of a carrier whose talks are conversations, whatever the line.
    InThread(Option<String>),
}

/// The place of an event that is not of a line: a desk's, for example.
impl From<Ends> for Place {
    fn from(ends: Ends) -> Self {
        Self { ends, line: OnLine::Alone, channel: Channel::default() }
    }
}

/// All lines. Of the lines of one carrier, at most one is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    lines: Vec<Line>,
    /// The addresses of each carrier's lines.
    addresses: BTreeMap<AccountId, Arc<BTreeSet<String>>>,
    /// How carriers know customers, but for those that know ids.
    known_by: BTreeMap<AccountId, By>,
}

impl Lines {
    /// Lines in the order of the configuration.
    #[must_use]
    pub fn new(lines: Vec<Line>) -> Self {
        let mut addresses: BTreeMap<AccountId, BTreeSet<String>> = BTreeMap::new();
        for line in &lines {
            addresses.entry(line.ends.carrier).or_default().extend(line.address.clone());
        }
        let addresses = addresses.into_iter().map(|(carrier, known)| (carrier, Arc::new(known))).collect();
        Self { lines, addresses, known_by: BTreeMap::new() }
    }

    /// The same lines, where these carriers know customers so, and every other by ids.
    #[must_use]
    pub fn known_by(self, carriers: impl IntoIterator<Item = (AccountId, By)>) -> Self {
        Self { known_by: carriers.into_iter().collect(), ..self }
    }

    /// How a carrier knows customers.
    #[must_use]
    pub fn knows_by(&self, carrier: AccountId) -> By {
        self.known_by.get(&carrier).copied().unwrap_or_default()
    }

    /// The place of a customer's text that came over this carrier; `None` where it names no line that is configured and
    /// the carrier has no default line.
    #[must_use]
    pub fn place(&self, carrier: AccountId, address: Option<&str>, channel: Channel) -> Option<Place> {
        let line = self.of(carrier, address, channel)?;
        let beside = self.addresses.get(&carrier).filter(|beside| !beside.is_empty());
        let on = match (self.knows_by(carrier), &line.address, beside) {
            (By::Thread, address, _) => OnLine::InThread(address.clone()),
            (By::Id | By::Phone, Some(address), _) => OnLine::At(address.clone()),
            (By::Id | By::Phone, None, Some(beside)) => OnLine::Default(Arc::clone(beside)),
            (By::Id | By::Phone, None, None) => OnLine::Alone,
        };
        Some(Place { ends: line.ends, line: on, channel: line.channel })
    }

    /// The line of an event that came over this carrier: the one of its address, among several of one address the one of
    /// its channel, or else the carrier's default line.
    #[must_use]
    pub fn of(&self, carrier: AccountId, address: Option<&str>, channel: Channel) -> Option<&Line> {
        let at_address = || self.of_carrier(carrier).filter(|line| address.is_some_and(|address| line.is_at(address)));
        at_address()
            .find(|line| line.channel == channel)
            .or_else(|| at_address().next())
            .or_else(|| self.default_of(carrier))
    }

    /// The name of the line of this address, where the configuration has it.
    #[must_use]
    pub fn name_at(&self, carrier: AccountId, address: &str) -> Option<&str> {
        let mut at_address = self.of_carrier(carrier).filter(|line| line.is_at(address));
        at_address.next().map(|line| line.name.as_str())
    }

    /// The line of a conversation, for the texts to its customer: as [`Self::of`], but a text for a channel with a window
    /// never goes out by another channel.
    #[must_use]
    pub fn for_texts(&self, carrier: AccountId, address: Option<&str>, channel: Channel) -> Option<&Line> {
        self.of(carrier, address, channel).filter(|line| line.channel == channel || !channel.has_window())
    }

    /// The carrier's default line.
    #[must_use]
    pub fn default_of(&self, carrier: AccountId) -> Option<&Line> {
        self.of_carrier(carrier).find(|line| line.address.is_none())
    }

    /// The lines of one carrier.
    pub fn of_carrier(&self, carrier: AccountId) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.ends.carrier == carrier)
    }

    /// The first line whose tickets have this brand of a desk.
    #[must_use]
    pub fn of_brand(&self, desk: AccountId, brand: Option<u64>) -> Option<&Line> {
        self.lines.iter().find(|line| line.ends.desk == desk && brand.is_some() && line.tickets.brand_id == brand)
    }

    /// The accounts of an event that came from a desk and tells neither a conversation nor a line: those of the desk's
    /// first default line, or else of its first line.
    #[must_use]
    pub fn home_of(&self, desk: AccountId) -> Option<Ends> {
        let of_desk = || self.lines.iter().filter(|line| line.ends.desk == desk);
        of_desk().find(|line| line.address.is_none()).or_else(|| of_desk().next()).map(|line| line.ends)
    }

    /// The carrier whose customers a desk knows by their ids as they are: the kept one for as long as a line runs between
    /// the two, and else the one of [`Lines::home_of`].
    #[must_use]
    pub fn home_carrier(&self, desk: AccountId, kept: Option<AccountId>) -> Option<AccountId> {
        let runs = |carrier: &AccountId| self.pairs().contains(&Ends { desk, carrier: *carrier });
        kept.filter(runs).or_else(|| self.home_of(desk).map(|ends| ends.carrier))
    }

    /// All lines, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// Every pair of accounts between which some line runs.
    #[must_use]
    pub fn pairs(&self) -> BTreeSet<Ends> {
        self.lines.iter().map(|line| line.ends).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, address: Option<&str>, channel: Channel) -> Line {
        Line {
            name: name.to_owned(),
            channel,
            address: address.map(str::to_owned),
            ..Line::default_of(Ends::FIRST, Forms::default())
        }
    }

    #[test]
    fn the_kept_carrier_of_a_desk_stays_its_home_while_a_line_runs_between_the_two() {
        let further = Ends { carrier: "kept-carrier".parse().unwrap(), ..Ends::FIRST };
        let of = |ends| Line::default_of(ends, Forms::default());
        let desk = Ends::FIRST.desk;
        let both = Lines::new(vec![of(Ends::FIRST), of(further)]);
        assert_eq!(both.home_carrier(desk, Some(further.carrier)), Some(further.carrier));
        assert_eq!(both.home_carrier(desk, None), Some(Ends::FIRST.carrier));
        let renamed = Lines::new(vec![of(Ends::FIRST)]);
        assert_eq!(renamed.home_carrier(desk, Some(further.carrier)), Some(Ends::FIRST.carrier), "its line is gone");
    }

    #[test]
    fn a_carrier_that_keeps_talks_names_a_conversation_by_the_talk_and_not_by_the_line() {
        let lines = Lines::new(vec![
            line("default", None, Channel::Sms),
            line("uk", Some("g1"), Channel::Sms),
            line("chat", Some("g2"), Channel::Whatsapp),
        ]);
        let lines = lines.known_by([(Ends::FIRST.carrier, By::Thread)]);
        assert_eq!(lines.knows_by(Ends::FIRST.carrier), By::Thread);
        let place = |address, channel| {
            let place = lines.place(Ends::FIRST.carrier, address, channel).unwrap();
            (place.line, place.channel)
        };
        assert_eq!(place(Some("g2"), Channel::Sms), (OnLine::InThread(Some("g2".into())), Channel::Whatsapp));
        assert_eq!(place(Some("g1"), Channel::Sms), (OnLine::InThread(Some("g1".into())), Channel::Sms));
        assert_eq!(place(Some("g3"), Channel::Sms), (OnLine::InThread(None), Channel::Sms));
    }

    #[test]
    fn an_event_finds_its_line_by_address_then_channel_then_default() {
        let lines = Lines::new(vec![
            line("default", None, Channel::Sms),
            line("uk", Some("g1"), Channel::Sms),
            line("uk-rcs", Some("g1"), Channel::Rcs),
        ]);
        let found = |address, channel| lines.of(Ends::FIRST.carrier, address, channel).map(|line| line.name.as_str());
        assert_eq!(found(Some("g1"), Channel::Rcs), Some("uk-rcs"));
        assert_eq!(found(Some("g1"), Channel::Whatsapp), Some("uk"));
        assert_eq!(found(Some("g2"), Channel::Rcs), Some("default"));
        assert_eq!(found(None, Channel::Sms), Some("default"));
        assert_eq!(found(Some("G1"), Channel::Sms), Some("uk"), "a carrier's ids have no case");
        assert_eq!(lines.name_at(Ends::FIRST.carrier, "G1"), Some("uk"));
        let place = |address| lines.place(Ends::FIRST.carrier, address, Channel::Sms).map(|place| place.line);
        assert_eq!(place(Some("g1")), Some(OnLine::At("g1".into())));
        assert_eq!(place(Some("g2")), Some(OnLine::Default(Arc::new(["g1".to_owned()].into()))));
        let alone = Lines::new(vec![line("default", None, Channel::Sms)]);
        let place = alone.place(Ends::FIRST.carrier, Some("g1"), Channel::Sms);
        assert_eq!(place, Some(Ends::FIRST.into()), "a carrier with one line names conversations as before");
        let for_texts =
            |address, channel| lines.for_texts(Ends::FIRST.carrier, address, channel).map(|line| line.name.as_str());
        assert_eq!(for_texts(Some("g1"), Channel::Rcs), Some("uk-rcs"));
        assert_eq!(for_texts(Some("g2"), Channel::Rcs), Some("default"));
        assert_eq!(for_texts(Some("g2"), Channel::Whatsapp), None, "never by SMS");
        assert_eq!(lines.of(Ends::FIRST.desk, Some("g1"), Channel::Sms), None, "another account's lines are its own");
        assert_eq!(lines.pairs().len(), 1);
    }
}
