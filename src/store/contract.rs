//! The contract of [`Store`] as a suite for any backend: the facts that hold on return, and those that hold after a
//! crash.
//!
//! A backend names itself with [`Home`] and takes all the tests with `contract_tests!`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::domain::account::{Ends, Route};
use crate::domain::conversation::{Change, ConversationKey, Keyword, Subscription, TicketStatus, fingerprint};
use crate::domain::delivery::{State, StateName, Transition};
use crate::domain::event::{
    AgentReply, Customer, CustomerText, DedupeKey, Event, EventId, EventKind, PhoneText, TicketChange, TicketId,
    TicketRef, Unreadable,
};
use crate::domain::inbound::{Arrivals, Door, Otherwise};
use crate::domain::note::{Note, Says, Tells};
use crate::domain::testing::customer_text;
use crate::store::{
    Accepted, Archive, BACKLOG_MIN, Claim, Control, DeliveryFilter, Inbox, Queue, Store, StoreError, StoreLimits,
    Terms, Verdict, WAITING_BYTES,
};

mod accounts;
mod album;
mod find;
mod heads;
mod joining;
mod operator;
mod refused;
mod reports;
mod scarce;
mod window;

pub(crate) use accounts::{
    a_customer_is_forgotten_in_no_body_that_names_another_carriers_customer, a_pause_holds_one_account_only,
    a_ticket_of_a_second_desk_goes_home_to_its_own_accounts,
    a_ticket_that_a_merge_leads_to_rings_in_the_conversation_that_followed_it,
    a_ticket_that_goes_to_another_customer_brings_no_reply_of_the_first_along,
    a_ticket_that_goes_to_another_line_of_its_customer_takes_along_the_replies_that_went_out,
    an_unreadable_body_is_of_the_account_that_it_was_posted_to, the_first_carrier_of_a_desk_is_chosen_once,
    two_accounts_share_no_key,
};
pub(crate) use album::{
    a_forgotten_customers_pictures_are_gone, a_picture_goes_with_its_text_however_that_ends,
    a_picture_is_kept_over_a_crash_until_its_text_is_written, every_waiting_text_with_pictures_is_found_once,
    pictures_have_a_bound_and_texts_do_not_feel_it,
};
pub(crate) use find::{
    a_conversation_is_found_by_what_is_known_of_it, a_list_shows_what_its_filter_wants,
    a_person_is_shown_with_what_needs_somebody_and_the_latest_texts,
    what_words_may_mean_is_found_with_what_became_of_it,
};
pub(crate) use heads::{
    a_crash_before_the_request_leaves_its_heads_as_they_were,
    after_a_crash_each_head_of_a_request_is_looked_for_that_has_no_verdict,
    each_head_of_a_request_has_a_lease_of_its_own,
    heads_of_one_request_are_of_as_many_lanes_in_their_order_and_one_commit,
    heads_of_one_request_are_texts_before_notes_and_few_notes,
    heads_of_one_request_keep_to_the_budgets_as_one_request_after_the_other,
    two_heads_and_a_budget_of_one_make_one_claim,
};
pub(crate) use joining::{
    a_customer_whose_talks_were_merged_one_after_the_other_is_forgotten_whole,
    a_merge_and_the_texts_of_both_talks_end_in_one_lane_in_whatever_order_they_come,
    a_merge_in_the_body_of_the_first_text_is_joined_before_it,
    a_talk_whose_ticket_is_closed_goes_on_on_the_other_ones_open_ticket_without_a_note,
    an_answer_in_a_talk_that_has_ended_before_it_can_be_joined_leads_nowhere,
    an_answer_that_tells_a_talk_of_which_a_text_is_under_way_is_joined_as_soon_as_that_is_done,
    merges_one_after_the_other_lead_to_the_last_talk_in_whatever_order_they_come,
    texts_that_wait_in_a_talk_that_ends_go_to_the_lasting_ones_ticket_also_when_redriven,
    the_cut_of_a_text_is_kept_from_before_its_first_part_can_be_out,
    the_talks_of_a_customer_are_found_by_the_carriers_id_of_them,
    two_talks_that_both_have_tickets_are_told_of_each_other_and_the_newer_text_goes_on,
};
pub(crate) use operator::{
    a_group_that_waits_is_forgotten_whole, a_pause_ends_at_its_time_also_when_no_bridge_ran,
    a_paused_destination_hands_out_nothing_also_after_a_crash, a_sweep_takes_what_is_meant_and_says_what_it_could_not,
    every_attempt_is_remembered_with_its_time_and_outcome,
    every_order_is_remembered_with_its_commit_and_no_longer_than_wanted,
    lists_begin_at_either_end_and_keep_to_one_direction, many_dead_letters_go_back_in_order,
    nobody_is_forgotten_who_is_not_named, what_is_in_hand_is_not_forgotten_until_asked_again,
    what_was_set_aside_is_swept_with_what_is_looked_for, who_is_forgotten_is_found_nowhere,
    who_was_shown_what_is_remembered,
};

use operator::order;
pub(crate) use refused::{
    a_closing_text_that_is_settled_was_told, answers_are_kept_with_the_verdict_and_bounded,
    answers_go_with_their_delivery, only_what_is_in_doubt_and_in_nobodys_hands_is_settled,
    texts_in_one_comment_are_settled_together, texts_in_one_comment_that_was_set_aside_go_back_together,
    the_operator_settles_what_arrived, what_a_note_tells_of_is_marked_when_the_note_is_settled,
    what_is_behind_the_part_that_arrived_goes_on_in_its_lane, what_only_reads_is_not_settled,
    who_was_shown_the_vendors_answers_is_remembered,
};
pub(crate) use reports::{
    a_batch_is_taken_in_once_and_is_there_after_a_crash, a_body_of_several_events_is_one_commit_and_taken_in_once,
    a_report_in_a_workers_hands_moves_nothing_and_is_not_forgotten_by_the_verdict,
    a_report_is_bound_with_what_follows_from_it_in_one_commit,
    a_text_is_taken_in_from_a_report_or_from_its_webhook_and_not_from_both,
    an_end_of_a_subscription_is_learnt_with_its_note_and_a_later_keyword_counts_more,
    reports_go_with_their_time_and_with_their_customer, reports_of_no_delivery_are_counted_by_their_carriers,
    reports_of_one_carriers_customer_go_and_those_of_another_with_the_same_id_stay,
    what_waits_for_the_name_of_a_send_is_weighed_again_when_it_is_told,
};
pub(crate) use scarce::{
    texts_are_merged_as_long_as_the_budget_of_their_ticket_is_short,
    what_has_a_need_that_cannot_be_met_is_not_written_and_keeps_nothing_waiting,
};
pub(crate) use window::{
    a_solution_is_known_to_the_texts_that_stand_before_it, a_template_goes_before_the_texts_that_wait_for_its_answer,
    a_template_that_an_operator_ends_late_changes_no_later_request,
    a_template_that_an_operator_ends_leaves_no_text_waiting_for_it,
    news_of_a_window_that_comes_while_a_worker_has_the_text_is_not_slept_through,
};

