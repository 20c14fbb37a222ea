//! What becomes of a promise, against a simulated log of either kind: honest, young, broken, lying,
//! forked; and what that costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that fails panics"
)]

use std::time::Duration;

use doorlight::ct::heads::Heads;
use doorlight::ct::publication::{Kept, Promises, Publication};
use doorlight::fetch::{Answer, FetchError};
use doorlight::time::{DAY, Timestamp};
use doorlight::verdict::evidence::{Check, Code, Evidence};
use doorlight::verdict::examination::{Examination, Site};
use doorlight::verdict::report::Added;
use doorlight::verdict::{REQUIRED, Verdict, verdict};
use doorlight::x509::signature::SignatureCheck;
use simulated_log::{SimulatedLog, block_on, now};

#[path = "support/simulated_log.rs"]
mod simulated_log;
mod support;

const BOTH: [bool; 2] = [false, true];

#[track_caller]
fn code(publication: &Publication, check: Check) -> Code {
    let mut found = publication.evidence.iter().filter(|one| one.check == check);
    let one = found.next().unwrap();
    assert!(found.next().is_none(), "one log, one finding");
    one.code
}

#[track_caller]
fn ends(publication: &Publication, inclusion: Code, consistency: Code) {
    let found = (code(publication, Check::Inclusion), code(publication, Check::Consistency));
    assert_eq!(found, (inclusion, consistency), "{:?}", publication.reports);
}

fn answer(status: u16, body: &[u8]) -> Option<Result<Answer, FetchError>> {
    Some(Ok(Answer { status, retry_after: None, body: body.to_vec() }))
}

/// A memory of an earlier head of the same log.
fn memory(is_tiled: bool, size: u64) -> Heads {
    SimulatedLog::new(is_tiled, size, 5).audit(&Heads::default()).heads
}

#[test]
fn an_honest_log_proves_it() {
    for is_tiled in BOTH {
        let first = SimulatedLog::new(is_tiled, 1000, 5).audit(&Heads::default());
        ends(&first, Code::InclusionProven, Code::ConsistencyFirstSight);
        let report = &first.reports[0];
        assert_eq!(
            (report.leaf_index, report.tree_size, report.inclusion),
            (Some(5), Some(1000), Kept::Proven)
        );
        let heads = Heads::from_json(first.heads.to_json().as_bytes()).unwrap();
        assert_eq!(heads, first.heads);
        for size in [1000, 1001, 1024, 70_000, 999, 6] {
            let mut next = SimulatedLog::new(is_tiled, size, 5);
            next.stored = 1000;
            let next = next.audit(&heads);
            ends(&next, Code::InclusionProven, Code::ConsistencyProven);
            let newest = next.heads.logs().next().unwrap().1.newest.as_ref().unwrap().head.size;
            assert_eq!(newest, size.max(1000), "the largest is remembered");
        }
        for (size, index) in [(1, 0), (2, 1), (256, 255), (257, 256), (65_536, 0), (65_537, 65_536)]
        {
            let log = SimulatedLog::new(is_tiled, size, index);
            ends(&log.audit(&Heads::default()), Code::InclusionProven, Code::ConsistencyFirstSight);
        }
    }
}

