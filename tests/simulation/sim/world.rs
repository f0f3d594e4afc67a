//! The world of one run: the vendors, the network, the bridge that dies and is started again, and the script of its words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tandem::clock::Clock;
use tandem::config::{self, Config};
use tandem::domain::account::AccountId;
use tandem::domain::event::{AgentReply, EventId, EventKind, UserId};
use tandem::mapping::Mappings;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::phone::Phone;
use tandem::sandbox::zendesk::{HeaderSpelling, Zendesk};
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Outside, assemble};
use tandem::store::embedded::memory::{Medium, MemoryStore};
use tandem::store::{Store, StoreLimits};
use tandem::vendors::http::media::MediaClient;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::further::{self, Further};
use super::life::{Life, MortalStore};
use super::lots::Lots;
use super::network::Network;
use super::plan::{ObjectKind, Outage, OutageKind, Plan, Vendor};
use super::trace::Trace;
use crate::oracle::Solved;

/// Made once for all runs: reading the mappings and the root certificates takes longer than a run.
static SHIPPED: LazyLock<(Arc<Mappings>, MediaClient)> =
    LazyLock::new(|| (Arc::new(Mappings::shipped().unwrap()), MediaClient::new().unwrap()));

/// How many minutes later than the customer's message the bridge may hear of it: Meta's window ends that much later than
/// the bridge's.
const WEBHOOK_LATE_MAX: u32 = 60;

/// When a run begins.
pub(crate) const START: Timestamp = Timestamp::constant(1_795_262_400, 0);

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) trace: Trace,
    pub(crate) lots: Lots,
    /// The vendors of each brand. Customers belong to the brands in turn. Where the brands share a desk, it is the first
    /// brand's.
    pub(crate) brands: Vec<Sandbox>,
    /// The carriers of the first brand's further lines.
    pub(crate) further: Vec<Further>,
    /// The bridge's, which is set now and then; the vendors have their own.
    pub(crate) clock: Clock,
    pub(crate) customers: Vec<Customer>,
    pub(crate) script: Mutex<Script>,
    config: Config,
    /// The disk, which outlives the bridge.
    medium: Medium,
    started: Instant,
    on_fire: AtomicBool,
    steps: AtomicU64,
    number: AtomicU64,
    in_the_post: AtomicUsize,
    running: Mutex<Option<Running>>,
}

/// A ticket: the brand of its desk, and its number there. Two desks have tickets of the same numbers.
pub(crate) type TicketOf = (usize, u64);

/// A customer on one line. One who writes on two lines stands here twice, with the same ids.
pub(crate) struct Customer {
    pub(crate) brand: usize,
    /// The line of this conversation of theirs.
    pub(crate) line: Line,
    /// The id that the brand gave them.
    pub(crate) key: String,
    /// The key of their conversation, which their tickets carry.
    pub(crate) ticket_key: String,
    /// The id by which the desk knows them.
    pub(crate) user: String,
    /// The carrier's id of them.
    pub(crate) carrier_id: String,
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// SMS through Braze.
    Sms,
    /// WhatsApp through Braze.
    Chat,
    /// SMS over a further carrier.
    Further(Vendor),
}

impl Customer {
    pub(crate) fn is_chat(&self) -> bool {
        self.line == Line::Chat
    }

    /// Whether they write over a further carrier, so that only the key of their conversation tells their tickets.
    pub(crate) fn is_further(&self) -> bool {
        matches!(self.line, Line::Further(_))
    }
}

/// The words and acts of a run.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) texts: Vec<Text>,
    pub(crate) replies: Vec<Reply>,
    /// When each customer's tickets were solved.
    pub(crate) solved: BTreeMap<usize, Vec<Solved>>,
    /// Who has ever opted out of texts, and when in again for the last time.
    pub(crate) opted_out: BTreeMap<usize, Option<Duration>>,
    /// Tickets that agents opened.
    pub(crate) by_agents: BTreeSet<TicketOf>,
    /// Tickets that agents gave to another customer: whose each was, and the last comment before.
    pub(crate) given: BTreeMap<TicketOf, (usize, u64)>,
    /// Whose each ticket was when the bridge was told of it first.
    pub(crate) first_told: BTreeMap<TicketOf, UserId>,
    /// Since when the bridge knows of a ticket how far its replies have gone.
    pub(crate) known: BTreeMap<TicketOf, Duration>,
    /// Webhooks that the bridge has taken: when, and as what.
    pub(crate) taken: BTreeMap<String, (Duration, Option<EventId>)>,
}