/// A place where a store of this kind can be opened, again and again.
#[async_trait]
pub(crate) trait Home: Sized + Send + Sync {
    type Store: Store;
    async fn new() -> Self;
    async fn open(&self, limits: StoreLimits, now: Timestamp) -> Self::Store;
    /// Opens the durable records of this moment, as after a power cut, while `store` lives on elsewhere.
    async fn crash(&self, store: Self::Store, now: Timestamp) -> (Self, Self::Store);
}

macro_rules! contract_tests {
    ($backend:ty) => {
        crate::store::contract::contract_tests!($backend:
            what_was_accepted_is_there_after_a_crash,
            a_merge_and_the_texts_of_both_talks_end_in_one_lane_in_whatever_order_they_come,
            merges_one_after_the_other_lead_to_the_last_talk_in_whatever_order_they_come,
            a_merge_in_the_body_of_the_first_text_is_joined_before_it,
            the_talks_of_a_customer_are_found_by_the_carriers_id_of_them,
            texts_that_wait_in_a_talk_that_ends_go_to_the_lasting_ones_ticket_also_when_redriven,
            a_talk_whose_ticket_is_closed_goes_on_on_the_other_ones_open_ticket_without_a_note,
            a_customer_whose_talks_were_merged_one_after_the_other_is_forgotten_whole,
            the_cut_of_a_text_is_kept_from_before_its_first_part_can_be_out,
            two_talks_that_both_have_tickets_are_told_of_each_other_and_the_newer_text_goes_on,
            an_answer_in_a_talk_that_has_ended_before_it_can_be_joined_leads_nowhere,
            an_answer_that_tells_a_talk_of_which_a_text_is_under_way_is_joined_as_soon_as_that_is_done,
            two_accounts_share_no_key,
            an_unreadable_body_is_of_the_account_that_it_was_posted_to,
            a_customer_is_forgotten_in_no_body_that_names_another_carriers_customer,
            a_ticket_of_a_second_desk_goes_home_to_its_own_accounts,
            a_pause_holds_one_account_only,
            the_first_carrier_of_a_desk_is_chosen_once,
            a_ticket_that_a_merge_leads_to_rings_in_the_conversation_that_followed_it,
            a_ticket_that_goes_to_another_customer_brings_no_reply_of_the_first_along,
            a_ticket_that_goes_to_another_line_of_its_customer_takes_along_the_replies_that_went_out,
            heads_of_one_request_are_of_as_many_lanes_in_their_order_and_one_commit,
            heads_of_one_request_are_texts_before_notes_and_few_notes,
            after_a_crash_each_head_of_a_request_is_looked_for_that_has_no_verdict,
            a_crash_before_the_request_leaves_its_heads_as_they_were,
            each_head_of_a_request_has_a_lease_of_its_own,
            two_heads_and_a_budget_of_one_make_one_claim,
            heads_of_one_request_keep_to_the_budgets_as_one_request_after_the_other,
            equal_keys_are_accepted_once,
            a_lane_keeps_its_order_and_waits_for_nobody_else,
            a_crash_while_calling_leaves_it_unconfirmed,
            a_lease_ends,
            a_worker_that_says_nothing_sticks_nothing,
            an_illegal_verdict_changes_nothing,
            a_customer_and_a_ticket_lead_to_one_conversation,
            an_opt_out_holds_from_acceptance_on,
            an_echo_is_not_accepted,
            what_waits_under_a_ticket_goes_home,
            what_is_worked_on_goes_home_afterwards,
            what_is_owed_comes_in_its_order,
            texts_are_merged_as_long_as_the_budget_of_their_ticket_is_short,
            what_has_a_need_that_cannot_be_met_is_not_written_and_keeps_nothing_waiting,
            texts_that_wait_for_a_budget_are_merged,
            only_plain_texts_are_merged,
            notes_go_after_texts_and_as_one_for_each_ticket,
            the_operator_puts_back_and_drops,
            lists_begin_at_either_end_and_keep_to_one_direction,
            a_conversation_is_found_by_what_is_known_of_it,
            a_list_shows_what_its_filter_wants,
            what_words_may_mean_is_found_with_what_became_of_it,
            a_person_is_shown_with_what_needs_somebody_and_the_latest_texts,
            who_was_shown_what_is_remembered,
            every_attempt_is_remembered_with_its_time_and_outcome,
            redriving_one_of_a_group_redrives_all,
            the_unreadable_are_kept_and_listed,
            lists_have_pages_and_true_totals,
            what_is_old_goes_and_its_number_never_comes_back,
            nothing_is_dropped_by_a_date_that_a_wrong_clock_gave,
            limits_are_kept,
            who_waits_is_woken,
            a_closed_store_says_so,
            many_dead_letters_go_back_in_order,
            a_sweep_takes_what_is_meant_and_says_what_it_could_not,
            what_was_set_aside_is_swept_with_what_is_looked_for,
            who_is_forgotten_is_found_nowhere,
            what_is_in_hand_is_not_forgotten_until_asked_again,
            a_group_that_waits_is_forgotten_whole,
            nobody_is_forgotten_who_is_not_named,
            a_pause_ends_at_its_time_also_when_no_bridge_ran,
            a_paused_destination_hands_out_nothing_also_after_a_crash,
            every_order_is_remembered_with_its_commit_and_no_longer_than_wanted,
            what_came_in_is_kept_as_it_was_last_given_also_after_a_crash,
            answers_are_kept_with_the_verdict_and_bounded,
            answers_go_with_their_delivery,
            who_was_shown_the_vendors_answers_is_remembered,
            the_operator_settles_what_arrived,
            only_what_is_in_doubt_and_in_nobodys_hands_is_settled,
            texts_in_one_comment_are_settled_together,
            texts_in_one_comment_that_was_set_aside_go_back_together,
            what_is_behind_the_part_that_arrived_goes_on_in_its_lane,
            what_only_reads_is_not_settled,
            what_a_note_tells_of_is_marked_when_the_note_is_settled,
            a_closing_text_that_is_settled_was_told,
            a_batch_is_taken_in_once_and_is_there_after_a_crash,
            a_body_of_several_events_is_one_commit_and_taken_in_once,
            a_report_is_bound_with_what_follows_from_it_in_one_commit,
            a_report_in_a_workers_hands_moves_nothing_and_is_not_forgotten_by_the_verdict,
            what_waits_for_the_name_of_a_send_is_weighed_again_when_it_is_told,
            a_text_is_taken_in_from_a_report_or_from_its_webhook_and_not_from_both,
            an_end_of_a_subscription_is_learnt_with_its_note_and_a_later_keyword_counts_more,
            reports_go_with_their_time_and_with_their_customer,
            reports_of_no_delivery_are_counted_by_their_carriers,
            a_template_goes_before_the_texts_that_wait_for_its_answer,
            news_of_a_window_that_comes_while_a_worker_has_the_text_is_not_slept_through,
            a_solution_is_known_to_the_texts_that_stand_before_it,
            a_template_that_an_operator_ends_leaves_no_text_waiting_for_it,
            a_template_that_an_operator_ends_late_changes_no_later_request,
            reports_of_one_carriers_customer_go_and_those_of_another_with_the_same_id_stay,
            a_picture_is_kept_over_a_crash_until_its_text_is_written,
            a_picture_goes_with_its_text_however_that_ends,
            a_forgotten_customers_pictures_are_gone,
            pictures_have_a_bound_and_texts_do_not_feel_it,
            every_waiting_text_with_pictures_is_found_once,
        );
    };
    ($backend:ty: $($name:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            crate::store::contract::$name::<$backend>().await;
        }
    )*};
}
pub(crate) use contract_tests;

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn text(customer: &str, words: &str) -> Event {
    let customer = Customer { external_id: Some(customer.into()), ..Customer::default() };
    text_from(customer, None, words)
}

