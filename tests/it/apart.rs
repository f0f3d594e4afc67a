//! Accounts and lines that have something in common stay apart: an id, a ticket's number, a desk, or a workspace.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::zendesk::{NewTicket, Ticket, TicketStatus, User};
use tandem::sandbox::{Sandbox, SandboxOptions};

use crate::accounts::{customer, eu, texts, ticket, words};
use crate::support::{QUIET, TestBridge, account_tables, answer};

const CURRENTS: &str = "currents_tokens = [\"sandbox-currents-token-not-real\"]";

/// A bridge with the accounts of a second pair, and these lines between all of them.
struct Pairs {
    bridge: TestBridge,
    eu: Sandbox,
}

impl Pairs {
    async fn start(top: &str, braze: &str, lines: &str) -> Self {
        let mut bridge = TestBridge::start_with(top, braze).await;
        let options = SandboxOptions { braze_currents_token: "eu-currents-token-not-real".into(), ..eu() };
        let eu = Sandbox::start(options.clone(), bridge.clock.clone()).await.unwrap();
        let accounts = account_tables(&eu, &options, &braze.replace("sandbox-currents", "eu-currents"), "") + lines;
        bridge.restart_with(|settings| format!("{settings}{accounts}")).await;
        let pairs = Self { bridge, eu };
        pairs.eu.connect(&pairs.bridge.public);
        pairs
    }

    async fn restart_with(&mut self, change: impl FnOnce(&str) -> String) {
        self.bridge.restart_with(change).await;
        self.eu.connect(&self.bridge.public);
    }

    async fn settled(&self) {
        loop {
            self.bridge.settled().await;
            if self.eu.zendesk.is_idle() && self.eu.braze.is_idle() {
                break;
            }
            self.eu.wait_until(QUIET, || false).await;
        }
        self.bridge.settled().await;
    }

    /// Moves time on by some minutes, in which everything has its turn.
    async fn pass(&self, minutes: i64) {
        for _ in 0..minutes {
            self.bridge.clock.advance(SignedDuration::from_mins(1));
            self.settled().await;
        }
    }
}

