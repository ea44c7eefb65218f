//! `slpsim messages --check FILE`: a log held against the catalogue.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;
use slpsim_logs::read::{self, Tally};

use super::options::OutputForm;
use super::output;
use crate::error::BlameUser;

/// Longest line of a log that is looked at, in bytes; the rest of a longer one is another line.
const MAX_LINE: u64 = 1 << 20;
/// Lines that do not fit are listed up to this many in one JSON value; all are counted.
const MAX_LISTED: usize = 10_000;

/// Lines that do not fit go to standard output; as JSON all that was found, in one value.
pub(super) fn file(path: &Path, form: OutputForm) -> Result<ExitCode> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| path.display().to_string()).blame_user()?)
    };
    let mut misfits = Vec::new();
    let found = check(BufReader::with_capacity(1 << 16, source), |number, reason, line| match form {
        OutputForm::Text => output::print(&format!("{}:{number}: {reason}: {line}\n", path.display())),
        OutputForm::Json => {
            if misfits.len() < MAX_LISTED {
                misfits.push(json!({ "line": number, "reason": reason, "text": line }));
            }
            Ok(())
        }
    })
    .with_context(|| path.display().to_string())?;
    if form == OutputForm::Json {
        let found = json!({
            "fit": found.fit,
            "misfit": found.misfit,
            "repeats": found.repeats,
            "other": found.other,
            "forms": found.forms,
            "messages": found.messages,
            "misfits": misfits,
        });
        output::print(&format!("{found}\n"))?;
    }
    let forms: Vec<_> = found.forms.iter().map(|(form, lines)| format!("{lines} {form}")).collect();
    tracing::info!(
        "{} licensing lines ({}), {} do not fit; {} repeat lines, {} other lines",
        found.fit + found.misfit,
        if forms.is_empty() { "none read".into() } else { forms.join(", ") },
        found.misfit,
        found.repeats,
        found.other
    );
    if found.fit + found.misfit == 0 {
        tracing::warn!("no licensing line in {}: is that the log, and not compressed?", path.display());
    }
    Ok(ExitCode::from(u8::from(found.misfit > 0)))
}

/// Reads every line; those that neither can be read nor have a tag of the licensing agent belong to other features.
fn check(mut source: impl BufRead, mut misfit: impl FnMut(u64, &str, &str) -> Result<()>) -> Result<Tally> {
    let mut found = Tally::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.context("cannot read it").blame_user()? == 0 {
            break;
        }
        let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        let text = line.get(..end).unwrap_or_default();
        if let Some(reason) = found.take(text, &read::read(text)) {
            misfit(number, &reason.to_string(), &String::from_utf8_lossy(text))?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_log_is_held_against_the_catalogue() {
        let log = b"2026 Mar  2 10:00:00 switch %LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.\n\
            2026 Mar  2 10:00:01 switch %ETHPORT-5-IF_UP: Interface mgmt0 is up\n\
            <186>: 2026 Mar  2 10:00:02 UTC: %LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.\r\n\
            2026 Mar  2 10:00:03 switch last message repeated 2 times\n\
            \n\
            <190>1 2026-03-02T10:00:00Z leaf LICMGR - - - %LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was \xff\n\
            no newline at the end, %LICMGR-9-X: y";
        let mut misfits = Vec::new();
        let found = check(&log[..], |number, reason, line| {
            misfits.push((number, reason.to_owned(), line.to_owned()));
            Ok(())
        })
        .unwrap();
        assert_eq!((found.fit, found.misfit, found.repeats, found.other), (1, 3, 1, 2));
        assert_eq!(found.forms, BTreeMap::from([("logfile", 1)]));
        assert_eq!(found.messages, BTreeMap::from([("LOG_SMART_LIC_POLICY_REMOVED", 1)]));
        let reasons: Vec<_> = misfits.iter().map(|(number, reason, _)| (*number, reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (3, "PRI <186> says severity 2, the tag says 3"),
                (6, "the line is not UTF-8 from byte 121 on"),
                (7, "the line begins like none of the forms: <PRI>, a year, a month or {"),
            ]
        );
        assert!(misfits[0].2.ends_with("has been removed."));
    }
}