#[test]
fn a_young_entry_may_be_missing_and_an_old_one_may_not() {
    for is_tiled in BOTH {
        let at_end = |promised_at: Timestamp| {
            let mut log = SimulatedLog::new(is_tiled, 1000, 1000);
            log.promised_at = promised_at;
            log.leaves.clear();
            log.audit(&Heads::default())
        };
        let head_at = SimulatedLog::new(is_tiled, 1, 0).head_at;
        let last_moment = head_at.minus(DAY);
        for young in [now(), last_moment.plus(Duration::from_millis(1))] {
            ends(&at_end(young), Code::InclusionPending, Code::ConsistencyFirstSight);
        }
        for old in [last_moment, now().minus(3 * DAY)] {
            ends(&at_end(old), Code::InclusionMissing, Code::ConsistencyFirstSight);
        }
        // Another entry stands where ours has to be.
        let mut log = SimulatedLog::new(is_tiled, 1000, 5);
        log.leaves.clear();
        ends(&log.audit(&Heads::default()), Code::InclusionMissing, Code::ConsistencyFirstSight);
        log.promised_at = now();
        ends(&log.audit(&Heads::default()), Code::InclusionPending, Code::ConsistencyFirstSight);
    }
    // A log that knows no hash at all is broken, which is no evidence.
    let mut log = SimulatedLog::new(false, 1000, 5);
    log.meddle(|url, _| url.contains("proof-by-hash").then(|| answer(404, b"")).flatten());
    let found = log.audit(&Heads::default());
    ends(&found, Code::InclusionNotChecked, Code::ConsistencyFirstSight);
    assert_eq!(found.reports[0].inclusion_reason.as_deref(), Some("log-does-not-look-up"));
}

#[test]
fn a_fork_is_shown_and_kept_for_ever() {
    // 640 is no power of two: what a log of RFC 6962 hands over for it is evidence. 512 is one, and
    // only tiles prove it there.
    for (is_tiled, old, new, is_proof) in [
        (false, 640, 640, true),
        (true, 640, 640, true),
        (false, 640, 1000, true),
        (true, 640, 1000, true),
        (false, 1000, 640, true),
        (true, 1000, 640, true),
        (true, 512, 1000, true),
        (false, 512, 1000, false),
    ] {
        let heads = memory(is_tiled, old);
        let mut forked = SimulatedLog::new(is_tiled, new, 5);
        forked.leaves.insert(77, [7; 32]);
        if new < old && !is_tiled {
            // The proof is asked of the larger tree, which this log does not have: somebody who
            // lies at will takes the other's answer.
            let other = SimulatedLog::new(false, old, 5);
            forked.meddle(move |url, _| {
                url.contains("consistency")
                    .then(|| Some(block_on(doorlight::fetch::Platform::get(&other, &get(url)))))?
            });
        }
        if new < old && is_tiled {
            let other = SimulatedLog::new(true, old, 5);
            let size = new;
            forked.meddle(move |url, _| {
                let of_other = url.ends_with(&format!(".p/{}", old % 256))
                    || (url.contains("tile/") && size < old);
                of_other
                    .then(|| Some(block_on(doorlight::fetch::Platform::get(&other, &get(url)))))?
            });
        }
        let found = forked.audit(&heads);
        let name = format!("{is_tiled} {old} {new}");
        let consistency = code(&found, Check::Consistency);
        if !is_proof {
            assert_eq!(consistency, Code::ConsistencyNotChecked, "{name}");
            assert_eq!(
                found.heads.logs().next().unwrap().1.unlinked.len(),
                1,
                "kept, to be asked about again"
            );
            continue;
        }
        assert_eq!(consistency, Code::ConsistencyContradiction, "{name}: {:?}", found.reports);
        assert_eq!(verdict(&found.evidence, REQUIRED), Verdict::Danger);
        let kept = Heads::from_json(found.heads.to_json().as_bytes()).unwrap();
        let accused = &kept.logs().next().unwrap().1.contradictions[0];
        assert!(accused.is_proof());
        let checks = accused.signature_checks(&forked.log().spki).unwrap();
        assert_eq!(block_on(doorlight::fetch::Platform::verify(&forked, &checks)), [true, true]);
        let honest = SimulatedLog::new(is_tiled, 2000, 5);
        ends(&honest.audit(&kept), Code::InclusionProven, Code::ConsistencyContradiction);
        let mut merged = Heads::default();
        merged.merge(&kept, now());
        assert_eq!(merged.logs().next().unwrap().1.contradictions.len(), 1);
        // An accusation that was tampered with is refused.
        let tampered = found.heads.to_json().replacen(
            "\"older_root_in_newer\":\"",
            "\"older_root_in_newer\":\"AAAA",
            1,
        );
        assert!(Heads::from_json(tampered.as_bytes()).is_err());
    }
    // Two looks at the same time that saw two histories.
    let mut forked = SimulatedLog::new(true, 640, 5);
    forked.leaves.insert(77, [7; 32]);
    let mut mine = memory(true, 640);
    mine.merge(&forked.audit(&Heads::default()).heads, now());
    assert_eq!(mine.logs().next().unwrap().1.contradictions.len(), 1);
}

