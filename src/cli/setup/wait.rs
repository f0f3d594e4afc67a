//! `tandem setup braze --wait`: watches a running bridge until the first text of the account, or of one of its lines,
//! comes in.
//!
//! It polls the operator listener, and never changes anything. A refusal is told with its remedy, because Braze does
//! not repeat a refused webhook and shows its marketers nothing of it. Lines go by their names in the configuration.

use std::collections::BTreeMap;
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
use crate::domain::line::Channel;
use crate::domain::line::is_one_line;
use crate::serve;
use crate::vendors::braze::remedies::of_webhooks;

/// The time between two polls: a person looks on.
const EVERY: Duration = Duration::from_secs(1);

/// The places between a phone and the bridge at which a text message may be lost; RCS comes by the same campaigns.
const TO_CHECK_OF_SMS: &str = "Look, in this order:
  1. The webhook campaign of the category Other is launched, its re-eligibility is on, after 0 minutes.
  2. Its \"Send test\" is answered 202: else the URL leads elsewhere. curl PUBLIC_URL/healthz must say alive.
  3. The number that was texted belongs to the subscription group of the campaign's trigger, and Braze has a profile of
     the phone: a first START makes one.
  4. Braze's Message Activity Log shows what the webhook was answered.";

/// The same for a WhatsApp message.
const TO_CHECK_OF_WHATSAPP: &str = "Look, in this order:
  1. The webhook campaign of the line's group is launched, its re-eligibility is on, after 0 minutes, and its trigger
     has no condition on the body.
  2. Its \"Send test\" is answered 202: else the URL leads elsewhere. curl PUBLIC_URL/healthz must say alive.
  3. The message went to the WhatsApp number of the subscription group of the campaign's trigger.
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
    /// The kind of its messages.
    pub(super) channel: Channel,
    /// The name of each line of the account, by the carrier's name for it.
    pub(super) names: BTreeMap<String, String>,
    /// The name of the account's default line, which takes the texts of all other groups.
    pub(super) default: String,
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
            (On::At(_, address), Some(line)) if is_one_line(address, line) => Came::Awaited,
            (On::Default(_, others), line)
                if !others.iter().any(|other| line.is_some_and(|line| is_one_line(other, line))) =>
            {
                Came::Awaited
            }
            (On::At(name, _) | On::Default(name, _), _) => Came::Elsewhere(name.clone()),
        }
    }

    /// The line of a text whose campaign tells this name of the carrier's. Lines may share one; then it is the awaited
    /// line where that is among them.
    fn line(&self, told: Option<&str>) -> String {
        match (told, &self.on) {
            (None, _) => "no line told".to_owned(),
            (Some(told), On::At(name, address)) if is_one_line(told, address) => format!("line {name}"),
            (Some(told @ GROUP_PLACEHOLDER), _) => format!("line {told}"),
            (Some(told), _) => match self.names.iter().find(|(address, _)| is_one_line(address, told)) {
                Some((_, name)) => format!("line {name}"),
                None => format!("line {} (group {told})", self.default),
            },
        }
    }

    /// The places at which the text may have been lost.
    const fn to_check(&self) -> &'static str {
        match self.channel {
            Channel::Sms | Channel::Rcs => TO_CHECK_OF_SMS,
            Channel::Whatsapp => TO_CHECK_OF_WHATSAPP,
        }
    }

    /// The request to make the text come.
    const fn request(&self) -> &'static str {
        match self.channel {
            Channel::Sms | Channel::Rcs => "text the number",
            Channel::Whatsapp => "write to the WhatsApp number",
        }
    }
}

/// The bridge's part in the watch so far.
#[derive(Default)]
struct Watched {
    /// Its last account.
    known: Option<Arrivals>,
    /// Why it does not answer now; empty where it does.
    trouble: String,
}

impl Watched {
    /// Why the watch ended in vain, at this point.
    fn in_vain(&self, why: &str, awaited: &Awaited) -> Failure {
        let Self { known, trouble } = self;
        Failure::Failed(match (known, trouble.as_str()) {
            (_, "") => format!("no text came in {why}.\n{}", awaited.to_check()),
            (None, trouble) => format!("no bridge answered {why}: {trouble}"),
            (Some(_), trouble) => format!("no text came in {why}, and the bridge has ceased to answer: {trouble}"),
        })
    }
}

/// Waits for the first text.
pub(super) fn run(
    bridge: &Bridge,
    awaited: &Awaited,
    timeout: Option<Duration>,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let mut watched = Watched::default();
    bridge.run(async {
        let stop = serve::stop_signal()?;
        let over = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = watch(bridge, awaited, &mut watched, output) => done,
            () = stop => Err(watched.in_vain("before it was told to stop", awaited)),
            () = over => Err(watched.in_vain("in time", awaited)),
        }
    })
}

