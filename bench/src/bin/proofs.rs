//! `proofs`: what a proof of publication costs. Verified per second against `tlog_tiles`, and
//! requests and bytes per audit for logs of 10^3, 10^6 and 10^9 entries (simulated: all leaves but
//! one are the same).

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use doorlight::ct::heads::Heads;
use doorlight::ct::merkle::{Subtree, fold, inclusion_spans, verify_inclusion};
use simulated_log::SimulatedLog;
use tlog_tiles::tlog;

#[path = "../../../tests/support/simulated_log.rs"]
mod simulated_log;

/// Verified proofs a second, the best of some rounds: the machine is shared.
fn per_second(times: u32, mut verify: impl FnMut() -> bool) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let started = Instant::now();
        for _ in 0..times {
            if !black_box(verify()) {
                return Err("a proof that is right was refused".into());
            }
        }
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(f64::from(times) / best)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("inclusion proofs verified per second, one thread, the best of 7 rounds");
    println!(
        "| entries | nodes | Doorlight | tlog_tiles | Doorlight / tlog_tiles |\n|---|---|---|---|---|"
    );
    for power in [3, 6, 9] {
        let size = 10_u64.pow(power);
        let index = size / 3;
        let log = SimulatedLog::new(true, size, index);
        let root = log.root(size);
        let leaf = log.leaves.get(&index).copied().ok_or("the log has no entry")?;
        let hash = |span: &Vec<Subtree>| {
            fold(&span.iter().map(|one| log.subtree(*one)).collect::<Vec<_>>()).unwrap_or_default()
        };
        let proof: Vec<_> = inclusion_spans(index, size).iter().map(hash).collect();
        let theirs: Vec<_> = proof.iter().map(|node| tlog::Hash(*node)).collect();
        let own = per_second(20_000, || {
            verify_inclusion(black_box(&leaf), index, size, &proof, &root).is_ok()
        })?;
        let other = per_second(20_000, || {
            tlog::check_record(black_box(&theirs), size, tlog::Hash(root), index, tlog::Hash(leaf))
                .is_ok()
        })?;
        println!("| 10^{power} | {} | {own:.0} | {other:.0} | {:.2} |", proof.len(), own / other);
    }

    println!("\nrequests and bytes of one audit (head and proof), first and again a minute later");
    println!("| entries | kind | first | again | tiles from the cache |\n|---|---|---|---|---|");
    let mut costs = BTreeMap::new();
    for is_tiled in [false, true] {
        for power in [3, 6, 9, 12] {
            let size = 10_u64.pow(power);
            let log = SimulatedLog::new(is_tiled, size, size / 3);
            let first_heads = log.audit(&Heads::default()).heads;
            let first = (log.requests.replace(0), log.bytes.replace(0));
            log.audit(&first_heads);
            let again = (log.requests.get(), log.bytes.get());
            let kind = if is_tiled { "static-ct" } else { "RFC 6962" };
            println!(
                "| 10^{power} | {kind} | {} requests, {} bytes | {} requests, {} bytes | {} |",
                first.0,
                first.1,
                again.0,
                again.1,
                log.hits.get()
            );
            costs.insert((is_tiled, power), first.1);
        }
    }
    for is_tiled in [false, true] {
        let growth = |from, to| {
            Some(*costs.get(&(is_tiled, to))? as f64 / *costs.get(&(is_tiled, from))? as f64)
        };
        let kind = if is_tiled { "static-ct" } else { "RFC 6962" };
        if let (Some(million), Some(billion)) = (growth(3, 6), growth(6, 9)) {
            println!(
                "{kind}: × {million:.2} in bytes for a thousand times the entries, then × {billion:.2}"
            );
        }
    }
    Ok(())
}
