//! Operators: their identity, their orders, and the audit log's entries.
//!
//! Nothing here holds a customer's words, name, number or key, because the audit log outlives the customer's data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;
use crate::domain::conversation::{ConversationKey, fingerprint};
use crate::domain::event::EventId;

/// The longest [`Operator::by`], because it is a handle and not a sentence.
pub const NAME_CHARS_MAX: usize = 64;

/// The way an operator came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// With a token, at the API.
    Token,
    /// From this machine, where no token is configured.
    Loopback,
    /// Through the console, signed in with a token.
    Console,
    /// Through the console, signed in at the identity provider.
    Oidc,
    /// The bridge itself: a pause came to the end that an operator gave it.
    Bridge,
}

impl Access {
    /// The name of the way, in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Loopback => "loopback",
            Self::Console => "console",
            Self::Oidc => "oidc",
            Self::Bridge => "bridge",
        }
    }
}

/// The operator who acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// How they came in.
    pub access: Access,
    /// The operator's handle ([`handle`]).
    pub by: Option<String>,
    /// Whether a personal token or the identity provider proved the handle. Otherwise it is the operator's own word.
    #[serde(default, rename = "proven", skip_serializing_if = "std::ops::Not::not")]
    pub is_proven: bool,
}

impl Operator {
    /// An operator who gave this handle, or none, without proof.
    #[must_use]
    pub fn claiming(access: Access, by: Option<String>) -> Self {
        Self { access, by, is_proven: false }
    }

    /// An operator who presented a personal token.
    #[must_use]
    pub fn proven(access: Access, name: &str) -> Self {
        Self { access, by: Some(name.to_owned()), is_proven: true }
    }
}

/// The handle as it may be kept and logged: up to [`NAME_CHARS_MAX`] letters, digits and `.` `_` `-`, so that no
/// sentence, telephone number or e-mail address fits in. `None` for any other text.
#[must_use]
pub fn handle(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphabetic() || c.is_ascii_digit() || "._-".contains(c);
    let good = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(fits);
    // A handle has a letter: a telephone number has none.
    (good && name.contains(|c: char| c.is_ascii_alphabetic())).then(|| name.to_owned())
}

/// An order of an operator, or of the bridge itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The operator who gave it.
    pub operator: Operator,
    /// When this step of it was asked for.
    pub given_at: Timestamp,
    /// For an order over many deliveries: it covers those accepted by then. All its steps share this time.
    pub accepted_by: Option<Timestamp>,
}

/// The act that an entry records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Act {
    /// Deliveries were put back.
    Redrive(Moved),
    /// Deliveries were dropped.
    Discard(Moved),
    /// Deliveries of unknown fate were found to have arrived.
    Settle(Moved),
    /// A customer was forgotten.
    Forget {
        /// [`digest`] of the named key, which only a reader who knows the key can recognise.
        conversation: String,
        /// How many deliveries were erased.
        count: u64,
    },
    /// A destination gets no more calls. The reason is left out, because people write names into reasons.
    Pause {
        /// The destination.
        #[serde(rename = "destination")]
        account: AccountId,
        /// When it ends by itself; `None` where only an operator ends it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A destination gets calls again.
    Resume {
        /// The destination.
        #[serde(rename = "destination")]
        account: AccountId,
    },
    /// An operator was shown the text of one event.
    Reveal {
        /// The event.
        event: EventId,
    },
    /// An operator was shown the vendor's answers to the failed attempts of one delivery.
    RevealAnswers {
        /// The delivery's event.
        event: EventId,
    },
    /// An operator was shown the texts of a conversation.
    Read {
        /// [`digest`] of its key.
        conversation: String,
    },
    /// An operator was shown the whole telephone number of a customer.
    RevealPhone {
        /// [`digest`] of the conversation's key.
        conversation: String,
    },
}

/// The deliveries that one order moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// How many.
    pub count: u64,
    /// The oldest of them.
    pub first: EventId,
    /// The newest of them.
    pub last: EventId,
}

impl Act {
    /// The name of the act, in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Redrive(_) => "redrive",
            Self::Discard(_) => "discard",
            Self::Settle(_) => "settle",
            Self::Forget { .. } => "forget",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Reveal { .. } => "reveal",
            Self::RevealAnswers { .. } => "reveal_answers",
            Self::Read { .. } => "read",
            Self::RevealPhone { .. } => "reveal_phone",
        }
    }
}

