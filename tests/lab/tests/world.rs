//! The lab's logs, monitors and list: their proofs by the definition's other implementations
//! (`tlog_tiles`, `signed_note`, AWS-LC), each mode by what a client gets to see.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64ct::{Base64, Encoding};
use doorlight_lab::authority::{KeyShape, Scts, key};
use doorlight_lab::fault::{Fault, Shape};
use doorlight_lab::log::{Log, Submission};
use doorlight_lab::scenario::{HOST, Lab};
use doorlight_lab::tree;
use doorlight_lab::world::{ASTRAY, CERT_SPOTTER, CRT_SH, LISTS, World};
use rcgen::PublicKeyData;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signed_note::{Note, Verifier, VerifierList};
use time::OffsetDateTime;
use tlog_tiles::{Checkpoint, Hash, HashReader, Tile, TileHashReader, TileReader};
use x509_cert::der::{Decode, Encode};
use x509_cert::{Certificate, TbsCertificate};

struct Got {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks, and reads to the end or for as long as `patience` has it.
fn try_get(url: &str, patience: Duration) -> std::io::Result<Got> {
    let (authority, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET /{target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    let mut part = [0; 65_536];
    let ended = loop {
        match stream.read(&mut part) {
            Ok(0) => break Ok(()),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) => break Err(error),
        }
        // Enough to know that it is endless.
        if bytes.len() > 40 << 20 {
            break Err(std::io::Error::other("too much"));
        }
    };
    ended?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let body = end.map_or(Vec::new(), |end| bytes.split_off(end + 4));
    let head = String::from_utf8(bytes).unwrap();
    let Some(status) = head.split(' ').nth(1) else { return Err(std::io::Error::other("nothing")) };
    let headers: BTreeMap<_, _> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if headers.get("content-length").is_some_and(|length| *length != body.len().to_string()) {
        return Err(std::io::Error::other("truncated"));
    }
    Ok(Got { status: status.parse().unwrap(), headers, body })
}

fn get(url: &str) -> Got {
    try_get(url, Duration::from_secs(10)).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn status(url: &str) -> u16 {
    get(url).status
}

fn start() -> (Lab, World) {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let world = World::start(&lab, Default::default()).unwrap();
    (lab, world)
}

/// An SCT's fields.
struct Sct {
    timestamp: Vec<u8>,
    extensions: Vec<u8>,
    signature: Vec<u8>,
}

fn parse_sct(sct: &[u8]) -> Sct {
    let length = |at: usize| usize::from(u16::from_be_bytes([sct[at], sct[at + 1]]));
    let extensions_end = 43 + length(41);
    let signature = &sct[extensions_end + 4..];
    assert_eq!(signature.len(), length(extensions_end + 2));
    Sct {
        timestamp: sct[33..41].to_vec(),
        extensions: sct[43..extensions_end].to_vec(),
        signature: signature.to_vec(),
    }
}

/// Hands something in and builds the leaf that has to be in the tree, from the SCT that came back.
fn submit(log: &Log, tbs: &[u8]) -> Vec<u8> {
    let chain = [b"an issuer".to_vec()];
    let submission = Submission {
        issuer_spki: b"a key",
        tbs,
        precertificate: b"a precertificate",
        chain: &chain,
    };
    let sct = parse_sct(&log.submit(OffsetDateTime::now_utc(), &submission));
    let leaf = [
        &[0, 0][..],
        &sct.timestamp,
        &[0, 1],
        &Sha256::digest(b"a key"),
        &[0, 0, u8::try_from(tbs.len()).unwrap()],
        tbs,
        &[0, u8::try_from(sct.extensions.len()).unwrap()],
        &sct.extensions,
    ]
    .concat();
    assert!(is_signed(log, &leaf, &sct.signature));
    leaf
}

fn is_signed(log: &Log, message: &[u8], signature: &[u8]) -> bool {
    let spki = log.spki();
    // What follows the algorithm: BIT STRING of 65 octets, or of a RSAPublicKey of 2048 bits.
    if spki.len() == 91 {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[26..])
            .verify(message, signature)
            .is_ok()
    } else {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki[24..])
            .verify(message, signature)
            .is_ok()
    }
}

fn is_head_signed(log: &Log, timestamp: u64, size: u64, root: &Hash, signed: &[u8]) -> bool {
    let message = [&[0, 1][..], &timestamp.to_be_bytes(), &size.to_be_bytes(), &root.0].concat();
    assert_eq!(usize::from(u16::from_be_bytes([signed[2], signed[3]])), signed.len() - 4);
    is_signed(log, &message, &signed[4..])
}

fn hash(base64: &Value) -> Hash {
    Hash(Base64::decode_vec(base64.as_str().unwrap()).unwrap().try_into().unwrap())
}

fn hashes(base64: &Value) -> Vec<Hash> {
    base64.as_array().unwrap().iter().map(hash).collect()
}

/// `get-sth`: size, root, timestamp, and whether the signature is right.
fn tree_head(log: &Log) -> (u64, Hash, u64, bool) {
    let sth = get(&format!("{}ct/v1/get-sth", log.submission_url())).json();
    let (size, timestamp) =
        (sth["tree_size"].as_u64().unwrap(), sth["timestamp"].as_u64().unwrap());
    let root = hash(&sth["sha256_root_hash"]);
    let signed = Base64::decode_vec(sth["tree_head_signature"].as_str().unwrap()).unwrap();
    (size, root, timestamp, is_head_signed(log, timestamp, size, &root, &signed))
}

/// What `get-proof-by-hash` proves of a leaf: its index, if the proof is right.
fn included(log: &Log, leaf: &[u8], size: u64, root: Hash) -> Result<u64, u16> {
    let wanted =
        Base64::encode_string(&tree::leaf_hash(leaf)).replace('+', "%2B").replace('/', "%2F");
    let url = log.submission_url();
    let got = get(&format!("{url}ct/v1/get-proof-by-hash?hash={wanted}&tree_size={size}"));
    if got.status != 200 {
        return Err(got.status);
    }
    let answer = got.json();
    let index = answer["leaf_index"].as_u64().unwrap();
    tlog_tiles::check_record(
        &hashes(&answer["audit_path"]),
        size,
        root,
        index,
        tlog_tiles::record_hash(leaf),
    )
    .map(|()| index)
    .map_err(|_| 0)
}

fn is_consistent(log: &Log, (first, old): (u64, Hash), (second, new): (u64, Hash)) -> bool {
    let url = log.submission_url();
    let answer =
        get(&format!("{url}ct/v1/get-sth-consistency?first={first}&second={second}")).json();
    tlog_tiles::check_tree(&hashes(&answer["consistency"]), second, new, first, old).is_ok()
}

/// A log as the verifier of its notes.
struct OfLog(Log, String);

impl Verifier for OfLog {
    fn name(&self) -> &str {
        &self.1
    }

