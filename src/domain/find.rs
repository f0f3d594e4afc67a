//! The one search field: the meanings of an operator's words, and the conversations that match them.
//!
//! Words are read once, into every [`Search`] that they may stand for, and a store answers each from an index. This
//! module never reads a store.

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::domain::conversation::Conversation;
use crate::domain::event::{EventId, TicketId};
use crate::domain::phone;

/// The longest searched words, in characters: an id of 255 fits.
pub const WORDS_CHARS_MAX: usize = 256;

/// The fewest digits of a number, because one digit would find a tenth of all customers.
pub const PHONE_DIGITS_MIN: usize = 2;

/// The fewest letters of a name, for the same reason.
pub const NAME_LETTERS_MIN: usize = 2;

/// The shortest word that counts as a dispatch id. Known ones have 32 characters.
const DISPATCH_CHARS_MIN: usize = 8;

/// The characters in numbers beside digits, the `…` of tandem's own lists included.
const IN_NUMBERS: &str = "+-–.()/…* \u{a0}";

/// The characters between the parts of a machine's id.
const IN_DISPATCHES: &str = "-_.";

/// The bytes of a name's word that are compared; an index keeps as much of each.
pub const NAME_WORD_BYTES_MAX: usize = 16;

/// The digits of a number's end that are compared: as many as E.164 has.
pub const PHONE_DIGITS_MAX: usize = 15;

/// Letters that do not decompose, and the plain letters that people type for them.
const FOLDED: [(char, &str); 12] = [
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('ł', "l"),
    ('ħ', "h"),
    ('ŧ', "t"),
    ('ı', "i"),
    ('ſ', "s"),
];

/// One meaning of an operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Search {
    /// The delivery of this name.
    Event(EventId),
    /// The delivery with this dispatch id of the carrier's, of the campaign that brought it in or of the text that went out.
    Dispatch(String),
    /// Conversations that are or were on this ticket.
    Ticket(TicketId),
    /// Conversations with a number that ends with these digits.
    PhoneEnd(String),
    /// Conversations whose key begins with this, in upper or lower case, and the one whose customer has this id, which
    /// only a store knows.
    Key(String),
    /// Conversations whose customer's name has a word that begins with each of these folded words ([`name_words`]).
    Name(Vec<String>),
}

impl Search {
    /// The name of the meaning, in answers and on pages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Event(_) => "event",
            Self::Dispatch(_) => "dispatch",
            Self::Ticket(_) => "ticket",
            Self::PhoneEnd(_) => "phone",
            Self::Key(_) => "id",
            Self::Name(_) => "name",
        }
    }

    /// Whether a conversation matches. The name of a delivery matches no conversation by itself.
    #[must_use]
    pub fn finds(&self, conversation: &Conversation) -> bool {
        let customer = &conversation.customer;
        match self {
            Self::Event(_) | Self::Dispatch(_) => false,
            Self::Ticket(id) => conversation.was_on(*id),
            Self::PhoneEnd(end) => {
                let number = customer.phone.as_deref().map(phone::digits).unwrap_or_default();
                !end.is_empty() && number.ends_with(end)
            }
            Self::Key(words) => {
                !words.is_empty() && conversation.key.0.to_lowercase().starts_with(&words.to_lowercase())
            }
            Self::Name(words) => {
                let known = customer.name().map(|name| name_words(&name)).unwrap_or_default();
                !words.is_empty() && words.iter().all(|word| known.iter().any(|known| known.starts_with(word)))
            }
        }
    }
}

impl Conversation {
    /// Whether the conversation is on this ticket, or remembers that it was.
    #[must_use]
    pub fn was_on(&self, ticket: TicketId) -> bool {
        self.ticket.as_ref().is_some_and(|current| current.id == ticket)
            || self.former_tickets.contains(&ticket)
            || self.forwarded_on(ticket).is_some()
    }
}

