//! Two supervisors against the mock's rules, as the console shows them (`spec/behaviour.md` §10).
#![allow(clippy::unwrap_used, reason = "tests")]

use slpsim_agent::{BootCause, Keep, Message, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm, TokenWish};
use slpsim_policy::Wall;
use slpsim_sim::{Class, DeviceId, DeviceSpec, InProcess, World};

const START: Wall = Wall::from_secs(1_767_225_600);
const MINUTE: u64 = 60_000;
const ACTIVE: &str = "PID:N9K-C9508,SN:FDO00000001";
const STANDBY: &str = "PID:N9K-C9508,SN:FDO00000002";

struct Pair {
    world: World<InProcess>,
    id: DeviceId,
    token: String,
    lines: Vec<String>,
}

fn udi(serial: &str) -> Udi {
    Udi::new("N9K-C9508", serial).unwrap()
}

impl Pair {
    fn new(transport: TransportMode) -> Self {
        let mut cssm = Cssm::new(Config::default()).unwrap();
        let token = cssm.make_token(START, &TokenWish::default()).unwrap().expose().to_owned();
        let mut world = World::new(START, 7, InProcess::to(cssm));
        world.shared.keep = Keep::SWITCH;
        let settings = Settings { transport, ..Settings::default() };
        let id = world.add(DeviceSpec::new("n9k-spine-01", udi("FDO00000001"), settings));
        let mut pair = Self { world, id, token, lines: Vec::new() };
        pair.with(|world, id, seen| world.boot(id, BootCause::First, seen));
        pair
    }

    fn with<R>(
        &mut self,
        act: impl FnOnce(&mut World<InProcess>, DeviceId, &mut dyn slpsim_sim::Observer) -> R,
    ) -> R {
        let lines = &mut self.lines;
        let mut seen = |_, _, _, message: &Message| lines.push(message.to_string());
        act(&mut self.world, self.id, &mut seen)
    }

    fn run(&mut self, minutes: u64) {
        let to = self.world.now_ms() + minutes * MINUTE;
        self.with(|world, _, seen| world.run_to(to, Class::Expect, seen));
    }

    fn exec(&mut self, line: &str) -> String {
        let (text, error) = self.with(|world, id, seen| world.exec(id, &[line.to_owned()], seen)).unwrap();
        assert!(!error, "{line}: {text}");
        text
    }

    fn trust(&mut self, scope: &str) {
        let line = format!("license smart trust idtoken {} {scope}", self.token);
        self.exec(&line);
    }

    fn trusted(&self) -> Vec<(String, bool)> {
        let view = self.world.view(self.id).unwrap();
        view.units().map(|(unit, trust)| (unit.udi.serial.to_string(), trust.is_some())).collect()
    }

    fn logged(&mut self, mnemonic: &str) -> Vec<String> {
        let lines = std::mem::take(&mut self.lines);
        lines.into_iter().filter(|line| line.contains(mnemonic)).collect()
    }
}

const INSTALLED: &str = "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: A new licensing trust code was successfully installed on P:N9K-C9508,S:";

/// Direct topology: trust synchronisation brings the code that is missing, and the report names both.
#[test]
fn a_standby_that_is_added_gets_its_trust_code_by_synchronisation() {
    let mut pair = Pair::new(TransportMode::Smart);
    pair.trust("local");
    pair.run(60);
    let reports = pair.world.link.cssm.store().reports().count();
    pair.logged("");
    pair.with(|world, id, seen| world.standby_added(id, udi("FDO00000002"), seen));
    pair.run(0);
    assert_eq!(pair.logged("TRUST_CODE"), [format!("{INSTALLED}FDO00000002.")]);
    assert_eq!(pair.trusted(), [("FDO00000001".into(), true), ("FDO00000002".into(), true)]);
    assert_eq!(pair.world.link.cssm.store().reports().count(), reports + 1, "a report at once");
    // One policy, on the active; it stands for both.
    let status = pair.exec("show license status");
    assert_eq!(status.matches("Policy name: Example Policy").count(), 1, "{status}");
    for line in [format!("  Active: {ACTIVE}"), format!("  Standby: {STANDBY}")] {
        assert!(status.contains(&line), "{line} in\n{status}");
    }
    assert_eq!(status.matches("INSTALLED on Jan 01 ").count(), 2, "{status}");
    for show in ["show license udi", "show license all", "show license tech support"] {
        let text = pair.exec(show);
        assert!(
            text.contains(&format!("Active:{ACTIVE}")) && text.contains(&format!("Standby:{STANDBY}")),
            "{show}"
        );
    }
    let technical = pair.exec("show license tech support");
    for unit in ["S:FDO00000001", "S:FDO00000002"] {
        assert!(
            technical.contains(&format!("{unit}, state[2], Trust Data INSTALLED")),
            "{unit} in\n{technical}"
        );
    }
    // The new active goes on with its own code.
    pair.with(|world, id, seen| world.switchover(id, seen));
    pair.run(10);
    assert_eq!(pair.logged("COMM_FAILED"), [""; 0]);
    assert!(pair.exec("show license udi").starts_with(&format!("UDI: {STANDBY}\n")));
    let detail = pair.exec("show license rum id all detail");
    assert_eq!(detail.matches("State: ACK,").count(), reports + 2, "{detail}");
    assert_eq!(detail.matches(&format!("UDI: {ACTIVE}")).count(), reports + 1, "{detail}");
    assert_eq!(
        detail.matches(&format!("UDI: {STANDBY}")).count(),
        2,
        "closed by the new active, and open: {detail}"
    );
}

