//! What a log of static-ct-api (c2sp.org/static-ct-api, c2sp.org/tlog-tiles) answers under its
//! monitoring prefix.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use crate::http::Response;
use crate::log::{Conduct, Entry, Log, View, with_length_of_16_bits, with_length_of_24_bits};
use crate::scenario::MARKUP;
use crate::tree;

/// Hashes in a full tile.
const WIDTH: u64 = 256;

/// An answer to `path`, which begins after the monitoring prefix.
pub fn answer(log: &Log, path: &str) -> Response {
    let view = log.view();
    let found = match path.split_once('/') {
        None if path == "checkpoint" => Some(checkpoint(log, &view)),
        Some(("issuer", fingerprint)) => issuer(log, fingerprint),
        Some(("tile", rest)) => tile(log, &view, rest),
        _ => None,
    };
    found.unwrap_or_else(|| Response::new("404 Not Found", "text/plain", "404 page not found\n"))
}

/// A signed note; before the log's signature stands one that nobody knows, so that clients learn to
/// pass over it.
fn checkpoint(log: &Log, view: &View) -> Response {
    let head = log.head(view);
    let url = log.submission_url();
    let origin = url.split("://").nth(1).unwrap_or_default().trim_end_matches('/');
    let key_id = &Sha256::digest([origin.as_bytes(), &[b'\n', 5], &log.id()].concat())[..4];
    let signature = [key_id, &head.timestamp.to_be_bytes(), &log.sign_head(&head)].concat();
    let grease = Sha256::digest(head.timestamp.to_be_bytes());
    if log.conduct() == Conduct::Garbled {
        // One more than 64 bits hold, a hash of one byte, and a line that nobody asked for.
        let note =
            format!("{origin}\n18446744073709551616\nAA==\n{MARKUP}\n\n\u{2014} {origin} AAAA\n");
        return Response::new("200 OK", "text/plain; charset=utf-8", note);
    }
    let note = format!(
        "{origin}\n{}\n{}\n\n\u{2014} grease.invalid {}\n\u{2014} {origin} {}\n",
        head.size,
        Base64::encode_string(&head.root),
        Base64::encode_string(&grease),
        Base64::encode_string(&signature),
    );
    Response::new("200 OK", "text/plain; charset=utf-8", note)
}

fn issuer(log: &Log, fingerprint: &str) -> Option<Response> {
    let mut issuers = log.entries(0, usize::MAX).into_iter().flat_map(|entry| entry.chain);
    let der = issuers.find(|der| hex(&Sha256::digest(der)) == fingerprint)?;
    Some(Response::new("200 OK", "application/pkix-cert", der))
}

/// `<L>/<N>[.p/<W>]` or `data/<N>[.p/<W>]`.
///
/// Partial tiles are only there for sizes that a checkpoint was given out for, and gone once the
/// tile is full: both is what clients may meet.
fn tile(log: &Log, view: &View, path: &str) -> Option<Response> {
    let (level, rest) = path.split_once('/')?;
    let (is_data, level) = if level == "data" { (true, 0) } else { (false, strict_number(level)?) };
    let (index, width) = match rest.split_once(".p/") {
        None => (tile_index(rest)?, WIDTH),
        Some((index, width)) => {
            (tile_index(index)?, strict_number(width).filter(|width| (1..WIDTH).contains(width))?)
        }
    };
    let span = WIDTH.checked_pow(u32::try_from(level).ok()?)?;
    let [first, there] = [index.checked_mul(WIDTH)?, view.size() / span];
    let end = first.checked_add(width)?;
    let is_published = |size: u64| (size / span).checked_sub(first) == Some(width);
    let is_full_by_now = there >= first.checked_add(WIDTH)?;
    if end > there || (width < WIDTH && (is_full_by_now || !log.has_published(is_published))) {
        return None;
    }
    let mut body: Vec<u8> = if is_data {
        let entries = log.entries(usize::try_from(first).ok()?, usize::try_from(width).ok()?);
        entries.iter().flat_map(tile_leaf).collect()
    } else {
        let leaves = |n: u64| usize::try_from(n * span).expect("no larger than the tree");
        (first..end).flat_map(|n| tree::root(&view.hashes()[leaves(n)..leaves(n + 1)])).collect()
    };
    if log.conduct() == Conduct::WrongProof {
        body[0] ^= 1;
    }
    if log.conduct() == Conduct::Garbled {
        body.pop();
    }
    let tile = Response::new("200 OK", "application/octet-stream", body);
    // Tiles never change. A log that lies does, so its tiles are not to be kept.
    Some(match log.conduct() {
        Conduct::Good => tile.with("cache-control", "public, max-age=604800, immutable"),
        _ => tile,
    })
}

/// TileLeaf.
fn tile_leaf(entry: &Entry) -> Vec<u8> {
    // A TimestampedEntry is a MerkleTreeLeaf without its version and type.
    let precertificate = entry.precertificate.as_deref().map_or(Vec::new(), with_length_of_24_bits);
    let chain: Vec<u8> = entry.chain.iter().flat_map(Sha256::digest).collect();
    [&entry.leaf[2..], &precertificate, &with_length_of_16_bits(&chain)].concat()
}

/// `x001/x234/067`: groups of three digits, all but the last with an `x`; no more groups than
/// needed.
fn tile_index(path: &str) -> Option<u64> {
    let groups: Vec<_> = path.split('/').collect();
    let (last, others) = groups.split_last()?;
    let mut index: u64 = 0;
    for group in others.iter().map(|group| group.strip_prefix('x')).chain([Some(*last)]) {
        let group = group
            .filter(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()))?;
        index = index.checked_mul(1_000)?.checked_add(group.parse().ok()?)?;
    }
    (others.is_empty() || others[0] != "x000").then_some(index)
}

/// Decimal digits, no zero before others.
fn strict_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// In lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
