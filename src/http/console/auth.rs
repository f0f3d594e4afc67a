//! The console's authentication: signing in and out, and the check of every request.
//!
//! Signing in takes an operator's token and gives a session. The browser holds 256 random bits in a cookie that no
//! script can read (`HttpOnly`) and no other site can use (`SameSite=Strict`). Every act must come from a page of the
//! console as well: by the browser's headers (`Origin`, `Sec-Fetch-Site`), and by a CSRF token that only its forms
//! carry.
//!
//! The cookie is `Secure` when the sign-in form was loaded over https. The bridge itself speaks plain HTTP, so only the
//! browser knows, and tells in `Origin`; a caller who lies there spoils only their own cookie. A forwarded header could
//! come from any caller, and a cookie that is always `Secure` would lock out operators on a private network without
//! TLS.
//!
//! Without operator tokens only this machine can connect, and is let in as at the API. Never keeps a token or a cookie.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};

use super::page::{self, Shell, SignIn, Trouble};
use super::session::{Holder, Session, Visitor, digested};
use super::standing::standing;
use crate::domain::access::{Account, TokenDigest};
use crate::domain::operator::{Access, NAME_CHARS_MAX, Order, handle};
use crate::http::auth::{is_for_this_machine, is_same_site};
use crate::http::tries::TooMany;
use crate::http::{OperatorState, connections};

/// The name of the session's cookie.
const COOKIE: &str = "tandem_session";

/// The field of every form that carries the session's CSRF token.
const CSRF: &str = "csrf";

/// The header of a page that reloads itself. Such a request does not keep a session from growing idle.
const LIVE: &str = "x-tandem-live";

/// The limit on a form's body. The longest form carries a mapping, and encoding can triple each of its bytes.
const FORM_MAX_BYTES: usize = 64 * 1024;

/// The time for a form's body to arrive. Operators are nearby, so a slower body is given up.
const FORM_PATIENCE: Duration = Duration::from_secs(10);

/// The secret of the session that all callers on this machine share where no token is asked for.
const THIS_MACHINE: &str = "";

/// The fields of a form.
#[derive(Clone, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A field; `None` when it is missing or blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// An order that this visitor gives now.
pub(super) fn order(state: &OperatorState, visitor: &Visitor) -> Order {
    visitor.caller.order(&state.clock)
}

/// Refuses requests from other sites, and without tokens also those to a host that is not loopback. It runs before the
/// sign-in pages as well.
pub(super) async fn keep_out(State(state): State<OperatorState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !state.roster.borrow().asks_for_token() && !is_for_this_machine(headers) {
        let why = "Without an operator token, only requests to a loopback host are served.";
        return Trouble::new(StatusCode::FORBIDDEN, why).page();
    }
    if !is_same_site(headers) || is_from_elsewhere(&request) {
        return Trouble::new(StatusCode::FORBIDDEN, "Requests from other web sites are not served.").page();
    }
    next.run(request).await
}

/// Lets in a visitor with a session. A form must carry the session's CSRF token as well.
pub(super) async fn let_in(State(state): State<OperatorState>, mut request: Request, next: Next) -> Response {
    let active = !brings_itself_up_to_date(&request);
    let Some(mut visitor) = visitor(&state, request.headers(), active) else { return to_sign_in(&request) };
    connections::prove();
    visitor.standing = standing(&state);
    if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        let form = match read_form(body).await {
            Ok(form) => form,
            Err(trouble) => return trouble.page(),
        };
        if !visitor.vouches_for(form.get(CSRF).unwrap_or_default()) {
            let why = "This form does not belong to your session. Load the page again and repeat what you did.";
            return Trouble::new(StatusCode::FORBIDDEN, why).page();
        }
        request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(form);
    }
    request.extensions_mut().insert(visitor.caller.clone());
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

async fn read_form(body: Body) -> Result<Form, Trouble> {
    let body = Limited::new(body, FORM_MAX_BYTES).collect();
    match tokio::time::timeout(FORM_PATIENCE, body).await {
        Ok(Ok(body)) => Ok(Form::read(&body.to_bytes())),
        Ok(Err(_)) | Err(_) => {
            Err(Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "The form is too long, or did not come."))
        }
    }
}

/// The visitor who sent these headers, if signed in. `active` when a person acted, and not a page that reloads itself.
pub(super) fn visitor(state: &OperatorState, headers: &HeaderMap, active: bool) -> Option<Visitor> {
    let (now, sessions) = (state.clock.now(), &state.console.sessions);
    let roster = Arc::clone(&state.roster.borrow());
    let held = cookie(headers).and_then(|held| sessions.visit(digested(held), &roster, active, now));
    if held.is_some() || roster.asks_for_token() {
        return held;
    }
    let name = digested(THIS_MACHINE);
    sessions.visit(name, &roster, active, now).or_else(|| {
        sessions.open(name, session(state, Holder::Loopback, None));
        sessions.visit(name, &roster, active, now)
    })
}

