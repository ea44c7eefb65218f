//! A life from a seed: commands, faults, reloads, losses of power and clock steps at random, then peace.

use slpsim_agent::{AgentId, Draw, Purpose, TransportMode, draw};
use slpsim_policy::Wall;
use slpsim_transport::fault::Kind;

use super::life::{Deed, Life, Trouble};
use crate::scenario::Peer;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// 2026-01-01T00:00:00Z, as in a scenario that does not say.
pub(super) const START: Wall = Wall::from_secs(1_767_225_600);

/// How long a random life lasts: a year.
const YEAR: u64 = 365 * DAY;

/// Within this time all that happens does; what remains is peace, in which what is due has to come.
const BUSY: u64 = 250 * DAY;

/// Steps of a random life at most, beside the first command.
const STEPS_MAX: u64 = 12;

/// The life of a seed.
#[must_use]
pub fn random(seed: u64) -> Life {
    let mut dice = Dice { seed, rolled: 0 };
    let direct = dice.below(3) > 0;
    let mut life = Life {
        seed,
        start: START,
        until_ms: YEAR,
        transport: if direct { TransportMode::Smart } else { TransportMode::Cslu },
        peer: if direct {
            Peer::Cssm
        } else {
            dice.one_of(&[Peer::Cssm, Peer::Cssm, Peer::Cslu, Peer::OnPrem])
        },
        latency_ms: dice.one_of(&[0, 0, 250, 1_000, 20_000]),
        steps: Vec::new(),
    };
    if dice.below(8) > 0 {
        life.add(dice.one_of(&[10_000, 90_000, 125_000]), Deed::Trust { all: false, force: false });
    }
    let mut at = 0;
    for _ in 0..dice.below(STEPS_MAX + 1) {
        at = dice.later(at);
        let deed = deed(&mut dice);
        life.add(at, deed);
    }
    life
}

fn deed(dice: &mut Dice) -> Deed {
    match dice.below(40) {
        0..22 => Deed::Fault(trouble(dice)),
        22..25 => Deed::Sync,
        25..27 => Deed::Trust { all: dice.below(2) == 0, force: dice.below(2) == 0 },
        27..30 => Deed::Reload,
        30..33 => Deed::PowerLoss,
        33..35 => Deed::Usage { license: dice.one_of(&[0, 0, 1]), count: dice.one_of(&[0, 1, 2, 3]) },
        35 => Deed::ClockStep(dice.one_of(&STEPS_MS)),
        36 => Deed::Interval(dice.one_of(&[1, 7, 30, 60])),
        37 => dice.one_of(&[Deed::StandbyAdded, Deed::StandbyRemoved, Deed::Switchover]),
        38 => Deed::Transport(dice.one_of(&[TransportMode::Cslu, TransportMode::Smart, TransportMode::Off])),
        _ => dice.one_of(&[
            Deed::FactoryReset,
            Deed::Peer(Peer::Cslu),
            Deed::Peer(Peer::OnPremDownRev),
            Deed::Peer(Peer::Cssm),
        ]),
    }
}

/// How a clock is stepped: within the tolerance, beyond it, beyond the validity of a signer (`spec/behaviour.md` §9).
const STEPS_MS: [i64; 7] = [-60_000, 60_000, -3_000_000, 3_000_000, -7_200_000, 7_200_000, 40 * 86_400_000];

/// Purposes that a device has in the topologies that are explored.
const PURPOSES: [Purpose; 5] =
    [Purpose::Usage, Purpose::Poll, Purpose::Trust, Purpose::TrustSync, Purpose::Hello];

/// Most faults are short: a fault of days fills its life with failed attempts and tells no more than one of hours.
fn trouble(dice: &mut Dice) -> Trouble {
    let kind = dice.one_of(&Kind::ALL);
    let purpose = (dice.below(2) == 0).then(|| dice.one_of(&PURPOSES));
    let every = (dice.below(8) == 0).then_some(2);
    let (for_ms, next) = match dice.below(16) {
        0..8 => (None, Some(1 + dice.below(4))),
        8..12 => (Some(MINUTE * (1 + dice.below(300))), None),
        12..15 => (Some(HOUR * (4 + dice.below(5))), Some(40)),
        _ => (Some(DAY * 2), Some(60)),
    };
    Trouble { kind, for_ms, next, every, purpose }
}

/// Keyed draws, one after the other.
struct Dice {
    seed: u64,
    rolled: u64,
}

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.rolled += 1;
        draw(self.seed, AgentId(0), Draw::Network, self.rolled) % end.max(1)
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let at = usize::try_from(self.below(u64::try_from(all.len()).unwrap_or(1))).unwrap_or(0);
        all[at.min(all.len() - 1)].clone()
    }

    /// A time after `at`: soon, at an hour's distance, or far; often at a full minute or at a scheduled report, where
    /// things meet.
    fn later(&mut self, at: u64) -> u64 {
        let ahead = match self.below(8) {
            0 => 0,
            1 => self.below(5) * 1_000,
            2 => self.below(20) * MINUTE,
            3 => self.below(300) * MINUTE,
            4 => 30 * DAY - at % (30 * DAY) + self.one_of(&[0, 40_000, 120_000]),
            5 => self.below(3) * DAY,
            _ => self.below(40) * DAY + self.below(DAY),
        };
        at.saturating_add(ahead).min(BUSY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_life_and_seeds_differ() {
        assert_eq!(random(7), random(7));
        let lives: Vec<Life> = (0..50).map(random).collect();
        let different = lives.iter().filter(|life| life.steps != lives[0].steps).count();
        assert!(different > 40, "{different}");
    }

    #[test]
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other deed goes by its own name")]
    fn every_kind_of_deed_and_fault_comes_up() {
        let mut words = std::collections::BTreeSet::new();
        for seed in 0..4_000 {
            for step in random(seed).steps {
                words.insert(match step.deed {
                    Deed::Fault(trouble) => trouble.kind.word().to_owned(),
                    deed => format!("{deed:?}").chars().take_while(|c| c.is_ascii_alphanumeric()).collect(),
                });
            }
        }
        assert_eq!(words.len(), Kind::ALL.len() + 13, "{words:?}");
    }
}
