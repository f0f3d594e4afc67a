//! From the ticket to the phone: which comments become texts, to whom, in which words and in which order.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tandem::domain::text::segments;
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::{Call, Fault, FaultKind};
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::zendesk::{NewTicket, TicketStatus, User};

use crate::support::{DEADLINE, TestBridge, settings};

const SEND: &str = "/campaigns/trigger/send";

/// A ticket that was opened in Zendesk, without the bridge.
fn foreign_ticket(bridge: &TestBridge, requester: User, tags: &[&str]) -> u64 {
    let requester_id = bridge.sandbox.zendesk.add_user(requester);
    bridge.sandbox.zendesk.add_ticket(NewTicket {
        requester_id,
        subject: "A call".to_owned(),
        description: "Please text me.".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..NewTicket::default()
    })
}

fn user(external_id: &str) -> User {
    User { name: "Ada".to_owned(), external_id: Some(external_id.to_owned()), ..User::default() }
}

fn bell(ticket: u64, comment: u64) -> String {
    json!({"event": "agent_reply", "ticket_id": ticket.to_string(), "comment_id": comment.to_string()}).to_string()
}

fn states(deliveries: &[Value], kind: &str) -> Vec<String> {
    let of_kind = deliveries.iter().filter(|delivery| delivery["kind"] == kind);
    of_kind.map(|delivery| delivery["state"].as_str().unwrap().to_owned()).collect()
}

fn recipient(call: &Call) -> &Value {
    &call.body["recipients"][0]
}

#[tokio::test]
async fn a_reply_arrives_whole() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let cases = [
        ("<p>Hello Ada,</p><p>one<br>two</p>", "Hello Ada,\n\none\ntwo"),
        ("<p>Bring:</p><ul><li>the box</li><li>the bill</li></ul>", "Bring:\n\n- the box\n- the bill"),
        (
            "<p>See <a href=\"https://example.com/a?b=1&amp;c=2\">the page</a>.</p>",
            "See the page (https://example.com/a?b=1&c=2).",
        ),
        ("<p>5 &lt; 6 &amp; &quot;so&quot; it&#39;s&nbsp;&euro;7</p>", "5 < 6 & \"so\" it's €7"),
        ("<p>\\ \" ' {{ customer.phone }} {% raw %} </p>", "\\ \" ' {{ customer.phone }} {% raw %}"),
        ("<p>On its way 🚚👩‍👩‍👧 é 中文</p>", "On its way 🚚👩‍👩‍👧 é 中文"),
        (
            "<p>Press: <img src=\"https://m.example/s.gif\" alt=\"step one\"> and restart.</p>",
            "Press: [step one]\nhttps://m.example/s.gif\nand restart.",
        ),
        ("<p><img src=\"https://m.example/s.gif\"></p>", "https://m.example/s.gif"),
        ("<p>Now <s>$29<sup>99</sup></s> $19<sup>99</sup></p>", "Now $19.99"),
        ("<ol start=\"3\"><li>x</li><li value=\"7\">y</li></ol>", "3. x\n7. y"),
        (
            "<p>besten \u{200c}Grüßen, Liefer&shy;adresse &alpha; می&zwnj;خواهم</p>",
            "besten Grüßen, Lieferadresse α می\u{200c}خواهم",
        ),
    ];
    for (html, _) in cases {
        bridge.sandbox.zendesk.agent_reply(ticket, html);
        bridge.settled().await;
    }
    let expected: Vec<&str> = cases.iter().map(|(_, text)| *text).collect();
    assert_eq!(bridge.texts(), expected);
    let named_by_the_recipe: Vec<_> = bridge.sandbox.braze.texts().into_iter().map(|text| text.msg_body).collect();
    assert_eq!(named_by_the_recipe, expected.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>());
    bridge.finish(0).await;
}

