//! The mock, embedded or on its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use slpsim_agent::Account as Names;
use slpsim_config as config;
use slpsim_cssm::server::web::{Doorman, Switches};
use slpsim_cssm::server::{Running, Server, ServerConfig, StartError, StoreChoice, Upstream};
use slpsim_cssm::{AccountConfig, AckMode, Limits, Role};
use slpsim_network::World;

use super::pages::Pages;
use crate::access::Users;
use crate::clock::Clock;
use crate::error::{BlameUser, user_error};
use crate::failpoint;
use crate::ready::Urls;

impl slpsim_cssm::server::Clock for Clock {
    fn now(&self) -> slpsim_policy::Wall {
        self.wall()
    }
}

/// Starts the mock of a configuration; keys, certificates and records are kept in `folder`.
pub(super) async fn start(
    mock: &config::Mock,
    seed: Option<u64>,
    allow_remote: bool,
    folder: PathBuf,
    clock: &Clock,
    (users, pages): (&Arc<Users>, Option<Arc<Pages>>),
) -> Result<Running> {
    if mock.always_log_in && users.is_empty() {
        return Err(user_error(
            "the pages of the mock want a log-in and nobody has one: add a [[user]] with a password to the configuration, or leave always-log-in out",
        ));
    }
    let upstream = match &mock.upstream {
        None => None,
        Some(url) => {
            let read = |path: &PathBuf| {
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
            };
            let ca_pem = mock.upstream_ca.as_ref().map(read).transpose().blame_user()?;
            Some(Upstream { url: url.clone(), ca_pem })
        }
    };
    // Its time is kept there; whoever works on the store while the mock does not run needs it.
    let state = folder.parent().and_then(|state| std::path::absolute(state).ok());
    let store = store(mock, folder)?;
    let settings = ServerConfig {
        mock: rules(mock),
        seed,
        upstream,
        listen: mock.listen,
        listen_plain: mock.listen_plain,
        listen_manage: mock.listen_manage,
        allow_remote,
        manage_open: mock.manage_open,
        always_log_in: mock.always_log_in,
        store: Some(store),
        state,
        watch: Some(Arc::new(failpoint::Process::default())),
        doorman: (!users.is_empty()).then(|| Arc::clone(users) as Arc<dyn Doorman>),
        switches: pages.map(|pages| pages as Arc<dyn Switches>),
        ..ServerConfig::default()
    };
    let started = Server::start(settings, Arc::new(clock.clone())).await;
    if let Ok(running) = &started {
        let urls = &running.urls;
        tracing::info!(smart = %urls.smart, cslu = %urls.cslu, manage = %urls.manage, "the mock serves");
        tracing::info!("pages of the mock: {}", urls.web);
    }
    match started {
        Err(StartError::Remote(address)) => Err(user_error(format!(
            "{address} is not a loopback address: the mock serves other machines only with --allow-external"
        ))),
        // Whoever waits, or makes room, can start it again with the same words.
        Err(StartError::Store(error)) if !error.is_users() => Err(error.into()),
        started => started.blame_user(),
    }
}

fn store(mock: &config::Mock, folder: PathBuf) -> Result<StoreChoice> {
    let Some(place) = &mock.store else { return Ok(StoreChoice::Folder(folder)) };
    let choice: StoreChoice = place.text.expose().parse().context("store").blame_user()?;
    Ok(choice.relative_to(&place.base))
}

fn rules(mock: &config::Mock) -> slpsim_cssm::Config {
    let role = match mock.role {
        config::MockRole::Cssm => Role::Cssm,
        config::MockRole::Cslu => Role::Cslu,
        config::MockRole::OnPrem => Role::OnPrem,
    };
    let mut rules = slpsim_cssm::Config {
        role,
        connected: role == Role::Cssm,
        down_rev: mock.down_rev,
        strict_clock: mock.strict_clock,
        verify: mock.verify == config::Verify::Root,
        capabilities: mock.capabilities.clone(),
        ack_mode: match mock.acks {
            config::AckMode::AtOnce => AckMode::AtOnce,
            config::AckMode::Delay(delay) => {
                AckMode::Delay(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))
            }
            config::AckMode::Manual => AckMode::Manual,
        },
        limits: limits(&mock.keep),
        ..slpsim_cssm::Config::default()
    };
    if !mock.accounts.is_empty() {
        let account = |account: &config::Account| AccountConfig {
            names: Names { smart: account.smart.clone(), r#virtual: account.r#virtual.clone() },
            policy: account.policy.clone(),
        };
        rules.accounts = mock.accounts.iter().map(account).collect();
    }
    rules
}

fn limits(keep: &config::Keep) -> Limits {
    let own = Limits::default();
    Limits {
        reports: keep.reports.unwrap_or(own.reports),
        report_age_ms: keep.reports_for.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        events: keep.events.unwrap_or(own.events),
        exchanges: keep.requests.unwrap_or(own.exchanges),
        ..own
    }
}

/// Lets the documented names lead to the mock, unless the configuration says where they lead (`interface.md` §1).
pub(super) fn map_names(world: &mut World, mock: &Running) {
    let (https, plain) = mock.addresses;
    for (host, port, to) in [
        ("smartreceiver.cisco.com", 443, https),
        ("tools.cisco.com", 443, https),
        (slpsim_network::CSLU_LOCAL, slpsim_agent::numbers::CSLU_PORT, plain),
    ] {
        if world.route(host, port).is_none() && world.lookup(host).is_none() {
            world.add_route(host, port, to);
        }
    }
}

/// The mock's part of a ready file.
pub(super) fn urls(mock: &Running) -> Urls {
    Urls {
        smart: Some(mock.urls.smart.clone()),
        callhome: Some(mock.urls.callhome.clone()),
        cslu: Some(mock.urls.cslu.clone()),
        rest: Some(mock.urls.rest.clone()),
        manage: Some(mock.urls.manage.clone()),
        web: Some(mock.urls.web.clone()),
        metrics: Some(mock.urls.metrics.clone()),
        ..Urls::default()
    }
}