fn get(url: &str) -> doorlight::fetch::Get {
    doorlight::fetch::Get { url: url.into(), max_bytes: 1 << 20, is_immutable: false }
}

#[test]
fn heads_have_to_be_of_now_and_of_this_log() {
    for is_tiled in BOTH {
        let with = |change: fn(&mut SimulatedLog)| {
            let mut log = SimulatedLog::new(is_tiled, 1000, 5);
            change(&mut log);
            log.audit(&memory(is_tiled, 640))
        };
        let stale = with(|log| log.head_at = now().minus(2 * DAY + Duration::from_secs(1)));
        ends(&stale, Code::InclusionHeadStale, Code::ConsistencyNotChecked);
        let aged = with(|log| log.head_at = now().minus(2 * DAY));
        ends(&aged, Code::InclusionProven, Code::ConsistencyProven);
        let future = with(|log| log.head_at = now().plus(DAY + Duration::from_secs(1)));
        ends(&future, Code::InclusionNotChecked, Code::ConsistencyNotChecked);
        let foreign = with(|log| log.key = 2);
        ends(&foreign, Code::InclusionNotChecked, Code::ConsistencyNotChecked);
        assert_eq!(foreign.reports[0].inclusion_reason.as_deref(), Some("head-not-signed"));
    }
}

/// Everything that can come in the place of an answer, from anybody: the table of issue 4.
fn hostile(n: usize, honest: &Answer) -> Option<Option<Result<Answer, FetchError>>> {
    let url = || "https://log.example".to_owned();
    let half = &honest.body[..honest.body.len() / 2];
    let text = String::from_utf8_lossy(&honest.body).into_owned();
    let flipped: Vec<u8> = honest
        .body
        .iter()
        .enumerate()
        .map(|(n, b)| b ^ u8::from(n == honest.body.len() / 3))
        .collect();
    Some(match n {
        0 => answer(404, b""),
        1 => answer(410, b""),
        2 => answer(429, b""),
        3 => answer(500, b""),
        4 => answer(503, b""),
        5 => answer(301, b""),
        6 => answer(204, b""),
        7 => Some(Err(FetchError::TimedOut { url: url() })),
        8 => Some(Err(FetchError::Unreachable { url: url() })),
        9 => Some(Err(FetchError::NotAllowed { url: url() })),
        10 => Some(Err(FetchError::Cancelled)),
        11 => Some(Err(FetchError::TooLarge { url: url(), max_bytes: 1 })),
        12 => answer(200, &vec![b' '; 3 << 20]),
        13 => answer(200, b""),
        14 => answer(200, b"null"),
        15 => answer(200, b"<html>Sign in to the hotel's network</html>"),
        16 => answer(200, half),
        17 => answer(200, &flipped),
        18 => answer(200, "[".repeat(10_000).as_bytes()),
        19 => answer(200, text.replace(':', ":[").as_bytes()),
        20 => answer(200, text.replace(char::is_numeric, "99999999999999999999999").as_bytes()),
        21 => answer(
            200,
            text.replacen(
                '{',
                "{\"tree_size\":1,\"leaf_index\":1,\"consistency\":[],\"entries\":[],",
                1,
            )
            .replacen("", "\0", 1)
            .as_bytes(),
        ),
        22 => answer(200, text.replace('=', "").as_bytes()),
        23 => answer(200, &[honest.body.as_slice(), b"x"].concat()),
        24 => answer(200, &[0xff; 4096]),
        25 => Some(Ok(Answer {
            status: 429,
            retry_after: Some(Duration::from_secs(86_400)),
            body: Vec::new(),
        })),
        _ => return None,
    })
    // What alters nothing in this kind of answer is another thing altogether.
    .map(|got| match got {
        Some(Ok(Answer { status: 200, body, .. })) if body == honest.body => answer(200, b"{}"),
        other => other,
    })
}

