//! A device that never had a CSLU: what it logs is reckoned, and it has no agent.

use slpsim_agent::{Failure, Peer};
use slpsim_policy::{CiscoDefault, ClassSet, Phase, Rules, in_policy};

use super::cast::Cast;
use super::companion::Chatter;
use super::hopeless::{Cry, Hopeless};
use super::line::{Cause, Key, Record, Said};
use super::luck::Why;

/// Such a device. Only reloads happen to it: nobody looks after it (modelled).
#[derive(Debug)]
pub(crate) struct Lost {
    t0_ms: u64,
    next_boot_ms: u64,
    first_days: u16,
    boots: u32,
    lines: u32,
    life: Option<Hopeless>,
    chatter: Chatter,
}

impl Lost {
    /// The device, where the closed form fits it: some licence in use must have a deadline.
    pub(crate) fn new(cast: &Cast, device: u32) -> Option<Self> {
        let profile = cast.model(device)?.profile.profile();
        let class =
            |usage: slpsim_agent::Usage| Some(profile.licenses.get(usize::from(usage.license))?.class);
        let in_use: ClassSet = cast.usage(device).into_iter().filter_map(class).collect();
        let rules = Rules::merge(CiscoDefault::NxOs, None);
        let first_days = in_policy(&rules, Phase::First, in_use)?;
        let boot_ms = cast.boot_ms(device);
        Some(Self {
            t0_ms: boot_ms,
            next_boot_ms: boot_ms,
            first_days,
            boots: 0,
            lines: 0,
            life: None,
            chatter: Chatter::silent(),
        })
    }

    /// Runs the device up to `to_ms`, that time excluded; when it is due again.
    pub(crate) fn run(
        &mut self,
        cast: &Cast,
        device: u32,
        to_ms: u64,
        records: &mut Vec<Record>,
        events: &mut u64,
    ) -> u64 {
        loop {
            let cry_ms = self.life.as_ref().map_or(u64::MAX, Hopeless::next_ms);
            let due = self.next_boot_ms.min(cry_ms).min(self.chatter.next_ms());
            if due >= to_ms {
                return due;
            }
            if self.chatter.next_ms() == due {
                let (row, luck) = self.chatter.say(cast.luck, device, cast.chatter_ms);
                self.write(device, due, Said::Companion(row, luck), Cause::Companion, records);
                continue;
            }
            // A timer each, and with a failure the end of an exchange.
            *events += 1;
            if self.next_boot_ms <= cry_ms {
                self.boot(cast, device);
                continue;
            }
            let Some(life) = &mut self.life else { continue };
            let (said, cause) = match life.cry() {
                Cry::Hello | Cry::Report => {
                    *events += 1;
                    (Said::CommFailed(Peer::Cslu, Failure::Resolve), Cause::NeverCslu)
                }
                Cry::Start(days) => (Said::ReportingRequired(days), Cause::Boot(self.boots)),
                Cry::Reminder(days) => (Said::ReportingRequired(days), Cause::Schedule),
            };
            self.write(device, due, said, cause, records);
        }
    }

    fn write(&mut self, device: u32, at_ms: u64, said: Said, cause: Cause, records: &mut Vec<Record>) {
        self.lines += 1;
        let key = Key { at_ms, device, number: self.lines };
        records.push(Record { key, clock_s: 0, generation: 0, said, cause });
    }

    fn boot(&mut self, cast: &Cast, device: u32) {
        let now = self.next_boot_ms;
        self.life = Some(Hopeless::boot(now, self.t0_ms, self.first_days));
        self.boots += 1;
        if cast.chatter_ms > 0 {
            self.chatter.boot(now);
        }
        let mean = cast.population.life.reload_ms;
        self.next_boot_ms = match mean {
            0 => u64::MAX,
            mean => now.saturating_add(cast.luck.wait(device, Why::Life, self.boots, mean).max(1_000)),
        };
    }
}