pub(crate) fn text_from(customer: Customer, line: Option<&str>, words: &str) -> Event {
    let kind = EventKind::CustomerText(CustomerText {
        customer,
        line: line.map(Into::into),
        text: words.into(),
        ..customer_text()
    });
    Event { received_at: at(0), kind }
}

pub(crate) fn phone_text(ticket: u64, words: &str) -> Event {
    let kind = EventKind::PhoneText(PhoneText {
        ticket_id: Some(TicketId(ticket)),
        comment_id: None,
        external_user_id: None,
        requester_id: None,
        text: words.into(),
        agent_name: None,
        attachments: Vec::new(),
        recipe: None,
        caught_up: false,
        written_at: None,
    });
    Event { received_at: at(0), kind }
}

pub(crate) fn doorbell(ticket: u64) -> Event {
    let kind = EventKind::AgentReply(AgentReply {
        ticket_id: TicketId(ticket),
        comment_id: None,
        external_user_id: None,
        requester_id: None,
        caught_up: None,
    });
    Event { received_at: at(0), kind }
}

pub(crate) fn note(ticket: u64, words: &str) -> Event {
    let note = Note { ticket_id: TicketId(ticket), says: Says::Words { text: words.into() }, tells: Tells::Fact };
    Event { received_at: at(0), kind: EventKind::Note(note) }
}

pub(crate) fn dispatch(id: &str) -> DedupeKey {
    DedupeKey::Dispatch { campaign: "c".into(), dispatch: id.into(), customer: "u".into() }
}

pub(crate) async fn accept(store: &impl Store, event: Event) -> EventId {
    match store.accept(event, Ends::FIRST.into(), Vec::new(), at(0)).await {
        Ok(Accepted::New(id)) => id,
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) async fn claim(store: &impl Store, route: Route, now: Timestamp) -> Claim {
    store.claim(route, now, Terms::merging(1), 1).await.unwrap().pop().expect("something is due")
}

pub(crate) fn words(claim: &Claim) -> Vec<String> {
    let words = |event: &Event| match &event.kind {
        EventKind::CustomerText(text) => text.text.clone(),
        EventKind::PhoneText(text) => text.text.clone(),
        EventKind::Note(note) => match &note.says {
            Says::Words { text } => text.clone(),
            Says::Coded(saying) => saying.code().to_owned(),
        },
        other @ (EventKind::AgentReply(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Unreadable(_)) => other.name().to_string(),
    };
    claim.work.iter().map(|work| words(&work.event)).collect()
}

pub(crate) fn done(claim: &Claim) -> Verdict {
    all(claim, &Transition::Deliver { receipt: "r".into() })
}

fn all(claim: &Claim, transition: &Transition) -> Verdict {
    let moves = claim.work.iter().map(|work| (work.delivery.id, transition.clone())).collect();
    Verdict { moves, ..Verdict::default() }
}

fn postpone(until: Timestamp) -> Transition {
    Transition::Postpone { due_at: until, cause: "budget".into(), for_budget: true }
}

async fn state(store: &impl Store, id: EventId) -> State {
    store.delivery(id).await.unwrap().expect("known").0.state
}

/// Delivers all due heads and returns their words, in order.
async fn drain(store: &impl Store, route: Route, now: Timestamp) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(claim) = store.claim(route, now, Terms::merging(1), 1).await.unwrap().pop() {
        seen.extend(words(&claim));
        store.record(&claim, done(&claim), now).await.unwrap();
    }
    seen
}

async fn fresh<B: Home>() -> (B, B::Store) {
    fresh_at::<B>(at(0)).await
}

async fn fresh_at<B: Home>(now: Timestamp) -> (B, B::Store) {
    let backend = B::new().await;
    let store = backend.open(StoreLimits::default(), now).await;
    (backend, store)
}

/// The customers' texts, to their tickets.
pub(crate) const DESK: Route = Ends::FIRST.routes()[0];
/// Doorbells, which wait in the lane to the customer and call the desk.
pub(crate) const BELLS: Route = Ends::FIRST.routes()[1];
/// Replies, to the customers' phones.
pub(crate) const PHONE: Route = Ends::FIRST.routes()[2];

pub(crate) async fn what_was_accepted_is_there_after_a_crash<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let long = "x".repeat(300 * 1024);
    let mut ids = Vec::new();
    for words in ["one", &long, "three"] {
        ids.push(accept(&store, text("u", words)).await);
    }
    let (_backend, store) = backend.crash(store, at(1)).await;
    assert_eq!(store.delivery(ids[1]).await.unwrap().map(|(_, event)| event), Some(text("u", &long)));
    assert_eq!(drain(&store, DESK, at(1)).await, ["one", &long, "three"]);
    assert!(accept(&store, text("u", "four")).await > ids[2]);
}

