//! `tandem setup`: installs tandem at Zendesk and at Sunshine Conversations, and prints everything that a person has to type
//! into Braze.
//!
//! It never decides: the vendors' `setup` compares and words, their clients call, and this module prints.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::failure::Failure;
use crate::config;
use crate::domain::account::Ends;
use crate::domain::account_table::AccountTable;
use crate::vendors::folder::SettingUp;

mod braze;
mod page;
mod report;
mod sunshine;
mod wait;
mod zendesk;

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Setup {
    /// Installs at Zendesk a webhook, three triggers in a category of their own, and the user field. It puts right
    /// those that differ and leaves the others alone, so running it again changes nothing.
    #[command(after_help = "Examples:\n  tandem setup zendesk --dry-run\n  tandem setup zendesk\n  \
        tandem setup zendesk --remove --dry-run\n\n\
        It needs public_url, zendesk.url, zendesk.client_id and zendesk.client_secret, and nothing else of the\n\
        configuration. The OAuth client's user must be an administrator.")]
    Zendesk(zendesk::Arguments),
    /// Prints everything to type into Braze, where a program cannot make campaigns: the common part once, then the
    /// differences. Changes nothing; with --wait, watches the running bridge until a text comes in.
    #[command(after_help = "Examples:\n  tandem setup braze --group 6c1d…\n  \
        tandem setup braze --group 6c1d… --category SUPPORT --category ORDERS\n  \
        tandem setup braze --group 6c1d… --html braze.html\n  \
        tandem setup braze --wait --timeout 10m")]
    Braze(braze::Braze),
    /// Sets up another account of the configuration by its name, with the options of its vendor's command.
    #[command(external_subcommand)]
    Account(Vec<String>),
}

impl Setup {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Zendesk(arguments) => zendesk::run(&arguments, Ends::FIRST.desk, output),
            Self::Braze(arguments) => arguments.run(Ends::FIRST.carrier, output),
            Self::Account(words) => set_up(&words, output),
        }
    }
}

/// Runs the command of an account's vendor with the options behind the account's name.
fn set_up(words: &[String], output: &mut impl Write) -> Result<(), Failure> {
    let (name, options) = words.split_first().ok_or_else(|| Failure::Usage("name an account".to_owned()))?;
    let accounts = config::accounts(configuration_among(options), name)?;
    let Some((account, vendor)) = accounts.iter().find(|(account, _)| account.name() == name) else {
        let known: Vec<_> = accounts.iter().map(|(account, _)| account.name()).collect();
        return Err(Failure::Usage(format!("there is no account {name}; the configuration has {}", known.join(", "))));
    };
    match vendor.setting_up() {
        SettingUp::Triggers => match parsed(options, output)? {
            Some(arguments) => zendesk::run(&arguments, *account, output),
            None => Ok(()),
        },
        SettingUp::Integration => match parsed(options, output)? {
            Some(arguments) => sunshine::run(&arguments, *account, output),
            None => Ok(()),
        },
        SettingUp::Sheet => match parsed::<braze::Braze>(options, output)? {
            Some(arguments) => arguments.run(*account, output),
            None => Ok(()),
        },
        SettingUp::ByHand(page) => {
            let (vendor, path) = (vendor.title(), AccountTable(*account).webhooks());
            let by_hand = format!(
                "the webhook of {account} is made by hand in {vendor}, to {path} behind the public address: {page} tells how"
            );
            Err(Failure::Usage(by_hand))
        }
    }
}

/// The file that the options name. The account's vendor, which decides the options, is read from it.
fn configuration_among(options: &[String]) -> Option<&Path> {
    let behind = options.iter().find_map(|option| option.strip_prefix("--config="));
    let next = options.iter().zip(options.iter().skip(1)).find(|(option, _)| *option == "--config");
    behind.or(next.map(|(_, file)| file.as_str())).map(Path::new)
}

/// The options as the arguments of a vendor's command; `None` where they ask for help, which is printed.
fn parsed<T: Args>(options: &[String], output: &mut impl Write) -> Result<Option<T>, Failure> {
    let command = T::augment_args(clap::Command::new("tandem setup ACCOUNT").no_binary_name(true));
    let read = command.try_get_matches_from(options).and_then(|matches| T::from_arg_matches(&matches));
    match read {
        Ok(arguments) => Ok(Some(arguments)),
        Err(help) if !help.use_stderr() => {
            write!(output, "{help}")?;
            Ok(None)
        }
        Err(error) => Err(Failure::Usage(error.to_string())),
    }
}
