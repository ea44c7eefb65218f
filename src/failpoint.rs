//! Places at which a test lets the process die, as a loss of power would (`SLPSIM_FAILPOINT`).
//!
//! Only a build with the feature `failpoints` has them; any other build has empty functions here.

use slpsim_cssm::server::{Boundary, Watch};

/// A boundary between what is durable and what has left the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A save of a device's state.
    Persist,
    /// A request on its way to the peer.
    Send,
    /// A transaction of the mock's store: before it everything is written, after it nobody has been told.
    Commit,
}

/// On which side of the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Just before it.
    Before,
    /// Just after it.
    After,
}

/// What a driver calls at each boundary; tests give one that stops the driver there.
pub trait Faults: Send + Sync {
    /// The boundary `point` is about to be crossed, or has been.
    ///
    /// # Errors
    /// Where the driver must stop as if the power had gone.
    fn at(&self, point: Point, side: Side) -> Result<(), Stopped>;
}

/// The driver has to stop where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at a failpoint")]
pub struct Stopped;

/// The failpoints of this build: none without the feature, else the one named in `SLPSIM_FAILPOINT`.
#[derive(Debug, Default)]
pub struct Process {
    #[cfg(feature = "failpoints")]
    counts: std::sync::Mutex<[u64; 6]>,
}

impl Watch for Process {
    fn at(&self, boundary: Boundary) {
        let side = match boundary {
            Boundary::Written => Side::Before,
            Boundary::Durable => Side::After,
        };
        // Nothing stops a store but the end of the process.
        let _ = Faults::at(self, Point::Commit, side);
    }
}

#[cfg(not(feature = "failpoints"))]
impl Faults for Process {
    fn at(&self, _point: Point, _side: Side) -> Result<(), Stopped> {
        Ok(())
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use super::{Faults, Point, Process, Side, Stopped};

    impl Faults for Process {
        /// Kills the process at the boundary of `SLPSIM_FAILPOINT=persist|send|commit:N:before|after`, the N-th from 1.
        fn at(&self, point: Point, side: Side) -> Result<(), Stopped> {
            let Ok(wanted) = std::env::var("SLPSIM_FAILPOINT") else { return Ok(()) };
            let (at, point) = match point {
                Point::Persist => (0, "persist"),
                Point::Send => (2, "send"),
                Point::Commit => (4, "commit"),
            };
            let (at, side) = match side {
                Side::Before => (at, "before"),
                Side::After => (at + 1, "after"),
            };
            let mut counts = self.counts.lock().map_err(|_| Stopped)?;
            let Some(count) = counts.get_mut(at) else { return Ok(()) };
            *count += 1;
            if wanted == format!("{point}:{count}:{side}") {
                // SIGKILL to oneself: no destructor runs, nothing is flushed.
                let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
                return Err(Stopped);
            }
            Ok(())
        }
    }
}
