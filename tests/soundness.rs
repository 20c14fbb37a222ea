//! Nothing is believed that the platform has not said about exactly these bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use std::cell::RefCell;
use std::collections::HashSet;

use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::{Examination, Site, Step};
use doorlight::x509::chain::Chain;
use doorlight::x509::signature::{Answers, SignatureCheck};
use doorlight_lab::scenario::{HOST, Lab};
use proptest::prelude::*;
use support::{World, code, lab_world, observation, outcome, timestamp};
use time::OffsetDateTime;

struct Home {
    world: World,
    pins: doorlight::site::pins::Pins,
    chain: Vec<Vec<u8>>,
    at: doorlight::time::Timestamp,
}

fn home() -> Home {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let pins = doorlight::site::pins::Pins::from_json(lab.pins().as_bytes()).unwrap();
    let chain = lab.scenarios().remove(0).chain;
    Home { world: lab_world(&lab), pins, chain, at: timestamp(lab.now) }
}

thread_local!(static HOME: Home = home());

impl Home {
    fn site(&self) -> Site<'_> {
        Site::Record(&self.pins.sites()[0])
    }

    fn chain(&self) -> Chain {
        Chain::presented(&self.chain).unwrap()
    }

    fn verdict(&self, chain: &[Vec<u8>]) -> Option<Verdict> {
        let chain = Chain::presented(chain).ok()?;
        Some(self.world.conclude(chain, HOST, self.at, self.site()).report.verdict)
    }
}

#[test]
fn the_good_home_is_trusted() {
    HOME.with(|home| assert_eq!(home.verdict(&home.chain), Some(Verdict::Trusted)));
}

#[test]
fn without_answers_there_is_no_conclusion() {
    HOME.with(|home| {
        let observation = observation(home.chain(), HOST, home.at);
        let examination = Examination::new(&observation, home.world.knowledge(home.site()));
        let checks = examination.checks();
        // leaf by intermediate, intermediate by root, three SCTs
        assert_eq!(checks.len(), 5);
        // Whatever part of the answers is there: as long as one is missing, it is asked for, and
        // nothing is concluded.
        for missing in 0..checks.len() {
            let mut answers = Answers::new();
            for (n, check) in checks.iter().enumerate() {
                if n != missing {
                    answers.insert(check.clone(), true);
                }
            }
            match examination.step(&answers) {
                Step::Ask(asked) => assert_eq!(asked, [checks[missing].clone()]),
                Step::Done(_) => panic!("concluded without an answer to check {missing}"),
            }
        }
    });
}

#[test]
fn one_bad_answer_is_enough_to_refuse() {
    HOME.with(|home| {
        let checks = {
            let observation = observation(home.chain(), HOST, home.at);
            Examination::new(&observation, home.world.knowledge(home.site())).checks()
        };
        for (n, bad) in checks.iter().enumerate() {
            let conclusion =
                home.world
                    .conclude_with(home.chain(), HOST, home.at, home.site(), |check| check != bad);
            assert_eq!(conclusion.report.verdict, Verdict::Danger, "check {n}");
        }
    });
}

#[test]
fn an_answer_counts_for_its_own_bytes_only() {
    HOME.with(|home| {
        let observation = observation(home.chain(), HOST, home.at);
        let examination = Examination::new(&observation, home.world.knowledge(home.site()));
        let mut answers = Answers::new();
        for check in examination.checks() {
            // Good answers about things that differ in one respect each.
            let mut other_message = check.clone();
            other_message.message.push(0);
            let mut other_signature = check.clone();
            other_signature.signature.push(0);
            let mut other_key = check.clone();
            other_key.key.push(0);
            for other in [other_message, other_signature, other_key] {
                answers.insert(other, true);
            }
        }
        match examination.step(&answers) {
            Step::Ask(asked) => assert_eq!(asked, examination.checks()),
            Step::Done(_) => panic!("concluded from answers about other bytes"),
        }
    });
}

#[test]
fn the_first_word_about_a_signature_stands() {
    HOME.with(|home| {
        let observation = observation(home.chain(), HOST, home.at);
        let check =
            Examination::new(&observation, home.world.knowledge(home.site())).checks().remove(0);
        let mut answers = Answers::new();
        answers.insert(check.clone(), false);
        answers.insert(check.clone(), true);
        assert_eq!(answers.get(&check), Some(false));
    });
}

