//! What a log of RFC 6962 answers (section 4), as far as auditors and monitors ask.

use base64ct::{Base64, Encoding};
use serde_json::json;

use crate::http::{Request, Response};
use crate::log::{Conduct, Entry, Log, View, with_length_of_24_bits};
use crate::scenario::MARKUP;
use crate::tree::{self, Hash};

/// More entries than this are not given at once.
const MAX_ENTRIES: usize = 32;

/// An answer to `path`, which begins after the log's own address.
pub fn answer(log: &Log, path: &str, request: &Request) -> Response {
    if log.conduct() == Conduct::Garbled {
        return garbled(path);
    }
    let view = log.view();
    match path {
        "ct/v1/get-sth" => tree_head(log, &view),
        "ct/v1/get-sth-consistency" => consistency(log, &view, request),
        "ct/v1/get-proof-by-hash" => proof_by_hash(log, &view, request),
        "ct/v1/get-entries" => entries(log, &view, request),
        _ => Response::new("404 Not Found", "text/plain", "404 page not found\n"),
    }
}

fn garbled(path: &str) -> Response {
    Response::json(&match path {
        "ct/v1/get-sth" => json!({
            "tree_size": -1,
            "timestamp": 1e300,
            "sha256_root_hash": "AA==",
            "tree_head_signature": {"not": "base64"},
        }),
        "ct/v1/get-sth-consistency" => json!({"consistency": [null, "AA==", MARKUP]}),
        "ct/v1/get-proof-by-hash" => {
            let hash = Base64::encode_string(&[7; 32]);
            json!({"leaf_index": u64::MAX, "audit_path": vec![hash; 100_000]})
        }
        _ => json!({"error_message": MARKUP, "success": "no"}),
    })
}

fn tree_head(log: &Log, view: &View) -> Response {
    let head = log.head(view);
    Response::json(&json!({
        "tree_size": head.size,
        "timestamp": head.timestamp,
        "sha256_root_hash": Base64::encode_string(&head.root),
        "tree_head_signature": Base64::encode_string(&log.sign_head(&head)),
    }))
}

fn consistency(log: &Log, view: &View, request: &Request) -> Response {
    let (Some(first), Some(second)) = (number(request, "first"), number(request, "second")) else {
        return refused("parameters first and second are needed");
    };
    if first == 0 || first > second || second > view.hashes().len() {
        return refused("no such heads");
    }
    let proof = tree::consistency(first, &view.hashes()[..second]);
    Response::json(&json!({"consistency": encoded(log, proof)}))
}

fn proof_by_hash(log: &Log, view: &View, request: &Request) -> Response {
    let (Some(hash), Some(size)) = (request.query("hash"), number(request, "tree_size")) else {
        return refused("parameters hash and tree_size are needed");
    };
    let Ok(hash) = Base64::decode_vec(&hash) else { return refused("the hash is not base64") };
    if size == 0 || size > view.hashes().len() {
        return refused("no such tree");
    }
    let leaves = &view.hashes()[..size];
    match leaves.iter().position(|leaf| leaf[..] == hash) {
        None => Response::new("404 Not Found", "text/plain", "no such entry\n"),
        Some(index) => {
            let path = encoded(log, tree::inclusion(index, leaves));
            Response::json(&json!({"leaf_index": index, "audit_path": path}))
        }
    }
}

fn entries(log: &Log, view: &View, request: &Request) -> Response {
    let (Some(start), Some(end)) = (number(request, "start"), number(request, "end")) else {
        return refused("parameters start and end are needed");
    };
    if start > end || start >= view.hashes().len() {
        return refused("no such entries");
    }
    let entries: Vec<_> = log
        .entries(start, (end - start).saturating_add(1).min(MAX_ENTRIES))
        .iter()
        .map(|entry| {
            json!({
                "leaf_input": Base64::encode_string(&entry.leaf),
                "extra_data": Base64::encode_string(&extra_data(entry)),
            })
        })
        .collect();
    Response::json(&json!({"entries": entries}))
}

/// PrecertChainEntry without its first field's name, or the chain alone (section 4.6).
fn extra_data(entry: &Entry) -> Vec<u8> {
    let chain: Vec<u8> = entry.chain.iter().flat_map(|der| with_length_of_24_bits(der)).collect();
    let precertificate = entry.precertificate.as_deref().map_or(Vec::new(), with_length_of_24_bits);
    [precertificate, with_length_of_24_bits(&chain)].concat()
}

fn encoded(log: &Log, mut proof: Vec<Hash>) -> Vec<String> {
    if let (Conduct::WrongProof, Some(first)) = (log.conduct(), proof.first_mut()) {
        first[0] ^= 1;
    }
    proof.iter().map(|hash| Base64::encode_string(hash)).collect()
}

fn number(request: &Request, name: &str) -> Option<usize> {
    request.query(name)?.parse().ok()
}

fn refused(why: &str) -> Response {
    Response::new("400 Bad Request", "text/plain", format!("{why}\n"))
}
