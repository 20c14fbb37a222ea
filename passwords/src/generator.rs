//! New passwords, by chance alone.
//!
//! Every word or character is drawn by itself, each as likely as every other, and nothing is thrown
//! away because it looks weak: so what an attacker has to try, who knows how it was made, is
//! exactly [`Generated::bits`].
//!
//! Two bytes are drawn for each. The remainder of a division would make the first choices likelier
//! than the last (65536 is no multiple of 7776 nor of 74), so draws past the last whole multiple
//! are rejected and drawn anew. The choosers of the crate `rand` do the same; they ask for a source
//! that cannot fail, and one that fails must never end in a password, so this small one is
//! Doorlight's own. That it is even is shown by going through all 65536 draws (below), and by
//! chi-square (`tests/generator.rs`).

use core::num::NonZeroU16;

use zeroize::Zeroizing;

use crate::words::{BETWEEN, WORDS};

/// The characters that are drawn from: those that are mistaken for one another (`0 O`, `1 l I |`)
/// are left out, and those that mean something to a shell or in the quotes of a YAML file (`"`,
/// `'`, `\`, `` ` ``).
pub const ALPHABET: &str =
    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#$%&*+-./:;=?@_~";

/// How often in a row a draw may be rejected. Of honest draws at most one in two is, so that this
/// happens once in 2^128.
const MAX_REJECTED: u32 = 128;

/// All draws of two bytes.
const DRAWS: u32 = 1 << 16;

/// What a password is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// [`WORDS`], with [`BETWEEN`] between them.
    Words,
    /// Characters of [`ALPHABET`].
    Characters,
}

impl Kind {
    /// Its name at the seam to the page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Characters => "characters",
        }
    }

    /// The fewest and the most that are drawn. The fewest give about 50 bits.
    pub const fn limits(self) -> (u32, u32) {
        match self {
            Self::Words => (4, 20),
            Self::Characters => (8, 128),
        }
    }

    /// How many there are to choose from.
    pub fn choices(self) -> usize {
        match self {
            Self::Words => WORDS.len(),
            Self::Characters => ALPHABET.len(),
        }
    }
}

impl core::str::FromStr for Kind {
    type Err = GenerateError;

    fn from_str(name: &str) -> Result<Self, GenerateError> {
        let kinds = [Self::Words, Self::Characters];
        kinds.into_iter().find(|kind| kind.as_str() == name).ok_or(GenerateError::Kind)
    }
}

/// A new password.
#[derive(Clone)]
pub struct Generated {
    /// The password.
    pub text: Zeroizing<String>,
    /// Its entropy in bits: the logarithm of how many there are, all equally likely.
    pub bits: f64,
}

/// Why there is no new password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// No such [`Kind`].
    #[error("passwords are made of words or of characters")]
    Kind,
    /// Too few, or too many.
    #[error("{count} is not between {least} and {most}")]
    Count {
        /// What was asked for.
        count: u32,
        /// The fewest.
        least: u32,
        /// The most.
        most: u32,
    },
    /// The source of randomness failed.
    #[error("the browser gives no randomness")]
    NoRandomness,
    /// The source of randomness answers, but not with randomness.
    #[error("the browser's randomness is none")]
    BrokenRandomness,
}

impl GenerateError {
    /// A code that stays the same.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Kind => "password-kind",
            Self::Count { .. } => "password-count",
            Self::NoRandomness => "randomness-missing",
            Self::BrokenRandomness => "randomness-broken",
        }
    }
}

/// A password of `count` words or characters. `fill` fills bytes from a source fit for keys.
///
/// # Errors
/// A count outside of [`Kind::limits`], or no randomness.
pub fn generate(
    kind: Kind,
    count: u32,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), GenerateError>,
) -> Result<Generated, GenerateError> {
    let (least, most) = kind.limits();
    if !(least..=most).contains(&count) {
        return Err(GenerateError::Count { count, least, most });
    }
    let choices =
        u16::try_from(kind.choices()).ok().and_then(NonZeroU16::new).ok_or(GenerateError::Kind)?;
    // As long as it can get, so that no part of it is left behind where a string grew: the longest
    // word has 9 letters.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(count).unwrap_or(0) * 10));
    for at in 0..count {
        let drawn = usize::from(draw(choices, &mut fill)?);
        match kind {
            Kind::Words => {
                if at > 0 {
                    text.push(BETWEEN);
                }
                text.push_str(WORDS.get(drawn).ok_or(GenerateError::BrokenRandomness)?);
            }
            Kind::Characters => {
                let byte = ALPHABET.as_bytes().get(drawn).ok_or(GenerateError::BrokenRandomness)?;
                text.push(char::from(*byte));
            }
        }
    }
    Ok(Generated { text, bits: f64::from(count) * f64::from(choices.get()).log2() })
}

