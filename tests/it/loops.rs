//! A loop of the bridge that panics shows in readiness, in the metrics and in the log, and is started again: texts go
//! both ways. A listener that breaks down ends the bridge.

use futures_util::future::join_all;
use serde_json::Value;
use tandem::domain::account::Ends;
use tandem::worker::Loop;

use crate::process::Bridge;
use crate::support::answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_any_loop_is_red_and_work_goes_on() {
    join_all(Loop::all(&[Ends::FIRST].into()).map(panicked)).await;
}

async fn panicked(planted: Loop) {
    let name = planted.name();
    let mut bridge =
        Bridge::at_rest("catch_up_minutes = 5", "confirm_after_seconds = [1, 2]", "info", Bridge::SPACING).await;
    bridge.host.environment.insert("TANDEM_FAILPOINT", format!("{name}:panic"));
    bridge.host.start(&bridge.sandbox).await;
    let process = bridge.host.process.as_mut().unwrap();
    process.logs(&format!("{name}.restarted")).await.unwrap();
    let ready = async || answer(bridge.http.get(format!("{}/readyz", bridge.host.operator))).await;
    let (status, reasons) = ready().await;
    assert_eq!(status, 503, "{name}: {reasons:#}");
    assert!(reasons.to_string().contains(&format!("{name}: the loop for ")), "{name}: {reasons:#}");

    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.until("the reply on the phone", || bridge.texts_to(&ada) == ["It left today."]).await;

    bridge.host.process.as_mut().unwrap().logs(&format!("{name}.stands")).await.unwrap();
    let (status, reasons) = answer(bridge.http.get(format!("{}/readyz", bridge.host.operator))).await;
    assert_eq!((status, &reasons["reasons"]), (200, &Value::Null), "{name}: {reasons:#}");
    let metrics = bridge.http.get(format!("{}/metrics", bridge.host.operator)).send().await.unwrap();
    let page = metrics.text().await.unwrap();
    for each in Loop::all(&[Ends::FIRST].into()).map(Loop::name) {
        let times = u8::from(each == name);
        assert!(page.contains(&format!("tandem_loop_restarts_total{{loop=\"{each}\"}} {times}\n")), "{name}: {page}");
    }
    bridge.settled().await;
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_breaks_down_ends_the_bridge() {
    let mut bridge = Bridge::at_rest("", "", "info", Bridge::SPACING).await;
    bridge.host.environment.insert("TANDEM_FAILPOINT", "listener:panic".to_owned());
    bridge.host.start(&bridge.sandbox).await;
    let process = bridge.host.process.as_mut().unwrap();
    let code = process.exit().await;
    assert!(code != 0, "{:#?}", process.log());
    assert!(process.log().join("\n").contains("a listener broke down"), "{:#?}", process.log());
}
