//! REPORTING_REQUIRED (`spec/behaviour.md` §3.3, §5.2, `spec/messages.md` §1 row 11 and notes).

use slpsim_agent::{BootCause, Command, Input, Message, ProfileId, Timer, TransportMode, Usage};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T};

fn off(usage: &[Usage]) -> Rig {
    Rig::with(ProfileId::Nexus9000, TransportMode::Off, T, Peer::default(), usage)
}

const ONE: Usage = Usage { license: 0, count: 1 };

fn reminders(rig: &mut Rig) -> Vec<(i64, u32)> {
    let logged = rig.take_log(T).into_iter();
    logged
        .map(|(at, message)| match message {
            Message::ReportingRequired { days } => (at / SECOND, days),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_start_reminder_waits_for_an_authoritative_clock_and_then_five_seconds() {
    let mut rig = Rig::unbooted(ProfileId::Nexus9000, TransportMode::Off, T, Peer::default(), &[ONE]);
    rig.input(Input::Boot { cause: BootCause::First, clock_authoritative: false });
    rig.run_for(MINUTE);
    assert_eq!(rig.log, []);
    rig.input(Input::ClockAuthoritative);
    rig.run_for(MINUTE);
    rig.input(Input::ClockAuthoritative);
    rig.run_for(MINUTE);
    assert_eq!(reminders(&mut rig), [(65, 89)]);
}

/// §5.2: a first licence that appears after start sends no start reminder, also while the clock is awaited.
#[test]
fn a_first_licence_after_start_sends_no_start_reminder() {
    let mut rig = Rig::unbooted(ProfileId::Nexus9000, TransportMode::Off, T, Peer::default(), &[]);
    rig.input(Input::Boot { cause: BootCause::First, clock_authoritative: false });
    rig.input(Input::Usage(ONE));
    rig.input(Input::ClockAuthoritative);
    rig.run_for(59 * DAY);
    assert_eq!(reminders(&mut rig), []);
    assert_eq!(rig.view().ack_deadline(), Some(T.plus_days(90)));
}

/// §11: timers as at a start, also the wait for the clock.
#[test]
fn a_factory_reset_sends_the_start_reminder_once_the_clock_is_authoritative() {
    let mut rig = Rig::unbooted(ProfileId::Nexus9000, TransportMode::Off, T, Peer::default(), &[ONE]);
    rig.input(Input::Boot { cause: BootCause::First, clock_authoritative: false });
    rig.command(Command::FactoryReset);
    rig.run_for(MINUTE);
    assert_eq!(reminders(&mut rig), []);
    rig.input(Input::ClockAuthoritative);
    rig.run_for(MINUTE);
    rig.command(Command::FactoryReset);
    rig.run_for(MINUTE);
    assert_eq!(reminders(&mut rig), [(65, 89), (125, 89)]);
}

/// Note 3: a usage change moves X; what is past, or now, is skipped.
#[test]
fn reminders_follow_the_deadline_strictly_in_the_future() {
    let mut rig = off(&[ONE]);
    rig.run_for(80 * DAY);
    assert_eq!(reminders(&mut rig), [(5, 89), (60 * 86_400, 30)]);
    // On change: X = min(90 d, 80 d + 90 d) stays.
    rig.input(Input::Usage(Usage { license: 1, count: 4 }));
    assert_eq!(rig.due_in(Timer::Reminder), Some(10 * DAY));
    rig.restart(BootCause::Reload);
    rig.run_for(11 * DAY);
    assert_eq!(reminders(&mut rig), [(80 * 86_400 + 5, 9), (90 * 86_400, 0), (91 * 86_400, 0)]);
}

/// Note 2: of a 365-day period it says 364.
#[test]
fn a_start_in_an_ongoing_phase_counts_on() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(HOUR);
    rig.log.clear();
    rig.restart(BootCause::Reload);
    rig.run_for(MINUTE);
    assert_eq!(reminders(&mut rig), [(3_605, 364)]);
}

/// Note 5.
#[test]
fn where_the_last_licence_goes_the_deadline_goes_and_only_a_bound_stays() {
    let mut rig = off(&[ONE]);
    rig.run_for(DAY);
    rig.log.clear();
    rig.input(Input::Usage(Usage { license: 0, count: 0 }));
    assert_eq!(rig.view().ack_deadline(), Some(T.plus_days(91)), "the change's own bound");
    rig.run_for(91 * DAY);
    assert_eq!(reminders(&mut rig), [(61 * 86_400, 30), (91 * 86_400, 0), (92 * 86_400, 0)]);
}

/// A driver that comes late prints the days of the time for which the reminder was set.
#[test]
fn a_late_reminder_says_what_it_would_have_said_in_time() {
    let mut rig = off(&[ONE]);
    rig.run_for(59 * DAY);
    rig.log.clear();
    rig.now.mono.0 += u64::try_from(2 * DAY).unwrap();
    rig.now.wall = rig.now.wall.plus_millis(2 * DAY);
    rig.run_for(0);
    assert_eq!(reminders(&mut rig), [(61 * 86_400, 30)]);
}
