//! Agent-years of a healthy product instance in simulated time, on one core.
//!
//! `cargo bench -p slpsim-sim --bench agent_years`. The bare limit in the same run is the agent's own work: the same
//! number of `handle` calls on an agent whose peer is a constant, without engine, messages or CSSM rules.

use std::hint::black_box;
use std::time::Instant;

use slpsim_agent::input::Scope;
use slpsim_agent::{BootCause, Command, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm, Limits};
use slpsim_policy::Wall;
use slpsim_sim::{Class, DeviceSpec, InProcess, World};

const YEAR_MS: u64 = 365 * 86_400_000;
const START: Wall = Wall::from_secs(1_767_225_600);

fn main() {
    let devices = 2_000;
    let mut best = f64::MAX;
    let mut events = 0;
    for _ in 0..5 {
        let begin = Instant::now();
        let mut world = world(devices);
        world.run_to(YEAR_MS, Class::Expect, &mut |_, _, _, message: &_| {
            black_box(message);
        });
        events = world.events();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    let per_minute = f64::from(devices) / best * 60.0;
    println!("healthy agents, smart transport, in process, best of 5 runs on one core");
    println!("{per_minute:.0} agent-years a minute (target 600000: {:.2} of it)", per_minute / 600_000.0);
    println!(
        "{:.1} us an agent-year, {:.1} events in it, {:.2} us an event",
        best * 1e6 / f64::from(devices),
        events as f64 / f64::from(devices),
        best * 1e6 / events as f64
    );
}

#[expect(clippy::unwrap_used, reason = "a bench stops where its own input is wrong")]
fn world(devices: u32) -> World<InProcess> {
    let mut cssm = Cssm::new(Config { limits: Limits::fleet(), ..Config::default() }).unwrap();
    let wish = slpsim_cssm::TokenWish::default();
    let text = cssm.make_token(START, &wish).unwrap();
    let mut world = World::new(START, 1, InProcess::to(cssm));
    for n in 0..devices {
        let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
        let settings = Settings { transport: TransportMode::Smart, ..Settings::default() };
        let id = world.add(DeviceSpec::new(&format!("n9k-{n}"), udi, settings));
        let mut quiet = |_, _, _, _: &_| {};
        world.boot(id, BootCause::First, &mut quiet);
        let token = text.clone();
        world.command(id, Command::Trust { token, scope: Scope::Local, force: false }, &mut quiet).unwrap();
    }
    world
}