/// The possible meanings of an operator's words, the surest first. Empty when the words are too short.
#[must_use]
pub fn meanings(words: &str) -> Vec<Search> {
    let words = words.trim();
    if words.is_empty() || words.chars().nth(WORDS_CHARS_MAX).is_some() {
        return Vec::new();
    }
    if let Ok(event) = words.parse() {
        return vec![Search::Event(event)];
    }
    if let Some(number) = words.strip_prefix('#') {
        return ticket(number.trim()).into_iter().collect();
    }
    let mut meanings = Vec::new();
    if is_dispatch(words) {
        meanings.push(Search::Dispatch(words.to_owned()));
    }
    if words.bytes().all(|byte| byte.is_ascii_digit()) {
        meanings.extend(ticket(words));
    }
    meanings.extend(phone_end(words).map(Search::PhoneEnd));
    let name = name_words(words);
    if name.iter().map(|word| word.chars().count()).max() >= Some(NAME_LETTERS_MIN)
        && name.iter().flat_map(|word| word.chars()).any(char::is_alphabetic)
    {
        meanings.push(Search::Name(name));
    }
    if words.chars().nth(1).is_some() {
        meanings.push(Search::Key(words.to_owned()));
    }
    meanings
}

fn ticket(number: &str) -> Option<Search> {
    number.parse().ok().filter(|number| *number > 0).map(|number| Search::Ticket(TicketId(number)))
}

/// The digits at the end of a number in any form, without its dialling prefix: `00`, a national `0` or the `(0)` in the
/// middle. `None` when it is no number, or too short.
#[must_use]
pub fn phone_end(words: &str) -> Option<String> {
    let words = words.strip_prefix("tel:").unwrap_or(words).replace("(0)", "");
    if !words.chars().all(|c| c.is_ascii_digit() || IN_NUMBERS.contains(c)) {
        return None;
    }
    let digits = phone::digits(&words);
    // A short end may begin with zeros of the number's own.
    let is_whole = digits.len() >= 7;
    let end = if is_whole { digits.trim_start_matches('0') } else { &digits };
    let end = end.get(end.len().saturating_sub(PHONE_DIGITS_MAX)..).unwrap_or_default();
    (end.len() >= PHONE_DIGITS_MIN).then(|| end.to_owned())
}

fn is_dispatch(words: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || IN_DISPATCHES.contains(c);
    words.len() >= DISPATCH_CHARS_MIN && words.chars().all(fits) && words.contains(|c: char| c.is_ascii_digit())
}

/// The words of a name, folded for comparison: small letters, without accents, each cut to [`NAME_WORD_BYTES_MAX`].
#[must_use]
pub fn name_words(name: &str) -> Vec<String> {
    let small = name.to_lowercase();
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(&small);
    let mut folded = String::with_capacity(plain.len());
    for c in plain.chars() {
        match FOLDED.iter().find(|(letter, _)| *letter == c) {
            Some((_, letters)) => folded.push_str(letters),
            None if is_accent(c) => {}
            None => folded.push(c),
        }
    }
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let end = |word: &str| (0..=NAME_WORD_BYTES_MAX.min(word.len())).rev().find(|at| word.is_char_boundary(*at));
    words.map(|word| word.get(..end(word).unwrap_or_default()).unwrap_or_default().to_owned()).collect()
}