/// An entry of the audit log: one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Grows from entry to entry, with gaps.
    pub number: u64,
    /// When the order was given.
    pub at: Timestamp,
    /// For an order over many deliveries: it covered those accepted by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<Timestamp>,
    /// The operator who gave it.
    #[serde(flatten)]
    pub operator: Operator,
    /// The act.
    #[serde(flatten)]
    pub act: Act,
}

impl AuditEntry {
    /// The entry of an order after it was carried out, or after its first step.
    #[must_use]
    pub fn new(number: u64, order: &Order, act: Act) -> Self {
        Self { number, at: order.given_at, accepted_by: order.accepted_by, operator: order.operator.clone(), act }
    }

    /// The entry with a further step of the same order joined; `None` for another order.
    #[must_use]
    pub fn joined(&self, order: &Order, act: &Act) -> Option<Self> {
        let same_time = self.accepted_by.is_some() || self.at == order.given_at;
        if self.accepted_by != order.accepted_by || !same_time || self.operator != order.operator {
            return None;
        }
        let both = |before: &Moved, more: &Moved| Moved {
            count: before.count + more.count,
            first: before.first.min(more.first),
            last: before.last.max(more.last),
        };
        let act = match (&self.act, act) {
            (Act::Redrive(before), Act::Redrive(more)) => Act::Redrive(both(before, more)),
            (Act::Discard(before), Act::Discard(more)) => Act::Discard(both(before, more)),
            (Act::Forget { conversation, count }, Act::Forget { conversation: same, count: more })
                if conversation == same =>
            {
                Act::Forget { conversation: conversation.clone(), count: count + more }
            }
            _ => return None,
        };
        Some(Self { act, ..self.clone() })
    }
}

/// An operator's pause of a destination, during which it gets no calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// The operator who began it, or who last changed its reason or its end.
    #[serde(flatten)]
    pub operator: Operator,
    /// Why, in up to [`PAUSE_REASON_MAX_CHARS`]; kept as long as the pause lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends by itself; `None` where only an operator ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The longest reason of a pause, in characters.
pub const PAUSE_REASON_MAX_CHARS: usize = 200;

/// The reason and the end that an operator gives a pause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PauseTerms {
    /// Why; `None` where a program gave none.
    pub reason: Option<String>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// The pause that this order begins.
    #[must_use]
    pub fn new(order: &Order, terms: PauseTerms) -> Self {
        let PauseTerms { reason, until } = terms;
        Self { since: order.given_at, operator: order.operator.clone(), reason, until }
    }

    /// The pause with the terms of this order; `None` where they are the same.
    ///
    /// An order without terms pauses until an operator resumes: it removes the end and keeps the reason.
    #[must_use]
    pub fn changed(&self, order: &Order, terms: PauseTerms) -> Option<Self> {
        let reason = if terms == PauseTerms::default() { self.reason.clone() } else { terms.reason };
        let new = Self { since: self.since, ..Self::new(order, PauseTerms { reason, until: terms.until }) };
        let is_same = new.reason == self.reason && new.until == self.until;
        (!is_same).then_some(new)
    }

    /// Whether the pause has come to its end.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Customers' data that an operator was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// One event.
    Event(EventId),
    /// The vendor's answers to the failed attempts of one delivery, which may repeat its event.
    Answers(EventId),
    /// A whole conversation.
    Conversation(ConversationKey),
    /// The telephone number of a conversation's customer.
    Phone(ConversationKey),
}

impl Seen {
    /// The act that the audit log keeps of it.
    #[must_use]
    pub fn act(&self) -> Act {
        match self {
            Self::Event(event) => Act::Reveal { event: *event },
            Self::Answers(event) => Act::RevealAnswers { event: *event },
            Self::Conversation(key) => Act::Read { conversation: digest(key) },
            Self::Phone(key) => Act::RevealPhone { conversation: digest(key) },
        }
    }
}

/// Stands for a conversation's key where the key itself must not be kept.
#[must_use]
pub fn digest(key: &ConversationKey) -> String {
    format!("sha256:{}", fingerprint(&key.0))
}

/// A customer's identifiers, to find the customer in an unreadable body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers(Vec<Identifier>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identifier {
    word: String,
    /// Whether it is unique among the customers of one carrier only.
    is_id: bool,
}

/// The sender of a body in which a customer is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The customer's carrier, or one that is not known.
    Carrier,
    /// A desk, which several carriers may share.
    Desk {
        /// The customer's carrier.
        carrier: AccountId,
        /// Whether the desk knows the carrier's customers by their ids alone.
        is_first: bool,
    },
}

