//! Outages of sites and of what lies above all sites, as they follow from the seed.
//!
//! They belong to the site and not to a device, and every shard reckons them by itself: so shards need not talk.

use slpsim_agent::{Failure, TransportMode};

use super::line::Cause;
use super::luck::{Luck, Why};
use super::population::OutageKind;

/// Stands for everything above the sites.
const UPSTREAM: u32 = u32::MAX;

/// An outage that somebody opened by hand while the fleet ran; half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub id: u32,
    /// The site; absent: all.
    pub site: Option<u32>,
    /// What devices see.
    pub failure: Failure,
    /// From here on, in milliseconds since the start.
    pub from_ms: u64,
    /// Not any more at this time.
    pub to_ms: u64,
}

/// The outages of the sites of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    luck: Luck,
    kinds: Vec<OutageKind>,
    first_site: u32,
    /// Nobody asks for an earlier time than this.
    epoch_ms: u64,
    /// Above all sites, by kind, and then by site from the first one on and by kind: the outage that covers the begin
    /// of the epoch in which it was asked for last, or else the next one.
    now: Vec<Spell>,
    pub(crate) opened: Vec<Opened>,
}

/// The `n`-th outage of a kind at a site, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) n: u32,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

impl Spell {
    fn first(luck: Luck, who: u32, kind: u8, outage: &OutageKind) -> Self {
        Self { n: 0, from_ms: 0, to_ms: 0 }.next(luck, who, kind, outage)
    }

    fn next(self, luck: Luck, who: u32, kind: u8, outage: &OutageKind) -> Self {
        // The kind goes into the number of the draw: 256 kinds, 16 million outages.
        let n = self.n + 1;
        let key = n << 8 | u32::from(kind);
        let from_ms = self.to_ms.saturating_add(luck.wait(who, Why::Outage, key, outage.every_ms)).max(1);
        let to_ms = from_ms.saturating_add(luck.length(who, Why::OutageLength, key, outage.lasts_ms));
        Self { n, from_ms, to_ms }
    }
}

impl Weather {
    pub(crate) fn new(luck: Luck, kinds: &[OutageKind], first_site: u32) -> Self {
        let kinds = kinds.iter().take(usize::from(u8::MAX)).cloned().collect();
        Self { luck, kinds, first_site, epoch_ms: 0, now: Vec::new(), opened: Vec::new() }
    }

    /// What a device of `site` with that transport meets at `at_ms`; nothing in fine weather. Of several outages the one
    /// that began last decides, as among faults (`spec/behaviour.md` §7.5).
    pub(crate) fn at(&mut self, site: u32, transport: TransportMode, at_ms: u64) -> Option<(Failure, Cause)> {
        let by_hand = self
            .opened
            .iter()
            .filter(|one| one.site.is_none_or(|at| at == site) && one.from_ms <= at_ms && at_ms < one.to_ms);
        let mut worst =
            by_hand.map(|one| (one.from_ms, one.failure, Cause::Opened(one.id))).max_by_key(|one| one.0);
        for (kind, at) in (0_u8..).zip(0..self.kinds.len()) {
            let outage = &self.kinds[at];
            if !outage.transports.contains(&transport) {
                continue;
            }
            let upstream = outage.upstream;
            let failure = outage.trouble.failure();
            let who = if upstream { UPSTREAM } else { site };
            let spell = self.spell(who, kind, at, at_ms);
            if spell.from_ms <= at_ms && at_ms < spell.to_ms && worst.is_none_or(|one| spell.from_ms >= one.0)
            {
                let cause = if upstream {
                    Cause::UpstreamOutage(kind, spell.n)
                } else {
                    Cause::SiteOutage(kind, spell.n)
                };
                worst = Some((spell.from_ms, failure, cause));
            }
        }
        worst.map(|(_, failure, cause)| (failure, cause))
    }

    /// The spell of a cause that a line of a device at `site` has; for the ground truth.
    pub(crate) fn of(&self, site: u32, cause: Cause) -> Option<(Spell, &OutageKind)> {
        let (who, kind, n) = match cause {
            Cause::SiteOutage(kind, n) => (site, kind, n),
            Cause::UpstreamOutage(kind, n) => (UPSTREAM, kind, n),
            Cause::Schedule
            | Cause::Boot(_)
            | Cause::Flap(_)
            | Cause::NeverCslu
            | Cause::Operator(_)
            | Cause::Token
            | Cause::Mistyped
            | Cause::Acknowledged
            | Cause::Sync
            | Cause::Clock
            | Cause::Companion
            | Cause::Opened(_) => return None,
        };
        let outage = self.kinds.get(usize::from(kind))?;
        let mut spell = Spell::first(self.luck, who, kind, outage);
        while spell.n < n {
            spell = spell.next(self.luck, who, kind, outage);
        }
        Some((spell, outage))
    }

