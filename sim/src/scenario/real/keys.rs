//! Keys are slow to make, and a scenario is not about them: a process has a few, which its runs share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use slpsim_policy::Wall;
use slpsim_transport::sign::{DeviceKeys, KeyError, Signer};

/// How many different device keys there are.
const POOL: usize = 4;
/// How many licensing PKIs are kept: one for each time at which scenarios begin.
const SIGNERS: usize = 16;

static DEVICES: [OnceLock<Result<Arc<DeviceKeys>, KeyError>>; POOL] = [const { OnceLock::new() }; POOL];
static SIGNERS_MADE: Mutex<BTreeMap<Wall, Arc<Signer>>> = Mutex::new(BTreeMap::new());

/// The key of the device of that position.
pub(super) fn of_device(position: usize) -> Result<Arc<DeviceKeys>, KeyError> {
    let slot = DEVICES.get(position % POOL).ok_or(KeyError::Library)?;
    slot.get_or_init(|| DeviceKeys::generate().map(Arc::new)).clone()
}

/// A licensing PKI whose certificates are valid around `start`.
pub(super) fn signer(start: Wall) -> Result<Arc<Signer>, KeyError> {
    let mut made = SIGNERS_MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(signer) = made.get(&start) {
        return Ok(Arc::clone(signer));
    }
    if made.len() >= SIGNERS {
        made.clear();
    }
    let signer = Arc::new(Signer::generate(start)?);
    made.insert(start, Arc::clone(&signer));
    Ok(signer)
}
