//! Templates mean the same as in Ruby's Liquid: thousands of random templates are rendered by both.
//!
//! Every template that tandem takes must come out as Ruby makes it; refused ones are left out here. Ruby's Liquid runs
//! through `tests/liquid.rb`; `tests/install-liquid` installs it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::super::{Name, letters};
use super::{made_of, sample};

/// The number of templates.
const TEMPLATES: usize = 6_000;

/// Pseudo-random numbers, the same in every run.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.draw(of.len())]
    }
}

const TEXTS: [&str; 30] = [
    "'a'",
    "'aDA lovelace'",
    "''",
    "' '",
    "' a  b '",
    "'a,b,,'",
    "',a'",
    "'äÖü ß'",
    "'ǆ'",
    "'ΑΣ'",
    "'5'",
    "'7.50'",
    "'-3'",
    "'+5'",
    "'1e3'",
    "'010'",
    "' 12 '",
    "'12 apples'",
    "'.5'",
    "'a\u{a0}b\u{a0}'",
    "'\t a\r\n'",
    "\"it's\"",
    "'<b>&\"'",
    "'a\nb\r\nc\rd'",
    "'\\\\0-\\\\'",
    "'👍🏽x'",
    "'a*~/ü'",
    "'ab ab'",
    "'true'",
    "'0'",
];

const OTHERS: [&str; 37] = [
    "5",
    "-7",
    "0",
    "3",
    "7.5",
    "-2.5",
    "1.0",
    "0.1",
    "0.2",
    "-0.0",
    "100000000000000000.0",
    "0.00001",
    "nil",
    "true",
    "false",
    "empty",
    "blank",
    "customer.first_name",
    "customer.name",
    "customer.line",
    "ticket.id",
    "ticket.subject",
    "message.media",
    "message.uploads",
    "message.text",
    "message.media[0]",
    "message.media[7]",
    "message.media.first",
    "message.uploads.first",
    "message.media[-1]",
    "attributes.half",
    "attributes.flag",
    "attributes.nothing",
    "attributes.list",
    "attributes.table",
    "attributes.list.size",
    "attributes.words",
];

const PLAIN: [&str; 16] = [
    "upcase",
    "downcase",
    "capitalize",
    "strip",
    "lstrip",
    "rstrip",
    "strip_newlines",
    "newline_to_br",
    "escape",
    "url_encode",
    "first",
    "last",
    "size",
    "join",
    "size",
    "strip",
];

const WITH_ARGUMENT: [&str; 15] = [
    "default",
    "append",
    "prepend",
    "remove",
    "truncate",
    "split",
    "join",
    "plus",
    "minus",
    "times",
    "divided_by",
    "modulo",
    "plus",
    "divided_by",
    "modulo",
];

const FORMATS: [&str; 12] = [
    "'%Y-%m-%d %H:%M:%S'",
    "'%x %c %X %r %R %T %D %F %v'",
    "'%L %N %z %Z %s'",
    "'%-d %_d %0e %-e %_H %-I %-l %^a %^B'",
    "'%a %A %b %B %h %p %P %j %C %y'",
    "'%e %k %l %I %M'",
    "'%u %w %U %W %V %G %g'",
    "'%%%n%t'",
    "'%+'",
    "'%^p%^P'",
    "''",
    "'%-y %-C %-j %-U %_j %_Y %0Y %-m/%-d'",
];

const TIMES: [&str; 12] = [
    "event.received_at",
    "'2026-01-01T00:00:00Z'",
    "'2024-12-30T23:59:59.123456789Z'",
    "'2026-06-05T12:05:09+02:00'",
    "'2027-01-03T13:00:00-05:30'",
    "'2020-02-29T05:06:07z'",
    "'2026-11-21 09:30:00Z'",
    "'2026-11-21T09:30Z'",
    "'2021-01-03T00:30:00+00:00'",
    "nil",
    "''",
    "'2000-01-02 00:00:00 +0100'",
];