/// Unseen characters cost nothing: this text is one segment, with `gsm7` off as well.
#[tokio::test]
async fn an_unseen_character_makes_no_reply_dearer() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let words =
        "Mit besten Grüßen: das Paket 4711 kommt am Freitag zwischen neun und zwölf, bitte den Ausweis bereithalten!";
    let html = words.replace(" Grüßen", " \u{200c}Grüßen").replace("Ausweis", "Aus&shy;weis\u{202c}");
    bridge.sandbox.zendesk.agent_reply(ticket, &format!("<p>{html}</p>"));
    bridge.settled().await;
    assert_eq!(bridge.texts(), [words]);
    assert_eq!(segments(&bridge.texts()[0]).segments, 1);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_long_reply_arrives_in_parts_that_lose_nothing() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let words: Vec<String> = (0..).map(|number| format!("word{number}")).take(600).collect();
    let text = words.join(" ");
    assert!(text.len() >= 4_000);
    let text = format!("{text} {}", "end ".repeat((5_000 - text.len()) / 4));
    bridge.sandbox.zendesk.agent_reply(ticket, &format!("<p>{text}</p>"));
    bridge.settled().await;

    let parts = bridge.texts();
    assert_eq!(parts.len(), 4, "5,000 septets in parts of 1,530");
    assert!(parts.iter().all(|part| segments(part).segments <= 10));
    let arrived: Vec<&str> = parts.iter().flat_map(|part| part.split_whitespace()).collect();
    assert_eq!(arrived, text.split_whitespace().collect::<Vec<_>>(), "in order, and cut between words");
    let receipts: Vec<String> = bridge
        .sends()
        .iter()
        .map(|send| recipient(send)["attributes"]["tandem_receipt"].as_str().unwrap().to_owned())
        .collect();
    let event = receipts[0].strip_suffix(".1").expect("the event, and which part of it");
    assert_eq!(receipts, (1..=4).map(|part| format!("{event}.{part}")).collect::<Vec<_>>());
    bridge.finish(0).await;
}

