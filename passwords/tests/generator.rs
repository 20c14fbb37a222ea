//! A million draws of each kind are as even as chance makes them, and the same test catches the
//! mistake that is usually made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::collections::HashMap;

use doorlight_passwords::generator::{ALPHABET, GenerateError, Kind, generate};
use doorlight_passwords::words::{BETWEEN, WORDS};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const SAMPLES: u32 = 1_000_000;

/// A p-value below this, or as close to 1, is no chance: an honest generator comes here once in
/// five hundred million runs.
const BOUND: f64 = 1e-9;

/// How likely it is that even chances come out at least this unevenly.
fn p_value(counts: &[u32]) -> f64 {
    let total: u32 = counts.iter().sum();
    let cells = f64::from(u32::try_from(counts.len()).unwrap());
    let expected = f64::from(total) / cells;
    let square: f64 =
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    ChiSquared::new(cells - 1.0).unwrap().sf(square)
}

/// Even, and not more even than chance: a generator that only counts through its choices is none
/// either.
fn passes(counts: &[u32]) -> bool {
    let p = p_value(counts);
    println!("{} cells: p = {p:.4}", counts.len());
    (BOUND..=1.0 - BOUND).contains(&p)
}

fn counts(kind: Kind, mut fill: impl FnMut(&mut [u8]) -> Result<(), GenerateError>) -> Vec<u32> {
    let places: HashMap<&str, usize> = match kind {
        Kind::Words => WORDS.iter().copied().zip(0..).collect(),
        Kind::Characters => ALPHABET.split_terminator("").skip(1).zip(0..).collect(),
    };
    let mut counts = vec![0; kind.choices()];
    let (_, most) = kind.limits();
    let mut left = SAMPLES;
    while left > 0 {
        let (least, count) = (kind.limits().0, left.min(most));
        let made = generate(kind, count.max(least), &mut fill).unwrap();
        let parts: Vec<&str> = match kind {
            Kind::Words => made.text.split(BETWEEN).collect(),
            Kind::Characters => made.text.split_terminator("").skip(1).collect(),
        };
        for part in parts.iter().take(usize::try_from(count).unwrap()) {
            counts[places[part]] += 1;
        }
        left -= count;
    }
    assert_eq!(counts.iter().sum::<u32>(), SAMPLES);
    counts
}

#[test]
fn a_million_draws_are_even() {
    for kind in [Kind::Words, Kind::Characters] {
        let system =
            counts(kind, |bytes| getrandom::fill(bytes).map_err(|_| GenerateError::NoRandomness));
        assert!(passes(&system), "{kind:?} from the system");
        let mut seeded = ChaCha20Rng::seed_from_u64(20_260_101);
        let repeatable = counts(kind, |bytes| {
            seeded.fill_bytes(bytes);
            Ok(())
        });
        assert!(passes(&repeatable), "{kind:?} from a seed");
    }
}

/// The usual mistake: the remainder, without rejecting.
#[test]
fn a_remainder_alone_fails_the_same_test() {
    let mut seeded = ChaCha20Rng::seed_from_u64(20_260_102);
    let mut biased = |cells: usize, bytes: usize| {
        let mut counts = vec![0; cells];
        for _ in 0..SAMPLES {
            let mut drawn = [0; 8];
            seeded.fill_bytes(&mut drawn[..bytes]);
            counts[usize::try_from(u64::from_le_bytes(drawn)).unwrap() % cells] += 1;
        }
        counts
    };
    assert!(!passes(&biased(WORDS.len(), 2)), "two bytes modulo 7776");
    assert!(!passes(&biased(ALPHABET.len(), 1)), "one byte modulo 74");
    // The same loop without the mistake: eight bytes leave no remainder to speak of.
    assert!(passes(&biased(WORDS.len(), 7)));
    assert!(passes(&biased(ALPHABET.len(), 7)));
}

/// Where each part stands does not change what comes there, and neighbours have nothing to do with
/// each other.
#[test]
fn neighbours_are_independent() {
    let mut counts = vec![0_u32; ALPHABET.len() * ALPHABET.len()];
    let mut seeded = ChaCha20Rng::seed_from_u64(20_260_103);
    let place = |letter: u8| ALPHABET.bytes().position(|one| one == letter).unwrap();
    for _ in 0..SAMPLES / 128 {
        let made = generate(Kind::Characters, 128, |bytes| {
            seeded.fill_bytes(bytes);
            Ok(())
        })
        .unwrap();
        for pair in made.text.as_bytes().chunks_exact(2) {
            counts[place(pair[0]) * ALPHABET.len() + place(pair[1])] += 1;
        }
    }
    assert!(passes(&counts));
    let same_twice: u32 = (0..ALPHABET.len()).map(|at| counts[at * ALPHABET.len() + at]).sum();
    assert!(same_twice > 0);
}
