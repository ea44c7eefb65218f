//! What became of the lines of a log on their way: lost, doubled, reordered within a device, altered.

mod arrived;
mod numbers;

use std::io::{self, BufRead};

use crate::read::{self, Tally};
use arrived::Arrived;
use numbers::Numbers;

/// Examples of lines that are not as they should be that are kept.
const EXAMPLES_MAX: usize = 20;
/// Bytes of an example that are kept.
const EXAMPLE_MAX: usize = 300;

/// When two lines are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Byte for byte.
    #[default]
    Bytes,
    /// Device, day, time to the second, and message: the form may have changed on the way.
    Content,
}

/// Takes what arrives, line by line.
#[derive(Debug, Default)]
pub struct Verifier {
    arrived: Option<Arrived>,
    numbers: Numbers,
    report: Report,
}

/// What arrived, and what became of what was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that arrived.
    pub lines: u64,
    /// Their bytes, without framing.
    pub bytes: u64,
    /// What they are.
    pub tally: Tally,
    /// What became of the lines that were sent, where that can be known.
    pub way: Option<Way>,
    /// Connections, or parts of them, that could not be understood.
    pub troubles: u64,
    /// Some of the lines that are not as they should be, each with its reason.
    pub examples: Vec<String>,
}

/// What became of the lines that were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// How many were sent; not known from numbers alone.
    pub sent: Option<u64>,
    /// Never arrived.
    pub lost: u64,
    /// Arrived once more.
    pub doubled: u64,
    /// Arrived after a later line of the same device. Lines that do not tell their device are left out; a log that names no
    /// device at all is taken for that of one.
    pub reordered: u64,
    /// Arrived, but not as sent; not known from numbers alone.
    pub altered: Option<u64>,
    /// Arrived, but nobody sent them; not known from numbers alone.
    pub foreign: Option<u64>,
}

impl Way {
    /// Whether everything arrived once, in order and unaltered.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { lost, doubled, reordered, altered, foreign, .. } = *self;
        [lost, doubled, reordered, altered.unwrap_or(0), foreign.unwrap_or(0)] == [0; 5]
    }
}

impl Verifier {
    /// Keeps what is needed of each line, to hold it against a log as sent at the end ([`Verifier::hold_against`]).
    #[must_use]
    pub fn comparing(compare: Compare) -> Self {
        Self { arrived: Some(Arrived::new(compare)), ..Self::default() }
    }

    /// Lines that arrived so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.report.lines
    }

    /// Takes a line.
    pub fn take(&mut self, line: &[u8]) {
        let report = &mut self.report;
        report.lines += 1;
        report.bytes += u64::try_from(line.len()).unwrap_or(0);
        let read = read::read(line);
        if let Some(reason) = report.tally.take(line, &read) {
            report.example(&reason.to_string(), line);
        }
        if let Ok(read) = &read
            && let Some(number) = read.sequence
        {
            self.numbers.take(read.device.as_deref().unwrap_or_default(), number);
        }
        if let Some(arrived) = &mut self.arrived {
            arrived.take(line, &read);
        }
    }

    /// Takes note of a connection that could not be understood ([`crate::receive::Arrival::Trouble`]).
    pub fn trouble(&mut self, reason: &str) {
        self.report.troubles += 1;
        self.report.example("not understood", reason.as_bytes());
    }

    /// Reads the log as sent, line by line, and finds out what became of each line; once, when nothing more arrives. Without
    /// [`Verifier::comparing`] nothing of it arrived.
    ///
    /// # Errors
    /// Where it cannot be read, or where it or what arrived has more lines than can be numbered (4 billion).
    pub fn hold_against(&mut self, sent: impl BufRead) -> io::Result<()> {
        let arrived = self.arrived.take().unwrap_or_else(|| Arrived::new(Compare::default()));
        let report = &mut self.report;
        report.way = Some(arrived.held_against(sent, |reason, line| report.example(reason, line))?);
        Ok(())
    }

    /// What is to be said when nothing follows. Without a log as sent, numbers tell what they can.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if self.report.way.is_none() && self.numbers.followed > 0 {
            let Numbers { doubled, reordered, .. } = self.numbers;
            self.report.way = Some(Way { lost: self.numbers.lost(), doubled, reordered, ..Way::default() });
        }
        self.report
    }
}

