//! A customer's pictures: each is copied to the ticket once, however often its text is put off, also where its link dies
//! before the text is written.

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::inbound::{end, ticket_of};
use crate::support::{TestBridge, answer, json};

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

/// The names of the files in the store's folder for pictures.
fn kept(bridge: &TestBridge) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(bridge.directory.path().join("store/pictures")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".new")).collect()
}

/// Waits until no file is left: it goes beside the step that writes its text.
async fn until_none_is_kept(bridge: &TestBridge) {
    bridge.until("no file is left", |bridge| kept(bridge).is_empty()).await;
}

/// No link answers with a file from now on.
fn links_die(bridge: &TestBridge) {
    bridge.sandbox.braze.fail(Fault::on("GET", "/media/", FaultKind::status(410)).times(u32::MAX));
}

fn fetches(bridge: &TestBridge) -> usize {
    bridge.sandbox.braze.calls().iter().filter(|call| call.path.starts_with("/media/")).count()
}

/// An operator's order about the desk: `pause` or `resume`.
async fn order(bridge: &TestBridge, order: &str) {
    let url = format!("{}/api/destinations/zendesk/{order}", bridge.operator);
    assert_eq!(answer(bridge.http.post(url)).await.0, 200);
}

/// A number of the metrics page.
async fn number(bridge: &TestBridge, name: &str) -> f64 {
    let page = json(bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap()).await;
    let line =
        page.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
}

/// The names and the lengths of the files on the last comment.
fn shown(bridge: &TestBridge) -> Vec<(String, usize)> {
    let comments = ticket_of(bridge, "ada").comments;
    let files = comments.last().map(|comment| comment.attachments.clone()).unwrap_or_default();
    files.into_iter().map(|file| (file.file_name, file.size)).collect()
}

fn both() -> Vec<(String, usize)> {
    vec![("door.png".to_owned(), 4), ("bell.png".to_owned(), 4)]
}

