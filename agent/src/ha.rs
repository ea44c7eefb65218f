//! Two supervisors (`spec/behaviour.md` §10), and the generations that closed reports refer to.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use slpsim_policy::Wall;

use crate::agent::{Agent, Cx};
use crate::ids::{IdCert, ReportId, Udi};
use crate::reply::TrustCode;
use crate::report::{Report, ReportState, Role, Signer, Unit};
use crate::rum::{ReportRow, Seal};
use crate::sync::Sync;
use crate::timers::Timer;
use crate::trust::TrustData;

/// The standby, and what reports closed earlier remember.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Ha {
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) standby: Option<Box<Standby>>,
    /// Generation of the units that are there now.
    pub(crate) units: u16,
    /// The generation of an identity that was given last. In the durable form only: a running agent keeps it outside,
    /// so that a device that was trusted needs nothing of this.
    pub(crate) identity: u16,
    /// Sets of units of earlier generations that reports still name.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) past_units: Vec<(u16, Udi, Option<Udi>)>,
    /// Identities of earlier generations that reports still name.
    pub(crate) past_identities: Vec<(u16, IdCert)>,
}

/// The second supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standby {
    pub(crate) udi: Udi,
    pub(crate) trust: Option<TrustData>,
}

/// The generation after `last` that nothing names; 0 means the built-in key and is never given. A few hundred reports
/// at most name one each, so there is always a free one near.
fn next_generation(last: u16, named: impl Fn(u16) -> bool) -> u16 {
    let after = |generation: u16| generation.checked_add(1).unwrap_or(1);
    core::iter::successors(Some(after(last)), |tried| Some(after(*tried)))
        .take(usize::from(u16::MAX))
        .find(|generation| !named(*generation))
        .unwrap_or(1)
}

impl Agent {
    pub(crate) fn standby(&self) -> Option<&Standby> {
        self.spill.as_ref()?.ha.standby.as_deref()
    }

