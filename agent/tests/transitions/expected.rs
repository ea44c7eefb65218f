//! What the reference says itself, row by row: the table must agree with it, so that it is not its own judge.

use slpsim_agent::messages::Kind;
use slpsim_agent::{Purpose, Timer};

use crate::inputs::InputKind::{self, Due, Ends, Operator as Op, World as Wo};
use crate::inputs::{End, Operator, World};
use crate::observe::Effect::{self, *};
use crate::scenes::Scene;
use crate::states::State;
use crate::support::{DAY, HOUR, MINUTE, SECOND};

/// One transition as the reference has it.
pub(crate) struct Expected {
    /// Where.
    pub(crate) cite: &'static str,
    pub(crate) at: Scene,
    pub(crate) input: InputKind,
    pub(crate) next: State,
    pub(crate) effects: Effects,
    /// All messages, in order.
    pub(crate) messages: Vec<Kind>,
}

/// Effects on any concern.
pub(crate) enum Effects {
    /// These are among them.
    Among(Vec<Effect>),
    /// There are no others.
    Only(Vec<Effect>),
}

/// These are among the effects.
fn among<const N: usize>(effects: [Effect; N]) -> Effects {
    Effects::Among(effects.to_vec())
}

/// These are the effects.
fn only<const N: usize>(effects: [Effect; N]) -> Effects {
    Effects::Only(effects.to_vec())
}

/// Place in the reference; state and input `=>` next state, effects, messages.
macro_rules! rows {
    ($($cite:expr; $at:ident, $input:expr => $next:ident, $effects:expr, [$($kind:ident),*];)+) => {
        vec![$(Expected {
            cite: $cite,
            at: Scene::$at,
            input: $input,
            next: State::$next,
            effects: $effects,
            messages: vec![$(Kind::$kind),*],
        }),+]
    };
}

const FIVE_SECONDS: i64 = 5 * SECOND;

