//! Learning: the record of a conversation after new facts, the tickets and names that lead to it from then on, and the
//! conversation to which a provisional key gives way.
//!
//! The facts themselves are applied by [`Conversation::apply`]. Nothing here finds the conversation of an event, which
//! [`crate::domain::address`] does.

use jiff::Timestamp;

use crate::domain::account::Ends;
use crate::domain::address::{self, Directory, Identity};
use crate::domain::conversation::{Change, Conversation, ConversationKey, Forwarded, Subscription};
use crate::domain::event::{TicketId, TicketRef};

/// The result of learning.
pub(in crate::store) struct Learnt {
    /// The new record; `None` where nothing in it changed.
    pub(in crate::store) record: Option<Conversation>,
    /// The tickets that lead to the conversation from now on.
    pub(in crate::store) tickets: Vec<TicketRef>,
    /// New names, and the conversations that they lead to.
    pub(in crate::store) names: Vec<(Identity, ConversationKey)>,
    /// Other conversations of the customer that have taken over a ticket meanwhile, and the replies on it that went out by
    /// way of this one.
    pub(in crate::store) passed_on: Vec<(Conversation, Forwarded)>,
    /// Whether the window changed while a text may wait for its customer's answer, or the talk is over or has moved.
    pub(in crate::store) wakes: bool,
}

/// The result of new facts about a conversation; `before` is its record until then. News of a ticket matters to a
/// conversation that is known and begins none, so the result is `None` then.
///
/// # Errors
/// A failed lookup of the directory.
pub(in crate::store) fn learn<D: Directory>(
    directory: &D,
    key: &ConversationKey,
    before: Option<&Conversation>,
    ends: Ends,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Option<Learnt>, D::Error> {
    if before.is_none() && changes.iter().all(|change| matches!(change, Change::SolvedMeanwhile(_))) {
        return Ok(None);
    }
    let mut after = before.cloned().unwrap_or_else(|| Conversation::new(key.clone(), ends, now));
    let (mut tickets, mut names, mut passed_on) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        let goes_to = change.ticket_gone_to().filter(|_| !key.is_provisional());
        if let Change::Customer(customer) | Change::TalkMoved(customer) = &change {
            names.extend(new_names(directory, key, address::identities_of(customer, after.ends.carrier))?);
        }
        let forwarded_on = if let Change::Forwarded(ticket, ..) = &change { Some(*ticket) } else { None };
        after.apply(change, now);
        if let Some(forwarded) = forwarded_on.and_then(|ticket| after.forwarded_on(ticket)) {
            let ticket = TicketRef { account: after.ends.desk, id: forwarded.ticket_id };
            passed_on.extend(taken_over(directory, ticket, &after)?.map(|holder| (holder, forwarded.clone())));
        }
        let is_on_it = |id: &TicketId| after.ticket.as_ref().is_some_and(|current| current.id == *id);
        if let Some(id) = goes_to.filter(is_on_it) {
            // Older tickets stay in the index: a late reply on a solved one still finds its customer.
            let ticket = TicketRef { account: after.ends.desk, id };
            let Some(led) = lead(directory, ticket, &after)? else { continue };
            tickets.push(ticket);
            led.went_out.into_iter().for_each(|theirs| after.apply(Change::Inherited(theirs), now));
        }
    }
    let is_unchanged = before.is_some_and(|before| {
        let updated_at = std::mem::replace(&mut after.updated_at, before.updated_at);
        let is_unchanged = after == *before;
        after.updated_at = updated_at;
        is_unchanged
    });
    let wakes = before.is_some_and(|before| {
        let is_answered = before.window.asked.is_some() && before.window != after.window;
        is_answered || !before.talk.is_over() && after.talk.is_over()
    });
    let record = if is_unchanged { None } else { Some(after) };
    Ok(Some(Learnt { record, tickets, names, passed_on, wakes }))
}

/// The other conversation of the customer that a ticket leads to.
fn taken_over<D: Directory>(
    directory: &D,
    ticket: TicketRef,
    from: &Conversation,
) -> Result<Option<Conversation>, D::Error> {
    // The conversation's own record need not be read: it is no other one.
    let Some(key) = directory.by_ticket(ticket)?.filter(|key| *key != from.key) else { return Ok(None) };
    let holder = directory.conversation(&key)?;
    Ok(holder.filter(|holder| address::shares_customer(holder, from)))
}

/// A ticket that leads to another conversation from now on.
struct Led {
    /// The replies that went out by way of the customer's conversation before, because each would go out twice where this
    /// one did not know of them.
    went_out: Option<Forwarded>,
}

