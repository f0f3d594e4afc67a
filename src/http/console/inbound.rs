//! The account of webhooks for the overview: each name with its last time, and each refusal with its remedy.
//!
//! Never shows a name that the account ([`crate::domain::inbound`]) has not let through.

use jiff::Timestamp;

use super::view::{Moment, grouped, moment, vendor};
use crate::domain::inbound::{Answered, Arrivals, At, Door, Otherwise, Seen, remedy_of_unfilled_group, unfilled_group};
use crate::domain::line::Lines;
use crate::intake::Senders;

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
    /// The account.
    pub(super) from: String,
    pub(super) name: String,
    /// The name of the line, or the carrier's own name for one that is not configured. Empty where none was told.
    pub(super) line: String,
    pub(super) last: Option<Moment>,
    pub(super) count: String,
}

/// Webhooks that were not taken, or that their campaign left unfilled, for one reason.
pub(super) struct Answer {
    pub(super) words: String,
    pub(super) tone: &'static str,
    pub(super) path: String,
    pub(super) times: String,
    pub(super) last: Option<Moment>,
    pub(super) remedy: String,
}

impl Inbound {
    /// The account, as it is shown at `now`, with the names of the lines and the
    /// remedies of the vendors.
    pub(super) fn of(account: &Arrivals, senders: &Senders, now: Timestamp) -> Self {
        let is_recipe = |at: &&At| Door::RECIPE.contains(&at.endpoint.door);
        let by_recipe = account.endpoints.iter().filter(is_recipe).any(|at| at.accepted.last.is_some());
        // A team on the recipe has none of tandem's own campaigns, so the page leaves out their missing webhooks.
        let is_asked_for =
            |at: &At| at.endpoint.door != Door::Reports && !(by_recipe && at.endpoint.account.is_first());
        let is_shown = |at: &&At| at.is_used() || !is_recipe(at) && is_asked_for(at);
        let shown: Vec<&At> = account.endpoints.iter().filter(is_shown).collect();
        Self {
            rows: shown.iter().flat_map(|at| rows(at, &senders.lines, now)).collect(),
            answers: shown.iter().flat_map(|at| answers(at, senders, now)).collect(),
            since: moment(account.since, now),
            counting_since: moment(account.counting_since, now),
        }
    }
}

fn rows(at: &At, lines: &Lines, now: Timestamp) -> Vec<Row> {
    let row = |name: &str, line: &str, seen: Seen| Row {
        from: vendor(at.endpoint.account),
        name: name.to_owned(),
        line: line.to_owned(),
        last: seen.last.map(|last| moment(last, now)),
        count: grouped(seen.count),
    };
    let name_of = |line: &str| lines.name_at(at.endpoint.account, line).unwrap_or(line).to_owned();
    match at.endpoint.door {
        Door::Desk | Door::Carrier => at
            .names
            .iter()
            .map(|named| row(&named.name, &named.line.as_deref().map(name_of).unwrap_or_default(), named.seen))
            .collect(),
        Door::Reports => vec![row("Currents", "", at.accepted)],
        Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend => {
            vec![row(&format!("recipe: {}", at.endpoint.path()), "", at.accepted)]
        }
    }
}

/// The answers that have a remedy, because a repeated webhook needs no operator, and the texts of campaigns that were left
/// unfilled.
fn answers(at: &At, senders: &Senders, now: Timestamp) -> Vec<Answer> {
    let answer = |answered: &Answered| {
        let remedy = senders.remedy(at.endpoint, answered.outcome, &answered.reason)?;
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
    let unfilled = at.unfilled(now).map(|seen| Answer {
        words: unfilled_group(),
        tone: "warn",
        path: at.endpoint.path(),
        times: seen.times(),
        last: seen.last.map(|last| moment(last, now)),
        remedy: remedy_of_unfilled_group(at.endpoint.table()),
    });
    at.otherwise.iter().filter_map(answer).chain(unfilled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{End, Ends};
    use crate::domain::event::{CustomerText, EventKind};
    use crate::domain::inbound::{CATEGORIES, Endpoint, Poster};
    use crate::domain::line::{Forms, Line};
    use crate::domain::testing::customer_text;
    use crate::http::testing::noon;
    use crate::vendors::sources::FirstAccounts;
    use std::sync::Arc;

    /// One line beside the default line.
    fn senders() -> Senders {
        let default = Line::default_of(Ends::FIRST, Forms::default());
        let uk = Line { name: "uk".into(), address: Some("group-1".into()), ..default.clone() };
        let mut senders = Senders::from(FirstAccounts::default());
        let braze = senders.accounts[&Ends::FIRST.carrier].clone();
        senders.accounts.insert("canada".parse().unwrap(), braze);
        Senders { lines: Arc::new(Lines::new(vec![default, uk])), ..senders }
    }

    fn shown(account: &Arrivals) -> (Vec<String>, Vec<(String, &'static str)>) {
        let inbound = Inbound::of(account, &senders(), noon());
        let row = |row: &Row| {
            format!(
                "{} {}{} {}",
                row.from,
                row.name,
                row.line,
                row.last.as_ref().map_or("never", |last| last.ago.as_str())
            )
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

    fn text_on(line: &str) -> EventKind {
        EventKind::CustomerText(CustomerText { line: Some(line.into()), ..customer_text() })
    }

    #[test]
    fn a_campaign_with_the_placeholder_is_told_with_its_remedy() {
        let mut account = Arrivals::new(noon());
        let slot = account.slot(Door::Carrier, &text_on("GROUP_ID"));
        account.accept(Door::Carrier, slot, noon());
        let answers = Inbound::of(&account, &senders(), noon()).answers;
        let [unfilled] = answers.as_slice() else { panic!("one") };
        assert_eq!(unfilled.words, "GROUP_ID in place of the id of the subscription group");
        assert_eq!(
            (unfilled.tone, unfilled.path.as_str(), unfilled.times.as_str()),
            ("warn", "/webhooks/braze", "once")
        );
        assert!(unfilled.remedy.contains("as tandem setup braze --group ID prints it"), "{}", unfilled.remedy);
    }

    #[test]
    fn each_account_has_rows_and_remedies_of_its_own_and_a_line_its_name() {
        let canada = Endpoint { door: Door::Carrier, account: "canada".parse().unwrap() };
        let poster = Poster { end: End::Carrier, expected: &CATEGORIES };
        let posters = [(Ends::FIRST.carrier, poster), (canada.account, poster)];
        let mut account = Arrivals::of(&posters.into(), noon());
        for endpoint in [Door::Carrier.into(), canada] {
            let slot = account.slot(endpoint, &text_on("group-1"));
            account.accept(endpoint, slot, noon());
        }
        account.answer(canada, Otherwise::Refused, "wrong_token", noon());
        let rows = shown(&account).0;
        for row in ["Braze otheruk 0 s ago", "canada othergroup-1 0 s ago", "canada help never"] {
            assert!(rows.iter().any(|found| found == row), "{row}: {rows:?}");
        }
        let answers = Inbound::of(&account, &senders(), noon()).answers;
        let [refused] = answers.as_slice() else { panic!("one") };
        assert_eq!(refused.path, "/webhooks/canada");
        assert!(refused.remedy.contains("accounts.canada.webhook_tokens"), "{}", refused.remedy);
    }
}
