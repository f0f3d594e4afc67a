//! WhatsApp through Braze, over real HTTP: messages of every kind, the window, the template, and the texts that wait for its
//! answer.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::TicketStatus;

use crate::support::{TestBridge, answer};

const SEND: &str = "/campaigns/trigger/send";
const TEMPLATE: &str = "Hello Ada, we have an answer for you (ticket TICKET). Write to us to read it.";

/// A bridge with a WhatsApp line beside the default one.
async fn bridge() -> TestBridge {
    bridge_with(true, "").await
}

async fn bridge_with(template: bool, braze: &str) -> TestBridge {
    let options = SandboxOptions::default();
    let template =
        if template { format!("template = \"{}\"", options.campaign_whatsapp_template) } else { String::new() };
    let line = format!(
        "[[lines]]\nname = \"chat\"\ncarrier = \"braze\"\nchannel = \"whatsapp\"\naddress = \"{}\"\nagent_reply = \"{}\"\n{template}\n",
        options.whatsapp_group, options.campaign_whatsapp_reply
    );
    TestBridge::start_with(&line, braze).await
}

impl TestBridge {
    /// A customer whose WhatsApp message has opened a ticket, 25 hours ago: the ticket and the Braze id.
    async fn silent_for_a_day(&self) -> (u64, String) {
        let customer = self.customer("ada");
        self.sandbox.phone.whatsapp(&customer, "Where is my parcel?");
        self.settled().await;
        self.clock.advance(SignedDuration::from_hours(25));
        (self.sandbox.zendesk.tickets().last().unwrap().id, customer)
    }

    /// Has an agent reply after the window has shut, and waits until the reply waits for the customer.
    async fn reply_waits(&self, ticket: u64, words: &str) -> Value {
        self.sandbox.zendesk.agent_reply(ticket, words);
        self.until("the agent is told", |bridge| bridge.noted(ticket, "A template that asks")).await;
        let is_owed = |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting");
        let all = self.until_deliveries("it waits", is_owed).await;
        all.into_iter().find(|one| one["kind"] == "phone_text" && one["state"] == "waiting").unwrap()
    }

    /// Whether a note on the ticket says this.
    fn noted(&self, ticket: u64, words: &str) -> bool {
        self.notes(ticket).iter().any(|note| note.contains(words))
    }

    /// How often the template was sent.
    fn templates(&self) -> usize {
        let sent = self.sandbox.braze.texts();
        sent.iter().filter(|text| text.campaign_id == SandboxOptions::default().campaign_whatsapp_template).count()
    }
}

fn template(ticket: u64) -> String {
    TEMPLATE.replace("TICKET", &ticket.to_string())
}

#[tokio::test]
async fn a_reply_after_a_day_waits_for_the_answer_to_a_template_and_the_agent_sees_each_step() {
    let bridge = bridge().await;
    let (ticket, customer) = bridge.silent_for_a_day().await;
    let waiting = bridge.reply_waits(ticket, "It left *today*.").await;
    assert_eq!(waiting["cause"], "it waits until the customer answers the template");
    bridge.sandbox.zendesk.agent_reply(ticket, "It comes tomorrow.");
    bridge.clock.advance(SignedDuration::from_hours(3));
    let is_weighed = |all: &[Value]| all.iter().any(|one| one["id"] == waiting["id"] && one["state"] == "waiting");
    bridge.until_deliveries("it still waits", is_weighed).await;
    assert_eq!(bridge.texts(), [template(ticket)], "once for both, and no free text");
    bridge.sandbox.phone.whatsapp(&customer, "Yes?");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [template(ticket), "It left *\u{200a}today*.".into(), "It comes tomorrow.".into()]);
    assert!(bridge.comments(ticket).contains(&"Yes?".to_owned()));
    let notes = bridge.notes(ticket);
    for said in
        ["so it waits until they write again", "A template that asks", "which waited for that, has been texted now"]
    {
        assert_eq!(notes.iter().filter(|note| note.contains(said)).count(), 1, "{said}: {notes:#?}");
    }
    // The window is open again.
    bridge.sandbox.zendesk.agent_reply(ticket, "Anything else?");
    bridge.settled().await;
    assert_eq!(bridge.texts().last().map(String::as_str), Some("Anything else?"));
    assert_eq!((bridge.templates(), bridge.notes(ticket)), (1, notes));
    bridge.finish(0).await;
}