fn value(lot: &mut Lot) -> String {
    if lot.draw(8) == 0 {
        let number = format!("{}{}.{}", lot.one(&["", "-"]), lot.draw(1000), lot.draw(10_000));
        return if lot.draw(2) == 0 { number } else { format!("'{number}'") };
    }
    let at = lot.draw(TEXTS.len() + OTHERS.len());
    TEXTS.get(at).copied().unwrap_or_else(|| OTHERS[at - TEXTS.len()]).to_owned()
}

fn chain(lot: &mut Lot) -> String {
    if lot.draw(12) == 0 {
        return format!("{} | date: {}", lot.one(&TIMES), lot.one(&FORMATS));
    }
    let mut chain = value(lot);
    for _ in 0..lot.draw(4) {
        let piece = match lot.draw(5) {
            0 | 1 => lot.one(&PLAIN).to_owned(),
            2 | 3 => format!("{}: {}", lot.one(&WITH_ARGUMENT), value(lot)),
            _ => match lot.draw(2) {
                0 => format!("replace: {}, {}", value(lot), value(lot)),
                _ => format!("truncate: {}, {}", lot.draw(6), value(lot)),
            },
        };
        chain = format!("{chain} | {piece}");
    }
    chain
}

fn condition(lot: &mut Lot) -> String {
    let mut condition = String::new();
    for turn in 0..=lot.draw(3) {
        if turn > 0 {
            condition += lot.one(&[" and ", " or "]);
        }
        let left = if lot.draw(4) == 0 { "v".to_owned() } else { value(lot) };
        condition += &left;
        if lot.draw(5) > 0 {
            let sign = lot.one(&["==", "!=", "<>", "<", ">", "<=", ">=", "contains", "=="]);
            condition += &format!(" {sign} {}", value(lot));
        }
    }
    condition
}

/// The beginning or the end of a piece, which may trim.
fn edge(lot: &mut Lot) -> &'static str {
    if lot.draw(5) == 0 { "-" } else { "" }
}

fn white(lot: &mut Lot) -> &'static str {
    lot.one(&["", " ", "\n  ", "\t", "x", " x ", "", "\u{a0}"])
}

fn piece(lot: &mut Lot, depth: usize) -> String {
    let (open, close) = (edge(lot), edge(lot));
    let tag = |inside: String| format!("{{%{open} {inside} {close}%}}");
    match lot.draw(if depth == 0 { 4 } else { 11 }) {
        0 => format!("{{{{{open} {} {close}}}}}", chain(lot)),
        1 => tag(format!("assign v = {}", chain(lot))),
        2 => "{{ v }}{{ v.size }}{{ v.first }}".to_owned(),
        3 => white(lot).to_owned(),
        4 | 5 => {
            let body = body(lot, depth - 1);
            let mut choice = tag(format!("if {}", condition(lot))) + &body;
            if lot.draw(2) == 0 {
                choice += &format!("{{% elsif {} %}}{}", condition(lot), white(lot));
            }
            if lot.draw(2) == 0 {
                choice += &format!("{{%- else %}}{}", white(lot));
            }
            choice + "{% endif %}"
        }
        6 => {
            let body = body(lot, depth - 1);
            format!(
                "{{% unless {} %}}{body}{{% elsif {} %}}e{{% else -%}} o{{% endunless %}}",
                condition(lot),
                condition(lot)
            )
        }
        7 => {
            let mut choice = format!("{{% case {} %}} n ", value(lot));
            for _ in 0..=lot.draw(2) {
                choice +=
                    &format!("{{% when {}, {} or {} %}}{}", value(lot), value(lot), value(lot), body(lot, depth - 1));
            }
            choice + "{% else %}E{% endcase %}"
        }
        8 | 9 => {
            let more = lot.one(&[
                "",
                " reversed",
                " limit: 1",
                " offset: 1",
                " reversed limit: 2",
                " limit: 2 offset: 1",
                " limit: nil",
                " limit: '1'",
            ]);
            let list =
                lot.one(&["message.media", "attributes.list", "message.uploads", "nil", "attributes.words", "v"]);
            let inner = body(lot, depth - 1);
            let stop = lot.one(&[
                "",
                "",
                "{% break %}",
                "{% if i == 2.5 %} {% continue %} {% endif %}",
                "{{ forloop.index }}{{ forloop.last }}",
            ]);
            format!("{{% for i in {list}{more} %}}{{{{ i }}}}{stop}{inner}{{% else %}}none{{% endfor %}}")
        }
        _ => format!("{{% capture v %}}{}{{% endcapture %}}", body(lot, depth - 1)),
    }
}

