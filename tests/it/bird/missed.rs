//! Texts whose webhook never came: the bridge finds them in Bird's list, at its start and at intervals.

use jiff::SignedDuration;
use tandem::sandbox::server::Call;

use super::{ADA, NUMBER, Site};
use crate::put_back::copy;

const EVERY_FIVE_MINUTES: &str = "catch_up_minutes = 5";

impl Site {
    async fn catching_up() -> Self {
        Self::start_on(EVERY_FIVE_MINUTES, "", "").await
    }

    /// Ada texts, and Bird's webhook is lost.
    fn text_unheard(&self, words: &str) {
        self.bird.pause_webhooks();
        self.bird.text(ADA, NUMBER, words);
        drop(self.bird.take_held_webhooks());
        self.bridge.clock.advance(SignedDuration::from_secs(90));
    }

    /// How often the list was asked for customers' texts.
    fn looks(&self) -> usize {
        let calls = self.bird.calls();
        let inbound = ("direction".to_owned(), "inbound".to_owned());
        let is_look = |call: &&Call| call.query.contains(&inbound);
        calls.iter().filter(is_look).count()
    }

    /// Waits until the bridge has looked once more, and has taken in the texts that it found: the look behind begins no sooner.
    async fn looked(&self) {
        let before = self.looks();
        self.bridge.until("the bridge looks twice", |_| self.looks() > before + 1).await;
        self.settled().await;
    }
}

#[tokio::test]
async fn texts_that_came_while_the_bridge_was_down_are_comments_after_the_start_in_their_order() {
    let mut site = Site::catching_up().await;
    site.talking().await;
    site.bridge.stop().await;
    for words in ["one", "two", "three"] {
        site.text_unheard(words);
    }
    site.bridge.run().await;
    site.bird.connect(&site.bridge.public);
    site.bridge.until("the texts are there", |_| site.comments()[0].len() == 4).await;
    site.settled().await;
    assert_eq!(site.comments(), [["Hello", "one", "two", "three"]]);
    site.looked().await;
    assert_eq!(site.comments()[0].len(), 4, "a later look finds nothing new");
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_that_a_webhook_brings_as_well_is_one_comment_whichever_comes_first() {
    let mut site = Site::catching_up().await;
    let ticket = site.talking().await;
    // First the webhook, and then the look at the start.
    site.bird.text(ADA, NUMBER, "one");
    site.settled().await;
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.restart_with(str::to_owned).await;
    site.looked().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "one"]);
    // First the look, and then the webhook.
    site.bird.pause_webhooks();
    site.bird.text(ADA, NUMBER, "two");
    let held = site.bird.take_held_webhooks();
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.until("the text is found", |bridge| bridge.comments(ticket).len() == 3).await;
    held.into_iter().for_each(|webhook| site.bird.send_webhook(webhook));
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "one", "two"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_of_before_the_account_was_known_stays_out_and_a_young_one_is_left_to_its_webhook() {
    let mut site = Site::start_after(EVERY_FIVE_MINUTES, "", "", |bird| {
        bird.pause_webhooks();
        bird.text(ADA, NUMBER, "answered elsewhere");
        drop(bird.take_held_webhooks());
    })
    .await;
    site.looked().await;
    assert_eq!(site.comments(), [[""; 0]; 0]);
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    site.bird.text(ADA, NUMBER, "Hello");
    let before = site.looks();
    site.restart_with(str::to_owned).await;
    site.bridge.until("the bridge looks at its start", |_| site.looks() > before).await;
    site.bridge.settled().await;
    assert_eq!(site.comments(), [[""; 0]; 0], "its webhook may be on its way");
    site.looked().await;
    assert_eq!(site.comments(), [["Hello"]]);
    drop(site.bird.take_held_webhooks());
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_stop_whose_webhook_was_lost_ends_texts_once_it_is_found() {
    let site = Site::catching_up().await;
    let ticket = site.talking().await;
    site.text_unheard("STOP");
    let texts = |all: &[serde_json::Value]| all.iter().filter(|one| one["kind"] == "customer_text").count();
    site.bridge.until_deliveries("the STOP is found", |all| texts(all) == 2).await;
    site.bridge.settled().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    site.bridge.settled().await;
    assert_eq!((site.sends(), site.words().len()), (0, 0));
    assert!(site.bridge.notes(ticket).iter().any(|note| note.contains("opted out")), "{:?}", site.bridge.notes(ticket));
    site.bridge.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_texts_of_the_lost_time_stay_one_comment_each_and_later_ones_are_found() {
    let mut site = Site::catching_up().await;
    let ticket = site.talking().await;
    site.bridge.stop().await;
    let directory = site.bridge.directory.path();
    copy(&directory.join("store"), &directory.join("backup"));
    site.bridge.run().await;
    site.bird.connect(&site.bridge.public);
    site.bird.text(ADA, NUMBER, "of the lost time");
    site.settled().await;
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.stop().await;
    let directory = site.bridge.directory.path();
    std::fs::remove_dir_all(directory.join("store")).unwrap();
    copy(&directory.join("backup"), &directory.join("store"));
    let before = site.looks();
    site.bridge.run().await;
    site.bird.connect(&site.bridge.public);
    site.bridge.until("the bridge looks at its start", |_| site.looks() > before).await;
    site.looked().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "of the lost time"]);
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    site.text_unheard("since then");
    site.bridge.until("the text is found", |bridge| bridge.comments(ticket).len() > 2).await;
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "of the lost time", "since then"]);
    site.finish(0).await;
}
