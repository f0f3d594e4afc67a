//! Addresses: from the names in an event to the conversation whose lane it waits in.
//!
//! Pure: known names come from a [`Directory`], and new ones are handed back for the store to keep.

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::{Change, Conversation, ConversationKey, fingerprint};
use crate::domain::event::{Customer, EventKind, TicketId, TicketRef};
use crate::domain::line::{OnLine, Place, filled_in, is_one_line};

/// The longest id that is used as a key unchanged, because a desk keeps no longer `external_id` on a ticket. A longer
/// one is replaced by its digest, so that no id can make the index slow.
const ID_BYTES_MAX: usize = 255;

/// The beginning of the key in place of one that was too long.
pub const LONG: &str = "long:";

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
        /// The line's address as the carrier told it.
        told: Option<String>,
        /// The line among the carrier's lines.
        line: OnLine,
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
    /// The address of this event, which came to this place.
    #[must_use]
    pub fn of(event: &EventKind, place: &Place) -> Self {
        let ends = place.ends;
        let ticket = event.ticket_id().map(|id| TicketRef { account: ends.desk, id });
        let named = |external: &Option<String>| {
            let (carrier, id) = external.as_deref().map(own_id).unzip();
            let carrier = carrier.flatten().unwrap_or(ends.carrier);
            Self::Ticket { ticket, identity: id.map(|id| external_id(carrier, id.to_owned())) }
        };
        match event {
            EventKind::CustomerText(text) => {
                let identities = identities_of(&text.customer, ends.carrier);
                if identities.is_empty() {
                    return Self::Ticket { ticket, identity: None };
                }
                Self::Customer { identities, told: text.line.clone(), line: place.line.clone() }
            }
            EventKind::PhoneText(text) => named(&text.external_user_id),
            // Only the ticket itself can tell whether an unknown ticket is a text conversation.
            EventKind::AgentReply(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_)
            | EventKind::Template(_)
            | EventKind::Note(_) => Self::Ticket { ticket, identity: None },
            EventKind::Unreadable(_) => Self::Nobody,
        }
    }
}

impl Address {
    /// The accounts of the address, where an event that names no other came between these.
    #[must_use]
    pub fn ends(&self, came: Ends) -> Ends {
        match self {
            Self::Ticket { identity: Some(named), .. } => Ends { carrier: named.account, ..came },
            Self::Ticket { identity: None, .. } | Self::Customer { .. } | Self::Nobody => came,
        }
    }
}

/// Stands at a desk before an id of its first carrier that would read as one of a further carrier's, and before one of a
/// further carrier whose account stands in no stored key.
const MARK: char = '=';

/// The id of this carrier, where its account stands in no stored key and is named behind a mark.
fn of_unscoped(marked: &str) -> Option<&str> {
    marked.strip_prefix(Ends::FIRST.carrier.name())?.strip_prefix(':')
}

/// Whether the id would read as one of a further carrier's, or as one that is marked because it would.
fn reads_as_scoped(id: &str) -> bool {
    let bare = id.trim_start_matches(MARK);
    AccountId::split(bare).0.is_some() || bare.len() < id.len() && of_unscoped(bare).is_some()
}

/// A customer's id as a desk knows it: with the account's name in front where the carrier is a `further` one.
#[must_use]
pub fn id_at_desk(id: &str, further: Option<AccountId>) -> String {
    match further {
        Some(carrier) if carrier.is_first() => format!("{MARK}{carrier}:{id}"),
        Some(carrier) => carrier.scoped(id),
        None if reads_as_scoped(id) => format!("{MARK}{id}"),
        None => id.to_owned(),
    }
}

/// The customer's own id in one that a desk knows, and the further carrier whose it is; no carrier for the first one.
#[must_use]
pub fn own_id(at_desk: &str) -> (Option<AccountId>, &str) {
    let marked = at_desk.strip_prefix(MARK);
    if let Some(own) = marked.filter(|own| reads_as_scoped(own)) {
        return (None, own);
    }
    match marked.and_then(of_unscoped) {
        Some(id) => (Some(Ends::FIRST.carrier), id),
        None => AccountId::split(at_desk),
    }
}

