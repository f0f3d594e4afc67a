//! The names that Braze's lines have in the configuration, and the lines that Braze cannot serve: one campaign sends one kind of
//! message, from the number of one subscription group of one workspace. It compares ids only, and never asks Braze.

use super::keys::{CAMPAIGN, Campaigns, IDENTIFIER};
use crate::domain::account::AccountId;
use crate::domain::line::{Channel, is_one_line};
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::Field;
use crate::vendors::folder::{Carried, CarriedLine, LineTerms};

/// A line is called by the id of its subscription group, and sends by campaigns.
pub(super) const TERMS: LineTerms = LineTerms {
    address: IDENTIFIER,
    name_it: |channel| match channel {
        Channel::Whatsapp => "Set it to Braze's id of the WhatsApp subscription group",
        Channel::Sms | Channel::Rcs => "Set it to the id of the line's subscription group",
    },
    of_one_account: "a subscription group belongs to one workspace",
    form: Some(CAMPAIGN),
    template: Some(CAMPAIGN),
};

const TEMPLATE: &str = "template";

/// One key that names a campaign, and its messages.
struct Named<'a> {
    at: At,
    key: &'static str,
    id: String,
    carrier: AccountId,
    channel: Channel,
    /// The line's address; `None` for the default line.
    address: Option<&'a str>,
    /// Whether the key is the account's, which has to be given even where no text comes on the default line.
    is_of_account: bool,
}

/// The kind of campaign that a key needs.
const fn kind(channel: Channel, is_template: bool) -> &'static str {
    match (channel, is_template) {
        (_, true) => "an API-triggered WhatsApp campaign with a template message",
        (Channel::Whatsapp, false) => "an API-triggered WhatsApp campaign with a response message",
        (Channel::Sms | Channel::Rcs, false) => "an API-triggered campaign with a text message",
    }
}

impl Named<'_> {
    fn title(&self) -> String {
        self.at.shown(self.key)
    }

    fn is_template(&self) -> bool {
        self.key == TEMPLATE
    }

    /// The remedy where the key names another kind of object.
    fn remedy(&self) -> String {
        format!("Set it to the id of {}", kind(self.channel, self.is_template()))
    }

    /// The reason why one campaign cannot serve both.
    fn clash(&self, other: &Self) -> Option<Flaw> {
        if self.carrier != other.carrier || other.is_of_account || !self.is_of_other_kind(other) {
            return None;
        }
        let why = format!("that one is for {} and this one for {}", other.channel, self.channel);
        Some(Flaw::new(format!("is that of {} as well, but {why}", other.title()), self.remedy()))
    }

    fn is_of_other_kind(&self, other: &Self) -> bool {
        self.channel.has_window() != other.channel.has_window()
    }

    /// The consequence where one campaign serves both.
    fn doubt(&self, other: &Self) -> Option<String> {
        let consequence = if self.carrier != other.carrier {
            "but a campaign belongs to one workspace"
        } else if self.is_of_other_kind(other) {
            "so that a reply on the default line would go out by the campaign of this line's channel"
        } else if self.is_template() != other.is_template() {
            "but one of the two is for a template and the other for free text, which WhatsApp refuses outside of the window"
        } else if self.address != other.address {
            "so that the texts of both lines leave from the number of one of them"
        } else {
            return None;
        };
        Some(format!("is that of {} as well, {consequence}", other.title()))
    }
}

/// Books and warns of the lines that Braze cannot serve.
pub(super) fn check(carried: &Carried, book: &mut Book<'_>) {
    for line in &carried.lines {
        has_a_campaign(line, book);
        is_no_number(line, book);
    }
    groups_differ(&carried.lines, book);
    campaigns_differ(carried, book);
}

/// Books the missing campaign of WhatsApp, and warns of a line whose replies would leave from another number.
fn has_a_campaign(CarriedLine { at, channel, .. }: &CarriedLine, book: &mut Book<'_>) {
    if book.is_given(at, "agent_reply") {
        return;
    }
    if *channel == Channel::Whatsapp {
        let remedy = format!("Set it to the id of {}", kind(*channel, false));
        book.fault::<()>(at, "agent_reply", Flaw::new("is missing, and WhatsApp needs one of its own", remedy));
    } else if *channel == Channel::Sms && book.is_given(at, "address") {
        let problem =
            "is missing, so that replies go through the campaign of the carrier, from the number of its group";
        book.warn(at, "agent_reply", problem);
    }
}

