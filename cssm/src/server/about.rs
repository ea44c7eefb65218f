//! What a mock was when it ran last, for the commands that work on its store while it does not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::store::{StoreError, Vault};
use super::{StartError, pki};
use crate::config::Config;
use crate::peer::Role;

/// Its part of the store.
const FILE: &str = "mock.json";

#[derive(Debug, Serialize, Deserialize)]
struct About {
    role: String,
    connected: bool,
    relay: bool,
    down_rev: bool,
    strict_clock: bool,
    verify: bool,
    /// Where its daemon keeps the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// Writes down how a mock behaves that uses a store from now on.
pub(super) fn write(vault: &mut dyn Vault, config: &Config, state: Option<&Path>) -> Result<(), StoreError> {
    let about = About {
        role: config.role.word().into(),
        connected: config.connected,
        relay: config.relay,
        down_rev: config.down_rev,
        strict_clock: config.strict_clock,
        verify: config.verify,
        // One that is no UTF-8 is not found again: then the mock lives by the host's clock.
        state: state.and_then(Path::to_str).map(Into::into),
    };
    vault.write(FILE, &serde_json::to_string(&about).unwrap_or_default())
}

/// Has `config` behave as the mock did that used the store last, and gives its role and the folder of its
/// daemon; nothing where none has.
pub(super) fn restore(
    vault: &mut dyn Vault,
    config: &mut Config,
) -> Result<Option<(Role, Option<PathBuf>)>, StartError> {
    let Some(text) = vault.read(FILE)? else { return Ok(None) };
    let damaged = |detail: &dyn std::fmt::Display| pki::damaged(vault.place(FILE).into(), detail);
    let about: About = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    let role =
        Role::by_word(&about.role).ok_or_else(|| damaged(&format!("no role is called {:?}", about.role)))?;
    let About { connected, relay, down_rev, strict_clock, verify, state, role: _ } = about;
    (config.role, config.connected, config.relay) = (role, connected, relay);
    (config.down_rev, config.strict_clock, config.verify) = (down_rev, strict_clock, verify);
    Ok(Some((role, state.map(Into::into))))
}