/// What the server gave before does not count: the device has lost it (`spec/behaviour.md` §10, §11).
#[test]
fn a_standby_regains_its_trust_code_after_a_factory_reset_and_after_it_was_out() {
    let mut pair = Pair::new(TransportMode::Smart);
    pair.trust("local");
    pair.run(60);
    pair.with(|world, id, seen| world.standby_added(id, udi("FDO00000002"), seen));
    pair.run(60);
    pair.exec("license smart factory reset");
    pair.logged("");
    pair.trust("local");
    pair.run(60);
    let installed = ["FDO00000001", "FDO00000002"].map(|serial| format!("{INSTALLED}{serial}."));
    assert_eq!(pair.logged("TRUST_CODE"), installed);

    pair.with(|world, id, seen| world.standby_removed(id, seen));
    pair.run(60);
    pair.with(|world, id, seen| world.standby_added(id, udi("FDO00000002"), seen));
    pair.run(60);
    assert_eq!(pair.logged("TRUST_CODE"), installed[1..]);

    // Who has its code gets no other one, whichever of the two is active.
    for _ in 0..2 {
        pair.exec("license smart sync");
        pair.run(60);
        pair.with(|world, id, seen| world.switchover(id, seen));
        pair.run(60);
    }
    assert_eq!(pair.logged("TRUST_CODE"), [""; 0]);
    assert!(pair.trusted().iter().all(|(_, trusted)| *trusted));
}

/// CSLU topology: nothing more than the report is done.
#[test]
fn on_cslu_a_standby_that_is_added_only_causes_a_report() {
    let mut pair = Pair::new(TransportMode::Cslu);
    pair.run(60);
    let reports = pair.world.link.cssm.store().reports().count();
    pair.logged("");
    pair.with(|world, id, seen| world.standby_added(id, udi("FDO00000002"), seen));
    pair.run(0);
    assert_eq!(pair.world.link.cssm.store().reports().count(), reports + 1);
    assert_eq!(pair.trusted()[1], ("FDO00000002".into(), false));
    pair.with(|world, id, seen| world.standby_removed(id, seen));
    pair.run(0);
    assert_eq!(pair.world.link.cssm.store().reports().count(), reports + 2);
    assert_eq!(pair.trusted().len(), 1);
}

#[test]
fn with_all_two_trust_codes_come_at_once_the_active_one_first() {
    let mut pair = Pair::new(TransportMode::Smart);
    pair.with(|world, id, seen| world.standby_added(id, udi("FDO00000002"), seen));
    pair.trust("all");
    assert_eq!(
        {
            pair.run(0);
            pair.logged("INSTALL_SUCCESS")
        },
        [
            format!("{INSTALLED}FDO00000001."),
            format!("{INSTALLED}FDO00000002."),
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.".into(),
        ]
    );
    pair.run(5);
    let identity = pair.world.device(pair.id).unwrap().agent.sender().identity;
    pair.with(|world, id, seen| world.switchover(id, seen));
    assert_ne!(pair.world.device(pair.id).unwrap().agent.sender().identity, identity, "a code of its own");
}
