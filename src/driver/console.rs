//! One console session on a driven device.

use std::sync::Arc;
use std::time::Duration;

use slpsim_console::session::LineKind;
use slpsim_console::{Mode, Role, Session};
use slpsim_sim::Operated;
use slpsim_sim::operate::run_line;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

use super::host::ask;
use super::monitor::LogLine;
use super::{Device, DriverError, Order};
use crate::control::console::{Reply, Shown, Typed, Wire, Wish};

/// Serves a console until one of its ends is closed: what is typed is done on the device between two of its steps.
pub(crate) async fn serve(orders: mpsc::Sender<Order>, wish: &Wish, mut wire: Wire) {
    let mut session = at_console(wish);
    let opened = ask(&orders, |device| {
        let hostname = device.switch().0.config.hostname.clone();
        Ok((hostname, device.listen()))
    });
    let (hostname, mut log) = match opened.await {
        Ok(opened) => opened,
        Err(why) => {
            // The client may have gone.
            let _ = wire.shown.send(Shown::Refused { why }).await;
            return;
        }
    };
    let first = Reply { prompt: session.prompt(&hostname), ..reply_of(&session) };
    if wire.shown.send(Shown::Reply(first)).await.is_err() {
        return;
    }
    loop {
        let typed = tokio::select! {
            line = log.recv() => {
                if !hear(&session, line, &wire.shown) {
                    return;
                }
                continue;
            }
            typed = typed_within(&mut wire.typed, idle_limit(&session)) => typed,
        };
        let Some(typed) = typed else { return };
        let done = ask(&orders, move |device| do_typed(device, session, typed));
        let shown = match done.await {
            Ok((after, shown)) => {
                session = after;
                shown
            }
            Err(why) => {
                let _ = wire.shown.send(Shown::Refused { why }).await;
                return;
            }
        };
        let over = matches!(&shown, Shown::Reply(Reply { closed: true, .. }));
        if wire.shown.send(shown).await.is_err() || over {
            return;
        }
    }
}

/// Passes a log line on, where the session hears it; whether the device is still there. A terminal that does not read
/// loses lines instead of holding up the session.
fn hear(
    session: &Session,
    line: Result<Arc<LogLine>, broadcast::error::RecvError>,
    shown: &mpsc::Sender<Shown>,
) -> bool {
    match line {
        Ok(line) => {
            if session.hears(line.severity, &line.logging) {
                let _ = shown.try_send(Shown::Log(line.text.clone()));
            }
            true
        }
        Err(broadcast::error::RecvError::Lagged(_)) => true,
        Err(broadcast::error::RecvError::Closed) => false,
    }
}

/// What is typed next; nothing where the client has gone, or has been idle for too long.
async fn typed_within(typed: &mut mpsc::Receiver<Typed>, limit: Option<Duration>) -> Option<Typed> {
    match limit {
        Some(limit) => timeout(limit, typed.recv()).await.ok().flatten(),
        None => typed.recv().await,
    }
}

fn idle_limit(session: &Session) -> Option<Duration> {
    let minutes = u64::from(session.terminal.timeout_min);
    (minutes > 0).then(|| Duration::from_secs(minutes * 60))
}

/// The session of the administrator at the console line. Its lines are typed behind a prompt.
fn at_console(wish: &Wish) -> Session {
    let mut session = Session::new(Role::Admin);
    (session.line, session.echo) = (LineKind::Console, true);
    (session.terminal.length, session.terminal.width) = (wish.length, wish.width);
    // The console of the machine that one sits at is not closed by itself; `terminal session-timeout` sets a limit.
    session.terminal.timeout_min = 0;
    session
}

fn do_typed(
    device: &mut Device,
    mut session: Session,
    typed: Typed,
) -> Result<(Session, Shown), DriverError> {
    let shown = match typed {
        Typed::Line(line) => {
            let answer = run_line(device, &mut session, &line)?;
            let (mut prompt, mut closed) = (answer.prompt, answer.closed);
            if answer.reloads {
                // At the console, the switch comes up again and asks for the next command.
                (session.mode, closed) = (Mode::Exec, false);
                prompt = session.prompt(&device.switch().0.config.hostname);
            }
            let (text, error, unpaged) = (answer.text, answer.error, answer.unpaged);
            Shown::Reply(Reply { text, error, closed, unpaged, prompt, ..reply_of(&session) })
        }
        Typed::Help(before) => {
            let (switch, agent, ..) = device.switch();
            let hostname = &switch.config.hostname;
            let answer = session.help_at(agent.profile(), hostname, &before);
            let prompt = session.prompt(hostname);
            Shown::Reply(Reply { text: answer.text, error: answer.error, prompt, ..reply_of(&session) })
        }
        Typed::Complete(before) => {
            let found = session.completion(device.switch().1.profile(), &before);
            let words = found.words.into_iter().map(String::from).collect();
            Shown::Completion { insert: found.insert, words }
        }
    };
    Ok((session, shown))
}

fn reply_of(session: &Session) -> Reply {
    let terminal = &session.terminal;
    Reply { length: terminal.length, width: terminal.width, ..Reply::default() }
}
