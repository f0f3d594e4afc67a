//! `[oidc]`: the identity provider at which operators sign in to the console.

use url::Url;

use super::Oidc;
use super::check::Checker;
use super::fault::{Fault, Place};
use crate::domain::access::{GroupRoles, Role};

/// Under which key the groups of each role stand.
const ROLES: [(Role, &str); 3] =
    [(Role::Read, "oidc.roles.read"), (Role::Act, "oidc.roles.act"), (Role::Admin, "oidc.roles.admin")];

/// The keys without a default: one of them given means that there is to be a provider.
const GIVEN: [&str; 6] = ["oidc.issuer", "oidc.client_id", "oidc.client_secret", ROLES[0].1, ROLES[1].1, ROLES[2].1];

impl Checker<'_> {
    /// The provider; `Some(None)` where there is to be none.
    pub(super) fn oidc(&mut self) -> Option<Option<Oidc>> {
        let Some(first) = GIVEN.into_iter().find(|name| self.is_given(name)) else { return Some(None) };
        if !cfg!(feature = "oidc") {
            let remedy = "Build tandem with `cargo build --release --features oidc`, or remove the keys of [oidc]";
            return self.fault(first, "is for a build with OpenID Connect, which this one is not", remedy);
        }
        let issuer = self.issuer();
        let client_id = self.required("oidc.client_id", "Set it to the identifier of the client at the provider");
        let client_secret = self.required("oidc.client_secret", "Set it to the secret of the client at the provider");
        let redirect = self.redirect();
        let roles = GroupRoles(ROLES.iter().filter_map(|(role, name)| Some((*role, self.texts(name)?))).collect());
        if roles.0.is_empty() && !ROLES.iter().any(|(_, name)| self.is_given(name)) {
            let remedy = "Set oidc.roles.read, act or admin to the groups whose members get that role";
            return self.fault("oidc.roles.read", "is missing, as are act and admin, so nobody could sign in", remedy);
        }
        if self.text("operator_token").is_none() && self.gathered.operators.is_empty() {
            let problem = "and [[operators]] are missing: nobody could sign in while the identity provider is down";
            let remedy = "Set a long random token, or name operators with tokens of their own";
            self.gathered.faults.push(Fault::new("operator_token", problem, remedy).at(Place::Nowhere));
            return None;
        }
        Some(Some(Oidc {
            issuer: issuer?,
            client_id: client_id?,
            client_secret: client_secret?.into(),
            redirect: redirect?,
            name_claim: self.text("oidc.name_claim")?,
            roles_claim: self.text("oidc.roles_claim")?,
            roles,
        }))
    }

    /// As it is written: providers and their tokens are compared with it letter by letter.
    fn issuer(&mut self) -> Option<String> {
        let text = self.required("oidc.issuer", "Set it to the provider's identifier, such as https://id.example")?;
        self.optional_url("oidc.issuer")?;
        Some(text)
    }

    /// The address to which the provider sends browsers back. The check of `console_url` tells that key's own faults.
    fn redirect(&mut self) -> Option<Url> {
        let name = "console_url";
        if !self.is_given(name) {
            let problem = "is missing, but the identity provider sends browsers back to it";
            return self.fault(name, problem, "Set it to how operators reach the console, such as https://host");
        }
        let console = Url::parse(&self.text(name)?).ok()?;
        if console.scheme() != "https" && !is_loopback(&console) {
            let problem = "does not start with https://, but sign-in codes of the identity provider travel there";
            return self.fault(name, problem, "Serve the console over https, or remove [oidc]");
        }
        console.join("/console/sign-in/callback").ok()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Faults, parse};

    const VENDORS: &str = r#"
        [zendesk]
        url = "https://acme.zendesk.com"
        client_id = "the-client"
        client_secret = "a-secret"
        webhook_secrets = ["a-webhook-secret"]
        [braze]
        url = "https://rest.iad-01.braze.com"
        api_key = "an-api-key"
        webhook_tokens = ["a-long-webhook-token"]
        [braze.campaigns]
        agent_reply = "00000000-0000-4000-8000-000000000001"
    "#;

    const TOP: &str = "operator_token = \"an-operator-token-1\"\nconsole_url = \"https://tandem.example\"\n";
    const CLIENT: &str = "[oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nclient_secret = \"a-secret\"\n";
    const ROLES: &str = "[oidc.roles]\nact = [\"support\"]\n";

    fn faults(top: &str, below: &str) -> Vec<String> {
        match parse(Some(&format!("{top}{VENDORS}{below}")), [], Path::new("")) {
            Ok(_) => Vec::new(),
            Err(Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[cfg(feature = "oidc")]
    #[test]
    fn a_provider_has_all_that_a_sign_in_needs() {
        let token = "operator_token = \"an-operator-token-1\"\n";
        for (top, below, fault) in [
            (TOP.to_owned(), format!("{CLIENT}{ROLES}"), None),
            (TOP.replace("https://tandem.example", "http://127.0.0.1:8081"), format!("{CLIENT}{ROLES}"), None),
            (
                TOP.replace("https", "http"),
                format!("{CLIENT}{ROLES}"),
                Some("does not start with https://, but sign-in codes"),
            ),
            (token.to_owned(), format!("{CLIENT}{ROLES}"), Some("console_url is missing, but the identity provider")),
            (TOP.replace(token, ""), format!("{CLIENT}{ROLES}"), Some("operator_token and [[operators]] are missing")),
            (TOP.to_owned(), CLIENT.to_owned(), Some("oidc.roles.read is missing")),
            (TOP.to_owned(), ROLES.to_owned(), Some("oidc.issuer is missing")),
            (
                TOP.to_owned(),
                format!("{}{ROLES}", CLIENT.replace("https", "http")),
                Some("does not start with https:// (http://"),
            ),
        ] {
            let found = faults(&top, &below).join("\n");
            assert_eq!(found.is_empty(), fault.is_none(), "{found}");
            assert!(fault.is_none_or(|fault| found.contains(fault)), "{fault:?}: {found}");
        }
    }

    #[cfg(not(feature = "oidc"))]
    #[test]
    fn a_build_without_it_says_which_build_has_it() {
        let found = faults(TOP, &format!("{CLIENT}{ROLES}")).join("\n");
        assert!(found.contains("oidc.issuer") && found.contains("cargo build --release --features oidc"), "{found}");
        assert_eq!(faults(TOP, ""), Vec::<String>::new());
    }
}
