//! The findings about an installation at Zendesk: credentials, scopes, the user field, the webhook with its secret, and
//! the triggers. Pure. A wrong line carries its remedy; no line ever holds a secret.

use super::admin::{
    CategoryView, Me, TicketRecord, TicketRecordView, TriggerView, UserFieldView, WebhookTest, WebhookView,
};
use super::remedies;
use super::setup::{self, TAG, TRIGGERS};
use crate::domain::account_table::AccountTable;
use crate::domain::inbound::EVENTS;
use crate::ports::Failure;
use crate::vendors::checkup::{Line, Sender, State, unreached};

/// The side of its lines.
pub const SIDE: &str = "Zendesk";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "events",
    remedies: remedies::REMEDIES,
    never: "no trigger has fired",
    remedy: |_| "Reply publicly on a ticket with the tag sms".to_owned(),
    name_never: "nothing of the kind may have happened",
    expected: &EVENTS,
};

/// The scope that is asked for only to have a webhook tested.
const TEST_SCOPE: &str = "webhooks:write";

fn run_setup(of: AccountTable) -> String {
    format!("Run {}", of.setup())
}

fn line(what: &str, state: State, said: impl Into<String>) -> Line {
    Line::new(SIDE, what, state, said)
}

fn wrong(what: &str, said: impl Into<String>, remedy: impl Into<String>) -> Line {
    Line::wrong(SIDE, what, said, remedy)
}

/// The line of a read that failed. `scope` is the scope that the read needs.
fn unread(what: &str, failure: &Failure, scope: &str) -> Line {
    let cause = failure.cause();
    if let Failure::Forbid { status: 403, .. } = failure {
        let said = format!("{cause}: the scope read (or {scope}) is missing, or the client's user may not see this");
        let remedy = "Give it to the OAuth client, and let the client act as an administrator";
        return wrong(what, said, remedy);
    }
    wrong(what, cause, "See whether Zendesk is up, and run this again")
}

/// Whether Zendesk knows us, and as which user. `by` names the credentials that were presented.
#[must_use]
pub fn credentials(of: AccountTable, me: &Result<Me, Failure>, by: &str) -> Line {
    let what = "credentials";
    match me {
        Ok(Me { id: None, .. }) => wrong(
            what,
            format!("Zendesk greets {by} as \"Anonymous user\": the e-mail address or the token is wrong"),
            format!(
                "Correct {} and {}, or better: use {} and {}",
                of.key("email"),
                of.key("api_token"),
                of.key("client_id"),
                of.key("client_secret")
            ),
        ),
        Ok(Me { role, .. }) if role == "end-user" => wrong(
            what,
            format!("{by} acts as an end user, who may not write tickets for others"),
            "Let an agent with a custom role, or an administrator, own the OAuth client",
        ),
        Ok(Me { role, .. }) => line(what, State::Good, format!("{by}, acting as {role}")),
        Err(failure @ Failure::Pause { status: 401 | 400, .. }) => {
            wrong(what, failure.cause(), remedies::credentials(of))
        }
        Err(failure @ Failure::Forbid { status: 403, .. }) => unread(what, failure, "users:read"),
        Err(failure) => wrong(what, failure.cause(), unreached(failure, &of.key("url"), || remedies::of_silence(of))),
    }
}

/// Whether the token covers the scopes that were asked for. The bridge itself sets nothing up, and needs no scope for
/// that.
#[must_use]
pub fn scopes(missing: &Result<Vec<String>, Failure>) -> Line {
    match missing {
        Ok(missing) => match missing.iter().filter(|scope| *scope != TEST_SCOPE).cloned().collect::<Vec<_>>() {
            missing if missing.is_empty() => line("scopes", State::Good, "the token has what the bridge needs"),
            missing => wrong(
                "scopes",
                format!("the token lacks {}", missing.join(", ")),
                "Give these scopes to the OAuth client",
            ),
        },
        Err(failure) => unread("scopes", failure, "read"),
    }
}