#[tokio::test]
async fn no_reply_is_lost_or_repeated_whichever_of_its_webhooks_come() {
    // The replies are a, b and c; the webhooks that come are these, in this order.
    for come in [&[2][..], &[0, 2], &[1, 2], &[2, 0, 1], &[2, 1, 0], &[1, 0, 2], &[0, 1, 2, 2, 1, 0]] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.pause_webhooks();
        for reply in ["a", "b", "c"] {
            bridge.sandbox.zendesk.agent_reply(ticket, reply);
        }
        let webhooks = bridge.sandbox.zendesk.take_held_webhooks();
        for number in come {
            bridge.sandbox.zendesk.send_webhook(webhooks[*number].clone());
            bridge.settled().await;
        }
        assert_eq!(bridge.texts(), ["a", "b", "c"], "{come:?}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn replies_on_a_ticket_whose_opening_is_still_looked_for_all_go_in_order() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("ada");
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/audits", FaultKind::status(503)).times(3));
    bridge.sandbox.zendesk.pause_webhooks();
    bridge.sandbox.phone.text(&customer, "Where is it?");
    bridge.until("the ticket", |bridge| !bridge.sandbox.zendesk.tickets().is_empty()).await;
    let ticket = bridge.sandbox.zendesk.tickets()[0].id;
    for reply in ["first", "second"] {
        bridge.sandbox.zendesk.agent_reply(ticket, reply);
    }
    // The webhook of the first is given up.
    let last = bridge.sandbox.zendesk.take_held_webhooks().pop().unwrap();
    bridge.sandbox.zendesk.send_webhook(last);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["first", "second"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_lost_webhook_is_caught_by_the_next() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.open_circuit(true);
    bridge.sandbox.zendesk.agent_reply(ticket, "lost");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [""; 0]);
    bridge.sandbox.zendesk.open_circuit(false);
    bridge.sandbox.phone.text(&customer, "Anybody there?");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "next");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["lost", "next"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn one_comment_by_two_invocations_is_one_text() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.duplicate_webhooks(true);
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "once");
    bridge.settled().await;
    let (status, first) = bridge.zendesk_webhook(&bell(ticket, comment)).await;
    assert_eq!((status, &first["status"]), (202, &json!("duplicate")));
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["once"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_comment_that_zendesk_does_not_show_yet_is_waited_for() {
    let empty = json!({"comments": [], "users": [], "meta": {"has_more": false}}).to_string();
    let not_yet = FaultKind::Status { code: 200, headers: Vec::new(), body: empty };
    for what in [not_yet, FaultKind::status(503), FaultKind::retry_after(429, 3), FaultKind::LoseAnswer] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", what.clone()).times(3));
        bridge.sandbox.zendesk.agent_reply(ticket, "late");
        bridge.sandbox.zendesk.agent_reply(ticket, "later");
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["late", "later"], "{what:?}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_comment_that_becomes_readable_after_a_later_one_is_still_sent() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.pause_webhooks();
    let early = bridge.sandbox.zendesk.agent_reply(ticket, "early");
    let late = bridge.sandbox.zendesk.agent_reply(ticket, "late");
    // The list shows the later comment and not yet the earlier one.
    let shown = json!({
        "comments": [{"id": late, "author_id": bridge.sandbox.zendesk.agent_id(), "public": true, "body": "late",
            "html_body": "late", "plain_body": "late", "attachments": [], "created_at": "2026-11-21T12:00:00Z"}],
        "users": [{"id": bridge.sandbox.zendesk.agent_id(), "name": "Agnes", "role": "agent"}],
        "meta": {"has_more": false},
    });
    let partial = FaultKind::Status { code: 200, headers: Vec::new(), body: shown.to_string() };
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", partial));
    for comment in [late, early] {
        assert_eq!(bridge.zendesk_webhook(&bell(ticket, comment)).await.0, 202);
        bridge.settled().await;
    }
    assert_eq!(bridge.texts(), ["late", "early"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn notes_and_what_customers_wrote_are_never_sent() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    let note = bridge.sandbox.zendesk.agent_note(ticket, "between us");
    bridge.sandbox.phone.text(&customer, "Are you there?");
    bridge.settled().await;
    let comments = bridge.sandbox.zendesk.ticket(ticket).unwrap().comments;
    let customers: Vec<u64> = comments.iter().filter(|comment| comment.public).map(|comment| comment.id).collect();
    assert_eq!(customers.len(), 2);
    for comment in customers.into_iter().chain([note]) {
        assert_eq!(bridge.zendesk_webhook(&bell(ticket, comment)).await.1["status"], "accepted");
    }
    let deliveries = bridge.settled().await;
    assert_eq!(states(&deliveries, "agent_reply"), ["skipped"; 3]);
    bridge.sandbox.zendesk.agent_reply(ticket, "yes");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["yes"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn our_own_writing_never_comes_back_to_the_phone() {
    let triggers =
        [TriggerBodies::Ids, TriggerBodies::Recipe { escaped: true }, TriggerBodies::Recipe { escaped: false }];
    for bodies in triggers {
        let bridge = TestBridge::start().await;
        bridge.sandbox.zendesk.install_triggers(bodies);
        bridge.sandbox.zendesk.fire_on_api_writes(true);
        let (ticket, customer) = bridge.talking("ada").await;
        for text in ["Two\nlines, and 3 < 4 & more", "Two\nlines, and 3 < 4 & more", "HELP"] {
            bridge.sandbox.phone.text(&customer, text);
            bridge.settled().await;
        }
        assert_eq!(bridge.comments(ticket).len(), 4, "{bodies:?}");
        assert_eq!(bridge.sends().len(), 0, "{bodies:?}");
        bridge.sandbox.zendesk.agent_reply(ticket, "mine");
        bridge.settled().await;
        let heard: Vec<_> =
            bridge.sends().iter().map(|send| recipient(send)["trigger_properties"]["text"].clone()).collect();
        assert_eq!(heard, ["mine"], "{bodies:?}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn an_echo_is_known_however_late_our_write_was() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.install_triggers(TriggerBodies::Recipe { escaped: true });
    bridge.sandbox.zendesk.fire_on_api_writes(true);
    let (ticket, customer) = bridge.talking("ada").await;
    // Zendesk refuses for longer than an echo is remembered.
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::retry_after(503, 900)));
    bridge.sandbox.phone.text(&customer, "late");
    let waits = |delivery: &Value| delivery["state"] == "waiting";
    bridge.until_deliveries("the refusal", |deliveries| deliveries.iter().any(waits)).await;
    bridge.clock.advance(jiff::SignedDuration::from_secs(900));
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "late"]);
    assert_eq!(bridge.sends().len(), 0);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_body_with_text_and_no_comment_is_forwarded_as_it_stands() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let text = "Dear \"Ada\",\n\n  two  spaces <b>kept</b> & {{ x }}";
    for ticket_id in [json!(ticket), json!(ticket.to_string())] {
        let body = json!({"event": "agent_reply", "ticket_id": ticket_id, "text": text});
        assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.1["status"], "accepted");
    }
    let named = bridge.sandbox.zendesk.agent_note(ticket, "a note");
    let body = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": named, "text": "not from here"});
    assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.1["status"], "accepted");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [text, text], "with a comment named, the comment is read instead");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_is_no_text_conversation_is_left_alone() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("ada");
    let ticket = foreign_ticket(&bridge, user("ada"), &["email"]);
    let change = |event: &str| json!({"event": event, "ticket_id": ticket});
    let mut bodies = vec![change("ticket_solved"), change("ticket_reopened")];
    for named in [json!({}), json!({"external_user_id": "ada"})] {
        let comment = bridge.sandbox.zendesk.agent_reply(ticket, "by mail");
        let mut body = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment});
        body.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        bodies.push(body);
    }
    bodies.push(json!({"event": "ticket_solved", "ticket_id": ticket, "external_user_id": "ada"}));
    let ring = async |bodies: &[Value]| {
        for body in bodies {
            assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.0, 202);
            bridge.settled().await;
        }
        assert_eq!(bridge.sends().len(), 0);
    };
    ring(&bodies).await;
    // Nor when the customer has a text conversation elsewhere.
    bridge.sandbox.phone.text(&customer, "Hello");
    bridge.settled().await;
    bridge.clock.advance(jiff::SignedDuration::from_hours(100));
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "by mail again");
    bodies[3]["comment_id"] = comment.into();
    ring(&bodies).await;
    let tickets = bridge.sandbox.zendesk.tickets();
    assert_eq!(tickets.len(), 2, "the text has a ticket of its own");
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_agent_may_write_first() {
    for named in [None, Some("ada")] {
        for by_field in [false, true] {
            let bridge = TestBridge::start().await;
            let customer = bridge.customer("ada");
            let fields: Map<String, Value> = [("braze_external_id".to_owned(), json!("ada"))].into_iter().collect();
            let by_user_field = User { name: "Ada".to_owned(), user_fields: fields, ..User::default() };
            let ticket = foreign_ticket(&bridge, if by_field { by_user_field } else { user("ada") }, &["sms", "vip"]);
            bridge.sandbox.zendesk.pause_webhooks();
            bridge.sandbox.zendesk.agent_reply(ticket, "written before anybody rang");
            let comment = bridge.sandbox.zendesk.agent_reply(ticket, "Good news!");
            let body = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment,
                "external_user_id": named});
            assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.0, 202);
            bridge.settled().await;
            assert_eq!(bridge.texts(), ["Good news!"], "the named comment only; named: {named:?}, field: {by_field}");
            assert_eq!(recipient(&bridge.sends()[0])["external_user_id"], "ada");

            bridge.sandbox.phone.text(&customer, "Which?");
            bridge.settled().await;
            assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1, "named: {named:?}, field: {by_field}");
            assert_eq!(bridge.comments(ticket).last().unwrap(), "Which?");
            let after = bridge.sandbox.zendesk.agent_reply(ticket, "This one");
            bridge.zendesk_webhook(&bell(ticket, after)).await;
            bridge.settled().await;
            assert_eq!(bridge.texts(), ["Good news!", "This one"]);
            bridge.finish(0).await;
        }
    }
}

