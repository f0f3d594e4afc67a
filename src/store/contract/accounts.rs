//! Several accounts in one store: nothing of one is taken for something of another.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::domain::account::{AccountId, Direction};
use crate::domain::conversation::TakenUp;
use crate::domain::event::CommentId;
use crate::domain::find::Search;
use crate::domain::operator::PauseTerms;
use crate::store::{Archive, Control, Queue, Sweep};

/// The accounts of a second desk and a second carrier.
fn others() -> Ends {
    Ends { desk: "support-eu".parse().unwrap(), carrier: "carrier-eu".parse().unwrap() }
}

fn key(name: &str) -> ConversationKey {
    ConversationKey(name.into())
}

async fn accept_at(store: &impl Store, event: Event, ends: Ends, dedupe: Vec<DedupeKey>) -> Accepted {
    store.accept(event, ends.into(), dedupe, at(0)).await.unwrap()
}

pub(crate) async fn two_accounts_share_no_key<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let [to_desk, bells, _] = others().routes();
    for ends in [Ends::FIRST, others()] {
        let accepted = accept_at(&store, text("ada", "hello"), ends, vec![dispatch("d")]).await;
        assert!(matches!(accepted, Accepted::New(_)), "equal facts of two carriers are two facts: {accepted:?}");
        let again = accept_at(&store, text("ada", "hello"), ends, vec![dispatch("d")]).await;
        assert!(matches!(again, Accepted::Duplicate(_)), "{again:?}");
    }
    let (first, second) = (claim(&store, DESK, at(1)).await, claim(&store, to_desk, at(1)).await);
    assert_eq!((first.key.0.as_str(), first.ends), ("ada", Ends::FIRST));
    assert_eq!((second.key.0.as_str(), second.ends), ("carrier-eu:ada", others()));
    assert!(store.claim(DESK, at(1), Terms::merging(1), 1).await.unwrap().pop().is_none());
    for claimed in [&first, &second] {
        let ticket = Change::Ticket(TicketId(7), TicketStatus::Open, at(1));
        store.record(claimed, Verdict { changes: vec![ticket], ..done(claimed) }, at(1)).await.unwrap();
    }
    let (_backend, store) = backend.crash(store, at(2)).await;
    for (ends, route, key) in [(Ends::FIRST, BELLS, "ada"), (others(), bells, "carrier-eu:ada")] {
        accept_at(&store, doorbell(7), ends, Vec::new()).await;
        let claimed = claim(&store, route, at(3)).await;
        assert_eq!(claimed.key.0, key, "ticket 7 of {}", ends.desk);
        let owed = Verdict { instead: vec![phone_text(7, key)], ..done(&claimed) };
        store.record(&claimed, owed, at(3)).await.unwrap();
        let phone = Route { direction: Direction::ToCustomer, account: ends.carrier };
        assert_eq!(drain(&store, phone, at(3)).await, [key], "the reply goes by way of its own carrier");
    }
    let both = store.find_conversations(Some(Search::Ticket(TicketId(7))), None, 9).await.unwrap().items;
    assert_eq!(both.len(), 2, "a number is looked for at every desk");
    store.forget(&key("ada"), &order(at(4))).await.unwrap();
    let left = store.conversations(None, 9).await.unwrap().items;
    assert_eq!(left.iter().map(|one| one.key.0.as_str()).collect::<Vec<_>>(), ["carrier-eu:ada"]);
}

async fn keep_body(store: &impl Store, account: AccountId, ends: Ends, body: &str) -> EventId {
    let kind = EventKind::Unreadable(Unreadable {
        path: format!("/webhooks/{account}"),
        method: "POST".into(),
        content_type: None,
        body: STANDARD.encode(body),
    });
    let event = Event { received_at: at(0), kind };
    let kept = store.quarantine(event, ends.into(), "no JSON".into(), Vec::new(), at(0)).await.unwrap();
    let Accepted::New(id) = kept else { panic!("{kept:?}") };
    id
}

