//! The findings about an installation at Braze: the key, the campaigns, and the permissions that the bridge can do without.
//! Pure. A wrong line carries its remedy; no line ever holds a secret.

use super::client::details::CampaignView;
use super::remedies;
use super::setup;
use crate::domain::account_table::AccountTable;
use crate::domain::inbound::CATEGORIES;
use crate::domain::line::Channel;
use crate::ports::Failure;
use crate::vendors::checkup::{Line, Sender, State, unreached};

/// The side of its lines.
pub const SIDE: &str = "Braze";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "inbound texts",
    remedies: remedies::REMEDIES,
    never: "the webhook campaigns may never have been launched",
    remedy: |of| format!("Launch them, run {} --wait and text the number", of.setup()),
    name_never: "the campaign may never have been launched",
    expected: &CATEGORIES,
};

fn line(what: &str, state: State, said: impl Into<String>) -> Line {
    Line::new(SIDE, what, state, said)
}

fn wrong(what: &str, said: impl Into<String>, remedy: impl Into<String>) -> Line {
    Line::wrong(SIDE, what, said, remedy)
}

/// The finding of the first call to Braze about the key and the host.
#[must_use]
pub fn key(of: AccountTable, first: &Result<CampaignView, Failure>, host: &str) -> Line {
    let what = "key";
    match first {
        Err(failure @ (Failure::Pause { status: 401, .. } | Failure::Forbid { status: 404, .. })) => {
            wrong(what, format!("{}: {host} does not know the key", failure.cause()), remedies::key(of))
        }
        Err(
            failure @ (Failure::Retry { .. } | Failure::Postpone { .. } | Failure::Forbid { status: 300..=399, .. }),
        ) => wrong(what, failure.cause(), unreached(failure, &of.key("url"), || remedies::of_silence(of))),
        Ok(_) | Err(_) => line(what, State::Good, format!("{host} knows it; only a text shows whether it may send")),
    }
}

/// The use of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The campaign in words, such as `agent_reply` or `agent_reply of line uk`.
    pub name: String,
    /// The key that names it, for a remedy.
    pub key: String,
    /// The channel that it must send by.
    pub channel: Channel,
    /// Whether its message prints the text that it is given; a template has words of its own.
    pub prints_text: bool,
}

impl Use {
    /// The campaign of the account for its default line.
    #[must_use]
    pub fn of_account(of: AccountTable, name: &str) -> Self {
        let key = of.key(&format!("campaigns.{name}"));
        Self { name: name.to_owned(), key, channel: Channel::Sms, prints_text: true }
    }

    /// The campaign of one line.
    #[must_use]
    pub fn of_line(name: &str, line: &str, channel: Channel) -> Self {
        let key = format!("{name} of line {line}");
        Self { name: key.clone(), key, channel, prints_text: name != "template" }
    }

    fn is_sent_by(&self, channels: &[String]) -> bool {
        let letters = |word: &str| word.to_ascii_lowercase().replace('_', "");
        // RCS is a way of Braze's SMS campaigns.
        let fits = |word: &String| match self.channel {
            Channel::Sms | Channel::Rcs => ["sms", "rcs"].contains(&letters(word).as_str()),
            Channel::Whatsapp => letters(word) == "whatsapp",
        };
        channels.is_empty() || channels.iter().any(fits)
    }

    /// The channel for people.
    const fn channel(&self) -> &'static str {
        match self.channel {
            Channel::Sms => "SMS",
            Channel::Rcs => "SMS or RCS",
            Channel::Whatsapp => "WhatsApp",
        }
    }
}