/// The shortest identifier that counts, because a shorter one stands in other customers' messages as well.
const IDENTIFIER_BYTES_MIN: usize = 6;

impl Identifiers {
    /// Adds the carrier's and the brand's ids of the customer that are long enough to be unique among those of one
    /// carrier. Another carrier may have given them to another person.
    pub fn add_ids<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.push(words, true);
    }

    /// Adds the names of the customer that are unique wherever they stand: numbers, addresses, keys.
    pub fn add<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.push(words, false);
    }

    fn push<'a>(&mut self, words: impl IntoIterator<Item = &'a str>, is_id: bool) {
        for word in words {
            let word = word.trim_start_matches('+');
            match self.0.iter_mut().find(|known| known.word == word) {
                // A number that is an id as well is unique wherever it stands.
                Some(known) => known.is_id &= is_id,
                None if word.len() >= IDENTIFIER_BYTES_MIN => self.0.push(Identifier { word: word.to_owned(), is_id }),
                None => {}
            }
        }
    }

    /// Whether this body contains one of them as a whole word, plain or form-encoded.
    #[must_use]
    pub fn are_in(&self, body: &[u8], from: Sender) -> bool {
        let decoded: Vec<String> =
            form_urlencoded::parse(body).flat_map(|(name, value)| [name.into_owned(), value.into_owned()]).collect();
        let plain = String::from_utf8_lossy(body);
        let texts = || std::iter::once(&*plain).chain(decoded.iter().map(String::as_str));
        self.0.iter().any(|known| texts().any(|text| known.stands_in(text, from)))
    }
}