pub(crate) async fn an_unreadable_body_is_of_the_account_that_it_was_posted_to<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let mut kept = Vec::new();
    for account in [others().carrier, others().desk, Ends::FIRST.carrier] {
        let ends = if account.is_first() { Ends::FIRST } else { others() };
        kept.push((account, keep_body(&store, account, ends, "garbage").await));
    }
    let (_backend, store) = backend.crash(store, at(1)).await;
    for (account, id) in &kept {
        let listed = DeliveryFilter { account: Some(*account), limit: 9, ..DeliveryFilter::default() };
        let listed = store.deliveries(listed).await.unwrap().items;
        assert_eq!(listed.iter().map(|one| (one.id, one.route().account)).collect::<Vec<_>>(), [(*id, *account)]);
    }
    let (account, id) = kept[0];
    let sweep = Sweep {
        state: StateName::Quarantined,
        conversation: None,
        account: Some(account),
        accepted_by: at(9),
        after: None,
    };
    assert_eq!(store.sweep(sweep).await.unwrap().ids, [id], "a move of all that are listed moves no other");
}

pub(crate) async fn a_customer_is_forgotten_in_no_body_that_names_another_carriers_customer<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    // One desk, two carriers, and a customer of one id at each.
    let further = Ends { carrier: others().carrier, ..Ends::FIRST };
    store.keep_homes(BTreeMap::from([(Ends::FIRST.desk, Ends::FIRST.carrier)])).await.unwrap();
    for ends in [Ends::FIRST, further] {
        accept_at(&store, text("cust-42", "hello"), ends, Vec::new()).await;
    }
    let mut kept = Vec::new();
    for (account, ends, body) in [
        (Ends::FIRST.carrier, Ends::FIRST, "external_id=cust-42&text=%zz"),
        (further.carrier, further, "external_id=cust-42&text=%zz"),
        (Ends::FIRST.desk, Ends::FIRST, r#"{"external_user_id":"cust-42", oops"#),
        (Ends::FIRST.desk, Ends::FIRST, r#"{"external_user_id":"carrier-eu:cust-42", oops"#),
    ] {
        kept.push(keep_body(&store, account, ends, body).await);
    }
    let left = async || {
        let filter = DeliveryFilter { state: Some(StateName::Quarantined), limit: 9, ..DeliveryFilter::default() };
        store.deliveries(filter).await.unwrap().items.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let forgotten = store.forget(&key("carrier-eu:cust-42"), &order(at(1))).await.unwrap();
    assert_eq!((forgotten.unreadable, forgotten.unattributed), (2, 1), "the other carrier's bodies are none of theirs");
    assert_eq!(left().await, [kept[0], kept[2]]);
    let forgotten = store.forget(&key("cust-42"), &order(at(2))).await.unwrap();
    assert_eq!((forgotten.unreadable, left().await), (2, Vec::new()));
}

pub(crate) async fn a_ticket_of_a_second_desk_goes_home_to_its_own_accounts<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let [_, bells, phone] = others().routes();
    let wider = Ends { carrier: "sms-eu".parse().unwrap(), ..others() };
    accept_at(&store, text("eve", "hi"), wider, Vec::new()).await;
    accept_at(&store, doorbell(8), others(), Vec::new()).await;
    accept_at(&store, phone_text(8, "later"), others(), Vec::new()).await;
    let bell = claim(&store, bells, at(1)).await;
    assert_eq!(bell.key.0, "ticket:support-eu:8");
    let verdict = Verdict { belongs_to: Some(key("sms-eu:eve")), ..done(&bell) };
    store.record(&bell, verdict, at(1)).await.unwrap();
    assert_eq!(drain(&store, phone, at(2)).await, Vec::<String>::new());
    let by_way_of_hers = Route { direction: Direction::ToCustomer, account: wider.carrier };
    assert_eq!(drain(&store, by_way_of_hers, at(2)).await, ["later"]);
}

pub(crate) async fn a_pause_holds_one_account_only<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let [to_desk, ..] = others().routes();
    let terms = PauseTerms { reason: Some("upkeep".into()), until: None };
    assert_eq!(store.pause(to_desk.account, Some(terms), &order(at(0))).await, Ok(true));
    let (_backend, store) = backend.crash(store, at(1)).await;
    assert_eq!(store.pauses().keys().copied().collect::<Vec<_>>(), [to_desk.account]);
    for ends in [Ends::FIRST, others()] {
        accept_at(&store, text("ada", "hello"), ends, Vec::new()).await;
    }
    assert!(store.claim(to_desk, at(1), Terms::merging(1), 1).await.unwrap().pop().is_none());
    assert_eq!(drain(&store, DESK, at(1)).await, ["hello"]);
    assert_eq!(store.pause(to_desk.account, None, &order(at(2))).await, Ok(true));
    assert_eq!(drain(&store, to_desk, at(2)).await, ["hello"]);
}

