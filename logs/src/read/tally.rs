//! Lines of a log, counted by what they are.

use std::collections::BTreeMap;

use super::{Read, ReadError, Said, is_licensing};

/// What the lines of a log are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Licensing lines that are as the catalogue has them.
    pub fit: u64,
    /// Licensing lines that are not.
    pub misfit: u64,
    /// `last message repeated N times`.
    pub repeats: u64,
    /// Lines of other features, and whatever else there is.
    pub other: u64,
    /// Lines that fit, by form.
    pub forms: BTreeMap<&'static str, u64>,
    /// Lines that fit, by mnemonic on NX-OS.
    pub messages: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Takes a line and what [`super::read`] says of it; the reason, where it is a licensing line that does not fit.
    pub fn take<'e>(&mut self, line: &[u8], read: &'e Result<Read<'_>, ReadError>) -> Option<&'e ReadError> {
        match read {
            Ok(Read { form, said: Said::Message(message), .. }) => {
                self.fit += 1;
                *self.forms.entry(form.word()).or_default() += 1;
                *self.messages.entry(message.row().mnemonic()).or_default() += 1;
            }
            Ok(Read { said: Said::Repeat, .. }) => self.repeats += 1,
            Err(reason) if is_licensing(line) => {
                self.misfit += 1;
                return Some(reason);
            }
            Ok(Read { said: Said::Other, .. }) | Err(_) => self.other += 1,
        }
        None
    }
}
