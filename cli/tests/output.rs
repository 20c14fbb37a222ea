//! What the command line says, and what becomes of it where nobody can read it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod desk;

use std::fs::OpenOptions;
use std::io::Read;
use std::process::Stdio;

use doorlight_lab::authority::pem;
use doorlight_lab::cli::judged;
use doorlight_lab::scenario::HOST;
use serde_json::Value;

use desk::{Desk, fails};

/// A file whose disk is full.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn an_answer_that_nobody_can_read_is_never_exit_0() {
    let desk = Desk::new();
    let good = desk.write("good.pem", pem(&desk.scenarios[0].chain));
    let rogue = desk.write("rogue.pem", pem(&desk.scenario("same CA was tricked, logged").chain));
    let (roots, list, pins) =
        (desk.path("roots.pem"), desk.path("log_list.json"), desk.path("pins.json"));
    let check = |chain| {
        [
            "check",
            "--host",
            HOST,
            "--roots",
            &roots,
            "--log-list",
            &list,
            "--site",
            &pins,
            "--chain",
            chain,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(
        desk.run(&["pin", "add", HOST, "a9993e364706816aba3e25717850c26c9cd0d89d"])
            .status
            .success()
    );
    let folder = desk.doorlight.file("batch");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&good, folder.join("good.pem")).unwrap();
    for (arguments, readable, unreadable) in [
        (check(&good), 0, 74),
        ([check(&good), words("--json")].concat(), 0, 74),
        // A warning is not held back.
        (check(&rogue), 2, 2),
        (words("pin list"), 0, 74),
        (words("pin export"), 0, 74),
        (words("log-list show"), 0, 74),
        (words("log-list show --json"), 0, 74),
        (words("codes"), 0, 74),
        (words("--help"), 0, 74),
        (words("check --help"), 0, 74),
        (words("--version"), 0, 74),
        (words(&format!("check --batch {}", folder.display())), 0, 74),
        // These print an error, and no answer.
        (words("check"), 64, 64),
        (words("check --json"), 64, 64),
    ] {
        let run = |output: Stdio| {
            let mut command = desk.doorlight.command();
            command.args(&arguments).stdout(output).stderr(Stdio::piped()).output().unwrap()
        };
        assert_eq!(run(Stdio::piped()).status.code(), Some(readable), "{arguments:?}");
        for (how, stdout) in [("full", full()), ("closed", closed())] {
            let output = run(stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(unreadable), "{how}: {arguments:?}: {stderr}");
            assert!(!stderr.contains("panicked"), "{how}: {arguments:?}: {stderr}");
            if unreadable == 74 {
                assert!(stderr.contains("not-written"), "{how}: {arguments:?}: {stderr}");
            }
        }
        // Where nothing at all can be said, the exit code is what is left.
        let mut command = desk.doorlight.command();
        let status = command.args(&arguments).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(unreadable), "{arguments:?}");
        let mut command = desk.doorlight.command();
        let status = command.args(&arguments).stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(unreadable), "{arguments:?}");
    }
}

#[test]
fn with_json_every_error_is_json() {
    let desk = Desk::new();
    let missing = desk.path("missing.pem");
    let token = desk.write("token", "no token\n");
    for (arguments, exit_code, code) in [
        (vec!["check", "--json"], 64, "usage"),
        (vec!["check", "--json", "--nonsense"], 64, "usage"),
        (vec!["check", "--json", "https://"], 64, "address"),
        (vec!["check", "--json", "--chain", &missing, "--host", HOST], 65, "file-unreadable"),
        (vec!["check", "--json", HOST, "--roots", &missing], 65, "file-unreadable"),
        (vec!["audit", "--json", "https://"], 64, "address"),
        (vec!["prove", "--json", "--chain", &missing, "--host", HOST], 65, "file-unreadable"),
        (vec!["home", "--json", "https://198.51.100.7"], 64, "local-address-public-ip"),
        (
            vec!["home", "--json", "http://127.0.0.1:1", "--token-file", &token],
            65,
            "home-token-invalid",
        ),
        (vec!["nonsense", "--json"], 64, "usage"),
    ] {
        let output = desk.run(&arguments);
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        fails(&output, exit_code, code);
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(stdout.lines().count(), 1, "{arguments:?}: {stdout}");
    }
    // Behind `--` it is a word like any other.
    let output = desk.run(&["check", "--", "--json"]);
    assert!(output.stdout.is_empty());
    fails(&output, 64, "address");
}

/// Beside a report there is no second answer.
#[test]
fn what_could_not_be_kept_is_json_on_standard_error() {
    let desk = Desk::new();
    let good = &desk.scenarios[0];
    let sha1 = doorlight::x509::fingerprint::CertificateSha1::of(&good.chain[0]).to_string();
    assert!(desk.run(&["pin", "add", HOST, &sha1, "--keeps-key"]).status.success());
    let lock = desk.doorlight.file("config/doorlight/pins.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let server =
        doorlight_lab::server::Server::start(&good.chain, std::sync::Arc::clone(&good.key));
    let (address, roots, list) =
        (server.address().to_string(), desk.path("roots.pem"), desk.path("log_list.json"));
    let output = desk.run(&[
        "check",
        "--json",
        HOST,
        "--connect",
        &address,
        "--roots",
        &roots,
        "--log-list",
        &list,
    ]);
    assert_eq!(output.status.code(), Some(74));
    assert_eq!(judged(&output).verdict(), "trusted");
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(said["error"]["code"], "not-written");
}

#[test]
fn nothing_of_a_folder_reaches_the_terminal_raw() {
    let desk = Desk::new();
    let folder = desk.doorlight.file("batch");
    std::fs::create_dir(&folder).unwrap();
    let name = "a\u{1b}[2J\u{9b}\u{202e}\u{e0041}.pem";
    std::fs::write(folder.join(name), pem(&desk.scenarios[0].chain)).unwrap();
    let hostile = "-----BEGIN \u{9b}\u{202e} CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.join("b.pem"), hostile).unwrap();
    let output = desk.run(&["check", "--batch", folder.to_str().unwrap()]);
    for said in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(said.clone()).unwrap();
        let strange: Vec<_> =
            text.chars().filter(|c| *c != '\n' && !doorlight::text::shows_as_itself(*c)).collect();
        assert_eq!(strange, [], "{text}");
    }
    // Nothing is lost of it.
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["file"], name);
    assert_eq!(lines[1]["file"], "b.pem");
}

/// One who reads the first line alone gets it, and the program's end says that not all was read.
#[test]
fn a_reader_that_hangs_up_is_said() {
    let desk = Desk::new();
    let folder = desk.doorlight.file("batch");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..40 {
        std::fs::write(folder.join(format!("{n}.pem")), pem(&desk.scenarios[0].chain)).unwrap();
    }
    let mut command = desk.doorlight.command();
    let arguments = ["check", "--batch", folder.to_str().unwrap()];
    let mut child =
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 16]).unwrap();
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(74));
}
