//! The line editor: keys of a switch's console on top of reedline.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use reedline::{
    EditCommand, Emacs, ExternalPrinter, FileBackedHistory, KeyCode, KeyModifiers, Reedline, ReedlineEvent,
    Signal, default_emacs_keybindings,
};

use super::link::Link;
use super::prompt::SwitchPrompt;

/// Lines that are remembered. In memory alone: id tokens are among them.
const HISTORY: usize = 1000;
/// Log lines that wait while a command runs or a page is read; more wait on their way.
const WAITING: usize = 256;
/// Ctrl-Z, behind the line that it ends.
const CTRL_Z: char = '\u{1a}';

const HELP: &str = "help";
const COMPLETE: &str = "complete";
const LEAVE: &str = "leave";

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Typed a line.
    Line(String),
    /// Pressed `?` behind this.
    Help(String),
    /// Pressed Tab behind this.
    Complete(String),
    /// Pressed Ctrl-C.
    Interrupted,
    /// Pressed Ctrl-D.
    End,
}

/// A terminal that lines are typed on.
pub(super) struct Editor {
    reedline: Reedline,
    prompt: SwitchPrompt,
}

impl Editor {
    /// Log lines of `link` appear above its prompt.
    pub(super) fn new(link: &mut Link) -> Self {
        let mut keys = default_emacs_keybindings();
        let own = |name: &str| ReedlineEvent::ExecuteHostCommand(name.into());
        keys.add_binding(KeyModifiers::NONE, KeyCode::Char('?'), own(HELP));
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::Char('?'), own(HELP));
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, own(COMPLETE));
        keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('z'), own(LEAVE));
        let printer = ExternalPrinter::new(WAITING);
        if let Some(log) = link.log() {
            let to = printer.sender();
            thread::spawn(move || forward(&log, &to));
        }
        let mut reedline = Reedline::create()
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_external_printer(printer)
            .with_ansi_colors(false);
        if let Ok(history) = FileBackedHistory::new(HISTORY) {
            reedline = reedline.with_history(Box::new(history));
        }
        Self { reedline, prompt: SwitchPrompt::default() }
    }

    /// Sets the prompt.
    pub(super) fn prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.prompt.0);
    }

    /// Adds to the line at the cursor.
    pub(super) fn insert(&mut self, text: String) {
        self.reedline.run_edit_commands(&[EditCommand::InsertString(text)]);
    }

    /// Waits for what the person does.
    pub(super) fn read(&mut self) -> io::Result<Event> {
        loop {
            let signal = self.reedline.read_line(&self.prompt).map_err(io::Error::other)?;
            return Ok(match signal {
                Signal::Success(line) => Event::Line(line),
                Signal::HostCommand(name) if name == HELP => Event::Help(self.before_cursor()),
                Signal::HostCommand(name) if name == COMPLETE => Event::Complete(self.before_cursor()),
                Signal::HostCommand(_) => Event::Line(self.take_line()),
                Signal::CtrlC => Event::Interrupted,
                Signal::CtrlD => Event::End,
                // Nobody breaks from outside, and later versions may add more.
                _ => continue,
            });
        }
    }

    fn before_cursor(&self) -> String {
        let line = self.reedline.current_buffer_contents();
        line.get(..self.reedline.current_insertion_point()).unwrap_or(line).to_owned()
    }

    /// The line with Ctrl-Z behind it; the editor is empty then.
    fn take_line(&mut self) -> String {
        let mut line = self.reedline.current_buffer_contents().to_owned();
        self.reedline.run_edit_commands(&[EditCommand::Clear]);
        line.push(CTRL_Z);
        line
    }
}

/// Waits where the terminal is behind.
fn forward(log: &Receiver<String>, to: &SyncSender<String>) {
    while let Ok(line) = log.recv() {
        if to.send(line).is_err() {
            return;
        }
    }
}
