//! The actions of people in Zendesk's web interface: agents answer, solve, merge and delete; administrators add and
//! suspend users.

use jiff::Timestamp;
use serde_json::Value;

use super::super::text;
use super::{
    Attachment, Comment, Made, NewTicket, Placement, Role, State, Ticket, TicketStatus, User, Zendesk, comments,
    tickets,
};

impl Zendesk {
    /// Adds a user and returns the id. The id given is not used.
    #[must_use]
    pub fn add_user(&self, user: User) -> u64 {
        let now = self.0.clock.now();
        let created_at = if user.created_at == Timestamp::default() { now } else { user.created_at };
        self.act(|state, _| state.add_user(User { created_at, ..user }))
    }

    /// Suspends a user: no ticket can be opened for them any more.
    pub fn suspend(&self, user: u64) {
        self.act(|state, _| {
            if let Some(user) = state.users.get_mut(&user) {
                user.suspended = true;
            }
        });
    }

    /// Edits a user's profile, as an agent does.
    pub fn change_user(&self, user: u64, change: impl FnOnce(&mut User)) {
        self.act(|state, _| {
            if let Some(user) = state.users.get_mut(&user) {
                change(user);
            }
        });
    }

    /// Merges a user into another, as an agent does: the loser is gone. The winner gets the loser's tickets and
    /// numbers, and the address where the winner has none.
    pub fn merge_users(&self, loser: u64, winner: u64) {
        self.act(|state, now| {
            let Some(gone) = state.users.remove(&loser) else { return };
            if let Some(user) = state.users.get_mut(&winner) {
                let phones = gone.phone.into_iter().chain(gone.more_phones);
                user.more_phones.extend(phones);
                user.email = user.email.take().or(gone.email);
                if user.phone.is_none() && !user.more_phones.is_empty() {
                    user.phone = Some(user.more_phones.remove(0));
                }
            }
            for ticket in state.tickets.values_mut().filter(|ticket| ticket.requester_id == loser) {
                ticket.requester_id = winner;
                ticket.updated_at = now;
            }
        });
    }

    /// Opens a ticket as an agent does in the web interface, and returns its number.
    #[must_use]
    pub fn add_ticket(&self, new: NewTicket) -> u64 {
        self.act(|state, now| {
            let id = state.next_ticket_id();
            let tags = tickets::normalise_tags(new.tags.iter().map(String::as_str));
            state.tickets.insert(
                id,
                Ticket {
                    id,
                    status: TicketStatus::New,
                    subject: Some(new.subject),
                    external_id: new.external_id,
                    requester_id: new.requester_id,
                    submitter_id: state.agent,
                    tags,
                    created_at: now,
                    updated_at: now,
                    ..Ticket::default()
                },
            );
            let comment = by(new.requester_id, true, &text::escape_html(&new.description));
            state.record(id, Some(comment), Vec::new(), &Value::Null, false, now);
            id
        })
    }

    /// A public reply by the agent. Returns the comment's id. Fires the reply trigger.
    pub fn agent_reply(&self, ticket: u64, html: &str) -> u64 {
        self.act(|state, now| state.comment(ticket, by(state.agent, true, html), now))
    }

    /// An internal note by the agent.
    pub fn agent_note(&self, ticket: u64, html: &str) -> u64 {
        self.act(|state, now| state.comment(ticket, by(state.agent, false, html), now))
    }

    /// Leaves a ticket with room for so many more comments, by filling it with internal ones by the agent. No trigger
    /// fires on them.
    pub fn fill(&self, ticket: u64, room: usize) {
        self.act(|state, now| {
            let there = state.tickets.get(&ticket).map_or(tickets::MAX_COMMENTS, |ticket| ticket.comments.len());
            for _ in there..tickets::MAX_COMMENTS.saturating_sub(room) {
                let (id, author_id) = (state.next_id(), state.agent);
                let note = Comment {
                    id,
                    author_id,
                    public: false,
                    html_body: comments::wrap("noted"),
                    plain_body: "noted".to_owned(),
                    attachments: Vec::new(),
                    made: Made::Written,
                    metadata: Value::Null,
                    via_api: false,
                    created_at: now,
                };
                state.tickets.get_mut(&ticket).into_iter().for_each(|ticket| ticket.comments.push(note.clone()));
            }
        });
    }

