//! The command table: one row for a command, from which the parser, abbreviations, `no` forms and `?` derive.

use slpsim_agent::Profile;

use crate::session::{Configure, Exec, Outcome};
use crate::syntax::Parsed;

mod configure;
mod exec;
mod help;
mod reference;
mod show;
pub mod sources;

pub use help::help_of;
pub use reference::reference;

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// How it is typed; the language is that of [`crate::syntax::sequences`].
    pub syntax: &'static str,
    /// Where it can be typed.
    pub place: Place,
    /// Which platforms have it.
    pub only: Only,
    /// Who may use it.
    pub role: Role,
    /// What `?` and the documents say of it.
    pub help: &'static str,
    /// What it does.
    pub run: Run,
}

/// Where a command can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In every mode.
    Anywhere,
    /// At the exec prompt, and below it in configuration modes.
    Exec,
    /// In configuration mode.
    Config,
    /// Under `interface`.
    Interface,
    /// Under `vrf context`.
    Vrf,
    /// Under `callhome`.
    Callhome,
    /// Under `line`.
    Line,
}

/// Which platforms have a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Only {
    /// All.
    Everywhere,
    /// Those with enforced licences.
    Enforced,
}

/// Roles of NX-OS users, by what they may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `network-operator`: look, but change nothing.
    Operator,
    /// `network-admin`: everything.
    #[default]
    Admin,
}

/// What a command does.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Something that is no configuration.
    Exec(fn(&mut Exec<'_, '_>, &Parsed) -> Outcome),
    /// A change of the configuration; has a `no` form.
    Config(fn(&mut Configure<'_>, &Parsed) -> Outcome),
    /// Entry into a part of the configuration; has no `no` form.
    Enter(fn(&mut Configure<'_>, &Parsed) -> Outcome),
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        (self.syntax, self.place) == (other.syntax, other.place)
    }
}

impl Eq for Row {}

impl Row {
    /// Whether the command has a `no` form.
    #[must_use]
    pub const fn has_no(&self) -> bool {
        matches!(self.run, Run::Config(_))
    }

    /// Whether `profile` has the command.
    #[must_use]
    pub const fn is_on(&self, profile: &Profile) -> bool {
        match self.only {
            Only::Everywhere => true,
            Only::Enforced => profile.has_enforced,
        }
    }

    const fn exec(
        syntax: &'static str,
        help: &'static str,
        run: fn(&mut Exec<'_, '_>, &Parsed) -> Outcome,
    ) -> Self {
        let (only, role) = (Only::Everywhere, Role::Admin);
        Self { syntax, place: Place::Exec, only, role, help, run: Run::Exec(run) }
    }

    const fn show(
        syntax: &'static str,
        help: &'static str,
        run: fn(&mut Exec<'_, '_>, &Parsed) -> Outcome,
    ) -> Self {
        Self { role: Role::Operator, ..Self::exec(syntax, help, run) }
    }

    const fn config(
        syntax: &'static str,
        help: &'static str,
        run: fn(&mut Configure<'_>, &Parsed) -> Outcome,
    ) -> Self {
        let (only, role) = (Only::Everywhere, Role::Admin);
        Self { syntax, place: Place::Config, only, role, help, run: Run::Config(run) }
    }

    const fn enter(
        syntax: &'static str,
        help: &'static str,
        run: fn(&mut Configure<'_>, &Parsed) -> Outcome,
    ) -> Self {
        Self { run: Run::Enter(run), ..Self::config(syntax, help, run) }
    }

    const fn under(self, place: Place) -> Self {
        Self { place, ..self }
    }

    const fn enforced(self) -> Self {
        Self { only: Only::Enforced, ..self }
    }
}

/// All commands.
pub fn rows() -> impl Iterator<Item = &'static Row> + Clone {
    exec::ROWS.iter().chain(show::ROWS).chain(configure::ROWS)
}

#[cfg(test)]
mod tests;
