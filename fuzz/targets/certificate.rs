//! A file, a paste or what a server presented, all the way to the verdict.
//!
//! ```text
//! byte 0  the platform: 0 says "bad" of every signature, 1 says "good" (a hostile oracle), others mix by the signature's last byte
//! byte 1  bit 0: the site is pinned to the leaf's key · 1: another key is pinned · 2: a fingerprint was entered
//!         bit 3: the companions are added roots · 4: on the line, not in a file · 5: asked for by the leaf's own name
//!         bit 6: the time counts from the leaf's first moment · 7: the companions are known from before, too
//! 2..6    seconds, big endian
//! 6..     PEM or DER
//! ```
#![no_main]

use std::cell::{Cell, RefCell};

use doorlight::address::Address;
use doorlight::x509::bundle;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::certificate::SubjectName;
use doorlight::x509::chain::Chain;
use doorlight::ct::policy::CHROME;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::{Examination, Knowledge, Site, unreadable};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::x509::fingerprint::SpkiSha256;
use doorlight::verdict::report::{Report, SctSignature};
use doorlight::x509::signature::SignatureCheck;
use doorlight::site::{Continuity, Origin, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight_fuzz::{LOG_LISTS, ROOTS, assert_safe_to_show};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[oracle, flags, ref seconds @ ..], input)) = data.split_first_chunk::<6>() else { return };
    let has = |bit: u8| flags & 1 << bit != 0;
    let seconds = u64::from(u32::from_be_bytes(*seconds));
    let ders = match bundle::split(input) {
        Ok(ders) => ders,
        Err(error) => {
            let address = "home.example".parse().unwrap();
            let report = unreadable(&address, Timestamp::from_secs(seconds), Seen::OwnProbe, error);
            assert!(matches!(report.verdict, Verdict::Danger | Verdict::Unchecked));
            check_report(&report);
            return;
        }
    };
    if matches!(input, [0x30, 0x81..=0x84, ..]) {
        assert_eq!(ders.concat(), input, "DER is taken as it is, whatever text it holds");
    }
    let bundle = Chain::from_bundle(&ders);
    let presented = Chain::presented(&ders);
    if let Ok(bundle) = &bundle {
        // What a person may paste, a server may present; the leaf need not be the same.
        assert_eq!(bundle.others().len() + 1, ders.len());
        let presented = presented.as_ref().expect("every part of it can be read");
        assert_eq!(presented.unreadable(), 0);
        examine(bundle.clone(), oracle, &has, seconds);
    }
    if let Ok(presented) = presented {
        assert_eq!(presented.leaf().der(), ders[0]);
        assert_eq!(presented.others().len() + presented.unreadable() + 1, ders.len());
        examine(presented, oracle, &has, seconds);
    }
});