    fn key_id(&self) -> u32 {
        let id = Sha256::digest([self.1.as_bytes(), &[0x0a, 0x05], &self.0.id()].concat());
        u32::from_be_bytes(id[..4].try_into().unwrap())
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let checkpoint = Checkpoint::from_bytes(text).unwrap();
        let timestamp = u64::from_be_bytes(signature[..8].try_into().unwrap());
        is_head_signed(&self.0, timestamp, checkpoint.size(), checkpoint.hash(), &signature[8..])
    }
}

fn checkpoint(log: &Log) -> Result<(u64, Hash), String> {
    let note = get(&format!("{}checkpoint", log.monitoring_url()));
    let note = Note::from_bytes(&note.body).unwrap();
    let origin =
        log.submission_url().strip_prefix("http://").unwrap().strip_suffix('/').unwrap().to_owned();
    let known = VerifierList::new(vec![Box::new(OfLog(log.clone(), origin.clone()))]);
    let (verified, unknown) = note.verify(&known).map_err(|error| error.to_string())?;
    assert_eq!((verified.len(), unknown.len()), (1, 1));
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), origin);
    Ok((checkpoint.size(), *checkpoint.hash()))
}

struct Tiles(String);

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let url =
            |tile: &Tile| format!("{}{}", self.0, tile.path().replacen("tile/8/", "tile/", 1));
        Ok(tiles.iter().map(|tile| get(&url(tile)).body).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The leaf's index by its SCT, if the tiles prove that it is there.
fn in_tiles(log: &Log, leaf: &[u8], (size, root): (u64, Hash)) -> Option<u64> {
    let extension = &leaf[leaf.len() - 8..];
    assert_eq!(extension[..3], [0, 0, 5]);
    let index = extension[3..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let tiles = Tiles(log.monitoring_url());
    let reader = TileHashReader::new(size, root, &tiles);
    let there = reader.read_hashes(&[tlog_tiles::stored_hash_index(0, index)]).ok()?;
    (there[0] == tlog_tiles::record_hash(leaf)).then_some(index)
}

#[test]
fn the_trees_agree_with_another_implementation() {
    let leaves: Vec<Vec<u8>> = (0..70u8).map(|n| vec![n; usize::from(n)]).collect();
    let hashed: Vec<_> = leaves.iter().map(|leaf| tree::leaf_hash(leaf)).collect();
    let stored: std::cell::RefCell<Vec<Hash>> = Vec::new().into();
    struct Stored<'a>(&'a std::cell::RefCell<Vec<Hash>>);
    impl HashReader for Stored<'_> {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
            let stored = self.0.borrow();
            Ok(indexes.iter().map(|index| stored[usize::try_from(*index).unwrap()]).collect())
        }
    }
    let reader = Stored(&stored);
    let plain = |proof: Vec<tree::Hash>| proof.into_iter().map(Hash).collect::<Vec<_>>();
    let mut roots = vec![Hash(tree::root(&[]))];
    let mut cases = 0;
    for (n, leaf) in (0u64..).zip(&leaves) {
        let new = tlog_tiles::stored_hashes(n, leaf, &reader).unwrap();
        stored.borrow_mut().extend(new);
        let tree = &hashed[..=usize::try_from(n).unwrap()];
        let size = n + 1;
        let root = Hash(tree::root(tree));
        assert_eq!(root, tlog_tiles::tree_hash(size, &reader).unwrap());
        roots.push(root);
        for m in 0..size {
            let proof = plain(tree::inclusion(usize::try_from(m).unwrap(), tree));
            assert_eq!(proof, tlog_tiles::prove_record(size, m, &reader).unwrap());
            let proof = plain(tree::consistency(usize::try_from(m + 1).unwrap(), tree));
            assert_eq!(proof, tlog_tiles::prove_tree(size, m + 1, &reader).unwrap());
            cases += 2;
        }
    }
    assert_eq!(roots[0].0[..], Sha256::digest(b"")[..]);
    assert_eq!(cases, 70 * 71);
}