fn session(state: &OperatorState, holder: Holder, by: Option<String>) -> Session {
    let now = state.clock.now();
    Session { holder, by, csrf: state.clock.draw_secret(), opened_at: now, used_at: now, seen: Default::default() }
}

/// Opens a session and sets its cookie on the answer.
pub(super) fn open_session(
    state: &OperatorState,
    holder: Holder,
    by: Option<String>,
    secure: bool,
    answer: &mut Response,
) {
    let held = state.clock.draw_secret();
    state.console.sessions.open(digested(&held), session(state, holder, by));
    set_cookie(answer, &held, secure);
}

/// Whether the browser loaded the page of this form over https.
pub(super) fn is_over_https(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(COOKIE, headers)
}

/// The cookie of this name.
pub(super) fn cookie_named<'a>(wanted: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| value)
}

/// Whether the browser says that another site made the request. Following a link to a page of the console is allowed.
fn is_from_elsewhere(request: &Request) -> bool {
    let word = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let follows_a_link = request.method() == Method::GET && word("sec-fetch-mode") == Some("navigate");
    let elsewhere = word("sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site));
    elsewhere && !follows_a_link
}

/// Whether an open page sent this request by itself.
fn brings_itself_up_to_date(request: &Request) -> bool {
    request.headers().contains_key(LIVE) || request.uri().path() == "/console/live"
}

fn to_sign_in(request: &Request) -> Response {
    if request.method() != Method::GET || brings_itself_up_to_date(request) {
        let why = "You are not signed in, or no longer. Nothing was done.";
        return Trouble::new(StatusCode::UNAUTHORIZED, why).page();
    }
    let path = request.uri().path_and_query().map_or("/console", |path| path.as_str());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", path);
    page::see_other(&format!("/console/sign-in?{}", query.finish()))
}

/// `GET /console/sign-in`.
pub(super) async fn sign_in_page(State(state): State<OperatorState>, request: Request) -> Response {
    let next = asked_next(request.uri());
    if visitor(&state, request.headers(), true).is_some() {
        return page::see_other(within(&next));
    }
    page::html(StatusCode::OK, &sign_in_form(&state, next, String::new()))
}

fn sign_in_form(state: &OperatorState, next: String, problem: String) -> SignIn {
    let provider =
        state.console.provider().map(|_| super::view::query("/console/sign-in/provider", &[("next", &next)]));
    SignIn { shell: Shell::signed_out("Sign in"), next, problem, provider: provider.unwrap_or_default() }
}

/// The page that an address asks to go to after signing in.
pub(super) fn asked_next(uri: &Uri) -> String {
    Form::read(uri.query().unwrap_or_default().as_bytes()).get("next").unwrap_or_default().to_owned()
}

/// `POST /console/sign-in`.
pub(super) async fn sign_in(State(state): State<OperatorState>, request: Request) -> Response {
    let secure = is_over_https(request.headers());
    let form = match read_form(request.into_body()).await {
        Ok(form) => form,
        Err(trouble) => return trouble.page(),
    };
    let next = form.get("next").unwrap_or_default().to_owned();
    if !state.roster.borrow().asks_for_token() {
        return page::see_other(within(&next));
    }
    match admit(&state, &form) {
        Ok((holder, by)) => {
            let mut answer = page::see_other(within(&next));
            open_session(&state, holder, by, secure, &mut answer);
            answer
        }
        Err(Turned { status, problem, retry_after }) => {
            let mut answer = page::html(status, &sign_in_form(&state, next, problem));
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            answer
        }
    }
}

/// The refusal of a sign-in.
struct Turned {
    status: StatusCode,
    problem: String,
    retry_after: Option<u64>,
}

/// The handle that a form claims; `None` where it claims none.
///
/// # Errors
/// The form of a handle, in a sentence.
pub(super) fn claim(form: &Form) -> Result<Option<String>, String> {
    let Some(name) = form.get("by") else { return Ok(None) };
    handle(name).map(Some).ok_or_else(|| {
        let form = format!("up to {NAME_CHARS_MAX} letters, digits, dots, hyphens and underscores");
        format!("Your name must be a handle such as ada or on-call: {form}.")
    })
}

/// Signs in with an operator's token. A right token is let in after any number of wrong ones. Each try has an audit
/// line, until too many are wrong.
fn admit(state: &OperatorState, form: &Form) -> Result<(Holder, Option<String>), Turned> {
    let turned = |status, problem: String| Turned { status, problem, retry_after: None };
    let claim = claim(form).map_err(|problem| turned(StatusCode::BAD_REQUEST, problem))?;
    let (roster, presented) = (Arc::clone(&state.roster.borrow()), form.get("token").unwrap_or_default());
    let Some(account) = roster.of_token(presented) else {
        return Err(refuse(state, claim.as_deref()));
    };
    if account.is_personal && claim.as_ref().is_some_and(|claim| *claim != account.name) {
        let problem = format!("That token is {}’s, and you gave another name. Leave the name out.", account.name);
        return Err(turned(StatusCode::FORBIDDEN, problem));
    }
    let by = if account.is_personal { Some(account.name.clone()) } else { claim };
    note_sign_in(by.as_deref(), account, "done");
    connections::prove();
    Ok((Holder::Token(TokenDigest::of(presented)), by))
}

fn note_sign_in(by: Option<&str>, account: &Account, result: &str) {
    let (access, role, proven) = (Access::Console.name(), account.grant.role.name(), account.is_personal);
    tracing::info!(
        target: "tandem::audit", action = "sign_in", access, by, proven, role, result, "operator: sign in: {result}"
    );
}

/// Counts a wrong token, and refuses the sign-in.
fn refuse(state: &OperatorState, by: Option<&str>) -> Turned {
    let tried = state.console.wrong_token(connections::origin(), state.clock.now());
    if tried.is_ok() || tried.is_err_and(|too_many| too_many.is_news) {
        let result = if tried.is_ok() { "refused" } else { "refused, as many before it" };
        let access = Access::Console.name();
        tracing::info!(target: "tandem::audit", action = "sign_in", access, by, result, "operator: sign in: {result}");
    }
    match tried {
        Ok(()) => {
            let problem = "That is not the operator token, nor an operator’s.".to_owned();
            Turned { status: StatusCode::UNAUTHORIZED, problem, retry_after: None }
        }
        Err(TooMany { wait_seconds, .. }) => {
            let problem = format!(
                "That is not the operator token, and many wrong ones came. Try again in {wait_seconds} seconds."
            );
            Turned { status: StatusCode::TOO_MANY_REQUESTS, problem, retry_after: Some(wait_seconds) }
        }
    }
}

/// `POST /console/sign-out`.
pub(super) async fn sign_out(State(state): State<OperatorState>, Extension(visitor): Extension<Visitor>) -> Response {
    state.console.sessions.close(visitor.session);
    let mut answer = page::see_other("/console/sign-in");
    let gone = HeaderValue::from_static("tandem_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    answer.headers_mut().insert(header::SET_COOKIE, gone);
    answer
}

/// Sets the session's cookie. It has no `Max-Age`, so the browser drops it when it closes.
fn set_cookie(answer: &mut Response, held: &str, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={held}; Path=/; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// The page after signing in: `next` if it is a page of the console, else the overview.
pub(super) fn within(next: &str) -> &str {
    let ours = next == "/console" || next.starts_with("/console/") || next.starts_with("/console?");
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours && plain { next } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for (next, expected) in [
            ("/console/deliveries?state=dead", "/console/deliveries?state=dead"),
            ("/console?x", "/console?x"),
            ("", "/console"),
            ("//evil.example", "/console"),
            ("https://evil.example", "/console"),
            ("/consoles", "/console"),
            ("/console/\r\nset-cookie: x", "/console"),
        ] {
            assert_eq!(within(next), expected, "{next:?}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (cookies, found) in [
            ("tandem_session=abc", Some("abc")),
            ("a=b; tandem_session=abc; c=d", Some("abc")),
            ("tandem_session=", None),
            ("xtandem_session=abc", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookies).unwrap())]);
            assert_eq!(cookie(&headers), found, "{cookies}");
        }
    }

    #[test]
    fn the_browsers_word_on_where_it_comes_from_is_heard() {
        for (method, site, mode, elsewhere) in [
            (Method::POST, Some("same-origin"), Some("navigate"), false),
            (Method::POST, Some("none"), Some("navigate"), false),
            (Method::POST, Some("cross-site"), Some("navigate"), true),
            (Method::POST, Some("same-site"), Some("navigate"), true),
            (Method::GET, Some("cross-site"), Some("navigate"), false),
            (Method::GET, Some("cross-site"), Some("no-cors"), true),
            (Method::POST, None, None, false),
        ] {
            let mut request = Request::builder().method(method.clone());
            for (name, value) in [("sec-fetch-site", site), ("sec-fetch-mode", mode)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(is_from_elsewhere(&request), elsewhere, "{method} {site:?} {mode:?}");
        }
    }
}
