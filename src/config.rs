//! Configuration: one TOML file, overridden key by key from the secrets file beside it ([`secrets_file`]) and from the
//! environment.
//!
//! This is the only module that reads the environment, and the only one that reads configuration and mapping files.
//! All faults are found in one go, each with its key, its place and its remedy ([`Faults`]). No message here ever shows a
//! secret: secrets are [`SecretString`]s from the moment they are checked, and no message quotes one.
//!
//! Nothing below `serve` and `cli` sees the whole [`Config`]; each module is handed its own small options.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::access::{Account, GroupRoles, Roster};
use crate::domain::plan::UserMatch;
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::{self, RecipeMessage};
use crate::http::Network;

mod check;
mod fault;
mod installation;
pub mod keys;
mod near;
mod oidc;
mod operators;
mod read;
pub mod secrets_file;
mod sources;

pub use fault::{Fault, Faults, Place, Warning};
pub use installation::{BrazeInstallation, ZendeskInstallation, braze_installation, zendesk_installation};

use check::Checker;
use sources::Sources;

/// The file that is read when none is named, in the working directory, if it exists.
pub const DEFAULT_FILE: &str = "tandem.toml";

/// The largest configuration file: a hundred times a real one.
const FILE_MAX_BYTES: u64 = 256 * 1024;

/// The largest mapping file: several times the limit on what may be parsed as templates.
const MAPPING_FILE_MAX_BYTES: u64 = 64 * 1024;

/// The most files in the directory of mappings; there are far fewer mapping names.
const MAPPING_FILES_MAX: usize = 64;

/// Every setting of the operator's. Checked: its parts make sense, alone and together.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where webhooks and health are served.
    pub listen: SocketAddr,
    /// Where operators are served.
    pub operator: Operator,
    /// How the vendors reach `listen`: for `setup`, `check --live`, and to find our webhooks in Zendesk's log of them.
    pub public_url: Option<Url>,
    /// How operators reach the console, for links to it in alarms.
    pub console_url: Option<Url>,
    /// The directory of mapping files; `None` for the shipped ones.
    pub mappings: Option<PathBuf>,
    /// The contents of the `*.toml` files in `mappings` by file name; `None` for the shipped ones.
    /// Only [`load`] reads them: after [`parse`] this is always `None`.
    pub mapping_files: Option<BTreeMap<String, String>>,
    /// The time between two looks for replies whose webhooks did not come; `None` for never.
    pub catch_up: Option<Duration>,
    /// For how many days a solved ticket is reopened by the customer's next text.
    pub reopen_days: u32,
    /// Whose connections never count against the limit for one address.
    pub trusted_proxies: Vec<Network>,
    /// The language of notes to agents. Whether there are words in it, the check of the mappings says.
    pub notes_language: String,
    /// Where the store is.
    pub store: StoreUrl,
    /// Zendesk's side.
    pub zendesk: Zendesk,
    /// Braze's side.
    pub braze: Braze,
    /// The alarm receiver; `None` when there is none.
    pub alarm: Option<Alarm>,
}

/// The alarm receiver.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The whole address. Receivers put credentials into it, so it is kept as one.
    pub url: SecretString,
    /// The bearer token for it.
    pub token: Option<SecretString>,
}

/// The operator listener.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its address.
    pub listen: SocketAddr,
    /// The token of operators without one of their own. This one or `operators` is set, or both, when `listen` is not a
    /// loopback address.
    pub token: Option<SecretString>,
    /// The operators with a token of their own.
    pub operators: Vec<Account>,
    /// The identity provider at which others sign in to the console.
    pub oidc: Option<Oidc>,
}

impl Operator {
    /// All holders of a token.
    #[must_use]
    pub fn roster(&self) -> Roster {
        let shared = self.token.as_ref().map(|token| Account::shared(token.expose_secret()));
        Roster::new(shared.into_iter().chain(self.operators.iter().cloned()).collect())
            .with_groups(self.oidc.as_ref().map(|oidc| oidc.roles.clone()))
    }
}

/// An identity provider that speaks OpenID Connect.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// Its identifier, letter by letter.
    pub issuer: String,
    /// The identifier of our client there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where browsers are sent back to: `console_url` and the path.
    pub redirect: Url,
    /// The claim that names an operator.
    pub name_claim: String,
    /// The claim whose values give a role.
    pub roles_claim: String,
    /// Which values give which role.
    pub roles: GroupRoles,
}

