//! Files instead of exchanges: usage and trust requests that are saved, and what CSSM gives back that is imported
//! (`spec/behaviour.md` §4, §9, §12 topology 5, §17). Here they are plain data; a driver has the bytes.

use alloc::vec::Vec;
use core::fmt;

use slpsim_policy::{Phase, Policy, Wall};

use crate::agent::{Agent, Cx, Stamp};
use crate::ids::{ReportId, Token, Udi};
use crate::input::CommandError;
use crate::judge::{Carrier, Refusal, judge};
use crate::output::{AckIgnored, Event, Output};
use crate::reply::{Account, Ack, AuthCode, Element, ElementFault, TrustCode};
use crate::report::{Reason, Report, ReportState};
use crate::rum::ReportRow;

/// Which reports `license smart save usage` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaveUsage {
    /// All whose contents are on the device: those without ACK, and rejected ones (modelled).
    All,
    /// Of these, those that ended within the last days.
    Days(u16),
    /// Of these, one.
    Report(ReportId),
    /// Those without ACK.
    Unreported,
}

/// A file that a driver writes; what every request says of the device ([`crate::Sender`]) belongs into it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// `spec/formats.md` §2; oldest first.
    Usage(Vec<Report>),
    /// `spec/formats.md` §5, for the active unit.
    TrustRequest {
        /// That of a token command that has not been answered; a secret.
        token: Option<Token>,
        /// Its force flag.
        force: bool,
    },
}

/// What is in a file that is imported (`spec/formats.md` §3). Its signatures have been judged, its times have not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Smart and Virtual Account, where the file names them.
    pub account: Option<Account>,
    /// Trust codes.
    pub trust: Vec<Element<TrustCode>>,
    /// Policies; of several that are good the last one stays.
    pub policies: Vec<Element<Policy>>,
    /// ACKs, each with the UDI that it is for, where that can be read.
    pub acks: Vec<(Option<Udi>, Element<Ack>)>,
    /// Authorization codes and SLR codes.
    pub auth: Vec<Element<AuthCode>>,
}

/// A kind of element of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportKind {
    /// A trust code.
    TrustCode,
    /// A policy.
    Policy,
    /// An acknowledgement of reports.
    Ack,
    /// An authorization or SLR code.
    Authorization,
}

impl ImportKind {
    /// All kinds, in the order in which they are installed (`spec/messages.md` §2).
    pub const ALL: [Self; 4] = [Self::TrustCode, Self::Policy, Self::Ack, Self::Authorization];

    /// As the reply names it (modelled).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrustCode => "trust code",
            Self::Policy => "policy",
            Self::Ack => "RUM ACK",
            Self::Authorization => "authorization code",
        }
    }
}

/// Why an element of a file has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportFault {
    /// By signature, clock or form.
    Refused(Refusal),
    /// For another product instance.
    OtherDevice,
    /// Issued before the one that is installed (modelled: its message says `Timestamp mismatch`).
    Older,
    /// The platform has no use for it.
    Unsupported,
}

impl fmt::Display for ImportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(Refusal::Signature) => "Signature mismatch",
            Self::Refused(Refusal::Timestamp) => "Timestamp mismatch",
            Self::Refused(Refusal::Unreadable) => "message parsing error",
            Self::OtherDevice => "it is for another product instance",
            Self::Older => "it is older than the one installed",
            Self::Unsupported => "this platform has no enforced licenses",
        })
    }
}

impl From<Refusal> for ImportFault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ImportFault {
    /// What the messages of `spec/messages.md` §6 have a text for.
    pub(crate) const fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::OtherDevice | Self::Unsupported => Refusal::Unreadable,
            Self::Older => Refusal::Timestamp,
        }
    }
}

/// What became of each element of a file; what is good is installed or in force already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Judged(Vec<(ImportKind, Result<(), ImportFault>)>);

impl Judged {
    fn note(&mut self, kind: ImportKind, result: Result<(), ImportFault>) {
        self.0.push((kind, result));
    }

    fn is_good(&self) -> bool {
        self.0.iter().any(|(_, result)| result.is_ok())
    }