/// Whether a campaign sends texts when it is told to.
#[must_use]
pub fn campaign(of: AccountTable, purpose: &Use, id: &str, found: &Result<CampaignView, Failure>) -> Line {
    let what = format!("campaign {}", purpose.name);
    let (key, sends_by) = (&purpose.key, purpose.channel());
    let wrong = |said: String, remedy: String| wrong(&what, said, remedy);
    let campaign = match found {
        Ok(campaign) => campaign,
        Err(Failure::Forbid { status: 403, .. }) => {
            return line(&what, State::Note, "not looked at: the key lacks the permission campaigns.details");
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
    let name_another =
        || format!("Name an API-triggered {sends_by} campaign in {key}; {} says how to make one", of.setup());
    let schedule = campaign.schedule.to_ascii_lowercase();
    let shown = format!("{:?}", campaign.name);
    if campaign.archived {
        wrong(format!("{shown} is archived"), "Unarchive it in Braze, or name another".to_owned())
    } else if campaign.draft {
        wrong(format!("{shown} was never launched"), "Launch it in Braze".to_owned())
    } else if campaign.enabled == Some(false) {
        wrong(format!("{shown} is stopped"), "Resume it in Braze".to_owned())
    } else if !purpose.is_sent_by(&campaign.channels) {
        let channels = campaign.channels.join(", ");
        wrong(format!("{shown} sends by {channels}, not by {sends_by}"), name_another())
    } else if !schedule.is_empty() && !schedule.contains("api") {
        wrong(format!("{shown} is not API-triggered ({schedule})"), name_another())
    } else if purpose.prints_text
        && !campaign.bodies.is_empty()
        && !campaign.bodies.iter().any(|body| prints_the_text(body))
    {
        wrong(
            format!("{shown} prints neither ${{text}} nor ${{msg_body}}, so that customers never read the reply"),
            format!("Make its message {}", setup::TEXT_TEMPLATE),
        )
    } else {
        let prints = if purpose.prints_text { " and prints the text" } else { "" };
        line(&what, State::Good, format!("{shown} is live, API-triggered{prints}"))
    }
}

/// Whether a campaign passes the mark of a send on, where Braze shows its messages: by it, reports of Currents find their text.
#[must_use]
pub fn mark(name: &str, campaign: &CampaignView) -> Line {
    let what = format!("mark {name}");
    let passes_on =
        |body: &String| body.contains("message_extras") && body.contains("api_trigger_properties.${tandem}");
    if campaign.bodies.is_empty() {
        line(&what, State::Unknown, "not looked at: Braze does not show the message")
    } else if campaign.bodies.iter().all(passes_on) {
        line(&what, State::Good, format!("{:?} passes the mark of each send on", campaign.name))
    } else {
        let said = format!(
            "{:?} passes no mark on, so that a report counts only where exactly one text fits; put {} before its message",
            campaign.name,
            super::setup::TAG_LINE
        );
        line(&what, State::Note, said)
    }
}

fn prints_the_text(body: &str) -> bool {
    ["text", "msg_body"].iter().any(|name| body.contains(&format!("api_trigger_properties.${{{name}}}")))
}

/// Whether the key may look for receipts. It need not: then `on_unconfirmed` decides.
#[must_use]
pub fn export(of: AccountTable, found: &Result<(), Failure>) -> Line {
    let what = "receipts";
    match found {
        Ok(()) => line(what, State::Good, "the key may look whether a text went out"),
        Err(Failure::Forbid { status: 403, .. }) => {
            let decides = of.key("on_unconfirmed");
            line(what, State::Note, format!("the key lacks users.export.ids: after a lost answer {decides} decides"))
        }
        Err(failure) => line(what, State::Unknown, format!("not looked at: {}", failure.cause())),
    }
}

/// Whether the subscription group exists, which the bridge was told to ask about.
#[must_use]
pub fn group(of: AccountTable, found: &Result<Option<bool>, Failure>) -> Line {
    let (what, key) = ("subscription group", of.key("subscription_group"));
    match found {
        Ok(_) => line(what, State::Good, "exists"),
        Err(failure @ Failure::Forbid { status: 403, .. }) => wrong(
            what,
            format!("{}: the key lacks subscription.status.get", failure.cause()),
            format!("Make a key with it, or remove {key}"),
        ),
        Err(failure) => {
            wrong(what, failure.cause(), format!("Copy the id of the SMS subscription group from Braze into {key}"))
        }
    }
}

#[cfg(test)]
mod tests;