impl Report {
    fn example(&mut self, reason: &str, line: &[u8]) {
        if self.examples.len() < EXAMPLES_MAX {
            let shown = String::from_utf8_lossy(line.get(..EXAMPLE_MAX).unwrap_or(line));
            let shown = shown.replace(char::is_control, "?");
            self.examples.push(format!("{reason}: {shown}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "UTC: %LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";

    fn log(lines: &[(&str, u32)]) -> String {
        lines
            .iter()
            .map(|(device, second)| format!("<187>{device}: 2026 Mar  2 10:00:{second:02} {TEXT}\n"))
            .collect()
    }

    fn verified(sent: &str, arrived: &str, compare: Compare) -> Report {
        let mut verifier = Verifier::comparing(compare);
        arrived.lines().for_each(|line| verifier.take(line.as_bytes()));
        verifier.hold_against(sent.as_bytes()).unwrap();
        verifier.finish()
    }

    #[test]
    fn what_became_of_each_line_is_counted() {
        let sent = log(&[("a", 0), ("b", 0), ("a", 1), ("a", 1), ("b", 1), ("a", 2), ("a", 3)]);
        let altered = log(&[("a", 3)]).replace("policy has", "police has");
        for (arrived, way, name) in [
            (sent.clone(), Way::default(), "as sent"),
            (
                log(&[("b", 0), ("b", 1), ("a", 0), ("a", 1), ("a", 1), ("a", 2), ("a", 3)]),
                Way::default(),
                "devices may overtake one another",
            ),
            (
                log(&[("a", 0), ("a", 1), ("b", 1), ("a", 2), ("a", 3)]),
                Way { lost: 2, ..Way::default() },
                "lost",
            ),
            (
                format!("{sent}{}", log(&[("a", 1), ("b", 0)])),
                Way { doubled: 2, ..Way::default() },
                "doubled, also where a line was sent twice",
            ),
            (
                log(&[("a", 2), ("b", 0), ("a", 0), ("a", 1), ("a", 1), ("b", 1), ("a", 3)]),
                Way { reordered: 3, ..Way::default() },
                "one that came too early overtook three",
            ),
            (
                log(&[("a", 0), ("b", 0), ("a", 1), ("a", 1), ("b", 1), ("a", 2)]) + &altered,
                Way { altered: Some(1), ..Way::default() },
                "altered",
            ),
            (
                format!("{sent}{}", log(&[("c", 0)])),
                Way { foreign: Some(1), ..Way::default() },
                "of a device that sent nothing",
            ),
            (
                log(&[("a", 0), ("b", 0), ("a", 1), ("a", 1), ("b", 1), ("a", 2)])
                    + &altered.replace("LICMGR-3", "\u{fffd}LICMGR-3"),
                Way { altered: Some(1), ..Way::default() },
                "altered so that it is no licensing line any more",
            ),
            (String::new(), Way { lost: 7, ..Way::default() }, "nothing"),
        ] {
            let way = Way {
                sent: Some(7),
                altered: way.altered.or(Some(0)),
                foreign: way.foreign.or(Some(0)),
                ..way
            };
            let report = verified(&sent, &arrived, Compare::Bytes);
            assert_eq!(report.way, Some(way), "{name}");
            assert_eq!(
                way.is_clean(),
                way == Way { sent: Some(7), altered: Some(0), foreign: Some(0), ..Way::default() }
            );
        }
    }

    #[test]
    fn lines_that_do_not_tell_their_device_have_no_order() {
        let [a, b] = ["a", "b"].map(|device| log(&[(device, 0), (device, 1)]));
        let origin = |name: &str, second: u32| log(&[(name, second)]);
        for (one, other, reordered, name) in [
            ("<18\n".to_owned(), "spoiled\n".to_owned(), 0, "without a header"),
            (origin("", 5), origin("", 6), 0, "whose header names nobody, beside others"),
            (origin("c", 5), origin("c", 6), 1, "of one device"),
        ] {
            let (sent, arrived) = (format!("{a}{one}{b}{other}"), format!("{b}{other}{a}{one}"));
            let way = verified(&sent, &arrived, Compare::Bytes).way.unwrap();
            let none = Some(0);
            let expected = Way { sent: Some(6), reordered, altered: none, foreign: none, ..Way::default() };
            assert_eq!(way, expected, "{name}");
        }
        let (sent, arrived) = (log(&[("", 0), ("", 1)]), log(&[("", 1), ("", 0)]));
        assert_eq!(
            verified(&sent, &arrived, Compare::Bytes).way.unwrap().reordered,
            1,
            "nobody is named at all"
        );
    }

    #[test]
    fn a_line_of_nobody_in_the_log_stands_for_none_that_is_missing() {
        let sent = log(&[("a", 0), ("b", 0), ("a", 1)]) + "<187>a: spoiled on purpose\n";
        let arrived = log(&[("a", 0), ("b", 0)]);
        for (other, is_foreign) in [
            ("<86>Mar  2 10:00:00 relay sshd[811]: Accepted publickey for root", true),
            ("<86>1 2026-03-02T10:00:00Z relay sshd 811 - [x@1 a=\"b\"] Accepted publickey", true),
            ("{\"MESSAGE\":\"Accepted publickey\",\"_HOSTNAME\":\"relay\"}", true),
            ("\u{0}\u{1}\u{2}", true),
            ("", true),
            ("<187>c: 2026 Mar  2 10:00:01 UTC: %LICMGR-3-X: y", true),
            ("<187>a: 2026 Mar  2 10:00:01 UTC: %LICMGR-3-X: y", false),
            ("<187>1 2026-03-02T10:00:01Z a LICMGR - X [relayed] %LICMGR-3-X: y", false),
            ("{\"time\":\"2026-03-02T10:00:01.000Z\",\"host\":\"a\",\"facility\":\"LIC", false),
        ] {
            let way = verified(&sent, &format!("{arrived}{other}\n"), Compare::Bytes).way.unwrap();
            let expected = if is_foreign { (2, Some(0), Some(1)) } else { (1, Some(1), Some(0)) };
            assert_eq!((way.lost, way.altered, way.foreign), expected, "{other}");
        }
    }

    #[test]
    fn examples_show_what_arrived_otherwise_and_what_was_sent() {
        let sent = log(&[("a", 0), ("a", 1)]);
        let report = verified(&sent, &log(&[("c", 0), ("a", 0), ("a", 2)]), Compare::Bytes);
        let reasons = ["nobody sent this", "not as sent", "did not arrive as sent"];
        assert_eq!(report.examples.len(), reasons.len(), "{report:?}");
        for (example, reason) in report.examples.iter().zip(reasons) {
            assert!(example.starts_with(&format!("{reason}: <187>")), "{report:?}");
        }
    }

    #[test]
    fn a_spoiled_line_is_shown_however_many_came_before_it() {
        let line = |number: u32| {
            let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
            format!("<187>a: 2026 Mar  2 {hour:02}:{minute:02}:{second:02} {TEXT}\n")
        };
        let sent: String = (0..70_000).map(line).collect();
        let spoiled = line(69_000).replace("policy has", "police has");
        let report = verified(&sent, &sent.replace(&line(69_000), &spoiled), Compare::Bytes);
        assert_eq!(report.way.unwrap().altered, Some(1));
        assert!(report.examples.contains(&format!("not as sent: {}", spoiled.trim_end())), "{report:?}");
    }

    #[test]
    fn another_form_of_the_same_lines_is_the_same_content() {
        let sent = log(&[("a", 0), ("a", 1)]);
        let arrived =
            sent.replace("<187>a: 2026 Mar  2 10:00:00", "<187>Mar  2 10:00:00 a : 2026 Mar  2 10:00:00");
        assert!(verified(&sent, &arrived, Compare::Content).way.unwrap().is_clean());
        assert_eq!(verified(&sent, &arrived, Compare::Bytes).way.unwrap().altered, Some(1));
    }

    #[test]
    fn an_altered_line_of_another_feature_is_no_longer_the_same_content() {
        let sent = "<189>a: 2026 Mar  2 10:00:00 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up\n";
        let logfile = "2026 Mar  2 10:00:00 a %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up\n";
        assert!(verified(sent, logfile, Compare::Content).way.unwrap().is_clean());
        let altered = logfile.replace("1/1 is up", "1/2 is up");
        assert_eq!(verified(sent, &altered, Compare::Content).way.unwrap().altered, Some(1));
        let way = Way { lost: u64::MAX, doubled: 1, ..Way::default() };
        assert!(!way.is_clean(), "whatever the sender's numbers add up to");
    }

    #[test]
    fn without_the_log_as_sent_numbers_tell_what_is_missing() {
        let mut verifier = Verifier::default();
        for number in [1, 2, 5, 4, 2] {
            let line = format!(
                "<187>{number}: a: Mar  2 10:00:00 UTC: %SMART_LIC-3-POLICY_REMOVED: The licensing policy has been removed."
            );
            verifier.take(line.as_bytes());
        }
        verifier.take(b"<187>a: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y");
        let report = verifier.finish();
        let way = Way { lost: 1, doubled: 1, reordered: 1, ..Way::default() };
        assert_eq!((report.way, report.tally.misfit, report.lines), (Some(way), 1, 6));
        assert!(
            report.examples[0].starts_with("%LICMGR-3-X is no message of the catalogue: <187>a"),
            "{report:?}"
        );
        let mut plain = Verifier::default();
        plain.take(log(&[("a", 0)]).trim_end().as_bytes());
        assert_eq!(plain.finish().way, None);
    }
}
