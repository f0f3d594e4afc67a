//! The lines of `[[lines]]`, and the default line of each carrier: their keys, and how they fit the accounts. A carrier's
//! folder tells the shape of its own names, and the rules that are its alone. Never reads an account's own keys from the book.

use std::time::Duration;

use super::accounts::{Standing, VendorAccount, standing};
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::line::{Channel, Forms, Line, Lines, TicketSettings, is_one_line};
use crate::keys::book::{At, Book, joined};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Make, Shape, Shown, plainly};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{FLAG, TEXT, Word, listed, text, time, word};
use crate::keys::spelling::nearest;
use crate::keys::table::{Table, table};
use crate::vendors::folder::{Carried, CarriedLine};
use crate::vendors::registry::Vendor;
use own_name::{carrier_of, own_name};

mod own_name;

/// The name of the list.
pub const LINES: &str = "lines";

/// The longest name of a line, in characters: names are labels of metrics and columns of lists.
const NAME_MAX_CHARS: usize = 64;

table! {
    /// One of `[[lines]]`. It has no variables.
    pub struct LineKeys {
        /// The line's name for operators and metrics. It may change.
        name: String = NAME.needed("Set it to a name such as uk-whatsapp").set_to(r#""uk-whatsapp""#),

        /// The account that carries its messages.
        carrier: String = TEXT.needed("Set it to the name of a carrier's account").set_to(r#""braze""#),

        /// The kind of its messages.
        channel: Channel = word().or("sms").such_as(r#""whatsapp""#),

        /// The carrier's own name for the line, which never changes: the id of a subscription group, or a number. One line of
        /// each carrier may be without: it is the default line, for every event that names no configured line.
        address: Option<String> = own_name(r#""…""#, |terms| Some(terms.address)),

        /// On `rcs`: whether a text that RCS cannot deliver goes out as a text message. Without, one text holds 3,072
        /// characters.
        sms_fallback: bool = FLAG.or("true"),

        /// Id of the carrier's form for an agent's reply, such as a campaign; without it, that of the account. WhatsApp needs
        /// one of its own. A carrier that takes the words alone has no forms.
        agent_reply: Option<String> = own_name(r#""00000000-0000-4000-8000-000000000003""#, |terms| terms.form),

        /// Id of the carrier's form for the closing text. Without it none is sent; a line that uses the `agent_reply` of its
        /// account uses the `ticket_solved` of its account as well.
        ticket_solved: Option<String> = own_name(r#""00000000-0000-4000-8000-000000000004""#, |terms| terms.form),

        /// On `whatsapp`: id of the carrier's form whose template asks the customer to write again.
        template: Option<String> = own_name(r#""00000000-0000-4000-8000-000000000005""#, |terms| terms.template),

        /// On `whatsapp`: minutes after the customer's last message in which free text may go.
        window_minutes: Duration = time::<60>(1, 1440).or("1430"),

        /// On `whatsapp`: days that an agent's text waits for the customer's answer to the template.
        template_wait_days: Duration = time::<86_400>(1, 30).or("7"),

        /// The language of notes to its agents; without it, `notes.language`.
        agent_language: Option<String> = TEXT.optional().such_as(r#""en""#),

        /// The account of the desk on whose tickets its agents answer; may be left out where there is only one.
        desk: Option<String> = TEXT.optional().such_as(r#""zendesk""#),

        /// Id of the brand of its tickets.
        brand_id: Option<u64> = ID.optional().such_as("360000000001"),

        /// Id of the group of agents for its tickets.
        group_id: Option<u64> = ID.optional().such_as("360000000002"),

        /// Id of the form of its tickets.
        ticket_form_id: Option<u64> = ID.optional().such_as("360000000003"),

        /// Tags of its tickets, beside `sms`.
        tags: Vec<String> = TAGS.or_empty().such_as(r#"["uk"]"#),
    }
}

const NAME: Shape<String> = text(|name| match name.chars().count() {
    0..=NAME_MAX_CHARS => Ok(name.to_owned()),
    _ => Err(Flaw::new(format!("has more than {NAME_MAX_CHARS} characters"), "Choose a shorter one")),
});

const ID: Shape<u64> = Shape::new(
    Kind::One(Item::Integer { min: 1, max: i64::MAX }),
    Make::Integer(|id| Ok(id.unsigned_abs())),
    plainly,
    u64::eq,
);

/// A desk cuts a tag at white space and at a comma.
const TAGS: Shape<Vec<String>> = Shape::new(
    Kind::List { of: Item::Text, may_be_empty: true },
    Make::Texts(|tags| match tags.iter().find(|tag| tag.contains([' ', ','])) {
        Some(tag) => Err(Flaw::new(format!("holds {tag:?}, which is more than one tag"), "Give each tag by itself")),
        None => Ok(tags.to_vec()),
    }),
    |tags| listed(tags, String::clone),
    Vec::eq,
);

impl Word for Channel {
    const ALL: &'static [Self] = &Self::ALL;
    const WORDS: &'static [&'static str] = &["sms", "whatsapp", "rcs"];
}

/// The field of all described lines.
pub(super) struct Described;

impl Field<Vec<LineKeys>> for Described {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    /// None of them is a key of the file's tables: they stand in a list.
    fn keys(&self, _above: &str, _keys: &mut Vec<About>) {}

    fn read(&self, _at: &At, book: &mut Book<'_>) -> Option<Vec<LineKeys>> {
        Some(book.list(LINES).iter().filter_map(|at| LineKeys::read(at, book)).collect())
    }

    fn show(&self, value: &Vec<LineKeys>, _above: &str, shown: &mut Vec<Shown>) {
        for line in value {
            line.show(&joined(LINES, &line.name), shown);
        }
    }

    /// Lines wait for a restart, because conversations run on them.
    fn reload(
        &self,
        old: &Vec<LineKeys>,
        new: &Vec<LineKeys>,
        _above: &str,
        waiting: &mut Vec<String>,
    ) -> Vec<LineKeys> {
        let named = |lines: &[LineKeys], name: &str| lines.iter().find(|line| line.name == name).cloned();
        for line in old {
            let title = joined(LINES, &line.name);
            match named(new, &line.name) {
                Some(new) => drop(line.reload(&new, &title, waiting)),
                None => waiting.push(title),
            }
        }
        let is_new = |line: &&LineKeys| named(old, &line.name).is_none();
        waiting.extend(new.iter().filter(is_new).map(|line| joined(LINES, &line.name)));
        old.clone()
    }
}

/// The lines between these accounts: of each carrier the default line, then those that are described.
pub(super) fn of(accounts: &[VendorAccount], described: &[LineKeys]) -> Lines {
    let desks: Vec<AccountId> = at_end(accounts, End::Desk).collect();
    let is_default_of = |keys: &&LineKeys, carrier: AccountId| keys.carrier == carrier.name() && keys.address.is_none();
    // By account, whether described or not: a desk's first carrier must not change with a description.
    let defaults = at_end(accounts, End::Carrier).filter_map(|carrier| {
        match described.iter().find(|keys| is_default_of(keys, carrier)) {
            Some(keys) => line(keys, accounts, &desks),
            None => {
                let ends = Ends { desk: default_desk(&desks)?, carrier };
                Some(Line::default_of(ends, forms_of(accounts, carrier)?))
            }
        }
    });
    let others = described.iter().filter(|keys| keys.address.is_some());
    let known_by = accounts.iter().filter_map(|known| Some((known.account, known.keys.vendor().knows_by()?)));
    Lines::new(defaults.chain(others.filter_map(|keys| line(keys, accounts, &desks))).collect()).known_by(known_by)
}

fn at_end(accounts: &[VendorAccount], end: End) -> impl Iterator<Item = AccountId> {
    accounts.iter().filter(move |known| known.keys.vendor().end() == end).map(|known| known.account)
}

/// The desk of a carrier's default line that is not described: the only one, or the first account of its vendor.
fn default_desk(desks: &[AccountId]) -> Option<AccountId> {
    match desks {
        [only] => Some(*only),
        several => several.iter().copied().find(|desk| *desk == Ends::FIRST.desk),
    }
}

/// The forms of a carrier's default line.
fn forms_of(accounts: &[VendorAccount], carrier: AccountId) -> Option<Forms> {
    accounts.iter().find(|known| known.account == carrier)?.keys.forms()
}

fn line(keys: &LineKeys, accounts: &[VendorAccount], desks: &[AccountId]) -> Option<Line> {
    let carrier = AccountId::known(&keys.carrier)?;
    let desk = match &keys.desk {
        Some(desk) => AccountId::known(desk),
        None => default_desk(desks),
    }?;
    let of_carrier = forms_of(accounts, carrier)?;
    let forms = match &keys.agent_reply {
        Some(own) => Forms { agent_reply: own.clone(), ticket_solved: keys.ticket_solved.clone(), ..of_carrier },
        None => Forms { ticket_solved: keys.ticket_solved.clone().or(of_carrier.ticket_solved), ..of_carrier },
    };
    Some(Line {
        name: keys.name.clone(),
        ends: Ends { desk, carrier },
        channel: keys.channel,
        address: keys.address.clone(),
        forms: Forms { template: keys.template.clone(), ..forms },
        sms_fallback: keys.sms_fallback,
        window: keys.window_minutes,
        template_wait: keys.template_wait_days,
        tickets: TicketSettings {
            brand_id: keys.brand_id,
            group_id: keys.group_id,
            ticket_form_id: keys.ticket_form_id,
            tags: keys.tags.clone(),
        },
        agent_language: keys.agent_language.clone(),
    })
}

/// Books the faults of lines that fit neither their accounts nor each other.
pub(super) fn check(book: &mut Book<'_>) {
    let accounts = standing(book);
    let lines = book.list(LINES);
    for at in &lines {
        has_ends(at, &accounts, book);
        fits_its_channel(at, book);
    }
    names_differ(&lines, &accounts, book);
    addresses_differ(&lines, book);
    default_lines_have_desks(&lines, &accounts, book);
    desks_have_lines(&lines, &accounts, book);
    default_lines_answer_beside_others(&lines, &accounts, book);
    for vendor in Vendor::ALL {
        let carried = carried_by(*vendor, &lines, &accounts, book);
        vendor.check_lines(&carried, book);
    }
}

/// The accounts of a vendor, and the lines that they carry.
fn carried_by(vendor: Vendor, lines: &[At], accounts: &[Standing], book: &mut Book<'_>) -> Carried {
    let own = accounts.iter().filter(|known| known.vendor == vendor);
    let accounts: Vec<(AccountId, At)> = own.map(|known| (known.account, known.at.clone())).collect();
    let mut carried = Vec::new();
    for at in lines {
        let (carrier, channel) = (LineKeys::carrier().read(at, book), LineKeys::channel().read(at, book));
        let (Some(carrier), Some(channel)) = (carrier, channel) else { continue };
        let Some((carrier, _)) = accounts.iter().find(|(known, _)| known.name() == carrier) else { continue };
        let forms = [
            ("agent_reply", LineKeys::agent_reply().read(at, book)),
            ("ticket_solved", LineKeys::ticket_solved().read(at, book)),
            ("template", LineKeys::template().read(at, book)),
        ];
        let forms = forms.into_iter().filter_map(|(key, id)| Some((key, id.flatten()?))).collect();
        let address = LineKeys::address().read(at, book).flatten();
        carried.push(CarriedLine { at: at.clone(), carrier: *carrier, channel, address, forms });
    }
    Carried { accounts, lines: carried }
}

/// The names of the accounts at one end, with commas between.
fn names_of(accounts: &[Standing], end: End) -> String {
    let at_end: Vec<_> = accounts.iter().filter(|standing| standing.vendor.end() == end).collect();
    listed(&at_end, |standing| standing.account)
}

/// Books a carrier that is no carrier, and a desk that is none or is not known.
fn has_ends(at: &At, accounts: &[Standing], book: &mut Book<'_>) {
    let named = [
        ("carrier", LineKeys::carrier().read(at, book), End::Carrier, "answers texts and carries none"),
        ("desk", LineKeys::desk().read(at, book).flatten(), End::Desk, "carries texts and answers none"),
    ];
    for (key, name, wanted, instead) in named {
        let Some(name) = name else { continue };
        let remedy = format!("Name an account that is a {key}: {}", names_of(accounts, wanted));
        match accounts.iter().find(|standing| standing.account.name() == name) {
            Some(found) if found.vendor.end() == wanted => {}
            Some(found) => {
                let problem = format!("is the {} account {name}, which {instead}", found.vendor.title());
                book.fault::<()>(at, key, Flaw::new(problem, remedy));
            }
            // The fault of an account's own table is told already.
            None if book.accounts.iter().any(|(known, _)| *known == name) => {}
            None => {
                let at_end = accounts.iter().filter(|standing| standing.vendor.end() == wanted);
                let bare = name.trim_start_matches("accounts.").to_ascii_lowercase();
                let remedy = match nearest(&bare, at_end.map(|standing| standing.account.name())) {
                    Some(meant) => format!("Did you mean {meant}? {remedy}"),
                    None => remedy,
                };
                book.fault::<()>(at, key, Flaw::new(format!("is {name:?}, which is no account"), remedy));
            }
        }
    }
    let desks = accounts.iter().filter(|standing| standing.vendor.end() == End::Desk).count();
    if desks > 1 && !book.is_given(at, "desk") {
        let remedy = format!("Name one of the desks: {}", names_of(accounts, End::Desk));
        book.fault::<()>(at, "desk", Flaw::new("is missing, and there are several", remedy));
    }
}

/// Books the keys that have no meaning on the line's channel, and the address that WhatsApp needs.
fn fits_its_channel(at: &At, book: &mut Book<'_>) {
    let Some(channel) = LineKeys::channel().read(at, book) else { return };
    for (key, only_on) in [("template", Channel::Whatsapp), ("sms_fallback", Channel::Rcs)] {
        if channel != only_on && book.is_given(at, key) {
            let problem = format!("has no meaning on {channel}");
            let remedy = format!("Remove it, or set channel to {:?}", only_on.word());
            book.fault::<()>(at, key, Flaw::new(problem, remedy));
        }
    }
    for key in ["window_minutes", "template_wait_days"] {
        if channel != Channel::Whatsapp && book.is_given(at, key) {
            book.warn(at, key, format!("has no effect on {channel}, where free text may always go"));
        }
    }
    let terms = carrier_of(at, book).and_then(Vendor::line_terms);
    if channel == Channel::Whatsapp
        && !book.is_given(at, "template")
        && terms.iter().any(|terms| terms.template.is_some())
    {
        let problem = "is missing, so that a reply which comes later than window_minutes after the customer's last message is \
                       given up";
        book.warn(at, "template", problem);
    }
    // The default line takes the text messages of the whole account, and would answer them by WhatsApp.
    if let Some(terms) = terms.filter(|_| channel == Channel::Whatsapp && !book.is_given(at, "address")) {
        let flaw = Flaw::new("is missing, and WhatsApp needs a line of its own", (terms.name_it)(channel));
        book.fault::<()>(at, "address", flaw);
    }
}

/// Warns of each desk whose tickets no line opens.
fn desks_have_lines(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) {
    let desks = || accounts.iter().filter(|standing| standing.vendor.end() == End::Desk);
    let default = default_desk(&desks().map(|standing| standing.account).collect::<Vec<_>>());
    let mut used: Vec<Option<String>> = Vec::new();
    for at in lines {
        let named = LineKeys::desk().read(at, book).flatten();
        used.push(named.or_else(|| default.map(|desk| desk.name().to_owned())));
    }
    if !undescribed(lines, accounts, book).is_empty() {
        used.push(default.map(|desk| desk.name().to_owned()));
    }
    for Standing { account, at, .. } in desks() {
        if !used.iter().flatten().any(|name| name == account.name()) {
            book.warn(at, "url", "leads to a desk that no line names, so that no customer's text opens a ticket there");
        }
    }
}

/// Warns of each further carrier whose default line answers at another desk than all the lines that are described for it.
fn default_lines_answer_beside_others(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) {
    let desks = accounts.iter().filter(|standing| standing.vendor.end() == End::Desk);
    let Some(default) = default_desk(&desks.map(|standing| standing.account).collect::<Vec<_>>()) else { return };
    for carrier in undescribed(lines, accounts, book).into_iter().filter(|carrier| !carrier.is_first()) {
        let mut of_carrier = Vec::new();
        for at in lines {
            if LineKeys::carrier().read(at, book).is_some_and(|name| name == carrier.name()) {
                of_carrier.extend(LineKeys::desk().read(at, book).flatten().map(|desk| (at, desk)));
            }
        }
        let Some((at, desk)) = of_carrier.first() else { continue };
        if of_carrier.iter().all(|(_, other)| other == desk) && desk != default.name() {
            let problem = format!(
                "is {desk}, and texts to {carrier} on no described line are answered at {default}; describe the default \
                 line of {carrier} where they too belong to {desk}"
            );
            book.warn(at, "desk", problem);
        }
    }
}

/// Books the lines whose name is another's.
fn names_differ(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) {
    let mut names: Vec<(String, String)> = undescribed(lines, accounts, book)
        .iter()
        .map(|carrier| (Line::default_name(*carrier).to_owned(), format!("the default line of {carrier}")))
        .collect();
    for at in lines {
        let Some(name) = LineKeys::name().read(at, book) else { continue };
        match names.iter().find(|(known, _)| *known == name) {
            Some((_, other)) => {
                let problem = format!("is {name:?}, as that of {other} is");
                book.fault::<()>(at, "name", Flaw::new(problem, "Give each line a name of its own"));
            }
            None => names.push((name, "another line".to_owned())),
        }
    }
}

/// The carriers whose default line is not described.
fn undescribed(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) -> Vec<AccountId> {
    let mut described = Vec::new();
    for at in lines {
        if !book.is_given(at, "address") {
            described.extend(LineKeys::carrier().read(at, book));
        }
    }
    let carriers = accounts.iter().filter(|standing| standing.vendor.end() == End::Carrier);
    let is_left = |carrier: &AccountId| !described.iter().any(|name| name == carrier.name());
    carriers.map(|standing| standing.account).filter(is_left).collect()
}

/// Books a second line without an address among those of one carrier, and a second line of one address and channel. Warns of
/// an address in two accounts of one vendor.
fn addresses_differ(lines: &[At], book: &mut Book<'_>) {
    let mut known: Vec<(String, Vendor, Option<String>, Channel, &At)> = Vec::new();
    for at in lines {
        let (carrier, vendor) = (LineKeys::carrier().read(at, book), carrier_of(at, book));
        let (address, channel) = (LineKeys::address().read(at, book), LineKeys::channel().read(at, book));
        let (Some(carrier), Some(address), Some(channel)) = (carrier, address, channel) else { continue };
        let Some((vendor, terms)) = vendor.and_then(|vendor| Some((vendor, vendor.line_terms()?))) else { continue };
        let others = known.iter().filter(|(_, of, ..)| *of == vendor);
        let Some(address) = address else {
            if let Some((.., other)) = others.clone().find(|(of, _, other, ..)| *of == carrier && other.is_none()) {
                let problem = format!("is missing as in {}, but one line of {carrier} is its default", other.title());
                book.fault::<()>(at, "address", Flaw::new(problem, (terms.name_it)(channel)));
            }
            known.push((carrier, vendor, None, channel, at));
            continue;
        };
        let is_same = |other: &Option<String>| other.as_deref().is_some_and(|other| is_one_line(other, &address));
        for (of, _, other_address, on, other) in others.filter(|(_, _, other, ..)| is_same(other)) {
            let in_letters = if *other_address == Some(address.clone()) { "" } else { " in other letters" };
            let problem = format!("is that of {} too{in_letters}", other.title());
            if *of != carrier {
                book.warn(at, "address", format!("{problem}, but {}", terms.of_one_account));
            } else if *on == channel {
                let remedy = "Give each line an address of its own, or lines of one address different channels";
                book.fault::<()>(at, "address", Flaw::new(format!("{problem}, on the same channel"), remedy));
            }
        }
        known.push((carrier, vendor, Some(address), channel, at));
    }
}

/// Books the carriers whose default line would have no desk.
fn default_lines_have_desks(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) {
    let desks: Vec<AccountId> = accounts
        .iter()
        .filter(|standing| standing.vendor.end() == End::Desk)
        .map(|standing| standing.account)
        .collect();
    if desks.is_empty() || default_desk(&desks).is_some() {
        return;
    }
    for carrier in undescribed(lines, accounts, book) {
        let problem = format!("have no default line of {carrier}, and there are several desks for it");
        let remedy = format!(
            "Describe it by [[lines]] with carrier = \"{carrier}\", no address, and desk as one of: {}",
            names_of(accounts, End::Desk)
        );
        book.fault::<()>(&At::top(), LINES, Flaw::new(problem, remedy));
    }
}

#[cfg(test)]
mod tests;
