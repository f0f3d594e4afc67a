//! Texts that wait for their customer's answer: the template goes first, and any news has the text weighed again.

use super::operator::order;
use super::*;
use crate::domain::conversation::{Stand, Window};
use crate::domain::delivery::Arrived;
use crate::domain::event::Template;

const CAUSE: &str = "it waits";

fn whatsapp(words: &str, second: i64) -> Event {
    let mut event = Event { received_at: at(second), ..text("ada", words) };
    if let EventKind::CustomerText(text) = &mut event.kind {
        text.channel = "whatsapp".into();
    }
    event
}

fn template() -> Event {
    let template = Template { ticket_id: Some(TicketId(7)), external_user_id: None };
    Event { received_at: at(0), kind: EventKind::Template(template) }
}

fn solved(ticket: u64) -> Event {
    let change = TicketChange { ticket_id: TicketId(ticket), external_user_id: None, requester_id: None };
    Event { received_at: at(0), kind: EventKind::TicketSolved(change) }
}

fn until(claim: &Claim, second: i64) -> Verdict {
    all(claim, &Transition::Postpone { due_at: at(second), cause: CAUSE.into(), for_budget: false })
}

async fn window(store: &impl Store) -> Window {
    store.conversation(&ConversationKey("ada".into())).await.unwrap().unwrap().window
}

/// A store in which a text of ticket 7 waits for the customer's answer, and has another text behind it.
async fn asked<B: Home>() -> (B, B::Store) {
    let (backend, store) = fresh::<B>().await;
    accept(&store, whatsapp("hello", 0)).await;
    let first = claim(&store, DESK, at(0)).await;
    let ticket = Change::Ticket(TicketId(7), TicketStatus::Open, at(0));
    store.record(&first, Verdict { changes: vec![ticket], ..done(&first) }, at(0)).await.unwrap();
    accept(&store, phone_text(7, "one")).await;
    accept(&store, phone_text(7, "two")).await;
    let one = claim(&store, PHONE, at(1)).await;
    assert_eq!(words(&one), ["one"]);
    let ask = Verdict { changes: vec![Change::Asked], besides: vec![template()], ..until(&one, 1) };
    store.record(&one, ask, at(1)).await.unwrap();
    (backend, store)
}

pub(crate) async fn a_template_goes_before_the_texts_that_wait_for_its_answer<B: Home>() {
    let (backend, store) = asked::<B>().await;
    let (backend, store) = backend.crash(store, at(1)).await;
    let sent = claim(&store, PHONE, at(1)).await;
    assert_eq!(words(&sent), ["template"]);
    let verdict = Verdict { changes: vec![Change::AskStands(Stand::Sent)], ..done(&sent) };
    store.record(&sent, verdict, at(1)).await.unwrap();
    let one = claim(&store, PHONE, at(1)).await;
    assert_eq!(words(&one), ["one"]);
    store.record(&one, until(&one, 3600), at(1)).await.unwrap();
    assert!(store.claim(PHONE, at(3599), Terms::merging(1), 1).await.unwrap().pop().is_none(), "nothing overtakes it");
    store.accept(whatsapp("back", 100), Ends::FIRST.into(), Vec::new(), at(100)).await.unwrap();
    assert_eq!(window(&store).await, Window { heard_at: Some(at(100)), asked: None });
    let (_backend, store) = backend.crash(store, at(100)).await;
    assert_eq!(drain(&store, PHONE, at(100)).await, ["one", "two"]);
}

pub(crate) async fn news_of_a_window_that_comes_while_a_worker_has_the_text_is_not_slept_through<B: Home>() {
    let (_backend, store) = asked::<B>().await;
    let sent = claim(&store, PHONE, at(1)).await;
    store.record(&sent, done(&sent), at(1)).await.unwrap();
    let one = claim(&store, PHONE, at(1)).await;
    store.accept(whatsapp("back", 2), Ends::FIRST.into(), Vec::new(), at(2)).await.unwrap();
    store.record(&one, until(&one, 3600), at(2)).await.unwrap();
    assert_eq!(words(&claim(&store, PHONE, at(2)).await), ["one"]);
}

