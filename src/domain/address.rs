//! Addresses: from the names in an event to the conversation whose lane it waits in.
//!
//! Pure: known names come from a [`Directory`], and new ones are handed back for the store to keep.

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::{Change, Conversation, ConversationKey, fingerprint};
use crate::domain::event::{Customer, EventKind, TicketId, TicketRef};

/// The longest id that is used as a key unchanged, because a desk keeps no longer `external_id` on a ticket. A longer
/// one is replaced by its digest, so that no id can make the index slow.
const ID_BYTES_MAX: usize = 255;

/// A name of the customer, by which the conversation may be known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Whose name it is.
    pub scheme: Scheme,
    /// The carrier's account. One customer writes to two carriers in two conversations.
    pub account: AccountId,
    /// The name itself.
    pub value: String,
}

/// Who gave a customer a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// The brand.
    External,
    /// The carrier.
    Carrier,
}

impl Identity {
    /// The key of a new customer: the name itself, or its digest where it is too long or looks like a ticket's
    /// provisional key or a key of another account.
    #[must_use]
    pub fn key(&self) -> ConversationKey {
        let key = ConversationKey(self.account.scoped(&self.value));
        if self.account.is_first() && AccountId::split(&key.0).0.is_some() { digested(&key) } else { bounded(key) }
    }
}

/// The names in an event that lead to its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A customer, who wrote to this line.
    Customer {
        /// Every name, the best first. Never empty.
        identities: Vec<Identity>,
        /// The line, where the carrier told.
        line: Option<String>,
    },
    /// A ticket, and perhaps the customer's name.
    Ticket {
        /// Its number, unless the sender left it out.
        ticket: Option<TicketRef>,
        /// The customer, if the sender named them.
        identity: Option<Identity>,
    },
    /// No name at all.
    Nobody,
}

impl Address {
    /// The address of this event, which came to the conversations between these accounts.
    #[must_use]
    pub fn of(event: &EventKind, ends: Ends) -> Self {
        let ticket = event.ticket_id().map(|id| TicketRef { account: ends.desk, id });
        let named = |external: &Option<String>| Self::Ticket {
            ticket,
            identity: external.clone().map(|value| external_id(ends.carrier, value)),
        };
        match event {
            EventKind::CustomerText(text) => {
                let identities = identities_of(&text.customer, ends.carrier);
                if identities.is_empty() {
                    return Self::Ticket { ticket, identity: None };
                }
                Self::Customer { identities, line: text.line.clone() }
            }
            EventKind::PhoneText(text) => named(&text.external_user_id),
            // Only the ticket itself can tell whether an unknown ticket is a text conversation.
            EventKind::AgentReply(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_)
            | EventKind::Note(_) => Self::Ticket { ticket, identity: None },
            EventKind::Unreadable(_) => Self::Nobody,
        }
    }
}

/// Every name under which a customer of this carrier may be known, the best first.
#[must_use]
pub fn identities_of(customer: &Customer, carrier: AccountId) -> Vec<Identity> {
    let external = customer.external_id.clone().map(|value| external_id(carrier, value));
    let own = customer.carrier_id.clone().map(|value| Identity { scheme: Scheme::Carrier, account: carrier, value });
    external.into_iter().chain(own).collect()
}

/// The brand's name for a customer of this carrier.
#[must_use]
pub fn external_id(carrier: AccountId, value: String) -> Identity {
    Identity { scheme: Scheme::External, account: carrier, value }
}

/// The brand's name that a customer's key was made of, unless it was replaced by a digest.
#[must_use]
pub fn external_id_in(key: &ConversationKey, carrier: AccountId) -> Identity {
    let value = key.0.strip_prefix(&carrier.scoped("")).unwrap_or(&key.0);
    external_id(carrier, value.to_owned())
}