#[tokio::test]
async fn stop_as_the_answer_ends_the_texts_that_wait() {
    // Braze, where it is asked, knows no keywords on WhatsApp and goes on saying that the customer is subscribed.
    let asked = format!("subscription_group = \"{}\"", SandboxOptions::default().subscription_group);
    for braze in ["", &asked] {
        let bridge = bridge_with(true, braze).await;
        let (ticket, customer) = bridge.silent_for_a_day().await;
        bridge.reply_waits(ticket, "It left today.").await;
        bridge.sandbox.phone.whatsapp(&customer, "Stop promotions");
        bridge.settled().await;
        assert_eq!(bridge.texts(), [template(ticket)], "{braze}");
        assert!(bridge.noted(ticket, "the customer has opted out of texts"), "{:#?}", bridge.notes(ticket));
        bridge.finish(1).await;
    }
}

#[tokio::test]
async fn without_an_answer_the_text_ends_after_the_days_of_its_line_and_a_later_one_waits_without_a_second_template() {
    let bridge = bridge().await;
    let (ticket, _) = bridge.silent_for_a_day().await;
    bridge.reply_waits(ticket, "It left today.").await;
    bridge.clock.advance(SignedDuration::from_hours(7 * 24 - 2));
    bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    bridge.clock.advance(SignedDuration::from_hours(2));
    bridge.until("the agent is told", |bridge| bridge.noted(ticket, "did not answer the template in time")).await;
    let is_next = |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting");
    bridge.until_deliveries("the next one waits", is_next).await;
    assert_eq!((bridge.texts().len(), bridge.templates()), (1, 1));
    bridge.clock.advance(SignedDuration::from_hours(7 * 24));
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 1);
    bridge.finish(2).await;
}

#[tokio::test]
async fn a_solution_ends_the_texts_that_wait_but_not_the_reply_that_came_with_it() {
    let bridge = bridge().await;
    let (ticket, customer) = bridge.silent_for_a_day().await;
    bridge.reply_waits(ticket, "It left today.").await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    assert!(bridge.noted(ticket, "the ticket was solved before the customer answered"), "{:#?}", bridge.notes(ticket));
    assert_eq!(bridge.texts(), [template(ticket)], "and no closing text");
    bridge.sandbox.phone.whatsapp(&customer, "Hello?");
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 1);
    bridge.clock.advance(SignedDuration::from_hours(25));
    bridge.sandbox.zendesk.agent_solves_with_reply(ticket, "It is there.");
    let is_waiting = |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting");
    bridge.until_deliveries("the reply waits", is_waiting).await;
    bridge.sandbox.phone.whatsapp(&customer, "And?");
    bridge.settled().await;
    assert_eq!(bridge.texts().last().map(String::as_str), Some("It is there."));
    assert_eq!(bridge.templates(), 2, "once for each closed window");
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_line_without_a_template_tells_the_agent_why_nothing_goes() {
    let bridge = bridge_with(false, "").await;
    let (ticket, _) = bridge.silent_for_a_day().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.settled().await;
    assert!(bridge.noted(ticket, "their line has no template"), "{:#?}", bridge.notes(ticket));
    assert!(bridge.texts().is_empty());
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_template_whose_answer_is_lost_is_looked_for_and_sent_once() {
    let bridge = bridge().await;
    let (ticket, customer) = bridge.silent_for_a_day().await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.reply_waits(ticket, "It left today.").await;
    assert_eq!((bridge.templates(), bridge.sends().len()), (1, 1));
    bridge.sandbox.phone.whatsapp(&customer, "Yes?");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [template(ticket), "It left today.".into()]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_template_that_is_refused_ends_the_text_and_an_operator_can_send_both_again() {
    let bridge = bridge().await;
    let (ticket, customer) = bridge.silent_for_a_day().await;
    let refused = FaultKind::Status { code: 400, headers: Vec::new(), body: r#"{"message":"Bad Request"}"#.into() };
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused));
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    let all = bridge.settled().await;
    assert!(bridge.noted(ticket, "The template that asks the customer to write again was not sent"));
    assert!(bridge.noted(ticket, "could not be sent"), "{:#?}", bridge.notes(ticket));
    let text = all.iter().find(|one| one["kind"] == "phone_text" && one["state"] == "dead").unwrap();
    let url = format!("{}/api/deliveries/{}/redrive", bridge.operator, text["id"].as_str().unwrap());
    assert_eq!(answer(bridge.http.post(url)).await.0, 200);
    bridge.until("the template goes", |bridge| bridge.templates() == 1).await;
    bridge.sandbox.phone.whatsapp(&customer, "Yes?");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [template(ticket), "It left today.".into()]);
    bridge.finish(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_step_loses_and_doubles_nothing() {
    let mut bridge = bridge().await;
    bridge.stop().await;
    bridge.run_apart().await;
    let (ticket, customer) = bridge.silent_for_a_day().await;
    // Killed while Braze has the template and its answer is under way.
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::Delay(std::time::Duration::from_secs(600))));
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.until("Braze has the template", |bridge| bridge.templates() == 1).await;
    bridge.kill().await;
    bridge.sandbox.braze.clear_faults();
    bridge.run_apart().await;
    bridge.until("the agent is told", |bridge| bridge.noted(ticket, "A template that asks")).await;
    // Killed while the text waits.
    bridge.kill().await;
    bridge.sandbox.braze.pause_webhooks();
    bridge.sandbox.phone.whatsapp(&customer, "Yes?");
    bridge.run_apart().await;
    bridge.sandbox.braze.resume_webhooks();
    bridge.settled().await;
    assert_eq!(bridge.texts(), [template(ticket), "It left today.".into()]);
    assert_eq!(bridge.comments(ticket).iter().filter(|comment| *comment == "Yes?").count(), 1);
    bridge.finish(0).await;
}