#[test]
fn a_log_of_rfc_6962_proves_what_it_signed() {
    let (_lab, world) = start();
    for name in ["ash", "birch"] {
        let log = world.log(name).unwrap();
        let before = tree_head(log);
        assert!(before.0 == 300 && before.3);
        let leaves: Vec<_> = (0..5).map(|n: u8| submit(log, &[n; 40])).collect();
        let after = tree_head(log);
        assert!(after.0 == 305 && after.3);
        for (leaf, index) in leaves.iter().zip(300..) {
            assert_eq!(included(log, leaf, after.0, after.1), Ok(index));
        }
        assert!(is_consistent(log, (before.0, before.1), (after.0, after.1)));
        assert!(!is_consistent(log, (before.0, after.1), (after.0, after.1)));
        assert_eq!(included(log, b"never handed in", after.0, after.1), Err(404));
        assert_eq!(included(log, &leaves[0], after.0 + 1, after.1), Err(400));
        let url = log.submission_url();
        let entries = get(&format!("{url}ct/v1/get-entries?start=299&end=1000")).json();
        let inputs: Vec<_> =
            entries["entries"].as_array().unwrap().iter().map(|one| &one["leaf_input"]).collect();
        assert_eq!(inputs.len(), 6);
        assert_eq!(*inputs[1], Base64::encode_string(&leaves[0]).as_str());
        assert_eq!(status(&format!("{url}ct/v1/get-sth-consistency?first=0&second=5")), 400);
        assert_eq!(status(&format!("{url}checkpoint")), 404);
    }
}

