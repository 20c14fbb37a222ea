//! The command line against the lab: every good home and every attacker, over real TLS on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::path::Path;

use doorlight_lab::cli::Doorlight;
use doorlight_lab::scenario::Lab;
use time::OffsetDateTime;

#[test]
fn every_scenario_ends_as_promised() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
    let scenarios = lab.scenarios();
    assert!(scenarios.len() >= 15);
    for scenario in &scenarios {
        for (is_pinned, expected) in [(false, scenario.first_sight), (true, scenario.pinned)] {
            let judged = doorlight.look_at(scenario, is_pinned);
            let what = format!(
                "{} {} (pinned: {is_pinned}): {:#}",
                scenario.id, scenario.title, judged.report
            );
            assert_eq!(judged.verdict(), expected, "{what}");
            let exit_code = ["trusted", "attention", "danger", "unchecked"]
                .iter()
                .position(|one| *one == expected);
            assert_eq!(usize::try_from(judged.exit_code).ok(), exit_code, "{what}");
            if is_pinned {
                let codes = judged.codes();
                assert!(scenario.codes.iter().all(|code| codes.contains(code)), "{what}");
            }
            assert!(scenario.id == "good" || judged.verdict() != "trusted", "{what}");
        }
    }
}

#[test]
fn nobody_there_is_unchecked_and_nothing_is_sent_but_the_handshake() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output =
        doorlight.run(&["check", "--json", "https://home.test", "--connect", &free.to_string()]);
    let judged = doorlight_lab::cli::judged(&output);
    assert_eq!((judged.verdict(), judged.exit_code), ("unchecked", 3));
    assert_eq!(judged.decided_by(), ["certificate-missing"]);

    let good = &lab.scenarios()[0];
    let server =
        doorlight_lab::server::Server::start(&good.chain, std::sync::Arc::clone(&good.key));
    let address = server.address().to_string();
    let host = format!("https://{}", doorlight_lab::scenario::HOST);
    doorlight.run(&["check", "--json", &host, "--connect", &address]);
    assert!(server.requests().is_empty(), "the probe asked for a page");
}
