//! All pages before axe-core, on a desk and on a phone, dark and light.

use std::path::PathBuf;

use serde_json::Value;

use crate::driver::{Browser, Size};
use crate::process::Daemon;
use crate::tasks::together;

/// The script of axe-core: in `target/axe`, or in the folder that `SLPSIM_AXE` names. Nothing where it is not installed.
fn axe() -> Option<String> {
    let named = std::env::var_os("SLPSIM_AXE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| slpsim_tests::root().join("target/axe"));
    let file = folder.join("node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(&file).ok();
    if script.is_none() {
        let required = std::env::var_os("SLPSIM_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!required, "{} is missing, and SLPSIM_REQUIRE_PEERS=1 asks for it", file.display());
        println!("skipped: axe-core is not installed");
    }
    script
}

/// What axe-core finds that keeps somebody from using the page.
async fn findings(browser: &Browser, script: &str) -> Vec<String> {
    browser.window.execute(script, Vec::new()).await.unwrap();
    let run = "const done = arguments[arguments.length - 1]; axe.run().then(done, (error) => done({error: String(error)}));";
    let result = browser.window.execute_async(run, Vec::new()).await.unwrap();
    let violations = result["violations"].as_array().unwrap_or_else(|| panic!("axe ran: {result}"));
    let serious = |violation: &&Value| matches!(violation["impact"].as_str(), Some("serious" | "critical"));
    violations
        .iter()
        .filter(serious)
        .map(|violation| {
            format!("{}: {} {}", violation["id"], violation["help"], violation["nodes"][0]["html"])
        })
        .collect()
}

/// No page is wider than its window.
async fn fits(browser: &Browser) -> bool {
    let script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth;";
    browser.window.execute(script, Vec::new()).await.unwrap() == Value::Bool(true)
}

#[tokio::test]
async fn every_page_can_be_read_by_everybody_on_every_screen() {
    let folder = tempfile::tempdir().unwrap();
    let Some(script) = axe() else { return };
    let Some(browser) = Browser::open(folder.path()).await else { return };
    let cssm = together(folder.path(), "60").await;
    let token = cssm.text("/idtoken").to_owned();
    cssm.show(&format!("license smart trust idtoken {token} local")).await;
    let below = folder.path().join("below").display().to_string();
    let cslu = Daemon::start(folder.path(), "cslu", &["cssm", "--role", "cslu", "--state", &below]).await;
    let fault = serde_json::json!({"kind": "latency", "for": "1h"});
    cssm.manage(reqwest::Method::POST, "faults", Some(fault)).await;
    browser.goto(&format!("{}reports", cssm.text("/urls/web"))).await;
    browser.reload_until("acknowledged").await;
    let udi = "PID:N9K-C93180YC-FX3,SN:FDO00000001";
    let report = browser.find("td[data-label=Report] a").await.attr("href").await.unwrap().unwrap();
    let instance = format!("product-instances/{udi}");
    let pages = [
        (&cssm, "accounts"),
        (&cssm, "inventory/0/general"),
        (&cssm, "inventory/0/licenses"),
        (&cssm, "inventory/0/product-instances"),
        (&cssm, "inventory/0/event-log"),
        (&cssm, &instance),
        (&cssm, "reports"),
        (&cssm, report.trim_start_matches('/')),
        (&cssm, "requests"),
        (&cssm, "requests/1"),
        (&cssm, "faults"),
        (&cssm, "clock"),
        (&cssm, "switches"),
        (&cssm, "switches/leaf-1"),
        (&cssm, "nowhere"),
        (&cslu, "cslu"),
        (&cslu, "reports"),
    ];
    let mut found = Vec::new();
    for (size, dark) in [(Size::Desk, false), (Size::Desk, true), (Size::Phone, false)] {
        browser.size(size, dark).await;
        for (daemon, page) in &pages {
            browser.goto(&format!("{}{page}", daemon.text("/urls/web"))).await;
            let role = if std::ptr::eq(*daemon, &raw const cslu) { "cslu" } else { "cssm" };
            let name: String =
                page.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
            browser.picture(&format!("{role}-{name}-{size:?}{}", if dark { "-dark" } else { "" })).await;
            if !fits(&browser).await {
                found.push(format!("{role} {page} {size:?}: wider than the window"));
            }
            let serious = findings(&browser, &script).await;
            found.extend(
                serious.into_iter().map(|what| format!("{role} {page} {size:?} dark {dark}: {what}")),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
    cslu.end().await;
    cssm.end().await;
}
