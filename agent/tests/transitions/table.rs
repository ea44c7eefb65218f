//! The whole table: of each scene each input, inputs of the same outcome joined.

use std::collections::{BTreeMap, BTreeSet};

use slpsim_agent::{Purpose, Timer};

use crate::inputs::{End, InputKind, Operator, World};
use crate::observe::{Effect, Entry, observe};
use crate::scenes::Scene;
use crate::steps::Stage;

/// What the agent does in one scene.
pub(crate) struct SceneTable {
    pub(crate) stage: Stage,
    /// Of each input, everything that happens.
    pub(crate) entries: BTreeMap<InputKind, Entry>,
}

/// Inputs that have the same outcome, as far as it belongs to the concern.
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) inputs: BTreeSet<InputKind>,
}

impl SceneTable {
    pub(crate) fn of(scene: Scene) -> Self {
        let stage = Stage::of(scene);
        let entries = InputKind::all().into_iter().map(|kind| (kind, observe(&stage, kind))).collect();
        Self { stage, entries }
    }

    /// All scenes.
    pub(crate) fn all() -> Vec<Self> {
        Scene::ALL.iter().map(|scene| Self::of(*scene)).collect()
    }

    /// The rows, in the order of their first inputs; those of inputs that cannot come are last.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let concern = self.stage.scene.state().concern();
        let mut rows: Vec<Row> = Vec::new();
        for (kind, entry) in &self.entries {
            let mut entry = entry.clone();
            if let Ok(outcome) = &mut entry {
                outcome.effects.retain(|effect| match effect.owner() {
                    None => true,
                    Some(owner) => owner == concern,
                });
                debug_assert!(!outcome.effects.iter().any(|effect| matches!(effect, Effect::Also(_))));
            }
            match rows.iter_mut().find(|row| row.entry == entry) {
                Some(row) => drop(row.inputs.insert(*kind)),
                None => rows.push(Row { entry, inputs: BTreeSet::from([*kind]) }),
            }
        }
        rows.sort_by_key(|row| row.entry.is_err());
        rows
    }
}

/// A set of inputs in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Timer(Timer),
    Operator(Operator),
    World(World),
    /// Each of these ends of an exchange of each of these purposes.
    Ends(Vec<Purpose>, Vec<End>),
}

impl Words {
    /// Joins the ends of exchanges: first the ends of each purpose, then purposes with the same ends.
    pub(crate) fn of(inputs: &BTreeSet<InputKind>) -> Vec<Self> {
        let mut words = Vec::new();
        let mut ends: BTreeMap<Purpose, Vec<End>> = BTreeMap::new();
        for input in inputs {
            match *input {
                InputKind::Due(timer) => words.push(Self::Timer(timer)),
                InputKind::Operator(operator) => words.push(Self::Operator(operator)),
                InputKind::World(world) => words.push(Self::World(world)),
                InputKind::Ends(purpose, end) => ends.entry(purpose).or_default().push(end),
            }
        }
        let mut joined: Vec<(Vec<Purpose>, Vec<End>)> = Vec::new();
        for (purpose, ends) in ends {
            match joined.iter_mut().find(|(_, known)| *known == ends) {
                Some((purposes, _)) => purposes.push(purpose),
                None => joined.push((vec![purpose], ends)),
            }
        }
        words.extend(joined.into_iter().map(|(purposes, ends)| Self::Ends(purposes, ends)));
        words
    }

    /// The inputs for which the words stand.
    pub(crate) fn inputs(&self) -> Vec<InputKind> {
        match self {
            Self::Timer(timer) => vec![InputKind::Due(*timer)],
            Self::Operator(operator) => vec![InputKind::Operator(*operator)],
            Self::World(world) => vec![InputKind::World(*world)],
            Self::Ends(purposes, ends) => {
                let of = |purpose: &Purpose| {
                    let purpose = *purpose;
                    ends.iter().map(move |end| InputKind::Ends(purpose, *end))
                };
                purposes.iter().flat_map(of).collect()
            }
        }
    }
}
