//! The options that lead a command to a running bridge: its address, a token, the form of the output, and the acting
//! operator. They never decide the command's request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::client::{Bridge, Token};
use super::failure::Failure;
use super::options::{ConfigFile, Form};
use crate::config;

/// The way to a running bridge, where the configuration does not tell it.
#[derive(Debug, Args)]
pub(super) struct Way {
    /// The operator listener of the bridge, such as http://127.0.0.1:8081. Without it, the configuration's
    /// operator_listen on this machine.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Your token, or the bridge's operator_token. Without it, the variable TANDEM_TOKEN; without that, the
    /// configuration's operator_token.
    #[arg(long, value_name = "TOKEN")]
    token: Option<SecretString>,
}

/// The bridge to talk to, and the form of the output.
#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(flatten)]
    pub(super) form: Form,
    /// Show times in UTC, and not in this machine's time zone. JSON has them in UTC always.
    #[arg(long)]
    utc: bool,
}

impl Where {
    /// The time zone of the times shown to people.
    pub(super) fn zone(&self) -> TimeZone {
        if self.utc { TimeZone::UTC } else { TimeZone::system() }
    }

    pub(super) fn find(&self) -> Result<Bridge, Failure> {
        // With an address of its own, the command needs no configuration, and a broken one must not be in its way.
        if let (Some(url), None) = (&self.way.url, &self.file.config) {
            return Bridge::at(url, Token::own(self.way.token.clone()).unwrap_or(Token::None));
        }
        self.way.lead(&config::glimpse(self.file.config.as_deref())?.operator)
    }
}

impl Way {
    pub(super) fn is_given(&self) -> bool {
        self.url.is_some() || self.token.is_some()
    }

    /// The bridge of the given way, or else of this configuration.
    pub(super) fn lead(&self, operator: &config::Operator) -> Result<Bridge, Failure> {
        let configured = || operator.token.clone().map(Token::Configured);
        let token = Token::own(self.token.clone()).or_else(configured).unwrap_or(Token::None);
        match &self.url {
            Some(url) => Bridge::at(url, token),
            None => Bridge::at(&format!("http://{}", reachable(operator.listen)), token),
        }
    }
}

/// The address to connect to for a listener on this machine: "every address" is no address to connect to.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}