#[tokio::test]
async fn a_customer_without_external_id_is_texted_by_braze_id() {
    let bridge = TestBridge::start().await;
    let stranger =
        bridge.sandbox.braze.add_profile(Profile { phone: Some("+15555550199".to_owned()), ..Profile::default() });
    bridge.sandbox.phone.text(&stranger, "Hello");
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.tickets()[0].id;
    bridge.sandbox.zendesk.agent_reply(ticket, "Hello you");
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello you", "Your ticket has been closed"]);
    for send in bridge.sends() {
        assert_eq!(recipient(&send)["braze_id"], stranger);
        assert_eq!(recipient(&send).get("external_user_id"), None);
    }

    bridge.sandbox.braze.refuse_braze_id(true);
    bridge.sandbox.zendesk.agent_reply(ticket, "And now?");
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 2);
    assert_eq!(bridge.notes(ticket).len(), 1, "{:?}", bridge.notes(ticket));
    assert!(bridge.notes(ticket)[0].contains("was not texted to the customer"));
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_send_holds_one_recipient_the_text_twice_and_the_receipt() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one<br>two");
    bridge.settled().await;
    let delivered = bridge.settled().await;
    let text = delivered.iter().find(|delivery| delivery["kind"] == "phone_text").unwrap();
    assert_eq!(
        bridge.sends()[0].body,
        json!({
            "campaign_id": SandboxOptions::default().campaign_agent_reply,
            "recipients": [{
                "external_user_id": "ada",
                "attributes": {"tandem_receipt": text["id"]},
                "trigger_properties": {"msg_body": "one\ntwo", "text": "one\ntwo", "tandem": text["id"]},
            }],
        })
    );
    bridge.finish(0).await;
}