    fn answer(self) -> Result<(), CommandError> {
        let unsupported = |(_, result): &(_, _)| *result == Err(ImportFault::Unsupported);
        if self.0.iter().all(unsupported) {
            return Err(CommandError::UnsupportedResponse);
        }
        match self.0.iter().all(|(_, result)| result.is_ok()) {
            true => Ok(()),
            false => Err(CommandError::ImportRefused(self.0.into_boxed_slice())),
        }
    }
}

/// The reply's part behind `Import Data Failed: `: each refusal, then what was taken all the same (modelled).
pub(crate) fn write_judged(
    f: &mut fmt::Formatter<'_>,
    judged: &[(ImportKind, Result<(), ImportFault>)],
) -> fmt::Result {
    let refused = judged.iter().filter_map(|(kind, result)| Some((kind, result.err()?)));
    for (at, (kind, fault)) in refused.enumerate() {
        let before = if at == 0 { "" } else { "; " };
        write!(f, "{before}{}: {fault}", kind.name())?;
    }
    let taken = judged.iter().filter(|(_, result)| result.is_ok());
    for (at, (kind, _)) in taken.enumerate() {
        let before = if at == 0 { "; taken: " } else { ", " };
        write!(f, "{before}{}", kind.name())?;
    }
    Ok(())
}

impl Import {
    /// A file of that kind which cannot be read.
    #[must_use]
    pub fn unreadable(kind: ImportKind, now: Wall) -> Self {
        fn element<T>(issued: Wall) -> Element<T> {
            Element { issued, body: Err(ElementFault::Unreadable) }
        }
        let mut import = Self::default();
        match kind {
            ImportKind::TrustCode => import.trust.push(element(now)),
            ImportKind::Policy => import.policies.push(element(now)),
            ImportKind::Ack => import.acks.push((None, element(now))),
            ImportKind::Authorization => import.auth.push(element(now)),
        }
        import
    }
}

impl Agent {
    /// `license smart save usage`: closes the open reports (§4) and hands over those that are asked for.
    pub(crate) fn save_usage(&mut self, cx: &mut Cx<'_>, which: SaveUsage) -> Result<(), CommandError> {
        let now = cx.now.wall;
        if !self.rum.rows.iter().any(|row| is_asked(&closed_at(row, now), which, now)) {
            return Err(CommandError::NotFound);
        }
        self.close_reports(cx, Reason::CurrentUsageRequested);
        let mut reports = Vec::new();
        for at in 0..self.rum.rows.len() {
            let Some(row) = self.rum.rows.get_mut(at).filter(|row| is_asked(row, which, now)) else {
                continue;
            };
            if row.state == ReportState::Closed {
                row.state = ReportState::Unacknowledged;
            }
            let row = *row;
            reports.extend(self.build_report(&row));
        }
        self.last_file_write = Stamp::at(now);
        self.flags.dirty = true;
        cx.out.push(Output::WriteFile(File::Usage(reports)));
        Ok(())
    }

    /// `license smart save trust-request`.
    pub(crate) fn save_trust_request(&self, cx: &mut Cx<'_>) {
        let pending = self.spill.as_ref().and_then(|spill| spill.trust_request.as_ref());
        let token = pending.map(|pending| pending.token.clone());
        let force = pending.is_some_and(|pending| pending.force);
        cx.out.push(Output::WriteFile(File::TrustRequest { token, force }));
    }

    /// `license smart import`: each element is judged by itself, in the order of `spec/messages.md` §2. A policy says nothing
    /// of devices: it comes with the file, so that of a file for another device counts for nothing (`spec/behaviour.md` §9).
    pub(crate) fn import(&mut self, cx: &mut Cx<'_>, mut import: Import) -> Result<(), CommandError> {
        let mut judged = Judged::default();
        if self.is_for_another(&import) {
            import.policies.clear();
        }
        let unsupported = !self.profile().has_enforced;
        let acks: Vec<_> = import.acks.into_iter().map(|ack| self.judge_ack(cx, ack)).collect();
        if acks.iter().flatten().any(|ack| self.acknowledges(ack)) {
            self.delivered_by_file(cx);
        }
        for result in self.install_trusts(cx, import.trust, Carrier::File) {
            judged.note(ImportKind::TrustCode, result);
        }
        for policy in import.policies {
            judged.note(ImportKind::Policy, self.install_policy(cx, policy, Carrier::File));
        }
        for ack in acks {
            let result = ack.map(|ack| self.apply_file_ack(cx, ack));
            judged.note(ImportKind::Ack, result);
        }
        for code in import.auth {
            let result = match unsupported {
                true => Err(ImportFault::Unsupported),
                false => self.install_auth(cx, code, Carrier::File),
            };
            judged.note(ImportKind::Authorization, result);
        }
        if let Some(account) = import.account.filter(|_| judged.is_good()) {
            self.note_account(cx, account);
        }
        judged.answer()
    }

