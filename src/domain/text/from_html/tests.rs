//! HTML as agents' editors write it, as people paste it into them, and as no editor writes it.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn check(cases: &[(&str, &str, &str)]) {
    for (what, html, expected) in cases {
        assert_eq!(plain_from_html(html), *expected, "{what}");
    }
}

#[test]
fn comments_become_text() {
    let cases = [
        (
            "a comment",
            r#"<div class="zd-comment" dir="auto"><p dir="auto">Hello&nbsp;Ada,</p><p dir="auto">it&#39;s <b>done</b>.<br>Bye</p></div>"#,
            "Hello Ada,\n\nit's done.\nBye",
        ),
        ("source line breaks", "<p>one\n  two</p>\n\n<p>\nthree</p>", "one two\n\nthree"),
        ("one blank line at most", "<p>a</p><p>&nbsp;</p><br><br><br><p>b</p>", "a\n\nb"),
        ("divs", "<div>a</div><div>b<br></div><div>c</div><div><br></div><div>d</div>", "a\nb\nc\n\nd"),
        ("a list", "<p>Steps:</p><ul><li>one</li><li><p>two</p></li><li></li></ul>end", "Steps:\n\n- one\n- two\nend"),
        (
            "numbers and nesting",
            r#"<ol start="3"><li>c<ul><li>x<li>y</ul></li><li>d</li></ol>"#,
            "3. c\n  - x\n  - y\n4. d",
        ),
        ("an item without a list", "<li>x", "- x"),
    ];
    check(&cases);
}

