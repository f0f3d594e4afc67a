//! WhatsApp templates: behind the window, and by an agent's shorthand.

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::sunshine::{SMS, WHATSAPP};

use super::{ADA, Site};

const AGAIN: &str = "please_write_again";
const SHIPPED: &str = "&((template=[[order_shipped]] language=[[en_US]] body_text=[[7]] body_text=[[Ada]]))&";

impl Site {
    async fn with_template() -> Self {
        Self::start_on("", "", &format!("template = \"{AGAIN}\"")).await
    }

    fn templates(&self) -> Vec<Option<String>> {
        self.sunshine.texts().into_iter().map(|text| text.template).collect()
    }
}

#[tokio::test]
async fn behind_the_window_the_template_goes_first_and_the_reply_after_the_answer() {
    let site = Site::with_template().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(24));
    site.reply(ticket, "Your parcel is there");
    site.bridge.until("the template is out", |_| site.sunshine.texts().len() == 1).await;
    assert_eq!(site.templates(), [Some(AGAIN.to_owned())]);
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA).last().map(String::as_str), Some("Your parcel is there"));
    assert_eq!(site.templates(), [Some(AGAIN.to_owned()), None]);
    site.finish(0).await;
}

#[tokio::test]
async fn an_agents_shorthand_goes_as_the_template_that_it_names_at_any_time() {
    let site = Site::with_template().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(24));
    site.reply(ticket, SHIPPED);
    site.settled().await;
    assert_eq!(site.templates(), [Some("order_shipped".to_owned())]);
    let said = &site.sunshine.texts()[0].words;
    assert!(said.contains('7') && said.contains("Ada") && !said.contains("&(("), "{said}");
    assert_eq!(site.text().await["state"], "delivered");
    site.finish(0).await;
}

#[tokio::test]
async fn a_template_that_cannot_go_is_refused_with_a_note_before_anything_is_sent() {
    for (words, told) in [
        ("&((template=[[no_such_one]]))&", "lists no template no_such_one"),
        ("&((template=[[order_shipped]] language=[[fr]] body_text=[[7]] body_text=[[Ada]]))&", "en_US"),
        (
            "&((template=[[order_shipped]] language=[[en_US]] body_text=[[7]]))&",
            "has 2 places, and the shorthand fills 1",
        ),
        ("Look: &((template=[[order_shipped]]))&", "has to stand alone"),
    ] {
        let site = Site::with_template().await;
        let ticket = site.talking_on(WHATSAPP, ADA).await;
        site.reply(ticket, words);
        site.settled().await;
        assert_eq!((site.sends(), site.text().await["state"].clone()), (0, json!("dead")), "{words}");
        let notes = site.bridge.notes(ticket);
        assert!(notes.iter().any(|note| note.contains(told)), "{words}: {notes:?}");
        site.finish(1).await;
    }
}

#[tokio::test]
async fn a_template_that_is_not_approved_any_more_is_refused() {
    let site = Site::with_template().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.sunshine.set_template_status("order_shipped", "PAUSED");
    site.reply(ticket, SHIPPED);
    site.settled().await;
    assert!(site.bridge.notes(ticket)[0].contains("is not approved"), "{:?}", site.bridge.notes(ticket));
    site.finish(1).await;
}

#[tokio::test]
async fn on_sms_a_template_is_refused_and_never_passed_on() {
    let site = Site::with_template().await;
    let ticket = site.talking_on(SMS, ADA).await;
    site.reply(ticket, SHIPPED);
    site.settled().await;
    assert_eq!((site.sends(), site.sunshine.texts().len()), (0, 0));
    assert!(site.bridge.notes(ticket)[0].contains("shorthand"));
    site.finish(1).await;
}
