//! SIGTERM: every call under way ends well, or its effect is found again; no webhook is turned away meanwhile.

use std::time::Duration;

use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::process::Bridge;

/// The time that `serve` allows itself (src/serve.rs); containers are killed 30 s after they were asked to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// A bridge whose call to text this reply is under way and takes that long, and the customer.
async fn while_texting(reply: &str, takes: Duration) -> (Bridge, String) {
    let bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::Delay(takes)));
    bridge.sandbox.zendesk.agent_reply(ticket, reply);
    let is_send = |path: &str| path == "/campaigns/trigger/send";
    bridge.until("the call", || bridge.sandbox.braze.calls().iter().any(|call| is_send(&call.path))).await;
    (bridge, ada)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_under_way_is_finished_and_webhooks_are_kept_meanwhile() {
    let (mut bridge, ada) = while_texting("It left today.", Duration::from_secs(5)).await;
    assert_eq!((bridge.status("/readyz").await, bridge.status("/healthz").await), (200, 200));
    let process = bridge.host.process.as_mut().unwrap();
    process.signal("TERM");
    process.logs("tandem.stopping").await.expect("it says that it stops");
    assert_eq!((bridge.status("/readyz").await, bridge.status("/healthz").await), (503, 200));
    bridge.text(&ada, "Did you see that?").await;
    assert_eq!(bridge.host.stop().await, 0);

    bridge.host.start(&bridge.sandbox).await;
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."]);
    let texts: Vec<_> = deliveries.iter().filter(|delivery| delivery["kind"] == "phone_text").collect();
    assert_eq!((texts.len(), &texts[0]["attempts"]), (1, &1.into()), "its answer was waited for: {texts:#?}");
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket), ["Where is my engine?", "It left today.", "Did you see that?"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_does_not_end_is_cut_off_in_time_and_looked_for_afterwards() {
    let (mut bridge, ada) = while_texting("It left today.", Duration::from_secs(600)).await;
    let asked = Instant::now();
    assert_eq!(bridge.host.stop().await, 0);
    assert!(asked.elapsed() < STOP_DEADLINE, "it took {:?}", asked.elapsed());
    assert!(bridge.host.logged().iter().any(|line| line.contains("tandem.stop_late")));
    bridge.host.start(&bridge.sandbox).await;
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."], "{deliveries:#?}");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_keep_nobody_from_stopping() {
    let mut bridge = Bridge::start().await;
    let address = bridge.host.public.strip_prefix("http://").unwrap().to_owned();
    let token = SandboxOptions::default().braze_webhook_token;
    let head = format!(
        "POST /webhooks/braze HTTP/1.1\r\nHost: a\r\nX-Tandem-Token: {token}\r\nExpect: 100-continue\r\n\
         Content-Length: 100\r\n\r\n"
    );
    let mut hanging = TcpStream::connect(&address).await.unwrap();
    hanging.write_all(head.as_bytes()).await.unwrap();
    // The bridge answers "100 Continue" when it waits for the body, which never comes.
    let mut go_on = [0; 25];
    hanging.read_exact(&mut go_on).await.unwrap();
    let mut silent = TcpStream::connect(&address).await.unwrap();
    silent.write_all(b"POST /webhooks/zen").await.unwrap();
    let asked = Instant::now();
    assert_eq!(bridge.host.stop().await, 0);
    assert!(asked.elapsed() < STOP_DEADLINE, "it took {:?}", asked.elapsed());
    assert!(bridge.host.logged().last().unwrap().contains("tandem.stopped"), "everything is on disk");
    bridge.host.start(&bridge.sandbox).await;
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_bridge_stops_on_either_signal_and_says_when_all_is_on_disk() {
    for signal in ["TERM", "INT"] {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        bridge.settled().await;
        let mut process = bridge.host.process.take().unwrap();
        process.signal(signal);
        assert_eq!(process.exit().await, 0, "{signal}");
        let log = process.log();
        assert!(log.last().unwrap().contains("tandem.stopped"), "{signal}: {log:#?}");
        assert!(process.output().is_empty(), "a service has nothing to print");
        bridge.host.start(&bridge.sandbox).await;
        bridge.finish(0).await;
    }
}
