//! The API over real HTTP.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::tests::{Caller, DEADLINE, clock, sandbox, zendesk_basic};
use super::*;

async fn start() -> (Clock, Sandbox, Caller) {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let caller = Caller::new(sandbox.zendesk.url(), &zendesk_basic());
    (clock, sandbox, caller)
}

fn ticket(text: &str) -> Value {
    json!({"ticket": {"comment": {"html_body": text, "public": true}, "tags": ["sms"], "external_id": "key"}})
}

#[tokio::test]
async fn tokens_expire_and_their_life_is_told_only_when_asked_for() {
    let (clock, sandbox, mut caller) = start().await;
    let options = SandboxOptions::default();
    let mut request = json!({"grant_type": "client_credentials", "client_id": options.zendesk_client_id,
        "client_secret": options.zendesk_client_secret, "scope": "read write"});
    assert_eq!(caller.post("/oauth/tokens", request.clone()).await.body["expires_in"], Value::Null);
    for (seconds, status) in [(300, 400), (301, 200), (172_800, 400)] {
        request["expires_in"] = seconds.into();
        assert_eq!(caller.post("/oauth/tokens", request.clone()).await.status, status, "{seconds}");
    }
    request["expires_in"] = 600.into();
    let answer = caller.post("/oauth/tokens", request.clone()).await;
    assert_eq!(answer.body["expires_in"], 600);
    caller.authorization = format!("Bearer {}", answer.body["access_token"].as_str().unwrap());
    clock.advance(SignedDuration::from_secs(599));
    assert_eq!(caller.get("/api/v2/users/me.json").await.body["user"]["id"], sandbox.zendesk.api_user_id());
    clock.advance(SignedDuration::from_secs(1));
    let expired = caller.get("/api/v2/users/me").await;
    assert_eq!((expired.status, expired.body["error"].as_str()), (401, Some("invalid_token")));
    request["client_secret"] = "wrong".into();
    assert_eq!(caller.post("/oauth/tokens", request).await.status, 401);
}

#[tokio::test]
async fn an_agents_link_to_a_ticket_opens_a_page_that_needs_no_token_and_says_nothing_of_what_was_written() {
    let (_clock, sandbox, caller) = start().await;
    let id = caller.post("/api/v2/tickets", ticket("hello")).await.body["ticket"]["id"].as_u64().unwrap();
    for (path, status) in [
        (format!("/agent/tickets/{id}"), 200),
        (format!("/agent/tickets/{}", id + 1), 404),
        ("/agent/tickets/x".to_owned(), 404),
        (format!("/api/v2/tickets/{id}"), 401),
    ] {
        let request = http::Request::get(&path).body(bytes::Bytes::new()).unwrap();
        let answer = sandbox.zendesk.answer(request).await;
        assert_eq!(answer.status(), status, "{path}");
        if status == 200 {
            assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
            let page = String::from_utf8_lossy(answer.body()).into_owned();
            assert!(page.contains(&format!("<h1>Ticket #{id}</h1><p>It is new and has 1 comment.")), "{page}");
            assert!(!page.contains("hello"), "{page}");
        }
    }
}

#[tokio::test]
async fn scopes_are_checked_at_the_call_and_audits_need_the_global_one() {
    let (_clock, sandbox, mut caller) = start().await;
    let id = caller.post("/api/v2/tickets", ticket("hello")).await.body["ticket"]["id"].as_u64().unwrap();
    let options = SandboxOptions::default();
    for (scope, show, audits, update) in [
        ("read write", 200, 200, 200),
        ("read tickets:write", 200, 200, 200),
        ("tickets:read tickets:write", 200, 403, 200),
        ("read", 200, 200, 403),
        ("users:read users:write", 403, 403, 403),
        ("nonsense", 403, 403, 403),
    ] {
        let request = json!({"grant_type": "client_credentials", "client_id": options.zendesk_client_id,
            "client_secret": options.zendesk_client_secret, "scope": scope});
        let answer = caller.post("/oauth/tokens", request).await;
        caller.authorization = format!("Bearer {}", answer.body["access_token"].as_str().unwrap());
        let path = format!("/api/v2/tickets/{id}");
        let seen = (
            caller.get(&path).await.status,
            caller.get(&format!("{path}/audits")).await.status,
            caller.put(&path, json!({"ticket": {}})).await.status,
        );
        assert_eq!(seen, (show, audits, update), "{scope}");
    }
    sandbox.zendesk.revoke_tokens();
    assert_eq!(caller.get("/api/v2/users/me").await.status, 401);
}

