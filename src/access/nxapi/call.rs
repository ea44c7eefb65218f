//! What is asked for, whatever the encoding.

/// A request of the `ins_api` encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// `type`, as written.
    pub(super) kind: String,
    /// The commands, in order.
    pub(super) commands: Vec<String>,
    /// The answer is wanted in XML.
    pub(super) xml: bool,
}

/// How commands are run and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `cli_show`: the structured form.
    Show,
    /// `cli_show_ascii`: the text.
    Text,
    /// `cli_conf`: configuration commands.
    Conf,
}

impl Kind {
    /// What a word of `type` means.
    pub(super) fn by_word(word: &str) -> Option<Self> {
        match word {
            "cli_show" | "cli_show_array" => Some(Self::Show),
            "cli_show_ascii" | "cli_ascii" => Some(Self::Text),
            "cli_conf" => Some(Self::Conf),
            _ => None,
        }
    }
}

/// The commands of `input`: `;` separates them.
pub(super) fn commands(input: &str, most: usize) -> Result<Vec<String>, String> {
    let commands: Vec<_> = slpsim_console::commands(input).take(most + 1).map(str::to_owned).collect();
    if commands.len() > most {
        return Err(format!("a request has at most {most} commands"));
    }
    if commands.is_empty() {
        return Err("no command given".to_owned());
    }
    Ok(commands)
}
