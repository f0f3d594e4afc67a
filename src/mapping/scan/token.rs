//! Takes the inside of one piece of Liquid apart, and refuses spellings that Liquid reads in another way than they
//! look.

/// The most digits of a number. Every number this long fits 64 bits, and the parser panics on one that does not.
const MAX_DIGITS: usize = 18;

/// One word or sign of Liquid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Path(&'a str),
    /// The text between two quotation marks.
    Text(&'a str),
    Number,
    Sign(char),
}

/// The inside of a piece without white space around it, and with plain blanks in it, because the parser knows no other
/// white space. Text in quotation marks stays unchanged.
pub(super) fn one_line(inside: &str) -> String {
    let mut quote = None;
    let blank = |c: char| {
        quote = match quote {
            Some(open) if open == c => None,
            None if c == '"' || c == '\'' => Some(c),
            quote => quote,
        };
        if quote.is_none() && is_white(c) { ' ' } else { c }
    };
    inside.trim_matches(is_white).chars().map(blank).collect()
}

fn is_white(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// The words and signs of `inside`, which is on [`one_line`].
///
/// # Errors
/// The refused spelling and its remedy, in words.
pub(super) fn tokens(inside: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = inside;
    let mut is_in_brackets = false;
    // Whether the last token is a value without a blank or sign behind it yet.
    let mut follows_value = false;
    while let Some(c) = rest.chars().next() {
        let (token, length) = token(c, rest)?;
        let is_value = matches!(token, Some(Token::Path(_) | Token::Text(_) | Token::Number));
        match &token {
            None if is_in_brackets => return Err("brackets hold a name, a text or a number and no blanks".to_owned()),
            Some(Token::Text(text)) if is_in_brackets && text.contains(']') => {
                return Err("a text in brackets cannot hold brackets".to_owned());
            }
            Some(Token::Sign('[')) if is_in_brackets => {
                return Err(
                    "brackets inside brackets are not understood; give the inner value a name with `assign`".to_owned()
                );
            }
            Some(Token::Sign('[')) => is_in_brackets = true,
            Some(Token::Sign(']')) => is_in_brackets = false,
            Some(Token::Sign('+')) => return Err("a number has no `+` in front of it".to_owned()),
            Some(Token::Sign('-'))
                if !rest.get(1..).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                return Err("a `-` stands only in front of a number; to subtract, use the filter `minus`".to_owned());
            }
            Some(Token::Sign(sign)) if !sign.is_ascii() => return Err(foreign(*sign)),
            Some(_) if is_value && follows_value => {
                return Err("two words or texts need a blank between them".to_owned());
            }
            Some(_) | None => {}
        }
        follows_value = is_value;
        tokens.extend(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    comparisons_stand_apart(inside)?;
    Ok(tokens)
}

/// The token at the beginning of `rest`, and its length in bytes; a blank is no token.
fn token(c: char, rest: &str) -> Result<(Option<Token<'_>>, usize), String> {
    Ok(match c {
        '"' | '\'' => {
            let text = rest.get(1..).and_then(|tail| tail.split_once(c)).ok_or("a quotation mark has no partner")?.0;
            (Some(Token::Text(text)), text.len() + 2)
        }
        ' ' => (None, 1),
        c if c.is_ascii_alphabetic() || c == '_' => {
            let path = leading(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
            (Some(Token::Path(path)), path.len())
        }
        c if c.is_ascii_digit() => {
            let digits = leading(rest, |c| c.is_ascii_digit()).len();
            if digits > MAX_DIGITS {
                return Err(format!(
                    "a number has more than {MAX_DIGITS} digits; write it as text, in quotation marks"
                ));
            }
            (Some(Token::Number), digits)
        }
        '$' => return Err(BRAZE_DIALECT.to_owned()),
        '(' | ')' => {
            return Err("parentheses and ranges such as `(1..10)` are not available in mappings; \
                        loop over a list of the event instead"
                .to_owned());
        }
        sign => (Some(Token::Sign(sign)), sign.len_utf8()),
    })
}

/// Refuses `a=='b'` without blanks, because Liquid takes it for one odd name, whose value is nil.
fn comparisons_stand_apart(inside: &str) -> Result<(), String> {
    let mut quote = None;
    let mut before = ' ';
    let mut signs = String::new();
    for c in inside.chars().chain([' ']) {
        let is_sign = quote.is_none() && matches!(c, '=' | '!' | '<' | '>');
        if is_sign {
            signs.push(c);
            continue;
        }
        // A single `=` belongs to `assign`.
        if !signs.is_empty() && signs != "=" && (before != ' ' || c != ' ') {
            return Err(format!("`{signs}` needs a blank on either side"));
        }
        signs.clear();
        before = c;
        quote = match quote {
            Some(open) if open == c => None,
            None if c == '"' || c == '\'' => Some(c),
            quote => quote,
        };
    }
    Ok(())
}

/// A sign that comes from another program or keyboard.
fn foreign(sign: char) -> String {
    if sign.is_whitespace() {
        "a blank that is none stands between the words, such as a no-break space; type a plain one".to_owned()
    } else {
        format!("`{sign}` means nothing here; quotation marks are `'` or `\"`, and names are in plain letters")
    }
}

const BRAZE_DIALECT: &str = "`${name}` is Braze's own dialect, which is understood only inside Braze; \
     here a value is called by its plain name, for example `{{ customer.first_name }}`";

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
