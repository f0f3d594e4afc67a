//! A page of Markdown, as far as the tests need to understand it: fenced blocks, headings, links, code in the text.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    /// The line of its opening, from 1.
    pub(crate) line: usize,
    /// The words behind the backticks: `console run`.
    pub(crate) info: String,
    /// Its lines.
    pub(crate) text: String,
}

impl Fence {
    /// The words of [`Fence::info`].
    pub(crate) fn says(&self, word: &str) -> bool {
        self.info.split_whitespace().any(|said| said == word)
    }

    /// The value of a word like `file=mappings/agent_reply.toml`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.info.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// All fenced blocks, in order.
pub(crate) fn fences(page: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    let mut indent = "";
    for (number, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.as_mut()) {
            (Some(info), None) => {
                // A block may stand in a list.
                indent = &line[..line.len() - line.trim_start().len()];
                open = Some(Fence { line: number + 1, info: info.trim().to_owned(), text: String::new() });
            }
            (Some(_), Some(fence)) => {
                if fence.says("console") {
                    // A command may go on in the next line.
                    fence.text = fence.text.replace("\\\n", " ");
                }
                fences.extend(open.take());
            }
            (None, Some(fence)) => {
                fence.text.push_str(line.strip_prefix(indent).unwrap_or(line));
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    fences
}

/// The page without its fenced blocks; the other lines keep their places.
pub(crate) fn prose(page: &str) -> String {
    let mut prose = String::new();
    let mut fenced = false;
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        if !fence && !fenced {
            prose.push_str(line);
        }
        fenced ^= fence;
        prose.push('\n');
    }
    prose
}

/// The code in the prose, between single backticks.
pub(crate) fn code(page: &str) -> Vec<String> {
    let prose = prose(page);
    prose.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The names by which the headings can be linked to, as code hosts and mdBook make them.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in prose(page).lines().filter(|line| line.starts_with('#')) {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

/// Where the links and pictures of the prose lead, each with its line from 1.
pub(crate) fn links(page: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(page).lines().enumerate() {
        // Code is no link.
        let text: String = line.split('`').step_by(2).collect();
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            links.push((number + 1, target.to_owned()));
        }
    }
    links
}

#[test]
fn a_page_is_understood() {
    let page = "# A `b` c: d!\n\n[x](y.md#z) `[no](n.md)` ![p](p.svg \"t\")\n\n```console run file=a/b\n$ one\n# two\n```\n## A b c d\n";
    assert_eq!(anchors(page), ["a-b-c-d", "a-b-c-d-1"]);
    assert_eq!(links(page), [(3, "y.md#z".to_owned()), (3, "p.svg".to_owned())]);
    assert_eq!(code(page), ["b", "[no](n.md)"]);
    let [fence] = &fences(page)[..] else { panic!() };
    assert_eq!((fence.line, fence.text.as_str(), fence.says("run")), (5, "$ one\n# two\n", true));
    assert_eq!(fence.value("file"), Some("a/b"));
}