fn examine(chain: Chain, oracle: u8, has: &dyn Fn(u8) -> bool, seconds: u64) {
    check_certificate(chain.leaf());
    chain.others().iter().for_each(check_certificate);

    let leaf = chain.leaf().clone();
    let at = Timestamp::from_secs(if has(6) { leaf.not_before().secs() + seconds } else { seconds });
    let own_name = || {
        leaf.names().iter().find_map(|name| match name {
            SubjectName::Dns(name) => name.replacen('*', "a", 1).parse::<Address>().ok(),
            SubjectName::Ip(ip) => ip.to_string().parse().ok(),
            SubjectName::Other => None,
        })
    };
    let address = has(5).then(own_name).flatten().unwrap_or_else(|| "home.example".parse().unwrap());

    let mut record = SiteRecord::new(address.clone());
    let long_ago = Timestamp::from_secs(1);
    if has(0) {
        record.pin(leaf.spki_sha256(), Origin::Home, long_ago);
    }
    if has(1) {
        record.pin(SpkiSha256::of(b"another"), Origin::Seen, long_ago);
    }
    if has(2) {
        record.enter("a9993e364706816aba3e25717850c26c9cd0d89d".parse().unwrap(), long_ago);
    }
    let is_known = has(0) || has(1) || has(2);
    let site = if is_known { Site::Record(&record) } else { Site::Unknown };

    let mut roots = ROOTS.clone();
    if has(3) {
        let companions: Vec<_> = chain.others().iter().map(|one| one.der().to_vec()).collect();
        let _ = roots.add(&companions);
    }
    let intermediates = if has(7) { chain.others().to_vec() } else { Vec::new() };
    let observation = Observation {
        address,
        at,
        chain,
        seen: if has(4) { Seen::ThisConnection } else { Seen::File },
        possession: Possession::Proven,
    };
    let knowledge = Knowledge {
        roots: &roots,
        log_lists: &LOG_LISTS,
        policy: &CHROME,
        intermediates: &intermediates,
        site,
        also_required: &[],
    };

    let asked = Cell::new(0_usize);
    let good = RefCell::new(Vec::new());
    let verify = |check: &SignatureCheck| {
        asked.set(asked.get() + 1);
        assert!(check.spki().is_ok(), "a key that was read from DER goes back to DER");
        let _ = check.ecdsa_raw_signature();
        let answer = match oracle {
            0 => false,
            1 => true,
            seed => check.signature.last().copied().unwrap_or_default().wrapping_mul(seed) & 0x20 != 0,
        };
        if answer {
            good.borrow_mut().push(check.clone());
        }
        answer
    };
    let conclusion = Examination::new(&observation, knowledge).run(verify);
    let report = &conclusion.report;
    // 64 planned, 32 SCTs for each of four issuers, and what webpki asks beyond that within its own
    // limit.
    assert!(asked.get() < 500, "{} signatures asked for", asked.get());
    check_report(report);

    let of = |check: Check| report.evidence.iter().filter(move |one| one.check == check);
    let has_path = of(Check::Path).any(|one| matches!(one.code, Code::PathPublic | Code::PathAddedRoot));
    let is_logged = of(Check::Sct).any(|one| one.code == Code::SctValid);
    let good = good.into_inner();
    let is_part_of_leaf =
        |message: &[u8]| leaf.der().windows(message.len().max(1)).any(|window| window == message);
    if has_path {
        assert!(
            good.iter().any(|check| is_part_of_leaf(&check.message)),
            "a path without a signature of the leaf that was found good"
        );
    }
    if is_logged || report.scts.iter().any(|sct| sct.signature == SctSignature::Valid) {
        // version and type of RFC 6962 section 3.2; a TBSCertificate starts with 0x30
        assert!(good.iter().any(|check| check.message.starts_with(&[0, 0])), "an SCT that nobody found good");
    }
    if oracle == 0 {
        assert!(good.is_empty() && !has_path && !is_logged);
        assert!(of(Check::Path).all(|one| !matches!(one.outcome, Outcome::Pass | Outcome::Note)));
        assert_ne!(report.verdict, Verdict::Trusted);
    }
    if report.verdict == Verdict::Trusted {
        assert!(has_path && has(0), "green without a path or a pin");
        for check in [Check::Certificate, Check::Name, Check::Validity, Check::Key, Check::Path, Check::Pin] {
            assert_eq!(of(check).count(), 1);
        }
        assert!(report.evidence.iter().all(|one| {
            one.outcome != Outcome::Fail
                && !one.code.asks_attention()
                && one.code.entry().outcome == one.outcome
        }));
        assert!(at >= leaf.not_before().minus(doorlight::time::CLOCK_SKEW));
        assert!(at <= leaf.not_after().plus(doorlight::time::CLOCK_SKEW));
    }

    // What the user accepts is the same key from then on, and the record can be kept.
    if let Some(continuity) = conclusion.continuity {
        assert_eq!(continuity == Continuity::SameKey, has(0));
        record.remember(&leaf, continuity, conclusion.report.verdict, at);
    }
    record.accept(&leaf, Origin::Home, at);
    let standing = doorlight::site::Standing { has_path: false, is_logged: Some(false) };
    assert_eq!(record.continuity(&leaf, standing, at), Continuity::SameKey);
}

fn check_certificate(one: &Certificate) {
    let again = Certificate::from_der(one.der()).expect("it was read before");
    assert_eq!(again, *one);
    let pem = one.pem();
    assert_eq!(bundle::split(pem.as_bytes()).expect("PEM of our own"), [one.der()]);
    assert!(pem.lines().all(|line| line.len() <= 64));

    for text in [one.subject(), one.issuer(), one.issuer_organisation(), one.serial(), one.key().to_string()]
    {
        assert_safe_to_show(&text);
        assert!(!text.contains('\n'));
    }
    for text in one.issuer_urls() {
        assert_safe_to_show(text);
    }
    for name in one.names() {
        let _ = name.is_wildcard();
        if let SubjectName::Dns(name) = name {
            assert_safe_to_show(name);
        }
    }
    let _ = (one.is_ca(), one.is_self_issued(), one.sha1(), one.sha256(), one.spki_sha256());

    let tbs = one.precertificate_tbs().expect("it was read before");
    assert!(tbs.len() <= one.der().len());
    if one.sct_list().is_none() && !one.is_precertificate() {
        assert!(one.der().windows(tbs.len()).any(|window| window == tbs), "it is not to the byte the same");
    }
}

fn check_report(report: &Report) {
    let json = report.to_json();
    let again = Report::from_json(json.as_bytes()).expect("a report of our own");
    assert_eq!(again, *report);
    assert_eq!(again.to_json(), json);
    let text = report.to_text();
    assert_safe_to_show(&text);
    assert_eq!(again.to_text(), text);
}
