//! Commands that ask before they act. The question is the prompt of the reply, and the next line is the answer.

use alloc::vec::Vec;

use super::Reply;
use crate::device::Effect;

/// What a session wants to know before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// `reload`.
    Reload,
    /// `write erase`.
    Erase,
}

impl Question {
    /// As it is printed; no line end follows.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Reload => "This command will reboot the system. (y/n)?  [n] ",
            Self::Erase => "Do you wish to proceed anyway? (y/n)  [n] ",
        }
    }

    /// What is done when the answer is yes.
    pub(crate) fn effect(self) -> Effect {
        match self {
            Self::Reload => Effect::Reload,
            Self::Erase => Effect::EraseStartup,
        }
    }

    /// Anything but `y` and `yes` is no.
    pub(crate) fn answered(self, line: &str) -> Reply {
        let yes = matches!(line.trim(), "y" | "Y" | "yes" | "Yes" | "YES");
        let effects = if yes { Vec::from([self.effect()]) } else { Vec::new() };
        Reply { closed: yes && self == Self::Reload, effects, ..Reply::default() }
    }
}
