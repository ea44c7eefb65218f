//! The keys of a switch's console on top of those of Emacs.
//!
//! reedline takes what was typed in one go and forgets what came behind a key that ends its work on the line. So what
//! comes behind `?`, Tab or Ctrl-Z is held back, and done once that key is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use reedline::{
    EditMode, Emacs, KeyCode, KeyModifiers, PromptEditMode, ReedlineEvent, ReedlineRawEvent,
    default_emacs_keybindings,
};

/// `?`.
pub(super) const HELP: &str = "help";
/// Tab.
pub(super) const COMPLETE: &str = "complete";
/// Ctrl-Z.
pub(super) const LEAVE: &str = "leave";

/// What is held back, shared between the editor and its keys.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// A key of ours is being done.
    busy: bool,
    keys: VecDeque<ReedlineRawEvent>,
}

impl Held {
    /// The next key that was held back. Where there is none, keys are no longer held.
    pub(super) fn next(&self) -> Option<ReedlineRawEvent> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = state.keys.pop_front();
        state.busy = next.is_some();
        next
    }
}

/// The keys, as reedline asks for them.
pub(super) struct Keys {
    emacs: Emacs,
    held: Held,
}

impl Keys {
    pub(super) fn new(held: Held) -> Self {
        Self { emacs: emacs(), held }
    }
}

/// What a key means at a switch.
pub(super) fn emacs() -> Emacs {
    let mut keys = default_emacs_keybindings();
    let own = |name: &str| ReedlineEvent::ExecuteHostCommand(name.into());
    keys.add_binding(KeyModifiers::NONE, KeyCode::Char('?'), own(HELP));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::Char('?'), own(HELP));
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, own(COMPLETE));
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('z'), own(LEAVE));
    // What Return is to a terminal that is not in raw mode yet.
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('j'), ReedlineEvent::Enter);
    Emacs::new(keys)
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        let mut state = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy {
            state.keys.push_back(event);
            return ReedlineEvent::None;
        }
        let event = self.emacs.parse_event(event);
        // Both end reedline's work on the line, whatever it is doing.
        state.busy = matches!(event, ReedlineEvent::ExecuteHostCommand(_) | ReedlineEvent::CtrlC);
        event
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.emacs.edit_mode()
    }
}
