//! The common parts of every page of the console: the frame around it, and the form of its answer. Never reads the
//! store.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::session::Visitor;
use super::view;
use crate::domain::access::Role;
use crate::domain::operator::Access;
use crate::http::caller::Caller;
use crate::http::operator::Refusal;
pub(super) use crate::http::operator::actions::REASON_MAX_CHARS as REASON_MAX;
use crate::store::StoreError;

/// The content security policy of a page: style sheets, script, pictures, connections and forms only from and to this
/// host, nothing inline, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The pages, as the navigation names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Conversations,
    Deliveries,
    Quarantine,
    Audit,
    Settings,
    /// No section of the navigation.
    Elsewhere,
}

impl Section {
    /// The sections of the navigation: section, path, name.
    pub(super) const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Overview, "/console", "Overview"),
        (Self::Conversations, "/console/conversations", "Conversations"),
        (Self::Deliveries, "/console/deliveries", "Deliveries"),
        (Self::Quarantine, "/console/quarantine", "Quarantine"),
        (Self::Audit, "/console/audit", "Audit"),
        (Self::Settings, "/console/settings", "Settings"),
    ];
}

/// The frame around a page.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) here: Section,
    /// The operator's name; empty without a session.
    pub(super) who: String,
    /// The token that forms carry; empty without a session.
    pub(super) csrf: String,
    /// The fingerprint of the state that this page shows; another one is news.
    pub(super) standing: String,
    /// The visitor's role; empty for an admin.
    pub(super) role: &'static str,
    /// Whether the visitor may read customers' words and act on one delivery or destination.
    pub(super) may_act: bool,
    /// Whether the visitor is an admin.
    pub(super) may_admin: bool,
    /// Whether there is a session to end.
    pub(super) can_sign_out: bool,
    /// Whether the visitor may claim a name here.
    pub(super) can_be_named: bool,
    /// The act that was just done, in a sentence; empty without one.
    pub(super) done: &'static str,
    /// The words in the search field.
    pub(super) words: String,
}

impl Shell {
    pub(super) fn new(visitor: &Visitor, here: Section, title: impl Into<String>) -> Self {
        let Caller { operator, grant } = &visitor.caller;
        let who = match (operator.by.as_deref(), operator.access) {
            (Some(by), _) => by,
            (None, access) => view::unnamed(access).unwrap_or("operator"),
        };
        Self {
            title: title.into(),
            here,
            who: who.to_owned(),
            csrf: visitor.csrf.clone(),
            standing: visitor.standing.clone(),
            role: if grant.role == Role::Admin { "" } else { grant.role.name() },
            may_act: grant.may(Role::Act),
            may_admin: grant.may(Role::Admin),
            can_sign_out: matches!(operator.access, Access::Console | Access::Oidc),
            can_be_named: operator.access == Access::Loopback,
            done: "",
            words: String::new(),
        }
    }

    pub(super) fn signed_out(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            here: Section::Elsewhere,
            who: String::new(),
            csrf: String::new(),
            standing: String::new(),
            role: "",
            may_act: false,
            may_admin: false,
            can_sign_out: false,
            can_be_named: false,
            done: "",
            words: String::new(),
        }
    }

    /// With these words in the search field.
    pub(super) fn finding(mut self, words: &str) -> Self {
        words.clone_into(&mut self.words);
        self
    }

    /// With the sentence for this word, which an act leaves in the address of the page that follows it.
    pub(super) fn after(mut self, word: Option<&str>) -> Self {
        self.done = match word {
            Some("redriven") => "It was put back and is tried as soon as its turn comes.",
            Some("read") => "The body was read again.",
            Some("discarded") => "It was dropped. Nothing is sent.",
            Some("settled") => "It is settled as delivered. Nothing is sent.",
            Some("paused") => "The destination gets no more calls until the pause ends or it is resumed.",
            Some("named") => "What you do from here on is written down under that name.",
            Some("resumed") => "The destination gets calls again.",
            Some(_) | None => "",
        };
        self
    }

    /// Whether the navigation shows this section as the present one.
    pub(super) fn is_at(&self, section: &Section) -> bool {
        self.here == *section
    }
}

/// The sign-in form.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub(super) struct SignIn {
    pub(super) shell: Shell,
    pub(super) next: String,
    pub(super) problem: String,
    /// The address of the sign-in at the identity provider; empty without a provider.
    pub(super) provider: String,
}

/// The page for a request that was not served.
#[derive(Template)]
#[template(path = "console/trouble.html")]
struct TroublePage<'a> {
    shell: Shell,
    why: &'a str,
}

/// Why a request was not served, for a person to read.
pub(super) struct Trouble {
    status: StatusCode,
    why: String,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    /// A request that makes no sense.
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    pub(super) fn page(&self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "Not here",
            StatusCode::CONFLICT => "That cannot be done",
            StatusCode::UNAUTHORIZED => "Not signed in",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::SERVICE_UNAVAILABLE => "The store cannot answer",
            _ => "That makes no sense",
        };
        html(self.status, &TroublePage { shell: Shell::signed_out(title), why: &self.why })
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let why = sentence(&error.to_string());
        match error {
            StoreError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, why),
            StoreError::Illegal(_) | StoreError::StaleClaim(_) => Self::new(StatusCode::CONFLICT, why),
            StoreError::BacklogFull(_)
            | StoreError::DiskLow { .. }
            | StoreError::DatabaseFull
            | StoreError::Away(_)
            | StoreError::Closed
            | StoreError::Failed(_) => {
                tracing::error!(%error, "the store could not serve the console: {error}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
            }
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Bad(why) => Self::bad(sentence(&why)),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        self.page()
    }
}

/// The words as a sentence. A name at its beginning, such as `evt_5f…` or `accepted_by`, stays as it is spelt.
pub(super) fn sentence(words: &str) -> String {
    let is_name =
        words.split_whitespace().next().is_some_and(|word| word.contains(|c: char| c == '_' || c.is_ascii_digit()));
    let mut letters = words.chars();
    let first = letters.next().map(|first| if is_name { first.to_string() } else { first.to_uppercase().to_string() });
    let first = first.unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console could not be rendered: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A redirect to another page, with GET.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => Trouble::bad("That address makes no sense.").page(),
    }
}

/// Sets the security headers of a page. The referrer goes to pages of the same origin only; without any referrer
/// browsers would hide `Origin` as well, which tells the console's forms from those of other sites.
pub(crate) async fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in
        [("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_unless_a_name_does() {
        for (words, told) in [
            ("a reason is needed", "A reason is needed."),
            ("evt_52: it still cannot be read", "evt_52: it still cannot be read."),
            ("accepted_by must be a time.", "accepted_by must be a time."),
            ("there is no delivery evt_1", "There is no delivery evt_1."),
            ("", "."),
        ] {
            assert_eq!(sentence(words), told);
        }
    }
}
