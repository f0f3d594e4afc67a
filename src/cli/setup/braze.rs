//! `tandem setup braze`: prints the sheet of everything to type into Braze, as text, as JSON or as a page of its own,
//! and watches the running bridge until the first text comes in.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::page;
use super::wait::{self, Awaited, On};
use crate::cli::failure::Failure;
use crate::cli::streams::print_json;
use crate::cli::table::printable;
use crate::cli::way::Where;
use crate::config::{self, Installation, LineKeys, Vendor};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::inbound::GROUP_PLACEHOLDER;
use crate::domain::line::{Channel, Line};
use crate::vendors::braze;
use crate::vendors::braze::setup::{Block, CATEGORY, Sheet, WebhookCampaign, Workspace, sheet};

/// The arguments of `tandem setup braze`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Braze {
    /// Id of the SMS subscription group whose texts are bridged. Without it, braze.subscription_group.
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Print the sheet of this line of the account: its channel, its subscription group and its campaigns.
    #[arg(long, value_name = "NAME", conflicts_with = "group")]
    line: Option<String>,
    /// A custom keyword category of that group; once for each.
    #[arg(long, value_name = "NAME")]
    category: Vec<String>,
    /// Write the sheet as a page with copy buttons and tick boxes, which works without a network; `-` for standard
    /// output. A file that exists is not overwritten.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Write the token itself into the page. Without it, the page names the token by its key.
    #[arg(long, requires = "html")]
    with_token: bool,
    /// Then watch the running bridge until a text of the account comes in, with --line of that line, and show the
    /// webhooks refused meanwhile. Ends with 0 at the first such text, with 1 at Ctrl-C or the timeout.
    #[arg(long, conflicts_with = "json")]
    wait: bool,
    /// How long to wait, such as 90s, 10m or 1h. Without it, until Ctrl-C.
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = wait::read_time)]
    timeout: Option<std::time::Duration>,
    #[command(flatten)]
    bridge: Where,
}

impl Braze {
    pub(super) fn run(self, account: AccountId, output: &mut impl Write) -> Result<(), Failure> {
        let (path, read) = (self.bridge.file.config.as_deref(), braze::Installation::read);
        let config = config::installation(path, (account, Vendor::Braze), read)?;
        let workspace = self.workspace(&config, account)?;
        let sheet = sheet(&workspace);
        match &self.html {
            Some(file) if file == Path::new("-") => {
                output.write_all(page::render(&sheet, &workspace)?.as_bytes())?;
            }
            Some(file) => {
                write_new(file, &page::render(&sheet, &workspace)?, self.with_token)?;
                writeln!(output, "Written: {}. Open it in a browser.", file.display())?;
            }
            None if self.bridge.form.json => print_json(output, &json!(sheet))?,
            None => print_sheet(output, &sheet, &workspace)?,
        }
        if self.wait {
            let awaited = self.awaited(&config, &workspace);
            return wait::run(&self.bridge.find()?, &awaited, self.timeout, output);
        }
        Ok(())
    }

    /// The text to wait for.
    fn awaited(&self, config: &Installation<braze::Installation>, workspace: &Workspace) -> Awaited {
        let account = workspace.table.0;
        let default = config.lines.iter().find(|line| line.address.is_none());
        // Of the lines of one address, the first described one gives the name.
        let at = |line: &LineKeys| Some((line.address.clone()?, line.name.clone()));
        Awaited {
            account,
            on: self.awaited_line(config),
            channel: workspace.channel,
            names: config.lines.iter().rev().filter_map(at).collect(),
            default: default.map_or_else(|| Line::default_name(account).to_owned(), |line| line.name.clone()),
        }
    }

    /// The line of the text to wait for. The options were checked before ([`Self::workspace`]).
    fn awaited_line(&self, config: &Installation<braze::Installation>) -> On {
        let Some(line) = config.lines.iter().find(|line| Some(&line.name) == self.line.as_ref()) else {
            let others = config.lines.iter().filter_map(|other| other.address.clone());
            return self.line.clone().map_or(On::Any, |default| On::Default(default, others.collect()));
        };
        match line.address.clone() {
            Some(address) => On::At(line.name.clone(), address),
            None => {
                let others = config.lines.iter().filter_map(|other| other.address.clone());
                On::Default(line.name.clone(), others.collect())
            }
        }
    }

