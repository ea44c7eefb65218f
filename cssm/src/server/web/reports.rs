//! RUM reports: where each stands, what is in it, and files of usage data that people bring.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};
use serde::Deserialize;
use slpsim_agent::ReportId;
use slpsim_policy::Wall;

use super::layout::{
    self, PER_PAGE, Part, Trouble, Visit, cell, choice, encoded, facts, file_form, number, table, text,
    time_words,
};
use super::posted::{Brought, Posted};
use super::{Web, Wish, again, texts, wish};
use crate::fault::is_called;
use crate::peer::Role;
use crate::records::ReportRecord;
use crate::server::bundle::{Handover, Taken};
use crate::server::manage::files::{attachment, take};
use crate::server::payloads::Verdict;
use crate::server::rest::accounts::display_name;

/// Files whose answers are kept.
const FILES: usize = 50;
/// Bytes of all of them.
const BYTES: usize = 64_000_000;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/reports", get(list))
        .route("/reports/upload", post(upload))
        .route("/reports/files/{number}", get(file))
        .route("/reports/{device}/{id}", get(one))
        .layer(DefaultBodyLimit::disable())
}

/// Answers to files that were brought, for their download.
#[derive(Default)]
pub(super) struct Files(Mutex<(u64, VecDeque<Answered>)>);

/// One of them.
#[derive(Clone)]
struct Answered {
    number: u64,
    at: Wall,
    name: String,
    handover: Arc<Handover>,
}

impl Files {
    fn keep(&self, at: Wall, name: String, handover: Handover) {
        let (made, files) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *made += 1;
        files.push_front(Answered { number: *made, at, name, handover: Arc::new(handover) });
        let bytes =
            |files: &VecDeque<Answered>| files.iter().map(|file| file.handover.bytes.len()).sum::<usize>();
        while files.len() > FILES || (files.len() > 1 && bytes(files) > BYTES) {
            files.pop_back();
        }
    }

    fn all(&self) -> Vec<Answered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }
}

/// Which reports are shown.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    device: String,
    page: Option<usize>,
}

async fn list(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    asked: Wish<Asked>,
) -> Result<Response, Trouble> {
    let asked = wish(asked);
    page(&web, &visit, &asked)
}

fn page(web: &Web, visit: &Visit, asked: &Asked) -> Result<Response, Trouble> {
    let device = asked.device.trim();
    let (part, rows) = web.shared.read(|cssm| {
        let fits = |report: &&ReportRecord| device.is_empty() || is_called(device, &report.udi);
        let all: Vec<&ReportRecord> = cssm.store().reports().filter(fits).collect();
        let part = Part::of(asked.page, all.len());
        let rows = all.into_iter().rev().skip(part.skipped()).take(PER_PAGE).map(row);
        (part, rows.collect::<Vec<_>>())
    });
    let columns = ["Report", "Product Instance", "License", "From", "To", "Count", "Received", "State"];
    let body = html! {
        h1 { "Reports" }
        @if visit.role == Role::Cssm { (files(web, visit)) }
        h2 { "RUM reports" }
        form.row method="get" action="/reports" {
            (layout::field("Product Instance: UDI or serial number", "device", device, "search"))
            button { "Show" }
        }
        (table("RUM reports, newest first", &columns, &rows, "No report has arrived."))
        (part.links(&format!("/reports?device={}", encoded(device))))
    };
    Ok(layout::page(visit, "Reports", "/reports", &body))
}

fn row(report: &ReportRecord) -> Markup {
    let udi = report.udi.in_show().to_string();
    let link = format!("/reports/{}/{}", encoded(&udi), report.id.0);
    html! {
        (cell("Report", &html! { a href=(link) { (report.id.0) } }))
        (text("Product Instance", &udi))
        (text("License", display_name(&report.tag)))
        (text("From", &time_words(report.start)))
        (text("To", &time_words(report.end)))
        (number("Count", report.peak))
        (text("Received", &time_words(report.received)))
        (cell("State", &state(report)))
    }
}

/// Where a report stands.
fn state(report: &ReportRecord) -> Markup {
    html! {
        @match (report.broken, &report.held, report.answered) {
            (Some(rule), _, _) => span.bad-word { "rejected: " (rule.text()) },
            (None, Some(held), _) => span.warn { @if held.upload.is_some() { "uploaded to CSSM, no ACK yet" } @else { "waits for CSSM" } },
            (None, None, true) => span.good { "acknowledged" },
            (None, None, false) => "received, ACK not fetched yet",
        }
    }
}