#[tokio::test]
async fn wrong_basic_credentials_are_anonymous_at_users_me_and_refused_elsewhere() {
    let (_clock, _sandbox, mut caller) = start().await;
    caller.authorization = "Basic bm9ib2R5Om5vdGhpbmc=".into();
    let me = caller.get("/api/v2/users/me.json").await;
    assert_eq!(
        (me.status, &me.body["user"]["name"], &me.body["user"]["id"]),
        (200, &json!("Anonymous user"), &Value::Null)
    );
    assert_eq!(caller.get("/api/v2/tickets").await.status, 401);
    assert_eq!(caller.post("/api/v2/tickets", ticket("x")).await.status, 401);
}

#[tokio::test]
async fn a_creation_repeated_with_its_key_is_answered_from_memory_for_two_hours() {
    let (clock, sandbox, caller) = start().await;
    let create = |body: Value| {
        let caller = &caller;
        async move { caller.call("POST", "/api/v2/tickets.json", &body, &[("idempotency-key", "evt_1")]).await.unwrap() }
    };
    let first = create(ticket("hello")).await;
    assert_eq!((first.status, first.headers["x-idempotency-lookup"].to_str().unwrap()), (201, "miss"));
    clock.advance(SignedDuration::from_secs(7199));
    let again = create(ticket("hello")).await;
    assert_eq!((again.status, again.headers["x-idempotency-lookup"].to_str().unwrap()), (201, "hit"));
    assert_eq!(again.body, first.body);
    let other = create(ticket("changed")).await;
    assert_eq!((other.status, other.body["error"].as_str()), (400, Some("IdempotentRequestError")));
    assert_eq!(sandbox.zendesk.tickets().len(), 1);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(create(ticket("hello")).await.headers["x-idempotency-lookup"].to_str().unwrap(), "miss");
    assert_eq!(sandbox.zendesk.tickets().len(), 2);
}

#[tokio::test]
async fn a_creation_answers_with_the_comments_id_and_our_metadata() {
    let (_clock, sandbox, caller) = start().await;
    let customer = sandbox.zendesk.add_user(User { name: "Carla".into(), ..User::default() });
    let body = json!({"ticket": {"subject": "Text", "requester_id": customer, "tags": ["SMS", "sms", "two words"],
        "external_id": "key", "metadata": {"tandem": ["evt_1"]}, "unknown_thing": 1,
        "comment": {"html_body": "a<br>b", "public": true, "author_id": customer}}});
    let answer = caller.post("/api/v2/tickets", body).await;
    assert_eq!(answer.status, 201);
    let ticket = sandbox.zendesk.ticket(1).unwrap();
    let events = answer.body["audit"]["events"].as_array().unwrap();
    let comment = events.iter().find(|event| event["type"] == "Comment").unwrap();
    assert_eq!(comment["id"], ticket.comments[0].id);
    assert_eq!(answer.body["audit"]["metadata"]["custom"], json!({"tandem": ["evt_1"]}));
    assert!(answer.body["audit"]["metadata"]["system"].is_object());
    assert_eq!(ticket.tags, ["sms", "two_words"]);
    assert_eq!((ticket.comments[0].author_id, ticket.comments[0].plain_body.as_str()), (customer, "a\nb"));
    assert!(answer.headers["x-zendesk-api-warn"].to_str().unwrap().contains("unknown_thing"));
    assert!(answer.headers["location"].to_str().unwrap().ends_with("/api/v2/tickets/1.json"));
    // The updater is the API's user, although the customer is shown as the author.
    assert_eq!(answer.body["audit"]["author_id"], sandbox.zendesk.api_user_id());
    let audits = caller.get("/api/v2/tickets/1/audits?sort_order=desc").await;
    assert_eq!(audits.body["audits"][0]["metadata"]["custom"]["tandem"][0], "evt_1");
}

