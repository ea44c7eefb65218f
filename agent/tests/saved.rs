//! The durable form of an agent (`spec/behaviour.md` §11); its JSON is a format that older states are read from.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

mod support;

use slpsim_agent::persist::{RestoreError, Saved, VERSION};
use slpsim_agent::{
    Agent, AuthCode, Command, Failure, Input, ProfileId, Purpose, ReportVerdict, Settings, Shared, Status,
    TransportMode, Usage,
};
use slpsim_tests::assert_golden;
use support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, standby, udi};

/// An MDS 9000 with everything that a state can have.
fn full() -> Rig {
    let usage = [Usage { license: 0, count: 1 }, Usage { license: 2, count: 4 }];
    let peer = Peer { policy: Some(example_policy()), poll_after_s: Some(60), ..Peer::default() };
    let mut rig = Rig::with(ProfileId::Mds9000, TransportMode::Smart, T, peer, &usage);
    rig.trust(false);
    rig.run_for(10 * MINUTE);
    let mut reply = rig.reply(Status::Ok);
    let tag = rig.agent.profile().licenses[2].tag.to_owned();
    let code = AuthCode { udi: udi(), entitlements: vec![(tag, 4)], flag: "A".into() };
    reply.auth.push(rig.element(code));
    rig.once(Purpose::AuthRequest, Ok(reply));
    rig.command(Command::AuthorizationRequest { license: 2, count: 4 });
    rig.refuse_once(Purpose::AuthReturn, "no");
    rig.command(Command::AuthorizationReturn);
    // One report rejected, one waiting under the old identity and the single unit, one under the new ones.
    let open = rig.view().reports().last().unwrap().id;
    rig.run_for(HOUR);
    rig.command(Command::Sync);
    let verdict = ReportVerdict::Rejected("SIGNATURE_MISMATCH".into());
    let mut reply = rig.reply(Status::Ok);
    reply.ack = Some(rig.element(slpsim_agent::Ack { reports: vec![(open, verdict)] }));
    rig.once(Purpose::Poll, Ok(reply));
    rig.run_for(MINUTE);
    rig.peer.down.push((rig.now.wall, rig.now.wall.plus_days(400)));
    rig.input(Input::StandbyAdded(standby()));
    rig.run_for(SECOND);
    let now = rig.now.wall;
    let mut reply = rig.reply(Status::Ok);
    reply.trust.extend([udi(), standby()].map(|udi| rig.peer.trust_code(udi, now)));
    rig.once(Purpose::Trust, Ok(reply));
    let token = slpsim_agent::Token::new("EXAMPLETOKEN0001").unwrap();
    rig.command(Command::Trust { token, scope: slpsim_agent::input::Scope::All, force: true });
    rig.input(Input::Switchover);
    rig.run_for(SECOND);
    rig.input(Input::Usage(Usage { license: 0, count: 3 }));
    rig.step_clock(-90 * SECOND);
    rig.run_for(DAY);
    rig
}

fn saved(rig: &Rig) -> Saved {
    rig.agent.save(&rig.shared, rig.now)
}

#[test]
fn a_saved_state_is_read_back_from_its_json_as_it_was() {
    let fresh = Rig::new(TransportMode::Cslu, T, Peer::default());
    let mut failing = Rig::new(TransportMode::Cslu, T, Peer::default());
    failing.once(Purpose::Usage, Err(Failure::Unreachable));
    failing.run_for(HOUR);
    for rig in [fresh, failing, full()] {
        let saved = saved(&rig);
        let json = serde_json::to_string(&saved).unwrap();
        let read: Saved = serde_json::from_str(&json).unwrap();
        assert_eq!(read, saved);
        let mut shared = Shared { keep: rig.shared.keep, ..Shared::default() };
        let agent = Agent::restore(read, rig.agent.settings(), &mut shared).unwrap();
        assert_eq!(agent.save(&shared, rig.now), saved, "nothing is lost on the way through an agent");
    }
}

/// The format changes on purpose only: with `SLPSIM_BLESS=1`, and with a new version where old states need another reading.
#[test]
fn the_json_of_a_state_is_the_golden_one() {
    let json = serde_json::to_string_pretty(&saved(&full())).unwrap();
    assert_golden("agent/saved.json", &(json + "\n"));
}

#[test]
fn a_state_of_a_newer_build_is_refused_by_its_version() {
    let mut saved = saved(&full());
    saved.version = VERSION + 1;
    let refused = Agent::restore(saved, Settings::default(), &mut Shared::default()).unwrap_err();
    assert_eq!(refused, RestoreError::Newer { version: 2 });
    assert_eq!(refused.to_string(), "the state was saved by a newer slpsim (version 2, this one reads 1)");
}

/// A state that does not fit together is an error, not a panic.
#[test]
fn a_state_that_does_not_fit_together_is_refused_in_words() {
    let json = serde_json::to_value(saved(&full())).unwrap();
    let restored = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        edit(&mut json);
        let saved: Saved = serde_json::from_value(json).unwrap();
        Agent::restore(saved, Settings::default(), &mut Shared::default()).map(|_| ()).unwrap_err()
    };
    assert_eq!(restored(&|json| json["usage"][0][0] = 77.into()), RestoreError::License(77));
    assert_eq!(restored(&|json| json["reports"][0]["license"] = 99.into()), RestoreError::License(99));
    assert_eq!(restored(&|json| json["last_report_id"] = 5.into()), RestoreError::ReportOrder);
    assert_eq!(restored(&|json| json["reports"][1]["id"] = 1.into()), RestoreError::ReportOrder);
    let error = restored(&|json| json["udi"]["serial"] = "with blank".into());
    assert_eq!(error.to_string(), "the saved UDI must not contain ' '");
}
