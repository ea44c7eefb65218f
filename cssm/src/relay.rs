//! Store and forward: what a CSLU or an SSM On-Prem keeps for CSSM, and what comes back (`spec/behaviour.md` §12).

use std::collections::BTreeSet;
use std::sync::Arc;

use slpsim_agent::{Account as Names, InstanceId, Purpose, ReportId, Udi};
use slpsim_policy::Wall;
use slpsim_transport::message::Word;

use crate::cssm::{Cssm, ManageError};
use crate::decide::gate::home_of;
use crate::exchange::Arrived;
use crate::filetext;
use crate::peer::Route;
use crate::records::{AccountId, Event, EventRecord, Held};

/// The reports that one device has pushed and that wait for CSSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Who pushed them, and waits for an ACK.
    pub udi: Udi,
    /// As the device said it last.
    pub hostname: Option<Box<str>>,
    /// As the device said it last.
    pub software_tag: Option<Word>,
    /// The identity that the device named last; without one it needs a trust code.
    pub named: Option<InstanceId>,
    /// Where it belongs.
    pub home: Home,
    /// Oldest first.
    pub reports: Vec<Waiting>,
}

/// The account of a device, for a CSSM above that knows accounts by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Smart and Virtual Account.
    pub names: Names,
    /// It is the one that devices join that ask for none: where CSSM knows none of that name, they join the one of CSSM.
    pub is_first: bool,
}

/// A report that waits for CSSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose usage it is: after a switchover that of the old active unit, though the new one has pushed it.
    pub udi: Udi,
    /// Its number.
    pub id: ReportId,
    /// The report itself.
    pub held: Held,
}

impl Outgoing {
    /// Whether all of it is usage of whoever pushed it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.reports.iter().all(|report| report.udi == self.udi)
    }
}

impl Cssm {
    /// What waits of one device; nothing where nothing does.
    #[must_use]
    pub fn outgoing(&self, udi: &Udi) -> Option<Outgoing> {
        let device = self.store().device(udi)?;
        let waiting = |((udi, id), held): ((Udi, ReportId), &Held)| Waiting { udi, id, held: held.clone() };
        let reports: Vec<_> = self.store().held(udi).map(waiting).collect();
        let home = self.home_of(device.account)?;
        (!reports.is_empty()).then(|| Outgoing {
            udi: *udi,
            hostname: device.hostname.clone(),
            software_tag: device.software_tag.clone(),
            named: device.named,
            home,
            reports,
        })
    }

    fn home_of(&self, id: AccountId) -> Option<Home> {
        let account = self.store().accounts().get(usize::from(id.0))?;
        Some(Home { names: account.names.clone(), is_first: id == AccountId(0) })
    }

    /// The account for which a message is passed on: that of the device where it is known here, else the one of the route.
    #[must_use]
    pub fn home_for(&self, route: &Route, udi: &Udi) -> Option<Home> {
        let known = self.store().device(udi).map(|device| device.account);
        self.home_of(known.or_else(|| home_of(route, self.store().accounts()).ok())?)
    }

    /// Whether a message is for the CSSM above: what only CSSM can answer is passed on as it came.
    #[must_use]
    pub fn passes_on(&self, arrived: &Arrived<'_>) -> bool {
        let asks_cssm = match arrived.message.request_type().purpose() {
            Some(Purpose::Trust | Purpose::TrustSync | Purpose::AuthRequest | Purpose::AuthReturn) => true,
            Some(Purpose::Poll | Purpose::Hello | Purpose::Usage | Purpose::AuthRenew | Purpose::IdRenew)
            | None => false,
        };
        let has_home = || home_of(&arrived.route, self.store().accounts()).is_ok();
        self.config().relay && asks_cssm && !self.peer(&arrived.route).down_rev && has_home()
    }

    /// Everything that waits, in the order of UDIs.
    #[must_use]
    pub fn all_outgoing(&self) -> Vec<Outgoing> {
        self.store().holders().filter_map(|udi| self.outgoing(udi)).collect()
    }

    /// Notes the poll id that CSSM gave for reports that `sender` has pushed; `None`: they have to be uploaded again. What
    /// somebody else has pushed meanwhile is his, and waits for an upload of its own.
    pub fn uploaded(&mut self, sender: &Udi, reports: &[(Udi, ReportId)], poll_id: Option<u64>) {
        for (udi, id) in reports {
            self.store_mut().hold(udi, *id, |held| {
                let upload = if held.sender == *sender { poll_id } else { held.upload };
                Some(Held { upload, ..held })
            });
        }
    }

    /// Takes an ACK file for `udi` that answers the reports `covered`: pushes of which nothing else waits can fetch it, and
    /// the reports wait no more. How many pushes.
    ///
    /// # Errors
    /// Where the device is not known here.
    pub fn bring_ack(
        &mut self,
        now: Wall,
        udi: &Udi,
        file: &Arc<str>,
        covered: &[ReportId],
    ) -> Result<usize, ManageError> {
        let at = self.clock(now);
        let Some(device) = self.store_mut().device_mut(udi) else {
            return Err(ManageError::NotFound(format!("no device {} has reported here", udi.in_show())));
        };
        let account = device.account;
        let mut pushes = 0;
        for pending in device.polls.iter_mut().filter(|pending| !pending.answered) {
            if pending.reports.iter().all(|(id, _)| covered.contains(id)) {
                pending.ack = Some(Arc::clone(file));
                pushes += 1;
            }
        }
        // What a later push has again goes to CSSM again with it, so that one ACK names all of that push.
        let open = device.polls.iter().filter(|pending| !pending.answered && pending.ack.is_none());
        let wanted: BTreeSet<(Udi, ReportId)> = open.flat_map(|pending| pending.keys(*udi)).collect();
        // By number: an ACK says nothing of units, and after a switchover numbers go on (`spec/behaviour.md` §10).
        let done: Vec<(Udi, ReportId)> =
            self.store().held(udi).map(|(key, _)| key).filter(|(_, id)| covered.contains(id)).collect();
        for key in done {
            let again = wanted.contains(&key);
            self.store_mut().hold(&key.0, key.1, |held| again.then_some(Held { upload: None, ..held }));
        }
        if let Some(policy) = filetext::element(file, filetext::POLICY) {
            self.bring_policy(account, policy);
        }
        self.store_mut().note(EventRecord { at, device: Some(*udi), event: Event::AckBrought(pushes) });
        Ok(pushes)
    }

    /// Takes a policy file: TRUST_SYNC answers of a peer without connection carry it from now on.
    pub fn bring_policy(&mut self, account: AccountId, file: &str) {
        if let Some(account) = self.store_mut().account_mut(account) {
            account.policy_file = Some(file.into());
        }
    }

    /// Notes that CSSM did not take the reports of a device.
    pub fn upstream_refused(&mut self, now: Wall, udi: &Udi) {
        let at = self.clock(now);
        self.store_mut().note(EventRecord { at, device: Some(*udi), event: Event::UpstreamRefused });
    }
}
