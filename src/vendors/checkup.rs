//! The findings about both sides, good and wrong, each wrong one with its remedy.
//!
//! Each checked thing has one line, made of the records that were read. A line that depends on a wrong one is not
//! wrong itself: it was not looked at. No line ever holds a secret.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::remedy;
use crate::vendors::braze;
use crate::vendors::braze::details::CampaignView;
use crate::vendors::http::Failure;
use crate::vendors::http::tls::TlsFault;
use crate::vendors::zendesk::admin::{CategoryView, Me, TriggerView, UserFieldView, WebhookTest, WebhookView};
use crate::vendors::zendesk::setup::{self as zendesk, TAG, TRIGGERS};

mod inbound;

pub use inbound::arrivals;

/// The most by which our clock may be off before it is called wrong: far above the time that an answer takes on its
/// way, far below the shortest sensible tolerance for signatures.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(60);

/// The scope that is asked for only to have a webhook tested.
const TEST_SCOPE: &str = "webhooks:write";

const RUN_SETUP: &str = "Run tandem setup zendesk";

/// The state of a checked thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing, and nothing to mend.
    Note,
    /// To be mended.
    Wrong,
    /// Not looked at, because of something else.
    Unknown,
}

/// One checked thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `Zendesk` or `Braze`.
    pub side: &'static str,
    /// The thing.
    pub what: String,
    /// Its state.
    pub state: State,
    /// Its state in words.
    pub said: String,
    /// The remedy for a wrong thing: a sentence without its full stop.
    pub remedy: Option<String>,
}

impl Line {
    fn new(side: &'static str, what: &str, state: State, said: impl Into<String>) -> Self {
        Self { side, what: what.to_owned(), state, said: said.into(), remedy: None }
    }

    fn wrong(side: &'static str, what: &str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(side, what, State::Wrong, said) }
    }

    fn zendesk(what: &str, state: State, said: impl Into<String>) -> Self {
        Self::new("Zendesk", what, state, said)
    }

    fn braze(what: &str, state: State, said: impl Into<String>) -> Self {
        Self::new("Braze", what, state, said)
    }

    /// A thing that was not looked at.
    #[must_use]
    pub fn not_looked_at(side: &'static str, what: &str, because: &str) -> Self {
        Self::new(side, what, State::Unknown, format!("not looked at: {because}"))
    }
}

/// Whether the identity provider describes itself as the issuer that is configured.
#[must_use]
pub fn provider(found: &Result<(), String>) -> Line {
    match found {
        Ok(()) => Line::new("Identity provider", "issuer", State::Good, "it describes itself as oidc.issuer"),
        Err(why) => {
            let remedy = "Compare oidc.issuer with what the provider's description writes; sign-in with tokens goes on";
            Line::wrong("Identity provider", "issuer", why, remedy)
        }
    }
}

/// The remedy for a vendor that could not be reached at the address under this key. A fault of TLS has a more exact
/// one.
fn unreached(failure: &Failure, url: &str, otherwise: &str) -> String {
    TlsFault::told_in(failure.cause()).map_or_else(|| otherwise.to_owned(), |fault| fault.remedy(url))
}

/// The line of a read that failed. `scope` is the scope that the read needs.
fn unread(what: &str, failure: &Failure, scope: &str) -> Line {
    let cause = failure.cause();
    if let Failure::Forbid { status: 403, .. } = failure {
        let said = format!("{cause}: the scope read (or {scope}) is missing, or the client's user may not see this");
        let remedy = "Give it to the OAuth client, and let the client act as an administrator";
        return Line::wrong("Zendesk", what, said, remedy);
    }
    Line::wrong("Zendesk", what, cause, "See whether Zendesk is up, and run this again")
}