#[test]
fn a_log_of_tiles_proves_what_it_signed() {
    let (_lab, world) = start();
    let log = world.log("cedar").unwrap();
    let before = checkpoint(log).unwrap();
    assert_eq!(before.0, 600);
    let partial = format!("{}tile/0/002.p/88", log.monitoring_url());
    assert_eq!(get(&partial).body.len(), 88 * 32);
    let leaves: Vec<_> = (0..200).map(|n: u8| submit(log, &[n; 40])).collect();
    let after = checkpoint(log).unwrap();
    assert_eq!(after.0, 800);
    for (leaf, index) in leaves.iter().zip(600..) {
        assert_eq!(in_tiles(log, leaf, after), Some(index));
    }
    // A prefix: the old root by the new tiles.
    let tiles = Tiles(log.monitoring_url());
    let reader = TileHashReader::new(after.0, after.1, &tiles);
    assert_eq!(tlog_tiles::tree_hash(before.0, &reader).unwrap(), before.1);
    // Partial tiles: of published sizes, while they are partial. Names are canonical.
    let tile = |path: &str| status(&format!("{}tile/{path}", log.monitoring_url()));
    assert_eq!(status(&partial), 404, "full by now");
    for (path, expected) in [
        ("0/000", 200),
        ("0/002", 200),
        ("0/003", 404),
        ("0/003.p/32", 200),
        ("0/003.p/31", 404),
        ("0/003.p/0", 404),
        ("0/003.p/256", 404),
        ("1/000.p/3", 200),
        ("1/000.p/2", 200),
        ("1/000.p/1", 404),
        ("1/000", 404),
        ("0/0", 404),
        ("00/000", 404),
        ("0/x000/000", 404),
        ("2/000", 404),
        ("63/000", 404),
        ("data/002", 200),
        ("0/000.p/+7", 404),
    ] {
        assert_eq!(tile(path), expected, "{path}");
    }
    // The first entry in a tile of data: a TimestampedEntry, the precertificate, and one issuer,
    // which can be asked for.
    let data = get(&format!("{}tile/data/003.p/32", log.monitoring_url())).body;
    let issuer = Sha256::digest(b"an issuer");
    let first =
        [&leaves[168][2..], &[0, 0, 16], b"a precertificate", &[0, 32], &issuer[..]].concat();
    assert!(data.starts_with(&first));
    let issuer: String = issuer.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(get(&format!("{}issuer/{issuer}", log.monitoring_url())).body, b"an issuer");
    assert_eq!(status(&format!("{}issuer/{}", log.monitoring_url(), &issuer[1..])), 404);
}

#[test]
fn the_homes_certificate_is_in_every_log() {
    let (lab, _world) = start();
    let logs = lab.good_logs();
    let leaf = lab.authority.issue(&lab.order(30, Scts::From(&logs)), &lab.home_key).remove(0);
    let issued = lab.authority.issued();
    assert_eq!(issued.len(), 1);
    // By another parser: certificate and precertificate say what the logs signed, and one extension
    // more each.
    let signed = TbsCertificate::from_der(&issued[0].tbs).unwrap();
    assert_eq!(signed.to_der().unwrap(), issued[0].tbs);
    let precertificate = issued[0].precertificate.clone().unwrap();
    for (der, oid) in
        [(&leaf, "1.3.6.1.4.1.11129.2.4.2"), (&precertificate, "1.3.6.1.4.1.11129.2.4.3")]
    {
        let certificate = Certificate::from_der(der).unwrap();
        let tbs = certificate.tbs_certificate();
        let (last, others) = tbs.extensions().unwrap().split_last().unwrap();
        assert_eq!(last.extn_id.to_string(), oid);
        assert_eq!(last.critical, oid.ends_with(".3"));
        assert_eq!(others, &signed.extensions().unwrap()[..]);
        assert_eq!((tbs.serial_number(), tbs.issuer()), (signed.serial_number(), signed.issuer()));
        assert_eq!((tbs.validity(), tbs.subject()), (signed.validity(), signed.subject()));
        assert_eq!(tbs.subject_public_key_info(), signed.subject_public_key_info());
        assert_eq!((tbs.version(), tbs.signature()), (signed.version(), signed.signature()));
    }
    for log in logs {
        let entry = log.entries(0, usize::MAX).pop().unwrap();
        assert_eq!(entry.precertificate.as_ref(), Some(&precertificate));
        assert!(entry.leaf.windows(issued[0].tbs.len()).any(|window| window == issued[0].tbs));
        let seen = if log.is_tiled() {
            in_tiles(log, &entry.leaf, checkpoint(log).unwrap())
        } else {
            let (size, root, ..) = tree_head(log);
            included(log, &entry.leaf, size, root).ok()
        };
        assert_eq!(seen, Some(log.view().size() - 1), "{}", log.name);
    }
}

