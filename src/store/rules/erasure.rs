//! Erasure: the names by which a customer is known, the records that bear one, and the outcome for each delivery.
//!
//! Nothing here drops a record.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::acts::is_held;
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::address::{self, Directory};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Customer, Event, EventKind};
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;
use crate::domain::operator::{Identifiers, Sender};
use crate::domain::receipt::Report;
use crate::store::Forgotten;

/// The names of a customer.
pub(in crate::store) struct Theirs {
    /// The keys under which deliveries lie, including those of the customer's tickets.
    pub(in crate::store) keys: BTreeSet<ConversationKey>,
    /// The carrier whose customer it is.
    pub(in crate::store) carrier: AccountId,
    /// The key of the customer's first conversation.
    base: ConversationKey,
    /// The customer's ids and numbers, each with the carrier whose customer it names.
    ids: BTreeSet<(AccountId, String)>,
    identifiers: Identifiers,
}

impl Theirs {
    /// The names that are known beforehand of the customer of this key and of its conversation.
    ///
    /// # Errors
    /// A failed lookup of the directory.
    pub(in crate::store) fn of<D: Directory>(
        key: &ConversationKey,
        conversation: Option<&Conversation>,
        directory: &D,
    ) -> Result<Self, D::Error> {
        let (base, carrier) = match conversation {
            Some(known) => (base_of(known, directory)?, known.ends.carrier),
            None => (key.clone(), id_in(key).0),
        };
        let (keys, ids) = (BTreeSet::from([key.clone()]), BTreeSet::from([id_in(&base)]));
        let mut theirs = Self { keys, carrier, base, ids, identifiers: Identifiers::default() };
        // The key of a first account's customer is an id as it is.
        match AccountId::split(&key.0).0 {
            Some(_) => theirs.identifiers.add([key.0.as_str()]),
            None => theirs.identifiers.add_ids([key.0.as_str()]),
        }
        Ok(theirs)
    }

    /// Whether a conversation is the customer's, and not only one of the same name at another carrier.
    ///
    /// # Errors
    /// A failed lookup of the directory.
    pub(in crate::store) fn is_theirs<D: Directory>(
        &self,
        conversation: &Conversation,
        directory: &D,
    ) -> Result<bool, D::Error> {
        Ok(conversation.ends.carrier == self.carrier && base_of(conversation, directory)? == self.base)
    }

    /// Takes the names in that one of the customer's conversations knows.
    pub(in crate::store) fn take(&mut self, conversation: Conversation) {
        let Conversation { key, customer, ends, .. } = conversation;
        // A carrier's id may be the number itself, which is unique.
        self.identifiers.add([&customer.phone, &customer.email].into_iter().filter_map(|one| one.as_deref()));
        let ids = [&customer.external_id, &customer.carrier_id, &customer.thread];
        self.identifiers.add_ids(ids.into_iter().filter_map(|one| one.as_deref()));
        let ids = [&customer.external_id, &customer.carrier_id, &customer.thread, &customer.phone];
        self.ids.extend(ids.into_iter().flatten().map(|id| (ends.carrier, id.clone())));
        self.keys.insert(key);
    }

    /// Whether a report is about the customer.
    pub(in crate::store) fn are_told_of(&self, report: &Report) -> bool {
        let Customer { external_id, carrier_id, thread, phone, .. } = &report.customer;
        let mut ids = [external_id, carrier_id, thread, phone].into_iter().flatten();
        ids.any(|id| self.ids.contains(&(report.carrier, id.clone())))
    }

    /// The sender of a body that was posted to this account of a conversation between these ends, as far as the customer
    /// may be named in it; `home` is the carrier whose customers a desk knows by their ids alone. `None` for another
    /// carrier, whose customers are other people.
    pub(in crate::store) fn sender(
        &self,
        posted_to: Option<AccountId>,
        ends: Ends,
        home: Option<AccountId>,
    ) -> Option<Sender> {
        let Some(account) = posted_to.filter(|account| *account != self.carrier) else { return Some(Sender::Carrier) };
        let is_first = home.unwrap_or(Ends::FIRST.carrier) == self.carrier;
        (ends.end(account) == Some(End::Desk)).then_some(Sender::Desk { carrier: self.carrier, is_first })
    }

    /// Whether this is an unreadable body of that sender that names the customer.
    pub(in crate::store) fn are_named_in(&self, event: &Event, from: Sender) -> bool {
        let EventKind::Unreadable(kept) = &event.kind else { return false };
        STANDARD.decode(&kept.body).is_ok_and(|body| self.identifiers.are_in(&body, from))
    }
}

