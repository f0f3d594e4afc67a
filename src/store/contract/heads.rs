//! The contract about several heads in one request: their order and their commit, a crash after it, the budgets that they keep
//! to, and the claims of the same request that another worker has.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::clock::Clock;
use crate::domain::conversation::{Change, TicketStatus};
use crate::domain::delivery::{State, StateName};
use crate::domain::event::TicketId;
use crate::domain::lanes::{Gates, Need, Room};
use crate::store::contract::{DESK, Home, accept, at, claim, done, drain, fresh, note, seconds, state, text, words};
use crate::store::{Archive, Claim, Queue, Store, StoreError, StoreLimits, Terms, Verdict};

async fn heads(store: &impl Store, most: usize) -> Vec<Claim> {
    store.claim(DESK, at(1), Terms::merging(1), most).await.unwrap()
}

fn all_words(claims: &[Claim]) -> Vec<String> {
    claims.iter().flat_map(words).collect()
}

pub(crate) async fn heads_of_one_request_are_of_as_many_lanes_in_their_order_and_one_commit<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    for (customer, words) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("d", "d1"), ("e", "e1")] {
        accept(&store, text(customer, words)).await;
    }
    let commits = || store.counts().commits.commits();
    let before = commits();
    assert!(heads(&store, 0).await.is_empty());
    assert_eq!((commits() - before, store.counts().of(StateName::Pending)), (0, 6), "none is asked for");
    let first = heads(&store, 3).await;
    assert_eq!(all_words(&first), ["a1", "b1", "c1"]);
    assert_eq!(commits() - before, 1);
    let fences: BTreeSet<u64> = first.iter().map(|claim| claim.fence).collect();
    assert_eq!(fences.len(), 3, "each is proved by itself");
    assert_eq!(store.next_due(DESK), Some(jiff::Timestamp::MIN), "as many as asked for, and more is due");
    let rest = heads(&store, 9).await;
    assert_eq!(all_words(&rest), ["d1", "e1"], "a2 waits for a1");
    assert_eq!((commits() - before, store.next_due(DESK)), (2, None), "fewer than asked for, and nothing is due");
    assert!(heads(&store, 9).await.is_empty());
    assert_eq!(commits() - before, 2);
    for claim in first.iter().chain(&rest) {
        store.record(claim, done(claim), at(1)).await.unwrap();
    }
    assert_eq!(drain(&store, DESK, at(1)).await, ["a2"]);
}

pub(crate) async fn heads_of_one_request_are_texts_before_notes_and_few_notes<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    for customer in ["a", "b", "c", "d", "e", "f"] {
        accept(&store, text(customer, "hello")).await;
        let hello = claim(&store, DESK, at(0)).await;
        store.record(&hello, Verdict { besides: vec![note(7, customer)], ..done(&hello) }, at(0)).await.unwrap();
    }
    accept(&store, text("z", "text")).await;
    let (together, one_by_one) = (heads(&store, 9).await, ["text", "a", "b", "c", "d"]);
    assert_eq!(all_words(&together), one_by_one);
    store.record(&together[1], done(&together[1]), at(1)).await.unwrap();
    assert_eq!(all_words(&heads(&store, 9).await), ["e"], "a note gave its place back");
}

pub(crate) async fn after_a_crash_each_head_of_a_request_is_looked_for_that_has_no_verdict<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for customer in ["a", "b", "c", "d"] {
        ids.push(accept(&store, text(customer, customer)).await);
    }
    let claims = heads(&store, 3).await;
    for id in &ids[..3] {
        assert!(matches!(state(&store, *id).await, State::Sending { attempt: 1, .. }));
    }
    store.record(&claims[1], done(&claims[1]), at(1)).await.unwrap();
    let (_backend, store) = backend.crash(store, at(2)).await;
    for (id, name) in
        ids.iter().zip([StateName::Unconfirmed, StateName::Delivered, StateName::Unconfirmed, StateName::Pending])
    {
        assert_eq!(state(&store, *id).await.name(), name, "{id}");
    }
    for (claim, id) in [(&claims[0], ids[0]), (&claims[2], ids[2])] {
        assert_eq!(store.record(claim, done(claim), at(2)).await, Err(StoreError::StaleClaim(id)));
    }
    let again = store.claim(DESK, at(2), Terms::merging(1), 9).await.unwrap();
    let looked_for = |claim: &Claim| matches!(claim.work[0].delivery.state, State::Unconfirmed { .. });
    let mut found: Vec<_> = again.iter().map(|claim| (words(claim).concat(), looked_for(claim))).collect();
    found.sort();
    assert_eq!(found, [("a".to_owned(), true), ("c".to_owned(), true), ("d".to_owned(), false)]);
}

pub(crate) async fn a_crash_before_the_request_leaves_its_heads_as_they_were<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    for customer in ["a", "b"] {
        accept(&store, text(customer, customer)).await;
    }
    let (elsewhere, again) = backend.crash(store, at(1)).await;
    assert_eq!(again.counts().of(StateName::Pending), 2);
    assert_eq!(all_words(&heads(&again, 2).await), ["a", "b"]);
    let (_backend, again) = elsewhere.crash(again, at(2)).await;
    assert_eq!(again.counts().of(StateName::Unconfirmed), 2, "all of a request, or none");
}

