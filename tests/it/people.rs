//! Staff are never taken for customers, nor one customer for another: not by an address, a number or an id that differs
//! in case only.

use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{Role, User};

use crate::inbound::{end, post, say, ticket_of, tickets_of, user};
use crate::support::TestBridge;

const PHONE: &str = "+15555550123";
const EMAIL: &str = "carl@example.com";

fn field(value: &str) -> serde_json::Map<String, Value> {
    json!({ "braze_external_id": value }).as_object().unwrap().clone()
}

/// A customer with an agent's address, number and ids.
fn from_mallory(text: &str) -> Value {
    json!({"external_id": "c1", "phone": PHONE, "email": EMAIL, "first_name": "Mallory", "text": text})
}

/// Staff who share something with the customer, in each way in which users are matched, and all at once.
fn staff() -> Vec<User> {
    let named = User { name: "Carl Colleague".into(), ..User::default() };
    let ways = [
        User { email: Some(EMAIL.into()), ..named.clone() },
        User { phone: Some(PHONE.into()), ..named.clone() },
        User { external_id: Some("c1".into()), ..named.clone() },
        User { external_id: Some("C1".into()), ..named.clone() },
        User { user_fields: field("c1"), ..named.clone() },
        User {
            external_id: Some("c1".into()),
            email: Some(EMAIL.into()),
            phone: Some(PHONE.into()),
            user_fields: field("c1"),
            ..named
        },
    ];
    ways.into_iter().flat_map(|user| [Role::Agent, Role::Admin].map(|role| User { role, ..user.clone() })).collect()
}

