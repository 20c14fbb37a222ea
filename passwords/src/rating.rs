//! How hard a password is to guess, as the crate zxcvbn estimates it: by the words, names,
//! patterns, dates and earlier leaks that people who guess passwords try first. It is an estimate
//! of guesses, not a proof; nothing here calls a password safe.

use core::time::Duration;

use serde::Serialize;
use zxcvbn::zxcvbn;

use crate::advice;

/// How much of a password is looked at, in characters. zxcvbn cuts there itself, because its time
/// grows with the square of the length; what comes after makes a password no worse than its
/// beginning.
pub const MAX_CHARACTERS: usize = 100;

/// How many things that others know of the user are looked at.
pub const MAX_INPUTS: usize = 32;

/// The longest of them, in characters; longer ones are left out, since no password that is looked
/// at could hold them.
pub const MAX_INPUT_CHARACTERS: usize = MAX_CHARACTERS;

/// What came out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Rating {
    /// 0 (guessed at once) to 4 (hard to guess even with a copy of the server's files).
    pub score: u8,
    /// How many guesses it takes. Counted in 64 bits: at the largest number it takes [at
    /// least](Rating::is_at_least) that many.
    pub guesses: u64,
    /// The order of magnitude of the guesses; `None` for the empty password.
    pub guesses_log10: Option<f64>,
    /// True where the guesses are more than can be counted: the times are then lower bounds.
    pub is_at_least: bool,
    /// True where only the beginning was looked at ([`MAX_CHARACTERS`]).
    pub is_cut: bool,
    /// How long guessing takes, in whole seconds.
    pub seconds: Seconds,
    /// What is wrong with it, as a code of [`advice::of_warning`].
    pub warning: Option<&'static str>,
    /// What would be better, as codes of [`advice::of_suggestion`].
    pub suggestions: Vec<&'static str>,
}

/// How long guessing takes, by the way it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Seconds {
    /// At the login page, where a hundred tries an hour are allowed.
    pub throttled: u64,
    /// At the login page, ten tries a second: where nothing limits them, as in Home Assistant by
    /// default.
    pub unthrottled: u64,
    /// With a copy of well stored passwords (bcrypt and the like): ten thousand a second.
    pub slow_hash: u64,
    /// With a copy of badly stored passwords: ten thousand million a second.
    pub fast_hash: u64,
}

/// Rates a password. `inputs` is what others know and would try first: the user's name, the name of
/// the home's host.
pub fn rate(password: &str, inputs: &[String]) -> Rating {
    let known = inputs.iter().map(String::as_str);
    let known = known
        .filter(|input| !input.is_empty() && input.chars().nth(MAX_INPUT_CHARACTERS).is_none());
    let known: Vec<&str> = known.take(MAX_INPUTS).collect();
    let found = zxcvbn(password, &known);
    let times = found.crack_times();
    let seconds = |time| Duration::from(time).as_secs();
    let feedback = found.feedback();
    Rating {
        score: found.score().into(),
        guesses: found.guesses(),
        guesses_log10: Some(found.guesses_log10()).filter(|log10| log10.is_finite()),
        is_at_least: found.guesses() == u64::MAX,
        is_cut: password.chars().nth(MAX_CHARACTERS).is_some(),
        seconds: Seconds {
            throttled: seconds(times.online_throttling_100_per_hour()),
            unthrottled: seconds(times.online_no_throttling_10_per_second()),
            slow_hash: seconds(times.offline_slow_hashing_1e4_per_second()),
            fast_hash: seconds(times.offline_fast_hashing_1e10_per_second()),
        },
        warning: feedback.and_then(|feedback| feedback.warning()).map(advice::of_warning),
        suggestions: feedback
            .map(|feedback| {
                feedback.suggestions().iter().copied().map(advice::of_suggestion).collect()
            })
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(password: &str) -> Rating {
        rate(password, &[])
    }

    #[test]
    fn what_others_know_counts_against_it() {
        let inputs = ["kaltenbrunnenweg".to_owned()];
        assert!(alone("kaltenbrunnenweg").score >= 3);
        assert_eq!(rate("kaltenbrunnenweg", &inputs).score, 0);
        assert_eq!(rate("Kaltenbrunnenweg", &inputs).score, 0);
    }

    #[test]
    fn too_much_is_left_out() {
        let mut inputs = vec!["x".repeat(MAX_INPUT_CHARACTERS + 1), String::new()];
        inputs.extend((0..MAX_INPUTS).map(|n| format!("qzvxwy{n}")));
        inputs.push("kaltenbrunnenweg".to_owned());
        assert!(
            rate("kaltenbrunnenweg", &inputs).score >= 3,
            "the one past the limit is not looked at"
        );
        inputs.swap(2, MAX_INPUTS + 2);
        assert_eq!(rate("kaltenbrunnenweg", &inputs).score, 0);
    }

    #[test]
    fn only_the_beginning_of_a_long_one_counts() {
        let long: String = "aZ3$".repeat(25);
        assert!(!alone(&long).is_cut);
        let longer = format!("{long}fkE9-wq");
        assert_eq!(Rating { is_cut: false, ..alone(&longer) }, alone(&long));
        assert!(alone(&longer).is_cut);
    }

    #[test]
    fn more_than_can_be_counted_is_a_lower_bound() {
        let much = alone("!QASW@#EDFR$%TGHY^&UJKI*(OL");
        assert!(much.is_at_least);
        assert!(!alone("correct horse").is_at_least);
    }

    #[test]
    fn nothing_is_the_worst() {
        let nothing = alone("");
        assert_eq!((nothing.score, nothing.guesses, nothing.guesses_log10), (0, 0, None));
        assert_eq!(nothing.suggestions, ["few-words", "no-need"]);
    }
}
