//! `doorlight audit`, `prove` and `log-list`, as scripts see them, against the lab's logs, monitors
//! and publisher.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use doorlight_lab::authority::{KeyShape, Scts, key, pem};
use doorlight_lab::cli::Doorlight;
use doorlight_lab::fault::Fault;
use doorlight_lab::log::Submission;
use doorlight_lab::scenario::{HOST, Lab, SECRET_HOST, WILDCARD};
use doorlight_lab::server::{Server, signing_key};
use doorlight_lab::world::{ASTRAY, CERT_SPOTTER, CRT_SH, LISTS, World};
use rcgen::KeyPair;
use serde_json::{Value, json};
use time::OffsetDateTime;

type Chain = Vec<Vec<u8>>;

/// A home, the public world, and a `doorlight` that has the home's pin.
struct Desk {
    lab: Lab,
    world: World,
    doorlight: Doorlight,
}

/// What an audit printed.
struct Audited {
    exit_code: i32,
    whole: Value,
}

impl Audited {
    fn new(output: &Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{stderr}");
        let whole = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {stderr}"));
        Self { exit_code: output.status.code().unwrap(), whole }
    }

    fn report(&self) -> &Value {
        self.whole.get("report").unwrap_or(&self.whole)
    }

    fn verdict(&self) -> &str {
        self.report()["verdict"].as_str().unwrap()
    }

    fn decided_by(&self) -> Vec<&str> {
        texts(&self.report()["decided_by"])
    }