    /// The units of the redundancy set, the active one first.
    pub fn units(&self) -> impl Iterator<Item = Unit> + use<'_> {
        let standby = self.standby().map(|standby| Unit { role: Role::Standby, udi: standby.udi });
        core::iter::once(Unit { role: Role::Active, udi: self.udi }).chain(standby)
    }

    /// What a report that is closed now will always say of its signer and units.
    pub(crate) fn seal(&self) -> Seal {
        Seal {
            identity: self.trust.map_or(0, |trust| trust.generation),
            units: self.spill.as_ref().map_or(0, |spill| spill.ha.units),
        }
    }

    /// Generation for an identity that becomes that of the active unit. The one before it is kept for the reports
    /// that it signed.
    pub(crate) fn next_identity(&mut self) -> u16 {
        let rows = &self.rum.rows;
        let named = |generation| closed(rows).any(|seal| seal.identity == generation);
        if let Some(old) = self.trust.filter(|old| named(old.generation)) {
            let ha = &mut self.spill.get_or_insert_default().ha;
            ha.past_identities.push((old.generation, old.identity));
        }
        self.identity = next_generation(self.identity, named);
        self.identity
    }

    /// Forgets generations that no report names any more.
    pub(crate) fn prune_generations(&mut self) {
        let rows = &self.rum.rows;
        if let Some(spill) = &mut self.spill {
            spill.ha.past_identities.retain(|(g, _)| closed(rows).any(|seal| seal.identity == *g));
            spill.ha.past_units.retain(|(g, _, _)| closed(rows).any(|seal| seal.units == *g));
        }
    }

    fn change_units(&mut self) {
        let past = (self.seal().units, self.udi, self.standby().map(|standby| standby.udi));
        let rows = &self.rum.rows;
        let ha = &mut self.spill.get_or_insert_default().ha;
        ha.past_units.push(past);
        ha.units = next_generation(ha.units, |generation| closed(rows).any(|seal| seal.units == generation));
        self.prune_generations();
        self.flags.dirty = true;
    }

    /// The second supervisor of a device that has not been started: it is there at the first start, so that its
    /// coming is no event.
    pub fn pair_with(&mut self, udi: Udi) {
        if udi != self.udi {
            self.spill().ha.standby = Some(Box::new(Standby { udi, trust: None }));
            self.flags.dirty = true;
        }
    }

    pub(crate) fn standby_added(&mut self, cx: &mut Cx<'_>, udi: Udi) {
        if udi == self.udi || self.standby().is_some_and(|standby| standby.udi == udi) {
            return;
        }
        self.change_units();
        self.spill().ha.standby = Some(Box::new(Standby { udi, trust: None }));
        self.event_push(cx);
        if self.settings.transport.is_direct() {
            self.sync = Sync::Due;
            self.timers.set(Timer::Sync, cx.now.mono);
        }
    }

    pub(crate) fn standby_removed(&mut self, cx: &mut Cx<'_>) {
        if self.standby().is_some() {
            self.change_units();
            self.spill().ha.standby = None;
            self.event_push(cx);
        }
    }

    /// The new active continues with the synchronised state.
    pub(crate) fn switchover(&mut self, cx: &mut Cx<'_>) {
        let Some(standby) = self.standby().copied() else { return };
        self.change_units();
        let generation = self.next_identity();
        // What signed reports is remembered by generation; the trust code of a standby signs none.
        let old =
            Standby { udi: self.udi, trust: self.trust.map(|trust| TrustData { generation: 0, ..trust }) };
        self.udi = standby.udi;
        self.trust = standby.trust.map(|trust| TrustData { generation, ..trust });
        self.spill().ha.standby = Some(Box::new(old));
        self.arm_trust_renewal(cx, Duration::ZERO);
        self.event_push(cx);
    }

    /// `false` where the code is not for the standby.
    pub(crate) fn install_standby(&mut self, cx: &mut Cx<'_>, code: &TrustCode) -> bool {
        let now: Wall = cx.now.wall;
        let Some(standby) = self.spill.as_mut().and_then(|spill| spill.ha.standby.as_deref_mut()) else {
            return false;
        };
        if standby.udi != code.udi {
            return false; // node lock
        }
        let same = standby
            .trust
            .is_some_and(|trust| trust.identity == code.identity && trust.trust_id == code.trust_id);
        if !same {
            standby.trust = Some(TrustData::installed(code, now, 0));
            self.after_install(cx, code);
        }
        true
    }

    /// Factory reset: no report is left that names a generation.
    pub(crate) fn forget_trust_of_standby(&mut self) {
        self.identity = 0;
        if let Some(spill) = &mut self.spill {
            if let Some(standby) = &mut spill.ha.standby {
                standby.trust = None;
            }
            spill.ha = Ha { standby: spill.ha.standby.take(), ..Ha::default() };
        }
    }

    /// Builds a closed report; the same report always builds to the same contents.
    pub(crate) fn build_report(&self, row: &ReportRow) -> Option<Report> {
        Some(Report {
            id: ReportId(row.id),
            previous: row.previous_id(),
            license: self.profile().licenses.get(usize::from(row.license))?,
            signer: self.signer_of(row.seal),
            units: self.units_of(row.seal),
            measurements: self.rum.measurements(row, row.end),
        })
    }

    /// The same without units and measurements.
    pub(crate) fn outline_report(&self, row: &ReportRow) -> Option<Report> {
        Some(Report {
            id: ReportId(row.id),
            previous: row.previous_id(),
            license: self.profile().licenses.get(usize::from(row.license))?,
            signer: Signer::Builtin,
            units: Vec::new(),
            measurements: Vec::new(),
        })
    }

    fn signer_of(&self, seal: Seal) -> Signer {
        if seal.identity == 0 {
            return Signer::Builtin;
        }
        let now = self.trust.filter(|trust| trust.generation == seal.identity).map(|trust| trust.identity);
        let past = || {
            let past = &self.spill.as_ref()?.ha.past_identities;
            past.iter().find(|(generation, _)| *generation == seal.identity).map(|(_, identity)| *identity)
        };
        now.or_else(past).map_or(Signer::Builtin, Signer::Id)
    }

    /// The unit that was active when a report with that seal was closed.
    pub(crate) fn active_of(&self, seal: Seal) -> Udi {
        self.units_of(seal).first().map_or(self.udi, |unit| unit.udi)
    }

    fn units_of(&self, seal: Seal) -> Vec<Unit> {
        let past = self.spill.as_ref().and_then(|spill| {
            spill.ha.past_units.iter().find(|(generation, _, _)| *generation == seal.units)
        });
        match past {
            Some((_, active, standby)) => {
                let active = Unit { role: Role::Active, udi: *active };
                let standby = standby.map(|udi| Unit { role: Role::Standby, udi });
                core::iter::once(active).chain(standby).collect()
            }
            None => self.units().collect(),
        }
    }
}

/// The seals of closed reports; an open one has none yet.
fn closed(rows: &[ReportRow]) -> impl Iterator<Item = Seal> {
    rows.iter().filter(|row| row.state != ReportState::Open).map(|row| row.seal)
}
