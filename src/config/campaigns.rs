//! Campaigns that cannot serve the lines that name them: one campaign sends one kind of message, from the number of one
//! subscription group of one workspace. It compares ids only, and never asks the carrier.

use super::accounts::{Standing, standing};
use super::lines::{LINES, LineKeys};
use crate::domain::line::{Channel, is_one_line};
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::Field;
use crate::vendors::braze::keys::Campaigns;
use crate::vendors::registry::Vendor;

/// One key that names a campaign, and its messages.
struct Named {
    at: At,
    key: &'static str,
    id: String,
    carrier: String,
    channel: Channel,
    /// The line's address; `None` for the default line.
    address: Option<String>,
    /// Whether the key is the account's, which has to be given even where no text comes on the default line.
    is_of_account: bool,
}

const TEMPLATE: &str = "template";

impl Named {
    fn title(&self) -> String {
        self.at.shown(self.key)
    }

    fn is_template(&self) -> bool {
        self.key == TEMPLATE
    }

    /// The kind of campaign that the key needs.
    fn kind(&self) -> &'static str {
        match (self.channel, self.is_template()) {
            (_, true) => "an API-triggered WhatsApp campaign with a template message",
            (Channel::Whatsapp, false) => "an API-triggered WhatsApp campaign with a response message",
            (Channel::Sms | Channel::Rcs, false) => "an API-triggered campaign with a text message",
        }
    }

    /// The reason why one campaign cannot serve both.
    fn clash(&self, other: &Self) -> Option<Flaw> {
        if self.carrier != other.carrier || other.is_of_account || !self.is_of_other_kind(other) {
            return None;
        }
        let why = format!("that one is for {} and this one for {}", other.channel, self.channel);
        let remedy = format!("Set it to the id of {}", self.kind());
        Some(Flaw::new(format!("is that of {} as well, but {why}", other.title()), remedy))
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

/// Books each campaign that cannot serve two keys, and each that is a line's address; warns of those that serve two lines.
pub(super) fn check(book: &mut Book<'_>) {
    let (accounts, lines) = (standing(book), book.list(LINES));
    let named = all(&lines, &accounts, book);
    let mut addresses = Vec::new();
    for at in &lines {
        addresses.extend(LineKeys::address().read(at, book).flatten().map(|address| (at, address)));
    }
    for (index, campaign) in named.iter().enumerate() {
        let same: Vec<&Named> = named.iter().take(index).filter(|other| is_one_line(&other.id, &campaign.id)).collect();
        if let Some((line, _)) = addresses.iter().find(|(_, address)| is_one_line(address, &campaign.id)) {
            let problem = format!("is the address of {}, which is a subscription group", line.title());
            let remedy = format!("Set it to the id of {}", campaign.kind());
            book.fault::<()>(&campaign.at, campaign.key, Flaw::new(problem, remedy));
        } else if let Some(flaw) = same.iter().find_map(|other| campaign.clash(other)) {
            book.fault::<()>(&campaign.at, campaign.key, flaw);
        } else if let Some(doubt) = same.iter().find_map(|other| campaign.doubt(other)) {
            book.warn(&campaign.at, campaign.key, doubt);
        }
    }
}

/// Every key that names a campaign: those of the carriers, then those of the lines.
fn all(lines: &[At], accounts: &[Standing], book: &mut Book<'_>) -> Vec<Named> {
    let mut named = Vec::new();
    for Standing { account, at, .. } in accounts.iter().filter(|standing| standing.vendor == Vendor::Braze) {
        let at = at.below("campaigns");
        for (key, id) in [
            ("agent_reply", Campaigns::agent_reply().read(&at, book)),
            ("ticket_solved", Campaigns::ticket_solved().read(&at, book).flatten()),
        ] {
            let (carrier, channel) = (account.name().to_owned(), Channel::default());
            named.extend(id.map(|id| Named {
                at: at.clone(),
                key,
                id,
                carrier,
                channel,
                address: None,
                is_of_account: true,
            }));
        }
    }
    for at in lines {
        let (carrier, address) = (LineKeys::carrier().read(at, book), LineKeys::address().read(at, book));
        let (Some(carrier), Some(address)) = (carrier, address) else { continue };
        let Some(channel) = LineKeys::channel().read(at, book) else { continue };
        for (key, id) in [
            ("agent_reply", LineKeys::agent_reply().read(at, book)),
            ("ticket_solved", LineKeys::ticket_solved().read(at, book)),
            (TEMPLATE, LineKeys::template().read(at, book)),
        ] {
            let (carrier, address) = (carrier.clone(), address.clone());
            named.extend(id.flatten().map(|id| Named {
                at: at.clone(),
                key,
                id,
                carrier,
                channel,
                address,
                is_of_account: false,
            }));
        }
    }
    named
}
