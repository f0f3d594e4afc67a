//! `tandem setup braze --wait`: watches a running bridge until the first text comes in.
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
use crate::domain::account::End;
use crate::domain::inbound::{Answered, Arrivals, Door, Named, News, Otherwise};
use crate::serve;
use crate::vendors::sources::remedy;

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

/// Waits for the first text.
pub(super) fn run(bridge: &Bridge, timeout: Option<Duration>, output: &mut impl Write) -> Result<(), Failure> {
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
            done = watch(bridge, output) => done,
            () = stop => nothing("before it was told to stop"),
            () = over => nothing("in time"),
        }
    })
}

async fn watch(bridge: &Bridge, output: &mut impl Write) -> Result<(), Failure> {
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
                        if tell(&account.news(before), output)? {
                            return Ok(());
                        }
                    }
                    None => begin(bridge, output)?,
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

fn begin(bridge: &Bridge, output: &mut impl Write) -> io::Result<()> {
    say(output, &format!("Watching the bridge at {}: text the number now. Ctrl-C ends it.", origin(&bridge.url)))
}

/// Prints the news, and tells whether a text is among them.
fn tell(news: &[News], output: &mut impl Write) -> io::Result<bool> {
    let mut came = false;
    for news in news {
        match news {
            News::Accepted(door, named) if door.end() == End::Carrier => {
                say(output, &accepted(*door, named.as_ref()))?;
                came = true;
            }
            News::Otherwise(door, answered) if door.end() == End::Carrier => say(output, &otherwise(*door, answered))?,
            // Webhooks from Zendesk do not count.
            News::Accepted(..) | News::Otherwise(..) => {}
        }
    }
    Ok(came)
}

fn accepted(door: Door, named: Option<&Named>) -> String {
    match named {
        None => format!("A text came in at {}, by the recipe's campaign.", door.path()),
        Some(Named { name, line, seen }) => {
            let line = line.as_ref().map_or_else(|| "no line told".to_owned(), |line| format!("line {line}"));
            format!("A text came in{}: category {name}, {line}.", clock(seen.last))
        }
    }
}

fn otherwise(door: Door, answered: &Answered) -> String {
    let (words, at) = (answered.words(), clock(answered.seen.last));
    match (answered.outcome, answered.reason.as_str(), remedy(door, answered.outcome, &answered.reason)) {
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

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3600), ("1h 30m", 5400)] {
            assert_eq!(read_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "soon", "-5m", "0s"] {
            assert!(read_time(text).is_err(), "{text}");
        }
    }
}
