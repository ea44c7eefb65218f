//! The pages of the mock that `slpsim run` embeds, as far as they need the daemon around it.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

use crate::process::{self, Daemon, client};

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

/// The picture of what happened has one axis, whatever the switch believes the time is.
#[tokio::test]
async fn the_timeline_of_a_switch_whose_clock_is_wrong_is_by_the_true_time() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let args = ["run", "--state", &state, "--start", "2026-03-02T10:00:00Z"];
    let daemon = Daemon::start(folder.path(), "r", &args).await;
    daemon.show("clock set 10:00:00 1 January 2020").await;
    daemon.show("license smart sync").await;
    let web = daemon.text("/urls/web").to_owned();
    let page = client().get(format!("{web}switches/switch")).send().await.unwrap().text().await.unwrap();
    let clock = between(&page, "<dt>Clock of the switch</dt><dd>", "<");
    assert!(clock.starts_with("2020-01-01 10:0"), "{clock}");
    assert!(between(&page, "<dt>True time</dt><dd>", "<").starts_with("2026-03-02 10:0"), "{page}");
    let hint = between(&page, "The switch's clock ", ".");
    assert!(hint.starts_with("is 2252d") && hint.ends_with("behind it"), "{hint}");
    let picture = between(&page, "<svg", "</details>");
    let times: Vec<&str> = picture.match_indices(" UTC").map(|(at, _)| &picture[at - 19..at]).collect();
    // Both ends of the axis, and at least the start of the agent and an exchange.
    assert!(times.len() >= 4, "{picture}");
    assert!(times.iter().all(|time| time.starts_with("2026-03-02 10:0")), "{times:?}");
    daemon.end().await;
}

/// Several people on one machine: the pages of a loopback address can want a log-in as well.
#[tokio::test]
async fn pages_on_loopback_want_a_log_in_where_the_configuration_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let file = folder.path().join("mock.toml");
    let user = "[[user]]\nname = \"ada\"\nrole = \"network-admin\"\npassword = \"a long password\"\n";
    let path = file.display().to_string();
    let key = "[mock]\nalways-log-in = true\n";
    for (toml, flag) in [(key.to_owned(), None), ("[mock]\n".to_owned(), Some("--always-log-in"))] {
        std::fs::write(&file, &toml).unwrap();
        let mut args = vec!["cssm", "-c", &path, "--state", &state];
        args.extend(flag);
        let refused = process::run(&args).await;
        assert_eq!(refused.status.code(), Some(2), "{}", process::stderr(&refused));
        assert!(process::stderr(&refused).contains("add a [[user]]"), "{}", process::stderr(&refused));
        std::fs::write(&file, format!("{toml}{user}")).unwrap();
        let mock = Daemon::start(folder.path(), "m", &args).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let door = http.get(format!("{}accounts", mock.text("/urls/web"))).send().await.unwrap();
        assert_eq!((door.status().as_u16(), &door.headers()[LOCATION]), (303, &"/login".parse().unwrap()));
        mock.end().await;
    }
}

/// Where others can reach the pages there is TLS, and a `[[user]]` with an Argon2 hash comes in.
#[tokio::test]
async fn an_address_that_is_not_loopback_wants_a_user_of_the_configuration() {
    use argon2::PasswordHasher;
    let folder = tempfile::tempdir().unwrap();
    let hash = argon2::Argon2::default().hash_password(b"a long password").unwrap().to_string();
    let toml = format!(
        "[mock]\nlisten-manage = \"0.0.0.0:0\"\n[[user]]\nname = \"ada\"\nrole = \"network-admin\"\npassword-hash = \"{hash}\"\n"
    );
    let file = folder.path().join("mock.toml");
    std::fs::write(&file, toml).unwrap();
    let (file, state) = (file.display().to_string(), folder.path().join("state").display().to_string());
    let refused = process::run(&["cssm", "-c", &file, "--state", &state]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(process::stderr(&refused).contains("--allow-external"), "{}", process::stderr(&refused));

    let args = ["cssm", "-c", &file, "--state", &state, "--allow-external"];
    let mock = Daemon::start(folder.path(), "m", &args).await;
    let web = mock.text("/urls/web").replace("0.0.0.0", "127.0.0.1");
    assert!(web.starts_with("https://127.0.0.1:"), "{web}");
    let _ = client();
    let pem = std::fs::read(mock.text("/ca_file")).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let door = http.get(format!("{web}accounts")).send().await.unwrap();
    assert_eq!((door.status().as_u16(), &door.headers()[LOCATION]), (303, &"/login".parse().unwrap()));
    let page = http.get(format!("{web}login")).send().await.unwrap();
    let cookie = page.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = between(&page.text().await.unwrap(), "name=\"csrf\" value=\"", "\"").to_owned();
    for (password, status) in [("a+wrong+one", 401), ("a+long+password", 303)] {
        let form = format!("csrf={csrf}&name=ada&password={password}");
        let request = http.post(format!("{web}login")).header(COOKIE, &cookie).body(form);
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{password}");
        if status == 303 {
            let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
            let page = http.get(format!("{web}accounts")).header(COOKIE, cookie.split(';').next().unwrap());
            assert!(page.send().await.unwrap().text().await.unwrap().contains("Log out ada"));
        }
    }
    let log = std::fs::read_to_string(folder.path().join("m.err")).unwrap();
    assert!(log.contains("a wrong log-in") && !log.contains("a wrong one"), "{log}");
    mock.end().await;
}
