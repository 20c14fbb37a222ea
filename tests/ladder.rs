//! Who vouches for whom: the picture says the same as the path.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use doorlight::certificate;
use doorlight::chain::Chain;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::evidence::{Check, Outcome};
use doorlight::examination::Site;
use doorlight::ladder::{Ladder, Link, Role};
use doorlight::roots::Roots;
use doorlight_lab::authority::pem;
use doorlight_lab::scenario::{HOST, Lab};
use support::{World, corpora, files, outcome, timestamp};
use time::OffsetDateTime;

fn shape(ladder: &Ladder) -> Vec<(Role, Link)> {
    ladder.rungs.iter().map(|rung| (rung.role, rung.above)).collect()
}

#[test]
fn the_lab_stands_as_it_was_built() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let mut roots = Roots::mozilla();
    roots.add(&lab.roots()).unwrap();
    let list = LogList::parse(lab.log_list().as_bytes(), Provenance::Unsigned).unwrap();
    let world = World { roots, log_lists: LogLists::new(vec![list]) };
    let at = timestamp(lab.now);
    let ladder = |chain: &[Vec<u8>]| {
        let chain = Chain::from_bundle(&certificate::split(pem(chain).as_bytes()).unwrap()).unwrap();
        world.conclude(chain, HOST, at, Site::Unknown).ladder
    };
    let scenarios = lab.scenarios();
    let chain = |name: &str| scenarios.iter().find(|one| one.name == name).unwrap().chain.clone();

    let good = chain("good");
    let whole = ladder(&good);
    assert_eq!(
        shape(&whole),
        [(Role::Server, Link::Vouches), (Role::Authority, Link::Vouches), (Role::AddedRoot, Link::Top)]
    );
    assert!(whole.rungs[2].name.contains("Lab Encrypt Root"), "{whole:?}");
    // What has no part in it is counted.
    let with_more = [good.clone(), vec![lab.proxy.root.clone(), lab.other_authority.root.clone()]].concat();
    assert_eq!((ladder(&with_more).rungs, ladder(&with_more).aside), (whole.rungs.clone(), 2));

    // The issuer is not at hand.
    let alone = ladder(&good[..1]);
    assert_eq!(shape(&alone), [(Role::Server, Link::Missing), (Role::Absent, Link::Top)]);
    // The proxy's root is nobody's but its own; without it, it is only named.
    assert_eq!(
        shape(&ladder(&chain("A1-root-sent"))),
        [(Role::Server, Link::Vouches), (Role::Authority, Link::Vouches), (Role::PrivateRoot, Link::Top)]
    );
    assert_eq!(
        shape(&ladder(&chain("A1"))),
        [(Role::Server, Link::Vouches), (Role::Authority, Link::Missing), (Role::Absent, Link::Top)]
    );
    // Somebody of the right name who did not sign it.
    let mut forged = good.clone();
    let last = forged[0].len() - 1;
    forged[0][last] ^= 1;
    let forged = ladder(&forged);
    assert_eq!(shape(&forged), [(Role::Server, Link::False), (Role::Authority, Link::Top)]);
}

/// For every scenario and every real chain: the picture reaches a root without a flaw exactly where the path is valid.
#[test]
fn the_picture_never_says_more_than_the_path() {
    let mut count = 0;
    let mut check = |world: &World, chain: Chain, host: &str, at| {
        let others = chain.others().len();
        let found = world.conclude(chain, host, at, Site::Unknown);
        let rungs = &found.ladder.rungs;
        let (top, below) = rungs.split_last().unwrap();
        let is_whole = below.iter().all(|rung| rung.above == Link::Vouches)
            && matches!(top.role, Role::Root | Role::AddedRoot);
        let has_path = outcome(&found.report, Check::Path) == Outcome::Pass
            || outcome(&found.report, Check::Path) == Outcome::Note;
        assert_eq!(is_whole, has_path, "{:?} {:?}", found.ladder, found.report.evidence);
        assert_eq!(rungs.iter().filter(|rung| rung.above == Link::Top).count(), 1, "{rungs:?}");
        assert!(found.ladder.aside <= others);
        count += 1;
    };
    let lab = Lab::new(OffsetDateTime::now_utc());
    let mut roots = Roots::mozilla();
    roots.add(&lab.roots()).unwrap();
    let list = LogList::parse(lab.log_list().as_bytes(), Provenance::Unsigned).unwrap();
    let world = World { roots, log_lists: LogLists::new(vec![list]) };
    let further = lab.further_scenarios("http://issuer.test/issuer.cer");
    for scenario in lab.scenarios().iter().chain(&further) {
        let ders = certificate::split(pem(&scenario.chain).as_bytes()).unwrap();
        if let Ok(chain) = Chain::presented(&ders) {
            check(&world, chain, HOST, timestamp(lab.now));
        }
    }
    if let Some(folder) = corpora("real-chains") {
        let world = World { roots: Roots::mozilla(), log_lists: LogLists::shipped().unwrap() };
        for file in files(&folder, ".pem").iter().step_by(5) {
            let chain = Chain::read(&std::fs::read(file).unwrap()).unwrap();
            let at = chain.leaf().not_before().plus(std::time::Duration::from_secs(12 * 3600));
            check(&world, chain, "example.com", at);
        }
    }
    println!("{count} pictures say what the path says");
    assert!(count > 30);
}
