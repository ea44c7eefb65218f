//! The rules: a message and the records that it concerns go in, an answer and changes of records come out.
//!
//! Nothing here reads a clock, draws luck by itself or stores anything, so the same message meets the same answer in a
//! server, in lockstep and in simulation.

mod auth;
pub(crate) mod gate;
mod sync;
mod trust;
mod usage;

use slpsim_agent::{InstanceId, numbers};
use slpsim_policy::Wall;
use slpsim_transport::message::{
    DeviceBody, PolicyObject, Sealed, ServerData, ServerMessage, StatusWord, Word,
};

use crate::config::{AckMode, Config};
use crate::draw::Luck;
use crate::exchange::{Arrived, Steer};
use crate::peer::Peer;
use crate::records::{Account, AccountId, Device, Event, EventRecord};
use crate::rule::{Kind, Rule};
use crate::store::{Changes, Loaded};

/// Everything that a decision depends on.
pub(crate) struct Cx<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ack_mode: AckMode,
    pub(crate) luck: Luck,
    pub(crate) now: Wall,
    pub(crate) peer: &'a Peer,
    pub(crate) loaded: &'a Loaded<'a>,
    pub(crate) arrived: &'a Arrived<'a>,
    pub(crate) steer: &'a Steer,
}

/// What was decided.
pub(crate) struct Decision {
    pub(crate) message: ServerMessage,
    pub(crate) rule: Option<Rule>,
    pub(crate) changes: Changes,
}

/// What a rule file says to a message that broke nothing.
pub(crate) struct Granted {
    pub(crate) status: StatusWord,
    pub(crate) data: ServerData,
    pub(crate) changes: Changes,
    pub(crate) instance: Option<InstanceId>,
}

impl Granted {
    pub(crate) fn new(status: StatusWord, data: ServerData) -> Self {
        Self { status, data, changes: Changes::default(), instance: None }
    }
}

/// Decides on one message.
pub(crate) fn decide(cx: &Cx<'_>) -> Decision {
    let header = &cx.arrived.message.header;
    let mut answer = ServerMessage::bare(
        header.nonce.clone(),
        cx.arrived.message.request_type(),
        cx.now,
        cx.connect_info(),
        StatusWord::Ok,
    );
    answer.instance = header.instance;
    let mut rule = None;
    let mut changes = Changes::default();
    if let Some(seconds) = cx.steer.try_again_s {
        answer.status = StatusWord::TryAgain;
        answer.status_message = Word::Borrowed("Server error occurred: LS_LICENGINE_FAIL_TO_CONNECT");
        answer.retry_time_s = Some(seconds);
    } else {
        match gate::check(cx).and_then(|()| rule_on(cx)) {
            Ok(granted) => {
                answer.status = granted.status;
                answer.data = granted.data;
                answer.instance = granted.instance.or(answer.instance);
                changes = granted.changes;
            }
            Err(broken) => {
                rule = Some(broken);
                let (status, message) = cx.refusal(broken);
                answer.status = status;
                answer.status_message = message;
            }
        }
    }
    let skew = header.timestamp.since(cx.now);
    if skew.saturating_abs() >= numbers::CLOCK_TOLERANCE_MS {
        changes.events.push(cx.event(Event::ClockSkew(skew)));
    }
    Decision { message: answer, rule, changes }
}

fn rule_on(cx: &Cx<'_>) -> Result<Granted, Rule> {
    match &cx.arrived.message.body {
        DeviceBody::IdTokenTrust { token, force, units, hostname, software_tag, .. } => trust::establish(
            cx,
            &trust::Wish { token, force: *force, units, hostname: hostname.as_deref(), software_tag },
        ),
        DeviceBody::LicenseUsage { reports, hostname, software_tag } => {
            usage::report(cx, reports, hostname.as_deref(), software_tag)
        }
        DeviceBody::Poll { poll_id } => usage::poll(cx, *poll_id),
        DeviceBody::TrustSync { units } => sync::synchronise(cx, units),
        DeviceBody::Hello => Ok(Granted::new(StatusWord::Ok, ServerData::default())),
        DeviceBody::AuthRequest { keys } => auth::request(cx, keys),
        DeviceBody::AuthReturn { remove_code } => auth::give_back(cx, remove_code),
        // The renewals of classic Smart Licensing carry nothing and bring nothing (`spec/behaviour.md` §13).
        DeviceBody::AuthRenew | DeviceBody::IdRenew => {
            Ok(Granted::new(StatusWord::Ok, ServerData::default()))
        }
        DeviceBody::Unknown(_) => Err(Rule::RequestType),
    }
}

