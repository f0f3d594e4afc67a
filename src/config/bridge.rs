//! The keys of the bridge itself, and the whole configuration: all tables, and how their values fit together.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::accounts::{Accounts, VendorAccount};
use super::lines::{self, Described, LineKeys};
use super::oidc::{self, IdentityProvider, Oidc};
use super::operators::{self, OPERATORS, Operators};
use crate::domain::access::{Account, Roster};
use crate::domain::account::End;
use crate::domain::line::Lines;
use crate::http::Network;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{Field, Make, Shape, Shown, plainly};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{
    ADDRESS, DIRECTORY, SECRET, TEXT, TOKEN, Word, extensible_address, listed, minutes_or_never, safe_address, secret,
    text, whole,
};
use crate::keys::table::{Beside, Table, below, table};
use crate::vendors::registry::Vendor;

table! {
    /// Everything that the operator decides, checked: its parts make sense by themselves and together.
    pub struct Config {
        /// Address and port for webhooks and health.
        listen: SocketAddr = ADDRESS.or("0.0.0.0:8080").set_to(r#""0.0.0.0:8080""#),

        /// Address and port for the console, the operator API and metrics; never make it public.
        operator_listen: SocketAddr = ADDRESS.or("127.0.0.1:8081").set_to(r#""127.0.0.1:8081""#),

        /// The token of operators without one of their own, as admins; this or an operator is required as soon as
        /// operator_listen is not a loopback address.
        operator_token: Option<SecretString> = TOKEN.optional().reloads(),

        /// The operators with a token of their own.
        operators: Vec<Account> = Operators,

        /// How the vendors reach `listen`; `serve` uses it only to find its webhooks in a desk's log of them.
        public_url: Option<Url> = PUBLIC_ADDRESS.optional().such_as(r#""https://tandem.acme.example""#),

        /// How operators reach the console, such as `https://tandem.internal.example`; alarms link to it.
        console_url: Option<Url> =
            CONSOLE_ADDRESS.optional().such_as(r#""https://tandem.internal.example""#).reloads(),

        /// Directory of mapping files, relative to this file; without it the shipped mappings are used.
        mappings: Option<PathBuf> = DIRECTORY.optional().such_as(r#""mappings""#).reloads(),

        /// The contents of the `*.toml` files in `mappings` by file name; `None` for the shipped ones. Only
        /// [`load`](super::load) reads them: after [`parse`](super::parse) this is always `None`.
        mapping_files: Option<BTreeMap<String, String>> = Beside,

        /// Minutes between two looks for replies and texts whose webhooks did not come; the first is at start. 0 means never.
        catch_up_minutes: Option<Duration> = minutes_or_never(1440).or("5"),

        /// How long after it was solved a ticket is reopened by the customer's next text, instead of a new one opened. A desk
        /// closes a solved ticket after 28 days at the latest.
        reopen_days: u32 = whole(0, 28).or("5"),

        /// Addresses and networks of our own proxies: their connections never count against the limit for one address.
        trusted_proxies: Vec<Network> = NETWORKS.or_empty().such_as(r#"["10.0.0.5", "10.1.0.0/16"]"#),

        /// Notes to agents.
        notes: Notes = below(),

        /// The store.
        store: Store = below(),

        /// The accounts at vendors. There is one or more of each vendor.
        accounts: Vec<VendorAccount> = Accounts,

        /// The lines that are described; [`Config::lines`] has all.
        described_lines: Vec<LineKeys> = Described,

        /// The alarm receiver.
        alarm: Alarm = below(),

        /// The identity provider.
        oidc: Oidc = below(),
    }
}

table! {
    /// Notes to agents.
    pub struct Notes {
        /// The language of tandem's notes to agents: `en`, `fr`, or that of a file notes.LANGUAGE.toml of your own in
        /// `mappings`.
        language: String = TEXT.or("en").reloads(),
    }
}

table! {
    /// The store.
    pub struct Store {
        /// `sled:` and the directory of the store, on a local disk; a relative one is relative to this file.
        url: StoreUrl = STORE_URL.or("sled:data"),
    }
}

table! {
    /// The alarm receiver.
    pub struct Alarm {
        /// Address of the alarm receiver, which is told of dead letters, texts set aside as unconfirmed and paused
        /// destinations.
        url: Option<SecretString> = RECEIVER.optional().reloads(),

        /// Bearer token for the alarm receiver.
        token: Option<SecretString> = SECRET.optional().reloads(),
    }
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

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sled { directory } = self;
        write!(f, "sled:{}", directory.display())
    }
}

const STORE_URL: Shape<StoreUrl> = Shape::new(
    Kind::One(Item::Text),
    Make::Located(|url, base| match url.strip_prefix("sled:") {
        Some(directory) if !directory.trim().is_empty() => Ok(StoreUrl::Sled { directory: base.join(directory) }),
        Some(_) => Err(Flaw::new("names no directory", "Write it like sled:data")),
        None => Err(Flaw::new("does not start with sled:, the only store there is", "Write it like sled:data")),
    }),
    plainly,
    StoreUrl::eq,
);

/// The address of `listen` in the world. A proxy may give the bridge a path of its own there.
const PUBLIC_ADDRESS: Shape<Url> = text(|text| {
    let url = extensible_address(text)?;
    if let Some(vendor) = Vendor::at(&url) {
        let remedy = "Set it to the address at which the vendors reach this bridge";
        return Err(Flaw::new(format!("is an address of {}", vendor.title()), remedy));
    }
    // A proxy may have any of these words in a path of its own, but none at the end.
    let segments = url.path().split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    let page = match segments.as_slice() {
        [.., page @ ("webhooks" | "console" | "healthz" | "readyz" | "metrics")] => Some(*page),
        [.., page @ "webhooks", account] if Vendor::WORDS.contains(account) => Some(*page),
        _ => None,
    };
    match page {
        Some(page) => {
            let remedy = format!("End it before /{page}: the paths are added");
            Err(Flaw::new("is the address of one page of the bridge", remedy))
        }
        None => Ok(url),
    }
})
.noting(|url| {
    let has_path = url.path() != "/";
    let problem = "has a path: webhooks are posted below it, and a proxy has to take it away";
    has_path.then(|| problem.to_owned())
});

/// The console's address. Operators may reach it over a private network without TLS, and nothing is sent there by the
/// bridge.
const CONSOLE_ADDRESS: Shape<Url> = text(|text| {
    let Some(url) = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme())) else {
        return Err(Flaw::new("is not a web address", "Write it like https://host"));
    };
    if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
        return Err(Flaw::new("has something behind the host", "End it there: /console is added"));
    }
    Ok(url)
});

/// Receivers put credentials into their address, so the whole of it is a secret.
const RECEIVER: Shape<SecretString> = secret(|text| safe_address(text).map(|url| url.as_str().into()));

const NETWORKS: Shape<Vec<Network>> = Shape::new(
    Kind::List { of: Item::Network, may_be_empty: true },
    Make::Texts(|texts| {
        let network = |text: &String| {
            let remedy = "Write the address or the network of each proxy; names are not looked up";
            text.parse().map_err(|problem| Flaw::new(format!("holds {text:?}, which {problem}"), remedy))
        };
        texts.iter().map(network).collect()
    }),
    |networks| listed(networks, Network::to_string),
    Vec::eq,
);

/// The way of a command to a running bridge.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The operator listener.
    pub listen: SocketAddr,
    /// The shared token.
    pub token: Option<SecretString>,
}

impl Config {
    /// The configuration that the book holds; `None` when there are faults.
    pub(super) fn of(book: &mut Book<'_>) -> Option<Self> {
        let config = Self::read(&At::top(), book);
        listeners_differ(book);
        operators_have_tokens(book);
        let (top, alarm) = (At::top(), At::top().below("alarm"));
        if book.is_given(&alarm, "token") && !book.is_given(&alarm, "url") {
            let flaw = Flaw::new("stands without alarm.url", "Set alarm.url, or remove the token");
            book.fault::<()>(&alarm, "token", flaw);
        }
        let shared = Self::operator_token().read(&top, book).flatten();
        operators::check(book, shared.as_ref());
        lines::check(book);
        let (console_url, has_tokens) = (Self::console_url().read(&top, book), has_tokens(book));
        oidc::check(book, console_url, has_tokens);
        config.filter(|_| book.faults.is_empty())
    }

    /// Every key with its value, in the order of the reference.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        self.show("", &mut shown);
        shown
    }

    /// The settings after a reload, reloadable keys from the new configuration and all others from this one; and the names of
    /// those that differ and wait for a restart.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> (Self, Vec<String>) {
        let mut waiting = Vec::new();
        (self.reload(new, "", &mut waiting), waiting)
    }

    /// The accounts at one end, in the order of the configuration.
    pub fn accounts_at(&self, end: End) -> impl Iterator<Item = &VendorAccount> {
        self.accounts.iter().filter(move |known| known.keys.vendor().end() == end)
    }

    /// The lines. Every carrier has a default line.
    #[must_use]
    pub fn lines(&self) -> Lines {
        lines::of(&self.accounts, &self.described_lines)
    }

    /// Every operator who has a token, and the groups with a role.
    #[must_use]
    pub fn roster(&self) -> Roster {
        let shared = self.operator_token.as_ref().map(|token| Account::shared(token.expose_secret()));
        let groups = self.oidc.issuer.as_ref().map(|_| self.oidc.roles.by_group());
        Roster::new(shared.into_iter().chain(self.operators.iter().cloned()).collect()).with_groups(groups)
    }

    /// The identity provider; `None` where none is configured.
    #[must_use]
    pub fn provider(&self) -> Option<IdentityProvider> {
        self.oidc.provider(self.console_url.as_ref())
    }

    /// The way of a command to the bridge of this configuration.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator { listen: self.operator_listen, token: self.operator_token.clone() }
    }
}

