//! Small plots, drawn as SVG by the server: a line with both axes, and the same in words. Each stretch of a plot links
//! to the deliveries of that time. Pure.

use jiff::Timestamp;

use super::view::{self, Moment, grouped, span};
use crate::telemetry::{Sample, Tallies};

/// The plot's own coordinates; the page stretches them.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;

/// Samples that make one value: a minute of them, so that a quiet bridge's plot is not all needles.
const TOGETHER: usize = 4;

/// Minutes that make a stretch: wide enough to point at.
const STRETCH: usize = 5;

/// One plot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) now: String,
    /// The whole plot in words.
    pub(super) said: String,
    /// The line, and the area under it; empty before the first value.
    pub(super) line: String,
    pub(super) area: String,
    /// The labels beside the plot's top, middle and bottom.
    pub(super) heights: [String; 3],
    /// The times of its left end, middle and right end; empty before the first value.
    pub(super) times: Vec<Moment>,
    pub(super) stretches: Vec<Stretch>,
    /// The deliveries of the whole time.
    pub(super) href: String,
}

/// A part of the time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) from: Moment,
    pub(super) until: Moment,
    pub(super) said: String,
    pub(super) href: String,
}

/// The values of a plot, one for each interval between two times.
struct Series {
    title: &'static str,
    unit: &'static str,
    /// The filter of a list of these deliveries, beside the time.
    filter: &'static [(&'static str, &'static str)],
    values: Vec<f64>,
    /// One more than the values.
    times: Vec<Timestamp>,
}

/// The plots count answered doorbells, so the lists show them.
const ALL: &[(&str, &str)] = &[("doorbells", "yes")];
const DELIVERED: &[(&str, &str)] = &[("state", "delivered"), ("doorbells", "yes")];

/// The plots of the overview.
pub(super) fn plots(samples: &[Sample]) -> Vec<Plot> {
    let marks: Vec<&Sample> = minutes(samples).collect();
    let series = |title, unit, filter, of: &dyn Fn(&Sample, &Sample) -> f64| Series {
        title,
        unit,
        filter,
        values: marks.windows(2).map(|pair| of(pair[0], pair[1])).collect(),
        times: marks.iter().map(|mark| mark.at).collect(),
    };
    let rate = |of: fn(&Tallies) -> u64| move |before: &Sample, after: &Sample| a_minute(before, after, of);
    [
        series("Webhooks taken in", " a minute", ALL, &rate(|tallies| tallies.accepted)),
        series("Deliveries made", " a minute", DELIVERED, &rate(|tallies| tallies.delivered)),
        series("Attempts in trouble", " a minute", ALL, &rate(|tallies| tallies.troubled)),
        series("Under way", "", &[("show", "open")], &|_, after| after.under_way as f64),
    ]
    .iter()
    .map(plot)
    .collect()
}

/// One sample in [`TOGETHER`], the newest among them.
fn minutes(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    let skipped = samples.len().saturating_sub(1) % TOGETHER;
    samples.iter().skip(skipped).step_by(TOGETHER)
}

/// The count per minute between two samples.
fn a_minute(before: &Sample, after: &Sample, of: fn(&Tallies) -> u64) -> f64 {
    let minutes = after.at.duration_since(before.at).as_secs_f64() / 60.0;
    let counted = of(&after.tallies).saturating_sub(of(&before.tallies));
    if minutes > 0.0 { counted as f64 / minutes } else { 0.0 }
}

fn plot(series: &Series) -> Plot {
    let Series { title, unit, values, times, .. } = series;
    let (Some(last), Some(first_at), Some(last_at)) = (values.last(), times.first(), times.last()) else {
        return Plot {
            title,
            now: "–".to_owned(),
            said: "Nothing to draw yet.".to_owned(),
            line: String::new(),
            area: String::new(),
            heights: Default::default(),
            times: Vec::new(),
            stretches: Vec::new(),
            href: String::new(),
        };
    };
    let most = most(values);
    let top = most.max(1.0);
    let line = line(values, top);
    let middle = times.get(times.len() / 2).unwrap_or(last_at);
    Plot {
        title,
        now: format!("{}{unit}", number(*last)),
        said: format!("At most {}{unit} in the last {}.", number(most), span(last_at.duration_since(*first_at))),
        area: format!("{line} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z"),
        line,
        heights: [number(top), number(top / 2.0), "0".to_owned()],
        times: [first_at, middle, last_at].map(|at| view::minute(*at)).into(),
        stretches: stretches(series),
        href: list(series.filter, *first_at, *last_at),
    }
}

/// The stretches of the plot, oldest first.
fn stretches(series: &Series) -> Vec<Stretch> {
    let width = WIDTH / series.values.len().max(1) as f64;
    let stretch = |(place, values): (usize, &[f64])| {
        let (begin, end) = (place * STRETCH, place * STRETCH + values.len());
        let (from, until) = (*series.times.get(begin)?, *series.times.get(end)?);
        Some(Stretch {
            x: format!("{:.1}", begin as f64 * width),
            width: format!("{:.1}", values.len() as f64 * width),
            from: view::minute(from),
            until: view::minute(until),
            said: format!("at most {}{}", number(most(values)), series.unit),
            href: list(series.filter, from, until),
        })
    };
    series.values.chunks(STRETCH).enumerate().filter_map(stretch).collect()
}

