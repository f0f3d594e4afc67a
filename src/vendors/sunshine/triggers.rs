//! The events that the webhook has to bring, in one list for setting up and for the look at an installation. Never more than
//! [`super::source`] reads.

/// The triggers of the webhook of the second generation.
pub const TRIGGERS: [&str; 10] = [
    "conversation:message",
    "conversation:postback",
    "conversation:message:delivery:channel",
    "conversation:message:delivery:user",
    "conversation:message:delivery:failure",
    "conversation:remove",
    "user:merge",
    "user:remove",
    "client:remove",
    "client:update",
];

/// The triggers of the webhook of the first generation, which exist there alone.
pub const NOTIFICATIONS: [&str; 4] = [
    "notification:delivery:channel",
    "notification:delivery:user",
    "notification:delivery:failure",
    "notification:match:failure",
];

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::domain::inbound::Door;
    use crate::domain::line::Lines;
    use crate::intake::signature::Verified;
    use crate::intake::{Intake, Posted, Source};
    use crate::vendors::sunshine::source::{Reader, Webhooks};

    fn read(body: &str) -> Intake {
        let account = "sun".parse().unwrap();
        let webhooks = Webhooks { reader: Reader { account, lines: Lines::default() }, secrets: Vec::new() };
        let verified = Verified::when_it_came(body.as_bytes());
        let at = Timestamp::UNIX_EPOCH;
        let posted = Posted { verified: &verified, door: Door::Carrier, path: "/webhooks/sun", at };
        webhooks.read(&posted).into_intake(at, || unreachable!("the body itself can be read"))
    }

    /// How many events of this type a body with one of them passes over.
    fn passed_over(kind: &str) -> u64 {
        let talk = json!({"id": "c1"});
        let payload = json!({
            "conversation": talk,
            "mergedConversations": {"discarded": talk, "surviving": {"id": "c2"}},
            "user": {"id": "u1"},
            "client": {"integrationId": "i1"},
            "reason": if kind == "client:update" { "blocked" } else { "theft" },
        });
        let body = json!({"events": [{"id": "e1", "type": kind, "payload": payload}]}).to_string();
        let read = read(&body);
        let Intake::Reports(batch) = read else { panic!("{read:?}") };
        batch.passed_over
    }

    #[test]
    fn each_event_that_is_asked_for_is_read() {
        for trigger in TRIGGERS {
            assert_eq!(passed_over(trigger), 0, "{trigger}");
        }
        assert_eq!(passed_over("conversation:typing"), 1);
        let of = |trigger: &str| read(&json!({"trigger": trigger, "notification": {"_id": "n1"}}).to_string());
        for trigger in NOTIFICATIONS {
            assert!(matches!(of(trigger), Intake::Reports(batch) if batch.ours.len() == 1), "{trigger}");
        }
        assert!(matches!(of("message:appUser"), Intake::Ignored { .. }));
    }
}
