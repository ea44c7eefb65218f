//! A channel from its opening to its end: a shell, or commands without one.

use std::sync::Arc;

use russh::Channel;
use russh::server::Msg;

use super::shell;
use super::wire::{Wanted, Wire, WireError};
use crate::access::operator::Operator;
use crate::access::users::Account;
use crate::access::{Limits, Target};

/// Serves a channel of `account`.
pub(super) async fn serve(
    channel: Channel<Msg>,
    target: &Target,
    account: &Account,
    limits: &Arc<Limits>,
) -> Result<(), WireError> {
    let mut wire = Wire::new(channel, limits);
    let mut operator = Operator::new(target.orders.clone(), account);
    let served = match wire.wanted().await {
        Ok((Wanted::Exec(command), pty)) => {
            exec(&mut wire, &mut operator, &command, limits, pty.is_some()).await
        }
        Ok((Wanted::Shell, Some(size))) => shell::with_terminal(&mut wire, &mut operator, size, limits).await,
        Ok((Wanted::Shell, None)) => shell::without_terminal(&mut wire, &mut operator, limits).await,
        Err(error) => Err(error),
    };
    match served {
        Ok(status) => wire.end(status).await,
        Err(WireError::Closed) => Ok(()),
        Err(error @ WireError::Deaf) => Err(error),
        Err(error @ (WireError::TypedAhead | WireError::Silent | WireError::Gone(_))) => {
            tracing::debug!(device = &*target.name, user = account.name, "SSH: {error}");
            wire.end(1).await
        }
    }
}

/// `ssh HOST "COMMANDS"`: the commands in one session, their output, and 1 where one was answered with an error
/// (`spec/console.md` §1).
async fn exec(
    wire: &mut Wire,
    operator: &mut Operator,
    command: &[u8],
    limits: &Limits,
    terminal: bool,
) -> Result<u32, WireError> {
    let settings = &mut operator.session().terminal;
    (settings.length, settings.dont_ask) = (0, true);
    let text = String::from_utf8_lossy(command);
    if slpsim_console::commands(&text).nth(limits.commands).is_some() {
        let refusal = format!("% At most {} commands at once\n", limits.commands);
        wire.put(&shell::ends(&refusal, terminal)).await?;
        return Ok(1);
    }
    let mut status = 0;
    for line in slpsim_console::commands(&text) {
        let reply = wire.during(operator.line(line.to_owned())).await??;
        wire.put(&shell::ends(&reply.text, terminal)).await?;
        status |= u32::from(reply.error);
        if reply.closed || wire.was_interrupted() {
            break;
        }
    }
    Ok(status)
}
