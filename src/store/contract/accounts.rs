//! Several accounts in one store: nothing of one is taken for something of another.

use super::*;
use crate::domain::account::Direction;
use crate::domain::find::Search;
use crate::domain::operator::PauseTerms;
use crate::store::{Archive, Control, Queue};

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
    assert!(store.claim(DESK, at(1), Terms::merging(1)).await.unwrap().is_none());
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
    assert!(store.claim(to_desk, at(1), Terms::merging(1)).await.unwrap().is_none());
    assert_eq!(drain(&store, DESK, at(1)).await, ["hello"]);
    assert_eq!(store.pause(to_desk.account, None, &order(at(2))).await, Ok(true));
    assert_eq!(drain(&store, to_desk, at(2)).await, ["hello"]);
}
