//! The line editor: reedline with the keys and the history of a switch's console.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use reedline::{
    EditCommand, EditMode, Emacs, ExternalPrinter, FileBackedHistory, HistoryItem, Reedline, ReedlineEvent,
    Signal,
};

use super::CTRL_Z;
use super::keys::{COMPLETE, HELP, Held, Keys, emacs};
use super::link::Link;
use super::prompt::SwitchPrompt;
use super::screen::{self, Raw};

/// Lines that are remembered. In memory alone: id tokens are among them.
const HISTORY: usize = 1000;
/// Log lines that wait while a command runs or a page is read; more wait on their way.
const WAITING: usize = 256;

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
    /// For keys that were typed ahead.
    keys: Emacs,
    held: Held,
}

impl Editor {
    /// Log lines of `link` appear above its prompt.
    pub(super) fn new(link: &mut Link) -> Self {
        let printer = ExternalPrinter::new(WAITING);
        if let Some(log) = link.log() {
            let to = printer.sender();
            thread::spawn(move || forward(&log, &to));
        }
        let held = Held::default();
        let mut reedline = Reedline::create()
            .with_edit_mode(Box::new(Keys::new(held.clone())))
            .with_external_printer(printer)
            .with_ansi_colors(false);
        if let Ok(history) = FileBackedHistory::new(HISTORY) {
            reedline = reedline.with_history(Box::new(history));
        }
        Self { reedline, prompt: SwitchPrompt::default(), keys: emacs(), held }
    }

    /// Sets the prompt.
    pub(super) fn prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.prompt.0);
    }

    /// Adds to the line at the cursor.
    pub(super) fn insert(&mut self, text: String) {
        self.edit(EditCommand::InsertString(text));
    }

    /// The prompt and the line, as they stand on the screen. A key that came in one go with others is done before the
    /// screen shows them, so what is printed below begins with this over the old line.
    pub(super) fn shown(&self) -> String {
        format!("\r{}{}", self.prompt.0, self.reedline.current_buffer_contents())
    }

    /// Waits for what the person does.
    #[expect(clippy::wildcard_enum_match_arm, reason = "reedline may add signals")]
    pub(super) fn read(&mut self) -> io::Result<Event> {
        while let Some(key) = self.held.next() {
            let meant = self.keys.parse_event(key);
            if let Some(event) = self.typed_ahead(meant)? {
                return Ok(event);
            }
        }
        loop {
            let signal = self.reedline.read_line(&self.prompt).map_err(io::Error::other)?;
            Raw::again()?;
            match signal {
                Signal::Success(line) => return Ok(Event::Line(line)),
                Signal::HostCommand(name) => return Ok(self.own(&name)),
                Signal::CtrlC => return Ok(Event::Interrupted),
                Signal::CtrlD => return Ok(Event::End),
                // Nobody breaks from outside, and later versions may add more.
                _ => {}
            }
        }
    }

    /// What a key does that was typed while another one was being done.
    #[expect(clippy::wildcard_enum_match_arm, reason = "reedline has sixty events, and few are typed ahead")]
    fn typed_ahead(&mut self, meant: ReedlineEvent) -> io::Result<Option<Event>> {
        match meant {
            ReedlineEvent::Edit(commands) => {
                self.reedline.run_edit_commands(&commands);
                Ok(None)
            }
            ReedlineEvent::ExecuteHostCommand(name) => Ok(Some(self.own(&name))),
            ReedlineEvent::Enter | ReedlineEvent::Submit => {
                screen::print(&(self.shown() + "\n")).map_err(io::Error::other)?;
                let line = self.take_line();
                if !line.is_empty() {
                    // A line that cannot be remembered is run nevertheless.
                    let _ = self.reedline.history_mut().save(HistoryItem::from_command_line(&line));
                }
                Ok(Some(Event::Line(line)))
            }
            ReedlineEvent::CtrlC => {
                self.edit(EditCommand::Clear);
                Ok(Some(Event::Interrupted))
            }
            ReedlineEvent::CtrlD if self.reedline.current_buffer_contents().is_empty() => {
                Ok(Some(Event::End))
            }
            // What moves through history or the screen needs a person who looks at it.
            _ => Ok(None),
        }
    }

    fn own(&mut self, name: &str) -> Event {
        match name {
            HELP => Event::Help(self.before_cursor()),
            COMPLETE => Event::Complete(self.before_cursor()),
            _ => {
                let mut line = self.take_line();
                line.push(CTRL_Z);
                Event::Line(line)
            }
        }
    }

    fn before_cursor(&self) -> String {
        let line = self.reedline.current_buffer_contents();
        line.get(..self.reedline.current_insertion_point()).unwrap_or(line).to_owned()
    }

    /// The line; the editor is empty then.
    fn take_line(&mut self) -> String {
        let line = self.reedline.current_buffer_contents().to_owned();
        self.edit(EditCommand::Clear);
        line
    }

    fn edit(&mut self, command: EditCommand) {
        self.reedline.run_edit_commands(&[command]);
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
