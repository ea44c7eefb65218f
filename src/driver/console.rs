//! One console session on a driven device.

use std::sync::Arc;
use std::time::Duration;

use slpsim_console::session::LineKind;
use slpsim_console::{Mode, Role, Session};
use slpsim_sim::Operated;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use super::host::ask;
use super::monitor::LogLine;
use super::{Device, Order, names};
use crate::control::console::{Reply, Shown, Typed, Wire, Wish};

/// Serves a console until one of its ends is closed: what is typed is done on the device between two of its steps.
pub(crate) async fn serve(orders: mpsc::Sender<Order>, wish: &Wish, mut wire: Wire) {
    let mut session = at_console(wish);
    let opened = ask(&orders, |device| {
        let config = &device.switch().0.config;
        let (hostname, limit) = (config.hostname.clone(), config.lines.console_timeout_min);
        Ok((hostname, limit, device.listen()))
    });
    let (hostname, mut exec_timeout, mut log) = match opened.await {
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
    session.terminal.timeout_min = exec_timeout.unwrap_or(NO_LIMIT);
    let mut since = Instant::now();
    loop {
        let typed = tokio::select! {
            line = log.recv() => {
                if !hear(&session, line, &wire.shown) {
                    return;
                }
                continue;
            }
            typed = wire.typed.recv() => typed,
            () = idle(since, &session) => return dismiss(&session, &wire.shown).await,
        };
        let Some(typed) = typed else { return };
        let shown = match do_typed(&orders, session, typed).await {
            Ok((after, shown)) => {
                session = after;
                shown
            }
            Err(why) => {
                let _ = wire.shown.send(Shown::Refused { why }).await;
                return;
            }
        };
        // What is configured in one session counts in all; `terminal session-timeout` is of one.
        let now = ask(&orders, |device| Ok(device.switch().0.config.lines.console_timeout_min)).await;
        if let Ok(now) = now
            && now != exec_timeout
        {
            exec_timeout = now;
            session.terminal.timeout_min = now.unwrap_or(NO_LIMIT);
        }
        since = Instant::now();
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

/// The console of the machine that one sits at is not closed by itself: `exec-timeout` of `line console`, or `terminal
/// session-timeout`, sets a limit. A real switch begins with a limit of its own (modelled).
const NO_LIMIT: u32 = 0;

/// Ends when the session has been without input for too long, in real time, whatever the log says meanwhile.
async fn idle(since: Instant, session: &Session) {
    match u64::from(session.terminal.timeout_min) {
        0 => std::future::pending().await,
        minutes => sleep_until(since + Duration::from_secs(minutes * 60)).await,
    }
}

/// Tells whoever comes back to the terminal why it is over.
async fn dismiss(session: &Session, shown: &mpsc::Sender<Shown>) {
    let minutes = session.terminal.timeout_min;
    let why = format!("the session is over: nothing was typed for {minutes} min (exec-timeout)");
    // The client may have gone.
    let _ = shown.send(Shown::Log(why.clone())).await;
    let _ = shown.send(Shown::Refused { why }).await;
}

/// The session of the administrator at the console line. Its lines are typed behind a prompt.
fn at_console(wish: &Wish) -> Session {
    let mut session = Session::new(Role::Admin);
    (session.line, session.echo) = (LineKind::Console, true);
    (session.terminal.length, session.terminal.width) = (wish.length, wish.width);
    session
}

async fn do_typed(
    orders: &mpsc::Sender<Order>,
    session: Session,
    typed: Typed,
) -> Result<(Session, Shown), String> {
    match typed {
        Typed::Line(line) => {
            let (session, answer) = names::line(orders, session, &line).await?;
            ask(orders, move |device| Ok(shown_of(device, session, answer))).await
        }
        Typed::Help(before) => {
            let help = move |device: &mut Device| {
                let (switch, agent, ..) = device.switch();
                let hostname = &switch.config.hostname;
                let answer = session.help_at(agent.profile(), hostname, &before);
                let prompt = session.prompt(hostname);
                let (text, error) = (answer.text, answer.error);
                let shown = Shown::Reply(Reply { text, error, prompt, ..reply_of(&session) });
                Ok((session, shown))
            };
            ask(orders, help).await
        }
        Typed::Complete(before) => {
            let complete = move |device: &mut Device| {
                let found = session.completion(device.switch().1.profile(), &before);
                let words = found.words.into_iter().map(String::from).collect();
                Ok((session, Shown::Completion { insert: found.insert, words }))
            };
            ask(orders, complete).await
        }
    }
}

fn shown_of(device: &mut Device, mut session: Session, answer: slpsim_console::Reply) -> (Session, Shown) {
    let (mut prompt, mut closed) = (answer.prompt, answer.closed);
    if answer.reloads {
        // At the console, the switch comes up again and asks for the next command.
        (session.mode, closed) = (Mode::Exec, false);
        prompt = session.prompt(&device.switch().0.config.hostname);
    }
    let (text, error, unpaged) = (answer.text, answer.error, answer.unpaged);
    let shown = Shown::Reply(Reply { text, error, closed, unpaged, prompt, ..reply_of(&session) });
    (session, shown)
}

fn reply_of(session: &Session) -> Reply {
    let terminal = &session.terminal;
    Reply { length: terminal.length, width: terminal.width, ..Reply::default() }
}
