//! Dialogues that lead into the states of the table. No field is set from outside: what is reached is what an agent
//! can really be in.

use slpsim_agent::input::Scope;
use slpsim_agent::{
    BootCause, Command, Failure, Input, ProfileId, Purpose, Status, Token, TransportMode, Udi, Usage,
};

use crate::closed::closed;
use crate::inputs::End;
use crate::replies;
use crate::states::State;
use crate::support::{Answer, DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy};

closed! {
    /// One way to be in a state. Where the way matters, a state has several.
    Scene {
        TrustAbsent => "on `cslu`, the report is delivered and its ACK is awaited",
        TrustAbsentDirect => "on `smart`",
        TrustAbsentOff => "transport `off`",
        TrustRequesting => "the request is in flight",
        TrustRequestingFailed => "the request failed and waits for its repetition",
        TrustInstalled => "on `smart`, report acknowledged",
        TrustInstalledNew => "on `smart`, just now, no report delivered since start",
        TrustInstalledAsksAgain => "a request with `force` is in flight",
        TrustInstalledStandby => "with a standby that has no trust code",
        TrustInstalledPair => "with a standby that has one, too",
        TrustRefused => "on `smart`",
        IdleAtStart => "the push at start is pending",
        Idle => "the next scheduled push is pending",
        IdlePutOff => "OK_TRY_AGAIN has put the push off",
        IdleNoTrust => "on `smart` without trust",
        IdleOff => "transport `off`",
        IdleDownRev => "the peer is down-rev",
        IdleNothingInUse => "no licence in use, nothing waits",
        IdleSyncInFlight => "the report of `license smart sync` is in flight ten seconds before a push",
        IdleNewTrustInFlight => "trust came while an attempt was in flight",
        InFlight => "the first attempt, at T",
        InFlightJoined => "T has joined the report of `license smart sync`",
        InFlightQueued => "a standby was added meanwhile",
        Retrying => "T + 5 min has failed",
        RetryingLast => "T + 180 min has failed",
        Fast => "T + 240 min has failed",
        PollingNone => "the ACK has come",
        PollingWaiting => "first poll pending",
        PollingDaily => "ten polls have been answered OK_POLL",
        SyncNone => "on `smart`, done",
        SyncNoneRelayed => "on `cslu`",
        SyncDue => "trust has just been installed",
        SyncDueDown => "trust has been installed, the report job keeps the peer down",
        SyncDueDownRev => "trust has been installed, the peer turned out down-rev",
        SyncHeld => "its time came while the report job kept the peer down",
        DiscoveryUnknown => "on `cslu`, just started",
        DiscoveryUnknownNoTrust => "on `smart` without trust",
        DiscoveryUnknownNewUrl => "the URL has changed, a report to the peer before is in flight",
        DiscoveryAnswered => "by the answer to hello",
        DiscoveryDownRev => "by the answer to hello",
        DiscoveryFailing => "the first hello failed",
        HealthGood => "after hello",
        HealthGoodOff => "transport `off` came while a report was in flight",
        HealthDown => "hello and the push at start failed",
        HealthDownOff => "and then transport `off`",
        PolicyDefault => "report delivered",
        PolicyInstalled => "came with the ACK",
        ReminderNone => "no licence in use",
        ReminderStart => "just started",
        ReminderAwaitsClock => "started with a clock that is not authoritative",
        ReminderBefore => "report delivered, no ACK yet",
        ReminderAtDeadline => "X − 30 d has passed without ACK",
        ReminderDaily => "X has passed without ACK",
        RenewalsNotStarted => "before the first start",
        RenewalsAbsent => "a device that never had them",
        RenewalsArmed => "upgraded, registered with an On-Prem",
        RenewalsCancelled => "the peer turned out down-rev",
        AuthorizationNone => "profile `mds9000`",
        AuthorizationInstalled => "profile `mds9000`",
    }
}