/// Every name under which a customer of this carrier may be known, the best first. A carrier that keeps talks knows the talk
/// alone, because one customer may be in several.
#[must_use]
pub fn identities_of(customer: &Customer, carrier: AccountId) -> Vec<Identity> {
    if let Some(thread) = &customer.thread {
        return vec![talk_named(carrier, thread.clone())];
    }
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

/// Whether a ticket stays that of this conversation although another one of the same customer goes to it, after a merge.
/// One conversation alone forwards the replies on a ticket, or each would go out twice. One that is over forwards none.
#[must_use]
pub fn keeps(holder: &Conversation, ticket: TicketId, from: &Conversation) -> bool {
    let is_on_it = holder.ticket.as_ref().is_some_and(|current| current.id == ticket);
    is_on_it && !holder.talk.is_over() && shares_customer(holder, from)
}

/// Whether these are two conversations of one customer: they have a name in common, or one was joined into the other.
#[must_use]
pub fn shares_customer(one: &Conversation, other: &Conversation) -> bool {
    let names = |known: &Conversation| identities_of(&known.customer, known.ends.carrier);
    let theirs = names(other);
    let goes_on_in = |ended: &Conversation, lasting: &Conversation| ended.talk.joined_into() == Some(&lasting.key);
    let is_joined = goes_on_in(one, other) || goes_on_in(other, one);
    one.key != other.key && (is_joined || names(one).iter().any(|name| theirs.contains(name)))
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
    /// The line that the customer wrote to.
    pub line: Option<String>,
    /// The changes that follow from the address, beside its line and those of [`crate::domain::conversation::learnt_from`]. A change
    /// creates the conversation if it does not exist yet.
    pub changes: Vec<Change>,
    /// The new names, and the conversations they lead to from now on.
    pub new_identities: Vec<(Identity, ConversationKey)>,
}

impl Resolution {
    fn just(key: ConversationKey) -> Self {
        Self { key, conversation: None, line: None, changes: Vec::new(), new_identities: Vec::new() }
    }
}

/// Finds the conversation that an event belongs to.
///
/// # Errors
/// A failed lookup of the directory.
pub fn resolve<D: Directory>(address: &Address, directory: &D) -> Result<Resolution, D::Error> {
    match address {
        Address::Customer { identities, told, line } => of_customer(identities, told.as_deref(), line, directory),
        Address::Ticket { ticket, identity } => of_ticket(*ticket, identity.as_ref(), directory),
        Address::Nobody => Ok(Resolution::just(ConversationKey::nobody())),
    }
}

/// A customer keeps the first key under every name: the base of the keys on every line.
fn of_customer<D: Directory>(
    identities: &[Identity],
    told: Option<&str>,
    line: &OnLine,
    directory: &D,
) -> Result<Resolution, D::Error> {
    if let (OnLine::InThread(address), Some(talk)) = (line, identities.first()) {
        return in_talk(talk, address.as_deref().or(filled_in(told)), directory);
    }
    let mut base = None;
    let mut unknown = Vec::new();
    for identity in identities {
        match directory.by_identity(identity)? {
            Some(key) => base = base.or(Some(key)),
            None => unknown.push(identity.clone()),
        }
    }
    let carrier = identities.first().map_or(Ends::FIRST.carrier, |identity| identity.account);
    let base = match base {
        Some(known) => known,
        None => own_key(identities.first().map_or_else(ConversationKey::nobody, Identity::key), carrier, directory)?.0,
    };
    let new_identities = unknown.into_iter().map(|identity| (identity, base.clone())).collect();

    let at_base = own_key(base.clone(), carrier, directory)?;
    let base_line = at_base.1.as_ref().and_then(|conversation| conversation.line.as_deref());
    let (key, conversation) = match earlier(&base, base_line, told, carrier, directory)? {
        Some(found) => found,
        None => match elsewhere(&base, filled_in(base_line), filled_in(told), line) {
            Some(key) => own_key(key, carrier, directory)?,
            None => at_base,
        },
    };
    let address = if let OnLine::At(address) = line { Some(address.as_str()) } else { filled_in(told) };
    Ok(Resolution { key, conversation, line: address.map(str::to_owned), changes: Vec::new(), new_identities })
}

/// A text in a talk goes where the talk leads, on whichever line.
fn in_talk<D: Directory>(talk: &Identity, address: Option<&str>, directory: &D) -> Result<Resolution, D::Error> {
    let lead = lead_of(&talk.value, talk.account, directory)?;
    let goes_on = lead.talk != talk.value;
    // A late text of a merged talk may be the first that comes, and its answer has to go into the other talk.
    let begun =
        (lead.conversation.is_none() && goes_on).then(|| Customer { thread: Some(lead.talk), ..Customer::default() });
    let is_new = !lead.is_named && !goes_on;
    let new_identities = is_new.then(|| (talk.clone(), lead.key.clone())).into_iter().collect();
    let changes = begun.map(Change::Customer).into_iter().collect();
    let line = address.map(str::to_owned);
    Ok(Resolution { key: lead.key, conversation: lead.conversation, line, changes, new_identities })
}

/// The conversation that a talk leads to.
#[derive(Debug)]
pub struct Lead {
    /// Its key.
    pub key: ConversationKey,
    /// Its record.
    pub conversation: Option<Conversation>,
    /// The talk that it goes on in: another one than was asked for, where that was merged into this one.
    pub talk: String,
    is_named: bool,
}

/// The most merges that are followed from one talk, far more than there are.
const MERGES_MAX: usize = 8;

/// The conversation that the name of a talk leads to. A talk that was merged leads on to the other one.
///
/// # Errors
/// A failed lookup of the directory.
pub fn lead_of<D: Directory>(talk: &str, carrier: AccountId, directory: &D) -> Result<Lead, D::Error> {
    let mut lead = named(talk.to_owned(), carrier, directory)?;
    for _ in 0..MERGES_MAX {
        let on = match &lead.conversation {
            Some(known) => known.customer.thread.as_ref().filter(|on| **on != lead.talk).cloned(),
            None => lead.is_named.then(|| external_id_in(&lead.key, carrier).value).filter(|on| *on != lead.talk),
        };
        let Some(on) = on else { break };
        lead = named(on, carrier, directory)?;
    }
    Ok(lead)
}

fn named<D: Directory>(talk: String, carrier: AccountId, directory: &D) -> Result<Lead, D::Error> {
    let name = talk_named(carrier, talk);
    let known = directory.by_identity(&name)?;
    let is_named = known.is_some();
    let (key, conversation) = own_key(known.unwrap_or_else(|| name.key()), carrier, directory)?;
    Ok(Lead { key, conversation, talk: name.value, is_named })
}

/// The name of a carrier's talk.
#[must_use]
pub fn talk_named(carrier: AccountId, talk: String) -> Identity {
    Identity { scheme: Scheme::Carrier, account: carrier, value: talk }
}

/// A customer's key and conversation. A conversation over another carrier may have had the key since before the name of
/// this account was known; then a digest of both takes the key's place.
fn own_key<D: Directory>(
    key: ConversationKey,
    carrier: AccountId,
    directory: &D,
) -> Result<(ConversationKey, Option<Conversation>), D::Error> {
    let known = directory.conversation(&key)?;
    if known.as_ref().is_none_or(|known| known.ends.carrier == carrier) {
        return Ok((key, known));
    }
    // No id that would read as another account's has a blank behind the account's name.
    let key = digested(&ConversationKey(format!("{carrier} {key}")));
    let known = directory.conversation(&key)?;
    Ok((key, known))
}

/// A conversation beside the base key's under the very name that the carrier told of the line. It stays in use, whatever
/// the name means by now: the line may have been configured since, or the name mended.
fn earlier<D: Directory>(
    base: &ConversationKey,
    base_line: Option<&str>,
    told: Option<&str>,
    carrier: AccountId,
    directory: &D,
) -> Result<Option<(ConversationKey, Option<Conversation>)>, D::Error> {
    let Some(told) = told.filter(|told| base_line != Some(*told)) else { return Ok(None) };
    let found = own_key(bounded(base.on_line(told)), carrier, directory)?;
    Ok(found.1.is_some().then_some(found))
}

/// The key of a text's conversation where it is neither the customer's base key nor that of an [`earlier`] one.
///
/// * On a carrier's only line, the customer's first line has the base key, and each line that the carrier tells later has
///   a key of its own.
/// * On one of several lines, the default line has the base key, and every other line a key with its address.
///
/// A conversation from before its line was configured stays in use for that line, under the key that it has. Where that is
/// the base key, the default line gets a key with a blank address.
fn elsewhere(
    base: &ConversationKey,
    base_line: Option<&str>,
    told: Option<&str>,
    line: &OnLine,
) -> Option<ConversationKey> {
    let on = |address: &str| bounded(base.on_line(address));
    match line {
        OnLine::Alone => told.filter(|told| base_line.is_some_and(|first| !is_one_line(first, told))).map(on),
        OnLine::At(address) => (!base_line.is_some_and(|first| is_one_line(first, address))).then(|| on(address)),
        OnLine::Default(others) => {
            let is_taken = base_line.is_some_and(|line| others.iter().any(|other| is_one_line(other, line)));
            is_taken.then(|| on(""))
        }
        // It has gone where its talk leads.
        OnLine::InThread(_) => None,
    }
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
        return Ok(Resolution::just(ticket.map_or_else(ConversationKey::nobody, ConversationKey::provisional)));
    };
    let known = directory.by_identity(identity)?;
    let base = known.clone().unwrap_or_else(|| identity.key());
    let (key, conversation) = own_key(base, identity.account, directory)?;
    if known.is_some() && conversation.is_some() {
        return Ok(Resolution::just(key));
    }
    // A customer who has only written on other lines has no conversation here yet.
    let mut customer = Customer::default();
    match identity.scheme {
        Scheme::External => customer.external_id = Some(identity.value.clone()),
        Scheme::Carrier => customer.carrier_id = Some(identity.value.clone()),
    }
    let new_identities = known.is_none().then(|| (identity.clone(), key.clone())).into_iter().collect();
    Ok(Resolution { conversation, line: None, changes: vec![Change::Customer(customer)], new_identities, key })
}