/// The store's place and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory on a local disk.
    Sled {
        /// Relative to the working directory, or absolute; the configuration file's own directory is already in it.
        directory: PathBuf,
    },
}

/// Zendesk's side of the configuration.
#[derive(Clone, Debug)]
pub struct Zendesk {
    /// The account's address: scheme, host and port only.
    pub url: Url,
    /// How we prove who we are.
    pub credentials: Credentials,
    /// Signing secrets, never empty.
    pub webhook_secrets: Vec<SecretString>,
    /// How far a signature's timestamp may be from our clock, either way; at most
    /// [`keys::SIGNATURE_TOLERANCE_MAX_SECONDS`].
    pub signature_tolerance: Duration,
    /// The attributes by which a customer is looked for, in this order; never empty, none twice.
    pub requester_match: Vec<UserMatch>,
    /// The key of the custom user field: letters, digits, underscores.
    pub user_field: String,
}

/// How we prove to Zendesk who we are.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// OAuth client credentials.
    OAuth {
        /// The client's identifier.
        client_id: String,
        /// The client's secret.
        client_secret: SecretString,
    },
    /// E-mail address and API token; Zendesk ends these on 2027-04-30.
    ApiToken {
        /// The agent.
        email: String,
        /// The token.
        api_token: SecretString,
    },
}

/// Braze's side of the configuration.
#[derive(Clone, Debug)]
pub struct Braze {
    /// The REST endpoint: scheme, host and port only.
    pub url: Url,
    /// The REST API key.
    pub api_key: SecretString,
    /// The tokens that Braze's webhook campaigns may present; never empty.
    pub webhook_tokens: Vec<SecretString>,
    /// The fate of a text whose answer was lost and whose receipt is not found.
    pub on_unconfirmed: OnUnconfirmed,
    /// When to look for the receipt, counted from the lost answer: 1 to 5 waits, ascending, each at most 300 s.
    pub confirm_after: Vec<Duration>,
    /// The form of `msg_body` for drop-in campaigns.
    pub recipe_message: RecipeMessage,
    /// Whether typographic quotation marks and dashes become plain ones.
    pub gsm7: bool,
    /// When set, Braze is asked for the customer's state in this group before each text.
    pub subscription_group: Option<String>,
    /// The campaigns.
    pub campaigns: Campaigns,
}

/// Ids of API-triggered campaigns.
#[derive(Clone, Debug)]
pub struct Campaigns {
    /// Texts an agent's reply.
    pub agent_reply: String,
    /// Sends the closing text; `None` means there is none.
    pub ticket_solved: Option<String>,
}

/// Reads the file, its secrets file, the environment and the mapping files.
///
/// `path` is the file that was named; without one, [`DEFAULT_FILE`] is read if it exists. `check_mappings` finds the faults
/// of mapping files (`None` for the shipped ones) with notes in this language, so that they are reported together with the
/// rest.
///
/// # Errors
/// Every fault.
pub fn load(
    path: Option<&Path>,
    check_mappings: impl FnOnce(Option<&BTreeMap<String, String>>, &str) -> Vec<Fault>,
) -> Result<(Config, Vec<Warning>), Faults> {
    load_from(Sources::required(path)?, check_mappings)
}