#[tokio::test]
async fn only_calls_of_the_contract_are_made() {
    let group = SandboxOptions::default().subscription_group;
    let bridge = TestBridge::start_with("", &format!("subscription_group = \"{group}\"")).await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.agent_reply(ticket, &"long ".repeat(500));
    bridge.settled().await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    bridge.sandbox.phone.text(&customer, "Once more");
    bridge.settled().await;
    bridge.sandbox.phone.text(&customer, "STOP");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "unheard");
    bridge.settled().await;
    let named = |calls: Vec<Call>| -> BTreeSet<String> {
        let digits = |path: &str| {
            path.split('/')
                .map(|part| if part.parse::<u64>().is_ok() { "N" } else { part })
                .collect::<Vec<_>>()
                .join("/")
        };
        calls.iter().map(|call| format!("{} {}", call.method, digits(&call.path))).collect()
    };
    let zendesk = [
        "POST /oauth/tokens",
        "GET /api/v2/users/search",
        "POST /api/v2/users/create_or_update",
        "POST /api/v2/tickets",
        "PUT /api/v2/tickets/N",
        "GET /api/v2/tickets/N",
        "GET /api/v2/tickets",
        "GET /api/v2/tickets/N/comments",
        "GET /api/v2/tickets/N/audits",
        "POST /api/v2/uploads",
    ];
    let braze = ["POST /campaigns/trigger/send", "POST /users/export/ids", "GET /subscription/status/get"];
    let strangers = |calls: BTreeSet<String>, known: &[&str]| -> Vec<String> {
        calls.into_iter().filter(|call| !known.contains(&call.as_str())).collect()
    };
    assert_eq!(strangers(named(bridge.sandbox.zendesk.calls()), &zendesk), [""; 0]);
    let asked = named(bridge.sandbox.braze.calls());
    assert_eq!(asked.len(), 3, "all three were needed: {asked:?}");
    assert_eq!(strangers(asked, &braze), [""; 0]);
    assert!(bridge.sends().iter().all(|send| send.body["recipients"].as_array().unwrap().len() == 1));
    bridge.finish(1).await;
}

