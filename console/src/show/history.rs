//! `show license history message`, `show license eventlog` (`spec/formats.md` §14, §15).

use super::time;
use crate::calendar::event_time;
use crate::device::Device;
use crate::document::Document;
use crate::history::{Conversation, Exchanged, ImportKind, Logged, event_text};
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

const UNDERLINE: usize = 52;

pub(crate) fn messages(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    doc.heading("Message History (oldest to newest):", UNDERLINE);
    for conversation in Conversation::ALL {
        let mut all = device.history.exchanged(conversation).peekable();
        doc.section(conversation.name(), 2, |doc| {
            if all.peek().is_none() {
                doc.text("No past history");
            }
            all.for_each(|exchanged| exchange(doc, device, exchanged));
        });
    }
    doc.blank();
    doc.heading("Import Message History (oldest to newest):", UNDERLINE);
    for (at, kind) in ImportKind::ALL.into_iter().enumerate() {
        if at > 0 {
            doc.blank();
        }
        let mut all = device.history.imported(kind).peekable();
        doc.section(kind.name(), 2, |doc| {
            if all.peek().is_none() {
                doc.text("No past Import history");
            }
            for imported in all {
                let at = time(device, imported.at);
                match &imported.refused {
                    None => message(doc, "Imported", &at, &imported.text),
                    Some(why) => message(doc, "Refused", &alloc::format!("{at}: {why}"), &imported.text),
                }
            }
        });
    }
    Ok(())
}

fn exchange(doc: &mut Document, device: &Device<'_>, exchanged: &Exchanged) {
    message(doc, "Sent request", &time(device, exchanged.sent), &exchanged.request);
    if let Some((at, text)) = &exchanged.received {
        message(doc, "Received response", &time(device, *at), text);
    }
}

/// A text of several lines (XML of a file) keeps its indentation under the heading.
fn message(doc: &mut Document, what: &str, at: &str, text: &str) {
    doc.text(format_args!("{what} on {at}"));
    doc.indented(2, |doc| text.lines().for_each(|line| doc.text(line)));
    doc.row("message", |doc| {
        doc.data("kind", what);
        doc.data("time", at);
        doc.data("text", text);
    });
}

/// The events of the last days, or all.
pub(crate) fn eventlog(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    let days: Option<u16> = parsed.number("days");
    let from = days.map(|days| device.now().plus_millis(-i64::from(days) * slpsim_policy::time::DAY_MS));
    doc.text("**** Event Log ****");
    doc.blank();
    let mut any = false;
    for Logged { at, event, .. } in
        device.events.entries().filter(|logged| from.is_none_or(|from| logged.at >= from))
    {
        any = true;
        let (stamp, text) = (event_time(*at, &device.config.zone), event_text(event, device.profile()));
        doc.text(format_args!("{stamp} {text}"));
        doc.row("event", |doc| {
            doc.data("time", alloc::string::ToString::to_string(&stamp));
            doc.data("event", text.as_str());
        });
    }
    if !any {
        doc.text(" No EventLog Found.");
    }
    Ok(())
}