pub(crate) struct Text {
    pub(crate) number: usize,
    pub(crate) customer: usize,
    pub(crate) words: String,
    pub(crate) webhook: String,
    pub(crate) at: Duration,
}

pub(crate) struct Reply {
    pub(crate) customer: usize,
    pub(crate) words: String,
    pub(crate) ticket: u64,
    pub(crate) comment: u64,
    pub(crate) at: Duration,
}

struct Running {
    store: Arc<dyn Store>,
    router: Router,
    life: Life,
}

impl World {
    pub(crate) fn new(plan: Plan, traced: bool) -> Arc<Self> {
        let now = START;
        let settings: String = (0..plan.brands).map(|brand| settings(brand, &plan)).collect();
        let (config, _) = config::parse(Some(&settings), [], Path::new(".")).unwrap();
        let brands: Vec<Sandbox> = (0..plan.brands).map(|brand| sandbox(brand, &plan)).collect();
        let customer = |number| customer(&brands[number % plan.brands], number, &plan);
        let mut customers: Vec<Customer> = (0..plan.customers).map(customer).collect();
        if plan.chat.is_some() {
            let on_chat: Vec<Customer> = customers.iter().filter(|customer| customer.brand == 0).map(on_chat).collect();
            customers.extend(on_chat);
        }
        let further: Vec<Further> = plan.further.iter().filter_map(|vendor| Further::of(*vendor, plan.seed)).collect();
        for carrier in &further {
            customers.extend((0..plan.customers).map(|number| carrier.customer(number)));
        }
        Arc::new(Self {
            trace: Trace::new(traced),
            lots: Lots::of(plan.seed),
            clock: Clock::of_runtime(now, plan.seed ^ 2),
            brands,
            further,
            customers,
            script: Mutex::default(),
            config,
            medium: Medium::default(),
            started: Instant::now(),
            on_fire: AtomicBool::new(true),
            steps: AtomicU64::new(0),
            number: AtomicU64::new(0),
            in_the_post: AtomicUsize::new(0),
            running: Mutex::new(None),
            plan,
        })
    }

    /// Starts the bridge, and starts it again whenever it has died.
    pub(crate) async fn keep_alive(self: Arc<Self>) {
        loop {
            let clock = self.clock.of_another_process();
            let limits = StoreLimits { steady: clock.steady(), ..StoreLimits::default() };
            let store = MemoryStore::open(&self.medium, limits, clock.draw_u32(), clock.now());
            let store: Arc<dyn Store> = Arc::new(store.unwrap());
            let life = Life { world: Arc::clone(&self), died: CancellationToken::new() };
            let outside = Outside {
                store: Arc::new(MortalStore { life: life.clone(), store: Arc::clone(&store) }),
                transport: Arc::new(Network(life.clone())),
                media: SHIPPED.1.clone(),
                clock,
            };
            let (worker, router) = assemble(&self.config, Arc::clone(&SHIPPED.0), outside);
            let died = life.died.clone();
            *self.running.lock().unwrap() = Some(Running { store, router, life });
            self.trace.say(|| "the bridge starts".to_owned());
            let working = tokio::spawn(worker.run(CancellationToken::new()));
            died.cancelled().await;
            working.abort();
            self.running.lock().unwrap().take();
            // The requests that had left it have arrived by then.
            tokio::time::sleep(self.lots.millis(500..=*self.lots.pick(&[5_000, 60_000, 600_000]))).await;
        }
    }

