//! The rules for a value beyond its kind, and between values.
//!
//! Collects every fault before it gives up. Never shows the value of a text that might hold a credential: an address
//! with a password in it is described, not quoted.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::fault::{Fault, Place, Warning};
use super::keys;
use super::operators::concerns_operators;
use super::read::{Gathered, Given, Value};
use super::{
    Alarm, Braze, Campaigns, Config, Credentials, Network, OnUnconfirmed, Operator, RecipeMessage, StoreUrl, UserMatch,
    Zendesk,
};

/// The secret with which Zendesk signs the test of a webhook that does not exist yet. It is published, so a bridge that
/// accepts it accepts every sender (<https://developer.zendesk.com/documentation/webhooks/verifying/>).
const PUBLIC_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// Tokens that are shorter than this are warned about: 16 random characters are beyond guessing over a network.
pub(super) const TOKEN_MIN_CHARS: usize = 16;

/// The fewest characters of a campaign's id. Braze calls it a random key and promises no form
/// (<https://www.braze.com/docs/api/identifier_types/>); its shortest ids have 24, so a shorter one is no id.
const CAMPAIGN_ID_MIN_CHARS: usize = 16;

/// More looks for one receipt than this would only keep later replies of the conversation waiting.
const CONFIRM_LOOKS_MAX: usize = 5;

