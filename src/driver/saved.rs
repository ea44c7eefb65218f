//! What a device has on its flash.

use serde::{Deserialize, Serialize};
use slpsim_agent::persist::{RestoreError, Saved};
use slpsim_agent::{Agent, Settings, Shared};

use super::DriverError;
use crate::store::{KeptAside, Store};

/// Format version of the blob in a device's store.
pub const BLOB_VERSION: u16 = 1;

/// The durable part of a device: the agent's licensing state, and what the switch around it keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedDevice {
    /// Licensing state.
    pub agent: Saved,
    /// Device time minus true simulated time, in milliseconds.
    pub clock_offset_ms: i64,
    /// Start-up configuration as console lines; `write erase` takes it away.
    #[serde(default)]
    pub startup_config: Option<String>,
    /// What the configuration file said ([`super::Factory::text`]).
    #[serde(default)]
    pub factory: String,
    /// Features that were on; those that are not when it starts again take their licences with them.
    #[serde(default)]
    pub features: Vec<String>,
    /// The device died before its first boot was over.
    #[serde(default)]
    pub first_boot: bool,
}

/// What a store held for a device.
#[derive(Debug)]
pub struct Restored {
    /// The device; none where it starts fresh.
    pub device: Option<SavedDevice>,
    /// Damaged files, under the names that they have now.
    pub kept_aside: Vec<KeptAside>,
}

/// Loads a device. Damage is reported, not an error: the device starts fresh then.
///
/// # Errors
/// Where the store cannot be read or is of a newer program.
pub fn restore(store: &mut dyn Store) -> Result<Restored, DriverError> {
    let loaded = store.load()?;
    for path in &loaded.torn {
        tracing::info!("{}: the last write was cut off; the one before it is used", path.display());
    }
    let mut kept_aside = loaded.kept_aside;
    let Some(blob) = loaded.blob else { return Ok(Restored { device: None, kept_aside }) };
    let unusable = match serde_json::from_slice::<SavedDevice>(&blob) {
        // A trial run: what the agent refuses now it would refuse at boot.
        Ok(saved) => match Agent::restore(saved.agent.clone(), Settings::default(), &mut Shared::default()) {
            Ok(_) => return Ok(Restored { device: Some(saved), kept_aside }),
            Err(error @ RestoreError::Newer { .. }) => return Err(DriverError::Restore(error)),
            Err(error @ (RestoreError::Udi(_) | RestoreError::License(_) | RestoreError::ReportOrder)) => {
                error.to_string()
            }
        },
        Err(error) => error.to_string(),
    };
    tracing::warn!("the saved state is not usable: {unusable}");
    kept_aside.extend(store.keep_aside("its contents do not fit together")?);
    Ok(Restored { device: None, kept_aside })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SlotStore;

    #[test]
    fn a_state_that_does_not_fit_together_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SlotStore::new(folder.path(), "switch", BLOB_VERSION);
        store.save(b"{\"agent\": 7}").unwrap();
        let restored = restore(&mut store).unwrap();
        assert_eq!(restored.device, None);
        assert!(restored.kept_aside[0].path.ends_with("switch.0.damaged-1"));
        assert!(restored.kept_aside[0].path.exists());
    }
}