    fn codes(&self) -> Vec<&str> {
        self.report()["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect()
    }

    fn has(&self, code: &str) -> bool {
        self.codes().contains(&code)
    }

    fn alarms(&self) -> Vec<&str> {
        texts(&self.whole["alarms"])
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

impl Desk {
    fn new() -> Self {
        let lab = Lab::new(OffsetDateTime::now_utc());
        let world = World::start(&lab, Arc::default()).unwrap();
        let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
        Self { lab, world, doorlight }
    }

    fn path(&self, name: &str) -> String {
        self.doorlight.file(name).to_str().unwrap().to_owned()
    }

    fn good(&self) -> Chain {
        self.logged(30, &[HOST], &self.lab.home_key)
    }

    fn logged(&self, age_days: i64, names: &[&str], key: &KeyPair) -> Chain {
        let logs = self.lab.good_logs();
        let order = doorlight_lab::authority::Order {
            names,
            ..self.lab.order(age_days, Scts::From(&logs))
        };
        self.lab.authority.issue(&order, key)
    }

    /// One that the logs sign and that nobody gets to see, for the home's own key: nothing but the
    /// logs' silence speaks against it.
    fn withheld(&self) -> Chain {
        let logs = self.lab.good_logs();
        self.lab.authority.issue(&self.lab.order(2, Scts::Withheld(&logs)), &self.lab.home_key)
    }

    /// A certificate of somebody else's, and the monitors know of it.
    fn stranger(&self, names: &[&str]) -> Chain {
        let chain = self.logged(2, names, &key(KeyShape::P256));
        assert!(self.world.publish(&self.lab, &chain[0]));
        chain
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let (crt_sh, cert_spotter) = (self.world.url(CRT_SH), self.world.url(CERT_SPOTTER));
        let (roots, list, pins) =
            (self.path("roots.pem"), self.path("log_list.json"), self.path("pins.json"));
        let site: &[&str] = if more.contains(&"--site") { &[] } else { &["--site", &pins] };
        let all = [
            &["audit", HOST, "--roots", &roots, "--log-list", &list][..],
            site,
            &["--crt-sh", &crt_sh, "--cert-spotter", &cert_spotter],
            more,
        ]
        .concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Runs an audit of a home that presents the chain.
    fn run(&self, chain: &Chain, more: &[&str]) -> Output {
        let server = Server::start(chain, signing_key(&self.lab.home_key));
        let address = server.address().to_string();
        let arguments = self.arguments(&[&["--connect", &address], more].concat());
        self.doorlight.command().args(arguments).output().unwrap()
    }

    fn audit(&self, chain: &Chain, more: &[&str]) -> Audited {
        Audited::new(&self.run(chain, &[&["--json"], more].concat()))
    }

    fn prove(&self, chain: &Chain, more: &[&str]) -> Audited {
        let file = self.doorlight.file("chain.pem");
        std::fs::write(&file, pem(chain)).unwrap();
        let (roots, list) = (self.path("roots.pem"), self.path("log_list.json"));
        let common = ["prove", "--chain", file.to_str().unwrap(), "--host", HOST, "--json"];
        let means = ["--roots", &roots, "--log-list", &list];
        Audited::new(&self.doorlight.run(&[&common[..], &means, more].concat()))
    }

    fn heads(&self) -> String {
        std::fs::read_to_string(self.doorlight.file("pins.json.audit/heads.json")).unwrap()
    }

    fn fault(&self, word: &str) -> Fault {
        // Slower than anybody waits here.
        if word == "slow" {
            return Fault { delay_ms: 30_000, ..Fault::default() };
        }
        Fault::preset(word, &self.world.url(ASTRAY)).unwrap()
    }

    /// `log-list` with the publisher's key.
    fn update(&self, more: &[&str]) -> Output {
        let key = self.doorlight.file("list_key.pem");
        std::fs::write(&key, self.world.publisher.public_key()).unwrap();
        let from = format!("{}log_list.json", self.world.url(LISTS));
        let common = ["log-list", "update", "--from", &from, "--key", key.to_str().unwrap()];
        self.doorlight.run(&[&common[..], more].concat())
    }

    fn held(&self) -> PathBuf {
        self.doorlight.file("config/doorlight/log_list.json")
    }
}

fn said(output: &Output) -> (i32, String) {
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// No monitor learns a name that no certificate has: its parent is asked for, and what is not for
/// the name is left out.
#[test]
fn a_secret_name_is_told_to_no_monitor() {
    let desk = Desk::new();
    let wildcard = desk.logged(9, &[HOST, WILDCARD], &desk.lab.home_key);
    assert!(desk.world.publish(&desk.lab, &wildcard[0]));
    let others =
        [&[HOST][..], &["other.a1b2c3d4.ui.nabu.test"], &["a.s3cret.a1b2c3d4.ui.nabu.test"]];
    for names in others {
        desk.stranger(names);
    }
    let pins = std::fs::read_to_string(desk.doorlight.file("pins.json")).unwrap();
    let of_secret = desk.path("pins-of-secret.json");
    std::fs::write(&of_secret, pins.replace(HOST, SECRET_HOST)).unwrap();
    let audit = |host: &str, chain: &Chain| {
        let site = if host == HOST { desk.path("pins.json") } else { of_secret.clone() };
        let server = Server::start(chain, signing_key(&desk.lab.home_key));
        let address = server.address().to_string();
        let mut arguments =
            desk.arguments(&["--connect", &address, "--json", "--no-logs", "--site", &site]);
        *arguments.iter_mut().find(|one| *one == HOST).unwrap() = host.into();
        desk.world.journal.clear();
        let output = desk.doorlight.command().args(arguments).output().unwrap();
        let asked: Vec<_> =
            desk.world.journal.entries().iter().map(|one| one.target.clone()).collect();
        assert!(asked.len() >= 2, "{asked:?}");
        (Audited::new(&output), asked)
    };
    let (first, asked) = audit(SECRET_HOST, &wildcard);
    assert!(asked.iter().all(|target| !target.contains("s3cret")), "{asked:?}");
    assert_eq!(first.alarms(), Vec::<&str>::new(), "{:#}", first.whole);
    assert!(!first.has("issuances-not-checked"), "{:#}", first.whole);
    // A wildcard covers it, and so does a certificate for the name itself: both are found.
    for name in [WILDCARD, SECRET_HOST] {
        desk.stranger(&[name]);
    }
    let (second, asked) = audit(SECRET_HOST, &wildcard);
    assert!(asked.iter().all(|target| !target.contains("s3cret")), "{asked:?}");
    assert_eq!(second.alarms().len(), 2, "{:#}", second.whole);
    // Once it stands in the home's own certificate, it is public.
    let named = desk.logged(1, &[HOST, SECRET_HOST], &desk.lab.home_key);
    let (_, asked) = audit(SECRET_HOST, &named);
    assert!(asked.iter().any(|target| target.contains("domain=s3cret.")), "{asked:?}");
    // The home's own name is asked for as ever.
    let (_, asked) = audit(HOST, &wildcard);
    assert!(
        asked
            .iter()
            .any(|target| target.contains(&format!("domain={HOST}&include_subdomains=false"))),
        "{asked:?}"
    );
}

#[test]
fn both_kinds_of_log_prove_and_both_monitors_know() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    // Others hand in so much that the home's entry stands in a full tile.
    for n in 0..200_u8 {
        let submission = Submission {
            issuer_spki: b"a key",
            tbs: &[n],
            precertificate: b"a precertificate",
            chain: &[],
        };
        desk.lab.logs[2].submit(desk.lab.now, &submission);
    }
    let first = desk.audit(&good, &["--require-proof"]);
    assert_eq!((first.verdict(), first.exit_code), ("trusted", 0), "{:#}", first.whole);
    for code in ["inclusion-proven", "consistency-first-sight", "issuances-all-yours"] {
        assert!(first.has(code), "{code}: {:?}", first.codes());
    }
    let publication = first.report()["publication"].as_array().unwrap();
    let proven = |one: &&Value| one["inclusion"] == "proven" && one["leaf_index"].is_u64();
    assert_eq!(
        publication.iter().filter(proven).count(),
        3,
        "two of RFC 6962, one tiled: {publication:#?}"
    );
    assert_eq!(first.whole["issuances"][0]["class"], "yours");
    assert_eq!(first.whole["looks"].as_array().unwrap().len(), 2);

    // Nothing but the question is sent.
    let entries = desk.world.journal.entries();
    for entry in &entries {
        assert_eq!((entry.method.as_str(), entry.body.as_str()), ("GET", ""));
        assert_eq!(entry.headers["user-agent"], format!("doorlight/{}", env!("CARGO_PKG_VERSION")));
        for name in ["cookie", "authorization", "referer"] {
            assert!(!entry.headers.contains_key(name), "{entry:?}");
        }
    }
    let tiles = |entries: &[doorlight_lab::journal::Entry]| {
        entries
            .iter()
            .filter(|one| one.target.contains("/tile/") && !one.target.contains(".p/"))
            .count()
    };
    assert!(tiles(&entries) > 0);

    // The next time the heads are held to those seen, and full tiles come from the cache.
    desk.world.journal.clear();
    let second = desk.audit(&good, &["--require-proof"]);
    assert_eq!((second.verdict(), second.exit_code), ("trusted", 0));
    assert!(second.has("consistency-proven") && !second.has("consistency-first-sight"));
    assert_eq!(tiles(&desk.world.journal.entries()), 0);

    // A file: nothing is pinned in what `prove` is given, or the home's pin is.
    assert_eq!(desk.prove(&good, &[]).exit_code, 1);
    let pins = desk.path("pins.json");
    let proven = desk.prove(&good, &["--site", &pins]);
    assert_eq!((proven.verdict(), proven.exit_code), ("trusted", 0));
    assert!(proven.has("inclusion-proven") && proven.has("consistency-proven"), "the same memory");
}

#[test]
fn a_log_that_keeps_an_entry_back_is_danger() {
    let desk = Desk::new();
    let withheld = desk.withheld();
    let audited = desk.audit(&withheld, &[]);
    assert_eq!((audited.verdict(), audited.exit_code), ("danger", 2));
    assert_eq!(audited.decided_by(), ["inclusion-missing"]);
    let proven = desk.prove(&withheld, &[]);
    assert_eq!((proven.exit_code, proven.decided_by()), (2, vec!["inclusion-missing"]));
    let text = String::from_utf8(desk.run(&withheld, &[]).stdout).unwrap();
    assert!(text.contains("[X]  DANGER") && text.contains("NOT PUBLISHED"), "{text}");
}

#[test]
fn a_log_of_two_histories_is_danger_for_ever() {
    let desk = Desk::new();
    let good = desk.good();
    assert_eq!(desk.audit(&good, &[]).exit_code, 0);
    desk.world.set_log("*", "fork").unwrap();
    let forked = desk.audit(&good, &[]);
    assert_eq!((forked.verdict(), forked.exit_code), ("danger", 2), "{:#}", forked.whole);
    assert!(forked.decided_by().contains(&"consistency-contradiction"));
    // The evidence stays, whatever the log shows next.
    desk.world.set_log("*", "good").unwrap();
    let healed = desk.audit(&good, &[]);
    assert!(healed.exit_code == 2 && healed.has("consistency-contradiction"));
    assert!(desk.heads().contains("contradictions"));
}

#[test]
fn cut_off_is_not_checked_and_heals_by_itself() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    // Somebody on the way hangs up. (A server that is down gives its port away, to any test that
    // runs beside this one: it comes last.)
    desk.world.set_log("*", "close").unwrap();
    desk.world.set_monitor("*", "close").unwrap();
    let cut = desk.audit(&good, &[]);
    assert_eq!((cut.verdict(), cut.exit_code), ("trusted", 0), "not asked for: said, and no more");
    for code in ["inclusion-not-checked", "consistency-not-checked", "issuances-not-checked"] {
        assert!(cut.has(code), "{code}: {:?}", cut.codes());
    }
    let strict = desk.audit(&good, &["--require-proof"]);
    assert_eq!(
        (strict.verdict(), strict.exit_code),
        ("unchecked", 3),
        "never green where it was asked for"
    );
    let watched = desk.audit(&good, &["--require", "issuances"]);
    assert_eq!((watched.verdict(), watched.exit_code), ("unchecked", 3));
    assert_eq!(desk.prove(&good, &[]).exit_code, 3);

    desk.world.set_log("*", "good").unwrap();
    desk.world.set_monitor("*", "good").unwrap();
    let healed = desk.audit(&good, &["--require-proof", "--require", "issuances"]);
    assert_eq!((healed.verdict(), healed.exit_code), ("trusted", 0), "{:#}", healed.whole);

    // Each source can be turned off, and is not asked then.
    desk.world.journal.clear();
    let off = desk.audit(&good, &["--no-logs", "--no-crt-sh", "--no-cert-spotter"]);
    assert!(desk.world.journal.entries().is_empty());
    assert!(off.exit_code == 0 && !off.has("inclusion-proven") && off.has("issuances-not-checked"));
    let off = desk.audit(&good, &["--no-logs", "--require-proof"]);
    assert_eq!(off.exit_code, 3);

    desk.world.set_log("*", "down").unwrap();
    desk.world.set_monitor("*", "down").unwrap();
    let down = desk.audit(&good, &["--require-proof"]);
    assert_eq!((down.verdict(), down.exit_code), ("unchecked", 3));
    assert!(
        down.has("inclusion-not-checked") && !down.has("inclusion-missing"),
        "{:?}",
        down.codes()
    );
}

#[test]
fn somebody_elses_certificate_is_told_once() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    assert_eq!(desk.audit(&good, &[]).exit_code, 0);

    // A renewal with the pinned key is none, wherever it comes from.
    let renewed = desk.logged(1, &[HOST], &desk.lab.home_key);
    desk.world.publish(&desk.lab, &renewed[0]);
    let silent = desk.audit(&good, &[]);
    assert_eq!((silent.exit_code, silent.alarms().len()), (0, 0), "{:#}", silent.whole);
    assert_eq!(silent.whole["issuances"].as_array().unwrap().len(), 2);

    // Certificate and precertificate, at both monitors, by name and by wildcard: one.
    desk.stranger(&[HOST, "*.ui.nabu.test"]);
    let alarmed = desk.audit(&good, &[]);
    assert_eq!((alarmed.exit_code, alarmed.alarms().len()), (4, 1), "{:#}", alarmed.whole);
    assert_eq!(alarmed.verdict(), "attention");
    assert!(alarmed.has("issuances-unknown"));
    let id = alarmed.alarms()[0].to_owned();
    for _ in 0..2 {
        let again = desk.audit(&good, &[]);
        assert_eq!(
            (again.exit_code, again.alarms().len()),
            (4, 0),
            "it stands, and is not told again"
        );
    }
    let danger = desk.audit(&desk.withheld(), &[]);
    assert_eq!(danger.exit_code, 2, "the connection itself comes first");

    // One that only a wildcard covers is told too.
    desk.stranger(&["*.ui.nabu.test"]);
    let text = desk.run(&good, &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.matches("ALARM").count(), 1, "{text}");
    for part in ["--acknowledge", "--letter", "Certificates for", "NOT YOURS"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let second = text.split("ID ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_ne!(second, id);

    // The first one is only reminded of.
    assert!(text.contains("Still not yours") && text.contains(&format!("--letter {id}")), "{text}");
    let letter =
        desk.doorlight.command().args(desk.arguments(&["--letter", &id])).output().unwrap();
    let letter = String::from_utf8(letter.stdout).unwrap();
    assert!(letter.contains(HOST) && letter.contains("Serial number:"), "{letter}");

    let note = |id: &str| {
        desk.doorlight.command().args(desk.arguments(&["--acknowledge", id])).output().unwrap()
    };
    assert_eq!(said(&note(&id)), (0, String::new()));
    assert_eq!(desk.audit(&good, &[]).exit_code, 4, "the other one stands");
    assert_eq!(said(&note(&second)).0, 0);
    for _ in 0..2 {
        let quiet = desk.audit(&good, &[]);
        assert_eq!(
            (quiet.exit_code, quiet.alarms().len()),
            (0, 0),
            "{:#}",
            quiet.report()["evidence"]
        );
        assert!(quiet.has("issuances-acknowledged"));
    }
    let (exit_code, why) = said(&note("no-such-id"));
    assert!(exit_code == 65 && why.contains("no-such-issuance"), "{why}");
}

#[test]
fn an_alarm_that_nobody_read_is_told_again_and_two_at_once_tell_one() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    desk.stranger(&[HOST]);
    let server = Server::start(&good, signing_key(&desk.lab.home_key));
    let address = server.address().to_string();
    let arguments = desk.arguments(&["--json", "--connect", &address]);
    let start = |stdout: Stdio| {
        let mut command = desk.doorlight.command();
        command.args(&arguments).stdout(stdout).stderr(Stdio::null()).spawn().unwrap()
    };
    // A full disk.
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(start(full.into()).wait().unwrap().code(), Some(4));
    }
    let both = [start(Stdio::piped()), start(Stdio::piped())];
    let told: usize = both
        .map(|child| Audited::new(&child.wait_with_output().unwrap()).alarms().len())
        .iter()
        .sum();
    assert_eq!(told, 1);
}

#[test]
fn in_cron_nothing_is_done_before_it_is_due_and_nothing_said_that_was_told() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    desk.stranger(&[HOST]);
    let first = desk.run(&good, &["--due"]);
    assert_eq!(first.status.code(), Some(4));
    let notice = String::from_utf8(first.stderr).unwrap();
    for part in ["crt.sh", "Cert Spotter", "the logs", "--no-logs", "IP address"] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    assert!(String::from_utf8(first.stdout).unwrap().contains("ALARM"));
    desk.world.journal.clear();
    assert_eq!(said(&desk.run(&good, &["--due"])), (0, String::new()));
    assert!(desk.world.journal.entries().is_empty());

    // A day later: the alarm was told and still stands, so the exit code says it and nothing is
    // printed.
    let record = desk.doorlight.file(&format!("pins.json.audit/watch/{HOST}.json"));
    let mut aged: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    for looks in aged["looks"].as_array_mut().unwrap() {
        looks["last"] = json!(doorlight_lab::log::rfc3339(desk.lab.now - time::Duration::days(1)));
    }
    std::fs::write(&record, aged.to_string()).unwrap();
    assert_eq!(said(&desk.run(&good, &["--due"])), (4, String::new()));
    assert!(!desk.world.journal.entries().is_empty());
}

#[test]
fn memory_that_cannot_be_read_is_neither_nothing_nor_overwritten() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    assert_eq!(desk.audit(&good, &[]).exit_code, 0);
    for (name, code) in [("heads.json", "heads-"), (&*format!("watch/{HOST}.json"), "watch-")] {
        let file = desk.doorlight.file("pins.json.audit").join(name);
        let whole = std::fs::read(&file).unwrap();
        for (damaged, what) in
            [(&whole[..whole.len() / 2], "malformed"), (b"{\"version\":99}", "newer-version")]
        {
            std::fs::write(&file, damaged).unwrap();
            let (output, strict) = (
                desk.run(&good, &["--json"]),
                desk.run(&good, &["--json", "--require", "issuances", "--require", "consistency"]),
            );
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code() == Some(65) && stderr.contains(&format!("{code}{what}")),
                "{name}: {stderr}"
            );
            assert_eq!(strict.status.code(), Some(3), "{name}");
            assert_eq!(std::fs::read(&file).unwrap(), damaged);
        }
        std::fs::write(&file, whole).unwrap();
        assert_eq!(desk.audit(&good, &[]).exit_code, 0);
    }
}

