//! Everything that a mock knows, as JSON lines: one record a line, in any order that names an account before it is used.
//!
//! The last line of a kind and key wins, so that a file can be a journal as well as a snapshot. Lines hold id tokens:
//! whoever writes them to a file keeps others out of it.

mod entry;
mod steered;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use slpsim_agent::{Account as Names, IdCert, InstanceId, PollId, ReportId, Token as TokenText, Udi};
use slpsim_policy::{Policy, Wall};
use slpsim_transport::message::{AuthEntry, Nonce, Word};

use crate::records::{
    Account, AccountId, AccountPolicy, AuthResult, Device, Held, Membership, Pending, ReportRecord, Token,
    Trust, Upload,
};
use crate::rule::Rule;

pub use entry::Entry;
#[cfg(feature = "server")]
pub(crate) use entry::entry_of;
pub(crate) use steered::{EventLine, FaultLine, Settings};

/// One record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Line {
    Counters {
        tokens: u64,
        policies: u64,
        #[serde(default)]
        uploads: u64,
    },
    Settings(Settings),
    Account(AccountLine),
    Token(TokenLine),
    Device(Box<DeviceLine>),
    DeviceRemoved {
        pid: String,
        serial: String,
    },
    Report(ReportLine),
    ReportGone {
        pid: String,
        serial: String,
        id: u64,
    },
    Upload(UploadLine),
    UploadGone {
        poll_id: u64,
    },
    Fault(Box<FaultLine>),
    FaultGone {
        id: u64,
    },
    Event(EventLine),
    EventGone {
        number: u64,
    },
}

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {detail}")]
pub struct ImportError {
    /// Counted from 1.
    pub number: usize,
    /// What is wrong.
    pub detail: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountLine {
    pub(crate) position: u16,
    pub(crate) names: Names,
    listed: Option<Vec<(String, String)>>,
    policy: Option<(String, Policy)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_file: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TokenLine {
    pub(crate) text: String,
    account: u16,
    issued: Wall,
    expires: Option<Wall>,
    max_uses: Option<u32>,
    uses: u32,
    revoked: bool,
}

impl core::fmt::Debug for TokenLine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TokenLine(..)")
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeviceLine {
    pid: String,
    serial: String,
    account: u16,
    first_seen: Wall,
    last_seen: Wall,
    hostname: Option<String>,
    software_tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    trust: Option<TrustLine>,
    previous: Option<TrustLine>,
    past: Vec<TrustLine>,
    polls: Vec<PendingLine>,
    authorized: Vec<(String, u32)>,
    draws: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct TrustLine {
    instance: String,
    cert_serial: u64,
    trust_id: u32,
    issued: Wall,
    valid_to: Wall,
    csr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_with: Option<SecretText>,
}

/// A secret in a line.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl core::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct PendingLine {
    poll_id: u64,
    received: Wall,
    nonce: String,
    reports: Vec<(u64, Option<String>)>,
    not_before: Option<Wall>,
    released: bool,
    answered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ack: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    units: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReportLine {
    pid: String,
    serial: String,
    id: u64,
    tag: String,
    start: Wall,
    end: Wall,
    peak: u32,
    received: Wall,
    times: u32,
    broken: Option<String>,
    answered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<HeldLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeldLine {
    envelope: String,
    upload: Option<u64>,
    /// Where it is not the unit that the report measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UploadLine {
    pub(crate) poll_id: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acks: Vec<(String, String, u64, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    codes: Vec<CodeLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CodeLine {
    pid: String,
    serial: String,
    instance: Option<String>,
    file: Option<String>,
    refused: Option<String>,
}

impl Line {
    /// As text, without the end of line.
    pub(crate) fn text(&self) -> String {
        // These types have no map keys but strings and nothing that fails to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn of_account(position: usize, account: &Account) -> Self {
        let listed = match &account.membership {
            Membership::Open => None,
            Membership::Listed(list) => Some(list.iter().map(parts).collect()),
        };
        let policy = account.policy.as_ref().map(|policy| (policy.id.clone(), policy.policy.clone()));
        let position = u16::try_from(position).unwrap_or(u16::MAX);
        let policy_file = account.policy_file.as_deref().map(Into::into);
        Self::Account(AccountLine { position, names: account.names.clone(), listed, policy, policy_file })
    }

    pub(crate) fn of_token(text: &str, token: &Token) -> Self {
        Self::Token(TokenLine {
            text: text.into(),
            account: token.account.0,
            issued: token.issued,
            expires: token.expires,
            max_uses: token.max_uses,
            uses: token.uses,
            revoked: token.revoked,
        })
    }

    pub(crate) fn of_device(device: &Device) -> Self {
        let (pid, serial) = parts(&device.udi);
        Self::Device(Box::new(DeviceLine {
            pid,
            serial,
            account: device.account.0,
            first_seen: device.first_seen,
            last_seen: device.last_seen,
            hostname: device.hostname.as_deref().map(Into::into),
            software_tag: device.software_tag.as_deref().map(Into::into),
            named: device.named.map(|instance| instance.to_string()),
            trust: device.trust.as_ref().map(TrustLine::of),
            previous: device.previous.as_ref().map(TrustLine::of),
            past: device.past.iter().map(TrustLine::of).collect(),
            polls: device.polls.iter().map(PendingLine::of).collect(),
            authorized: device
                .authorized
                .iter()
                .map(|entry| (entry.entitlement.to_string(), entry.count))
                .collect(),
            draws: device.draws,
        }))
    }

    pub(crate) fn of_removed(udi: &Udi) -> Self {
        let (pid, serial) = parts(udi);
        Self::DeviceRemoved { pid, serial }
    }

    pub(crate) fn of_report_gone((udi, id): (Udi, ReportId)) -> Self {
        let (pid, serial) = parts(&udi);
        Self::ReportGone { pid, serial, id: id.0 }
    }

    pub(crate) fn of_report(report: &ReportRecord) -> Self {
        let (pid, serial) = parts(&report.udi);
        Self::Report(ReportLine {
            pid,
            serial,
            id: report.id.0,
            tag: report.tag.to_string(),
            start: report.start,
            end: report.end,
            peak: report.peak,
            received: report.received,
            times: report.times,
            broken: report.broken.map(|rule| rule.name().into()),
            answered: report.answered,
            held: report.held.as_ref().map(|held| HeldLine {
                envelope: held.envelope.as_ref().into(),
                upload: held.upload,
                sender: (held.sender != report.udi).then(|| parts(&held.sender)),
            }),
        })
    }

    pub(crate) fn of_upload(poll_id: u64, upload: &Upload) -> Self {
        let (mut acks, mut codes) = (Vec::new(), Vec::new());
        match upload {
            Upload::Acks(parts_of) => acks.extend(parts_of.iter().map(|(udi, poll_id, trust)| {
                let (pid, serial) = parts(udi);
                (pid, serial, poll_id.0, *trust)
            })),
            Upload::Codes(results) => codes.extend(results.iter().map(|result| {
                let (pid, serial) = parts(&result.udi);
                CodeLine {
                    pid,
                    serial,
                    instance: result.instance.map(|instance| instance.to_string()),
                    file: result.file.as_deref().map(Into::into),
                    refused: result.refused.clone(),
                }
            })),
        }
        Self::Upload(UploadLine { poll_id, acks, codes })
    }
}

impl TrustLine {
    fn of(trust: &Trust) -> Self {
        Self {
            instance: trust.identity.instance.to_string(),
            cert_serial: trust.identity.serial,
            trust_id: trust.trust_id,
            issued: trust.issued,
            valid_to: trust.valid_to,
            csr: trust.csr.as_deref().map(Into::into),
            asked_with: trust.asked_with.as_ref().map(|token| SecretText(token.expose().into())),
        }
    }

    /// The public key is made again from the certificate request when it is needed.
    fn read(self) -> Result<Trust, String> {
        let instance = instance(&self.instance)?;
        let token = |SecretText(text)| TokenText::new(&text).map_err(|error| format!("id token {error}"));
        Ok(Trust {
            identity: IdCert { instance, serial: self.cert_serial },
            trust_id: self.trust_id,
            issued: self.issued,
            valid_to: self.valid_to,
            csr: self.csr.map(Arc::from),
            key: None,
            asked_with: self.asked_with.map(token).transpose()?,
        })
    }
}

impl PendingLine {
    fn of(pending: &Pending) -> Self {
        let reports = pending.reports.iter();
        Self {
            poll_id: pending.poll_id.0,
            received: pending.received,
            nonce: pending.nonce.to_string(),
            reports: reports.map(|(id, rule)| (id.0, rule.map(|rule| rule.name().into()))).collect(),
            not_before: pending.not_before,
            released: pending.released,
            answered: pending.answered,
            ack: pending.ack.as_deref().map(Into::into),
            units: pending.units.iter().map(parts).collect(),
        }
    }

    fn read(self) -> Result<Pending, String> {
        let reports = self.reports.into_iter();
        Ok(Pending {
            poll_id: PollId(self.poll_id),
            received: self.received,
            nonce: Nonce::parse(&self.nonce),
            reports: reports
                .map(|(id, name)| Ok((ReportId(id), rule(name)?)))
                .collect::<Result<_, String>>()?,
            not_before: self.not_before,
            released: self.released,
            answered: self.answered,
            ack: self.ack.map(Arc::from),
            units: self.units.iter().map(|(pid, serial)| udi(pid, serial)).collect::<Result<_, String>>()?,
        })
    }
}

impl UploadLine {
    pub(crate) fn read(self) -> Result<Upload, String> {
        if self.codes.is_empty() {
            let ack = |(pid, serial, poll_id, trust): (String, String, u64, bool)| {
                Ok((udi(&pid, &serial)?, PollId(poll_id), trust))
            };
            return Ok(Upload::Acks(self.acks.into_iter().map(ack).collect::<Result<_, String>>()?));
        }
        let code = |line: CodeLine| {
            Ok(AuthResult {
                udi: udi(&line.pid, &line.serial)?,
                instance: line.instance.as_deref().map(instance).transpose()?,
                file: line.file.map(Arc::from),
                refused: line.refused,
            })
        };
        Ok(Upload::Codes(self.codes.into_iter().map(code).collect::<Result<_, String>>()?))
    }
}

impl AccountLine {
    pub(crate) fn read(self) -> Result<Account, String> {
        let membership = match self.listed {
            None => Membership::Open,
            Some(list) => {
                let list: Result<BTreeSet<Udi>, String> =
                    list.iter().map(|(pid, serial)| udi(pid, serial)).collect();
                Membership::Listed(list?)
            }
        };
        let policy = match self.policy {
            None => None,
            Some((id, policy)) => Some(AccountPolicy { id: instance(&id)?.to_string(), policy }),
        };
        let policy_file = self.policy_file.map(Arc::from);
        Ok(Account { names: self.names, membership, policy, policy_file })
    }
}

impl TokenLine {
    pub(crate) fn read(self) -> (String, Token) {
        let token = Token {
            account: AccountId(self.account),
            issued: self.issued,
            expires: self.expires,
            max_uses: self.max_uses,
            uses: self.uses,
            revoked: self.revoked,
        };
        (self.text, token)
    }
}

impl DeviceLine {
    pub(crate) fn read(self) -> Result<Device, String> {
        let authorized = self.authorized.into_iter();
        Ok(Device {
            udi: udi(&self.pid, &self.serial)?,
            account: AccountId(self.account),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            hostname: self.hostname.map(Into::into),
            software_tag: self.software_tag.map(Word::Owned),
            named: self.named.as_deref().map(instance).transpose()?,
            trust: self.trust.map(TrustLine::read).transpose()?,
            previous: self.previous.map(TrustLine::read).transpose()?,
            past: self.past.into_iter().map(TrustLine::read).collect::<Result<_, _>>()?,
            polls: self.polls.into_iter().map(PendingLine::read).collect::<Result<_, _>>()?,
            authorized: authorized
                .map(|(entitlement, count)| AuthEntry { entitlement: Word::Owned(entitlement), count })
                .collect(),
            draws: self.draws,
        })
    }
}

impl ReportLine {
    pub(crate) fn read(self) -> Result<ReportRecord, String> {
        let of = udi(&self.pid, &self.serial)?;
        let held = |held: HeldLine| {
            let sender = held.sender.map(|(pid, serial)| udi(&pid, &serial)).transpose()?;
            let envelope = held.envelope.into();
            Ok::<_, String>(Held { sender: sender.unwrap_or(of), envelope, upload: held.upload })
        };
        Ok(ReportRecord {
            udi: of,
            id: ReportId(self.id),
            tag: Word::Owned(self.tag),
            start: self.start,
            end: self.end,
            peak: self.peak,
            received: self.received,
            times: self.times,
            broken: rule(self.broken)?,
            answered: self.answered,
            held: self.held.map(held).transpose()?,
        })
    }
}

fn parts(udi: &Udi) -> (String, String) {
    (udi.pid.as_str().into(), udi.serial.as_str().into())
}

pub(crate) fn udi(pid: &str, serial: &str) -> Result<Udi, String> {
    Udi::new(pid, serial).map_err(|error| format!("product id and serial number {error}"))
}

fn instance(text: &str) -> Result<InstanceId, String> {
    InstanceId::parse(text).ok_or_else(|| format!("{text:?} is no uuid"))
}

fn rule(name: Option<String>) -> Result<Option<Rule>, String> {
    let Some(name) = name else { return Ok(None) };
    Rule::by_name(&name).map(Some).ok_or_else(|| format!("no rule is called {name:?}"))
}
