//! The command line: each command's name, its help and its exit code.
//!
//! Exit codes: 0 good, 1 failed, 2 wrong usage, 78 bad configuration. A command prints its result to stdout and
//! everything else to stderr. This module never does the work of the bridge; its commands call the modules that do.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::clock::Clock;
use crate::config;
use crate::demo::Carrier;
use crate::telemetry::{self, Traces};
use crate::vendors::http::{CONNECT_TIMEOUT, http_client};

mod answers;
mod bulk;
mod check;
mod client;
mod destinations;
mod failure;
mod find;
mod inbound;
mod init;
mod lists;
mod live;
mod man;
mod mappings;
mod operate;
mod options;
mod render;
mod reports;
mod setup;
mod sign;
mod streams;
mod table;
mod tail;
mod times;
mod way;

use failure::{Failure, runtime};
use options::{ConfigFile, Form};

/// sysexits' EX_CONFIG.
const EXIT_CONFIGURATION: u8 = 78;
const EXIT_USAGE: u8 = 2;

/// Keeps a two-way text conversation between a customer's phone (Braze) and a support agent (Zendesk).
#[derive(Debug, Parser)]
#[command(name = "tandem", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 good, 1 failed, 2 wrong usage, 78 bad configuration.\n\n\
    To see it work without any account: tandem demo")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the bridge until it is told to stop (SIGTERM or Ctrl-C).
    #[command(after_help = "Examples:\n  tandem serve\n  tandem serve --config /etc/tandem/tandem.toml\n  \
        TANDEM_BRAZE__API_KEY=… tandem serve")]
    Serve {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Serves one page until Ctrl-C: a customer's phone, the agent's ticket, the bridge between them, and switches for
    /// trouble. Zendesk and the carrier are a sandbox inside it. Needs no account, no configuration, no network.
    #[command(after_help = "Examples:\n  tandem demo\n  tandem demo --port 9000\n  tandem demo --script")]
    Demo {
        /// Play a conversation on the terminal instead, and end.
        #[arg(long, conflicts_with = "port")]
        script: bool,
        /// The page's port on 127.0.0.1; 0 for any. Without it, 8484, or any where that is taken.
        #[arg(long)]
        port: Option<u16>,
        /// The carrier of the customer's texts, embedded like Zendesk.
        #[arg(long, value_enum, default_value_t)]
        carrier: Carrier,
    },
    /// Runs the bridge of the demo page, which starts it. It ends when its standard input ends.
    #[command(hide = true)]
    DemoBridge {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Plays a disaster through the bridge with the same sandbox, and tells which messages were kept and which were
    /// lost. Exits with 1 when a promise was not kept.
    #[command(after_help = "Example:\n  tandem drill lost-store")]
    Drill {
        /// The disaster.
        #[arg(value_enum)]
        name: Drill,
    },
    /// Writes a commented configuration after a few questions. It never overwrites a file.
    #[command(after_help = "Examples:\n  tandem init\n  tandem init --zendesk-url https://acme.zendesk.com \\\n    \
        --zendesk-client-id tandem --braze-url https://rest.iad-01.braze.com \\\n    \
        --agent-reply 6c1d… --public-url https://tandem.acme.example --no-ticket-solved")]
    Init(init::Init),
    /// Installs tandem's webhook and triggers at Zendesk, and prints everything to type into Braze. `tandem setup ACCOUNT` does
    /// it for another account of the configuration, with the options of its vendor.
    #[command(
        subcommand,
        after_help = "Examples:\n  tandem setup zendesk --dry-run\n  tandem setup braze --group 6c1d…\n  \
        tandem setup support-eu --dry-run"
    )]
    Setup(setup::Setup),
    /// Checks the configuration and every mapping, and lists all their faults. With --live, asks Zendesk and Braze as
    /// well, and changes nothing there.
    #[command(
        after_help = "Examples:\n  tandem check\n  tandem check --config staging.toml --json\n  tandem check --live"
    )]
    Check {
        /// Ask Zendesk and Braze whether credentials, webhook, triggers and campaigns are right, and whether Zendesk
        /// reaches the bridge.
        #[arg(long)]
        live: bool,
        #[command(flatten)]
        way: way::Way,
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
    /// Prints the request that a mapping makes of its sample, of an event, or of a webhook's body.
    #[command(
        after_help = "Examples:\n  tandem render agent_reply\n  tandem render open_ticket --event braze-body.json\n  \
        tandem render agent_reply --event - --json < event.json"
    )]
    Render(render::Render),
    /// Lists the mappings, shows one, and copies shipped ones to change.
    #[command(subcommand)]
    Mappings(mappings::Mappings),
    /// Signs a body as a vendor would, to send a test webhook by hand.
    #[command(subcommand)]
    Sign(sign::Sign),
    /// Exits with 0 when the bridge is ready to take webhooks, and with 1 when it is not: for containers.
    #[command(after_help = "Examples:\n  tandem healthcheck\n  tandem healthcheck --url http://127.0.0.1:8080/readyz")]
    Healthcheck {
        /// The address to ask. Without it, /readyz on the port that the configuration gives to `listen`.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Finds customers, tickets and texts in a running bridge, with the state of the latest.
    #[command(after_help = "Examples:\n  tandem find 33\n  tandem find Lovelace\n  tandem find '#4711'\n  \
        tandem find evt_5f3a09c100000000002a0000 --json")]
    Find(find::Find),
    /// Shows and moves the deliveries of a running bridge that are waiting, unconfirmed, dead or quarantined.
    #[command(subcommand)]
    Deliveries(operate::Deliveries),
    /// Shows a running bridge's conversations with their customers, and forgets a customer.
    #[command(subcommand)]
    Conversations(operate::Conversations),
    /// Shows the accounts at the vendors, and keeps one of them from being called.
    #[command(subcommand)]
    Destinations(destinations::Destinations),
    /// Lists the reports of Currents that fit no text of a running bridge, newest first.
    #[command(subcommand)]
    Reports(reports::Reports),
    /// Lists the actions of operators on a running bridge, newest first.
    #[command(after_help = "Examples:\n  tandem audit\n  tandem audit --json --limit 500")]
    Audit {
        #[command(flatten)]
        part: lists::Part,
        #[command(flatten)]
        bridge: way::Where,
    },
    /// Prints a script that makes a shell complete these commands.
    #[command(after_help = "Examples:\n  tandem completions bash > /etc/bash_completion.d/tandem\n  \
        tandem completions fish > ~/.config/fish/completions/tandem.fish")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the man page, or writes one for each command.
    #[command(after_help = "Examples:\n  tandem man | man -l -\n  tandem man --dir /usr/local/share/man/man1")]
    Man(man::Man),
}