#[test]
fn logs_cheat_as_they_are_told() {
    let (_lab, world) = start();
    let [ash, cedar] = ["ash", "cedar"].map(|name| world.log(name).unwrap());
    let set = |mode: &str| world.set_log("*", mode).unwrap();
    let old = (tree_head(ash), checkpoint(cedar).unwrap());
    let proven = |leaves: &[Vec<u8>; 2]| {
        let (size, root, _, is_signed) = tree_head(ash);
        assert!(is_signed);
        let head = checkpoint(cedar).unwrap();
        (included(ash, &leaves[0], size, root), in_tiles(cedar, &leaves[1], head).ok_or(head.0))
    };
    let submit = |n: u8| [submit(ash, &[n; 40]), submit(cedar, &[n; 40])];

    // Waiting, then merged: by the command, or by telling the truth again.
    set("pending");
    let waiting = submit(1);
    assert_eq!(tree_head(ash).0, 300);
    assert_eq!(checkpoint(cedar).unwrap().0, 600);
    ash.merge();
    cedar.merge();
    assert_eq!(proven(&waiting), (Ok(300), Ok(600)));

    // A7: the tree goes on, with something else in the entry's place, also afterwards.
    set("withhold");
    let withheld = submit(2);
    set("good");
    assert_eq!(proven(&withheld), (Err(404), Err(602)));
    let told = submit(3);
    assert_eq!(proven(&told), (Ok(302), Ok(602)));

    // A8: the same size, another root, an entry that only this history has, and no proof that joins
    // them.
    let (main, main_tiles) = (tree_head(ash), checkpoint(cedar).unwrap());
    set("fork");
    let (fork, fork_tiles) = (tree_head(ash), checkpoint(cedar).unwrap());
    assert!(fork.3 && fork.0 == main.0 && fork.1 != main.1);
    assert!(fork_tiles.0 == main_tiles.0 && fork_tiles.1 != main_tiles.1);
    let forked = submit(4);
    assert_eq!(proven(&forked), (Ok(303), Ok(603)));
    assert_eq!(proven(&told), (Ok(302), Ok(602)));
    let fork = tree_head(ash);
    assert!(!is_consistent(ash, (main.0, main.1), (fork.0, fork.1)));
    set("good");
    assert_eq!(proven(&forked), (Err(404), Err(604)));
    let now = tree_head(ash);
    assert!(is_consistent(ash, (main.0, main.1), (now.0, now.1)));
    assert!(is_consistent(ash, (old.0.0, old.0.1), (now.0, now.1)));

    // Heads.
    let clock = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap() * 1000;
    set("stale");
    let stale = tree_head(ash);
    assert!(stale.3 && stale.2 + 6 * 86_400_000 < clock && checkpoint(cedar).is_ok());
    set("future");
    let future = tree_head(ash);
    assert!(future.3 && future.2 > clock + 86_000_000 && checkpoint(cedar).is_ok());
    set("bad-signature");
    assert!(!tree_head(ash).3 && checkpoint(cedar).is_err());
    set("wrong-proof");
    let head = tree_head(ash);
    assert_eq!(included(ash, &told[0], head.0, head.1), Err(0));
    assert_eq!(in_tiles(cedar, &told[1], checkpoint(cedar).unwrap()), None);
    set("garbled");
    let sth = get(&format!("{}ct/v1/get-sth", ash.submission_url())).json();
    assert_eq!((&sth["tree_size"], &sth["sha256_root_hash"]), (&json!(-1), &json!("AA==")));
    let note = get(&format!("{}checkpoint", cedar.monitoring_url())).body;
    assert!(Checkpoint::from_bytes(&note).is_err());
    assert_eq!(get(&format!("{}tile/0/000", cedar.monitoring_url())).body.len(), 256 * 32 - 1);
    set("rollback");
    assert!(tree_head(ash).3 && tree_head(ash).0 == 300 && checkpoint(cedar).unwrap() == old.1);
    set("good");
    assert_eq!(proven(&told), (Ok(302), Ok(602)));
    assert!(world.set_log("ash", "dance").is_err() && world.set_log("oak", "good").is_err());
}

