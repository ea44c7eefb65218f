//! A run as one HTML page that needs nothing else: verdicts, a timeline picture, the log.

mod marks;
mod scale;
mod tables;
mod timeline;

use std::fmt::Write;

use slpsim_policy::Wall;

use super::model::{Moment, Window};
use super::report::escaped;
use super::trace::Outcome;

/// Lines of the log on a page; the rest is counted.
const LOG_MAX: usize = 20_000;
/// Outages that are shown by themselves.
const ZOOMED: usize = 6;
/// An outage that takes less than this part of the run is a hair in its picture.
const HAIR: u64 = 6;

/// What a timeline shows beside the trace.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// When the scenario began.
    pub start: Wall,
    /// When it ended, in milliseconds since then.
    pub until_ms: u64,
    /// Faults in the order in which they began.
    pub faults: Vec<Band>,
    /// Changes of interval and deadline, in order; only where they were asked for.
    pub states: Vec<State>,
}

/// A fault that was in force.
#[derive(Clone, Debug)]
pub struct Band {
    /// Its number, as in the trace.
    pub number: u64,
    /// Where it is written.
    pub place: String,
    /// The word of its kind.
    pub kind: &'static str,
    /// What it is.
    pub text: String,
    /// Which devices it was for, by position; empty: all.
    pub devices: Vec<usize>,
    /// When it began, in milliseconds since the start.
    pub from_ms: u64,
    /// When it ends at the latest; none: with the run, or with the last thing that it hits.
    pub to_ms: Option<u64>,
    /// When it was found to have hit as many as it could.
    pub ended_ms: Option<u64>,
    /// Exchanges that it met, or writes.
    pub met: u64,
    /// How many of them it hit.
    pub hit: u64,
}

impl Band {
    /// `fault 3 (stall)`
    #[must_use]
    pub fn name(&self) -> String {
        format!("fault {} ({})", self.number, self.kind)
    }
}

/// What held at a device from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Since when, in milliseconds since the start.
    pub at_ms: u64,
    /// Of which device, by position.
    pub device: usize,
    /// The push interval in days; none: no reporting.
    pub interval_days: Option<u16>,
    /// The interval is reset to 15 minutes.
    pub is_fast: bool,
    /// The ACK deadline, by the device's clock.
    pub deadline: Option<Wall>,
}

/// The page.
#[must_use]
pub fn page(outcome: &Outcome) -> String {
    let title = escaped(&outcome.title);
    let (class, word) = if outcome.passed() { ("pass", "PASS") } else { ("fail", "FAIL") };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{word}: {title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1><span class=\"{class}\">{word}</span> {title}</h1>\n<dl>\n"
    );
    let shows = outcome.shows.as_deref().unwrap_or("–");
    for (name, value) in [
        ("file", outcome.file.as_str()),
        ("shows", shows),
        ("seed", &outcome.seed.to_string()),
        ("mode", outcome.mode.word()),
        ("lasts", &Moment(outcome.course.until_ms).to_string()),
        ("again", &outcome.command()),
    ] {
        // Writing to a String does not fail.
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    out.push_str("</dl>\n");
    for warning in outcome.warnings() {
        let _ = writeln!(out, "<p class=\"warning\">{}</p>", escaped(&warning));
    }
    verdicts(&mut out, outcome);
    out.push_str("<h2>Timeline</h2>\n");
    timeline::legend(&mut out);
    timeline::draw(&mut out, outcome, Window { from: 0, to: outcome.course.until_ms }, "timeline");
    zoomed(&mut out, outcome);
    tables::faults(&mut out, outcome);
    tables::steps(&mut out, outcome);
    tables::exchanges(&mut out, outcome);
    log(&mut out, outcome);
    out.push_str("</body>\n</html>\n");
    out
}

/// Outages that are hairs in the picture of the whole run, once more by themselves.
fn zoomed(out: &mut String, outcome: &Outcome) {
    let hair = outcome.course.until_ms / HAIR;
    let short: Vec<_> =
        timeline::outages(outcome).into_iter().filter(|window| window.to - window.from < hair).collect();
    for window in short.iter().take(ZOOMED) {
        let _ = writeln!(out, "<h3>The outage of {} to {}</h3>", Moment(window.from), Moment(window.to));
        timeline::draw(out, outcome, *window, "an outage");
    }
    if let Some(more @ 1..) = short.len().checked_sub(ZOOMED) {
        let _ = writeln!(out, "<p>{more} more outages are only in the picture of the whole run.</p>");
    }
}

/// An index of pages: file name and outcome of each, in their order.
#[must_use]
pub fn index(pages: &[(String, &Outcome)]) -> String {
    let failed = pages.iter().filter(|(_, outcome)| !outcome.passed()).count();
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>slpsim scenarios</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>{} passed, {failed} failed</h1>\n<table>\n<tr><th></th><th>scenario</th><th>shows</th><th>file</th></tr>\n",
        pages.len() - failed
    );
    for (name, outcome) in pages {
        let (class, word) = if outcome.passed() { ("pass", "pass") } else { ("fail", "FAIL") };
        let shows = escaped(outcome.shows.as_deref().unwrap_or_default());
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "<tr><td class=\"{class}\">{word}</td><td><a href=\"{}\">{}</a></td><td>{shows}</td><td>{}</td></tr>",
            escaped(name),
            escaped(&outcome.title),
            escaped(&outcome.file)
        );
    }
    out.push_str("</table>\n</body>\n</html>\n");
    out
}

