//! First texts to a number on longer ways: in several parts, sent again by an operator, behind a merge, and from a second desk.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::Sandbox;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS, WHATSAPP};
use tandem::sandbox::zendesk::{NewTicket, Placement, User};

use super::reach::BRAND;
use super::{ADA, BOB, Site};
use crate::accounts::eu;
use crate::support::{QUIET, account_tables};

#[tokio::test]
async fn a_first_text_of_two_parts_arrives_whole() {
    let words = vec!["word"; 500].join(" ");
    for end in [End::Silent, End::Arrives] {
        let site = Site::notifying().await;
        site.sunshine.set_end(end.clone());
        let ticket = site.writes_first(&words);
        site.settled().await;
        assert_eq!(site.sunshine.reached(ADA).join(" "), words, "{end:?}");
        // Once an event has told the talk, the second part is a message in it.
        assert_eq!((site.notified() + site.sends(), site.bridge.notes(ticket)), (2, Vec::new()), "{end:?}");
        assert_eq!(site.text().await["state"], "delivered");
        site.sunshine.text(SMS, ADA, "Which?");
        site.settled().await;
        assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Which?"), "{end:?}");
        assert_eq!((site.bridge.conversations().await.len(), site.bridge.sandbox.zendesk.tickets().len()), (1, 1));
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_first_text_whose_second_part_is_in_doubt_is_held_and_its_first_part_stays_out() {
    let words = vec!["word"; 500].join(" ");
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Silent);
    for what in [FaultKind::Delay(Duration::from_millis(1)), FaultKind::LoseRequest] {
        site.sunshine.fail(Fault::on("POST", "/notifications", what));
    }
    let ticket = site.writes_first(&words);
    let doubted = site.in_doubt(ticket).await;
    site.bridge.clock.advance(SignedDuration::from_hours(30));
    assert_eq!(site.calm().await["id"], doubted["id"]);
    assert_eq!((doubted["state"].clone(), site.notified(), site.sends()), (json!("unconfirmed"), 2, 0));
    assert_eq!(site.sunshine.reached(ADA).len(), 1, "the first part");
    // The operator sends the rest.
    site.act(&doubted, "redrive").await;
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA).join(" "), site.notified()), (words, 3));
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_in_doubt_that_an_operator_sends_again_once_its_talk_is_known_is_one_message_there() {
    for (what, state, arrived) in [
        (FaultKind::LoseAnswer, "delivered", &["and more", "once"][..]),
        (FaultKind::LoseRequest, "unconfirmed", &["and more"]),
    ] {
        let site = Site::notifying().await;
        site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseRequest));
        let ticket = site.writes_first("once");
        let doubted = site.in_doubt(ticket).await;
        site.reply(ticket, "and more");
        site.bridge.until("the later reply is out", |_| !site.sunshine.reached(ADA).is_empty()).await;
        site.calm().await;
        // The answer is lost again.
        site.sunshine.fail(Fault::on("POST", "/messages", what.clone()));
        site.act(&doubted, "redrive").await;
        site.calm().await;
        site.bridge.clock.advance(SignedDuration::from_hours(1));
        site.calm().await;
        let texts = site.replies().await;
        let again = texts.iter().find(|text| text["id"] == doubted["id"]).unwrap();
        assert_eq!((&again["state"], site.notified(), site.sends()), (&json!(state), 2, 1), "{what:?}");
        assert_eq!(site.sunshine.reached(ADA), arrived, "{what:?}");
        if state == "unconfirmed" {
            site.bridge.discard(&doubted["id"]).await;
        }
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_talk_that_is_merged_after_its_customer_has_answered_keeps_the_ticket_of_the_first_text() {
    let site = Site::notifying().await;
    let ticket = site.writes_first("once");
    site.settled().await;
    site.sunshine.text(SMS, ADA, "Which?");
    site.settled().await;
    let (_, surviving) = site.merged_into_an_unknown_one(SMS, WHATSAPP);
    // The report of the talk, and that of the merge.
    site.learnt(2).await;
    site.sunshine.text(SMS, ADA, "It is me");
    site.settled().await;
    site.reply(ticket, "Good");
    site.settled().await;
    let told: Vec<String> = site.bridge.comments(ticket).split_off(2);
    assert_eq!(told, ["Which?", "It is me", "Good"]);
    assert_eq!(site.sunshine.texts().last().map(|text| text.conversation.clone()), Some(surviving));
    assert_eq!((site.notified(), site.sends(), site.sunshine.reached(ADA).len()), (1, 1, 2));
    assert_eq!((site.bridge.conversations().await.len(), site.bridge.sandbox.zendesk.tickets().len()), (1, 1));
    site.finish(0).await;
}

#[tokio::test]
async fn a_first_text_of_a_second_desk_is_answered_there_and_touches_no_ticket_of_the_first() {
    let mut site = Site::notifying().await;
    let second = Sandbox::start(eu(), site.bridge.clock.clone()).await.unwrap();
    let accounts = account_tables(&second, &eu(), "", "");
    let at = |settings: String, name: &str, desk: &str| {
        let name = format!("name = \"{name}\"");
        settings.replace(&name, &format!("{name}\ndesk = \"{desk}\""))
    };
    let change = |settings: &str| {
        let lines = [("main", "zendesk"), ("sunshine-sms", "support-eu"), ("sunshine-whatsapp", "zendesk")];
        let settings = lines.into_iter().fold(settings.to_owned(), |settings, (name, desk)| at(settings, name, desk));
        format!("{settings}{accounts}\n[[lines]]\nname = \"eu\"\ncarrier = \"braze-eu\"\ndesk = \"support-eu\"\n")
    };
    site.bridge.restart_with(change).await;
    site.sunshine.connect(&site.bridge.public);
    second.connect(&site.bridge.public);
    let settled = async || {
        loop {
            site.settled().await;
            if second.zendesk.is_idle() {
                return site.settled().await;
            }
            second.wait_until(QUIET, || false).await;
        }
    };
    let bobs = site.talking_on(WHATSAPP, BOB).await;
    let user = User { name: "Ada Lovelace".into(), phone: Some(ADA.into()), ..User::default() };
    let requester_id = second.zendesk.add_user(user);
    let new = NewTicket { requester_id, tags: vec!["sms".into()], ..NewTicket::default() };
    let ticket = second.zendesk.add_ticket(new);
    assert_eq!(ticket, bobs, "the numbers of the two desks are the same");
    second.zendesk.move_to(ticket, Placement { brand_id: Some(BRAND), group_id: None, ticket_form_id: None });
    second.zendesk.agent_reply(ticket, "once");
    settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.notified()), (vec!["once".to_owned()], 1));
    site.sunshine.text(SMS, ADA, "Which?");
    settled().await;
    second.zendesk.agent_reply(ticket, "Good");
    site.reply(bobs, "Hi Bob");
    settled().await;
    let said = |ticket: tandem::sandbox::zendesk::Ticket| -> Vec<String> {
        ticket.comments.into_iter().map(|comment| comment.plain_body).collect()
    };
    assert_eq!(said(second.zendesk.ticket(ticket).unwrap()).split_off(2), ["Which?", "Good"]);
    assert_eq!(site.bridge.comments(bobs), ["Hello", "Hi Bob"]);
    assert_eq!((site.sunshine.reached(ADA), site.sunshine.reached(BOB)), {
        (vec!["once".to_owned(), "Good".to_owned()], vec!["Hi Bob".to_owned()])
    });
    let known: Vec<Value> = site.bridge.conversations().await;
    assert_eq!((known.len(), second.zendesk.tickets().len()), (2, 1));
    site.finish(0).await;
}
