//! The switches that live in the same process as the mock: how each is, what is due, what happened, its console.
//!
//! The mock knows nothing of what drives them; whoever does hands over a [`Switches`].

mod timeline;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::future::BoxFuture;
use maud::{Markup, html};
use slpsim_policy::Wall;
use tokio::sync::mpsc;

use super::Web;
use super::layout::{self, Trouble, Visit, cell, encoded, facts, table, text, time_words};
use super::posted::Posted;
use super::terminal;

/// The switches of this process, as their pages need them. Errors are one line for people.
pub trait Switches: Send + Sync + std::fmt::Debug {
    /// The names, in order; empty while they start.
    fn names(&self) -> Vec<String>;
    /// How one is now.
    fn look<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Condition, String>>;
    /// Runs lines in a console session of their own: what is printed.
    fn run<'a>(&'a self, name: &'a str, lines: Vec<String>) -> BoxFuture<'a, Result<String, String>>;
    /// A console session; it ends when one of its ends is dropped.
    fn terminal(&self, name: &str) -> Result<Terminal, String>;
}

/// How a switch is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its name in the configuration.
    pub name: String,
    /// Its host name.
    pub hostname: String,
    /// Its UDI as show commands print it.
    pub udi: String,
    /// The true time.
    pub now: Wall,
    /// The time by its own clock.
    pub clock: Wall,
    /// Name and value of what is known of its agent.
    pub facts: Vec<(&'static str, String)>,
    /// What comes next, and when by its own clock.
    pub deadlines: Vec<(&'static str, Wall)>,
    /// The reporting interval that is in force.
    pub interval_now: String,
    /// The reporting interval that was configured.
    pub interval_configured: String,
    /// The last log lines, oldest first.
    pub log: Vec<String>,
    /// What happened, oldest first.
    pub happened: Vec<Happened>,
}

/// Something that happened at a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When, by the true time: its own clock may be wrong, and is stepped.
    pub at: Wall,
    /// What kind.
    pub kind: HappenedKind,
    /// What, in words.
    pub text: String,
}

/// What a mark of the timeline stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HappenedKind {
    /// An exchange that was answered.
    Answered,
    /// An exchange that failed.
    Failed,
    /// Anything else worth a mark.
    Message,
}

/// The two ends of a console session.
#[derive(Debug)]
pub struct Terminal {
    /// Lines that are typed.
    pub typed: mpsc::Sender<String>,
    /// What is shown; ends with the session.
    pub shown: mpsc::Receiver<Printed>,
}

/// Something shown on a console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Text; its lines end in a line feed.
    pub text: String,
    /// The prompt that follows; nothing behind a log line.
    pub prompt: Option<String>,
    /// The session is over.
    pub closed: bool,
}

/// Most lines of one form.
const LINES: usize = 100;
/// Switches on one page of the list.
const LISTED: usize = 200;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/switches", get(list))
        .route("/switches/{name}", get(show))
        .route("/switches/{name}/console", post(console))
        .route("/switches/{name}/terminal", get(terminal::open))
}

/// What consoles printed for forms, until it is shown.
#[derive(Default)]
pub(super) struct Transcripts(Mutex<VecDeque<(String, String)>>);

/// Transcripts that wait.
const TRANSCRIPTS: usize = 64;
/// Longest transcript, in characters.
const TRANSCRIPT: usize = 200_000;

impl Transcripts {
    fn keep(&self, key: String, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key);
        if kept.len() >= TRANSCRIPTS {
            kept.pop_front();
        }
        kept.push_back((key, text.chars().take(TRANSCRIPT).collect()));
    }

    fn of(&self, key: &str) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == key).map(|(_, text)| text.clone())
    }
}

/// The switches, where there are some.
pub(super) fn of(web: &Web) -> Result<&Arc<dyn Switches>, Trouble> {
    web.switches.as_ref().ok_or_else(|| Trouble::not_found("There are no switches in this process."))
}

/// How long a switch may take to answer, in real time: it works on one thing after the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a switch answers, in time.
async fn answered<T>(asked: BoxFuture<'_, Result<T, String>>) -> Result<T, Trouble> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(Trouble::not_found),
        Err(_) => Err(Trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            "The switch is busy and does not answer; load the page again.".into(),
        )),
    }
}