/// Usage data that is brought as a file, and the answers.
fn files(web: &Web, visit: &Visit) -> Markup {
    let names: Vec<(String, String)> = web.shared.read(|cssm| {
        let accounts = cssm.store().accounts().iter().enumerate();
        accounts.map(|(at, account)| (at.to_string(), account.names.r#virtual.clone())).collect()
    });
    let rows: Vec<Markup> = web
        .files
        .all()
        .iter()
        .map(|answered| {
            let link = format!("/reports/files/{}", answered.number);
            html! {
                (text("Usage data file", &answered.name))
                (text("Uploaded", &time_words(answered.at)))
                (cell("ACK", &html! { a href=(link) { "Download ACK" span.hint { " " (answered.handover.name) } } }))
            }
        })
        .collect();
    let fields = html! {
        label.field { span { "Usage data: a file of " code { "license smart save usage" } ", or a bundle of a CSLU" } input type="file" name="file" required; }
        (choice("For Virtual Account", "account", "0", names.iter().map(|(at, name)| (at.as_str(), name.as_str()))))
        button.main { "Upload Usage Data" }
    };
    html! {
        h2 { "Usage Data Files" }
        p.hint { "Task " em { "Uploading Usage Data to CSSM and Downloading an ACK" } ". The ACK goes to the switch (" code { "license smart import" } "), or to the CSLU (" em { "Upload From Cisco" } ")." }
        (file_form(visit, "/reports/upload", &fields))
        (table("Files that were uploaded, newest first", &["Usage data file", "Uploaded", "ACK"], &rows, "No file was uploaded since this mock was started."))
    }
}

/// Refused members of a bundle that are told one by one.
const SAID: usize = 20;

async fn upload(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    let account = posted.get("account").to_owned();
    match taken(&web, &account, posted.file).await {
        Ok((name, Taken::Answered { answer, refused })) => {
            let mut said = format!("{name} was taken. Its ACK is ready: {}.", answer.name);
            for refused in refused.iter().take(SAID) {
                said.push_str(&format!(" Not taken: {refused}."));
            }
            if refused.len() > SAID {
                said.push_str(&format!(" Neither are {} more.", refused.len() - SAID));
            }
            web.files.keep(web.shared.now(), name, answer);
            web.done(&visit, "/reports", said)
        }
        Ok((name, Taken::Brought { .. })) => web.done(&visit, "/reports", format!("{name} was taken.")),
        Err(trouble) => again(visit, trouble, |visit| page(&web, visit, &Asked::default())),
    }
}

/// Hands a file over to the mock: its name, and what became of it.
pub(super) async fn taken(
    web: &Web,
    account: &str,
    file: Option<Brought>,
) -> Result<(String, Taken), Trouble> {
    let file = file.ok_or_else(|| Trouble::wrong("No file was chosen."))?;
    let account = if account.is_empty() { None } else { Some(web.account(account)?.0) };
    let taken = take(&web.shared, &file.name, file.bytes, account).await?;
    Ok((file.name, taken))
}

async fn file(State(web): State<Arc<Web>>, Path(number): Path<String>) -> Result<Response, Trouble> {
    let number: Option<u64> = number.parse().ok();
    let found = web.files.all().into_iter().find(|file| Some(file.number) == number);
    let file = found
        .ok_or_else(|| Trouble::not_found("This file is not kept any more; upload the usage data again."))?;
    Ok(attachment((*file.handover).clone()))
}

async fn one(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path((device, id)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let id: Option<ReportId> = id.parse().ok().map(ReportId);
    let found = web.shared.read(|cssm| {
        let udi = crate::fault::udi_of(&device)?;
        cssm.store().report(&udi, id?).cloned()
    });
    let report = found.ok_or_else(|| Trouble::not_found("There is no such report."))?;
    let seen = web.shared.payloads.get(&report.udi, report.id);
    let verdict = seen.as_ref().map(|seen| seen.verdict);
    let held = report.held.as_ref().map(|held| held.envelope.to_string());
    let payload = seen.map(|seen| seen.envelope.to_string()).or(held);
    let udi = report.udi.in_show().to_string();
    let title = format!("Report {}", report.id.0);
    let body = html! {
        h1 { (title) }
        (facts([
            ("Product Instance", html! { a href=(format!("/product-instances/{}", encoded(&udi))) { (udi) } }),
            ("License", html! { (report.tag) }),
            ("From", html! { (time_words(report.start)) }),
            ("To", html! { (time_words(report.end)) }),
            ("Highest count", html! { (report.peak) }),
            ("Received", html! { (time_words(report.received)) ", " (report.times) " times in all" }),
            ("State", state(&report)),
            ("Signature", verdict_words(verdict)),
        ]))
        h2 { "Payload" }
        @match payload {
            Some(payload) => (texts::shown("Payload", &payload)),
            None => p.dim { "Its bytes are not kept any more; above is what was read from them." },
        }
    };
    Ok(layout::page(&visit, &title, "/reports", &body))
}

/// What verification of the report's own signature said (`spec/formats.md` §13).
fn verdict_words(verdict: Option<Verdict>) -> Markup {
    html! {
        @match verdict {
            Some(Verdict::Valid) => span.good { "verified" },
            Some(Verdict::Missing) => span.warn { "not signed" },
            Some(Verdict::Wrong) => span.bad-word { "does not verify" },
            Some(Verdict::Unverifiable) => "cannot be verified here: the key is not known",
            None => span.dim { "not known any more" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_up_to_a_limit_the_newest_first() {
        let files = Files::default();
        for n in 0..FILES + 5 {
            files.keep(Wall(0), format!("f{n}"), Handover { name: "ACK".into(), bytes: vec![0; 10] });
        }
        assert_eq!((files.all().len(), files.all()[0].name.as_str()), (FILES, "f54"));
        files.keep(Wall(0), "large".into(), Handover { name: "ACK".into(), bytes: vec![0; BYTES] });
        assert_eq!(files.all().len(), 1);
    }
}
