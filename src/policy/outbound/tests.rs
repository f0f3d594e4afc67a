//! Every rule of the outbound policy, as the walk of a message from its first step to its end.

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::domain::account::Ends;
use crate::domain::cause;
use crate::domain::conversation::{Asked, Change, Conversation, ConversationKey, Stand, Subscription, TicketStatus};
use crate::domain::delivery::{Delivery, Fate, HistoryEntry, Outcome, State};
use crate::domain::event::{
    CommentId, Customer, EventId, EventKind, PhoneText, RecipeSend, Template, TicketChange, TicketId, UserId,
};
use crate::domain::line::{By, Channel, Forms, Line};
use crate::domain::note::Says;
use crate::domain::outgoing::{Outgoing, Recipient};
use crate::domain::retry::OnUnconfirmed;

const HOUR: i64 = 3600;
const NOW: i64 = 1_000 * HOUR;
const TICKET: TicketId = TicketId(7);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A message and everything that a walk meets.
struct Scene {
    kind: EventKind,
    conversation: Conversation,
    line: Option<Line>,
    delivery: Delivery,
    on_unconfirmed: OnUnconfirmed,
    asks: bool,
    lost_until: Option<Timestamp>,
    is_theirs: bool,
    consent: Option<bool>,
    solved_with: Option<CommentId>,
}

/// The steps of a walk, and its end.
struct Walk {
    steps: Vec<String>,
    learnt: Vec<Change>,
    sent: Vec<Sending>,
    end: Ending,
}

impl Walk {
    fn outcome(&self) -> (&str, &str) {
        (self.end.outcome.name(), self.end.outcome.why())
    }

    /// The events that are owed because of it, by kind and code.
    fn besides(&self) -> Vec<&str> {
        let word = |kind: &EventKind| {
            let EventKind::Note(note) = kind else { return kind.name().word() };
            if let Says::Coded(saying) = &note.says { saying.code() } else { "words" }
        };
        self.end.besides.iter().map(|event| word(&event.kind)).collect()
    }
}

impl Scene {
    fn new(kind: EventKind) -> Self {
        let mut conversation = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        let ada = Customer { external_id: Some("ada".into()), ..Customer::default() };
        conversation.apply(Change::Customer(ada), at(0));
        conversation.apply(Change::Ticket(TICKET, TicketStatus::Open, at(0)), at(0));
        let forms = Forms {
            agent_reply: "reply".into(),
            ticket_solved: Some("closing".into()),
            template: Some("template".into()),
        };
        let delivery = Delivery::accepted(
            EventId { epoch: 1, sequence: 2, sub: 0 },
            kind.name(),
            (ConversationKey("ada".into()), Ends::FIRST),
            at(NOW - HOUR),
            State::Pending,
        );
        Self {
            kind,
            conversation,
            line: Some(Line::default_of(Ends::FIRST, forms)),
            delivery,
            on_unconfirmed: OnUnconfirmed::Resend,
            asks: false,
            lost_until: None,
            is_theirs: true,
            consent: None,
            solved_with: None,
        }
    }

    /// The same on a channel with a window, in which the customer wrote so many hours ago.
    fn on_chat(mut self, heard: i64) -> Self {
        self.line.as_mut().unwrap().channel = Channel::Whatsapp;
        self.conversation.window.heard_at = Some(at(NOW - heard * HOUR));
        self
    }

    /// The same after the customer was asked to write again, three hours ago.
    fn asked(mut self, stand: Stand, solved: Option<i64>) -> Self {
        let solved = solved.map(|hours| (TICKET, at(NOW - hours * HOUR)));
        self.conversation.window.asked = Some(Asked { at: at(NOW - 3 * HOUR), stand, solved });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn facts(&self) -> Facts<'_> {
        let terms = Terms {
            by: By::Id,
            carrier: Ends::FIRST.carrier,
            on_unconfirmed: self.on_unconfirmed,
            gsm7: false,
            asks_on: self.asks.then_some("default"),
            lost_until: self.lost_until,
        };
        let message = Outgoing::of(&self.kind).unwrap();
        let (conversation, line) = (Some(&self.conversation), self.line.as_ref());
        Facts::new(message, at(NOW - HOUR), &self.delivery, conversation, line, terms, at(NOW))
    }

