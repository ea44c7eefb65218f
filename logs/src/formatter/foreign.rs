//! Lines of other facilities than the licensing agent's, in the same forms: a log has more than one voice.

use slpsim_agent::Severity;

use super::{Formatter, origin, push_hostname, push_json};
use crate::form::{Form, Precision, message_id};
use crate::line::Line;

/// A message that is not of the licensing agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign<'a> {
    /// Facility of the tag, such as `ETHPORT`.
    pub facility: &'a str,
    /// The digit of the tag.
    pub severity: Severity,
    /// The code of the tag.
    pub mnemonic: &'a str,
    /// The text behind the tag.
    pub text: &'a str,
}

impl Formatter {
    /// The bytes of a line that says `foreign` in place of its own message, without a newline at the end. The tag is
    /// that of NX-OS in every form.
    pub fn format_foreign(&mut self, line: &Line<'_>, foreign: &Foreign<'_>) -> &[u8] {
        self.out.0.clear();
        self.stamp.set(line.at, line.zone);
        let precision = self.options.precision;
        match self.options.form {
            Form::Logfile => self.foreign_local(line, foreign, " "),
            Form::Console => self.foreign_local(line, foreign, " %$ VDC-1 %$ "),
            Form::Json => self.foreign_json(line, foreign),
            Form::Rfc5424 => {
                self.foreign_pri(foreign);
                self.out.push("1 ");
                self.stamp.push_iso(&mut self.out, line.at, precision);
                self.out.push(" ");
                push_hostname(&mut self.out, line.host.or(line.address).unwrap_or_default());
                for part in [" ", foreign.facility, " - ", message_id(foreign.mnemonic), " - "] {
                    self.out.push(part);
                }
                self.foreign_tag(foreign);
            }
            Form::Nxos => {
                self.foreign_pri(foreign);
                if let Some(origin) = origin(&self.options.origin, line) {
                    self.out.push_name(origin);
                }
                self.out.push(": ");
                self.stamp.push_with_zone(&mut self.out, line.at, precision);
                self.foreign_tag(foreign);
            }
            Form::Rfc3164 => {
                self.foreign_pri(foreign);
                self.stamp.push_without_year(&mut self.out, line.at, Precision::Seconds);
                self.out.push(" ");
                self.out.push_name(line.host.or(line.address).unwrap_or("-"));
                self.out.push(" : ");
                self.stamp.push_with_zone(&mut self.out, line.at, precision);
                self.foreign_tag(foreign);
            }
            Form::IosXe | Form::IosXr => {
                self.foreign_pri(foreign);
                let xe = self.options.form == Form::IosXe;
                self.out.push_number(line.sequence);
                self.out.push(": ");
                if let Some(origin) = origin(&self.options.origin, line) {
                    self.out.push_name(origin);
                    self.out.push(if xe { ": " } else { " " });
                }
                self.out.push(if xe { "" } else { "RP/0/RP0/CPU0:" });
                self.stamp.push_without_year_with_zone(&mut self.out, line.at, precision);
                self.foreign_tag(foreign);
            }
        }
        &self.out.0
    }

    fn foreign_pri(&mut self, foreign: &Foreign<'_>) {
        self.out.0.extend_from_slice(self.pri.of_severity(foreign.severity));
    }

    /// `%FACILITY-S-MNEMONIC: text`; control characters of the text become `?` (`spec/messages.md` §10).
    fn foreign_tag(&mut self, foreign: &Foreign<'_>) {
        self.out.push("%");
        self.out.push(foreign.facility);
        self.out.push("-");
        self.out.push_number(foreign.severity.digit().into());
        self.out.push("-");
        self.out.push(foreign.mnemonic);
        self.out.push(": ");
        for character in foreign.text.chars() {
            let kept = if character.is_control() { '?' } else { character };
            self.out.push(kept.encode_utf8(&mut [0; 4]));
        }
    }

    fn foreign_local(&mut self, line: &Line<'_>, foreign: &Foreign<'_>, between: &str) {
        self.stamp.push_local(&mut self.out, line.at, self.options.precision);
        self.out.push(" ");
        self.out.push_name(line.host.unwrap_or_default());
        self.out.push(between);
        self.foreign_tag(foreign);
    }

    fn foreign_json(&mut self, line: &Line<'_>, foreign: &Foreign<'_>) {
        self.json_head(line, foreign.facility, foreign.severity, foreign.mnemonic);
        push_json(&mut self.out, foreign.text);
        self.out.push("\"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Options;
    use crate::line::Repeated;
    use crate::zone::Zone;
    use slpsim_agent::Message;
    use slpsim_policy::Wall;

    #[test]
    fn a_line_of_another_facility_has_the_header_of_its_form() {
        let line = Line {
            at: Wall::from_secs(1_772_445_600),
            zone: Zone::UTC,
            host: Some("n9k-leaf-01"),
            address: None,
            sequence: 42,
            message: &Message::PolicyRemoved,
            repeated: Repeated::No,
        };
        let text = "Interface Ethernet1/1 is \"up\"\n";
        let foreign =
            Foreign { facility: "ETHPORT", severity: Severity::Notification, mnemonic: "IF_UP", text };
        let tail = "%ETHPORT-5-IF_UP: Interface Ethernet1/1 is \"up\"?";
        for (form, expected) in [
            (Form::Nxos, format!("<189>n9k-leaf-01: 2026 Mar  2 10:00:00 UTC: {tail}")),
            (Form::Logfile, format!("2026 Mar  2 10:00:00 n9k-leaf-01 {tail}")),
            (Form::Console, format!("2026 Mar  2 10:00:00 n9k-leaf-01 %$ VDC-1 %$ {tail}")),
            (
                Form::Rfc3164,
                format!("<189>Mar  2 10:00:00 n9k-leaf-01 : 2026 Mar  2 10:00:00 UTC: {tail}"),
            ),
            (
                Form::Rfc5424,
                format!("<189>1 2026-03-02T10:00:00Z n9k-leaf-01 ETHPORT - IF_UP - {tail}"),
            ),
            (Form::IosXe, format!("<189>42: n9k-leaf-01: Mar  2 10:00:00 UTC: {tail}")),
            (Form::IosXr, format!("<189>42: n9k-leaf-01 RP/0/RP0/CPU0:Mar  2 10:00:00 UTC: {tail}")),
            (
                Form::Json,
                "{\"time\":\"2026-03-02T10:00:00.000Z\",\"host\":\"n9k-leaf-01\",\"facility\":\"ETHPORT\",\
                 \"severity\":5,\"mnemonic\":\"IF_UP\",\"text\":\"Interface Ethernet1/1 is \\\"up\\\"\\u000a\"}"
                    .to_owned(),
            ),
        ] {
            let mut formatter = Formatter::new(Options { form, ..Options::default() });
            assert_eq!(String::from_utf8_lossy(formatter.format_foreign(&line, &foreign)), expected);
        }
    }
}
