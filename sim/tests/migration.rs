//! A switch that comes from classic Smart Licensing (`spec/behaviour.md` §13, §15).
#![allow(clippy::unwrap_used, reason = "tests")]

use slpsim_agent::view::Renewals;
use slpsim_agent::{BootCause, Failure, Message, Purpose, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm, Role};
use slpsim_policy::Wall;
use slpsim_sim::{Class, DeviceId, DeviceSpec, InProcess, Observer, World};

const START: Wall = Wall::from_secs(1_767_225_600);
const MINUTE: u64 = 60_000;
const DAY: u64 = 1_440 * MINUTE;

/// Lines, and exchanges with their times.
#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    exchanges: Vec<(u64, Purpose)>,
}

impl Observer for Seen {
    fn line(&mut self, _: u64, _: DeviceId, _: Wall, message: &Message) {
        self.lines.push(message.to_string());
    }

    fn exchange(&mut self, at: u64, _: u64, _: DeviceId, purpose: Purpose, failed: Option<Failure>) {
        assert_eq!(failed, None);
        self.exchanges.push((at, purpose));
    }
}

impl Seen {
    fn renewals(&mut self) -> Vec<(u64, Purpose)> {
        let all = std::mem::take(&mut self.exchanges).into_iter();
        all.filter(|(_, purpose)| matches!(purpose, Purpose::AuthRenew | Purpose::IdRenew)).collect()
    }
}

fn world(config: Config, cause: BootCause) -> (World<InProcess>, DeviceId, Seen) {
    let mut world = World::new(START, 7, InProcess::to(Cssm::new(config).unwrap()));
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let settings = Settings { transport: TransportMode::Cslu, ..Settings::default() };
    let id = world.add(DeviceSpec::new("n9k-leaf-01", udi, settings));
    let mut seen = Seen::default();
    world.boot(id, cause, &mut seen);
    (world, id, seen)
}

fn on_prem(down_rev: bool) -> Config {
    Config { role: Role::OnPrem, down_rev, ..Config::default() }
}

/// The chapter's S-37a: the renewals run, until the On-Prem turns out to be down-rev.
#[test]
fn the_renewals_of_a_registered_device_end_when_its_on_prem_is_down_rev() {
    let (mut world, id, mut seen) = world(on_prem(false), BootCause::Upgraded { registered: true });
    world.run_to(40 * DAY, Class::Expect, &mut seen);
    let hour = 60 * MINUTE;
    let expected =
        [(hour, Purpose::AuthRenew), (hour, Purpose::IdRenew), (30 * DAY + hour, Purpose::AuthRenew)];
    assert_eq!(seen.renewals(), expected);
    // It is replaced by an older one.
    world.link = InProcess::to(Cssm::new(on_prem(true)).unwrap());
    world.run_to(61 * DAY, Class::Expect, &mut seen);
    assert_eq!(world.view(id).unwrap().renewals(), Renewals::Cancelled);
    let lines: Vec<_> = seen.lines.iter().filter(|line| line.contains("REPORTING_NOT_SUPPORTED")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("%LICMGR-4-LOG_SMART_LIC_REPORTING_NOT_SUPPORTED: The CSSM OnPrem"));
    let last = seen.renewals().len();
    assert!(last <= 1, "the one that found it out");
    // For good, also when a current one comes back.
    world.link = InProcess::to(Cssm::new(on_prem(false)).unwrap());
    world.run_to(400 * DAY, Class::Expect, &mut seen);
    assert_eq!(seen.renewals(), []);
}

#[test]
fn the_conversion_of_an_upgrade_is_over_within_an_hour_and_shown() {
    let (mut world, id, mut seen) = world(Config::default(), BootCause::Upgraded { registered: false });
    let show = |world: &mut World<InProcess>, seen: &mut Seen, minute: u64| {
        world.run_to(minute * MINUTE, Class::Expect, seen);
        world.exec(id, &["show license data conversion".into()], seen).unwrap().0
    };
    assert_eq!(
        show(&mut world, &mut seen, 1),
        "Status: started\nAutomatic Conversion Enabled: True\nLast Data Push: <none>\nLast File Export: <none>\n"
    );
    let text = show(&mut world, &mut seen, 60);
    assert_eq!(
        text,
        "Status: success\nCompleted: Jan 01 01:00:00 2026 UTC\nAutomatic Conversion Enabled: True\n\
         Last Data Push: Jan 01 00:02:00 2026 UTC\nLast File Export: <none>\n"
    );
    // It is known over a reload, and a device that was never upgraded has none.
    world.reload(id, &mut seen);
    assert!(show(&mut world, &mut seen, 60).starts_with("Status: success\n"));
    let (mut world, id, mut seen) = self::world(Config::default(), BootCause::First);
    let (text, _) = world.exec(id, &["show license data conversion".into()], &mut seen).unwrap();
    assert!(text.starts_with("Status: not-started\nAutomatic Conversion Enabled: False\n"), "{text}");
}