/// Reads typed values out of [`Gathered`], and keeps the book of faults and warnings.
pub(super) struct Checker<'a> {
    base: &'a Path,
    pub(super) gathered: Gathered,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(gathered: Gathered, base: &'a Path) -> Self {
        Self { base, gathered, warnings: Vec::new() }
    }

    /// The whole configuration; `None` when there were faults.
    pub(super) fn config(&mut self) -> Option<Config> {
        let listen = self.address("listen");
        let operator = self.operator();
        if let (Some(listen), Some(operator)) = (listen, &operator) {
            self.listeners_differ(listen, operator.listen);
        }
        let public_url = self.optional_url("public_url");
        let console_url = self.console_url();
        let mappings = self.text("mappings").map(|directory| self.base.join(directory));
        let catch_up_minutes = self.number("catch_up_minutes");
        let reopen_days = self.number("reopen_days");
        let trusted_proxies = self.trusted_proxies();
        let notes_language = self.text("notes.language");
        let store = self.store();
        let zendesk = self.zendesk();
        let braze = self.braze();
        let alarm = self.alarm();
        let oidc = self.oidc();
        if !self.gathered.faults.is_empty() {
            return None;
        }
        Some(Config {
            listen: listen?,
            operator: Operator { oidc: oidc?, ..operator? },
            public_url: public_url?,
            console_url: console_url?,
            mappings,
            mapping_files: None,
            catch_up: catch_up_minutes.filter(|minutes| *minutes > 0).map(|minutes| Duration::from_secs(minutes * 60)),
            reopen_days: u32::try_from(reopen_days?).ok()?,
            trusted_proxies: trusted_proxies?,
            notes_language: notes_language?,
            store: store?,
            zendesk: zendesk?,
            braze: braze?,
            alarm: alarm?,
        })
    }

    /// Everything that was wrong, in the order of the reference.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.gathered.faults;
        // By key, unknown ones first: those are often the cause of a key that is missing.
        faults.sort_by_key(|fault| {
            let name = if concerns_operators(&fault.key) { "operator_token" } else { fault.key.as_str() };
            keys::KEYS.iter().position(|key| key.name == name)
        });
        faults
    }

    /// The settings of the operator listener alone.
    pub(super) fn operator(&mut self) -> Option<Operator> {
        let listen = self.address("operator_listen");
        let token = self.text("operator_token");
        if let Some(token) = &token {
            self.warn_when_short("operator_token", std::slice::from_ref(token));
        }
        let listen = listen?;
        let operators = self.operators();
        let nobody_has_one = token.is_none() && self.gathered.operators.is_empty();
        if !listen.ip().is_loopback() && nobody_has_one && !self.is_spoilt("operator_token") {
            let problem = format!("is missing, but operator_listen is {listen}, which others can reach");
            let remedy = "Set a long random token, or name operators, or listen on 127.0.0.1";
            self.gathered.faults.push(Fault::new("operator_token", problem, remedy));
        }
        Some(Operator { listen, token: token.map(SecretString::from), operators, oidc: None })
    }

    pub(super) fn address(&mut self, name: &'static str) -> Option<SocketAddr> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => self.fault(name, "is not an address and a port", "Write it like 127.0.0.1:8080 or [::1]:8080"),
        }
    }

    fn listeners_differ(&mut self, listen: SocketAddr, operator: SocketAddr) {
        // Port 0 asks the system for any free port, so two of them never meet.
        let same_port = listen.port() == operator.port() && listen.port() != 0;
        let everywhere = |ip: IpAddr| ip.is_unspecified();
        let same_ip = listen.ip() == operator.ip() || everywhere(listen.ip()) || everywhere(operator.ip());
        if same_port && same_ip {
            let problem = format!("is {operator}, which meets `listen` ({listen})");
            self.fault::<()>("operator_listen", problem, "Give the two listeners different ports");
        }
    }

    fn trusted_proxies(&mut self) -> Option<Vec<Network>> {
        let name = "trusted_proxies";
        let mut networks = Vec::new();
        for text in self.texts(name).unwrap_or_default() {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(problem) => {
                    let problem = format!("holds {text:?}, which {problem}");
                    return self.fault(
                        name,
                        problem,
                        "Write the address or the network of each proxy; names are not looked up",
                    );
                }
            }
        }
        Some(networks)
    }

    fn store(&mut self) -> Option<StoreUrl> {
        let url = self.text("store.url")?;
        match url.strip_prefix("sled:") {
            Some(directory) if !directory.trim().is_empty() => {
                Some(StoreUrl::Sled { directory: self.base.join(directory) })
            }
            Some(_) => self.fault("store.url", "names no directory", "Write it like sled:data"),
            None => {
                self.fault("store.url", "does not start with sled:, the only store there is", "Write it like sled:data")
            }
        }
    }

    fn zendesk(&mut self) -> Option<Zendesk> {
        let url = self.vendor_url("zendesk.url");
        let credentials = self.credentials();
        let webhook_secrets = self.webhook_secrets();
        let tolerance = self.number("zendesk.signature_tolerance_seconds");
        let requester_match = self.requester_match();
        let user_field = self.user_field();
        Some(Zendesk {
            url: url?,
            credentials: credentials?,
            webhook_secrets: webhook_secrets?,
            signature_tolerance: Duration::from_secs(tolerance?),
            requester_match: requester_match?,
            user_field: user_field?,
        })
    }

    pub(super) fn credentials(&mut self) -> Option<Credentials> {
        const OAUTH: [&str; 2] = ["zendesk.client_id", "zendesk.client_secret"];
        const LEGACY: [&str; 2] = ["zendesk.email", "zendesk.api_token"];
        let any = |this: &Self, names: [&str; 2]| names.iter().any(|name| this.is_given(name));
        match (any(self, OAUTH), any(self, LEGACY)) {
            (true, true) => self.fault(
                "zendesk.client_id",
                "and client_secret stand beside email and api_token",
                "Choose one pair and remove the other: client_id and client_secret is the one that lasts",
            ),
            (false, false) => self.fault(
                "zendesk.client_id",
                "and client_secret are missing",
                "Create an OAuth client in Zendesk and set both",
            ),
            (true, false) => {
                let id = self.required(OAUTH[0], "Set it to the identifier of the OAuth client");
                let secret = self.required(OAUTH[1], "Set it to the secret of the OAuth client");
                Some(Credentials::OAuth { client_id: id?, client_secret: secret?.into() })
            }
            (false, true) => {
                let email =
                    self.required(LEGACY[0], "Set it to the e-mail address of the agent whom the token acts for");
                let token = self.required(LEGACY[1], "Set it, or better: use client_id and client_secret");
                let problem = "is in use: Zendesk ends API tokens on 2027-04-30, and nothing will go to Zendesk from \
                               then on; change to client_id and client_secret before that day";
                self.warn("zendesk.api_token", problem);
                Some(Credentials::ApiToken { email: email?, api_token: token?.into() })
            }
        }
    }

    fn webhook_secrets(&mut self) -> Option<Vec<SecretString>> {
        let name = "zendesk.webhook_secrets";
        let secrets = self.required_list(name, "Set it to the signing secret that Zendesk shows for the webhook")?;
        if secrets.iter().any(|secret| secret == PUBLIC_TEST_SECRET) {
            let problem = "holds the secret that Zendesk publishes for tests, with which anybody can sign";
            return self.fault(name, problem, "Use the signing secret of the webhook itself");
        }
        Some(secrets.into_iter().map(SecretString::from).collect())
    }

    fn requester_match(&mut self) -> Option<Vec<UserMatch>> {
        let name = "zendesk.requester_match";
        let words = self.texts(name)?;
        let mut matches = Vec::new();
        for word in words {
            let by = match word.as_str() {
                "external_id" => UserMatch::ExternalId,
                "user_field" => UserMatch::UserField,
                "email" => UserMatch::Email,
                _ => UserMatch::Phone,
            };
            if matches.contains(&by) {
                return self.fault(name, format!("names {word} twice"), "Remove one of the two");
            }
            matches.push(by);
        }
        Some(matches)
    }

    /// The key goes into Zendesk's search language, where a space or a quotation mark would change the question.
    pub(super) fn user_field(&mut self) -> Option<String> {
        let name = "zendesk.user_field";
        let field = self.text(name)?;
        if field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            Some(field)
        } else {
            self.fault(name, "is not a field key", "Use the key of the user field: letters, digits and underscores")
        }
    }

    fn braze(&mut self) -> Option<Braze> {
        let url = self.vendor_url("braze.url");
        let api_key = self.required("braze.api_key", "Set it to a REST API key of the Braze workspace");
        let tokens = "braze.webhook_tokens";
        let webhook_tokens = self.required_list(tokens, "Set it to a long random token, and give Braze the same");
        if let Some(list) = &webhook_tokens {
            self.warn_when_short(tokens, list);
        }
        let confirm_after = self.confirm_after();
        let on_unconfirmed = self.text("braze.on_unconfirmed");
        let recipe_message = self.text("braze.recipe_message");
        let gsm7 = self.flag("braze.gsm7");
        let subscription_group = self.identifier("braze.subscription_group");
        let campaigns = self.campaigns();
        Some(Braze {
            url: url?,
            api_key: api_key?.into(),
            webhook_tokens: webhook_tokens?.into_iter().map(SecretString::from).collect(),
            on_unconfirmed: if on_unconfirmed? == "hold" { OnUnconfirmed::Hold } else { OnUnconfirmed::Resend },
            confirm_after: confirm_after?,
            recipe_message: if recipe_message? == "whole" { RecipeMessage::Whole } else { RecipeMessage::ThirdLine },
            gsm7: gsm7?,
            subscription_group,
            campaigns: campaigns?,
        })
    }

    fn alarm(&mut self) -> Option<Option<Alarm>> {
        let token = self.text("alarm.token").map(SecretString::from);
        if !self.is_given("alarm.url") {
            return match token {
                Some(_) => self.fault("alarm.token", "stands without alarm.url", "Set alarm.url, or remove the token"),
                None => Some(None),
            };
        }
        let url = self.web_address("alarm.url")?;
        Some(Some(Alarm { url: url.as_str().into(), token }))
    }

    /// The ids of the campaigns.
    fn campaigns(&mut self) -> Option<Campaigns> {
        let agent_reply =
            self.required("braze.campaigns.agent_reply", "Set it to the id of the campaign that texts replies");
        if agent_reply.is_some() {
            self.campaign("braze.campaigns.agent_reply");
        }
        let ticket_solved = self.campaign("braze.campaigns.ticket_solved");
        Some(Campaigns { agent_reply: agent_reply?, ticket_solved })
    }

    fn confirm_after(&mut self) -> Option<Vec<Duration>> {
        let name = "braze.confirm_after_seconds";
        let Some(Given { value: Value::Integers(seconds), .. }) = self.gathered.values.get(name) else { return None };
        if seconds.len() > CONFIRM_LOOKS_MAX {
            let problem = format!("has {} entries, but at most {CONFIRM_LOOKS_MAX} looks are made", seconds.len());
            return self.fault(name, problem, "Remove some");
        }
        if !seconds.is_sorted_by(|earlier, later| earlier < later) {
            return self.fault(name, "does not ascend", "Order it from the first look to the last, as in [5, 15]");
        }
        seconds.iter().map(|second| u64::try_from(*second).ok().map(Duration::from_secs)).collect()
    }

    /// The identifier of a campaign. Braze shows five groups of hexadecimal digits, but promises no form: a word that is too
    /// short for a random key is a fault, and any other that does not look like one is warned about and taken.
    pub(super) fn campaign(&mut self, name: &'static str) -> Option<String> {
        let id = self.identifier(name)?;
        if id.chars().count() < CAMPAIGN_ID_MIN_CHARS {
            let remedy = "Copy the API identifier that Braze shows at the campaign's step Schedule Delivery: five groups of \
                          hexadecimal digits, such as 6c1d8a4e-0000-4000-8000-000000000001";
            return self.fault(name, "is too short to be the API identifier of a campaign", remedy);
        }
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        let is_hex = id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
        if !is_hex || groups != [8, 4, 4, 4, 12] {
            let problem = "does not look like the API identifier of a campaign (five groups of hexadecimal digits, at the \
                           campaign's step Schedule Delivery)";
            self.warn(name, problem);
        }
        Some(id)
    }

    /// An identifier of Braze's: one word of letters, digits, hyphens and underscores.
    pub(super) fn identifier(&mut self, name: &'static str) -> Option<String> {
        let id = self.text(name)?;
        if id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Some(id);
        }
        let remedy =
            "Copy the API identifier as Braze shows it: letters, digits and hyphens, not an address or a placeholder";
        self.fault(name, "is not an identifier", remedy)
    }

    pub(super) fn vendor_url(&mut self, name: &'static str) -> Option<Url> {
        self.required(name, "Set it to the address of the account, such as https://…")?;
        let url = self.url(name)?;
        if url.path() != "/" {
            return self.fault(name, "has a path", "End it after the host: the paths are added for each call");
        }
        Some(url)
    }

    pub(super) fn optional_url(&mut self, name: &'static str) -> Option<Option<Url>> {
        if self.is_given(name) { self.url(name).map(Some) } else { Some(None) }
    }

    /// The console's address. Operators may reach it over a private network without TLS, and nothing is sent there by the
    /// bridge.
    fn console_url(&mut self) -> Option<Option<Url>> {
        let name = "console_url";
        let Some(text) = self.text(name) else { return Some(None) };
        let Some(url) = Url::parse(&text).ok().filter(|url| ["http", "https"].contains(&url.scheme())) else {
            return self.fault(name, "is not a web address", "Write it like https://host");
        };
        if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
            return self.fault(name, "has something behind the host", "End it there: /console is added");
        }
        Some(Some(url))
    }

    /// An address without a question mark, to which paths and parameters are added.
    fn url(&mut self, name: &'static str) -> Option<Url> {
        let url = self.web_address(name)?;
        if url.query().is_some() || url.fragment().is_some() {
            return self.fault(name, "has a question mark or a hash sign in it", "End it before that");
        }
        Some(url)
    }

    fn web_address(&mut self, name: &'static str) -> Option<Url> {
        let text = self.text(name)?;
        let Ok(url) = Url::parse(&text) else {
            return self.fault(name, "is not a web address", "Write it like https://host");
        };
        let loopback = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
            None => false,
        };
        if !(url.scheme() == "https" || url.scheme() == "http" && loopback) {
            let problem = "does not start with https:// (http:// is for this machine only)";
            return self.fault(name, problem, "Use https://, so that credentials and texts travel encrypted");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return self.fault(name, "holds a user name or a password", "Remove everything between :// and the host");
        }
        Some(url)
    }

    fn warn_when_short(&mut self, name: &str, tokens: &[String]) {
        if tokens.iter().any(|token| token.chars().count() < TOKEN_MIN_CHARS) {
            let problem =
                format!("is or holds a token of fewer than {TOKEN_MIN_CHARS} characters, which can be guessed");
            self.warn(name, problem);
        }
    }

    fn warn(&mut self, key: &str, problem: impl Into<String>) {
        self.warnings.push(Warning { key: key.to_owned(), problem: problem.into() });
    }

    /// Books a fault with the place of the key's value, and gives the `None` that stands for it.
    pub(super) fn fault<T>(&mut self, name: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Option<T> {
        let place = self.gathered.values.get(name).map_or(Place::Nowhere, |given| given.place.clone());
        self.gathered.faults.push(Fault::new(name, problem, remedy).at(place));
        None
    }

    pub(super) fn required(&mut self, name: &'static str, remedy: &str) -> Option<String> {
        if self.is_given(name) { self.text(name) } else { self.fault(name, "is missing", remedy) }
    }

    pub(super) fn required_list(&mut self, name: &'static str, remedy: &str) -> Option<Vec<String>> {
        if self.is_given(name) { self.texts(name) } else { self.fault(name, "is missing", remedy) }
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.gathered.values.contains_key(name) || self.is_spoilt(name)
    }

    fn is_spoilt(&self, name: &str) -> bool {
        self.gathered.spoilt.contains(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.gathered.values.get(name) {
            Some(Given { value: Value::Text(text), .. }) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.gathered.values.get(name) {
            Some(Given { value: Value::Texts(texts), .. }) => Some(texts.clone()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.gathered.values.get(name) {
            Some(Given { value: Value::Integer(number), .. }) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.gathered.values.get(name) {
            Some(Given { value: Value::Flag(flag), .. }) => Some(*flag),
            _ => None,
        }
    }
}
