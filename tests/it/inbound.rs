//! From the phone to the ticket: the conversation policy, row by row, and the look of a ticket.
//!
//! Everything goes through the running bridge. Every test ends with [`end`], which also holds every call that Zendesk
//! received against the list of calls that are allowed and against Zendesk's own description of its API.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::Call;
use tandem::sandbox::zendesk::{NewTicket, Ticket, TicketStatus, User};

use crate::openapi;
use crate::support::{TestBridge, answer};

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// The customer texts, and every delivery after it settles.
pub(crate) async fn say(bridge: &TestBridge, customer: &str, text: &str) {
    bridge.sandbox.phone.text(customer, text).expect("a customer whom Braze knows");
    bridge.settled().await;
}

/// A webhook of Braze with these fields.
pub(crate) async fn post(bridge: &TestBridge, fields: &Value) {
    let request = bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &fields.to_string());
    let (status, body) = answer(request.header("Content-Type", "application/json")).await;
    assert_eq!((status, &body["status"]), (202, &json!("accepted")), "{body}");
    bridge.settled().await;
}

pub(crate) fn tickets_of(bridge: &TestBridge, key: &str) -> Vec<Ticket> {
    let tickets = bridge.sandbox.zendesk.tickets();
    tickets.into_iter().filter(|ticket| ticket.external_id.as_deref() == Some(key) && !ticket.deleted).collect()
}

/// The one ticket of this conversation.
pub(crate) fn ticket_of(bridge: &TestBridge, key: &str) -> Ticket {
    let mut tickets = tickets_of(bridge, key);
    assert_eq!(tickets.len(), 1, "tickets of {key}: {tickets:#?}");
    tickets.remove(0)
}

pub(crate) fn user(bridge: &TestBridge, id: u64) -> User {
    bridge.sandbox.zendesk.users().into_iter().find(|user| user.id == id).expect("a user")
}

/// Ends a test: as [`TestBridge::finish`], and every call to Zendesk was one that the bridge may make.
pub(crate) async fn end(bridge: TestBridge, dead: usize) {
    bridge.settled().await;
    let calls = bridge.sandbox.zendesk.calls();
    assert!(!calls.is_empty());
    let wrong: Vec<String> = calls.iter().filter_map(|call| fault_of(call).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    bridge.finish(dead).await;
}

/// The contract's list of calls, and Zendesk's description of their bodies.
fn fault_of(call: &Call) -> Result<(), String> {
    let shape: Vec<&str> = call
        .path
        .split('/')
        .skip(1)
        .map(|part| if part.bytes().all(|byte| byte.is_ascii_digit()) { "N" } else { part })
        .collect();
    let asks = |name: &str| call.query.iter().any(|(key, _)| key == name);
    let schema = match (call.method.as_str(), shape.as_slice()) {
        ("POST", ["oauth", "tokens"] | ["api", "v2", "uploads"])
        | ("GET", ["api", "v2", "tickets", "N"] | ["api", "v2", "tickets", "N", "comments" | "audits"]) => None,
        ("GET", ["api", "v2", "users", "me"]) => None,
        ("GET", ["api", "v2", "users", "search"]) if asks("external_id") != asks("query") => None,
        ("GET", ["api", "v2", "tickets"]) if asks("external_id") => None,
        ("POST", ["api", "v2", "tickets"]) if call.headers.contains_key("idempotency-key") => {
            Some("TicketCreateRequest")
        }
        ("PUT", ["api", "v2", "tickets", "N"]) => Some("TicketUpdateRequest"),
        ("POST", ["api", "v2", "users", "create_or_update"]) => Some("UserRequest"),
        ("POST", ["api", "v2", "users", "N", "identities"]) => None,
        (method, _) => return Err(format!("{method} {} is not a call of ours", call.path)),
    };
    schema.map_or(Ok(()), |schema| openapi::check(schema, &call.body))
}

fn calls(bridge: &TestBridge, method: &str, path: &str) -> Vec<Call> {
    let calls = bridge.sandbox.zendesk.calls();
    calls.into_iter().filter(|call| call.method == method && call.path == path).collect()
}

/// A customer with an open ticket on which `first` stands, and the ticket's number.
async fn with_ticket(bridge: &TestBridge, id: &str) -> (String, u64) {
    let customer = bridge.customer(id);
    say(bridge, &customer, "first").await;
    (customer, ticket_of(bridge, id).id)
}

#[tokio::test]
async fn a_first_text_opens_a_ticket_that_says_whose_it_is() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    say(&bridge, &customer, "Hello.\nIs  anybody <there>?\n\n& thanks").await;

    let ticket = ticket_of(&bridge, "c1");
    assert_eq!(ticket.status, TicketStatus::New);
    assert_eq!(ticket.tags, ["sms"]);
    assert_eq!(ticket.subject.as_deref(), Some("Text message from Ada Lovelace"));
    let requester = user(&bridge, ticket.requester_id);
    assert_eq!(requester.external_id.as_deref(), Some("c1"));
    let [comment] = ticket.comments.as_slice() else { panic!("{ticket:#?}") };
    assert!(comment.public);
    assert_eq!(comment.author_id, ticket.requester_id, "the customer says it, not the bridge");
    assert_eq!(comment.plain_body, "Hello.\nIs \u{a0}anybody <there>?\n\n& thanks", "HTML shows two spaces only so");
    let [delivery] = bridge.deliveries("").await.try_into().unwrap();
    assert_eq!(comment.metadata["custom"], json!({"tandem": [delivery["id"]]}), "the mark by which it is found again");

    let [create] = calls(&bridge, "POST", "/api/v2/tickets").try_into().unwrap();
    assert_eq!(create.headers["idempotency-key"], delivery["id"].as_str().unwrap());
    let given = &create.body["ticket"]["comment"];
    assert!(given.get("html_body").is_some() && given.get("body").is_none(), "`body` would lose line breaks: {given}");
    end(bridge, 0).await;
}