#[tokio::test]
async fn no_staff_is_taken_for_a_customer_or_written_to() {
    let ways = [r#"["external_id", "user_field", "email", "phone"]"#, r#"["email", "phone"]"#, r#"["phone"]"#];
    for (index, colleague) in staff().into_iter().enumerate() {
        let ways = ways[index % ways.len()];
        let why = format!("{ways}: {colleague:?}");
        let options = SandboxOptions::default();
        let bridge = TestBridge::start_in(options, "", "", &format!("requester_match = {ways}")).await;
        let colleague = bridge.sandbox.zendesk.add_user(colleague);
        let before = user(&bridge, colleague);
        post(&bridge, &from_mallory("hello")).await;
        let ticket = ticket_of(&bridge, "c1");
        let requester = user(&bridge, ticket.requester_id);
        assert_eq!((requester.role, requester.name.as_str()), (Role::EndUser, "Mallory"), "{why}");
        assert_eq!(ticket.comments[0].author_id, requester.id, "{why}");
        assert_eq!(requester.user_fields, field("c1"), "{why}");
        // The agent answers, and the words reach the phone.
        bridge.sandbox.zendesk.agent_reply(ticket.id, "<p>Hi</p>");
        post(&bridge, &from_mallory("again")).await;
        assert_eq!(bridge.comments(ticket.id), ["hello", "Hi", "again"], "{why}");
        assert_eq!(
            bridge.sandbox.braze.calls().iter().filter(|call| call.path == "/campaigns/trigger/send").count(),
            1
        );
        assert_eq!(user(&bridge, colleague), before, "{why}");
        for call in bridge.sandbox.zendesk.calls() {
            assert!(call.body["user"].get("role").is_none(), "a role that a user may lose: {}", call.body);
        }
        end(bridge, 0).await;
    }
}

/// The search index does not show the agent yet, so only Zendesk itself knows whose the address is.
#[tokio::test]
async fn an_address_that_is_taken_stays_with_its_user() {
    for role in [Role::Agent, Role::EndUser] {
        let bridge = TestBridge::start().await;
        bridge.sandbox.zendesk.set_lag(jiff::SignedDuration::from_mins(5), jiff::SignedDuration::ZERO);
        let carl = User { name: "Carl".into(), email: Some(EMAIL.into()), role, ..User::default() };
        let carl = bridge.sandbox.zendesk.add_user(carl);
        let before = user(&bridge, carl);
        post(&bridge, &from_mallory("hello")).await;
        let asked =
            |bridge: &TestBridge| bridge.sandbox.zendesk.calls().iter().any(|call| call.path.ends_with("/identities"));
        bridge.until("the address was tried", asked).await;
        let requester = user(&bridge, ticket_of(&bridge, "c1").requester_id);
        assert_eq!((requester.name.as_str(), requester.email), ("Mallory", None), "{role:?}");
        assert_eq!(user(&bridge, carl), before, "{role:?}");
        end(bridge, 0).await;
    }
}

/// Zendesk answers the save with another user, although the search found none.
#[tokio::test]
async fn an_answer_that_shows_another_user_is_not_believed() {
    for shown in [
        json!({"id": 17, "name": "Carl", "role": "agent", "external_id": "c1"}),
        json!({"id": 17, "name": "Cary", "role": "end-user", "external_id": "C1"}),
    ] {
        let bridge = TestBridge::start().await;
        let answer = FaultKind::Status { code: 200, headers: vec![], body: json!({ "user": shown }).to_string() };
        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/users/create_or_update", answer));
        post(&bridge, &from_mallory("hello")).await;
        let requester = user(&bridge, ticket_of(&bridge, "c1").requester_id);
        assert_eq!((requester.role, requester.user_fields), (Role::EndUser, field("c1")), "{shown}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn ids_that_differ_in_case_only_are_two_customers() {
    let mut bridge = TestBridge::start().await;
    let twins = ["Cust-AbC", "cust-aBc"];
    for round in ["one", "two", "three"] {
        for (twin, name) in twins.iter().zip(["Ada", "Bob"]) {
            post(&bridge, &json!({"external_id": twin, "first_name": name, "text": format!("{round} by {name}")}))
                .await;
        }
        if round == "two" {
            // The store is lost, and the conversation found again.
            bridge.stop().await;
            std::fs::remove_dir_all(bridge.directory.path().join("store")).unwrap();
            bridge.run().await;
        }
    }
    let users = twins.map(|twin| user(&bridge, ticket_of(&bridge, twin).requester_id));
    for (twin, (name, user)) in twins.iter().zip(["Ada", "Bob"].iter().zip(&users)) {
        let texts = ["one", "two", "three"].map(|round| format!("{round} by {name}"));
        assert_eq!(bridge.comments(ticket_of(&bridge, twin).id), texts);
        assert_eq!((user.name.as_str(), &user.user_fields), (*name, &field(twin)));
    }
    assert_eq!(users[0].external_id.as_deref(), Some(twins[0]));
    let second = users[1].external_id.as_deref().unwrap();
    assert!(second.starts_with("cust-aBc~"), "{second}");
    end(bridge, 0).await;
}

/// Each looks for the other's user before either is made.
#[tokio::test]
async fn customers_whose_ids_differ_in_case_only_may_write_at_the_same_time() {
    let bridge = TestBridge::start().await;
    let post = |id: &str| {
        let body = json!({"external_id": id, "text": format!("by {id}")}).to_string();
        bridge
            .as_braze(reqwest::Method::POST, "/webhooks/braze", &body)
            .header("Content-Type", "application/json")
            .send()
    };
    // One user a second is saved: after this one, each of the others has looked for its id before any is a user.
    assert_eq!(post("c0").await.unwrap().status(), 202);
    bridge.until("it is a user", |bridge| !tickets_of(bridge, "c0").is_empty()).await;
    let ids = ["twin-a", "Twin-a", "tWin-a", "twIn-a"];
    let answers = tokio::join!(post(ids[0]), post(ids[1]), post(ids[2]), post(ids[3]));
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!(answer.unwrap().status(), 202);
    }
    bridge.settled().await;
    for id in ids {
        let ticket = ticket_of(&bridge, id);
        assert_eq!(user(&bridge, ticket.requester_id).user_fields, field(id));
        assert_eq!(bridge.comments(ticket.id), [format!("by {id}")]);
    }
    end(bridge, 0).await;
}

#[tokio::test]
async fn two_customers_who_share_a_phone_are_two_users() {
    let bridge = TestBridge::start().await;
    for (id, name) in [("c1", "Ada"), ("c2", "Her mother")] {
        post(&bridge, &json!({"external_id": id, "phone": PHONE, "first_name": name, "text": format!("by {name}")}))
            .await;
    }
    let users = ["c1", "c2"].map(|id| user(&bridge, ticket_of(&bridge, id).requester_id));
    assert_ne!(users[0].id, users[1].id);
    assert_eq!([&users[0].name, &users[1].name], ["Ada", "Her mother"]);
    end(bridge, 0).await;
}

/// An external id of the brand's own does not speak against a shared address, unless it is another Braze customer's.
#[tokio::test]
async fn a_user_whom_the_brand_calls_otherwise_is_found_by_address_unless_that_name_is_another_customers() {
    for (known, found) in [(false, true), (true, false)] {
        let bridge = TestBridge::start().await;
        if known {
            say(&bridge, &bridge.customer("crm-7"), "by the other").await;
        } else {
            let named = User { name: "Ada".into(), external_id: Some("crm-7".into()), ..User::default() };
            let _user_id = bridge.sandbox.zendesk.add_user(named);
        }
        let seven =
            bridge.sandbox.zendesk.users().into_iter().find(|user| user.external_id.as_deref() == Some("crm-7"));
        let seven = seven.unwrap().id;
        bridge.sandbox.zendesk.change_user(seven, |user| {
            (user.email, user.user_fields) = (Some(EMAIL.into()), serde_json::Map::new());
        });
        post(&bridge, &from_mallory("hello")).await;
        assert_eq!(ticket_of(&bridge, "c1").requester_id == seven, found, "known: {known}");
        end(bridge, 0).await;
    }
}

/// Calls for one text, without the token's.
async fn calls_for(bridge: &TestBridge, customer: &str, text: &str) -> Vec<String> {
    let before = bridge.sandbox.zendesk.calls().len();
    say(bridge, customer, text).await;
    let calls = bridge.sandbox.zendesk.calls();
    let calls = calls.iter().skip(before).filter(|call| call.path != "/oauth/tokens");
    calls.map(|call| format!("{} {}", call.method, call.path)).collect()
}

#[tokio::test]
async fn a_first_text_costs_five_calls_a_further_one_one_and_a_follow_up_three() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    let search = "GET /api/v2/users/search";
    let first = [search, search, search, "POST /api/v2/users/create_or_update", "POST /api/v2/tickets"];
    assert_eq!(calls_for(&bridge, &customer, "first").await, first);
    let number = ticket_of(&bridge, "c1").id;
    assert_eq!(calls_for(&bridge, &customer, "second").await, [format!("PUT /api/v2/tickets/{number}")]);
    bridge.sandbox.zendesk.set_status(number, tandem::sandbox::zendesk::TicketStatus::Closed);
    let follow_up = calls_for(&bridge, &customer, "third").await;
    assert_eq!(follow_up, [&format!("PUT /api/v2/tickets/{number}"), "GET /api/v2/tickets", "POST /api/v2/tickets"]);
    end(bridge, 0).await;
}
