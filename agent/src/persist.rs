//! The durable state of an agent, as plain data with a version (`spec/behaviour.md` §11: what a reload keeps).
//!
//! Settings are not in it: they belong to the configuration. Times are wall-clock times; ids are never reused.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use slpsim_policy::{Phase, Policy, Wall};

use crate::agent::{Agent, Flags, InstalledAuth, Now, Stamp};
use crate::ha::{Ha, Standby};
use crate::ids::{ReportId, Udi};
use crate::input::Usage;
use crate::profile::ProfileId;
use crate::reply::{Account, AuthCode};
use crate::report::{Reason, ReportState};
use crate::rum::{More, ReportRow, Rum, Seal, Segment};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::text::TextError;
use crate::trust::TrustData;

/// Version of [`Saved`] that this build writes.
pub const VERSION: u16 = 1;

/// Everything that survives a reload and a power loss.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Saved {
    /// [`VERSION`] of the writer.
    pub version: u16,
    /// When it was saved; what happened later is not known.
    pub at: Wall,
    /// Platform.
    pub profile: ProfileId,
    /// The active unit.
    pub udi: SavedUdi,
    standby: Option<(SavedUdi, Option<TrustData>)>,
    trust: Option<TrustData>,
    policy: Option<(Policy, Option<Wall>)>,
    #[cfg_attr(feature = "serde", serde(default))]
    policy_issued: Option<Wall>,
    phase: Phase,
    account: Option<(Account, Option<Wall>)>,
    t0: Option<Wall>,
    last_ack: Option<Wall>,
    bound: Option<Wall>,
    last_push: Option<Wall>,
    last_file_write: Option<Wall>,
    usage: Vec<(u8, u32)>,
    reports: Vec<SavedReport>,
    segments: Vec<Segment>,
    rejections: Vec<(ReportId, String)>,
    last_report_id: u64,
    acknowledged: u32,
    rejected: u32,
    purged: u32,
    ha: Ha,
    past_units: Vec<(u16, SavedUdi, Option<SavedUdi>)>,
    auth: Vec<SavedAuth>,
    return_code: Option<String>,
    renewals: bool,
    renewals_cancelled: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    upgraded: Option<Wall>,
}

/// A UDI as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedUdi {
    /// Product id.
    pub pid: String,
    /// Serial number.
    pub serial: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct SavedReport {
    id: u64,
    previous: u32,
    license: u8,
    state: ReportState,
    reason: Option<Reason>,
    start: i64,
    end: i64,
    value: u32,
    seal: Seal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct SavedAuth {
    udi: SavedUdi,
    flag: String,
    entitlements: Vec<(String, u32)>,
    installed: Wall,
}

/// Why a saved state cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// Written by a newer build.
    Newer {
        /// Its version.
        version: u16,
    },
    /// A UDI in it is none.
    Udi(TextError),
    /// A report or usage row names a licence that the platform does not have.
    License(u8),
    /// Report ids are not growing.
    ReportOrder,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { version } => {
                write!(
                    f,
                    "the state was saved by a newer slpsim (version {version}, this one reads {VERSION})"
                )
            }
            Self::Udi(error) => write!(f, "the saved UDI {error}"),
            Self::License(license) => {
                write!(f, "the saved state names license {license}, which the profile lacks")
            }
            Self::ReportOrder => f.write_str("the saved report ids do not grow"),
        }
    }
}

impl core::error::Error for RestoreError {}

impl Agent {
    /// The durable state at `now`.
    #[must_use]
    pub fn save(&self, shared: &Shared, now: Now) -> Saved {
        let mut ha = self.spill.as_ref().map(|spill| spill.ha.clone()).unwrap_or_default();
        ha.identity = self.identity;
        // Units are saved as text, in fields of their own.
        let (standby, past_units) = (ha.standby.take(), core::mem::take(&mut ha.past_units));
        let more = self.rum.more.as_deref().cloned().unwrap_or_default();
        Saved {
            version: VERSION,
            at: now.wall,
            profile: self.profile,
            udi: (&self.udi).into(),
            standby: standby.map(|standby| ((&standby.udi).into(), standby.trust)),
            trust: self.trust,
            policy: self
                .policy
                .and_then(|policy| shared.policies.get(policy))
                .map(|policy| (policy.clone(), self.policy_installed.get())),
            policy_issued: self.policy_issued.get(),
            phase: self.phase,
            account: self
                .account
                .and_then(|account| shared.accounts.get(account))
                .map(|account| (account.clone(), self.account_as_of.get())),
            t0: self.t0.get(),
            last_ack: self.last_ack.get(),
            bound: self.bound.get(),
            last_push: self.last_push.get(),
            last_file_write: self.last_file_write.get(),
            usage: self.rum.usage.iter().map(|row| (row.license, row.count)).collect(),
            reports: self.rum.rows.iter().map(SavedReport::from).collect(),
            segments: more.segments,
            rejections: more.rejections.into_iter().map(|(id, why)| (id, why.into_string())).collect(),
            last_report_id: self.rum.last_id,
            acknowledged: self.rum.acknowledged,
            rejected: self.rum.rejected,
            purged: self.rum.purged,
            past_units: past_units
                .iter()
                .map(|(generation, active, standby)| {
                    (*generation, active.into(), standby.as_ref().map(Into::into))
                })
                .collect(),
            ha,
            auth: self.saved_auth(),
            return_code: self.return_code(),
            renewals: self.flags.renewals,
            renewals_cancelled: self.flags.renewals_cancelled,
            upgraded: self.spill.as_ref().and_then(|spill| spill.upgraded),
        }
    }