#[test]
fn a_list_is_taken_over_only_if_it_is_signed_whole_and_newer() {
    let desk = Desk::new();
    let refused = |mode: &str, exit_code: i32, code: &str| {
        let before = std::fs::read(desk.held()).ok();
        desk.world.set_list("good").unwrap();
        desk.world.set_list(mode).unwrap();
        let (ended, why) = said(&desk.update(&["--patience", "3"]));
        assert!(ended == exit_code && why.contains(code), "{mode}: {ended} {why}");
        assert_eq!(std::fs::read(desk.held()).ok(), before, "{mode}");
    };
    let modes = [
        ("forged", 65, "log-list-signature"),
        ("tampered", 65, "log-list-signature"),
        ("malformed", 65, "log-list-malformed"),
        ("truncated", 69, "unreachable"),
        ("huge", 65, "log-list-too-large"),
        ("endless", 65, "log-list-too-large"),
        ("close", 69, "unreachable"),
        ("hang", 69, "timed-out"),
        ("404", 69, "status"),
        ("markup", 65, "log-list-signature"),
    ];
    modes.iter().for_each(|(mode, exit_code, code)| refused(mode, *exit_code, code));
    // The publisher's key is not Google's.
    desk.world.set_list("good").unwrap();
    let from = format!("{}log_list.json", desk.world.url(LISTS));
    let (ended, why) = said(&desk.doorlight.run(&["log-list", "update", "--from", &from]));
    assert!(ended == 65 && why.contains("log-list-signature"), "{why}");
    let shipped = desk.doorlight.run(&["log-list", "show"]);
    assert!(String::from_utf8(shipped.stdout).unwrap().contains("came with the program"));

    assert_eq!(said(&desk.update(&[])), (0, String::new()), "quiet");
    for mode in ["older", "stale"] {
        refused(mode, 65, "log-list-older");
    }
    modes.iter().for_each(|(mode, exit_code, code)| refused(mode, *exit_code, code));
    desk.world.set_list("good").unwrap();
    assert_eq!(said(&desk.update(&[])), (0, String::new()), "as new as the one held");

    // It is used now, without being named.
    let shown: Value =
        serde_json::from_slice(&desk.doorlight.run(&["log-list", "show", "--json"]).stdout)
            .unwrap();
    assert_eq!(
        (&shown["provenance"], &shown["own_key"], &shown["age_days"]),
        (&json!("signed"), &json!(true), &json!(0))
    );
    let text = String::from_utf8(desk.doorlight.run(&["log-list", "show"]).stdout).unwrap();
    for part in
        ["First operator", "usable      Lab log Ash", "rejected", "fetched", "key that you named"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let chain = desk.doorlight.file("chain.pem");
    std::fs::write(&chain, pem(&desk.good())).unwrap();
    let (roots, pins) = (desk.path("roots.pem"), desk.path("pins.json"));
    let check = |name: &str| {
        let output = desk.doorlight.run(&[
            name,
            "--chain",
            chain.to_str().unwrap(),
            "--host",
            HOST,
            "--roots",
            &roots,
            "--site",
            &pins,
            "--json",
        ]);
        (Audited::new(&output), String::from_utf8(output.stderr).unwrap())
    };
    assert!(check("check").0.has("sct-valid"));
    assert!(check("prove").0.has("inclusion-proven"));

    // Changed where it lies, it is left aside, and said.
    let held = std::fs::read_to_string(desk.held()).unwrap();
    std::fs::write(desk.held(), held.replace("First operator", "Worst operator")).unwrap();
    let (aside, stderr) = check("check");
    assert!(!aside.has("sct-valid") && stderr.contains("log-list-signature"), "{stderr}");
    assert_eq!(said(&desk.update(&[])), (0, String::new()), "and replaced by the next good one");
    assert!(std::fs::read_to_string(desk.held()).unwrap().contains("First operator"));
    refused("down", 69, "log_list.json");
}

#[test]
fn logs_and_monitors_that_answer_oddly_are_not_checked() {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    desk.stranger(&[HOST]);
    (0..5).for_each(|n| {
        desk.world
            .publish(&desk.lab, &desk.logged(n, &[HOST], &desk.lab.home_key)[0])
            .then_some(())
            .unwrap()
    });
    assert_eq!(desk.audit(&good, &["--require-proof"]).exit_code, 4);
    let no_monitors = ["--require-proof", "--no-crt-sh", "--no-cert-spotter"];
    for mode in ["stale", "future", "bad-signature", "wrong-proof", "garbled"] {
        desk.world.set_log("*", mode).unwrap();
        let odd = desk.audit(&good, &no_monitors);
        assert_eq!(odd.verdict(), "unchecked", "{mode}: {:#}", odd.report()["publication"]);
        assert!(!odd.has("inclusion-proven"), "{mode}");
    }
    desk.world.set_log("*", "good").unwrap();
    for (monitor, mode, reason) in [
        (CERT_SPOTTER, "garbled", "paging-stuck"),
        (CERT_SPOTTER, "lie", "not-believed"),
        (CERT_SPOTTER, "loop", "paging-stuck"),
        (CRT_SH, "garbled", "entries-skipped"),
    ] {
        desk.world.set_monitor(monitor, mode).unwrap();
        let odd = desk.audit(&good, &["--no-logs"]);
        let looks = odd.whole["looks"].as_array().unwrap();
        let look = looks.iter().find(|one| one["monitor"] == monitor).unwrap();
        assert_eq!(
            (odd.exit_code, odd.alarms().len(), look["reason"].as_str()),
            (4, 0, Some(reason)),
            "{monitor} {mode}"
        );
        desk.world.set_monitor(monitor, "good").unwrap();
    }
    // Names full of markup and of characters that nobody sees.
    desk.world.set_monitor("*", "hostile").unwrap();
    let text = String::from_utf8(desk.run(&good, &["--no-logs"]).stdout).unwrap();
    assert!(
        text.chars()
            .all(|c| c == '\n' || !(c.is_control() || "\u{202e}\u{200b}\u{feff}".contains(c))),
        "{text}"
    );
    // Nobody knows anything: what was known stays.
    desk.world.set_monitor("*", "empty").unwrap();
    let empty = desk.audit(&good, &[]);
    assert!(empty.exit_code == 4 && empty.has("issuances-unknown"));
}

const FAULTS: [&str; 21] = [
    "400",
    "401",
    "403",
    "404",
    "410",
    "429",
    "500",
    "502",
    "503",
    "redirect",
    "slow",
    "truncated",
    "huge",
    "endless",
    "trickle",
    "hang",
    "close",
    "nothing",
    "null",
    "markup",
    "nested",
];

/// Enough for those that answer, on a machine that has much to do.
const PATIENCE: &str = "5";

/// The table of issue 4: every endpoint, every way to fail.
#[test]
fn hostile_answers_of_every_endpoint_are_not_checked() {
    let words = FAULTS.iter().chain(&["not-utf8"]);
    let threads: Vec<_> = words.map(|word| std::thread::spawn(|| hostile(word))).collect();
    let cases: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("{cases} hostile answers");
    assert_eq!(cases, 22 * 10);
}

fn hostile(word: &str) -> usize {
    let desk = Desk::new();
    let good = desk.good();
    desk.world.publish_home(&desk.lab);
    desk.stranger(&[HOST]);
    assert_eq!(desk.audit(&good, &["--require-proof"]).exit_code, 4);
    let remembered = || {
        let heads: Value = serde_json::from_str(&desk.heads()).unwrap();
        let logs = heads["logs"].as_object().unwrap();
        logs.len() == 3
            && logs
                .values()
                .all(|log| log["newest"].is_object() && log.get("contradictions").is_none())
    };
    assert!(remembered());
    let fault = desk.fault(word);
    let mut cases = 0;

    let (classic, tiled) = (desk.lab.logs[0].slug(), desk.lab.logs[2].slug());
    for (log, path) in [
        (&classic, format!("/{classic}/ct/v1/get-sth")),
        (&classic, format!("/{classic}/ct/v1/get-proof-by-hash")),
        (&tiled, format!("/{tiled}-tiles/checkpoint")),
        (&tiled, format!("/{tiled}-tiles/tile/")),
    ] {
        desk.world.fail(log, &path, Some(&fault)).unwrap();
        let found = desk.audit(
            &good,
            &["--require-proof", "--patience", PATIENCE, "--no-crt-sh", "--no-cert-spotter"],
        );
        let name = format!("{word} at {path}: {:#}", found.report()["publication"]);
        // Of one that is known, the watch goes on to speak.
        assert_eq!((found.verdict(), found.exit_code), ("unchecked", 4), "{name}");
        let of_this = found.report()["publication"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["inclusion"] == "not-checked");
        assert!(of_this.is_some_and(|one| one["inclusion_reason"].is_string()), "{name}");
        assert!(
            found.has("inclusion-proven") && !found.has("inclusion-missing"),
            "the others go on: {name}"
        );
        assert!(remembered(), "{name}");
        desk.world.fail(log, &path, None).unwrap();
        cases += 1;
    }

    for (monitor, path) in [(CRT_SH, "/?dNSName"), (CERT_SPOTTER, "/v1")] {
        desk.world.fail(monitor, path, Some(&fault)).unwrap();
        let found = desk.audit(&good, &["--patience", PATIENCE, "--no-logs"]);
        let name = format!("{word} at {monitor}{path}: {:#}", found.whole["looks"]);
        assert_eq!((found.exit_code, found.alarms().len()), (4, 0), "{name}");
        assert_eq!(
            found.whole["issuances"].as_array().unwrap().len(),
            2,
            "nothing is forgotten: {name}"
        );
        let looks = found.whole["looks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["monitor"] == monitor)
            .unwrap();
        assert!(looks["reason"].is_string() && looks["last_whole"].is_string(), "{name}");
        // Where nothing is known yet, it is "not checked".
        let fresh = desk.path(&format!("{monitor}.json"));
        std::fs::copy(desk.path("pins.json"), &fresh).unwrap();
        let alone = if monitor == CRT_SH { "--no-cert-spotter" } else { "--no-crt-sh" };
        let found = desk.audit(
            &good,
            &[
                "--patience",
                PATIENCE,
                "--no-logs",
                alone,
                "--site",
                &fresh,
                "--require",
                "issuances",
            ],
        );
        assert_eq!((found.verdict(), found.exit_code), ("unchecked", 3), "{name}");
        assert!(found.has("issuances-not-checked") && found.alarms().is_empty(), "{name}");
        desk.world.fail(monitor, path, None).unwrap();
        cases += 2;
    }

    for path in ["/log_list.json", "/log_list.sig"] {
        desk.world.fail(LISTS, path, Some(&fault)).unwrap();
        let (exit_code, why) = said(&desk.update(&["--patience", PATIENCE]));
        assert!(
            matches!(exit_code, 65 | 69) && why.starts_with("doorlight: "),
            "{word} at {path}: {why}"
        );
        assert!(!desk.held().exists());
        desk.world.fail(LISTS, path, None).unwrap();
        cases += 1;
    }

    let astray = desk.world.journal.entries().iter().any(|entry| entry.server == ASTRAY);
    assert!(!astray, "nobody follows a redirect");
    // It heals by itself.
    let healed = desk.audit(&good, &["--require-proof"]);
    assert!(
        healed.exit_code == 4
            && healed.has("consistency-proven")
            && !healed.has("consistency-not-checked"),
        "{word}: {:?}",
        healed.codes()
    );
    assert_eq!(healed.verdict(), "attention", "{word}");
    cases
}
