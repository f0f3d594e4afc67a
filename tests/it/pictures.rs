//! A customer's pictures: each is copied to the ticket once, however often its text is put off.

use jiff::SignedDuration;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::inbound::{end, ticket_of};
use crate::support::TestBridge;

/// A customer with a ticket, and the links to two pictures.
async fn with_pictures(bridge: &mut TestBridge) -> (u64, String, [String; 2]) {
    bridge.fetch_from_this_machine().await;
    let (ticket, ada) = bridge.talking("ada").await;
    let links = ["door.png", "bell.png"].map(|name| bridge.sandbox.braze.add_media(name, "image/png", b"\x89PNG"));
    (ticket, ada, links)
}

fn send(bridge: &TestBridge, customer: &str, links: &[String]) {
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    bridge.sandbox.phone.text_with_media(customer, "Look:", &links);
}

fn uploads(bridge: &TestBridge) -> usize {
    bridge.sandbox.zendesk.calls().iter().filter(|call| call.path == "/api/v2/uploads").count()
}

/// How many files are on the last comment.
fn files(bridge: &TestBridge) -> usize {
    ticket_of(bridge, "ada").comments.last().map_or(0, |comment| comment.attachments.len())
}

#[tokio::test]
async fn pictures_of_a_text_that_is_put_off_are_copied_once() {
    for (what, times) in
        [(FaultKind::status(503), 4), (FaultKind::retry_after(429, 40), 2), (FaultKind::LoseRequest, 1)]
    {
        let mut bridge = TestBridge::start().await;
        let (_, ada, links) = with_pictures(&mut bridge).await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", what.clone()).times(times));
        send(&bridge, &ada, &links);
        bridge.settled().await;
        assert_eq!((uploads(&bridge), files(&bridge)), (2, 2), "{what:?}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_picture_that_could_not_be_copied_is_tried_again_by_the_next_attempt_alone() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/uploads", FaultKind::status(503)));
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(503)));
    send(&bridge, &ada, &links);
    bridge.settled().await;
    assert_eq!((uploads(&bridge), files(&bridge)), (3, 2), "the first one twice");
    end(bridge, 0).await;
}

#[tokio::test]
async fn copies_that_zendesk_may_have_dropped_are_made_anew() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    let hour = FaultKind::retry_after(503, 3600);
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", hour));
    send(&bridge, &ada, &links);
    let is_put_off = |all: &[serde_json::Value]| all.iter().any(|one| one["state"] == "waiting");
    bridge.until_deliveries("it is put off", is_put_off).await;
    bridge.clock.advance(SignedDuration::from_hours(1));
    bridge.settled().await;
    assert_eq!((uploads(&bridge), files(&bridge)), (4, 2));
    end(bridge, 0).await;
}

/// Zendesk does not document its answer to an upload token that has expired.
#[tokio::test]
async fn a_text_whose_copies_zendesk_will_not_have_is_not_given_up_for_them() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::retry_after(503, 60)));
    send(&bridge, &ada, &links);
    let is_put_off = |all: &[serde_json::Value]| all.iter().any(|one| one["state"] == "waiting");
    bridge.until_deliveries("it is put off", is_put_off).await;
    bridge.sandbox.zendesk.drop_uploads();
    bridge.settled().await;
    assert_eq!((uploads(&bridge), files(&bridge)), (4, 2));
    end(bridge, 0).await;
}