fn load_from(
    mut sources: Sources,
    check_mappings: impl FnOnce(Option<&BTreeMap<String, String>>, &str) -> Vec<Fault>,
) -> Result<(Config, Vec<Warning>), Faults> {
    let parsed = parse(sources.text(), sources.variables.clone(), &sources.base);
    let (directory, language) = match &parsed {
        Ok((config, _)) => (config.mappings.clone(), config.notes_language.clone()),
        Err(_) => {
            let checker = Checker::new(read::gather(sources.text(), sources.variables.clone()), &sources.base);
            let directory = checker.text("mappings").map(|directory| sources.base.join(directory));
            (directory, checker.text("notes.language").unwrap_or_default())
        }
    };
    let mapping_files = directory.map(|directory| read_mappings(&directory)).transpose();
    match &mapping_files {
        Ok(files) => sources.faults.extend(check_mappings(files.as_ref(), &language)),
        Err(fault) => sources.faults.push(fault.clone()),
    }
    match (parsed, mapping_files) {
        // The token may be in the file that cannot be read, and without one every user of this machine is let in.
        (Ok((config, _)), Ok(_)) if sources.has_unread_secrets() && !config.operator.roster().asks_for_token() => {
            Err(sources.refuse(vec![Fault::new(
                "operator_token",
                "is not known, because the secrets file cannot be read",
                "See that TANDEM_OPERATOR_TOKEN is set, or that the file can be read",
            )]))
        }
        (Ok((config, mut warnings)), Ok(mapping_files)) if sources.faults.is_empty() => {
            warnings.append(&mut sources.warnings);
            Ok((Config { mapping_files, ..config }, warnings))
        }
        (Ok(_), _) => Err(sources.refuse(Vec::new())),
        (Err(Faults(faults)), _) => Err(sources.refuse(faults)),
    }
}

/// Reads a configuration from the file's text and from pairs of environment variables, of which only those that start
/// with [`keys::VARIABLE_PREFIX`] matter. Relative paths are taken from `base`. Touches neither files nor environment.
///
/// # Errors
/// Everything that is wrong.
pub fn parse(
    file: Option<&str>,
    env: impl IntoIterator<Item = (String, String)>,
    base: &Path,
) -> Result<(Config, Vec<Warning>), Faults> {
    let mut checker = Checker::new(read::gather(file, env), base);
    match checker.config() {
        Some(config) => Ok((config, checker.warnings)),
        None => Err(Faults(checker.into_faults())),
    }
}

/// The few things that a command needs which talks to a running bridge or renders a mapping.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Where webhooks and health are served.
    pub listen: SocketAddr,
    /// The operator listener.
    pub operator: Operator,
    /// As [`Config::mapping_files`].
    pub mapping_files: Option<BTreeMap<String, String>>,
}

/// Reads only what is in a [`Glimpse`], and minds no fault elsewhere: an operator at another machine need not hold the
/// credentials of the bridge.
///
/// # Errors
/// The faults of those few keys, or a file that cannot be read or is not TOML.
pub fn glimpse(path: Option<&Path>) -> Result<Glimpse, Faults> {
    let sources = Sources::read(path)?;
    let mut checker = Checker::new(read::gather(sources.text(), sources.variables.clone()), &sources.base);
    let listen = checker.address("listen");
    let operator = checker.operator();
    let directory = checker.text("mappings").map(|directory| sources.base.join(directory));
    let mine = ["listen", "operator_listen", "operator_token", "mappings", read::WHOLE_FILE];
    let mut faults = checker.into_faults();
    faults.retain(|fault| mine.contains(&fault.key.as_str()));
    let mapping_files = directory.map(|directory| read_mappings(&directory)).transpose();
    match (listen, operator, mapping_files) {
        (Some(listen), Some(operator), Ok(mapping_files)) if faults.is_empty() && sources.faults.is_empty() => {
            Ok(Glimpse { listen, operator, mapping_files })
        }
        (_, _, Err(fault)) => {
            faults.push(fault);
            Err(sources.refuse(faults))
        }
        _ => Err(sources.refuse(faults)),
    }
}

/// The keys about mappings, without the mappings themselves.
#[derive(Clone, Debug)]
pub struct MappingKeys {
    /// As [`Config::mappings`], or [`MAPPINGS_DIRECTORY`] beside the configuration; it may not be there yet.
    pub directory: PathBuf,
    /// Whether the configuration names it.
    pub is_configured: bool,
    /// As [`Config::notes_language`].
    pub language: String,
    /// Whether a campaign for the closing text is configured.
    pub has_closing_text: bool,
}

/// The directory that commands make for mappings where the configuration names none.
pub const MAPPINGS_DIRECTORY: &str = "mappings";

