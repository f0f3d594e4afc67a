//! An agent writes first: to a customer who is known on another ticket, and to a person who has not written yet.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{Linking, SMS, WHATSAPP};
use tandem::sandbox::zendesk::{NewTicket, Placement, TicketStatus, User};

use super::{ADA, BOB, Site};

/// The brand whose tickets go out by SMS.
pub(super) const BRAND: u64 = 70;

/// The calls that make something, in order.
const STEPS: [&str; 3] = ["/users", "/conversations", "/clients"];

impl Site {
    /// With a brand on the line for SMS.
    async fn branded() -> Self {
        let mut site = Self::start().await;
        let name = "name = \"sunshine-sms\"";
        site.bridge.restart_with(|settings| settings.replace(name, &format!("{name}\nbrand_id = {BRAND}"))).await;
        site.sunshine.connect(&site.bridge.public);
        site
    }

    /// A ticket that an agent opens for a user.
    pub(super) fn opened_for(&self, requester_id: u64, brand: Option<u64>) -> u64 {
        let zendesk = &self.bridge.sandbox.zendesk;
        let ticket = zendesk.add_ticket(NewTicket {
            requester_id,
            subject: "A call".to_owned(),
            description: "Please write to me.".to_owned(),
            tags: vec!["sms".to_owned()],
            ..NewTicket::default()
        });
        if brand.is_some() {
            zendesk.move_to(ticket, Placement { brand_id: brand, group_id: None, ticket_form_id: None });
        }
        ticket
    }

    /// A user of the desk's with a number.
    pub(super) fn user(&self, name: &str, phone: &str) -> u64 {
        let user = User { name: name.to_owned(), phone: Some(phone.to_owned()), ..User::default() };
        self.bridge.sandbox.zendesk.add_user(user)
    }

    /// An agent opens a ticket for a person who has not written, and writes.
    pub(super) fn writes_first(&self, words: &str) -> u64 {
        let ticket = self.opened_for(self.user("Ada Lovelace", ADA), Some(BRAND));
        self.reply(ticket, words);
        ticket
    }

    pub(super) fn requester(&self, ticket: u64) -> u64 {
        let tickets = self.bridge.sandbox.zendesk.tickets();
        tickets.into_iter().find(|found| found.id == ticket).unwrap().requester_id
    }

    pub(super) async fn lose_store(&mut self) {
        self.bridge.stop().await;
        std::fs::remove_dir_all(self.bridge.directory.path().join("store")).unwrap();
        self.bridge.run().await;
        self.sunshine.connect(&self.bridge.public);
    }

    /// The only talk, and the only text in it.
    fn one_text(&self, words: &str) -> String {
        assert_eq!(self.sunshine.reached(ADA), [words]);
        assert_eq!(self.sunshine.counts(), [1, 1, 1], "one user, one conversation, one client");
        self.sunshine.conversation_of(SMS, ADA).unwrap()
    }
}

#[tokio::test]
async fn a_reply_on_another_ticket_of_a_customer_goes_to_the_talk_that_they_wrote_in() {
    let mut site = Site::start().await;
    let first = site.talking().await;
    let requester = site.requester(first);
    let second = site.opened_for(requester, None);
    site.reply(second, "on another ticket");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["on another ticket"]);
    assert_eq!(site.bridge.conversations().await.len(), 1);
    // The answer comes to the ticket that the agent wrote on.
    site.sunshine.text(SMS, ADA, "Thanks");
    site.settled().await;
    assert_eq!(site.bridge.comments(second).last().map(String::as_str), Some("Thanks"));
    // The same without the store.
    site.lose_store().await;
    let third = site.opened_for(requester, None);
    site.reply(third, "after the loss");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["on another ticket", "after the loss"]);
    assert_eq!(site.sunshine.counts(), [1, 1, 1]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_customer_who_is_known_by_their_number_alone_is_answered_in_their_talk_on_another_ticket() {
    let site = Site::branded().await;
    let requester = site.user("Ada Lovelace", ADA);
    let first = site.talking().await;
    assert_eq!(site.requester(first), requester, "the number has found the user");
    let second = site.opened_for(requester, Some(BRAND));
    site.reply(second, "on another ticket");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["on another ticket"]);
    assert_eq!(site.sunshine.counts(), [1, 1, 1]);
    site.finish(0).await;
}

