//! Several accounts and lines as an operator sees them: every list names the account and the line as the configuration does.

use serde_json::Value;
use serde_json::json as object;

use crate::accounts::{Two, UK, customer, eu, on_both_lines, ticket, two_brands};
use crate::process::{Said, run, tandem};
use crate::support::{DEADLINE, TestBridge, answer, json};

/// `tandem …` on this bridge.
async fn says(bridge: &TestBridge, arguments: &[&str]) -> Said {
    let said = run(tandem(&[arguments, &["--url", &bridge.operator]].concat())).await;
    assert_eq!(said.err, "", "{said:?}");
    said
}

/// A page of the console, which this machine may see without signing in.
async fn page(bridge: &TestBridge, path: &str) -> String {
    let shown = bridge.http.get(format!("{}{path}", bridge.operator)).send().await.unwrap();
    let (status, page) = (shown.status(), json(shown).await);
    assert_eq!(status, 200, "{page}");
    page.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_unreadable_body_is_listed_under_the_account_that_it_was_posted_to() {
    let two = Two::start().await;
    let text = two.bridge.http.post(format!("{}/webhooks/braze-eu", two.bridge.public));
    let kept = [
        answer(text.bearer_auth(eu().braze_webhook_token).body("nonsense")).await,
        answer(two.bridge.signed("/webhooks/zendesk", "nonsense")).await,
    ];
    assert!(kept.iter().all(|(status, told)| *status == 202 && told["status"] == "quarantined"), "{kept:?}");
    for (account, ids) in [
        ("braze-eu", vec![&kept[0].1["id"]]),
        ("zendesk", vec![&kept[1].1["id"]]),
        ("support-eu", vec![]),
        ("braze", vec![]),
    ] {
        let listed = two.bridge.deliveries(&format!("destination={account}")).await;
        assert_eq!(listed.iter().map(|one| &one["id"]).collect::<Vec<_>>(), ids, "{account}");
        for one in listed {
            let expected = (&Value::Null, &Value::Null, &Value::from(account));
            assert_eq!((&one["conversation"], &one["line_name"], &one["destination"]), expected);
        }
    }
    let said = says(&two.bridge, &["deliveries", "list", "--state", "quarantined"]).await;
    assert!(said.out.contains("  braze-eu  ") && !said.out.contains("ticket:0"), "{}", said.out);
    for path in ["/console/quarantine", "/console/deliveries"] {
        let shown = page(&two.bridge, path).await;
        assert!(shown.contains("posted to braze-eu<") && shown.contains("posted to Zendesk<"), "{path}: {shown}");
        assert!(!shown.contains("ticket:0"), "{path}: {shown}");
    }
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_line_is_named_as_in_the_configuration_wherever_deliveries_are_listed() {
    let bridge = two_brands().await;
    on_both_lines(&bridge).await;
    let uk = format!("ada@{UK}");
    for one in bridge.conversations().await {
        assert_eq!((&one["desk"], &one["carrier"]), (&"zendesk".into(), &"braze".into()), "{one}");
    }
    for one in bridge.deliveries("").await {
        let name = if one["conversation"] == uk.as_str() { "uk" } else { "default" };
        assert_eq!(one["line_name"], name, "{one}");
        let shown = format!("{}/api/deliveries/{}", bridge.operator, one["id"].as_str().unwrap());
        assert_eq!(answer(bridge.http.get(shown)).await.1["line_name"], name);
    }
    let (_, found) = answer(bridge.http.get(format!("{}/api/find?words=ada", bridge.operator))).await;
    let people = found["groups"][0]["people"].as_array().unwrap();
    assert_eq!(people.len(), 2, "{found}");
    for person in people {
        assert_eq!(person["latest"][0]["line_name"], person["line_name"], "{person}");
    }
    for (arguments, words) in [
        (&["deliveries", "list"][..], "  uk  "),
        (&["conversations", "list"], "  uk  "),
        (&["find", "ada"], ") at zendesk  line uk"),
    ] {
        let said = says(&bridge, arguments).await;
        assert!(said.out.contains(words), "{arguments:?}: {}", said.out);
    }
    // A page shows the name and not the carrier's id; the address of a link has the whole key.
    for path in ["/console/deliveries", "/console/conversations", "/console/find?words=ada"] {
        let shown = page(&bridge, path).await;
        assert!(shown.contains(">uk<") && !shown.contains(&format!(">{uk}<")), "{path}: {shown}");
        assert!(shown.contains(&format!("key=ada%40{UK}")), "{path}: {shown}");
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_reports_of_each_carrier_are_counted_under_its_account() {
    let mut two = Two::start().await;
    let table = "[accounts.braze-eu]\n";
    let with_currents = format!("{table}currents_tokens = [\"{}\"]\n", eu().braze_currents_token);
    two.bridge.restart_with(|settings| settings.replace(table, &with_currents)).await;
    two.eu.connect(&two.bridge.public);
    two.eu.phone.text(&customer(&two.eu, "ada"), "Hello").unwrap();
    two.settled().await;
    two.eu.braze.turn_currents_on();
    two.eu.braze.pass_marks_on();
    two.eu.zendesk.agent_reply(ticket(&two.eu, "braze-eu:ada").id, "<p>Goodbye</p>");
    two.settled().await;
    let sent = two.eu.braze.events("sms.Send").remove(0);
    let delivered = two.eu.braze.event_after(&sent, "sms.Delivery", &object!({}));
    two.eu.braze.send_batch(&[sent, delivered]);
    let wanted = [
        "tandem_reports_total{destination=\"braze-eu\",fate=\"new\"} 2",
        "tandem_reports_total{destination=\"braze-eu\",fate=\"bound\"} 2",
        "tandem_receipts_total{destination=\"braze-eu\",what=\"delivered\"} 1",
        "tandem_reports_unbound{destination=\"braze-eu\"} 0",
        "tandem_reports_total{destination=\"braze\",fate=\"new\"} 0",
        "tandem_receipts_total{destination=\"braze\",what=\"delivered\"} 0",
        "tandem_last_accepted_timestamp_seconds{endpoint=\"braze-eu/currents\"}",
    ];
    let started = tokio::time::Instant::now();
    loop {
        let shown = page(&two.bridge, "/metrics").await;
        let missing: Vec<_> = wanted.iter().filter(|line| !shown.contains(**line)).collect();
        if missing.is_empty() {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{missing:?} are not on the page: {shown}");
        two.settled().await;
        two.bridge.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    two.bridge.finish(0).await;
}
