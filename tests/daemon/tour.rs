//! The documents that are made to be pasted into a shell, as they are printed.

use crate::printed::{blocks, shows};

const README: &str = include_str!("../../README.md");
const CSLU_AND_FILES: &str = include_str!("../../docs/cslu-and-files.md");

#[tokio::test]
async fn the_tour_of_the_readme_shows_what_it_says() {
    let (_, tour) = README.split_once("\n## A tour of five minutes\n").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let steps = [
        "\"smart\":",
        "switch.toml: good",
        "TRUST_CODE_INSTALL_SUCCESS",
        "POLICY_INSTALL_SUCCESS",
        "INSTALLED on",
        "Report Id",
        "\"serial\":\"FDO00000001\"",
        "\"report_id\":",
        "\"kind\":\"http-status\"",
        "COMM_FAILED",
        "COMM_RESTORED",
        "\"status\":\"acknowledged\"",
        "INSTALLED on",
        "INSTALLED on",
        "INSTALLED on",
    ];
    shows(&blocks(tour), &["curl", "jq"], &steps).await;
}

/// A connected CSLU whose CSSM breaks, bundles of a disconnected one, files of a switch that is alone.
#[tokio::test]
async fn the_guide_to_cslu_and_files_shows_what_it_says() {
    let steps = [
        "INSTALLED on",
        "true",
        "\"waiting_reports\": 1,",
        "HTTP 503 Service Unavailable",
        "true",
        "carried/UD_SA_",
        "carried/ACK_UD_SA_",
        "ACK files: 1, pushes that can fetch their ACK: 1, policy: yes",
        "POLICY_INSTALL_SUCCESS",
        "Policy name: Example Policy",
        "Manifest-Version: 1.0",
        "Specification-VA-ID:",
        "code.txt",
        "TRUST_CODE_INSTALL_SUCCESS",
        "ACK_usage.txt",
        "Import Data Successful",
        "Policy name: Example Policy",
        "INSTALLED on",
        "  ACK  ",
    ];
    shows(&blocks(CSLU_AND_FILES), &["curl", "jq", "tar"], &steps).await;
}
