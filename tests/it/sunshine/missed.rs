//! Texts whose webhook never came: the bridge finds them in the lists of the talks that it knows, at its start and at intervals.

use tandem::sandbox::server::{Call, Fault, FaultKind};
use tandem::sandbox::sunshine::{SMS, WHATSAPP};

use super::{ADA, BOB, Site};
use jiff::SignedDuration;

const EVERY_FIVE_MINUTES: &str = "catch_up_minutes = 5";

impl Site {
    async fn catching_up() -> Self {
        Self::start_on(EVERY_FIVE_MINUTES, "", "").await
    }

    /// A customer texts, and no webhook tells of it.
    fn text_unheard(&self, integration: &str, person: &str, words: &str) {
        self.sunshine.pause_webhooks();
        self.sunshine.text(integration, person, words);
        drop(self.sunshine.take_held_webhooks());
        self.bridge.clock.advance(SignedDuration::from_secs(90));
    }

    async fn run_again(&mut self) {
        self.bridge.run().await;
        self.sunshine.connect(&self.bridge.public);
    }

    /// How often these were asked for: each talk, or each list of a talk.
    fn asked(&self, ends_with: &str) -> usize {
        let is_talk = |call: &&Call| call.method == "GET" && call.path.contains("/conversations/");
        self.sunshine.calls().iter().filter(is_talk).filter(|call| call.path.ends_with(ends_with)).count()
    }

    /// Waits until each talk was asked for once more, and its texts are taken in: the look behind begins no sooner.
    async fn looked(&self) {
        let talks: Vec<String> = [(SMS, ADA), (WHATSAPP, BOB)]
            .into_iter()
            .filter_map(|(on, of)| self.sunshine.conversation_of(on, of))
            .collect();
        let before: Vec<usize> = talks.iter().map(|talk| self.asked(talk)).collect();
        self.bridge
            .until("each talk is asked for twice", |_| {
                talks.iter().zip(&before).all(|(talk, before)| self.asked(talk) > *before + 1)
            })
            .await;
        self.settled().await;
    }
}

#[tokio::test]
async fn texts_of_an_outage_are_comments_after_the_start_once_each_and_in_their_order() {
    let mut site = Site::catching_up().await;
    let (ada, bob) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, BOB).await);
    site.bridge.stop().await;
    for words in ["one", "two", "three"] {
        site.text_unheard(SMS, ADA, words);
    }
    site.text_unheard(WHATSAPP, BOB, "anybody there?");
    site.bridge.clock.advance(SignedDuration::from_mins(20));
    site.run_again().await;
    site.bridge
        .until("the texts are there", |bridge| bridge.comments(ada).len() == 4 && bridge.comments(bob).len() == 2)
        .await;
    site.settled().await;
    assert_eq!(site.bridge.comments(ada), ["Hello", "one", "two", "three"]);
    assert_eq!(site.bridge.comments(bob), ["Hello", "anybody there?"]);
    let lists = site.asked("/messages");
    site.bridge.clock.advance(SignedDuration::from_mins(20));
    site.looked().await;
    assert_eq!(site.bridge.comments(ada).len(), 4, "a later look finds nothing new");
    site.looked().await;
    assert!(site.asked("/messages") <= lists + 2, "the list of a talk without news is not read again and again");
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_that_a_webhook_brings_as_well_is_one_comment_whichever_comes_first() {
    let mut site = Site::catching_up().await;
    let ticket = site.talking().await;
    // First the webhook, and then the look at the start.
    site.sunshine.text(SMS, ADA, "one");
    site.settled().await;
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.stop().await;
    site.run_again().await;
    site.looked().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "one"]);
    // First the look, and then the webhook.
    site.sunshine.pause_webhooks();
    site.sunshine.text(SMS, ADA, "two");
    let held = site.sunshine.take_held_webhooks();
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.until("the text is found", |bridge| bridge.comments(ticket).len() == 3).await;
    held.into_iter().for_each(|webhook| site.sunshine.send_webhook(webhook));
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "one", "two"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_young_text_is_left_to_its_webhook_and_a_talk_that_is_gone_keeps_no_other_back() {
    let mut site = Site::catching_up().await;
    let (ada, bob) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, BOB).await);
    let gone = site.sunshine.conversation_of(WHATSAPP, BOB).unwrap();
    site.sunshine.pause_webhooks();
    site.sunshine.remove_user_of(&gone);
    site.sunshine.text(SMS, ADA, "just now");
    drop(site.sunshine.take_held_webhooks());
    site.bridge.stop().await;
    let before = site.asked("/messages");
    site.run_again().await;
    site.bridge.until("the list is read", |_| site.asked("/messages") > before).await;
    site.bridge.settled().await;
    assert_eq!(site.bridge.comments(ada), ["Hello"], "its webhook may be on its way");
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.until("the text is found", |bridge| bridge.comments(ada).len() == 2).await;
    assert_eq!(site.bridge.comments(bob), ["Hello"]);
    assert!(site.asked(&gone) > 0);
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_message_of_before_the_outage_a_long_list_and_our_own_messages_are_passed_over_rightly() {
    let mut site = Site::catching_up().await;
    let ticket = site.talking().await;
    site.reply(ticket, "Hi Ada");
    site.settled().await;
    site.bridge.stop().await;
    site.bridge.clock.advance(SignedDuration::from_mins(20));
    let all: Vec<String> = (1..=130).map(|number| format!("text {number}")).collect();
    site.sunshine.pause_webhooks();
    all.iter().for_each(|words| drop(site.sunshine.text(SMS, ADA, words)));
    drop(site.sunshine.take_held_webhooks());
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.run_again().await;
    site.bridge
        .until("the last text is there", |bridge| {
            bridge.comments(ticket).last().is_some_and(|last| last.ends_with("text 130"))
        })
        .await;
    site.settled().await;
    // Those that waited for the ticket's budget stand in one comment.
    let comments = site.bridge.comments(ticket);
    assert_eq!(comments[..2], ["Hello", "Hi Ada"]);
    let told: Vec<&str> =
        comments[2..].iter().flat_map(|comment| comment.lines()).filter(|line| !line.is_empty()).collect();
    let told: Vec<&str> = told.into_iter().filter(|line| line.starts_with("text ")).collect();
    assert_eq!(told, all);
    site.finish(0).await;
}

