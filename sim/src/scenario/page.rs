//! A run as one HTML page that needs nothing else: verdicts, a timeline picture, the log.

mod timeline;

use std::fmt::Write;

use slpsim_policy::Wall;

use super::model::Moment;
use super::report::escaped;
use super::trace::Outcome;

/// Lines of the log on a page; the rest is counted.
const LOG_MAX: usize = 20_000;

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

/// A fault in force.
#[derive(Clone, Debug)]
pub struct Band {
    /// Its number, as in the trace.
    pub number: u64,
    /// What it is.
    pub text: String,
    /// When it began, in milliseconds since the start.
    pub from_ms: u64,
    /// When it ends at the latest; none: with the run, or with the last exchange that it hits.
    pub to_ms: Option<u64>,
    /// It ends with the last exchange that it hits.
    pub counts: bool,
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
    out.push_str("</dl>\n<h2>Timeline</h2>\n");
    timeline::draw(&mut out, outcome);
    verdicts(&mut out, outcome);
    log(&mut out, outcome);
    out.push_str("</body>\n</html>\n");
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
h1{font-size:1.35rem}h2{font-size:1.1rem;margin-top:1.6rem}
h1 span,td.pass,td.fail{font-weight:700}.pass{color:#1a7f37}.fail{color:#c1121f}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}td.pass,td.fail{white-space:nowrap;overflow-wrap:normal}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid #d0d7de;overflow-wrap:anywhere}
pre{font:12px/1.4 ui-monospace,monospace;background:#f6f8fa;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:12px ui-monospace,monospace}svg{width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#1b1f24}svg .dim{fill:#57606a}svg .device{font-weight:700}
@media print{body{margin:0;max-width:none;font-size:10pt}pre{font-size:7pt}tr,svg{break-inside:avoid}}
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
        assert!(made.contains("fault 1: unreachable for 6h"), "{made}");
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
