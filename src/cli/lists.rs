//! The lists of a running bridge: the options that choose a part of one, and its printing. It never filters itself.

use std::io::Write;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use http::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::failure::Failure;
use super::streams::{items, print_json};
use super::way::Where;
use super::{table, times};
use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::delivery::StateName;

/// The part of a list.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// Go on after this item: the `next` of the page before.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most this many items.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

impl Part {
    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("limit", self.limit.to_string())];
        parameters.extend(self.after.map(|after| ("after", after)));
        parameters
    }
}

/// Reads one of these states.
pub(super) fn one_of(states: &[StateName]) -> impl TypedValueParser<Value = StateName> + use<> {
    PossibleValuesParser::new(states.iter().map(|state| state.word())).try_map(|word| word.parse())
}

/// The filter of deliveries.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only this state: pending, sending, waiting, unconfirmed, delivered, skipped, dead or quarantined.
    #[arg(long, value_name = "S", value_parser = one_of(&StateName::ALL))]
    state: Option<StateName>,
    /// Only this conversation.
    #[arg(long, value_name = "KEY")]
    conversation: Option<String>,
    /// Only customers whose number ends with these digits, two or more; or a whole number, in any form.
    #[arg(long, value_name = "DIGITS")]
    phone: Option<String>,
    /// Only the conversation that this ticket belongs to.
    #[arg(long, value_name = "N")]
    ticket: Option<String>,
    /// Only deliveries to this account: zendesk, braze, or the NAME of an [accounts.NAME].
    #[arg(long, value_name = "ACCOUNT")]
    destination: Option<AccountId>,
    /// Only deliveries accepted since: an age such as 90m, 1h or 2d, an hour of the day here such as 07:00, or a time
    /// as the lists show it.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only deliveries accepted before that.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Shows also the doorbells (agent_reply) that are over: Zendesk's webhooks after which tandem looked for replies.
    #[arg(long)]
    doorbells: bool,
}

impl Which {
    /// The API's parameters.
    ///
    /// # Errors
    /// A time that cannot be read.
    pub(super) fn parameters(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let now = Clock::system().now().to_zoned(TimeZone::system());
        let wrong = |option: &str, problem: String| Failure::Usage(format!("{option} {problem}"));
        let since = self.since.as_deref().map(|words| times::past(words, &now).map_err(|why| wrong("--since", why)));
        let since = since.transpose()?;
        let until =
            self.until.as_deref().map(|words| times::end(words, since, &now).map_err(|why| wrong("--until", why)));
        let until = until.transpose()?;
        // The bridge measures an age by its own clock, which also dated the deliveries.
        let sent = |words: Option<&str>, at: Option<Timestamp>| match words {
            Some(words) if times::is_age(words) => Some(words.to_owned()),
            Some(_) | None => at.map(|at| at.to_string()),
        };
        let given = [
            ("state", self.state.map(|state| state.word().to_owned())),
            ("conversation", self.conversation.clone()),
            ("phone", self.phone.clone()),
            ("ticket", self.ticket.clone()),
            ("destination", self.destination.map(|account| account.name().to_owned())),
            ("since", sent(self.since.as_deref(), since)),
            ("until", sent(self.until.as_deref(), until)),
            ("doorbells", (!self.doorbells).then(|| "false".to_owned())),
        ];
        Ok(given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

pub(super) fn list(
    what: &str,
    parameters: &[(&str, String)],
    columns: &[&str],
    bridge: &Where,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = bridge.find()?.ask(Method::GET, &[what], &parameters, None)?;
    if bridge.form.json {
        return print_json(output, &page);
    }
    table::print(output, columns, items(&page), &bridge.zone())?;
    print_end(&page, output)
}

/// Prints how much of a list was shown, and the cursor of the next part.
pub(super) fn print_end(page: &Value, output: &mut impl Write) -> Result<(), Failure> {
    writeln!(output, "\n{} of {} shown", items(page).len(), page["total"])?;
    if let Some(next) = page["next"].as_str() {
        writeln!(output, "more: --after '{}'", table::printable(next))?;
    }
    Ok(())
}