#[tokio::test]
async fn a_look_that_fails_covers_the_same_time_again() {
    let mut site = Site::catching_up().await;
    let ticket = site.talking().await;
    site.bridge.stop().await;
    site.text_unheard(SMS, ADA, "one");
    site.sunshine.fail(Fault::on("GET", "/conversations/", FaultKind::status(500)).times(3));
    site.run_again().await;
    site.bridge.until("the text is found", |bridge| bridge.comments(ticket).len() == 2).await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "one"]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_talk_that_cannot_be_read_keeps_no_other_back_and_is_read_once_it_can() {
    let mut site = Site::catching_up().await;
    let (ada, bob) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, BOB).await);
    let shut = site.sunshine.conversation_of(WHATSAPP, BOB).unwrap();
    site.bridge.stop().await;
    site.text_unheard(SMS, ADA, "one");
    site.text_unheard(WHATSAPP, BOB, "two");
    // Bob's talk has the latest news, so it is asked for first.
    site.sunshine.fail(Fault::on("GET", &shut, FaultKind::status(403)).times(3));
    site.run_again().await;
    site.bridge.until("the other talk is read", |bridge| bridge.comments(ada).len() == 2).await;
    assert_eq!(site.bridge.comments(bob), ["Hello"], "its talk is shut");
    site.bridge.until("the talk is read", |bridge| bridge.comments(bob).len() == 2).await;
    assert_eq!(
        (site.bridge.comments(ada), site.bridge.comments(bob)),
        (said(["Hello", "one"]), said(["Hello", "two"]))
    );
    site.finish(0).await;
}

#[tokio::test]
async fn after_days_of_failed_looks_no_text_is_written_again() {
    let mut site = Site::start_on("catch_up_minutes = 720", "", "").await;
    let (ada, bob) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, BOB).await);
    let shut = site.sunshine.conversation_of(SMS, ADA).unwrap();
    site.bridge.stop().await;
    site.run_again().await;
    site.text_unheard(WHATSAPP, BOB, "two");
    site.sunshine.fail(Fault::on("GET", &shut, FaultKind::status(403)).times(1000));
    // Dedupe keys are kept for seven days.
    for _ in 0..20 {
        site.bridge.clock.advance(SignedDuration::from_hours(12));
        let before = site.asked(&shut);
        site.bridge.until("the talk is asked for", |_| site.asked(&shut) > before).await;
        site.settled().await;
    }
    assert_eq!((site.bridge.comments(ada), site.bridge.comments(bob)), (said(["Hello"]), said(["Hello", "two"])));
    site.finish(0).await;
}

#[tokio::test]
async fn a_message_in_a_list_that_cannot_be_read_is_kept_once_and_is_read_once_it_can_be() {
    let mut site = Site::start_with(EVERY_FIVE_MINUTES, "", "").await;
    let ticket = site.talking().await;
    let known = site.sunshine.conversation_of(SMS, ADA).unwrap();
    site.sunshine.pause_webhooks();
    // No line has this integration, so that an answer would leave by another channel.
    site.sunshine.text(WHATSAPP, ADA, "by WhatsApp");
    let held = site.sunshine.take_held_webhooks();
    let other = site.sunshine.conversation_of(WHATSAPP, ADA).unwrap();
    site.sunshine.merge(&known, &other);
    drop(site.sunshine.take_held_webhooks());
    site.text_unheard(SMS, ADA, "one");
    site.bridge.until("the text is found", |bridge| bridge.comments(ticket).len() == 2).await;
    let kept = async |site: &Site| {
        let mut deliveries = site.bridge.deliveries("").await;
        deliveries.retain(|delivery| delivery["kind"] == "unreadable");
        deliveries
    };
    let first = kept(&site).await;
    assert_eq!((first.len(), &first[0]["state"]), (1, &"quarantined".into()), "{first:?}");
    // Neither a later look nor its webhook makes a second one.
    site.looked().await;
    site.sunshine.resume_webhooks();
    held.into_iter().for_each(|webhook| site.sunshine.send_webhook(webhook));
    site.settled().await;
    assert_eq!(kept(&site).await.len(), 1);
    let line = "[[lines]]\nname = \"w\"\ncarrier = \"sunshine\"\nchannel = \"whatsapp\"\naddress = \"5f0c00000000000000000002\"\n";
    site.bridge.restart_with(|settings| format!("{settings}{line}")).await;
    site.sunshine.connect(&site.bridge.public);
    let path = format!("{}/api/deliveries/{}/redrive", site.bridge.operator, first[0]["id"].as_str().unwrap());
    let answer = site.bridge.http.post(path).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    site.settled().await;
    let comments = site.bridge.comments(ticket);
    assert_eq!(comments, ["Hello", "one", "by WhatsApp"]);
    site.finish(0).await;
}

fn said<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
