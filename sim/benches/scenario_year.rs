//! A scenario of one healthy device and one year, played from its parsed form.
//!
//! `cargo bench -p slpsim-sim --bench scenario_year`. The bare limit in the same run is the world of that device without
//! a scenario around it: no trace, no durable states kept, no judgement.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use slpsim_agent::{BootCause, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm, TokenWish};
use slpsim_policy::Wall;
use slpsim_sim::scenario::{Options, parse, run};
use slpsim_sim::{Class, DeviceSpec, InProcess, World};

const YEAR_MS: u64 = 365 * 86_400_000;
const START: Wall = Wall::from_secs(1_767_225_600);
const RUNS: u32 = 2_000;
const FILE: &str = "name = \"a year\"\nuntil = \"365d\"\n[device]\ntransport = \"smart\"\n\
    [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token} local\"\n\
    [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = 0\n";

#[expect(clippy::unwrap_used, reason = "a bench stops where its own input is wrong")]
fn main() {
    let scenarios = parse(FILE, "bench.toml", Path::new("")).unwrap();
    let whole = best_of(|| {
        let outcome = run(&scenarios[0], &Options::default()).unwrap();
        assert!(outcome.passed());
        black_box(outcome);
    });
    let bare = best_of(|| {
        let mut cssm = Cssm::new(Config::default()).unwrap();
        let token = cssm.make_token(START, &TokenWish::default()).unwrap();
        let mut world = World::new(START, 1, InProcess::to(cssm));
        let settings = Settings { transport: TransportMode::Smart, ..Settings::default() };
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let id = world.add(DeviceSpec::new("switch", udi, settings));
        let mut quiet = |_, _, _, message: &_| {
            black_box(message);
        };
        world.boot(id, BootCause::First, &mut quiet);
        world.run_to(10_000, Class::Event, &mut quiet);
        let line = format!("license smart trust idtoken {} local", token.expose());
        black_box(world.exec(id, &[line], &mut quiet));
        world.run_to(YEAR_MS, Class::Expect, &mut quiet);
        black_box(world.events());
    });
    println!(
        "one healthy device, one year, smart transport, in process, best of 5 rounds of {RUNS} on one core"
    );
    println!("{:.3} ms a scenario (target 0.5 ms)", whole * 1e3);
    println!("{:.3} ms its bare world: {:.2} of the scenario", bare * 1e3, bare / whole);
}

/// Seconds of one call.
fn best_of(mut call: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..RUNS {
            call();
        }
        best = best.min(begin.elapsed().as_secs_f64() / f64::from(RUNS));
    }
    best
}
