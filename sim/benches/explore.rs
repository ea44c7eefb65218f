//! Device-years that exploration plays and checks in a second, on one core.
//!
//! `cargo bench -p slpsim-sim --bench explore`. The bare limit in the same run is a healthy device in a world without
//! faults and without checks, as in the bench `agent_years`.

use std::hint::black_box;
use std::time::Instant;

use slpsim_agent::input::Scope;
use slpsim_agent::{Agent, BootCause, Command, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm, Limits, TokenWish};
use slpsim_policy::Wall;
use slpsim_sim::explore::{Effort, Ground, Searched, search};
use slpsim_sim::{Class, DeviceSpec, InProcess, World};

const YEAR_MS: u64 = 365 * 86_400_000;
const START: Wall = Wall::from_secs(1_767_225_600);
const TARGET: f64 = 5_000.0;

fn main() {
    let bare = bare();
    println!("explore, one core, best of 3 runs");
    println!("{bare:.0} device-years a second of bare healthy devices");
    for (what, ground) in [
        ("random lives, seeds 0..4000", Ground::Seeds(0..4_000)),
        ("every sequence of up to 2 faults in the short life", Ground::Faults(2)),
    ] {
        let (searched, seconds) = best_of(&ground);
        let years = searched.lived_ms as f64 / YEAR_MS as f64;
        let rate = years / seconds;
        println!(
            "{rate:.0} device-years a second, {what} (target {TARGET}: {:.2} of it; {:.2} of bare)",
            rate / TARGET,
            rate / bare
        );
        println!(
            "  {} lives, {:.0} events a device-year, {:.2} us an event, digest {:016x}",
            searched.lives,
            searched.events as f64 / years,
            seconds * 1e6 / searched.events as f64,
            searched.digest
        );
    }
}

fn best_of(ground: &Ground) -> (Searched, f64) {
    let mut best = f64::MAX;
    let mut searched = Searched::default();
    for _ in 0..3 {
        let begin = Instant::now();
        searched = search::<Agent>(ground, Effort { jobs: 1, deadline: None }, &mut |_| {});
        best = best.min(begin.elapsed().as_secs_f64());
        assert!(searched.found.is_none(), "{:?}", searched.found);
    }
    (searched, best)
}

/// Device-years a second without faults and checks.
#[expect(clippy::unwrap_used, reason = "a bench stops where its own input is wrong")]
fn bare() -> f64 {
    let devices = 2_000_u32;
    let mut best = f64::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        let mut cssm = Cssm::new(Config { limits: Limits::fleet(), ..Config::default() }).unwrap();
        let token = cssm.make_token(START, &TokenWish::default()).unwrap();
        let mut world = World::new(START, 1, InProcess::to(cssm));
        let mut quiet = |_, _, _, message: &_| {
            black_box(message);
        };
        for n in 0..devices {
            let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
            let settings = Settings { transport: TransportMode::Smart, ..Settings::default() };
            let id = world.add(DeviceSpec::new(&format!("n9k-{n}"), udi, settings));
            world.boot(id, BootCause::First, &mut quiet);
            let token = token.clone();
            world
                .command(id, Command::Trust { token, scope: Scope::Local, force: false }, &mut quiet)
                .unwrap();
        }
        world.run_to(YEAR_MS, Class::Expect, &mut quiet);
        black_box(world.events());
        best = best.min(begin.elapsed().as_secs_f64());
    }
    f64::from(devices) / best
}