/// The customer's first conversation, found as for a new text ([`address::resolve`]).
fn base_of<D: Directory>(conversation: &Conversation, directory: &D) -> Result<ConversationKey, D::Error> {
    let carrier = conversation.ends.carrier;
    if let Some(talk) = &conversation.customer.thread {
        // A merged talk leads on, perhaps over several others.
        let lasting = address::lead_of(talk, carrier, directory)?.conversation;
        return Ok(lasting.map_or_else(|| conversation.key.clone(), |lasting| lasting.key));
    }
    for name in address::identities_of(&conversation.customer, carrier) {
        if let Some(key) = directory.by_identity(&name)? {
            return Ok(key);
        }
    }
    Ok(conversation.key.clone())
}

/// The customer's id that a key was made of, and the carrier whose customer it names.
fn id_in(key: &ConversationKey) -> (AccountId, String) {
    let (carrier, id) = AccountId::split(&key.0);
    (carrier.unwrap_or(Ends::FIRST.carrier), id.to_owned())
}

/// The outcome for a delivery when a customer is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Erasure {
    /// It is not this customer's.
    NotTheirs,
    /// A worker holds it, so it is left.
    InHand,
    /// It is dropped, and not sent.
    Waiting,
    /// It is dropped.
    Settled,
    /// A body that names them is dropped.
    Unreadable,
}

impl Erasure {
    /// The outcome for one of the deliveries that lie under these keys, or of a body that was found to name the customer.
    pub(in crate::store) fn of(delivery: &Delivery, keys: &BTreeSet<ConversationKey>, held: &[Position]) -> Self {
        let is_unreadable = delivery.kind == KindName::Unreadable;
        if !is_unreadable && !keys.contains(&delivery.conversation) {
            Self::NotTheirs
        } else if is_held(delivery.id, held) {
            Self::InHand
        } else if delivery.state.holds_lane() {
            Self::Waiting
        } else if is_unreadable {
            Self::Unreadable
        } else {
            Self::Settled
        }
    }

    /// Whether the delivery is dropped.
    pub(in crate::store) fn drops(self) -> bool {
        matches!(self, Self::Waiting | Self::Settled | Self::Unreadable)
    }

