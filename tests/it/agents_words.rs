//! The agent's words arrive, or the agent is told: which comments are replies, whose they are, which of their files go, and
//! in which order.

use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{NewTicket, Role, TicketStatus, User};

use crate::support::TestBridge;

const SEND: &str = "/campaigns/trigger/send";
const CLOSING: &str = "Your ticket has been closed";

fn reasons(deliveries: &[Value], kind: &str) -> Vec<String> {
    let skipped = deliveries.iter().filter(|delivery| delivery["kind"] == kind && delivery["state"] == "skipped");
    skipped.map(|delivery| delivery["cause"].as_str().unwrap().to_owned()).collect()
}

fn bell(ticket: u64, comment: u64) -> String {
    json!({"event": "agent_reply", "ticket_id": ticket.to_string(), "comment_id": comment.to_string()}).to_string()
}

fn solved(ticket: u64) -> String {
    json!({"event": "ticket_solved", "ticket_id": ticket.to_string()}).to_string()
}

// ----------------------------------------------------------------------------------------------------- whose words

#[tokio::test]
async fn only_words_of_staff_are_texted() {
    let bridge = TestBridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    let (ticket, _) = bridge.talking("ada").await;
    let third = zendesk.add_user(User { name: "Third".to_owned(), ..User::default() });
    zendesk.pause_webhooks();
    let deleted = zendesk.comment_by(third, ticket, "Private words of a third person");
    zendesk.delete_user(third);
    let copied = zendesk.add_user(User { name: "Copied".to_owned(), ..User::default() });
    let in_copy = zendesk.comment_by(copied, ticket, "I am only in copy");
    let reply = zendesk.agent_reply(ticket, "Hello Ada, here is your answer");
    bridge.zendesk_webhook(&bell(ticket, reply)).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello Ada, here is your answer"]);
    assert_eq!(bridge.notes(ticket), [""; 0]);
    // A webhook names them: each may have been an agent when they wrote.
    for comment in [deleted, in_copy] {
        bridge.zendesk_webhook(&bell(ticket, comment)).await;
    }
    let deliveries = bridge.settled().await;
    let words = [
        format!("comment {deleted} is by an author who is not known to be staff"),
        format!("comment {in_copy} is by an end user"),
    ];
    assert_eq!(reasons(&deliveries, "agent_reply"), words);
    assert_eq!(bridge.texts().len(), 1);
    let told = |comment: u64| {
        format!("Comment {comment} was not texted to the customer: its author is not known to be one of your agents")
    };
    let notes = bridge.notes(ticket).join("\n");
    assert!(notes.contains(&told(deleted)) && notes.contains(&told(in_copy)), "{notes}");
    assert_eq!(notes.matches("was not texted").count(), 2, "{notes}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn who_was_staff_before_a_restart_is_not_texted_and_the_agent_is_told() {
    let mut bridge = TestBridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    let (ticket, _) = bridge.talking("ada").await;
    let agent = zendesk.add_user(User { name: "Former".to_owned(), role: Role::Agent, ..User::default() });
    zendesk.pause_webhooks();
    let first = zendesk.comment_by(agent, ticket, "one");
    bridge.zendesk_webhook(&bell(ticket, first)).await;
    bridge.settled().await;
    let second = zendesk.comment_by(agent, ticket, "two");
    zendesk.set_role(agent, Role::EndUser);
    bridge.stop().await;
    bridge.run().await;
    bridge.zendesk_webhook(&bell(ticket, second)).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["one"]);
    let notes = bridge.notes(ticket);
    let told = format!("Comment {second} was not texted to the customer");
    assert!(notes.len() == 1 && notes[0].starts_with(&told), "{notes:?}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn who_was_staff_when_they_wrote_is_texted_where_the_webhook_names_their_words() {
    let bridge = TestBridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    let (ticket, _) = bridge.talking("ada").await;
    let agent = zendesk.add_user(User { name: "Former".to_owned(), role: Role::Agent, ..User::default() });
    zendesk.pause_webhooks();
    let first = zendesk.comment_by(agent, ticket, "one");
    bridge.zendesk_webhook(&bell(ticket, first)).await;
    bridge.settled().await;
    let second = zendesk.comment_by(agent, ticket, "two");
    zendesk.set_role(agent, Role::EndUser);
    bridge.zendesk_webhook(&bell(ticket, second)).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["one", "two"]);
    let third = zendesk.comment_by(agent, ticket, "three");
    zendesk.delete_user(agent);
    bridge.zendesk_webhook(&bell(ticket, third)).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["one", "two"]);
    assert_eq!(bridge.notes(ticket).len(), 1, "a user who is gone proves nothing");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_call_record_is_no_reply() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let call = bridge.sandbox.zendesk.agent_calls(ticket);
    let deliveries = bridge.settled().await;
    assert_eq!(reasons(&deliveries, "agent_reply"), [format!("comment {call} is the record of a phone call")]);
    bridge.sandbox.zendesk.agent_reply(ticket, "As I said on the phone");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["As I said on the phone"]);
    assert_eq!(bridge.notes(ticket), [""; 0]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_a_merge_says_is_never_texted_in_any_language_and_what_an_agent_says_of_a_number_is() {
    let words = [
        (
            "This request was closed and merged into request #{target} \"E-mail ticket\".",
            "Request #{source} \"x\" was closed and merged into this request. Last comment in request #{source}:<br>secret",
        ),
        (
            "Diese Anfrage wurde geschlossen und in Anfrage #{target} \"E-Mail\" überführt.",
            "Anfrage #{source} \"x\" wurde geschlossen und in diese Anfrage überführt. Letzter Kommentar:<br>secret",
        ),
    ];
    for (on_source, on_target) in words {
        let bridge = TestBridge::start().await;
        let zendesk = bridge.sandbox.zendesk.clone();
        let (ticket, _) = bridge.talking("ada").await;
        let (other, _) = bridge.talking("ivy").await;
        let fill = |text: &str| text.replace("{source}", &other.to_string()).replace("{target}", &ticket.to_string());
        // A reply on the source still waits when the merge comes.
        zendesk.fail(Fault::on("GET", &format!("/tickets/{other}/comments"), FaultKind::status(503)).times(2));
        zendesk.agent_reply(other, "Ivy's answer");
        zendesk.merge_with(other, ticket, &fill(on_source), &fill(on_target), true);
        let deliveries = bridge.settled().await;
        assert_eq!(bridge.texts(), ["Ivy's answer"], "{on_target}");
        let told = |delivery: &&Value| delivery.to_string().contains("holds the words of a merge of tickets");
        assert_eq!(deliveries.iter().filter(told).count(), 3, "once taken along and twice named: {deliveries:#?}");
        bridge.clock.advance(jiff::SignedDuration::from_secs(600));
        zendesk.agent_reply(ticket, &format!("Your order #{other} is on its way"));
        bridge.settled().await;
        assert_eq!(bridge.texts().last().unwrap(), &format!("Your order #{other} is on its way"));
        bridge.finish(0).await;
    }
}

// ------------------------------------------------------------------------------------------- the answer goes first

#[tokio::test]
async fn the_answer_goes_before_the_closing_text_in_whatever_order_their_webhooks_come() {
    // The webhooks that come, in this order: r for the reply's, s for the solution's.
    for (come, at_once) in [("rs", true), ("sr", true), ("sr", false), ("s", false), ("rs", false), ("srsr", false)] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.pause_webhooks();
        bridge.sandbox.zendesk.agent_reply(ticket, "An earlier one whose webhook is lost");
        bridge.sandbox.zendesk.agent_solves_with_reply(ticket, "The answer that solves it");
        let held = bridge.sandbox.zendesk.take_held_webhooks();
        let [_, reply, solution] = held.as_slice() else { panic!("three webhooks: {}", held.len()) };
        for webhook in come.chars() {
            bridge.sandbox.zendesk.send_webhook(if webhook == 'r' { reply } else { solution }.clone());
            if !at_once {
                bridge.settled().await;
            }
        }
        let deliveries = bridge.settled().await;
        let expected = ["An earlier one whose webhook is lost", "The answer that solves it", CLOSING];
        assert_eq!(bridge.texts(), expected, "{come}, at once: {at_once}: {deliveries:#?}");
        assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_closing_text_costs_one_look_and_none_where_none_is_sent() {
    let reads = |bridge: &TestBridge| {
        bridge.sandbox.zendesk.calls().iter().filter(|call| call.path.ends_with("/comments")).count()
    };
    for (closing, expected) in [(true, 1), (false, 0)] {
        let configured = |sandbox: &_, options: &SandboxOptions| {
            let line = format!("ticket_solved = \"{}\"", options.campaign_ticket_solved);
            let all = crate::support::settings(sandbox, options, "", "", "");
            if closing { all } else { all.replace(&line, "") }
        };
        let bridge = TestBridge::start_from(SandboxOptions::default(), configured).await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        bridge.settled().await;
        assert_eq!(reads(&bridge), expected);
        bridge.zendesk_webhook(&solved(ticket)).await;
        bridge.settled().await;
        assert_eq!(reads(&bridge), expected, "it is told already");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn the_closing_text_waits_until_the_answer_can_be_read() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.pause_webhooks();
    bridge.sandbox.zendesk.agent_solves_with_reply(ticket, "The answer");
    let solution = bridge.sandbox.zendesk.take_held_webhooks().pop().unwrap();
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", FaultKind::status(503)).times(4));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.send_webhook(solution);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["The answer", CLOSING]);
    bridge.finish(0).await;
}

// ---------------------------------------------------------------------------------------------- unsendable replies

#[tokio::test]
async fn a_reply_that_comes_to_nothing_is_told_on_the_ticket() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "<p>&nbsp;</p>");
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.sends().len(), 0);
    assert_eq!(reasons(&deliveries, "phone_text"), ["the reply has neither text nor attachments"]);
    let told = format!("Your reply (comment {comment}) holds nothing that can be texted to the customer.");
    assert_eq!(bridge.notes(ticket), [told]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_file_with_malware_or_one_that_was_deleted_is_left_out_and_the_agent_told() {
    let bridge = TestBridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    let (ticket, _) = bridge.talking("ada").await;
    type Change = fn(&mut tandem::sandbox::zendesk::Attachment);
    let cases: [(&str, Change, Option<&str>); 4] = [
        ("clean.pdf", |_| {}, None),
        ("bad.exe", |file| file.scan = "malware_found", Some("Zendesk found malware in it")),
        ("freed.exe", |file| (file.scan, file.released) = ("malware_found", true), None),
        ("gone.pdf", |file| file.deleted = true, Some("it has been deleted")),
    ];
    for (name, change, why) in cases {
        let (texts, notes) = (bridge.texts().len(), bridge.notes(ticket).len());
        zendesk.pause_webhooks();
        let comment = zendesk.agent_reply_with_attachment(ticket, "See the enclosed", name, "application/pdf", b"x");
        zendesk.change_files(ticket, name, change);
        zendesk.resume_webhooks();
        bridge.settled().await;
        let text = bridge.texts()[texts..].join("|");
        assert_eq!(text.contains(name), why.is_none(), "{text}");
        assert!(text.starts_with("See the enclosed"), "{text}");
        let told = why.map(|why| {
            format!("The file {name} of your reply (comment {comment}) was not sent to the customer: {why}.")
        });
        assert_eq!(bridge.notes(ticket)[notes..], told.into_iter().collect::<Vec<_>>());
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_picture_within_a_reply_is_sent_once_wherever_it_stands() {
    type Html = fn(&str) -> String;
    let layouts: [(Html, &str); 7] = [
        (|picture| format!("<p>See below</p><p><img src=\"{picture}\"></p>"), "See below\n\n{}"),
        (|picture| format!("<p>See <img src=\"{picture}\"> here</p>"), "See\n{}\nhere"),
        (|picture| format!("<img src=\"{picture}\" alt=\"The door\">"), "[The door]\n{}"),
        (|picture| format!("<ul><li><img src=\"{picture}\"></li></ul>"), "- {}"),
        (|picture| format!("<a href=\"{picture}\"><img src=\"{picture}\"></a>"), "{}"),
        (|picture| format!("<a href=\"{picture}\">The door</a>"), "The door ({})"),
        (|_| "<p>It is enclosed</p>".to_owned(), "It is enclosed\n{}"),
    ];
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    for (html, expected) in layouts {
        bridge.sandbox.zendesk.agent_reply_with_picture(ticket, "a door & more.png", html);
        bridge.settled().await;
        let ticket = bridge.sandbox.zendesk.ticket(ticket).unwrap();
        let address = &ticket.comments.last().unwrap().attachments[0].content_url;
        assert_eq!(bridge.texts().last().unwrap(), &expected.replace("{}", address));
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn replies_on_a_ticket_of_long_comments_arrive() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.pause_webhooks();
    // In three forms, a hundred of these are more than 4 MiB.
    let long = "long ".repeat(4_000);
    for _ in 0..99 {
        bridge.sandbox.zendesk.agent_note(ticket, &long);
    }
    drop(bridge.sandbox.zendesk.take_held_webhooks());
    bridge.sandbox.zendesk.resume_webhooks();
    bridge.sandbox.zendesk.agent_reply(ticket, "Here it is");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Here it is"]);
    let sizes: Vec<String> = bridge.sandbox.zendesk.calls().iter().filter_map(|call| page_size(&call.query)).collect();
    assert_eq!(sizes[..2], ["100", "25"]);
    bridge.finish(0).await;
}

fn page_size(query: &[(String, String)]) -> Option<String> {
    query.iter().find(|(name, _)| name == "page[size]").map(|(_, size)| size.clone())
}

// ------------------------------------------------------------------------------------------- hold, and subscription

#[tokio::test]
async fn with_hold_a_text_of_unknown_fate_is_never_sent_again() {
    // The receipt shows long after the last look, or never.
    for lag in [22, 100_000] {
        let bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"\nconfirm_after_seconds = [1, 2]").await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.set_attribute_lag(jiff::SignedDuration::from_secs(lag));
        for _ in 0..5 {
            bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
        }
        bridge.sandbox.zendesk.agent_reply(ticket, "once");
        let is_aside = |all: &[Value]| {
            all.iter().any(|delivery| delivery["state"] == "unconfirmed" && delivery["due_at"].is_null())
        };
        bridge.until("the agent told", |bridge| bridge.notes(ticket).len() == 1).await;
        let deliveries = bridge.until_deliveries("it is set aside", is_aside).await;
        bridge.clock.advance(jiff::SignedDuration::from_hours(30));
        assert_eq!(bridge.texts(), ["once"], "lag {lag}");
        // The lane goes on.
        bridge.sandbox.braze.clear_faults();
        bridge.sandbox.zendesk.agent_reply(ticket, "next");
        bridge.until("the next", |bridge| bridge.texts() == ["once", "next"]).await;
        let held = deliveries.iter().find(|delivery| delivery["state"] == "unconfirmed").unwrap();
        bridge.discard(&held["id"]).await;
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn with_hold_a_text_that_never_left_is_sent_and_a_long_one_loses_and_doubles_nothing() {
    let words: Vec<String> = (0..700).map(|number| format!("word{number}")).collect();
    // Of a text that met 500 or 503, Braze does not say that it has not gone out.
    let faults = [
        (FaultKind::retry_after(429, 1), 4),
        (FaultKind::status(502), 4),
        (FaultKind::LoseAnswer, 4),
        (FaultKind::LoseRequest, 1),
        (FaultKind::status(500), 1),
        (FaultKind::retry_after(503, 1), 1),
    ];
    for (what, out) in faults {
        let bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::Delay(std::time::Duration::ZERO)));
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, what.clone()));
        bridge.sandbox.zendesk.agent_reply(ticket, &words.join(" "));
        let over = |all: &[Value]| {
            let has_begun = all.iter().any(|delivery| delivery["kind"] == "phone_text");
            has_begun
                && all.iter().all(|delivery| {
                    let is_aside = delivery["state"] == "unconfirmed" && delivery["due_at"].is_null();
                    is_aside || ["delivered", "skipped"].contains(&delivery["state"].as_str().unwrap())
                })
        };
        let deliveries = bridge.until_deliveries("all is over", over).await;
        let texts = bridge.texts();
        assert_eq!(texts.len(), out, "{what:?}");
        let arrived: Vec<&str> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
        assert!(
            words.iter().map(String::as_str).take(arrived.len()).eq(arrived.iter().copied()),
            "{what:?}: in order, once"
        );
        for held in deliveries.iter().filter(|delivery| delivery["state"] == "unconfirmed") {
            bridge.discard(&held["id"]).await;
        }
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn where_braze_is_asked_its_answer_counts_over_a_remembered_stop() {
    let group = format!("subscription_group = \"{}\"", SandboxOptions::default().subscription_group);
    for (option, texts) in [(group.as_str(), vec!["Welcome back"]), ("", vec![])] {
        let bridge = TestBridge::start_with("", option).await;
        let (ticket, customer) = bridge.talking("ada").await;
        bridge.sandbox.phone.text(&customer, "STOP");
        bridge.settled().await;
        bridge.sandbox.braze.set_opted_out(&customer, true);
        bridge.sandbox.zendesk.agent_reply(ticket, "Unwanted");
        bridge.settled().await;
        assert_eq!(bridge.texts(), [""; 0], "{option}");
        // A box is ticked on a web page; no keyword and no webhook tells.
        bridge.sandbox.braze.set_opted_out(&customer, false);
        bridge.sandbox.zendesk.agent_reply(ticket, "Welcome back");
        bridge.settled().await;
        assert_eq!(bridge.texts(), texts, "{option}");
        let remembered = &bridge.conversations().await[0]["subscription"];
        assert_eq!(remembered, if texts.is_empty() { "out" } else { "in" }, "{option}");
        bridge.finish(2 - texts.len()).await;
    }
}

// ------------------------------------------------------------------------------------------------------ the recipe

#[tokio::test]
async fn a_drop_in_text_that_came_without_dashes_stays_as_it_came() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let dashes = "-".repeat(46);
    let framed = format!("{dashes}\\n\\nAgnes, Nov 21, 10:15\\n\\none\\ntwo");
    for (msg_body, expected) in [
        (framed.as_str(), format!("{dashes}\n\none two")),
        (CLOSING, CLOSING.to_owned()),
        ("plain\\nin two lines", "plain\nin two lines".to_owned()),
    ] {
        let body = format!(
            r#"{{"campaign_id": "{}", "recipients": [{{"external_user_id": "ada",
                "trigger_properties": {{"msg_body": "{msg_body}"}}, "attributes": {{"zendesk_ticket": "{ticket}"}}}}]}}"#,
            SandboxOptions::default().campaign_agent_reply
        );
        let response = bridge.signed(SEND, &body).send().await.unwrap();
        assert_eq!(response.status(), 202);
        bridge.settled().await;
        let sent = bridge.sends().pop().unwrap().body;
        assert_eq!(sent["recipients"][0]["trigger_properties"]["msg_body"], expected.as_str());
    }
    bridge.finish(0).await;
}

