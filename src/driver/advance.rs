//! `slpsim advance`: a running daemon's clock moves, and everything due on the way happens in order.

use slpsim_policy::Mono;
use tokio::sync::{mpsc, oneshot};

use super::Order;
use crate::clock::Clock;

/// Why the clock could not be moved to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvanceError {
    /// A device ended meanwhile.
    #[error("a device ended while the clock was moved")]
    Ended,
}

/// Moves `clock` by `ms`. The clock stands while exchanges are open, so that an exchange takes no simulated time; of
/// events of one instant, those of the device with the lower number come first (`spec/behaviour.md` §7.5).
///
/// # Errors
/// Where a device ends meanwhile; the clock stays where it was then, and runs.
pub async fn advance(clock: &Clock, devices: &[mpsc::Sender<Order>], ms: u64) -> Result<(), AdvanceError> {
    clock.stop();
    let result = move_to(clock, devices, Mono(clock.mono().0.saturating_add(ms))).await;
    clock.resume();
    result
}

async fn move_to(clock: &Clock, devices: &[mpsc::Sender<Order>], target: Mono) -> Result<(), AdvanceError> {
    loop {
        let mut next = None;
        for device in devices {
            let at = settle(device).await?;
            next = match (next, at) {
                (Some(earliest), Some(at)) => Some(at.min(earliest)),
                (one, other) => one.or(other),
            };
        }
        match next {
            Some(at) if at <= target => clock.jump_to(at),
            Some(_) | None => {
                clock.jump_to(target);
                return Ok(());
            }
        }
    }
}

async fn settle(device: &mpsc::Sender<Order>) -> Result<Option<Mono>, AdvanceError> {
    let (answer, settled) = oneshot::channel();
    device.send(Order::Settle(answer)).await.map_err(|_| AdvanceError::Ended)?;
    Ok(settled.await.map_err(|_| AdvanceError::Ended)?.next)
}
