//! The contract about scarcity: texts that go as one while their ticket's budget is short, and heads that are passed
//! over while their need cannot be met.

use std::sync::Arc;

use crate::domain::conversation::{Change, TicketStatus};
use crate::domain::delivery::StateName;
use crate::domain::event::TicketId;
use crate::domain::lanes::{Gates, Need, Room};
use crate::store::contract::{DESK, Home, PHONE, accept, at, claim, done, drain, fresh, phone_text, text, words};
use crate::store::{Archive, Queue, Store, Terms, Verdict};

/// Terms of a bridge that calls a ticket's budget short for this many texts and more.
fn short_from(texts: usize) -> Terms {
    let is_short = move |ticket, waiting| ticket == TicketId(7) && waiting >= texts;
    Terms { is_short: Arc::new(is_short), ..Terms::merging(3) }
}

fn shut(need: Need) -> Terms {
    Terms { gates: Gates::of([Room { need, pool: 0, heads: 0, is_brief: false, opens_at: None }]), ..Terms::merging(3) }
}

/// A conversation on ticket 7.
async fn talking(store: &impl Store, customer: &str) {
    accept(store, text(customer, "hello")).await;
    let hello = claim(store, DESK, at(0)).await;
    let changes = vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(0))];
    store.record(&hello, Verdict { changes, ..done(&hello) }, at(0)).await.unwrap();
}

pub(crate) async fn texts_are_merged_as_long_as_the_budget_of_their_ticket_is_short<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    talking(&store, "a").await;
    for words in ["1", "2", "3", "4", "5", "6", "7"] {
        accept(&store, text("a", words)).await;
    }
    accept(&store, text("stranger", "8")).await;
    let mut comments = Vec::new();
    while let Some(claim) = store.claim(DESK, at(1), short_from(2), 1).await.unwrap().pop() {
        comments.push(words(&claim).join(" "));
        store.record(&claim, done(&claim), at(1)).await.unwrap();
    }
    comments.sort();
    assert_eq!(comments, ["1 2 3", "4 5 6", "7", "8"], "also after the first merge");
    for words in ["1", "2", "3"] {
        accept(&store, text("a", words)).await;
    }
    let single = store.claim(DESK, at(2), short_from(4), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&single), ["1"], "three are not too many");
}

pub(crate) async fn what_has_a_need_that_cannot_be_met_is_not_written_and_keeps_nothing_waiting<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    talking(&store, "known").await;
    for stranger in ["x", "y", "z"] {
        accept(&store, text(stranger, stranger)).await;
    }
    accept(&store, text("known", "1")).await;
    accept(&store, phone_text(7, "to the phone")).await;
    let commits = store.counts().commits.commits();
    let known = store.claim(DESK, at(1), shut(Need::NewTicket), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&known), ["1"]);
    store.record(&known, done(&known), at(1)).await.unwrap();
    let written = store.counts().commits.commits() - commits;
    assert!(store.claim(DESK, at(1), shut(Need::NewTicket), 1).await.unwrap().pop().is_none());
    assert_eq!(store.next_due(DESK), None, "whoever shut the gate knows when it opens");
    assert_eq!(store.counts().commits.commits() - commits, written, "to pass over costs no commit");
    assert_eq!(store.counts().of(StateName::Pending), 4);
    assert!(store.claim(PHONE, at(1), shut(Need::Text), 1).await.unwrap().pop().is_none());
    assert_eq!(drain(&store, PHONE, at(1)).await, ["to the phone"]);
    // A head set apart stays on disk unchanged, and goes in its order when the gate opens.
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert!(store.claim(DESK, at(2), shut(Need::NewTicket), 1).await.unwrap().pop().is_none());
    assert_eq!(drain(&store, DESK, at(2)).await, ["x", "y", "z"]);
}
