//! Looks at what devices are in while a run goes on, for properties of state.

use slpsim_console::{Role, Session};

use super::judge;
use super::model::{Scenario, Wanted, Window};
use super::property::{Claim, Mood, Property};
use super::run::Run;
use crate::device::Device;

/// The properties of state, and what was seen of them.
#[derive(Debug, Default)]
pub(super) struct Looks(Vec<Watched>);

/// What was seen of a property at one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    /// The first look that decides: against `always` and `never`, for `eventually`.
    pub(super) decided: Option<(u64, String)>,
    /// The last look.
    pub(super) last: Option<(u64, String)>,
    /// Looks so far.
    pub(super) looks: u64,
    /// Looks that found a value.
    pub(super) found: u64,
    /// Why the last look that found none did not: the command is refused, the field is not there, or it is of another
    /// kind.
    pub(super) missing: Option<(u64, String)>,
}

#[derive(Debug)]
struct Watched {
    expectation: usize,
    window: Window,
    sights: Vec<(usize, Sight)>,
}

impl Looks {
    /// Those of a scenario.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut watched = Vec::new();
        for (expectation, wanted) in scenario.expectations.iter().enumerate() {
            let Wanted::Property(property) = &wanted.wanted else { continue };
            if matches!(property.claim, Claim::Message { .. }) {
                continue;
            }
            let devices =
                wanted.device.map_or(0..scenario.devices.len(), |only| only..only.saturating_add(1));
            watched.push(Watched {
                expectation,
                window: window(property, scenario.until_ms),
                sights: devices.map(|device| (device, Sight::default())).collect(),
            });
        }
        Self(watched)
    }

    /// What was seen of the property of an expectation.
    pub(super) fn sights(&self, expectation: usize) -> &[(usize, Sight)] {
        let watched = self.0.iter().find(|watched| watched.expectation == expectation);
        watched.map_or(&[], |watched| &watched.sights)
    }
}

/// When a property is looked at: within the run.
pub(super) fn window(property: &Property, until_ms: u64) -> Window {
    let whole = Window { from: 0, to: until_ms };
    property.window.map_or(whole, |window| Window { to: window.to.min(until_ms), ..window })
}

impl Run<'_> {
    /// Looks, where nothing more happens at this instant.
    pub(super) fn observe(&mut self) {
        if self.looks.0.is_empty() || !self.is_over() {
            return;
        }
        let now = self.world.now_ms();
        let mut looks = std::mem::take(&mut self.looks);
        for watched in &mut looks.0 {
            let scenario = self.scenario;
            let wanted = scenario.expectations.get(watched.expectation).map(|wanted| &wanted.wanted);
            let Some(Wanted::Property(property)) = wanted else { continue };
            if !(watched.window.from..=watched.window.to).contains(&now) {
                continue;
            }
            for (device, sight) in watched.sights.iter_mut().filter(|(_, sight)| sight.decided.is_none()) {
                let Some(looked) = self.value(*device, &property.claim) else { continue };
                sight.looks += 1;
                let (holds, value) = match looked {
                    Ok(found) => {
                        sight.found += 1;
                        found
                    }
                    Err(why) => {
                        sight.missing = Some((now, why.clone()));
                        (false, why)
                    }
                };
                let decides = match property.mood {
                    Mood::Always => !holds,
                    Mood::Never | Mood::Eventually => holds,
                };
                if decides {
                    sight.decided = Some((now, value.clone()));
                }
                sight.last = Some((now, value));
            }
        }
        self.looks = looks;
    }

    /// Whether a claim holds at a device now, and what is seen there; or why nothing is.
    fn value(&mut self, device: usize, claim: &Claim) -> Option<Result<(bool, String), String>> {
        let id = Self::id(device);
        match claim {
            Claim::State(quantity, test) => {
                let value = quantity.of(&self.world.view(id)?);
                Some(Ok((test.holds(&value), format!("`{value}`"))))
            }
            Claim::Field(command, path, test) => {
                self.world.device(id)?;
                let now = self.world.now(id);
                let (Device { agent, switch, .. }, shared) = self.world.parts(id);
                // What it wants done is not done: a look changes nothing.
                let reply = switch.line(&mut Session::new(Role::Operator), (agent, shared), now, command);
                if reply.error {
                    return Some(Err(judge::refused_look(command, &reply.text)));
                }
                let structured = reply.document.to_value();
                Some(judge::field(path, &structured).and_then(|value| {
                    let printed = judge::printed(value);
                    judge::can_be(path, value, test)?;
                    Ok((test.holds(&printed), format!("`{printed}`")))
                }))
            }
            Claim::Message { .. } => None,
        }
    }
}
