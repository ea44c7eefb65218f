//! A Virtual Account with several product instances, and what a disconnected CSLU keeps of them, without a wire.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests say what they expect by unwrapping it"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use slpsim_agent::{
    Measurement, PollId, ProfileId, Report, ReportId, Request, Role as UnitRole, Sender, Signer, Udi, Unit,
};
use slpsim_cssm::{Arrived, Config, Cssm, Limits, Role, Route, TokenWish};
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::message::{DeviceBody, ServerMessage, StatusWord, compose};
use slpsim_transport::rum;

const NOW: Wall = Wall::from_secs(1_772_445_600);
const CSLU: Route = Route::Cslu { tenant: None };

fn sender(n: u32) -> Sender {
    let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
    Sender {
        udi,
        units: vec![Unit { role: UnitRole::Active, udi }],
        identity: None,
        profile: ProfileId::Nexus9000.profile(),
        hostname: None,
        send_version: true,
        standby_identity: None,
        custom_id: None,
    }
}

/// The answer to a request whose reports came in envelopes, as from a wire.
fn says(cssm: &mut Cssm, sender: &Sender, route: &Route, request: &Request) -> ServerMessage {
    let mut message = compose(request, sender, NOW, 1);
    if let DeviceBody::LicenseUsage { reports, .. } = &mut message.body {
        for report in
            reports.iter_mut().filter(|report| sender.identity.is_none() && report.envelope.is_none())
        {
            report.envelope = Some(Box::new(rum::seal(report, None).unwrap()));
        }
    }
    cssm.handle(NOW, &Arrived::in_process(route.clone(), &message)).message
}

fn usage(sender: &Sender, ids: &BTreeSet<u64>) -> Request {
    let report = |id: &u64| Report {
        id: ReportId(*id),
        previous: None,
        license: &sender.profile.licenses[0],
        signer: sender.identity.map_or(Signer::Builtin, Signer::Id),
        units: sender.units.clone(),
        measurements: vec![Measurement {
            start: NOW,
            end: NOW.plus_millis(120_000),
            value: 1,
            reason: None,
            clock_change_s: None,
        }],
    };
    Request::Usage { reports: ids.iter().map(report).collect() }
}

fn policy_in_ack(cssm: &mut Cssm, sender: &Sender, route: &Route, id: u64) -> Option<String> {
    let pushed = says(cssm, sender, route, &usage(sender, &BTreeSet::from([id])));
    let poll = Request::Poll { poll_id: pushed.data.poll_id.expect("a poll id") };
    let ack = says(cssm, sender, route, &poll).data.ack?.object?;
    Some(ack.policy?.object?.policy.name)
}

fn policy_in_sync(cssm: &mut Cssm, sender: &Sender, route: &Route) -> Option<String> {
    let answer = says(cssm, sender, route, &Request::TrustSync);
    assert_eq!(answer.status, StatusWord::Ok);
    Some(answer.data.policy?.object?.policy.name)
}