/// Has a ticket lead to a conversation that goes to it; `None` where it stays that of another one of the same customer.
///
/// # Errors
/// A failed lookup of the directory.
fn lead<D: Directory>(directory: &D, ticket: TicketRef, to: &Conversation) -> Result<Option<Led>, D::Error> {
    let of_customer = taken_over(directory, ticket, to)?;
    if of_customer.as_ref().is_some_and(|holder| address::keeps(holder, ticket.id, to)) {
        return Ok(None);
    }
    Ok(Some(Led { went_out: of_customer.and_then(|holder| holder.forwarded_on(ticket.id).cloned()) }))
}

/// Those of these names of a conversation's customer that lead nowhere yet, and the conversations that they lead to from
/// now on: the customer's first one, also when a name is learnt on another of the customer's lines.
///
/// # Errors
/// A failed lookup of the directory.
fn new_names<D: Directory>(
    directory: &D,
    key: &ConversationKey,
    names: Vec<Identity>,
) -> Result<Vec<(Identity, ConversationKey)>, D::Error> {
    let mut new = Vec::new();
    for name in names {
        if directory.by_identity(&name)?.is_some() {
            continue;
        }
        let base = name.key();
        let is_on_a_line = key.0.strip_prefix(&base.0).is_some_and(|rest| rest.starts_with('@'));
        let leads_to = if is_on_a_line { base } else { key.clone() };
        new.push((name, leads_to));
    }
    Ok(new)
}

/// The conversation to which a key belongs now: a provisional key gives way as soon as its ticket is known.
///
/// # Errors
/// A failed lookup of the directory.
pub(in crate::store) fn home<D: Directory>(directory: &D, key: &ConversationKey) -> Result<ConversationKey, D::Error> {
    let known = match key.provisional_ticket() {
        Some(ticket) => directory.by_ticket(ticket)?,
        None => None,
    };
    Ok(known.filter(|known| !known.is_provisional()).unwrap_or_else(|| key.clone()))
}

/// The result of moving all that lies under a provisional key to its conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct MovedHome {
    /// The ticket that leads to the conversation from now on.
    pub(in crate::store) ticket: Option<TicketRef>,
    /// New names, and the conversations that they lead to.
    pub(in crate::store) names: Vec<(Identity, ConversationKey)>,
    /// The facts that the conversation learns.
    pub(in crate::store) facts: Vec<Change>,
}

/// The result of moving all that lies under the key `from` to the conversation `to`, between these accounts: `before` is its
/// record until then, and `provisional` that of the key.
///
/// # Errors
/// A failed lookup of the directory.
pub(in crate::store) fn moved_home<D: Directory>(
    directory: &D,
    from: &ConversationKey,
    (to, ends): (&ConversationKey, Ends),
    (before, provisional): (Option<&Conversation>, Option<Conversation>),
    now: Timestamp,
) -> Result<MovedHome, D::Error> {
    let mut moved = MovedHome::default();
    if let Some(ticket) = from.provisional_ticket() {
        let known = before.cloned().unwrap_or_else(|| Conversation::new(to.clone(), ends, now));
        if let Some(led) = lead(directory, ticket, &known)? {
            moved.ticket = Some(ticket);
            moved.facts.extend(led.went_out.map(Change::Inherited));
        }
    }
    if before.is_none() {
        moved.names = new_names(directory, to, vec![address::external_id_in(to, ends.carrier)])?;
    }
    moved.facts.extend(provisional.into_iter().flat_map(inherited));
    Ok(moved)
}