pub(crate) async fn equal_keys_are_accepted_once<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let store = Arc::new(store);
    let calls = (0..64).map(|n| {
        let store = store.clone();
        // Any two share only the last key, which all have.
        let keys = vec![dispatch(&format!("own {n}")), dispatch("shared")];
        tokio::spawn(async move { store.accept(text("u", "same"), Ends::FIRST.into(), keys, at(0)).await.unwrap() })
    });
    let answers: Vec<Accepted> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let new: Vec<EventId> =
        answers.iter().filter_map(|a| if let Accepted::New(id) = a { Some(*id) } else { None }).collect();
    assert_eq!(new.len(), 1);
    let first = new[0];
    assert_eq!(answers.iter().filter(|answer| **answer == Accepted::Duplicate(first)).count(), 63);

    let (_backend, store) = backend.crash(Arc::into_inner(store).unwrap(), at(1)).await;
    let again = store.accept(text("u", "same"), Ends::FIRST.into(), vec![dispatch("shared")], at(1)).await;
    assert_eq!(again, Ok(Accepted::Duplicate(first)));
    assert_eq!(drain(&store, DESK, at(1)).await, ["same"]);
}

pub(crate) async fn a_lane_keeps_its_order_and_waits_for_nobody_else<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    for words in ["a1", "a2"] {
        accept(&store, text("a", words)).await;
    }
    accept(&store, text("b", "b1")).await;
    let first = claim(&store, DESK, at(1)).await;
    let second = claim(&store, DESK, at(1)).await;
    assert_eq!((words(&first), words(&second)), (vec!["a1".to_owned()], vec!["b1".to_owned()]));
    assert!(store.claim(DESK, at(1), Terms::merging(1), 1).await.unwrap().pop().is_none(), "a2 waits for a1");
    let later = Transition::Retry { due_at: at(60), cause: "503".into() };
    store.record(&first, all(&first, &later), at(1)).await.unwrap();
    assert!(store.claim(DESK, at(59), Terms::merging(1), 1).await.unwrap().pop().is_none(), "a1 still holds its lane");
    store.record(&second, done(&second), at(1)).await.unwrap();
    assert_eq!(store.next_due(DESK), Some(at(60)));
    assert_eq!(drain(&store, DESK, at(60)).await, ["a1", "a2"]);
    assert_eq!(store.next_due(DESK), None);
}

pub(crate) async fn a_crash_while_calling_leaves_it_unconfirmed<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "a1")).await;
    let first = claim(&store, DESK, at(5)).await;
    assert_eq!(first.work[0].delivery.state, State::Pending, "as it stood before");
    assert!(matches!(state(&store, id).await, State::Sending { attempt: 1, .. }));
    let (_backend, store) = backend.crash(store, at(9)).await;
    let State::Unconfirmed { attempt: 1, since, look_at: Some(look_at), looks: 0, .. } = state(&store, id).await else {
        panic!("{:?}", state(&store, id).await);
    };
    assert_eq!((since, look_at), (at(5), at(9)));
    let second = claim(&store, DESK, at(9)).await;
    assert!(matches!(second.work[0].delivery.state, State::Unconfirmed { .. }));
    assert_eq!(second.work[0].delivery.first_sent_at, Some(at(5)));
    assert!(matches!(state(&store, id).await, State::Unconfirmed { .. }), "looking has no effect");
    assert!(store.claim(DESK, at(9), Terms::merging(1), 1).await.unwrap().pop().is_none(), "but it closes the lane");
    assert_eq!(store.counts().waiting, [(DESK.account, 1)].into());
    store.record(&second, done(&second), at(9)).await.unwrap();
    assert_eq!(store.counts().oldest_unsettled, None);
    assert_eq!(store.counts().waiting, [(DESK.account, 0)].into());
}

pub(crate) async fn a_lease_ends<B: Home>() {
    let backend = B::new().await;
    let clock = Clock::manual(at(0), 7);
    let limits = StoreLimits { lease: Duration::from_secs(10), steady: clock.steady(), ..StoreLimits::default() };
    let store = backend.open(limits, at(0)).await;
    let id = accept(&store, text("a", "a1")).await;
    let slow = claim(&store, DESK, at(0)).await;
    // At any time of the machine's clock: a second worker would call while the first one does.
    clock.advance(SignedDuration::from_secs(9));
    for now in [9, 10, 86_400 * 400, -86_400] {
        assert!(store.claim(DESK, at(now), Terms::merging(1), 1).await.unwrap().pop().is_none(), "{now}");
    }
    clock.advance(SignedDuration::from_secs(1));
    let next = claim(&store, DESK, at(10)).await;
    assert!(matches!(next.work[0].delivery.state, State::Unconfirmed { .. }));
    assert_eq!(store.record(&slow, done(&slow), at(11)).await, Err(StoreError::StaleClaim(id)));
    assert!(matches!(state(&store, id).await, State::Unconfirmed { .. }));
    store.record(&next, done(&next), at(11)).await.unwrap();
    assert_eq!(store.record(&next, done(&next), at(11)).await, Err(StoreError::StaleClaim(id)), "once is enough");
}

pub(crate) async fn a_worker_that_says_nothing_sticks_nothing<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "a1")).await;
    let claimed = claim(&store, DESK, at(0)).await;
    store.record(&claimed, Verdict::default(), at(1)).await.unwrap();
    assert!(matches!(state(&store, id).await, State::Unconfirmed { look_at: Some(_), .. }));
}

pub(crate) async fn an_illegal_verdict_changes_nothing<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "a1")).await;
    let other = accept(&store, text("b", "b1")).await;
    let claimed = claim(&store, DESK, at(0)).await;
    let stranger = Verdict { moves: vec![(other, Transition::Skip { reason: "x".into() })], ..done(&claimed) };
    let nonsense = Verdict {
        besides: vec![note(1, "n")],
        changes: vec![Change::Ticket(TicketId(1), TicketStatus::Open, at(0))],
        ..all(&claimed, &Transition::Redrive)
    };
    for verdict in [stranger, nonsense] {
        let refused = store.record(&claimed, verdict, at(1)).await;
        assert!(matches!(refused, Err(StoreError::Illegal(_))), "{refused:?}");
    }
    assert!(matches!(state(&store, id).await, State::Sending { .. }));
    assert_eq!(store.conversation(&ConversationKey("a".into())).await.unwrap().unwrap().ticket, None);
    store.record(&claimed, done(&claimed), at(1)).await.unwrap();
    assert_eq!(drain(&store, DESK, at(1)).await, ["b1"], "and no note");
}

