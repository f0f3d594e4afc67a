//! A merge of tickets takes the conversation along: the tag, the customer's texts, and the agents' replies.

use std::time::Duration;

use serde_json::json;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::NewTicket;

use crate::inbound::{end, say, ticket_of};
use crate::support::TestBridge;

/// A conversation whose ticket was merged into an e-mail ticket of the same customer: the merged one, the other, and the
/// customer.
async fn merged(bridge: &TestBridge) -> (u64, u64, String) {
    let (number, customer) = bridge.talking("c1").await;
    let requester_id = ticket_of(bridge, "c1").requester_id;
    let tags = vec!["mail".to_owned()];
    let by_mail = NewTicket { requester_id, tags, description: "By e-mail".into(), ..NewTicket::default() };
    let by_mail = bridge.sandbox.zendesk.add_ticket(by_mail);
    let _ = bridge.sandbox.zendesk.agent_reply(by_mail, "<p>By e-mail, before the merge</p>");
    bridge.sandbox.zendesk.merge(number, by_mail);
    bridge.settled().await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    (number, by_mail, customer)
}

fn tags(bridge: &TestBridge, ticket: u64) -> Vec<String> {
    bridge.sandbox.zendesk.ticket(ticket).unwrap().tags
}

#[tokio::test]
async fn a_text_takes_the_tag_along_so_that_the_reply_rings() {
    let bridge = TestBridge::start().await;
    let (_, heir, customer) = merged(&bridge).await;
    say(&bridge, &customer, "Still there?").await;
    assert_eq!(bridge.comments(heir).last().unwrap(), "Still there?");
    assert_eq!(tags(&bridge, heir), ["mail", "sms"], "and none is lost");
    bridge.sandbox.zendesk.agent_reply(heir, "<p>Yes</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Yes"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn an_attempt_that_failed_does_not_lose_the_tag() {
    let bridge = TestBridge::start().await;
    let (_, heir, customer) = merged(&bridge).await;
    let refused = FaultKind::Status { code: 503, headers: vec![], body: "{}".to_owned() };
    bridge.sandbox.zendesk.fail(Fault::on("PUT", &format!("/api/v2/tickets/{heir}"), refused));
    say(&bridge, &customer, "Still there?").await;
    assert_eq!(bridge.comments(heir).iter().filter(|comment| *comment == "Still there?").count(), 1);
    assert_eq!(tags(&bridge, heir), ["mail", "sms"]);
    end(bridge, 0).await;
}

/// No trigger tells of it, because the ticket has no tag; the text that follows does.
#[tokio::test]
async fn a_reply_that_was_written_before_the_next_text_goes_out_with_it() {
    let bridge = TestBridge::start().await;
    let (_, heir, customer) = merged(&bridge).await;
    bridge.sandbox.zendesk.agent_reply(heir, "<p>On the other ticket</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    say(&bridge, &customer, "Still there?").await;
    assert_eq!(bridge.texts(), ["On the other ticket"], "once, and nothing from before the merge");
    end(bridge, 0).await;
}

/// A trigger of the brand's own rings without looking at tags.
#[tokio::test]
async fn a_bell_on_the_ticket_that_a_conversation_was_merged_into_is_followed() {
    let bridge = TestBridge::start().await;
    let (_, heir, customer) = merged(&bridge).await;
    let comment = bridge.sandbox.zendesk.agent_reply(heir, "<p>On the other ticket</p>");
    bridge.settled().await;
    bridge
        .zendesk_webhook(&json!({"event": "agent_reply", "ticket_id": heir, "comment_id": comment}).to_string())
        .await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["On the other ticket"]);
    assert_eq!(tags(&bridge, heir), ["mail", "sms"]);
    say(&bridge, &customer, "Thanks").await;
    assert_eq!(bridge.comments(heir).last().unwrap(), "Thanks");
    bridge.sandbox.zendesk.agent_reply(heir, "<p>The next one rings</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["On the other ticket", "The next one rings"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_bell_on_any_other_ticket_without_the_tag_is_skipped() {
    let bridge = TestBridge::start().await;
    let (_, _, _) = merged(&bridge).await;
    let requester_id = ticket_of(&bridge, "c1").requester_id;
    let other = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, ..NewTicket::default() });
    let comment = bridge.sandbox.zendesk.agent_reply(other, "<p>About something else</p>");
    bridge
        .zendesk_webhook(&json!({"event": "agent_reply", "ticket_id": other, "comment_id": comment}).to_string())
        .await;
    bridge.settled().await;
    assert_eq!((bridge.texts(), tags(&bridge, other)), (vec![], vec![]));
    assert_eq!(bridge.deliveries("state=skipped").await.len(), 1);
    end(bridge, 0).await;
}

/// No text and no doorbell: a look finds the merge, and from then on replies ring.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_follows_a_merge() {
    let bridge = TestBridge::start_with("catch_up_minutes = 1", "").await;
    let (_, heir, _) = merged(&bridge).await;
    bridge.sandbox.zendesk.agent_reply(heir, "<p>On the other ticket</p>");
    bridge.until("the merge is followed", |bridge| bridge.texts() == ["On the other ticket"]).await;
    assert_eq!(tags(&bridge, heir), ["mail", "sms"]);
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(heir, "<p>The next one rings</p>");
    bridge.until("the next", |bridge| bridge.texts().len() == 2).await;
    bridge.finish(0).await;
}

/// The ticket in the middle never had the tag, so neither a trigger nor the search told of the reply there.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_follows_one_merge_after_the_other_and_leaves_no_reply_behind() {
    let bridge = TestBridge::start_with("catch_up_minutes = 1", "").await;
    let (_, second, customer) = merged(&bridge).await;
    bridge.sandbox.zendesk.agent_reply(second, "<p>On the second</p>");
    let requester_id = ticket_of(&bridge, "c1").requester_id;
    let third = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, ..NewTicket::default() });
    bridge.sandbox.zendesk.merge(second, third);
    bridge.sandbox.zendesk.agent_reply(third, "<p>On the third</p>");
    bridge.until("both replies", |bridge| bridge.texts().len() == 2).await;
    assert_eq!(bridge.texts(), ["On the second", "On the third"]);
    assert_eq!(tags(&bridge, third), ["sms"]);
    say(&bridge, &customer, "Thanks").await;
    assert_eq!(bridge.comments(third).last().unwrap(), "Thanks");
    bridge.finish(0).await;
}

/// The text stands on a ticket that the bridge had not written down yet, and that was merged away while it was down.
#[tokio::test]
async fn a_bridge_killed_behind_a_text_on_the_heir_writes_it_no_second_time_behind_the_next_merge() {
    let mut bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
    bridge.stop().await;
    bridge.run_apart().await;
    let (_, second, customer) = merged(&bridge).await;
    let requester_id = ticket_of(&bridge, "c1").requester_id;
    let third = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, ..NewTicket::default() });
    let late = FaultKind::Delay(Duration::from_secs(600));
    bridge.sandbox.zendesk.fail(Fault::on("PUT", &format!("/api/v2/tickets/{second}"), late));
    bridge.sandbox.phone.text(&customer, "Once").unwrap();
    let stands = |bridge: &TestBridge| {
        let comments = [second, third].map(|ticket| bridge.comments(ticket));
        comments.iter().flatten().filter(|comment| *comment == "Once").count()
    };
    bridge.until("the text", |bridge| stands(bridge) == 1).await;
    bridge.kill().await;
    bridge.sandbox.zendesk.merge(second, third);
    bridge.run().await;
    bridge.settled().await;
    assert_eq!(stands(&bridge), 1);
    bridge.finish(0).await;
}
