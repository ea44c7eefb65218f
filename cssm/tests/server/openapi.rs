//! The OpenAPI document of the management interface, against the file in `docs/` and against a running mock.

use std::path::PathBuf;
use std::process::Stdio;

use slpsim_agent::Request;
use slpsim_tests::{assert_golden, root};
use tokio::process::Command;

use crate::client::{Device, World};

/// Users read `docs/openapi.json`, and generate clients from it.
#[tokio::test]
async fn the_document_in_the_repository_is_the_one_that_is_served() {
    let world = World::new().await;
    let answer = world.http.get(format!("{}/openapi.json", world.server.urls.manage)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_golden("../../docs/openapi.json", &answer.text().await.unwrap());
}

/// Schemathesis (`cssm/tests/requirements.txt`): in `target/schemathesis`, or where `SLPSIM_SCHEMATHESIS` names a folder.
fn schemathesis() -> Option<PathBuf> {
    let named = std::env::var_os("SLPSIM_SCHEMATHESIS").map(PathBuf::from);
    let program = named.unwrap_or_else(|| root().join("target/schemathesis")).join("bin/schemathesis");
    if !program.is_file() {
        let required = std::env::var_os("SLPSIM_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!required, "{} is missing, and SLPSIM_REQUIRE_PEERS=1 asks for it", program.display());
        println!("skipped: schemathesis is not installed");
        return None;
    }
    Some(program)
}

/// What the mock of the test knows.
const KNOWN: &str = r#"
[[operations]]
include-name = "GET /devices/{name}"
parameters = { name = "FDO00000001" }
[[operations]]
include-name = "POST /devices/{name}/transfer"
parameters = { name = "FDO00000001" }
[[operations]]
include-name = "GET /accounts/{name}/devices"
parameters = { name = "Lab" }
[[operations]]
include-name = "GET /policies/{name}/file"
parameters = { name = "Lab" }
"#;

/// Every call with generated bodies and parameters: no error of the server's own, no answer that the document does not
/// describe.
#[tokio::test]
async fn generated_calls_find_no_error_of_the_server_and_no_breach_of_the_document() {
    let Some(schemathesis) = schemathesis() else { return };
    let world = World::new().await;
    let url = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    let poll_id = device.reports(&world, &url, &[1_772_445_600]).await;
    device.says(&world, &url, &Request::Poll { poll_id }).await.unwrap();
    device.reports(&world, &url, &[1_772_445_601]).await;

    let folder = tempfile::tempdir().unwrap();
    // Things that are there, so that not every call ends with 404.
    std::fs::write(folder.path().join("schemathesis.toml"), KNOWN).unwrap();
    let base = &world.server.urls.manage;
    let run = Command::new(schemathesis)
        .arg("run")
        .arg(format!("{base}/openapi.json"))
        .arg("--header")
        .arg(format!("Authorization: Bearer {}", world.server.manage_token.as_ref().unwrap()))
        .args(["--url", base, "--seed", "7", "--max-examples", "20", "--phases", "examples,coverage,fuzzing"])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
        .args(["--checks", "response_headers_conformance,response_schema_conformance", "--no-color"])
        .current_dir(folder.path())
        .env("HYPOTHESIS_STORAGE_DIRECTORY", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(world.ok("GET", "requests", None).await.as_array().is_some_and(|list| list.len() >= 4));
}
