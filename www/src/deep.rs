//! The module that asks logs and monitors: loaded when the reader does, because a first visit has
//! no need of it.
//!
//! It stands beside the page's own module and shares nothing with it but the document: what it has
//! to know comes as JSON with each question.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use doorlight::address::Address;
use doorlight::ct::publication;
use doorlight::issuances::monitor::id::Monitor;
use doorlight::issuances::monitor::query::Query;
use doorlight::issuances::monitor::{Sources, look_up};
use doorlight::issuances::timeline::Timeline;
use doorlight::issuances::watch::{Looks, WatchRecord};
use doorlight::site::{Continuity, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Evidence;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight_view::dom::{self, Part, by_id, part};
use doorlight_view::published::why;
use doorlight_view::{clock, findings, timeline, words};
use wasm_bindgen::prelude::*;

use crate::check::{Checked, Origin, World};
use crate::known;
use crate::network::Network;
use crate::question::{LogAnswer, LogQuestion, NameQuestion};

thread_local! {
    /// What monitors showed while the page is open.
    static FOUND: RefCell<BTreeMap<Address, WatchRecord>> = RefCell::default();
}

/// The words, as the page's own module has them.
#[wasm_bindgen]
pub fn start(words: Vec<String>, pictures: JsValue) {
    doorlight_view::host::set(crate::host::Web::new(&words, pictures));
}

/// Asks a monitor ([`NameQuestion`]), and shows what is known then in the element `found`. Answered
/// with the findings.
#[wasm_bindgen]
pub async fn ask_monitor(question: String) -> String {
    let Ok(question) = serde_json::from_str::<NameQuestion>(&question) else {
        return String::new();
    };
    match question.monitor {
        Some(monitor) => ask(&question, monitor).await,
        // The pins may have changed since.
        None => FOUND.with_borrow_mut(|found| {
            found
                .get_mut(&question.address)
                .into_iter()
                .for_each(|watch| watch.reclassify(&site(&question)));
        }),
    }
    let leaf = question.pem.as_deref().and_then(|pem| Chain::read(pem.as_bytes()).ok());
    let open = dom::open_folds();
    by_id("found").fill(found(&question.address, leaf.as_ref().map(Chain::leaf)));
    dom::open_again(&open);
    let at = doorlight_browser::now();
    let known =
        FOUND.with_borrow(|found| found.get(&question.address).map(|watch| evidence(watch, at)));
    serde_json::to_string(&known.unwrap_or_default()).unwrap_or_default()
}

/// What the monitors that were asked have to say.
fn evidence(watch: &WatchRecord, at: Timestamp) -> Vec<Evidence> {
    let asked: Vec<Monitor> = watch.looks.iter().map(|looks| looks.monitor).collect();
    watch.evidence(&asked, at)
}

/// Asks the logs ([`LogQuestion`]); answered with a [`LogAnswer`].
#[wasm_bindgen]
pub async fn ask_logs(question: String) -> String {
    let answer = match serde_json::from_str(&question) {
        Ok(question) => audit(question).await.unwrap_or_default(),
        Err(_) => LogAnswer::default(),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

async fn audit(question: LogQuestion) -> Option<LogAnswer> {
    let LogQuestion { address, at, pem, roots, log_list } = question;
    let bytes = |base64: &String| Base64::decode_vec(base64).ok();
    let roots = roots.iter().map(bytes).collect::<Option<Vec<_>>>()?;
    let world = known::with(|known| {
        *known = known::Known::default();
        if !roots.is_empty() {
            known.add_roots(&roots.concat()).ok()?;
        }
        if let Some(list) = &log_list {
            known.set_log_list(&bytes(list)?).ok()?;
        }
        Some(World { roots: known.roots(), log_lists: known.log_lists().ok()?, record: None })
    })?;
    let chain = Chain::read(pem.as_bytes()).ok()?;
    // Judged once more, because what the logs promised cannot be written down.
    let checked = Checked::new(chain, address, Some(at), Origin::Given, world).await;
    let now = doorlight_browser::now();
    let found = publication::audit(&Network, &checked.promises, &Default::default(), now).await;
    Some(LogAnswer { evidence: found.evidence, reports: found.reports })
}

/// What is known of the name.
fn site(question: &NameQuestion) -> SiteRecord {
    let (address, at) = (&question.address, doorlight_browser::now());
    let mut site = question.record.clone().unwrap_or_else(|| SiteRecord::new(address.clone()));
    let chain = question.pem.as_deref().and_then(|pem| Chain::read(pem.as_bytes()).ok());
    // The certificate on the page is the reader's where its key is.
    if let Some(leaf) = chain.as_ref().map(Chain::leaf)
        && site.pins.iter().any(|pin| !pin.doubted && pin.spki_sha256 == leaf.spki_sha256())
    {
        site.remember(leaf, Continuity::SameKey, Verdict::Trusted, at);
    }
    site
}

/// Asks one monitor, and keeps what it says as long as the page is open.
async fn ask(question: &NameQuestion, monitor: Monitor) {
    fn place<'a>(own: &'a str, public: Option<&'static str>) -> Option<&'a str> {
        if own.is_empty() { public } else { Some(own) }
    }
    let NameQuestion { address, .. } = question;
    let at = doorlight_browser::now();
    let site = site(question);
    let sources = Sources {
        cert_spotter: place(&question.cert_spotter, Sources::PUBLIC.cert_spotter),
        crt_sh: place(&question.crt_sh, Sources::PUBLIC.crt_sh),
    };
    let mut watch = FOUND
        .with_borrow(|found| found.get(address).cloned())
        .unwrap_or_else(|| WatchRecord::new(address.clone(), at));
    let chain = question.pem.as_deref().and_then(|pem| Chain::read(pem.as_bytes()).ok());
    let query = Query::new(&address.host, chain.as_ref().map(Chain::leaf), None);
    let found =
        look_up(&Network, query.as_ref(), &sources.only(&[monitor]), watch.knows(&site)).await;
    // What would be an alarm is shown as such in the findings.
    drop(watch.take_in(&found, &site, at));
    FOUND.with_borrow_mut(|found| found.insert(address.clone(), watch));
}

/// How the looks went, the picture, and the findings.
fn found(address: &Address, leaf: Option<&Certificate>) -> Vec<Part> {
    let at = doorlight_browser::now();
    let Some(watch) = FOUND.with_borrow(|found| found.get(address).cloned()) else {
        return Vec::new();
    };
    let looks = watch.looks.iter().map(|looks| part("li").text(&looked(looks)));
    let mut parts = vec![part("ul").class("asked").children(looks)];
    if watch.looks.iter().any(|looks| looks.last_whole.is_some()) || !watch.issuances.is_empty() {
        let picture = Timeline::new(&watch, leaf, at);
        parts.push(timeline::picture(&picture));
        parts.extend(timeline::table(&picture, "www-timeline"));
        parts.push(findings::list(&evidence(&watch, at)));
    }
    parts
}

/// How a look went. A browser does not tell a page whether a server is away or forbids pages to
/// read it: both are said.
fn looked(looks: &Looks) -> String {
    let name = words::word(&format!("watch_{}_name", looks.monitor.as_str().replace('-', "_")));
    let last = clock::ago(looks.last);
    match looks.reason.as_deref() {
        None => words::with("looked_whole", &[&name, &last]),
        Some("unreachable") => words::with("www_forbidden", &[&name]),
        Some(reason) => words::with("looked_failed", &[&name, &last, &why(reason)]),
    }
}