/// A ticket that an agent has opened for a customer whom the bridge has never met, with these tags.
fn opened_by_an_agent(bridge: &TestBridge, tags: &[&str]) -> u64 {
    bridge.customer("ada");
    let ada = User { name: "Ada".to_owned(), external_id: Some("ada".to_owned()), ..User::default() };
    let requester_id = bridge.sandbox.zendesk.add_user(ada);
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() })
}

#[tokio::test]
async fn a_ticket_that_an_agent_opened_for_a_stranger_to_the_bridge_is_still_served() {
    let bridge = TestBridge::start().await;
    let ticket = opened_by_an_agent(&bridge, &["sms"]);
    bridge.sandbox.zendesk.agent_solves_with_reply(ticket, "Done.");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Done.", CLOSING]);
    bridge.finish(0).await;
}

/// The customer may have read by mail the comments from before the ticket came to the bridge, so those are not texted.
#[tokio::test]
async fn on_a_ticket_that_an_agent_opened_the_answer_that_solves_it_goes_before_the_closing_text() {
    for (come, at_once) in [("rs", true), ("sr", true), ("sr", false), ("s", false), ("ssr", false)] {
        let bridge = TestBridge::start().await;
        let zendesk = &bridge.sandbox.zendesk;
        let ticket = opened_by_an_agent(&bridge, &[]);
        zendesk.agent_reply(ticket, "By mail, before it was a text conversation");
        zendesk.set_tags(ticket, &["sms"]);
        zendesk.pause_webhooks();
        zendesk.agent_solves_with_reply(ticket, "Done.");
        let held = zendesk.take_held_webhooks();
        let [reply, solution] = held.as_slice() else { panic!("two webhooks: {}", held.len()) };
        for webhook in come.chars() {
            zendesk.send_webhook(if webhook == 'r' { reply } else { solution }.clone());
            if !at_once {
                bridge.settled().await;
            }
        }
        let deliveries = bridge.settled().await;
        assert_eq!(bridge.texts(), ["Done.", CLOSING], "{come}, at once: {at_once}: {deliveries:#?}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn what_an_agent_adds_to_the_answer_that_solved_their_own_ticket_goes_before_the_closing_text_too() {
    let bridge = TestBridge::start().await;
    let zendesk = &bridge.sandbox.zendesk;
    let ticket = opened_by_an_agent(&bridge, &["sms"]);
    zendesk.pause_webhooks();
    zendesk.agent_solves_with_reply(ticket, "Done.");
    zendesk.agent_reply(ticket, "And one thing more.");
    let solution = zendesk.take_held_webhooks().remove(1);
    zendesk.send_webhook(solution);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Done.", "And one thing more.", CLOSING]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_an_agent_opened_and_solved_without_a_word_gets_the_closing_text_alone() {
    let bridge = TestBridge::start().await;
    let zendesk = &bridge.sandbox.zendesk;
    let ticket = opened_by_an_agent(&bridge, &[]);
    zendesk.agent_reply(ticket, "By mail, before it was a text conversation");
    zendesk.set_tags(ticket, &["sms"]);
    zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.texts(), [CLOSING]);
    bridge.finish(0).await;
}
