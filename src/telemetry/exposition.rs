//! The two forms of the metrics page: OpenMetrics as it is encoded, and Prometheus' older text format made from it.
//! Pure.

/// The content type of a page in OpenMetrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The content type of a page in the classic format.
pub const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the caller understands OpenMetrics. Prometheus names it in `Accept`; a browser and `curl` do not.
#[must_use]
pub fn takes_openmetrics(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
        let is_refused = |part: &str| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        is_named && !parts.any(is_refused)
    })
}

/// The same numbers in the classic format. There the ending of a counter or an info is part of the family's name, an
/// info is a gauge, and lines for units and the end are left out.
pub(super) fn classic(openmetrics: &str) -> String {
    let mut page = String::with_capacity(openmetrics.len());
    let kind_of = |family: &str| {
        let types = openmetrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|rest| rest.split_once(' ')).find(|(name, _)| *name == family).map_or("", |(_, kind)| kind)
    };
    for line in openmetrics.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "EOF" | "UNIT", ..] => continue,
            ["#", what @ ("HELP" | "TYPE"), family, rest] => {
                let (ending, kind) = match kind_of(family) {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    kind => ("", kind),
                };
                let rest = if what == "TYPE" { kind } else { rest };
                page.push_str(&format!("# {what} {family}{ending} {rest}"));
            }
            _ => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_page_names_families_as_their_samples() {
        let openmetrics = "# HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
            a_seconds_total 1.5\n# HELP b Build.\n# TYPE b info\nb_info{version=\"1\"} 1\n\
            # HELP c Depth.\n# TYPE c gauge\nc 3\n# EOF\n";
        let expected = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n\
            # HELP b_info Build.\n# TYPE b_info gauge\nb_info{version=\"1\"} 1\n# HELP c Depth.\n# TYPE c gauge\nc 3\n";
        assert_eq!(classic(openmetrics), expected);
    }

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        for (accept, expected) in [
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", true),
            ("Application/OpenMetrics-Text", true),
            ("application/openmetrics-text; q=0, text/plain", false),
            ("text/plain;version=0.0.4", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(takes_openmetrics(accept), expected, "{accept}");
        }
    }
}