    /// Takes every step, as the worker does.
    fn walk(&self) -> Walk {
        let mut facts = self.facts();
        let (mut steps, mut learnt, mut sent) = (Vec::new(), Vec::new(), Vec::<Sending>::new());
        for _ in 0..20 {
            let step = match plan(&facts) {
                Step::Learn(changes) => {
                    learnt.extend(changes);
                    facts.learnt();
                    "learn".to_owned()
                }
                Step::Identify(ticket) => {
                    facts.identified(Some(UserId(9)));
                    format!("identify {ticket}")
                }
                Step::AskWhose { ticket, told } => {
                    facts.whose_told(self.is_theirs);
                    format!("whose {ticket} {}", told.unwrap())
                }
                Step::AskConsent { line, .. } => {
                    learnt.extend(facts.consent_told(self.consent, at(NOW)));
                    format!("consent on {line}")
                }
                Step::FindReplies { told } => {
                    facts.no_reply_owed();
                    format!("replies {}", told.unwrap())
                }
                Step::AskSolution(ticket) => {
                    facts.solution_told(self.solved_with);
                    format!("solution {ticket}")
                }
                Step::Send(sending) => {
                    facts.part_sent(Some(format!("d{}", sending.part.number)));
                    let step = format!("send {}", sending.form);
                    sent.push(sending);
                    step
                }
                Step::End(end) => return Walk { steps, learnt, sent, end },
            };
            steps.push(step);
        }
        panic!("the walk has no end: {steps:?}");
    }
}

fn reply() -> PhoneText {
    PhoneText {
        ticket_id: Some(TICKET),
        comment_id: Some(CommentId(5)),
        external_user_id: None,
        requester_id: None,
        text: "Hello".into(),
        agent_name: None,
        attachments: Vec::new(),
        recipe: None,
        caught_up: false,
        written_at: Some(at(NOW - 2 * HOUR)),
    }
}

fn text(change: impl FnOnce(&mut PhoneText)) -> Scene {
    let mut text = reply();
    change(&mut text);
    Scene::new(EventKind::PhoneText(text))
}

/// A text whose webhook brought its words and no number.
fn bare() -> Scene {
    text(|text| text.comment_id = None)
}

/// A text of a drop-in body.
fn drop_in(open: Option<&str>) -> Scene {
    text(|text| {
        let open = open.map(|open| ("zendesk_ticket_open".to_owned(), open.into()));
        text.comment_id = None;
        text.recipe =
            Some(RecipeSend { campaign_id: "own".into(), plain: false, attributes: open.into_iter().collect() });
    })
}

fn closing() -> Scene {
    let change = TicketChange { ticket_id: TICKET, external_user_id: None, requester_id: None };
    Scene::new(EventKind::TicketSolved(change))
}

fn template() -> Scene {
    let template = Template { ticket_id: Some(TICKET), external_user_id: None };
    Scene::new(EventKind::Template(template)).on_chat(25)
}

fn put_back(scene: &mut Scene) {
    scene.delivery.history.push(HistoryEntry { at: at(NOW), what: Fate::Redriven, cause: String::new() });
}

