//! The vendor of a pack refuses: a text ends with its reason on its ticket, and a refused account holds its texts.

use serde_json::json;
use tandem::sandbox::pack::Dialect;
use tandem::sandbox::server::{Fault, FaultKind};

use super::{ADA, NUMBER, Site};
use crate::support::answer;

fn refusal(status: u16, code: u32) -> FaultKind {
    let body = json!({"code": code, "message": format!("words to {ADA}"), "status": status});
    FaultKind::Status { code: status, headers: Vec::new(), body: body.to_string() }
}

#[tokio::test]
async fn a_customer_who_has_stopped_texts_is_told_on_the_ticket() {
    let site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    // Twilio knows of a stop that the bridge never heard of.
    site.api.fail(Fault::on("POST", "Messages", refusal(400, 21610)));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.len() == 1 && notes[0].contains("21610") && notes[0].contains("opted out"), "{notes:?}");
    assert!(!notes[0].contains(ADA), "{notes:?}");
    assert_eq!((site.words().len(), site.sends()), (0, 1), "it is not sent again");
    site.finish(1).await;
}

#[tokio::test]
async fn stop_ends_texts_and_start_resumes_them() {
    let site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    site.api.text(ADA, NUMBER, "STOP", &[]);
    site.settled().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (Vec::new(), 0));
    assert!(site.bridge.notes(ticket).iter().any(|note| note.contains("opted out")), "{:?}", site.bridge.notes(ticket));
    site.api.text(ADA, NUMBER, "START", &[]);
    site.settled().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "two");
    site.settled().await;
    assert_eq!(site.words(), ["two"]);
    site.finish(1).await;
}

#[tokio::test]
async fn a_wrong_secret_holds_texts_until_it_is_right() {
    let mut site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    let secret = site.options.secret.clone();
    site.bridge.restart_with(|settings| settings.replace(&secret, "another-secret")).await;
    site.api.connect(&site.bridge.public);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.bridge.until_deliveries("the reply waits", |all| all.iter().any(|one| one["state"] == "waiting")).await;
    let (_, listed) = answer(site.bridge.http.get(format!("{}/api/destinations", site.bridge.operator))).await;
    let all = listed["items"].as_array().expect("a list").clone();
    let account = all.into_iter().find(|one| one["destination"] == "twilio").expect("it is among them");
    assert!(account["refused"].as_str().is_some_and(|why| why.contains("Twilio answered 401")), "{account}");
    assert!(site.words().is_empty());
    site.bridge.restart_with(|settings| settings.replace("another-secret", &secret)).await;
    site.api.connect(&site.bridge.public);
    site.settled().await;
    assert_eq!(site.words(), ["one"]);
    site.finish(0).await;
}

#[test]
fn a_wrong_account_of_a_pack_is_a_fault_with_the_words_of_the_vendor() {
    let whole = "[accounts.twilio]\nvendor = \"pack\"\npack = \"twilio\"\naccount_id = \"AC1\"\nsecret = \"s1\"\n\
                 signing_secrets = [\"s2\"]\nwebhook_url = \"https://a.example/webhooks/twilio\"\nsender = \"+15550100900\"\n\
                 [[lines]]\nname = \"line\"\ncarrier = \"twilio\"\naddress = \"+15550100200\"\n";
    let faults = |text: &str| {
        let parsed = tandem::config::parse(Some(text), [], std::path::Path::new("."));
        parsed.map_or_else(|faults| faults.to_string(), |_| String::new())
    };
    for (that, this, told) in [
        ("account_id = \"AC1\"", "", "is missing, and Twilio needs it. Set it to the Account SID"),
        ("secret = \"s1\"", "", "is missing, and Twilio needs it. Set it to the Auth Token"),
        (
            "webhook_url = \"https://a.example/webhooks/twilio\"",
            "",
            "is missing, and Twilio needs it. Set it to the address that Twilio posts to",
        ),
        (
            "pack = \"twilio\"",
            "pack = \"twillio\"",
            "which is no shipped pack and no .toml file. Name a shipped one (sinch, twilio, vonage)",
        ),
        ("address = \"", "channel = \"whatsapp\"\naddress = \"", "which a pack does not carry"),
        ("sender = \"+", "sender = \"", "is a number without its +"),
    ] {
        assert!(whole.contains(that), "{that}");
        let found = faults(&whole.replacen(that, this, 1));
        assert!(found.contains(told), "{this}: {found}");
    }
    let found = faults(whole);
    assert!(!found.contains("accounts.twilio"), "{found}");
}