impl<'a> Cx<'a> {
    /// The record of the sender.
    pub(crate) fn sender(&self) -> Option<&'a Device> {
        self.loaded.devices.first().copied().flatten()
    }

    /// The record of any device that the message speaks of.
    pub(crate) fn device(&self, udi: &slpsim_agent::Udi) -> Option<&'a Device> {
        self.loaded.devices.iter().copied().flatten().find(|device| device.udi == *udi)
    }

    pub(crate) fn account(&self, id: AccountId) -> Option<&'a Account> {
        self.loaded.accounts.get(usize::from(id.0))
    }

    pub(crate) fn event(&self, event: Event) -> EventRecord {
        EventRecord { at: self.now, device: Some(self.arrived.message.header.udi), event }
    }

    /// The account's policy, issued now (`spec/formats.md` §4).
    pub(crate) fn policy(&self, account: &Account) -> Option<Sealed<PolicyObject>> {
        let policy = account.policy.as_ref()?;
        let object = PolicyObject {
            id: Word::Owned(policy.id.clone()),
            policy: policy.policy.clone(),
            account: Some(account.names.clone()),
        };
        Some(Sealed::good(self.now, object))
    }

    /// The sender's record with this request noted in it.
    ///
    /// A device that nobody knows joins the account of the route (`spec/behaviour.md` §6: an unknown UDI is added).
    pub(crate) fn joined(&self) -> Result<(Device, Vec<EventRecord>), Rule> {
        if let Some(known) = self.sender() {
            let mut device = Device { last_seen: self.now, ..known.clone() };
            if gate::used(self).is_some_and(|used| device.trust.as_ref() == Some(used)) {
                // The device has the newest identity, so it cannot need the one before any more.
                device.retire_previous();
                if let Some(trust) = &mut device.trust {
                    trust.asked_with = None;
                }
            }
            return Ok((device, Vec::new()));
        }
        let udi = self.arrived.message.header.udi;
        let home = gate::home(self)?;
        let takes = self.account(home).is_some_and(|account| account.membership.takes(&udi));
        if !takes {
            return Err(Rule::Membership);
        }
        if self.loaded.room == 0 {
            return Err(Rule::DeviceLimit);
        }
        Ok((Device::new(udi, home, self.now), vec![self.event(Event::DeviceAdded(home))]))
    }

    fn connect_info(&self) -> slpsim_transport::message::ConnectInfo {
        let mut info = self.peer.connect_info.clone();
        if let Some(words) = &self.config.capabilities {
            info.capabilities = words.iter().cloned().map(Word::Owned).collect::<Vec<_>>().into();
        }
        info
    }

    fn refusal(&self, rule: Rule) -> (StatusWord, Word) {
        if rule.kind() == Kind::InvalidStatus
            && let Some(instance) = self.arrived.message.header.instance
        {
            return (StatusWord::Invalid, Word::Owned(invalid_identity(instance)));
        }
        let text = match rule.text_is_fixed() {
            true => Word::Borrowed(rule.text()),
            false => Word::Owned(format!("{}: {}", rule.name(), rule.text())),
        };
        (StatusWord::Failed, text)
    }
}

/// The reason text of a refused identity (`spec/messages.md` §7, X).
fn invalid_identity(instance: InstanceId) -> String {
    format!(
        "{{\"product_instance_identifier\":[\"The identity for the instance {instance} is not valid.\
         Please re-register the instance.\"]}}"
    )
}
