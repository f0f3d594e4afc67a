//! The account of webhooks for the overview: each name with its last time, and each refusal with its remedy.
//!
//! Never shows a name that the account ([`crate::domain::inbound`]) has not let through.

use jiff::Timestamp;

use super::view::{Moment, grouped, moment};
use crate::domain::account::End;
use crate::domain::inbound::{Answered, Arrivals, At, Door, Otherwise, Seen};
use crate::vendors::sources::remedy;

/// The account as the template `inbound.html` shows it.
pub(super) struct Inbound {
    pub(super) rows: Vec<Row>,
    pub(super) answers: Vec<Answer>,
    /// The time since which "never" holds.
    pub(super) since: Moment,
    /// The time since which webhooks are counted.
    pub(super) counting_since: Moment,
}

/// One name at one endpoint.
pub(super) struct Row {
    pub(super) from: &'static str,
    pub(super) name: String,
    /// Empty where Braze named none.
    pub(super) line: String,
    pub(super) last: Option<Moment>,
    pub(super) count: String,
}

/// Webhooks that were not taken, for one reason.
pub(super) struct Answer {
    pub(super) words: String,
    pub(super) tone: &'static str,
    pub(super) path: String,
    pub(super) times: String,
    pub(super) last: Option<Moment>,
    pub(super) remedy: &'static str,
}

impl Inbound {
    /// The account, as it is shown at `now`.
    pub(super) fn of(account: &Arrivals, now: Timestamp) -> Self {
        let is_recipe = |at: &&At| !matches!(at.endpoint, Door::Desk | Door::Carrier | Door::Reports);
        let by_recipe = account.endpoints.iter().filter(is_recipe).any(|at| at.accepted.last.is_some());
        // A team on the recipe has none of tandem's own campaigns, so the page leaves out their missing webhooks.
        let is_asked_for = |at: &At| at.endpoint != Door::Reports && !by_recipe;
        let is_shown = |at: &&At| at.is_used() || !is_recipe(at) && is_asked_for(at);
        let shown: Vec<&At> = account.endpoints.iter().filter(is_shown).collect();
        Self {
            rows: shown.iter().flat_map(|at| rows(at, now)).collect(),
            answers: shown.iter().flat_map(|at| answers(at, now)).collect(),
            since: moment(account.since, now),
            counting_since: moment(account.counting_since, now),
        }
    }
}

fn rows(at: &At, now: Timestamp) -> Vec<Row> {
    let row = |name: &str, line: &str, seen: Seen| Row {
        from: match at.endpoint.end() {
            End::Desk => "Zendesk",
            End::Carrier => "Braze",
        },
        name: name.to_owned(),
        line: line.to_owned(),
        last: seen.last.map(|last| moment(last, now)),
        count: grouped(seen.count),
    };
    match at.endpoint {
        Door::Desk | Door::Carrier => at
            .names
            .iter()
            .map(|named| row(&named.name, named.line.as_deref().unwrap_or_default(), named.seen))
            .collect(),
        Door::Reports => vec![row("Currents", "", at.accepted)],
        Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend => {
            vec![row(&format!("recipe: {}", at.endpoint.path()), "", at.accepted)]
        }
    }
}

/// The answers that have a remedy: a repeated webhook needs no operator.
fn answers(at: &At, now: Timestamp) -> Vec<Answer> {
    let answer = |answered: &Answered| {
        let remedy = remedy(at.endpoint, answered.outcome, &answered.reason)?;
        // A webhook that was accepted later shows that the trouble is over.
        let is_over = answered.seen.last < at.accepted.last;
        let tone = match answered.outcome {
            Otherwise::Refused | Otherwise::Unavailable if !is_over => "bad",
            Otherwise::Quarantined | Otherwise::Ignored => "warn",
            Otherwise::Refused | Otherwise::Unavailable | Otherwise::Duplicate => "",
        };
        Some(Answer {
            words: answered.words(),
            tone,
            path: at.endpoint.path(),
            times: answered.seen.times(),
            last: answered.seen.last.map(|last| moment(last, now)),
            remedy,
        })
    };
    at.otherwise.iter().filter_map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::noon;

    fn shown(account: &Arrivals) -> (Vec<String>, Vec<(String, &'static str)>) {
        let inbound = Inbound::of(account, noon());
        let row = |row: &Row| {
            format!("{} {} {}", row.from, row.name, row.last.as_ref().map_or("never", |last| last.ago.as_str()))
        };
        let answers = inbound.answers.iter().map(|answer| (answer.words.clone(), answer.tone)).collect();
        (inbound.rows.iter().map(row).collect(), answers)
    }

    #[test]
    fn a_fresh_bridge_shows_everything_that_is_expected_as_never() {
        let (rows, answers) = shown(&Arrivals::new(noon()));
        assert_eq!(rows.len(), 7, "{rows:?}");
        assert!(rows.iter().all(|row| row.ends_with(" never")), "{rows:?}");
        assert_eq!(answers, []);
    }

    #[test]
    fn a_team_on_the_recipe_sees_the_recipes_paths() {
        let mut account = Arrivals::new(noon());
        account.accept(Door::RecipeNewTicket, None, noon());
        assert_eq!(shown(&account).0, ["Braze recipe: /api/v2/tickets 0 s ago"]);
    }

    #[test]
    fn a_refusal_is_red_until_something_was_accepted_after_it() {
        let second = |second| noon().checked_sub(jiff::SignedDuration::from_secs(second)).unwrap();
        let mut account = Arrivals::new(noon());
        account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", second(60));
        account.answer(Door::Carrier, Otherwise::Duplicate, "", second(60));
        assert_eq!(shown(&account).1, [("refused: wrong token".to_owned(), "bad")]);
        account.accept(Door::Carrier, None, second(30));
        assert_eq!(shown(&account).1, [("refused: wrong token".to_owned(), "")]);
    }
}