/// Reads only what is in [`MappingKeys`], and minds no fault elsewhere.
///
/// # Errors
/// The faults of those two keys, or a file that cannot be read or is not TOML.
pub fn mapping_keys(path: Option<&Path>) -> Result<MappingKeys, Faults> {
    let sources = Sources::read(path)?;
    let checker = Checker::new(read::gather(sources.text(), sources.variables.clone()), &sources.base);
    let configured = checker.text("mappings");
    let keys = MappingKeys {
        is_configured: configured.is_some(),
        directory: sources.base.join(configured.as_deref().unwrap_or(MAPPINGS_DIRECTORY)),
        language: checker.text("notes.language").unwrap_or_default(),
        has_closing_text: checker.text("braze.campaigns.ticket_solved").is_some(),
    };
    let mut faults = checker.into_faults();
    faults.retain(|fault| ["mappings", "notes.language", read::WHOLE_FILE].contains(&fault.key.as_str()));
    if faults.is_empty() && sources.faults.is_empty() { Ok(keys) } else { Err(sources.refuse(faults)) }
}

/// The variable for the token of the operator who runs a command. It is no key: the bridge's own
/// is `TANDEM_OPERATOR_TOKEN`, and the two may stand in one shell.
pub const OWN_TOKEN: &str = "TANDEM_TOKEN";

/// The value of [`OWN_TOKEN`]; `None` when it is not set, empty or not a text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub fn own_token() -> Option<SecretString> {
    let token = std::env::var(OWN_TOKEN).ok()?;
    let token = token.trim();
    (!token.is_empty()).then(|| token.into())
}

/// The value of `RUST_LOG`, for [`crate::telemetry::init_logs`]; `None` when it is not set or not a text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub fn log_filter() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty())
}

/// Whether OpenTelemetry's standard variables name a collector for [`crate::telemetry::Traces`]. Which one, and everything
/// else under `OTEL_`, is read by OpenTelemetry's own library: the names and their meanings are its specification's.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub fn wants_traces() -> bool {
    let says = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let is_disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !is_disabled && (says("OTEL_EXPORTER_OTLP_ENDPOINT") || says("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// The variable that names a fail point ([`crate::failpoint`]). It is under our prefix on purpose: a release build does
/// not know it, and refuses to start with it as with any key that it does not know.
#[cfg(debug_assertions)]
const FAIL_POINT: &str = "TANDEM_FAILPOINT";

/// The value of `TANDEM_FAILPOINT`, in a test build; `None` when it is not set.
///
/// # Errors
/// When it makes no sense: a test that means to break something must not pass because nothing broke.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub fn fail_point() -> Result<Option<crate::failpoint::FailPoint>, Faults> {
    let Ok(text) = std::env::var(FAIL_POINT) else { return Ok(None) };
    let fault = || {
        Fault::new(
            FAIL_POINT,
            "is none of NAME:COUNT, NAME:panic and NAME:omit",
            "Name a point, or remove the variable",
        )
    };
    crate::failpoint::FailPoint::read(&text).map(Some).ok_or_else(|| Faults(vec![fault()]))
}

fn read_mappings(directory: &Path) -> Result<BTreeMap<String, String>, Fault> {
    let fault = |problem: String| {
        let remedy = "Name a directory of mapping files, or remove the key to use the shipped ones";
        Fault::new("mappings", problem, remedy)
    };
    let unreadable = |path: &Path, error: std::io::Error| fault(format!("cannot be read: {}: {error}", path.display()));
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(name), true) = (name, path.extension().is_some_and(|extension| extension == "toml")) else {
            continue;
        };
        if files.len() == MAPPING_FILES_MAX {
            return Err(fault(format!("holds more than {MAPPING_FILES_MAX} files: {}", directory.display())));
        }
        let text = read_text(&path, MAPPING_FILE_MAX_BYTES).map_err(|error| unreadable(&path, error))?;
        files.insert(name.to_owned(), text);
    }
    Ok(files)
}

fn read_text(path: &Path, max_bytes: u64) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let problem = format!("it is larger than {max_bytes} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, problem));
    }
    text_of(&bytes).map(str::to_owned).map_err(|problem| std::io::Error::new(std::io::ErrorKind::InvalidData, problem))
}

/// The text of an operator's file (a configuration, a mapping, an event): UTF-8, with or without the byte order mark that
/// Windows programs put in front.
///
/// # Errors
/// The encoding of any other file, with the remedy.
pub fn text_of(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is saved as UTF-16; save it as UTF-8");
    }
    std::str::from_utf8(text::unmarked(bytes)).map_err(|_| "it is not valid UTF-8; save it as UTF-8")
}

#[cfg(test)]
mod tests;
