//! A team that runs the published Zendesk–Braze recipe changes host names and nothing else: its four bodies, byte for
//! byte as published, with their placeholders filled the way the vendors fill them, at every spelling of its paths.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::braze::{PhoneText, Profile, Template};
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::zendesk::{NewTicket, TicketStatus, User};

use crate::support::{TestBridge, answer};
use crate::webhooks::{assert_accepted, calls, from_zendesk, quiet_bridge};

/// Zendesk's trigger on a public comment.
const AGENT_REPLY: &str = r#"{
    "campaign_id": "{{YOUR_CAMPAIGN_ID}}",
    "recipients": [
        {
            "external_user_id": "{{ticket.requester.custom_fields.braze_external_id}}",
			"trigger_properties": {
    "msg_body": "{{ticket.latest_public_comment_html}}"
		},
		"attributes": {
        "zendesk_ticket" : "{{ticket.id}}",
	"zendesk_ticket_open" : "true"
    }
        }
    ]
}
"#;

/// Zendesk's trigger on a solved ticket, with the comma that was published.
const SOLVED: &str = r#"{
    "campaign_id": "{{YOUR_API_KEY}}",
    "recipients": [
        {
            "external_user_id": "{{ticket.requester.custom_fields.braze_external_id}}",
"trigger_properties": {
    "msg_body": "Your ticket has been closed"
		},
,
			"attributes": {
	"zendesk_ticket_open" : "false"
    }
        }
    ]
}
"#;

/// Braze's first webhook campaign.
const NEW_TICKET: &str = r#"{
  "ticket": {
    "subject": "Action Needed",
    "comment": {
      "body": "{{sms.${inbound_message_body}}}"
    },
"requester":{
"name": "{{${first_name}}} {{${last_name}}}",
"user_fields": {
"braze_external_id": "{{${user_id}}}"
}
},
    "priority": "normal",
    "type": "problem"
  }
}
"#;

/// Braze's second webhook campaign.
const APPEND: &str = r#"{
  "ticket": {
    "comment": {
      "body": "Inbound message from {{${first_name}}} {{${last_name}}}: {{sms.${inbound_message_body}}}"
    }
}
}
"#;

/// Texts as people write them; Braze fills them in unescaped.
const PLAIN_WORDS: [&str; 5] = [
    "Where is my parcel?",
    "She said \"today\".",
    "\"Quoted\" from \"end to end\"",
    "Two\nlines",
    "Order #1843, \"express\",\n50% off & <paid> {{ticket.id}} 🚚",
];

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |filled, (name, value)| {
        assert!(filled.contains(&format!("{{{{{name}}}}}")), "{name} is not in the published body");
        filled.replace(&format!("{{{{{name}}}}}"), value)
    })
}

fn new_ticket(customer: &str, text: &str) -> String {
    let names = [("${first_name}", "Ada"), ("${last_name}", "Lovelace"), ("${user_id}", customer)];
    fill(&fill(NEW_TICKET, &names), &[("sms.${inbound_message_body}", text)])
}

fn append(text: &str) -> String {
    let names = fill(APPEND, &[("${first_name}", "Ada"), ("${last_name}", "Lovelace")]);
    fill(&names, &[("sms.${inbound_message_body}", text)])
}

/// A comment as Zendesk's placeholders print it: dashes, who and when, the text.
fn dashed(text: &str) -> String {
    format!("{}\n\nAgnes Agent, Nov 21, 12:00\n\n{text}", "-".repeat(46))
}

fn agent_reply(campaign: &str, customer: &str, ticket: &str, message: &str) -> String {
    let ids = [
        ("YOUR_CAMPAIGN_ID", campaign),
        ("ticket.requester.custom_fields.braze_external_id", customer),
        ("ticket.id", ticket),
    ];
    fill(&fill(AGENT_REPLY, &ids), &[("ticket.latest_public_comment_html", message)])
}