fn body(lot: &mut Lot, depth: usize) -> String {
    (0..lot.draw(3)).map(|_| white(lot).to_owned() + &piece(lot, depth) + white(lot)).collect()
}

#[test]
#[ignore = "needs Ruby's liquid, which tests/install-liquid installs"]
fn what_is_taken_comes_out_as_ruby_makes_it() {
    let mut context = sample(Name::AgentReply);
    context.message.media = vec!["https://a.example/1".to_owned(), "b".to_owned()];
    let attributes = json!({"half": 1.5, "flag": false, "nothing": null, "list": [1, "a", null, 2.5, true, "a"],
        "table": {"a": 1}, "words": ["x", "yY", ""]});
    context.attributes = attributes.as_object().unwrap().clone();
    let values = serde_json::to_value(&context).unwrap();
    let mut lot = Lot(0x7a6e_6409);
    let templates: Vec<String> = (0..TEMPLATES)
        .map(|_| format!("[{{% assign v = {} %}}{}{}]", value(&mut lot), piece(&mut lot, 2), piece(&mut lot, 2)))
        .collect();
    let made: Vec<Result<String, String>> = templates.iter().map(|template| made_of(template, &context)).collect();
    let lines: Vec<Value> = templates.iter().map(|template| json!([template, values])).collect();
    let answers = ruby(&lines);
    let mut taken = 0;

    let mut wrong = Vec::new();
    for ((template, made), answer) in templates.iter().zip(&made).zip(&answers) {
        let Ok(made) = made else { continue };
        taken += 1;
        if answer["made"].as_str() != Some(made) {
            wrong.push(format!("{template:?}\n  Ruby {answer}\n  here {made:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {taken} differ:\n{}",
        wrong.len(),
        wrong.get(..20.min(wrong.len())).unwrap().join("\n")
    );
    assert!(taken > TEMPLATES / 10, "only {taken} of {TEMPLATES} are taken, which shows little");
}

/// Every letter that has another form, before one whose form depends on its place in a word.
#[test]
#[ignore = "needs Ruby's liquid, which tests/install-liquid installs"]
fn letters_are_those_of_ruby() {
    const TEMPLATE: &str = "{{ x | upcase }} {{ x | downcase }} {{ x | capitalize }}";
    let has_forms = |c: &char| !c.to_uppercase().eq([*c]) || !c.to_lowercase().eq([*c]);
    let words: Vec<String> = (char::MIN..=char::MAX).filter(has_forms).map(|c| format!("{c}\u{391}\u{3a3}")).collect();
    let lines: Vec<Value> = words.iter().map(|word| json!([TEMPLATE, { "x": word }])).collect();
    let mut wrong = Vec::new();
    for (word, answer) in words.iter().zip(ruby(&lines)) {
        let made = [letters::upcase(word), letters::downcase(word), letters::capitalize(word)].join(" ");
        // Ruby 3.1 does not know the letters of later Unicodes, and leaves them as they are.
        let first = word.chars().next().unwrap();
        let is_unknown = answer["made"].as_str().unwrap().split(' ').all(|form| form.starts_with(first));
        if !is_unknown && answer["made"] != made.as_str() {
            wrong.push(format!("{first:?}: Ruby {answer}, here {made:?}"));
        }
    }
    assert!(words.len() > 2_500 && wrong.is_empty(), "{} of {}:\n{}", wrong.len(), words.len(), wrong.join("\n"));
}

/// The answer of Ruby's Liquid to each line.
fn ruby(lines: &[Value]) -> Vec<Value> {
    let mut ruby = Command::new("ruby")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/liquid.rb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/install-liquid installs ruby");
    let mut input = ruby.stdin.take().unwrap();
    let written: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let writer = std::thread::spawn(move || input.write_all(&written));
    let output = ruby.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "Ruby's liquid did not answer; see what it says above");
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), lines.len());
    answers
}
