//! A second subject, made of a saved state at a reload: it has to go on as the first one does.

use slpsim_agent::{AgentId, Command, Cx, Input, Now, Output, Purpose, Shared, Txn};

use super::invariant::Invariant;
use super::subject::Subject;

/// Calls for which a twin is compared; what was lost in a save shows in the first push after it.
const CALLS: u32 = 60;

/// The twin of a subject.
#[derive(Clone, Debug)]
pub(super) struct Twin<S> {
    subject: S,
    left: u32,
    /// By purpose: the exchange of the original, and that of the twin.
    flying: [(Txn, Txn); Purpose::ALL.len()],
    out: Vec<Output>,
}

impl<S: Subject> Twin<S> {
    /// The twin of a subject that is about to reload in place.
    pub(super) fn of(original: &S, shared: &mut Shared, now: Now) -> Result<Self, (Invariant, String)> {
        let saved = original.save(shared, now);
        let subject = S::restore(saved, original.agent().settings(), shared)
            .map_err(|error| (Invariant::SnapshotGoesOn, error.to_string()))?;
        Ok(Self { subject, left: CALLS, flying: [(Txn(0), Txn(0)); Purpose::ALL.len()], out: Vec::new() })
    }

    /// Whether it has been compared long enough.
    pub(super) const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Gives the twin what its original was given, and compares what both left to be done.
    pub(super) fn input(
        &mut self,
        input: Input,
        (shared, now): (&mut Shared, Now),
        original: &[Output],
    ) -> Result<(), (Invariant, String)> {
        let input = match input {
            Input::Completed { txn, result } => {
                let Some((_, own)) = self.flying.iter().find(|(other, _)| *other == txn && txn != Txn(0))
                else {
                    return Ok(()); // of an earlier life
                };
                Input::Completed { txn: *own, result }
            }
            Input::Boot { .. }
            | Input::Timeout
            | Input::Usage(_)
            | Input::ClockStep { .. }
            | Input::ClockAuthoritative
            | Input::StandbyAdded(_)
            | Input::StandbyRemoved
            | Input::Switchover => input,
        };
        self.out.clear();
        let mut cx = Cx { now, id: AgentId(0), shared, out: &mut self.out };
        self.subject.handle(&mut cx, input);
        self.compare(original)
    }

    /// The same for a command.
    pub(super) fn command(
        &mut self,
        command: Command,
        (shared, now): (&mut Shared, Now),
        original: &[Output],
    ) -> Result<(), (Invariant, String)> {
        self.out.clear();
        let mut cx = Cx { now, id: AgentId(0), shared, out: &mut self.out };
        // A refusal leaves nothing to be done, as it does with the original.
        let _ = self.subject.command(&mut cx, command);
        self.compare(original)
    }

    fn compare(&mut self, original: &[Output]) -> Result<(), (Invariant, String)> {
        self.left = self.left.saturating_sub(1);
        // Only the original has exchanges of the time before to be cancelled.
        let matters = |output: &&Output| !matches!(output, Output::Cancel(_));
        let mut one = original.iter().filter(matters);
        let mut other = self.out.iter().filter(matters);
        loop {
            match (one.next(), other.next()) {
                (None, None) => return Ok(()),
                (
                    Some(Output::Send { txn, request, .. }),
                    Some(Output::Send { txn: own, request: same, .. }),
                ) if request == same => self.flying[request.purpose().index()] = (*txn, *own),
                (Some(one), Some(other)) if one == other => {}
                (one, other) => {
                    let said = |output: Option<&Output>| output.map_or_else(|| "nothing".into(), brief);
                    let why = format!("saved and restored, it leaves {}, else {}", said(other), said(one));
                    return Err((Invariant::SnapshotGoesOn, why));
                }
            }
        }
    }
}

/// An output in a few words, without secrets.
fn brief(output: &Output) -> String {
    match output {
        Output::Persist => "a save".into(),
        Output::Send { request, .. } => format!("a request {:?}", request.purpose()),
        Output::Cancel(_) => "a cancellation".into(),
        Output::Log(message) => format!("a line {}", message.row().mnemonic()),
        Output::Event(event) => format!("an event {event:?}"),
        Output::WriteFile(_) => "a file".into(),
    }
}