/// Whether Zendesk knows us, and as which user. `by` names the credentials that were presented.
#[must_use]
pub fn credentials(me: &Result<Me, Failure>, by: &str) -> Line {
    let what = "credentials";
    match me {
        Ok(Me { id: None, .. }) => Line::wrong(
            "Zendesk",
            what,
            format!("Zendesk greets {by} as \"Anonymous user\": the e-mail address or the token is wrong"),
            "Correct zendesk.email and zendesk.api_token, or better: use zendesk.client_id and zendesk.client_secret",
        ),
        Ok(Me { role, .. }) if role == "end-user" => Line::wrong(
            "Zendesk",
            what,
            format!("{by} acts as an end user, who may not write tickets for others"),
            "Let an agent with a custom role, or an administrator, own the OAuth client",
        ),
        Ok(Me { role, .. }) => Line::zendesk(what, State::Good, format!("{by}, acting as {role}")),
        Err(failure @ Failure::Pause { status: 401 | 400, .. }) => {
            Line::wrong("Zendesk", what, failure.cause(), remedy::ZENDESK_CREDENTIALS)
        }
        Err(failure @ Failure::Forbid { status: 403, .. }) => unread(what, failure, "users:read"),
        Err(failure) => {
            Line::wrong("Zendesk", what, failure.cause(), unreached(failure, "zendesk.url", remedy::ZENDESK_ADDRESS))
        }
    }
}

/// Whether the token covers the scopes that were asked for. The bridge itself sets nothing up, and needs no scope for
/// that.
#[must_use]
pub fn scopes(missing: &Result<Vec<String>, Failure>) -> Line {
    match missing {
        Ok(missing) => match missing.iter().filter(|scope| *scope != TEST_SCOPE).cloned().collect::<Vec<_>>() {
            missing if missing.is_empty() => {
                Line::zendesk("scopes", State::Good, "the token has what the bridge needs")
            }
            missing => Line::wrong(
                "Zendesk",
                "scopes",
                format!("the token lacks {}", missing.join(", ")),
                "Give these scopes to the OAuth client",
            ),
        },
        Err(failure) => unread("scopes", failure, "read"),
    }
}

/// Whether our clock agrees with a vendor's. The vendor dated its answer while the answer was on its way.
#[must_use]
pub fn clock(side: &'static str, now: Timestamp, answered_at: Option<Timestamp>, tolerance: Duration) -> Line {
    let Some(answered_at) = answered_at else {
        return Line::new(side, "clock", State::Unknown, "its answer has no readable date");
    };
    let ahead = now.duration_since(answered_at);
    let most = SKEW_MAX.min(SignedDuration::try_from(tolerance / 2).unwrap_or(SKEW_MAX));
    if ahead.abs() <= most {
        return Line::new(side, "clock", State::Good, "agrees with ours");
    }
    let (seconds, way) = (ahead.abs().as_secs(), if ahead.is_positive() { "ahead of" } else { "behind" });
    Line::wrong(
        side,
        "clock",
        format!("ours is {seconds} s {way} {side}'s; past {} s signatures are refused", tolerance.as_secs()),
        "Let this machine keep its time by NTP",
    )
}

/// Whether the user field is there.
#[must_use]
pub fn user_field(found: &Result<Vec<UserFieldView>, Failure>, key: &str) -> Line {
    let what = "user field";
    match found {
        Err(failure) => unread(what, failure, "users:read"),
        Ok(found) => match found.iter().find(|field| field.key == key) {
            None => Line::wrong("Zendesk", what, format!("{key} does not exist"), RUN_SETUP),
            Some(field) => match zendesk::user_field_fault(field) {
                Some(fault) => Line::wrong(
                    "Zendesk",
                    what,
                    format!("{key} {fault}"),
                    "Activate it, or name another text field in zendesk.user_field",
                ),
                None => Line::zendesk(what, State::Good, key),
            },
        },
    }
}

/// The line of a missing `public_url`, without which no webhook can be recognised as ours.
#[must_use]
pub fn no_public_url() -> Line {
    let remedy = "Set public_url to the address at which Zendesk and Braze reach `listen`";
    Line::wrong("Zendesk", "webhook", "public_url is not configured, so that none can be looked for", remedy)
}