impl Scene {
    /// The state that it leads to.
    pub(crate) const fn state(self) -> State {
        match self {
            Self::TrustAbsent | Self::TrustAbsentDirect | Self::TrustAbsentOff => State::TrustAbsent,
            Self::TrustRequesting | Self::TrustRequestingFailed => State::TrustRequesting,
            Self::TrustInstalled
            | Self::TrustInstalledNew
            | Self::TrustInstalledAsksAgain
            | Self::TrustInstalledStandby
            | Self::TrustInstalledPair => State::TrustInstalled,
            Self::TrustRefused => State::TrustRefused,
            Self::IdleAtStart
            | Self::Idle
            | Self::IdlePutOff
            | Self::IdleNoTrust
            | Self::IdleOff
            | Self::IdleDownRev
            | Self::IdleNothingInUse
            | Self::IdleSyncInFlight
            | Self::IdleNewTrustInFlight => State::ReportingIdle,
            Self::InFlight | Self::InFlightJoined | Self::InFlightQueued => State::ReportingInFlight,
            Self::Retrying | Self::RetryingLast => State::ReportingRetrying,
            Self::Fast => State::ReportingFast,
            Self::PollingNone => State::PollingNone,
            Self::PollingWaiting | Self::PollingDaily => State::PollingWaiting,
            Self::SyncNone | Self::SyncNoneRelayed => State::SyncNone,
            Self::SyncDue | Self::SyncDueDown | Self::SyncDueDownRev => State::SyncDue,
            Self::SyncHeld => State::SyncHeld,
            Self::DiscoveryUnknown | Self::DiscoveryUnknownNoTrust | Self::DiscoveryUnknownNewUrl => {
                State::DiscoveryUnknown
            }
            Self::DiscoveryAnswered => State::DiscoveryAnswered,
            Self::DiscoveryDownRev => State::DiscoveryDownRev,
            Self::DiscoveryFailing => State::DiscoveryFailing,
            Self::HealthGood | Self::HealthGoodOff => State::HealthGood,
            Self::HealthDown | Self::HealthDownOff => State::HealthDown,
            Self::PolicyDefault => State::PolicyDefault,
            Self::PolicyInstalled => State::PolicyInstalled,
            Self::ReminderNone => State::ReminderNone,
            Self::ReminderStart => State::ReminderStart,
            Self::ReminderAwaitsClock | Self::ReminderBefore => State::ReminderBefore,
            Self::ReminderAtDeadline => State::ReminderAtDeadline,
            Self::ReminderDaily => State::ReminderDaily,
            Self::RenewalsNotStarted | Self::RenewalsAbsent => State::RenewalsAbsent,
            Self::RenewalsArmed => State::RenewalsArmed,
            Self::RenewalsCancelled => State::RenewalsCancelled,
            Self::AuthorizationNone => State::AuthorizationNone,
            Self::AuthorizationInstalled => State::AuthorizationInstalled,
        }
    }

    /// Whether the agent runs.
    pub(crate) fn started(self) -> bool {
        self != Self::RenewalsNotStarted
    }

    /// Plays the dialogue; exchanges that are in flight at its end stay so.
    pub(crate) fn reach(self) -> Rig {
        let mut rig = self.play();
        rig.hold = true;
        let state = self.state();
        assert_eq!(State::of(state.concern(), &rig), state, "{self:?} does not lead to its state");
        rig
    }

