//! `tandem setup braze --wait`: watches a running bridge until the first text of the account, or of one of its lines,
//! comes in.
//!
//! It polls the operator listener, and never changes anything. A refusal is told with its remedy, because Braze does
//! not repeat a refused webhook and shows its marketers nothing of it.

use std::io::{self, Write};
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::cli::client::{Answer, Bridge, origin};
use crate::cli::failure::Failure;
use crate::cli::inbound::{ask, read};
use crate::cli::table::printable;
use crate::domain::account::AccountId;
use crate::domain::inbound::{Answered, Arrivals, Door, Endpoint, GROUP_PLACEHOLDER, Named, News, Otherwise};
use crate::serve;
use crate::vendors::braze::remedies::of_webhooks;

/// The time between two polls: a person looks on.
const EVERY: Duration = Duration::from_secs(1);

/// The places between a phone and the bridge at which a text may be lost.
const TO_CHECK: &str = "Look, in this order:
  1. The webhook campaign of the category Other is launched, its re-eligibility is on, after 0 minutes.
  2. Its \"Send test\" is answered 202: else the URL leads elsewhere. curl PUBLIC_URL/healthz must say alive.
  3. The number that was texted belongs to the subscription group of the campaign's trigger, and Braze has a profile of
     the phone: a first START makes one.
  4. Braze's Message Activity Log shows what the webhook was answered.";

/// Reads a time like `10m`.
pub(super) fn read_time(text: &str) -> Result<Duration, String> {
    let read = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    read.filter(|time| !time.is_zero()).ok_or_else(|| "a time looks like 90s, 10m or 1h".to_owned())
}

/// The text that ends the watch.
pub(super) struct Awaited {
    /// The account that brings it.
    pub(super) account: AccountId,
    /// Its line.
    pub(super) on: On,
}

/// The line of the text that ends the watch.
pub(super) enum On {
    /// Any line of the account.
    Any,
    /// The line of this name, at the carrier's name for it.
    At(String, String),
    /// The default line of this name, which takes the texts of all lines but those of these addresses.
    Default(String, Vec<String>),
}

/// How a text answers to the awaited one.
enum Came {
    Awaited,
    /// The campaign's body still has the placeholder of the sheet.
    Unfilled,
    /// It came on another line than the one of this name.
    Elsewhere(String),
}

impl Awaited {
    /// A text that was told with a name, or came by a campaign of the recipe, which names none.
    fn came(&self, named: Option<&Named>) -> Came {
        let line = named.and_then(|named| named.line.as_deref());
        match (&self.on, line) {
            (_, Some(GROUP_PLACEHOLDER)) => Came::Unfilled,
            (On::Any, _) => Came::Awaited,
            (On::At(_, address), Some(line)) if address == line => Came::Awaited,
            (On::Default(_, others), line) if !others.iter().any(|other| Some(other.as_str()) == line) => Came::Awaited,
            (On::At(name, _) | On::Default(name, _), _) => Came::Elsewhere(name.clone()),
        }
    }
}

/// Waits for the first text.
pub(super) fn run(
    bridge: &Bridge,
    awaited: &Awaited,
    timeout: Option<Duration>,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let nothing = |why: &str| Err(Failure::Failed(format!("no text came in {why}.\n{TO_CHECK}")));
    bridge.run(async {
        let stop = serve::stop_signal()?;
        let over = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = watch(bridge, awaited, output) => done,
            () = stop => nothing("before it was told to stop"),
            () = over => nothing("in time"),
        }
    })
}

