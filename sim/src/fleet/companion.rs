//! Other messages than those of the licensing agent: decoration, where it is asked for, and never counted as LICMGR
//! traffic (`spec/logs.md` §11). Tags and order are seen (V); the words behind them follow public logs, their arguments
//! and amounts are modelled.

use std::fmt::Write;

use slpsim_agent::Severity;
use slpsim_logs::Foreign;

use super::luck::{Luck, Why};

/// A message of another facility.
#[derive(Debug)]
pub(crate) struct Row {
    facility: &'static str,
    severity: Severity,
    mnemonic: &'static str,
    /// `{if}`, `{host}` and `{n}` stand for an interface, an address and a number.
    text: &'static str,
}

const fn row(facility: &'static str, severity: Severity, mnemonic: &'static str, text: &'static str) -> Row {
    Row { facility, severity, mnemonic, text }
}

use Severity::{Critical, Informational, Notification, Warning};

pub(crate) static ROWS: [Row; 17] = [
    row("VDC_MGR", Critical, "VDC_ONLINE", "vdc 1 has come online"),
    row("IM", Notification, "IM_INTF_STATE", "mgmt0 is UP in vdc 1"),
    row("ETHPORT", Notification, "IF_DOWN_LINK_FAILURE", "Interface {if} is down (Link failure)"),
    row("ETHPORT", Notification, "SPEED", "Interface {if}, operational speed changed to 10 Gbps"),
    row("ETHPORT", Notification, "IF_DUPLEX", "Interface {if}, operational duplex mode changed to Full"),
    row(
        "ETHPORT",
        Notification,
        "IF_RX_FLOW_CONTROL",
        "Interface {if}, operational Receive Flow Control state changed to off",
    ),
    row(
        "ETHPORT",
        Notification,
        "IF_TX_FLOW_CONTROL",
        "Interface {if}, operational Transmit Flow Control state changed to off",
    ),
    row("ETHPORT", Notification, "IF_UP", "Interface {if} is up in mode access"),
    row("VSHD", Notification, "VSHD_SYSLOG_CONFIG_I", "Configured from vty by admin on {host}@pts/0"),
    row("ASCII-CFG", Critical, "CONF_CONTROL", "System ready"),
    row(
        "AUTHPRIV",
        Notification,
        "SYSTEM_MSG",
        "pam_unix(sshd:session): session opened for user admin by (uid=0) - sshd[{n}]",
    ),
    row("DAEMON", Informational, "SYSTEM_MSG", "Connection closed by {host} port {n} - sshd[{n}]"),
    row("AAA", Informational, "AAA_ACCOUNTING_MESSAGE", "start:{host}@pts/0:admin:"),
    row(
        "AAA",
        Informational,
        "AAA_ACCOUNTING_MESSAGE",
        "stop:{host}@pts/0:admin:shell terminated gracefully",
    ),
    row("TACACS", Warning, "TACACS_WARNING", "tacacsd: name lookup of the server failed [{n}]"),
    row("SYSMGR", Notification, "CFGWRITE_STARTED", "Configuration copy started (PID {n})."),
    row("SYSMGR", Notification, "CFGWRITE_DONE", "Configuration copy completed successfully."),
];

/// What belongs together: milliseconds since the first one, and the row. The first group is that of a boot; "always
/// these five in this order, same second within 20 ms", "often 4.2 s later the five" (V).
static GROUPS: [&[(u64, u8)]; 6] = [
    &[
        (0, 0),
        (22_000, 1),
        (41_000, 3),
        (41_004, 4),
        (41_008, 5),
        (41_013, 6),
        (41_019, 7),
        (95_000, 8),
        (118_000, 9),
    ],
    &[(0, 2), (4_200, 3), (4_204, 4), (4_208, 5), (4_213, 6), (4_218, 7)],
    &[(0, 12), (300, 10), (35_000, 8), (61_000, 15), (63_500, 16), (90_000, 13), (90_100, 11)],
    &[(0, 10), (20_000, 11)],
    &[(0, 14)],
    &[(0, 14), (5_000, 14), (10_000, 14)],
];

/// The chatter of one device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chatter {
    next_ms: u64,
    /// Groups begun so far.
    n: u32,
    group: u8,
    at: u8,
}

impl Chatter {
    /// Silent until the first boot.
    pub(crate) const fn silent() -> Self {
        Self { next_ms: u64::MAX, n: 0, group: 0, at: 0 }
    }

