//! Small plots, drawn as SVG by the server, with the same said in words. Pure.

use jiff::SignedDuration;

use super::view::{grouped, span};
use crate::telemetry::{Sample, Tallies};

/// The plot's own coordinates; the page stretches them.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;

/// How many samples are taken together, so that a quiet bridge's plot is not all needles: a minute of them.
const TOGETHER: usize = 4;

/// One plot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) now: String,
    /// The whole plot in words.
    pub(super) said: String,
    /// The line, and the area under it; empty before there is anything to draw.
    pub(super) line: String,
    pub(super) area: String,
}

/// The plots of the overview.
pub(super) fn plots(samples: &[Sample]) -> Vec<Plot> {
    let rate = |title, of: fn(&Tallies) -> u64| plot(title, "a minute", &rates(samples, of), length(samples));
    vec![
        rate("Webhooks taken in", |tallies| tallies.accepted),
        rate("Deliveries made", |tallies| tallies.delivered),
        rate("Attempts in trouble", |tallies| tallies.troubled),
        plot(
            "Unsettled",
            "",
            &minutes(samples).map(|sample| sample.unsettled as f64).collect::<Vec<_>>(),
            length(samples),
        ),
    ]
}

/// Every so manieth sample, the newest among them.
fn minutes(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    let skipped = samples.len().saturating_sub(1) % TOGETHER;
    samples.iter().skip(skipped).step_by(TOGETHER)
}

/// What was counted a minute, between each and the one before it.
fn rates(samples: &[Sample], of: fn(&Tallies) -> u64) -> Vec<f64> {
    let marks: Vec<&Sample> = minutes(samples).collect();
    let rate = |pair: &[&Sample]| {
        let minutes = pair[1].at.duration_since(pair[0].at).as_secs_f64() / 60.0;
        let counted = of(&pair[1].tallies).saturating_sub(of(&pair[0].tallies));
        if minutes > 0.0 { counted as f64 / minutes } else { 0.0 }
    };
    marks.windows(2).map(rate).collect()
}

fn length(samples: &[Sample]) -> SignedDuration {
    match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => last.at.duration_since(first.at),
        _ => SignedDuration::ZERO,
    }
}

fn plot(title: &'static str, unit: &str, values: &[f64], length: SignedDuration) -> Plot {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let Some(last) = values.last().filter(|_| length > SignedDuration::ZERO) else {
        let said = "Nothing to draw yet.".to_owned();
        return Plot { title, now: "–".to_owned(), said, line: String::new(), area: String::new() };
    };
    let most = values.iter().copied().fold(0.0, f64::max);
    let (now, top) = (number(*last), number(most));
    let line = line(values, most.max(1.0));
    let area = format!("{line} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z");
    let said = format!("At most {top}{unit} in the last {}.", span(length));
    Plot { title, now: format!("{now}{unit}"), said, line, area }
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

/// A number as people say it: whole, or with one place where that is all there is.
fn number(value: f64) -> String {
    if value > 0.0 && value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::noon;

    fn samples(accepted: &[u64]) -> Vec<Sample> {
        let sample = |(place, accepted): (usize, &u64)| Sample {
            at: noon().checked_add(SignedDuration::from_secs(15 * place as i64)).unwrap(),
            tallies: Tallies { accepted: *accepted, ..Tallies::default() },
            unsettled: *accepted,
        };
        accepted.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn a_rate_is_told_by_the_minute_whatever_the_samples() {
        let counted: Vec<u64> = (0..=8).map(|place| place * 5).collect();
        assert_eq!(rates(&samples(&counted), |tallies| tallies.accepted), [20.0, 20.0]);
        let plots = plots(&samples(&counted));
        assert_eq!(
            (plots[0].now.as_str(), plots[0].said.as_str()),
            ("20 a minute", "At most 20 a minute in the last 2 min.")
        );
        assert_eq!((plots[3].now.as_str(), plots[3].said.as_str()), ("40", "At most 40 in the last 2 min."));
        assert_eq!(plots[0].line, "M0.0 1.0 L240.0 1.0");
    }

    #[test]
    fn nothing_is_drawn_before_there_is_anything() {
        for few in [&[][..], &[7], &[7, 8]] {
            let plots = plots(&samples(few));
            assert_eq!((plots[0].line.as_str(), plots[0].said.as_str()), ("", "Nothing to draw yet."), "{few:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [(0.0, "0"), (0.25, "0.2"), (3.0, "3"), (12.4, "12"), (1234.0, "1\u{202f}234")] {
            assert_eq!(number(value), shown);
        }
    }
}
