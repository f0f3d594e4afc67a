//! The rows of the table.

/// One construct.
pub(super) struct Row {
    pub(super) template: &'static str,
    /// Ruby's result, or its error.
    pub(super) ruby: Result<&'static str, &'static str>,
    /// The message of `tandem check` that refuses the template; without one tandem's result is Ruby's.
    pub(super) refusal: Option<&'static str>,
}

const fn same(template: &'static str, text: &'static str) -> Row {
    Row { template, ruby: Ok(text), refusal: None }
}

/// Ruby takes it and tandem does not.
const fn refused(template: &'static str, text: &'static str, refusal: &'static str) -> Row {
    Row { template, ruby: Ok(text), refusal: Some(refusal) }
}

/// Neither takes it.
const fn both_refuse(template: &'static str, error: &'static str, refusal: &'static str) -> Row {
    Row { template, ruby: Err(error), refusal: Some(refusal) }
}

const TEXT_WITH_NUMBER: &str = "compares a text with a number; make the text a number first";
const NO_NUMBER: &str = "works on numbers";
const NOTHING: &str = "works on numbers, and there is nothing; put `| default: 0` in front of it";
const NO_TIME: &str = "works on times such as `event.received_at`, written with their offset";
const NO_LIST: &str = "works on a text, not on a list or a table";
const BRACE: &str = "give the text a name with `{% capture name %}…{% endcapture %}` and write the name";

/// All rows, by topic.
pub(super) const GROUPS: &[(&str, &[Row])] = &[
    ("Comparing", COMPARING),
    ("Choosing", CHOOSING),
    ("Repeating", REPEATING),
    ("Values and names", VALUES),
    ("White space", WHITE_SPACE),
    ("Filters for texts", TEXTS),
    ("Filters for lists", LISTS),
    ("Filters for numbers", NUMBERS),
    ("Filters for times", TIMES),
    ("Tags that are not available", TAGS),
];

const COMPARING: &[Row] = &[
    both_refuse(
        "{% assign h = event.received_at | date: '%H' %}{% if h > 8 %}T{% else %}F{% endif %}",
        "Liquid error: comparison of String with 8 failed",
        TEXT_WITH_NUMBER,
    ),
    same("{% assign h = event.received_at | date: '%H' | plus: 0 %}{% if h > 8 %}T{% else %}F{% endif %}", "T"),
    both_refuse(
        "{% if ticket.id > '5' %}T{% endif %}",
        "Liquid error: comparison of Integer with String failed",
        TEXT_WITH_NUMBER,
    ),
    refused("{% if ticket.id == '1234' %}T{% else %}F{% endif %}", "F", TEXT_WITH_NUMBER),
    same("{% if ticket.id == 1234 %}T{% else %}F{% endif %}", "T"),
    same("{% if ticket.id == 1234.0 %}T{% else %}F{% endif %}", "T"),
    same("{% if ticket.id <> 1234 or ticket.id != 1234 %}T{% else %}F{% endif %}", "F"),
    same("{% if 'B' < 'a' and 'a' <= 'ab' and 2 < 10 and -1.5 >= -2 %}T{% else %}F{% endif %}", "T"),
    same("{% if customer.first_name == 'Bob' and ticket.status == 'open' or ticket.id %}T{% else %}F{% endif %}", "F"),
    same("{% if ticket.id or ticket.id and false %}T{% else %}F{% endif %}", "T"),
    same("{% if false and false or true %}T{% else %}F{% endif %}", "F"),
    same("{% if event.channel %}T{% else %}F{% endif %}", "F"),
    same("{% if '' and 0 %}T{% else %}F{% endif %}", "T"),
    same("{% if event.channel == nil %}T{% else %}F{% endif %}", "T"),
    same("{% if nil == false %}T{% else %}F{% endif %}", "F"),
    same("{% if true == 'text' %}T{% else %}F{% endif %}", "F"),
    same("{% if event.channel < 5 or event.channel >= 5 %}T{% else %}F{% endif %}", "F"),
    same("{% if true <= true %}T{% else %}F{% endif %}", "F"),
    same("{% if customer.line contains 'us' %}T{% else %}F{% endif %}", "T"),
    same("{% if event.channel contains 'us' %}T{% else %}F{% endif %}", "F"),
    same("{% if customer.phone contains 555 %}T{% else %}F{% endif %}", "T"),
    same("{% if ticket.id contains 12 %}T{% else %}F{% endif %}", "F"),
    same("{% assign l = 'a,b' | split: ',' %}{% if l contains 'b' %}T{% else %}F{% endif %}", "T"),
    same("{% if '' == empty and message.media == empty %}T{% else %}F{% endif %}", "T"),
    same("{% if event.channel == empty %}T{% else %}F{% endif %}", "F"),
    same("{% if ' ' == empty %}T{% else %}F{% endif %}", "F"),
    same("{% if ' ' == blank and event.channel == blank and false == blank %}T{% else %}F{% endif %}", "T"),
    refused("{% if empty %}T{% else %}F{% endif %}", "T", "`empty` and `blank` stand only behind `==` and `!=`"),
    refused("{% if customer.first_name=='Ada' %}T{% else %}F{% endif %}", "F", "`==` needs a blank on either side"),
    refused(
        "{% if customer.first_name contains'A' %}T{% else %}F{% endif %}",
        "T",
        "two words or texts need a blank between them",
    ),
];