pub(crate) async fn a_customer_and_a_ticket_lead_to_one_conversation<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let anonymous = Customer { carrier_id: Some("b1".into()), phone: Some("+1555".into()), ..Customer::default() };
    accept(&store, text_from(anonymous.clone(), Some("l1"), "one")).await;
    let named = Customer { external_id: Some("alice".into()), first_name: Some("Al".into()), ..anonymous };
    accept(&store, text_from(named.clone(), Some("l2"), "two")).await;
    let first = claim(&store, DESK, at(0)).await;
    assert_eq!(first.key.0, "b1");
    let ticket = Change::Ticket(TicketId(7), TicketStatus::Open, at(0));
    store.record(&first, Verdict { changes: vec![ticket], ..done(&first) }, at(0)).await.unwrap();
    let second = claim(&store, DESK, at(0)).await;
    assert_eq!(second.key.0, "b1@l2");
    assert_eq!(second.conversation.as_ref().unwrap().customer, named);
    let ticket = Change::Ticket(TicketId(8), TicketStatus::Open, at(0));
    store.record(&second, Verdict { changes: vec![ticket], ..done(&second) }, at(0)).await.unwrap();

    let (_backend, store) = backend.crash(store, at(1)).await;
    accept(&store, doorbell(8)).await;
    accept(&store, doorbell(7)).await;
    assert_eq!(claim(&store, BELLS, at(1)).await.key.0, "b1@l2");
    let claimed = claim(&store, BELLS, at(1)).await;
    assert_eq!(claimed.conversation.unwrap().line.as_deref(), Some("l1"));
    let on = store
        .conversations_on(&[9, 8, 7].map(|id| TicketRef { account: DESK.account, id: TicketId(id) }))
        .await
        .unwrap();
    let mut on: Vec<_> = on.into_iter().map(|(ticket, known)| (ticket.id.0, known.key.0)).collect();
    on.sort();
    assert_eq!(on, [(7, "b1".to_owned()), (8, "b1@l2".to_owned())], "and nothing of a ticket that is not known");
    accept(&store, text("alice", "three")).await;
    assert_eq!(claim(&store, DESK, at(1)).await.key.0, "b1");
    let listed = store.conversations(None, 1).await.unwrap();
    assert_eq!((listed.items[0].key.0.as_str(), listed.total, listed.more), ("b1", 2, true));
    let listed = store.conversations(Some(&ConversationKey("b1".into())), 9).await.unwrap();
    assert_eq!((listed.items[0].key.0.as_str(), listed.total, listed.more), ("b1@l2", 2, false));
}

pub(crate) async fn an_opt_out_holds_from_acceptance_on<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut stop = text("a", "STOP");
    if let EventKind::CustomerText(text) = &mut stop.kind {
        text.keyword = Some(Keyword::OptOut);
    }
    accept(&store, stop).await;
    let conversation = store.conversation(&ConversationKey("a".into())).await.unwrap().unwrap();
    assert_eq!(conversation.subscription, Subscription::Out);
}

pub(crate) async fn an_echo_is_not_accepted<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    accept(&store, text("a", "hello")).await;
    let claimed = claim(&store, DESK, at(0)).await;
    let changes =
        vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(0)), Change::Wrote(fingerprint("told the agent"))];
    store.record(&claimed, Verdict { changes, ..done(&claimed) }, at(0)).await.unwrap();
    for (words, ticket, now, echo) in [
        ("hello", 7, at(599), true),
        (" told  the agent", 7, at(599), true),
        ("hello", 8, at(599), false),
        ("hello you", 7, at(599), false),
        ("hello", 7, at(601), false),
    ] {
        let answer = store.accept(phone_text(ticket, words), Ends::FIRST.into(), Vec::new(), now).await.unwrap();
        assert_eq!(answer == Accepted::Echo, echo, "{words} on {ticket} at {now}");
    }
}

pub(crate) async fn what_waits_under_a_ticket_goes_home<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    accept(&store, text("alice", "hello")).await;
    for event in [doorbell(7), phone_text(7, "one"), note(7, "noted"), phone_text(7, "two")] {
        accept(&store, event).await;
    }
    let claimed = claim(&store, BELLS, at(0)).await;
    assert_eq!((claimed.key.0.as_str(), claimed.conversation.is_none()), ("ticket:7", true));
    let verdict = Verdict {
        belongs_to: Some(ConversationKey("alice".into())),
        instead: vec![phone_text(7, "zero"), phone_text(7, "zero and a half")],
        ..done(&claimed)
    };
    store.record(&claimed, verdict, at(0)).await.unwrap();
    let (_backend, store) = backend.crash(store, at(1)).await;
    accept(&store, phone_text(7, "three")).await;
    let next = claim(&store, PHONE, at(1)).await;
    assert_eq!(next.key.0, "alice");
    assert_eq!(next.work[0].delivery.id.sequence, claimed.work[0].delivery.id.sequence);
    store.record(&next, done(&next), at(1)).await.unwrap();
    assert_eq!(drain(&store, PHONE, at(1)).await, ["zero and a half", "one", "two", "three"]);
    assert_eq!(drain(&store, DESK, at(1)).await, ["hello", "noted"]);
    let filter =
        DeliveryFilter { conversation: Some(ConversationKey("ticket:7".into())), limit: 9, ..Default::default() };
    assert_eq!(store.deliveries(filter).await.unwrap().total, 0, "nothing is left behind");
}

pub(crate) async fn what_is_worked_on_goes_home_afterwards<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    for event in [doorbell(7), note(7, "first"), note(7, "second")] {
        accept(&store, event).await;
    }
    let (bell, first) = (claim(&store, BELLS, at(0)).await, claim(&store, DESK, at(0)).await);
    let verdict = Verdict { belongs_to: Some(ConversationKey("new".into())), ..done(&bell) };
    store.record(&bell, verdict, at(0)).await.unwrap();
    accept(&store, text("new", "third")).await;
    let third = claim(&store, DESK, at(0)).await;
    assert_eq!((third.key.0.as_str(), words(&third)), ("new", vec!["third".to_owned()]));
    store.record(&third, done(&third), at(0)).await.unwrap();
    store.record(&first, done(&first), at(0)).await.unwrap();
    let second = claim(&store, DESK, at(0)).await;
    assert_eq!((second.key.0.as_str(), words(&second)), ("new", vec!["second".to_owned()]));
}