/// The known names, tickets and conversations.
pub trait Directory {
    /// The reason of a failed lookup.
    type Error;
    /// The first conversation of the customer with this name.
    ///
    /// # Errors
    /// When the lookup fails.
    fn by_identity(&self, identity: &Identity) -> Result<Option<ConversationKey>, Self::Error>;
    /// The conversation that a ticket belongs, or once belonged, to.
    ///
    /// # Errors
    /// When the lookup fails.
    fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, Self::Error>;
    /// The conversation of this key.
    ///
    /// # Errors
    /// When the lookup fails.
    fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, Self::Error>;
}

/// The conversation of an event, and the names and changes to keep with it.
#[derive(Debug)]
pub struct Resolution {
    /// The conversation.
    pub key: ConversationKey,
    /// The conversation as it stands, where it had to be read.
    pub conversation: Option<Conversation>,
    /// The changes that follow from the address, beside those of [`crate::domain::conversation::learnt_from`]. A change
    /// creates the conversation if it does not exist yet.
    pub changes: Vec<Change>,
    /// The new names, and the conversations they lead to from now on.
    pub new_identities: Vec<(Identity, ConversationKey)>,
}

impl Resolution {
    fn just(key: ConversationKey) -> Self {
        Self { key, conversation: None, changes: Vec::new(), new_identities: Vec::new() }
    }
}

/// Finds the conversation that an event belongs to.
///
/// # Errors
/// A failed lookup of the directory.
pub fn resolve<D: Directory>(address: &Address, directory: &D) -> Result<Resolution, D::Error> {
    match address {
        Address::Customer { identities, line } => of_customer(identities, line.as_deref(), directory),
        Address::Ticket { ticket, identity } => of_ticket(*ticket, identity.as_ref(), directory),
        Address::Nobody => Ok(Resolution::just(nobody())),
    }
}

/// The key for events that name neither customer nor ticket. No ticket has the number 0, so no customer ever has it.
#[must_use]
pub fn nobody() -> ConversationKey {
    ConversationKey::provisional(TicketRef { account: Ends::FIRST.desk, id: TicketId(0) })
}

/// A customer keeps the first key under every name. A second line is a conversation of its own.
fn of_customer<D: Directory>(
    identities: &[Identity],
    line: Option<&str>,
    directory: &D,
) -> Result<Resolution, D::Error> {
    let mut base = None;
    let mut unknown = Vec::new();
    for identity in identities {
        match directory.by_identity(identity)? {
            Some(key) => base = base.or(Some(key)),
            None => unknown.push(identity.clone()),
        }
    }
    let base = base.or_else(|| identities.first().map(Identity::key)).unwrap_or_else(nobody);
    let new_identities = unknown.into_iter().map(|identity| (identity, base.clone())).collect();

    let (mut key, mut conversation) = (base.clone(), directory.conversation(&base)?);
    let mut changes = Vec::new();
    if let Some(line) = line {
        let first_line = conversation.as_ref().and_then(|conversation| conversation.line.as_deref());
        if first_line.is_some_and(|first| first != line) {
            key = bounded(base.on_line(line));
            conversation = directory.conversation(&key)?;
        }
        changes.push(Change::Line(line.to_owned()));
    }
    Ok(Resolution { key, conversation, changes, new_identities })
}

/// A known ticket decides first, because it tells the line as well. The customer's name decides next. Until the worker
/// has asked the desk for the ticket's customer, its events wait under a provisional key.
fn of_ticket<D: Directory>(
    ticket: Option<TicketRef>,
    identity: Option<&Identity>,
    directory: &D,
) -> Result<Resolution, D::Error> {
    if let Some(ticket) = ticket
        && let Some(key) = directory.by_ticket(ticket)?
    {
        return Ok(Resolution::just(key));
    }
    let Some(identity) = identity else {
        return Ok(Resolution::just(ticket.map_or_else(nobody, ConversationKey::provisional)));
    };
    if let Some(key) = directory.by_identity(identity)? {
        return Ok(Resolution::just(key));
    }
    let mut customer = Customer::default();
    match identity.scheme {
        Scheme::External => customer.external_id = Some(identity.value.clone()),
        Scheme::Carrier => customer.carrier_id = Some(identity.value.clone()),
    }
    let key = identity.key();
    Ok(Resolution {
        conversation: directory.conversation(&key)?,
        changes: vec![Change::Customer(customer)],
        new_identities: vec![(identity.clone(), key.clone())],
        key,
    })
}

