//! The command line as scripts see it: exit codes, JSON, pins that are kept.

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

use std::process::Stdio;

use doorlight_lab::authority::pem;
use doorlight_lab::cli::judged;
use doorlight_lab::scenario::{HOST, Scenario};
use doorlight_lab::server::Server;
use serde_json::Value;

use desk::{Desk, fails};

#[test]
fn a_chain_file_is_judged_in_any_form_and_order() {
    let desk = Desk::new();
    let chain = &desk.scenarios[0].chain;
    let backwards: Vec<_> = chain.iter().rev().cloned().collect();
    let with_root = [chain.clone(), vec![desk.lab.authority.root.clone()]].concat();
    let chatty = pem(chain).replace("-----BEGIN", "subject=somebody\n\n-----BEGIN");
    let forms = [
        ("chain.pem", pem(chain).into_bytes()),
        ("backwards.pem", pem(&backwards).into_bytes()),
        ("with-root.pem", pem(&with_root).into_bytes()),
        ("chatty.pem", chatty.into_bytes()),
        ("dos.pem", pem(chain).replace('\n', "\r\n").into_bytes()),
        ("chain.der", chain.concat()),
    ];
    let pins = desk.path("pins.json");
    for (name, bytes) in forms {
        let file = desk.write(name, bytes);
        let with_pins = judged(&desk.check_file(&file, &["--site", &pins]));
        assert_eq!(
            (with_pins.verdict(), with_pins.exit_code),
            ("trusted", 0),
            "{name}: {:#}",
            with_pins.report
        );
        let first_sight = judged(&desk.check_file(&file, &[]));
        assert_eq!((first_sight.verdict(), first_sight.exit_code), ("attention", 1), "{name}");
    }
    let leaf_only = desk.write("leaf.pem", pem(&chain[..1]));
    let judged = judged(&desk.check_file(&leaf_only, &["--site", &pins]));
    assert_eq!(judged.verdict(), "danger");
    assert!(judged.codes().contains(&"path-unknown-issuer"));
}

#[test]
fn the_json_has_the_documented_fields() {
    let desk = Desk::new();
    let file = desk.write("chain.pem", pem(&desk.scenarios[0].chain));
    let report = judged(&desk.check_file(&file, &[])).report;
    for pointer in [
        "/schema",
        "/host",
        "/at",
        "/verdict",
        "/decided_by/0",
        "/certificate/sha256",
        "/certificate/sha1",
        "/certificate/spki_sha256",
        "/certificate/issuer",
        "/certificate/not_before",
        "/certificate/not_after",
        "/certificate/names/0",
        "/evidence/0/check",
        "/evidence/0/outcome",
        "/evidence/0/code",
        "/evidence/0/message",
        "/evidence/0/detail",
        "/scts/0/log_id",
        "/scts/0/log",
        "/scts/0/operator",
        "/scts/0/state",
        "/scts/0/timestamp",
        "/scts/0/signature",
    ] {
        assert!(
            report.pointer(pointer).is_some_and(|value| !value.is_null()),
            "{pointer} in {report:#}"
        );
    }
    assert_eq!(report["schema"], 1);
    assert_eq!(report["scts"][2]["leaf_index"], 600, "the first after the tiled log's fillers");
    let documented = include_str!("../../docs/report.md");
    for field in report.as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not in docs/report.md");
    }
}

