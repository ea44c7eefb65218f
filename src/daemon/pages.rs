//! What the mock's pages need of the daemon around it: its switches, and its users.

use std::sync::{Arc, OnceLock};

use slpsim_agent::output::Event;
use slpsim_agent::view::TrustState;
use slpsim_agent::{Timer, View};
use slpsim_console::Role;
use slpsim_console::history::event_text;
use slpsim_cssm::server::web::{
    BoxFuture, Condition, Doorman, Happened, HappenedKind, Printed, Switches, Terminal, Visitor, time_words,
};
use slpsim_policy::PushInterval;
use tokio::sync::mpsc;

use crate::access::Users;
use crate::control::console::{Shown, Typed, Wire, Wish, wire};
use crate::driver::{Device, Order, ask, run_lines, serve_console};

/// Log lines of one page.
const LOG: usize = 200;
/// Marks of one timeline.
const MARKS: usize = 1_000;
/// What a page's console says of lines that wait.
const WAITING: usize = 16;

/// The devices of a daemon, once they have been started.
#[derive(Debug, Default)]
pub(super) struct Pages(OnceLock<Vec<(Arc<str>, mpsc::Sender<Order>)>>);

impl Pages {
    /// The devices are there.
    pub(super) fn started(&self, devices: Vec<(Arc<str>, mpsc::Sender<Order>)>) {
        // Said once in the life of a daemon.
        let _ = self.0.set(devices);
    }

    fn device(&self, name: &str) -> Result<&mpsc::Sender<Order>, String> {
        let devices = self.0.get().map(Vec::as_slice).unwrap_or_default();
        let found = devices.iter().find(|(known, _)| &**known == name);
        found.map(|(_, orders)| orders).ok_or_else(|| format!("There is no switch {name:?} here."))
    }
}

impl Switches for Pages {
    fn names(&self) -> Vec<String> {
        self.0
            .get()
            .map(|devices| devices.iter().map(|(name, _)| name.to_string()).collect())
            .unwrap_or_default()
    }

    fn look<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Condition, String>> {
        Box::pin(async move { ask(self.device(name)?, |device| Ok(condition(device))).await })
    }

    fn run<'a>(&'a self, name: &'a str, lines: Vec<String>) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async move {
            let (text, _) = ask(self.device(name)?, move |device| run_lines(device, &lines)).await?;
            Ok(text)
        })
    }

    fn terminal(&self, name: &str) -> Result<Terminal, String> {
        let orders = self.device(name)?.clone();
        let (typed, mut lines) = mpsc::channel::<String>(WAITING);
        let (printing, shown) = mpsc::channel(WAITING);
        let (at_device, typing, mut showing): (Wire, _, _) = wire();
        let wish = Wish { device: None, length: 0, width: 0 };
        tokio::spawn(async move { serve_console(orders, &wish, at_device).await });
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    line = lines.recv() => {
                        let Some(line) = line else { return };
                        // A page has no key of its own for help: the question mark at the end of a line asks for it.
                        let typed = match line.strip_suffix('?') {
                            Some(before) => Typed::Help(before.to_owned()),
                            None => Typed::Line(line),
                        };
                        if typing.send(typed).await.is_err() {
                            return;
                        }
                    }
                    shown = showing.recv() => {
                        let Some(shown) = shown else { return };
                        if printing.send(printed(shown)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Terminal { typed, shown })
    }
}

fn printed(shown: Shown) -> Printed {
    match shown {
        Shown::Reply(reply) => Printed { text: reply.text, prompt: Some(reply.prompt), closed: reply.closed },
        Shown::Completion { insert, .. } => Printed { text: insert, ..Printed::default() },
        Shown::Log(line) => Printed { text: format!("{line}\n"), ..Printed::default() },
        Shown::Refused { why } => Printed { text: format!("{why}\n"), prompt: None, closed: true },
    }
}

