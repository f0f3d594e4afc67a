-- The tables of a store that several bridges share. Every record is the one that an embedded store keeps under the same key
-- (src/store/engine/layout.rs); the other columns are taken from it when it is written, for lanes, lists and searches. Times
-- are microseconds since 1970, so that a record and its columns never disagree about a time zone or a rounding. Keys are bytes,
-- because no collation may change their order. No table refers to another: a foreign key takes locks on the parent's row.

create table tandem.meta (
    at bytea primary key,
    value bytea not null
);

-- A bridge that runs on this store. Each of its transactions finds its row and leaves its number there.
create table tandem.bridge (
    id integer generated always as identity primary key,
    name text not null,
    version text not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    written bigint not null default 0
) with (fillfactor = 50);

-- Numbers for positions, leases and audit entries. A block that one bridge keeps for later would undo the order of acceptance.
create sequence tandem.place as bigint minvalue 1 cache 1;

-- The row is the lock of everything that belongs to the conversation. One without a record has deliveries only.
create table tandem.conversation (
    key bytea primary key,
    digest bigint not null,
    record bytea,
    small bytea,
    phone numeric,
    customer text,
    newest bigint
) with (fillfactor = 80);
create index conversation_small on tandem.conversation (small, key) where record is not null;
create index conversation_phone on tandem.conversation (phone, key) where phone is not null;
create index conversation_customer on tandem.conversation (customer, key) where customer is not null;
create index conversation_newest on tandem.conversation (newest desc nulls last, key) where record is not null;

-- The words of customers' names, padded to one length.
create table tandem.word (
    word bytea not null,
    conversation bytea not null,
    primary key (word, conversation)
);
create index word_conversation on tandem.word (conversation);

-- Customers' names and tickets, and the conversations that they lead to.
create table tandem.name (
    at bytea primary key,
    conversation bytea not null
);

create table tandem.lane (
    conversation bytea not null,
    direction smallint not null,
    track smallint not null,
    account text not null,
    -- The head that goes first; none where a worker has the lane's last delivery.
    head bigint,
    -- Since when it is ready, or when it will be.
    ready_at bigint,
    is_timed boolean not null,
    -- The oldest delivery in the lane.
    oldest bigint,
    -- The need of the head that could not be met.
    apart smallint,
    -- The lease.
    fence bigint,
    until bigint,
    bridge integer,
    held bigint[],
    primary key (conversation, direction, track)
) with (fillfactor = 50);
create index lane_due on tandem.lane (account, direction, track, is_timed, ready_at, head) where fence is null and head is not null;
create index lane_next on tandem.lane (account, direction, track, is_timed, ready_at)
    where fence is null and head is not null and apart is null;
create index lane_held on tandem.lane (account, direction, track) where fence is not null;
create index lane_oldest on tandem.lane (oldest) where oldest is not null;
create index lane_until on tandem.lane (until) where fence is not null;

create table tandem.waiting (
    position bigint primary key,
    conversation bytea not null,
    direction smallint not null,
    track smallint not null,
    account text not null,
    accepted_at bigint not null,
    due_at bigint,
    goes_first boolean not null,
    leader bigint,
    digest bigint not null,
    state smallint not null,
    second bigint not null,
    is_doorbell boolean not null,
    is_set_aside boolean not null,
    is_note boolean not null,
    record bytea not null
) with (fillfactor = 90);
create index waiting_conversation on tandem.waiting (conversation, position);
create index waiting_digest on tandem.waiting (digest, position);
create index waiting_state on tandem.waiting (state, position);

create table tandem.settled (
    position bigint primary key,
    conversation bytea not null,
    account text not null,
    digest bigint not null,
    state smallint not null,
    second bigint not null,
    is_doorbell boolean not null,
    is_set_aside boolean not null,
    is_note boolean not null,
    record bytea not null
);
create index settled_digest on tandem.settled (digest, position);
create index settled_state on tandem.settled (state, position);

-- The events that are too long for their deliveries' records.
create table tandem.event (
    position bigint primary key,
    record bytea not null
);

create table tandem.answer (
    position bigint primary key,
    record bytea not null
);

create table tandem.seen (
    digest bytea primary key,
    position bigint not null,
    since bigint not null
);
create index seen_position on tandem.seen (position);

-- The vendors' names of sends, by their digests.
create table tandem.dispatch (
    dispatch bigint not null,
    position bigint not null,
    primary key (dispatch, position)
);
create index dispatch_position on tandem.dispatch (position);

create table tandem.report (
    number bigint primary key,
    carrier text not null,
    due_at bigint,
    dispatch bigint,
    words bigint,
    record bytea not null
);
create index report_due on tandem.report (due_at, number) where due_at is not null;
create index report_dispatch on tandem.report (dispatch, number) where dispatch is not null;
create index report_words on tandem.report (words, number) where words is not null;

create table tandem.audit (
    number bigint primary key,
    record bytea not null
);

create table tandem.picture (
    text bigint not null,
    epoch bigint not null,
    number integer not null,
    file_name text not null,
    content_type text not null,
    bytes bytea not null,
    size bigint not null,
    primary key (text, epoch, number)
);

alter table tandem.lane set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
alter table tandem.waiting set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
