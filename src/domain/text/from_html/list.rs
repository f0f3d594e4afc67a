//! The marks of list items, numbered as a browser numbers them.

use super::tag::{Tag, Token};

/// The style of an item's number.
#[derive(Clone, Copy)]
enum Style {
    Bullet,
    Decimal,
    Letters { upper: bool },
    Roman { upper: bool },
    Nothing,
}

/// An open list.
pub(super) struct List {
    style: Style,
    /// The number of the next item.
    next: i32,
    step: i32,
}

/// Whether the element is a list.
pub(super) fn is_list(name: &str) -> bool {
    matches!(name, "ol" | "ul" | "menu" | "dir")
}

/// The number of items of each list, in the order of the lists, because a reversed list begins with it.
pub(super) fn item_counts(tokens: &[Token]) -> Vec<i32> {
    let mut counts: Vec<i32> = Vec::new();
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Open(tag) if is_list(&tag.name) => {
                open.push(counts.len());
                counts.push(0);
            }
            Token::Close(name) if is_list(name) => drop(open.pop()),
            Token::Open(tag) if tag.name == "li" => {
                if let Some(count) = open.last().and_then(|list| counts.get_mut(*list)) {
                    *count += 1;
                }
            }
            Token::Open(_) | Token::Close(_) | Token::Text(_) => {}
        }
    }
    counts
}

impl List {
    /// The list that a tag opens, with so many items.
    pub(super) fn new(tag: &Tag, items: i32) -> Self {
        let usual = if tag.name == "ol" { Style::Decimal } else { Style::Bullet };
        let is_reversed = tag.attribute("reversed").is_some();
        let first = if is_reversed { items } else { 1 };
        Self {
            style: style(tag).unwrap_or(usual),
            next: number(tag, "start").unwrap_or(first),
            step: if is_reversed { -1 } else { 1 },
        }
    }

    /// The mark before the text of the item that a tag opens.
    pub(super) fn mark(&mut self, item: &Tag) -> String {
        let at = number(item, "value").unwrap_or(self.next);
        self.next = at.saturating_add(self.step);
        marked(style(item).unwrap_or(self.style), at)
    }
}

/// The mark of an item in no list.
pub(super) fn bullet() -> String {
    marked(Style::Bullet, 0)
}

fn marked(style: Style, number: i32) -> String {
    let cased = |text: String, upper: bool| if upper { text.to_ascii_uppercase() } else { text };
    let number = match style {
        Style::Bullet => return "- ".to_owned(),
        Style::Nothing => return String::new(),
        Style::Decimal => None,
        Style::Letters { upper } => letters(number).map(|text| cased(text, upper)),
        Style::Roman { upper } => roman(number).map(|text| cased(text, upper)),
    }
    // A number that the style cannot write is written in digits.
    .unwrap_or_else(|| number.to_string());
    format!("{number}. ")
}

/// The style that a tag asks for, if it does. The letter in `type` is an example of its style.
fn style(tag: &Tag) -> Option<Style> {
    let styled = tag.style("list-style-type").or_else(|| tag.style("list-style"));
    let styled = styled.iter().flat_map(|words| words.split_ascii_whitespace()).find_map(|word| {
        Some(match word {
            "none" => Style::Nothing,
            "disc" | "circle" | "square" => Style::Bullet,
            "decimal" | "decimal-leading-zero" => Style::Decimal,
            "lower-alpha" | "lower-latin" => Style::Letters { upper: false },
            "upper-alpha" | "upper-latin" => Style::Letters { upper: true },
            "lower-roman" => Style::Roman { upper: false },
            "upper-roman" => Style::Roman { upper: true },
            _ => return None,
        })
    });
    let typed = || match &*tag.attribute("type")? {
        "1" => Some(Style::Decimal),
        "a" => Some(Style::Letters { upper: false }),
        "A" => Some(Style::Letters { upper: true }),
        "i" => Some(Style::Roman { upper: false }),
        "I" => Some(Style::Roman { upper: true }),
        _ => None,
    };
    styled.or_else(typed)
}

/// An attribute as a whole number, by HTML's "rules for parsing integers": digits up to the first other character.
fn number(tag: &Tag, attribute: &str) -> Option<i32> {
    let text = tag.attribute(attribute)?;
    let text = text.trim_ascii_start();
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = text.get(..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))?;
    // Browsers take no number beyond the bounds either.
    let value: i32 = digits.parse().ok()?;
    Some(if is_negative { -value } else { value })
}

/// a to z, aa, ab and so on.
fn letters(number: i32) -> Option<String> {
    let mut rest = u32::try_from(number).ok().filter(|number| *number > 0)?;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + u8::try_from(rest % 26).ok()?));
        rest /= 26;
    }
    Some(letters.into_iter().rev().collect())
}

fn roman(number: i32) -> Option<String> {
    const SIGNS: [(i32, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let mut rest = Some(number).filter(|number| (1..4000).contains(number))?;
    let mut roman = String::new();
    for (value, sign) in SIGNS {
        while rest >= value {
            roman.push_str(sign);
            rest -= value;
        }
    }
    Some(roman)
}