    /// Adds a comment as the agent types it: the editor makes HTML of it. Returns the comment's id; 0 when the ticket
    /// takes none.
    pub fn agent_types(&self, ticket: u64, words: &str, public: bool) -> u64 {
        let html = format!("<p>{}</p>", text::escape_html(words).replace('\n', "<br>"));
        self.act(|state, now| state.comment(ticket, by(state.agent, public, &html), now))
    }

    /// A public reply by the agent with a file.
    pub fn agent_reply_with_attachment(
        &self,
        ticket: u64,
        html: &str,
        name: &str,
        media_type: &str,
        file: &[u8],
    ) -> u64 {
        self.act(|state, now| {
            let bytes = bytes::Bytes::copy_from_slice(file);
            let attachment = state.store_file(name, media_type, bytes, &self.0.clock);
            let comment = tickets::NewComment { attachments: vec![attachment], ..by(state.agent, true, html) };
            state.comment(ticket, comment, now)
        })
    }

    /// A public reply by the agent with a picture within the text, which Zendesk also keeps as a file of the comment.
    /// `html` is made of the picture's address.
    pub fn agent_reply_with_picture(&self, ticket: u64, name: &str, html: impl Fn(&str) -> String) -> u64 {
        self.act(|state, now| {
            let stored = state.store_file(name, "image/png", bytes::Bytes::from_static(b"picture"), &self.0.clock);
            let picture = Attachment { inline: true, ..stored };
            let html = html(&text::escape_html(&picture.content_url));
            let comment = tickets::NewComment { attachments: vec![picture], ..by(state.agent, true, &html) };
            state.comment(ticket, comment, now)
        })
    }

    /// A public comment by this user, such as a person in copy who answered the mail.
    pub fn comment_by(&self, user: u64, ticket: u64, html: &str) -> u64 {
        self.act(|state, now| state.comment(ticket, by(user, true, html), now))
    }

    /// The public record that Zendesk Talk leaves on the ticket when the agent phones the customer from it.
    pub fn agent_calls(&self, ticket: u64) -> u64 {
        let record = "<p dir=\"auto\">Call to: +1 (555) 555-0101<br>Length of phone call: 42 seconds<br>Listen to the \
                      recording: <a href=\"https://sandbox.invalid/rec/1.mp3\">https://sandbox.invalid/rec/1.mp3</a></p>";
        self.act(|state, now| {
            let comment = tickets::NewComment { made: Made::ByCall, ..by(state.agent, true, record) };
            state.comment(ticket, comment, now)
        })
    }

    /// A public reply by the agent that solves the ticket with the same click: one update. Returns the comment's id.
    pub fn agent_solves_with_reply(&self, ticket: u64, html: &str) -> u64 {
        self.act(|state, now| {
            let Some(solved) = state.tickets.get_mut(&ticket) else { return 0 };
            let before = std::mem::replace(&mut solved.status, TicketStatus::Solved);
            let change = tickets::change("status", before.as_str(), TicketStatus::Solved.as_str());
            state.record(ticket, Some(by(state.agent, true, html)), vec![change], &Value::Null, false, now);
            state.tickets.get(&ticket).and_then(|ticket| ticket.comments.last()).map_or(0, |comment| comment.id)
        })
    }

    /// Changes the files of this name on a ticket, such as the result of their scan, or their deletion.
    pub fn change_files(&self, ticket: u64, name: &str, change: impl Fn(&mut Attachment)) {
        self.act(|state, _| {
            let comments = state.tickets.get_mut(&ticket).into_iter().flat_map(|ticket| &mut ticket.comments);
            comments
                .flat_map(|comment| &mut comment.attachments)
                .filter(|file| file.file_name == name)
                .for_each(&change);
        });
    }

