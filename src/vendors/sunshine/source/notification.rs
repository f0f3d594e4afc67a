//! The events of notifications. They come in the first generation's words: one in a body, without an id. Never reads another
//! event.
//!
//! An event tells of its notification by the id that the call was answered with. Where the answer was lost, the bridge's mark
//! tells, if the service repeats the metadata. The talk that the service has found or made for the number is a report of its
//! own, by the number and the line.

use jiff::{SignedDuration, Timestamp};

use super::failure;
use super::parts::{id, within};
use super::reader::Reader;
use crate::domain::event::Customer;
use crate::domain::receipt::{Mark, Report, Reported};
use crate::intake::Stop;
use crate::intake::fields::{self, unreadable};
use crate::intake::json::{Json, Object};
use crate::vendors::sunshine::MARK;
use crate::vendors::sunshine::notification::stand_in;

use super::NOT_USED;

impl Reader {
    /// The reports in a body that came at this time.
    ///
    /// # Errors
    /// [`Stop::Ignored`] of an event that the bridge makes no use of, or why it cannot be read.
    pub(super) fn notification(&self, body: &Object<'_>, at: Timestamp) -> Result<Vec<Report>, Stop> {
        let trigger = fields::line(body, "trigger").ok_or_else(|| unreadable("`trigger` names no event"))?;
        let what = match trigger.as_str() {
            "notification:delivery:channel" => Reported::Sent { mark: None },
            "notification:delivery:user" => Reported::Delivered,
            "notification:delivery:failure" | "notification:match:failure" => {
                Reported::Failed(failure::of(body.get("error")))
            }
            _ => return Err(Stop::Ignored(NOT_USED)),
        };
        let notification = within(body, "notification").ok_or_else(|| unreadable("`notification` is not an object"))?;
        let own = id(notification, "_id")?;
        let destination = within(body, "destination");
        let word = |name: &str| destination.and_then(|destination| fields::line(destination, name));
        let line = word("integrationId");
        if line.as_deref().is_some_and(|line| !self.has_line(line)) {
            return Err(Stop::Ignored(NOT_USED));
        }
        let at = seconds(body.get("timestamp")).unwrap_or(at);
        let report = |name: String, customer: Customer, what: Reported| Report {
            id: format!("{name}:{own}"),
            at,
            customer,
            campaign: None,
            dispatch: Some(own.clone()),
            line: line.clone(),
            carrier: self.account,
            what,
        };
        let mut reports = Vec::new();
        if let Some(mark) = mark(body).or_else(|| mark(notification)) {
            let sent = Reported::Sent { mark: Some(mark) };
            reports.push(report("notification:mark".to_owned(), Customer::default(), sent));
        }
        if let Some((talk, customer)) = matched(body) {
            let number = word("destinationId");
            let thread = line.as_deref().zip(number.as_deref()).map(|(line, number)| stand_in(line, number));
            let of_before = Customer { thread, ..Customer::default() };
            reports.push(report(
                "notification:talk".to_owned(),
                of_before,
                Reported::TalkMoved { into: talk, customer },
            ));
        }
        // The talk is learnt first, so that a reply which follows the receipt goes into it.
        reports.push(report(trigger, Customer::default(), what));
        Ok(reports)
    }
}

/// The bridge's mark in an object's metadata.
fn mark(object: &Object<'_>) -> Option<Mark> {
    within(object, "metadata")?.get(MARK)?.as_str()?.parse().ok()
}

/// The talk with the number and its user, where the service has told the talk.
fn matched(body: &Object<'_>) -> Option<(String, Option<String>)> {
    let result = within(body, "matchResult")?;
    let talk = id(within(result, "conversation")?, "_id").ok()?;
    let user = within(result, "appUser").and_then(|user| id(user, "_id").ok());
    Some((talk, user))
}