    fn play(self) -> Rig {
        match self {
            Self::TrustAbsent | Self::PollingWaiting | Self::PolicyDefault | Self::ReminderBefore => {
                cslu_for(2 * MINUTE)
            }
            Self::TrustAbsentDirect | Self::IdleNoTrust | Self::DiscoveryUnknownNoTrust => {
                started(TransportMode::Smart)
            }
            Self::TrustRequesting => requested(None),
            Self::TrustRequestingFailed => requested(Some(Err(Failure::Unreachable))),
            Self::TrustRefused => refused(),
            Self::TrustInstalled | Self::SyncNone => smart_for(10 * MINUTE),
            Self::TrustInstalledNew | Self::SyncDue => smart_for(SECOND),
            Self::TrustInstalledAsksAgain => asks_again(),
            Self::TrustInstalledStandby => with_standby(false),
            Self::TrustInstalledPair => with_standby(true),
            Self::IdleAtStart | Self::DiscoveryUnknown | Self::ReminderStart => started(TransportMode::Cslu),
            Self::Idle | Self::PollingNone | Self::SyncNoneRelayed | Self::RenewalsAbsent => {
                cslu_for(4 * MINUTE)
            }
            Self::IdlePutOff => put_off(),
            Self::IdleOff | Self::TrustAbsentOff => started(TransportMode::Off),
            Self::IdleDownRev | Self::DiscoveryDownRev => down_rev(started(TransportMode::Cslu)),
            Self::IdleNothingInUse | Self::ReminderNone => nothing_in_use(),
            Self::IdleSyncInFlight => sync_in_flight(),
            Self::IdleNewTrustInFlight => {
                let mut rig = in_flight();
                rig.trust(false);
                answer(&mut rig, Purpose::Trust, End::Trust);
                rig
            }
            Self::InFlight => in_flight(),
            Self::InFlightJoined => {
                let mut rig = sync_in_flight();
                rig.run_for(10 * SECOND);
                rig
            }
            Self::InFlightQueued => push_queued(),
            Self::Retrying => outage(6 * MINUTE),
            Self::RetryingLast => outage(181 * MINUTE),
            Self::Fast => outage(241 * MINUTE),
            Self::PollingDaily => never_acknowledged(20 * MINUTE),
            Self::SyncDueDown => first_push_ends(34 * SECOND, Err(Failure::Unreachable)),
            Self::SyncDueDownRev => {
                let answer = replies::down_rev(&smart_for(SECOND), Purpose::Usage);
                first_push_ends(34 * SECOND, Ok(answer))
            }
            Self::SyncHeld => first_push_ends(MINUTE, Err(Failure::Unreachable)),
            Self::DiscoveryAnswered | Self::HealthGood => cslu_for(MINUTE),
            Self::DiscoveryUnknownNewUrl => {
                let mut rig = in_flight();
                rig.command(Command::Url);
                rig
            }
            Self::DiscoveryFailing => hello_failed(),
            Self::HealthGoodOff => off(in_flight()),
            Self::HealthDown => failing_from_start(),
            Self::HealthDownOff => off(failing_from_start()),
            Self::PolicyInstalled => policy_installed(),
            Self::ReminderAwaitsClock => awaits_clock(),
            Self::ReminderAtDeadline => never_acknowledged(61 * DAY),
            Self::ReminderDaily => never_acknowledged(91 * DAY),
            Self::RenewalsNotStarted => not_started(),
            Self::RenewalsArmed => upgraded(),
            Self::RenewalsCancelled => down_rev(upgraded()),
            Self::AuthorizationNone => mds(),
            Self::AuthorizationInstalled => authorized(),
        }
    }
}

/// A standby that can be added.
pub(crate) fn standby() -> Udi {
    Udi::new("N9K-C93180YC-FX3", "FDO00000002").unwrap()
}

fn started(transport: TransportMode) -> Rig {
    let mut rig = Rig::new(transport, T, Peer::default());
    rig.run_for(SECOND);
    rig
}

fn cslu_for(millis: i64) -> Rig {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(millis);
    rig
}

/// Trust was installed that long ago, and the peer answers.
fn smart_for(millis: i64) -> Rig {
    let mut rig = started(TransportMode::Smart);
    let answer = Ok(replies::trust(&rig));
    rig.peer.scripted.push((Purpose::Trust, answer));
    rig.trust(false);
    rig.run_for(millis);
    rig
}

fn requested(answer: Option<Answer>) -> Rig {
    let mut rig = started(TransportMode::Smart);
    rig.hold = answer.is_none();
    rig.peer.scripted.extend(answer.map(|answer| (Purpose::Trust, answer)));
    rig.trust(false);
    rig
}

fn refused() -> Rig {
    let rig = started(TransportMode::Smart);
    requested(Some(Ok(replies::bare(&rig, replies::refusal()))))
}

fn asks_again() -> Rig {
    let mut rig = smart_for(10 * MINUTE);
    rig.hold = true;
    rig.trust(true);
    rig
}

fn with_standby(trusted: bool) -> Rig {
    let mut rig = smart_for(10 * MINUTE);
    rig.input(Input::StandbyAdded(standby()));
    rig.run_for(10 * MINUTE);
    if trusted {
        let token = Token::new("EXAMPLETOKEN0003").unwrap();
        rig.command(Command::Trust { token, scope: Scope::All, force: true });
        rig.run_for(10 * MINUTE);
        assert!(rig.view().units().all(|(_, trust)| trust.is_some()));
    }
    rig
}