    /// Sets the bridge's clock when the plan says so, and right again when the fire is out.
    pub(crate) async fn set_clocks(self: Arc<Self>) {
        let mut jumps = self.plan.jumps.clone();
        jumps.sort_unstable();
        let mut wrong = SignedDuration::ZERO;
        for (at, by) in jumps {
            tokio::time::sleep_until(self.started + at).await;
            self.trace.fault("clock set", || format!("by {by}"));
            self.clock.set(by);
            wrong += by;
        }
        tokio::time::sleep_until(self.started + self.plan.span()).await;
        if wrong != SignedDuration::ZERO {
            self.trace.say(|| "the clock is right again".to_owned());
            self.clock.set(-wrong);
        }
    }

    /// The vendors' time.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.started.elapsed()).unwrap();
        START + passed
    }

    pub(crate) fn passed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn is_on_fire(&self) -> bool {
        self.on_fire.load(Ordering::Relaxed)
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn put_out(&self) {
        self.on_fire.store(false, Ordering::Relaxed);
        self.trace.say(|| "nothing goes wrong any more".to_owned());
    }

    /// The brand of a customer.
    pub(crate) fn brand_of(&self, customer: usize) -> usize {
        self.customers[customer].brand
    }

    /// The phones of a customer's brand.
    pub(crate) fn phone_of(&self, customer: usize) -> &Phone {
        &self.brands[self.brand_of(customer)].phone
    }

    /// The brand of the desk on whose tickets this customer stands.
    pub(crate) fn desk_brand(&self, customer: usize) -> usize {
        if self.plan.one_desk { 0 } else { self.brand_of(customer) }
    }

    /// That desk.
    pub(crate) fn desk_of(&self, customer: usize) -> &Zendesk {
        &self.brands[self.desk_brand(customer)].zendesk
    }

    /// The brand of this account of the bridge's, by the end of its name.
    pub(crate) fn brand_of_account(&self, account: AccountId) -> usize {
        (0..self.brands.len()).find(|brand| *brand > 0 && account.name().ends_with(suffix(*brand))).unwrap_or(0)
    }

    /// The further carrier of this vendor.
    pub(crate) fn over(&self, vendor: Vendor) -> &Further {
        self.further.iter().find(|carrier| carrier.vendor() == vendor).expect("a world with a line over this vendor")
    }

    /// The outages of a vendor now, which strike one brand's account.
    pub(crate) fn outages(&self, brand: usize, vendor: Vendor) -> impl Iterator<Item = OutageKind> {
        let passed = self.passed();
        let strikes = move |outage: &&Outage| outage.vendor == vendor && outage.brand % self.brands.len() == brand;
        let outages = self.plan.outages.iter().filter(strikes).filter(|_| self.is_on_fire());
        let now = outages.filter(move |outage| (outage.from..outage.from + outage.lasts).contains(&passed));
        now.map(|outage| outage.kind)
    }

    /// The trouble of the ticket of this brand's that the path names.
    pub(crate) fn object_trouble(&self, brand: usize, path: &str) -> Option<ObjectKind> {
        let passed = self.passed();
        let mut active = self
            .plan
            .objects
            .iter()
            .filter(|object| (object.from..object.from + object.lasts).contains(&passed))
            .peekable();
        active.peek()?;
        let id = path.strip_prefix("/api/v2/tickets/")?.split('/').next()?.parse().ok()?;
        let key = self.brands[brand].zendesk.ticket(id)?.external_id?;
        active.find(|object| self.customers[object.customer].ticket_key == key).map(|object| object.kind)
    }

    /// Whether this customer's tickets were out of bounds at any time.
    pub(crate) fn was_forbidden(&self, customer: usize) -> bool {
        let is_theirs = |object: &&super::plan::ObjectTrouble| object.customer == customer;
        self.plan.objects.iter().filter(is_theirs).any(|object| object.kind == ObjectKind::Forbidden)
    }

    /// Whether the bridge dies at this step.
    pub(crate) fn is_fatal(&self) -> bool {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        self.plan.dies_at == Some(step) || (self.is_on_fire() && self.lots.chance(self.plan.rates.death))
    }

    /// Steps taken by the bridge so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// A unique number.
    pub(crate) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Where webhooks go, while the bridge lives.
    pub(crate) fn bridge(&self) -> Option<(Router, Life)> {
        self.running.lock().unwrap().as_ref().map(|running| (running.router.clone(), running.life.clone()))
    }

    /// The bridge's store, while it lives.
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.running.lock().unwrap().as_ref().map(|running| Arc::clone(&running.store))
    }

    /// The end: drops the bridge, which holds this world.
    pub(crate) fn leave(&self) {
        self.running.lock().unwrap().take();
    }

    pub(crate) fn post_sent(&self) {
        self.in_the_post.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn post_settled(&self) {
        self.in_the_post.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn is_post_empty(&self) -> bool {
        self.in_the_post.load(Ordering::Relaxed) == 0
    }

    /// The bridge has written down how far the replies on these tickets of a brand have gone.
    pub(crate) fn knows(&self, brand: usize, tickets: &[u64]) {
        let known = &mut self.script.lock().unwrap().known;
        for ticket in tickets {
            known.entry((brand, *ticket)).or_insert(self.passed());
        }
    }

    /// Tells the bridge whose the ticket was at first, whosever it is now.
    pub(crate) fn mishear(&self, brand: usize, event: &mut EventKind) {
        if let EventKind::AgentReply(AgentReply { ticket_id, requester_id: Some(told), .. }) = event {
            *told = *self.script.lock().unwrap().first_told.entry((brand, ticket_id.0)).or_insert(*told);
        }
    }

    /// The bridge has answered 202.
    pub(crate) fn acknowledged(&self, webhook: &str, said: &Value) {
        let id = said["id"].as_str().and_then(|id| id.parse().ok());
        let taken = &mut self.script.lock().unwrap().taken;
        taken.entry(webhook.to_owned()).or_insert((self.passed(), id));
    }
}

/// The end of the names of a brand's accounts, and of its vendors' hosts.
pub(crate) fn suffix(brand: usize) -> &'static str {
    ["", "-b"][brand]
}