/// `spec/behaviour.md` §2.3 rule 6, `spec/chapter.md` S-33b: three product instances of an account, by two topologies,
/// and one of another account.
#[test]
fn a_new_policy_reaches_every_product_instance_of_its_account_and_no_other() {
    let mut cssm = Cssm::new(Config::default()).unwrap();
    let lab = cssm.make_token(NOW, &TokenWish::default()).unwrap();
    let other = TokenWish { r#virtual: Some("Other".into()), ..TokenWish::default() };
    let other = cssm.make_token(NOW, &other).unwrap();
    let mut devices: Vec<(Sender, Route)> = vec![
        (sender(1), Route::Smart),
        (sender(2), Route::Smart),
        (sender(3), CSLU),
        (sender(4), Route::Smart),
    ];
    for (n, (sender, route)) in devices.iter_mut().enumerate() {
        let token = if n == 3 { other.clone() } else { lab.clone() };
        let request = Request::Trust { token, force: false, units: sender.units.clone() };
        let answer = says(&mut cssm, sender, route, &request);
        sender.identity = Some(answer.data.trust_codes[0].object.as_ref().unwrap().code.identity);
        let expected = (n != 3).then_some("Example Policy");
        let policy = answer.data.policy.and_then(|policy| Some(policy.object?.policy.name));
        assert_eq!(policy.as_deref(), expected);
    }
    for (round, name) in [(1, "Second"), (2, "Third")] {
        cssm.set_policy("Lab", Some(Policy::nxos(name, Values::of(10, 20, 30)))).unwrap();
        for (n, (sender, route)) in devices.iter().enumerate() {
            let expected = (n != 3).then(|| name.to_owned());
            assert_eq!(policy_in_ack(&mut cssm, sender, route, round), expected, "device {n}");
            assert_eq!(policy_in_sync(&mut cssm, sender, route), expected, "device {n}");
        }
    }
    // A factory reset takes the policy from the device; without trust it asks anew, and gets it again.
    let (first, route) = &mut devices[0];
    first.identity = None;
    let request = Request::Trust { token: lab, force: false, units: first.units.clone() };
    let answer = says(&mut cssm, first, route, &request);
    assert_eq!(answer.data.policy.unwrap().object.unwrap().policy.name, "Third");
    cssm.set_policy("Lab", None).unwrap();
    for (sender, route) in devices.iter().skip(1) {
        assert_eq!(policy_in_sync(&mut cssm, sender, route), None);
    }
}

/// Rather late than lost: a CSLU that is full asks to come again, and takes more when ACKs have come.
#[test]
fn a_full_cslu_drops_nothing_and_asks_to_come_again() {
    let count = Limits { reports: 2, ..Limits::default() };
    let bytes = Limits { held_bytes: 1, ..Limits::default() };
    for (limits, fits) in [(count, 2), (bytes, 1)] {
        let config = Config { role: Role::Cslu, connected: false, limits, ..Config::default() };
        let mut cslu = Cssm::new(config).unwrap();
        for n in 1..=3 {
            let answer = says(&mut cslu, &sender(n), &CSLU, &usage(&sender(n), &BTreeSet::from([1])));
            let expected = if n <= fits { StatusWord::OkPoll } else { StatusWord::TryAgain };
            assert_eq!(answer.status, expected, "device {n} of {fits}");
        }
        assert_eq!(cslu.all_outgoing().len(), usize::try_from(fits).unwrap());
        for n in 1..=fits {
            cslu.bring_ack(NOW, &sender(n).udi, &"ACK".into(), &[ReportId(1)]).unwrap();
        }
        let answer = says(&mut cslu, &sender(3), &CSLU, &usage(&sender(3), &BTreeSet::from([1])));
        assert_eq!(answer.status, StatusWord::OkPoll);
    }
}

/// What may happen between a device and a CSLU to which files are carried.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The device closes a report and pushes all that it has.
    Push,
    /// Somebody downloads a bundle and takes it to CSSM.
    Download,
    /// The ACK of the bundle that was downloaded so many before the last comes back.
    Bring(usize),
    /// The device polls.
    Poll,
    /// The device polls, and the answer is lost.
    LostPoll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Push),
        2 => Just(Step::Download),
        2 => (0_usize..3).prop_map(Step::Bring),
        2 => Just(Step::Poll),
        1 => Just(Step::LostPoll),
    ];
    proptest::collection::vec(step, 0..40)
}

struct Round {
    cslu: Cssm,
    sender: Sender,
    unacknowledged: BTreeSet<u64>,
    poll_id: Option<PollId>,
    next: u64,
    bundles: Vec<Vec<ReportId>>,
    acks: Vec<(Arc<str>, Vec<ReportId>)>,
}

impl Round {
    fn new() -> Self {
        let config = Config { role: Role::Cslu, connected: false, ..Config::default() };
        Self {
            cslu: Cssm::new(config).unwrap(),
            sender: sender(1),
            unacknowledged: BTreeSet::new(),
            poll_id: None,
            next: 1,
            bundles: Vec::new(),
            acks: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push => {
                self.unacknowledged.insert(self.next);
                self.next += 1;
                let request = usage(&self.sender, &self.unacknowledged);
                let answer = says(&mut self.cslu, &self.sender, &CSLU, &request);
                assert_eq!(answer.status, StatusWord::OkPoll);
                self.poll_id = answer.data.poll_id;
            }
            Step::Download => {
                let outgoing = self.cslu.outgoing(&self.sender.udi);
                let ids =
                    outgoing.map(|outgoing| outgoing.reports.into_iter().map(|report| report.id).collect());
                self.bundles.extend(ids);
            }
            Step::Bring(back) => {
                let Some(ids) = self.bundles.iter().rev().nth(back).cloned() else { return };
                let file: Arc<str> = format!("ACK {}", self.acks.len()).into();
                self.cslu.bring_ack(NOW, &self.sender.udi, &file, &ids).unwrap();
                self.acks.push((file, ids));
            }
            Step::Poll | Step::LostPoll => {
                let Some(poll_id) = self.poll_id else { return };
                let answer = says(&mut self.cslu, &self.sender, &CSLU, &Request::Poll { poll_id });
                let Some(file) = answer.data.file else {
                    assert_eq!(answer.status, StatusWord::OkPoll);
                    return;
                };
                if matches!(step, Step::Poll) {
                    let (_, ids) = self.acks.iter().find(|(known, _)| *known == file).unwrap();
                    self.unacknowledged.retain(|id| !ids.contains(&ReportId(*id)));
                    assert!(self.unacknowledged.is_empty(), "an ACK names everything of the push");
                    self.poll_id = None;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// No report is lost, in whatever order pushes, bundles, ACKs and polls come: it can be downloaded, or its ACK can
    /// be fetched. So one more round of files acknowledges everything.
    #[test]
    fn one_more_round_of_files_acknowledges_everything(steps in steps()) {
        let mut round = Round::new();
        for step in steps {
            round.step(step);
        }
        round.step(Step::Push);
        round.step(Step::Download);
        round.step(Step::Bring(0));
        round.step(Step::Poll);
        prop_assert!(round.unacknowledged.is_empty());
        prop_assert_eq!(round.cslu.outgoing(&round.sender.udi), None);
    }
}