/// The address of the list of deliveries that were accepted between two times.
fn list(filter: &[(&str, &str)], from: Timestamp, until: Timestamp) -> String {
    let [from, until] = [from, until].map(|at| at.strftime("%FT%TZ").to_string());
    view::query("/console/deliveries", &[filter, &[("since", &from), ("until", &until)]].concat())
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn line(values: &[f64], top: f64) -> String {
    let step = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let point = |(place, value): (usize, &f64)| {
        // A line on the edge would be half cut off.
        let y = HEIGHT - 1.0 - value / top * (HEIGHT - 2.0);
        format!("{}{:.1} {y:.1}", if place == 0 { "M" } else { "L" }, place as f64 * step)
    };
    let mut line: Vec<String> = values.iter().enumerate().map(point).collect();
    if let [only] = line.as_slice() {
        let y = only.rsplit(' ').next().unwrap_or_default().to_owned();
        line.push(format!("L{WIDTH} {y}"));
    }
    line.join(" ")
}

/// A number as people say it: a fraction below 10 with one decimal place, all others whole.
fn number(value: f64) -> String {
    if value > 0.0 && value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::http::testing::noon;

    fn samples(accepted: &[u64]) -> Vec<Sample> {
        let sample = |(place, accepted): (usize, &u64)| Sample {
            at: noon().checked_add(SignedDuration::from_secs(15 * place as i64)).unwrap(),
            tallies: Tallies { accepted: *accepted, ..Tallies::default() },
            under_way: *accepted,
        };
        accepted.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn a_rate_is_told_by_the_minute_whatever_the_samples() {
        let counted: Vec<u64> = (0..=8).map(|place| place * 5).collect();
        let plots = plots(&samples(&counted));
        assert_eq!(
            (plots[0].now.as_str(), plots[0].said.as_str()),
            ("20 a minute", "At most 20 a minute in the last 2 min.")
        );
        assert_eq!((plots[3].now.as_str(), plots[3].said.as_str()), ("40", "At most 40 in the last 2 min."));
        assert_eq!(plots[0].line, "M0.0 1.0 L240.0 1.0");
    }

    #[test]
    fn a_plot_has_heights_times_and_stretches_that_lead_to_their_deliveries() {
        // Seven minutes, of which the sixth is the busiest.
        let mut counted: Vec<u64> = (0..=28).collect();
        counted.iter_mut().skip(24).for_each(|count| *count += 26);
        let plots = plots(&samples(&counted));
        let [accepted, delivered, ..] = plots.as_slice() else { panic!("{plots:#?}") };
        assert_eq!(accepted.heights, ["30", "15", "0"]);
        let times: Vec<&str> = accepted.times.iter().map(|time| time.shown.as_str()).collect();
        assert_eq!(times, ["12:00 UTC", "12:04 UTC", "12:07 UTC"]);
        let told = |stretch: &Stretch| {
            (stretch.from.shown.clone(), stretch.until.shown.clone(), stretch.said.clone(), stretch.href.clone())
        };
        let list = |range: &str| format!("/console/deliveries?{range}");
        assert_eq!(
            accepted.stretches.iter().map(told).collect::<Vec<_>>(),
            [
                (
                    "12:00 UTC".to_owned(),
                    "12:05 UTC".to_owned(),
                    "at most 4 a minute".to_owned(),
                    list("doorbells=yes&since=2026-11-21T12%3A00%3A00Z&until=2026-11-21T12%3A05%3A00Z")
                ),
                (
                    "12:05 UTC".to_owned(),
                    "12:07 UTC".to_owned(),
                    "at most 30 a minute".to_owned(),
                    list("doorbells=yes&since=2026-11-21T12%3A05%3A00Z&until=2026-11-21T12%3A07%3A00Z")
                ),
            ]
        );
        let (first, second) = (&accepted.stretches[0], &accepted.stretches[1]);
        assert_eq!((first.x.as_str(), first.width.as_str()), ("0.0", "171.4"));
        assert_eq!((second.x.as_str(), second.width.as_str()), ("171.4", "68.6"));
        assert!(
            delivered.stretches[0].href.contains("state=delivered&doorbells=yes&since="),
            "{}",
            delivered.stretches[0].href
        );
    }

    #[test]
    fn nothing_is_drawn_before_there_is_anything() {
        for few in [&[][..], &[7], &[7, 8]] {
            let plots = plots(&samples(few));
            assert_eq!((plots[0].line.as_str(), plots[0].said.as_str()), ("", "Nothing to draw yet."), "{few:?}");
            assert!(plots.iter().all(|plot| plot.stretches.is_empty() && plot.times.is_empty()), "{few:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [(0.0, "0"), (0.25, "0.2"), (3.0, "3"), (12.4, "12"), (1234.0, "1\u{202f}234")] {
            assert_eq!(number(value), shown);
        }
    }
}