pub(crate) async fn a_ticket_that_goes_to_another_line_of_its_customer_takes_along_the_replies_that_went_out<
    B: Home,
>() {
    let (backend, store) = fresh::<B>().await;
    let ada = || Customer { external_id: Some("ada".into()), ..Customer::default() };
    for (line, words) in [("l1", "one"), ("l2", "two")] {
        accept_at(&store, text_from(ada(), Some(line), words), Ends::FIRST, Vec::new()).await;
    }
    drain(&store, DESK, at(1)).await;
    let (first, second) = (key("ada"), key("ada@l2"));
    let goes_to = |ticket| Change::Ticket(TicketId(ticket), TicketStatus::Open, at(2));
    let stands = |comment| Change::Stands(TicketId(7), CommentId(comment));
    let out = |comment| Change::Forwarded(TicketId(7), CommentId(comment), vec![CommentId(comment)]);
    store.learn(&first, vec![goes_to(7), stands(10), out(13)], at(2)).await.unwrap();
    // A merge brings the conversation of the other line to the same ticket.
    store.learn(&second, vec![goes_to(7), stands(11)], at(3)).await.unwrap();
    let on_7 = async |store: &B::Store| {
        let ticket = TicketRef { account: DESK.account, id: TicketId(7) };
        store.conversations_on(&[ticket]).await.unwrap().remove(0).1
    };
    assert_eq!(on_7(&store).await.key, first, "one conversation forwards the replies of a ticket");
    store.learn(&first, vec![goes_to(8)], at(4)).await.unwrap();
    store.learn(&second, vec![goes_to(7)], at(5)).await.unwrap();
    let (_backend, store) = backend.crash(store, at(6)).await;
    let holder = on_7(&store).await;
    assert_eq!(holder.key, second);
    let forwarded = holder.forwarded_on(TicketId(7)).unwrap();
    assert!(forwarded.covers(CommentId(13)), "the reply went out on the first line: {forwarded:?}");
    assert!(!forwarded.covers(CommentId(14)));
}

pub(crate) async fn a_ticket_that_goes_to_another_customer_brings_no_reply_of_the_first_along<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    for name in ["ada", "bob"] {
        accept_at(&store, text(name, "hello"), Ends::FIRST, Vec::new()).await;
    }
    let goes_to = Change::Ticket(TicketId(7), TicketStatus::Open, at(2));
    let out = Change::Forwarded(TicketId(7), CommentId(13), vec![CommentId(13)]);
    store.learn(&key("ada"), vec![goes_to.clone(), out], at(2)).await.unwrap();
    store.learn(&key("bob"), vec![goes_to], at(3)).await.unwrap();
    let bob = store.conversation(&key("bob")).await.unwrap().unwrap();
    assert_eq!(bob.forwarded_on(TicketId(7)), None, "only a named comment is new on a ticket that is new to him");
}

pub(crate) async fn a_ticket_that_a_merge_leads_to_rings_in_the_conversation_that_followed_it<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    accept_at(&store, text("ada", "hello"), Ends::FIRST, Vec::new()).await;
    let followed =
        TakenUp { ticket: TicketId(7), status: TicketStatus::Open, since: at(1), requester: None, asked_at: at(1) };
    store.learn(&key("ada"), vec![Change::TakenUp(followed)], at(2)).await.unwrap();
    accept_at(&store, doorbell(7), Ends::FIRST, Vec::new()).await;
    assert_eq!(claim(&store, BELLS, at(3)).await.key, key("ada"));
}

pub(crate) async fn the_first_carrier_of_a_desk_is_chosen_once<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let (first, other) = (Ends::FIRST, others());
    let chosen = BTreeMap::from([(first.desk, first.carrier)]);
    assert_eq!(store.keep_homes(chosen.clone()).await, Ok(chosen));
    let (backend, store) = backend.crash(store, at(1)).await;
    let both = BTreeMap::from([(first.desk, first.carrier), (other.desk, other.carrier)]);
    let another = BTreeMap::from([(first.desk, other.carrier), (other.desk, other.carrier)]);
    assert_eq!(store.keep_homes(another).await, Ok(both.clone()), "the order of the configuration changes nothing");
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert_eq!(store.keep_homes(BTreeMap::new()).await, Ok(both), "also where a desk is gone for a while");
}
