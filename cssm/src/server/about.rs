//! What a mock was when it ran last, for the commands that work on its folder while it does not.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::pki::{self, PkiError};
use crate::config::Config;
use crate::peer::Role;

/// Its part of the folder.
const FILE: &str = "mock.json";

#[derive(Debug, Serialize, Deserialize)]
struct About {
    role: String,
    connected: bool,
    relay: bool,
    down_rev: bool,
    strict_clock: bool,
    verify: bool,
}

/// Writes down how a mock behaves that uses `dir` from now on.
pub(super) fn write(dir: &Path, config: &Config) -> Result<(), PkiError> {
    let about = About {
        role: config.role.word().into(),
        connected: config.connected,
        relay: config.relay,
        down_rev: config.down_rev,
        strict_clock: config.strict_clock,
        verify: config.verify,
    };
    let text = serde_json::to_string(&about).unwrap_or_default();
    pki::write_secret(Some(&dir.join(FILE)), &text)
}

/// How the mock behaved that used `dir` last; nothing in a folder that none has used.
pub(super) fn read(dir: &Path) -> Result<Option<Config>, PkiError> {
    let Some((path, text)) = pki::read(Some(&dir.join(FILE)))? else { return Ok(None) };
    let about: About = serde_json::from_str(&text).map_err(|error| pki::damaged(path.clone(), &error))?;
    let role = Role::by_word(&about.role)
        .ok_or_else(|| pki::damaged(path, &format!("no role is called {:?}", about.role)))?;
    let About { connected, relay, down_rev, strict_clock, verify, .. } = about;
    Ok(Some(Config { role, connected, relay, down_rev, strict_clock, verify, ..Config::default() }))
}