#[test]
fn each_message_takes_its_looks_in_order_and_goes() {
    let cases: [(Scene, &[&str]); 7] = [
        (text(|_| {}), &["send reply"]),
        (text(|_| {}).with(|scene| scene.asks = true), &["consent on default", "send reply"]),
        (bare(), &["identify 7", "whose 7 9", "learn", "send reply"]),
        (
            bare().with(|scene| scene.asks = true),
            &["identify 7", "whose 7 9", "consent on default", "learn", "send reply"],
        ),
        (drop_in(None), &["learn", "send own"]),
        (
            closing().with(|scene| scene.asks = true),
            &["learn", "identify 7", "consent on default", "whose 7 9", "replies 9", "send closing"],
        ),
        (template(), &["send template"]),
    ];
    for (scene, expected) in cases {
        let walk = scene.walk();
        assert_eq!(
            (walk.steps, walk.end.outcome.name()),
            (expected.iter().map(|step| (*step).to_owned()).collect(), "done")
        );
    }
}

#[test]
fn a_message_that_must_not_go_ends_before_its_first_part() {
    let opted_out = |scene: &mut Scene| scene.conversation.subscription = Subscription::Out;
    let nameless = |scene: &mut Scene| scene.conversation.customer = Customer::default();
    let no_line = |scene: &mut Scene| scene.line = None;
    let formless = |scene: &mut Scene| scene.line.as_mut().unwrap().forms = Forms::default();
    let anothers = |scene: &mut Scene| scene.is_theirs = false;
    let of_line = "no line is configured for without an address of braze";
    let cases = [
        (text(|_| {}).with(nameless), "reject", cause::NO_RECIPIENT),
        (closing().with(nameless), "skip", cause::NO_RECIPIENT),
        (template().with(nameless), "reject", cause::NO_RECIPIENT),
        (text(|_| {}).with(opted_out), "reject", cause::OPTED_OUT),
        (closing().with(opted_out), "skip", cause::OPTED_OUT),
        (template().with(opted_out), "reject", cause::OPTED_OUT),
        (text(|_| {}).with(no_line), "reject", of_line),
        (closing().with(no_line), "reject", of_line),
        (template().with(no_line), "reject", of_line),
        (closing().with(formless), "skip", "noted; no closing text is configured"),
        (template().with(formless), "reject", cause::NO_TEMPLATE),
        (bare().with(anothers), "skip", "the ticket's requester is no longer the conversation's customer"),
        (closing().with(anothers), "skip", "the ticket's requester is no longer the conversation's customer"),
        (text(|text| text.text.clear()), "skip", "the reply has neither text nor attachments"),
        (closing().on_chat(25), "skip", "the customer last wrote too long ago for a closing text"),
        (template().on_chat(1), "skip", "the customer has written since"),
        (template().asked(Stand::Sent, None), "skip", "the customer was asked already"),
    ];
    for (scene, name, why) in cases {
        let walk = scene.walk();
        assert_eq!(walk.outcome(), (name, why), "{:?}", scene.kind);
        assert!(walk.sent.is_empty(), "{why}");
    }
}

#[test]
fn agents_are_told_of_replies_that_do_not_go_and_not_of_closing_texts() {
    let anothers = |scene: &mut Scene| scene.is_theirs = false;
    let cases: [(Scene, &[&str]); 4] = [
        (bare().with(anothers), &["has_another_requester"]),
        (closing().with(anothers), &[]),
        (text(|text| text.text.clear()), &["reply_empty"]),
        (text(|text| (text.text, text.ticket_id) = (String::new(), None)), &[]),
    ];
    for (scene, expected) in cases {
        assert_eq!(scene.walk().besides(), expected, "{:?}", scene.kind);
    }
}

#[test]
fn our_own_comment_is_known_when_it_comes_back_without_its_number() {
    let wrote = |scene: &mut Scene| {
        let words = crate::domain::conversation::fingerprint("Hello");
        scene.conversation.apply(Change::Wrote(words), at(NOW - HOUR - 60));
    };
    assert_eq!(bare().with(wrote).walk().outcome(), ("skip", "our own comment coming back"));
    assert_eq!(text(|_| {}).with(wrote).walk().outcome().0, "done", "an agent may say the same");
}