    fn saved_auth(&self) -> Vec<SavedAuth> {
        let auth = self.spill.as_ref().map(|spill| spill.auth.as_slice()).unwrap_or_default();
        let saved = auth.iter().map(|installed| SavedAuth {
            udi: (&installed.code.udi).into(),
            flag: installed.code.flag.to_string(),
            entitlements: installed.code.entitlements.clone(),
            installed: installed.installed,
        });
        saved.collect()
    }

    /// The agent of a saved state; [`crate::Input::Boot`] with cause [`crate::BootCause::PowerLoss`] or
    /// [`crate::BootCause::Reload`] starts it.
    ///
    /// # Errors
    /// Where the state is of a newer version or does not fit together.
    pub fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError> {
        if saved.version > VERSION {
            return Err(RestoreError::Newer { version: saved.version });
        }
        check_reports(&saved)?;
        let mut agent = Self::new(saved.profile, saved.udi.read()?, settings, &[]);
        agent.flags = Flags {
            renewals: saved.renewals,
            renewals_cancelled: saved.renewals_cancelled,
            ..Flags::default()
        };
        agent.trust = saved.trust;
        if let Some((policy, installed)) = saved.policy {
            agent.policy = Some(shared.policies.intern(policy));
            agent.policy_installed = installed.into();
        }
        agent.policy_issued = saved.policy_issued.into();
        agent.phase = saved.phase;
        if let Some((account, as_of)) = saved.account {
            agent.account = Some(shared.accounts.intern(account));
            agent.account_as_of = as_of.into();
        }
        agent.t0 = saved.t0.into();
        agent.last_ack = saved.last_ack.into();
        agent.bound = saved.bound.into();
        agent.last_push = saved.last_push.into();
        agent.last_file_write = saved.last_file_write.into();
        let rejections = saved.rejections.into_iter().map(|(id, why)| (id, why.into_boxed_str())).collect();
        let more = More { segments: saved.segments, rejections };
        agent.rum = Rum {
            usage: saved
                .usage
                .iter()
                .map(|(license, count)| Usage { license: *license, count: *count })
                .collect(),
            rows: saved.reports.into_iter().map(ReportRow::from).collect(),
            last_id: saved.last_report_id,
            acknowledged: saved.acknowledged,
            rejected: saved.rejected,
            purged: saved.purged,
            more: (!more.segments.is_empty() || !more.rejections.is_empty()).then(|| Box::new(more)),
        };
        let mut ha = saved.ha;
        agent.identity = core::mem::take(&mut ha.identity);
        if let Some((udi, trust)) = saved.standby {
            ha.standby = Some(Box::new(Standby { udi: udi.read()?, trust }));
        }
        for (generation, active, standby) in saved.past_units {
            let standby = standby.map(|udi| udi.read()).transpose()?;
            ha.past_units.push((generation, active.read()?, standby));
        }
        let auth = saved.auth.into_iter().map(InstalledAuth::try_from).collect::<Result<_, _>>()?;
        let spill = agent.spill();
        spill.ha = ha;
        spill.auth = auth;
        spill.return_code = saved.return_code.map(String::into_boxed_str);
        spill.upgraded = saved.upgraded;
        spill.known_until = Some(saved.at);
        Ok(agent)
    }
}

fn check_reports(saved: &Saved) -> Result<(), RestoreError> {
    let licenses = saved.profile.profile().licenses.len();
    let named = saved.usage.iter().map(|(license, _)| *license);
    let named = named.chain(saved.reports.iter().map(|report| report.license));
    if let Some(unknown) = named.into_iter().find(|license| usize::from(*license) >= licenses) {
        return Err(RestoreError::License(unknown));
    }
    let grow = saved.reports.is_sorted_by(|one, next| one.id < next.id);
    let last = saved.reports.last().map_or(0, |report| report.id);
    if grow && last <= saved.last_report_id { Ok(()) } else { Err(RestoreError::ReportOrder) }
}

impl From<&Udi> for SavedUdi {
    fn from(udi: &Udi) -> Self {
        Self { pid: udi.pid.as_str().to_owned(), serial: udi.serial.as_str().to_owned() }
    }
}

impl SavedUdi {
    fn read(&self) -> Result<Udi, RestoreError> {
        Udi::new(&self.pid, &self.serial).map_err(RestoreError::Udi)
    }
}

impl From<&ReportRow> for SavedReport {
    fn from(row: &ReportRow) -> Self {
        let ReportRow { id, start, end, value, previous, license, state, reason, seal } = *row;
        Self { id, previous, license, state, reason, start, end, value, seal }
    }
}

impl From<SavedReport> for ReportRow {
    fn from(saved: SavedReport) -> Self {
        let SavedReport { id, previous, license, state, reason, start, end, value, seal } = saved;
        Self { id, start, end, value, previous, license, state, reason, seal }
    }
}

impl TryFrom<SavedAuth> for InstalledAuth {
    type Error = RestoreError;

    fn try_from(saved: SavedAuth) -> Result<Self, RestoreError> {
        let code = AuthCode {
            udi: saved.udi.read()?,
            entitlements: saved.entitlements,
            flag: saved.flag.into_boxed_str(),
        };
        Ok(Self { code, installed: saved.installed })
    }
}

impl From<Stamp> for Option<Wall> {
    fn from(stamp: Stamp) -> Self {
        stamp.get()
    }
}