/// Warns of an address that looks like the number of the line, by which Braze does not call it.
fn is_no_number(line: &CarriedLine, book: &mut Book<'_>) {
    let is_number = |address: &str| (7..=15).contains(&address.len()) && address.bytes().all(|b| b.is_ascii_digit());
    if line.address.as_deref().is_some_and(is_number) {
        let problem = "looks like a telephone number, and Braze calls a line by the id of its subscription group: no text \
                       would take this line";
        book.warn(&line.at, "address", problem);
    }
}

/// Books a second line of one group that the group cannot serve beside the first.
fn groups_differ(lines: &[CarriedLine], book: &mut Book<'_>) {
    for (index, line) in lines.iter().enumerate() {
        let Some(address) = &line.address else { continue };
        let is_same = |other: &&CarriedLine| {
            let theirs = other.address.as_ref().filter(|_| other.carrier == line.carrier);
            theirs.is_some_and(|theirs| is_one_line(theirs, address))
        };
        for other in lines.iter().take(index).filter(is_same) {
            let (on, channel) = (other.channel, line.channel);
            if on.has_window() != channel.has_window() {
                let in_letters = if other.address == line.address { "" } else { " in other letters" };
                let both = format!("no subscription group serves both {on} and {channel}");
                let problem = format!("is that of {} too{in_letters}, but {both}", other.at.title());
                let remedy = format!("Set it to the id of the {channel} subscription group");
                book.fault::<()>(&line.at, "address", Flaw::new(problem, remedy));
            }
        }
    }
}

/// Books each campaign that cannot serve two keys, and each that is a line's address; warns of those that serve two lines.
fn campaigns_differ(carried: &Carried, book: &mut Book<'_>) {
    let named = all(carried, book);
    for (index, campaign) in named.iter().enumerate() {
        let is_address =
            |line: &&CarriedLine| line.address.as_ref().is_some_and(|address| is_one_line(address, &campaign.id));
        let same: Vec<&Named<'_>> =
            named.iter().take(index).filter(|other| is_one_line(&other.id, &campaign.id)).collect();
        if let Some(line) = carried.lines.iter().find(is_address) {
            let problem = format!("is the address of {}, which is a subscription group", line.at.title());
            book.fault::<()>(&campaign.at, campaign.key, Flaw::new(problem, campaign.remedy()));
        } else if let Some(flaw) = same.iter().find_map(|other| campaign.clash(other)) {
            book.fault::<()>(&campaign.at, campaign.key, flaw);
        } else if let Some(doubt) = same.iter().find_map(|other| campaign.doubt(other)) {
            book.warn(&campaign.at, campaign.key, doubt);
        }
    }
}

/// Every key that names a campaign: those of the accounts, then those of the lines.
fn all<'a>(carried: &'a Carried, book: &mut Book<'_>) -> Vec<Named<'a>> {
    let mut named = Vec::new();
    for (carrier, at) in &carried.accounts {
        let at = at.below("campaigns");
        for (key, id) in [
            ("agent_reply", Campaigns::agent_reply().read(&at, book)),
            ("ticket_solved", Campaigns::ticket_solved().read(&at, book).flatten()),
        ] {
            let (carrier, channel) = (*carrier, Channel::default());
            let of_account =
                |id| Named { at: at.clone(), key, id, carrier, channel, address: None, is_of_account: true };
            named.extend(id.map(of_account));
        }
    }
    for CarriedLine { at, carrier, channel, address, forms } in &carried.lines {
        let of_line = |(key, id): &(&'static str, String)| Named {
            at: at.clone(),
            key,
            id: id.clone(),
            carrier: *carrier,
            channel: *channel,
            address: address.as_deref(),
            is_of_account: false,
        };
        named.extend(forms.iter().map(of_line));
    }
    named
}