#[test]
fn the_carriers_word_counts_before_the_last_keyword_and_corrects_it() {
    use Subscription::{In, Out, Unknown};
    for (channel, remembered, answer, expected, corrected) in [
        (Channel::Sms, Unknown, None, "done", None),
        (Channel::Sms, In, None, "done", None),
        (Channel::Sms, Out, None, "reject", None),
        (Channel::Sms, Unknown, Some(true), "done", None),
        (Channel::Sms, Out, Some(true), "done", Some(In)),
        (Channel::Sms, In, Some(false), "reject", Some(Out)),
        (Channel::Sms, Unknown, Some(false), "reject", Some(Out)),
        (Channel::Whatsapp, Out, Some(true), "reject", None),
        (Channel::Whatsapp, In, Some(false), "reject", Some(Out)),
    ] {
        let scene = text(|_| {}).on_chat(1).with(|scene| {
            scene.line.as_mut().unwrap().channel = channel;
            scene.conversation.subscription = remembered;
            (scene.asks, scene.consent) = (true, answer);
        });
        let walk = scene.walk();
        let change = corrected.map(|counts| Change::SubscriptionAsked(counts, at(NOW)));
        assert_eq!(
            (walk.end.outcome.name(), walk.learnt),
            (expected, Vec::from_iter(change)),
            "{remembered:?} {answer:?}"
        );
    }
    let on_line = text(|_| {}).with(|scene| {
        scene.asks = true;
        scene.line.as_mut().unwrap().address = Some("second".into());
    });
    assert_eq!(on_line.walk().steps[0], "consent on second");
}

#[test]
fn a_reply_from_a_time_that_the_store_has_lost_waits_for_the_operator_where_texts_are_held() {
    let lost = |until: i64, on_unconfirmed| {
        move |scene: &mut Scene| (scene.lost_until, scene.on_unconfirmed) = (Some(at(until)), on_unconfirmed)
    };
    let (hold, resend) = (OnUnconfirmed::Hold, OnUnconfirmed::Resend);
    for (scene, expected) in [
        (text(|_| {}).with(lost(NOW - 2 * HOUR, hold)), "unknown"),
        (text(|text| text.written_at = None).with(lost(NOW - 9 * HOUR, hold)), "unknown"),
        (text(|_| {}).with(lost(NOW - 3 * HOUR, hold)), "done"),
        (text(|_| {}).with(lost(NOW - 2 * HOUR, resend)), "done"),
        (text(|_| {}).with(lost(NOW - 2 * HOUR, hold)).with(put_back), "done"),
        (bare().with(lost(NOW, hold)), "done"),
    ] {
        assert_eq!(scene.walk().end.outcome.name(), expected, "{:?} {:?}", scene.lost_until, scene.on_unconfirmed);
    }
}

#[test]
fn parts_go_in_order_and_one_at_a_time_where_texts_are_held() {
    let long = |out: u32, on_unconfirmed| {
        text(|text| text.text = "a".repeat(4000)).with(move |scene| {
            (scene.delivery.parts_sent, scene.on_unconfirmed) = (out, on_unconfirmed);
        })
    };
    for (out, on_unconfirmed, sent, end) in [
        (0, OnUnconfirmed::Resend, &[1, 2, 3][..], ("done", "dispatch d1, d2, d3")),
        (1, OnUnconfirmed::Resend, &[2, 3], ("done", "dispatch d2, d3")),
        (3, OnUnconfirmed::Resend, &[], ("done", "dispatch ")),
        (0, OnUnconfirmed::Hold, &[1], ("postpone", "part 1 of 3 is out")),
        (1, OnUnconfirmed::Hold, &[2], ("postpone", "part 2 of 3 is out")),
        (2, OnUnconfirmed::Hold, &[3], ("done", "dispatch d3")),
    ] {
        let walk = long(out, on_unconfirmed).walk();
        let numbers: Vec<u32> = walk.sent.iter().map(|sending| sending.part.number).collect();
        assert_eq!((numbers.as_slice(), walk.outcome()), (sent, end), "{out} {on_unconfirmed:?}");
        assert!(walk.sent.iter().all(|sending| sending.part.of == 3 && sending.part.id == walk.sent[0].part.id));
    }
    let words: String =
        long(0, OnUnconfirmed::Resend).walk().sent.iter().map(|sending| sending.words.clone()).collect();
    assert_eq!(words.matches('a').count(), 4000);
}

