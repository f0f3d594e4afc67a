//! The outbound policy: the next step of a message to the phone, from the facts known so far.
//!
//! [`Facts`] grow with every look and with every part that goes out, and [`plan`] names the next step. Pure: the worker
//! takes the step, adds the result to the facts, and asks again until the message has come to its end.
//!
//! A policy is a list of rules, in the order of `TEXT`, `CLOSING` and `TEMPLATE` below. The first rule with something to
//! say decides the step, and the next part goes where none has. The rules and their results, by subject:
//!
//! | rule | an agent's text | the closing text | a template |
//! |---|---|---|---|
//! | the words are the bridge's own comment, coming back | skipped | | |
//! | the customer has written since | | skipped | skipped; the next text asks anew |
//! | the ticket's status is news | learnt | learnt | |
//! | the customer was told, or asked, already | | skipped | skipped |
//! | the line is not configured, or has no form for it | given up | given up; without a form skipped | given up |
//! | the ticket is unknown | read, for a bare text | read | |
//! | its requester is another customer now | skipped and noted, for a bare text | skipped | |
//! | no recipient is known | given up | skipped | given up |
//! | the customer has opted out | given up | skipped | given up |
//! | it may be out since before the store was put back | in doubt, where texts are held | | |
//! | replies are owed before it | | goes behind them | |
//! | it has no words | skipped and noted | | |
//! | the window is shut | waits, asks or ends ([`crate::policy::window`]) | skipped | |
//! | one part has gone | the rest goes in a claim of its own, where texts are held | | |
//!
//! A bare text comes with its words and without the number of its comment. A drop-in body names its customer and its
//! campaign, so its sender answers for both. The closing text alone is not worth a note, so it is skipped where a reply
//! would be given up.

use crate::domain::outgoing::Content;

mod facts;
mod rules;
mod step;

pub use facts::{Facts, Terms};
pub use step::{Ending, Sending, Step};

type Rule = fn(&Facts<'_>) -> Option<Step>;

const TEXT: &[Rule] = &[
    rules::comes_back,
    rules::is_unidentified,
    rules::is_anothers,
    rules::has_no_recipient,
    rules::is_over,
    rules::has_no_line,
    rules::has_no_consent,
    rules::may_be_out,
    rules::tells_of_ticket,
    rules::is_empty,
    rules::is_outside_window,
];

const CLOSING: &[Rule] = &[
    rules::is_answered,
    rules::tells_of_ticket,
    rules::was_told,
    rules::has_no_line,
    rules::has_no_form,
    rules::is_unidentified,
    rules::has_no_recipient,
    rules::is_over,
    rules::has_no_consent,
    rules::is_anothers,
    rules::owes_replies,
    rules::is_outside_window,
];

const TEMPLATE: &[Rule] = &[
    rules::is_over,
    rules::has_no_line,
    rules::is_answered,
    rules::was_told,
    rules::has_no_form,
    rules::has_no_recipient,
    rules::has_no_consent,
];

/// The next step, given the facts.
#[must_use]
pub fn plan(facts: &Facts<'_>) -> Step {
    let list = match facts.message.content {
        Content::Text(_) => TEXT,
        Content::Fixed => CLOSING,
        Content::Template => TEMPLATE,
    };
    list.iter().find_map(|rule| rule(facts)).unwrap_or_else(|| rules::goes(facts))
}

#[cfg(test)]
mod tests;