/// Whether the user field is there.
#[must_use]
pub fn user_field(of: AccountTable, found: &Result<Vec<UserFieldView>, Failure>, key: &str) -> Line {
    let what = "user field";
    match found {
        Err(failure) => unread(what, failure, "users:read"),
        Ok(found) => match found.iter().find(|field| field.key == key) {
            None => wrong(what, format!("{key} does not exist"), run_setup(of)),
            Some(field) => match setup::user_field_fault(field) {
                Some(fault) => wrong(
                    what,
                    format!("{key} {fault}"),
                    format!("Activate it, or name another text field in {}", of.key("user_field")),
                ),
                None => line(what, State::Good, key),
            },
        },
    }
}

/// Whether the account has a brand, group or form that a line names.
#[must_use]
pub fn ticket_record(name: &str, record: TicketRecord, id: u64, found: &Result<TicketRecordView, Failure>) -> Line {
    let (what, word) = (format!("{} of line {name}", record.word()), record.word());
    let remedy =
        format!("Copy the id of the {word} from Zendesk into the [[lines]] table of {name}, and restart tandem");
    match found {
        Ok(TicketRecordView { name, is_usable: true }) => line(&what, State::Good, format!("{id} is {name:?}")),
        Ok(TicketRecordView { name, is_usable: false }) => {
            wrong(&what, format!("{id}, {name:?}, is inactive or deleted"), remedy)
        }
        Err(Failure::NotFound { .. } | Failure::Forbid { status: 404, .. }) => {
            wrong(&what, format!("there is no {word} {id}, so that Zendesk would refuse the line's tickets"), remedy)
        }
        Err(failure) => unread(&what, failure, "read"),
    }
}

/// The line of a missing `public_url`, without which no webhook can be recognised as ours.
#[must_use]
pub fn no_public_url() -> Line {
    let remedy = "Set public_url to the address at which Zendesk and Braze reach `listen`";
    wrong("webhook", "public_url is not configured, so that none can be looked for", remedy)
}

/// Whether there is a webhook that posts to us, and which one it is.
#[must_use]
pub fn webhook<'a>(
    of: AccountTable,
    found: &'a Result<Vec<WebhookView>, Failure>,
    endpoint: &str,
) -> (Line, Option<&'a WebhookView>) {
    let what = "webhook";
    let found = match found {
        Ok(found) => found,
        Err(failure) => return (unread(what, failure, "webhooks:read"), None),
    };
    let Some(webhook) = setup::find_webhook(found, endpoint) else {
        return (wrong(what, format!("none posts to {endpoint}"), run_setup(of)), None);
    };
    let faults = setup::webhook_faults(webhook, endpoint);
    let line = match faults.is_empty() {
        true => line(what, State::Good, format!("{:?} posts to {endpoint}", webhook.name)),
        false => wrong(what, format!("{:?} {}", webhook.name, faults.join(" and ")), run_setup(of)),
    };
    (line, Some(webhook))
}

/// Whether the webhook's signing secret is one that is configured.
#[must_use]
pub fn signing_secret(of: AccountTable, is_known: &Result<bool, Failure>) -> Line {
    let (what, key) = ("signing secret", of.key("webhook_secrets"));
    match is_known {
        Ok(true) => line(what, State::Good, format!("is among {key}")),
        Ok(false) => wrong(
            what,
            format!("the webhook signs with a secret that is not among {key}: all it brings is refused"),
            format!(
                "Run {}, which shows the secret, add it to {} and restart tandem",
                of.setup(),
                of.variable("webhook_secrets")
            ),
        ),
        Err(failure) => unread(what, failure, "webhooks:read"),
    }
}