fn solved(campaign: &str, customer: &str) -> String {
    let ids = [("YOUR_API_KEY", campaign), ("ticket.requester.custom_fields.braze_external_id", customer)];
    fill(SOLVED, &ids)
}

fn reply_campaign() -> String {
    SandboxOptions::default().campaign_agent_reply
}

/// The text that the recipe's own campaign makes of a line.
fn printed(line: &str) -> String {
    format!("New message from Zendesk: \n{line}\n \nFeel free to respond directly to this number!")
}

async fn recipe_bridge(braze: &str) -> TestBridge {
    let bridge = TestBridge::start_with("catch_up_minutes = 0", braze).await;
    bridge.sandbox.zendesk.install_triggers(TriggerBodies::Recipe { escaped: true });
    bridge.sandbox.braze.set_template(Template::ThirdLine);
    // The solved trigger's text has no dashes and no third line, with tandem as without.
    bridge.sandbox.braze.set_template_of(&SandboxOptions::default().campaign_ticket_solved, Template::MsgBody);
    bridge
}

fn profile(bridge: &TestBridge, braze_id: &str) -> Profile {
    bridge.sandbox.braze.profile(braze_id).unwrap()
}

fn last_text(bridge: &TestBridge) -> PhoneText {
    bridge.sandbox.braze.texts().pop().unwrap()
}

// --------------------------------------------------------------------------------------------------- the whole story

#[tokio::test]
async fn a_conversation_of_the_published_recipe_runs_unchanged() {
    for escaped in [true, false] {
        let bridge = recipe_bridge("").await;
        let zendesk = &bridge.sandbox.zendesk;
        zendesk.install_triggers(TriggerBodies::Recipe { escaped });
        let ada = bridge.customer("ada");

        bridge.sandbox.phone.text_recipe_new_ticket(&ada, "Where is my \"parcel\"?\nIt is late.");
        bridge.settled().await;
        let ticket = zendesk.ticket(1).unwrap();
        assert_eq!(bridge.comments(1), ["Where is my \"parcel\"?\nIt is late."]);
        assert_eq!(ticket.subject.as_deref(), Some("Action Needed"));
        assert_eq!((ticket.priority.as_deref(), ticket.kind.as_deref()), (Some("normal"), Some("problem")));
        assert_eq!((ticket.external_id.as_deref(), ticket.tags.as_slice()), (Some("ada"), &["sms".to_owned()][..]));
        let requester = zendesk.users().into_iter().find(|user| user.id == ticket.requester_id).unwrap();
        assert_eq!(requester.name, "Ada Lovelace");
        assert_eq!(requester.user_fields["braze_external_id"], "ada");
        assert_eq!(ticket.comments[0].author_id, requester.id);

        zendesk.agent_reply(1, "<p>Hello \"Ada\",</p><p>it left today.<br>Track it.</p>");
        bridge.settled().await;
        assert_eq!(bridge.texts(), [printed("Hello \"Ada\", it left today. Track it.")], "escaped: {escaped}");
        let attributes = profile(&bridge, &ada).attributes;
        assert_eq!((&attributes["zendesk_ticket"], &attributes["zendesk_ticket_open"]), (&json!("1"), &json!("true")));

        bridge.sandbox.phone.text_recipe_append(&ada, "Thank you,\n\"Agnes\"!");
        bridge.settled().await;
        assert_eq!(bridge.comments(1).last().unwrap(), "Inbound message from Ada Lovelace: Thank you,\n\"Agnes\"!");

        zendesk.set_status(1, TicketStatus::Solved);
        bridge.settled().await;
        assert_eq!(last_text(&bridge).body, "Your ticket has been closed");
        assert_eq!(last_text(&bridge).campaign_id, SandboxOptions::default().campaign_ticket_solved);
        assert_eq!(profile(&bridge, &ada).attributes["zendesk_ticket_open"], "false");
        assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
        assert_eq!(bridge.texts().len(), 2);
        bridge.finish(0).await;
    }
}

