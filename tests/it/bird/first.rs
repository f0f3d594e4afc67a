//! An agent writes first: a carrier that knows numbers texts the requester's, and the answer finds the agent's ticket.

use serde_json::json;
use tandem::sandbox::zendesk::{NewTicket, Placement, User};

use super::{ADA, NUMBER, Site};

/// The number as a person types it.
const TYPED: &str = "+1 (555) 012-3456";

impl Site {
    /// Tickets of one brand go over Bird.
    async fn of_a_brand() -> Self {
        Self::start_on("", "", "brand_id = 71").await
    }

    /// An agent has opened a ticket of the brand for this user.
    fn opened_for(&self, external_id: Option<&str>, phone: Option<&str>) -> u64 {
        let zendesk = &self.bridge.sandbox.zendesk;
        let requester_id = zendesk.add_user(User {
            name: "Ada".to_owned(),
            external_id: external_id.map(str::to_owned),
            phone: phone.map(str::to_owned),
            ..User::default()
        });
        let ticket = zendesk.add_ticket(NewTicket {
            requester_id,
            subject: "A call".to_owned(),
            description: "Please text me.".to_owned(),
            tags: vec!["sms".to_owned()],
            ..NewTicket::default()
        });
        zendesk.move_to(ticket, Placement { brand_id: Some(71), group_id: None, ticket_form_id: None });
        ticket
    }

    fn sent_to(&self) -> Vec<(String, String)> {
        self.bird.texts().into_iter().map(|text| (text.to, text.text)).collect()
    }
}

fn to_ada(words: &str) -> (String, String) {
    (ADA.to_owned(), words.to_owned())
}

#[tokio::test]
async fn an_agents_first_text_goes_to_the_requesters_number_and_the_answer_comes_to_the_same_ticket() {
    for (external_id, named) in [(Some("cust-1"), None), (Some("cust-1"), Some("cust-1")), (None, None)] {
        let site = Site::of_a_brand().await;
        let zendesk = &site.bridge.sandbox.zendesk;
        let ticket = site.opened_for(external_id, Some(TYPED));
        zendesk.pause_webhooks();
        let comment = zendesk.agent_reply(ticket, "Good news!");
        let body = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment,
            "external_user_id": named});
        assert_eq!(site.bridge.zendesk_webhook(&body.to_string()).await.0, 202);
        site.settled().await;
        assert_eq!(site.sent_to(), [to_ada("Good news!")], "{external_id:?}, {named:?}");
        site.bird.text(ADA, NUMBER, "Which?");
        site.settled().await;
        assert_eq!(site.comments().len(), 1, "{external_id:?}, {named:?}: {:?}", site.comments());
        assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Which?"));
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_customer_who_texted_before_is_the_user_with_their_number_whatever_id_the_user_has() {
    let site = Site::of_a_brand().await;
    let before = site.talking().await;
    let ticket = site.opened_for(Some("cust-1"), Some(TYPED));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Good news!");
    site.settled().await;
    assert_eq!(site.sent_to(), [to_ada("Good news!")], "{:?}", site.bridge.notes(ticket));
    assert_ne!(before, ticket);
    site.finish(0).await;
}

#[tokio::test]
async fn without_a_number_nothing_goes_out_and_the_agent_is_told_to_fill_it_in() {
    for phone in [None, Some("555-0100")] {
        let site = Site::of_a_brand().await;
        let ticket = site.opened_for(Some("cust-1"), phone);
        site.bridge.sandbox.zendesk.agent_reply(ticket, "Good news!");
        site.bridge.until("the ticket tells", |bridge| !bridge.notes(ticket).is_empty()).await;
        site.settled().await;
        let notes = site.bridge.notes(ticket);
        assert!(notes[0].contains("fill in the phone number of the user in Zendesk"), "{notes:?}");
        assert!(!notes[0].contains("external id") && !notes[0].contains("Braze"), "{notes:?}");
        let dead = site.bridge.deliveries("state=dead").await;
        assert!(dead.len() == 1 && dead[0]["cause"].as_str().unwrap().contains("phone number"), "{dead:?}");
        assert_eq!(site.sends(), 0);
        site.finish(1).await;
    }
}