#[test]
fn a_message_names_its_recipient_or_goes_to_the_conversations_customer() {
    let anonymous = |scene: &mut Scene| {
        scene.conversation.customer = Customer { carrier_id: Some("b1".into()), ..Customer::default() };
    };
    for (scene, expected) in [
        (text(|_| {}), Recipient::External("ada".into())),
        (text(|text| text.external_user_id = Some("bob".into())), Recipient::External("bob".into())),
        (text(|_| {}).with(anonymous), Recipient::OfCarrier("b1".into())),
    ] {
        assert!(scene.walk().sent[0].to == expected);
    }
}

#[test]
fn the_closing_text_goes_once_for_each_solution_and_never_behind_the_customers_answer() {
    let told = closing().walk();
    let solved = Change::Status(TICKET, TicketStatus::Solved);
    assert_eq!((told.learnt, told.end.changes), (vec![solved], vec![Change::ClosingTold(TICKET)]));
    let again = closing().with(|scene| scene.conversation.apply(Change::ClosingTold(TICKET), at(NOW)));
    assert_eq!(again.walk().outcome(), ("skip", "the customer was told already that it is solved"));
    let other = again.with(|scene| scene.conversation.ticket.as_mut().unwrap().id = TicketId(8));
    let walk = other.walk();
    assert_eq!(
        (walk.learnt, walk.end.outcome.name()),
        (vec![], "done"),
        "another ticket's status is not the current one's"
    );
    let answered = closing().with(|scene| scene.conversation.window.heard_at = Some(at(NOW - HOUR + 1)));
    let walk = answered.walk();
    assert_eq!((walk.learnt.len(), walk.outcome()), (0, ("skip", "the customer has written since")));
}

#[test]
fn a_template_that_is_not_needed_any_more_lets_the_next_text_ask_anew() {
    assert_eq!(template().on_chat(1).walk().end.changes, [Change::AskStands(Stand::Failed)]);
    assert_eq!(template().asked(Stand::Owed, None).walk().outcome().0, "done");
    // A template in doubt while the customer wrote: the window has shut again, and a request for it may be under way.
    let old = |scene: &mut Scene| scene.delivery.accepted_at = at(NOW - 30 * HOUR);
    let walk = template().on_chat(25).asked(Stand::Owed, None).with(old).walk();
    assert_eq!(walk.outcome(), ("skip", "the customer has written since"));
    assert!(walk.end.changes.is_empty(), "{:?}", walk.end.changes);
}

