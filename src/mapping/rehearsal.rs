//! Tries a mapping before it is used, in every situation that it will meet ([`context::probes`]).

use std::collections::BTreeSet;

use super::body::{Node, make};
use super::context::{self, Context};
use super::invariants;
use super::name::{Call, Name};

/// Renders the body for every probe and collects the faults: the key where one is at fault, and words.
pub(super) fn rehearse(name: Name, node: &Node, sample: &Context) -> Vec<(Option<String>, String)> {
    let mut faults = Vec::new();
    let mut said = BTreeSet::new();
    for (situation, context) in context::probes(sample) {
        let found = match make(name, node, &context) {
            Err((key, error)) => {
                let asked_for = error.asked_for.map(|name| format!(" (`{name}`)")).unwrap_or_default();
                vec![(key, format!("{}{asked_for}", error.what))]
            }
            Ok(body) => {
                let mut broken = invariants::broken(name, &context, &body);
                if name.call() != Call::CampaignsTriggerSend && invariants::contains(&body, context::PLACEHOLDER) {
                    broken.push(
                        "a customer could have Zendesk expand placeholders: use `message.html` for the text, and put \
                         `| inert` behind names and everything else that a customer can choose"
                            .to_owned(),
                    );
                }
                broken.into_iter().map(|what| (None, what)).collect()
            }
        };
        for (key, what) in found {
            if said.insert((key.clone(), what.clone())) {
                faults.push((key, format!("{what} [tried with {situation}]")));
            }
        }
    }
    faults
}