pub(crate) async fn a_solution_is_known_to_the_texts_that_stand_before_it<B: Home>() {
    let (_backend, store) = asked::<B>().await;
    let sent = claim(&store, PHONE, at(1)).await;
    store.record(&sent, done(&sent), at(1)).await.unwrap();
    let one = claim(&store, PHONE, at(1)).await;
    store.record(&one, until(&one, 3600), at(1)).await.unwrap();
    store.accept(solved(7), Ends::FIRST.into(), Vec::new(), at(5)).await.unwrap();
    assert_eq!(window(&store).await.asked.unwrap().solved, Some((TicketId(7), at(5))));
    assert_eq!(words(&claim(&store, PHONE, at(5)).await), ["one"]);
    let known = store.conversations(None, 9).await.unwrap().total;
    store.accept(solved(99), Ends::FIRST.into(), Vec::new(), at(6)).await.unwrap();
    assert_eq!(store.conversations(None, 9).await.unwrap().total, known, "a solution begins no conversation");
}

/// The template in doubt, set aside for the operator, and then the operator's move of it.
async fn ended<B: Home>(end: impl AsyncFnOnce(&B::Store, EventId)) -> (B, B::Store, EventId) {
    let (backend, store) = asked::<B>().await;
    let sent = claim(&store, PHONE, at(1)).await;
    assert_eq!(words(&sent), ["template"]);
    let id = sent.work[0].delivery.id;
    let doubt = Transition::Lose { since: at(1), look_at: at(1), cause: "no answer".into() };
    store.record(&sent, all(&sent, &doubt), at(1)).await.unwrap();
    let looked = claim(&store, PHONE, at(1)).await;
    let aside = all(&looked, &Transition::SetAside { cause: "unknown".into() });
    store.record(&looked, aside, at(1)).await.unwrap();
    let one = claim(&store, PHONE, at(1)).await;
    assert_eq!(words(&one), ["one"]);
    store.record(&one, until(&one, 3600), at(1)).await.unwrap();
    end(&store, id).await;
    (backend, store, id)
}

pub(crate) async fn a_template_that_an_operator_ends_leaves_no_text_waiting_for_it<B: Home>() {
    let discard = async |store: &B::Store, id| {
        store.operate(id, Transition::Discard { reason: "x".into() }, &order(at(9))).await.unwrap();
    };
    let settle = async |store: &B::Store, id| {
        store.settle(id, Arrived { out: None, of: 1 }, &order(at(9))).await.unwrap();
    };
    let stand = async |store: &B::Store| window(store).await.asked.unwrap().stand;
    let (backend, store, _) = ended::<B>(discard).await;
    assert_eq!(stand(&store).await, Stand::Failed);
    let (_backend, store) = backend.crash(store, at(9)).await;
    assert_eq!(stand(&store).await, Stand::Failed);
    assert_eq!(words(&claim(&store, PHONE, at(9)).await), ["one"], "the text is weighed again at once");
    let (_backend, store, _) = ended::<B>(settle).await;
    assert_eq!(stand(&store).await, Stand::Sent);
    assert_eq!(words(&claim(&store, PHONE, at(9)).await), ["one"]);
    // A template that has not been tried yet is the head of its lane.
    let (_backend, store) = asked::<B>().await;
    let waiting = DeliveryFilter { newest_first: true, limit: 1, ..DeliveryFilter::default() };
    let template = store.deliveries(waiting).await.unwrap().items.remove(0);
    assert_eq!(template.kind.word(), "template");
    discard(&store, template.id).await;
    assert_eq!(stand(&store).await, Stand::Failed);
    assert_eq!(words(&claim(&store, PHONE, at(9)).await), ["one"]);
}

pub(crate) async fn a_template_that_an_operator_ends_late_changes_no_later_request<B: Home>() {
    let nothing = async |_: &B::Store, _| {};
    let (_backend, store, first) = ended::<B>(nothing).await;
    store.accept(whatsapp("back", 100), Ends::FIRST.into(), Vec::new(), at(100)).await.unwrap();
    drain(&store, PHONE, at(100)).await;
    store.learn(&ConversationKey("ada".into()), vec![Change::Asked], at(200)).await.unwrap();
    store.operate(first, Transition::Discard { reason: "x".into() }, &order(at(300))).await.unwrap();
    assert_eq!(window(&store).await.asked.unwrap().stand, Stand::Owed, "another template is on the way");
}