/// The key, bounded in length and unlike a ticket's provisional key.
fn bounded(key: ConversationKey) -> ConversationKey {
    if key.0.len() > ID_BYTES_MAX {
        return ConversationKey(format!("{LONG}{}", fingerprint(&key.0)));
    }
    // The texts of a customer whom the brand calls `ticket:7` must not wait for the customer of ticket 7, nor those of
    // `ticket:uk:7` for a ticket of a desk that is named `uk` later.
    if key.may_become_provisional() { digested(&key) } else { key }
}

fn digested(key: &ConversationKey) -> ConversationKey {
    ConversationKey(format!("id:{}", fingerprint(&key.0)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};
    use std::convert::Infallible;
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::conversation::{TicketStatus, channel_in, learnt_from};
    use crate::domain::event::{AgentReply, CustomerText, Event, PhoneText};
    use crate::domain::line::GROUP_PLACEHOLDER;
    use crate::domain::testing::customer_text;

    #[test]
    fn no_customers_key_is_one_of_a_ticket_whose_customer_is_not_known() {
        for (id, stands) in [
            ("ada", true),
            ("ticket:", false),
            ("ticket:7", false),
            ("ticket:x", true),
            ("ticket:x:y", true),
            ("ticket:never-met-desk:7", false),
        ] {
            let key = external_id(Ends::FIRST.carrier, id.to_owned()).key();
            assert_eq!((key.0 == id, key.is_provisional()), (stands, false), "{id}");
        }
        // The desk is named after the customer wrote.
        let key = external_id(Ends::FIRST.carrier, "ticket:desk-named-later:7".to_owned()).key();
        let desk: AccountId = "desk-named-later".parse().unwrap();
        let ticket = TicketRef { account: desk, id: TicketId(7) };
        assert_ne!(key, ConversationKey::provisional(ticket));
        assert!(!key.is_provisional());
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

    struct Known {
        place: Place,
        texts: i64,
        names: HashMap<Identity, ConversationKey>,
        tickets: HashMap<TicketRef, ConversationKey>,
        conversations: HashMap<ConversationKey, Conversation>,
    }

    impl Default for Known {
        fn default() -> Self {
            Self {
                place: Ends::FIRST.into(),
                texts: 0,
                names: HashMap::new(),
                tickets: HashMap::new(),
                conversations: HashMap::new(),
            }
        }
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
            let address = Address::of(event, &self.place);
            let ends = address.ends(self.place.ends);
            let resolution = resolve(&address, self).unwrap();
            self.names.extend(resolution.new_identities);
            // Each comes later than the one before.
            self.texts += 1;
            let now = Timestamp::from_second(self.texts).unwrap();
            let event = Event { received_at: now, kind: event.clone() };
            let learnt = learnt_from(&event, self.place.channel);
            let wrote_on = Change::wrote_on(resolution.line, channel_in(&event.kind), event.received_at);
            let changes: Vec<Change> = resolution.changes.into_iter().chain(wrote_on).chain(learnt).collect();
            if !changes.is_empty() {
                let new = || Conversation::new(resolution.key.clone(), ends, Timestamp::UNIX_EPOCH);
                let mut conversation = resolution.conversation.unwrap_or_else(new);
                for change in changes {
                    conversation.apply(change, now);
                }
                self.conversations.insert(resolution.key.clone(), conversation);
            }
            resolution.key.0
        }
    }

    fn text(external: Option<&str>, own: Option<&str>, line: Option<&str>) -> EventKind {
        let customer =
            Customer { external_id: external.map(Into::into), carrier_id: own.map(Into::into), ..Customer::default() };
        EventKind::CustomerText(CustomerText { customer, line: line.map(Into::into), ..customer_text() })
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
    fn a_talk_is_one_conversation_on_every_line_and_two_talks_of_one_customer_are_two() {
        let mut known = Known::default();
        known.place.ends.carrier = "talker".parse().unwrap();
        let mut wrote = |thread: &str, address: Option<&str>, told: &str| {
            known.place.line = OnLine::InThread(address.map(str::to_owned));
            let mut event = text(Some("ada"), Some("u1"), Some(told));
            if let EventKind::CustomerText(text) = &mut event {
                text.customer.thread = Some(thread.to_owned());
            }
            let key = known.learn(&event);
            let line = known.conversations[&ConversationKey(key.clone())].line.clone();
            (key, line.unwrap_or_default())
        };
        for (thread, address, told, key) in [
            ("c1", Some("i1"), "i1", "talker:c1"),
            ("c1", Some("i2"), "i2", "talker:c1"),
            ("c2", Some("i1"), "i1", "talker:c2"),
            ("c1", None, "i3", "talker:c1"),
            ("c1", Some("i1"), "I1", "talker:c1"),
        ] {
            let line = address.unwrap_or(told);
            assert_eq!(wrote(thread, address, told), (key.to_owned(), line.to_owned()), "{thread} {told}");
        }
    }

    #[test]
    fn a_ticket_stays_with_the_customers_other_conversation_that_is_on_it_until_the_talk_there_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let known = |key: &str, customer: &str, changes: Vec<Change>| {
            let mut known = Conversation::new(ConversationKey(key.into()), Ends::FIRST, at(0));
            known.customer.external_id = Some(customer.into());
            changes.into_iter().for_each(|change| known.apply(change, at(9)));
            known
        };
        let on = |ticket| Change::Ticket(TicketId(ticket), TicketStatus::Open, at(1));
        let from = known("b", "ada", vec![]);
        for (holder, is_kept) in [
            (known("a", "ada", vec![on(7)]), true),
            (known("a", "ada", vec![on(7), Change::TalkOver(at(2))]), false),
            (known("a", "ada", vec![on(7), Change::JoinedInto(ConversationKey("b".into()))]), false),
            (known("a", "ada", vec![on(8)]), false),
            (known("a", "bob", vec![on(7)]), false),
            (known("b", "ada", vec![on(7)]), false),
        ] {
            assert_eq!(keeps(&holder, TicketId(7), &from), is_kept, "{holder:?}");
        }
        // One that was joined into the other need not know its customer by the same name.
        let lasting = known("a", "bob", vec![on(7)]);
        let ended = known("b", "ada", vec![Change::JoinedInto(ConversationKey("a".into()))]);
        assert!(keeps(&lasting, TicketId(7), &ended) && shares_customer(&ended, &lasting));
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
    fn a_key_from_before_its_account_was_named_stays_its_customers() {
        for told in [None, Some("l1")] {
            let configured: &[&str] = if told.is_some() { &["l1"] } else { &[] };
            let name = if told.is_some() { "late-uk" } else { "late-fr" };
            let before = format!("{name}:123");
            let mut known = Known::default();
            known.on_as(&before, told, configured);
            let old: Vec<String> = known.conversations.keys().map(|key| key.0.clone()).collect();
            let further: AccountId = name.parse().unwrap();
            known.place.ends.carrier = further;
            let theirs = known.on_as("123", told, configured);
            assert!(!old.contains(&theirs), "{old:?}");
            assert_eq!(known.on_as("123", told, configured), theirs);
            // The default line's key is the base of the others.
            let base = known.on_as("123", None, configured);
            known.place.ends = Ends::FIRST;
            assert_eq!(vec![known.on_as(&before, told, configured)], old);
            assert_ne!(known.on_as(&before, None, configured), base);
        }
    }

    #[test]
    fn an_id_that_comes_back_from_a_desk_names_the_customer_of_its_own_carrier() {
        let mut known = Known::default();
        let further: AccountId = "desk-way".parse().unwrap();
        for (at_desk, key) in [("desk-way:ada", "desk-way:ada"), ("ada", "ada")] {
            assert_eq!(known.learn(&phone_text(None, Some(at_desk))), key);
        }
        let theirs = &known.conversations[&ConversationKey("desk-way:ada".into())];
        assert_eq!((theirs.ends.carrier, theirs.customer.external_id.as_deref()), (further, Some("ada")));
        for id in ["ada", "desk-way:ada", "=desk-way:ada", "braze:65f1", "=braze:ada", "==braze:ada", "=", ""] {
            for whose in [None, Some(further), Some(Ends::FIRST.carrier)] {
                let at_desk = id_at_desk(id, whose);
                assert_eq!(own_id(&at_desk), (whose, id), "{at_desk}");
            }
        }
        assert_eq!(id_at_desk("braze:65f1", None), "braze:65f1", "an id of before stays");
        let marked = id_at_desk("desk-way:ada", None);
        assert_ne!(known.learn(&phone_text(None, Some(&marked))), "desk-way:ada", "the first carrier's customer");
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

    impl Known {
        /// Resolves a text of Ada's that the carrier told this line of, while these lines are configured beside the
        /// default one.
        fn on(&mut self, told: Option<&str>, configured: &[&str]) -> String {
            self.on_as("a", told, configured)
        }

        fn on_as(&mut self, external: &str, told: Option<&str>, configured: &[&str]) -> String {
            let others: Arc<BTreeSet<String>> = Arc::new(configured.iter().map(|line| (*line).to_owned()).collect());
            self.place.line = match told {
                Some(told) if others.contains(told) => OnLine::At(told.to_owned()),
                _ if others.is_empty() => OnLine::Alone,
                _ => OnLine::Default(others),
            };
            self.learn(&text(Some(external), None, told))
        }
    }

    #[test]
    fn the_default_line_has_the_base_key_and_every_other_configured_line_its_address_whichever_wrote_first() {
        for order in [[None, Some("l1"), Some("l9")], [Some("l1"), Some("l9"), None]] {
            let mut known = Known::default();
            for told in order.into_iter().chain(order) {
                let key = if told == Some("l1") { "a@l1" } else { "a" };
                assert_eq!(known.on(told, &["l1", "l2"]), key, "{order:?} {told:?}");
            }
            assert_eq!(known.learn(&phone_text(None, Some("a"))), "a", "a bare name leads to the default line");
            assert!(known.conversations[&ConversationKey("a".into())].customer.external_id.is_some());
        }
        let mut known = Known::default();
        known.on(Some("l1"), &["l1"]);
        assert_eq!(known.learn(&phone_text(None, Some("a"))), "a");
        assert_eq!(known.conversations[&ConversationKey("a".into())].customer.external_id.as_deref(), Some("a"));
    }

    #[test]
    fn a_conversation_from_before_its_line_was_configured_stays_in_use_for_that_line() {
        let mut known = Known::default();
        for (told, configured, key) in [
            (Some("l1"), &[][..], "a"),
            (Some("l2"), &[], "a@l2"),
            // The base key is the conversation on l1, and the default line gets another one.
            (Some("l1"), &["l1"], "a"),
            (None, &["l1"], "a@"),
            (Some("l2"), &["l1"], "a@l2"),
            (Some("l3"), &["l1"], "a@"),
            (Some("l3"), &["l1", "l3"], "a@l3"),
            (Some("l2"), &["l1", "l2"], "a@l2"),
        ] {
            assert_eq!(known.on(told, configured), key, "{told:?} {configured:?}");
        }
        let mut known = Known::default();
        for (told, configured, key) in [
            (Some("l1"), &[][..], "a"),
            (None, &["l2"], "a"),
            (Some("l1"), &["l2"], "a"),
            (Some("l2"), &["l2"], "a@l2"),
        ] {
            assert_eq!(known.on(told, configured), key, "{told:?} {configured:?}");
        }
    }

    #[test]
    fn a_text_of_a_campaign_with_the_placeholder_tells_no_line_and_stays_in_its_conversation_when_the_campaign_is_mended()
     {
        for configured in [&[][..], &["l2"]] {
            let mut known = Known::default();
            for told in [Some(GROUP_PLACEHOLDER), Some("l1"), Some(GROUP_PLACEHOLDER), Some("l1")] {
                assert_eq!(known.on(told, configured), "a", "{told:?} {configured:?}");
            }
            let line = |known: &Known| known.conversations[&ConversationKey("a".into())].line.clone();
            assert_eq!(line(&known).as_deref(), Some("l1"));
            // A conversation of before, under the placeholder.
            let old = known.conversations.get_mut(&ConversationKey("a".into())).unwrap();
            old.line = Some(GROUP_PLACEHOLDER.to_owned());
            assert_eq!(known.on(Some("l1"), configured), "a", "{configured:?}");
            assert_eq!(line(&known).as_deref(), Some("l1"));
        }
    }

    #[test]
    fn a_conversation_of_before_under_another_spelling_of_its_line_stays_in_use() {
        let a = || ConversationKey("a".into());
        for (base_line, second, told, configured) in [
            // The placeholder was taken for a line until the campaign was mended, or the other way round.
            (GROUP_PLACEHOLDER, "l1", "l1", &[][..]),
            ("l1", GROUP_PLACEHOLDER, GROUP_PLACEHOLDER, &[]),
            ("l1", "L1", "L1", &[]),
            // The line was configured since, in other letters.
            ("l2", "g1", "g1", &["G1"]),
        ] {
            let mut known = Known::default();
            known.learn(&text(Some("a"), None, Some(base_line)));
            known.conversations.get_mut(&a()).unwrap().line = Some(base_line.to_owned());
            let mut old = known.conversations[&a()].clone();
            old.key = ConversationKey(format!("a@{second}"));
            known.conversations.insert(old.key.clone(), old);
            known.place.line = match configured {
                [] => OnLine::Alone,
                [address, ..] => OnLine::At((*address).to_owned()),
            };
            assert_eq!(known.learn(&text(Some("a"), None, Some(told))), format!("a@{second}"), "{told}");
        }
    }

    #[test]
    fn a_line_in_capital_letters_is_the_line_in_small_ones() {
        for told in [["l1", "L1"], ["L1", "l1"]] {
            for configured in [&[][..], &["l1"]] {
                let mut known = Known::default();
                let keys = told.map(|told| {
                    known.place.line = match configured {
                        [] => OnLine::Alone,
                        [address, ..] => OnLine::At((*address).to_owned()),
                    };
                    known.learn(&text(Some("a"), None, Some(told)))
                });
                assert_eq!(keys[0], keys[1], "{told:?} {configured:?}");
            }
            // The line was described after its customers had written.
            let mut known = Known::default();
            known.on(Some(told[0]), &[]);
            known.place.line = OnLine::At(told[1].to_owned());
            assert_eq!(known.learn(&text(Some("a"), None, Some(told[1]))), "a", "{told:?}");
            assert_eq!(known.on(None, &[told[0]]), "a@", "{told:?}");
        }
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