async fn watch(
    bridge: &Bridge,
    awaited: &Awaited,
    watched: &mut Watched,
    output: &mut impl Write,
) -> Result<(), Failure> {
    loop {
        let answer = ask(bridge).await;
        // Waiting does not mend a refused token.
        let lets_in = !matches!(&answer, Ok(Answer { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }));
        match answer.and_then(read) {
            Ok(account) => {
                watched.trouble.clear();
                match &watched.known {
                    Some(before) => {
                        if tell(&account.news(before), awaited, output)? {
                            return Ok(());
                        }
                    }
                    None => begin(bridge, awaited, output)?,
                }
                watched.known = Some(account);
            }
            Err(Failure::Failed(why)) if lets_in && why == watched.trouble => {}
            Err(Failure::Failed(why)) if lets_in => {
                say(output, &format!("{why}; waiting for it"))?;
                watched.trouble = why;
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
    let (bridge, request) = (origin(&bridge.url), awaited.request());
    say(output, &format!("Watching the bridge at {bridge}: {request}{line} now. Ctrl-C ends it."))
}

/// Prints the news of the account in the order of time, and ends at the awaited text. Tells whether that came.
fn tell(news: &[News], awaited: &Awaited, output: &mut impl Write) -> io::Result<bool> {
    let mut news: Vec<&News> = news.iter().collect();
    news.sort_by_key(|news| last(news));
    for news in news {
        match news {
            // Reports are no texts.
            News::Accepted(Endpoint { door: Door::Reports, .. }, _) => {}
            News::Accepted(endpoint, named) if endpoint.account == awaited.account => {
                say(output, &accepted(*endpoint, named.as_ref(), awaited))?;
                match awaited.came(named.as_ref()) {
                    Came::Awaited => return Ok(true),
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
                say(output, &otherwise(*endpoint, answered, awaited))?;
            }
            // Webhooks of other accounts do not count.
            News::Accepted(..) | News::Otherwise(..) => {}
        }
    }
    Ok(false)
}

/// When the last of these webhooks came, as far as it is known.
fn last(news: &News) -> Option<Timestamp> {
    match news {
        News::Accepted(_, named) => named.as_ref()?.seen.last,
        News::Otherwise(_, answered) => answered.seen.last,
    }
}

fn accepted(endpoint: Endpoint, named: Option<&Named>, awaited: &Awaited) -> String {
    let Some(Named { name, line, seen }) = named else {
        return format!("A text came in at {}, by the recipe's campaign.", endpoint.path());
    };
    let (at, line) = (clock(seen.last), awaited.line(line.as_deref()));
    match awaited.channel {
        Channel::Sms | Channel::Rcs => format!("A text came in{at}: category {name}, {line}."),
        // WhatsApp has no keyword categories.
        Channel::Whatsapp => format!("A message came in{at}: {line}."),
    }
}

fn otherwise(endpoint: Endpoint, answered: &Answered, awaited: &Awaited) -> String {
    let (words, at) = (answered.words(), clock(answered.seen.last));
    let remedy = of_webhooks(endpoint.table(), endpoint.door, answered.outcome, &answered.reason);
    match (answered.outcome, answered.reason.as_str(), remedy) {
        (Otherwise::Ignored, "test", _) => {
            let request = awaited.request();
            format!("Braze's test came in{at}: address and token are right. Launch the campaign, and {request}.")
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

    fn awaited(on: On) -> Awaited {
        let names = [("group-1", "uk"), ("group-2", "fr")].map(|(at, name)| (at.to_owned(), name.to_owned()));
        Awaited {
            account: "canada".parse().unwrap(),
            on,
            channel: Channel::Sms,
            names: names.into(),
            default: "canada".to_owned(),
        }
    }

    fn text(account: AccountId, line: Option<&str>, second: i64) -> News {
        let seen = Seen { count: 1, last: Timestamp::from_second(second).ok() };
        let named = Named { name: "other".into(), line: line.map(str::to_owned), seen };
        News::Accepted(Endpoint { door: Door::Carrier, account }, Some(named))
    }

    /// The printed lines, and whether the awaited text came.
    fn told(news: &[News], awaited: &Awaited) -> (String, bool) {
        let mut said = Vec::new();
        let came = tell(news, awaited, &mut said).unwrap();
        (String::from_utf8(said).unwrap(), came)
    }

    #[test]
    fn only_a_text_of_the_account_and_of_the_line_ends_the_watch() {
        let canada: AccountId = "canada".parse().unwrap();
        let uk = || On::At("uk".into(), "group-1".into());
        let default = || On::Default("canada".into(), vec!["group-1".into(), "group-2".into()]);
        let first = Ends::FIRST.carrier;
        for (on, account, line, ends, says) in [
            (On::Any, canada, Some("group-2"), true, "line fr."),
            (On::Any, canada, Some("group-9"), true, "line canada (group group-9)."),
            (On::Any, canada, None, true, "no line told"),
            (On::Any, first, Some("group-1"), false, ""),
            (On::Any, canada, Some("GROUP_ID"), false, "put the id into its body"),
            (uk(), canada, Some("group-1"), true, "line uk."),
            (uk(), canada, Some("group-2"), false, "line fr.\nIt is not of line uk"),
            (uk(), canada, None, false, "not of line uk"),
            (uk(), first, Some("group-1"), false, ""),
            (On::At("uk-rcs".into(), "group-1".into()), canada, Some("group-1"), true, "line uk-rcs."),
            (default(), canada, None, true, "no line told"),
            (default(), canada, Some("group-9"), true, "line canada (group group-9)."),
            (default(), canada, Some("group-1"), false, "line uk.\nIt is not of line canada"),
            (default(), canada, Some("GROUP_ID"), false, "put the id into its body"),
        ] {
            let (said, came) = told(&[text(account, line, 1)], &awaited(on));
            assert_eq!(came, ends, "{account} {line:?}: {said}");
            assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{said}");
        }
        let reports = News::Accepted(Endpoint { door: Door::Reports, account: canada }, None);
        assert_eq!(told(&[reports], &awaited(On::Any)), (String::new(), false), "reports are no texts");
    }

    #[test]
    fn the_watch_tells_in_the_order_of_time_and_nothing_behind_the_awaited_text() {
        let canada: AccountId = "canada".parse().unwrap();
        let refused = |second| {
            let seen = Seen { count: 1, last: Timestamp::from_second(second).ok() };
            let answered = Answered { outcome: Otherwise::Refused, reason: "wrong_token".into(), seen };
            News::Otherwise(Endpoint { door: Door::Carrier, account: canada }, answered)
        };
        let news = [text(canada, Some("group-2"), 4), text(canada, Some("group-1"), 3), refused(5), refused(1)];
        let (said, came) = told(&news, &awaited(On::At("uk".into(), "group-1".into())));
        let lines: Vec<&str> = said.lines().collect();
        let [refused, text] = lines.as_slice() else { panic!("{said}") };
        assert!(came && refused.starts_with("refused: wrong token at 00:00:01"), "{said}");
        assert!(text.ends_with("line uk."), "{said}");
    }

    #[test]
    fn a_watch_in_vain_tells_what_was_missing() {
        let of = |channel| Awaited { channel, ..awaited(On::Any) };
        let account = || Some(Arrivals::new(Timestamp::UNIX_EPOCH));
        let words = |known, trouble: &str, channel| {
            let watched = Watched { known, trouble: trouble.to_owned() };
            let Failure::Failed(words) = watched.in_vain("in time", &of(channel)) else { panic!("another failure") };
            words
        };
        let never = words(None, "no bridge answers at http://127.0.0.1:1", Channel::Sms);
        assert_eq!(never, "no bridge answered in time: no bridge answers at http://127.0.0.1:1");
        let ceased = words(account(), "no bridge answers at http://127.0.0.1:1", Channel::Sms);
        assert!(ceased.starts_with("no text came in in time, and the bridge has ceased to answer: no"), "{ceased}");
        assert!(!never.contains("campaign") && !ceased.contains("campaign"), "a campaign is not to blame: {ceased}");
        let sms = words(account(), "", Channel::Sms);
        assert!(sms.contains("category Other") && sms.contains("START"), "{sms}");
        let whatsapp = words(account(), "", Channel::Whatsapp);
        assert!(whatsapp.contains("WhatsApp number") && whatsapp.contains("no condition on the body"), "{whatsapp}");
        assert!(!whatsapp.contains("category") && !whatsapp.contains("START"), "{whatsapp}");
    }

    #[test]
    fn a_whatsapp_message_is_told_without_the_words_of_text_messages() {
        let canada: AccountId = "canada".parse().unwrap();
        let whatsapp = Awaited { channel: Channel::Whatsapp, ..awaited(On::At("uk".into(), "group-1".into())) };
        let seen = Seen { count: 1, last: None };
        let test = Answered { outcome: Otherwise::Ignored, reason: "test".into(), seen };
        let news = [
            News::Otherwise(Endpoint { door: Door::Carrier, account: canada }, test),
            text(canada, Some("group-1"), 1),
        ];
        let (said, came) = told(&news, &whatsapp);
        assert!(came && said.contains("write to the WhatsApp number") && said.contains("A message came in"), "{said}");
        assert!(!said.contains("category") && !said.contains("text the number"), "{said}");
    }
}
