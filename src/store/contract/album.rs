//! The contract about customers' pictures: kept while their text waits, gone with the step that ends it, and bounded.

use super::operator::order;
use super::*;
use crate::store::{Album, Keeping, Picture, PictureId, Pictured};

/// A text with links to two pictures.
fn pictured(customer: &str, words: &str) -> Event {
    let mut event = text(customer, words);
    if let EventKind::CustomerText(text) = &mut event.kind {
        text.media = vec!["https://a.example/1".into(), "https://a.example/2".into()];
    }
    event
}

fn picture(bytes: &[u8]) -> Picture {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    Picture { file_name: "door.png".into(), content_type: "image/png".into(), bytes }
}

fn first(text: EventId) -> PictureId {
    PictureId { text, number: 0 }
}

/// Keeps both pictures of a text.
async fn keep(store: &impl Store, text: EventId) {
    for number in [0, 1] {
        let kept = store.keep_picture(PictureId { text, number }, picture(b"\x89PNG\n\n\0")).await;
        assert_eq!(kept, Ok(Keeping::Safe));
    }
}

/// Whether the store has all, or nothing, of a text's pictures, in its index and on its medium.
async fn has(store: &impl Store, text: EventId) -> bool {
    let mut found = Vec::new();
    for number in [0, 1] {
        let id = PictureId { text, number };
        let kept = store.picture(id).await.unwrap();
        assert_eq!(kept.is_some(), store.picture_bytes(id).is_some());
        found.push(kept.is_some_and(|kept| kept == picture(b"\x89PNG\n\n\0")));
    }
    assert_eq!(found[0], found[1]);
    found[0]
}

async fn give_up(store: &impl Store) {
    let head = claim(store, DESK, at(1)).await;
    store.record(&head, all(&head, &Transition::GiveUp { cause: "422".into() }), at(1)).await.unwrap();
}

pub(crate) async fn a_picture_is_kept_over_a_crash_until_its_text_is_written<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let (one, other) = (accept(&store, pictured("a", "1")).await, accept(&store, pictured("b", "2")).await);
    keep(&store, one).await;
    keep(&store, other).await;
    let (backend, store) = backend.crash(store, at(1)).await;
    assert!(has(&store, one).await && has(&store, other).await);
    assert_eq!(Some(store.pictures_bytes()), store.picture_bytes(first(one)).map(|bytes| 4 * bytes));
    let head = claim(&store, DESK, at(1)).await;
    assert!(has(&store, one).await, "the worker reads it now");
    store.record(&head, done(&head), at(1)).await.unwrap();
    assert!(!has(&store, one).await && has(&store, other).await);
    assert_eq!(store.keep_picture(first(one), picture(b"late")).await, Ok(Keeping::TooLate));
    assert!(!has(&store, one).await);
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert!(!has(&store, one).await && has(&store, other).await);
}

pub(crate) async fn a_picture_goes_with_its_text_however_that_ends<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let dead = accept(&store, pictured("a", "dead")).await;
    keep(&store, dead).await;
    give_up(&store).await;
    assert!(has(&store, dead).await, "the operator may put it back");
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert!(has(&store, dead).await);
    store.operate(dead, Transition::Redrive, &order(at(2))).await.unwrap();
    assert!(has(&store, dead).await);
    store.operate(dead, Transition::Discard { reason: "no".into() }, &order(at(2))).await.unwrap();
    assert!(!has(&store, dead).await);

    let old = accept(&store, pictured("a", "old")).await;
    keep(&store, old).await;
    give_up(&store).await;
    store.expire(at(86_400), seconds(60), seconds(86_400)).await.unwrap();
    assert!(!has(&store, old).await);
    assert_eq!(store.pictures_bytes(), 0);
}

pub(crate) async fn a_forgotten_customers_pictures_are_gone<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let dead = accept(&store, pictured("a", "dead")).await;
    give_up(&store).await;
    let (waiting, other) = (accept(&store, pictured("a", "1")).await, accept(&store, pictured("b", "2")).await);
    for text in [dead, waiting, other] {
        keep(&store, text).await;
    }
    store.forget(&ConversationKey("a".into()), &order(at(2))).await.unwrap();
    assert!(!has(&store, dead).await && !has(&store, waiting).await && has(&store, other).await);
    for text in [dead, waiting] {
        assert_eq!(store.keep_picture(first(text), picture(b"late")).await, Ok(Keeping::TooLate));
    }
    let (_backend, store) = backend.crash(store, at(3)).await;
    assert!(!has(&store, dead).await && !has(&store, waiting).await && has(&store, other).await);
}

pub(crate) async fn pictures_have_a_bound_and_texts_do_not_feel_it<B: Home>() {
    let backend = B::new().await;
    let store = backend.open(StoreLimits { pictures_bytes: 10_000, ..StoreLimits::default() }, at(0)).await;
    let (one, other) = (accept(&store, pictured("a", "1")).await, accept(&store, pictured("b", "2")).await);
    let large = || picture(&[7; 6_000]);
    assert!(store.has_room_for_picture(10_000) && !store.has_room_for_picture(10_001));
    assert_eq!(store.keep_picture(first(one), large()).await, Ok(Keeping::Safe));
    assert_eq!(store.keep_picture(first(other), large()).await, Ok(Keeping::NoRoom));
    assert_eq!(store.keep_picture(first(one), large()).await, Ok(Keeping::Safe), "it is kept already");
    assert_eq!((store.picture(first(other)).await, store.health()), (Ok(None), Ok(())));
    let head = claim(&store, DESK, at(1)).await;
    store.record(&head, done(&head), at(1)).await.unwrap();
    assert_eq!(store.keep_picture(first(other), large()).await, Ok(Keeping::Safe), "the first one made room");
}

pub(crate) async fn every_waiting_text_with_pictures_is_found_once<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let long = "x".repeat(4_000);
    let written = accept(&store, pictured("a", "written")).await;
    let mut waiting = vec![accept(&store, pictured("b", "1")).await];
    accept(&store, text("c", "no picture")).await;
    waiting.push(accept(&store, pictured("d", &long)).await);
    store.pictures_came().await;
    let head = claim(&store, DESK, at(1)).await;
    assert_eq!(head.work[0].delivery.id, written);
    store.record(&head, done(&head), at(1)).await.unwrap();
    let texts = |ids: &[EventId]| ids.iter().map(|id| (*id, DESK.account)).collect::<Vec<_>>();
    let found = store.pictured(None).await.unwrap();
    assert_eq!((found.texts, found.more), (texts(&waiting), false));
    let again = store.pictured(found.next).await.unwrap();
    assert_eq!(again, Pictured { next: found.next, ..Pictured::default() });
    let later = accept(&store, pictured("e", "2")).await;
    store.pictures_came().await;
    assert_eq!(store.pictured(again.next).await.unwrap().texts, texts(&[later]));
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert_eq!(store.pictured(None).await.unwrap().texts, texts(&[waiting[0], waiting[1], later]));

    for number in 0..300 {
        accept(&store, pictured(&format!("many {number}"), "1")).await;
    }
    let (mut all, mut looks, mut next) = (0, 0, None);
    loop {
        let found = store.pictured(next).await.unwrap();
        (all, looks, next) = (all + found.texts.len(), looks + 1, found.next);
        if !found.more {
            break;
        }
    }
    assert_eq!((all, looks), (303, 2), "a look is bounded");
}