/// The vendors of a brand. No brand knows another's secrets.
fn sandbox(brand: usize, plan: &Plan) -> Sandbox {
    let clock = Clock::of_runtime(START, plan.seed ^ 1 ^ ((brand as u64) << 32));
    let sandbox = Sandbox::in_process(options(brand), clock);
    let zendesk = &sandbox.zendesk;
    zendesk.enforce_limits(plan.vendors.limits);
    zendesk.duplicate_webhooks(plan.vendors.triggers_fire_twice);
    zendesk.fire_on_api_writes(plan.vendors.triggers_fire_on_ours);
    zendesk.set_lag(plan.vendors.search_lag, plan.vendors.list_lag);
    zendesk.spell_headers(if plan.vendors.hyphenated { HeaderSpelling::Hyphenated } else { HeaderSpelling::Joined });
    sandbox.braze.set_attribute_lag(plan.vendors.attribute_lag);
    if plan.currents {
        sandbox.braze.turn_currents_on();
        if plan.seed.is_multiple_of(2) {
            sandbox.braze.pass_marks_on();
        }
    }
    let longer = plan.chat.unwrap_or_default() + WEBHOOK_LATE_MAX;
    sandbox.braze.set_window(SignedDuration::from_mins(longer.into()));
    sandbox
}

pub(crate) fn options(brand: usize) -> SandboxOptions {
    let (first, end) = (SandboxOptions::default(), suffix(brand));
    SandboxOptions {
        zendesk_account: first.zendesk_account + end,
        braze_account: first.braze_account + end,
        zendesk_client_secret: first.zendesk_client_secret + end,
        // The secret is base64, where the end of a name would be refused.
        zendesk_webhook_secret: first.zendesk_webhook_secret.replace("c2Fu", if brand == 0 { "c2Fu" } else { "b3Ro" }),
        braze_api_key: first.braze_api_key + end,
        braze_webhook_token: first.braze_webhook_token + end,
        braze_currents_token: first.braze_currents_token + end,
        ..first
    }
}