#[tokio::test]
async fn nothing_that_a_customer_types_is_expanded_by_zendesk() {
    let bridge = TestBridge::start().await;
    let name = "{{current_user.email}}";
    let profile = Profile {
        external_id: Some("c1".to_owned()),
        phone: Some("+15555550199".to_owned()),
        first_name: Some(name.to_owned()),
        ..Profile::default()
    };
    let customer = bridge.sandbox.braze.add_profile(profile);
    let texts = [
        "{{current_user.email}}",
        "a {{ ticket.id }} b {{{{ticket.title}}}} {{open",
        "{% if ticket.id %}yes{% endif %}",
        "\\{{ticket.id}} &#123;&#123;ticket.id}}",
        "<code>{{ticket.id}}</code><script>alert(1)</script>",
        "</code>{{ticket.id}}<code>",
    ];
    for text in texts {
        say(&bridge, &customer, text).await;
    }
    let ticket = ticket_of(&bridge, "c1");
    assert_eq!(bridge.comments(ticket.id), texts);
    let subject = ticket.subject.unwrap();
    assert!(subject.contains("current_user") && !subject.contains("{{"), "{subject}");
    end(bridge, 0).await;
}

#[tokio::test]
async fn pictures_that_cannot_be_copied_are_linked() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    // On this machine's own loopback address, from which the bridge fetches nothing.
    let links = ["one.png", "two.jpg"].map(|name| bridge.sandbox.braze.add_media(name, "image/png", b"picture"));
    let all: Vec<&str> = links.iter().map(String::as_str).collect();
    bridge.sandbox.phone.text_with_media(&customer, "Look:", &all);
    bridge.settled().await;
    bridge.sandbox.phone.text_with_media(&customer, "", &all[..1]);
    bridge.settled().await;

    let ticket = ticket_of(&bridge, "c1");
    assert_eq!(bridge.comments(ticket.id), [format!("Look:\n{}\n{}", links[0], links[1]), links[0].clone()]);
    assert!(ticket.comments.iter().all(|comment| comment.attachments.is_empty()));
    assert!(calls(&bridge, "POST", "/api/v2/uploads").is_empty());
    assert!(bridge.sandbox.braze.calls().iter().all(|call| !call.path.starts_with("/media")), "fetched all the same");
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_text_joins_the_unsolved_ticket_and_opens_it() {
    let bridge = TestBridge::start().await;
    for status in [TicketStatus::New, TicketStatus::Open, TicketStatus::Pending, TicketStatus::Hold] {
        let id = format!("c-{}", status.as_str());
        let (customer, number) = with_ticket(&bridge, &id).await;
        bridge.sandbox.zendesk.set_status(number, status);
        bridge.sandbox.zendesk.set_tags(number, &["sms", "vip"]);
        say(&bridge, &customer, "second").await;

        let ticket = ticket_of(&bridge, &id);
        assert_eq!(ticket.status, TicketStatus::Open, "was {status:?}");
        assert_eq!(bridge.comments(number), ["first", "second"]);
        let comment = &ticket.comments[1];
        assert!(comment.public && comment.author_id == ticket.requester_id, "{comment:?}");
        assert_eq!(comment.metadata["custom"]["tandem"].as_array().map(Vec::len), Some(1));
        assert_eq!(ticket.tags, ["sms", "vip"], "an update that sends tags would take the agents' away");
    }
    end(bridge, 0).await;
}

