//! The environment: our variables, and the few others that we heed. Judges no value of a key.

use secrecy::SecretString;

#[cfg(debug_assertions)]
use super::faults::Faults;
use super::reference::VARIABLE_PREFIX;
use crate::keys::fault::Fault;

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

/// Our variables. One that is not Unicode is a fault; others' variables are none of our business.
pub(super) fn environment() -> (Vec<(String, String)>, Vec<Fault>) {
    let (mut pairs, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(VARIABLE_PREFIX) {
            continue;
        }
        // The person's who runs the command, and no key.
        if name == OWN_TOKEN {
            continue;
        }
        #[cfg(debug_assertions)]
        if name == FAIL_POINT {
            continue;
        }
        match value.into_string() {
            Ok(value) => pairs.push((name, value)),
            Err(_) => faults.push(Fault::new(name, "is not valid UTF-8", "Set the variable to a text")),
        }
    }
    (pairs, faults)
}