#[test]
fn withheld_and_forked_scenarios_are_seen_by_the_right_ones() {
    let (lab, world) = start();
    let scenarios = lab.scenarios();
    assert!(["A7", "A8"].iter().all(|id| scenarios.iter().any(|one| one.id == *id)));
    let cedar = world.log("cedar").unwrap();
    let shown = |cedar: &Log| {
        cedar.entries(0, usize::MAX).iter().filter(|one| one.precertificate.is_some()).count()
    };
    let everybody = shown(cedar);
    world.set_log("cedar", "fork").unwrap();
    // A8's, and only that.
    assert_eq!(shown(cedar), everybody + 1);
    assert_eq!(
        cedar
            .entries(0, usize::MAX)
            .iter()
            .skip(600)
            .filter(|one| one.precertificate.is_none())
            .count(),
        1
    );
}

#[test]
fn every_server_fails_in_every_way() {
    let (lab, world) = start();
    world.publish_home(&lab);
    let list = format!("{}log_list.json", world.url(LISTS));
    let (truth, short) = (get(&list), Duration::from_millis(300));
    let patient = Duration::from_secs(10);
    for (mode, expected) in [
        ("404", 404),
        ("410", 410),
        ("429", 429),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("redirect", 302),
    ] {
        world.set_list(mode).unwrap();
        let got = get(&list);
        assert_eq!(got.status, expected);
        assert_eq!(got.headers.contains_key("retry-after"), mode == "429");
        assert_eq!(
            got.headers.get("location").is_some_and(|to| to.contains("localhost")),
            mode == "redirect"
        );
        assert!(got.headers["content-type"].starts_with("text/html"));
    }
    let failed = |mode: &str, patience| {
        world.set_list(mode).unwrap();
        try_get(&list, patience).map(|got| got.body.len()).unwrap_err().to_string()
    };
    assert_eq!(failed("truncated", patient), "truncated");
    assert_eq!(failed("endless", patient), "too much");
    assert_eq!(failed("close", patient), "nothing");
    assert!(failed("hang", short).contains("temporarily unavailable"));
    assert!(failed("slow", short).contains("temporarily unavailable"));
    assert!(failed("down", patient).contains("refused"));
    world.set_list("good").unwrap();
    assert_eq!(get(&list).body, truth.body);
    world.set_list("huge").unwrap();
    let huge = get(&list);
    assert!(huge.body.len() > 12 << 20 && huge.body.ends_with(&truth.body));
    for mode in ["nothing", "null", "markup", "nested", "not-utf8"] {
        world.set_list(mode).unwrap();
        let got = get(&list);
        assert!(got.status == 200 && got.body != truth.body, "{mode}");
    }
    world.set_list("good").unwrap();

    // One's own way, for one path, for a while.
    let fault: Fault = serde_json::from_value(
        json!({"status": 503, "headers": {"retry-after": "9"}, "skip": 1, "times": 2}),
    )
    .unwrap();
    world.fail(LISTS, "/log_list.sig", Some(&fault)).unwrap();
    let signature = format!("{}log_list.sig", world.url(LISTS));
    assert_eq!([(); 4].map(|()| status(&signature)), [200, 503, 503, 200]);
    assert_eq!(status(&list), 200);
    world.fail(LISTS, "/log_list.sig", None).unwrap();
    assert!(world.fail("nobody", "/", None).is_err());

    // All of them at once, and back.
    let trickle = Fault { shape: Shape::Trickle, body: Some("x".into()), ..Fault::default() };
    world.fail("*", "/", Some(&trickle)).unwrap();
    let started = Instant::now();
    assert_eq!(get(&world.url(CRT_SH)).body, b"x");
    assert!(started.elapsed() > Duration::from_secs(1));
    for name in ["ash", "cedar", CRT_SH, CERT_SPOTTER, LISTS, ASTRAY] {
        world.fail(name, "/", None).unwrap();
    }
    assert_eq!(get(&world.url(ASTRAY)).json()["you"], "followed");
    // Everything was written down.
    let entries = world.journal.entries();
    assert_eq!(entries.last().unwrap().server, ASTRAY);
    assert!(entries.iter().filter(|one| one.server == LISTS).count() > 20);
}