    /// The spell that covers `at_ms`, or else the next one. Devices run one after the other through an epoch, so that
    /// the time goes back between them; only what ended before the epoch may be forgotten.
    fn spell(&mut self, who: u32, kind: u8, outage: usize, at_ms: u64) -> Spell {
        let kinds = self.kinds.len();
        let row = if who == UPSTREAM { 0 } else { who.saturating_sub(self.first_site) as usize + 1 };
        while self.now.len() < (row + 1) * kinds {
            let (row, at) = (self.now.len() / kinds, self.now.len() % kinds);
            let site = row.checked_sub(1).and_then(|row| u32::try_from(row).ok());
            let who = site.map_or(UPSTREAM, |row| self.first_site.saturating_add(row));
            let kind = u8::try_from(at).unwrap_or(u8::MAX);
            self.now.push(Spell::first(self.luck, who, kind, &self.kinds[at]));
        }
        let known = &mut self.now[row * kinds + outage];
        while known.to_ms <= self.epoch_ms {
            *known = known.next(self.luck, who, kind, &self.kinds[outage]);
        }
        let mut spell = *known;
        while spell.to_ms <= at_ms {
            spell = spell.next(self.luck, who, kind, &self.kinds[outage]);
        }
        spell
    }

    /// An epoch begins: nobody asks for earlier times from now on.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        self.epoch_ms = now_ms;
        self.opened.retain(|one| one.to_ms > now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::population::Trouble;

    const HOUR: u64 = 3_600_000;

    fn kinds() -> Vec<OutageKind> {
        let kind = |upstream, trouble, transports: &[TransportMode]| OutageKind {
            upstream,
            trouble,
            transports: transports.to_vec(),
            every_ms: 100 * HOUR,
            lasts_ms: 2 * HOUR,
        };
        vec![
            kind(false, Trouble::Dns, &[TransportMode::Cslu, TransportMode::Smart]),
            kind(true, Trouble::Maintenance, &[TransportMode::Smart]),
        ]
    }

    #[test]
    fn an_outage_hits_the_whole_site_and_one_above_hits_all() {
        let mut weather = Weather::new(Luck(1), &kinds(), 2);
        let mut seen = [0_u32; 3];
        for at in (0..10_000 * HOUR).step_by(600_000) {
            let here = weather.at(3, TransportMode::Cslu, at);
            let smart = [3, 4].map(|site| weather.at(site, TransportMode::Smart, at));
            if let Some((failure, cause)) = here {
                assert!(matches!(cause, Cause::SiteOutage(0, n) if n > 0), "{cause:?}");
                assert_eq!(failure, Failure::Resolve);
                let (spell, _) = weather.of(3, cause).unwrap();
                assert!(spell.from_ms <= at && at < spell.to_ms);
                seen[0] += 1;
            }
            let above = |one: Option<(Failure, Cause)>| matches!(one, Some((_, Cause::UpstreamOutage(1, _))));
            if above(smart[0]) {
                seen[1] += 1;
                // What began later at one site alone may cover it there.
                assert!(above(smart[1]) || matches!(smart[1], Some((_, Cause::SiteOutage(0, _)))));
            }
            seen[2] += u32::from(here.is_some() && smart[1].is_none());
            weather.advance(at);
        }
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
    }

    #[test]
    fn the_weather_does_not_depend_on_who_asks_and_when() {
        let mut often = Weather::new(Luck(9), &kinds(), 1);
        let mut seldom = Weather::new(Luck(9), &kinds(), 1);
        for at in (0..3_000 * HOUR).step_by(60_000 * 7) {
            let now = often.at(1, TransportMode::Smart, at);
            often.advance(at);
            if at % (60_000 * 7 * 11) == 0 {
                assert_eq!(seldom.at(1, TransportMode::Smart, at), now);
            }
        }
    }

    #[test]
    fn what_is_opened_by_hand_ends_and_the_latest_decides() {
        let mut weather = Weather::new(Luck(1), &[], 0);
        let one = |id, site, failure, from_ms| Opened { id, site, failure, from_ms, to_ms: 100 };
        weather.opened = vec![one(1, None, Failure::Unreachable, 10), one(2, Some(7), Failure::Resolve, 20)];
        assert_eq!(weather.at(7, TransportMode::Cslu, 15), Some((Failure::Unreachable, Cause::Opened(1))));
        assert_eq!(weather.at(7, TransportMode::Cslu, 20), Some((Failure::Resolve, Cause::Opened(2))));
        assert_eq!(weather.at(8, TransportMode::Cslu, 20), Some((Failure::Unreachable, Cause::Opened(1))));
        assert_eq!(weather.at(7, TransportMode::Cslu, 100), None);
        weather.advance(100);
        assert!(weather.opened.is_empty());
    }
}