fn listeners_differ(book: &mut Book<'_>) {
    let top = At::top();
    let (listen, operator) = (Config::listen().read(&top, book), Config::operator_listen().read(&top, book));
    let (Some(listen), Some(operator)) = (listen, operator) else { return };
    // Port 0 asks the system for any free port, so two of them never meet.
    let same_port = listen.port() == operator.port() && listen.port() != 0;
    let everywhere = |ip: IpAddr| ip.is_unspecified();
    let same_ip = listen.ip() == operator.ip() || everywhere(listen.ip()) || everywhere(operator.ip());
    if same_port && same_ip {
        let problem = format!("is {operator}, which meets `listen` ({listen})");
        let flaw = Flaw::new(problem, "Give the two listeners different ports");
        book.fault::<()>(&top, "operator_listen", flaw);
    }
}

/// Books the fault of an operator listener that others can reach without a token.
pub(super) fn operators_have_tokens(book: &mut Book<'_>) {
    let top = At::top();
    let Some(listen) = Config::operator_listen().read(&top, book) else { return };
    if !listen.ip().is_loopback() && !has_tokens(book) {
        let problem = format!("is missing, but operator_listen is {listen}, which others can reach");
        let remedy = "Set a long random token, or name operators, or listen on 127.0.0.1";
        book.fault::<()>(&top, "operator_token", Flaw::new(problem, remedy));
    }
}

/// Whether an operator has a token, be it a faulty one.
fn has_tokens(book: &Book<'_>) -> bool {
    book.is_given(&At::top(), "operator_token") || !book.list(OPERATORS).is_empty()
}
