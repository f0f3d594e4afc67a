//! Hostile events through the shipped mappings. The bytes stand in every field that a customer or an agent can write.

use std::sync::LazyLock;

use serde_json::Value;
use tandem::domain::text::html_from_plain;
use tandem::mapping::{self, Call, Context, Mappings, Name, RenderError};

/// The size of a text, of any characters, up to which every shipped mapping must make a body of it.
const FITS_BYTES: usize = 4096;

static SHIPPED: LazyLock<Mappings> = LazyLock::new(|| Mappings::shipped().unwrap());

/// Every shipped mapping makes of it one JSON body within its bound, the same one each time, with the text in it whole
/// and nothing that Zendesk would expand; or says that it is too large or says nothing.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for name in Name::ALL {
        let context = context(name, &text);
        let made = SHIPPED.render(name, &context);
        assert_eq!(SHIPPED.render(name, &context), made, "an idempotency key would refuse the second");
        match made {
            Ok(body) => whole(name, &context, &body),
            Err(RenderError::BrokenPromise { .. }) if text.trim().is_empty() || text.len() > FITS_BYTES => {}
            Err(RenderError::TooLarge { .. }) if text.len() > FITS_BYTES => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// The sample with `text` in every field that is written outside.
pub(super) fn context(name: Name, text: &str) -> Context {
    let mut context = mapping::sample(name).unwrap();
    let html = html_from_plain(text);
    context.message.text = text.to_owned();
    context.message.msg_body = text.to_owned();
    context.message.html.clone_from(&html);
    context.note.text = text.to_owned();
    context.note.html = html;
    for place in [
        &mut context.customer.phone,
        &mut context.customer.email,
        &mut context.customer.first_name,
        &mut context.customer.last_name,
        &mut context.customer.name,
        &mut context.message.agent_name,
        &mut context.event.category,
    ] {
        *place = Some(text.to_owned());
    }
    context
}

fn whole(name: Name, context: &Context, body: &Value) {
    let written = serde_json::to_vec(body).unwrap();
    assert!(written.len() <= 512 * 1024);
    assert!(serde_json::from_slice::<Value>(&written).unwrap() == *body);
    if name.call() == Call::CampaignsTriggerSend {
        assert_eq!(body["recipients"].as_array().map(Vec::len), Some(1));
        if name == Name::AgentReply {
            assert_eq!(
                body["recipients"][0]["trigger_properties"]["text"].as_str(),
                Some(context.message.text.as_str())
            );
        }
        return;
    }
    let html = match name {
        Name::FailureNote | Name::KeywordNote => &context.note.html,
        Name::OpenTicket
        | Name::AppendComment
        | Name::FollowUp
        | Name::AgentReply
        | Name::TicketSolved
        | Name::Template => &context.message.html,
    };
    // A text that says nothing is left out.
    assert!(body["ticket"]["comment"]["html_body"].as_str().unwrap_or_default().contains(html.as_str()));
    no_placeholder(name, body);
}

fn no_placeholder(name: Name, value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains("{{") && !text.contains("{%"), "{name}: {text:?}"),
        Value::Array(members) => members.iter().for_each(|member| no_placeholder(name, member)),
        Value::Object(members) => members.values().for_each(|member| no_placeholder(name, member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
