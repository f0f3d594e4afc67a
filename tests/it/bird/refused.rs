//! Bird refuses: a text ends with its reason and the remedy on its ticket, and a refused account holds its texts until it is
//! mended.

use serde_json::{Value, json};
use tandem::sandbox::bird::BirdOptions;
use tandem::sandbox::server::{Fault, FaultKind};

use super::{SEND, Site};
use crate::support::answer;

impl Site {
    /// Why Bird refuses the bridge, as the operator sees it.
    async fn refused(&self) -> String {
        let (_, listed) = answer(self.bridge.http.get(format!("{}/api/destinations", self.bridge.operator))).await;
        let all = listed["items"].as_array().expect("a list").clone();
        let bird = all.into_iter().find(|one| one["destination"] == "bird").expect("Bird is among them");
        bird["refused"].as_str().unwrap_or_default().to_owned()
    }

    async fn until_refused(&self, status: &str) {
        self.bridge.until_deliveries("the reply waits", |all| all.iter().any(|one| one["state"] == "waiting")).await;
        let refused = self.refused().await;
        assert!(refused.contains(&format!("answered {status}")), "{refused}");
    }
}

fn refusal(status: u16, kind: &str, name: &str) -> FaultKind {
    let error = json!({"error": {"type": kind, "code": "E02001", "name": name, "message": "to +15550123456"}});
    FaultKind::Status { code: status, headers: Vec::new(), body: error.to_string() }
}

#[tokio::test]
async fn a_refused_text_ends_with_its_meaning_and_the_remedy_on_its_ticket() {
    for (name, remedy) in [
        ("SMSNoEligibleSender", "a number that the workspace owns"),
        ("SMSUnsupportedFeature", "send plain words"),
        ("SMSInvalidRecipient", "cannot be texted"),
    ] {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.bird.fail(Fault::on("POST", SEND, refusal(422, "validation_error", name)));
        site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
        site.settled().await;
        let notes = site.bridge.notes(ticket);
        assert!(notes.len() == 1 && notes[0].contains(name) && notes[0].contains(remedy), "{notes:?}");
        assert_eq!((site.sends(), site.words().len()), (1, 0), "it is not sent again");
        site.finish(1).await;
    }
}

#[tokio::test]
async fn a_spent_balance_holds_texts_until_it_is_topped_up() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.fail(Fault::on("POST", SEND, refusal(402, "billing_error", "InsufficientBalance")).times(2));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("402").await;
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["one".to_owned()], 3), "the same text, once");
    assert_eq!(site.refused().await, "");
    site.finish(0).await;
}

#[tokio::test]
async fn a_key_of_another_region_holds_texts_until_the_key_is_right() {
    let own = BirdOptions::default().api_key;
    let other = own.replace("_eu1_", "_us1_");
    let mut site = Site::start().await;
    site.restart_with(|settings| settings.replace(&own, &other)).await;
    let ticket = site.talking().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("421").await;
    assert!(site.words().is_empty());
    site.restart_with(|settings| settings.replace(&other, &own)).await;
    site.settled().await;
    assert_eq!(site.words(), ["one"]);
    let held: Vec<Value> = site.bridge.deliveries("state=dead").await;
    assert!(held.is_empty(), "{held:?}");
    site.finish(0).await;
}

#[test]
fn a_line_that_bird_cannot_serve_is_a_fault_of_the_configuration() {
    for (keys, fault) in [
        ("channel = \"rcs\"", "which Bird does not carry"),
        ("channel = \"whatsapp\"\ntemplate = \"write again\"", "is no slug"),
        ("channel = \"sms\"\ntemplate = \"please_write_again\"", "has no meaning on sms"),
    ] {
        let text = format!(
            "[accounts.bird]\nvendor = \"bird\"\napi_key = \"bk_eu1_not-real\"\nsigning_secrets = [\"whsec_c2VjcmV0\"]\nsender = \"+15550100900\"\n\
             [[lines]]\nname = \"line\"\ncarrier = \"bird\"\naddress = \"+15550100200\"\n{keys}\n"
        );
        let faults = tandem::config::parse(Some(&text), [], std::path::Path::new(".")).unwrap_err().to_string();
        assert!(faults.contains(fault), "{keys}: {faults}");
    }
}
