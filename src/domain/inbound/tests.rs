//! Tests of the account of webhooks.

use super::*;
use crate::domain::event::{AgentReply, CustomerText, TicketChange, TicketFields, TicketId};
use crate::domain::testing::customer_text;

fn first() -> BTreeMap<AccountId, Poster> {
    let desk = Poster { end: End::Desk, expected: &EVENTS };
    [(Ends::FIRST.desk, desk), (Ends::FIRST.carrier, Poster { end: End::Carrier, expected: &CATEGORIES })].into()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn text(category: &str, line: Option<&str>, keyword: Option<Keyword>) -> EventKind {
    EventKind::CustomerText(CustomerText {
        line: line.map(str::to_owned),
        text: "a customer's own words".into(),
        category: category.into(),
        keyword,
        ..customer_text()
    })
}

fn solved() -> EventKind {
    EventKind::TicketSolved(TicketChange { ticket_id: TicketId(35), external_user_id: None, requester_id: None })
}

fn accept(account: &mut Arrivals, door: Door, kind: &EventKind, when: Timestamp) {
    let slot = account.slot(door, kind);
    account.accept(door, slot, when);
}

/// Name, line, count and last time of each name at a door, as it is shown.
fn names(account: &Arrivals, door: Door) -> Vec<(String, Option<String>, u64, Option<Timestamp>)> {
    let shown = account.shown();
    let names = shown.at(door).unwrap().names.iter();
    names.map(|named| (named.name.clone(), named.line.clone(), named.seen.count, named.seen.last)).collect()
}

#[test]
fn an_account_begins_with_everything_that_is_expected_as_never() {
    let account = Arrivals::new(at(0));
    for (door, expected) in [(Door::Desk, &EVENTS[..]), (Door::Carrier, &CATEGORIES), (Door::RecipeSend, &[])] {
        let never = |name: &&str| ((*name).to_owned(), None, 0, None);
        assert_eq!(names(&account, door), expected.iter().map(never).collect::<Vec<_>>(), "{door:?}");
    }
    assert!(account.endpoints.iter().all(|at| !at.is_used()));
}

#[test]
fn each_category_of_each_line_is_counted_by_itself_and_its_expected_row_gives_way() {
    let mut account = Arrivals::new(at(0));
    accept(&mut account, Door::Carrier, &text("Other", Some("group-1"), None), at(1));
    accept(&mut account, Door::Carrier, &text("other", Some("group-1"), None), at(2));
    accept(&mut account, Door::Carrier, &text("other", Some("group-2"), None), at(3));
    accept(&mut account, Door::Carrier, &text("Opt-Out", None, Some(Keyword::OptOut)), at(4));
    accept(&mut account, Door::Carrier, &text("SUPPORT", Some("group-1"), None), at(5));
    let row = |name: &str, line: Option<&str>, count, last| (name.to_owned(), line.map(str::to_owned), count, last);
    assert_eq!(
        names(&account, Door::Carrier),
        [
            row("other", Some("group-1"), 2, Some(at(2))),
            row("other", Some("group-2"), 1, Some(at(3))),
            row("opt_in", None, 0, None),
            row("opt_out", None, 1, Some(at(4))),
            row("help", None, 0, None),
            row("SUPPORT", Some("group-1"), 1, Some(at(5))),
        ]
    );
    assert_eq!(account.at(Door::Carrier).unwrap().accepted, Seen { count: 5, last: Some(at(5)) });
    assert_eq!(account.at(Door::Desk).unwrap().accepted, Seen::default());
}

#[test]
fn an_event_of_the_desk_is_counted_under_its_own_name() {
    let mut account = Arrivals::new(at(0));
    accept(&mut account, Door::Desk, &solved(), at(1));
    let came: Vec<_> = names(&account, Door::Desk).into_iter().filter(|row| row.2 > 0).collect();
    assert_eq!(came, [("ticket_solved".to_owned(), None, 1, Some(at(1)))]);
}

#[test]
fn what_does_not_look_like_a_typed_word_has_no_name_of_its_own() {
    for (category, line, kept) in [
        (
            "ORDERS & more",
            "6c1d8a4e-0000-4000-8000-0000000000aa",
            ("ORDERS & more", "6c1d8a4e-0000-4000-8000-0000000000aa"),
        ),
        ("Größe 2026", "group_1", ("Größe 2026", "group_1")),
        ("a", "11111111-2222-4333-8444-555555555555", ("a", "11111111-2222-4333-8444-555555555555")),
        ("+15555550100", "+15555550100", (OTHERS, OTHERS)),
        ("15555550100", "15555550100", (OTHERS, OTHERS)),
        ("ada@example.com", "ada@example.com", (OTHERS, OTHERS)),
        ("{{sms.x}}", "{{group}}", (OTHERS, OTHERS)),
        ("where is my parcel", "my line", (OTHERS, OTHERS)),
        ("parcel?", "", (OTHERS, OTHERS)),
        (&"x".repeat(NAME_MAX_CHARS + 1), &"x".repeat(LINE_MAX_CHARS + 1), (OTHERS, OTHERS)),
        (
            &"x".repeat(NAME_MAX_CHARS),
            &"x".repeat(LINE_MAX_CHARS),
            (&"x".repeat(NAME_MAX_CHARS), &"x".repeat(LINE_MAX_CHARS)),
        ),
    ] {
        let mut account = Arrivals::new(at(0));
        accept(&mut account, Door::Carrier, &text(category, Some(line), None), at(1));
        let came: Vec<_> = names(&account, Door::Carrier).into_iter().filter(|row| row.2 > 0).collect();
        let (name, line) = kept;
        assert_eq!(came, [(name.to_owned(), Some(line.to_owned()), 1, Some(at(1)))], "{category}");
    }
}

#[test]
fn nobody_can_make_the_account_grow_without_end_and_nothing_goes_uncounted() {
    let mut account = Arrivals::new(at(0));
    for number in 0..500 {
        let word: String = format!("{number:03}").chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect();
        accept(&mut account, Door::Carrier, &text(&word, None, None), at(number));
    }
    let there = account.at(Door::Carrier).unwrap();
    assert_eq!(there.names.len(), NAMES_MAX + 1);
    let others = there.names.last().unwrap();
    assert_eq!((others.name.as_str(), others.seen.last), (OTHERS, Some(at(499))));
    assert_eq!(there.names.iter().map(|named| named.seen.count).sum::<u64>(), 500);
}

#[test]
fn answers_are_counted_by_door_and_reason() {
    let mut account = Arrivals::new(at(0));
    account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", at(1));
    account.answer(Door::Carrier, Otherwise::Ignored, "test", at(2));
    account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", at(3));
    account.answer(Door::Desk, Otherwise::Quarantined, "", at(4));
    let shown = |door| {
        let there = account.at(door).unwrap().otherwise.iter();
        there.map(|answered| (answered.words(), answered.seen.count, answered.seen.last)).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(Door::Carrier),
        [("ignored: test".to_owned(), 1, Some(at(2))), ("refused: wrong token".to_owned(), 2, Some(at(3)))]
    );
    assert_eq!(shown(Door::Desk), [("quarantined".to_owned(), 1, Some(at(4)))]);
    assert_eq!(account.at(Door::Carrier).unwrap().accepted, Seen::default());
}

/// The account is kept as JSON, and the operator API gives JSON.
#[test]
fn an_account_that_is_taken_up_remembers_when_and_counts_anew() {
    let mut account = Arrivals::new(at(0));
    accept(&mut account, Door::Carrier, &text("SUPPORT", Some("group-1"), None), at(5));
    account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", at(6));
    let kept = serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
    assert_eq!(account, kept);
    let again = Arrivals::resume(kept, &first(), at(60));
    assert_eq!((again.since, again.counting_since), (at(0), at(60)));
    let there = again.at(Door::Carrier).unwrap();
    assert_eq!(there.accepted, Seen { count: 0, last: Some(at(5)) });
    assert_eq!(there.otherwise[0].seen, Seen { count: 0, last: Some(at(6)) });
    let support = names(&again, Door::Carrier).into_iter().find(|row| row.0 == "SUPPORT");
    assert_eq!(support, Some(("SUPPORT".to_owned(), Some("group-1".to_owned()), 0, Some(at(5)))));
    assert_eq!(again.at(Door::Desk).unwrap().names.len(), EVENTS.len(), "what is expected is there again");
}

#[test]
fn a_campaign_with_the_placeholder_is_told_until_it_is_mended_and_names_no_line() {
    let day = 86_400;
    let mut account = Arrivals::new(at(0));
    accept(&mut account, Door::Carrier, &text("other", Some("group-1"), None), at(1));
    let unfilled = |account: &Arrivals, now| account.at(Door::Carrier).unwrap().unfilled(at(now));
    assert_eq!(unfilled(&account, 2), None);
    for (category, second) in [("other", 3), ("SUPPORT", 2)] {
        accept(&mut account, Door::Carrier, &text(category, Some(GROUP_PLACEHOLDER), None), at(second));
    }
    let both = Some(Seen { count: 2, last: Some(at(3)) });
    assert_eq!(unfilled(&account, 3), both);
    assert_eq!(unfilled(&account, 9 * day), both, "it was never mended");
    assert_eq!(account.lines(Ends::FIRST.carrier).collect::<Vec<_>>(), ["group-1"]);
    for category in ["other", "SUPPORT"] {
        accept(&mut account, Door::Carrier, &text(category, None, None), at(4));
    }
    assert_eq!(unfilled(&account, 9 * day), both, "a campaign without a group is another one");
    accept(&mut account, Door::Carrier, &text("other", Some("group-1"), None), at(5));
    assert_eq!(unfilled(&account, day), both, "another campaign of the name may be right");
    assert_eq!(unfilled(&account, day + 4), Some(Seen { count: 1, last: Some(at(2)) }));
    accept(&mut account, Door::Carrier, &text("SUPPORT", Some("group-1"), None), at(5));
    assert_eq!(unfilled(&account, day + 4), None);
}

#[test]
fn the_store_teaches_when_and_never_puts_a_later_time_back() {
    let mut account = Arrivals::new(at(100));
    account.remember(Door::Carrier, &text("other", None, None), at(50));
    account.remember(Door::Carrier, &text("other", None, None), at(40));
    let there = account.at(Door::Carrier).unwrap();
    assert_eq!((there.accepted, account.since), (Seen { count: 0, last: Some(at(50)) }, at(40)));
    assert_eq!(there.names[0].seen, Seen { count: 0, last: Some(at(50)) });
}

#[test]
fn an_event_tells_its_door_as_far_as_it_can() {
    let EventKind::CustomerText(plain) = text("other", None, None) else { panic!() };
    let append = CustomerText { ticket_id: Some(TicketId(35)), ..plain.clone() };
    let fields = TicketFields { subject: Some("Chat".into()), ..TicketFields::default() };
    let new = CustomerText { fields, ..plain };
    let reply = AgentReply {
        ticket_id: TicketId(35),
        comment_id: None,
        external_user_id: None,
        requester_id: None,
        caught_up: None,
    };
    for (kind, door) in [
        (text("other", Some("group-1"), None), Some(Door::Carrier)),
        (EventKind::CustomerText(append), Some(Door::RecipeAppend)),
        (EventKind::CustomerText(new), Some(Door::RecipeNewTicket)),
        (EventKind::AgentReply(reply), Some(Door::Desk)),
        (solved(), Some(Door::Desk)),
    ] {
        assert_eq!(Door::of(&kind), door, "{kind:?}");
    }
}

#[test]
fn news_are_what_came_since_also_across_a_restart_and_nothing_else() {
    let mut account = Arrivals::new(at(0));
    accept(&mut account, Door::Carrier, &text("other", None, None), at(1));
    account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", at(2));
    let before = account.clone();
    assert_eq!(account.news(&before), []);
    let resumed = Arrivals::resume(account.clone(), &first(), at(3));
    assert_eq!(resumed.news(&before), [], "a restart is no news");

    accept(&mut account, Door::Carrier, &text("SUPPORT", Some("group-1"), None), at(4));
    account.answer(Door::Desk, Otherwise::Refused, "stale", at(5));
    let refused =
        Answered { outcome: Otherwise::Refused, reason: "stale".into(), seen: Seen { count: 1, last: Some(at(5)) } };
    let named =
        Named { name: "SUPPORT".into(), line: Some("group-1".into()), seen: Seen { count: 1, last: Some(at(4)) } };
    assert_eq!(
        account.news(&before),
        [News::Otherwise(Door::Desk.into(), refused), News::Accepted(Door::Carrier.into(), Some(named))]
    );
    let before = account.clone();
    account.accept(Door::RecipeAppend, None, at(6));
    assert_eq!(account.news(&before), [News::Accepted(Door::RecipeAppend.into(), None)]);
}

#[test]
fn each_account_is_counted_by_itself_also_after_a_restart() {
    let canada: AccountId = "canada".parse().unwrap();
    let poster = Poster { end: End::Carrier, expected: &["other"] };
    let accounts = BTreeMap::from_iter(first().into_iter().chain([(canada, poster)]));
    let theirs = Endpoint { door: Door::Carrier, account: canada };
    let mut account = Arrivals::of(&accounts, at(0));
    assert_eq!(account.at(theirs).unwrap().names.len(), 1, "each account expects its own names");
    let slot = account.slot(theirs, &text("other", Some("group-2"), None));
    account.accept(theirs, slot, at(1));
    account.answer(theirs, Otherwise::Refused, "wrong_token", at(2));
    account.answer(Endpoint { door: Door::Carrier, account: "gone".parse().unwrap() }, Otherwise::Ignored, "", at(2));
    assert!(!account.at(Door::Carrier).unwrap().is_used(), "another account's webhooks are its own");
    assert_eq!(account.lines(canada).collect::<Vec<_>>(), ["group-2"]);
    assert_eq!(account.lines(Ends::FIRST.carrier).count(), 0);
    let kept: Arrivals = serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
    assert_eq!(kept, account);
    let again = Arrivals::resume(kept, &accounts, at(3));
    assert_eq!(again.at(theirs).unwrap().accepted.last, Some(at(1)));
    assert_eq!(again.at(theirs).unwrap().otherwise.len(), 1);
    assert!(!again.at(Door::Carrier).unwrap().is_used());
    assert_eq!((again.known_since(theirs), again.has_new(at(3))), (Some(at(0)), false));
    let without = Arrivals::resume(again, &first(), at(4));
    let back = Arrivals::resume(without.clone(), &accounts, at(5));
    assert_eq!((back.known_since(theirs), back.has_new(at(5))), (Some(at(5)), true));
    assert_eq!(without.at(theirs), None, "an account that the configuration no longer names");
}
