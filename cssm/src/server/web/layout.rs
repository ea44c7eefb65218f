//! What all pages have in common: the frame, forms, tables that become cards on a phone, pages of long lists.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use slpsim_policy::Wall;
use time::OffsetDateTime;
use time::macros::format_description;

use super::access::Visitor;
use crate::cssm::ManageError;
use crate::peer::Role;
use crate::server::bundle::FileError;
use crate::server::manage::Refused;
use crate::server::store::Entered;

/// What a page knows of the request that asks for it.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// The browser's session.
    pub(super) session: String,
    /// The word that each form carries.
    pub(super) csrf: String,
    /// Who has logged in, where one must.
    pub(super) visitor: Option<Visitor>,
    /// The state of the store before anything was done; nothing where it was in trouble.
    pub(super) since: Option<Entered>,
    /// What was said at the end of the last form.
    pub(super) note: Option<String>,
    /// What is wrong with the form that was just sent.
    pub(super) trouble: Option<String>,
    /// What is shown may be a moment old: the database was busy with another mock.
    pub(super) is_behind: bool,
    /// What the mock plays.
    pub(super) role: Role,
    /// Whether there are switches in this process.
    pub(super) has_switches: bool,
}

/// What is answered where a page cannot be shown or a form not be taken: a status and a sentence for people.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) StatusCode, pub(super) String);

impl Trouble {
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, text.into())
    }

    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self(StatusCode::FORBIDDEN, text.into())
    }
}

/// Pages refuse with the words and the status of the management calls.
impl From<Refused> for Trouble {
    fn from(Refused(status, text): Refused) -> Self {
        Self(status, text)
    }
}

impl From<ManageError> for Trouble {
    fn from(error: ManageError) -> Self {
        Refused::from(error).into()
    }
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Refused::from(error).into()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let title = match self.0 {
            StatusCode::NOT_FOUND => "There is no such page or thing",
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "Not allowed",
            _ => "This was not done",
        };
        let body = html! {
            h1 { (title) }
            p.banner.bad role="alert" { (self.1) }
            p { a href="/" { "To the first page" } }
        };
        shown(self.0, &frame(title, None, &body))
    }
}

/// A page as an answer.
pub(super) fn shown(status: StatusCode, page: &Markup) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page.0.clone()).into_response()
}

/// A page within the frame, below what was said of the last form. `here` is the entry of the menu that it belongs to.
pub(super) fn page(visit: &Visit, title: &str, here: &str, body: &Markup) -> Response {
    let said = html! {
        @if let Some(note) = &visit.note { p.banner role="status" { (note) } }
        @if let Some(trouble) = &visit.trouble { p.banner.bad role="alert" { (trouble) } }
        @if visit.is_behind { p.banner.late role="status" { (BEHIND) } }
        (body)
    };
    let status = if visit.trouble.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    shown(status, &frame(title, Some((visit, here)), &said))
}

/// What is said where the records were not as new as the request.
const BEHIND: &str = "The database is busy with another mock, so what you see may be a moment old. Load the page again to see the rest.";

/// The menu: what each role has.
fn menu(visit: &Visit) -> Vec<(&'static str, &'static str)> {
    let mut menu = match visit.role {
        Role::Cssm => vec![("/accounts", "Accounts"), ("/inventory", "Inventory"), ("/reports", "Reports")],
        Role::Cslu => vec![("/cslu", "Product Instances"), ("/reports", "Reports")],
        Role::OnPrem => {
            vec![("/cslu", "Product Instances"), ("/accounts", "Accounts"), ("/reports", "Reports")]
        }
    };
    menu.extend([("/requests", "Requests"), ("/faults", "Faults"), ("/clock", "Clock")]);
    if visit.has_switches {
        menu.push(("/switches", "Switches"));
    }
    menu
}

/// What the mock is called on its pages.
const fn name(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Cssm => ("Smart Software Licensing", "mock CSSM"),
        Role::Cslu => ("Smart Licensing Utility", "mock CSLU"),
        Role::OnPrem => ("Smart Software Manager On-Prem", "mock SSM On-Prem"),
    }
}

fn frame(title: &str, within: Option<(&Visit, &str)>, body: &Markup) -> Markup {
    let (product, mock) = within.map_or(("slpsim", "mock"), |(visit, _)| name(visit.role));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (mock) " (slpsim)" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
                script src="/app.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                p.mock { strong { "This is a mock" } ", made by slpsim for rehearsals. It is not Cisco's, and nothing here reaches Cisco." }
                header.top {
                    p.name { (product) " " span { (mock) } }
                    @if let Some((visit, here)) = within {
                        nav aria-label="Pages" {
                            ul {
                                @for (path, word) in menu(visit) {
                                    li { a href=(path) aria-current=[(here == path).then_some("page")] { (word) } }
                                }
                                @if let Some(visitor) = &visit.visitor {
                                    li { (form(visit, "/logout", "inline", &html! { button { "Log out " (visitor.name) } })) }
                                }
                            }
                        }
                    }
                }
                main id="main" { (body) }
                footer { "slpsim " (env!("CARGO_PKG_VERSION")) " · a simulator; words such as CSSM and CSLU name what is simulated" }
            }
        }
    }
}