const CHOOSING: &[Row] = &[
    same("{% if false %}a{% elsif true %}b{% else %}c{% endif %}", "b"),
    same("{% unless true %}a{% elsif true %}b{% else %}c{% endunless %}", "b"),
    same("{% unless false %}a{% else %}c{% endunless %}", "a"),
    same(
        "{% case ticket.status %}{% when 'new' or 'open' %}a{% when 'solved', 'closed' %}b{% else %}c{% endcase %}",
        "a",
    ),
    same("{% case ticket.status %}{% when 'open' %}a{% when 'open' %}b{% else %}c{% endcase %}", "ab"),
    same("{% case event.channel %}{% when 'sms' %}a{% when nil %}b{% endcase %}", "b"),
    same("{% case event.channel %}{% when empty %}a{% when blank %}b{% endcase %}", "b"),
    refused("{% case ticket.id %}{% when '1234' %}a{% else %}b{% endcase %}", "b", TEXT_WITH_NUMBER),
    refused(
        "{% if true %}a{% else %}b{% else %}c{% endif %}",
        "a",
        "stands behind `{% else %}`, where it is never reached",
    ),
];

const REPEATING: &[Row] = &[
    same(
        "{% assign l = 'a,b,c' | split: ',' %}{% for x in l %}{{ forloop.index }}{{ x }}{% unless forloop.last %},{% endunless %}{% endfor %}",
        "1a,2b,3c",
    ),
    same(
        "{% assign l = 'a,b,c' | split: ',' %}{% for x in l %}{{ forloop.index0 }}{{ forloop.rindex }}{{ forloop.rindex0 }}{{ forloop.first }}{{ forloop.length }} {% endfor %}",
        "032true3 121false3 210false3 ",
    ),
    same("{% assign l = 'a,b,c' | split: ',' %}{% for x in l reversed limit: 2 offset: 1 %}{{ x }}{% endfor %}", "cb"),
    refused(
        "{% assign l = 'a,b,c' | split: ',' %}{% for x in l limit: 2 reversed %}{{ x }}{% endfor %}",
        "ab",
        "`reversed` stands in front of `limit:` and `offset:`",
    ),
    same(
        "{% assign l = 'a,b,c' | split: ',' %}{% for x in l %}{% if x == 'b' %}{% continue %}{% endif %}{{ x }}{% endfor %}",
        "ac",
    ),
    same("{% assign l = 'a,b,c' | split: ',' %}{% for x in l %}{{ x }}{% break %}{% endfor %}", "a"),
    same("{% for x in message.media %}{{ x }}{% else %}none{% endfor %}", "none"),
    same("{% for x in event.channel %}{{ x }}{% else %}none{% endfor %}", "none"),
    refused("{% for x in customer.name %}{{ x }}{% endfor %}", "Ada Example", "`for` repeats only over lists"),
    refused("{% for x in (1..3) %}{{ x }}{% endfor %}", "123", "ranges such as `(1..10)` are not available"),
    refused(
        "a{% if true %}{% break %}{% endif %}b",
        "a",
        "stands outside of a `for`; there it would cut off the whole text",
    ),
    refused("{{ forloop.index }}", "", "there is no `forloop` outside of a `for`"),
];