#[tokio::test]
async fn what_the_real_api_refuses_is_refused() {
    let (_clock, sandbox, caller) = start().await;
    let suspended = sandbox.zendesk.add_user(User { name: "S".into(), ..User::default() });
    sandbox.zendesk.suspend(suspended);
    for (body, status, says) in [
        (json!({}), 400, "Invalid attribute"),
        (json!({"ticket": {"subject": "no comment"}}), 422, "Description: cannot be blank"),
        (json!({"ticket": {"comment": {"html_body": "<p> </p>"}}}), 422, "Description: cannot be blank"),
        (json!({"ticket": {"comment": {"body": "x"}, "requester_id": 5}}), 422, "requester"),
        (json!({"ticket": {"comment": {"body": "x"}, "requester": {"name": " "}}}), 422, "Name: is too short"),
        (json!({"ticket": {"comment": {"body": "x", "author_id": 5}}}), 422, "author"),
        (json!({"ticket": {"comment": {"body": "x"}, "status": "done"}}), 422, "Status"),
        (json!({"ticket": {"comment": {"body": "x", "uploads": ["nope"]}}}), 422, "token is invalid"),
        (json!({"ticket": {"comment": {"body": "x"}, "requester_id": suspended}}), 422, "suspended"),
    ] {
        let answer = caller.post("/api/v2/tickets", body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.to_string().contains(says), "{body}: {}", answer.body);
    }
    assert!(sandbox.zendesk.tickets().is_empty());
    for path in ["/api/v2/nothing", "/api/v2/tickets/x", "/nothing", "/api/v2/tickets/1/nothing"] {
        assert_eq!(caller.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn closed_merged_and_deleted_tickets_take_no_update() {
    let (_clock, sandbox, caller) = start().await;
    for _ in 0..3 {
        caller.post("/api/v2/tickets", ticket("hello")).await;
    }
    let comment = json!({"ticket": {"comment": {"body": "more"}}});
    sandbox.zendesk.set_status(1, TicketStatus::Closed);
    sandbox.zendesk.merge(2, 3);
    for id in [1, 2] {
        let refused = caller.put(&format!("/api/v2/tickets/{id}"), comment.clone()).await;
        assert_eq!(refused.status, 422);
        let detail = &refused.body["details"]["status"][0]["description"];
        assert_eq!(detail, "Status: closed prevents ticket update");
    }
    assert!(sandbox.zendesk.ticket(2).unwrap().tags.contains(&"closed_by_merge".to_owned()));
    sandbox.zendesk.delete(3);
    for id in [3, 99] {
        let missing = caller.put(&format!("/api/v2/tickets/{id}.json"), comment.clone()).await;
        assert_eq!((missing.status, missing.body["error"].as_str()), (404, Some("RecordNotFound")));
    }
    let listed = caller.get("/api/v2/tickets.json?external_id=key").await;
    assert_eq!(listed.body["count"], 2);
}

#[tokio::test]
async fn only_a_closed_ticket_can_be_followed_up() {
    let (_clock, sandbox, caller) = start().await;
    caller.post("/api/v2/tickets", ticket("hello")).await;
    let customer = sandbox.zendesk.add_user(User { name: "Carla".into(), ..User::default() });
    let follow = json!({"ticket": {"comment": {"body": "again"}, "requester_id": customer, "submitter_id": customer,
        "via_followup_source_id": 1}});
    caller.post("/api/v2/tickets", follow.clone()).await;
    sandbox.zendesk.set_status(1, TicketStatus::Closed);
    caller.post("/api/v2/tickets", follow).await;
    let (no_effect, follows) = (sandbox.zendesk.ticket(2).unwrap(), sandbox.zendesk.ticket(3).unwrap());
    assert_eq!((no_effect.followup_source_id, no_effect.tags.len()), (None, 0));
    assert_eq!(no_effect.comments[0].author_id, customer);
    assert_eq!((follows.followup_source_id, follows.tags), (Some(1), vec!["sms".to_owned()]));
    // A follow-up ignores the submitter.
    assert_eq!(follows.comments[0].author_id, sandbox.zendesk.api_user_id());
    assert_eq!(sandbox.zendesk.ticket(1).unwrap().followup_ids, [3]);
}

#[tokio::test]
async fn an_update_appends_replaces_tags_and_respects_safe_update() {
    let (clock, sandbox, caller) = start().await;
    let created = caller.post("/api/v2/tickets", ticket("hello")).await;
    let stamp = created.body["ticket"]["updated_at"].clone();
    clock.advance(SignedDuration::from_secs(5));
    let update = json!({"ticket": {"status": "open", "tags": ["other"], "comment": {"body": "{{ticket.id}}  x\n\n\ny"},
        "safe_update": true, "updated_stamp": stamp}});
    let first = caller.put("/api/v2/tickets/1", update.clone()).await;
    assert_eq!((first.status, &first.body["ticket"]["status"]), (200, &json!("open")));
    let stale = caller.put("/api/v2/tickets/1", update).await;
    assert_eq!((stale.status, stale.body["error"].as_str()), (409, Some("UpdateConflict")));
    let ticket = sandbox.zendesk.ticket(1).unwrap();
    assert_eq!(ticket.tags, ["other"]);
    assert_eq!(ticket.comments[1].plain_body, "1 x\ny");
    assert_eq!(ticket.comments[1].author_id, sandbox.zendesk.api_user_id());
    assert!(ticket.comments[1].public, "what the ticket was created with stays the default");
    let late = caller.put("/api/v2/tickets/1", json!({"ticket": {"via_followup_source_id": 9}})).await;
    assert!(late.headers["x-zendesk-api-warn"].to_str().unwrap().contains("via_followup_source_id"));
}

#[tokio::test]
async fn comments_come_oldest_first_and_by_cursor_newest_first() {
    let (_clock, sandbox, caller) = start().await;
    caller.post("/api/v2/tickets", ticket("0")).await;
    for n in 1..5 {
        sandbox.zendesk.agent_reply(1, &n.to_string());
    }
    let bodies = |body: &Value| -> Vec<String> {
        let comments = body["comments"].as_array().unwrap();
        comments.iter().map(|comment| comment["plain_body"].as_str().unwrap().to_owned()).collect()
    };
    let path = "/api/v2/tickets/1/comments";
    let all = caller.get(&format!("{path}.json?include=users&sort=-created_at")).await;
    assert_eq!(bodies(&all.body), ["0", "1", "2", "3", "4"], "`sort` alone is ignored");
    assert_eq!(all.body["users"].as_array().unwrap().len(), 2);
    assert_eq!(bodies(&caller.get(&format!("{path}?sort_order=desc&per_page=2")).await.body), ["4", "3"]);
    let mut seen = Vec::new();
    let mut next = format!("{path}?sort=-created_at&page%5Bsize%5D=2");
    loop {
        let page = caller.get(&next).await.body;
        seen.extend(bodies(&page));
        if page["meta"]["has_more"] == false {
            break;
        }
        next = page["links"]["next"].as_str().unwrap().strip_prefix(sandbox.zendesk.url()).unwrap().to_owned();
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    assert_eq!(caller.get(&format!("{path}?page[size]=101")).await.status, 400);
    assert_eq!(caller.get(&format!("{path}?page[size]=1&page[after]=junk")).await.status, 400);
}

#[tokio::test]
async fn users_are_matched_by_email_or_external_id_and_never_by_phone() {
    let (clock, sandbox, caller) = start().await;
    let upsert = |user: Value| {
        let caller = &caller;
        async move { caller.post("/api/v2/users/create_or_update", json!({"user": user})).await }
    };
    let made = upsert(json!({"name": "Ann", "external_id": "A1", "phone": "+15550100001"})).await;
    assert_eq!(made.status, 201);
    let same =
        upsert(json!({"name": "Anne", "external_id": "a1", "email": "ann@x.invalid", "phone": "+15550100002"})).await;
    assert_eq!((same.status, &same.body["user"]["id"]), (200, &made.body["user"]["id"]));
    assert_eq!(same.body["user"]["phone"], "+15550100001", "a second number is added, the first stays");
    let other = upsert(json!({"name": "Bob", "phone": "+15550100001"})).await;
    assert_eq!((other.status, &other.body["user"]["shared_phone_number"]), (201, &json!(true)));
    let short = upsert(json!({"name": " ", "external_id": "new"})).await;
    assert_eq!((short.status, &short.body["details"]["name"][0]["error"]), (422, &json!("ValueTooShort")));
    upsert(json!({"name": "Cid", "external_id": "c"})).await;
    assert_eq!(upsert(json!({"external_id": "c", "email": "ann@x.invalid"})).await.status, 422);

    let found =
        async |query: &str| caller.get(&format!("/api/v2/users/search.json?{query}")).await.body["count"].clone();
    assert_eq!(found("external_id=A1").await, 1);
    assert_eq!(found("query=role:end-user+phone:*5550100002").await, 1);
    assert_eq!(found("query=role:end-user+phone:*5550100001").await, 2);
    assert_eq!(found("query=role:agent+phone:*5550100001").await, 0);
    sandbox.zendesk.set_lag(SignedDuration::from_mins(2), SignedDuration::ZERO);
    assert_eq!(found("query=email:ann@x.invalid").await, 0);
    assert_eq!(found("external_id=A1").await, 1);
    clock.advance(SignedDuration::from_mins(2));
    assert_eq!(found("query=email:ann@x.invalid").await, 1);
    let field = json!({"name": "Dee", "external_id": "d", "user_fields": {"braze_external_id": "d 1"}});
    upsert(field).await;
    clock.advance(SignedDuration::from_mins(2));
    assert_eq!(found("query=braze_external_id:%22d+1%22").await, 1);
}

#[tokio::test]
async fn search_says_what_each_result_is_and_finds_users_as_well() {
    let (_clock, _sandbox, caller) = start().await;
    let described = json!({"ticket": {"subject": "s", "description": "from a description", "tags": ["sms"]}});
    let made = caller.post("/api/v2/tickets", described).await;
    assert_eq!((made.status, &made.body["ticket"]["description"]), (201, &json!("from a description")));
    caller.post("/api/v2/users/create_or_update", json!({"user": {"name": "Ann", "email": "ann@x.invalid"}})).await;
    for (query, kind, name) in
        [("type:ticket+tags:sms", "ticket", "subject"), ("type:user+email:ann@x.invalid", "user", "email")]
    {
        let found = caller.get(&format!("/api/v2/search?query={query}")).await.body;
        assert_eq!((&found["count"], &found["results"][0]["result_type"]), (&json!(1), &json!(kind)), "{query}");
        assert!(found["results"][0][name].is_string(), "{query}: {found}");
    }
    assert_eq!(caller.get("/api/v2/search?query=type:user+email:bob@x.invalid").await.body["count"], 0);
}

#[tokio::test]
async fn uploads_become_attachments_once_and_within_the_hour() {
    let (clock, sandbox, caller) = start().await;
    let upload = async || {
        let answer = caller.call("POST", "/api/v2/uploads.json?filename=cat.png", &json!("bytes"), &[]).await.unwrap();
        assert_eq!(answer.status, 201);
        answer.body["upload"]["token"].as_str().unwrap().to_owned()
    };
    let with = |token: &str| json!({"ticket": {"comment": {"body": "see", "uploads": [token]}}});
    let token = upload().await;
    assert_eq!(caller.post("/api/v2/tickets", with(&token)).await.status, 201);
    assert_eq!(caller.post("/api/v2/tickets", with(&token)).await.status, 422);
    let token = upload().await;
    clock.advance(SignedDuration::from_mins(60));
    assert_eq!(caller.post("/api/v2/tickets", with(&token)).await.status, 422);
    let attachment = sandbox.zendesk.ticket(1).unwrap().comments[0].attachments[0].clone();
    assert_eq!((attachment.file_name.as_str(), attachment.size), ("cat.png", 7));
    let link = attachment.content_url.strip_prefix(sandbox.zendesk.url()).unwrap();
    assert_eq!(Caller::new(sandbox.zendesk.url(), "").get(link).await.body, "bytes");
    assert_eq!(caller.call("POST", "/api/v2/uploads", &json!("x"), &[]).await.unwrap().status, 422);
    let id = sandbox.zendesk.agent_reply_with_attachment(1, "here", "a.txt", "text/plain", b"hi");
    let comments = caller.get("/api/v2/tickets/1/comments").await.body;
    assert_eq!(comments["comments"][1]["id"], id);
    assert_eq!(comments["comments"][1]["attachments"][0]["file_name"], "a.txt");
}

#[tokio::test]
async fn limits_are_told_in_both_spellings_and_enforced_when_asked() {
    let (clock, sandbox, caller) = start().await;
    let first = caller.post("/api/v2/tickets", ticket("hello")).await;
    assert_eq!(first.headers["ratelimit-remaining"], "699");
    sandbox.zendesk.spell_headers(HeaderSpelling::Hyphenated);
    sandbox.zendesk.enforce_limits(true);
    let update = json!({"ticket": {"priority": "high"}});
    let mut last = caller.put("/api/v2/tickets/1.json", update.clone()).await;
    assert_eq!(last.headers["rate-limit"], "700");
    assert_eq!(last.headers["zendesk-rate-limit-tickets-update"], "total=100; remaining=99; resets=60");
    for _ in 1..30 {
        last = caller.put("/api/v2/tickets/1", update.clone()).await;
    }
    assert_eq!(last.status, 200);
    let refused = caller.put("/api/v2/tickets/1", update.clone()).await;
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (429, "600"));
    clock.advance(SignedDuration::from_mins(10));
    assert_eq!(caller.put("/api/v2/tickets/1", update).await.status, 200);
    let user = json!({"user": {"name": "Ann", "external_id": "a"}});
    assert_eq!(caller.post("/api/v2/users/create_or_update", user.clone()).await.status, 201);
    assert_eq!(caller.post("/api/v2/users/create_or_update", user.clone()).await.status, 429);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(caller.post("/api/v2/users/create_or_update", user).await.status, 200);
}

#[tokio::test]
async fn a_fresh_ticket_may_be_missing_from_the_list_but_not_by_number() {
    let (clock, sandbox, caller) = start().await;
    sandbox.zendesk.set_lag(SignedDuration::ZERO, SignedDuration::from_mins(1));
    caller.post("/api/v2/tickets", ticket("hello")).await;
    assert_eq!(caller.get("/api/v2/tickets?external_id=key").await.body["count"], 0);
    assert_eq!(caller.get("/api/v2/tickets/1?include=users").await.body["users"].as_array().unwrap().len(), 1);
    clock.advance(SignedDuration::from_mins(1));
    assert_eq!(caller.get("/api/v2/tickets?external_id=key").await.body["count"], 1);
    assert_eq!(caller.get("/api/v2/tickets?external_id=ke").await.body["count"], 0);
}

#[tokio::test]
async fn several_tickets_are_read_at_once() {
    let (_clock, sandbox, caller) = start().await;
    for text in ["one", "two", "three"] {
        caller.post("/api/v2/tickets", ticket(text)).await;
    }
    sandbox.zendesk.delete(2);
    let found = caller.get("/api/v2/tickets/show_many.json?ids=3,2,1,99").await.body;
    let ids: Vec<&Value> = found["tickets"].as_array().unwrap().iter().map(|ticket| &ticket["id"]).collect();
    assert_eq!((ids, &found["count"]), (vec![&json!(3), &json!(1)], &json!(2)));
    let many: Vec<String> = (1..=101).map(|id: u64| id.to_string()).collect();
    assert_eq!(caller.get(&format!("/api/v2/tickets/show_many?ids={}", many.join(","))).await.status, 400);
}

#[tokio::test]
async fn the_log_of_the_webhook_has_the_recorded_shape() {
    let (clock, sandbox, caller) = start().await;
    assert_eq!(caller.get("/api/v2/webhooks").await.body["webhooks"], json!([]), "nobody is connected");
    // No server listens there.
    sandbox.connect("http://127.0.0.1:9");
    let webhook = caller.get("/api/v2/webhooks").await.body["webhooks"][0].clone();
    assert_eq!(webhook["endpoint"], "http://127.0.0.1:9/webhooks/zendesk");
    let here = format!("/api/v2/webhooks/{}", webhook["id"].as_str().unwrap());
    assert_eq!(caller.get(&here).await.body["webhook"], webhook);
    caller.post("/api/v2/tickets", ticket("hello")).await;
    let began = clock.now();
    let logged = |count| sandbox.zendesk.is_idle() && sandbox.zendesk.webhooks_delivered().len() == count;
    sandbox.zendesk.agent_reply(1, "refused");
    assert!(sandbox.wait_until(DEADLINE, || logged(1)).await);
    clock.advance(SignedDuration::from_mins(1));
    sandbox.zendesk.open_circuit(true);
    sandbox.zendesk.agent_reply(1, "dropped");
    assert!(sandbox.wait_until(DEADLINE, || logged(2)).await);
    let log = sandbox.zendesk.webhooks_delivered();
    let (refused, dropped) = (log[0].id.as_str(), log[1].id.as_str());
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let page = caller.get(&format!("{here}/invocations?page[size]=1")).await.body;
    let newest = json!({"id": dropped, "status": "circuit broken", "latest_completed_at": second(log[1].at)});
    assert_eq!((&page["invocations"], &page["meta"]["has_more"]), (&json!([newest]), &json!(true)));
    let next = page["meta"]["after_cursor"].as_str().unwrap();
    let page = caller.get(&format!("{here}/invocations?page[size]=1&page[after]={next}")).await.body;
    let older =
        json!({"id": refused, "status": "terminated", "status_code": 502, "latest_completed_at": second(log[0].at)});
    assert_eq!((&page["invocations"], &page["meta"]["has_more"]), (&json!([older]), &json!(false)));
    for (filter, count) in [
        (format!("filter[from_ts]={}", second(clock.now())), 1),
        (format!("filter[to_ts]={}", second(began)), 1),
        ("filter[status]=terminated".to_owned(), 1),
        ("filter[status]=success".to_owned(), 0),
    ] {
        let found = caller.get(&format!("{here}/invocations?{filter}")).await.body;
        assert_eq!(found["invocations"].as_array().unwrap().len(), count, "{filter}");
    }
    let attempts = caller.get(&format!("{here}/invocations/{refused}/attempts")).await.body["attempts"].clone();
    assert_eq!((&attempts[0]["status_code"], &attempts[0]["request"]["payload"]), (&json!(502), &json!(log[0].body)));
    let unsent = format!("{here}/invocations/{dropped}/attempts");
    assert_eq!(caller.get(&unsent).await.body["attempts"], json!([]));
    sandbox.zendesk.log_unsent_bodies(true);
    assert_eq!(caller.get(&unsent).await.body["attempts"][0]["request"]["payload"], log[1].body);
    clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    assert_eq!(caller.get(&format!("{here}/invocations")).await.body["invocations"], json!([]), "kept for a week");
    assert_eq!(caller.get("/api/v2/webhooks/01OTHER").await.status, 404);
    sandbox.zendesk.close_log(403);
    assert_eq!(caller.get(&here).await.status, 403);
}

#[tokio::test]
async fn what_an_administrator_may_not_do_is_refused() {
    let (_clock, _sandbox, caller) = start().await;
    let category = caller.post("/api/v2/trigger_categories", json!({"trigger_category": {"name": "ours"}})).await;
    let category = category.body["trigger_category"]["id"].clone();
    let hook = json!({"webhook": {"name": "n", "endpoint": "https://x.example", "http_method": "POST",
        "request_format": "json", "status": "active"}});
    let hook = caller.post("/api/v2/webhooks", hook).await.body["webhook"]["id"].clone();
    let trigger = |change: Value| {
        let mut trigger = json!({"title": "t", "category_id": category, "conditions": {"all": [{"field": "status",
            "operator": "value", "value": "solved"}]}, "actions": [{"field": "notification_webhook", "value": [hook, "{}"]}]});
        change.as_object().unwrap().iter().for_each(|(name, value)| trigger[name] = value.clone());
        json!({ "trigger": trigger })
    };
    let condition = |field: &str, operator: &str, value: &str| json!({"conditions": {"all": [{"field": field, "operator": operator, "value": value}]}});
    for wrong in [
        json!({"title": ""}),
        json!({"category_id": "nonsense"}),
        json!({"actions": []}),
        condition("odd", "is", "open"),
        condition("status", "includes", "open"),
        condition("status", "value", "odd"),
    ] {
        assert_eq!(caller.post("/api/v2/triggers", trigger(wrong.clone())).await.status, 422, "{wrong}");
    }
    assert_eq!(caller.post("/api/v2/triggers", trigger(json!({}))).await.status, 201);
    for path in
        [format!("trigger_categories/{}", category.as_str().unwrap()), format!("webhooks/{}", hook.as_str().unwrap())]
    {
        assert_eq!(caller.delete(&format!("/api/v2/{path}")).await.status, 400, "{path} is in use");
    }
    assert_eq!(caller.delete("/api/v2/triggers/nonsense").await.status, 404);
    for key in ["", "a b", "123"] {
        let field = json!({"user_field": {"key": key, "type": "text", "title": "t"}});
        assert_eq!(caller.post("/api/v2/user_fields", field).await.status, 422, "{key:?}");
    }
}