/// The name of the page's file: unique by its number.
#[must_use]
pub fn page_name(number: usize, outcome: &Outcome) -> String {
    let mut name = String::new();
    for character in outcome.title.chars() {
        match character {
            plain if plain.is_ascii_alphanumeric() => name.push(plain.to_ascii_lowercase()),
            _ if !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(80);
    format!("{number:03}-{}.html", name.trim_matches('-'))
}

fn verdicts(out: &mut String, outcome: &Outcome) {
    out.push_str(
        "<h2>Verdicts</h2>\n<table>\n<tr><th></th><th>where</th><th>expected</th><th>seen</th></tr>\n",
    );
    for verdict in &outcome.verdicts {
        let (class, word) = if verdict.passed { ("pass", "pass") } else { ("fail", "FAIL") };
        let (place, expected) = (escaped(&verdict.place), escaped(&verdict.expected));
        let mut seen = escaped(&verdict.seen);
        for near in &verdict.near {
            let _ = write!(seen, "<br><code>{}</code>", escaped(near));
        }
        let _ = writeln!(
            out,
            "<tr><td class=\"{class}\">{word}</td><td>{place}</td><td>{expected}</td><td>{seen}</td></tr>"
        );
    }
    out.push_str("</table>\n");
}

fn log(out: &mut String, outcome: &Outcome) {
    out.push_str("<h2>Log</h2>\n<pre>");
    for line in outcome.log.iter().take(LOG_MAX) {
        let _ = writeln!(out, "{}", escaped(line));
    }
    out.push_str("</pre>\n");
    if let Some(more @ 1..) = outcome.log.len().checked_sub(LOG_MAX) {
        let _ =
            writeln!(out, "<p>{more} more lines are left out here; <code>--log FILE</code> writes all.</p>");
    }
}

const STYLE: &str = "
body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:1240px;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.35rem}h2{font-size:1.1rem;margin-top:1.6rem}h3{font-size:.95rem;margin:1.2rem 0 .3rem}
h1 span,td.pass,td.fail{font-weight:700}.pass{color:#1a7f37}.fail{color:#c1121f}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}td.pass,td.fail{white-space:nowrap;overflow-wrap:normal}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid #d0d7de;overflow-wrap:anywhere}
table.data{width:auto;font-size:13px}table.data th,table.data td{padding:.12rem .7rem .12rem 0;font-variant-numeric:tabular-nums}
pre{font:12px/1.4 ui-monospace,monospace;background:#f6f8fa;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
.warning{background:#fff8c5;border:1px solid #d4a72c;padding:.3rem .6rem;margin:.6rem 0}
code{font:12px ui-monospace,monospace}.picture{overflow-x:auto}.picture svg{display:block;min-width:1000px;max-width:100%;height:auto}
.legend{font-size:13px;color:#57606a;margin:.2rem 0 .6rem}.legend span{white-space:nowrap;margin-right:1.1rem}.legend svg{vertical-align:middle}
svg text{font:12px system-ui,sans-serif;fill:#1b1f24}svg .dim{fill:#57606a}svg .device{font-weight:700}
@media print{@page{size:A4 landscape;margin:12mm}body{margin:0;max-width:none;padding:0;font-size:10pt}pre{font-size:7pt}.picture svg{min-width:0;width:100%}tr,.picture{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}*{print-color-adjust:exact}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Options, parse, run};
    use std::path::Path;

    fn played(text: &str) -> Outcome {
        let scenarios = parse(text, "a<b>.toml", Path::new("")).unwrap();
        run(&scenarios[0], &Options { course: true, ..Options::default() }).unwrap()
    }

    const SMALL: &str = "name = \"an <outage> & \\\"more\\\"\"\nuntil = \"40d\"\n[device]\nhostname = \"switch\"\ntransport = \"smart\"\n\
        [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token}\"\n\
        [[at]]\nt = \"30d\"\nfault = { kind = \"unreachable\", for = \"6h\" }\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = \"15\"\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_RESTORED\"\ncount = \"2\"\n";

    #[test]
    fn the_page_of_a_small_run_is_as_it_was() {
        slpsim_tests::assert_golden("scenario/report.html", &page(&played(SMALL)));
    }

    #[test]
    fn nothing_of_a_scenario_gets_into_the_page_as_markup() {
        let text =
            SMALL.replace("outage", "script>alert(1)</script").replace("name = \\\"", "name = \\\"<img>");
        let made = page(&played(&text));
        assert!(!made.contains("<script") && !made.contains("<img") && !made.contains("a<b>.toml"));
        assert!(made.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"), "{made}");
    }

    #[test]
    fn the_timeline_has_fault_failures_and_the_fast_interval() {
        let made = page(&played(SMALL));
        assert!(
            made.contains("fault 1: unreachable for 6h, 30d to 30d6h; hit 15 of 15 that it met"),
            "{made}"
        );
        assert!(made.contains("15 minutes") && made.contains("30 days"));
        assert!(made.contains("class=\"fail\">FAIL</td>"));
    }

    #[test]
    fn files_have_names_that_any_system_takes() {
        let mut outcome = played(SMALL);
        assert_eq!(page_name(7, &outcome), "007-an-outage-more.html");
        outcome.title = "../../etc/päss".into();
        assert_eq!(page_name(12, &outcome), "012-etc-p-ss.html");
    }
}