const VALUES: &[Row] = &[
    same("{{ 5 }} {{ -7 }} {{ 1.0 }} {{ 0.5 }} {{ true }} {{ 'text' }} {{ nil }}", "5 -7 1.0 0.5 true text "),
    same("{{ event.channel }}", ""),
    refused("{{ customer.nickname }}", "", "there is no `customer.nickname`; `customer` has:"),
    same("{{ message.media[0] }}{{ message.media.first }}{{ message.media.size }}", "0"),
    same("{% assign l = 'a,b,c' | split: ',' %}{{ l[0] }}{{ l[-1] }}{{ l.last }}{{ l[7] }}{{ l.size }}", "acc3"),
    same("{% assign n = 'Zoë' %}{{ n.size }}", "3"),
    same("{% if false %}{% assign n = 'x' %}{% endif %}{{ n }}", ""),
    same("{% assign n = 'a' %}{% capture n %}{{ n }}b{% endcapture %}{{ n }}", "ab"),
    refused("{{ message.media['size'] }}", "", "write them behind a point, as in `message.media.size`"),
    refused(
        "{% assign l = 'a,b' | split: ',' %}{{ l[ 1 ] }}",
        "b",
        "brackets hold a name, a text or a number and no blanks",
    ),
    refused(
        "{{ attributes[attributes['x']] }}",
        "",
        "brackets inside brackets are not understood; give the inner value a name with `assign`",
    ),
    refused("{{ +5 }}", "", "a number has no `+` in front of it"),
    both_refuse(
        "{{ 'a}b' }}",
        "Liquid syntax error: Variable '{{ 'a}' was not properly terminated with regexp: /\\}\\}/",
        BRACE,
    ),
    same("{% capture b %}a}}b{% endcapture %}{{ b }}", "a}}b"),
];

const WHITE_SPACE: &[Row] = &[
    same("a {{- ' b ' -}} c", "a b c"),
    same("a\n {%- if true -%} \n b \n {%- endif -%} \nc", "abc"),
    same("a{% if true %} {% endif %}b", "ab"),
    same("a{% if true %}{{ ' ' }}{% endif %}b", "a b"),
    same("a{% if true %} {% assign n = 1 %} {% else %} {% endif %}b", "ab"),
    same("a{% if true %} {% else %}c{% endif %}b", "a b"),
];

const TEXTS: &[Row] = &[
    same(
        "{{ event.channel | default: 'none' }}{{ '' | default: 1 }}{{ false | default: 2 }}{{ 0 | default: 3 }}",
        "none120",
    ),
    same("{{ 'b' | append: 'c' | prepend: 'a' | append: 1.0 | append: event.channel }}", "abc1.0"),
    same("{{ 'Straße ΑΣ' | upcase }} {{ 'ÄB ΑΣ' | downcase }}", "STRASSE ΑΣ äb ασ"),
    same(
        "{{ 'aDA lovelace' | capitalize }} {{ 'élan' | capitalize }} {{ 'ßa' | capitalize }}",
        "Ada lovelace Élan Ssa",
    ),
    same("{{ 'a.b.c' | replace: '.', '-' }} {{ 'a.b' | remove: '.' }}", "a-b-c ab"),
    same("{{ 'a.b' | replace: '.', '<\\0\\\\>' }}", "a<.\\>b"),
    refused("{{ 'ab' | replace: '', '-' }}", "-a-b-", "has nothing to search for"),
    same("({{ ' a ' | strip }}) ({{ ' a ' | lstrip }}) ({{ ' a ' | rstrip }})", "(a) (a ) ( a)"),
    same("({{ '\u{a0}a\u{a0}' | strip }})", "(\u{a0}a\u{a0})"),
    same("{{ message.text | strip_newlines }}", "Hello Ada,the driver left it with your neighbour."),
    same("{{ message.text | newline_to_br }}", "Hello Ada,<br />\nthe driver left it with your neighbour."),
    same("{{ \"<a href='x'>&\" | escape }}", "&lt;a href=&#39;x&#39;&gt;&amp;"),
    same("{{ 'a b*~/ü' | url_encode }}", "a+b%2A~%2F%C3%BC"),
    same(
        "{{ 'abcdefgh' | truncate: 6 }} {{ 'abcdefgh' | truncate: 4, '…' }} {{ 'abc' | truncate: 3 }}",
        "abc... abc… abc",
    ),
    same("{{ 'abcdef' | truncate: 1, '..' }}", ".."),
    same(
        "{% assign e = ticket.subject | escape %}{% if e %}T{% else %}F{% endif %}{{ e | truncate: 5 | default: 'none' }}",
        "Fnone",
    ),
    same("{{ customer.name | size }} {{ 'äöü' | size }} {{ event.channel | size }}", "11 3 0"),
    refused("{{ ticket.id | size }}", "8", "works on texts, lists and tables"),
    refused("{{ message.media | upcase }}", "[]", NO_LIST),
];

const LISTS: &[Row] = &[
    same("{{ 'a,b,,' | split: ',' | size }} {{ ',a' | split: ',' | size }} {{ '' | split: ',' | size }}", "2 2 0"),
    same("{{ ' Ada  Example ' | split: ' ' | first }} {{ ' a b ' | split: ' ' | size }}", "Ada 2"),
    refused("{{ 'ab' | split: '' | size }}", "2", "has nothing to split at"),
    same("{{ 'a,b' | split: ',' | join }} {{ 'a,b' | split: ',' | join: ' + ' }}", "a b a + b"),
    same("{{ 'a,b' | split: ',' }}", "ab"),
    same("{{ 'a,b' | split: ',' | last }}{{ message.media | first }}{{ event.channel | last }}", "b"),
    refused("{{ customer.name | first }}", "", "works on a list"),
];

