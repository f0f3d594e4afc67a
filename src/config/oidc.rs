//! The keys of `[oidc]`: the identity provider at which operators sign in to the console.

use secrecy::SecretString;
use url::Url;

use crate::domain::access::{GroupRoles, Role};
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::Shape;
use crate::keys::shapes::{SECRET, TEXT, TEXTS, extensible_address, is_loopback, text};
use crate::keys::table::{Table, below, table};

/// The path to which the provider sends browsers back.
const CALLBACK: &str = "/console/sign-in/callback";

table! {
    /// An identity provider that speaks OpenID Connect, as far as it is configured.
    pub struct Oidc {
        /// The identity provider's identifier, as its description at ISSUER/.well-known/openid-configuration writes it. All of
        /// `[oidc]` needs a build with the feature `oidc`.
        issuer: Option<String> = ISSUER.optional().such_as(r#""https://id.acme.example""#),

        /// Identifier of the client that is registered there for tandem.
        client_id: Option<String> = TEXT.optional().such_as(r#""tandem""#),

        /// Secret of that client.
        client_secret: Option<SecretString> = SECRET.optional(),

        /// The claim of the ID token that names the operator for the audit; it must be unique at the provider.
        name_claim: String = TEXT.or("preferred_username"),

        /// The claim of the ID token that lists the operator's groups or roles.
        roles_claim: String = TEXT.or("groups"),

        /// The roles by group.
        roles: Roles = below(),
    }
}

table! {
    /// The groups at the provider that have each role.
    pub struct Roles {
        /// The values of `roles_claim` that give the role `read`.
        read: Option<Vec<String>> = TEXTS.optional().such_as(r#"["support"]"#).reloads(),

        /// The values that give the role `act`.
        act: Option<Vec<String>> = TEXTS.optional().such_as(r#"["support-leads"]"#).reloads(),

        /// The values that give the role `admin`; of several roles the greatest counts.
        admin: Option<Vec<String>> = TEXTS.optional().such_as(r#"["messaging-on-call"]"#).reloads(),
    }
}

/// An address that is kept as it is written: providers and their tokens are compared with it letter by letter.
const ISSUER: Shape<String> = text(|text| extensible_address(text).map(|_| text.to_owned()));

/// A whole identity provider.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    /// Its identifier, letter by letter.
    pub issuer: String,
    /// The identifier of our client there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The address to which browsers are sent back: `console_url` and the path.
    pub redirect: Url,
    /// The claim that names an operator.
    pub name_claim: String,
    /// The claim whose values give a role.
    pub roles_claim: String,
}

impl Oidc {
    /// The provider; `None` where none is configured.
    pub(super) fn provider(&self, console_url: Option<&Url>) -> Option<IdentityProvider> {
        Some(IdentityProvider {
            issuer: self.issuer.clone()?,
            client_id: self.client_id.clone()?,
            client_secret: self.client_secret.clone()?,
            redirect: console_url?.join(CALLBACK).ok()?,
            name_claim: self.name_claim.clone(),
            roles_claim: self.roles_claim.clone(),
        })
    }
}

impl Roles {
    /// No role for any group.
    #[must_use]
    pub fn none() -> Self {
        Self { read: None, act: None, admin: None }
    }

    pub(super) fn by_group(&self) -> GroupRoles {
        let roles = [(Role::Read, &self.read), (Role::Act, &self.act), (Role::Admin, &self.admin)];
        GroupRoles(roles.into_iter().filter_map(|(role, groups)| Some((role, groups.clone()?))).collect())
    }
}

/// The keys of a client, each with the remedy when it is missing.
const CLIENT: [(&str, &str); 3] = [
    ("issuer", "Set it to the provider's identifier, such as https://id.example"),
    ("client_id", "Set it to the identifier of the client at the provider"),
    ("client_secret", "Set it to the secret of the client at the provider"),
];

/// Books the faults of a provider of which some keys are given: one key without a default means that there is to be one.
/// `console_url` is the outer `None` where it is faulty.
pub(super) fn check(book: &mut Book<'_>, console_url: Option<Option<Url>>, has_tokens: bool) {
    let (top, at) = (At::top(), At::top().below("oidc"));
    let mut keys = Vec::new();
    Oidc::keys("", &mut keys);
    let is_given = |name: &str| book.is_given(&at, name);
    let Some(first) = keys.iter().find(|key| key.default.is_none() && is_given(&key.name)) else { return };
    let gives_roles = keys.iter().any(|key| key.name.starts_with("roles.") && is_given(&key.name));
    if !cfg!(feature = "oidc") {
        let remedy = "Build tandem with `cargo build --release --features oidc`, or remove the keys of [oidc]";
        let flaw = Flaw::new("is for a build with OpenID Connect, which this one is not", remedy);
        return book.fault(&at, &first.name, flaw).unwrap_or_default();
    }
    for (name, remedy) in CLIENT {
        if !book.is_given(&at, name) {
            book.fault::<()>(&at, name, Flaw::new("is missing", remedy));
        }
    }
    if let Some(flaw) = console_url.and_then(unfit_for_sign_in) {
        book.fault::<()>(&top, "console_url", flaw);
    }
    if !gives_roles {
        let remedy = "Set oidc.roles.read, act or admin to the groups whose members get that role";
        let flaw = Flaw::new("is missing, as are act and admin, so nobody could sign in", remedy);
        book.fault::<()>(&at, "roles.read", flaw);
    }
    if !has_tokens {
        let problem = "and [[operators]] are missing: nobody could sign in while the identity provider is down";
        let remedy = "Set a long random token, or name operators with tokens of their own";
        book.fault::<()>(&top, "operator_token", Flaw::new(problem, remedy));
    }
}

/// Why the provider cannot send browsers back to a console.
fn unfit_for_sign_in(console_url: Option<Url>) -> Option<Flaw> {
    match console_url {
        None => {
            let problem = "is missing, but the identity provider sends browsers back to it";
            Some(Flaw::new(problem, "Set it to how operators reach the console, such as https://host"))
        }
        Some(console) if console.scheme() != "https" && !is_loopback(&console) => {
            let problem = "does not start with https://, but sign-in codes of the identity provider travel there";
            Some(Flaw::new(problem, "Serve the console over https, or remove [oidc]"))
        }
        Some(_) => None,
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
