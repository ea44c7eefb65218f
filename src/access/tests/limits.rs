//! Each limit crossed, while a second session is answered without delay.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use russh::client::{self, AuthResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, advance, interval};

use super::client::{Lab, LoggedIn, Trusting, Typist};
use crate::access::Limits;

/// The second session: answered, and at once.
async fn is_answered(other: &LoggedIn) {
    let began = Instant::now();
    assert_eq!(other.exec("show hostname").await, ("switch\n".into(), Some(0)));
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_log_in_is_shown_the_door() {
    let lab = Lab::new();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let began = Instant::now();
    let mut silent = lab.connect();
    let mut babble = lab.connect();
    babble.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let handle = lab.call(client::Config::default()).await;
    is_answered(&other).await;
    let mut heard = Vec::new();
    // Cut off, whether that is an end or an error to the client.
    let _ = silent.read_to_end(&mut heard).await;
    assert!(heard.starts_with(b"SSH-2.0-slpsim_"), "{heard:?}");
    let _ = babble.read_to_end(&mut heard).await;
    // Its end, as whatever error the client makes of it.
    let _ = handle.await;
    let waited = began.elapsed().as_secs();
    assert!((59..=62).contains(&waited), "{waited}");
    is_answered(&other).await;
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_answered_late_and_then_not_at_all() {
    let lab = Lab::new();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let began = Instant::now();
    let mut handle = lab.call(client::Config::default()).await;
    for attempt in 0..6 {
        let result = handle.authenticate_password("admin", "wrong").await.unwrap();
        assert!(matches!(result, AuthResult::Failure { .. }), "{attempt}");
        is_answered(&other).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    let seventh = handle.authenticate_password("admin", "secret").await;
    assert!(!matches!(seventh, Ok(AuthResult::Success)), "even the right one comes too late");
    is_answered(&other).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_without_input_ends_as_its_settings_say() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    for (line, minutes) in
        [("half a comm", 30), ("terminal session-timeout 5\r", 5), ("show license all\r", 30)]
    {
        let mut typist = Typist::start(&admin, 80, 24).await;
        typist.until("switch# ").await;
        typist.types(line).await;
        is_answered(&lab.log_in("admin", "secret").await.unwrap()).await;
        let began = Instant::now();
        typist.end().await;
        let waited = began.elapsed().as_secs();
        assert!((minutes * 60 - 1..=minutes * 60 + 1).contains(&waited), "{line}: {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_changes_is_no_input() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 24).await;
    typist.types("terminal session-timeout 5\r").await;
    typist.until("switch# terminal session-timeout 5\r\nswitch# ").await;
    let began = Instant::now();
    for rows in 20..24 {
        advance(Duration::from_secs(60)).await;
        typist.resize(80, rows).await;
        is_answered(&admin).await;
    }
    typist.end().await;
    assert!((299..=301).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_asks_for_nothing_is_closed() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let mut channel = admin.0.channel_open_session().await.unwrap();
    let began = Instant::now();
    while channel.wait().await.is_some() {}
    assert!((299..=301).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    is_answered(&admin).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_for_nothing_is_closed_and_one_with_a_shell_is_not() {
    let lab = Lab::new();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&other, 80, 24).await;
    typist.until("switch# ").await;
    typist.types("terminal session-timeout 0\r").await;
    let idle = lab.log_in("admin", "secret").await.unwrap();
    let began = Instant::now();
    let _ = idle.0.await;
    assert!((299..=302).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    advance(Duration::from_secs(3600)).await;
    is_answered(&other).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up() {
    let lab = Lab::new();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let config = client::Config { window_size: 2048, channel_buffer_size: 1, ..client::Config::default() };
    let (stream, mut served) = lab.served();
    let mut deaf = client::connect_stream(Arc::new(config), stream, Trusting).await.unwrap();
    deaf.authenticate_password("admin", "secret").await.unwrap();
    let channel = deaf.channel_open_session().await.unwrap();
    channel.exec(true, "show license tech support ; ".repeat(100)).await.unwrap();
    is_answered(&other).await;
    let began = Instant::now();
    // The client cannot tell: it is busy with what it does not read.
    let mut second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            done = &mut served => break done.unwrap(),
            _ = second.tick() => is_answered(&other).await,
        }
        assert!(began.elapsed() < Duration::from_secs(200), "it is still served");
    }
    assert!(began.elapsed() >= Duration::from_secs(55), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_line_of_a_megabyte_is_refused_and_the_session_goes_on() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 24).await;
    typist.until("switch# ").await;
    typist.types(&format!("show {}\rshow hostname\r", "x".repeat(1 << 20))).await;
    is_answered(&other).await;
    typist.until("% Command line is too long\r\n").await;
    assert!(typist.until("\r\nswitch\r\n").await.contains("show hostname"));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_pasted_commands_are_all_answered() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let typist = Typist::without_terminal(&admin).await;
    typist.types(&"show hostname\n".repeat(10_000)).await;
    is_answered(&other).await;
    typist.types("exit\n").await;
    let (text, status) = typist.end().await;
    assert_eq!((text.lines().filter(|line| *line == "switch").count(), status), (10_000, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_ahead_has_a_limit() {
    let lab = Lab::with_limits(Limits { typed_ahead: 1000, ..Limits::default() });
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let typist = Typist::without_terminal(&admin).await;
    typist.types(&"show hostname\n".repeat(10_000)).await;
    is_answered(&other).await;
    let (text, status) = typist.end().await;
    assert!(text.lines().count() < 10_000);
    assert_eq!(status, Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_exec_request_has_so_many_commands_and_a_connection_so_many_channels() {
    let lab = Lab::with_limits(Limits { commands: 3, channels: 2, ..Limits::default() });
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let (text, status) = admin.exec(&"show hostname ; ".repeat(4)).await;
    assert_eq!((&*text, status), ("% At most 3 commands at once\n", Some(1)));
    let open = (Typist::start(&admin, 80, 24).await, Typist::start(&admin, 80, 24).await);
    assert!(admin.0.channel_open_session().await.is_err());
    is_answered(&other).await;
    drop(open);
}

#[tokio::test(start_paused = true)]
async fn control_characters_and_bytes_that_are_no_text_end_in_an_error_of_the_switch() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 24).await;
    typist.until("switch# ").await;
    let bytes: Vec<u8> =
        (0..=255).filter(|byte| !matches!(byte, 3 | 4 | 9 | 10 | 13 | 26 | 33 | 63)).collect();
    typist.types_bytes(&[b"show", &bytes[..], b"\r"].concat()).await;
    typist.until("% Invalid command at '^' marker.\r\n").await;
    is_answered(&other).await;
    let (text, status) = admin.exec("show \u{1b}[2J\u{7}hostname").await;
    assert!(text.contains("% Invalid command") && status == Some(1), "{text:?}");
    // Nothing but the simulated network answers, and nothing leaves the machine.
    let (text, _) = admin.exec("ping 8.8.8.8").await;
    assert!(text.contains("0.00% packet loss") || text.contains("(0/5)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_wrong_log_ins_at_once_hold_up_nobody() {
    let lab = Lab::new();
    let other = lab.log_in("admin", "secret").await.unwrap();
    let wrong = (0..200).map(|number| {
        let lab = &lab;
        async move {
            let mut handle = lab.call(client::Config::default()).await;
            let user = if number % 2 == 0 { "admin" } else { "nobody" };
            let result = handle.authenticate_password(user, "wrong").await.unwrap();
            assert!(matches!(result, AuthResult::Failure { .. }));
        }
    });
    let watching = async {
        let mut now_and_then = interval(Duration::from_millis(100));
        for _ in 0..10 {
            now_and_then.tick().await;
            is_answered(&other).await;
        }
    };
    tokio::join!(join_all(wrong), watching);
    is_answered(&other).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_sessions_give_a_hundred_commands_each() {
    let lab = Lab::new();
    let sessions = (0..100).map(|_| async {
        let client = lab.log_in("admin", "secret").await.unwrap();
        let mut typist = Typist::start(&client, 80, 0).await;
        typist.until("switch# ").await;
        typist.types("terminal length 0\r").await;
        typist.until("switch# ").await;
        for _ in 0..100 {
            typist.types("show license usage\r").await;
            assert!(typist.until("switch# ").await.contains("Status: IN USE"));
        }
    });
    join_all(sessions).await;
}
