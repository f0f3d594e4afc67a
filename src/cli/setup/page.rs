//! The sheet for Braze as one page, which needs no network and no other file; every field can be copied with and
//! without scripts.
//!
//! tandem never serves it. It holds no secret unless the sheet was made with one.

use askama::Template;

use crate::cli::failure::Failure;
use crate::vendors::braze::setup::{Block, CATEGORY, Sheet, WebhookCampaign, Workspace};

/// The style that every page of tandem shares.
const STYLE: &str = include_str!("../../../assets/base.css");

/// The fields that are pasted into Braze as they stand; all others name a choice there.
const PASTED: [&str; 6] = ["URL", "Header", "Message", "Raw text", "Bearer token", "Tag line"];

#[derive(Template)]
#[template(path = "setup/braze.html")]
struct Page<'a> {
    style: &'static str,
    /// Keeps the ticks of one bridge and line apart from those of another.
    store: String,
    /// The command that prints the sheet.
    setup: String,
    /// The line with campaigns of its own names that the sheet is for.
    line: Option<&'a str>,
    steps: Vec<Step<'a>>,
    campaigns: &'a [WebhookCampaign],
    currents: Step<'a>,
    placeholder: &'static str,
    lacks_group: bool,
}

/// One block, with its fields as they are copied.
struct Step<'a> {
    title: &'a str,
    fields: Vec<Field<'a>>,
    /// Whether it concerns all webhook campaigns, each of which has its own tick.
    is_common: bool,
}

struct Field<'a> {
    name: &'a str,
    content: &'a str,
    is_pasted: bool,
}

pub(super) fn render(sheet: &Sheet, workspace: &Workspace) -> Result<String, Failure> {
    let last = sheet.blocks.len().saturating_sub(1);
    let page = Page {
        style: STYLE,
        store: format!("{} {}", workspace.command(), workspace.public_url),
        setup: workspace.command(),
        line: workspace.beside.as_deref(),
        steps: sheet.blocks.iter().enumerate().map(|(index, block)| step(block, index == last)).collect(),
        campaigns: &sheet.webhook_campaigns,
        currents: step(&sheet.currents, false),
        placeholder: CATEGORY,
        lacks_group: workspace.group.is_none(),
    };
    page.render().map_err(|error| Failure::Failed(format!("cannot make the page: {error}")))
}

fn step(block: &Block, is_common: bool) -> Step<'_> {
    let fields = block.fields.iter().flat_map(|(name, content)| match content.split_once(": ") {
        // Braze has a field for a header's name and one for its value.
        Some((header, value)) if name == "Header" => vec![field("Header", header), field("its value", value)],
        // Each campaign's own body stands in its own row.
        _ if name == "Raw text" => Vec::new(),
        _ => vec![field(name, content)],
    });
    Step { title: &block.title, fields: fields.collect(), is_common }
}

fn field<'a>(name: &'a str, content: &'a str) -> Field<'a> {
    // A description between angle brackets is no value.
    let is_pasted = (PASTED.contains(&name) || name == "its value") && !content.contains('<');
    Field { name, content, is_pasted }
}