/// Solves a ticket, with or without the bridge hearing of it.
async fn solve(bridge: &TestBridge, ticket: u64, heard: bool) {
    bridge.sandbox.zendesk.open_circuit(!heard);
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    bridge.sandbox.zendesk.open_circuit(false);
    let state = &bridge.conversations().await[0]["ticket_state"];
    assert_eq!(*state == "solved", heard, "{state}");
}

#[tokio::test]
async fn a_ticket_solved_lately_is_reopened() {
    for heard in [true, false] {
        let bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
        let (customer, number) = with_ticket(&bridge, "c1").await;
        solve(&bridge, number, heard).await;
        bridge.clock.advance(days(5) - SignedDuration::from_mins(1));
        say(&bridge, &customer, "second").await;
        let ticket = ticket_of(&bridge, "c1");
        assert_eq!((ticket.id, ticket.status), (number, TicketStatus::Open), "heard: {heard}");
        assert_eq!(bridge.comments(number), ["first", "second"]);
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_ticket_solved_long_ago_is_left_alone_and_named_by_a_new_one() {
    for (heard, reopen_days) in [(true, 5), (false, 5), (true, 1), (false, 1)] {
        let bridge = TestBridge::start_with(&format!("catch_up_minutes = 0\nreopen_days = {reopen_days}"), "").await;
        let (customer, number) = with_ticket(&bridge, "c1").await;
        solve(&bridge, number, heard).await;
        bridge.clock.advance(days(reopen_days) + SignedDuration::from_mins(1));
        say(&bridge, &customer, "second").await;
        say(&bridge, &customer, "third").await;

        let [old, new] = tickets_of(&bridge, "c1").try_into().unwrap();
        assert_eq!((old.id, old.status), (number, TicketStatus::Solved), "heard: {heard}, {reopen_days} days");
        assert_eq!(bridge.comments(old.id), ["first"]);
        assert_eq!(bridge.comments(new.id), ["second", "third"]);
        assert!(new.subject.as_deref().unwrap().contains(&format!("#{number}")), "{:?}", new.subject);
        assert_eq!(new.followup_source_id, None, "Zendesk follows up closed tickets only");
        assert_eq!((new.requester_id, new.tags), (old.requester_id, old.tags));
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_closed_ticket_is_followed_up() {
    for told in ["a moment ago", "long ago"] {
        let bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
        let (customer, number) = with_ticket(&bridge, "c1").await;
        bridge.sandbox.zendesk.set_tags(number, &["sms", "vip"]);
        bridge.sandbox.zendesk.set_status(number, TicketStatus::Closed);
        if told == "long ago" {
            bridge.clock.advance(days(30));
        }
        say(&bridge, &customer, "second").await;
        say(&bridge, &customer, "third").await;

        let [closed, new] = tickets_of(&bridge, "c1").try_into().unwrap();
        assert_eq!(new.followup_source_id, Some(number), "believed open until {told}");
        assert_eq!(closed.followup_ids, [new.id]);
        assert_eq!(
            (bridge.comments(number), bridge.comments(new.id)),
            (vec!["first".into()], vec!["second".into(), "third".into()])
        );
        assert_eq!((new.tags.as_slice(), new.requester_id), (["sms".to_owned()].as_slice(), closed.requester_id));
        assert!(new.comments.iter().all(|comment| comment.public && comment.author_id == new.requester_id));
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_merged_ticket_leads_to_the_requesters_open_one_or_else_is_followed_up() {
    for (heir_is, same_requester, status, joins) in [
        ("open", true, TicketStatus::Open, true),
        ("pending", true, TicketStatus::Pending, true),
        ("somebody else's", false, TicketStatus::Open, false),
        ("solved", true, TicketStatus::Solved, false),
        ("closed", true, TicketStatus::Closed, false),
    ] {
        let bridge = TestBridge::start().await;
        let (customer, number) = with_ticket(&bridge, "c1").await;
        let stranger = bridge.sandbox.zendesk.add_user(User { name: "Stranger".into(), ..User::default() });
        let requester_id = if same_requester { ticket_of(&bridge, "c1").requester_id } else { stranger };
        let heir = NewTicket { requester_id, description: "by e-mail".into(), ..NewTicket::default() };
        let heir = bridge.sandbox.zendesk.add_ticket(heir);
        bridge.sandbox.zendesk.merge(number, heir);
        bridge.sandbox.zendesk.set_status(heir, status);
        say(&bridge, &customer, "second").await;
        say(&bridge, &customer, "third").await;

        let found = bridge.comments(heir).contains(&"second".to_owned());
        assert_eq!(found, joins, "the ticket it was merged into is {heir_is}");
        let place = if joins {
            heir
        } else {
            let [_, follow_up] = tickets_of(&bridge, "c1").try_into().unwrap();
            assert_eq!(follow_up.followup_source_id, Some(number), "{heir_is}");
            assert_eq!(follow_up.tags, ["sms"], "not the tag that says it was merged");
            follow_up.id
        };
        assert!(bridge.comments(place).ends_with(&["second".into(), "third".into()]), "{heir_is}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_deleted_ticket_is_replaced() {
    for told in ["a moment ago", "long ago"] {
        let bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
        let (customer, number) = with_ticket(&bridge, "c1").await;
        bridge.sandbox.zendesk.delete(number);
        if told == "long ago" {
            bridge.clock.advance(days(1));
        }
        say(&bridge, &customer, "second").await;
        let ticket = ticket_of(&bridge, "c1");
        assert_ne!(ticket.id, number);
        assert_eq!(bridge.comments(ticket.id), ["second"], "heard of {told}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn without_a_known_ticket_an_unsolved_one_with_our_key_is_taken() {
    for (key, status, taken) in [
        ("c1", TicketStatus::New, true),
        ("c1", TicketStatus::Pending, true),
        ("c1", TicketStatus::Solved, false),
        ("c1", TicketStatus::Closed, false),
        ("c11", TicketStatus::Open, false),
    ] {
        let bridge = TestBridge::start().await;
        let customer = bridge.customer("c1");
        let requester = User { name: "Ada".into(), external_id: Some("c1".into()), ..User::default() };
        let requester_id = bridge.sandbox.zendesk.add_user(requester);
        let ticket = NewTicket {
            requester_id,
            external_id: Some(key.into()),
            description: "earlier".into(),
            ..NewTicket::default()
        };
        let ticket = bridge.sandbox.zendesk.add_ticket(ticket);
        bridge.sandbox.zendesk.set_status(ticket, status);
        bridge.settled().await;
        say(&bridge, &customer, "hello").await;

        assert_eq!(bridge.sandbox.zendesk.tickets().len(), if taken { 1 } else { 2 }, "{key} {status:?}");
        let last = bridge.sandbox.zendesk.tickets().pop().unwrap();
        assert_eq!(bridge.comments(last.id).last().unwrap(), "hello");
        assert_eq!((last.external_id.as_deref(), last.requester_id), (Some("c1"), requester_id));
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn of_several_tickets_with_our_key_the_newest_unsolved_is_taken() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    let requester = User { name: "Ada".into(), external_id: Some("c1".into()), ..User::default() };
    let requester_id = bridge.sandbox.zendesk.add_user(requester);
    // The bridge hears nothing of their changes.
    bridge.sandbox.zendesk.open_circuit(true);
    let statuses = [TicketStatus::Open, TicketStatus::Hold, TicketStatus::Solved];
    let tickets = statuses.map(|status| {
        let new = NewTicket {
            requester_id,
            external_id: Some("c1".into()),
            description: "earlier".into(),
            tags: vec!["sms".into()],
            ..NewTicket::default()
        };
        let ticket = bridge.sandbox.zendesk.add_ticket(new);
        bridge.sandbox.zendesk.set_status(ticket, status);
        ticket
    });
    say(&bridge, &customer, "STOP").await;
    say(&bridge, &customer, "hello").await;
    let heard = tickets.map(|ticket| bridge.comments(ticket).len() - 1);
    assert_eq!(heard, [0, 2, 0], "the note of the keyword and the text");
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_keyword_is_noted_on_the_open_ticket_for_agents_only() {
    let bridge = TestBridge::start().await;
    let (customer, number) = with_ticket(&bridge, "c1").await;
    bridge.sandbox.zendesk.set_status(number, TicketStatus::Pending);
    for (word, says, subscription, status) in [
        ("STOP", "opted out", "out", TicketStatus::Pending),
        ("help", "asked for help", "out", TicketStatus::Open),
        ("Start", "opted in", "in", TicketStatus::Open),
        ("YES", "opted in", "in", TicketStatus::Open),
        ("INFO", "asked for help", "in", TicketStatus::Open),
        ("CANCEL", "opted out", "out", TicketStatus::Pending),
    ] {
        say(&bridge, &customer, word).await;
        let ticket = ticket_of(&bridge, "c1");
        let note = ticket.comments.last().unwrap();
        assert!(note.plain_body.contains(says), "{word}: {}", note.plain_body);
        assert!(!note.public, "{word}");
        assert_eq!(note.author_id, bridge.sandbox.zendesk.api_user_id(), "{word}");
        assert!(note.plain_body.contains(&format!("\"{word}\"")), "the word may be an answer: {}", note.plain_body);
        assert_eq!(ticket.status, status, "{word}");
        bridge.sandbox.zendesk.set_status(number, TicketStatus::Pending);
        bridge.settled().await;
        assert_eq!(bridge.conversations().await[0]["subscription"], subscription, "{word}");
    }
    assert_eq!(bridge.comments(number).len(), 7);
    end(bridge, 0).await;
}

#[tokio::test]
async fn an_opt_in_or_opt_out_never_opens_or_reopens_a_ticket_and_is_remembered_all_the_same() {
    let bridge = TestBridge::start().await;
    for (word, subscription) in [("STOP", "out"), ("START", "in"), ("YES", "in"), ("CANCEL", "out")] {
        let customer = bridge.customer(word);
        say(&bridge, &customer, word).await;
        assert!(bridge.sandbox.zendesk.tickets().is_empty(), "{word}");
        let conversations = bridge.conversations().await;
        let known = conversations.iter().find(|conversation| conversation["key"] == word).unwrap();
        assert_eq!(known["subscription"], subscription);
    }
    let skipped = bridge.deliveries("state=skipped").await;
    assert_eq!(skipped.len(), 4, "each says why nothing came of it: {skipped:#?}");

    for status in [TicketStatus::Solved, TicketStatus::Closed] {
        let id = format!("c-{}", status.as_str());
        let (customer, number) = with_ticket(&bridge, &id).await;
        bridge.sandbox.zendesk.set_status(number, status);
        bridge.settled().await;
        for word in ["STOP", "START"] {
            say(&bridge, &customer, word).await;
        }
        let ticket = ticket_of(&bridge, &id);
        assert_eq!((ticket.status, bridge.comments(number)), (status, vec!["first".to_owned()]));
    }
    end(bridge, 0).await;
}

#[tokio::test]
async fn who_asks_for_help_without_an_open_ticket_is_read_by_an_agent() {
    let bridge = TestBridge::start().await;
    for word in ["HELP", "INFO"] {
        let customer = bridge.customer(word);
        say(&bridge, &customer, word).await;
        let ticket = ticket_of(&bridge, word);
        let [comment] = ticket.comments.as_slice() else { panic!("{ticket:#?}") };
        assert!(comment.public && comment.author_id == ticket.requester_id, "{comment:?}");
        assert_eq!((comment.plain_body.as_str(), ticket.tags), (word, vec!["sms".to_owned()]));
    }
    for (status, reopened) in [(TicketStatus::Solved, true), (TicketStatus::Closed, false)] {
        let id = format!("c-{}", status.as_str());
        let (customer, number) = with_ticket(&bridge, &id).await;
        bridge.sandbox.zendesk.set_status(number, status);
        bridge.settled().await;
        say(&bridge, &customer, "INFO").await;
        let last = tickets_of(&bridge, &id).pop().unwrap();
        assert_eq!((last.id == number, bridge.comments(last.id).pop().unwrap()), (reopened, "INFO".to_owned()));
        assert_ne!(last.status, status);
    }
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_custom_keyword_is_a_text_like_any_other() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    say(&bridge, &customer, "SUPPORT").await;
    assert_eq!(bridge.comments(ticket_of(&bridge, "c1").id), ["SUPPORT"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_second_line_is_a_conversation_of_its_own() {
    let bridge = TestBridge::start().await;
    for (line, text) in [("line-1", "one"), ("line-2", "two"), ("line-1", "three"), ("line-2", "four")] {
        let body = json!({"external_id": "c1", "first_name": "Ada", "group": line, "text": text, "channel": "sms"});
        post(&bridge, &body).await;
    }
    let (first, second) = (ticket_of(&bridge, "c1"), ticket_of(&bridge, "c1@line-2"));
    assert_eq!(bridge.comments(first.id), ["one", "three"]);
    assert_eq!(bridge.comments(second.id), ["two", "four"]);
    assert_eq!(first.requester_id, second.requester_id, "one person, two conversations");
    let lines: BTreeMap<String, String> = bridge
        .conversations()
        .await
        .iter()
        .map(|known| (known["key"].as_str().unwrap().into(), known["line"].as_str().unwrap().into()))
        .collect();
    assert_eq!(lines, [("c1", "line-1"), ("c1@line-2", "line-2")].map(|(k, l)| (k.into(), l.into())).into());
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_campaign_whose_group_is_filled_in_later_opens_no_second_ticket() {
    let bridge = TestBridge::start().await;
    for (line, text) in [("GROUP_ID", "one"), ("line-1", "two"), ("GROUP_ID", "three"), ("LINE-1", "four")] {
        let body = json!({"external_id": "c1", "first_name": "Ada", "group": line, "text": text, "channel": "sms"});
        post(&bridge, &body).await;
    }
    assert_eq!(bridge.comments(ticket_of(&bridge, "c1").id), ["one", "two", "three", "four"]);
    let lines: Vec<Value> = bridge.conversations().await.iter().map(|known| known["line"].clone()).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_customer_known_by_braze_id_only_has_a_conversation_too() {
    let bridge = TestBridge::start().await;
    let profile = Profile { phone: Some("+15555550177".into()), ..Profile::default() };
    let customer = bridge.sandbox.braze.add_profile(profile);
    say(&bridge, &customer, "first").await;
    say(&bridge, &customer, "second").await;
    let ticket = ticket_of(&bridge, &customer);
    assert_eq!(bridge.comments(ticket.id), ["first", "second"]);
    let requester = user(&bridge, ticket.requester_id);
    let name = format!("braze:{customer}");
    assert_eq!(requester.external_id, Some(name), "not taken for an external id of Braze");
    assert!(requester.user_fields.is_empty(), "{:?}", requester.user_fields);
    assert_eq!(requester.name, "+15555550177");
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_customer_who_gets_an_external_id_keeps_the_conversation() {
    let bridge = TestBridge::start().await;
    post(&bridge, &json!({"braze_id": "b1", "phone": "+15555550177", "text": "first"})).await;
    post(&bridge, &json!({"braze_id": "b1", "external_id": "c1", "phone": "+15555550177", "text": "second"})).await;
    post(&bridge, &json!({"external_id": "c1", "text": "third"})).await;
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1);
    assert_eq!(bridge.comments(ticket_of(&bridge, "b1").id), ["first", "second", "third"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_bridge_that_lost_its_store_finds_its_open_tickets_again() {
    let mut bridge = TestBridge::start().await;
    let (customer, number) = with_ticket(&bridge, "c1").await;
    post(&bridge, &json!({"external_id": "c1", "group": "other", "text": "on the other line"})).await;
    bridge.stop().await;
    std::fs::remove_dir_all(bridge.directory.path().join("store")).unwrap();
    bridge.run().await;
    assert!(bridge.conversations().await.is_empty(), "nothing is remembered");

    say(&bridge, &customer, "second").await;
    assert_eq!(bridge.comments(number), ["first", "second"]);
    assert_eq!(ticket_of(&bridge, "c1").status, TicketStatus::Open);
    // The agent's reply finds its way as well.
    bridge.sandbox.zendesk.agent_reply(number, "<p>Here I am.</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Here I am."]);
    end(bridge, 0).await;
}
