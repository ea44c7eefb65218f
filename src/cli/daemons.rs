//! `slpsim run` and `slpsim cssm`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use slpsim_config::{Config, Mock};
use slpsim_cssm::server::StoreChoice;

use super::options::{chosen, replace};
use super::{CssmArgs, MockRole, RunArgs};
use crate::access::spread;
use crate::daemon::{self, RunPlan};
use crate::error::{BlameUser, user_error};

/// What `run` does without a file (`interface.md` §1).
pub(super) const RUN_WITHOUT_FILE: &str = "[device]\ntransport = \"smart\"\n[mock]\n";
/// What `cssm` does without a file.
const CSSM_WITHOUT_FILE: &str = "[mock]\n";

pub(super) fn run(args: RunArgs) -> Result<ExitCode> {
    let config = configure(&args)?;
    let file = args.world.config.clone();
    let reread = Box::new(move || configure(&args));
    block_on(daemon::run(RunPlan { config, file, reread, ready: None }))
}

fn configure(args: &RunArgs) -> Result<Config> {
    let mut config = args.world.load(RUN_WITHOUT_FILE)?;
    replace(&mut config.control, &args.control);
    replace(&mut config.health, &args.health);
    replace(&mut config.metrics, &args.metrics);
    args.log.apply(&mut config);
    listen(args, &mut config)?;
    match &mut config.mock {
        Some(mock) => args.mock.apply(mock),
        None if args.mock.is_given() => {
            return Err(user_error("options of the mock, but the configuration file has no [mock]"));
        }
        None => {}
    }
    config.mock.as_ref().map_or(Ok(()), check_store)?;
    Ok(config)
}

/// Lays the addresses of SSH and NX-API over those of the devices.
fn listen(args: &RunArgs, config: &mut Config) -> Result<()> {
    let spread = |option: Option<_>| option.map(|address| spread(address, config.devices.len())).transpose();
    let (ssh, nxapi, https) = (spread(args.ssh)?, spread(args.nxapi)?, spread(args.nxapi_https)?);
    for (number, device) in config.devices.iter_mut().enumerate() {
        let of = |all: &Option<Vec<_>>| all.as_ref().and_then(|all| all.get(number).copied());
        device.ssh = of(&ssh).or(device.ssh);
        device.nxapi = of(&nxapi).or(device.nxapi);
        device.nxapi_https = of(&https).or(device.nxapi_https);
    }
    Ok(())
}

pub(super) fn cssm(args: CssmArgs) -> Result<ExitCode> {
    let config = args.world.load(CSSM_WITHOUT_FILE)?;
    let mut mock = match config.mock.clone() {
        Some(mock) => mock,
        None => default_mock()?,
    };
    args.mock.apply(&mut mock);
    mock.role = match args.role {
        None => mock.role,
        Some(MockRole::Cssm) => slpsim_config::MockRole::Cssm,
        Some(MockRole::Cslu) => slpsim_config::MockRole::Cslu,
        Some(MockRole::OnPrem) => slpsim_config::MockRole::OnPrem,
    };
    replace(&mut mock.upstream, &args.upstream);
    replace(&mut mock.upstream_ca, &args.upstream_ca);
    mock.down_rev |= args.down_rev;
    check(&mock)?;
    block_on(daemon::cssm::serve(config, mock, args.world.config))
}

/// What options together with a file can get wrong; a file alone has been checked.
fn check(mock: &Mock) -> Result<()> {
    use slpsim_config::MockRole::{Cssm, OnPrem};
    if mock.down_rev && mock.role != OnPrem {
        return Err(user_error(
            "a down-rev peer is an On-Prem of before usage policies: --down-rev is for --role on-prem only",
        ));
    }
    if mock.upstream.is_some() && mock.role == Cssm {
        return Err(user_error("a CSSM has nothing above it: --upstream is for --role cslu or on-prem"));
    }
    if mock.upstream_ca.is_some() && mock.upstream.is_none() {
        return Err(user_error("--upstream-ca needs an --upstream"));
    }
    check_store(mock)
}

fn check_store(mock: &Mock) -> Result<()> {
    let Some(place) = &mock.store else { return Ok(()) };
    let choice = chosen(place).context("--store").blame_user()?;
    if mock.upstream.is_some() && matches!(choice, StoreChoice::Postgres(_)) {
        return Err(user_error(
            "a mock with --upstream has its records for itself: give it --store sqlite:FILE, not PostgreSQL",
        ));
    }
    Ok(())
}

/// The mock of a file without `[mock]`.
fn default_mock() -> Result<Mock> {
    let built_in = slpsim_config::parse(
        CSSM_WITHOUT_FILE,
        "built-in defaults",
        std::path::Path::new(""),
        &slpsim_config::Overrides::default(),
        &super::options::CHECKS,
    )?;
    built_in.mock.context("the built-in defaults have no mock")
}

/// A runtime for daemons.
fn block_on(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    // The mock signs on these threads, so there is one for each core; two at least, so that one keeps time and answers while
    // the other waits for a disk.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let done = runtime.block_on(work);
    // What still runs is of no interest: everything that matters has ended. A drop would wait for it.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}
