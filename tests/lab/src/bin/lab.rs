//! `lab DOORLIGHT`: lets the command line judge the good homes and every attacker, and prints the
//! table.

use std::path::PathBuf;
use std::process::ExitCode;

use doorlight_lab::cli::Doorlight;
use doorlight_lab::scenario::{HOST, Lab};
use time::OffsetDateTime;

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: lab DOORLIGHT");
        return ExitCode::from(64);
    };
    let lab = Lab::new(OffsetDateTime::now_utc());
    let doorlight = Doorlight::new(&program, &lab);
    println!("Each of these answers at https://{HOST}, on this machine, behind real TLS.\n");
    println!("{:<5} {:<45} {:<12} {:<12} shown by", "", "who answers", "first visit", "with pins");
    let mut is_as_promised = true;
    let scenarios = lab.scenarios();
    for scenario in &scenarios {
        let first_sight = doorlight.look_at(scenario, false);
        let pinned = doorlight.look_at(scenario, true);
        let holds =
            first_sight.verdict() == scenario.first_sight && pinned.verdict() == scenario.pinned;
        is_as_promised &= holds;
        // With the pin, and beyond it what a first visit would show.
        let mut shown_by = pinned.decided_by();
        shown_by.extend(first_sight.decided_by().iter().filter(|code| **code != "pin-first-sight"));
        let mut distinct: Vec<&str> = Vec::new();
        for code in shown_by {
            if !distinct.contains(&code) {
                distinct.push(code);
            }
        }
        println!(
            "{:<5} {:<45} {:<12} {:<12} {}{}",
            scenario.id,
            scenario.title,
            first_sight.verdict(),
            pinned.verdict(),
            distinct.join(", "),
            if holds { "" } else { "   <- NOT AS PROMISED" }
        );
    }
    if let Some(example) = scenarios.iter().find(|scenario| scenario.id == "A3") {
        println!(
            "\nOne of them in full, {}:\n\n{}",
            example.title,
            doorlight.describe(example, true)
        );
    }
    if is_as_promised { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
