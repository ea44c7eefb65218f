//! `slpsim config`: files checked, and every key explained.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};
use slpsim_config::keys::SECTIONS;

use super::options::{OutputForm, WorldOptions};
use super::output;
use crate::error::one_line;

/// Says whether a file is good. What is wrong goes to standard error, a line by problem; as JSON to standard output too.
pub(super) fn check(file: PathBuf, set: Vec<String>, form: OutputForm) -> Result<ExitCode> {
    let shown = file.display().to_string();
    let world = WorldOptions { config: Some(file), set, ..WorldOptions::default() };
    let config = match (world.load(""), form) {
        (Ok(config), _) => config,
        (Err(error), OutputForm::Text) => return Err(error),
        (Err(error), OutputForm::Json) => {
            let text = one_line(&error);
            let problems: Vec<_> = text.lines().collect();
            output::print(&format!("{}\n", json!({ "file": shown, "good": false, "problems": problems })))?;
            return Err(error);
        }
    };
    let (devices, mock) = (config.devices.len(), config.mock.is_some());
    output::print(&match form {
        OutputForm::Text => {
            let plural = if devices == 1 { "" } else { "s" };
            let with = if mock { "with" } else { "without" };
            format!("{shown}: good ({devices} device{plural}, {with} a mock)\n")
        }
        OutputForm::Json => {
            format!("{}\n", json!({ "file": shown, "good": true, "devices": devices, "mock": mock }))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints every key.
pub(super) fn reference(form: OutputForm) -> Result<ExitCode> {
    match form {
        OutputForm::Text => output::print(&slpsim_config::reference())?,
        OutputForm::Json => output::print(&format!("{:#}\n", reference_json()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn reference_json() -> Value {
    let keys = SECTIONS.iter().flat_map(|section| {
        section.keys.iter().map(|key| {
            json!({
                "table": section.path,
                "key": key.name,
                "type": key.kind.words(),
                "unit": key.kind.unit(),
                "default": key.default,
                "meaning": key.meaning,
            })
        })
    });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_for_programs_has_each_key_once() {
        let Value::Array(keys) = reference_json() else { panic!("a list") };
        assert_eq!(keys.len(), SECTIONS.iter().map(|section| section.keys.len()).sum::<usize>());
        let interval = keys.iter().find(|key| key["key"] == "usage-interval").unwrap();
        assert_eq!((&interval["table"], &interval["unit"]), (&json!("device"), &json!("days")));
    }
}