pub(crate) async fn what_is_owed_comes_in_its_order<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    accept(&store, doorbell(7)).await;
    accept(&store, phone_text(7, "later")).await;
    let bell = claim(&store, BELLS, at(0)).await;
    let verdict = Verdict {
        instead: vec![phone_text(7, "1"), phone_text(7, "2")],
        besides: vec![note(7, "note"), phone_text(7, "last")],
        ..all(&bell, &Transition::Skip { reason: "read".into() })
    };
    store.record(&bell, verdict, at(0)).await.unwrap();
    let (_backend, store) = backend.crash(store, at(1)).await;
    let first = claim(&store, PHONE, at(1)).await;
    assert_eq!(first.work[0].delivery.id, EventId { sub: 1, ..bell.work[0].delivery.id });
    // One of them is itself replaced: the subs go on.
    let verdict = Verdict { instead: vec![phone_text(7, "1b")], ..done(&first) };
    store.record(&first, verdict, at(1)).await.unwrap();
    assert_eq!(drain(&store, PHONE, at(1)).await, ["2", "1b", "later", "last"]);
    assert_eq!(drain(&store, DESK, at(1)).await, ["note"]);
}

pub(crate) async fn texts_that_wait_for_a_budget_are_merged<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for words in ["1", "2", "3", "4"] {
        ids.push(accept(&store, text("a", words)).await);
    }
    let head = store.claim(DESK, at(0), Terms::merging(3), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&head), ["1"], "idleness merges nothing");
    store.record(&head, all(&head, &postpone(at(5))), at(0)).await.unwrap();
    let group = store.claim(DESK, at(5), Terms::merging(3), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&group), ["1", "2", "3"]);
    let (backend, store) = backend.crash(store, at(6)).await;
    // Texts tried together are looked for together …
    let looking = store.claim(DESK, at(6), Terms::merging(1), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&looking), ["1", "2", "3"]);
    assert_eq!(looking.work[2].delivery.merged_into, Some(ids[0]));
    assert!(looking.work.iter().all(|work| matches!(work.delivery.state, State::Unconfirmed { .. })));
    let again = Transition::Retry { due_at: at(7), cause: "not there".into() };
    store.record(&looking, all(&looking, &again), at(6)).await.unwrap();
    // … and tried again together, without others.
    let group = store.claim(DESK, at(7), Terms::merging(9), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&group), ["1", "2", "3"]);
    // When the head ends alone, the next one leads.
    let mut verdict = all(&group, &Transition::Retry { due_at: at(8), cause: "503".into() });
    verdict.moves[0].1 = Transition::GiveUp { cause: "x".into() };
    store.record(&group, verdict, at(7)).await.unwrap();
    let (_backend, store) = backend.crash(store, at(8)).await;
    let group = store.claim(DESK, at(8), Terms::merging(9), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&group), ["2", "3"]);
    assert_eq!(group.work[1].delivery.merged_into, Some(ids[1]));
    store.record(&group, done(&group), at(8)).await.unwrap();
    assert_eq!(drain(&store, DESK, at(8)).await, ["4"]);
}

pub(crate) async fn notes_go_after_texts_and_as_one_for_each_ticket<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    accept(&store, text("alice", "hello")).await;
    let hello = claim(&store, DESK, at(0)).await;
    let verdict = Verdict {
        changes: vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(0))],
        besides: vec![note(7, "a"), note(8, "other"), note(7, "b")],
        ..done(&hello)
    };
    store.record(&hello, verdict, at(0)).await.unwrap();
    for words in ["one", "two"] {
        accept(&store, text("alice", words)).await;
    }
    let (_backend, store) = backend.crash(store, at(1)).await;
    let mut claims = Vec::new();
    while let Some(claim) = store.claim(DESK, at(1), Terms::merging(20), 1).await.unwrap().pop() {
        // The texts wait for nothing, so only the notes are merged; both lanes are served beside each other.
        claims.push(words(&claim));
        let until = if claims.len() == 2 { postpone(at(5)) } else { Transition::Deliver { receipt: "r".into() } };
        store.record(&claim, all(&claim, &until), at(1)).await.unwrap();
    }
    assert_eq!(claims, [vec!["one"], vec!["two"], vec!["a", "b"], vec!["other"]]);
    // A note is written while a text waits, and later notes join it while it waits.
    let waiting = store.claim(DESK, at(5), Terms::merging(20), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&waiting), ["two"]);
    let verdict = Verdict { besides: vec![note(7, "c"), note(7, "d")], ..done(&waiting) };
    store.record(&waiting, verdict, at(5)).await.unwrap();
    let notes = store.claim(DESK, at(5), Terms::merging(20), 1).await.unwrap().pop().unwrap();
    store
        .record(&notes, Verdict { besides: vec![note(7, "e")], ..all(&notes, &postpone(at(9))) }, at(5))
        .await
        .unwrap();
    assert_eq!(store.claim(DESK, at(5), Terms::merging(20), 1).await.unwrap().pop().map(|claim| words(&claim)), None);
    let notes = store.claim(DESK, at(9), Terms::merging(20), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&notes), ["c", "d", "e"]);
    // One note has become needless, and the answer about the others is lost.
    let ids: Vec<EventId> = notes.work.iter().map(|work| work.delivery.id).collect();
    let lose = Transition::Lose { since: at(9), look_at: at(10), cause: "lost".into() };
    let moves = vec![(ids[0], Transition::Skip { reason: "needless".into() }), (ids[1], lose.clone()), (ids[2], lose)];
    let verdict = Verdict { moves, besides: vec![note(7, "f")], ..Verdict::default() };
    store.record(&notes, verdict, at(9)).await.unwrap();
    let looking = store.claim(DESK, at(10), Terms::merging(20), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&looking), ["d", "e"], "nothing joins what may be written already");
}

pub(crate) async fn only_plain_texts_are_merged<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut stop = text("a", "STOP");
    if let EventKind::CustomerText(text) = &mut stop.kind {
        text.keyword = Some(Keyword::OptOut);
    }
    for (customer, behind) in [("a", stop), ("b", text("b", &"x".repeat(32 * 1024)))] {
        accept(&store, text(customer, "1")).await;
        let head = claim(&store, DESK, at(0)).await;
        store.record(&head, all(&head, &postpone(at(5))), at(0)).await.unwrap();
        accept(&store, text(customer, "2")).await;
        accept(&store, behind).await;
        accept(&store, text(customer, "3")).await;
        let group = store.claim(DESK, at(5), Terms::merging(9), 1).await.unwrap().pop().unwrap();
        assert_eq!(words(&group), ["1", "2"], "{customer}");
        // This test does not look at the others.
        store.record(&group, done(&group), at(5)).await.unwrap();
        assert_eq!(drain(&store, DESK, at(5)).await.last().unwrap(), "3");
    }
}

