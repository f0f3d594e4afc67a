//! Zendesk's published rate limits and the headers that tell of them. Pure: the time is an argument.

use std::collections::{HashMap, VecDeque};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::server::{Answer, Request};

/// How the rate-limit headers are spelt; both have been recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderSpelling {
    /// `ratelimit-limit`, `zendesk-ratelimit-tickets-update`: recorded in 2024.
    #[default]
    Joined,
    /// `rate-limit`, `zendesk-rate-limit-tickets-update`: recorded in 2023.
    Hyphenated,
}

/// The limits of a Suite Enterprise account outside a sandbox.
const ACCOUNT_PER_MINUTE: usize = 700;
const UPDATES_PER_MINUTE: usize = 100;
const UPDATES_PER_TICKET: usize = 30;
const USER_UPSERTS_PER_SECOND: usize = 1;
const LISTS_PER_MINUTE: usize = 100;
const WEBHOOKS_PER_MINUTE: usize = 100;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

/// Counts requests in sliding windows.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) enforced: bool,
    pub(super) spelling: HeaderSpelling,
    windows: HashMap<String, VecDeque<Timestamp>>,
}

struct Limit {
    name: String,
    most: usize,
    window: SignedDuration,
}

impl Limits {
    /// Counts a request: the headers for its answer, or the refusal.
    pub(super) fn take(&mut self, request: &Request, now: Timestamp) -> Result<Vec<(String, String)>, Answer> {
        let mut headers = Vec::new();
        for limit in limits_of(request) {
            let seen = self.windows.entry(limit.name.clone()).or_default();
            while seen.front().is_some_and(|at| now.duration_since(*at) >= limit.window) {
                seen.pop_front();
            }
            let resets = seen.front().map_or(limit.window, |at| limit.window.saturating_sub(now.duration_since(*at)));
            let resets = resets.as_secs().max(1);
            if self.enforced && seen.len() >= limit.most {
                let refusal = json!({"error": "APIRateLimitExceeded", "description": format!(
                    "Number of allowed {} requests exceeded", limit.name)});
                return Err(Answer::json(429, &refusal).with("Retry-After", resets));
            }
            seen.push_back(now);
            let remaining = limit.most.saturating_sub(seen.len());
            self.describe(&limit, remaining, resets, &mut headers);
        }
        Ok(headers)
    }

    fn describe(&self, limit: &Limit, remaining: usize, resets: i64, headers: &mut Vec<(String, String)>) {
        let (account, named) = match self.spelling {
            HeaderSpelling::Joined => (["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"], "ratelimit"),
            HeaderSpelling::Hyphenated => (["rate-limit", "rate-limit-remaining", "rate-limit-reset"], "rate-limit"),
        };
        if limit.name == "account" {
            let values = [limit.most.to_string(), remaining.to_string(), resets.to_string()];
            headers.extend(account.map(str::to_owned).into_iter().zip(values));
            headers.push(("x-rate-limit".into(), limit.most.to_string()));
            headers.push(("x-rate-limit-remaining".into(), remaining.to_string()));
        } else {
            let name = limit.name.split(':').next().unwrap_or("");
            let value = format!("total={}; remaining={remaining}; resets={resets}", limit.most);
            headers.push((format!("zendesk-{named}-{name}"), value));
        }
    }
}

fn limits_of(request: &Request) -> Vec<Limit> {
    let limit = |name: String, most, window| Limit { name, most, window };
    let mut limits = vec![limit("account".into(), ACCOUNT_PER_MINUTE, MINUTE)];
    let path = request.path.trim_end_matches(".json");
    if request.method == Method::PUT && path.starts_with("/api/v2/tickets/") {
        limits.push(limit("tickets-update".into(), UPDATES_PER_MINUTE, MINUTE));
        limits.push(limit(format!("ticket-update-by-user:{path}"), UPDATES_PER_TICKET, TEN_MINUTES));
    }
    if request.method == Method::POST && path == "/api/v2/users/create_or_update" {
        limits.push(limit("users-create-or-update".into(), USER_UPSERTS_PER_SECOND, SECOND));
    }
    if request.method == Method::GET && path == "/api/v2/tickets" {
        limits.push(limit("tickets-index".into(), LISTS_PER_MINUTE, MINUTE));
    }
    if path.starts_with("/api/v2/webhooks") {
        limits.push(limit("webhooks".into(), WEBHOOKS_PER_MINUTE, MINUTE));
    }
    limits
}
