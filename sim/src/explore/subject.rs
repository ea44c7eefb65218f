//! What is explored: the agent, or something that stands in its place.

use slpsim_agent::persist::{RestoreError, Saved};
use slpsim_agent::{
    Agent, Command, CommandError, Cx, Input, Now, ProfileId, ReportId, ReportState, Settings, Shared, Timer,
    Udi, Usage,
};
use slpsim_policy::{Mono, PushInterval, Wall};

/// A licensing agent as a driver and a checker of invariants see it.
///
/// [`Agent`] is one. Tests put a wrapper around it that misbehaves on purpose, to see whether exploration finds it; the
/// agent itself has no switch for that.
pub trait Subject: Clone + std::fmt::Debug {
    /// A device as it leaves the factory.
    fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self;

    /// The subject of a durable state.
    ///
    /// # Errors
    /// Where the state does not fit together.
    fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError>;

    /// The agent inside: what requests say of the device, and what show commands show.
    fn agent(&self) -> &Agent;

    /// [`Agent::handle`]
    fn handle(&mut self, cx: &mut Cx<'_>, input: Input);

    /// [`Agent::command`]
    ///
    /// # Errors
    /// Where the device refuses the command.
    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError>;

    /// [`Agent::set_settings`]
    fn set_settings(&mut self, settings: Settings);

    /// [`Agent::next_deadline`]
    fn next_deadline(&self) -> Option<(Mono, Timer)> {
        self.agent().next_deadline()
    }

    /// [`Agent::save`]
    fn save(&self, shared: &Shared, now: Now) -> Saved {
        self.agent().save(shared, now)
    }

    /// What the invariants are about, written into `seen`, so that a run of a million calls allocates once.
    fn look(&self, shared: &Shared, now: Now, seen: &mut Seen) {
        seen.look_at(self.agent(), shared, now);
    }
}

impl Subject for Agent {
    fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self {
        Self::new(profile, udi, settings, usage)
    }

    fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError> {
        Self::restore(saved, settings, shared)
    }

    fn agent(&self) -> &Agent {
        self
    }

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        self.handle(cx, input);
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        self.command(cx, command)
    }

    fn set_settings(&mut self, settings: Settings) {
        self.set_settings(settings);
    }
}

/// What the invariants are about, at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The interval is reset to 15 minutes.
    pub is_fast: bool,
    /// The configured interval between two pushes.
    pub interval: Option<PushInterval>,
    /// `Next report push:`, by the device's clock.
    pub next_push: Option<Wall>,
    /// The peer is down.
    pub is_down: bool,
    /// The peer is known to take no reports.
    pub is_down_rev: bool,
    /// Reports that are known, by growing number.
    pub reports: Vec<(ReportId, ReportState)>,
    /// Reports that were lost at the cap, as they are counted.
    pub purged: u32,
    /// Reports that were acknowledged, as they are counted.
    pub acknowledged: u32,
}

impl Seen {
    /// Looks at an agent.
    pub fn look_at(&mut self, agent: &Agent, shared: &Shared, now: Now) {
        let view = agent.view(shared, now);
        self.is_fast = view.is_fast();
        self.interval = Some(view.configured_interval());
        self.next_push = view.next_push();
        self.is_down = view.down().is_some();
        self.is_down_rev =
            matches!(view.discovery(), slpsim_agent::view::Discovery::Answered { down_rev: true });
        let totals = view.report_summary();
        (self.purged, self.acknowledged) = (totals.purged, totals.acknowledged);
        self.reports.clear();
        self.reports.extend(view.report_states());
    }

    /// Where a report stands; `None` where it is not known.
    #[must_use]
    pub fn report(&self, id: ReportId) -> Option<ReportState> {
        let at = self.reports.binary_search_by_key(&id, |(known, _)| *known).ok()?;
        self.reports.get(at).map(|(_, state)| *state)
    }
}