#[tokio::test]
async fn typographic_characters_stay_unless_the_short_alphabet_is_wished_for() {
    for (option, arrives) in [("", "“Ready” – it’s fine…"), ("gsm7 = true", "\"Ready\" - it's fine...")] {
        let bridge = TestBridge::start_with("", option).await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.agent_reply(ticket, "“Ready” – it’s fine…");
        bridge.settled().await;
        assert_eq!(bridge.texts(), [arrives], "{option}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn attachments_follow_the_text_as_links() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    for html in ["Your bill:", ""] {
        bridge.sandbox.zendesk.agent_reply_with_attachment(ticket, html, "bill.pdf", "application/pdf", b"%PDF");
        bridge.settled().await;
    }
    let links: Vec<String> = bridge
        .sandbox
        .zendesk
        .ticket(ticket)
        .unwrap()
        .comments
        .iter()
        .flat_map(|comment| &comment.attachments)
        .map(|file| file.content_url.clone())
        .collect();
    assert_eq!(bridge.texts(), [format!("Your bill:\n{}", links[0]), links[1].clone()]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_closing_text_goes_out_where_it_is_configured() {
    let configured = |with: bool| {
        move |sandbox: &_, options: &SandboxOptions| {
            let line = format!("ticket_solved = \"{}\"", options.campaign_ticket_solved);
            let all = settings(sandbox, options, "", "", "");
            assert!(all.contains(&line));
            if with { all } else { all.replace(&line, "") }
        }
    };
    for with in [true, false] {
        let bridge = TestBridge::start_from(SandboxOptions::default(), configured(with)).await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        let deliveries = bridge.settled().await;
        let campaigns: Vec<_> =
            bridge.sandbox.braze.texts().into_iter().map(|text| (text.campaign_id, text.body, text.msg_body)).collect();
        let closing = "Your ticket has been closed".to_owned();
        let expected = (SandboxOptions::default().campaign_ticket_solved, closing.clone(), Some(closing));
        assert_eq!(campaigns, if with { vec![expected] } else { Vec::new() });
        assert_eq!(states(&deliveries, "ticket_solved"), [if with { "delivered" } else { "skipped" }]);
        assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
        bridge.finish(0).await;
    }
}

/// Zendesk may invoke a webhook twice for one change, as two invocations that share the ticket only.
#[tokio::test]
async fn the_closing_text_goes_out_once_each_time_a_ticket_is_solved() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.duplicate_webhooks(true);
    for (solved, status) in [(1, TicketStatus::Solved), (1, TicketStatus::Open), (2, TicketStatus::Solved)] {
        bridge.sandbox.zendesk.set_status(ticket, status);
        bridge.settled().await;
        assert_eq!(bridge.texts(), vec!["Your ticket has been closed"; solved]);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_reopened_ticket_is_noted_and_not_texted() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Open);
    let deliveries = bridge.settled().await;
    assert_eq!(states(&deliveries, "ticket_reopened"), ["delivered"]);
    assert_eq!(bridge.conversations().await[0]["ticket_state"], "open");
    assert_eq!(bridge.texts(), ["Your ticket has been closed"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn replies_keep_their_order_whatever_fails() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let faults = [
        FaultKind::status(500),
        FaultKind::LoseAnswer,
        FaultKind::retry_after(503, 20),
        FaultKind::LoseRequest,
        FaultKind::retry_after(429, 7),
        FaultKind::status(504),
    ];
    for what in faults {
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, what));
        bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", FaultKind::status(503)));
    }
    let replies: Vec<String> = (1..=8).map(|number| format!("reply {number}")).collect();
    for reply in &replies {
        bridge.sandbox.zendesk.agent_reply(ticket, reply);
    }
    bridge.settled().await;
    assert_eq!(bridge.texts(), replies);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_reply_a_solution_and_a_second_thought_keep_their_order() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", FaultKind::status(503)).times(2));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseRequest).times(2));
    bridge.sandbox.zendesk.agent_reply(ticket, "Done.");
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    // Two webhooks of one second with the same body are one.
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sandbox.zendesk.is_idle()).await);
    bridge.clock.advance(jiff::SignedDuration::from_secs(1));
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Open);
    // Two equal requests that are signed in one second are one webhook.
    bridge.until("the first three rang", |bridge| bridge.sandbox.zendesk.is_idle()).await;
    bridge.clock.advance(SignedDuration::from_secs(1));
    bridge.sandbox.zendesk.agent_reply(ticket, "Not quite.");
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    // The doorbell of the first reply is answered only when Zendesk shows comments again, and by then shows both.
    let texts = bridge.texts();
    let place = |wanted: &str| texts.iter().position(|text| text == wanted).unwrap();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(place("Done.") < place("Not quite."), "{texts:?}");
    assert!(place("Done.") < place("Your ticket has been closed"), "{texts:?}");
    assert_eq!(texts.last().unwrap(), "Your ticket has been closed");
    assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
    bridge.finish(0).await;
}