#[test]
fn the_list_is_signed_or_not() {
    let (lab, world) = start();
    let fetch = |name: &str| get(&format!("{}{name}", world.url(LISTS))).body;
    let pem = world.publisher.public_key();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = Base64::decode_vec(&der).unwrap();
    let is_right = |list: &[u8], signature: &[u8]| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der[24..])
            .verify(list, signature)
            .is_ok()
    };
    let published = |list: &[u8]| {
        let list: Value = serde_json::from_slice(list).unwrap();
        list["log_list_timestamp"].as_str().unwrap_or_default().to_owned()
    };
    let good = fetch("log_list.json");
    assert_eq!(good, lab.log_list().as_bytes());
    for (mode, is_signed) in [
        ("good", true),
        ("newer", true),
        ("older", true),
        ("stale", true),
        ("forged", false),
        ("tampered", false),
        ("malformed", true),
    ] {
        world.set_list(mode).unwrap();
        let (list, signature) = (fetch("log_list.json"), fetch("log_list.sig"));
        assert_eq!(is_right(&list, &signature), is_signed, "{mode}");
        match mode {
            "newer" => assert!(published(&list) >= published(&good)),
            "older" | "stale" => assert!(published(&list) < published(&good)),
            _ => assert_eq!(list == good, matches!(mode, "good" | "forged"), "{mode}"),
        }
    }
    // Where the list says that a log is, it is.
    let list: Value = serde_json::from_slice(&good).unwrap();
    let mut answered = 0;
    for operator in list["operators"].as_array().unwrap() {
        for log in operator["logs"].as_array().unwrap() {
            assert_eq!(status(&format!("{}ct/v1/get-sth", log["url"].as_str().unwrap())), 200);
            answered += 1;
        }
        for log in operator["tiled_logs"].as_array().unwrap() {
            let [submission, monitoring] =
                ["submission_url", "monitoring_url"].map(|field| log[field].as_str().unwrap());
            assert_eq!(status(&format!("{monitoring}checkpoint")), 200);
            assert_eq!(status(&format!("{submission}checkpoint")), 404);
            answered += 1;
        }
    }
    assert_eq!(answered, 5);
}

