//! The decisions of a seed: the number of texts and replies, the faults and their rates.

use std::time::Duration;

use jiff::SignedDuration;

use super::lots::Lots;

/// The other side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Zendesk,
    Braze,
    Bird,
    Sunshine,
    /// By a pack.
    Twilio,
}

/// One simulated time, from the first word to the last fault.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) customers: usize,
    /// Brands, each with a Braze account of its own: 1 or 2.
    pub(crate) brands: usize,
    /// Whether they share one Zendesk account; otherwise each has its own.
    pub(crate) one_desk: bool,
    /// Where the first brand has a WhatsApp line beside its first one: for how many minutes after a message of a customer
    /// the bridge sends free text there. Each of that brand's customers then has two conversations.
    pub(crate) chat: Option<u32>,
    /// The further carriers of the first brand's desk, each with a line and as many customers of its own as the plan has.
    pub(crate) further: Vec<Vendor>,
    /// Braze reports of every text, also of those whose webhook never comes.
    pub(crate) currents: bool,
    /// The customers share a phone number and an agent's e-mail address, and the ids of every two differ in case only.
    pub(crate) alike: bool,
    /// Things that customers and agents do.
    pub(crate) steps: usize,
    /// The longest pause between two of them, in milliseconds.
    pub(crate) pause_max: u64,
    pub(crate) rates: Rates,
    pub(crate) outages: Vec<Outage>,
    /// The troubles of single customers' tickets.
    pub(crate) objects: Vec<ObjectTrouble>,
    /// The acts of people, if they do not act as the lots fall.
    pub(crate) crowd: Option<Crowd>,
    /// When the bridge's own clock is set, and by how much.
    pub(crate) jumps: Vec<(Duration, SignedDuration)>,
    /// At this step the bridge dies, beside the rates.
    pub(crate) dies_at: Option<u64>,
    pub(crate) vendors: Vendors,
    /// `braze.on_unconfirmed` is `hold`.
    pub(crate) hold: bool,
    /// A promise that is broken on purpose.
    pub(crate) broken: Option<Broken>,
}

/// How often, of 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) lost_request: f64,
    pub(crate) lost_answer: f64,
    /// The answer comes late, at worst after the end of the wait for it.
    pub(crate) slow: f64,
    pub(crate) server_error: f64,
    pub(crate) too_many: f64,
    /// At each step that the bridge takes outside of itself.
    pub(crate) death: f64,
    /// A webhook is lost, or its answer.
    pub(crate) webhook_lost: f64,
    /// A webhook comes again.
    pub(crate) webhook_repeated: f64,
    /// A webhook is overtaken by later ones.
    pub(crate) webhook_late: f64,
    /// An agent solves, reopens, closes or deletes, or writes first.
    pub(crate) turn: f64,
    /// A customer opts out of texts, or in again.
    pub(crate) opt: f64,
    /// An agent gives a customer's ticket to another customer and answers them on it, or merges it into another ticket.
    pub(crate) hand: f64,
}

/// A time in which a vendor cannot be reached, or answers 429 to everything.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    pub(crate) vendor: Vendor,
    /// Of the brands, counted around.
    pub(crate) brand: usize,
    pub(crate) from: Duration,
    pub(crate) lasts: Duration,
    pub(crate) kind: OutageKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutageKind {
    /// No connection.
    Down,
    /// Connections, and no answers.
    Silent,
    /// 503 to everything.
    Unavailable,
    /// 429 to everything, with this `Retry-After`.
    Storm(Option<u64>),
    /// The vendor's webhooks are given up unsent.
    WebhooksGivenUp,
}

/// A time in which the tickets of one customer are in trouble, and no other's.
#[derive(Clone, Debug)]
pub(crate) struct ObjectTrouble {
    pub(crate) customer: usize,
    pub(crate) from: Duration,
    pub(crate) lasts: Duration,
    pub(crate) kind: ObjectKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// No call about such a ticket is answered.
    Hangs,
    /// Each is answered with 403.
    Forbidden,
}

/// The first half of the customers are known when, all at once, all customers text; the first of them goes on texting, and
/// none of those texts may be late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) at: Duration,
    /// How long a text of the first customer may take to its ticket.
    pub(crate) within: Duration,
}

/// How the vendors are set up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vendors {
    pub(crate) limits: bool,
    pub(crate) triggers_fire_twice: bool,
    pub(crate) triggers_fire_on_ours: bool,
    pub(crate) hyphenated: bool,
    pub(crate) search_lag: SignedDuration,
    pub(crate) list_lag: SignedDuration,
    pub(crate) attribute_lag: SignedDuration,
}