    pub(crate) const fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// The device boots.
    pub(crate) fn boot(&mut self, now_ms: u64) {
        (self.next_ms, self.group, self.at) = (now_ms, 0, 0);
        self.n = self.n.wrapping_add(1);
    }

    /// Says what is due at [`Chatter::next_ms`]: a row of [`ROWS`] and luck for its words.
    pub(crate) fn say(&mut self, luck: Luck, device: u32, mean_ms: u64) -> (u8, u32) {
        let now = self.next_ms;
        let group = GROUPS.get(usize::from(self.group)).copied().unwrap_or_default();
        let (since, row) = group.get(usize::from(self.at)).copied().unwrap_or((0, 0));
        let words = u32::try_from(luck.number(device, Why::CompanionText, self.n) >> 32).unwrap_or(0);
        self.at += 1;
        match group.get(usize::from(self.at)) {
            Some((later, _)) => self.next_ms = now + later - since,
            None => {
                self.n = self.n.wrapping_add(1);
                self.at = 0;
                let others = u64::try_from(GROUPS.len()).unwrap_or(2) - 1;
                let group = 1 + luck.number(device, Why::Companion, self.n) % others;
                self.group = u8::try_from(group).unwrap_or(1);
                let wait = luck.wait(device, Why::Companion, self.n | 1 << 31, mean_ms);
                self.next_ms = now.saturating_add(wait.max(1_000));
            }
        }
        (row, words)
    }
}

/// Writes the words of a row into `text`, in place of what is there, and gives the message.
pub(crate) fn words(row: u8, luck: u32, text: &mut String) -> Foreign<'_> {
    text.clear();
    let row = &ROWS[usize::from(row) % ROWS.len()];
    let mut rest = row.text;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        // Writing to a string does not fail.
        let _ = match name {
            "if" => write!(text, "Ethernet1/{}", 1 + luck % 48),
            "host" => write!(text, "10.255.{}.{}", luck >> 8 & 0xff, 1 + luck % 250),
            _ => write!(text, "{}", 2_000 + luck % 28_000),
        };
        rest = after;
    }
    text.push_str(rest);
    Foreign { facility: row.facility, severity: row.severity, mnemonic: row.mnemonic, text }
}

/// How serious a row is.
pub(crate) fn severity(row: u8) -> Severity {
    ROWS[usize::from(row) % ROWS.len()].severity
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/logs.md` §11, "boot" and "link flap".
    #[test]
    fn groups_keep_their_order_and_their_times() {
        let mut chatter = Chatter::silent();
        assert_eq!(chatter.next_ms(), u64::MAX);
        chatter.boot(1_000);
        let (luck, mut text) = (Luck(5), String::new());
        let mut said = Vec::new();
        for _ in 0..4_000 {
            let at = chatter.next_ms();
            let (row, luck) = chatter.say(luck, 9, 3_600_000);
            let mnemonic = ROWS[usize::from(row)].mnemonic;
            assert_eq!(words(row, luck, &mut text).mnemonic, mnemonic);
            said.push((at, mnemonic, text.clone()));
        }
        let boot: Vec<_> = said.iter().take(9).map(|(at, mnemonic, _)| (*at, *mnemonic)).collect();
        assert_eq!(boot[0], (1_000, "VDC_ONLINE"));
        assert_eq!(boot[8], (119_000, "CONF_CONTROL"));
        let down = said.iter().position(|(_, mnemonic, _)| *mnemonic == "IF_DOWN_LINK_FAILURE").unwrap();
        let group = &said[down..down + 6];
        let names: Vec<_> = group.iter().map(|(_, mnemonic, _)| *mnemonic).collect();
        let five = ["SPEED", "IF_DUPLEX", "IF_RX_FLOW_CONTROL", "IF_TX_FLOW_CONTROL", "IF_UP"];
        assert_eq!(names[1..], five);
        assert_eq!(group[1].0 - group[0].0, 4_200);
        assert!(group[5].0 - group[1].0 < 20);
        let interface = |text: &str| text.split(' ').nth(1).map(|word| word.trim_end_matches(',').to_owned());
        assert!(group.iter().all(|(_, _, text)| interface(text) == interface(&group[0].2)), "{group:?}");
        assert!(said.iter().all(|(_, _, text)| !text.contains(['{', '}'])));
        // About one group an hour.
        let hours = (said[said.len() - 1].0 - said[0].0) / 3_600_000;
        assert!((900..1_700).contains(&hours), "{hours}");
    }
}