// ------------------------------------------------------------------------------------------------- from the phone

#[tokio::test]
async fn both_spellings_of_the_first_campaign_open_a_ticket_with_what_was_written() {
    let bridge = quiet_bridge().await;
    let mut expected = 0;
    for path in ["/api/v2/tickets", "/api/v2/tickets.json"] {
        for text in PLAIN_WORDS {
            expected += 1;
            let body = new_ticket(&format!("customer-{expected}"), text);
            let request = bridge.as_braze(Method::POST, path, &body).header("content-type", "application/json");
            assert_accepted(&answer(request).await);
            bridge.settled().await;
            assert_eq!(bridge.comments(expected), [text], "{path}");
            let ticket = bridge.sandbox.zendesk.ticket(expected).unwrap();
            assert_eq!(ticket.subject.as_deref(), Some("Action Needed"));
            assert_eq!((ticket.priority.as_deref(), ticket.kind.as_deref()), (Some("normal"), Some("problem")));
        }
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_fields_that_a_team_has_changed_are_kept_and_impossible_ones_are_not() {
    let bridge = quiet_bridge().await;
    for (id, priority, kind, kept) in [
        ("a", "urgent", "task", (Some("urgent"), Some("task"))),
        ("b", "High", "Question", (Some("high"), Some("question"))),
        ("c", "sky-high", "miracle", (None, None)),
        ("d", "", "", (None, None)),
    ] {
        let body = new_ticket(id, "Hello").replace("\"normal\"", &format!("\"{priority}\""));
        let body = body.replace("\"problem\"", &format!("\"{kind}\"")).replace("Action Needed", "Text from {{shop}}");
        assert_accepted(&answer(bridge.as_braze(Method::POST, "/api/v2/tickets", &body)).await);
        bridge.settled().await;
        let ticket = bridge.sandbox.zendesk.tickets().pop().unwrap();
        assert_eq!((ticket.priority.as_deref(), ticket.kind.as_deref()), kept, "{priority} {kind}");
        assert!(ticket.subject.unwrap().starts_with("Text from {"), "a placeholder in the subject is not expanded");
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn every_spelling_of_the_second_campaign_writes_on_the_ticket() {
    let bridge = quiet_bridge().await;
    assert_accepted(&answer(bridge.as_braze(Method::POST, "/api/v2/tickets", &new_ticket("ada", "Hello"))).await);
    bridge.settled().await;
    let mut expected = vec!["Hello".to_owned()];
    for path in ["1.json", "1", "%201%20.json", "1%20", "1.json?from=braze", "1.json?", "%31.json", "001.json", "%231"]
    {
        for text in &PLAIN_WORDS[..3] {
            let path = format!("/api/v2/tickets/{path}");
            let request = bridge.as_braze(Method::PUT, &path, &append(text)).header("content-type", "application/JSON");
            assert_accepted(&answer(request).await);
            bridge.settled().await;
            expected.push(format!("Inbound message from Ada Lovelace: {text}"));
            assert_eq!(bridge.comments(1), expected, "{path}");
        }
    }
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_second_campaign_without_a_ticket_is_kept_for_the_operator() {
    let bridge = quiet_bridge().await;
    let body = append("Hello");
    let paths = [
        "",
        ".json",
        "%20.json",
        "%20",
        "abc.json",
        "-1.json",
        "0.json",
        "1.5.json",
        "..json",
        "%2e%2e.json",
        "%00.json",
        "%ff.json",
    ];
    for path in paths {
        let (status, told) = answer(bridge.as_braze(Method::PUT, &format!("/api/v2/tickets/{path}"), &body)).await;
        assert_eq!((status, &told["status"]), (202, &json!("quarantined")), "{path}: {told}");
    }
    assert_eq!(bridge.deliveries("state=quarantined").await.len(), paths.len());
    assert_eq!(calls(&bridge), 0);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_from_before_the_bridge_is_taken_up_where_it_stands() {
    let bridge = recipe_bridge("").await;
    let zendesk = &bridge.sandbox.zendesk;
    let ada = bridge.customer("ada");
    let user_fields = json!({"braze_external_id": "ada"}).as_object().unwrap().clone();
    let requester_id = zendesk.add_user(User { name: "Ada Lovelace".to_owned(), user_fields, ..User::default() });
    let ticket = zendesk.add_ticket(NewTicket {
        requester_id,
        subject: "Action Needed".to_owned(),
        description: "Opened by the recipe".to_owned(),
        ..NewTicket::default()
    });
    let path = format!("/api/v2/tickets/{ticket}.json");
    assert_accepted(&answer(bridge.as_braze(Method::PUT, &path, &append("Still there?"))).await);
    bridge.settled().await;
    let comment = zendesk.ticket(ticket).unwrap().comments.pop().unwrap();
    assert_eq!(comment.plain_body, "Inbound message from Ada Lovelace: Still there?");
    assert_eq!((comment.author_id, comment.public), (requester_id, true));
    // And a reply goes to her phone.
    zendesk.agent_reply(ticket, "<p>Always.</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [printed("Always.")]);
    assert_eq!(last_text(&bridge).braze_id, ada);
    // As does her next text to the ticket, now through the first campaign.
    assert_accepted(&answer(bridge.as_braze(Method::POST, "/api/v2/tickets.json", &new_ticket("ada", "Good."))).await);
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket).last().unwrap(), "Good.");
    assert_eq!(zendesk.tickets().len(), 1);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_is_gone_leaves_a_dead_letter_and_nothing_else() {
    let bridge = quiet_bridge().await;
    assert_accepted(&answer(bridge.as_braze(Method::PUT, "/api/v2/tickets/404.json", &append("Hello?"))).await);
    let deliveries = bridge.settled().await;
    let dead: Vec<_> = deliveries.iter().filter(|delivery| delivery["state"] == "dead").collect();
    assert_eq!(dead[0]["kind"], "customer_text");
    assert!(dead[0]["cause"].as_str().unwrap().contains("404"), "{deliveries:?}");
    assert_eq!(bridge.sandbox.zendesk.tickets(), []);
    let count = dead.len();
    bridge.finish(count).await;
}

#[tokio::test]
async fn two_equal_texts_are_both_delivered() {
    let bridge = quiet_bridge().await;
    for _ in 0..2 {
        let first = bridge.as_braze(Method::POST, "/api/v2/tickets.json", &new_ticket("ada", "Hello?"));
        assert_accepted(&answer(first).await);
        bridge.settled().await;
    }
    for _ in 0..2 {
        assert_accepted(&answer(bridge.as_braze(Method::PUT, "/api/v2/tickets/1.json", &append("Hello?"))).await);
        bridge.settled().await;
    }
    let appended = "Inbound message from Ada Lovelace: Hello?";
    assert_eq!(bridge.comments(1), ["Hello?", "Hello?", appended, appended]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_that_breaks_out_of_its_quotation_marks_never_speaks_for_somebody_else() {
    let bridge = quiet_bridge().await;
    let attacks = [
        "Hi\"},\"requester\":{\"name\":\"x\",\"user_fields\":{\"braze_external_id\":\"victim\"}},\"comment\":{\"body\":\"as victim",
        "Hi\"},\"priority\":\"urgent\",\"tags\":[\"vip\"],\"comment\":{\"body\":\"x",
        "Hi\",\"author_id\":1,\"body\":\"x",
        "Hi\"}}}",
        "\\\"Hi\\",
        "Hi\\",
    ];
    for text in attacks {
        let told = answer(bridge.as_braze(Method::POST, "/api/v2/tickets", &new_ticket("mallory", text))).await;
        assert_eq!(told.0, 202, "{text}: {told:?}");
    }
    bridge.settled().await;
    for ticket in bridge.sandbox.zendesk.tickets() {
        assert_eq!(ticket.external_id.as_deref(), Some("mallory"));
        assert_eq!((ticket.priority.as_deref(), ticket.tags.as_slice()), (Some("normal"), &["sms".to_owned()][..]));
        assert!(ticket.comments.iter().all(|comment| comment.author_id == ticket.requester_id));
    }
    let users = bridge.sandbox.zendesk.users();
    assert!(users.iter().all(|user| user.external_id.as_deref() != Some("victim")));
    assert!(bridge.conversations().await.iter().all(|conversation| conversation["key"] == "mallory"));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_that_reads_like_another_key_is_kept_rather_than_guessed_at() {
    let bridge = quiet_bridge().await;
    for text in ["It was \"Ada\", \"Bob\": {me}", "x\",\"a\":\"b\",\"a\":\"b"] {
        let (status, told) = answer(bridge.as_braze(Method::POST, "/api/v2/tickets", &new_ticket("ada", text))).await;
        assert_eq!((status, &told["status"]), (202, &json!("quarantined")), "{text}: {told}");
    }
    assert_eq!(calls(&bridge), 0);
    bridge.finish(0).await;
}

// --------------------------------------------------------------------------------------------------- to the phone

#[tokio::test]
async fn the_whole_reply_is_on_the_third_line_and_beside_it_unchanged() {
    let bridge = recipe_bridge("").await;
    bridge.customer("ada");
    for (number, path) in ["/campaigns/trigger/send", "/campaign/trigger/send"].into_iter().enumerate() {
        for (message, line, text) in [
            (dashed("Hello"), "Hello", "Hello"),
            (dashed("Hello Ada,\n\nit left.\r\n  Bye"), "Hello Ada, it left. Bye", "Hello Ada,\n\nit left.\n  Bye"),
            (
                dashed("She said \"no\"\nand \"yes\", {so}"),
                "She said \"no\" and \"yes\", {so}",
                "She said \"no\"\nand \"yes\", {so}",
            ),
        ] {
            let campaign = reply_campaign();
            let told =
                answer(from_zendesk(&bridge, path, agent_reply(&campaign, "ada", "35", &message).as_bytes())).await;
            assert_accepted(&told);
            bridge.settled().await;
            let sent = last_text(&bridge);
            assert_eq!(sent.body, printed(line));
            assert_eq!(sent.msg_body.unwrap().split('\n').nth(2), Some(line));
            assert_eq!(last_send(&bridge)["trigger_properties"]["text"], text);
        }
        assert_eq!(bridge.texts().len(), 3 * (number + 1), "{path}");
        bridge.clock.advance(SignedDuration::from_secs(1));
    }
    bridge.finish(0).await;
}

/// The recipient of the last text, as Braze was given it.
fn last_send(bridge: &TestBridge) -> Value {
    let calls = bridge.sandbox.braze.calls();
    let sends: Vec<_> = calls.iter().filter(|call| call.path == "/campaigns/trigger/send").collect();
    let recipients = sends.last().unwrap().body["recipients"].as_array().unwrap().clone();
    assert_eq!(recipients.len(), 1);
    recipients.into_iter().next().unwrap()
}

#[tokio::test]
async fn with_whole_the_message_is_the_text_itself() {
    let bridge = recipe_bridge("recipe_message = \"whole\"").await;
    bridge.customer("ada");
    let body = agent_reply(&reply_campaign(), "ada", "35", &dashed("Hello Ada,\n\nit \"left\".\nBye"));
    assert_accepted(&answer(from_zendesk(&bridge, "/campaigns/trigger/send", body.as_bytes())).await);
    bridge.settled().await;
    assert_eq!(last_text(&bridge).msg_body.as_deref(), Some("Hello Ada,\n\nit \"left\".\nBye"));
    assert_eq!(last_send(&bridge)["trigger_properties"]["text"], "Hello Ada,\n\nit \"left\".\nBye");
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_campaign_and_the_attributes_are_those_of_the_body() {
    let bridge = recipe_bridge("").await;
    let ada = bridge.customer("ada");
    let campaign = SandboxOptions::default().campaign_ticket_solved;
    let body = agent_reply(&campaign, "ada", "35", "Hello").replace(
        "\"zendesk_ticket_open\" : \"true\"",
        r#""zendesk_ticket_open" : true, "visits": 3, "agent \"A\"": "{{x}}", "list": ["a", "b"], "gone": null"#,
    );
    let id = assert_accepted(&answer(from_zendesk(&bridge, "/campaigns/trigger/send", body.as_bytes())).await);
    bridge.settled().await;
    assert_eq!(last_text(&bridge).campaign_id, campaign);
    let sent = last_send(&bridge);
    assert_eq!(sent["external_user_id"], "ada");
    let mut attributes = sent["attributes"].clone();
    assert_eq!(attributes.as_object_mut().unwrap().remove("tandem_receipt"), Some(json!(id)));
    let as_sent = json!({
        "zendesk_ticket": "35", "zendesk_ticket_open": true, "visits": 3, "agent \"A\"": "{{x}}", "list": ["a", "b"],
        "gone": null,
    });
    assert_eq!(attributes, as_sent);
    assert_eq!(profile(&bridge, &ada).attributes["zendesk_ticket"], "35");
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_closing_body_with_its_stray_comma_is_read() {
    let bridge = recipe_bridge("").await;
    let ada = bridge.customer("ada");
    assert!(serde_json::from_str::<Value>(SOLVED).is_err(), "the published body is no JSON");
    let campaign = SandboxOptions::default().campaign_ticket_solved;
    assert_accepted(
        &answer(from_zendesk(&bridge, "/campaigns/trigger/send", solved(&campaign, "ada").as_bytes())).await,
    );
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Your ticket has been closed"]);
    assert_eq!(last_text(&bridge).campaign_id, campaign);
    assert_eq!(profile(&bridge, &ada).attributes["zendesk_ticket_open"], "false");
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_the_bridge_wrote_itself_does_not_come_back_to_the_phone() {
    let bridge = recipe_bridge("").await;
    bridge.sandbox.zendesk.fire_on_api_writes(true);
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.text_recipe_new_ticket(&ada, "Where is my\n\"parcel\"?");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(1, "<p>On its way.</p>");
    bridge.settled().await;
    bridge.sandbox.phone.text_recipe_append(&ada, "Thanks");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [printed("On its way.")]);
    assert_eq!(bridge.comments(1).len(), 3);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_reply_for_nobody_or_about_nothing_is_kept_for_the_operator() {
    let bridge = recipe_bridge("").await;
    let campaign = reply_campaign();
    let good = agent_reply(&campaign, "ada", "35", "Hello");
    let bodies = [
        agent_reply(&campaign, "", "35", "Hello"),
        agent_reply("", "ada", "35", "Hello"),
        agent_reply(&campaign, "ada", "35", ""),
        agent_reply(&campaign, "ada", "35", &dashed("")),
        good.replace("\"recipients\"", "\"audience\""),
        good.replace("[\n", "[\n{\"external_user_id\":\"bob\"},"),
        good.replace("ada", "ada\"},{\"external_user_id\":\"bob"),
    ];
    for body in &bodies {
        let told = answer(from_zendesk(&bridge, "/campaigns/trigger/send", body.as_bytes())).await;
        assert_eq!((told.0, &told.1["status"]), (202, &json!("quarantined")), "{body}: {told:?}");
    }
    assert_eq!(bridge.deliveries("state=quarantined").await.len(), bodies.len());
    assert_eq!(calls(&bridge), 0);
    bridge.finish(0).await;
}