/// Ends an exchange that is in flight.
fn answer(rig: &mut Rig, purpose: Purpose, end: End) {
    let at = rig.held.iter().position(|(_, request)| request.purpose() == purpose).unwrap();
    let (txn, _) = rig.held.remove(at);
    let result = replies::end(rig, purpose, end).unwrap();
    rig.input(Input::Completed { txn, result });
}

fn off(mut rig: Rig) -> Rig {
    rig.command(Command::Transport(TransportMode::Off));
    rig
}

fn put_off() -> Rig {
    let mut rig = started(TransportMode::Cslu);
    let answer = Ok(replies::bare(&rig, Status::TryAgain { after_s: None }));
    rig.peer.scripted.push((Purpose::Usage, answer));
    rig.run_for(2 * MINUTE);
    rig
}

fn down_rev(mut rig: Rig) -> Rig {
    let answer = Ok(replies::down_rev(&rig, Purpose::Hello));
    rig.peer.scripted.push((Purpose::Hello, answer));
    rig.run_for(10 * SECOND);
    rig
}

fn nothing_in_use() -> Rig {
    let mut rig = Rig::with(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &[]);
    rig.run_for(5 * MINUTE);
    rig
}

/// Ten seconds before the push at start.
fn sync_in_flight() -> Rig {
    let mut rig = cslu_for(110 * SECOND);
    rig.hold = true;
    rig.command(Command::Sync);
    rig
}

fn in_flight() -> Rig {
    let mut rig = cslu_for(MINUTE);
    rig.hold = true;
    rig.run_for(MINUTE);
    rig
}

fn push_queued() -> Rig {
    let mut rig = in_flight();
    rig.input(Input::StandbyAdded(standby()));
    rig
}

/// The push at start, two minutes after it, is T of an outage; hello was answered before.
fn outage(since_t: i64) -> Rig {
    let t = T.plus_millis(2 * MINUTE);
    let peer = Peer { down: vec![(t, t.plus_days(9_000))], ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_to(t.plus_millis(since_t));
    rig
}

fn never_acknowledged(millis: i64) -> Rig {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { polls_before_ack: u32::MAX, ..Peer::default() });
    rig.run_for(millis);
    rig
}

/// Trust was installed a second ago, which puts the push 30 s and TRUST_SYNC 40 s after it.
fn first_push_ends(millis: i64, answer: Answer) -> Rig {
    let mut rig = smart_for(SECOND);
    rig.peer.scripted.push((Purpose::Usage, answer));
    rig.run_for(millis);
    rig
}

fn failing() -> Rig {
    let peer = Peer { down: vec![(T, T.plus_days(9_000))], ..Peer::default() };
    Rig::new(TransportMode::Cslu, T, peer)
}

fn hello_failed() -> Rig {
    let mut rig = failing();
    rig.run_for(MINUTE);
    rig
}

fn failing_from_start() -> Rig {
    let mut rig = failing();
    rig.run_for(3 * MINUTE);
    rig
}

fn policy_installed() -> Rig {
    let mut rig =
        Rig::new(TransportMode::Cslu, T, Peer { policy: Some(example_policy()), ..Peer::default() });
    rig.run_for(4 * MINUTE);
    rig
}

fn awaits_clock() -> Rig {
    let usage = [Usage { license: 0, count: 1 }];
    let mut rig = Rig::unbooted(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.input(Input::Boot { cause: BootCause::First, clock_authoritative: false });
    rig.run_for(HOUR);
    rig
}

fn not_started() -> Rig {
    let usage = [Usage { license: 0, count: 1 }];
    Rig::unbooted(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &usage)
}

fn upgraded() -> Rig {
    let mut rig = not_started();
    rig.input(Input::Boot { cause: BootCause::Upgraded { registered: true }, clock_authoritative: true });
    rig.run_for(SECOND);
    rig
}

fn mds() -> Rig {
    let usage = [Usage { license: 0, count: 1 }];
    let mut rig = Rig::with(ProfileId::Mds9000, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.run_for(4 * MINUTE);
    rig
}

fn authorized() -> Rig {
    let mut rig = mds();
    rig.hold = true;
    rig.command(Command::AuthorizationRequest { license: 2, count: 2 });
    answer(&mut rig, Purpose::AuthRequest, End::Authorization);
    rig
}
