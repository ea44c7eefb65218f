//! What an answer or a file brings: trust codes, a policy, an ACK, authorization codes, in this order
//! (`spec/messages.md` §2), each judged by itself (`spec/behaviour.md` §9).

use alloc::vec::Vec;

use slpsim_policy::{Phase, Policy};

use crate::agent::{Agent, Cx, Stamp};
use crate::files::ImportFault;
use crate::judge::{Carrier, Refusal, judge};
use crate::messages::{Message, PolicyError};
use crate::output::{AckIgnored, Event, Output};
use crate::reply::{Account, Ack, AuthCode, Element, Reply, ReportVerdict, TrustCode};

/// The installable parts of an answer, with the way they came.
#[derive(Debug)]
pub(crate) struct Elements {
    pub(crate) carrier: Carrier,
    pub(crate) account: Option<Account>,
    pub(crate) trust: Vec<Element<TrustCode>>,
    pub(crate) policy: Option<Element<Policy>>,
    pub(crate) ack: Option<Element<Ack>>,
    pub(crate) auth: Vec<Element<AuthCode>>,
}

impl Agent {
    /// `direct`: the answer came straight from CSSM.
    pub(crate) fn take_elements(reply: &mut Reply, direct: bool) -> Elements {
        Elements {
            carrier: if direct { Carrier::Direct { stamp: reply.stamp } } else { Carrier::Relayed },
            account: reply.account.take(),
            trust: core::mem::take(&mut reply.trust),
            policy: reply.policy.take(),
            ack: reply.ack.take(),
            auth: core::mem::take(&mut reply.auth),
        }
    }

    pub(crate) fn install(&mut self, cx: &mut Cx<'_>, elements: Elements) {
        let carrier = elements.carrier;
        if let Some(account) = elements.account {
            self.note_account(cx, account);
        }
        // What is refused has been logged; nobody waits for a reply.
        let _ = self.install_trusts(cx, elements.trust, carrier);
        if let Some(policy) = elements.policy {
            let _ = self.install_policy(cx, policy, carrier);
        }
        if let Some(ack) = elements.ack {
            self.take_ack(cx, ack, carrier);
        }
        for code in elements.auth {
            let _ = self.install_auth(cx, code, carrier);
        }
    }

    pub(crate) fn note_account(&mut self, cx: &mut Cx<'_>, account: Account) {
        self.account = Some(cx.shared.accounts.intern(account));
        self.flags.dirty = true;
        self.account_as_of = Stamp::at(cx.now.wall);
    }

    pub(crate) fn install_policy(
        &mut self,
        cx: &mut Cx<'_>,
        element: Element<Policy>,
        carrier: Carrier,
    ) -> Result<(), ImportFault> {
        let issued = element.issued;
        let judged = judge(element, carrier, cx.now.wall).map_err(ImportFault::from);
        let judged = judged.map(|policy| cx.shared.policies.intern(policy));
        let judged = judged.and_then(|policy| {
            // A file lies about for long; what comes in an answer is what the peer has now.
            let older =
                carrier == Carrier::File && self.policy_issued.get().is_some_and(|last| issued < last);
            if older && self.policy != Some(policy) { Err(ImportFault::Older) } else { Ok(policy) }
        });
        let policy = match judged {
            Ok(policy) => Some(policy),
            Err(fault) => {
                let error = fault.refusal().into();
                cx.out.push(Output::Log(Message::PolicyInstallFailed { error }));
                return Err(fault);
            }
        };
        if self.policy == policy {
            return Ok(()); // the same content again is no installation
        }
        self.policy = policy;
        self.policy_issued = Stamp::at(issued);
        self.policy_installed = Stamp::at(cx.now.wall);
        self.last_ack = Stamp::at(cx.now.wall);
        self.phase = Phase::First;
        self.flags.dirty = true;
        cx.out.push(Output::Log(Message::PolicyInstallSuccess));
        cx.out.push(Output::Event(Event::PolicyInstall));
        self.reschedule(cx);
        self.rearm_reminder(cx);
        Ok(())
    }

    fn take_ack(&mut self, cx: &mut Cx<'_>, element: Element<Ack>, carrier: Carrier) {
        match judge(element, carrier, cx.now.wall) {
            Ok(ack) => {
                self.settle(cx, ack);
                self.ack_arrived(cx);
            }
            Err(refusal) => {
                let ignored = Some(refusal.into());
                cx.out.push(Output::Event(Event::Ack { ignored }));
            }
        }
    }

    /// Gives each report that the ACK names its verdict.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, ack: Ack) {
        for (id, verdict) in ack.reports {
            let rejected = match verdict {
                ReportVerdict::Acknowledged => None,
                ReportVerdict::Rejected(why) => Some(why),
            };
            if !self.rum.settle(id, rejected) {
                let ignored = Some(AckIgnored::UnknownReport(id));
                cx.out.push(Output::Event(Event::Ack { ignored }));
            }
        }
        self.rum.trim(cx.shared.keep.acked_reports);
        self.prune_generations();
    }

    /// `Last ACK received` is now, and the bound of a change before it is gone.
    pub(crate) fn ack_arrived(&mut self, cx: &mut Cx<'_>) {
        self.last_ack = Stamp::at(cx.now.wall);
        self.bound = Stamp::NONE;
        self.flags.dirty = true;
        cx.out.push(Output::Event(Event::Ack { ignored: None }));
        self.rearm_reminder(cx);
    }
}

impl From<Refusal> for AckIgnored {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Signature => Self::Signature,
            Refusal::Timestamp => Self::Timestamp,
            Refusal::Unreadable => Self::Unreadable,
        }
    }
}

impl From<Refusal> for PolicyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Signature => Self::Signature,
            Refusal::Timestamp => Self::Timestamp,
            Refusal::Unreadable => Self::Parse,
        }
    }
}