fn customer(sandbox: &Sandbox, number: usize, plan: &Plan) -> Customer {
    let (brand, alike) = (number % plan.brands, plan.alike);
    // Two brands give the same ids to different people.
    let number = number / plan.brands;
    let key = match (alike, number % 2) {
        (true, 0) => format!("customer-{number}"),
        (true, _) => format!("Customer-{}", number - 1),
        (false, _) => format!("customer-{number}"),
    };
    let braze_id = sandbox.braze.add_profile(Profile {
        external_id: Some(key.clone()),
        phone: Some(if alike { "+15555550000".to_owned() } else { format!("+1555555{number:04}") }),
        email: alike.then(|| "agnes@sandbox.invalid".to_owned()),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        ..Profile::default()
    });
    // Keys of the first accounts carry no name.
    let scoped = || format!("braze{}:{key}", suffix(brand));
    let ticket_key = if brand == 0 { key.clone() } else { scoped() };
    let user = if plan.one_desk && brand > 0 { scoped() } else { key.clone() };
    Customer { brand, line: Line::Sms, key, ticket_key, user, carrier_id: braze_id }
}

/// The same customer on the brand's WhatsApp line.
fn on_chat(customer: &Customer) -> Customer {
    let ticket_key = format!("{}@{}", customer.ticket_key, options(customer.brand).whatsapp_group);
    let (key, user, carrier_id) = (customer.key.clone(), customer.user.clone(), customer.carrier_id.clone());
    Customer { brand: customer.brand, line: Line::Chat, key, ticket_key, user, carrier_id }
}

/// The settings of the WhatsApp line.
fn chat_line(options: &SandboxOptions, minutes: u32) -> String {
    let (group, reply) = (&options.whatsapp_group, &options.campaign_whatsapp_reply);
    let template = &options.campaign_whatsapp_template;
    format!(
        "[[lines]]\nname = \"chat\"\ncarrier = \"braze\"\nchannel = \"whatsapp\"\ndesk = \"zendesk\"\naddress = \"{group}\"\n\
         agent_reply = \"{reply}\"\ntemplate = \"{template}\"\nwindow_minutes = {minutes}"
    )
}

/// The settings of a brand's accounts.
fn settings(brand: usize, plan: &Plan) -> String {
    let options = options(brand);
    let (end, on_unconfirmed) = (suffix(brand), if plan.hold { "hold" } else { "resend" });
    let (head, zendesk, braze, line) = if brand == 0 {
        let chat = plan.chat.map(|minutes| chat_line(&options, minutes)).unwrap_or_default();
        let further: String = plan.further.iter().map(|vendor| further::settings(*vendor, plan)).collect();
        let line = format!("{further}\n{chat}");
        ("[store]\nurl = \"sled:never-opened\"", "zendesk".to_owned(), "braze".to_owned(), line)
    } else {
        let line = format!(
            "[[lines]]\nname = \"b\"\ncarrier = \"braze{end}\"\ndesk = \"zendesk{}\"",
            if plan.one_desk { "" } else { end }
        );
        ("", format!("accounts.zendesk{end}"), format!("accounts.braze{end}"), line)
    };
    let currents = format!("currents_tokens = [\"{}\"]\ncurrents_backfill = true", options.braze_currents_token);
    let currents = if plan.currents { currents } else { String::new() };
    let vendor = |name: &str| if brand == 0 { String::new() } else { format!("vendor = \"{name}\"") };
    format!(
        r#"
{head}
[{zendesk}]
{}
url = "https://zendesk{end}.sandbox.invalid"
client_id = "{}"
client_secret = "{}"
webhook_secrets = ["{}"]
[{braze}]
{}
url = "https://braze{end}.sandbox.invalid"
api_key = "{}"
webhook_tokens = ["{}"]
{currents}
on_unconfirmed = "{on_unconfirmed}"
[{braze}.campaigns]
agent_reply = "{}"
ticket_solved = "{}"
{line}
"#,
        vendor("zendesk"),
        options.zendesk_client_id,
        options.zendesk_client_secret,
        options.zendesk_webhook_secret,
        vendor("braze"),
        options.braze_api_key,
        options.braze_webhook_token,
        options.campaign_agent_reply,
        options.campaign_ticket_solved,
    )
}