#[tokio::test]
async fn the_requester_decides_whose_talk_it_is_although_the_ticket_has_anothers_key() {
    let mut site = Site::start().await;
    let adas = site.talking().await;
    let bobs = site.talking_on(SMS, BOB).await;
    let bob = site.requester(bobs);
    site.lose_store().await;
    site.bridge.sandbox.zendesk.set_requester(adas, bob);
    site.reply(adas, "Dear Bob");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.sunshine.reached(BOB)), (vec![], vec!["Dear Bob".to_owned()]));
    site.finish(0).await;
}

#[tokio::test]
async fn a_whatsapp_talk_that_is_found_again_keeps_its_line_and_its_window() {
    let mut site = Site::start().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.lose_store().await;
    site.reply(ticket, "in time");
    site.settled().await;
    let [text] = &site.sunshine.texts()[..] else { panic!("one text") };
    assert_eq!((text.integration.as_str(), text.words.as_str()), (WHATSAPP, "in time"));
    site.lose_store().await;
    site.bridge.clock.advance(SignedDuration::from_hours(24));
    site.reply(ticket, "too late");
    site.settled().await;
    assert_eq!((site.sends(), site.bridge.notes(ticket).len()), (1, 1));
    site.finish(1).await;
}

#[tokio::test]
async fn an_agents_first_text_reaches_a_person_who_has_not_written_and_the_answer_joins_its_ticket() {
    let mut site = Site::branded().await;
    let ticket = site.writes_first("Good news!");
    site.settled().await;
    let talk = site.one_text("Good news!");
    assert_eq!(site.sunshine.metadata_of(&talk)["tandem_ticket"], ticket.to_string());
    site.sunshine.text(SMS, ADA, "Which?");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Which?"));
    let known = site.bridge.conversations().await;
    assert_eq!((known.len(), known[0]["key"].clone()), (1, json!(format!("sunshine:{talk}"))));
    // The ticket carries no key, so that a lost store finds it by the talk's metadata.
    site.lose_store().await;
    site.sunshine.text(SMS, ADA, "Tell me");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Tell me"));
    site.reply(ticket, "You won");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["Good news!", "You won"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_another_person_has_by_now_takes_no_text_although_the_talk_names_it() {
    let mut site = Site::branded().await;
    let ticket = site.writes_first("Good news!");
    site.settled().await;
    site.lose_store().await;
    let bob = site.user("Bob", BOB);
    site.bridge.sandbox.zendesk.set_requester(ticket, bob);
    site.sunshine.text(SMS, ADA, "For me alone");
    site.settled().await;
    assert!(!site.bridge.comments(ticket).contains(&"For me alone".to_owned()));
    site.finish(0).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_step_of_a_first_text_makes_nothing_twice() {
    for step in STEPS.into_iter().chain(["/messages"]) {
        for what in [FaultKind::LoseAnswer, FaultKind::StatusAfter(500), FaultKind::LoseRequest] {
            let site = Site::branded().await;
            site.sunshine.fail(Fault::on("POST", step, what.clone()));
            site.writes_first("once");
            site.settled().await;
            site.one_text("once");
            site.finish(0).await;
        }
    }
}

#[tokio::test]
async fn a_lost_change_of_metadata_is_made_again_beside_the_fields_of_others() {
    for times in 1..=3 {
        let site = Site::branded().await;
        site.sunshine.fail(Fault::on("PATCH", "/conversations", FaultKind::StatusAfter(500)).times(times));
        let ticket = site.writes_first("once");
        site.settled().await;
        let talk = site.one_text("once");
        site.sunshine.set_metadata(&talk, "crm", "7");
        let next = site.opened_for(site.requester(ticket), Some(BRAND));
        site.reply(next, "again");
        site.settled().await;
        let kept = site.sunshine.metadata_of(&talk);
        assert_eq!((kept["crm"].clone(), kept["tandem_ticket"].clone()), (json!("7"), json!(next.to_string())));
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_list_that_shows_new_entries_late_makes_nothing_twice() {
    for step in STEPS {
        let site = Site::branded().await;
        site.sunshine.set_list_lag(SignedDuration::from_secs(20));
        site.sunshine.fail(Fault::on("POST", step, FaultKind::LoseAnswer));
        site.writes_first("once");
        site.settled().await;
        site.one_text("once");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_bridge_that_dies_at_any_step_of_a_first_text_makes_nothing_twice() {
    for step in STEPS.into_iter().chain(["/messages"]) {
        let mut site = Site::branded().await;
        site.bridge.stop().await;
        site.bridge.run_apart().await;
        site.sunshine.connect(&site.bridge.public);
        site.sunshine.set_list_lag(SignedDuration::from_secs(5));
        site.sunshine.fail(Fault::on("POST", step, FaultKind::Delay(Duration::from_secs(600))));
        site.writes_first("once");
        let is_there = |site: &Site| {
            site.sunshine
                .calls()
                .iter()
                .any(|call| call.processed && call.method == "POST" && call.path.ends_with(step))
        };
        site.bridge.until("the step is taken", |_| is_there(&site)).await;
        site.bridge.kill().await;
        site.bridge.run().await;
        site.sunshine.connect(&site.bridge.public);
        site.settled().await;
        site.one_text("once");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_first_text_waits_until_the_channel_has_linked_the_phone() {
    let site = Site::branded().await;
    site.sunshine.set_linking(Linking::Waits);
    let ticket = site.writes_first("patience");
    site.bridge.until("the link is asked for", |_| !site.sunshine.pending_links().is_empty()).await;
    let looks = || site.sunshine.calls().iter().filter(|call| call.path.ends_with("/clients")).count();
    let before = looks();
    site.bridge.until("the link is looked at again, and again", |_| looks() > before + 3).await;
    assert_eq!((site.sends(), site.bridge.notes(ticket)), (0, Vec::new()));
    site.sunshine.end_link(&site.sunshine.pending_links()[0], true);
    site.settled().await;
    site.one_text("patience");
    site.finish(0).await;
}

#[tokio::test]
async fn a_link_that_fails_ends_the_text_with_a_note_and_a_mended_number_is_linked() {
    let site = Site::branded().await;
    site.sunshine.set_linking(Linking::Fails);
    let ticket = site.writes_first("in vain");
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.iter().any(|note| note.contains("takes no texts") || note.contains("did not link")), "{notes:?}");
    assert_eq!(site.sends(), 0);
    site.sunshine.set_linking(Linking::Confirms);
    let requester = site.requester(ticket);
    site.bridge.sandbox.zendesk.change_user(requester, |user| user.phone = Some(BOB.to_owned()));
    site.reply(ticket, "to the right one");
    site.settled().await;
    assert_eq!(
        (site.sunshine.reached(ADA).len(), site.sunshine.reached(BOB)),
        (0, vec!["to the right one".to_owned()])
    );
    site.finish(1).await;
}

#[tokio::test]
async fn a_number_that_was_mended_is_another_talk_from_the_next_ticket_on() {
    let site = Site::branded().await;
    let ticket = site.writes_first("to a wrong number");
    site.settled().await;
    let requester = site.requester(ticket);
    site.bridge.sandbox.zendesk.change_user(requester, |user| user.phone = Some(BOB.to_owned()));
    let next = site.opened_for(requester, Some(BRAND));
    site.reply(next, "to the right one");
    site.settled().await;
    assert_eq!(
        (site.sunshine.reached(ADA).len(), site.sunshine.reached(BOB)),
        (1, vec!["to the right one".to_owned()])
    );
    assert_eq!(site.sunshine.counts(), [2, 2, 2], "the talk of before is left as it is");
    site.finish(0).await;
}

#[tokio::test]
async fn a_talk_with_another_number_than_the_desk_has_takes_no_text_of_a_new_ticket() {
    let site = Site::branded().await;
    let first = site.talking().await;
    let requester = site.requester(first);
    let has = |phone: &str| {
        site.bridge.sandbox.zendesk.change_user(requester, |user| user.phone = Some(phone.to_owned()));
    };
    has("+1 (555) 012-3456");
    site.reply(site.opened_for(requester, None), "the same number");
    site.settled().await;
    has(BOB);
    let second = site.opened_for(requester, None);
    site.reply(second, "to a former number?");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.sends()), (vec!["the same number".to_owned()], 1));
    let notes = site.bridge.notes(second);
    assert!(notes.iter().any(|note| note.contains("another number")), "{notes:?}");
    // The owner of the other number is not reached in the first one's talk.
    let bob = site.user("Bob", BOB);
    site.reply(site.opened_for(bob, Some(BRAND)), "Dear Bob");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA).len(), site.sunshine.reached(BOB)), (1, vec!["Dear Bob".to_owned()]));
    site.finish(1).await;
}

#[tokio::test]
async fn after_a_lost_store_a_reply_on_the_talks_own_ticket_goes_to_the_phone_that_the_desk_has() {
    let mut site = Site::branded().await;
    let requester = site.user("Ada Lovelace", ADA);
    let ticket = site.talking().await;
    assert_eq!(site.requester(ticket), requester, "the number has found the user");
    site.lose_store().await;
    site.reply(ticket, "after the loss");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["after the loss"]);
    // With another number the ticket may be another person's by now.
    site.lose_store().await;
    site.bridge.sandbox.zendesk.change_user(requester, |user| user.phone = Some(BOB.to_owned()));
    site.reply(ticket, "to a stranger?");
    site.settled().await;
    assert_eq!((site.sends(), site.bridge.notes(ticket).len()), (1, 1));
    site.finish(1).await;
}

#[tokio::test]
async fn a_link_that_is_not_confirmed_in_a_quarter_of_an_hour_ends_the_text_with_a_note() {
    let site = Site::branded().await;
    site.sunshine.set_linking(Linking::Waits);
    let began_at = site.bridge.clock.now();
    let ticket = site.writes_first("in vain");
    site.bridge.until("the link is asked for", |_| !site.sunshine.pending_links().is_empty()).await;
    site.bridge.clock.advance(SignedDuration::from_mins(14));
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.iter().any(|note| note.contains("takes no texts") || note.contains("did not confirm")), "{notes:?}");
    assert!(site.bridge.clock.now().duration_since(began_at) < SignedDuration::from_mins(30));
    assert_eq!(site.sends(), 0);
    site.finish(1).await;
}

#[tokio::test]
async fn a_ticket_that_cannot_be_noted_on_the_talk_ends_no_text() {
    let site = Site::start().await;
    let requester = site.requester(site.talking().await);
    site.sunshine.fail(Fault::on("PATCH", "/conversations", FaultKind::status(403)).times(9));
    site.reply(site.opened_for(requester, None), "all the same");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["all the same"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_first_text_never_takes_the_number_from_a_talk_that_another_customer_writes_in() {
    let site = Site::branded().await;
    site.talking().await;
    let other = User {
        name: "Eve".to_owned(),
        phone: Some(ADA.to_owned()),
        external_id: Some("crm-9".to_owned()),
        ..User::default()
    };
    let other = site.bridge.sandbox.zendesk.add_user(other);
    let ticket = site.opened_for(other, Some(BRAND));
    site.reply(ticket, "Dear Eve");
    site.settled().await;
    assert_eq!((site.sends(), site.sunshine.counts()), (0, [1, 1, 1]));
    let notes = site.bridge.notes(ticket);
    assert!(notes.iter().any(|note| note.contains("another customer")), "{notes:?}");
    site.finish(1).await;
}

#[tokio::test]
async fn a_first_text_to_a_person_without_a_number_says_so() {
    let site = Site::branded().await;
    let user = User { name: "Ada".to_owned(), ..User::default() };
    let requester = site.bridge.sandbox.zendesk.add_user(user);
    let ticket = site.opened_for(requester, Some(BRAND));
    site.reply(ticket, "Hello?");
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.iter().any(|note| note.contains("no phone number")), "{notes:?}");
    assert_eq!(site.sunshine.counts(), [0, 0, 0]);
    site.finish(1).await;
}

#[tokio::test]
async fn a_first_text_on_whatsapp_asks_by_the_template_first() {
    let site = Site::start_on("", "", "template = \"please_write_again\"\nbrand_id = 71").await;
    let ticket = site.opened_for(site.user("Ada", ADA), Some(71));
    site.reply(ticket, "Good news!");
    site.bridge.until("the template is out", |_| site.sunshine.texts().len() == 1).await;
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA).last().map(String::as_str), Some("Good news!"));
    assert_eq!(site.sunshine.counts(), [1, 1, 1]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_is_solved_without_a_reply_is_no_reason_to_write_first() {
    let site = Site::branded().await;
    let ticket = site.opened_for(site.user("Ada", ADA), Some(BRAND));
    site.bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    let deliveries = site.settled().await;
    let dead = deliveries.iter().filter(|delivery| delivery["state"] == "dead").count();
    assert_eq!((site.sends(), site.sunshine.counts()), (0, [0, 0, 0]));
    site.finish(dead).await;
}
