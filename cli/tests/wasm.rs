//! The web page's module gives the same report as the command line, to the letter: the same core,
//! with WebCrypto in the place of AWS-LC.
//!
//! `./build.sh test` builds the module first and says where it is; without it, or without Node,
//! this says so and passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use doorlight::x509::chain::Chain;
use doorlight_lab::authority::pem;
use doorlight_lab::cli::Doorlight;
use doorlight_lab::scenario::{HOST, Lab};
use serde_json::{Value, json};
use support::{corpora, files, timestamp};
use time::OffsetDateTime;

/// Where `./build.sh test` put the module.
fn module() -> Option<PathBuf> {
    let module = std::env::var_os("DOORLIGHT_WASM").map(PathBuf::from);
    if module.is_none() {
        println!("wasm: skipped, DOORLIGHT_WASM does not say where the module is");
    }
    module
}

/// What the module says of the jobs.
fn judge(folder: &Path, jobs: &Value) -> Vec<Value> {
    std::fs::write(folder.join("jobs.json"), jobs.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wasm/judge.mjs");
    let output = Command::new("node").arg(script).arg(folder).output().expect("node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_lab_is_judged_the_same() {
    let Some(module) = module() else { return };
    let lab = Lab::new(OffsetDateTime::now_utc());
    let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
    let at = timestamp(lab.now);
    let (roots, list, pins) =
        (doorlight.file("roots.pem"), doorlight.file("log_list.json"), doorlight.file("pins.json"));
    let (mut jobs, mut expected) = (Vec::new(), Vec::new());
    for (n, scenario) in lab.scenarios().iter().enumerate() {
        let chain = doorlight.file(&format!("{n}.pem"));
        std::fs::write(&chain, pem(&scenario.chain)).unwrap();
        for site in [None, Some(&pins)] {
            jobs.push(json!({"chain": chain, "address": HOST, "at": at.millis(), "pins": site}));
            let mut command = doorlight.command();
            command.args(["check", "--json", "--host", HOST, "--at", &at.to_string()]);
            command
                .arg("--chain")
                .arg(&chain)
                .arg("--roots")
                .arg(&roots)
                .arg("--log-list")
                .arg(&list);
            if let Some(pins) = site {
                command.arg("--site").arg(pins);
            }
            let output = command.output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            // Of an error, the module tells the code alone.
            let report = match report.pointer("/error/code") {
                Some(code) => json!({"code": code}),
                None => report,
            };
            expected.push(report);
        }
    }
    let folder = doorlight.file("");
    let found =
        judge(&folder, &json!({"module": module, "roots": roots, "logList": list, "jobs": jobs}));
    assert_eq!(found.len(), jobs.len());
    for ((job, found), expected) in jobs.iter().zip(&found).zip(&expected) {
        assert!(expected == found, "{job}\nmodule: {found:#}\ncommand line: {expected:#}");
    }
    println!("wasm: {} reports of the lab are the command line's", found.len());
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn real_chains_are_judged_the_same() {
    let Some(module) = module() else { return };
    let real = corpora("real-chains");
    let lab = Lab::new(OffsetDateTime::now_utc());
    let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
    let (mut jobs, mut expected) = (Vec::new(), Vec::new());
    for chain in files(&real, ".pem").iter().step_by(9) {
        let read = Chain::read(&std::fs::read(chain).unwrap()).unwrap();
        let at = read.leaf().not_before().plus(std::time::Duration::from_secs(12 * 3600));
        jobs.push(json!({"chain": chain, "address": "example.com", "at": at.millis()}));
        let mut command = doorlight.command();
        command
            .args(["check", "--json", "--host", "example.com", "--at-issue", "--chain"])
            .arg(chain);
        expected.push(serde_json::from_slice::<Value>(&command.output().unwrap().stdout).unwrap());
    }
    let found = judge(&doorlight.file(""), &json!({"module": module, "jobs": jobs}));
    assert!(found.len() > 70);
    assert_eq!(found, expected);
    println!("wasm: {} reports of real chains are the command line's", found.len());
}