impl Identifier {
    fn stands_in(&self, text: &str, from: Sender) -> bool {
        let part_of_a_word = |c: char| c.is_alphanumeric();
        text.match_indices(&self.word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + self.word.len()..]);
            !before.ends_with(part_of_a_word) && !after.starts_with(part_of_a_word) && self.is_theirs(before, from)
        })
    }

    /// Whether the word means this customer behind that text. A desk knows the customers of its first carrier by their ids
    /// alone, and all others by ids with the carrier's name in front ([`crate::domain::address::id_at_desk`]).
    fn is_theirs(&self, before: &str, from: Sender) -> bool {
        let Sender::Desk { carrier, is_first } = from else { return true };
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let in_front = before.strip_suffix(':').and_then(|rest| rest.rsplit(|c| !is_of_name(c)).next());
        match in_front.and_then(AccountId::known) {
            _ if !self.is_id => true,
            Some(named) => named == carrier,
            None => is_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_has_no_room_for_anything_personal() {
        for (name, good) in [
            ("ada", true),
            ("on-call.2_b", true),
            ("a", true),
            ("", false),
            ("Ada Lovelace", false),
            ("ada@acme.com", false),
            ("15555550101", false),
            ("+15555550101", false),
            ("adá", false),
            ("ada\n", false),
        ] {
            assert_eq!(handle(name), good.then(|| name.to_owned()), "{name:?}");
        }
        assert!(handle(&"x".repeat(64)).is_some() && handle(&"x".repeat(65)).is_none());
    }

    #[test]
    fn a_pause_is_changed_by_other_terms_and_ends_at_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let order = |second, by: &str| Order {
            operator: Operator::claiming(Access::Token, Some(by.into())),
            given_at: at(second),
            accepted_by: None,
        };
        let terms = |reason: Option<&str>, until: Option<i64>| PauseTerms {
            reason: reason.map(str::to_owned),
            until: until.map(at),
        };
        let pause = Pause::new(&order(1, "ada"), terms(Some("maintenance"), Some(60)));
        let endless = pause.changed(&order(2, "bob"), PauseTerms::default()).unwrap();
        assert_eq!((endless.reason.as_deref(), endless.until), (Some("maintenance"), None), "until it is resumed");
        assert_eq!(endless.changed(&order(3, "ada"), PauseTerms::default()), None, "asked without terms again");
        assert_eq!(pause.changed(&order(2, "bob"), terms(Some("maintenance"), Some(60))), None, "the same");
        let longer = pause.changed(&order(2, "bob"), terms(Some("maintenance"), None)).unwrap();
        assert_eq!((longer.since, longer.operator.by.as_deref(), longer.until), (at(1), Some("bob"), None));
        for (now, ended) in [(59, false), (60, true), (61, true)] {
            assert_eq!((pause.has_ended(at(now)), longer.has_ended(at(now))), (ended, false), "{now}");
        }
        let old: Pause =
            serde_json::from_str(r#"{"since":"2026-11-21T12:00:00Z","access":"loopback","by":null}"#).unwrap();
        assert_eq!((old.reason, old.until), (None, None), "a pause of before there were reasons");
    }

    #[test]
    fn an_entry_of_before_there_were_names_opens_as_a_claim() {
        let old = r#"{"number":1,"at":"2026-11-21T12:00:00Z","access":"token","by":"ada","action":"pause","destination":"braze"}"#;
        let entry: AuditEntry = serde_json::from_str(old).unwrap();
        assert_eq!(entry.operator, Operator::claiming(Access::Token, Some("ada".into())));
        assert_eq!(serde_json::to_string(&entry).unwrap(), old, "a claim is written as before");
    }

    #[test]
    fn the_steps_of_one_order_are_one_entry() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let id = |sequence| EventId { epoch: 1, sequence, sub: 0 };
        let moved = |count, first, last| Moved { count, first: id(first), last: id(last) };
        let ada = Operator::claiming(Access::Token, Some("ada".into()));
        let order = |given_at, accepted_by: Option<i64>| Order {
            operator: ada.clone(),
            given_at: at(given_at),
            accepted_by: accepted_by.map(at),
        };
        let entry = AuditEntry::new(1, &order(1, Some(1)), Act::Redrive(moved(256, 1, 300)));
        let more = Act::Redrive(moved(3, 301, 303));
        let joined = entry.joined(&order(9, Some(1)), &more).unwrap();
        assert_eq!((joined.number, joined.at, joined.act), (1, at(1), Act::Redrive(moved(259, 1, 303))));
        assert_eq!(entry.joined(&order(9, Some(2)), &more), None, "another order");
        assert_eq!(entry.joined(&order(1, None), &more), None, "an order over one");
        for operator in [Operator { by: None, ..ada.clone() }, Operator::proven(Access::Token, "ada")] {
            let other = Order { operator, ..order(9, Some(1)) };
            assert_eq!(entry.joined(&other, &more), None, "another's order");
        }
        assert_eq!(entry.joined(&order(9, Some(1)), &Act::Discard(moved(3, 301, 303))), None);

        let forget = |conversation: &str, count| Act::Forget { conversation: conversation.into(), count };
        let entry = AuditEntry::new(2, &order(1, None), forget("a", 1));
        assert_eq!(entry.joined(&order(1, None), &forget("a", 2)).map(|joined| joined.act), Some(forget("a", 3)));
        assert_eq!(entry.joined(&order(1, None), &forget("b", 2)), None, "another customer");
        assert_eq!(entry.joined(&order(2, None), &forget("a", 2)), None, "asked again");
    }

    #[test]
    fn a_customer_is_known_in_a_body_by_whole_words() {
        let mut identifiers = Identifiers::default();
        identifiers.add(["ada-42", "7", "+15555550101", "ada@acme.com"]);
        for (body, found) in [
            ("external_id=ada-42&text=Hello", true),
            ("{\"user\": \"ada-42\", oops", true),
            ("phone=%2B15555550101", true),
            ("email=ada%40acme.com", true),
            ("say ada-42", true),
            ("external_id=ada-421", false),
            ("external_id=xada-42", false),
            ("phone=155555501011", false),
            ("external_id=7", false),
            ("", false),
        ] {
            assert_eq!(identifiers.are_in(body.as_bytes(), Sender::Carrier), found, "{body}");
        }
        assert!(!Identifiers::default().are_in(b"external_id=ada-42", Sender::Carrier));
    }

    #[test]
    fn at_a_desk_an_id_is_that_of_the_carrier_in_front_of_it_or_else_of_the_first() {
        let (first, further): (AccountId, AccountId) = ("braze".parse().unwrap(), "canada".parse().unwrap());
        let mut identifiers = Identifiers::default();
        identifiers.add_ids(["ada-42"]);
        identifiers.add(["+15555550101"]);
        let at = |carrier, is_first| Sender::Desk { carrier, is_first };
        for (body, of_first, of_further) in [
            (r#"{"external_user_id":"ada-42""#, true, false),
            (r#"{"external_user_id":"canada:ada-42""#, false, true),
            ("external_user_id=canada%3Aada-42&x", false, true),
            (r#"{"external_user_id":"=braze:ada-42""#, true, false),
            ("{external_user_id:ada-42", true, false),
            (r#"{"phone":"+15555550101""#, true, true),
        ] {
            let found = [at(first, true), at(further, false)].map(|from| identifiers.are_in(body.as_bytes(), from));
            assert_eq!(found, [of_first, of_further], "{body}");
        }
    }
}
