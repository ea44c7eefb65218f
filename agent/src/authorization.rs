//! Authorization codes, on `mds9000` only (`spec/formats.md` §6, §8.3, `spec/messages.md` §1 rows 2, 9, 10).

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use crate::agent::{Agent, Cx, InstalledAuth};
use crate::draw::{Draw, draw};
use crate::files::ImportFault;
use crate::input::CommandError;
use crate::judge::{Carrier, judge};
use crate::messages::Message;
use crate::output::Output;
use crate::reply::{AuthCode, Element, Status};
use crate::request::{AuthKey, Purpose, Request};

impl Agent {
    pub(crate) fn auth_request(
        &mut self,
        cx: &mut Cx<'_>,
        license: u8,
        count: u32,
    ) -> Result<(), CommandError> {
        if !self.profile().has_enforced {
            return Err(CommandError::NotOnThisProfile);
        }
        let license = self.profile().licenses.get(usize::from(license)).ok_or(CommandError::NotFound)?;
        self.check_may_talk()?;
        self.cancel(cx, Purpose::AuthRequest);
        let keys = vec![AuthKey { entitlement: license.tag, count }];
        self.send(cx, Request::AuthRequest { keys });
        Ok(())
    }

    pub(crate) fn auth_return(&mut self, cx: &mut Cx<'_>) -> Result<(), CommandError> {
        if !self.profile().has_enforced {
            return Err(CommandError::NotOnThisProfile);
        }
        let active = self.udi;
        if !self.spill.as_ref().is_some_and(|spill| spill.auth.iter().any(|auth| auth.code.udi == active)) {
            return Err(CommandError::NotFound);
        }
        self.check_may_talk()?;
        self.cancel(cx, Purpose::AuthReturn);
        let n = u64::from(self.last_txn.0) ^ u64::try_from(cx.now.wall.secs()).unwrap_or(0);
        let code = format!("R{:016X}", draw(cx.shared.seed, cx.id, Draw::ReturnCode, n));
        self.spill().return_code = Some(code.as_str().into());
        self.flags.dirty = true;
        self.send(cx, Request::AuthReturn { remove_code: code });
        Ok(())
    }

    fn check_may_talk(&self) -> Result<(), CommandError> {
        if self.may_talk() {
            return Ok(());
        }
        let transport = self.settings.transport;
        Err(CommandError::Refused(format!(
            "Transport {transport} does not allow this request: establish trust first"
        )))
    }

    pub(crate) fn auth_return_answered(&mut self, cx: &mut Cx<'_>, status: &Status) {
        match status {
            Status::Ok | Status::OkPoll { .. } | Status::NoData => {}
            Status::TryAgain { .. } | Status::Refused { .. } => return, // the codes stay
        }
        let active = self.udi;
        let auth = self.spill.as_mut().map(|spill| core::mem::take(&mut spill.auth)).unwrap_or_default();
        let (removed, kept): (Vec<_>, Vec<_>) = auth.into_iter().partition(|auth| auth.code.udi == active);
        if let Some(spill) = &mut self.spill {
            spill.auth = kept;
        }
        self.flags.dirty |= !removed.is_empty();
        for installed in removed {
            cx.out.push(Output::Log(Message::AuthorizationRemoved { udi: installed.code.udi }));
        }
    }

    pub(crate) fn install_auth(
        &mut self,
        cx: &mut Cx<'_>,
        element: Element<AuthCode>,
        carrier: Carrier,
    ) -> Result<(), ImportFault> {
        if !self.profile().has_enforced {
            return Ok(()); // recognised and refused on Nexus (`spec/formats.md` §3); no message is documented
        }
        let udi = element.body.as_ref().map_or(self.udi, |code| code.udi);
        let fault = match judge(element, carrier, cx.now.wall) {
            // Node lock, as with trust codes: a code for somebody else is none for this device (modelled).
            Ok(_) if !self.units().any(|unit| unit.udi == udi) => ImportFault::OtherDevice,
            Ok(code) => {
                self.keep_auth(cx, code);
                return Ok(());
            }
            Err(refusal) => refusal.into(),
        };
        let udi = if fault == ImportFault::OtherDevice { self.udi } else { udi };
        let error = fault.refusal().into();
        cx.out.push(Output::Log(Message::AuthorizationInstallFailed { udi, error }));
        Err(fault)
    }

    fn keep_auth(&mut self, cx: &mut Cx<'_>, code: AuthCode) {
        let auth = &mut self.spill().auth;
        if auth.iter().any(|installed| installed.code == code) {
            return; // once per code
        }
        let udi = code.udi;
        // A new code for the same licences takes the place of the old one, whatever their counts (modelled).
        auth.retain(|installed| installed.code.udi != udi || !same_licenses(&installed.code, &code));
        auth.push(InstalledAuth { code, installed: cx.now.wall });
        self.flags.dirty = true;
        cx.out.push(Output::Log(Message::AuthorizationInstallSuccess { udi }));
    }

    /// The last return code that this device made, for show commands.
    #[must_use]
    pub fn return_code(&self) -> Option<alloc::string::String> {
        self.spill.as_ref()?.return_code.as_ref().map(|code| code.to_string())
    }
}

fn same_licenses(one: &AuthCode, other: &AuthCode) -> bool {
    one.entitlements.iter().map(|(tag, _)| tag).eq(other.entitlements.iter().map(|(tag, _)| tag))
}