    /// Whether everything in a file that is addressed is for other devices. What cannot be read is addressed to nobody.
    fn is_for_another(&self, import: &Import) -> bool {
        let acks = import.acks.iter().map(|(udi, _)| *udi);
        let codes = import.trust.iter().map(|code| code.body.as_ref().ok().map(|code| code.udi));
        let auth = import.auth.iter().map(|code| code.body.as_ref().ok().map(|code| code.udi));
        let mut addressed = acks.chain(codes).chain(auth).flatten().peekable();
        addressed.peek().is_some() && addressed.all(|udi| !self.has_unit(&udi))
    }

    fn has_unit(&self, udi: &Udi) -> bool {
        self.units().any(|unit| unit.udi == *udi)
    }

    fn judge_ack(
        &self,
        cx: &mut Cx<'_>,
        (udi, element): (Option<Udi>, Element<Ack>),
    ) -> Result<Ack, ImportFault> {
        let ours = udi.is_none_or(|udi| self.has_unit(&udi));
        let judged = judge(element, Carrier::File, cx.now.wall).map_err(ImportFault::from);
        let judged = judged.and_then(|ack| if ours { Ok(ack) } else { Err(ImportFault::OtherDevice) });
        if let Err(fault) = &judged {
            let ignored = Some(AckIgnored::from(fault.refusal()));
            cx.out.push(Output::Event(Event::Ack { ignored }));
        }
        judged
    }

    /// Whether the ACK names a report that waits for it.
    fn acknowledges(&self, ack: &Ack) -> bool {
        ack.reports.iter().any(|(id, _)| self.rum.waiting().any(|row| row.id == id.0))
    }

    /// A report that CSSM acknowledges in a file has reached it: delivered as if pushed, before what the file brings
    /// takes effect (§3.1 "phase").
    fn delivered_by_file(&mut self, cx: &mut Cx<'_>) {
        if self.phase != Phase::Ongoing {
            self.phase = Phase::Ongoing;
            self.flags.dirty = true;
            self.reschedule(cx);
            self.rearm_reminder(cx);
        }
    }

    /// The same file a second time acknowledges nothing new, and moves no deadline (modelled).
    fn apply_file_ack(&mut self, cx: &mut Cx<'_>, ack: Ack) {
        let news = self.acknowledges(&ack);
        self.settle(cx, ack);
        if news {
            self.ack_arrived(cx);
        }
    }
}

/// Whether a closed report is among those asked for.
fn is_asked(row: &ReportRow, which: SaveUsage, now: Wall) -> bool {
    let stored = row.state.awaits_ack() || row.state == ReportState::Rejected;
    match which {
        SaveUsage::All => stored,
        SaveUsage::Days(days) => stored && Wall::from_secs(row.end) >= now.plus_millis(-days_ms(days)),
        SaveUsage::Report(id) => stored && row.id == id.0,
        SaveUsage::Unreported => row.state.awaits_ack(),
    }
}

/// The report as it is once it has been closed.
fn closed_at(row: &ReportRow, now: Wall) -> ReportRow {
    match row.state {
        ReportState::Open => ReportRow { state: ReportState::Closed, end: now.secs(), ..*row },
        ReportState::Closed
        | ReportState::Pending
        | ReportState::Unacknowledged
        | ReportState::Acknowledged
        | ReportState::Rejected => *row,
    }
}

fn days_ms(days: u16) -> i64 {
    i64::from(days) * slpsim_policy::time::DAY_MS
}
