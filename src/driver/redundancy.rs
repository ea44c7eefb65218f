//! What somebody at the rack does with the supervisors of a running device (`spec/behaviour.md` §10).

use slpsim_agent::{Input, Role, Udi};

use super::{Device, DriverError};
use crate::control::Event;

impl Device {
    /// Lets something happen to the hardware: the units that are there afterwards, the active one first, or why it
    /// cannot happen.
    ///
    /// # Errors
    /// Outside: the device cannot go on.
    pub fn happens(&mut self, event: Event) -> Result<Result<Vec<String>, String>, DriverError> {
        let input = match self.input_of(event) {
            Ok(input) => input,
            Err(why) => return Ok(Err(why.into())),
        };
        self.input(input)?;
        Ok(Ok(self.parts.agent.units().map(|unit| unit.udi.in_show().to_string()).collect()))
    }

    fn input_of(&self, event: Event) -> Result<Input, &'static str> {
        match (event, self.standby()) {
            (Event::StandbyAdded, Some(_)) => Err("there is a standby supervisor already"),
            (Event::StandbyAdded, None) => {
                let active = self.parts.agent.sender().udi;
                let free = self.supervisors.iter().find(|udi| **udi != active);
                free.map(|udi| Input::StandbyAdded(*udi)).ok_or("no second supervisor fits into this device")
            }
            (Event::StandbyRemoved | Event::Switchover, None) => Err("there is no standby supervisor"),
            (Event::StandbyRemoved, Some(_)) => Ok(Input::StandbyRemoved),
            (Event::Switchover, Some(_)) => Ok(Input::Switchover),
        }
    }

    fn standby(&self) -> Option<Udi> {
        self.parts.agent.units().find(|unit| unit.role == Role::Standby).map(|unit| unit.udi)
    }
}