fn line(name: &str, carrier: &str, desk: &str) -> String {
    format!("[[lines]]\nname = \"{name}\"\ncarrier = \"{carrier}\"\ndesk = \"{desk}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_of_one_desk_learns_nothing_from_a_ticket_of_the_same_number_at_another() {
    let lines = line("us", "braze", "zendesk") + &line("eu", "braze-eu", "support-eu");
    let pairs = Pairs::start("catch_up_minutes = 1", "", &lines).await;
    for sandbox in [&pairs.bridge.sandbox, &pairs.eu] {
        sandbox.phone.text(&customer(sandbox, "ada"), "Hello").unwrap();
    }
    pairs.settled().await;
    let number = ticket(&pairs.bridge.sandbox, "ada").id;
    assert_eq!(ticket(&pairs.eu, "braze-eu:ada").id, number);
    // No search names it, and no webhook comes.
    pairs.eu.zendesk.open_circuit(true);
    pairs.eu.zendesk.set_lag(SignedDuration::from_hours(9), SignedDuration::ZERO);
    pairs.eu.zendesk.agent_reply(number, "<p>From over there</p>");
    pairs.eu.zendesk.set_status(number, TicketStatus::Pending);
    let state = async |key: &str| {
        let all = pairs.bridge.conversations().await;
        let known = all.into_iter().find(|known| known["key"] == key).unwrap();
        known["ticket_state"].as_str().unwrap().to_owned()
    };
    let before = state("ada").await;
    pairs.bridge.until("the walk finds the reply", |_| texts(&pairs.eu) == ["From over there"]).await;
    pairs.pass(3).await;
    assert_eq!((state("ada").await, state("braze-eu:ada").await), (before, "pending".to_owned()));
    assert_eq!(texts(&pairs.bridge.sandbox), [] as [String; 0]);
    pairs.bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_whose_webhooks_come_clears_no_note_about_another() {
    let lines = line("us", "braze", "zendesk") + &line("eu", "braze-eu", "support-eu");
    let pairs = Pairs::start("catch_up_minutes = 1", "", &lines).await;
    pairs.eu.phone.text(&customer(&pairs.eu, "ada"), "Hello").unwrap();
    pairs.settled().await;
    pairs.eu.zendesk.open_circuit(true);
    pairs.eu.zendesk.agent_reply(ticket(&pairs.eu, "braze-eu:ada").id, "<p>Lost</p>");
    let told = async || {
        let (_, ready) = answer(pairs.bridge.http.get(format!("{}/readyz", pairs.bridge.operator))).await;
        ready.to_string().contains("support-eu:webhooks: Zendesk's circuit breaker is open")
    };
    let started = pairs.bridge.clock.now();
    while !told().await {
        assert!(pairs.bridge.clock.now().duration_since(started).as_mins() < 10, "the operator is told");
        pairs.pass(1).await;
    }
    for _ in 0..3 {
        pairs.pass(1).await;
        assert!(told().await, "the look at the other desk cleared it");
    }
    pairs.bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_of_a_customer_whose_conversation_is_at_another_desk_is_refused_with_a_note() {
    let lines = line("us", "braze", "zendesk") + &line("eu", "braze-eu", "zendesk");
    let uk = format!("{}address = \"uk-group\"\n", line("uk", "braze", "support-eu"));
    let pairs = Pairs::start("", "", &(uk + &lines)).await;
    let ada = customer(&pairs.bridge.sandbox, "ada");
    pairs.bridge.sandbox.phone.text(&ada, "Hello").unwrap();
    pairs.settled().await;
    let user = User { name: "Ada".into(), external_id: Some("ada".into()), ..User::default() };
    let requester_id = pairs.eu.zendesk.add_user(user);
    let new = NewTicket { requester_id, tags: vec!["sms".into()], ..NewTicket::default() };
    let number = pairs.eu.zendesk.add_ticket(new);
    pairs.eu.zendesk.agent_reply(number, "<p>From the other desk</p>");
    pairs.settled().await;
    let told = pairs.eu.zendesk.ticket(number).unwrap();
    assert!(words(&told).last().unwrap().contains("stands at another desk"), "{:?}", words(&told));
    assert_eq!((texts(&pairs.bridge.sandbox), texts(&pairs.eu)), (Vec::new(), Vec::new()));
    pairs.bridge.sandbox.zendesk.agent_reply(ticket(&pairs.bridge.sandbox, "ada").id, "<p>From her own</p>");
    pairs.settled().await;
    assert_eq!(texts(&pairs.bridge.sandbox), ["From her own"]);
    pairs.bridge.finish(1).await;
}

#[tokio::test]
async fn a_report_of_another_workspace_settles_nothing_here() {
    let lines = line("us", "braze", "zendesk") + &line("eu", "braze-eu", "support-eu");
    let pairs = Pairs::start("", CURRENTS, &lines).await;
    let here = &pairs.bridge.sandbox;
    here.braze.turn_currents_on();
    here.braze.pass_marks_on();
    here.phone.text(&customer(here, "ada"), "Hello").unwrap();
    pairs.settled().await;
    here.zendesk.agent_reply(ticket(here, "ada").id, "<p>One</p>");
    pairs.settled().await;
    let sent = here.braze.events("sms.Send");
    let receipts = async || {
        let all = pairs.bridge.deliveries("").await;
        let text = all.into_iter().find(|one| one["kind"] == "phone_text").unwrap();
        text["receipts"].as_array().map_or(0, Vec::len)
    };
    let batch = pairs.eu.braze.send_batch(&sent);
    pairs.bridge.until("the other's batch is in", |_| !pairs.eu.braze.attempts_of(&batch).is_empty()).await;
    pairs.pass(2).await;
    assert_eq!(receipts().await, 0, "it bears our mark, and another carrier tells it");
    let batch = here.braze.send_batch(&sent);
    pairs.bridge.until("our batch is in", |bridge| !bridge.sandbox.braze.attempts_of(&batch).is_empty()).await;
    pairs.pass(2).await;
    assert_eq!(receipts().await, 1);
    pairs.bridge.finish(0).await;
}

/// A desk with two carriers: a customer of each, both called Ada, and their tickets.
async fn one_desk() -> (Pairs, [u64; 2]) {
    let pairs = Pairs::start("", "", &(line("us", "braze", "zendesk") + &line("eu", "braze-eu", "zendesk"))).await;
    for sandbox in [&pairs.bridge.sandbox, &pairs.eu] {
        sandbox.phone.text(&customer(sandbox, "ada"), "Hello").unwrap();
        pairs.settled().await;
    }
    let desk = &pairs.bridge.sandbox;
    let tickets = ["ada", "braze-eu:ada"].map(|key| ticket(desk, key).id);
    (pairs, tickets)
}

#[tokio::test]
async fn an_id_that_comes_back_from_the_desk_reaches_the_customer_of_its_own_carrier() {
    let (pairs, tickets) = one_desk().await;
    let desk = &pairs.bridge.sandbox.zendesk;
    desk.pause_webhooks();
    for (number, id) in tickets.into_iter().zip(["ada", "braze-eu:ada"]) {
        let comment = desk.agent_reply(number, &format!("<p>To {id}</p>"));
        let bell = json!({"event": "agent_reply", "ticket_id": number, "comment_id": comment, "external_user_id": id});
        assert_eq!(pairs.bridge.zendesk_webhook(&bell.to_string()).await.0, 202);
    }
    drop(desk.take_held_webhooks());
    desk.resume_webhooks();
    pairs.settled().await;
    assert_eq!(texts(&pairs.bridge.sandbox), ["To ada"]);
    assert_eq!(texts(&pairs.eu), ["To braze-eu:ada"]);
    pairs.bridge.finish(0).await;
}

#[tokio::test]
async fn the_first_carrier_of_a_desk_stays_the_first_also_where_another_that_comes_before_it_is_sent_there() {
    let [us, eu] = [line("us", "braze", "zendesk"), line("eu", "braze-eu", "support-eu")];
    let mut pairs = Pairs::start("", "", &(us.clone() + &eu)).await;
    let hers = customer(&pairs.eu, "ada");
    pairs.eu.phone.text(&hers, "Hello").unwrap();
    pairs.settled().await;
    let to_eu = line("us", "braze", "support-eu");
    pairs.restart_with(|settings| settings.replace(&us, &to_eu)).await;
    let us = &pairs.bridge.sandbox;
    us.phone.text(&customer(us, "ada"), "Another Ada").unwrap();
    pairs.settled().await;
    pairs.eu.phone.text(&hers, "Me again").unwrap();
    pairs.settled().await;
    let desk = &pairs.eu;
    let [here, there] = ["ada", "braze-eu:ada"].map(|key| ticket(desk, key));
    assert_eq!((words(&here), words(&there)), (vec!["Another Ada"], vec!["Hello", "Me again"]));
    let name_of = |ticket: &Ticket| {
        let users = desk.zendesk.users();
        users.into_iter().find(|user| user.id == ticket.requester_id).unwrap().external_id.unwrap()
    };
    assert_eq!((name_of(&here).as_str(), name_of(&there).as_str()), ("=braze:ada", "ada"));
    for (ticket, reply) in [(&here, "To the other Ada"), (&there, "To the first Ada")] {
        desk.zendesk.agent_reply(ticket.id, &format!("<p>{reply}</p>"));
        pairs.settled().await;
    }
    assert_eq!((texts(us), texts(desk)), (vec!["To the other Ada".to_owned()], vec!["To the first Ada".to_owned()]));
    // An agent begins with each of them.
    for (ticket, words) in [(&here, "New to the other"), (&there, "New to the first")] {
        let new = NewTicket { requester_id: ticket.requester_id, tags: vec!["sms".into()], ..NewTicket::default() };
        let number = desk.zendesk.add_ticket(new);
        desk.zendesk.agent_reply(number, &format!("<p>{words}</p>"));
        pairs.settled().await;
    }
    assert_eq!(
        (&texts(us)[1..], &texts(desk)[1..]),
        (&["New to the other".to_owned()][..], &["New to the first".to_owned()][..])
    );
    pairs.bridge.finish(0).await;
}

/// The text of a webhook that never came, in its report.
fn unheard(sandbox: &Sandbox, braze_id: &str, text: &str) -> Value {
    sandbox.braze.pause_webhooks();
    sandbox.phone.text(braze_id, text).unwrap();
    drop(sandbox.braze.take_held_webhooks());
    sandbox.braze.resume_webhooks();
    sandbox.braze.events("InboundReceive").pop().unwrap()
}

#[tokio::test]
async fn a_text_of_another_customer_whose_id_reads_like_a_line_stands_for_no_report() {
    let bridge = TestBridge::start_with("", &format!("{CURRENTS}\ncurrents_backfill = true")).await;
    bridge.sandbox.braze.turn_currents_on();
    let mut tickets = Vec::new();
    for name in ["ada", "ada@example.com"] {
        let profile = tandem::sandbox::braze::Profile {
            external_id: Some(name.to_owned()),
            phone: Some(format!("+155555501{:02}", name.len())),
            ..Default::default()
        };
        let id = bridge.sandbox.braze.add_profile(profile);
        bridge.sandbox.phone.text(&id, "Hello").unwrap();
        bridge.settled().await;
        tickets.push((ticket(&bridge.sandbox, name).id, id));
    }
    let [(ticket, ada), (other, _)] = &tickets[..] else { panic!("two tickets") };
    let lost = unheard(&bridge.sandbox, ada, "ok");
    bridge.sandbox.phone.text(&tickets[1].1, "ok").unwrap();
    bridge.settled().await;
    bridge.sandbox.braze.send_batch(&[lost]);
    bridge.clock.advance(SignedDuration::from_mins(11));
    bridge.until("it is taken in", |bridge| bridge.comments(*ticket) == ["Hello", "ok"]).await;
    assert_eq!(bridge.comments(*other), ["Hello", "ok"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_of_the_same_number_to_another_workspace_stands_for_no_report() {
    let braze = format!("{CURRENTS}\ncurrents_backfill = true");
    let lines = line("us", "braze", "zendesk") + &line("eu", "braze-eu", "support-eu");
    let pairs = Pairs::start("", &braze, &lines).await;
    let here = &pairs.bridge.sandbox;
    here.braze.turn_currents_on();
    let ada = customer(here, "ada");
    here.phone.text(&ada, "Hello").unwrap();
    pairs.settled().await;
    let lost = unheard(here, &ada, "ok");
    pairs.eu.phone.text(&customer(&pairs.eu, "grace"), "ok").unwrap();
    pairs.settled().await;
    here.braze.send_batch(&[lost]);
    pairs.bridge.clock.advance(SignedDuration::from_mins(11));
    pairs.bridge.until("it is taken in", |_| words(&ticket(here, "ada")) == ["Hello", "ok"]).await;
    pairs.bridge.finish(0).await;
}

/// A bridge with a WhatsApp line, whose customer has just written: the ticket and Braze's id.
async fn on_whatsapp(bridge: &TestBridge) -> (u64, String) {
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.whatsapp(&ada, "Where is my parcel?");
    bridge.settled().await;
    (bridge.sandbox.zendesk.tickets().last().unwrap().id, ada)
}

fn chat_line() -> String {
    let options = SandboxOptions::default();
    format!(
        "[[lines]]\nname = \"chat\"\ncarrier = \"braze\"\nchannel = \"whatsapp\"\naddress = \"{}\"\nagent_reply = \"{}\"\n\
         template = \"{}\"\n",
        options.whatsapp_group, options.campaign_whatsapp_reply, options.campaign_whatsapp_template
    )
}

#[tokio::test]
async fn a_reply_for_a_whatsapp_line_that_was_removed_goes_out_by_no_other() {
    let mut bridge = TestBridge::start_with(&chat_line(), "").await;
    let (ticket, _) = on_whatsapp(&bridge).await;
    bridge.restart_with(|settings| settings.replace(&chat_line(), "")).await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.settled().await;
    assert_eq!((bridge.texts(), bridge.sends().len()), (Vec::new(), 0));
    assert!(
        bridge.notes(ticket).iter().any(|note| note.contains("no line is configured")),
        "{:?}",
        bridge.notes(ticket)
    );
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_message_on_a_whatsapp_line_opens_its_window_also_where_its_webhook_names_another_channel() {
    let bridge = TestBridge::start_with(&chat_line(), "").await;
    let (ticket, ada) = on_whatsapp(&bridge).await;
    bridge.clock.advance(SignedDuration::from_hours(25));
    let group = SandboxOptions::default().whatsapp_group;
    let profile = bridge.sandbox.braze.profiles().into_iter().find(|profile| profile.braze_id == ada).unwrap();
    let text = json!({"channel": "sms", "category": "other", "group": group, "text": "Hello?", "braze_id": ada,
        "external_id": profile.external_id, "phone": profile.phone});
    let request = bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &text.to_string());
    assert_eq!(answer(request.header("Content-Type", "application/json")).await.0, 202);
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.settled().await;
    let sends = bridge.sends();
    let [send] = &sends[..] else { panic!("{sends:?}") };
    let reply = SandboxOptions::default().campaign_whatsapp_reply;
    assert!(send.body.to_string().contains(&reply), "no template, because the customer has just written: {send:?}");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_look_rings_while_a_text_waits_for_its_customers_answer() {
    let bridge = TestBridge::start_with(&format!("catch_up_minutes = 5\n{}", chat_line()), "").await;
    let (ticket, _) = on_whatsapp(&bridge).await;
    bridge.clock.advance(SignedDuration::from_hours(25));
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    let waits = |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting");
    bridge.until_deliveries("the reply waits", waits).await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It comes tomorrow.");
    bridge.until("the doorbell is in", |bridge| bridge.sandbox.zendesk.is_idle()).await;
    let bells = async || bridge.deliveries("").await.iter().filter(|one| one["kind"] == "agent_reply").count();
    let looks = || bridge.sandbox.zendesk.calls().iter().filter(|call| call.path.contains("search")).count();
    // The first look after the reply may ring before its text waits.
    let target = looks() + 3;
    bridge.until("some looks", |_| looks() >= target).await;
    let before = bells().await;
    let target = looks() + 6;
    bridge.until("more looks", |_| looks() >= target).await;
    assert_eq!(bells().await, before);
    assert_eq!(bridge.texts().len(), 1, "the template");
    bridge.clock.advance(SignedDuration::from_hours(8 * 24));
    bridge.settled().await;
    bridge.finish(2).await;
}