pub(crate) async fn the_operator_puts_back_and_drops<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let first = accept(&store, text("a", "1")).await;
    let second = accept(&store, text("a", "2")).await;
    let third = accept(&store, text("a", "3")).await;
    let claimed = claim(&store, DESK, at(0)).await;
    let busy = store.operate(first, Transition::Discard { reason: "x".into() }, &order(at(0))).await;
    assert!(matches!(busy, Err(StoreError::Illegal(_))), "{busy:?}");
    store.record(&claimed, all(&claimed, &Transition::GiveUp { cause: "422".into() }), at(0)).await.unwrap();
    let not_theirs = store.operate(first, Transition::Deliver { receipt: "x".into() }, &order(at(0))).await;
    assert!(matches!(not_theirs, Err(StoreError::Illegal(_))), "{not_theirs:?}");
    store.operate(first, Transition::Redrive, &order(at(1))).await.unwrap();
    store.operate(second, Transition::Discard { reason: "spam".into() }, &order(at(1))).await.unwrap();
    let again = store.operate(third, Transition::Redrive, &order(at(1))).await;
    assert!(matches!(again, Err(StoreError::Illegal(_))), "it goes by itself: {again:?}");
    let stranger = EventId { epoch: first.epoch ^ 1, ..first };
    assert!(matches!(store.operate(stranger, Transition::Redrive, &order(at(1))).await, Err(StoreError::NotFound(_))));
    assert!(store.delivery(stranger).await.unwrap().is_none());
    let (_backend, store) = backend.crash(store, at(2)).await;
    assert_eq!(state(&store, second).await, State::Skipped { reason: "spam".into() });
    assert_eq!(drain(&store, DESK, at(2)).await, ["1", "3"]);
}

pub(crate) async fn redriving_one_of_a_group_redrives_all<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for words in ["1", "2", "3"] {
        ids.push(accept(&store, text("a", words)).await);
    }
    let head = claim(&store, DESK, at(0)).await;
    store.record(&head, all(&head, &postpone(at(5))), at(0)).await.unwrap();
    let group = store.claim(DESK, at(5), Terms::merging(9), 1).await.unwrap().pop().unwrap();
    let later = Transition::Retry { due_at: at(99), cause: "503".into() };
    store.record(&group, all(&group, &later), at(5)).await.unwrap();
    store.operate(ids[1], Transition::Redrive, &order(at(6))).await.unwrap();
    let next = store.claim(DESK, at(6), Terms::merging(9), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&next), ["1"]);
    assert_eq!(state(&store, ids[2]).await, State::Pending);
}

pub(crate) async fn the_unreadable_are_kept_and_listed<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let kind = EventKind::Unreadable(Unreadable {
        path: "/webhooks/somewhere".into(),
        method: "POST".into(),
        content_type: None,
        body: "AAAA".into(),
    });
    let event = Event { received_at: at(0), kind };
    let keys = vec![DedupeKey::Invocation("i".into())];
    let Accepted::New(id) =
        store.quarantine(event.clone(), Ends::FIRST.into(), "no JSON".into(), keys.clone(), at(0)).await.unwrap()
    else {
        panic!("not kept")
    };
    let again = store.quarantine(event.clone(), Ends::FIRST.into(), "no JSON".into(), keys, at(0)).await;
    assert_eq!(again, Ok(Accepted::Duplicate(id)));
    assert!(store.claim(DESK, at(1), Terms::merging(1), 1).await.unwrap().pop().is_none());
    let filter = |state| DeliveryFilter { state: Some(state), limit: 9, ..Default::default() };
    assert_eq!(store.deliveries(filter(StateName::Quarantined)).await.unwrap().items[0].id, id);
    assert_eq!(store.deliveries(filter(StateName::Pending)).await.unwrap().total, 0);
    assert_eq!(store.delivery(id).await.unwrap().unwrap().1, event);
    store.operate(id, Transition::Discard { reason: "seen".into() }, &order(at(1))).await.unwrap();
    assert_eq!(store.counts().of(StateName::Skipped), 1);
}

pub(crate) async fn lists_have_pages_and_true_totals<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(accept(&store, text(if n % 2 == 0 { "even" } else { "odd" }, &n.to_string())).await);
    }
    for _ in 0..4 {
        let claimed = claim(&store, DESK, at(0)).await;
        store.record(&claimed, done(&claimed), at(0)).await.unwrap();
    }
    let mut seen = Vec::new();
    loop {
        let filter = DeliveryFilter { after: seen.last().copied(), limit: 3, ..Default::default() };
        let page = store.deliveries(filter).await.unwrap();
        assert_eq!(page.total, 10);
        seen.extend(page.items.iter().map(|delivery| delivery.id));
        assert_eq!(page.more, seen.len() < 10);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ids);
    let filter = DeliveryFilter {
        state: Some(StateName::Pending),
        conversation: Some(ConversationKey("odd".into())),
        after: Some(ids[5]),
        limit: 1,
        ..Default::default()
    };
    let page = store.deliveries(filter).await.unwrap();
    let odd_pending = store.counts().of(StateName::Pending) / 2;
    assert_eq!((page.items[0].id, page.total, page.more), (ids[7], odd_pending, true));
}

