//! What operators have set, faults in force, and events, as lines.

use serde::{Deserialize, Serialize};
use slpsim_agent::ReportId;
use slpsim_policy::Wall;

use super::{Line, parts, rule, udi};
use crate::config::AckMode;
use crate::fault::{Fault, FaultSpec};
use crate::records::{AccountId, Event, EventRecord};

/// When ACKs become ready, and the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// When ACKs become ready.
    pub(crate) ack_mode: AckMode,
    /// What the configuration said of it: a configuration that says something else now has been changed since, and wins.
    pub(crate) configured: AckMode,
    /// Server's clock minus true time, in milliseconds.
    pub(crate) skew_ms: i64,
}

/// A fault that is in force.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaultLine {
    pub(crate) id: u64,
    spec: FaultSpec,
    began: Wall,
    until: Wall,
    left: Option<u64>,
    met: u64,
    hit: u64,
}

/// Something worth knowing that is no exchange.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventLine {
    pub(crate) number: u64,
    at: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<(String, String)>,
    event: String,
    /// Account, trust id, milliseconds, report, count or fault, as the event has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

impl Line {
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        Self::Fault(Box::new(FaultLine {
            id: fault.id,
            spec: fault.spec.clone(),
            began: fault.began,
            until: fault.until,
            left: fault.left,
            met: fault.met,
            hit: fault.hit,
        }))
    }

    pub(crate) fn of_event(number: u64, record: &EventRecord) -> Self {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (detail, broken) = match record.event {
            Event::DeviceAdded(account) | Event::DeviceMoved(account) => (Some(account.0.into()), None),
            Event::TrustIssued { trust_id } | Event::TrustRenewed { trust_id } => {
                (Some(trust_id.into()), None)
            }
            Event::ClockSkew(millis) => (Some(millis), None),
            Event::ReportRejected(id, rule) => (Some(signed(id.0)), Some(rule)),
            Event::ReportsDropped(count) => (Some(signed(count)), None),
            Event::AckBrought(pushes) => (Some(i64::try_from(pushes).unwrap_or(i64::MAX)), None),
            Event::FaultBegan(id) | Event::FaultEnded(id) => (Some(signed(id)), None),
            Event::DeviceRemoved | Event::Authorization | Event::UpstreamRefused => (None, None),
        };
        Self::Event(EventLine {
            number,
            at: record.at,
            device: record.device.as_ref().map(parts),
            event: record.event.word().into(),
            detail,
            rule: broken.map(|rule| rule.name().into()),
        })
    }
}

impl FaultLine {
    pub(crate) fn read(self) -> Fault {
        Fault {
            id: self.id,
            spec: self.spec,
            began: self.began,
            until: self.until,
            left: self.left,
            met: self.met,
            hit: self.hit,
        }
    }
}

impl EventLine {
    pub(crate) fn read(self) -> Result<(u64, EventRecord), String> {
        let word = self.event.as_str();
        let detail = || self.detail.ok_or_else(|| format!("event {word} lacks its detail"));
        let number = || detail().and_then(|n| u64::try_from(n).map_err(|_| format!("{n} is below 0")));
        let account = || {
            detail().and_then(|n| u16::try_from(n).map(AccountId).map_err(|_| format!("{n} is no account")))
        };
        let trust_id = || detail().and_then(|n| u32::try_from(n).map_err(|_| format!("{n} is no trust id")));
        let event = match word {
            "device-added" => Event::DeviceAdded(account()?),
            "device-moved" => Event::DeviceMoved(account()?),
            "device-removed" => Event::DeviceRemoved,
            "trust-issued" => Event::TrustIssued { trust_id: trust_id()? },
            "trust-renewed" => Event::TrustRenewed { trust_id: trust_id()? },
            "clock-skew" => Event::ClockSkew(detail()?),
            "report-rejected" => {
                let rule = rule(self.rule.clone())?;
                Event::ReportRejected(ReportId(number()?), rule.ok_or("a rejected report lacks its rule")?)
            }
            "reports-dropped" => Event::ReportsDropped(number()?),
            "authorization" => Event::Authorization,
            "ack-brought" => Event::AckBrought(usize::try_from(number()?).unwrap_or(usize::MAX)),
            "upstream-refused" => Event::UpstreamRefused,
            "fault-began" => Event::FaultBegan(number()?),
            "fault-ended" => Event::FaultEnded(number()?),
            other => return Err(format!("no event is called {other:?}")),
        };
        let device = self.device.as_ref().map(|(pid, serial)| udi(pid, serial)).transpose()?;
        Ok((self.number, EventRecord { at: self.at, device, event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    #[test]
    fn every_event_comes_back_from_its_line() {
        let device = udi("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        for event in [
            Event::DeviceAdded(AccountId(1)),
            Event::DeviceMoved(AccountId(2)),
            Event::DeviceRemoved,
            Event::TrustIssued { trust_id: 101 },
            Event::TrustRenewed { trust_id: 102 },
            Event::ClockSkew(-3_600_000),
            Event::ReportRejected(ReportId(5), Rule::ReportSignature),
            Event::ReportsDropped(8),
            Event::Authorization,
            Event::AckBrought(3),
            Event::UpstreamRefused,
            Event::FaultBegan(1),
            Event::FaultEnded(1),
        ] {
            let record = EventRecord { at: Wall(7), device: Some(device), event };
            let text = Line::of_event(9, &record).text();
            let Line::Event(line) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
            assert_eq!(line.read().unwrap(), (9, record), "{text}");
        }
        for wrong in [
            r#"{"number":1,"at":0,"event":"lunch"}"#,
            r#"{"number":1,"at":0,"event":"trust-issued"}"#,
            r#"{"number":1,"at":0,"event":"device-added","detail":70000}"#,
            r#"{"number":1,"at":0,"event":"report-rejected","detail":1}"#,
        ] {
            assert!(serde_json::from_str::<EventLine>(wrong).unwrap().read().is_err(), "{wrong}");
        }
    }
}