#[test]
fn the_monitors_answer_in_their_shapes() {
    let (lab, world) = start();
    lab.scenarios();
    world.publish_home(&lab);
    // good, renewed, renewed elsewhere, expired: of two authorities.
    assert_eq!(world.ledger.len(), 4);
    let crt_sh = format!(
        "{}?dNSName={HOST}&match==&exclude=expired&deduplicate=Y&output=json",
        world.url(CRT_SH)
    );
    let got = get(&crt_sh);
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    let rows = got.json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6, "certificates and precertificates, without the expired one");
    for pair in rows.chunks(2) {
        assert_eq!(pair[0]["serial_number"], pair[1]["serial_number"]);
        assert_eq!(pair[0]["name_value"], HOST);
        assert!(
            pair[0]["not_before"].as_str().unwrap().len() == 19 && pair[0]["issuer_ca_id"].is_u64()
        );
        for (row, has_poison) in [(&pair[0], false), (&pair[1], true)] {
            let got = get(&format!("{}?d={}", world.url(CRT_SH), row["id"]));
            let der: String = String::from_utf8(got.body)
                .unwrap()
                .lines()
                .filter(|line| !line.starts_with('-'))
                .collect();
            let certificate = Certificate::from_der(&Base64::decode_vec(&der).unwrap()).unwrap();
            let extensions = certificate.tbs_certificate().extensions().unwrap().iter();
            let mut oids = extensions.map(|extension| extension.extn_id.to_string());
            assert_eq!(oids.any(|oid| oid == "1.3.6.1.4.1.11129.2.4.3"), has_poison);
            let serial: String = certificate
                .tbs_certificate()
                .serial_number()
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(row["serial_number"], serial.as_str());
        }
    }
    assert_eq!(get(&crt_sh.replace("exclude=expired&", "")).json().as_array().unwrap().len(), 8);
    assert_eq!(get(&crt_sh.replace(HOST, "nobody.test")).json(), json!([]));
    assert_eq!(status(&format!("{}?d=7", world.url(CRT_SH))), 404);
    world.set_monitor(CRT_SH, "deduplicate").unwrap();
    assert_eq!(get(&crt_sh).json().as_array().unwrap().len(), 3);
    world.set_monitor(CRT_SH, "502").unwrap();
    assert!(!get(&crt_sh).headers.contains_key("access-control-allow-origin"));

    // A wildcard: Cert Spotter finds it, crt.sh does not.
    let stranger = key(KeyShape::P256);
    let wildcard = ["*.ui.nabu.test"];
    let logs = lab.good_logs();
    let order =
        doorlight_lab::authority::Order { names: &wildcard, ..lab.order(1, Scts::From(&logs)) };
    let chain = lab.authority.issue(&order, &stranger);
    assert!(world.publish(&lab, &chain[0]));
    assert!(!world.publish(&lab, &lab.proxy.root));
    world.set_monitor("*", "good").unwrap();
    assert_eq!(get(&crt_sh).json().as_array().unwrap().len(), 6);

    let first = format!(
        "{}v1/issuances?domain={HOST}&include_subdomains=false&match_wildcards=true&expand=dns_names&expand=issuer&expand=cert",
        world.url(CERT_SPOTTER)
    );
    let mut all = Vec::new();
    let mut pages = 0;
    let mut url = first.clone();
    loop {
        let got = get(&url);
        let page = got.json().as_array().unwrap().clone();
        pages += 1;
        assert!(pages < 10, "paging without end");
        assert_eq!(got.headers.contains_key("link"), !page.is_empty());
        let Some(last) = page.last() else { break };
        url = format!("{first}&after={}", last["id"].as_str().unwrap());
        assert!(got.headers["link"].contains(&format!("after={}", last["id"].as_str().unwrap())));
        all.extend(page);
    }
    assert_eq!((all.len(), pages), (4, 3));
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let home = hex(&Sha256::digest(lab.home_key.subject_public_key_info()));
    let mut kinds = std::collections::BTreeSet::new();
    for one in &all {
        let der = Base64::decode_vec(one["cert"]["data"].as_str().unwrap()).unwrap();
        assert_eq!(one["cert"]["sha256"], hex(&Sha256::digest(&der)).as_str());
        let certificate = Certificate::from_der(&der).unwrap();
        let spki = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
        assert_eq!(one["pubkey_sha256"], hex(&Sha256::digest(&spki)).as_str());
        assert_eq!(one["pubkey_sha256"] == home.as_str(), one["dns_names"] == json!([HOST]));
        kinds.insert(one["cert"]["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["cert", "precert"]);
    let unexpanded =
        get(&first.split("&expand").next().unwrap().replace("match_wildcards=true", "x=y")).json();
    assert_eq!(unexpanded.as_array().unwrap().len(), 3);
    assert!(unexpanded[0]["cert"].is_null() && unexpanded[0]["tbs_sha256"].is_string());
    assert_eq!(status(&format!("{}v1/issuances", world.url(CERT_SPOTTER))), 400);

    // Lies and worse.
    world.set_page(10);
    let said = |mode: &str| {
        world.set_monitor("*", mode).unwrap();
        (get(&first).json(), get(&crt_sh).json())
    };
    let (lie, _) = said("lie");
    assert_eq!(lie[3]["pubkey_sha256"], home.as_str());
    assert_eq!(lie[3]["dns_names"], json!(["*.ui.nabu.test"]));
    let (hostile, hostile_rows) = said("hostile");
    assert!(hostile[0]["issuer"]["name"].as_str().unwrap().contains("<img"));
    assert!(hostile_rows[0]["name_value"].as_str().unwrap().contains("<img"));
    let (garbled, garbled_rows) = said("garbled");
    assert!(garbled[0]["id"].is_array() && garbled_rows[0]["serial_number"].is_object());
    assert_eq!(said("empty"), (json!([]), json!([])));
    world.set_monitor(CERT_SPOTTER, "loop").unwrap();
    assert_eq!(get(&format!("{first}&after=9999999999")).json().as_array().unwrap().len(), 4);
    assert!(world.set_monitor("nobody", "good").is_err());
}