#[test]
fn outside_of_the_window_a_text_asks_waits_or_ends() {
    let reply = || text(|_| {}).on_chat(25);
    let waited = |scene: &mut Scene| {
        let cause = cause::WAITS_FOR_ANSWER.to_owned();
        scene.delivery.history.push(HistoryEntry { at: at(NOW), what: Fate::Postponed, cause });
    };
    let wait = ("postpone", cause::WAITS_FOR_ANSWER);
    let late = |scene: &mut Scene| scene.line.as_mut().unwrap().template_wait = Duration::from_secs(60);
    let solved = |with: Option<u64>| {
        let with = with.map(CommentId);
        reply().asked(Stand::Sent, Some(0)).with(move |scene| scene.solved_with = with)
    };
    let cases = [
        ("open", text(|_| {}).on_chat(1), ("done", "dispatch d1"), &[][..], &[][..]),
        ("a drop-in body's own campaign", drop_in(None).on_chat(25), ("done", "dispatch d1"), &[], &[]),
        ("not asked", reply(), wait, &["template", "reply_waits"], &[Change::Asked]),
        ("not asked, and told before", reply().with(waited), wait, &["template"], &[Change::Asked]),
        ("asked", reply().asked(Stand::Sent, None), wait, &["reply_waits"], &[]),
        ("asked, and told before", reply().asked(Stand::Sent, None).with(waited), wait, &[], &[]),
        ("too long", reply().asked(Stand::Sent, None).with(late), ("reject", cause::NOT_ANSWERED), &[], &[]),
        ("solved with it", solved(Some(5)), wait, &["reply_waits"], &[]),
        ("solved without it", solved(Some(6)), ("reject", cause::SOLVED_UNANSWERED), &[], &[]),
    ];
    for (name, scene, outcome, besides, changes) in cases {
        let walk = scene.walk();
        assert_eq!(
            (walk.outcome(), walk.besides().as_slice(), walk.end.changes.as_slice()),
            (outcome, besides, changes),
            "{name}"
        );
    }
    let unnumbered = bare().on_chat(25).asked(Stand::Sent, Some(0)).walk();
    assert_eq!(unnumbered.outcome(), ("reject", cause::SOLVED_UNANSWERED), "no comment to compare");
    assert!(!unnumbered.steps.contains(&"solution 7".to_owned()));
}

#[test]
fn nothing_goes_into_a_talk_that_is_over_and_the_agent_is_told_once() {
    let over = |scene: &mut Scene| scene.conversation.apply(Change::TalkOver(at(NOW - 1)), at(NOW));
    for (name, scene, outcome) in [
        ("a reply", text(|_| {}), "reject"),
        ("one that waits", text(|_| {}).on_chat(25).asked(Stand::Sent, None), "reject"),
        ("a closing text", closing(), "skip"),
        ("a template", template().on_chat(25).asked(Stand::Owed, None), "skip"),
    ] {
        let walk = scene.with(over).walk();
        assert_eq!((walk.outcome(), walk.sent.len()), ((outcome, cause::TALK_OVER), 0), "{name}");
    }
}

#[test]
fn the_template_goes_at_once_and_a_wait_is_weighed_again_within_the_hour() {
    let until = |scene: Scene| {
        let outcome = scene.walk().end.outcome;
        let Outcome::Postpone { until, for_budget: false, .. } = outcome else { panic!("{outcome:?}") };
        until
    };
    assert_eq!(until(text(|_| {}).on_chat(25)), at(NOW));
    assert_eq!(until(text(|_| {}).on_chat(25).asked(Stand::Sent, None)), at(NOW + HOUR));
}

#[test]
fn a_drop_in_body_tells_the_ticket_and_whether_it_is_open() {
    let ticket = |id, status| Change::Ticket(TicketId(id), status, at(NOW));
    let none = |scene: &mut Scene| scene.conversation.ticket = None;
    let nameless = |scene: Scene| {
        scene.with(|scene| {
            if let EventKind::PhoneText(text) = &mut scene.kind {
                text.ticket_id = None;
            }
        })
    };
    let other = |scene: &mut Scene| scene.conversation.ticket.as_mut().unwrap().id = TicketId(8);
    for (scene, expected) in [
        (drop_in(Some("true")), Some(ticket(7, TicketStatus::Open))),
        (drop_in(Some("false")), Some(ticket(7, TicketStatus::Solved))),
        (drop_in(None), Some(ticket(7, TicketStatus::Open))),
        (drop_in(None).with(none), Some(ticket(7, TicketStatus::Open))),
        (drop_in(Some("false")).with(other), None),
        (nameless(drop_in(Some("false"))), Some(ticket(7, TicketStatus::Solved))),
        (nameless(drop_in(Some("true"))), None),
        (nameless(drop_in(Some("false"))).with(none), None),
    ] {
        let expected: Vec<Change> = expected.into_iter().chain([Change::RepliedUnnumbered]).collect();
        assert_eq!(scene.walk().learnt, expected);
    }
}
