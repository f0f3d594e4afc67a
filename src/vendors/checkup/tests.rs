//! The findings that are called wrong.

use super::*;

fn check(line: &Line, state: State, says: &str) {
    assert_eq!(line.state, state, "{line:?}");
    assert_eq!(line.remedy.is_some(), state == State::Wrong, "what is wrong has a remedy: {line:?}");
    assert!(line.said.contains(says), "{line:?}");
}

#[test]
fn a_clock_is_wrong_past_a_minute_or_half_the_tolerance() {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    for (seconds, tolerance, state, says) in [
        (0, 600, State::Good, "agrees"),
        (60, 600, State::Good, "agrees"),
        (-60, 600, State::Good, "agrees"),
        (61, 600, State::Wrong, "behind Zendesk's"),
        (-61, 600, State::Wrong, "ahead of Zendesk's"),
        (20, 30, State::Wrong, "20 s"),
    ] {
        let answered_at = now + SignedDuration::from_secs(seconds);
        check(&clock("Zendesk", now, Some(answered_at), Duration::from_secs(tolerance)), state, says);
    }
    check(&clock("Zendesk", now, None, Duration::from_secs(600)), State::Unknown, "no readable date");
}
