//! For the pages of a delivery and of a conversation: a carrier's reports in words. Never decides the fate of a report.

use jiff::Timestamp;

use super::view::moment;
use crate::domain::delivery::Delivery;
use crate::domain::kind::KindName;
use crate::domain::receipt::{Ended, Receipt};

/// The carrier's reports about each part of a text.
pub(super) fn facts(delivery: &Delivery, now: Timestamp) -> Vec<(&'static str, String)> {
    let several = delivery.receipts.iter().any(|receipt| receipt.part > 1);
    let line = |receipt: &Receipt| {
        let told = told(receipt, delivery.kind == KindName::CustomerText, now);
        ("Carrier", if several { format!("part {}: {told}", receipt.part) } else { told })
    };
    delivery.receipts.iter().map(line).collect()
}

fn told(receipt: &Receipt, is_inbound: bool, now: Timestamp) -> String {
    let at = |word: &str, at: Option<Timestamp>| at.map(|at| format!("{word} {}", moment(at, now).shown));
    let ended = |word: &str, end: &Option<Ended>| {
        let end = end.as_ref()?;
        Some(format!("{word} {}{}", moment(end.at, now).shown, reason(end)))
    };
    let told = [
        at(if is_inbound { "written" } else { "sent" }, receipt.sent_at),
        at("refused as RCS, sent as SMS", receipt.fell_back_at),
        at("on the phone", receipt.delivered_at),
        at("read", receipt.read_at),
        ended("not delivered", &receipt.failed),
        ended("held back by Braze", &receipt.held_back),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn reason(end: &Ended) -> String {
    let code = end.why.code.as_ref().map(|code| format!("code {code}"));
    let words: Vec<String> = code.into_iter().chain(end.why.said.clone()).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(": ")) }
}

/// How far a text to the phone has come, in a few words; empty where nothing is reported.
pub(super) fn standing(delivery: &Delivery) -> String {
    if delivery.kind == KindName::CustomerText || delivery.receipts.is_empty() {
        return String::new();
    }
    let lost = delivery.receipts.iter().find(|receipt| receipt.has_failed());
    if let Some(lost) = lost {
        let word = if lost.failed.is_some() { "Not delivered" } else { "Held back by Braze" };
        let end = lost.failed.as_ref().or(lost.held_back.as_ref());
        return format!("{word}{}", end.map(reason).unwrap_or_default());
    }
    let all = |has: fn(&Receipt) -> bool| delivery.receipts.iter().all(has);
    if all(|receipt| receipt.read_at.is_some()) {
        "Read".to_owned()
    } else if all(Receipt::has_arrived) {
        "On the phone".to_owned()
    } else {
        "Sent".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::State;
    use crate::domain::receipt::{Failure, Report, Reported};
    use crate::http::testing::{delivery, noon};

    #[test]
    fn what_a_carrier_told_is_said_part_by_part_and_in_a_word() {
        let mut text = delivery(1, State::Delivered { receipt: "queued".into() });
        text.kind = KindName::PhoneText;
        assert_eq!((facts(&text, noon()), standing(&text)), (Vec::new(), String::new()));
        let mut tell = |part, what: Reported| {
            let report = Report {
                id: "1".into(),
                at: noon(),
                customer: Default::default(),
                campaign: None,
                dispatch: None,
                line: None,
                carrier: crate::domain::account::Ends::FIRST.carrier,
                what,
            };
            text.add_report(part, &report);
            (facts(&text, noon()).into_iter().map(|(_, told)| told).collect::<Vec<_>>(), standing(&text))
        };
        let (told, word) = tell(1, Reported::Sent { mark: None });
        assert_eq!((told, word.as_str()), (vec!["sent 12:00:00 UTC".to_owned()], "Sent"));
        assert_eq!(tell(1, Reported::Delivered).1, "On the phone");
        assert_eq!(tell(1, Reported::Read).1, "Read");
        let refused = Failure { code: Some("30005".into()), said: Some("Unknown".into()), falls_back: false };
        let (told, word) = tell(2, Reported::Failed(refused));
        assert_eq!(word, "Not delivered (code 30005: Unknown)");
        let first = "part 1: sent 12:00:00 UTC; on the phone 12:00:00 UTC; read 12:00:00 UTC";
        assert_eq!(told, [first, "part 2: not delivered 12:00:00 UTC (code 30005: Unknown)"]);
    }
}