#[test]
fn hostile_answers_end_as_not_checked_and_lose_nothing() {
    let mut cases = 0;
    for (is_tiled, endpoint) in [
        (false, "get-sth"),
        (false, "get-sth-consistency"),
        (false, "get-proof-by-hash"),
        (true, "checkpoint"),
        (true, "tile/0/"),
        (true, "tile/1/"),
    ] {
        let heads = memory(is_tiled, 640);
        for n in 0.. {
            let mut log = SimulatedLog::new(is_tiled, 1000, 5);
            let probe = Answer { status: 200, retry_after: None, body: b"{\"a\":1}".to_vec() };
            if hostile(n, &probe).is_none() {
                break;
            }
            log.meddle(move |url, honest| {
                let rest = url.split_once(endpoint)?.1;
                let is_meant = endpoint.contains('/') || rest.is_empty() || rest.starts_with('?');
                is_meant.then(|| hostile(n, honest).unwrap())?
            });
            let found = log.audit(&heads);
            let (inclusion, consistency) =
                (code(&found, Check::Inclusion), code(&found, Check::Consistency));
            let name = format!("{endpoint} {n}: {:?}", found.reports);
            if endpoint == "get-sth-consistency" {
                assert_eq!(
                    (inclusion, consistency),
                    (Code::InclusionProven, Code::ConsistencyNotChecked),
                    "{name}"
                );
            } else {
                assert_eq!(inclusion, Code::InclusionNotChecked, "{name}");
                let expected = if endpoint == "get-proof-by-hash" {
                    Code::ConsistencyProven
                } else {
                    Code::ConsistencyNotChecked
                };
                assert_eq!(consistency, expected, "{name}");
            }
            // Asked for, it is grey; and what was remembered is still there.
            let required = [Check::Inclusion, Check::Consistency];
            assert_eq!(verdict(&found.evidence, &required), Verdict::Unchecked, "{name}");
            let (before, after) =
                (heads.logs().next().unwrap().1, found.heads.logs().next().unwrap().1);
            assert!(
                after.heads().any(|one| one.head.size >= 640) && after.contradictions.is_empty(),
                "{name}"
            );
            assert!(before.newest.is_some());
            assert!(
                log.requests.get() <= 64 && log.slept.get() <= Duration::from_secs(60),
                "{name}"
            );
            // It heals by itself.
            let healed = SimulatedLog::new(is_tiled, 1000, 5).audit(&found.heads);
            ends(&healed, Code::InclusionProven, Code::ConsistencyProven);
            cases += 1;
        }
    }
    println!("{cases} hostile answers");
    assert_eq!(cases, 6 * 26);
}

/// Every bit of every answer but tiles (a property test has those).
#[test]
fn one_flipped_bit_is_refused() {
    for (is_tiled, endpoint) in [
        (false, "get-sth"),
        (false, "get-sth-consistency"),
        (false, "get-proof-by-hash"),
        (true, "checkpoint"),
    ] {
        let heads = memory(is_tiled, 640);
        let mut flips = 0;
        for bit in 0.. {
            let over = std::rc::Rc::new(std::cell::Cell::new(false));
            let mut log = SimulatedLog::new(is_tiled, 1000, 5);
            let is_over = over.clone();
            log.meddle(move |url, honest| {
                let rest = url.split_once(endpoint)?.1;
                if !rest.is_empty() && !rest.starts_with('?') {
                    return None;
                }
                let mut body = honest.body.clone();
                match body.get_mut(bit / 8) {
                    Some(byte) => *byte ^= 1 << (bit % 8),
                    None => is_over.set(true),
                }
                answer(200, &body)
            });
            let found = log.audit(&heads);
            if over.get() {
                break;
            }
            let check = if endpoint == "get-sth-consistency" {
                Check::Consistency
            } else {
                Check::Inclusion
            };
            let found_code = code(&found, check);
            // A foreign signature on a checkpoint may read as it likes.
            let is_grease = endpoint == "checkpoint" && found_code == Code::InclusionProven;
            assert!(
                is_grease
                    || matches!(
                        found_code,
                        Code::InclusionNotChecked | Code::ConsistencyNotChecked
                    ),
                "{endpoint} {bit}"
            );
            flips += usize::from(!is_grease);
        }
        println!("{endpoint}: {flips} flipped bits refused");
        assert!(flips > 1000);
    }
}