/// All rows.
pub(crate) fn all() -> Vec<Expected> {
    [
        trust(),
        trust_beside_others(),
        exchanges(),
        sync(),
        attempts(),
        ends_of_attempts(),
        schedule(),
        polling(),
        clock_and_policy(),
        reload_and_reset(),
        down_rev(),
        reminders(),
        failures(),
        authorization(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn trust() -> Vec<Expected> {
    let cite = "spec/behaviour.md §6";
    let asks = || among([Send(Purpose::Trust), Arm(Timer::Trust, HOUR)]);
    let end = |end| Ends(Purpose::Trust, end);
    rows![
        cite; TrustAbsentDirect, Op(Operator::Trust) => TrustRequesting, asks(), [];
        cite; TrustRefused, Op(Operator::Trust) => TrustRequesting, asks(), [];
        cite; TrustRequestingFailed, Due(Timer::Trust) => TrustRequesting, asks(), [];
        cite; TrustRequesting, end(End::Trust) => TrustInstalled,
            among([
                Persist,
                Clear(Timer::Trust),
                Arm(Timer::Report, 30 * SECOND),
                Arm(Timer::Sync, 40 * SECOND),
                Also(State::SyncDue),
                Also(State::DiscoveryAnswered),
            ]), [TrustCodeInstallSuccess];
        cite; TrustRequesting, end(End::Refused) => TrustRefused,
            among([Clear(Timer::Trust)]), [TrustCodeInstallFailed];
        cite; TrustRequesting, end(End::Failure) => TrustRequesting,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; TrustRequesting, Op(Operator::Trust) => TrustRequesting,
            only([Cancel(Purpose::Trust), Send(Purpose::Trust)]), [];
        cite; TrustInstalled, Op(Operator::Trust) => TrustInstalled, only([]), [TrustCodeInstallFailed];
        cite; TrustInstalled, Op(Operator::TrustForce) => TrustInstalled, asks(), [];
        cite; TrustInstalledAsksAgain, Op(Operator::Trust) => TrustInstalled,
            only([]), [TrustCodeInstallFailed];
        cite; TrustInstalledAsksAgain, end(End::Refused) => TrustInstalled,
            only([Clear(Timer::Trust)]), [TrustCodeInstallFailed];
        cite; TrustInstalledAsksAgain, end(End::Trust) => TrustInstalled,
            among([Persist, Clear(Timer::Trust), Arm(Timer::Sync, 40 * SECOND)]), [TrustCodeInstallSuccess];
        cite; TrustAbsentOff, Op(Operator::Trust) => TrustAbsent, only([]), [];
        "spec/behaviour.md §7.1"; TrustAbsentDirect, Op(Operator::ImportTrust) => TrustInstalled,
            among([
                Persist,
                Arm(Timer::Hello, 10 * SECOND),
                Arm(Timer::Report, 30 * SECOND),
                Arm(Timer::Sync, 40 * SECOND),
            ]), [TrustCodeInstallSuccess];
    ]
}

fn trust_beside_others() -> Vec<Expected> {
    rows![
        "spec/behaviour.md §6"; TrustAbsent, Ends(Purpose::Poll, End::Trust) => TrustInstalled,
            among([Persist, Arm(Timer::Sync, 40 * SECOND), Also(State::SyncDue)]), [TrustCodeInstallSuccess];
        "spec/behaviour.md §6"; TrustAbsent, Ends(Purpose::Poll, End::TrustTimestamp) => TrustRefused,
            among([]), [TrustCodeInstallFailed];
        "spec/behaviour.md §6"; TrustInstalled, Due(Timer::TrustRenew) => TrustInstalled,
            among([Arm(Timer::Sync, 0), Also(State::SyncDue)]), [];
        "spec/behaviour.md §6"; TrustInstalled, Op(Operator::FactoryReset) => TrustAbsent,
            among([Persist, Clear(Timer::TrustRenew)]), [];
        "spec/behaviour.md §7.1"; Retrying, Ends(Purpose::Trust, End::Trust) => ReportingIdle,
            among([Arm(Timer::Report, 30 * SECOND), Also(State::HealthGood)]),
            [CommRestored, TrustCodeInstallSuccess];
        "spec/behaviour.md §7.2"; Retrying, Ends(Purpose::Trust, End::Refused) => ReportingRetrying,
            only([Clear(Timer::Trust), Also(State::TrustRefused), Also(State::HealthGood)]),
            [CommRestored, TrustCodeInstallFailed];
        "spec/messages.md §2"; TrustAbsent, Ends(Purpose::Poll, End::Policy) => TrustAbsent,
            among([Also(State::PolicyInstalled)]), [PolicyInstallSuccess];
        "spec/behaviour.md §10"; TrustInstalledStandby, Wo(World::Switchover) => TrustAbsent,
            among([Arm(Timer::Report, 0), Clear(Timer::TrustRenew)]), [];
        "spec/behaviour.md §10"; TrustInstalledPair, Wo(World::Switchover) => TrustInstalled,
            among([Persist, Arm(Timer::Report, 0)]), [];
    ]
}

fn exchanges() -> Vec<Expected> {
    let cite = "spec/behaviour.md §7.1";
    let hello = |end| Ends(Purpose::Hello, end);
    let off = || only([Arm(Timer::Report, DAY)]);
    rows![
        cite; DiscoveryUnknown, Due(Timer::Hello) => DiscoveryUnknown,
            only([Send(Purpose::Hello), Arm(Timer::Hello, HOUR)]), [];
        cite; DiscoveryUnknown, hello(End::Ok) => DiscoveryAnswered, only([Clear(Timer::Hello)]), [];
        cite; DiscoveryUnknown, hello(End::Failure) => DiscoveryFailing,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; DiscoveryFailing, hello(End::Ok) => DiscoveryAnswered,
            only([Clear(Timer::Hello), Also(State::HealthGood)]), [CommRestored];
        cite; DiscoveryUnknownNoTrust, Ends(Purpose::Trust, End::Refused) => DiscoveryAnswered,
            among([]), [TrustCodeInstallFailed];
        cite; DiscoveryUnknownNewUrl, Ends(Purpose::Usage, End::DownRev) => DiscoveryUnknown, among([]), [];
        cite; DiscoveryAnswered, Op(Operator::Url) => DiscoveryUnknown,
            only([Arm(Timer::Hello, 10 * SECOND)]), [];
        cite; DiscoveryUnknownNoTrust, Op(Operator::TransportCslu) => DiscoveryUnknown,
            only([Arm(Timer::Hello, 10 * SECOND)]), [];
        cite; IdleNoTrust, Due(Timer::Report) => ReportingIdle, off(), [];
        cite; IdleOff, Due(Timer::Report) => ReportingIdle, off(), [];
    ]
}

fn sync() -> Vec<Expected> {
    let cite = "spec/behaviour.md §7.1";
    let usage = |end| Ends(Purpose::Usage, end);
    let trust_sync = |end| Ends(Purpose::TrustSync, end);
    rows![
        cite; SyncDue, Due(Timer::Sync) => SyncDue,
            only([Send(Purpose::TrustSync), Arm(Timer::Sync, HOUR)]), [];
        cite; SyncDue, trust_sync(End::Failure) => SyncDue, among([]), [CommFailed];
        cite; SyncDue, trust_sync(End::Ok) => SyncNone, only([Clear(Timer::Sync)]), [];
        cite; SyncDue, trust_sync(End::Refused) => SyncNone, only([Clear(Timer::Sync)]), [];
        cite; SyncDue, trust_sync(End::TryAgain) => SyncNone, only([Clear(Timer::Sync)]), [];
        cite; SyncDueDown, Due(Timer::Sync) => SyncHeld, only([]), [];
        cite; SyncHeld, usage(End::Failure) => SyncHeld, among([]), [CommFailed];
        cite; SyncHeld, usage(End::OkPoll) => SyncDue,
            among([Arm(Timer::Sync, 0), Also(State::ReportingIdle), Also(State::HealthGood)]), [CommRestored];
        "spec/behaviour.md §13"; SyncDueDownRev, Due(Timer::Sync) => SyncNone, only([]), [];
        "spec/behaviour.md §10"; SyncNoneRelayed, Wo(World::StandbyAdded) => SyncNone,
            only([Persist, Arm(Timer::Report, 0)]), [];
        "spec/behaviour.md §10"; SyncNone, Wo(World::StandbyAdded) => SyncDue,
            only([Persist, Arm(Timer::Report, 0), Arm(Timer::Sync, 0)]), [];
        "spec/behaviour.md §10"; Idle, Wo(World::StandbyAdded) => ReportingIdle,
            only([Persist, Arm(Timer::Report, 0)]), [];
        cite; Idle, Op(Operator::Sync) => ReportingIdle,
            only([Persist, Send(Purpose::Usage), CloseReports]), [];
        cite; IdleSyncInFlight, usage(End::OkPoll) => ReportingIdle,
            among([Send(Purpose::TrustSync), Arm(Timer::Report, 30 * DAY), Also(State::PollingWaiting)]), [];
        cite; IdleSyncInFlight, usage(End::Failure) => ReportingIdle,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; IdleNothingInUse, Op(Operator::Sync) => ReportingIdle,
            only([Persist, Send(Purpose::TrustSync)]), [];
        "spec/behaviour.md §12"; IdleOff, Op(Operator::Sync) => ReportingIdle,
            only([Persist, CloseReports]), [];
    ]
}

fn attempts() -> Vec<Expected> {
    let cite = "spec/behaviour.md §7.2";
    let retries = |after| only([Send(Purpose::Usage), Arm(Timer::Report, after)]);
    rows![
        cite; IdleAtStart, Due(Timer::Report) => ReportingInFlight,
            only([Persist, Send(Purpose::Usage), Arm(Timer::Report, 5 * MINUTE), CloseReports]), [];
        cite; Retrying, Due(Timer::Report) => ReportingRetrying, retries(5 * MINUTE), [];
        cite; RetryingLast, Due(Timer::Report) => ReportingRetrying, retries(15 * MINUTE), [];
        cite; Fast, Due(Timer::Report) => ReportingFast, retries(15 * MINUTE), [];
        cite; Retrying, Op(Operator::Sync) => ReportingRetrying,
            only([Persist, Send(Purpose::Usage), CloseReports]), [];
        cite; Retrying, Op(Operator::Interval) => ReportingRetrying, only([]), [];
        cite; Fast, Op(Operator::Interval) => ReportingFast, only([]), [];
        cite; Fast, Op(Operator::ImportPolicy) => ReportingFast, among([Persist]), [PolicyInstallSuccess];
        "spec/behaviour.md §4"; Idle, Op(Operator::SaveUsage) => ReportingIdle,
            only([Persist, WriteFile, CloseReports]), [];
        cite; Retrying, Wo(World::BootReload) => ReportingIdle,
            among([
                Arm(Timer::Hello, 10 * SECOND),
                Arm(Timer::Report, 2 * MINUTE),
                Also(State::DiscoveryUnknown),
                Also(State::HealthGood),
            ]), [];
    ]
}

fn ends_of_attempts() -> Vec<Expected> {
    let cite = "spec/behaviour.md §7.2";
    let usage = |end| Ends(Purpose::Usage, end);
    let next = |after| among([Arm(Timer::Report, after)]);
    let back = || among([Arm(Timer::Report, 30 * DAY), Also(State::HealthGood)]);
    rows![
        cite; InFlight, usage(End::OkPoll) => ReportingIdle,
            among([Persist, Arm(Timer::Report, 30 * DAY), Arm(Timer::Poll, MINUTE), Also(State::PollingWaiting)]), [];
        cite; InFlight, usage(End::Failure) => ReportingRetrying,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; InFlight, usage(End::TryAgain) => ReportingIdle, next(15 * MINUTE), [];
        cite; InFlight, usage(End::Refused) => ReportingIdle, next(30 * DAY), [];
        "spec/behaviour.md §10"; InFlightQueued, usage(End::Failure) => ReportingIdle,
            among([Arm(Timer::Report, 0)]), [CommFailed];
        "spec/behaviour.md §10"; InFlightQueued, usage(End::OkPoll) => ReportingIdle,
            among([Arm(Timer::Report, 0)]), [];
        cite; Retrying, usage(End::Failure) => ReportingRetrying, only([]), [CommFailed];
        cite; Retrying, usage(End::Ok) => ReportingIdle, back(), [CommRestored];
        cite; Retrying, usage(End::OkPoll) => ReportingIdle, back(), [CommRestored];
        cite; Retrying, usage(End::TryAgain) => ReportingIdle, next(15 * MINUTE), [CommRestored];
        cite; Retrying, usage(End::Refused) => ReportingIdle, back(), [CommRestored];
        cite; RetryingLast, usage(End::Failure) => ReportingFast, only([]), [CommFailed];
        cite; Fast, usage(End::Failure) => ReportingFast, only([]), [CommFailed];
        cite; Fast, usage(End::OkPoll) => ReportingIdle, back(), [CommRestored];
        cite; Fast, usage(End::TryAgain) => ReportingIdle, among([Also(State::HealthGood)]), [CommRestored];
        cite; Fast, usage(End::Refused) => ReportingIdle, back(), [CommRestored];
        "spec/behaviour.md §7.1"; IdleNewTrustInFlight, usage(End::Failure) => ReportingIdle,
            only([Also(State::HealthDown)]), [CommFailed];
    ]
}

fn schedule() -> Vec<Expected> {
    let cite = "spec/behaviour.md §3.4";
    let refused = CommandRefused(Operator::IntervalRefused, "Value out of range, enter 1-3650".to_owned());
    rows![
        // The last push was two minutes ago.
        cite; Idle, Op(Operator::Interval) => ReportingIdle,
            only([Arm(Timer::Report, 7 * DAY - 2 * MINUTE)]), [];
        cite; IdleAtStart, Op(Operator::Interval) => ReportingIdle, only([]), [];
        cite; Idle, Op(Operator::IntervalRefused) => ReportingIdle, only([refused]), [];
        cite; IdleNothingInUse, Wo(World::UsageFirst) => ReportingIdle,
            among([Arm(Timer::Report, 30 * DAY)]), [];
        "spec/behaviour.md §13"; IdleDownRev, Op(Operator::Sync) => ReportingIdle,
            only([Persist, CloseReports]), [];
        "spec/behaviour.md §13"; IdleDownRev, Due(Timer::Report) => ReportingIdle,
            only([Persist, Arm(Timer::Report, 30 * DAY), CloseReports]), [];
    ]
}

fn polling() -> Vec<Expected> {
    let cite = "spec/behaviour.md §8";
    let poll = |end| Ends(Purpose::Poll, end);
    rows![
        cite; PollingNone, Ends(Purpose::Usage, End::OkPoll) => PollingWaiting,
            among([Arm(Timer::Poll, MINUTE)]), [];
        cite; PollingWaiting, Due(Timer::Poll) => PollingWaiting,
            only([Send(Purpose::Poll), Arm(Timer::Poll, DAY)]), [];
        cite; PollingWaiting, poll(End::Ack) => PollingNone,
            among([Persist, Clear(Timer::Poll), SettleReports]), [];
        cite; PollingWaiting, poll(End::OkPoll) => PollingWaiting, only([Arm(Timer::Poll, MINUTE)]), [];
        cite; PollingWaiting, poll(End::Failure) => PollingWaiting,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; PollingDaily, poll(End::OkPoll) => PollingWaiting, only([]), [];
        cite; PollingDaily, Ends(Purpose::Usage, End::OkPoll) => PollingWaiting,
            among([Arm(Timer::Poll, MINUTE)]), [];
        "spec/behaviour.md §9"; PollingWaiting, poll(End::AckTimestamp) => PollingNone,
            only([IgnoreAck, Clear(Timer::Poll)]), [];
        "spec/behaviour.md §11"; PollingWaiting, Wo(World::BootReload) => PollingNone,
            among([Clear(Timer::Poll)]), [];
        "spec/behaviour.md §11"; PollingWaiting, Op(Operator::FactoryReset) => PollingNone,
            among([Clear(Timer::Poll)]), [];
    ]
}

fn clock_and_policy() -> Vec<Expected> {
    let (clock, policy) = ("spec/behaviour.md §9", "spec/behaviour.md §2.3 rule 6");
    let sync = |end| Ends(Purpose::TrustSync, end);
    rows![
        clock; ReminderAwaitsClock, Wo(World::ClockAuthoritative) => ReminderStart,
            only([Arm(Timer::StartReminder, FIVE_SECONDS)]), [];
        clock; IdleAtStart, Wo(World::ClockForward) => ReportingIdle, among([Arm(Timer::Report, 0)]), [];
        clock; Idle, Wo(World::ClockBack) => ReportingIdle,
            among([Arm(Timer::Report, 30 * DAY - 2 * MINUTE + 2 * HOUR)]), [];
        clock; PolicyDefault, Ends(Purpose::Poll, End::PolicyTimestamp) => PolicyDefault,
            among([]), [PolicyInstallFailed];
        policy; PolicyDefault, Ends(Purpose::Poll, End::Policy) => PolicyInstalled,
            among([Persist]), [PolicyInstallSuccess];
        policy; PolicyInstalled, sync(End::PolicyInUse) => PolicyInstalled, only([]), [];
        policy; PolicyInstalled, sync(End::PolicySignature) => PolicyInstalled,
            only([]), [PolicyInstallFailed];
        policy; PolicyInstalled, sync(End::Policy) => PolicyInstalled,
            among([Persist]), [PolicyInstallSuccess];
        "spec/behaviour.md §2.3 rule 5"; PolicyInstalled, Op(Operator::FactoryReset) => PolicyDefault,
            among([Persist]), [PolicyRemoved];
    ]
}

fn reload_and_reset() -> Vec<Expected> {
    let cite = "spec/behaviour.md §11";
    let start = || {
        [
            Persist,
            Arm(Timer::Hello, 10 * SECOND),
            Arm(Timer::Report, 2 * MINUTE),
            Arm(Timer::StartReminder, FIVE_SECONDS),
        ]
    };
    let closes = || Effects::Among([&start()[..], &[CloseReports]].concat());
    rows![
        cite; Idle, Wo(World::BootReload) => ReportingIdle, closes(), [];
        cite; Idle, Wo(World::BootPowerLoss) => ReportingIdle, closes(), [];
        cite; Idle, Op(Operator::FactoryReset) => ReportingIdle, among(start()), [];
        cite; PolicyDefault, Op(Operator::FactoryReset) => PolicyDefault, among(start()), [];
        cite; PolicyInstalled, Wo(World::BootReload) => PolicyInstalled, closes(), [];
        cite; TrustInstalled, Wo(World::BootReload) => TrustInstalled, closes(), [];
        cite; TrustRequesting, Wo(World::BootReload) => TrustAbsent, among([Clear(Timer::Trust)]), [];
        cite; SyncDue, Wo(World::BootReload) => SyncNone, among([Clear(Timer::Sync)]), [];
        cite; SyncHeld, Op(Operator::FactoryReset) => SyncNone, among([]), [];
        cite; DiscoveryAnswered, Wo(World::BootReload) => DiscoveryUnknown, closes(), [];
        cite; HealthDown, Wo(World::BootReload) => HealthGood, closes(), [];
        cite; HealthDown, Op(Operator::FactoryReset) => HealthDown, among(start()), [];
        "spec/behaviour.md §5.2"; HealthDown, Op(Operator::TransportSmart) => HealthDown, among([]), [];
    ]
}

fn down_rev() -> Vec<Expected> {
    let cite = "spec/behaviour.md §13";
    let hello = |end| Ends(Purpose::Hello, end);
    rows![
        cite; DiscoveryUnknown, hello(End::DownRev) => DiscoveryDownRev,
            only([Arm(Timer::Hello, DAY)]), [ReportingNotSupported];
        cite; DiscoveryDownRev, hello(End::DownRev) => DiscoveryDownRev, only([Arm(Timer::Hello, DAY)]), [];
        cite; DiscoveryDownRev, Due(Timer::Hello) => DiscoveryDownRev, among([Arm(Timer::Hello, HOUR)]), [];
        cite; DiscoveryDownRev, hello(End::Failure) => DiscoveryFailing,
            only([Also(State::HealthDown)]), [CommFailed];
        cite; DiscoveryDownRev, hello(End::Ok) => DiscoveryAnswered,
            only([Clear(Timer::Hello), Arm(Timer::Report, 0)]), [];
        "spec/behaviour.md §6"; DiscoveryDownRev, Ends(Purpose::Trust, End::DownRev) => DiscoveryDownRev,
            among([]), [TrustCodeInstallFailed];
        cite; RenewalsArmed, hello(End::DownRev) => RenewalsCancelled,
            among([Persist, Clear(Timer::AuthRenew), Clear(Timer::IdRenew)]), [ReportingNotSupported];
        cite; RenewalsArmed, Ends(Purpose::AuthRenew, End::Ok) => RenewalsArmed,
            among([Arm(Timer::AuthRenew, 30 * DAY)]), [];
        cite; RenewalsArmed, Ends(Purpose::IdRenew, End::Ok) => RenewalsArmed,
            among([Arm(Timer::IdRenew, 182 * DAY)]), [];
        cite; RenewalsNotStarted, Wo(World::BootUpgradedRegistered) => RenewalsArmed,
            among([Arm(Timer::AuthRenew, HOUR), Arm(Timer::IdRenew, HOUR)]), [];
        cite; RenewalsCancelled, hello(End::Ok) => RenewalsCancelled, among([]), [];
        cite; RenewalsCancelled, Wo(World::BootReload) => RenewalsCancelled, among([]), [];
    ]
}

fn reminders() -> Vec<Expected> {
    let cite = "spec/messages.md §1 row 11";
    let due = Due(Timer::Reminder);
    rows![
        cite; ReminderStart, Due(Timer::StartReminder) => ReminderBefore, only([]), [ReportingRequired];
        cite; ReminderBefore, due => ReminderAtDeadline, among([]), [ReportingRequired];
        cite; ReminderAtDeadline, due => ReminderDaily, among([]), [ReportingRequired];
        cite; ReminderDaily, due => ReminderDaily, only([Arm(Timer::Reminder, DAY)]), [ReportingRequired];
        cite; ReminderNone, Wo(World::UsageFirst) => ReminderBefore, among([]), [];
        cite; ReminderDaily, Ends(Purpose::Poll, End::Ack) => ReminderBefore, among([SettleReports]), [];
        cite; ReminderDaily, Wo(World::BootReload) => ReminderStart,
            among([Arm(Timer::StartReminder, FIVE_SECONDS)]), [];
    ]
}

/// The table of `spec/messages.md` §7, for each kind of outcome in an outage and without one.
fn failures() -> Vec<Expected> {
    let cite = "spec/messages.md §7";
    let usage = |end| Ends(Purpose::Usage, end);
    let down = || among([Also(State::HealthDown)]);
    let mut rows = rows![
        cite; HealthDown, usage(End::PolicySignature) => HealthGood,
            among([]), [CommRestored, PolicyInstallFailed];
        cite; HealthGood, usage(End::PolicySignature) => HealthGood, among([]), [PolicyInstallFailed];
        cite; HealthDown, usage(End::Failure) => HealthDown, among([]), [CommFailed];
        cite; HealthGood, usage(End::Failure) => HealthDown, among([]), [CommFailed];
        cite; PollingWaiting, Ends(Purpose::Poll, End::Failure) => PollingWaiting, down(), [CommFailed];
        cite; DiscoveryUnknown, Ends(Purpose::Hello, End::Failure) => DiscoveryFailing, down(), [CommFailed];
        cite; TrustRequesting, Ends(Purpose::Trust, End::Failure) => TrustRequesting, down(), [CommFailed];
        cite; SyncDue, Ends(Purpose::TrustSync, End::Failure) => SyncDue, down(), [CommFailed];
        cite; HealthDownOff, Due(Timer::Report) => HealthDown, only([Arm(Timer::Report, DAY)]), [];
        "spec/messages.md §3"; HealthGoodOff, usage(End::Failure) => HealthGood, among([]), [];
    ];
    for end in [End::Ok, End::OkPoll, End::NoData, End::TryAgain, End::Refused] {
        rows.extend(rows![
            cite; HealthDown, usage(end) => HealthGood, among([]), [CommRestored];
            cite; HealthGood, usage(end) => HealthGood, among([]), [];
        ]);
    }
    rows
}

fn authorization() -> Vec<Expected> {
    let request = |end| Ends(Purpose::AuthRequest, end);
    let nexus = "This platform has no enforced licenses".to_owned();
    rows![
        "spec/messages.md §1 row 9"; AuthorizationNone, request(End::Authorization) => AuthorizationInstalled,
            among([Persist]), [AuthorizationInstallSuccess];
        "spec/messages.md §1 row 2"; AuthorizationNone, request(End::AuthorizationSignature) => AuthorizationNone,
            among([]), [AuthorizationInstallFailed];
        "spec/messages.md §1 row 9"; AuthorizationInstalled, request(End::Authorization) => AuthorizationInstalled,
            only([]), [];
        "spec/messages.md §1 row 10"; AuthorizationInstalled, Ends(Purpose::AuthReturn, End::Ok) => AuthorizationNone,
            among([Persist]), [AuthorizationRemoved];
        "spec/messages.md §1 row 10"; AuthorizationInstalled, Op(Operator::FactoryReset) => AuthorizationNone,
            among([Persist]), [AuthorizationRemoved];
        "spec/behaviour.md §17"; Idle, Op(Operator::AuthorizationRequest) => ReportingIdle,
            only([CommandRefused(Operator::AuthorizationRequest, nexus)]), [];
    ]
}
