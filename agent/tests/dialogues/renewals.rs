//! The jobs of classic Smart Licensing (`spec/behaviour.md` §13, §15).

use slpsim_agent::view::Renewals;
use slpsim_agent::{
    BootCause, Capabilities, Command, Failure, Input, ProfileId, Purpose, Status, TransportMode, Usage,
};

use crate::support::{DAY, HOUR, Peer, Rig, T};

fn upgraded(registered: bool) -> Rig {
    let usage = [Usage { license: 0, count: 1 }];
    let mut rig = Rig::unbooted(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.input(Input::Boot { cause: BootCause::Upgraded { registered }, clock_authoritative: true });
    rig
}

fn renewals(rig: &mut Rig) -> Vec<(i64, Purpose)> {
    let sent = rig.take_sent().into_iter();
    sent.filter(|(_, purpose)| matches!(purpose, Purpose::AuthRenew | Purpose::IdRenew)).collect()
}

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

#[test]
fn they_run_only_on_a_device_that_was_registered() {
    let mut rig = upgraded(false);
    rig.run_for(40 * DAY);
    assert_eq!((renewals(&mut rig), rig.view().renewals()), (vec![], Renewals::Absent));
    let mut rig = upgraded(true);
    assert_eq!(rig.view().renewals(), Renewals::Armed);
    rig.run_for(190 * DAY);
    let expected = (0..=6).map(|n| (HOUR_S + n * 30 * DAY_S, Purpose::AuthRenew));
    let mut expected: Vec<_> =
        expected.chain([0, 1].map(|n| (HOUR_S + n * 182 * DAY_S, Purpose::IdRenew))).collect();
    expected.sort_by_key(|(at, purpose)| (*at, *purpose));
    assert_eq!(renewals(&mut rig), expected);
}

#[test]
fn one_that_fails_is_repeated_each_hour_and_a_busy_peer_names_the_time() {
    let mut rig = upgraded(true);
    rig.once(Purpose::AuthRenew, Err(Failure::Unreachable));
    rig.once(Purpose::IdRenew, Ok(rig.reply(Status::TryAgain { after_s: Some(600) })));
    rig.run_for(3 * HOUR);
    let at = |s: i64| HOUR_S + s;
    let expected = [
        (at(0), Purpose::AuthRenew),
        (at(0), Purpose::IdRenew),
        (at(600), Purpose::IdRenew),
        (at(HOUR_S), Purpose::AuthRenew),
    ];
    assert_eq!(renewals(&mut rig), expected);
}

/// §13: cancelled for good.
#[test]
fn a_peer_that_turns_down_rev_ends_them_for_good() {
    let mut rig = upgraded(true);
    rig.run_for(2 * HOUR);
    assert_eq!(renewals(&mut rig).len(), 2);
    rig.peer.capabilities = Capabilities(0b110);
    rig.command(Command::Sync);
    assert_eq!(rig.view().renewals(), Renewals::Cancelled);
    rig.run_for(DAY);
    rig.peer.capabilities = Capabilities::AGENT;
    rig.run_for(2 * DAY);
    rig.restart(BootCause::Reload);
    rig.run_for(200 * DAY);
    assert_eq!((renewals(&mut rig), rig.view().renewals()), (vec![], Renewals::Cancelled));
}

#[test]
fn they_survive_a_reload_and_wait_while_the_transport_is_off() {
    let mut rig = upgraded(true);
    rig.run_for(DAY);
    rig.restart(BootCause::Reload);
    rig.command(Command::Transport(TransportMode::Off));
    rig.take_sent();
    rig.run_for(2 * DAY);
    assert_eq!(renewals(&mut rig), []);
    rig.command(Command::Transport(TransportMode::Cslu));
    rig.run_for(DAY);
    let at = 4 * DAY_S - DAY_S + HOUR_S;
    assert_eq!(renewals(&mut rig), [(at, Purpose::AuthRenew), (at, Purpose::IdRenew)]);
}