#[test]
fn a_partial_tile_that_is_gone_is_taken_from_the_full_one() {
    // An object store says 403 to everybody who may not list it.
    for gone in [403, 404, 410] {
        let mut log = SimulatedLog::new(true, 1000, 900);
        let grown = SimulatedLog::new(true, 70_000, 900);
        log.meddle(move |url, _| {
            if url.contains(".p/") {
                return answer(gone, b"");
            }
            url.contains("tile/")
                .then(|| Some(block_on(doorlight::fetch::Platform::get(&grown, &get(url)))))?
        });
        ends(&log.audit(&Heads::default()), Code::InclusionProven, Code::ConsistencyFirstSight);
        assert!(log.kept.borrow().is_empty(), "believed only as far as the tree goes, so not kept");
    }
}

/// Where nothing may be read, nothing is known: neither missing nor proven.
#[test]
fn a_store_that_refuses_everything_is_not_checked() {
    let mut log = SimulatedLog::new(true, 1000, 900);
    log.meddle(|url, _| if url.contains("tile/") { answer(403, b"") } else { None });
    ends(&log.audit(&Heads::default()), Code::InclusionNotChecked, Code::ConsistencyFirstSight);
}

#[test]
fn kept_tiles_are_used_and_bad_ones_replaced() {
    let log = SimulatedLog::new(true, 100_000, 5);
    log.audit(&Heads::default());
    let first = log.requests.replace(0);
    assert_eq!(log.kept.borrow().len(), 2, "the full tiles at levels 0 and 1");
    log.audit(&Heads::default());
    assert_eq!((log.requests.replace(0), log.hits.get()), (first - 2, 2));
    for body in log.kept.borrow_mut().values_mut() {
        body[0] ^= 1;
    }
    ends(&log.audit(&Heads::default()), Code::InclusionProven, Code::ConsistencyFirstSight);
}

#[test]
fn requests_and_bytes_grow_with_the_logarithm() {
    for is_tiled in BOTH {
        let mut table = Vec::new();
        for power in [3, 6, 9] {
            let size = 10_u64.pow(power);
            let log = SimulatedLog::new(is_tiled, size, size / 3);
            ends(&log.audit(&Heads::default()), Code::InclusionProven, Code::ConsistencyFirstSight);
            let first = (log.requests.replace(0), log.bytes.replace(0));
            log.audit(&Heads::default());
            println!(
                "tiled {is_tiled}, 10^{power}: {first:?} requests and bytes, then {:?}, {} from the cache",
                (log.requests.get(), log.bytes.get()),
                log.hits.get()
            );
            table.push(first);
        }
        let (small, large) = (table[0], table[2]);
        // A million times as many entries: twice three levels of tiles, thirty nodes instead of
        // ten.
        assert!(large.0 <= small.0 + 6 && large.1 <= small.1 + 6 * 8192, "{table:?}");
    }
}