    /// Counts the delivery.
    pub(in crate::store) fn count(self, forgotten: &mut Forgotten) {
        match self {
            Self::NotTheirs => {}
            Self::InHand => forgotten.in_hand += 1,
            Self::Waiting => forgotten.waiting += 1,
            Self::Settled => forgotten.settled += 1,
            Self::Unreadable => forgotten.unreadable += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::domain::address::Identity;
    use crate::domain::delivery::State;
    use crate::domain::event::{TicketRef, Unreadable};
    use crate::domain::receipt::Reported;
    use crate::store::contract::text;
    use crate::store::rules::testing::{at, delivery, id, looked_for, set_aside, waiting};

    fn key(name: &str) -> ConversationKey {
        ConversationKey(name.into())
    }

    fn others() -> Ends {
        Ends { carrier: "carrier-eu".parse().unwrap(), ..Ends::FIRST }
    }

    fn conversation(name: &str, external: &str, ends: Ends) -> Conversation {
        let mut known = Conversation::new(key(name), ends, at(0));
        known.customer = Customer {
            external_id: Some(external.into()),
            phone: Some("+15550100".into()),
            email: Some("ada@example.com".into()),
            ..Customer::default()
        };
        known
    }

    /// The conversation that a name leads to.
    struct Names(fn(&Identity) -> Option<ConversationKey>);

    impl Directory for Names {
        type Error = Infallible;

        fn by_identity(&self, name: &Identity) -> Result<Option<ConversationKey>, Infallible> {
            Ok(self.0(name))
        }

        fn by_ticket(&self, _: TicketRef) -> Result<Option<ConversationKey>, Infallible> {
            Ok(None)
        }

        fn conversation(&self, _: &ConversationKey) -> Result<Option<Conversation>, Infallible> {
            Ok(None)
        }
    }

    /// Each name leads to the conversation that is called like it.
    const BY_NAME: Names = Names(|name| Some(name.key()));

    /// Every name leads to ada.
    const TO_ADA: Names = Names(|_| Some(key("ada")));

    fn theirs(name: &str, known: Option<&Conversation>) -> Theirs {
        Theirs::of(&key(name), known, &BY_NAME).unwrap()
    }

    #[test]
    fn the_customers_conversations_on_every_line_are_theirs_and_none_at_another_carrier() {
        let first = conversation("ada", "ada", Ends::FIRST);
        let second = conversation("ada@line-2", "ada", Ends::FIRST);
        let elsewhere = conversation("carrier-eu:ada", "ada", others());
        let bob = conversation("bob", "bob", Ends::FIRST);
        for (named, are_theirs) in [
            (theirs("ada", Some(&first)), [true, true, false, false]),
            (theirs("ada@line-2", Some(&second)), [true, true, false, false]),
            (theirs("carrier-eu:ada", Some(&elsewhere)), [false, false, true, false]),
            (theirs("ada", None), [true, true, false, false]),
        ] {
            let is_theirs = |known: &Conversation| named.is_theirs(known, &BY_NAME).unwrap();
            assert_eq!([&first, &second, &elsewhere, &bob].map(is_theirs), are_theirs, "{:?}", named.keys);
        }
        let unnamed = &Names(|_| None);
        let named = Theirs::of(&key("ada"), Some(&first), unnamed).unwrap();
        assert!(!named.is_theirs(&second, unnamed).unwrap(), "no name leads to one customer");
        assert!(named.is_theirs(&first, unnamed).unwrap());
        let named = Theirs::of(&key("ada"), Some(&first), &TO_ADA).unwrap();
        assert!(named.is_theirs(&bob, &TO_ADA).unwrap(), "a name of an earlier id");
        assert!(!named.is_theirs(&elsewhere, &TO_ADA).unwrap(), "another carrier's customer of the same name");
    }

    #[test]
    fn a_report_is_about_the_customer_whose_id_or_number_it_bears_at_the_same_carrier() {
        let first = conversation("ada", "ada-1815", Ends::FIRST);
        let mut named = Theirs::of(&key("ada"), Some(&first), &TO_ADA).unwrap();
        let report = |carrier, customer| Report {
            id: "1".into(),
            at: at(0),
            customer,
            campaign: None,
            dispatch: None,
            line: None,
            carrier,
            what: Reported::Delivered,
        };
        let by_id = |id: &str| Customer { external_id: Some(id.into()), ..Customer::default() };
        let by_phone = || Customer { phone: Some("+15550100".into()), ..Customer::default() };
        let ours = Ends::FIRST.carrier;
        assert!(!named.are_told_of(&report(ours, by_phone())), "no conversation was taken in yet");
        named.take(first);
        for (carrier, customer, told) in [
            (ours, by_id("ada-1815"), true),
            (ours, by_id("ada"), true),
            (ours, by_phone(), true),
            (ours, Customer { carrier_id: Some("ada-1815".into()), ..Customer::default() }, true),
            (ours, by_id("bob"), false),
            (ours, Customer::default(), false),
            (others().carrier, by_id("ada-1815"), false),
        ] {
            let report = report(carrier, customer);
            assert_eq!(named.are_told_of(&report), told, "{report:?}");
        }
    }

    #[test]
    fn a_body_that_could_not_be_read_is_theirs_where_it_names_them() {
        let mut named = theirs("ada", None);
        named.take(conversation("ada", "ada-1815", Ends::FIRST));
        let unreadable = |body: &str| {
            let kept = Unreadable {
                path: "/webhooks/braze".into(),
                method: "POST".into(),
                content_type: None,
                body: STANDARD.encode(body),
            };
            Event { received_at: at(0), kind: EventKind::Unreadable(kept) }
        };
        for (event, is_named) in [
            (unreadable("{\"external_id\": ada-1815"), true),
            (unreadable("phone=%2B15550100"), true),
            (unreadable("to: ada@example.com"), true),
            (unreadable("ada-18150"), false),
            (text("ada-1815", "a text is known by its conversation"), false),
        ] {
            assert_eq!(named.are_named_in(&event, Sender::Carrier), is_named, "{event:?}");
        }
    }

    #[test]
    fn a_customer_loses_all_that_is_theirs_and_in_no_workers_hands() {
        let keys = BTreeSet::from([key("ada")]);
        let delivered = State::Delivered { receipt: "r".into() };
        let unreadable = Delivery {
            kind: KindName::Unreadable,
            conversation: key("nobody"),
            ..delivery(1, State::Quarantined { cause: "no JSON".into() })
        };
        let (held, mut forgotten) = ([Position::of(id(1))], Forgotten::default());
        for (delivery, held, outcome) in [
            (delivery(1, waiting(1, 9)), &[][..], Erasure::Waiting),
            (delivery(1, looked_for(9)), &held[..], Erasure::InHand),
            (delivery(2, State::Pending), &held[..], Erasure::Waiting),
            (delivery(1, delivered.clone()), &[][..], Erasure::Settled),
            (set_aside(1), &[][..], Erasure::Settled),
            (unreadable, &[][..], Erasure::Unreadable),
            (Delivery { conversation: key("bob"), ..delivery(1, delivered) }, &[][..], Erasure::NotTheirs),
        ] {
            let found = Erasure::of(&delivery, &keys, held);
            assert_eq!(found, outcome, "{delivery:?}");
            assert_eq!(found.drops(), !matches!(outcome, Erasure::InHand | Erasure::NotTheirs));
            found.count(&mut forgotten);
        }
        let expected = Forgotten { waiting: 2, in_hand: 1, settled: 2, unreadable: 1, ..Forgotten::default() };
        assert_eq!(forgotten, expected);
    }
}
