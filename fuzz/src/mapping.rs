//! Templates of an operator, over hostile events. The first line is a template, the rest a customer's text.

use std::collections::BTreeMap;

use tandem::mapping::{self, Mappings, Name, RenderError};

use super::event;

/// The reply's mapping, with one more property to come.
const FILE: &str = include_str!("../../mappings/agent_reply.toml");

/// A template is refused with a reason, or works: on the sample always; on any event with the same body each time,
/// within its bound, or with an error that does not quote the customer's words.
pub fn check(data: &[u8]) {
    let line_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (template, text) = data.split_at(line_end);
    let template = String::from_utf8_lossy(template);
    let text = String::from_utf8_lossy(text.get(1..).unwrap_or_default());
    let file = format!("{FILE}\nx = {}\n", toml::Value::String(template.to_string()));
    let mappings = match Mappings::load(&BTreeMap::from([("agent_reply.toml".to_owned(), file)])) {
        Ok(mappings) => mappings,
        Err(faults) => {
            assert!(!faults.0.is_empty());
            for fault in faults.0 {
                assert!(fault.file == "agent_reply.toml" && !fault.what.is_empty(), "{fault}");
            }
            return;
        }
    };
    let sample = mapping::sample(Name::AgentReply).unwrap();
    assert!(mappings.render(Name::AgentReply, &sample).is_ok(), "it was tried with the sample when it was loaded");
    let context = event::context(Name::AgentReply, &text);
    let made = mappings.render(Name::AgentReply, &context);
    assert_eq!(mappings.render(Name::AgentReply, &context), made);
    match made {
        Ok(body) => {
            assert!(serde_json::to_vec(&body).unwrap().len() <= 512 * 1024);
            let recipient = &body["recipients"][0];
            assert_eq!(recipient["external_user_id"].as_str(), context.recipient.external_user_id.as_deref());
            assert_eq!(recipient["trigger_properties"]["text"].as_str(), Some(&*text));
        }
        Err(RenderError::Template { what, .. }) => {
            // Words of the engine and of the template may be the customer's as well; a long text is only the customer's.
            let quotable = text.trim();
            assert!(quotable.len() < 24 || template.contains(quotable) || !what.contains(quotable), "{what}");
        }
        Err(RenderError::TooLarge { bytes, .. }) => assert!(bytes > 512 * 1024),
        Err(RenderError::BrokenPromise { what, .. }) => assert!(!what.is_empty()),
    }
}
