//! The pages that people click through in place of CSSM's and CSLU's (`spec/chapter.md` §6): rendered here, readable
//! without scripts, loading nothing from elsewhere. They do what the management interface does, by the same functions.

mod access;
mod accounts;
mod clock;
mod cslu;
mod faults;
mod inventory;
mod layout;
mod posted;
mod reports;
mod requests;
mod session;
mod switches;
mod terminal;
mod texts;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub use futures_util::future::BoxFuture;

pub use access::{Doorman, Entry, Visitor};
pub use layout::time_words;
pub use switches::{Condition, Happened, HappenedKind, Printed, Switches, Terminal};

use super::Shared;
use super::store::Entered;
use crate::records::AccountId;
use access::Access;
use layout::{Trouble, Visit};
use posted::Posted;
use reports::Files;
use switches::Transcripts;

/// What the pages are made of.
pub(super) struct Web {
    shared: Arc<Shared>,
    access: Access,
    /// What is to be said on the next page of a session.
    notes: Mutex<VecDeque<Note>>,
    /// Files that were answered.
    files: Files,
    /// What consoles printed.
    transcripts: Transcripts,
    switches: Option<Arc<dyn Switches>>,
}

/// What is to be said to a session, unless the store has lost it since.
struct Note {
    session: String,
    text: String,
    since: Entered,
}

/// Notes that wait for their page.
const NOTES: usize = 256;

impl Web {
    /// The pages of one listener; nothing where the operating system gives no random numbers.
    pub(super) fn new(
        shared: Arc<Shared>,
        (entry, port, secure, local): (Entry, u16, bool, bool),
        switches: Option<Arc<dyn Switches>>,
    ) -> Option<Arc<Self>> {
        let access = Access::new(entry, port, secure, local)?;
        Some(Arc::new(Self {
            shared,
            access,
            notes: Mutex::default(),
            files: Files::default(),
            transcripts: Transcripts::default(),
            switches,
        }))
    }

    /// The end of a form: the browser is sent to `path`, where `said` stands above the page.
    fn done(&self, visit: &Visit, path: &str, said: impl Into<String>) -> Response {
        // In trouble nothing is done, and the answer is another.
        if let Some(since) = visit.since {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.len() >= NOTES {
                notes.pop_front();
            }
            notes.push_back(Note { session: visit.session.clone(), text: said.into(), since });
        }
        Redirect::to(path).into_response()
    }

    /// What is to be said to that session, once.
    fn note(&self, session: &str) -> Option<String> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // What was done before the store was in trouble may be undone: then it is not said.
        let now = self.shared.keeper.enter().ok();
        notes.retain(|note| now.is_none() || now == Some(note.since));
        let at = notes.iter().position(|note| note.session == session)?;
        notes.remove(at).map(|note| note.text)
    }

    /// The account with that number in its address.
    fn account(&self, number: &str) -> Result<(AccountId, crate::records::Account), Trouble> {
        let id = number.parse().map(AccountId).ok();
        let found = id.and_then(|id| {
            let account = self.shared.read(|cssm| cssm.store().accounts().get(usize::from(id.0)).cloned());
            Some((id, account?))
        });
        found.ok_or_else(|| Trouble::not_found("There is no such Virtual Account."))
    }
}

/// All pages.
pub(super) fn routes(web: Arc<Web>) -> Router {
    let guarded = Router::new()
        .route("/", get(first))
        .route("/login", get(session::login_page).post(session::log_in))
        .route("/logout", post(session::log_out))
        .merge(accounts::routes())
        .merge(inventory::routes())
        .merge(reports::routes())
        .merge(requests::routes())
        .merge(faults::routes())
        .merge(clock::routes())
        .merge(cslu::routes())
        .merge(switches::routes())
        .layer(from_fn_with_state(Arc::clone(&web), session::guard))
        .with_state(web);
    Router::new()
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_str!("assets/style.css"))))
        .route("/app.js", get(|| asset("text/javascript; charset=utf-8", include_str!("assets/app.js"))))
        .merge(guarded)
}

/// The answer where there is no page.
pub(super) fn no_such_page() -> Response {
    Trouble::not_found("There is nothing at this address.").into_response()
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let mut answer = (StatusCode::OK, [(CONTENT_TYPE, kind)], text).into_response();
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

/// The page that one begins with.
async fn first(axum::Extension(visit): axum::Extension<Visit>) -> Redirect {
    Redirect::to(match visit.role {
        crate::peer::Role::Cssm => "/accounts",
        crate::peer::Role::Cslu | crate::peer::Role::OnPrem => "/cslu",
    })
}

/// What a query asks for.
type Wish<T> = Result<Query<T>, QueryRejection>;

/// The same; nothing in particular where it cannot be read: somebody has typed in the address.
fn wish<T: Default>(asked: Wish<T>) -> T {
    asked.map(|Query(asked)| asked).unwrap_or_default()
}

/// Shows the page of a form again with what is wrong; the fields keep what was typed.
fn again(
    mut visit: Visit,
    Trouble(status, text): Trouble,
    page: impl FnOnce(&Visit) -> Result<Response, Trouble>,
) -> Response {
    visit.trouble = Some(text);
    match page(&visit) {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(trouble) => trouble.into_response(),
    }
}

/// What a form holds: the value that was typed, else the one that is known.
fn kept<'a>(posted: Option<&'a Posted>, name: &str, known: &'a str) -> &'a str {
    posted.map_or(known, |posted| posted.get(name))
}
