//! The pages of the mock that `slpsim run` embeds, as far as they need the daemon around it.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

use crate::process::{Daemon, client};

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before:?} is not in\n{text}")).1;
    rest.split(after).next().unwrap()
}

/// `slpsim run` without a configuration prints the address, and the switch's console is on its page.
#[tokio::test]
async fn a_daemon_without_a_file_says_where_its_pages_are_and_runs_a_line_from_a_form() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let daemon = Daemon::start(folder.path(), "r", &["run", "--state", &state]).await;
    let web = daemon.text("/urls/web").to_owned();
    let said = std::fs::read_to_string(folder.path().join("r.err")).unwrap();
    assert!(said.contains(&format!("pages of the mock: {web}")), "{said}");

    let page = client().get(format!("{web}switches/switch")).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    let cookie = page.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let text = page.text().await.unwrap();
    for part in ["PID:N9K-C93180YC-FX3,SN:FDO00000001", "Next report push", "Reporting interval now"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let csrf = between(&text, "name=\"csrf\" value=\"", "\"");
    let no_redirect = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = format!("csrf={csrf}&line=show+license+udi+%3B+show+nonsense");
    let sent = no_redirect
        .post(format!("{web}switches/switch/console"))
        .header(COOKIE, &cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (sent.status().as_u16(), &sent.headers()[LOCATION]),
        (303, &"/switches/switch#console".parse().unwrap())
    );
    let page = client().get(format!("{web}switches/switch")).header(COOKIE, &cookie).send().await.unwrap();
    let text = page.text().await.unwrap();
    let printed = between(&text, "class=\"console\"", "</pre>");
    assert!(
        printed.contains("UDI: PID:N9K-C93180YC-FX3") && printed.contains("Invalid command"),
        "{printed}"
    );
    daemon.end().await;
}
