//! `tandem setup`: what a program may install at Zendesk, and what a person has to type into Braze.
//!
//! It decides nothing: [`crate::setup`] compares and words, [`crate::clients`] call, and this prints.

use std::io::Write;

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{ConfigFile, Failure, Form, print_json};
use crate::config;
use crate::setup::braze::{Block, Workspace, blocks};

mod zendesk;

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Setup {
    /// Installs at Zendesk what tandem needs there: a webhook, three triggers in a category of their own, and the user
    /// field. What is as it should be is left alone, what has drifted is put right; running it again changes nothing.
    #[command(after_help = "Examples:\n  tandem setup zendesk --dry-run\n  tandem setup zendesk\n  \
        tandem setup zendesk --remove --dry-run\n\n\
        It needs public_url, zendesk.url, zendesk.client_id and zendesk.client_secret, and nothing else of the\n\
        configuration. The OAuth client's user must be an administrator.")]
    Zendesk(Zendesk),
    /// Prints what has to be typed into Braze, where campaigns cannot be made by a program: block by block, ready to be
    /// copied. Changes nothing and calls nobody.
    #[command(after_help = "Examples:\n  tandem setup braze --group 6c1d…\n  \
        tandem setup braze --group 6c1d… --category SUPPORT --category ORDERS")]
    Braze(Braze),
}

/// The arguments of `tandem setup zendesk`.
#[derive(Debug, Args)]
pub(super) struct Zendesk {
    /// Print every call that would be made, with its body, and make none that changes anything.
    #[arg(long)]
    dry_run: bool,
    /// Take everything away that tandem installed, recognised by its name or by where it posts to, and nothing else. The
    /// user field goes only if tandem made it, and then with its value on every user.
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

/// The arguments of `tandem setup braze`.
#[derive(Debug, Args)]
pub(super) struct Braze {
    /// Id of the SMS subscription group whose texts are bridged. Without it, braze.subscription_group.
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// A custom keyword category of that group; once for each.
    #[arg(long, value_name = "NAME")]
    category: Vec<String>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

impl Setup {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Zendesk(arguments) => zendesk::run(&arguments, output),
            Self::Braze(arguments) => arguments.run(output),
        }
    }
}

impl Braze {
    fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        let config = config::braze_installation(self.file.config.as_deref())?;
        let workspace = Workspace {
            public_url: config.public_url,
            agent_reply: config.campaigns.agent_reply,
            ticket_solved: config.campaigns.ticket_solved,
            asks_for_state: config.subscription_group.is_some(),
            group: self.group.or(config.subscription_group),
            categories: self.category,
            token: described(&config.webhook_tokens),
        };
        let blocks = blocks(&workspace);
        if self.form.json {
            return print_json(output, &json!({ "blocks": blocks }));
        }
        for (index, block) in blocks.iter().enumerate() {
            print_block(output, index + 1, block)?;
        }
        writeln!(output, "Then: tandem check --live looks at what can be looked at from here.")?;
        if workspace.group.is_none() {
            writeln!(output, "Put the id of the SMS subscription group for GROUP_ID, or give it with --group.")?;
        }
        Ok(())
    }
}

fn print_block(output: &mut impl Write, number: usize, block: &Block) -> Result<(), Failure> {
    writeln!(output, "{number}. {}", block.title)?;
    let width = block.fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, content) in &block.fields {
        writeln!(output, "   {name:width$}  {content}")?;
    }
    writeln!(output)?;
    Ok(())
}

/// Which of the tokens to paste, without saying it: the last one, which stays when an older one is retired.
fn described(tokens: &[SecretString]) -> String {
    let last = tokens.last().map(ExposeSecret::expose_secret).unwrap_or_default();
    let length = last.chars().count();
    // A quarter of it tells tokens apart; of a short one even that would be too much.
    let beginning: String = last.chars().take((length / 4).min(4)).collect();
    let place = if tokens.len() > 1 { "the last entry" } else { "the entry" };
    format!("{place} of braze.webhook_tokens: {length} characters that begin with {beginning:?}")
}