/// Whether our triggers are there, fire, and post the right bodies; one line for each, and one for their order.
#[must_use]
pub fn triggers(
    of: AccountTable,
    found: &Result<(Vec<TriggerView>, Vec<CategoryView>), Failure>,
    webhook: Option<&WebhookView>,
) -> Vec<Line> {
    let (triggers, categories) = match found {
        Ok(found) => found,
        Err(failure) => return vec![unread("triggers", failure, "triggers:read")],
    };
    let Some(webhook) = webhook else {
        return vec![Line::not_looked_at(SIDE, "triggers", "there is no webhook for them to notify")];
    };
    let finding = |spec: &setup::TriggerSpec| {
        let what = format!("trigger {:?}", spec.title);
        let Some(trigger) = setup::find_trigger(triggers, spec) else {
            return wrong(&what, "does not exist", run_setup(of));
        };
        let faults = setup::trigger_faults(trigger, spec, &webhook.id);
        if faults == [setup::OUTDATED_BODY] {
            let said = format!("works, but {}. {} to update it", setup::OUTDATED_BODY, run_setup(of));
            return line(&what, State::Note, said);
        }
        match faults.is_empty() {
            true => line(&what, State::Good, "is active and notifies the webhook"),
            false => wrong(&what, faults.join(" and "), run_setup(of)),
        }
    };
    let mut lines: Vec<Line> = TRIGGERS.iter().map(finding).collect();
    lines.push(order(of, triggers, categories));
    for trigger in triggers.iter().filter(|trigger| trigger.active && setup::notifies(trigger, &webhook.id)) {
        if !TRIGGERS.iter().any(|spec| spec.title == trigger.title) {
            let said = "notifies our webhook too, which rings twice and harms nothing";
            lines.push(line(&format!("trigger {:?}", trigger.title), State::Note, said));
        }
    }
    lines
}

/// Triggers fire in order, on every update: one that adds our tag must stand before ours, which look for it.
fn order(of: AccountTable, triggers: &[TriggerView], categories: &[CategoryView]) -> Line {
    let what = "order of triggers";
    if setup::is_out_of_order(triggers) {
        return wrong(what, "ours do not stand in the order reply, solved, reopened", run_setup(of));
    }
    let place = |trigger: &TriggerView| {
        let category = categories.iter().find(|category| Some(&category.id) == trigger.category_id.as_ref());
        (category.and_then(|category| category.position), trigger.position)
    };
    let is_ours = |trigger: &&TriggerView| TRIGGERS.iter().any(|spec| spec.title == trigger.title);
    let first = triggers.iter().filter(is_ours).map(place).min();
    let late = triggers
        .iter()
        .find(|trigger| trigger.active && adds_our_tag(trigger) && !is_ours(trigger) && Some(place(trigger)) > first);
    match late {
        Some(late) => wrong(
            what,
            format!("{:?} adds the tag {TAG} only after ours have looked for it", late.title),
            "Move it, or its category, above the category tandem (Admin Center, Objects and rules, Triggers)",
        ),
        None => line(what, State::Good, format!("nothing adds the tag {TAG} too late")),
    }
}

fn adds_our_tag(trigger: &TriggerView) -> bool {
    trigger.actions.as_array().into_iter().flatten().any(|action| {
        let adds = action["field"] == "current_tags" || action["field"] == "set_tags";
        adds && action["value"].as_str().is_some_and(|tags| tags.split_whitespace().any(|tag| tag == TAG))
    })
}

/// Whether Zendesk reaches the bridge, by its own test of the webhook. `secret_is_known` is the finding of
/// [`signing_secret`].
#[must_use]
pub fn reach(test: &Result<WebhookTest, Failure>, endpoint: &str, secret_is_known: bool) -> Line {
    let what = "reachability";
    match test {
        Ok(WebhookTest { status: Some(202) }) => line(what, State::Good, "the bridge took Zendesk's test"),
        Ok(WebhookTest { status: Some(401) }) if !secret_is_known => {
            line(what, State::Good, "the bridge is reached, and refuses the signature: see the signing secret")
        }
        Ok(WebhookTest { status: Some(401) }) => wrong(
            what,
            "the bridge is reached, and refuses the signature, though the secret is configured here",
            "Restart the bridge with this configuration, and see that its clock is right",
        ),
        Ok(WebhookTest { status: Some(status) }) => wrong(
            what,
            format!("{endpoint} answers {status} to Zendesk's test, where the bridge answers 202"),
            "See that public_url leads to `listen` of a running bridge, and what stands between (proxy, firewall, path)",
        ),
        Ok(WebhookTest { status: None }) => wrong(
            what,
            format!("Zendesk gets no answer from {endpoint}"),
            "Start tandem serve, and see that public_url leads to its `listen` from the internet, with a valid certificate",
        ),
        Err(Failure::Forbid { status: 403, .. }) => {
            line(what, State::Note, "not tried: the OAuth client has no scope webhooks:write, which the test needs")
        }
        Err(failure) => line(what, State::Note, format!("not tried: {}", failure.cause())),
    }
}

#[cfg(test)]
mod tests;
