//! Commands that write or read files. The driver has the files and says how it went.

use alloc::string::ToString;

use crate::device::{Effect, SaveUsage};
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

pub(crate) fn save_usage(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let which = match (parsed.number("days"), parsed.number("id")) {
        (Some(days), _) => SaveUsage::Days(days),
        (None, Some(id)) => SaveUsage::Report(id),
        (None, None) if parsed.has("unreported") => SaveUsage::Unreported,
        (None, None) => SaveUsage::All,
    };
    cx.effects.push(Effect::SaveUsage { which, path: path(parsed) });
    Ok(())
}

pub(crate) fn save_trust(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.effects.push(Effect::SaveTrustRequest { path: path(parsed) });
    Ok(())
}

pub(crate) fn import(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.effects.push(Effect::Import { path: path(parsed) });
    Ok(())
}

fn path(parsed: &Parsed) -> alloc::string::String {
    parsed.arg("path").unwrap_or_default().to_string()
}