/// Whether there is a webhook that posts to us, and which one it is.
#[must_use]
pub fn webhook<'a>(found: &'a Result<Vec<WebhookView>, Failure>, endpoint: &str) -> (Line, Option<&'a WebhookView>) {
    let what = "webhook";
    let found = match found {
        Ok(found) => found,
        Err(failure) => return (unread(what, failure, "webhooks:read"), None),
    };
    let Some(webhook) = zendesk::find_webhook(found, endpoint) else {
        return (Line::wrong("Zendesk", what, format!("none posts to {endpoint}"), RUN_SETUP), None);
    };
    let faults = zendesk::webhook_faults(webhook, endpoint);
    let line = match faults.is_empty() {
        true => Line::zendesk(what, State::Good, format!("{:?} posts to {endpoint}", webhook.name)),
        false => Line::wrong("Zendesk", what, format!("{:?} {}", webhook.name, faults.join(" and ")), RUN_SETUP),
    };
    (line, Some(webhook))
}

/// Whether the webhook's signing secret is one that is configured.
#[must_use]
pub fn signing_secret(is_known: &Result<bool, Failure>) -> Line {
    let what = "signing secret";
    match is_known {
        Ok(true) => Line::zendesk(what, State::Good, "is among zendesk.webhook_secrets"),
        Ok(false) => Line::wrong(
            "Zendesk",
            what,
            "the webhook signs with a secret that is not among zendesk.webhook_secrets: all it brings is refused",
            "Run tandem setup zendesk, which shows the secret, add it to TANDEM_ZENDESK__WEBHOOK_SECRETS and restart tandem",
        ),
        Err(failure) => unread(what, failure, "webhooks:read"),
    }
}

/// Whether our triggers are there, fire, and post the right bodies; one line for each, and one for their order.
#[must_use]
pub fn triggers(
    found: &Result<(Vec<TriggerView>, Vec<CategoryView>), Failure>,
    webhook: Option<&WebhookView>,
) -> Vec<Line> {
    let (triggers, categories) = match found {
        Ok(found) => found,
        Err(failure) => return vec![unread("triggers", failure, "triggers:read")],
    };
    let Some(webhook) = webhook else {
        return vec![Line::not_looked_at("Zendesk", "triggers", "there is no webhook for them to notify")];
    };
    let line = |spec: &zendesk::TriggerSpec| {
        let what = format!("trigger {:?}", spec.title);
        let Some(trigger) = zendesk::find_trigger(triggers, spec) else {
            return Line::wrong("Zendesk", &what, "does not exist", RUN_SETUP);
        };
        let faults = zendesk::trigger_faults(trigger, spec, &webhook.id);
        if faults == [zendesk::OUTDATED_BODY] {
            let said = format!("works, but {}. {RUN_SETUP} to update it", zendesk::OUTDATED_BODY);
            return Line::zendesk(&what, State::Note, said);
        }
        match faults.is_empty() {
            true => Line::zendesk(&what, State::Good, "is active and notifies the webhook"),
            false => Line::wrong("Zendesk", &what, faults.join(" and "), RUN_SETUP),
        }
    };
    let mut lines: Vec<Line> = TRIGGERS.iter().map(line).collect();
    lines.push(order(triggers, categories));
    for trigger in triggers.iter().filter(|trigger| trigger.active && zendesk::notifies(trigger, &webhook.id)) {
        if !TRIGGERS.iter().any(|spec| spec.title == trigger.title) {
            let said = "notifies our webhook too, which rings twice and harms nothing";
            lines.push(Line::zendesk(&format!("trigger {:?}", trigger.title), State::Note, said));
        }
    }
    lines
}

