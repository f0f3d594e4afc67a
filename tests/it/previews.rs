//! The request that is made of an event, on its page: it shows configured and known values, and marks those of the sample.

use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::TicketStatus;

use crate::console::{Browser, ask_for_the_token};
use crate::support::{TestBridge, answer};
use crate::webhooks::{assert_accepted, braze_post, form, quiet_bridge};

/// The value of a field of the request on this page, with its mark.
fn field(page: &str, name: &str) -> (String, bool) {
    let (_, request) = page.split_once("id=\"request\"").expect("a request is shown");
    let name = name.replace('.', ".<wbr>");
    let (_, rest) = request.split_once(&format!("<dt>{name}</dt><dd")).unwrap_or_else(|| panic!("{name}: {request}"));
    let value = rest.split_once('>').unwrap().1.split_once("</dd>").unwrap().0;
    let bare = value.split(" <span").next().unwrap();
    (bare.to_owned(), value.contains("(sample)"))
}

#[tokio::test]
async fn a_request_names_the_campaign_that_is_configured() {
    let options = SandboxOptions::default();
    let mut bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left on Monday.");
    bridge.settled().await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    let deliveries = bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    for (kind, campaign) in
        [("phone_text", &options.campaign_agent_reply), ("ticket_solved", &options.campaign_ticket_solved)]
    {
        let delivery = deliveries.iter().find(|delivery| delivery["kind"] == kind).unwrap();
        let id = delivery["id"].as_str().unwrap();
        let page = ada.get(&format!("/console/deliveries/{id}")).await.text;
        assert_eq!(field(&page, "campaign_id"), (campaign.clone(), false), "{kind}");
        assert_eq!(field(&page, "recipients.attributes.tandem_receipt"), (id.to_owned(), false), "{kind}");
        assert!(!page.contains("It left on Monday") && !page.contains("11111111-2222"), "{kind}: {page}");
        assert!(field(&page, "recipients.external_user_id").0.starts_with("hidden, "), "{kind}: {page}");
    }
    bridge.stop().await;
}

#[tokio::test]
async fn what_only_the_vendor_knows_is_marked_as_the_samples() {
    let mut bridge = quiet_bridge().await;
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(422)));
    let body = form(&[("external_id", "ada-42"), ("text", "Where is my parcel?"), ("phone", "+15555550101")]);
    let id = assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let page = ada.get(&path).await.text;
    let (requester, is_sample) = field(&page, "ticket.requester_id");
    assert!(is_sample && requester.starts_with("hidden, "), "{requester}");
    let (external_id, is_sample) = field(&page, "ticket.external_id");
    assert!(!is_sample && external_id.starts_with("hidden, "), "{external_id}");
    ada.post(&path, &format!("{path}/reveal"), &[]).await;
    let page = ada.get(&path).await.text;
    assert_eq!(field(&page, "ticket.external_id"), ("ada-42".to_owned(), false));
    let (requester, is_sample) = field(&page, "ticket.requester_id");
    assert!(is_sample && requester.parse::<u64>().is_ok(), "{requester}");
    assert!(page.contains("is the mapping’s own example"), "{page}");
    bridge.stop().await;
}