/// A promise that the bridge is made to break, so that the oracle is seen to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Broken {
    /// Says "accepted" and appends a little later.
    AcknowledgesBeforeAppending,
    /// Says "accepted" and forgets it, now and then.
    ForgetsAnAppend,
    /// Takes two texts with the same words for one.
    DedupesOnTheText,
    /// Takes a lost text for one that was never sent.
    DoesNotLookForTheReceipt,
    /// Takes a lost comment for one that was never written.
    DoesNotLookForTheAudit,
    /// Opens tickets without an idempotency key.
    SendsNoIdempotencyKey,
    /// Does not hear whose a ticket is when an agent replies on it.
    DoesNotHearTheRequester,
    /// Now and then files a webhook under another brand's accounts.
    CrossesAccounts,
    /// Takes every window for open.
    ForgetsTheWindow,
    /// Sends a text over Bird under no key, and takes a lost one for one that was never sent.
    DoesNotLookForTheTag,
    /// Takes a lost text over Sunshine Conversations for one that was never sent.
    DoesNotLookForTheMark,
    /// Sends a lost text again over a carrier that cannot be asked for it.
    ResendsWhatCannotBeFound,
}

impl Plan {
    /// Two customers, nothing goes wrong.
    pub(crate) fn calm(seed: u64) -> Self {
        Self {
            seed,
            customers: 2,
            brands: 1,
            one_desk: false,
            chat: None,
            further: Vec::new(),
            currents: false,
            alike: false,
            steps: 12,
            pause_max: 20_000,
            rates: Rates::default(),
            outages: Vec::new(),
            objects: Vec::new(),
            crowd: None,
            jumps: Vec::new(),
            dies_at: None,
            vendors: Vendors::default(),
            hold: false,
            broken: None,
        }
    }

    /// The plan of this seed.
    pub(crate) fn of(seed: u64) -> Self {
        let lots = Lots::of(seed ^ 0x7a6e_de3d);
        // Some runs are quick chatter, some take a day.
        let pause_max = *lots.pick(&[400, 5_000, 60_000, 900_000]);
        let steps = usize::try_from(lots.number(20..=80)).unwrap();
        let span = pause_max / 2 * steps as u64;
        let rates = rates(&lots);
        let outages: Vec<Outage> = (0..lots.number(0..=3)).map(|_| outage(&lots, span)).collect();
        let jumps: Vec<_> = (0..lots.number(0..=6).saturating_sub(3)).flat_map(|_| jump(&lots, span)).collect();
        let lag = |most: u64| SignedDuration::from_secs(i64::try_from(lots.number(0..=most)).unwrap());
        let vendors = Vendors {
            limits: lots.chance(0.3),
            triggers_fire_twice: lots.chance(0.2),
            triggers_fire_on_ours: lots.chance(0.2),
            hyphenated: lots.chance(0.5),
            search_lag: if lots.chance(0.5) { lag(240) } else { SignedDuration::ZERO },
            list_lag: if lots.chance(0.3) { lag(120) } else { SignedDuration::ZERO },
            attribute_lag: if lots.chance(0.3) { lag(3) } else { SignedDuration::ZERO },
        };
        let customers = usize::try_from(lots.number(1..=5)).unwrap();
        let hold = lots.chance(0.2);
        let objects = if lots.chance(0.3) { lots.number(1..=2) } else { 0 };
        let objects = (0..objects).map(|_| object(&lots, customers, span)).collect();
        let alike = lots.chance(0.3);
        // However late a receipt shows: with `hold`, no text is sent again for it. Drawn last, so that other worlds stay.
        let shows_late = hold && lots.chance(0.5);
        let vendors = if shows_late { Vendors { attribute_lag: lag(60), ..vendors } } else { vendors };
        let brands = if lots.chance(0.4) { 2 } else { 1 };
        let one_desk = brands > 1 && lots.chance(0.5);
        let outages: Vec<Outage> =
            outages.into_iter().map(|outage| Outage { brand: usize::from(lots.chance(0.5)), ..outage }).collect();
        // A bridge that starts with a wrong clock knows no window's end until a vendor's answer has set it right, nor which
        // text and which report came at the same time.
        let chat = (jumps.is_empty() && lots.chance(0.4)).then(|| *lots.pick(&[2, 20, 60]));
        let currents = jumps.is_empty() && lots.chance(0.4);
        let bird = lots.chance(0.4);
        let strikes_bird = |outage: Outage| match outage.vendor {
            Vendor::Braze if bird && lots.chance(0.5) => Outage { vendor: Vendor::Bird, brand: 0, ..outage },
            Vendor::Zendesk | Vendor::Braze | Vendor::Bird | Vendor::Sunshine | Vendor::Twilio => outage,
        };
        let mut outages: Vec<Outage> = outages.into_iter().map(strikes_bird).collect();
        let mut further = Vec::from_iter(bird.then_some(Vendor::Bird));
        for vendor in [Vendor::Sunshine, Vendor::Twilio].into_iter().filter(|_| lots.chance(0.3)) {
            further.push(vendor);
            let mut over_braze = outages.iter_mut().filter(|outage| outage.vendor == Vendor::Braze);
            if let Some(outage) = over_braze.next().filter(|_| lots.chance(0.5)) {
                (outage.vendor, outage.brand) = (vendor, 0);
            }
        }
        Self {
            customers,
            brands,
            one_desk,
            chat,
            further,
            currents,
            alike,
            objects,
            steps,
            pause_max,
            rates,
            outages,
            jumps,
            vendors,
            hold,
            ..Self::calm(seed)
        }
    }

