//! The module that the browsers load says the same as the crate zxcvbn, run here by itself: on 200
//! passwords of all kinds, by the JSON that the page reads. What goes missing between them shows
//! here: a cut, a lost digit, another clock, a score mapped wrongly.
//!
//! `./build.sh test` builds the module first and says where it is; without it, this says so and
//! passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use doorlight_passwords::generator::{ALPHABET, Kind};
use doorlight_passwords::words::{BETWEEN, WORDS};
use serde_json::{Value, json};

/// A password, and what others know.
type Sample = (String, Vec<String>);

/// The samples, and what the module printed: ratings, then what it made. `None` where there is no
/// module.
fn module_says() -> Option<(Vec<Sample>, Vec<Value>, Vec<Value>)> {
    let Some(module) = std::env::var_os("DOORLIGHT_PASSWORDS") else {
        println!("passwords: skipped, DOORLIGHT_PASSWORDS does not say where the module is");
        return None;
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let samples = tests.join("samples.json");
    // The rating of a year depends on the year: both sides have the same one, also on New Year's
    // Eve.
    let mut node = Command::new("node");
    let output =
        node.env("TZ", "UTC").arg(tests.join("rate.mjs")).arg(module).arg(&samples).output();
    let output = output.expect("node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut lines = lines.lines();
    let rated = lines.by_ref().take_while(|line| *line != "generated");
    let rated = rated.map(|line| serde_json::from_str(line).unwrap()).collect();
    let generated = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    Some((
        serde_json::from_str(&std::fs::read_to_string(samples).unwrap()).unwrap(),
        rated,
        generated,
    ))
}

#[test]
fn two_hundred_passwords_are_rated_as_by_zxcvbn() {
    let Some((samples, rated, _)) = module_says() else { return };
    assert_eq!(samples.len(), 200);
    assert_eq!(rated.len(), samples.len());
    let mut scores = BTreeSet::new();
    for ((password, inputs), rated) in samples.iter().zip(&rated) {
        // As documented: what is longer than what is looked at is left out.
        let inputs: Vec<&str> = inputs
            .iter()
            .map(String::as_str)
            .filter(|input| (1..=100).contains(&input.len()))
            .collect();
        let own = zxcvbn::zxcvbn(password, &inputs);
        let times = own.crack_times();
        let seconds = |time| Duration::from(time).as_secs();
        assert_eq!(rated["score"], json!(u8::from(own.score())), "{password:?}");
        assert_eq!(rated["guesses"].as_u64(), Some(own.guesses()), "{password:?}");
        let log10 = Some(own.guesses_log10()).filter(|log10| log10.is_finite());
        assert_eq!(rated["guesses_log10"].as_f64().is_some(), log10.is_some(), "{password:?}");
        let apart = rated["guesses_log10"].as_f64().unwrap_or_default() - log10.unwrap_or_default();
        // Two machines' logarithms may differ in the last digit.
        assert!(apart.abs() < 1e-9, "{password:?}: {apart}");
        let expected = json!({
            "throttled": seconds(times.online_throttling_100_per_hour()),
            "unthrottled": seconds(times.online_no_throttling_10_per_second()),
            "slow_hash": seconds(times.offline_slow_hashing_1e4_per_second()),
            "fast_hash": seconds(times.offline_fast_hashing_1e10_per_second()),
        });
        assert_eq!(rated["seconds"], expected, "{password:?}");
        assert_eq!(rated["is_at_least"], json!(own.guesses() == u64::MAX), "{password:?}");
        assert_eq!(rated["is_cut"], json!(password.chars().count() > 100), "{password:?}");
        let warning = own.feedback().and_then(|feedback| feedback.warning());
        assert_eq!(rated["warning"].is_string(), warning.is_some(), "{password:?}");
        let suggestions = own.feedback().map_or(0, |feedback| feedback.suggestions().len());
        assert_eq!(rated["suggestions"].as_array().unwrap().len(), suggestions, "{password:?}");
        scores.insert(u8::from(own.score()));
    }
    assert_eq!(scores, BTreeSet::from([0, 1, 2, 3, 4]), "the samples are of all kinds");
    println!("passwords: {} ratings of the module are the crate's", rated.len());
}

#[test]
fn the_module_draws_from_its_platform() {
    let Some((_, _, made)) = module_says() else { return };
    for (made, (kind, count)) in made.iter().zip([
        (Kind::Words, 4_u32),
        (Kind::Words, 20),
        (Kind::Characters, 8),
        (Kind::Characters, 128),
    ]) {
        let text = made["text"].as_str().unwrap();
        let parts: Vec<String> = match kind {
            Kind::Words => text.split(BETWEEN).map(str::to_owned).collect(),
            Kind::Characters => text.chars().map(String::from).collect(),
        };
        assert_eq!(parts.len(), usize::try_from(count).unwrap(), "{text}");
        let choices = f64::from(u32::try_from(kind.choices()).unwrap());
        assert!((made["bits"].as_f64().unwrap() - f64::from(count) * choices.log2()).abs() < 1e-9);
        for part in &parts {
            match kind {
                Kind::Words => assert!(WORDS.contains(&part.as_str()), "{part}"),
                Kind::Characters => assert!(ALPHABET.contains(part), "{part}"),
            }
        }
        // A source that always says the same would show.
        assert!(parts.iter().collect::<BTreeSet<_>>().len() > 2, "{text}");
    }
    let codes: Vec<&Value> = made.iter().skip(4).map(|made| &made["code"]).collect();
    assert_eq!(codes, ["password-count", "password-count", "password-kind"]);
}
