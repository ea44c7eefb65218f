//! What can happen, as random data.

use proptest::prelude::*;
use slpsim_agent::{ProfileId, TransportMode};

/// How an agent begins.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) profile: ProfileId,
    pub(crate) transport: TransportMode,
    pub(crate) usage: Vec<(u8, u32)>,
    pub(crate) registered: bool,
    pub(crate) clock_authoritative: bool,
    pub(crate) keeps_history: bool,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Time passes, in seconds; timers that run out are drained.
    Wait(u32),
    /// Time passes up to the next timer.
    NextTimer,
    /// One of the exchanges in flight ends.
    Reply(u8, Answer),
    /// One that has ended already ends again.
    Late(u8, Answer),
    /// One that never was ends.
    Unknown(u16, Answer),
    Usage(u8, u32),
    Trust {
        all: bool,
        force: bool,
    },
    Sync,
    FactoryReset,
    Transport(TransportMode),
    Url,
    Interval(u16),
    AuthRequest(u8),
    AuthReturn,
    /// Which of the save commands.
    Save(u8),
    /// A file with that is imported.
    File(Answer),
    Clock(i64),
    ClockAuthoritative,
    Standby(u8),
    /// Save, restore and boot; or a reload in place.
    Restart {
        restored: bool,
        power_loss: bool,
    },
}

/// How an exchange ends.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// `None`: it fails.
    pub(crate) status: Option<u8>,
    pub(crate) seconds: Option<u32>,
    pub(crate) down_rev: bool,
    /// Server's clock minus the device's, in seconds.
    pub(crate) skew_s: i64,
    /// Which trust codes, policy, ACK and authorization codes come along.
    pub(crate) trust: u8,
    pub(crate) policy: u8,
    pub(crate) ack: u8,
    pub(crate) auth: u8,
}

pub(crate) fn start() -> impl Strategy<Value = Start> {
    let profile = prop_oneof![3 => Just(ProfileId::Nexus9000), 1 => Just(ProfileId::Mds9000)];
    let usage = prop::collection::vec((0_u8..3, 0_u32..3), 0..3);
    (profile, transport(), usage, any::<bool>(), prop::bool::weighted(0.8), any::<bool>()).prop_map(
        |(profile, transport, usage, registered, clock_authoritative, keeps_history)| Start {
            profile,
            transport,
            usage,
            registered,
            clock_authoritative,
            keeps_history,
        },
    )
}

fn transport() -> impl Strategy<Value = TransportMode> {
    prop_oneof![
        4 => Just(TransportMode::Cslu),
        4 => Just(TransportMode::Smart),
        1 => Just(TransportMode::Callhome),
        1 => Just(TransportMode::Off),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => wait().prop_map(Step::Wait),
        10 => Just(Step::NextTimer),
        16 => (any::<u8>(), answer()).prop_map(|(which, answer)| Step::Reply(which, answer)),
        1 => (any::<u8>(), answer()).prop_map(|(which, answer)| Step::Late(which, answer)),
        1 => (any::<u16>(), answer()).prop_map(|(txn, answer)| Step::Unknown(txn, answer)),
        3 => (0_u8..5, 0_u32..4).prop_map(|(license, count)| Step::Usage(license, count)),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(all, force)| Step::Trust { all, force }),
        3 => Just(Step::Sync),
        1 => Just(Step::FactoryReset),
        1 => transport().prop_map(Step::Transport),
        1 => Just(Step::Url),
        1 => prop_oneof![Just(0), 1_u16..60, Just(3_650)].prop_map(Step::Interval),
        1 => (0_u8..4).prop_map(Step::AuthRequest),
        1 => Just(Step::AuthReturn),
        2 => (0_u8..5).prop_map(Step::Save),
        3 => answer().prop_map(Step::File),
        1 => clock_step().prop_map(Step::Clock),
        1 => Just(Step::ClockAuthoritative),
        2 => (0_u8..6).prop_map(Step::Standby),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(restored, power_loss)| Step::Restart { restored, power_loss }),
    ]
}

fn wait() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1_u32..120, 120_u32..20_000, 20_000_u32..4_000_000]
}

fn clock_step() -> impl Strategy<Value = i64> {
    prop_oneof![-900_i64..900, -8_000_000_i64..8_000_000, -500_000_000_000_i64..500_000_000_000, any::<i64>()]
}

fn answer() -> impl Strategy<Value = Answer> {
    let status = prop_oneof![4 => Just(None), 9 => (0_u8..9).prop_map(Some)];
    let seconds = prop_oneof![3 => Just(None), 1 => Just(Some(0)), 2 => (1_u32..5_000).prop_map(Some)];
    let skew = prop_oneof![8 => Just(0), 1 => -8_000_i64..8_000, 1 => any::<i32>().prop_map(i64::from)];
    let parts = (0_u8..10, 0_u8..10, 0_u8..10, 0_u8..6);
    (status, seconds, prop::bool::weighted(0.1), skew, parts).prop_map(
        |(status, seconds, down_rev, skew_s, (trust, policy, ack, auth))| Answer {
            status,
            seconds,
            down_rev,
            skew_s,
            trust,
            policy,
            ack,
            auth,
        },
    )
}