#[tokio::test]
async fn meta_refuses_what_comes_too_late_so_the_agent_is_told_and_the_next_reply_waits() {
    // The line takes the window for longer than Meta does.
    let bridge = bridge_with(true, "currents_tokens = [\"sandbox-currents-token-not-real\"]").await;
    bridge.sandbox.braze.turn_currents_on();
    bridge.sandbox.braze.pass_marks_on();
    let customer = bridge.customer("ada");
    bridge.sandbox.phone.whatsapp(&customer, "Where is my parcel?");
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.tickets().last().unwrap().id;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.settled().await;
    let sent = bridge.sandbox.braze.events("whatsapp.Send");
    let late = json!({"provider_error_code": "131047", "provider_error_title": "Re-engagement message"});
    let failure = bridge.sandbox.braze.event_after(&sent[0], "whatsapp.Failure", &late);
    bridge.sandbox.braze.send_batch(&[sent[0].clone(), failure]);
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    let note = bridge.notes(ticket).remove(0);
    assert!(note.contains("wrote too long ago") && note.contains("once the customer has written"), "{note}");
    // From now on the bridge knows that the window is shut.
    bridge.reply_waits(ticket, "It comes tomorrow.").await;
    bridge.sandbox.phone.whatsapp(&customer, "Yes?");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["It left today.".into(), template(ticket), "It comes tomorrow.".into()]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn messages_of_every_kind_are_on_the_ticket_also_of_a_customer_without_a_number() {
    let bridge = bridge().await;
    let customer = bridge.sandbox.braze.add_profile(Profile::default());
    let phone = &bridge.sandbox.phone;
    phone.whatsapp_with(&customer, &[("text", "Hello"), ("name", "Ada 💙")]);
    bridge.settled().await;
    phone.whatsapp_with(&customer, &[("flow", r#"{"size": 42, "colours": ["red", "blue"]}"#)]);
    bridge.settled().await;
    phone.whatsapp_with(&customer, &[("product", "sku-7"), ("catalog", "12")]);
    bridge.settled().await;
    phone.whatsapp_with(&customer, &[]);
    bridge.settled().await;
    let [ticket] = &bridge.sandbox.zendesk.tickets()[..] else { panic!("one conversation") };
    let comments = bridge.comments(ticket.id);
    assert_eq!(
        comments[..3],
        ["Hello", "[Answers of a form]\ncolours: red, blue\nsize: 42", "[About product sku-7 of catalog 12]"]
    );
    assert!(comments[3].contains("Braze does not pass on"), "{comments:?}");
    let users = bridge.sandbox.zendesk.users();
    assert!(users.iter().any(|user| user.name == "Ada 💙" && user.phone.is_none()), "named as on WhatsApp");
    bridge.finish(0).await;
}