#[test]
fn wrong_usage_is_64_and_unreadable_input_65() {
    let desk = Desk::new();
    let chain = desk.write("chain.pem", pem(&desk.scenarios[0].chain));
    let junk = desk.write("junk.pem", "nothing of the kind");
    let cut = desk.write("cut.pem", &pem(&desk.scenarios[0].chain)[..400]);
    let malformed = desk.write("malformed.pem", pem(&desk.scenario("malformed").chain));
    let host = ["--host", HOST];
    for (arguments, exit_code, code) in [
        (vec![], 64, "Usage"),
        (vec!["check"], 64, "required"),
        (vec!["check", "http://home.test"], 64, "address"),
        (vec!["check", "https://user@home.test"], 64, "address"),
        (vec!["check", "--chain", &chain], 64, "--host"),
        (vec!["check", "--chain", &chain, "--host", "a b"], 64, "address"),
        (vec!["check", "--chain", &chain, "--host", HOST, "--at", "yesterday"], 64, "time"),
        (vec!["check", "--chain", &chain, "--host", HOST, "--require", "luck"], 64, "luck"),
        ([&["check", "--chain", &junk][..], &host].concat(), 65, "no-certificate"),
        ([&["check", "--chain", &cut][..], &host].concat(), 65, "pem-malformed"),
        ([&["check", "--chain", &malformed][..], &host].concat(), 65, "certificate-malformed"),
        ([&["check", "--chain", "nowhere.pem"][..], &host].concat(), 65, "file-unreadable"),
        (
            [&["check", "--chain", &chain, "--roots", &junk][..], &host].concat(),
            65,
            "no-certificate",
        ),
        (
            [&["check", "--chain", &chain, "--log-list", &junk][..], &host].concat(),
            65,
            "log-list-malformed",
        ),
        (
            [&["check", "--chain", &chain, "--site", &junk][..], &host].concat(),
            65,
            "pins-malformed",
        ),
    ] {
        fails(&desk.run(&arguments), exit_code, code);
    }
    assert_eq!(desk.run(&["--help"]).status.code(), Some(0));
    assert_eq!(desk.run(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_list_whose_signature_does_not_fit_is_refused() {
    let desk = Desk::new();
    let chain = desk.write("chain.pem", pem(&desk.scenarios[0].chain));
    let signature = desk.write("log_list.sig", [7; 512]);
    fails(&desk.check_file(&chain, &["--log-list-sig", &signature]), 65, "log-list-signature");
}

#[test]
fn a_stale_list_judges_nothing_and_turns_nothing_green_that_asked_for_it() {
    let desk = Desk::new();
    let chain = desk.write("chain.pem", pem(&desk.scenarios[0].chain));
    let pins = desk.path("pins.json");
    // The certificate of a home that lives for ninety days, seen on its eightieth: the list is from
    // its thirtieth.
    let list = std::fs::read_to_string(desk.doorlight.file("log_list.json")).unwrap();
    let published = list.split("log_list_timestamp\":\"").nth(1).unwrap()[..20].to_owned();
    let old = doorlight_lab::log::rfc3339(desk.lab.now - time::Duration::days(71));
    desk.write("log_list.json", list.replace(&published, &old));
    let lenient = judged(&desk.check_file(&chain, &["--site", &pins]));
    assert_eq!(lenient.verdict(), "trusted");
    assert!(
        lenient.codes().contains(&"log-list-too-old")
            && lenient.codes().contains(&"ct-policy-list-too-old")
    );
    let strict = judged(&desk.check_file(&chain, &["--site", &pins, "--require", "ct-policy"]));
    assert_eq!((strict.verdict(), strict.exit_code), ("unchecked", 3));
}

#[test]
fn a_batch_gives_one_line_for_each_file() {
    let desk = Desk::new();
    let folder = desk.doorlight.file("batch");
    std::fs::create_dir(&folder).unwrap();
    for (n, (scenario, ending)) in
        desk.scenarios.iter().zip(["pem", "crt", "txt", "PEM", "der", "cer"]).enumerate()
    {
        let chain = &scenario.chain;
        let content = if n < 4 { pem(chain).into_bytes() } else { chain.concat() };
        std::fs::write(folder.join(format!("{n}.{ending}")), content).unwrap();
    }
    std::fs::write(folder.join("notes.md"), "not looked at").unwrap();
    // A pipe that nobody writes to: opening it would wait for ever.
    let pipe = folder.join("pipe.pem");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (roots, list) = (desk.path("roots.pem"), desk.path("log_list.json"));
    let batch = [
        "check",
        "--batch",
        folder.to_str().unwrap(),
        "--at-issue",
        "--roots",
        &roots,
        "--log-list",
        &list,
    ];
    let output = desk.run(&batch);
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((lines.len(), output.status.code()), (6, Some(0)));
    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["attention", "attention", "attention", "danger", "danger", "danger"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("path-unknown-issuer") && said.contains("left out: 1 files"), "{said}");
    std::fs::write(folder.join("bad.pem"), "junk").unwrap();
    let output = desk.run(&batch);
    assert_eq!(output.status.code(), Some(65));
    let bad: Value = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["file"] == "bad.pem")
        .unwrap();
    assert_eq!(bad["error"]["code"], "no-certificate");
}

/// Looks at a scenario with the pins that are kept in the configuration folder.
fn look(desk: &Desk, scenario: &Scenario) -> (String, Vec<String>) {
    let server = Server::start(&scenario.chain, std::sync::Arc::clone(&scenario.key));
    let (roots, list) = (desk.path("roots.pem"), desk.path("log_list.json"));
    let address = server.address().to_string();
    let host = format!("https://{HOST}");
    let judged = judged(&desk.run(&[
        "check",
        "--json",
        &host,
        "--connect",
        &address,
        "--roots",
        &roots,
        "--log-list",
        &list,
    ]));
    (
        judged.verdict().to_owned(),
        judged.decided_by().iter().map(|code| (*code).to_owned()).collect(),
    )
}

#[test]
fn pins_are_kept_and_travel() {
    let desk = Desk::new();
    let good = &desk.scenarios[0];
    assert_eq!(look(&desk, good).0, "attention");

    // The fingerprint that Home Assistant shows: adopted when it is seen, silent from then on,
    // through a renewal too.
    let sha1 = doorlight::x509::fingerprint::CertificateSha1::of(&good.chain[0]).to_string();
    assert!(desk.run(&["pin", "add", HOST, &sha1, "--keeps-key"]).status.success());
    assert_eq!(look(&desk, good), ("trusted".into(), vec!["pin-confirmed".into()]));
    assert_eq!(look(&desk, good), ("trusted".into(), vec!["pin-same-key".into()]));
    assert_eq!(look(&desk, desk.scenario("renewed, same key")).0, "trusted");
    assert_eq!(
        look(&desk, desk.scenario("same CA was tricked, logged")),
        ("danger".into(), vec!["pin-new-key".into()])
    );

    let list = String::from_utf8(desk.run(&["pin", "list"]).stdout).unwrap();
    assert!(
        list.contains(HOST) && list.contains("keeps its key") && list.contains("entered"),
        "{list}"
    );

    // To another machine.
    let export = desk.write("export.json", desk.run(&["pin", "export"]).stdout);
    let other = Desk::new();
    let import = other.write("import.json", std::fs::read(&export).unwrap());
    assert!(other.run(&["pin", "import", &import]).status.success());
    assert_eq!(other.run(&["pin", "export"]).stdout, desk.run(&["pin", "export"]).stdout);

    assert!(desk.run(&["pin", "remove", HOST]).status.success());
    fails(&desk.run(&["pin", "remove", HOST]), 65, "not-pinned");
    assert_eq!(look(&desk, good).0, "attention");
}

/// A chain that somebody sent is judged by what is kept, as the address itself is.
#[test]
fn the_pins_that_are_kept_count_for_a_file_too() {
    let desk = Desk::new();
    let own = desk.write("own.pem", pem(&desk.scenarios[0].chain));
    let other = desk.write("other.pem", pem(&desk.scenario("same CA was tricked, logged").chain));
    assert_eq!(judged(&desk.check_file(&own, &[])).decided_by(), ["pin-first-sight"]);
    assert!(desk.run(&["pin", "add", HOST, "--chain", &own, "--keeps-key"]).status.success());
    let before = desk.run(&["pin", "export"]).stdout;
    assert_eq!(judged(&desk.check_file(&own, &[])).verdict(), "trusted");
    let rogue = judged(&desk.check_file(&other, &[]));
    assert_eq!((rogue.verdict(), rogue.exit_code), ("danger", 2));
    assert_eq!(rogue.decided_by(), ["pin-new-key"]);
    // A file was not seen on the line: nothing is learnt from it.
    assert_eq!(desk.run(&["pin", "export"]).stdout, before);
    // What is handed in goes before what is kept.
    let empty = desk.write("none.json", r#"{"schema":1,"kind":"doorlight-pins","sites":[]}"#);
    assert_eq!(
        judged(&desk.check_file(&other, &["--site", &empty])).decided_by(),
        ["pin-first-sight"]
    );
    // What cannot be read is not the same as nothing.
    std::fs::write(desk.doorlight.file("config/doorlight/pins.json"), "{").unwrap();
    assert_eq!(judged(&desk.check_file(&own, &[])).decided_by(), ["pin-record-unreadable"]);
}

#[test]
fn what_is_seen_can_be_accepted_unless_more_than_the_pin_is_wrong() {
    let desk = Desk::new();
    let roots = desk.path("roots.pem");
    for (title, accepted) in
        [("the home itself", true), ("a proxy with its own root", false), ("expired", false)]
    {
        let scenario = desk.scenario(title);
        let server = Server::start(&scenario.chain, std::sync::Arc::clone(&scenario.key));
        let address = server.address().to_string();
        let output =
            desk.run(&["pin", "add", HOST, "--accept", "--connect", &address, "--roots", &roots]);
        assert_eq!(
            output.status.success(),
            accepted,
            "{title}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(look(&desk, &desk.scenarios[0]).0, "trusted");
}

#[test]
fn pins_that_cannot_be_read_are_neither_nothing_nor_overwritten() {
    let desk = Desk::new();
    let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
    assert!(desk.run(&["pin", "add", HOST, sha1]).status.success());
    let file = desk.doorlight.file("config/doorlight/pins.json");
    let damaged = "{\"schema\":1,\"kind\":\"doorlight-pins\",\"sites\":[{\"addr";
    std::fs::write(&file, damaged).unwrap();
    let (verdict, decided_by) = look(&desk, &desk.scenarios[0]);
    assert_eq!(
        (verdict.as_str(), decided_by),
        ("unchecked", vec!["pin-record-unreadable".to_owned()])
    );
    fails(&desk.run(&["pin", "add", HOST, sha1]), 65, "pins-malformed");
    fails(&desk.run(&["pin", "list"]), 65, "pins-malformed");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
    // From a newer version: the same.
    std::fs::write(&file, "{\"schema\":2,\"kind\":\"doorlight-pins\",\"other\":1}").unwrap();
    fails(&desk.run(&["pin", "list"]), 65, "pins-newer-schema");
    assert_eq!(look(&desk, &desk.scenarios[0]).0, "unchecked");
}

#[test]
fn many_at_once_lose_no_pin() {
    let desk = Desk::new();
    let children: Vec<_> = (0..12)
        .map(|n| {
            let key = format!("{n:064x}");
            desk.doorlight
                .command()
                .args(["pin", "add", HOST, "--key", &key])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let export: Value = serde_json::from_slice(&desk.run(&["pin", "export"]).stdout).unwrap();
    assert_eq!(export["sites"][0]["pins"].as_array().unwrap().len(), 12);
}

#[test]
fn the_page_of_codes_is_up_to_date() {
    let desk = Desk::new();
    let page = String::from_utf8(desk.run(&["codes"]).stdout).unwrap();
    assert!(
        page == include_str!("../../docs/codes.md"),
        "docs/codes.md differs from the table: ./build.sh codes"
    );
}

#[test]
fn what_was_read_at_home_is_not_overruled_by_accepting() {
    let desk = Desk::new();
    let (good, rogue) = (&desk.scenarios[0], desk.scenario("same CA was tricked, logged"));
    let sha1 = doorlight::x509::fingerprint::CertificateSha1::of(&good.chain[0]).to_string();
    assert!(desk.run(&["pin", "add", HOST, &sha1]).status.success());
    let server = Server::start(&rogue.chain, std::sync::Arc::clone(&rogue.key));
    let (address, roots) = (server.address().to_string(), desk.path("roots.pem"));
    let output =
        desk.run(&["pin", "add", HOST, "--accept", "--connect", &address, "--roots", &roots]);
    fails(&output, 65, "pin-fingerprint-mismatch");
    assert_eq!(look(&desk, rogue), ("danger".into(), vec!["pin-fingerprint-mismatch".into()]));
    assert_eq!(look(&desk, good).0, "trusted");
}

#[test]
fn a_warning_is_not_held_back_where_nothing_can_be_kept() {
    let desk = Desk::new();
    let good = &desk.scenarios[0];
    let sha1 = doorlight::x509::fingerprint::CertificateSha1::of(&good.chain[0]).to_string();
    assert!(desk.run(&["pin", "add", HOST, &sha1, "--keeps-key"]).status.success());
    assert_eq!(look(&desk, good).0, "trusted");
    // A folder in the place of the lock: the pins can be read and not written.
    let lock = desk.doorlight.file("config/doorlight/pins.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    assert_eq!(look(&desk, desk.scenario("same CA was tricked, logged")).0, "danger");
}

#[test]
fn a_ca_flag_in_front_of_the_genuine_chain_hides_nobody() {
    let desk = Desk::new();
    let mut params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = doorlight_lab::authority::key(doorlight_lab::authority::KeyShape::P256);
    let attacker = params.self_signed(&key).unwrap().der().to_vec();
    let bundle = [vec![attacker], desk.scenarios[0].chain.clone()].concat();
    let file = desk.write("showcerts.pem", pem(&bundle));
    let pins = desk.path("pins.json");
    assert_eq!(judged(&desk.check_file(&file, &["--site", &pins])).verdict(), "danger");
}

#[test]
fn nothing_of_a_file_reaches_the_terminal_raw() {
    let desk = Desk::new();
    let chain = desk.write("chain.pem", pem(&desk.scenarios[0].chain));
    let site = r#"{"address":"a.test","key_habit":"\u001b]0;pwn\u0007\u001b[2J"}"#;
    let pins = desk.write(
        "hostile.json",
        format!(r#"{{"schema":1,"kind":"doorlight-pins","sites":[{site}]}}"#),
    );
    let output = desk.check_file(&chain, &["--site", &pins]);
    fails(&output, 65, "pins-malformed");
    assert!(!output.stderr.contains(&0x1b));
}