/// A number below `choices`, each as likely as every other.
fn draw(
    choices: NonZeroU16,
    fill: &mut impl FnMut(&mut [u8]) -> Result<(), GenerateError>,
) -> Result<u16, GenerateError> {
    let mut bytes = Zeroizing::new([0; 2]);
    for _ in 0..MAX_REJECTED {
        fill(bytes.as_mut_slice())?;
        if let Some(accepted) = accept(u16::from_le_bytes(*bytes), choices) {
            return Ok(accepted);
        }
    }
    Err(GenerateError::BrokenRandomness)
}

/// The choice that this draw makes; `None` where it lies past the last whole multiple of `choices`.
fn accept(drawn: u16, choices: NonZeroU16) -> Option<u16> {
    let whole = DRAWS - DRAWS % u32::from(choices.get());
    (u32::from(drawn) < whole).then(|| drawn % choices)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn source(bytes: &mut [u8]) -> Result<(), GenerateError> {
        getrandom::fill(bytes).map_err(|_| GenerateError::NoRandomness)
    }

    #[test]
    fn of_all_draws_each_choice_gets_as_many() {
        for kind in [Kind::Words, Kind::Characters] {
            let choices = NonZeroU16::new(u16::try_from(kind.choices()).unwrap()).unwrap();
            let mut counts = vec![0_u32; kind.choices()];
            let mut rejected = 0_u32;
            for drawn in 0..=u16::MAX {
                match accept(drawn, choices) {
                    Some(choice) => counts[usize::from(choice)] += 1,
                    None => rejected += 1,
                }
            }
            assert!(
                counts.iter().all(|count| *count == DRAWS / u32::from(choices.get())),
                "{kind:?}"
            );
            assert_eq!(rejected, DRAWS % u32::from(choices.get()));
            assert!(
                rejected > 0,
                "with {kind:?} the remainder alone would be even, and this test show nothing"
            );
        }
    }

    #[test]
    fn every_character_is_there_once_and_is_read_right() {
        assert!(ALPHABET.is_ascii());
        assert_eq!(ALPHABET.bytes().collect::<BTreeSet<_>>().len(), ALPHABET.len());
        assert_eq!(ALPHABET.len(), 74);
        assert!(!ALPHABET.contains(['0', 'O', '1', 'l', 'I', '|', '"', '\'', '\\', '`', ' ']));
    }

    #[test]
    fn bits_count_all_that_could_have_come() {
        let words = generate(Kind::Words, 6, source).unwrap();
        assert_eq!(words.text.split(BETWEEN).count(), 6);
        assert!(words.text.split(BETWEEN).all(|word| WORDS.contains(&word)));
        // 7776 = 6^5
        assert!((words.bits - 30.0 * 6_f64.log2()).abs() < 1e-9, "{}", words.bits);
        let characters = generate(Kind::Characters, 20, source).unwrap();
        assert_eq!(characters.text.len(), 20);
        assert!((characters.bits - 20.0 * 74_f64.log2()).abs() < 1e-9, "{}", characters.bits);
        assert_ne!(generate(Kind::Words, 6, source).unwrap().text, words.text);
    }

    #[test]
    fn limits_are_kept() {
        for kind in [Kind::Words, Kind::Characters] {
            let (least, most) = kind.limits();
            for count in [0, least - 1, most + 1, u32::MAX] {
                let error = generate(kind, count, source).map(|_| ()).unwrap_err();
                assert_eq!(error, GenerateError::Count { count, least, most });
            }
            for count in [least, most] {
                let made = generate(kind, count, source).unwrap();
                assert!(made.bits > 49.0, "{kind:?}: {}", made.bits);
                assert!(made.text.len() <= usize::try_from(count).unwrap() * 10);
            }
        }
        assert_eq!("emoji".parse::<Kind>(), Err(GenerateError::Kind));
        assert_eq!("words".parse::<Kind>(), Ok(Kind::Words));
    }

    #[test]
    fn without_randomness_there_is_no_password() {
        let fails = |_: &mut [u8]| Err(GenerateError::NoRandomness);
        assert_eq!(generate(Kind::Words, 6, fails).map(|_| ()), Err(GenerateError::NoRandomness));
        let mut left = 3;
        let fails_later = |bytes: &mut [u8]| {
            left -= 1;
            if left == 0 { Err(GenerateError::NoRandomness) } else { source(bytes) }
        };
        assert_eq!(
            generate(Kind::Words, 6, fails_later).map(|_| ()),
            Err(GenerateError::NoRandomness)
        );
        let stuck = |bytes: &mut [u8]| {
            bytes.fill(0xff);
            Ok(())
        };
        assert_eq!(
            generate(Kind::Words, 6, stuck).map(|_| ()),
            Err(GenerateError::BrokenRandomness)
        );
    }
}
