//! Reload, power loss, factory reset (`spec/behaviour.md` §11).

use slpsim_agent::view::{Discovery, TrustState};
use slpsim_agent::{
    BootCause, Command, Failure, Input, Message, Output, Purpose, Reason, ReportState, Reporting, Request,
    Sync, Timer, TransportMode,
};
use slpsim_policy::Phase;

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, failures};

fn whole(peer: Peer) -> Rig {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer { policy: Some(example_policy()), ..peer });
    rig.trust(false);
    rig.run_for(DAY);
    rig
}

#[test]
fn a_reload_keeps_policy_trust_reports_and_times() {
    let mut rig = whole(Peer::default());
    let seen = |rig: &Rig| {
        let view = rig.view();
        let trust = matches!(view.trust(), TrustState::Installed(_)).then(|| format!("{:?}", view.trust()));
        (
            trust,
            view.policy().map(|(name, at)| (name.to_owned(), at)),
            (view.ack_deadline(), view.last_ack(), view.last_push(), view.phase(), view.facts().t0),
            view.account().map(|(account, at)| (account.clone(), at)),
            view.report_summary().acknowledged,
        )
    };
    let before = seen(&rig);
    assert!(before.0.is_some() && before.1.is_some() && before.3.is_some());
    for cause in [BootCause::Reload, BootCause::PowerLoss] {
        rig.restart(cause);
        assert_eq!(seen(&rig), before, "{cause:?}");
    }
}

#[test]
fn a_reload_loses_window_outage_poll_requests_and_counters() {
    let mut rig = whole(Peer { polls_before_ack: u32::MAX, ..Peer::default() });
    rig.run_to(T.plus_millis(30 * DAY));
    rig.outage(DAY);
    rig.trust(true);
    rig.run_for(HOUR);
    let view = rig.view();
    assert!(view.down().is_some() && view.reporting() == Reporting::Retrying && view.poll_id().is_some());
    assert_eq!(rig.due_in(Timer::Trust), Some(HOUR));
    rig.log.clear();
    rig.restart(BootCause::Reload);
    let view = rig.view();
    assert_eq!((view.down(), view.reporting(), view.poll_id()), (None, Reporting::Idle, None));
    assert_eq!((view.sync(), view.discovery()), (Sync::None, Discovery::Unknown));
    assert_eq!((rig.due_in(Timer::Trust), rig.due_in(Timer::Hello)), (None, Some(10 * SECOND)));
    assert_eq!(rig.due_in(Timer::Report), Some(2 * MINUTE));
    assert_eq!(view.conversation(Purpose::Usage), None);
    rig.peer.down.clear();
    rig.run_for(DAY);
    assert_eq!(rig.texts(), [Message::ReportingRequired { days: 149 }.to_string()], "no COMM_RESTORED");
}

/// §11, §4 "what closes a report".
#[test]
fn a_reload_closes_open_reports_and_its_push_opens_a_window() {
    let mut rig = whole(Peer::default());
    rig.restart(BootCause::Reload);
    let closed: Vec<_> = rig.view().reports().filter(|report| report.state == ReportState::Closed).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].reason, closed[0].end), (Some(Reason::ProductReload), Some(T.plus_millis(DAY))));
    rig.log.clear();
    rig.outage(DAY);
    rig.run_for(20 * MINUTE);
    // Hello at 10 s, the push at 2 min with its ladder.
    assert_eq!(failures(&rig.log, T.plus_millis(DAY)), [0, 2, 7, 12, 17]);
}

/// A reload in the same process: what is under way is given up, and its late end changes nothing.
#[test]
fn an_exchange_from_before_the_reload_means_nothing_after_it() {
    let mut rig = whole(Peer::default());
    rig.hold = true;
    rig.command(Command::Sync);
    let (old, _) = rig.held[0].clone();
    rig.outputs.clear();
    rig.input(Input::Boot { cause: BootCause::Reload, clock_authoritative: true });
    assert!(rig.outputs.contains(&Output::Cancel(old)));
    let before = rig.agent.clone();
    rig.log.clear();
    rig.input(Input::Completed { txn: old, result: Err(Failure::Unreachable) });
    assert_eq!((rig.agent == before, rig.log.len()), (true, 0));
}