fn condition(device: &mut Device) -> Condition {
    let name = device.parts().name.to_string();
    let now = device.now();
    let parts = device.parts();
    let view = parts.agent.view(&parts.shared, now);
    let events = &parts.switch.events;
    let configured = match view.configured_interval() {
        PushInterval::Days(days) => format!("{days} days"),
        PushInterval::NoReporting => "0 (no reporting)".to_owned(),
    };
    let lines = events.file.lines();
    let skipped = lines.len().saturating_sub(LOG);
    let mut happened: Vec<Happened> = events
        .entries()
        .rev()
        .take(MARKS)
        .map(|logged| {
            let kind = match logged.event {
                Event::CommFail(_) => HappenedKind::Failed,
                Event::InitStart
                | Event::EndpointUsage { .. }
                | Event::CommRestored
                | Event::PolicyInstall
                | Event::TrustInstall
                | Event::Ack { .. }
                | Event::RumPurged(_) => HappenedKind::Message,
            };
            let text = event_text(&logged.event, view.profile());
            Happened { at: parts.clock.wall_at(logged.elapsed), kind, text }
        })
        .collect();
    happened.reverse();
    Condition {
        name,
        hostname: parts.switch.config.hostname.clone(),
        udi: view.udi().in_show().to_string(),
        now: parts.clock.wall_at(now.mono),
        clock: now.wall,
        facts: facts(&view),
        deadlines: deadlines(&view),
        // `spec/behaviour.md` §7.2
        interval_now: if view.is_fast() { "15 minutes".to_owned() } else { configured.clone() },
        interval_configured: configured,
        log: lines.skip(skipped).map(ToOwned::to_owned).collect(),
        happened,
    }
}

fn facts(view: &View<'_>) -> Vec<(&'static str, String)> {
    let trust = match view.trust() {
        TrustState::Absent => "none".to_owned(),
        TrustState::Requesting { attempt } => format!("asked for, attempt {attempt}"),
        TrustState::Installed(trust) => format!("installed {}", time_words(trust.installed)),
        TrustState::Refused(_) => "refused".to_owned(),
    };
    let peer = match view.down() {
        None => "good".to_owned(),
        Some((since, failures)) => {
            format!("down since {}, {failures} failed attempts", time_words(since))
        }
    };
    let account = view
        .account()
        .map_or_else(|| "none".to_owned(), |(names, _)| format!("{} / {}", names.smart, names.r#virtual));
    let usage: Vec<String> = view
        .usage()
        .filter(|row| row.count > 0)
        .map(|row| format!("{} ({})", row.license.name, row.count))
        .collect();
    let reports = view.report_summary();
    let or_none = |at: Option<slpsim_policy::Wall>| at.map_or_else(|| "none".to_owned(), time_words);
    vec![
        ("Transport", view.settings().transport.keyword().to_owned()),
        ("Policy", view.policy().map_or("Cisco default", |(name, _)| name).to_owned()),
        ("Trust Code", trust),
        ("Connection", peer),
        ("Account", account),
        ("Licences in use", if usage.is_empty() { "none".to_owned() } else { usage.join(", ") }),
        ("Last ACK received", or_none(view.last_ack())),
        ("Last report push", or_none(view.last_push())),
        (
            "Reports",
            format!(
                "{} in all, {} acknowledged, {} wait for their ACK, {} collecting",
                reports.total, reports.acknowledged, reports.waiting_for_ack, reports.collecting
            ),
        ),
    ]
}

fn deadlines(view: &View<'_>) -> Vec<(&'static str, slpsim_policy::Wall)> {
    let word = |timer| match timer {
        Timer::Poll => "Next ACK push check",
        Timer::Hello => "Next hello",
        Timer::Trust => "Trust request again",
        Timer::Report => "Next report push",
        Timer::Sync => "Next trust sync",
        Timer::StartReminder => "Reminder at start",
        Timer::Reminder => "Next reminder of the ACK deadline",
        Timer::AuthRenew => "Authorization renewal",
        Timer::IdRenew => "Registration renewal",
        Timer::TrustRenew => "Trust code renewal",
    };
    let timers = Timer::ALL.into_iter().filter_map(|timer| Some((word(timer), view.timer(timer)?)));
    timers.chain(view.ack_deadline().map(|at| ("Next ACK deadline", at))).collect()
}

impl Doorman for Users {
    fn admits<'a>(&'a self, name: &'a str, password: &'a str) -> BoxFuture<'a, Option<Visitor>> {
        Box::pin(async move {
            let account = self.by_password(name, password).await?;
            Some(Visitor { name: account.name.clone(), may_change: account.role == Role::Admin })
        })
    }
}