async fn list(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Result<Response, Trouble> {
    let switches = of(&web)?;
    let names = switches.names();
    let mut rows = Vec::new();
    for name in names.iter().take(LISTED) {
        let condition = answered(switches.look(name)).await?;
        let next = condition.deadlines.iter().min_by_key(|(_, at)| *at);
        rows.push(html! {
            (cell("Switch", &html! { a href=(format!("/switches/{}", encoded(name))) { (condition.hostname) } }))
            (text("UDI", &condition.udi))
            (text("Interval now", &condition.interval_now))
            (text("Next", &next.map(|(what, at)| format!("{what} at {}", time_words(*at))).unwrap_or_default()))
        });
    }
    let body = html! {
        h1 { "Switches" }
        (table("Product instances in this process", &["Switch", "UDI", "Interval now", "Next"], &rows, "The switches are starting."))
        @if names.len() > LISTED { p.dim { (names.len() - LISTED) " more are not listed; their pages are at /switches/NAME." } }
    };
    Ok(layout::page(&visit, "Switches", "/switches", &body))
}

async fn show(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let mut condition = answered(of(&web)?.look(&name)).await?;
    let now = web.shared.now();
    let (bands, answered) = web.shared.read(|cssm| {
        let answered = timeline::answered(cssm, &condition.udi);
        (timeline::bands(cssm, now), answered)
    });
    condition.happened.extend(answered);
    condition.happened.sort_by_key(|happened| happened.at);
    let mut deadlines = condition.deadlines.clone();
    deadlines.sort_by_key(|(_, at)| *at);
    let due: Vec<Markup> = deadlines
        .iter()
        .map(|(what, at)| {
            let left = crate::span::print(at.since(condition.clock).max(0) / 1000 * 1000);
            html! { (text("What", what)) (text("When", &time_words(*at))) (text("In", &left)) }
        })
        .collect();
    let body = html! {
        h1 { "Switch " (condition.hostname) }
        (facts([
            ("UDI", html! { (condition.udi) }),
            ("Clock of the switch", html! { (time_words(condition.clock)) }),
            ("True time", html! { (time_words(condition.now)) }),
            ("Reporting interval now", html! { strong { (condition.interval_now) } }),
            ("Reporting interval configured", html! { (condition.interval_configured) }),
        ]))
        h2 { "State" }
        (facts(condition.facts.iter().map(|(name, value)| (*name, html! { (value) }))))
        h2 { "Next" }
        (table("What is due, by the switch's clock", &["What", "When", "In"], &due, "Nothing is due."))
        h2 { "Timeline" }
        p.hint { "Times here are true times, by the clock of " code { "slpsim run" } ". The switch's clock " (off_by(&condition)) "." }
        (timeline::draw(&condition, &bands))
        h2 { "Messages" }
        pre tabindex="0" role="log" aria-label="Messages" {
            @if condition.log.is_empty() { "No message yet." }
            @for line in &condition.log { (line) "\n" }
        }
        (console_form(&web, &visit, &condition))
    };
    Ok(layout::page(&visit, &format!("Switch {}", condition.hostname), "/switches", &body))
}

/// How the switch's clock stands to the true time.
fn off_by(condition: &Condition) -> String {
    let off_ms = condition.clock.since(condition.now) / 1_000 * 1_000;
    match off_ms {
        0 => "agrees with it".to_owned(),
        1.. => format!("is {} ahead of it", crate::span::print(off_ms)),
        _ => format!("is {} behind it", crate::span::print(off_ms.saturating_neg())),
    }
}

fn console_form(web: &Web, visit: &Visit, condition: &Condition) -> Markup {
    let base = format!("/switches/{}", encoded(&condition.name));
    let before = web.transcripts.of(&key(visit, &condition.name)).unwrap_or_default();
    html! {
        h2 id="console" { "Console" }
        pre.console tabindex="0" role="log" aria-label="Console" { (before) }
        form.terminal method="post" action=(format!("{base}/console")) data-terminal=(format!("{base}/terminal")) autocomplete="off" {
            input type="hidden" name="csrf" value=(visit.csrf);
            label.field {
                span class="mono" data-prompt { (condition.hostname) "# " }
                input type="text" name="line" aria-label="Console line" spellcheck="false" autocapitalize="off";
            }
            button.main { "Enter" }
        }
        p.hint { "Several lines of one session are separated by " code { ";" } "." }
    }
}

fn key(visit: &Visit, name: &str) -> String {
    format!("{}/{name}", visit.session)
}

async fn console(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Trouble> {
    let typed = posted.get("line");
    let lines: Vec<String> = typed.split(';').map(|line| line.trim().to_owned()).collect();
    if lines.len() > LINES {
        return Err(Trouble::wrong(format!("A form takes at most {LINES} lines.")));
    }
    let printed = answered(of(&web)?.run(&name, lines)).await?;
    web.transcripts.keep(key(&visit, &name), &format!("# {typed}\n{printed}"));
    Ok(Redirect::to(&format!("/switches/{}#console", encoded(&name))).into_response())
}