#[tokio::test]
async fn a_paused_desk_gets_the_pictures_although_their_links_have_died() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    order(&bridge, "pause").await;
    send(&bridge, &ada, &links);
    bridge.until("both are kept", |bridge| kept(bridge).len() == 2).await;
    assert_eq!(number(&bridge, "tandem_pictures_total{result=\"kept\"}").await, 2.0);
    assert!(number(&bridge, "tandem_pictures_kept_bytes").await > 8.0);
    links_die(&bridge);
    bridge.clock.advance(SignedDuration::from_hours(8 * 24));
    order(&bridge, "resume").await;
    bridge.settled().await;
    assert_eq!((shown(&bridge), fetches(&bridge)), (both(), 2), "each was fetched once");
    until_none_is_kept(&bridge).await;
    assert_eq!(number(&bridge, "tandem_pictures_kept_bytes").await, 0.0);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_kept_picture_that_the_desk_does_not_take_for_now_is_not_dropped_with_its_text() {
    for (times, expected) in [(1, both()), (2, both()), (u32::MAX, Vec::new())] {
        let mut bridge = TestBridge::start().await;
        let (_, ada, links) = with_pictures(&mut bridge).await;
        order(&bridge, "pause").await;
        send(&bridge, &ada, &links);
        bridge.until("both are kept", |bridge| kept(bridge).len() == 2).await;
        links_die(&bridge);
        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/uploads", FaultKind::status(503)).times(times));
        order(&bridge, "resume").await;
        bridge.settled().await;
        assert_eq!(shown(&bridge), expected, "{times}");
        until_none_is_kept(&bridge).await;
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_desk_that_was_down_for_an_hour_gets_the_pictures_although_their_links_have_died() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::retry_after(503, 3600)));
    send(&bridge, &ada, &links);
    bridge.until("both are kept", |bridge| kept(bridge).len() == 2).await;
    links_die(&bridge);
    // The copies that the first attempt made are as good as gone by then.
    bridge.clock.advance(SignedDuration::from_hours(1));
    bridge.settled().await;
    assert_eq!((shown(&bridge), uploads(&bridge)), (both(), 4));
    until_none_is_kept(&bridge).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_text_that_is_written_at_once_costs_no_second_fetch() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    send(&bridge, &ada, &links);
    bridge.settled().await;
    bridge.clock.advance(SignedDuration::from_mins(2));
    bridge.sandbox.phone.text(&ada, "That was it");
    bridge.settled().await;
    assert_eq!(fetches(&bridge), 2);
    until_none_is_kept(&bridge).await;
    end(bridge, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_pictures_survive_a_kill_and_those_that_were_not_kept_yet_are_fetched_after_it() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    order(&bridge, "pause").await;
    bridge.stop().await;
    bridge.run_apart().await;
    // The second picture's host does not answer until the kill.
    bridge.sandbox.braze.fail(Fault::on("GET", "/media/bell", FaultKind::LoseRequest).times(u32::MAX));
    send(&bridge, &ada, &links);
    bridge.until("the first is kept", |bridge| kept(bridge).len() == 1).await;
    bridge.until("the second was tried", |bridge| fetches(bridge) == 2).await;
    bridge.kill().await;
    bridge.sandbox.braze.clear_faults();
    bridge.sandbox.braze.fail(Fault::on("GET", "/media/door", FaultKind::status(404)).times(u32::MAX));
    bridge.run_apart().await;
    bridge.until("both are kept", |bridge| kept(bridge).len() == 2).await;
    links_die(&bridge);
    bridge.kill().await;
    bridge.run().await;
    order(&bridge, "resume").await;
    bridge.settled().await;
    assert_eq!(shown(&bridge), both());
    until_none_is_kept(&bridge).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again_while_its_link_lives_and_else_the_agent_is_told() {
    const NOTE: &str = "the bridge's copy of it could not be read, and its link serves it no more";
    for link_lives in [true, false] {
        let mut bridge = TestBridge::start().await;
        let (ticket, ada, links) = with_pictures(&mut bridge).await;
        order(&bridge, "pause").await;
        send(&bridge, &ada, &links);
        bridge.until("both are kept", |bridge| kept(bridge).len() == 2).await;
        let folder = bridge.directory.path().join("store/pictures");
        let first = folder.join(kept(&bridge).into_iter().find(|name| name.ends_with(".0")).unwrap());
        let mut file = std::fs::read(&first).unwrap();
        // As long as before, and another picture.
        *file.last_mut().unwrap() ^= 1;
        std::fs::write(&first, file).unwrap();
        if !link_lives {
            links_die(&bridge);
        }
        order(&bridge, "resume").await;
        bridge.settled().await;
        let (expected, fetched) = if link_lives { (both(), 3) } else { (both()[1..].to_vec(), 3) };
        let comments = ticket_of(&bridge, "ada").comments;
        let text = comments.iter().rfind(|comment| comment.public).unwrap();
        let files: Vec<_> = text.attachments.iter().map(|file| (file.file_name.clone(), file.size)).collect();
        assert_eq!((files, fetches(&bridge)), (expected, fetched), "{link_lives}");
        assert!(text.plain_body.contains(&links[0]), "{link_lives}");
        let notes = bridge.notes(ticket);
        assert_eq!(notes.iter().filter(|note| note.contains(NOTE)).count(), usize::from(!link_lives), "{notes:?}");
        until_none_is_kept(&bridge).await;
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn to_forget_a_customer_erases_the_kept_pictures() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    let (_, bob) = bridge.talking("bob").await;
    order(&bridge, "pause").await;
    send(&bridge, &ada, &links);
    send(&bridge, &bob, &links[..1]);
    bridge.until("all are kept", |bridge| kept(bridge).len() == 3).await;
    let url = format!("{}/api/conversation/forget?key=ada", bridge.operator);
    let (status, forgotten) = answer(bridge.http.post(url)).await;
    assert_eq!((status, &forgotten["complete"]), (200, &json!(true)), "{forgotten}");
    assert_eq!(kept(&bridge).len(), 1, "bob's");
    order(&bridge, "resume").await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_picture_that_no_fetch_brings_stays_a_link_and_its_host_is_asked_again_only_where_that_may_help() {
    let mut bridge = TestBridge::start().await;
    let (_, ada, links) = with_pictures(&mut bridge).await;
    let page = bridge.sandbox.braze.add_media("page", "text/html", b"<p>");
    order(&bridge, "pause").await;
    bridge.sandbox.braze.fail(Fault::on("GET", "/media/door", FaultKind::status(404)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("GET", "/media/bell", FaultKind::status(503)).times(2));
    send(&bridge, &ada, &[links[0].clone(), page, links[1].clone()]);
    bridge.until("the third is kept", |bridge| kept(bridge).len() == 1).await;
    let asked = |name: &str| bridge.sandbox.braze.calls().iter().filter(|call| call.path.ends_with(name)).count();
    assert_eq!(asked("bell.png"), 3);
    assert_eq!(number(&bridge, "tandem_pictures_total{result=\"failed\"}").await, 2.0);
    let ready = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
    assert_eq!((ready.0, &ready.1["status"]), (200, &json!("ready")));
    order(&bridge, "resume").await;
    bridge.settled().await;
    assert_eq!(shown(&bridge), [("bell.png".to_owned(), 4)]);
    assert!(ticket_of(&bridge, "ada").comments.last().unwrap().plain_body.contains(&links[0]));
    end(bridge, 0).await;
}