#[tokio::test]
async fn one_conversation_never_waits_for_another() {
    let bridge = TestBridge::start().await;
    let (stuck, _) = bridge.talking("ada").await;
    let (free, _) = bridge.talking("grace").await;
    let (lost, _) = bridge.talking("mary").await;
    bridge
        .sandbox
        .zendesk
        .fail(Fault::on("GET", &format!("/tickets/{stuck}/comments"), FaultKind::status(503)).times(4));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseRequest));
    bridge.sandbox.zendesk.agent_reply(lost, "for Mary");
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sends().len() == 1).await);
    bridge.sandbox.zendesk.agent_reply(stuck, "for Ada");
    bridge.sandbox.zendesk.agent_reply(free, "for Grace");
    // The clock stands still: nothing else can have come to an end.
    assert!(bridge.sandbox.wait_until(DEADLINE, || !bridge.texts().is_empty()).await);
    assert_eq!(bridge.texts(), ["for Grace"]);
    bridge.settled().await;
    assert_eq!(bridge.texts().into_iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(bridge.texts().len(), 3);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_slow_answer_keeps_its_own_conversation_waiting_only() {
    let bridge = TestBridge::start().await;
    let (slow, _) = bridge.talking("ada").await;
    let (free, _) = bridge.talking("grace").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::Delay(Duration::from_secs(3))));
    bridge.sandbox.zendesk.agent_reply(slow, "1");
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.texts().len() == 1).await);
    bridge.sandbox.zendesk.agent_reply(slow, "2");
    bridge.sandbox.zendesk.agent_reply(free, "other");
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.texts().len() == 3).await, "the clock stands still");
    assert_eq!(bridge.texts(), ["1", "other", "2"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_legacy_api_token_works_from_end_to_end() {
    let legacy = |sandbox: &_, options: &SandboxOptions| {
        let all = settings(sandbox, options, "", "", "");
        let id = format!("client_id = \"{}\"", options.zendesk_client_id);
        let secret = format!("client_secret = \"{}\"", options.zendesk_client_secret);
        assert!(all.contains(&id) && all.contains(&secret));
        all.replace(&id, &format!("email = \"{}\"", options.zendesk_email))
            .replace(&secret, &format!("api_token = \"{}\"", options.zendesk_api_token))
    };
    let bridge = TestBridge::start_from(SandboxOptions::default(), legacy).await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "Hello");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello"]);
    let calls = bridge.sandbox.zendesk.calls();
    assert!(calls.iter().all(|call| call.headers["authorization"] == "Basic"), "and no token is asked for");
    bridge.finish(0).await;
}
