//! The state of the embedded Zendesk: its records, its switches, and the updates that triggers may fire on. It never
//! answers a request.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::auth::Tokens;
use super::limits::Limits;
use super::model::{Attachment, Role, Ticket, TicketStatus, User};
use super::records::Admin;
use crate::sandbox::options::SandboxOptions;
use crate::sandbox::server::Answer;
use crate::sandbox::triggers::TriggerBodies;

/// Everything that the help desk knows.
pub(super) struct State {
    pub(super) base: String,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) tickets: BTreeMap<u64, Ticket>,
    pub(super) tokens: Tokens,
    pub(super) idempotency: HashMap<String, Remembered>,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) files: HashMap<String, (String, bytes::Bytes)>,
    pub(super) limits: Limits,
    pub(super) switches: Switches,
    pub(super) admin: Admin,
    /// The updates that triggers may fire on when the lock is released.
    pub(super) happenings: Vec<Happening>,
    pub(super) api_user: u64,
    pub(super) agent: u64,
    pub(super) last_id: u64,
    pub(super) last_ticket: u64,
}

impl State {
    pub(super) fn new(base: &str, options: &SandboxOptions, now: Timestamp) -> Self {
        let mut state = Self {
            base: base.to_owned(),
            users: BTreeMap::new(),
            tickets: BTreeMap::new(),
            tokens: Tokens::default(),
            idempotency: HashMap::new(),
            uploads: HashMap::new(),
            files: HashMap::new(),
            limits: Limits::default(),
            switches: Switches::default(),
            admin: Admin::new(now),
            happenings: Vec::new(),
            api_user: 0,
            agent: 0,
            last_id: 900_000,
            last_ticket: 0,
        };
        let staff = |name: &str, email: &str, role| User {
            name: name.to_owned(),
            email: Some(email.to_owned()),
            role,
            created_at: now,
            ..User::default()
        };
        state.api_user = state.add_user(staff("Tandem Bridge", &options.zendesk_email, Role::Admin));
        state.agent = state.add_user(staff("Agnes Agent", "agnes@sandbox.invalid", Role::Agent));
        state
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    pub(super) fn next_ticket_id(&mut self) -> u64 {
        self.last_ticket = self.last_ticket.saturating_add(1);
        self.last_ticket
    }
}

/// A remembered creation.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) body: Value,
    pub(super) answer: Answer,
    pub(super) at: Timestamp,
}

/// Files that wait for a comment.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) attachments: Vec<Attachment>,
    pub(super) expires_at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Switches {
    pub(super) search_lag: SignedDuration,
    pub(super) list_lag: SignedDuration,
    pub(super) bodies: TriggerBodies,
    pub(super) fire_on_api_writes: bool,
    pub(super) fire_twice: bool,
    pub(super) log_closed: Option<u16>,
    pub(super) log_unsent: bool,
}

/// An update of a ticket, on which triggers may fire.
pub(super) struct Happening {
    pub(super) ticket: u64,
    pub(super) updater: u64,
    pub(super) comment_is_public: Option<bool>,
    pub(super) status_before: Option<TicketStatus>,
    pub(super) created: bool,
    pub(super) via_api: bool,
}
