//! The words that passphrases are made of.
//!
//! It is the long list of the Electronic Frontier Foundation, "EFF's New Wordlists for Random
//! Passphrases" (Joseph Bonneau, 2016, <https://www.eff.org/dice>), under the Creative Commons
//! Attribution 3.0 United States licence (<https://creativecommons.org/licenses/by/3.0/us/>). It is
//! used unchanged; the page names where it is from. The crate `diceware_wordlists` carries it; its
//! other lists are not used, and do not get into the module.

use diceware_wordlists::EFF_LONG_WORDLIST;

/// 7776 words (five throws of a die) of 3 to 9 letters that are easy to spell; none begins another,
/// none has a space in it.
pub static WORDS: &[&str] = &EFF_LONG_WORDLIST;

/// What stands between two words. No word contains it, so that two draws never give the same
/// phrase.
pub const BETWEEN: char = ' ';

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_draws_give_the_same_phrase() {
        assert_eq!(WORDS.len(), 7776);
        assert_eq!(WORDS.iter().collect::<BTreeSet<_>>().len(), WORDS.len());
        for word in WORDS {
            assert!(
                word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'),
                "{word}"
            );
            assert!((3..=9).contains(&word.len()), "{word}");
            assert!(!word.contains(BETWEEN));
        }
    }

    #[test]
    fn no_word_begins_another() {
        let sorted: BTreeSet<_> = WORDS.iter().collect();
        for (word, next) in sorted.iter().zip(sorted.iter().skip(1)) {
            assert!(!next.starts_with(**word), "{word} {next}");
        }
    }
}