    /// The time of faults: until all is said, and each outage has passed.
    pub(crate) fn span(&self) -> Duration {
        let outages = self.outages.iter().map(|outage| outage.from + outage.lasts);
        let objects = self.objects.iter().map(|object| object.from + object.lasts);
        outages.chain(objects).max().unwrap_or_default()
    }

    /// The same, with a promise broken.
    pub(crate) fn broken(seed: u64, broken: Broken) -> Self {
        let mut plan = Self { broken: Some(broken), ..Self::of(seed) };
        if broken == Broken::DoesNotHearTheRequester {
            plan.customers = plan.customers.max(2);
            plan.rates.hand = 0.1;
        }
        if broken == Broken::CrossesAccounts {
            plan.customers = plan.customers.max(2);
            plan.brands = 2;
        }
        if broken == Broken::ForgetsTheWindow {
            (plan.chat, plan.pause_max) = (Some(20), 900_000);
            plan.jumps.clear();
        }
        if broken == Broken::DoesNotLookForTheTag {
            // The report of a text ends the doubt as well, unless it comes too late.
            (plan.further, plan.rates.lost_answer, plan.rates.webhook_late) = (vec![Vendor::Bird], 0.15, 0.9);
        }
        if broken == Broken::DoesNotLookForTheMark {
            // So does the webhook that brings the text back.
            (plan.further, plan.rates.lost_answer, plan.rates.webhook_late) = (vec![Vendor::Sunshine], 0.15, 0.9);
            plan.hold = false;
        }
        if broken == Broken::ResendsWhatCannotBeFound {
            (plan.further, plan.rates.lost_answer) = (vec![Vendor::Twilio], 0.15);
        }
        if broken == Broken::SendsNoIdempotencyKey {
            // Where the list shows a new ticket at once, the key is never needed.
            plan.vendors.list_lag = SignedDuration::from_secs(60);
            plan.rates.lost_answer = 0.1;
        }
        plan
    }
}

/// Each kind of trouble is absent from some runs, so that the others are seen by themselves.
fn rates(lots: &Lots) -> Rates {
    let one = |most: f64| if lots.chance(0.6) { most * lots.number(1..=10) as f64 / 10.0 } else { 0.0 };
    Rates {
        lost_request: one(0.1),
        lost_answer: one(0.15),
        slow: one(0.1),
        server_error: one(0.1),
        too_many: one(0.05),
        death: one(0.02),
        webhook_lost: one(0.15),
        webhook_repeated: one(0.2),
        webhook_late: one(0.3),
        turn: one(0.25),
        opt: if lots.chance(0.2) { 0.1 } else { 0.0 },
        hand: if lots.chance(0.3) { 0.08 } else { 0.0 },
    }
}

fn outage(lots: &Lots, span: u64) -> Outage {
    let kind = match lots.number(0..=6) {
        0 | 1 => OutageKind::Down,
        2 => OutageKind::Silent,
        3 => OutageKind::Unavailable,
        4 => OutageKind::Storm(None),
        5 => OutageKind::Storm(Some(lots.number(1..=900))),
        _ => OutageKind::WebhooksGivenUp,
    };
    let lasts = *lots.pick(&[60, 600, 3_600, 8 * 3_600]);
    Outage {
        vendor: *lots.pick(&[Vendor::Zendesk, Vendor::Braze]),
        brand: 0,
        from: lots.millis(0..=span),
        lasts: lots.seconds(lasts / 4..=lasts),
        kind,
    }
}

fn object(lots: &Lots, customers: usize, span: u64) -> ObjectTrouble {
    let lasts = *lots.pick(&[60, 600, 3_600]);
    ObjectTrouble {
        customer: usize::try_from(lots.number(0..=customers as u64 - 1)).unwrap(),
        from: lots.millis(0..=span),
        lasts: lots.seconds(lasts / 4..=lasts),
        kind: *lots.pick(&[ObjectKind::Hangs, ObjectKind::Forbidden]),
    }
}

/// The clock is set by seconds, hours or years; half the time it is right again after a while.
fn jump(lots: &Lots, span: u64) -> Vec<(Duration, SignedDuration)> {
    let most = *lots.pick(&[5, 300, 7_200, 2 * 86_400, 400 * 86_400]);
    let by = i64::try_from(lots.number(1..=most)).unwrap();
    let by = SignedDuration::from_secs(if lots.chance(0.5) { by } else { -by });
    let at = lots.millis(0..=span);
    let mut jumps = vec![(at, by)];
    if lots.chance(0.5) {
        let lasts = *lots.pick(&[5, 90, 1_800]);
        jumps.push((at + lots.seconds(1..=lasts), -by));
    }
    jumps
}