    fn workspace(&self, config: &Installation<braze::Installation>, account: AccountId) -> Result<Workspace, Failure> {
        if self.group.as_deref() == Some(GROUP_PLACEHOLDER) {
            let said = format!("{GROUP_PLACEHOLDER} stands for the id of the subscription group: give the id itself");
            return Err(Failure::Usage(said));
        }
        let keys = config.keys.clone();
        let table = AccountTable(account);
        let told = |name: &str, tokens: &[SecretString]| match (self.with_token, tokens.last()) {
            (true, Some(token)) => token.expose_secret().to_owned(),
            (true, None) | (false, _) => format!("<{}>", described(&table.key(name), tokens)),
        };
        let token = told("webhook_tokens", &keys.webhook_tokens);
        let currents = Some(&keys.currents_tokens).filter(|tokens| !tokens.is_empty());
        let currents = currents.map(|tokens| told("currents_tokens", tokens));
        let workspace = Workspace {
            table,
            line: self.line.clone(),
            public_url: config.public_url.clone(),
            agent_reply: keys.agent_reply,
            ticket_solved: keys.ticket_solved,
            template: None,
            channel: Channel::Sms,
            keys: table.key("campaigns"),
            asks_for_state: keys.subscription_group.is_some(),
            group: self.group.clone().or(keys.subscription_group),
            beside: None,
            shares_campaigns: false,
            categories: self.category.clone(),
            token,
            currents,
        };
        let Some(name) = &self.line else { return Ok(workspace) };
        if let Some(line) = config.lines.iter().find(|line| line.name == *name) {
            return Ok(of_line(workspace, line));
        }
        // The default line has a name also where the configuration does not describe it.
        let undescribed = config.lines.iter().all(|line| line.address.is_some()).then(|| Line::default_name(account));
        if undescribed == Some(name.as_str()) {
            return Ok(workspace);
        }
        let described = config.lines.iter().map(|line| line.name.as_str());
        let known: Vec<&str> = undescribed.into_iter().chain(described).collect();
        Err(Failure::Usage(format!("no line of {account} is called {name}; it has {}", known.join(", "))))
    }
}

/// The sheet of a line. A line without a campaign of its own uses that of the account.
fn of_line(workspace: Workspace, line: &LineKeys) -> Workspace {
    let shares_campaigns = line.agent_reply.is_none() && line.channel != Channel::Whatsapp;
    let keys = if shares_campaigns { workspace.keys } else { format!("lines.{}", line.name) };
    let of_account = |id: Option<String>| id.filter(|_| shares_campaigns);
    Workspace {
        agent_reply: line.agent_reply.clone().or(of_account(workspace.agent_reply)),
        ticket_solved: line.ticket_solved.clone().or(of_account(workspace.ticket_solved)),
        template: line.template.clone(),
        channel: line.channel,
        keys,
        beside: line.address.is_some().then(|| line.name.clone()),
        shares_campaigns: shares_campaigns && line.address.is_some(),
        group: line.address.clone().or(workspace.group),
        ..workspace
    }
}

/// Writes a new file; only its owner may read one with a secret in it.
fn write_new(file: &Path, text: &str, is_secret: bool) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if is_secret { 0o600 } else { 0o644 };
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let written = opened.and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error| {
        let file = file.display();
        Failure::Failed(if error.kind() == ErrorKind::AlreadyExists {
            format!("{file} exists; name another file, or remove it first")
        } else {
            format!("cannot write {file}: {error}")
        })
    })
}

fn print_sheet(output: &mut impl Write, sheet: &Sheet, workspace: &Workspace) -> io::Result<()> {
    for (index, block) in sheet.blocks.iter().enumerate() {
        print_block(output, index + 1, block)?;
    }
    if sheet.webhook_campaigns.len() > 1 {
        print_campaigns(output, &sheet.webhook_campaigns)?;
    }
    print_block(output, sheet.blocks.len() + 1, &sheet.currents)?;
    if workspace.group.is_none() {
        writeln!(output, "Put the id of the SMS subscription group for {GROUP_PLACEHOLDER}, or give it with --group.")?;
    }
    writeln!(
        output,
        "Then: {} --wait watches the first text come in; tandem check --live looks at the rest.",
        workspace.command()
    )
}

fn print_block(output: &mut impl Write, number: usize, block: &Block) -> io::Result<()> {
    writeln!(output, "{number}. {}", block.title)?;
    let width = block.fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, content) in &block.fields {
        writeln!(output, "   {name:width$}  {}", printable(content))?;
    }
    writeln!(output)
}

fn print_campaigns(output: &mut impl Write, campaigns: &[WebhookCampaign]) -> io::Result<()> {
    writeln!(output, "   What differs from one to the next:\n")?;
    let heading = WebhookCampaign {
        name: "name".to_owned(),
        category: "keyword category".to_owned(),
        word: format!("in the raw text, for {CATEGORY}"),
        body: String::new(),
    };
    let widest = |part: fn(&WebhookCampaign) -> &str| {
        std::iter::once(&heading).chain(campaigns).map(|campaign| part(campaign).chars().count()).max().unwrap_or(0)
    };
    let (name, category) = (widest(|campaign| &campaign.name), widest(|campaign| &campaign.category));
    for campaign in std::iter::once(&heading).chain(campaigns) {
        let line = format!("{:name$}  {:category$}  {}", campaign.name, campaign.category, campaign.word);
        writeln!(output, "   {}", printable(&line))?;
    }
    writeln!(output)
}

/// Describes the token to paste without showing it: the last one, which stays when an older one is retired.
fn described(name: &str, tokens: &[SecretString]) -> String {
    let last = tokens.last().map(ExposeSecret::expose_secret).unwrap_or_default();
    let length = last.chars().count();
    // A quarter of a token tells it from others; of a short one even that would be too much.
    let beginning: String = last.chars().take((length / 4).min(4)).collect();
    let place = if tokens.len() > 1 { "the last entry" } else { "the entry" };
    format!("{place} of {name}: {length} characters that begin with {beginning:?}")
}
