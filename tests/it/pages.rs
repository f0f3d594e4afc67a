//! An operator's questions at three in the morning, on the console's pages: which faults need an act, who a customer is,
//! the fate of a text and its cause. Over real HTTP, as a browser without scripts sees it.

use reqwest::StatusCode;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::console::{Browser, Page, ask_for_the_token, with_a_dead_letter};
use crate::support::{TestBridge, answer};
use crate::webhooks::{assert_accepted, braze_post, form, quiet_bridge};

fn assert_says(page: &Page, words: &[&str]) {
    for word in words {
        assert!(page.text.contains(word), "it does not say {word}: {}", page.text);
    }
}

fn assert_does_not_say(page: &Page, words: &[&str]) {
    for word in words {
        assert!(!page.text.contains(word), "it says {word}: {}", page.text);
    }
}

/// A text of this customer, whose number it came from.
async fn text(bridge: &TestBridge, customer: &str, first_name: &str, phone: &str) {
    let fields = [("external_id", customer), ("text", "Hello"), ("phone", phone), ("first_name", first_name)];
    assert_accepted(&answer(braze_post(bridge, &form(&fields))).await);
}

#[tokio::test]
async fn a_bridge_without_trouble_needs_nobody_and_says_what_to_do_first() {
    let bridge = quiet_bridge().await;
    let local = Browser::new(&bridge);
    assert_says(&local.get("/console").await, &["Nothing needs you.", "<span class=\"state good\">ready</span>"]);
    for path in ["/console/deliveries", "/console/conversations"] {
        let page = local.get(path).await;
        assert_says(&page, &["Nothing has come in yet", "check --live", "setup zendesk", "setup braze"]);
    }
    let page = local.get("/console/deliveries?state=dead").await;
    assert_says(&page, &["Nothing is like that", "<a href=\"/console/deliveries\">"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_vendor_that_refuses_the_bridge_stands_first_with_what_waits_and_the_remedy_until_it_is_over() {
    let bridge = quiet_bridge().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(401)).times(3));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge
        .until_deliveries("the text refused", |deliveries| {
            deliveries.iter().any(|delivery| delivery["kind"] == "phone_text" && delivery["state"] == "waiting")
        })
        .await;
    let local = Browser::new(&bridge);
    let page = local.get("/console").await;
    assert_says(
        &page,
        &[
            "Braze refuses the bridge",
            "Braze answered 401",
            "1 delivery waits for it, in order; nothing is lost.",
            "Compare braze.api_key",
            "/console/deliveries?show=open&#38;to=braze",
            "<span class=\"state bad\">refuses the bridge</span>",
        ],
    );
    assert_does_not_say(&page, &["Nothing needs you", "paused by"]);
    let waiting = local.get("/console/deliveries?show=open&to=braze").await;
    assert_says(&waiting, &["1 delivery in all", "Text to the customer", "Braze answered 401"]);
    bridge.settled().await;
    assert_says(&local.get("/console").await, &["Nothing needs you."]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_was_given_up_is_told_first_and_leads_to_its_list() {
    let (mut bridge, id) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    let page = ada.get("/console").await;
    assert_says(&page, &["1 delivery was given up", "href=\"/console/deliveries?state=dead\""]);
    let needs = page.text.find("Needs you").unwrap();
    assert!(needs < page.text.find("Deliveries by state").unwrap(), "{}", page.text);
    for list in ["/console/deliveries?state=dead", "/console/deliveries?show=needs-you"] {
        let list = ada.get(list).await;
        assert_says(&list, &[&id, "…101", "422", "1 delivery in all"]);
        assert_does_not_say(&list, &["Where is my parcel?", "5550101"]);
    }
    bridge.stop().await;
}

#[tokio::test]
async fn two_digits_of_a_number_find_its_customers_and_one_hit_leads_straight_to_its_page() {
    let mut bridge = quiet_bridge().await;
    for (customer, name, phone) in
        [("cust-1", "Ada", "+15555550133"), ("cust-2", "Grace", "+15555559933"), ("cust-3", "Alan", "+15555550177")]
    {
        text(&bridge, customer, name, phone).await;
        bridge.settled().await;
    }
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let page = ada.get("/console/find?words=33").await;
    assert_says(&page, &["Customers whose number ends with 33", "…133", "…933", "value=\"33\""]);
    let places = ["cust-2", "cust-1"].map(|customer| page.text.find(&format!("key={customer}")));
    assert!(places.is_sorted() && places[0].is_some(), "the newest first: {}", page.text);
    assert_does_not_say(&page, &["cust-3", "5550133", "Ada", "Hello"]);
    for (words, found) in [("…77", "cust-3"), ("grace", "cust-2"), ("cust-1", "cust-1"), ("%2B15555550133", "cust-1")]
    {
        let page = ada.get(&format!("/console/find?words={words}")).await;
        let to = format!("/console/conversation?key={found}");
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, to.as_str()), "{words}");
    }
    let delivery =
        bridge.http.get(format!("{}/api/deliveries", bridge.operator)).bearer_auth("an-operator-token-not-real");
    let id = answer(delivery).await.1["items"][0]["id"].as_str().unwrap().to_owned();
    let page = ada.get(&format!("/console/find?words={id}")).await;
    assert_eq!(page.header("location"), format!("/console/deliveries/{id}"));
    for words in ["nobody", "", "7"] {
        let page = ada.get(&format!("/console/find?words={words}")).await;
        assert_says(&page, &["The field finds:", "the last digits of a phone number"]);
    }
    assert!(ada.audit().await.is_empty(), "nothing that was written was shown");
    bridge.stop().await;
}

#[tokio::test]
async fn a_list_leaves_out_doorbells_and_keeps_to_its_time() {
    let bridge = quiet_bridge().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge.settled().await;
    let local = Browser::new(&bridge);
    let page = local.get("/console/deliveries").await;
    assert_says(&page, &["2 deliveries in all", "Text to the customer", "Show doorbells", &format!("#{ticket}</a>")]);
    assert_does_not_say(&page, &["Agent replied"]);
    let tickets = page.text.matches(&format!("#{ticket}</a>")).count();
    assert_eq!(tickets, 2, "the text that opened the ticket has it too: {}", page.text);
    let address = format!("{}/agent/tickets/{ticket}", bridge.sandbox.zendesk.url().trim_end_matches('/'));
    assert_says(&page, &[&address]);
    assert_says(
        &local.get("/console/deliveries?doorbells=yes").await,
        &["3 deliveries in all", "Agent replied", "Hide doorbells"],
    );
    // A tile counts doorbells, so it leads to a list with as many.
    let overview = local.get("/console").await;
    let tile = "<a class=\"tile good\" href=\"/console/deliveries?state=delivered&#38;doorbells=yes\">";
    assert_says(&overview, &[&format!("{tile}<span class=\"tile-number\">3</span>"), "Nothing is under way."]);
    let list = local.get("/console/deliveries?state=delivered&doorbells=yes").await;
    assert_says(&list, &["3 deliveries in all"]);
    let now = bridge.clock.now();
    let at = |minutes: i64| (now + jiff::SignedDuration::from_mins(minutes)).strftime("%FT%H:%M").to_string();
    for (since, until, total) in [(-600, 1, "2"), (1, 600, "0"), (-600, -500, "0")] {
        let query = form(&[("since", &at(since)), ("until", &at(until))]);
        let page = local.get(&format!("/console/deliveries?{query}")).await;
        assert_says(&page, &[&format!("{total} deliveries in all")]);
    }
    let page = local.get("/console/deliveries?since=yesterday").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text);
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_order_over_all_is_not_offered_where_it_would_mean_more_than_is_shown() {
    let (mut bridge, _) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    assert_says(&ada.get("/console/deliveries?state=dead").await, &["/console/deliveries/move?"]);
    let page = ada.get("/console/deliveries?state=dead&since=2020-01-01T00:00Z").await;
    assert_says(&page, &["1 delivery in all"]);
    assert_does_not_say(&page, &["/console/deliveries/move?"]);
    bridge.stop().await;
}

#[tokio::test]
async fn a_conversation_leads_to_its_ticket_puts_back_and_shows_the_number_when_asked() {
    let mut bridge = quiet_bridge().await;
    let (ticket, customer) = bridge.talking("ada").await;
    let refused = FaultKind::Status { code: 400, headers: Vec::new(), body: r#"{"message":"no"}"#.to_owned() };
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", refused));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left today.</p>");
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = "/console/conversation?key=ada";
    let phone = bridge.sandbox.braze.profile(&customer).unwrap().phone.unwrap();
    let page = ada.get(path).await;
    let address = format!("{}/agent/tickets/{ticket}", bridge.sandbox.zendesk.url().trim_end_matches('/'));
    assert_says(&page, &[&address, "<button class=\"small\">Put back", "Not sent: Braze answered 400"]);
    assert_does_not_say(&page, &[&phone]);

    let shown = ada.post(path, "/console/conversation/reveal?key=ada", &[]).await;
    assert_eq!(shown.header("location"), path, "{}", shown.text);
    assert_says(&ada.get(path).await, &[&phone]);
    let did: Vec<String> = ada.audit().await.into_iter().map(|(_, _, action)| action).collect();
    assert_eq!(did, ["reveal_phone", "read"]);
    assert_does_not_say(&Browser::signed_in(&bridge).await.get(path).await, &[&phone]);
    let nobody = ada.post(path, "/console/conversation/reveal?key=nobody", &[]).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);

    let (_, rest) = page.text.split_once("name=\"id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap();
    let moved = ada.post(path, "/console/conversation/redrive?key=ada", &[("id", id)]).await;
    assert_eq!(moved.header("location"), format!("{path}&done=redriven"), "{}", moved.text);
    bridge.until("the text has arrived", |bridge| bridge.texts() == ["It left today."]).await;
    assert_does_not_say(&ada.get(path).await, &["<button class=\"small\">Put back"]);
    bridge.stop().await;
}

#[tokio::test]
async fn the_audit_tells_whether_a_customer_was_read() {
    let mut bridge = quiet_bridge().await;
    for (customer, phone) in [("ada", "+15555550101"), ("bob", "+15555550102")] {
        text(&bridge, customer, "Ada", phone).await;
    }
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let token = "an-operator-token-not-real";
    let list = bridge.http.get(format!("{}/api/deliveries?conversation=ada", bridge.operator)).bearer_auth(token);
    let id = answer(list).await.1["items"][0]["id"].as_str().unwrap().to_owned();
    let delivery = format!("/console/deliveries/{id}");
    ada.get("/console/conversation?key=ada").await;
    ada.post(&delivery, &format!("{delivery}/reveal"), &[]).await;
    let page = ada.get("/console/audit?customer=ada").await;
    assert_says(&page, &["<strong>read</strong>", "<strong>reveal</strong>", "2 entries in all"]);
    let page = ada.get("/console/audit?customer=bob").await;
    assert_says(&page, &["No entry is about", "0 entries in all"]);
    bridge.stop().await;
}

#[tokio::test]
async fn times_are_told_to_the_second_and_marked_as_utc() {
    let (mut bridge, id) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    for path in
        ["/console", "/console/deliveries", "/console/conversation?key=ada", &format!("/console/deliveries/{id}")]
    {
        let page = ada.get(path).await;
        for time in page.text.split("<time ").skip(1) {
            let (tag, shown) = time.split_once('>').unwrap();
            let shown = shown.split('<').next().unwrap();
            let iso = tag.split('"').nth(1).unwrap();
            assert!(iso.len() == "2026-11-21T12:00:00Z".len() && iso.ends_with('Z'), "{path}: {tag}");
            assert!(tag.contains("title=\"2") && tag.contains(" UTC\"") && shown.ends_with(" UTC"), "{path}: {time}");
        }
        assert_says(&page, &["Times are in UTC."]);
    }
    bridge.stop().await;
}