/// Whether it is a mark on the letter before it, or an apostrophe within a word.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}' | '\'' | '’' | 'ʼ')
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::{Change, ConversationKey, TicketStatus};
    use crate::domain::event::CommentId;

    fn dispatch(id: &str) -> Search {
        Search::Dispatch(id.into())
    }

    fn key(words: &str) -> Search {
        Search::Key(words.into())
    }

    fn name(words: &[&str]) -> Search {
        Search::Name(words.iter().map(|word| (*word).into()).collect())
    }

    fn end(digits: &str) -> Search {
        Search::PhoneEnd(digits.into())
    }

    fn ticket(number: u64) -> Search {
        Search::Ticket(TicketId(number))
    }

    #[test]
    fn what_an_operators_words_may_mean() {
        let event = "evt_0c616ade0000000000010000";
        let hex = "6b1f0c2a9d8e4f7ab3c5d1e2f3a4b5c6";
        let long = "x".repeat(WORDS_CHARS_MAX);
        for (words, meant) in [
            ("33", vec![ticket(33), end("33"), key("33")]),
            (" …33 ", vec![end("33"), key("…33")]),
            ("3", vec![ticket(3)]),
            ("0", vec![]),
            ("#33", vec![ticket(33)]),
            ("# 33", vec![ticket(33)]),
            ("#last", vec![]),
            ("+1 (555) 555-0133", vec![end("15555550133"), key("+1 (555) 555-0133")]),
            ("0049 171 1234567", vec![end("491711234567"), key("0049 171 1234567")]),
            ("0171/1234567", vec![end("1711234567"), key("0171/1234567")]),
            ("+44 (0)20 7946 0958", vec![end("442079460958"), key("+44 (0)20 7946 0958")]),
            ("tel:+15555550133", vec![end("15555550133"), name(&["tel", "15555550133"]), key("tel:+15555550133")]),
            ("+1 99 15555550133 4567", vec![end("155555501334567"), key("+1 99 15555550133 4567")]),
            ("0133", vec![ticket(133), end("0133"), key("0133")]),
            (
                "15555550133",
                vec![dispatch("15555550133"), ticket(15_555_550_133), end("15555550133"), key("15555550133")],
            ),
            ("Ada", vec![name(&["ada"]), key("Ada")]),
            ("Zoë O’Brien", vec![name(&["zoe", "obrien"]), key("Zoë O’Brien")]),
            ("customer-47", vec![dispatch("customer-47"), name(&["customer", "47"]), key("customer-47")]),
            ("a", vec![]),
            (event, vec![Search::Event(event.parse().unwrap())]),
            (hex, vec![dispatch(hex), name(&[&hex[..16]]), key(hex)]),
            ("", vec![]),
            ("  ", vec![]),
            (&long, vec![name(&[&long[..NAME_WORD_BYTES_MAX]]), key(&long)]),
            (&"x".repeat(WORDS_CHARS_MAX + 1), vec![]),
        ] {
            assert_eq!(meanings(words), meant, "{words:?}");
        }
    }

    #[test]
    fn names_are_compared_without_case_and_accents() {
        for (name, words) in [
            ("Zoë", &["zoe"][..]),
            ("ZOE\u{308}", &["zoe"]),
            ("Łukasz Gößner-Ørsted", &["lukasz", "gossner", "orsted"]),
            ("D'Arcy O’Brien", &["darcy", "obrien"]),
            ("Ｙｕｋｉ", &["yuki"]),
            ("Ольга Й.", &["ольга", "и"]),
            ("田中 さくら", &["田中", "さくら"]),
            ("Bartholomäus-Maria Wolfeschlegelsteinhausen", &["bartholomaus", "maria", "wolfeschlegelste"]),
            ("さくらんぼう", &["さくらんほ"]),
            ("  -  ", &[]),
        ] {
            assert_eq!(name_words(name), words, "{name}");
        }
    }

    #[test]
    fn a_conversation_is_found_by_its_key_its_number_its_name_and_its_tickets() {
        let at = Timestamp::UNIX_EPOCH;
        let mut ada = Conversation::new(ConversationKey("Ada-42".into()), Ends::FIRST, at);
        ada.customer.phone = Some("+1 (555) 555-0101".into());
        ada.customer.external_id = Some("Ada-42".into());
        ada.customer.carrier_id = Some("b-9".into());
        ada.customer.first_name = Some("Adélaïde".into());
        ada.customer.last_name = Some("King Noel".into());
        ada.apply(Change::Forwarded(TicketId(6), CommentId(1), Vec::new()), at);
        ada.apply(Change::Ticket(TicketId(5), TicketStatus::Open, at), at);
        ada.apply(Change::Ticket(TicketId(7), TicketStatus::Open, at), at);
        let stranger = Conversation::new(ConversationKey("b".into()), Ends::FIRST, at);
        for (search, found) in [
            (key("ada-4"), true),
            (key("ADA-42"), true),
            (key("da-4"), false),
            (key("b-9"), false),
            (key("0101"), false),
            (key(""), false),
            (end("0101"), true),
            (end("01"), true),
            (end("5550101"), true),
            (end("010"), false),
            (end(""), false),
            (name(&["ade"]), true),
            (name(&["noel", "adelaide"]), true),
            (name(&["ade", "lovelace"]), false),
            (name(&["delaide"]), false),
            (name(&[]), false),
            (ticket(7), true),
            (ticket(6), true),
            (ticket(5), true),
            (ticket(8), false),
            (dispatch("ada-42"), false),
        ] {
            assert_eq!((search.finds(&ada), search.finds(&stranger)), (found, false), "{search:?}");
        }
    }
}