/// The key, bounded in length and unlike a ticket's provisional key.
fn bounded(key: ConversationKey) -> ConversationKey {
    if key.0.len() > ID_BYTES_MAX {
        return ConversationKey(format!("long:{}", fingerprint(&key.0)));
    }
    // The texts of a customer whom the brand calls `ticket:7` must not wait for the customer of ticket 7.
    if key.is_provisional() { digested(&key) } else { key }
}

fn digested(key: &ConversationKey) -> ConversationKey {
    ConversationKey(format!("id:{}", fingerprint(&key.0)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::conversation::learnt_from;
    use crate::domain::event::{AgentReply, CustomerText, PhoneText, TicketFields};

    #[test]
    fn no_customers_key_is_one_of_a_ticket_whose_customer_is_not_known() {
        for (id, stands) in [("ada", true), ("ticket:", false), ("ticket:7", false), ("ticket:x", true)] {
            let key = external_id(Ends::FIRST.carrier, id.to_owned()).key();
            assert_eq!((key.0 == id, key.is_provisional()), (stands, false), "{id}");
        }
    }

    #[test]
    fn no_key_of_a_first_account_is_one_of_another_account() {
        let other: AccountId = "sms-eu".parse().unwrap();
        let theirs = external_id(other, "ada".to_owned()).key();
        let ours = external_id(Ends::FIRST.carrier, "sms-eu:ada".to_owned()).key();
        assert_eq!(theirs.0, "sms-eu:ada");
        assert_ne!(ours, theirs);
        assert_eq!(external_id(Ends::FIRST.carrier, "never-met:ada".to_owned()).key().0, "never-met:ada");
    }

    #[derive(Default)]
    struct Known {
        names: HashMap<Identity, ConversationKey>,
        tickets: HashMap<TicketRef, ConversationKey>,
        conversations: HashMap<ConversationKey, Conversation>,
    }

    impl Directory for Known {
        type Error = Infallible;
        fn by_identity(&self, identity: &Identity) -> Result<Option<ConversationKey>, Infallible> {
            Ok(self.names.get(identity).cloned())
        }
        fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, Infallible> {
            Ok(self.tickets.get(&ticket).cloned())
        }
        fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, Infallible> {
            Ok(self.conversations.get(key).cloned())
        }
    }

    impl Known {
        /// Resolves an event and keeps the result, as a store does.
        fn learn(&mut self, event: &EventKind) -> String {
            let resolution = resolve(&Address::of(event, Ends::FIRST), self).unwrap();
            self.names.extend(resolution.new_identities);
            let changes: Vec<Change> = resolution.changes.into_iter().chain(learnt_from(event)).collect();
            if !changes.is_empty() {
                let mut conversation = resolution
                    .conversation
                    .unwrap_or_else(|| Conversation::new(resolution.key.clone(), Ends::FIRST, Timestamp::UNIX_EPOCH));
                for change in changes {
                    conversation.apply(change, Timestamp::UNIX_EPOCH);
                }
                self.conversations.insert(resolution.key.clone(), conversation);
            }
            resolution.key.0
        }
    }

    fn text(external: Option<&str>, own: Option<&str>, line: Option<&str>) -> EventKind {
        EventKind::CustomerText(CustomerText {
            customer: Customer {
                external_id: external.map(Into::into),
                carrier_id: own.map(Into::into),
                ..Customer::default()
            },
            line: line.map(Into::into),
            text: "hello".into(),
            media: Vec::new(),
            channel: "sms".into(),
            category: "other".into(),
            keyword: None,
            ticket_id: None,
            fields: TicketFields::default(),
        })
    }

    fn phone_text(ticket: Option<u64>, external: Option<&str>) -> EventKind {
        EventKind::PhoneText(PhoneText {
            ticket_id: ticket.map(TicketId),
            comment_id: None,
            external_user_id: external.map(Into::into),
            requester_id: None,
            text: "hello".into(),
            agent_name: None,
            attachments: Vec::new(),
            recipe: None,
            caught_up: false,
            written_at: None,
        })
    }

    fn doorbell(ticket: u64, external: Option<&str>) -> EventKind {
        EventKind::AgentReply(AgentReply {
            ticket_id: TicketId(ticket),
            comment_id: None,
            external_user_id: external.map(Into::into),
            requester_id: None,
            caught_up: None,
        })
    }

    #[test]
    fn a_customer_keeps_the_first_key_under_every_name() {
        let mut known = Known::default();
        for (external, own, key) in [
            (None, Some("b1"), "b1"),
            // The brand gives the anonymous profile a name: it stays the same conversation …
            (Some("alice"), Some("b1"), "b1"),
            // … also when only the new name is told.
            (Some("alice"), None, "b1"),
            // The external id decides when two names are known for different customers.
            (Some("bob"), None, "bob"),
            (Some("bob"), Some("b1"), "bob"),
            (None, Some("b1"), "b1"),
        ] {
            assert_eq!(known.learn(&text(external, own, None)), key, "{external:?} {own:?}");
        }
    }

    #[test]
    fn equal_ids_of_different_kinds_are_different_names() {
        let mut known = Known::default();
        let theirs = Identity { scheme: Scheme::Carrier, account: Ends::FIRST.carrier, value: "x".into() };
        known.names.insert(theirs, ConversationKey("somebody".into()));
        assert_eq!(known.learn(&text(Some("x"), None, None)), "x");
    }

    #[test]
    fn a_second_line_is_a_conversation_of_its_own() {
        let mut known = Known::default();
        for (line, key) in [(None, "a"), (Some("l1"), "a"), (Some("l2"), "a@l2"), (Some("l1"), "a"), (None, "a")] {
            assert_eq!(known.learn(&text(Some("a"), None, line)), key, "{line:?}");
        }
        assert_eq!(known.conversations[&ConversationKey("a@l2".into())].line.as_deref(), Some("l2"));
        assert_eq!(known.conversations[&ConversationKey("a".into())].line.as_deref(), Some("l1"));
    }

    #[test]
    fn a_ticket_leads_to_its_conversation_before_any_name_does() {
        let mut known = Known::default();
        known.tickets.insert(TicketRef { account: Ends::FIRST.desk, id: TicketId(7) }, ConversationKey("a@l2".into()));
        known.names.insert(external_id(Ends::FIRST.carrier, "a".into()), ConversationKey("a".into()));
        for (event, key) in [
            (phone_text(Some(7), Some("a")), "a@l2"),
            (phone_text(Some(8), Some("a")), "a"),
            (phone_text(None, Some("new")), "new"),
            (phone_text(Some(8), None), "ticket:8"),
            (phone_text(None, None), "ticket:0"),
            (doorbell(9, None), "ticket:9"),
            // The name does not say whether the ticket is a text conversation.
            (doorbell(9, Some("a")), "ticket:9"),
            (doorbell(7, Some("b")), "a@l2"),
        ] {
            assert_eq!(known.learn(&event), key);
        }
        let stub = &known.conversations[&ConversationKey("new".into())];
        assert_eq!(stub.customer.external_id.as_deref(), Some("new"));
        assert!(!known.conversations.contains_key(&ConversationKey("ticket:8".into())));
    }

    #[test]
    fn an_endless_id_does_not_become_an_endless_key() {
        let mut known = Known::default();
        let (long, other) = ("x".repeat(200_000), format!("{}y", "x".repeat(200_000)));
        let key = known.learn(&text(Some(&long), None, None));
        assert!(key.len() <= ID_BYTES_MAX, "{}", key.len());
        assert_eq!(known.learn(&text(Some(&long), None, None)), key);
        assert_ne!(known.learn(&text(Some(&other), None, None)), key);
        assert!(known.learn(&text(Some("x"), None, Some("l"))).len() < 10);
        assert!(known.learn(&text(Some("x"), None, Some(&long))).len() <= ID_BYTES_MAX);
    }
}