/// Triggers fire in order, on every update: one that adds our tag must stand before ours, which look for it.
fn order(triggers: &[TriggerView], categories: &[CategoryView]) -> Line {
    let what = "order of triggers";
    if zendesk::is_out_of_order(triggers) {
        return Line::wrong("Zendesk", what, "ours do not stand in the order reply, solved, reopened", RUN_SETUP);
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
        Some(late) => Line::wrong(
            "Zendesk",
            what,
            format!("{:?} adds the tag {TAG} only after ours have looked for it", late.title),
            "Move it, or its category, above the category tandem (Admin Center, Objects and rules, Triggers)",
        ),
        None => Line::zendesk(what, State::Good, format!("nothing adds the tag {TAG} too late")),
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
        Ok(WebhookTest { status: Some(202) }) => Line::zendesk(what, State::Good, "the bridge took Zendesk's test"),
        Ok(WebhookTest { status: Some(401) }) if !secret_is_known => {
            Line::zendesk(what, State::Good, "the bridge is reached, and refuses the signature: see the signing secret")
        }
        Ok(WebhookTest { status: Some(401) }) => Line::wrong(
            "Zendesk",
            what,
            "the bridge is reached, and refuses the signature, though the secret is configured here",
            "Restart the bridge with this configuration, and see that its clock is right",
        ),
        Ok(WebhookTest { status: Some(status) }) => Line::wrong(
            "Zendesk",
            what,
            format!("{endpoint} answers {status} to Zendesk's test, where the bridge answers 202"),
            "See that public_url leads to `listen` of a running bridge, and what stands between (proxy, firewall, path)",
        ),
        Ok(WebhookTest { status: None }) => Line::wrong(
            "Zendesk",
            what,
            format!("Zendesk gets no answer from {endpoint}"),
            "Start tandem serve, and see that public_url leads to its `listen` from the internet, with a valid certificate",
        ),
        Err(Failure::Forbid { status: 403, .. }) => Line::zendesk(
            what,
            State::Note,
            "not tried: the OAuth client has no scope webhooks:write, which the test needs",
        ),
        Err(failure) => Line::zendesk(what, State::Note, format!("not tried: {}", failure.cause())),
    }
}

/// The finding of the first call to Braze about the key and the host.
#[must_use]
pub fn key(first: &Result<CampaignView, Failure>, host: &str) -> Line {
    let what = "key";
    match first {
        Err(failure @ (Failure::Pause { status: 401, .. } | Failure::Forbid { status: 404, .. })) => {
            Line::wrong("Braze", what, format!("{}: {host} does not know the key", failure.cause()), remedy::BRAZE_KEY)
        }
        Err(
            failure @ (Failure::Retry { .. } | Failure::Postpone { .. } | Failure::Forbid { status: 300..=399, .. }),
        ) => Line::wrong("Braze", what, failure.cause(), unreached(failure, "braze.url", remedy::BRAZE_ADDRESS)),
        Ok(_) | Err(_) => {
            Line::braze(what, State::Good, format!("{host} knows it; only a text shows whether it may send"))
        }
    }
}

