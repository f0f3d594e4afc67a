//! The store's directory is moved away under a running bridge: the bridge ends by itself, and touches no file of another
//! directory that is put in its place.

use std::fs;

use crate::process::Bridge;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_whose_store_was_moved_away_ends_and_goes_on_where_it_is_put_back() {
    let mut bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "first").await;
    bridge.settled().await;
    let (store, aside) = (bridge.host.store(), bridge.host.directory.path().join("aside"));
    fs::rename(&store, &aside).unwrap();
    let mut process = bridge.host.process.take().unwrap();
    assert_eq!(process.exit().await, 1);
    let log = process.log();
    assert!(log.iter().any(|line| line.contains("is no longer the directory that was opened")), "{log:#?}");
    assert!(!store.exists(), "nothing was made in its place");
    fs::rename(&aside, &store).unwrap();
    bridge.host.start(&bridge.sandbox).await;
    bridge.text(&ada, "second").await;
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket), ["first", "second"]);
    bridge.finish(0).await;
}