#[test]
fn every_accepted_path_was_answered_link_by_link() {
    // A platform that notes what it is asked, and says yes to everything: an accepted path must
    // rest on a yes for each link.
    HOME.with(|home| {
        let asked = RefCell::new(Vec::<SignatureCheck>::new());
        let conclusion =
            home.world.conclude_with(home.chain(), HOST, home.at, home.site(), |check| {
                asked.borrow_mut().push(check.clone());
                true
            });
        assert_eq!(outcome(&conclusion.report, Check::Path), Outcome::Note);
        let messages: HashSet<Vec<u8>> =
            asked.borrow().iter().map(|check| check.message.clone()).collect();
        for der in &home.chain {
            // The TBSCertificate is what the outer SEQUENCE begins with.
            let is_asked = messages.iter().any(|message| {
                der.windows(message.len()).next_back().is_some() && der[4..].starts_with(message)
            });
            assert!(is_asked, "a link was accepted that nobody was asked about");
        }
    });
}

#[test]
fn a_wrong_issuer_spoils_the_scts() {
    // The same leaf, under an intermediate of the same name with another key.
    let lab = Lab::new(OffsetDateTime::now_utc());
    let world = lab_world(&lab);
    let chain = lab.scenarios().remove(0).chain;
    let namesake = doorlight_lab::authority::Authority::new(
        &lab.authority.name,
        doorlight_lab::authority::KeyShape::P384,
        doorlight_lab::authority::KeyShape::P384,
        lab.now,
    );
    let chain = Chain::presented(&[chain[0].clone(), namesake.intermediate.clone()]).unwrap();
    let report = world.conclude(chain, HOST, timestamp(lab.now), Site::Unknown).report;
    assert_eq!(code(&report, Check::Path), Code::PathBadSignature);
    // Who issued the leaf is not known, so neither is what the logs signed.
    assert_eq!(code(&report, Check::Sct), Code::SctIssuerMissing);
    assert_eq!(report.verdict, Verdict::Danger);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A bit flipped anywhere in the leaf (TBS, SCTs, signature) or in the intermediate: unreadable
    /// or refused, never trusted.
    #[test]
    fn a_flipped_bit_is_never_trusted(which in 0..2usize, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        HOME.with(|home| {
            let mut chain = home.chain.clone();
            let at = at.index(chain[which].len());
            chain[which][at] ^= 1 << bit;
            let verdict = home.verdict(&chain);
            prop_assert!(verdict != Some(Verdict::Trusted), "certificate {which}, byte {at}, bit {bit}: {verdict:?}");
            prop_assert!(verdict != Some(Verdict::Attention), "certificate {which}, byte {at}, bit {bit}: {verdict:?}");
            Ok(())
        })?;
    }

    /// A bit flipped in the SCT list alone, with a platform that finds the certificates' own
    /// signatures good: the SCTs must fall by themselves.
    #[test]
    fn a_flipped_bit_in_an_sct_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        HOME.with(|home| {
            let leaf = doorlight::x509::certificate::Certificate::from_der(&home.chain[0]).unwrap();
            let list = leaf.sct_list().unwrap().to_vec();
            let start = home.chain[0].windows(list.len()).position(|window| window == list).unwrap();
            let mut chain = home.chain.clone();
            let at = at.index(list.len());
            chain[0][start + at] ^= 1 << bit;
            let chain = Chain::presented(&chain).unwrap();
            let tbs_is_good = |check: &SignatureCheck| check.message.starts_with(&[0x30]) || check.verify_natively();
            let report = home.world.conclude_with(chain, HOST, home.at, home.site(), tbs_is_good).report;
            let valid = report.scts.iter().filter(|sct| sct.signature == doorlight::verdict::report::SctSignature::Valid).count();
            prop_assert!(valid < 3, "byte {at}, bit {bit}: {:?}", report.scts);
            prop_assert!(code(&report, Check::Path) == Code::PathAddedRoot);
            Ok(())
        })?;
    }
}