/// §11 "power loss": of the time after the last durable state nothing is known.
#[test]
fn after_a_power_loss_a_report_ends_with_the_last_durable_state() {
    let mut rig = whole(Peer::default());
    let saved = rig.agent.save(&rig.shared, rig.now);
    rig.run_for(3 * HOUR);
    rig.agent = slpsim_agent::Agent::restore(saved, rig.agent.settings(), &mut rig.shared).unwrap();
    rig.input(Input::Boot { cause: BootCause::PowerLoss, clock_authoritative: true });
    let closed: Vec<_> = rig.view().reports().filter(|report| report.state == ReportState::Closed).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].end, Some(T.plus_millis(DAY)));
    let open = rig.view().reports().last().unwrap();
    assert_eq!((open.state, open.start), (ReportState::Open, rig.now.wall));
    assert!(open.id > closed[0].id);
}

#[test]
fn a_factory_reset_removes_all_licensing_data_and_the_agent_works_on() {
    let mut rig = whole(Peer::default());
    rig.run_for(DAY);
    let last = rig.view().reports().last().unwrap().id;
    rig.log.clear();
    rig.sent.clear();
    rig.command(Command::FactoryReset);
    let now = rig.now.wall;
    let view = rig.view();
    assert_eq!((view.trust(), view.policy(), view.account()), (TrustState::Absent, None, None));
    assert_eq!((view.last_ack(), view.last_push(), view.phase()), (None, None, Phase::First));
    assert_eq!((view.facts().t0, view.ack_deadline()), (Some(now), Some(now.plus_days(90))));
    let reports: Vec<_> = view.reports().map(|report| (report.id, report.state)).collect();
    let next = u64::try_from(now.secs()).unwrap().max(last.0 + 1);
    assert_eq!(reports, [(slpsim_agent::ReportId(next), ReportState::Open)]);
    rig.run_for(HOUR);
    let expected = [Message::PolicyRemoved, Message::ReportingRequired { days: 89 }];
    assert_eq!(rig.log.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(rig.log[1].0.since(now), 5 * SECOND);
    assert_eq!(rig.sent, [], "no trust on a direct transport");
    // The device asks without identifier and without force.
    rig.trust(false);
    assert!(matches!(rig.sent[0].1, Request::Trust { force: false, .. }));
    assert!(matches!(rig.view().trust(), TrustState::Installed(_)));
}

/// §11: `Down` is kept, COMM_RESTORED comes after recovery.
#[test]
fn a_factory_reset_keeps_the_outage_but_not_the_exchanges_under_way() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.outage(10 * MINUTE);
    rig.run_for(2 * MINUTE);
    let (since, failures) = rig.view().down().unwrap();
    assert_eq!((since, failures), (T.plus_millis(10 * SECOND), 2));
    rig.hold = true;
    rig.command(Command::Sync);
    rig.log.clear();
    rig.command(Command::FactoryReset);
    assert_eq!(rig.held, [], "cancelled");
    assert_eq!(rig.view().down(), Some((since, 2)));
    rig.hold = false;
    rig.run_for(HOUR);
    let texts = rig.texts();
    let restored = texts.iter().filter(|text| text.contains("COMM_RESTORED")).count();
    assert_eq!(restored, 1);
    assert!(
        !texts.iter().any(|text| text.contains("policy has been removed")),
        "only the default was in use"
    );
}

/// §11: hello answer forgotten, message 7 possible again.
#[test]
fn after_a_factory_reset_a_down_rev_peer_is_found_anew() {
    let old = slpsim_agent::Capabilities(0b110);
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: old, ..Peer::default() });
    for _ in 0..2 {
        rig.run_for(MINUTE);
        let found = rig.log.iter().filter(|(_, m)| *m == Message::ReportingNotSupported).count();
        assert_eq!(found, 1);
        rig.log.clear();
        rig.command(Command::FactoryReset);
    }
}

/// §6, §11: what a fresh device would have saved, but for the ids of reports.
#[test]
fn nothing_of_the_old_life_is_saved_after_a_factory_reset() {
    let mut rig = whole(Peer::default());
    rig.command(Command::FactoryReset);
    let mut fresh = Rig::new(TransportMode::Smart, rig.now.wall, Peer::default());
    fresh.shared = rig.shared.clone();
    fresh.now.wall = rig.now.wall;
    let [reset, fresh] = [&rig, &fresh].map(|rig| rig.agent.save(&rig.shared, rig.now));
    assert_eq!(reset, fresh);
}
