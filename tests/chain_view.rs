//! Who vouches for whom: the picture says the same as the path.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::time::Timestamp;
use doorlight::verdict::chain_view::{ChainView, Link, Role};
use doorlight::verdict::evidence::{Check, Outcome};
use doorlight::verdict::examination::Site;
use doorlight::x509::bundle;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use doorlight_lab::authority::pem;
use doorlight_lab::scenario::{HOST, Lab};
use support::{World, corpora, files, outcome, timestamp};
use time::OffsetDateTime;

fn shape(chain_view: &ChainView) -> Vec<(Role, Link)> {
    chain_view.rungs.iter().map(|rung| (rung.role, rung.above)).collect()
}

#[test]
fn the_lab_stands_as_it_was_built() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let mut roots = Roots::mozilla();
    roots.add(&lab.roots()).unwrap();
    let list = LogList::parse(lab.log_list().as_bytes(), Provenance::Unsigned).unwrap();
    let world = World { roots, log_lists: LogLists::new(vec![list]) };
    let at = timestamp(lab.now);
    let chain_view = |chain: &[Vec<u8>]| {
        let chain = Chain::from_bundle(&bundle::split(pem(chain).as_bytes()).unwrap()).unwrap();
        world.conclude(chain, HOST, at, Site::Unknown).chain_view
    };
    let scenarios = lab.scenarios();
    let chain = |name: &str| scenarios.iter().find(|one| one.name == name).unwrap().chain.clone();

    let good = chain("good");
    let whole = chain_view(&good);
    assert_eq!(
        shape(&whole),
        [
            (Role::Server, Link::Vouches),
            (Role::Authority, Link::Vouches),
            (Role::AddedRoot, Link::Top)
        ]
    );
    assert!(whole.rungs[2].name.contains("Lab Encrypt Root"), "{whole:?}");
    // What has no part in it is counted.
    let with_more =
        [good.clone(), vec![lab.proxy.root.clone(), lab.other_authority.root.clone()]].concat();
    assert_eq!(
        (chain_view(&with_more).rungs, chain_view(&with_more).aside),
        (whole.rungs.clone(), 2)
    );

    // The issuer is not at hand.
    let alone = chain_view(&good[..1]);
    assert_eq!(shape(&alone), [(Role::Server, Link::Missing), (Role::Absent, Link::Top)]);
    // The proxy's root is nobody's but its own; without it, it is only named.
    assert_eq!(
        shape(&chain_view(&chain("A1-root-sent"))),
        [
            (Role::Server, Link::Vouches),
            (Role::Authority, Link::Vouches),
            (Role::PrivateRoot, Link::Top)
        ]
    );
    assert_eq!(
        shape(&chain_view(&chain("A1"))),
        [
            (Role::Server, Link::Vouches),
            (Role::Authority, Link::Missing),
            (Role::Absent, Link::Top)
        ]
    );
    // Somebody of the right name who did not sign it.
    let mut forged = good.clone();
    let last = forged[0].len() - 1;
    forged[0][last] ^= 1;
    let forged = chain_view(&forged);
    assert_eq!(shape(&forged), [(Role::Server, Link::False), (Role::Authority, Link::Top)]);
}

/// The picture reaches a root without a flaw exactly where the path is valid.
fn check(world: &World, chain: Chain, host: &str, at: Timestamp) {
    let others = chain.others().len();
    let found = world.conclude(chain, host, at, Site::Unknown);
    let rungs = &found.chain_view.rungs;
    let (top, below) = rungs.split_last().unwrap();
    let is_whole = below.iter().all(|rung| rung.above == Link::Vouches)
        && matches!(top.role, Role::Root | Role::AddedRoot);
    let has_path = outcome(&found.report, Check::Path) == Outcome::Pass
        || outcome(&found.report, Check::Path) == Outcome::Note;
    assert_eq!(is_whole, has_path, "{:?} {:?}", found.chain_view, found.report.evidence);
    assert_eq!(rungs.iter().filter(|rung| rung.above == Link::Top).count(), 1, "{rungs:?}");
    assert!(found.chain_view.aside <= others);
}

#[test]
fn the_picture_never_says_more_than_the_path() {
    let mut count = 0;
    let lab = Lab::new(OffsetDateTime::now_utc());
    let mut roots = Roots::mozilla();
    roots.add(&lab.roots()).unwrap();
    let list = LogList::parse(lab.log_list().as_bytes(), Provenance::Unsigned).unwrap();
    let world = World { roots, log_lists: LogLists::new(vec![list]) };
    let further = lab.further_scenarios("http://issuer.test/issuer.cer");
    for scenario in lab.scenarios().iter().chain(&further) {
        let ders = bundle::split(pem(&scenario.chain).as_bytes()).unwrap();
        if let Ok(chain) = Chain::presented(&ders) {
            check(&world, chain, HOST, timestamp(lab.now));
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn the_picture_of_a_real_chain_never_says_more_than_its_path() {
    let world = World { roots: Roots::mozilla(), log_lists: LogLists::shipped().unwrap() };
    for file in files(&corpora("real-chains"), ".pem").iter().step_by(5) {
        let chain = Chain::read(&std::fs::read(file).unwrap()).unwrap();
        let at = chain.leaf().not_before().plus(std::time::Duration::from_secs(12 * 3600));
        check(&world, chain, "example.com", at);
    }
}