pub(crate) async fn what_is_old_goes_and_its_number_never_comes_back<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let key = vec![dispatch("d")];
    let long = "x".repeat(20_000);
    store.accept(text("a", &long), Ends::FIRST.into(), key.clone(), at(0)).await.unwrap();
    for n in 0..600 {
        accept(&store, text("a", &n.to_string())).await;
    }
    let last = accept(&store, text("b", "stays a while")).await;
    drain(&store, DESK, at(10)).await;
    assert_eq!(store.expire(at(10), seconds(0), seconds(10)).await, Ok(0), "nothing is old enough");
    assert_eq!(store.expire(at(11), seconds(0), seconds(10)).await, Ok(603), "602 deliveries and a key");
    assert!(store.delivery(last).await.unwrap().is_none());
    assert_eq!(store.deliveries(DeliveryFilter { limit: 9, ..Default::default() }).await.unwrap().total, 0);
    let (_backend, store) = backend.crash(store, at(12)).await;
    let Ok(Accepted::New(id)) = store.accept(text("a", "x"), Ends::FIRST.into(), key, at(12)).await else {
        panic!("the key is forgotten")
    };
    assert!(id > last, "{id} after {last}");
    assert_eq!(store.expire(at(99), seconds(0), seconds(99)).await, Ok(0), "what waits never grows old");
    let late = || store.accept(text("late", "x"), Ends::FIRST.into(), vec![dispatch("late")], at(104));
    assert!(matches!(late().await, Ok(Accepted::New(_))));
    assert_eq!(store.expire(at(99), seconds(0), seconds(10)).await, Ok(1), "the key of 12, and none that is ahead");
    assert!(matches!(late().await, Ok(Accepted::Duplicate(_))), "what comes during a sweep is not old");
}

/// How often expiry runs in a store whose clock was wrong for a while and is right again: it drops nothing as long as
/// no date tells an age; then it drops all old records, including those dated ahead.
pub(crate) async fn nothing_is_dropped_by_a_date_that_a_wrong_clock_gave<B: Home>() {
    const YEAR: i64 = 365 * 86_400;
    let kept = seconds(100);
    for (wrong, told) in [(-YEAR, true), (-YEAR, false), (YEAR, true), (YEAR, false), (-120, false)] {
        let (backend, store) = fresh_at::<B>(at(YEAR + wrong)).await;
        store.accept(text("a", "x"), Ends::FIRST.into(), vec![dispatch("d")], at(YEAR + wrong)).await.unwrap();
        drain(&store, DESK, at(YEAR + wrong)).await;
        let (_backend, store) = if told {
            store.time_was_set(at(YEAR)).await.unwrap();
            (backend, store)
        } else {
            backend.crash(store, at(YEAR)).await
        };
        let is_old = wrong == -120;
        let early = store.expire(at(YEAR + 99), kept, kept).await;
        assert_eq!(early, Ok(if is_old { 2 } else { 0 }), "{wrong} {told}: a minute or two are believed");
        let late = store.expire(at(YEAR + 101), kept, kept).await;
        assert_eq!(late, Ok(if is_old { 0 } else { 2 }), "{wrong} {told}: the delivery and its key");
    }
}

/// With more names than fit into one value of the medium.
pub(crate) async fn what_came_in_is_kept_as_it_was_last_given_also_after_a_crash<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    assert_eq!(store.arrivals().await, Ok(None));
    let mut account = Arrivals::new(at(0));
    store.keep_arrivals(account.clone()).await.unwrap();
    for first in 'a'..='z' {
        for second in ["orders", "support"] {
            let mut text = text("a", "1");
            let EventKind::CustomerText(words) = &mut text.kind else { panic!("a text") };
            words.category = format!("{first} {second}");
            let slot = account.slot(Door::Carrier, &text.kind);
            account.accept(Door::Carrier, slot, at(1));
        }
    }
    account.answer(Door::Desk, Otherwise::Refused, "stale", at(2));
    store.keep_arrivals(account.clone()).await.unwrap();
    assert_eq!(store.arrivals().await, Ok(Some(account.clone())));
    let (_backend, store) = backend.crash(store, at(3)).await;
    assert_eq!(store.arrivals().await, Ok(Some(account)));
}

pub(crate) async fn limits_are_kept<B: Home>() {
    let backend = B::new().await;
    let store = backend.open(StoreLimits { backlog_max: 2, ..StoreLimits::default() }, at(0)).await;
    let key = vec![dispatch("d")];
    store.accept(text("a", "1"), Ends::FIRST.into(), key.clone(), at(0)).await.unwrap();
    accept(&store, text("a", "2")).await;
    let full = Err(StoreError::BacklogFull(2));
    assert_eq!(store.accept(text("a", "3"), Ends::FIRST.into(), Vec::new(), at(0)).await, full);
    assert_eq!(store.health(), Err(StoreError::BacklogFull(2)));
    let known = store.accept(text("a", "1"), Ends::FIRST.into(), key, at(0)).await;
    assert!(matches!(known, Ok(Accepted::Duplicate(_))), "{known:?}");
    let claimed = claim(&store, DESK, at(0)).await;
    store.record(&claimed, done(&claimed), at(0)).await.unwrap();
    accept(&store, text("a", "3")).await;
    assert_eq!(drain(&store, DESK, at(0)).await, ["2", "3"]);
    assert_eq!(store.health(), Ok(()));
}

pub(crate) async fn fewer_may_wait_where_more_is_kept<B: Home>() {
    let room = |backlog_bytes| StoreLimits { backlog_bytes: Some(backlog_bytes), ..StoreLimits::default() };
    for (bytes, before, after) in
        [(20_000 * WAITING_BYTES, 20_000, 19_999), (u64::MAX, 1_000_000, 1_000_000), (0, BACKLOG_MIN, BACKLOG_MIN)]
    {
        let home = B::new().await;
        let store = home.open(room(bytes), at(0)).await;
        assert_eq!(store.counts().room.backlog_max, before, "{bytes}");
        accept(&store, text("a", "1")).await;
        drain(&store, DESK, at(0)).await;
        assert_eq!(store.counts().room.backlog_max, after, "{bytes}");
    }
}

pub(crate) async fn who_waits_is_woken<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    accept(&store, text("a", "1")).await;
    // The wake-up was kept before any caller waited.
    store.changed(DESK).await;
    let claimed = claim(&store, DESK, at(0)).await;
    let waiting = store.changed(DESK);
    let recording = store.record(&claimed, all(&claimed, &postpone(at(9))), at(0));
    let ((), recorded) = futures_util::future::join(waiting, recording).await;
    assert_eq!(recorded, Ok(()));
    assert_eq!(store.next_due(DESK), Some(at(9)));
    assert_eq!(store.next_due(PHONE), None);
}

pub(crate) async fn a_closed_store_says_so<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "1")).await;
    store.close().await;
    store.close().await;
    assert_eq!(store.accept(text("a", "2"), Ends::FIRST.into(), Vec::new(), at(0)).await, Err(StoreError::Closed));
    assert_eq!(store.claim(DESK, at(0), Terms::merging(1), 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.deliveries(DeliveryFilter::default()).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.health(), Err(StoreError::Closed));
    let again = backend.open(StoreLimits::default(), at(1)).await;
    assert_eq!(state(&again, id).await, State::Pending, "and the directory is free, though the old handle lives");
}