#[test]
fn links_tables_and_rubbish_become_text() {
    let cases = [
        (
            "a link",
            r#"See <a href="https://example.com/a?b=1&amp;c=2">the page</a>, ok"#,
            "See the page (https://example.com/a?b=1&c=2), ok",
        ),
        (
            "a link that is its text",
            r#"<a href="https://www.example.com/">example.com</a> and <a href='http://x.org/y'>http://x.org/y</a>"#,
            "example.com and http://x.org/y",
        ),
        (
            "a link that lies",
            r#"<a href="https://evil.example">https://bank.example</a>"#,
            "https://bank.example (https://evil.example)",
        ),
        (
            "a link in a list",
            r#"x<ul><li><a href="https://y.example">https://y.example</a></li></ul>"#,
            "x\n- https://y.example",
        ),
        ("a link without text", r#"<a href="https://example.com/x"><img src="y"></a>"#, "https://example.com/x"),
        (
            "mail and telephone",
            r#"<a href="mailto:a@b.example?subject=x">a@b.example</a> <a href="tel:+15550001111">call</a>"#,
            "a@b.example call (+15550001111)",
        ),
        (
            "links that lead nowhere",
            r##"<a href="javascript:alert(1)">a</a> <a href="#x">b</a> <a href="/y">c</a> <a>d</a> <a href="https://">e</a>"##,
            "a b c d e",
        ),
        (
            "a link that is never closed",
            r#"<a href="https://x.example">one <a href="https://y.example">two"#,
            "one (https://x.example) two (https://y.example)",
        ),
        ("white space in a link", r#"<a href="https://x.example"> one </a>two"#, "one (https://x.example) two"),
        ("pictures", r#"<img alt="A &amp; B" src="x">then<img src="y">"#, "[A & B]then"),
        ("preformatted", "<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
        ("a table", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n1 | 2"),
        (
            "what is not text",
            "<style>p{}</style><script>if (a<b) '</p>'</script><title>t</title><!-- <p>no</p> -->yes<!doctype html><?php x ?>",
            "yes",
        ),
        (
            "entities",
            "&lt;b&gt; &amp;lt; &quot;&euro;&hellip;&eacute;&#8364;&#x20AC;&#128;&#0; &unknown; & &; &#; &#x;",
            "<b> &lt; \"€…é€€€\u{fffd} &unknown; & &; &#; &#x;",
        ),
        ("spaces typed on purpose", "a&nbsp;&nbsp;b &nbsp;<br>c", "a  b\nc"),
        ("zero width", "a&#8203;b\u{feff}c\u{7}d", "abcd"),
        ("no tag at all", "1 < 2 and 3 > 2 <3 < /b <", "1 < 2 and 3 > 2 <3 < /b <"),
        ("a comment to browsers", "a</ b>c", "ac"),
        ("upper case", "<P>a</P><BR/>b", "a\n\nb"),
        ("a tag that never ends", "a<b", "a"),
        ("an attribute that never ends", "a<a href=\"x>b</a>c", "a"),
        ("a script that never ends", "a<script>b", "a"),
        ("a comment that never ends", "a<!-- b", "a"),
        ("plain text", "Hello\nyou", "Hello you"),
        ("nothing", "", ""),
        ("nothing but tags", "<p><br></p><ul><li></ul>", ""),
    ];
    check(&cases);
}

#[test]
fn pictures_are_their_address() {
    let cases = [
        (
            "a picture in a sentence",
            r#"<div class="zd-comment" dir="auto">Press this button: <img src="https://media.gifs.example/media/x1/steps.gif" alt="step one"> and restart.</div>"#,
            "Press this button: [step one]\nhttps://media.gifs.example/media/x1/steps.gif\nand restart.",
        ),
        (
            "nothing but a picture",
            r#"<div class="zd-comment"><p><img src="https://media.gifs.example/media/x1/steps.gif"></p></div>"#,
            "https://media.gifs.example/media/x1/steps.gif",
        ),
        (
            "descriptions that say nothing",
            r#"a<img src="https://x.example/1" alt="inline-1283.png"><img src="https://x.example/2" alt="Image"><img src="https://x.example/3" alt="https://x.example/3">b"#,
            "a\nhttps://x.example/1\nhttps://x.example/2\nhttps://x.example/3\nb",
        ),
        (
            "emoji that are pictures",
            r#"Great <img class="emoji" alt="🎉" src="https://cdn.example/1f389.png"><img alt="👩&zwj;👧" src="https://cdn.example/f.png"> bye"#,
            "Great 🎉👩\u{200d}👧 bye",
        ),
        (
            "pixels that count readers",
            r#"a<img src="https://t.example/1" width="1" height="1" alt="x"><img src="https://t.example/2" height=0><img src="https://t.example/3" style="width:1px"><img src="https://t.example/4" style="display: none"><img src="https://t.example/5" hidden>b"#,
            "ab",
        ),
        (
            "addresses for the agent's browser only",
            r#"a<img src="data:image/png;base64,AAAA"><img src="cid:x@y"><img src="blob:https://x.example/1"><img src="/attachments/token/x"><img alt="A map" src="data:image/gif;base64,AA">b"#,
            "a[A map]b",
        ),
        ("an address without a scheme", r#"<img src="//x.example/a.png">"#, "https://x.example/a.png"),
        (
            "a list of pictures",
            r#"<ul><li><img src="https://x.example/1"></li><li>b</li></ul>"#,
            "- https://x.example/1\n- b",
        ),
        (
            "a picture that leads to itself",
            r#"<a href="https://x.example/p.jpg"><img src="https://x.example/p.jpg"></a>"#,
            "https://x.example/p.jpg",
        ),
        (
            "a picture that leads elsewhere",
            r#"<a href="https://shop.example/sale"><img src="https://x.example/p.jpg" alt="Shop now"></a> ok"#,
            "[Shop now]\nhttps://x.example/p.jpg\nhttps://shop.example/sale\nok",
        ),
        (
            "the same picture twice in a row",
            r#"<img src="https://x.example/1"><img src="https://x.example/1">"#,
            "https://x.example/1",
        ),
        (
            "the same picture with words between",
            r#"<img src="https://x.example/1">a<img src="https://x.example/1">"#,
            "https://x.example/1\na\nhttps://x.example/1",
        ),
        (
            "an address that only ends like the one before",
            r#"<p>see https://x.example/1<img src="https://x.example/1"></p>"#,
            "see https://x.example/1\nhttps://x.example/1",
        ),
    ];
    check(&cases);
}

#[test]
fn films_and_pages_inside_the_page_are_their_address() {
    let cases = [
        (
            "a film",
            r#"See <video src="https://x.example/v.mp4" controls>Your browser cannot show it.</video> ok?"#,
            "See\nhttps://x.example/v.mp4\nok?",
        ),
        (
            "a film with several sources",
            r#"<video><source src="https://x.example/v.webm"><source src="https://x.example/v.mp4"><a href="https://x.example/v">get it</a></video>"#,
            "https://x.example/v.webm",
        ),
        (
            "a film of which only its own text leads anywhere",
            r#"<video src="blob:https://x.example/1"><a href="https://x.example/v">get it</a></video>"#,
            "get it (https://x.example/v)",
        ),
        ("a film that is never closed", r#"<audio src="https://x.example/a.mp3">a"#, "a\nhttps://x.example/a.mp3"),
        (
            "pages and objects",
            r#"a<iframe src="https://v.example/embed/1">no frames</iframe><embed src="https://x.example/e"><object data="https://x.example/o"><embed src="https://x.example/o"></object>b"#,
            "a\nhttps://v.example/embed/1\nhttps://x.example/e\nhttps://x.example/o\nb",
        ),
        (
            "a picture with a better source",
            r#"<picture><source srcset="https://x.example/b.webp" src="https://x.example/c"><img src="https://x.example/b.png"></picture>"#,
            "https://x.example/b.png",
        ),
    ];
    check(&cases);
}

#[test]
fn links_lead_where_the_browser_would_go() {
    let cases = [
        (
            "letters of a path",
            r#"<a href="https://b.example/AbC">b.example/abc</a>"#,
            "b.example/abc (https://b.example/AbC)",
        ),
        (
            "letters of a server",
            r#"<a href="https://Shop.Example/a">HTTPS://shop.example/a/</a>"#,
            "HTTPS://shop.example/a/",
        ),
        ("a blank", r#"<a href=" https://x.example/a b&#10;c ">x</a>"#, "x (https://x.example/a%20bc)"),
        ("no scheme", r#"<a href="//x.example/a">x</a>"#, "x (https://x.example/a)"),
        (
            "an app",
            r#"<a href="whatsapp://send?text=a">x</a> <a href="myapp://order/5">y</a>"#,
            "x (whatsapp://send?text=a) y (myapp://order/5)",
        ),
        (
            "the agent's machine",
            r#"<a href="file:///c:/x">a</a> <a href="data:text/html,x">b</a> <a href="ms word://x">c</a>"#,
            "a b c",
        ),
        ("a number as written", r#"<a href="tel:+15550001111">+1 (555) 000-1111</a>"#, "+1 (555) 000-1111"),
        (
            "a number that lies",
            r#"<a href="tel:+15550001112">+1 (555) 000-1111</a>"#,
            "+1 (555) 000-1111 (+15550001112)",
        ),
        ("a letter's subject", r#"<a href="sms:+15550001111&amp;body=x">text us</a>"#, "text us (+15550001111)"),
        (
            "unseen characters in the text",
            r#"<a href="https://x.example/abc">https://x.exam&shy;ple/&#8203;abc</a>"#,
            "https://x.example/abc",
        ),
        (
            "entities in the address",
            r#"<a href="https://x.example/?a=1&copy=2&amp;b&Amp;c&alpha;">x</a>"#,
            "x (https://x.example/?a=1&copy=2&b&Amp;cα)",
        ),
    ];
    check(&cases);
}

#[test]
fn a_price_is_no_other_price() {
    let cases = [
        ("cents", "19<sup>99</sup>", "19.99"),
        ("with a currency", "$19<sup>99</sup>/month, 5<sup>00</sup> €", "$19.99/month, 5.00 €"),
        ("a raised currency", "<sup>$</sup>1,299<sup>99</sup>", "$1,299.99"),
        ("points between thousands", "€ 1.299<sup>99</sup>", "€ 1.299,99"),
        (
            "a separator of its own",
            "19.<sup>99</sup> 19<sup>.99</sup> 19,<sup>99</sup> 19<sup>,99</sup>",
            "19.99 19.99 19,99 19,99",
        ),
        ("a currency between", "19<sup>€99</sup> 19<sup>99 €</sup>", "19€99 19.99 €"),
        ("a dash for no cents", "19,<sup>-</sup> 19<sup>–</sup> 18<sup>+</sup>", "19,- 19– 18+"),
        ("smaller cents", "$19<small>99</small>", "$19.99"),
        (
            "styled",
            r#"<span style="x:y;vertical-align: Super">a</span>19<span style="VERTICAL-ALIGN:super!ie; vertical-align:super">99</span>"#,
            "a19.99",
        ),
        ("around it", "<b>19</b><sup><u>9</u>9</sup>", "19.99"),
        (
            "ten and two are bases, but not of money",
            "10<sup>12</sup> 2<sup>16</sup> $10<sup>12</sup> 10<sup>50 €</sup> € 2<sup>50</sup>",
            "10^12 2^16 $10.12 10.50 € € 2.50",
        ),
        (
            "exponents",
            "10<sup>3</sup> 10<sup>-3</sup> 6.02×10<sup>23</sup> 5<sup>100</sup>",
            "10^3 10^-3 6.02×10^23 5^100",
        ),
        ("a footnote", "costs 20<sup>1</sup>, <sup>1</sup>5 apples", "costs 20^1, 1 5 apples"),
        ("ordinals and units", "1<sup>st</sup> m<sup>2</sup> H<sub>2</sub>O CO<sub>2</sub>", "1st m2 H2O CO2"),
        ("a base below", "101<sub>2</sub>", "101_2"),
        (
            "fractions",
            "2<sup>1</sup>/<sub>2</sub> or <sup>3</sup>&frasl;<sub>4</sub>, 2<sup>11</sup>/<sub>16</sub>",
            "2 1/2 or 3⁄4, 2 11/16",
        ),
        ("a blank between", "19 <sup>99</sup>", "19 99"),
        ("nothing raised", "19<sup></sup>99", "1999"),
        ("struck out", "<s>$50</s> $40, <del>a</del><ins>b</ins>, <strike>no</strike>yes", "$40, b, yes"),
        (
            "struck out by style",
            r#"was <span style="text-decoration: line-through">€50</span> is <span style="text-decoration:underline">€40</span>"#,
            "was is €40",
        ),
        (
            "struck out within",
            "<p>a <s>b <b>c</b> <s>d</s> e</s> f</p><ul><li><s>g</s></li><li>h</li></ul>",
            "a f\n\n- h",
        ),
        ("struck out and never closed", "<p>a <s>b</p>", "a b"),
        ("all struck out", "<p><s>a</s></p>", ""),
        ("a link struck out", r#"<a href="https://x.example"><s>a</s>b</a>"#, "b (https://x.example)"),
    ];
    check(&cases);
}

#[test]
fn lists_are_numbered_as_in_a_browser() {
    let cases = [
        ("a value", r#"<ol start="3"><li>x</li><li value="7">y</li><li>z</li></ol>"#, "3. x\n7. y\n8. z"),
        (
            "backwards",
            "<ol reversed><li>x</li><li>y<ol><li>a</li></ol></li><li>z</li></ol>",
            "3. x\n2. y\n  1. a\n1. z",
        ),
        (
            "backwards from",
            r#"<ol reversed start="10"><li>x</li><li value="5">y</li><li>z</li></ol>"#,
            "10. x\n5. y\n4. z",
        ),
        (
            "letters",
            r#"<ol type="a"><li>x</li><li value="26">y</li><li>z</li></ol><ol type="A"><li>x</ol>"#,
            "a. x\nz. y\naa. z\nA. x",
        ),
        (
            "Roman",
            r#"<ol type="i" start="3"><li>x</li><li>y</li></ol><ol type="I" start="1994"><li>z</ol>"#,
            "iii. x\niv. y\nMCMXCIV. z",
        ),
        (
            "numbers that no letter has",
            r#"<ol type="a" start="-1"><li>x</li><li>y</li><li>z</ol><ol type="i" start="4000"><li>x</ol>"#,
            "-1. x\n0. y\na. z\n4000. x",
        ),
        (
            "styles",
            r#"<ol style="list-style-type:lower-latin;"><li>x</li></ol><ol style="LIST-STYLE: upper-roman inside"><li>y</ol><ul style="list-style-type:none"><li>z</li></ul>"#,
            "a. x\nI. y\nz",
        ),
        (
            "an item of another type",
            r#"<ol><li>x</li><li type="A">y</li><li style="list-style-type: disc">z</li></ol>"#,
            "1. x\nB. y\n- z",
        ),
        (
            "digits until something else",
            r#"<ol start=" +4x"><li>x</ol><ol start="x"><li>y</ol><ol start="99999999999"><li>z</ol>"#,
            "4. x\n1. y\n1. z",
        ),
        ("a menu", "<menu><li>x</menu>", "- x"),
        ("the last number", r#"<ol start="2147483647"><li>x<li>y</ol>"#, "2147483647. x\n2147483647. y"),
    ];
    check(&cases);
}

#[test]
fn what_the_page_hides_is_left_out() {
    let cases = [
        ("hidden", r#"a<span hidden>b</span>c<div style="Display : NONE"><p>d</p></div>e"#, "ace"),
        ("invisible", r#"a <span style="visibility:hidden">b</span><span style="font-size:0px">c</span>d"#, "a d"),
        ("nested", "a<div hidden><div>b</div>c</div>d", "ad"),
        ("never closed", "a<span hidden>b<p>c</p>", "ab\n\nc"),
        ("a template", "a<template><img src='https://x.example/1'>b</template>c", "ac"),
        ("an element without an end", "a<input hidden>b<input type=checkbox hidden>c", "abc"),
        ("script is off for nobody", "a<noscript><img src='https://t.example/1'></noscript>b", "ab"),
        ("not hidden", r#"<span style="font-size:10px;display:inline">a</span>"#, "a"),
        ("a link within", r#"<a href="https://x.example">a<span hidden>b</span></a>"#, "a (https://x.example)"),
        ("all of a link", r#"<a href="https://x.example"><span hidden>b</span></a>"#, "https://x.example"),
    ];
    check(&cases);
}

#[test]
fn white_space_tables_and_quotations_look_as_in_a_browser() {
    let cases = [
        (
            "copied from a chat",
            "<span style=\"white-space: pre-wrap\">one\n  two</span> three\nfour",
            "one\n  two three four",
        ),
        ("separators of word processors", "a\u{2028}b\u{2029}c", "a\nb\nc"),
        (
            "paragraphs in cells",
            "<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td><div>c</div></td><td>d</td></tr></table>",
            "a | b\nc | d",
        ),
        ("cells of several lines", "<table><tr><td>a<br>b</td><td>c</td></tr></table>", "a\nb\nc"),
        (
            "empty cells",
            "<table><tr><td></td><td>A</td><td>B</td></tr><tr><td>x</td><td></td><td>2</td></tr><tr><td>y</td><td>3</td><td></td></tr></table>",
            "| A | B\nx | | 2\ny | 3",
        ),
        (
            "a table in a cell",
            "<table><tr><td>a<table><tr><td>b</td><td>c</td></tr></table></td><td>d</td></tr></table>",
            "a\nb | c\nd",
        ),
        ("a list in a cell", "<table><tr><td>a</td><td><ul><li>b</li></ul></td></tr></table>", "a | - b"),
        ("a quotation", "She said <q>yes</q>.", "She said \"yes\"."),
        ("spaces and hyphens that look plain", "10&#8239;000&ensp;A&#8209;B", "10 000 A-B"),
    ];
    check(&cases);
}

#[test]
fn entities_are_those_of_html() {
    let cases = [
        ("Greek and mathematics", "&alpha;&Omega;&ne;&NotEqualTilde;&bigstar;&check;&Zcaron;&lang;", "αΩ≠≂\u{338}★✓Ž⟨"),
        ("without a semicolon", "a&ampb &eacutex &copy2 &nbspc &notit; &alphax", "a&b éx ©2  c ¬it; &alphax"),
        ("numbers", "&#65&#x42;&#x1F600;&#xD800;&#x110000;&#4294967296;&#0000000067;", "AB😀\u{fffd}\u{fffd}\u{fffd}C"),
        (
            "unseen ones",
            "a&lrm;b&zwnj;c&shy;d&zwj;e&#8288;f&#8237;+49&#8236;&ZeroWidthSpace;g&NoBreak;h&InvisibleTimes;i",
            "abcdef+49ghi",
        ),
        ("joiners that shape words", "می&zwnj;خواهم", "می\u{200c}خواهم"),
        ("no text from a template", "&lcub;&lcub;x&rcub;&rcub;", "{{x}}"),
    ];
    check(&cases);
}

/// Every named entity is read, by a browser's own list of names.
#[test]
fn no_entity_of_html_4_stays_as_written() {
    const NAMES: &str = "quot amp lt gt nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not reg macr \
deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc \
Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde \
Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave \
uacute ucirc uuml yacute thorn yuml OElig oelig Scaron scaron Yuml fnof circ tilde Alpha Beta Gamma Delta Epsilon Zeta \
Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon Phi Chi Psi Omega alpha beta gamma delta epsilon \
zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega thetasym upsih piv \
ensp emsp thinsp ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo dagger Dagger bull hellip permil prime Prime lsaquo \
rsaquo oline frasl euro image weierp real trade alefsym larr uarr rarr darr harr crarr lArr uArr rArr dArr hArr forall \
part exist empty nabla isin notin ni prod sum minus lowast radic prop infin ang and or cap cup int there4 sim cong \
asymp ne equiv le ge sub sup nsub sube supe oplus otimes perp sdot lceil rceil lfloor rfloor lang rang loz spades \
clubs hearts diams";
    for name in NAMES.split_ascii_whitespace() {
        let text = plain_from_html(&format!("x&{name};x"));
        assert_eq!(text.chars().count(), 3, "&{name}; is {text:?}");
    }
    for name in ["shy", "zwnj", "zwj", "lrm", "rlm"] {
        assert_eq!(plain_from_html(&format!("x&{name};x")), "xx", "&{name};");
    }
}

#[test]
fn too_much_is_cut_between_characters() {
    let text = plain_from_html(&format!("x{}", "é".repeat(HTML_MAX_BYTES)));
    assert_eq!(text.len(), HTML_MAX_BYTES - 1);
}

#[test]
fn hostile_html_takes_bounded_time_and_space() {
    let attributes: String = (0..9000).map(|i| format!("<b a{i}>")).collect();
    let started = Instant::now();
    for unit in [
        "<div>",
        "<a href='https://x.example/'>",
        "<li>x",
        "<ul><li>x",
        "<table><tr><td>",
        "<p>",
        "&",
        "&#",
        "<",
        "<!--",
        "</",
        "<pre>\n",
        "<a b=\"",
        "<script>",
        "<b><p>x",
        &attributes,
    ] {
        let text = plain_from_html(&unit.repeat(2 * HTML_MAX_BYTES / unit.len() + 1));
        assert!(text.len() <= 4 * HTML_MAX_BYTES, "{unit}: {}", text.len());
    }
    // Generous, for slow machines: it takes well under a second.
    assert!(started.elapsed() < Duration::from_secs(10));
}

proptest! {
    #[test]
    fn anything_becomes_tidy_text(html in prop_oneof![
        any::<String>(),
        "(<|>|/|p|br|li|ul|a href=|\"|'|https://x|=| |\n|&|#|;|nbsp|script|!--|é|😀){0,80}",
    ]) {
        let text = plain_from_html(&html);
        prop_assert!(!text.contains("\n\n\n"));
        prop_assert!(text.lines().all(|line| line.trim_end() == line));
        prop_assert!(!text.ends_with('\n'));
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn plain_text_survives_both_ways(text in "[a-zA-Z0-9 .,&<>\"'{}%é😀]{0,80}") {
        let tidy = |text: &str| text.trim().to_owned();
        prop_assert_eq!(tidy(&plain_from_html(&super::super::html_from_plain(&text))), tidy(&text));
    }
}