/// A form that carries the session's word.
pub(super) fn form(visit: &Visit, action: &str, class: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action=(action) class=[(!class.is_empty()).then_some(class)] {
            input type="hidden" name="csrf" value=(visit.csrf);
            (fields)
        }
    }
}

/// The same for a form with a file.
pub(super) fn file_form(visit: &Visit, action: &str, fields: &Markup) -> Markup {
    html! {
        form.row method="post" action=(action) enctype="multipart/form-data" {
            input type="hidden" name="csrf" value=(visit.csrf);
            (fields)
        }
    }
}

/// A text field with its label.
pub(super) fn field(label: &str, name: &str, value: &str, kind: &str) -> Markup {
    html! {
        label.field { span { (label) } input type=(kind) name=(name) value=(value); }
    }
}

/// A choice with its label: values and words.
pub(super) fn choice<'a>(
    label: &str,
    name: &str,
    chosen: &str,
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        label.field {
            span { (label) }
            select name=(name) {
                @for (value, word) in options { option value=(value) selected[value == chosen] { (word) } }
            }
        }
    }
}

/// A cell of a table; on a phone its label stands above it.
pub(super) fn cell(label: &str, content: &Markup) -> Markup {
    html! { td data-label=(label) { (content) } }
}

/// The same with plain text.
pub(super) fn text(label: &str, content: &str) -> Markup {
    html! { td data-label=(label) { (content) } }
}

/// The same with a number.
pub(super) fn number(label: &str, content: impl std::fmt::Display) -> Markup {
    html! { td.number data-label=(label) { (content.to_string()) } }
}

/// A table of rows that were made by [`cell`], [`text`] and [`number`] with the labels of `columns`.
pub(super) fn table(caption: &str, columns: &[&str], rows: &[Markup], empty: &str) -> Markup {
    html! {
        @if rows.is_empty() { p.dim { (empty) } } @else {
            table.cards {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}

/// Pairs of name and value.
pub(super) fn facts<'a>(pairs: impl IntoIterator<Item = (&'a str, Markup)>) -> Markup {
    html! { dl { @for (name, value) in pairs { dt { (name) } dd { (value) } } } }
}

/// Entries of one page of a list.
pub(super) const PER_PAGE: usize = 100;

/// Which part of a long list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// From 1 on.
    page: usize,
    pages: usize,
    total: usize,
}

impl Part {
    /// That page of so many entries, or the nearest one that there is.
    pub(super) fn of(wanted: Option<usize>, total: usize) -> Self {
        let pages = total.div_ceil(PER_PAGE).max(1);
        Self { page: wanted.unwrap_or(1).clamp(1, pages), pages, total }
    }

    /// How many entries come before it.
    pub(super) const fn skipped(self) -> usize {
        (self.page - 1) * PER_PAGE
    }

    /// Links to the other parts; `path` has a query already, or none.
    pub(super) fn links(self, path: &str) -> Markup {
        let join = if path.contains('?') { '&' } else { '?' };
        let link = |page: usize, word: &str| {
            html! { a href=(format!("{path}{join}page={page}")) { (word) } }
        };
        html! {
            nav.pager aria-label="Pages of the list" {
                span { (self.total) " in all; page " (self.page) " of " (self.pages) }
                @if self.page > 1 { (link(1, "First")) (link(self.page - 1, "Previous")) }
                @if self.page < self.pages { (link(self.page + 1, "Next")) (link(self.pages, "Last")) }
            }
        }
    }
}

/// A time as the pages write it: `2026-01-01 00:00:10 UTC`.
#[must_use]
pub fn time_words(at: Wall) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = OffsetDateTime::from_unix_timestamp(at.secs()).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_else(|| format!("{} ms", at.0))
}

/// A name as one part of a path or query (RFC 3986 §2.1).
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_has_pages_and_a_page_that_is_none_is_the_nearest() {
        for (wanted, total, page, pages, skipped) in [
            (None, 0, 1, 1, 0),
            (Some(0), 10_000, 1, 100, 0),
            (Some(3), 10_000, 3, 100, 200),
            (Some(usize::MAX), 10_001, 101, 101, 10_000),
        ] {
            let part = Part::of(wanted, total);
            assert_eq!((part.page, part.pages, part.skipped()), (page, pages, skipped));
        }
        let links = Part::of(Some(2), 1_000).links("/reports?device=a").0;
        assert!(links.contains("href=\"/reports?device=a&amp;page=3\""), "{links}");
    }

    #[test]
    fn names_are_escaped_in_text_and_in_addresses() {
        let evil = "<script>alert('x')</script>\"'; DROP TABLE devices; --";
        let shown = html! { (text("Name", evil)) (field("Name", "name", evil, "text")) }.0;
        assert!(!shown.contains("<script>") && shown.contains("&lt;script&gt;"), "{shown}");
        assert!(!shown.contains("value=\"<"), "{shown}");
        assert_eq!(encoded("PID:N9K A/1,SN:é"), "PID%3AN9K%20A%2F1%2CSN%3A%C3%A9");
    }

    #[test]
    fn a_time_is_one_that_people_read() {
        assert_eq!(time_words(Wall::from_secs(1_772_445_600)), "2026-03-02 10:00:00 UTC");
        assert_eq!(time_words(Wall(i64::MAX)), format!("{} ms", i64::MAX));
    }
}
