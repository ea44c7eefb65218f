//! Tab *General*: id tokens, the policy, who may join.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use slpsim_policy::{Class, Wall};

use super::{Asks, Shown, Tab, attachment, tab, to};
use crate::cssm::TokenWish;
use crate::records::{Account, AccountId, Membership, Token};
use crate::server::manage::accounts::{PolicyBody, policy_of, udi};
use crate::server::manage::files::policy_handover;
use crate::server::web::layout::{
    PER_PAGE, Trouble, Visit, cell, choice, field, form, table, text, time_words,
};
use crate::server::web::posted::Posted;
use crate::server::web::{Web, again, kept};

pub(super) async fn show((State(web), Extension(visit), Path(account)): Asks) -> Shown {
    page(&web, &visit, &account, None)
}

fn page(web: &Web, visit: &Visit, number: &str, posted: Option<&Posted>) -> Shown {
    let (id, account) = web.account(number)?;
    let content = html! {
        (tokens(web, visit, id, posted))
        (policy(visit, id, &account, posted))
        (membership(visit, id, &account, posted))
    };
    Ok(tab(web, visit, (id, &account), Tab::General, &content))
}

fn tokens(web: &Web, visit: &Visit, id: AccountId, posted: Option<&Posted>) -> Markup {
    let now = web.shared.now();
    let (now, mut all) = web.shared.read(|cssm| {
        let ours = cssm.store().tokens().filter(|(_, token)| token.account == id);
        let all: Vec<(String, Token)> = ours.map(|(text, token)| (text.to_owned(), token.clone())).collect();
        (cssm.clock(now), all)
    });
    let count = all.len();
    all.sort_by_key(|(_, token)| std::cmp::Reverse(token.issued));
    all.truncate(PER_PAGE);
    let rows: Vec<Markup> = all
        .iter()
        .enumerate()
        .map(|(at, (text, token))| token_row(visit, id, now, (at, text, token)))
        .collect();
    let fields = html! {
        (field("Expires after days (empty: never)", "expires_after_days", kept(posted, "expires_after_days", "30"), "number"))
        (field("Max. number of uses (empty: any)", "max_uses", kept(posted, "max_uses", ""), "number"))
        button.main { "New Token" }
    };
    html! {
        h2 { "Tokens" }
        p.hint { "Task " em { "Generating a New Token for a Trust Code from CSSM" } ". On the switch: " code { "license smart trust idtoken id_token_value local" } "." }
        (form(visit, &format!("/inventory/{}/tokens", id.0), "row", &fields))
        (table("Id tokens of this account, newest first", &["Token", "Made", "Expires", "Uses", "State", "Action"], &rows, "There is no token yet."))
        @if count > PER_PAGE { p.dim { (count - PER_PAGE) " older tokens are not shown." } }
    }
}

fn token_row(
    visit: &Visit,
    id: AccountId,
    now: Wall,
    (at, token_text, token): (usize, &str, &Token),
) -> Markup {
    let input = format!("token-{at}");
    let uses =
        token.max_uses.map_or_else(|| token.uses.to_string(), |max| format!("{} of {max}", token.uses));
    let refusal = token.refusal(now);
    let revoke = html! {
        input type="hidden" name="idtoken" value=(token_text);
        button.bad { "Revoke" }
    };
    html! {
        (cell("Token", &html! {
            input.token id=(input) type="text" readonly value=(token_text) aria-label={ "Token " (at + 1) };
            button type="button" hidden data-copy=(input) { "Copy" }
        }))
        (text("Made", &time_words(token.issued)))
        (text("Expires", &token.expires.map_or_else(|| "never".to_owned(), time_words)))
        (text("Uses", &uses))
        (cell("State", &html! {
            @match refusal {
                None => span.good { "good" },
                Some(rule) => span.bad-word { (rule.name().trim_start_matches("token-")) },
            }
        }))
        (cell("Action", &html! {
            @if !token.revoked { (form(visit, &format!("/inventory/{}/tokens/revoke", id.0), "inline", &revoke)) }
        }))
    }
}

