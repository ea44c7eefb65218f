//! Who is to blame decides the exit code.

use std::process::ExitCode;

/// The user's input is wrong: usage, configuration, environment that only the user can mend. Exit code 2.
///
/// Carried inside [`anyhow::Error`]; [`exit_code`] finds it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UserError(pub String);

/// A [`UserError`] as an [`anyhow::Error`].
pub fn user_error(line: impl Into<String>) -> anyhow::Error {
    UserError(line.into()).into()
}

/// Turns any error into one that blames the user's input.
pub trait BlameUser<T> {
    /// The same error with exit code 2.
    ///
    /// # Errors
    /// The error of `self`.
    fn blame_user(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> BlameUser<T> for Result<T, E> {
    fn blame_user(self) -> anyhow::Result<T> {
        self.map_err(|error| user_error(one_line(&error.into())))
    }
}

/// An error with its causes: one line, or one line by problem of a file. A cause that the text before it ends with
/// already, as in `cannot read x: not found: not found`, is said once.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

/// 2 where the user's input is wrong, else 1.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let user = error.chain().any(|cause| cause.is::<UserError>());
    ExitCode::from(if user { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_that_is_said_already_is_not_said_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open /dev/log: {0}")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("not found"));
        assert_eq!(
            one_line(&anyhow::Error::from(error).context("log sink")),
            "log sink: cannot open /dev/log: not found"
        );
        assert_eq!(one_line(&anyhow::anyhow!("found").context("not")), "not: found");
    }

    #[test]
    fn blame_survives_added_context() {
        let blamed: anyhow::Result<()> = Err(user_error("bad URL"));
        let error = blamed.context("slpsim.toml").unwrap_err();
        assert_eq!(format!("{:?}", exit_code(&error)), format!("{:?}", ExitCode::from(2)));
        assert_eq!(one_line(&error), "slpsim.toml: bad URL");
        let own = anyhow::anyhow!("ours");
        assert_eq!(format!("{:?}", exit_code(&own)), format!("{:?}", ExitCode::from(1)));
    }
}
