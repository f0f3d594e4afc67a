//! The author of a text: finding the customer among Zendesk's users, filling blanks, and making a new user.

use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{Role, User};

use crate::inbound::{end, post, ticket_of, tickets_of, user};
use crate::support::{DEADLINE, TestBridge};

const PHONE: &str = "+15555550123";
const EMAIL: &str = "ada@example.com";

/// A text from a customer whose Braze profile is complete.
fn from_ada(text: &str) -> Value {
    json!({"external_id": "c1", "braze_id": "b1", "phone": PHONE, "email": EMAIL, "first_name": "Ada",
        "last_name": "Lovelace", "text": text})
}

async fn matching(order: &str) -> TestBridge {
    TestBridge::start_in(SandboxOptions::default(), "", "", &format!("requester_match = {order}")).await
}

fn named(name: &str) -> User {
    User { name: name.to_owned(), ..User::default() }
}

fn field(value: &str) -> serde_json::Map<String, Value> {
    json!({ "braze_external_id": value }).as_object().unwrap().clone()
}

/// One user for each way of being found.
fn users() -> [(&'static str, User); 4] {
    [
        ("external_id", User { external_id: Some("c1".into()), ..named("By external id") }),
        ("user_field", User { user_fields: field("c1"), ..named("By user field") }),
        ("email", User { email: Some(EMAIL.into()), ..named("By e-mail") }),
        ("phone", User { phone: Some("+1 (555) 555-0123".into()), ..named("By phone") }),
    ]
}

/// The searches, in order.
fn searches(bridge: &TestBridge) -> Vec<String> {
    let calls = bridge.sandbox.zendesk.calls();
    let searches = calls.iter().filter(|call| call.path == "/api/v2/users/search");
    searches.map(|call| format!("{}={}", call.query[0].0, call.query[0].1)).collect()
}

fn upserts(bridge: &TestBridge) -> Vec<Value> {
    let calls = bridge.sandbox.zendesk.calls();
    calls.into_iter().filter(|call| call.path.ends_with("/create_or_update")).map(|call| call.body).collect()
}

#[tokio::test]
async fn a_customer_is_found_in_each_of_four_ways() {
    for (way, known) in users() {
        let bridge = TestBridge::start().await;
        let known = bridge.sandbox.zendesk.add_user(known);
        let before = bridge.sandbox.zendesk.users().len();
        post(&bridge, &from_ada("hello")).await;
        let ticket = ticket_of(&bridge, "c1");
        assert_eq!(ticket.requester_id, known, "by {way}");
        assert_eq!(ticket.comments[0].author_id, known, "by {way}");
        assert_eq!(bridge.sandbox.zendesk.users().len(), before, "by {way}, nobody is made");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn the_first_way_that_finds_somebody_wins_in_the_configured_order() {
    for (order, winner) in [
        (r#"["external_id", "user_field", "email", "phone"]"#, "By external id"),
        (r#"["user_field", "email", "phone", "external_id"]"#, "By user field"),
        (r#"["email", "phone", "external_id", "user_field"]"#, "By e-mail"),
        (r#"["phone", "external_id"]"#, "By phone"),
    ] {
        let bridge = matching(order).await;
        let known = users().map(|(_, user)| bridge.sandbox.zendesk.add_user(user));
        post(&bridge, &from_ada("hello")).await;
        let found = ticket_of(&bridge, "c1").requester_id;
        assert!(known.contains(&found), "{order}");
        assert_eq!(user(&bridge, found).name, winner, "{order}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_stranger_is_looked_for_in_the_configured_ways_and_no_other() {
    let by = [
        ("external_id", "external_id=c1".to_owned()),
        ("user_field", r#"query=braze_external_id:"c1""#.to_owned()),
        ("email", format!("query=email:\"{EMAIL}\"")),
        ("phone", "query=role:end-user phone:*15555550123".to_owned()),
    ];
    for order in [vec![0, 1, 2, 3], vec![3, 0], vec![2], vec![1, 3, 2]] {
        let names: Vec<&str> = order.iter().map(|way: &usize| by[*way].0).collect();
        let bridge = matching(&format!("{names:?}")).await;
        post(&bridge, &from_ada("hello")).await;
        let mut expected: Vec<String> = order.iter().map(|way| by[*way].1.clone()).collect();
        // No customer is saved under an id that one of the staff may have.
        expected.extend((!order.contains(&0)).then(|| by[0].1.clone()));
        assert_eq!(searches(&bridge), expected, "{names:?}");
        assert_eq!(upserts(&bridge).len(), 1, "then the customer is made a user");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn what_is_not_known_of_a_customer_is_not_searched_for() {
    let bridge = TestBridge::start().await;
    post(&bridge, &json!({"external_id": "c1", "text": "hello"})).await;
    assert_eq!(searches(&bridge), ["external_id=c1", r#"query=braze_external_id:"c1""#]);
    // A user that was found or made is remembered.
    post(&bridge, &json!({"external_id": "c1", "text": "again"})).await;
    assert_eq!((searches(&bridge).len(), upserts(&bridge).len()), (2, 1));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_phone_says_who_somebody_is_only_when_one_end_user_has_it() {
    let with_phone = |name: &str, role| User { phone: Some(PHONE.into()), role, ..named(name) };
    for (people, found) in [
        (vec![with_phone("Ada", Role::EndUser), with_phone("Her mother", Role::EndUser)], false),
        (vec![with_phone("An agent", Role::Agent)], false),
        (vec![with_phone("An agent", Role::Agent), with_phone("Ada", Role::EndUser)], true),
        (vec![User { phone: Some("+445555550123".into()), ..named("Same ending") }], false),
    ] {
        let bridge = TestBridge::start().await;
        let ids: Vec<u64> = people.iter().map(|user| bridge.sandbox.zendesk.add_user(user.clone())).collect();
        let before = bridge.sandbox.zendesk.users();
        post(&bridge, &from_ada("hello")).await;
        let requester = ticket_of(&bridge, "c1").requester_id;
        assert_eq!(ids.contains(&requester), found, "{people:?}");
        assert_ne!(user(&bridge, requester).role, Role::Agent, "nobody writes in an agent's name");
        assert_eq!(bridge.sandbox.zendesk.users()[..before.len()], before, "nobody else is touched");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn blanks_are_filled() {
    let bridge = TestBridge::start().await;
    let blank = bridge.sandbox.zendesk.add_user(User { email: Some(EMAIL.into()), ..named("A. L.") });
    post(&bridge, &from_ada("hello")).await;
    bridge.until("the blanks are filled", |bridge| user(bridge, blank).external_id.is_some()).await;
    let filled = user(&bridge, blank);
    assert_eq!(filled.external_id.as_deref(), Some("c1"));
    assert_eq!(filled.phone.as_deref(), Some(PHONE));
    assert_eq!(filled.user_fields, field("c1"));
    assert_eq!((filled.name.as_str(), filled.email.as_deref()), ("A. L.", Some(EMAIL)), "what was there stays");

    let by_id = bridge.sandbox.zendesk.add_user(User { external_id: Some("c2".into()), ..named("C. B.") });
    post(&bridge, &json!({"external_id": "c2", "email": "charles@example.com", "first_name": "Charles", "text": "hi"}))
        .await;
    bridge.until("the address", |bridge| user(bridge, by_id).email.is_some()).await;
    let filled = user(&bridge, by_id);
    assert_eq!((filled.email.as_deref(), filled.name.as_str()), (Some("charles@example.com"), "C. B."));
    assert_eq!(filled.user_fields, field("c2"));
    end(bridge, 0).await;
}

/// Zendesk saves a user a second for us, and this second does not pass.
#[tokio::test]
async fn no_text_waits_until_a_blank_is_filled() {
    let bridge = TestBridge::start().await;
    let ids: Vec<String> = (0..6).map(|number| format!("known-{number}")).collect();
    for id in &ids {
        let _user_id = bridge.sandbox.zendesk.add_user(User { external_id: Some(id.clone()), ..named(id) });
        bridge.sandbox.phone.text(&bridge.customer(id), "Hello");
    }
    let written = || ids.iter().all(|id| tickets_of(&bridge, id).iter().any(|ticket| ticket.comments.len() == 1));
    assert!(bridge.sandbox.wait_until(DEADLINE, written).await, "a text waits for somebody's blanks");
    let filled =
        |bridge: &TestBridge| bridge.sandbox.zendesk.users().iter().filter(|user| user.phone.is_some()).count();
    assert!(filled(&bridge) < ids.len(), "so many cannot be saved in no time");
    bridge.until("all blanks are filled", |bridge| filled(bridge) == ids.len()).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let full = User {
        external_id: Some("c1".into()),
        email: Some("work@example.com".into()),
        phone: Some("+15555559999".into()),
        user_fields: field("something else"),
        ..named("Countess of Lovelace")
    };
    // Without an external id or an address Zendesk has no way to say who is meant: left as they are.
    let nameless = User { phone: Some(PHONE.into()), ..named("Whoever") };
    for known in [full, nameless] {
        let bridge = TestBridge::start().await;
        let known = bridge.sandbox.zendesk.add_user(known);
        let before = user(&bridge, known);
        post(&bridge, &from_ada("hello")).await;
        assert_eq!(ticket_of(&bridge, "c1").requester_id, known);
        assert_eq!(user(&bridge, known), before);
        assert_eq!(upserts(&bridge), [] as [Value; 0]);
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_blank_that_somebody_else_fills_already_does_not_hold_the_text_up() {
    let bridge = TestBridge::start().await;
    let other = User { email: Some(EMAIL.into()), ..named("Shares the address") };
    let other = bridge.sandbox.zendesk.add_user(other);
    let known = bridge.sandbox.zendesk.add_user(User { external_id: Some("c1".into()), ..named("Ada") });
    post(&bridge, &from_ada("hello")).await;
    assert_eq!(ticket_of(&bridge, "c1").requester_id, known);
    assert_eq!(user(&bridge, other).external_id, None, "and takes nothing from them");
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_new_user_gets_everything_that_is_known() {
    let bridge = TestBridge::start().await;
    post(&bridge, &from_ada("hello")).await;
    let made = ticket_of(&bridge, "c1").requester_id;
    bridge.until("the address", |bridge| user(bridge, made).email.is_some()).await;
    let made = user(&bridge, made);
    assert_eq!(made.name, "Ada Lovelace");
    assert_eq!(made.external_id.as_deref(), Some("c1"));
    assert_eq!((made.phone.as_deref(), made.email.as_deref()), (Some(PHONE), Some(EMAIL)));
    assert_eq!((made.user_fields, made.role), (field("c1"), Role::EndUser));
    let [upsert] = upserts(&bridge).try_into().unwrap();
    assert_eq!(upsert["user"]["skip_verify_email"], true, "no mail goes out to somebody who sent a text");
    assert!(upsert["user"].get("email").is_none(), "Zendesk would take the user with that address for the customer");
    let calls = bridge.sandbox.zendesk.calls();
    let added = calls.iter().find(|call| call.path.ends_with("/identities")).unwrap();
    let identity = json!({"type": "email", "value": EMAIL, "skip_verify_email": true});
    assert_eq!(added.body, json!({ "identity": identity }));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_new_user_has_a_name_whatever_is_missing() {
    let bridge = TestBridge::start().await;
    for (body, name) in [
        (json!({"external_id": "1", "first_name": "Ada", "phone": PHONE}), "Ada"),
        (json!({"external_id": "2", "last_name": "Lovelace", "phone": "+15555550002"}), "Lovelace"),
        (json!({"external_id": "3", "first_name": " ", "last_name": "", "phone": "+15555550003"}), "+15555550003"),
        (json!({"external_id": "4", "email": "four@example.com"}), "four@example.com"),
        (json!({"external_id": "5"}), "Customer 5"),
    ] {
        let mut body = body;
        body["text"] = "hello".into();
        post(&bridge, &body).await;
        let ticket = ticket_of(&bridge, body["external_id"].as_str().unwrap());
        assert_eq!(user(&bridge, ticket.requester_id).name, name, "{body}");
    }
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_user_field_of_another_name_is_searched_and_filled() {
    let options = SandboxOptions::default();
    let bridge = TestBridge::start_in(options, "", "", r#"user_field = "crm_id""#).await;
    let fields = json!({"crm_id": "c1"}).as_object().unwrap().clone();
    let known = bridge.sandbox.zendesk.add_user(User { user_fields: fields, ..named("Ada") });
    post(&bridge, &from_ada("hello")).await;
    assert_eq!(ticket_of(&bridge, "c1").requester_id, known);
    post(&bridge, &json!({"external_id": "c2", "text": "hello"})).await;
    let made = user(&bridge, ticket_of(&bridge, "c2").requester_id);
    assert_eq!(Value::from(made.user_fields), json!({"crm_id": "c2"}));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_suspended_customers_text_is_a_dead_letter_that_says_so() {
    let bridge = TestBridge::start().await;
    let known = bridge.sandbox.zendesk.add_user(User { external_id: Some("c1".into()), ..named("Ada") });
    bridge.sandbox.zendesk.suspend(known);
    post(&bridge, &from_ada("hello")).await;
    assert!(tickets_of(&bridge, "c1").is_empty());
    let [dead] = bridge.deliveries("state=dead").await.try_into().unwrap();
    assert!(dead["cause"].as_str().unwrap().contains("requester"), "{dead}");
    // Other people's texts go on.
    post(&bridge, &json!({"external_id": "c2", "text": "hello"})).await;
    ticket_of(&bridge, "c2");
    end(bridge, 1).await;
}

#[tokio::test]
async fn a_user_who_is_gone_is_looked_for_afresh() {
    let bridge = TestBridge::start().await;
    post(&bridge, &from_ada("first")).await;
    let details = json!({"author": [{"description": "author: is invalid", "error": "InvalidValue"}]});
    let body = json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details});
    let refused = FaultKind::Status { code: 422, headers: vec![], body: body.to_string() };
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets/", refused));
    let searched = searches(&bridge).len();
    post(&bridge, &from_ada("second")).await;
    assert_eq!(bridge.comments(ticket_of(&bridge, "c1").id), ["first", "second"]);
    assert!(searches(&bridge).len() > searched);
    end(bridge, 0).await;
}