/// The disasters that can be played.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drill {
    /// The disk with the store is lost while conversations go on.
    LostStore,
}

/// The whole command line as a value, for tests of the pages about it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments ask for. The first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way as well, with 0. They fail when nothing reads them.
            let told = error.print();
            let code = u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
            return if told.is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let done = dispatch(cli.command, &mut input, &mut output);
    let (message, code) = match done {
        Ok(code) => return code,
        Err(Failure::Failed(message)) => (message, ExitCode::FAILURE),
        Err(Failure::Usage(message)) => (message, ExitCode::from(EXIT_USAGE)),
        Err(Failure::Configuration(message)) => (message, ExitCode::from(EXIT_CONFIGURATION)),
    };
    if !message.is_empty() && writeln!(std::io::stderr(), "tandem: {message}").is_err() {
        return ExitCode::FAILURE;
    }
    code
}

fn dispatch(command: Command, input: &mut impl Read, output: &mut impl Write) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { file } => serve(&file),
        Command::Demo { script, port, carrier } => demo(script, port, carrier),
        Command::DemoBridge { file } => demo_bridge(&file),
        Command::Drill { name } => drill(name),
        Command::Init(init) => init.run(input, output),
        Command::Setup(setup) => setup.run(output),
        Command::Check { live, way, file, form } => check::run(&file, live, &way, form, output),
        Command::Render(render) => render.run(input, output),
        Command::Mappings(mappings) => mappings.run(output),
        Command::Sign(sign) => sign.run(input, output),
        Command::Healthcheck { url, file } => operate::healthcheck(url, &file, output),
        Command::Find(find) => find.run(output),
        Command::Deliveries(deliveries) => deliveries.run(output),
        Command::Conversations(conversations) => conversations.run(output),
        Command::Destinations(destinations) => destinations.run(output),
        Command::Reports(reports) => reports.run(output),
        Command::Audit { part, bridge } => destinations::audit(part, &bridge, output),
        Command::Completions { shell } => man::completions(shell, Cli::command(), output),
        Command::Man(man) => man.run(Cli::command(), output),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn serve(file: &ConfigFile) -> Result<(), Failure> {
    let runtime = runtime()?;
    // First of all: a process without a handler dies of a SIGHUP.
    let hangups = runtime.block_on(async { crate::serve::Hangups::new() })?;
    let (config, warnings) = config::load(file.config.as_deref(), check::mapping_faults)?;
    let traces = traces(&runtime)?;
    init_logs("info", &traces)?;
    #[cfg(debug_assertions)]
    if let Some(point) = config::fail_point()? {
        point.arm();
    }
    let path = file.config.clone();
    let read = move || config::load(path.as_deref(), check::mapping_faults);
    let ended = runtime.block_on(crate::serve::run(config, warnings, hangups, read));
    traces.finish();
    // The log of a service has the failure as well, in the form of its other lines.
    ended.map_err(|error| {
        tracing::error!("tandem.failed: {error}");
        Failure::Failed(String::new())
    })
}