#[test]
fn without_promises_nothing_is_asked() {
    let log = SimulatedLog::new(true, 1000, 5);
    let run = |promises| {
        block_on(doorlight::ct::publication::audit(&log, &promises, &Heads::default(), now()))
    };
    for (promises, expected) in [
        (Promises::NotExpected, Code::InclusionNotExpected),
        (Promises::None, Code::InclusionNoPromise),
    ] {
        assert_eq!(run(promises).evidence, [Evidence::new(expected)]);
    }
    let Promises::Entry { entry, mut promises } = log.promises() else { return };
    promises[0].log.access = None;
    let found = run(Promises::Entry { entry: entry.clone(), promises: promises.clone() });
    ends(&found, Code::InclusionNotChecked, Code::ConsistencyNotChecked);
    assert_eq!(log.requests.get(), 0);
    // A leaf with more SCTs than are looked up is not said to be proven.
    let many = vec![SimulatedLog::new(true, 1000, 5).promises(); 12];
    let promises = many.into_iter().flat_map(|one| match one {
        Promises::Entry { promises, .. } => promises,
        _ => Vec::new(),
    });
    let found = run(Promises::Entry { entry, promises: promises.collect() });
    assert_eq!(found.reports.iter().filter(|one| one.inclusion == Kept::Proven).count(), 8);
    assert_eq!(verdict(&found.evidence, &[Check::Inclusion]), Verdict::Unchecked);
}

/// From a certificate of the lab: what its logs promised is looked up, and the report decides anew.
#[test]
fn slow_evidence_is_added_to_the_report() {
    let lab = doorlight_lab::scenario::Lab::new(time::OffsetDateTime::now_utc());
    let world = support::lab_world(&lab);
    let at = support::timestamp(lab.now);
    let good = &lab.scenarios()[0];
    let chain = doorlight::x509::chain::Chain::read(&good.chain.concat()).unwrap();
    let observation = support::observation(chain, doorlight_lab::scenario::HOST, at);
    let pins = doorlight::site::pins::Pins::from_json(lab.pins().as_bytes()).unwrap();
    let site = pins.site(&observation.address).map_or(Site::Unknown, Site::Record);
    let required = [Check::Inclusion];
    for also_required in [&[][..], &required] {
        let knowledge =
            doorlight::verdict::examination::Knowledge { also_required, ..world.knowledge(site) };
        let conclusion =
            Examination::new(&observation, knowledge).run(SignatureCheck::verify_natively);
        let report = conclusion.report;
        let grey = if also_required.is_empty() { Verdict::Trusted } else { Verdict::Unchecked };
        assert_eq!(report.verdict, grey, "asked for and not there yet");
        let Promises::Entry { promises, .. } = &conclusion.promises else { panic!("it has SCTs") };
        assert_eq!(promises.len(), report.scts.len());

        // Nobody answers for the lab's logs here.
        let nobody = SimulatedLog::new(true, 1, 0);
        let found = block_on(doorlight::ct::publication::audit(
            &nobody,
            &conclusion.promises,
            &Heads::default(),
            at,
        ));
        let also_required = also_required.to_vec();
        let publication = found.reports;
        let report = report.with(&Added { evidence: found.evidence, publication, also_required });
        assert_eq!(report.verdict, grey, "not checked is never green where it was asked for");
        assert_eq!(
            doorlight::verdict::report::Report::from_json(report.to_json().as_bytes()).as_ref(),
            Ok(&report)
        );
        assert!(report.to_text().contains("What the logs were asked"));
    }
    let knowledge = doorlight::verdict::examination::Knowledge {
        also_required: &required,
        ..world.knowledge(site)
    };
    let conclusion = Examination::new(&observation, knowledge).run(SignatureCheck::verify_natively);
    for (code, expected) in [
        (Code::InclusionProven, Verdict::Trusted),
        (Code::InclusionPending, Verdict::Trusted),
        (Code::InclusionHeadStale, Verdict::Unchecked),
        (Code::InclusionMissing, Verdict::Danger),
    ] {
        let evidence = vec![Evidence::new(code)];
        let added = Added { evidence, also_required: required.to_vec(), ..Added::default() };
        assert_eq!(conclusion.report.with(&added).verdict, expected, "{code}");
    }
}