    /// Gives a user another role.
    pub fn set_role(&self, user: u64, role: Role) {
        self.act(|state, _| {
            if let Some(user) = state.users.get_mut(&user) {
                user.role = role;
            }
        });
    }

    /// Deletes a user for good: no list has them any more, though their comments stay.
    pub fn delete_user(&self, user: u64) {
        self.act(|state, _| state.users.remove(&user));
    }

    /// Solves, closes or reopens a ticket as an agent does. Fires the status triggers.
    pub fn set_status(&self, ticket: u64, status: TicketStatus) {
        self.act(|state, now| state.set_status(ticket, status, now));
    }

    /// Makes another user a ticket's requester, as an agent does. No trigger that the bridge installs fires on that.
    pub fn set_requester(&self, ticket: u64, user: u64) {
        self.act(|state, now| {
            let Some(given) = state.tickets.get_mut(&ticket) else { return };
            let before = std::mem::replace(&mut given.requester_id, user);
            let change = tickets::change("requester_id", &before.to_string(), &user.to_string());
            state.record(ticket, None, vec![change], &Value::Null, false, now);
        });
    }

    /// Moves a ticket to another brand, group or form, as an agent does.
    pub fn move_to(&self, ticket: u64, placement: Placement) {
        self.act(|state, now| {
            if let Some(ticket) = state.tickets.get_mut(&ticket) {
                (ticket.placement, ticket.updated_at) = (placement, now);
            }
        });
    }

    /// Replaces a ticket's tags.
    pub fn set_tags(&self, ticket: u64, tags: &[&str]) {
        self.act(|state, now| {
            if let Some(ticket) = state.tickets.get_mut(&ticket) {
                ticket.tags = tickets::normalise_tags(tags.iter().copied());
                ticket.updated_at = now;
            }
        });
    }

    /// Merges a ticket into another: the source is closed with the tag `closed_by_merge`, and nothing in the API points
    /// from it to the target.
    pub fn merge(&self, source: u64, target: u64) {
        let into = format!("This request was merged into #{target}.");
        self.merge_with(source, target, &into, &format!("Request #{source} was merged into this one."), false);
    }

    /// The same with the words that the agent leaves on the source and on the target, and whether customers see them.
    pub fn merge_with(&self, source: u64, target: u64, on_source: &str, on_target: &str, public: bool) {
        self.act(|state, now| {
            let agent = state.agent;
            state.comment(target, by(agent, public, on_target), now);
            state.comment(source, by(agent, public, on_source), now);
            if let Some(ticket) = state.tickets.get_mut(&source) {
                ticket.tags.push("closed_by_merge".to_owned());
                ticket.tags.sort();
            }
            state.set_status(source, TicketStatus::Closed, now);
        });
    }

    /// Deletes a ticket: it is not found any more.
    pub fn delete(&self, ticket: u64) {
        self.act(|state, _| {
            if let Some(ticket) = state.tickets.get_mut(&ticket) {
                ticket.deleted = true;
            }
        });
    }
}

impl State {
    /// Adds a comment in the web interface and returns its id; 0 when the ticket takes none.
    fn comment(&mut self, ticket: u64, comment: tickets::NewComment, now: Timestamp) -> u64 {
        let takes = self.tickets.get(&ticket).is_some_and(|t| {
            !t.deleted && t.status != TicketStatus::Closed && t.comments.len() < tickets::MAX_COMMENTS
        });
        if !takes {
            return 0;
        }
        self.record(ticket, Some(comment), Vec::new(), &Value::Null, false, now);
        self.tickets.get(&ticket).and_then(|ticket| ticket.comments.last()).map_or(0, |comment| comment.id)
    }
}

fn by(author_id: u64, public: bool, html: &str) -> tickets::NewComment {
    tickets::NewComment {
        author_id,
        public,
        html_body: comments::wrap(html),
        attachments: Vec::new(),
        made: Made::Written,
    }
}