/// Whether a campaign sends texts when it is told to.
#[must_use]
pub fn campaign(name: &str, id: &str, found: &Result<CampaignView, Failure>) -> Line {
    let what = format!("campaign {name}");
    let key = format!("braze.campaigns.{name}");
    let wrong = |said: String, remedy: String| Line::wrong("Braze", &what, said, remedy);
    let campaign = match found {
        Ok(campaign) => campaign,
        Err(Failure::Forbid { status: 403, .. }) => {
            return Line::braze(&what, State::Note, "not looked at: the key lacks the permission campaigns.details");
        }
        Err(failure @ Failure::Forbid { status: 400, .. }) => {
            return wrong(
                format!("{}: the workspace has no campaign {id}", failure.cause()),
                format!("Copy the campaign's API identifier from Braze into {key}"),
            );
        }
        Err(failure) => {
            return wrong(failure.cause().to_owned(), "See whether Braze is up, and run this again".to_owned());
        }
    };
    let schedule = campaign.schedule.to_ascii_lowercase();
    let shown = format!("{:?}", campaign.name);
    if campaign.archived {
        wrong(format!("{shown} is archived"), "Unarchive it in Braze, or name another".to_owned())
    } else if campaign.draft {
        wrong(format!("{shown} was never launched"), "Launch it in Braze".to_owned())
    } else if campaign.enabled == Some(false) {
        wrong(format!("{shown} is stopped"), "Resume it in Braze".to_owned())
    } else if !campaign.channels.is_empty()
        && !campaign.channels.iter().any(|channel| channel.eq_ignore_ascii_case("sms"))
    {
        let channels = campaign.channels.join(", ");
        wrong(
            format!("{shown} sends by {channels}, not by SMS"),
            format!("Name an API-triggered SMS campaign in {key}; tandem setup braze says how to make one"),
        )
    } else if !schedule.is_empty() && !schedule.contains("api") {
        wrong(
            format!("{shown} is not API-triggered ({schedule})"),
            format!("Name an API-triggered SMS campaign in {key}; tandem setup braze says how to make one"),
        )
    } else if !campaign.bodies.is_empty() && !campaign.bodies.iter().any(|body| prints_the_text(body)) {
        wrong(
            format!("{shown} prints neither ${{text}} nor ${{msg_body}}, so that customers never read the reply"),
            format!("Make its message {}", braze::setup::TEXT_TEMPLATE),
        )
    } else {
        Line::braze(&what, State::Good, format!("{shown} is live, API-triggered and prints the text"))
    }
}

/// Whether a campaign passes the mark of a send on, where Braze shows its messages: by it, reports of Currents find their text.
#[must_use]
pub fn mark(name: &str, campaign: &CampaignView) -> Line {
    let what = format!("mark {name}");
    let passes_on =
        |body: &String| body.contains("message_extras") && body.contains("api_trigger_properties.${tandem}");
    if campaign.bodies.is_empty() {
        Line::braze(&what, State::Unknown, "not looked at: Braze does not show the message")
    } else if campaign.bodies.iter().all(passes_on) {
        Line::braze(&what, State::Good, format!("{:?} passes the mark of each send on", campaign.name))
    } else {
        let said = format!(
            "{:?} passes no mark on, so that a report counts only where exactly one text fits; put {} before its message",
            campaign.name,
            super::braze::setup::TAG_LINE
        );
        Line::braze(&what, State::Note, said)
    }
}

fn prints_the_text(body: &str) -> bool {
    ["text", "msg_body"].iter().any(|name| body.contains(&format!("api_trigger_properties.${{{name}}}")))
}

/// Whether the key may look for receipts. It need not: then `braze.on_unconfirmed` decides.
#[must_use]
pub fn export(found: &Result<(), Failure>) -> Line {
    let what = "receipts";
    match found {
        Ok(()) => Line::braze(what, State::Good, "the key may look whether a text went out"),
        Err(Failure::Forbid { status: 403, .. }) => Line::braze(
            what,
            State::Note,
            "the key lacks users.export.ids: after a lost answer braze.on_unconfirmed decides",
        ),
        Err(failure) => Line::braze(what, State::Unknown, format!("not looked at: {}", failure.cause())),
    }
}

/// Whether the subscription group exists, which the bridge was told to ask about.
#[must_use]
pub fn group(found: &Result<Option<bool>, Failure>) -> Line {
    let what = "subscription group";
    match found {
        Ok(_) => Line::braze(what, State::Good, "exists"),
        Err(failure @ Failure::Forbid { status: 403, .. }) => Line::wrong(
            "Braze",
            what,
            format!("{}: the key lacks subscription.status.get", failure.cause()),
            "Make a key with it, or remove braze.subscription_group",
        ),
        Err(failure) => Line::wrong(
            "Braze",
            what,
            failure.cause(),
            "Copy the id of the SMS subscription group from Braze into braze.subscription_group",
        ),
    }
}

#[cfg(test)]
mod tests;
