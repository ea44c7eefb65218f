//! A server of the user's own, made of openssl alone, as the documentation of `sign` describes it.

#![expect(clippy::unwrap_used, reason = "helpers of a test")]

use std::path::Path;
use std::process::Command;

use slpsim_transport::WireProfile;
use slpsim_transport::sign::Verifier;
use slpsim_transport::smart::decode_response;

/// Runs a line of shell in `folder` and gives back what it prints.
fn shell(folder: &Path, line: &str) -> String {
    let output = Command::new("sh").arg("-ec").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn have_openssl() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    assert!(there || std::env::var_os("SLPSIM_REQUIRE_PEERS").is_none(), "openssl is required and missing");
    there
}

#[test]
fn an_answer_that_openssl_signed_is_believed() {
    if !have_openssl() {
        eprintln!("SKIPPED: openssl");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    shell(
        folder.path(),
        r#"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj "/CN=My Root" -days 7300
        openssl req -newkey rsa:2048 -nodes -keyout signer.key -out signer.csr -subj "/CN=My Signer"
        openssl x509 -req -in signer.csr -CA root.pem -CAkey root.key -set_serial 1001 -days 7300 -out signer.pem
        "#,
    );
    let response = serde_json::json!({
        "header": {"timestamp": 1, "nonce": "7", "connect_info": {"name": "own", "version": "1", "capabilities": []}},
        "status_code": "OK",
    })
    .to_string();
    std::fs::write(folder.path().join("response"), &response).unwrap();
    let value = shell(folder.path(), "openssl dgst -sha256 -sign signer.key response | openssl base64 -A");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let profile = WireProfile::default();

    // The certificate beside the signature, and the root alone at the device.
    let signature =
        serde_json::json!({"type": "SHA256", "key": 1001, "value": value, "certificate": read("signer.pem")});
    let body = serde_json::json!({"signature": signature, "response": response}).to_string();
    let verifier = Verifier::root(&read("root.pem")).unwrap();
    decode_response(body.as_bytes(), &verifier, &profile).unwrap();

    // Or the signer in the device's root file.
    let signature = serde_json::json!({"type": "SHA256", "key": "1001", "value": value});
    let body = serde_json::json!({"signature": signature, "response": response}).to_string();
    let given = Verifier::root(&[read("root.pem"), read("signer.pem")].concat()).unwrap();
    decode_response(body.as_bytes(), &given, &profile).unwrap();
    assert!(decode_response(body.as_bytes(), &verifier, &profile).is_err());
}
