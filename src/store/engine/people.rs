//! The index for searches: of every conversation its key, the end of its number and the words of its name, in some 300
//! bytes of memory; and of one with a carrier that keeps talks the carrier's id of its customer, in some 70 more.
//!
//! It is filled and kept up as [`super::index`] is, and knows nothing of deliveries.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::account::Ends;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::event::Customer;
use crate::domain::find::{NAME_WORD_BYTES_MAX, PHONE_DIGITS_MAX, Search, name_words};
use crate::domain::phone;

/// A word of a name, padded with zeros.
pub(in crate::store) type Word = [u8; NAME_WORD_BYTES_MAX];

/// The conversations by their searchable fields.
#[derive(Default)]
pub(in crate::store) struct People {
    /// By the key in small letters.
    ids: BTreeSet<(Arc<str>, Arc<str>)>,
    /// By the digits of the number from its end ([`packed`]).
    phones: BTreeSet<(u64, Arc<str>)>,
    /// By each word of the name.
    names: BTreeSet<(Word, Arc<str>)>,
    /// By the carrier's id of the customer, where the carrier keeps talks: one customer may be in several.
    users: BTreeSet<(Arc<str>, Arc<str>)>,
}

/// The searchable fields of one conversation, and its accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Person {
    key: Arc<str>,
    ends: Ends,
    small: Arc<str>,
    phone: Option<u64>,
    names: Vec<Word>,
    user: Option<Arc<str>>,
}

impl Person {
    /// The fields of this conversation.
    pub(in crate::store) fn of(conversation: &Conversation) -> Self {
        Self::new(&conversation.key, conversation.ends, &conversation.customer)
    }

    /// The conversation's key.
    pub(in crate::store) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The key in small letters.
    pub(in crate::store) fn small(&self) -> &str {
        &self.small
    }

    /// The digits of the number from its end.
    pub(in crate::store) fn phone(&self) -> Option<u64> {
        self.phone
    }

    /// The words of the name.
    pub(in crate::store) fn words(&self) -> &[Word] {
        &self.names
    }

    /// The carrier's id of the customer, where the carrier keeps talks.
    pub(in crate::store) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The conversation's accounts.
    pub(in crate::store) fn ends(&self) -> Ends {
        self.ends
    }

    /// The fields of the conversation of this key and these accounts with this customer.
    pub(in crate::store) fn new(key: &ConversationKey, ends: Ends, customer: &Customer) -> Self {
        let key: Arc<str> = key.0.as_str().into();
        let small = key.to_lowercase();
        Self {
            small: if *small == *key { Arc::clone(&key) } else { small.into() },
            phone: customer.phone.as_deref().map(phone::digits).filter(|digits| !digits.is_empty()).map(|d| packed(&d)),
            ends,
            user: user_of(customer).map(Arc::from),
            names: customer.name().into_iter().flat_map(|name| name_words(&name)).map(|word| padded(&word)).collect(),
            key,
        }
    }
}

/// The carrier's id of the customer, where the carrier keeps talks.
fn user_of(customer: &Customer) -> Option<&str> {
    customer.thread.as_ref().and(customer.carrier_id.as_deref())
}

/// Whether the customer's searchable fields or the accounts differ.
pub(in crate::store) fn differ(before: &Conversation, after: &Conversation) -> bool {
    let ends = before.ends != after.ends;
    let (before, after) = (&before.customer, &after.customer);
    ends || before.phone != after.phone || before.name() != after.name() || user_of(before) != user_of(after)
}

impl People {
    /// Follows a conversation from one record to the next; `None` is before the first, or after the last.
    pub(in crate::store) fn follow(&mut self, before: Option<Person>, after: Option<Person>) {
        if let Some(Person { key, small, phone, names, user, .. }) = before {
            if let Some(user) = user {
                self.users.remove(&(user, Arc::clone(&key)));
            }
            self.ids.remove(&(small, Arc::clone(&key)));
            if let Some(phone) = phone {
                self.phones.remove(&(phone, Arc::clone(&key)));
            }
            for name in names {
                self.names.remove(&(name, Arc::clone(&key)));
            }
        }
        if let Some(Person { key, small, phone, names, user, .. }) = after {
            self.users.extend(user.map(|user| (user, Arc::clone(&key))));
            self.ids.insert((small, Arc::clone(&key)));
            self.phones.extend(phone.map(|phone| (phone, Arc::clone(&key))));
            self.names.extend(names.into_iter().map(|name| (name, Arc::clone(&key))));
        }
    }

