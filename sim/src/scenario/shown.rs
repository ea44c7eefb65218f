//! What consoles say at the end of a scenario.

use slpsim_console::{Role, Session, Value};

use super::model::Scenario;
use super::run::{Options, Run, RunError};
use super::trace::Outcome;
use crate::device::Device;

/// An answer of a console.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The line that was typed.
    pub line: String,
    /// What is printed.
    pub text: String,
    /// The structured form.
    pub structured: Value,
    /// The device answered with an error.
    pub error: bool,
}

/// Plays a scenario and then lets an operator look at its first device, at the last moment: what the lines want done is
/// not done.
///
/// # Errors
/// Where the scenario cannot be played to its end.
pub fn run_and_show(
    scenario: &Scenario,
    options: &Options,
    lines: &[&str],
) -> Result<(Outcome, Vec<Shown>), RunError> {
    let mut run = Run::new(scenario, options)?;
    run.boot()?;
    run.play()?;
    let id = Run::id(0);
    let now = run.world.now(id);
    let mut session = Session::new(Role::Operator);
    let (Device { agent, switch, .. }, shared) = run.world.parts(id);
    let show = |line: &&str| {
        let reply = switch.line(&mut session, (agent, shared), now, line);
        let structured = reply.document.to_value();
        Shown { line: (*line).to_owned(), text: reply.text, structured, error: reply.error }
    };
    let shown = lines.iter().map(show).collect();
    Ok((run.outcome(), shown))
}
