//! Commands that ask a running daemon.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;

use super::options::OutputForm;
use super::{AdvanceArgs, EventArgs, ExecArgs, output};
use crate::control::{Answer, Request, call};
use crate::error::user_error;

pub(super) async fn exec(args: ExecArgs, form: OutputForm) -> Result<ExitCode> {
    let request = Request::Exec { device: args.device, lines: split_lines(&args.lines) };
    match call(&args.remote.socket()?, &request).await? {
        Answer::Exec { text, error } => {
            match form {
                OutputForm::Text => output::print(&text)?,
                OutputForm::Json => output::print(&format!("{}\n", json!({ "text": text, "error": error })))?,
            }
            Ok(ExitCode::from(u8::from(error)))
        }
        Answer::Refused { why } => Err(user_error(why)),
        Answer::Advance { .. } | Answer::Event { .. } | Answer::Status(_) => bail!(MISUNDERSTOOD),
    }
}

pub(super) async fn advance(args: AdvanceArgs, form: OutputForm) -> Result<ExitCode> {
    let request = Request::Advance { ms: u64::try_from(args.span.as_millis())? };
    match call(&args.remote.socket()?, &request).await? {
        Answer::Advance { now } => {
            match form {
                OutputForm::Text => output::print(&format!("{now}\n"))?,
                OutputForm::Json => output::print(&format!("{}\n", json!({ "now": now })))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Answer::Refused { why } => Err(user_error(why)),
        Answer::Exec { .. } | Answer::Event { .. } | Answer::Status(_) => bail!(MISUNDERSTOOD),
    }
}

pub(super) async fn event(args: EventArgs, form: OutputForm) -> Result<ExitCode> {
    let request = Request::Event { device: args.device, event: args.event };
    match call(&args.remote.socket()?, &request).await? {
        Answer::Event { units } => {
            match form {
                OutputForm::Text => units.iter().try_for_each(|unit| output::print(&format!("{unit}\n")))?,
                OutputForm::Json => output::print(&format!("{}\n", json!({ "units": units })))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Answer::Refused { why } => Err(user_error(why)),
        Answer::Exec { .. } | Answer::Advance { .. } | Answer::Status(_) => bail!(MISUNDERSTOOD),
    }
}

/// The daemon speaks another protocol.
const MISUNDERSTOOD: &str = "the daemon answered something else than was asked: is it of another version?";

/// `;` and newlines separate lines, as on a switch. A `;` inside double quotes does not.
fn split_lines(arguments: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for argument in arguments {
        let mut quoted = false;
        let parts = argument.split(|c: char| {
            quoted ^= c == '"';
            c == '\n' || (c == ';' && !quoted)
        });
        lines.extend(parts.map(str::trim).filter(|line| !line.is_empty()).map(String::from));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_and_newlines_separate_lines_and_quotes_protect() {
        let lines =
            |arguments: &[&str]| split_lines(&arguments.iter().map(|a| (*a).into()).collect::<Vec<_>>());
        assert_eq!(
            lines(&["conf t ; license smart url x", "end\nshow clock\n"]),
            ["conf t", "license smart url x", "end", "show clock"]
        );
        assert_eq!(lines(&["banner \"a;b\""]), ["banner \"a;b\""]);
        assert!(lines(&[" ; "]).is_empty());
    }
}