fn demo(script: bool, port: Option<u16>, carrier: Carrier) -> Result<(), Failure> {
    // The demo's own words are its output; the bridge logs only errors, unless `RUST_LOG` asks for more.
    init_logs("error", &Traces::off())?;
    let runtime = runtime()?;
    let played = match script {
        true => runtime.block_on(crate::demo::script::run(carrier)),
        false => runtime.block_on(crate::demo::page::run(port, carrier)),
    };
    played.map_err(|error| Failure::Failed(error.to_string()))
}

fn demo_bridge(file: &ConfigFile) -> Result<(), Failure> {
    let (config, _) = config::load(file.config.as_deref(), check::mapping_faults)?;
    init_logs("info", &Traces::off())?;
    runtime()?.block_on(crate::demo::serve_as_child(config)).map_err(|error| Failure::Failed(error.to_string()))
}

fn drill(name: Drill) -> Result<(), Failure> {
    // The bridge is meant to be in trouble here, and the drill's account tells the result.
    init_logs("off", &Traces::off())?;
    let played = match name {
        Drill::LostStore => runtime()?.block_on(crate::drill::lost_store()),
    };
    played.map_err(|error| Failure::Failed(error.to_string()))
}

/// Traces to the collector that the environment names; none where it names none.
fn traces(runtime: &tokio::runtime::Runtime) -> Result<Traces, Failure> {
    if !config::wants_traces() {
        return Ok(Traces::off());
    }
    let client = http_client(CONNECT_TIMEOUT, telemetry::EXPORT_TIMEOUT);
    let client = client.map_err(|error| Failure::Failed(format!("cannot build the HTTP client: {error}")))?;
    let started = Traces::start(client, runtime.handle().clone(), Clock::system());
    started.map_err(|error| Failure::Configuration(error.to_string()))
}

/// Starts logging at this level, unless `RUST_LOG` says otherwise.
fn init_logs(level: &str, traces: &Traces) -> Result<(), Failure> {
    let filter = config::log_filter();
    telemetry::init_logs(filter.as_deref().unwrap_or(level), traces)
        .map_err(|error| Failure::Configuration(error.to_string()))
}

#[cfg(test)]
mod tests;