async fn watch(bridge: &Bridge, awaited: &Awaited, output: &mut impl Write) -> Result<(), Failure> {
    let mut known: Option<Arrivals> = None;
    let mut trouble = String::new();
    loop {
        let answer = ask(bridge).await;
        // Waiting does not mend a refused token.
        let lets_in = !matches!(&answer, Ok(Answer { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }));
        match answer.and_then(read) {
            Ok(account) => {
                trouble.clear();
                match &known {
                    Some(before) => {
                        if tell(&account.news(before), awaited, output)? {
                            return Ok(());
                        }
                    }
                    None => begin(bridge, awaited, output)?,
                }
                known = Some(account);
            }
            Err(Failure::Failed(why)) if lets_in && why == trouble => {}
            Err(Failure::Failed(why)) if lets_in => {
                say(output, &format!("{why}; waiting for it"))?;
                trouble = why;
            }
            Err(other) => return Err(other),
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn begin(bridge: &Bridge, awaited: &Awaited, output: &mut impl Write) -> io::Result<()> {
    let line = match &awaited.on {
        On::Any => String::new(),
        On::At(name, _) | On::Default(name, _) => format!(" of line {name}"),
    };
    let bridge = origin(&bridge.url);
    say(output, &format!("Watching the bridge at {bridge}: text the number{line} now. Ctrl-C ends it."))
}

/// Prints the news of the account, and tells whether the awaited text is among them.
fn tell(news: &[News], awaited: &Awaited, output: &mut impl Write) -> io::Result<bool> {
    let mut came = false;
    for news in news {
        match news {
            // Reports are no texts.
            News::Accepted(Endpoint { door: Door::Reports, .. }, _) => {}
            News::Accepted(endpoint, named) if endpoint.account == awaited.account => {
                say(output, &accepted(*endpoint, named.as_ref()))?;
                match awaited.came(named.as_ref()) {
                    Came::Awaited => came = true,
                    Came::Unfilled => say(
                        output,
                        &format!(
                            "Its campaign says {GROUP_PLACEHOLDER} where the id of the subscription group belongs: put \
                             the id into its body."
                        ),
                    )?,
                    Came::Elsewhere(name) => {
                        say(output, &format!("It is not of line {name}; waiting for one that is."))?
                    }
                }
            }
            News::Otherwise(endpoint, answered) if endpoint.account == awaited.account => {
                say(output, &otherwise(*endpoint, answered))?;
            }
            // Webhooks of other accounts do not count.
            News::Accepted(..) | News::Otherwise(..) => {}
        }
    }
    Ok(came)
}

fn accepted(endpoint: Endpoint, named: Option<&Named>) -> String {
    match named {
        None => format!("A text came in at {}, by the recipe's campaign.", endpoint.path()),
        Some(Named { name, line, seen }) => {
            let line = line.as_ref().map_or_else(|| "no line told".to_owned(), |line| format!("line {line}"));
            format!("A text came in{}: category {name}, {line}.", clock(seen.last))
        }
    }
}

fn otherwise(endpoint: Endpoint, answered: &Answered) -> String {
    let (words, at) = (answered.words(), clock(answered.seen.last));
    let remedy = of_webhooks(endpoint.table(), endpoint.door, answered.outcome, &answered.reason);
    match (answered.outcome, answered.reason.as_str(), remedy) {
        (Otherwise::Ignored, "test", _) => {
            format!("Braze's test came in{at}: address and token are right. Launch the campaign, and text the number.")
        }
        (_, _, Some(remedy)) => format!("{words}{at}: {remedy}."),
        (_, _, None) => format!("{words}{at}."),
    }
}

fn clock(at: Option<Timestamp>) -> String {
    at.map(|at| format!(" at {}", at.strftime("%H:%M:%S UTC"))).unwrap_or_default()
}

/// One line, seen at once.
fn say(output: &mut impl Write, words: &str) -> io::Result<()> {
    writeln!(output, "{}", printable(words))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::inbound::Seen;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3600), ("1h 30m", 5400)] {
            assert_eq!(read_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "soon", "-5m", "0s"] {
            assert!(read_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_text_of_the_account_and_of_the_line_ends_the_watch() {
        let canada: AccountId = "canada".parse().unwrap();
        let uk = || On::At("uk".into(), "group-1".into());
        let default = || On::Default("default".into(), vec!["group-1".into()]);
        let own = |account| Endpoint { door: Door::Carrier, account };
        let reports = Endpoint { door: Door::Reports, account: canada };
        let first = Ends::FIRST.carrier;
        for (on, endpoint, line, ends, says) in [
            (On::Any, own(canada), Some("group-2"), true, "line group-2"),
            (On::Any, own(canada), None, true, "no line told"),
            (On::Any, own(first), Some("group-1"), false, ""),
            (On::Any, reports, None, false, ""),
            (On::Any, own(canada), Some("GROUP_ID"), false, "put the id into its body"),
            (uk(), own(canada), Some("group-1"), true, "line group-1"),
            (uk(), own(canada), Some("group-2"), false, "not of line uk"),
            (uk(), own(canada), None, false, "not of line uk"),
            (uk(), own(first), Some("group-1"), false, ""),
            (default(), own(canada), None, true, "no line told"),
            (default(), own(canada), Some("group-2"), true, "line group-2"),
            (default(), own(canada), Some("group-1"), false, "not of line default"),
            (default(), own(canada), Some("GROUP_ID"), false, "put the id into its body"),
        ] {
            let named = Named { name: "other".into(), line: line.map(str::to_owned), seen: Seen::default() };
            let mut said = Vec::new();
            let news = [News::Accepted(endpoint, Some(named))];
            let came = tell(&news, &Awaited { account: canada, on }, &mut said).unwrap();
            let said = String::from_utf8(said).unwrap();
            assert_eq!(came, ends, "{endpoint:?} {line:?}: {said}");
            assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{said}");
        }
    }
}