fn policy(visit: &Visit, id: AccountId, account: &Account, posted: Option<&Posted>) -> Markup {
    let posted = posted.filter(|posted| posted.given("version").is_some());
    let known = account.policy.as_ref();
    let values = known.map(|known| known.policy.values[Class::Unenforced.index()]).unwrap_or_default();
    let days = |value: Option<u16>| value.map(|days| days.to_string()).unwrap_or_default();
    let name = known.map_or("", |known| known.policy.name.as_str());
    let ack = match known.and_then(|known| known.policy.ack_required) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    let (first, ongoing, change) = (days(values.first), days(values.ongoing), days(values.on_change));
    let fields = html! {
        input type="hidden" name="version" value=(version(account));
        (field("Name", "name", kept(posted, "name", name), "text"))
        (field("First report requirement (days)", "first", kept(posted, "first", &first), "number"))
        (field("Ongoing reporting frequency (days)", "ongoing", kept(posted, "ongoing", &ongoing), "number"))
        (field("Report on change (days)", "on_change", kept(posted, "on_change", &change), "number"))
        (choice("Reporting ACK required", "ack_required", kept(posted, "ack_required", ack), [("yes", "yes"), ("no", "no"), ("", "Cisco default")]))
        button.main { "Save Policy" }
    };
    let base = format!("/inventory/{}/policy", id.0);
    let theirs: [&str; 5] = [name, &first, &ongoing, &change, ack];
    html! {
        h2 { "Policy" }
        @if let Some(posted) = posted.filter(|posted| posted.get("version") != version(account)) {
            (differences(known.is_some(), posted, theirs))
        }
        @if known.is_none() { p { "This account has no policy: its product instances keep the Cisco default." } }
        p.hint { "Answers carry it from now on. What is left empty keeps the Cisco default." }
        (form(visit, &base, "row", &fields))
        @if known.is_some() {
            p { a.button href=(format!("{base}/file")) { "Download Policy File" } " " span.hint { "Task " em { "Downloading a Policy File from CSSM" } "; then on the switch " code { "license smart import" } "." } }
            (form(visit, &format!("{base}/remove"), "inline", &html! {
                input type="hidden" name="version" value=(version(account));
                button.bad { "Remove Policy" }
            }))
        }
    }
}

/// What somebody else has made of the policy since the form was opened, beside what is in the form.
fn differences(is_there: bool, posted: &Posted, theirs: [&str; 5]) -> Markup {
    let labels = [
        ("Name", "name"),
        ("First report requirement (days)", "first"),
        ("Ongoing reporting frequency (days)", "ongoing"),
        ("Report on change (days)", "on_change"),
        ("Reporting ACK required", "ack_required"),
    ];
    let shown = |value: &str| if value.is_empty() { "Cisco default".to_owned() } else { value.to_owned() };
    let rows: Vec<Markup> = labels
        .into_iter()
        .zip(theirs)
        .filter(|((_, key), theirs)| posted.get(key) != *theirs)
        .map(|((label, key), theirs)| {
            html! { (text("What", label)) (text("In force", &shown(theirs))) (text("In your form", &shown(posted.get(key)))) }
        })
        .collect();
    html! {
        @if is_there {
            (table("Somebody else has changed the policy since you opened this form", &["What", "In force", "In your form"], &rows, "Somebody else has saved the same values as you."))
        } @else {
            p.banner.late { "Somebody else has removed the policy since you opened this form: the Cisco default is in force." }
        }
    }
}

/// Tells two states of the policy apart: it is new with every change, whichever of several mocks made it.
fn version(account: &Account) -> &str {
    account.policy.as_ref().map_or("none", |policy| &policy.id)
}

fn membership(visit: &Visit, id: AccountId, account: &Account, posted: Option<&Posted>) -> Markup {
    let posted = posted.filter(|posted| posted.given("membership").is_some());
    let (word, list) = match &account.membership {
        Membership::Open => ("open", String::new()),
        Membership::Listed(list) => {
            let lines: Vec<String> = list.iter().map(|udi| udi.in_show().to_string()).collect();
            ("listed", lines.join("\n"))
        }
    };
    let fields = html! {
        (choice("Who may join", "membership", kept(posted, "membership", word), [("open", "everybody whom no other account has"), ("listed", "those on the list")]))
        label.field { span { "List: one UDI a line, PID:<pid>,SN:<serial>" }
            textarea name="devices" rows="3" { (kept(posted, "devices", &list)) } }
        button { "Save" }
    };
    html! {
        h2 { "Who may join" }
        (form(visit, &format!("/inventory/{}/membership", id.0), "row", &fields))
    }
}

/// A form of this tab.
type Sent = (State<Arc<Web>>, Extension<Visit>, Path<String>, Extension<Posted>);

/// Shows the tab again with what is wrong.
fn refused(web: &Web, visit: Visit, (account, posted): (&str, &Posted), trouble: Trouble) -> Response {
    again(visit, trouble, |visit| page(web, visit, account, Some(posted)))
}