/// The facts that a conversation takes over from the one under a provisional key.
fn inherited(provisional: Conversation) -> Vec<Change> {
    let mut facts = vec![Change::Customer(provisional.customer)];
    if provisional.subscription != Subscription::Unknown {
        let told_at = provisional.subscription_at.unwrap_or(provisional.updated_at);
        facts.push(Change::Subscription(provisional.subscription, told_at));
    }
    facts.extend(provisional.window.heard_at.map(Change::Heard));
    facts.extend(provisional.own_writes.into_iter().map(|write| Change::Wrote(write.fingerprint)));
    facts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;
    use crate::domain::conversation::{TakenUp, TicketStatus};
    use crate::domain::event::{CommentId, Customer};
    use crate::store::rules::testing::at;

    #[derive(Default)]
    struct Known {
        names: Vec<Identity>,
        tickets: BTreeMap<u64, ConversationKey>,
        conversations: Vec<Conversation>,
    }

    impl Directory for Known {
        type Error = Infallible;

        fn by_identity(&self, identity: &Identity) -> Result<Option<ConversationKey>, Infallible> {
            Ok(self.names.iter().find(|name| *name == identity).map(Identity::key))
        }

        fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, Infallible> {
            Ok(self.tickets.get(&ticket.id.0).cloned())
        }

        fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, Infallible> {
            Ok(self.conversations.iter().find(|known| known.key == *key).cloned())
        }
    }

    fn key(name: &str) -> ConversationKey {
        ConversationKey(name.into())
    }

    fn named(external: &str) -> Customer {
        Customer { external_id: Some(external.into()), ..Customer::default() }
    }

    fn conversation(name: &str, changes: Vec<Change>) -> Conversation {
        let mut known = Conversation::new(key(name), Ends::FIRST, at(0));
        changes.into_iter().for_each(|change| known.apply(change, at(0)));
        known
    }

    fn on_ticket(id: u64) -> Change {
        Change::Ticket(TicketId(id), TicketStatus::Open, at(0))
    }

    fn learnt(directory: &Known, name: &str, before: Option<&Conversation>, changes: Vec<Change>) -> Option<Learnt> {
        learn(directory, &key(name), before, Ends::FIRST, changes, at(9)).unwrap()
    }

    fn tickets(learnt: &Learnt) -> Vec<u64> {
        learnt.tickets.iter().map(|ticket| ticket.id.0).collect()
    }

    #[test]
    fn a_conversation_begins_with_its_first_fact_and_is_not_written_for_nothing() {
        let directory = Known::default();
        let begun = learnt(&directory, "ada", None, vec![Change::Customer(named("ada"))]).unwrap();
        let record = begun.record.unwrap();
        assert_eq!((&record.key, record.customer.external_id.as_deref()), (&key("ada"), Some("ada")));
        assert_eq!(
            begun.names.iter().map(|(name, to)| (name.value.as_str(), to.clone())).collect::<Vec<_>>(),
            [("ada", key("ada"))]
        );
        let again = learnt(&directory, "ada", Some(&record), vec![Change::Customer(named("ada"))]).unwrap();
        assert_eq!(again.record, None);
    }

    #[test]
    fn news_of_a_ticket_alone_begins_no_conversation() {
        let directory = Known::default();
        let solved = || Change::SolvedMeanwhile(TicketId(7));
        assert!(learnt(&directory, "ada", None, vec![solved()]).is_none());
        assert!(learnt(&directory, "ada", None, vec![solved(), Change::Customer(named("ada"))]).is_some());
        assert!(learnt(&directory, "ada", Some(&conversation("ada", Vec::new())), vec![solved()]).is_some());
    }

    #[test]
    fn names_and_tickets_are_those_of_the_conversations_own_accounts() {
        let others = Ends { desk: "support-eu".parse().unwrap(), carrier: "carrier-eu".parse().unwrap() };
        let changes = vec![Change::Customer(named("ada")), on_ticket(7)];
        let begun = learn(&Known::default(), &key("carrier-eu:ada"), None, others, changes, at(9)).unwrap().unwrap();
        assert_eq!(begun.tickets, [TicketRef { account: others.desk, id: TicketId(7) }]);
        assert_eq!(begun.names.iter().map(|(name, _)| name.account).collect::<Vec<_>>(), [others.carrier]);
        let asked = std::cell::Cell::new(None);
        let forwarded = Change::Forwarded(TicketId(7), CommentId(5), vec![CommentId(5)]);
        learn(&Asked(&asked), &key("carrier-eu:ada"), begun.record.as_ref(), others, vec![forwarded], at(9)).unwrap();
        assert_eq!(asked.get(), Some(TicketRef { account: others.desk, id: TicketId(7) }));
    }

    /// Keeps the last ticket that was asked for.
    struct Asked<'a>(&'a std::cell::Cell<Option<TicketRef>>);

    impl Directory for Asked<'_> {
        type Error = Infallible;

        fn by_identity(&self, _: &Identity) -> Result<Option<ConversationKey>, Infallible> {
            Ok(None)
        }

        fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, Infallible> {
            self.0.set(Some(ticket));
            Ok(None)
        }

        fn conversation(&self, _: &ConversationKey) -> Result<Option<Conversation>, Infallible> {
            Ok(None)
        }
    }

    #[test]
    fn a_ticket_leads_only_to_a_conversation_that_goes_to_it() {
        let on_another = conversation("ada", vec![Change::Customer(named("ada")), on_ticket(8)]);
        let taken_up = |asked_at| {
            let (ticket, status) = (TicketId(7), TicketStatus::Open);
            Change::TakenUp(TakenUp { ticket, status, since: at(0), requester: None, asked_at })
        };
        let read_before = Timestamp::MIN;
        for (asked_at, goes) in [(at(0), &[7][..]), (read_before, &[])] {
            let learnt = learnt(&Known::default(), "ada", Some(&on_another), vec![taken_up(asked_at)]).unwrap();
            assert_eq!(tickets(&learnt), goes, "asked at {asked_at}");
        }
    }

    #[test]
    fn replies_that_went_out_on_another_line_are_known_where_their_ticket_goes_and_no_line_takes_over_from_itself() {
        let forwarded = || Change::Forwarded(TicketId(7), CommentId(5), vec![CommentId(5)]);
        let first = conversation("ada", vec![Change::Customer(named("ada")), on_ticket(7), forwarded(), on_ticket(8)]);
        let second = conversation("ada@line-2", vec![Change::Customer(named("ada"))]);
        let mut directory = Known { conversations: vec![first], ..Known::default() };
        directory.tickets.insert(7, key("ada"));
        let moved = learnt(&directory, "ada@line-2", Some(&second), vec![on_ticket(7)]).unwrap();
        let record = moved.record.unwrap();
        assert!(record.forwarded_on(TicketId(7)).is_some_and(|theirs| theirs.covers(CommentId(5))));
        directory.tickets.insert(7, key("ada@line-2"));
        directory.conversations.push(record.clone());
        let own = learnt(&directory, "ada@line-2", Some(&record), vec![forwarded()]).unwrap();
        assert!(own.passed_on.is_empty());
    }

    #[test]
    fn a_ticket_leads_to_a_customer_and_never_to_a_provisional_key() {
        let directory = Known::default();
        assert_eq!(tickets(&learnt(&directory, "ada", None, vec![on_ticket(7)]).unwrap()), [7]);
        assert!(tickets(&learnt(&directory, "ticket:7", None, vec![on_ticket(7)]).unwrap()).is_empty());
    }

    #[test]
    fn a_ticket_that_two_lines_of_one_customer_share_goes_on_leading_to_the_first() {
        let held = |external| conversation("ada", vec![Change::Customer(named(external)), on_ticket(7)]);
        let second = conversation("ada@line-2", vec![Change::Customer(named("ada"))]);
        for (external, moves) in [("ada", &[][..]), ("bob", &[7])] {
            let mut directory = Known { conversations: vec![held(external)], ..Known::default() };
            directory.tickets.insert(7, key("ada"));
            let learnt = learnt(&directory, "ada@line-2", Some(&second), vec![on_ticket(7)]).unwrap();
            assert_eq!(tickets(&learnt), moves, "held by {external}");
        }
    }

    #[test]
    fn a_reply_of_a_ticket_that_was_taken_over_meanwhile_is_known_on_the_line_that_has_it() {
        let forwarded = |comment| Change::Forwarded(TicketId(7), CommentId(comment), vec![CommentId(comment)]);
        let first = conversation("ada", vec![Change::Customer(named("ada")), on_ticket(8)]);
        for (external, passed_on) in [("ada", 1), ("bob", 0)] {
            let held = conversation("ada@line-2", vec![Change::Customer(named(external)), on_ticket(7)]);
            let mut directory = Known { conversations: vec![held], ..Known::default() };
            directory.tickets.insert(7, key("ada@line-2"));
            let learnt = learnt(&directory, "ada", Some(&first), vec![forwarded(5)]).unwrap();
            assert_eq!(learnt.passed_on.len(), passed_on, "held by {external}");
            assert!(learnt.passed_on.iter().all(|(holder, theirs)| {
                holder.key == key("ada@line-2") && theirs.covers(CommentId(5)) && theirs.ticket_id == TicketId(7)
            }));
        }
    }

    #[test]
    fn a_name_leads_to_the_first_conversation_and_stays_there() {
        let to = |directory: &Known, name: &str| -> Vec<ConversationKey> {
            let names = address::identities_of(&named("ada"), Ends::FIRST.carrier);
            new_names(directory, &key(name), names).unwrap().into_iter().map(|(_, to)| to).collect()
        };
        assert_eq!(to(&Known::default(), "ada@line-2"), [key("ada")]);
        assert_eq!(to(&Known::default(), "b-1"), [key("b-1")], "known by another name first");
        let names = address::identities_of(&named("ada"), Ends::FIRST.carrier);
        assert!(to(&Known { names, ..Known::default() }, "b-1").is_empty());
        assert_eq!(to(&Known::default(), "adam"), [key("adam")], "a longer name is no line");
    }

    #[test]
    fn a_provisional_key_gives_way_to_a_customer_only() {
        let home = |leads_to: &str, from: &str| {
            let directory = Known { tickets: BTreeMap::from([(7, key(leads_to))]), ..Known::default() };
            home(&directory, &key(from)).unwrap().0
        };
        assert_eq!(home("ada", "ticket:7"), "ada");
        assert_eq!(home("ada", "ticket:8"), "ticket:8", "not known yet");
        assert_eq!(home("ticket:9", "ticket:7"), "ticket:7");
        assert_eq!(home("ada", "bob"), "bob");
    }

    #[test]
    fn a_changed_window_wakes_where_a_request_to_write_again_stands() {
        let asked = conversation("ada", vec![Change::Asked]);
        let heard = || vec![Change::Heard(at(0))];
        assert!(learnt(&Known::default(), "ada", Some(&asked), heard()).unwrap().wakes);
        assert!(!learnt(&Known::default(), "ada", Some(&conversation("ada", Vec::new())), heard()).unwrap().wakes);
        let unchanged = vec![Change::Customer(named("ada"))];
        assert!(!learnt(&Known::default(), "ada", Some(&asked), unchanged).unwrap().wakes, "its window is as it was");
        let over =
            learnt(&Known::default(), "ada", Some(&conversation("ada", Vec::new())), vec![Change::TalkOver(at(0))])
                .unwrap();
        assert!(over.wakes, "its texts end");
        let again = learnt(&Known::default(), "ada", over.record.as_ref(), vec![Change::TalkOver(at(0))]).unwrap();
        assert!(!again.wakes && again.record.is_none());
    }

    #[test]
    fn a_provisional_key_leaves_its_ticket_its_facts_and_a_name_to_its_conversation() {
        let to_ada = |directory: &Known, before: Option<&Conversation>, provisional| {
            let to = key("ada");
            moved_home(directory, &key("ticket:7"), (&to, Ends::FIRST), (before, provisional), at(9)).unwrap()
        };
        let ticket = TicketRef { account: Ends::FIRST.desk, id: TicketId(7) };
        let provisional = conversation("ticket:7", vec![Change::Heard(at(0))]);
        let moved = to_ada(&Known::default(), None, Some(provisional.clone()));
        assert_eq!((moved.ticket, moved.facts), (Some(ticket), inherited(provisional)));
        assert_eq!(moved.names, [(address::external_id_in(&key("ada"), Ends::FIRST.carrier), key("ada"))]);
        let known = conversation("ada", vec![Change::Customer(named("ada"))]);
        let moved = to_ada(&Known::default(), Some(&known), None);
        assert_eq!(moved, MovedHome { ticket: Some(ticket), ..MovedHome::default() }, "it has its names");
        let forwarded = Change::Forwarded(TicketId(7), CommentId(5), vec![CommentId(5)]);
        let held = |now_on| {
            let changes = vec![Change::Customer(named("ada")), on_ticket(7), forwarded.clone(), on_ticket(now_on)];
            let tickets = BTreeMap::from([(7, key("ada@line-2"))]);
            Known { conversations: vec![conversation("ada@line-2", changes)], tickets, ..Known::default() }
        };
        assert_eq!(to_ada(&held(7), Some(&known), None), MovedHome::default(), "the other line goes to it");
        let left = to_ada(&held(8), Some(&known), None);
        let went_out = |fact: &Change| matches!(fact, Change::Inherited(theirs) if theirs.covers(CommentId(5)));
        assert!(left.ticket == Some(ticket) && left.facts.iter().any(went_out));
        let directory = Known::default();
        let moved = moved_home(&directory, &key("bob"), (&key("ada"), Ends::FIRST), (Some(&known), None), at(9));
        assert_eq!(moved, Ok(MovedHome::default()), "no ticket is in that key");
    }

    #[test]
    fn a_conversation_takes_over_what_was_learnt_under_its_ticket() {
        let provisional = conversation(
            "ticket:7",
            vec![
                Change::Customer(named("ada")),
                Change::Subscription(Subscription::Out, Timestamp::MIN),
                Change::Heard(at(0)),
                Change::Wrote("Hello".into()),
            ],
        );
        let expected = [
            Change::Customer(named("ada")),
            Change::Subscription(Subscription::Out, Timestamp::MIN),
            Change::Heard(at(0)),
            Change::Wrote("Hello".into()),
        ];
        assert_eq!(inherited(provisional), expected);
        let unknown = inherited(conversation("ticket:7", Vec::new()));
        assert_eq!(unknown, [Change::Customer(Customer::default())], "an unknown subscription is no news");
    }
}