pub(crate) async fn each_head_of_a_request_has_a_lease_of_its_own<B: Home>() {
    let backend = B::new().await;
    let clock = Clock::manual(at(0), 7);
    let limits = StoreLimits { lease: seconds(10), steady: clock.steady(), ..StoreLimits::default() };
    let store = backend.open(limits, at(0)).await;
    let mut ids = Vec::new();
    for customer in ["a", "b", "c"] {
        ids.push(accept(&store, text(customer, customer)).await);
    }
    let claims = heads(&store, 3).await;
    store.record(&claims[0], done(&claims[0]), at(1)).await.unwrap();
    clock.advance(SignedDuration::from_secs(9));
    assert!(heads(&store, 9).await.is_empty());
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(all_words(&store.claim(DESK, at(12), Terms::merging(1), 9).await.unwrap()), ["b", "c"]);
    assert_eq!(state(&store, ids[0]).await.name(), StateName::Delivered);
    for (claim, id) in claims[1..].iter().zip(&ids[1..]) {
        assert_eq!(store.record(claim, done(claim), at(12)).await, Err(StoreError::StaleClaim(*id)));
    }
}

/// A conversation on this ticket.
async fn talking(store: &impl Store, customer: &str, ticket: u64) {
    accept(store, text(customer, "hello")).await;
    let hello = claim(store, DESK, at(0)).await;
    let changes = vec![Change::Ticket(TicketId(ticket), TicketStatus::Open, at(0))];
    store.record(&hello, Verdict { changes, ..done(&hello) }, at(0)).await.unwrap();
}

pub(crate) async fn two_heads_and_a_budget_of_one_make_one_claim<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    talking(&store, "a", 7).await;
    talking(&store, "b", 8).await;
    accept(&store, text("a", "first")).await;
    let second = accept(&store, text("b", "second")).await;
    let gates = Gates::of([Room { need: Need::KnownTicket, pool: 0, heads: 1, is_brief: false, opens_at: None }]);
    let claims = store.claim(DESK, at(1), Terms { gates, ..Terms::merging(3) }, 9).await.unwrap();
    assert_eq!(all_words(&claims), ["first"]);
    assert_eq!(claims[0].need, Need::KnownTicket);
    assert_eq!(state(&store, second).await, State::Pending, "nothing is written for the other");
    assert_eq!(all_words(&heads(&store, 9).await), ["second"], "it goes when there is room");
}

/// A store with texts of three known conversations and two strangers, a note, and a text that is looked for.
async fn filled<B: Home>() -> (B, impl Store) {
    let (backend, store) = fresh::<B>().await;
    accept(&store, text("lost", "looked for")).await;
    claim(&store, DESK, at(0)).await;
    for (customer, ticket) in [("k1", 11), ("k2", 12), ("k3", 13)] {
        talking(&store, customer, ticket).await;
    }
    accept(&store, text("k1", "hello")).await;
    let hello = claim(&store, DESK, at(0)).await;
    store.record(&hello, Verdict { besides: vec![note(11, "note")], ..done(&hello) }, at(0)).await.unwrap();
    for customer in ["k1", "x", "k2", "y", "k3"] {
        accept(&store, text(customer, customer)).await;
    }
    backend.crash(store, at(1)).await
}

pub(crate) async fn heads_of_one_request_keep_to_the_budgets_as_one_request_after_the_other<B: Home>() {
    let mut by_calls = Vec::new();
    for (calls, notes) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (9, 0), (9, 1)] {
        // Texts and notes draw on the calls, of which new tickets leave one to others; notes have a budget of their own as well.
        let room = |need, pool, heads: usize| Room { need, pool, heads, is_brief: false, opens_at: None };
        let mut gates = Gates::of([
            room(Need::KnownTicket, 0, calls),
            room(Need::NewTicket, 0, calls.saturating_sub(1)),
            room(Need::Note, 0, calls),
            room(Need::Note, 1, notes),
        ]);
        let (_backend, store) = filled::<B>().await;
        let terms = |gates: &Gates| Terms { gates: gates.clone(), ..Terms::merging(3) };
        let together = all_words(&store.claim(DESK, at(2), terms(&gates), 9).await.unwrap());
        let (_backend, store) = filled::<B>().await;
        let mut one_by_one = Vec::new();
        while let Some(claim) = store.claim(DESK, at(2), terms(&gates), 1).await.unwrap().pop() {
            gates.begin(claim.need);
            one_by_one.extend(words(&claim));
        }
        assert_eq!(together, one_by_one, "{calls} calls, {notes} notes");
        by_calls.push(together.len());
    }
    assert_eq!(by_calls, [1, 2, 3, 4, 5, 6, 7, 6, 7], "the one that is looked for waits for no budget");
}