pub(super) async fn new_token(
    (State(web), Extension(visit), Path(account), Extension(posted)): Sent,
) -> Response {
    let make = || {
        let (id, known) = web.account(&account)?;
        let wish = TokenWish {
            smart: Some(known.names.smart),
            r#virtual: Some(known.names.r#virtual),
            expires_after_days: posted.number("expires_after_days", "Expires after days")?,
            max_uses: posted.number("max_uses", "Max. number of uses")?,
            text: None,
        };
        web.shared.with(|cssm| cssm.make_token(web.shared.now(), &wish))?;
        Ok(id)
    };
    match make() {
        Ok(id) => web.done(&visit, &to(id), "The new token is the first one in the list."),
        Err(trouble) => refused(&web, visit, (&account, &posted), trouble),
    }
}

pub(super) async fn revoke(
    (State(web), Extension(visit), Path(account), Extension(posted)): Sent,
) -> Response {
    let act = || {
        let (id, _) = web.account(&account)?;
        let revoked = web.shared.with(|cssm| cssm.revoke_token(posted.get("idtoken")));
        revoked.then_some(id).ok_or_else(|| Trouble::not_found("There is no such id token."))
    };
    match act() {
        Ok(id) => web.done(&visit, &to(id), "The token was revoked."),
        Err(trouble) => refused(&web, visit, (&account, &posted), trouble),
    }
}

/// What is said where two people edit the same policy.
const CONFLICT: &str = "Somebody else has changed this policy since you opened the page. Nothing was saved: your values are still in the form, and what differs is listed under Policy. Save once more to replace theirs with yours.";
const REMOVAL_CONFLICT: &str = "Somebody else has changed this policy since you opened the page. Nothing was removed: the policy below is theirs. Remove it once more if it shall go.";

pub(super) async fn save_policy(
    (State(web), Extension(visit), Path(account), Extension(posted)): Sent,
) -> Response {
    let ack_required = match posted.get("ack_required") {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let save = || {
        let (id, _) = web.account(&account)?;
        let wish = PolicyBody {
            name: posted.get("name").to_owned(),
            first: posted.number("first", "First report requirement")?,
            ongoing: posted.number("ongoing", "Ongoing reporting frequency")?,
            on_change: posted.number("on_change", "Report on change")?,
            ack_required,
        };
        let policy = policy_of(wish)?;
        change_policy(&web, id, posted.get("version"), Some(policy), CONFLICT)
    };
    match save() {
        Ok(id) => web.done(&visit, &to(id), "The policy was saved."),
        Err(trouble) => refused(&web, visit, (&account, &posted), trouble),
    }
}

/// Changes the policy, if it is still the one that the page showed; `conflict` says that it is not. Of several mocks with
/// one database as well: what others have changed is taken before the closure runs, and they are kept out until its
/// change is committed.
fn change_policy(
    web: &Web,
    id: AccountId,
    shown: &str,
    policy: Option<slpsim_policy::Policy>,
    conflict: &str,
) -> Result<AccountId, Trouble> {
    web.shared.with(|cssm| {
        let account = cssm.store().accounts().get(usize::from(id.0));
        if account.map(version) != Some(shown) {
            return Err(Trouble(StatusCode::CONFLICT, conflict.into()));
        }
        cssm.set_policy_of(id, policy);
        Ok(id)
    })
}

pub(super) async fn remove_policy(
    (State(web), Extension(visit), Path(account), Extension(posted)): Sent,
) -> Response {
    let removed = web
        .account(&account)
        .and_then(|(id, _)| change_policy(&web, id, posted.get("version"), None, REMOVAL_CONFLICT));
    match removed {
        Ok(id) => web.done(&visit, &to(id), "The account has no policy any more."),
        Err(trouble) => refused(&web, visit, (&account, &Posted::default()), trouble),
    }
}

pub(super) async fn policy_file((State(web), Extension(_), Path(account)): Asks) -> Shown {
    let (_, account) = web.account(&account)?;
    let file = policy_handover(&web.shared, account)?;
    Ok(attachment(file))
}

pub(super) async fn save_membership(
    (State(web), Extension(visit), Path(account), Extension(posted)): Sent,
) -> Response {
    let save = || {
        let (id, _) = web.account(&account)?;
        let membership = match posted.get("membership") {
            "listed" => {
                let lines = posted.get("devices").lines().map(str::trim).filter(|line| !line.is_empty());
                let list: Result<BTreeSet<_>, _> = lines.map(udi).collect();
                Membership::Listed(list.map_err(|refused| Trouble::wrong(refused.text()))?)
            }
            "open" => Membership::Open,
            // Not taken for either: one of them lets everybody in.
            _ => return Err(Trouble::wrong("Say who may join: everybody, or those on the list.")),
        };
        web.shared.with(|cssm| cssm.set_membership_of(id, membership));
        Ok(id)
    };
    match save() {
        Ok(id) => web.done(&visit, &to(id), "It was saved."),
        Err(trouble) => refused(&web, visit, (&account, &posted), trouble),
    }
}