const NUMBERS: &[Row] = &[
    same(
        "{{ 7 | plus: 2 }} {{ 7 | minus: 9 }} {{ '7' | times: 2 }} {{ 7 | divided_by: 2 }} {{ 7 | modulo: 4 }}",
        "9 -2 14 3 3",
    ),
    same("{{ 7 | divided_by: -2 }} {{ -7 | divided_by: 2 }} {{ -7 | divided_by: -2 }}", "-4 -4 3"),
    same("{{ 7 | modulo: -3 }} {{ -7 | modulo: 3 }} {{ -7 | modulo: -3 }}", "-2 2 -1"),
    same("{{ 7.5 | modulo: -2 }} {{ -7.5 | modulo: 2 }} {{ 7.5 | divided_by: -2 }}", "-0.5 0.5 -3.75"),
    same(
        "{{ 0.1 | plus: 0.2 }} {{ 1.1 | times: 3 }} {{ 10 | divided_by: 3.0 }} {{ 4 | times: 0.5 }}",
        "0.3 3.3 3.3333333333333335 2.0",
    ),
    same("{{ ' 12 ' | plus: 1 }} {{ '7.50' | plus: 0 }} {{ '010' | plus: 0 }}", "13 7.5 10"),
    refused("{{ '12 apples' | plus: 1 }}", "13", NO_NUMBER),
    refused("{{ '1e3' | plus: 0 }}", "1", NO_NUMBER),
    refused("{{ event.channel | plus: 1 }}", "1", NOTHING),
    refused("{{ true | plus: 1 }}", "1", NO_NUMBER),
    refused("{{ 999999999999999999 | times: 100 }}", "99999999999999999900", "does not fit 64 bits"),
    both_refuse("{{ 1 | divided_by: 0 }}", "Liquid error: divided by 0", "divides by zero"),
    both_refuse("{{ 1.5 | modulo: 0 }}", "Liquid error: divided by 0", "divides by zero"),
];

const TIMES: &[Row] = &[
    same("{{ event.received_at | date: '%Y-%m-%d %H:%M:%S %j %C %y' }}", "2026-11-21 09:30:00 325 20 26"),
    same(
        "{{ event.received_at | date: '%a %A %b %B %h %p %P %I %l %k %e' }}",
        "Sat Saturday Nov November Nov AM am 09  9  9 21",
    ),
    same(
        "{{ event.received_at | date: '%u %w %U %W %V %G %g %s %L %N %z %Z' }}",
        "6 6 46 46 47 2026 26 1795253400 000 000000000 +0000 UTC",
    ),
    same("{{ event.received_at | date: '%x' }} {{ event.received_at | date: '%D' }}", "11/21/26 11/21/26"),
    same("{{ event.received_at | date: '%c' }}", "Sat Nov 21 09:30:00 2026"),
    same(
        "{{ event.received_at | date: '%v %F %T %X %R %r' }}",
        "21-NOV-2026 2026-11-21 09:30:00 09:30:00 09:30 09:30:00 AM",
    ),
    same("{{ event.received_at | date: '%-I:%M %^a %_H %0e %%' }}", "9:30 SAT  9 21 %"),
    same("{{ '2026-06-05T12:05:09+02:00' | date: '%H:%M %z' }}", "12:05 +0200"),
    same("{{ event.channel | date: '%Y' }}{{ event.received_at | date: '' }}", "2026-11-21T09:30:00Z"),
    refused("{{ event.received_at | date: '%+' }}", "%+", "does not know `%+`"),
    refused("{{ event.received_at | date: '%Q' }}", "%Q", "does not know `%Q`"),
    refused("{{ event.received_at | date: '%10Y' }}", "0000002026", "does not know `%1`"),
    refused("{{ customer.name | date: '%Y' }}", "Ada Example", NO_TIME),
    refused("{{ '2026-11-21 09:30' | date: '%Y' }}", "2026", NO_TIME),
];

const TAGS: &[Row] = &[
    refused("{% comment %}x{% endcomment %}", "", "the tag `comment` is not available in mappings"),
    refused("{% raw %}x{% endraw %}", "x", "the tag `raw` is not available in mappings"),
    refused("{% increment n %}", "0", "the tag `increment` is not available in mappings"),
    refused("{% cycle 'a', 'b' %}", "a", "the tag `cycle` is not available in mappings"),
    refused("{% echo 'a' %}", "a", "the tag `echo` is not available in mappings"),
];