    /// How many conversations there are.
    pub(in crate::store) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The keys of the conversations whose fields match a search; none for a search by other fields. Each key once, and
    /// at most `limit`.
    pub(in crate::store) fn find(&self, search: &Search, limit: usize) -> Vec<Arc<str>> {
        let mut found: Vec<Arc<str>> = match search {
            Search::Event(_) | Search::Dispatch(_) | Search::Ticket(_) => Vec::new(),
            Search::PhoneEnd(end) => self.by_phone(end).take(limit).cloned().collect(),
            Search::Key(words) => self.by_id(&words.to_lowercase()).take(limit).cloned().collect(),
            Search::Name(words) => self.by_name(words, limit),
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The conversations of the customer whom a carrier that keeps talks calls so.
    pub(in crate::store) fn of_user<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        let from = (Arc::from(user), nothing());
        self.users.range(from..).take_while(move |(id, _)| **id == *user).map(|(_, key)| key)
    }

    fn by_phone(&self, end: &str) -> impl Iterator<Item = &Arc<str>> {
        let (first, behind) = ending_with(end);
        self.phones.range((first, nothing())..(behind, nothing())).map(|(_, key)| key)
    }

    fn by_id<'a>(&'a self, small: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        let from = (Arc::from(small), nothing());
        self.ids.range(from..).take_while(move |(id, _)| id.starts_with(small)).map(|(_, key)| key)
    }

    fn by_name(&self, words: &[String], limit: usize) -> Vec<Arc<str>> {
        if let [word] = words {
            return self.by_word(word).take(limit).cloned().collect();
        }
        let mut times: HashMap<&Arc<str>, usize> = HashMap::new();
        for word in words {
            let mut theirs: Vec<&Arc<str>> = self.by_word(word).collect();
            theirs.sort_unstable();
            theirs.dedup();
            theirs.into_iter().for_each(|key| *times.entry(key).or_default() += 1);
        }
        let all = times.into_iter().filter(|(_, times)| *times == words.len());
        all.take(limit).map(|(key, _)| Arc::clone(key)).collect()
    }

    /// Conversations with a word in the name that begins like this.
    fn by_word<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        let named = self.names.range((padded(word), nothing())..);
        named.take_while(move |(name, _)| name.starts_with(word.as_bytes())).map(|(_, key)| key)
    }
}

/// Every packed number whose last digits are these: from the first to before the last.
pub(in crate::store) fn ending_with(end: &str) -> (u64, u64) {
    let first = packed(end);
    let digits = end.len().min(PHONE_DIGITS_MAX);
    (first, first + (1_u64 << (DIGIT_BITS * (PHONE_DIGITS_MAX - digits))))
}

fn nothing() -> Arc<str> {
    Arc::from("")
}

fn padded(word: &str) -> Word {
    let mut padded = [0; NAME_WORD_BYTES_MAX];
    let bytes = word.as_bytes().get(..NAME_WORD_BYTES_MAX).unwrap_or(word.as_bytes());
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

/// Bits per digit.
const DIGIT_BITS: usize = 4;

/// Digits from the last to the first, packed into a number that sorts like them: each digit plus 1, and 0 for none.
fn packed(digits: &str) -> u64 {
    let from_the_end = digits.bytes().rev().map(|digit| u64::from(digit.saturating_sub(b'0')) + 1);
    let all = from_the_end.chain(std::iter::repeat(0)).take(PHONE_DIGITS_MAX);
    all.fold(0, |packed, digit| (packed << DIGIT_BITS) | digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_their_end() {
        let [short, long, other] = ["33", "15555550133", "34"].map(packed);
        assert!(short < long && long < other && packed("") == 0);
        assert_eq!(packed("0"), 1 << (DIGIT_BITS * (PHONE_DIGITS_MAX - 1)));
        assert_eq!(packed("9015555550133456"), packed("015555550133456"), "no number has more digits");
    }
}