/// A time in seconds, with a fraction or without.
fn seconds(value: Option<&Json<'_>>) -> Option<Timestamp> {
    let told = value?.as_f64().filter(|seconds| *seconds > 0.0)?;
    let since = SignedDuration::try_from_secs_f64(told).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::account::AccountId;
    use crate::domain::line::Lines;
    use crate::domain::receipt::Failure;

    const ID: &str = "0b6f3a0e-0000-4000-8000-000000000001";

    fn account() -> AccountId {
        "sun".parse().unwrap()
    }

    fn read(body: &Value) -> Result<Vec<Report>, Stop> {
        let reader = Reader { account: account(), lines: Lines::default() };
        reader.notification(&body.as_object().unwrap().into(), Timestamp::UNIX_EPOCH)
    }

    /// The event of the facts, with these fields in the place of its own.
    fn told(trigger: &str, more: &Value) -> Value {
        let mut body = json!({"trigger": trigger, "version": "v1.1", "app": {"_id": "a1"},
            "destination": {"type": "twilio", "integrationId": "i1", "destinationId": "15550100001"},
            "notification": {"_id": ID},
            "matchResult": {"appUser": {"_id": "u1", "conversationStarted": true}, "conversation": {"_id": "c1"}},
            "isFinalEvent": false, "timestamp": 1_790_000_000.12});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    #[test]
    fn an_event_tells_of_its_notification_and_of_the_talk_with_its_number() {
        let reports = read(&told("notification:delivery:channel", &json!({}))).unwrap();
        let [moved, sent] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((&sent.what, sent.dispatch.as_deref()), (&Reported::Sent { mark: None }, Some(ID)));
        assert_eq!(
            (sent.id.as_str(), sent.at.as_second()),
            (&*format!("notification:delivery:channel:{ID}"), 1_790_000_000)
        );
        assert_eq!(moved.what, Reported::TalkMoved { into: "c1".into(), customer: Some("u1".into()) });
        assert_eq!(moved.customer.thread.as_deref(), Some(stand_in("i1", "+15550100001").as_str()));
        // A later event tells the same talk by the same name, so that it is kept once.
        let later = read(&told("notification:delivery:user", &json!({}))).unwrap();
        assert_eq!((&later[0].id, &later[1].what), (&moved.id, &Reported::Delivered));
        assert_ne!(later[1].id, sent.id);
    }

    #[test]
    fn a_failure_has_its_code_and_a_match_that_failed_has_no_talk() {
        let error = json!({"code": "uncategorized_error", "message": "Error 30006: +15550100001"});
        let nowhere = json!({"error": error, "matchResult": null});
        for trigger in ["notification:delivery:failure", "notification:match:failure"] {
            let reports = read(&told(trigger, &nowhere)).unwrap();
            let code =
                Failure { code: Some("30006".into()), said: Some("uncategorized_error".into()), falls_back: false };
            assert_eq!(reports.iter().map(|report| &report.what).collect::<Vec<_>>(), [&Reported::Failed(code)]);
        }
    }

    #[test]
    fn the_mark_is_read_wherever_the_metadata_stands() {
        let mark = "evt_000000010000000000020000.1";
        let (marked, known): (Value, Mark) = (json!({ MARK: mark }), mark.parse().unwrap());
        for more in [json!({ "metadata": marked }), json!({"notification": {"_id": ID, "metadata": marked}})] {
            let reports = read(&told("notification:delivery:user", &more)).unwrap();
            assert_eq!(reports[0].what, Reported::Sent { mark: Some(known) });
            assert_eq!(reports.len(), 3);
        }
        for other in [json!(7), json!("no mark"), json!({"other": "x"})] {
            assert_eq!(read(&told("notification:delivery:user", &json!({ "metadata": other }))).unwrap().len(), 2);
        }
    }

    #[test]
    fn fields_that_are_missing_or_of_another_kind_cost_no_event() {
        for (more, reports) in [
            (json!({"destination": null}), 2),
            (json!({"destination": {"destinationId": 15_550_100_001_u64}}), 2),
            (json!({"matchResult": {"appUser": {"_id": "u1"}}}), 1),
            (json!({"matchResult": {"conversation": {"_id": "../c1"}}}), 1),
            (json!({"matchResult": "none", "timestamp": "soon", "app": 7}), 1),
            (json!({"timestamp": -1.0}), 2),
            (json!({"timestamp": 1e300}), 2),
        ] {
            assert_eq!(read(&told("notification:delivery:user", &more)).unwrap().len(), reports, "{more}");
        }
        for broken in [json!({"notification": 7}), json!({"notification": {}}), json!({"notification": {"_id": "a b"}})]
        {
            let read = read(&told("notification:delivery:user", &broken));
            assert!(matches!(read, Err(Stop::Unreadable(_))), "{broken}: {read:?}");
        }
        let other = read(&told("notification:delivery:read", &json!({"notification": null})));
        assert!(matches!(other, Err(Stop::Ignored(_))), "{other:?}");
    }
}
