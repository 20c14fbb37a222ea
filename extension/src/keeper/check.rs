//! From a look at an address to what is thought of it.
//!
//! ```text
//! a check, or a connection of the page's own ─► judge: the core, a missing intermediate, the home's word, the logs' proof
//!                                                    ─► conclude: site record ─► standing ─► journal
//! ```
//!
//! The order in `conclude` matters: everything is written down before the gate opens, so that a worker that is killed at any point leaves the gate shut
//! or an open one with its end in storage.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::certificate::{Certificate, split};
use doorlight::chain::Chain;
use doorlight::ct::policy;
use doorlight::evidence::{Check, Code, Outcome};
use doorlight::examination::{self, Conclusion, Examination, Knowledge, Observation, Possession, Seen, Site};
use doorlight::report::Report;
use doorlight::site::{Continuity, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight_browser::now;
use futures_util::future::join;
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use super::Keeper;
use crate::api;
use crate::capture::{Browser, Captured};
use crate::gate;
use crate::home::{self, News};
use crate::intermediates;
use crate::journal::Event;
use crate::standing::{Way, opens};
use crate::store;

/// How often a look is taken again because the network changed under it.
const MAX_LOOKS: u32 = 3;

/// What came of a look.
struct Judged {
    report: Report,
    pem: String,
    /// The chain, and what it means for the site record.
    chain: Option<(Chain, Option<Continuity>)>,
}

impl Judged {
    fn unseen(address: &Address, code: Code, reason: &str) -> Self {
        Self { report: examination::unseen(address, now(), code, reason), pem: String::new(), chain: None }
    }
}

impl Keeper {
    /// Checks an address. Whoever asks meanwhile waits for the same check.
    pub async fn check(self: &Rc<Self>, address: &Address) {
        let running = self.running.borrow().get(address).cloned();
        let check = running.unwrap_or_else(|| {
            let check = future_to_promise({
                let (keeper, address) = (Rc::clone(self), address.clone());
                async move {
                    keeper.check_now(&address).await;
                    keeper.running.borrow_mut().remove(&address);
                    keeper.audit_later(&address);
                    keeper.ask_home_later();
                    Ok(JsValue::UNDEFINED)
                }
            });
            self.running.borrow_mut().insert(address.clone(), check.clone());
            check
        });
        // The check itself cannot fail.
        let _ = JsFuture::from(check).await;
    }

    async fn check_now(self: &Rc<Self>, address: &Address) {
        for looks_left in (0..MAX_LOOKS).rev() {
            let age = self.age.get();
            let judged = match self.browser.look(address).await {
                Ok(captured) => self.judge(address, &captured).await,
                Err(error) => Judged::unseen(address, error.code(), error.reason()),
            };
            if self.conclude(address, judged, age).await {
                break;
            }
            if looks_left == 0 {
                let judged = Judged::unseen(address, Code::CertificateTimedOut, "the network keeps changing");
                self.conclude(address, judged, self.age.get()).await;
            }
        }
        self.remember_capture().await;
    }

    /// Takes in a chain that was seen on a connection of the page's own, and says whether the way is open after it.
    pub async fn saw(self: &Rc<Self>, address: &Address, captured: &Captured) -> Way {
        let judged = self.judge(address, captured).await;
        if !opens(&judged.report) {
            // A probe that is under way must not outweigh what this very connection showed.
            self.age.set(self.age.get().wrapping_add(1));
        } else if self.way(address) != Way::Open {
            // An answer to a request from before may come late, over a connection from before: it says nothing about the line now, so
            // it never opens a gate that was shut in the meantime.
            return self.way(address);
        }
        self.conclude(address, judged, self.age.get()).await;
        self.way(address)
    }

    /// Takes in something that was seen without a certificate.
    pub async fn saw_without(&self, address: &Address, code: Code, reason: &str) {
        self.age.set(self.age.get().wrapping_add(1));
        self.conclude(address, Judged::unseen(address, code, reason), self.age.get()).await;
    }

    async fn judge(self: &Rc<Self>, address: &Address, captured: &Captured) -> Judged {
        let at = now();
        let pem = captured.ders.iter().filter_map(|der| Certificate::from_der(der).ok());
        let pem = pem.map(|certificate| certificate.pem()).collect();
        let chain = match Chain::presented(&captured.ders) {
            Ok(chain) => chain,
            Err(error) => {
                let report = examination::unreadable(address, at, captured.seen, error);
                return Judged { report, pem, chain: None };
            }
        };
        let record = self.record(address);
        let mut intermediates = self.kept.borrow().intermediates.clone();
        let Conclusion { mut report, mut continuity, mut promises, .. } =
            self.examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates).await;
        for _ in 0..intermediates::MAX_FETCHES {
            let fetched = intermediates::fetch(&report).await;
            if fetched.is_empty() {
                break;
            }
            intermediates.extend(fetched);
            Conclusion { report, continuity, promises, .. } =
                self.examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates).await;
        }
        if report.verdict == Verdict::Trusted {
            let new = {
                let mut kept = self.kept.borrow_mut();
                let others = [chain.others(), &intermediates].concat();
                kept.add_intermediates(&others).then(|| kept.intermediates.clone())
            };
            if let Some(intermediates) = new {
                // They are a convenience; without room they come again.
                let _ = store::save_intermediates(&intermediates).await;
            }
        }
        for tries_left in (0..home::TRIES).rev() {
            match self.home_has_news(address, &report).await {
                News::None => break,
                // It may name the certificate from before, for some seconds after a renewal.
                News::Wait if tries_left > 0 => TimeoutFuture::new(home::BETWEEN).await,
                News::Wait => {}
                News::Other => {
                    let record = self.record(address);
                    Conclusion { report, continuity, promises, .. } = self
                        .examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates)
                        .await;
                }
            }
        }
        self.prove_at_the_gate(address, chain.leaf(), &promises).await;
        self.deepen(address, &mut report);
        Judged { report, pem, chain: Some((chain, continuity)) }
    }

    /// Judges a chain in the light of a record; nothing is remembered.
    pub async fn examine(
        &self,
        address: &Address,
        chain: &Chain,
        seen: Seen,
        at: Timestamp,
        record: Option<&SiteRecord>,
        intermediates: &[Certificate],
    ) -> Conclusion {
        let believed = Rc::clone(&self.believed.borrow());
        let is_readable = self.kept.borrow().pins.is_ok();
        let also_required = self.also_required();
        let site = match record {
            Some(record) => Site::Record(record),
            None if is_readable => Site::Unknown,
            None => Site::Unreadable,
        };
        let observation = Observation {
            address: address.clone(),
            at,
            chain: chain.clone(),
            seen,
            // The browser does not finish a handshake that is not signed by the certificate's key (RFC 8446 section 4.4.3).
            possession: Possession::Proven,
        };
        let knowledge = Knowledge {
            roots: &believed.roots,
            log_lists: &believed.log_lists,
            policy: &policy::CHROME,
            intermediates,
            site,
            also_required: &also_required,
        };
        doorlight_browser::run(&Examination::new(&observation, knowledge)).await
    }

    /// False where everything seen at `age` counts no longer; nothing is concluded then.
    async fn conclude(&self, address: &Address, judged: Judged, age: u32) -> bool {
        if !self.is_guarded(address) {
            return true;
        }
        if age != self.age.get() {
            return false;
        }
        let Judged { mut report, pem, chain } = judged;
        let (verdict, at) = (report.verdict, report.at);
        if let Some((chain, Some(continuity))) = &chain {
            // A key is adopted by a good check only; what went wrong is noted in any case.
            if !continuity.is_accepted() || verdict == Verdict::Trusted {
                self.change_pins(|pins| pins.site_mut(address).remember(chain.leaf(), *continuity, at)).await;
            }
        }
        let reuse = self.kept.borrow().settings.reuse();
        // Storing took its time.
        if age != self.age.get() {
            return false;
        }
        // And an audit may have ended meanwhile.
        self.deepen(address, &mut report);
        let verdict = report.verdict;
        let codes = codes_of(&report);
        let (before, has_changed) = {
            let mut standings = self.standings.borrow_mut();
            let standing = standings.entry(address.clone()).or_default();
            let before = standing.report.as_ref().map(|report| report.verdict);
            (before, standing.conclude(report, pem, reuse, now()))
        };
        self.set_gate().await;
        let noted = self.note_conclusion(address, has_changed, before, verdict, codes);
        join(noted, self.set_tabs(address)).await;
        true
    }

    /// An audit has changed what is thought of the certificate that was seen last.
    pub async fn decided_anew(&self, address: &Address, before: Verdict, verdict: Verdict) {
        let codes = self.codes(address);
        self.set_gate().await;
        let noted = self.note_conclusion(address, false, Some(before), verdict, codes);
        join(noted, self.set_tabs(address)).await;
        if before != verdict && self.way(address) == Way::Open {
            // What waits at the gate asks for passage again.
            for tab in api::own_tabs(gate::PAGE).await {
                let wanted = tab.url.split_once('#').and_then(|(_, wanted)| wanted.parse::<Address>().ok());
                if wanted.as_ref() == Some(address) {
                    api::reload_tab(tab.id).await;
                }
            }
        }
    }

    /// What decided the last check.
    pub fn codes(&self, address: &Address) -> String {
        self.standing(address).report.as_ref().map(codes_of).unwrap_or_default()
    }

    async fn note_conclusion(
        &self,
        address: &Address,
        has_changed: bool,
        before: Option<Verdict>,
        verdict: Verdict,
        codes: String,
    ) {
        if has_changed {
            self.note(Some(address), Event::Changed, codes.clone()).await;
        }
        if before != Some(verdict) {
            let event = match verdict {
                Verdict::Trusted => Event::Trusted,
                Verdict::Attention => Event::Attention,
                Verdict::Danger => Event::Danger,
                Verdict::Unchecked => Event::Unchecked,
            };
            self.note(Some(address), event, codes).await;
        }
    }

    async fn remember_capture(&self) {
        if let Browser::Chromium(chromium) = &self.browser
            && let Some(known) = chromium.has_security_info()
        {
            // Without it the next life of the worker finds out again.
            let _ = api::session_set(serde_json::json!({"has_security_info": known})).await;
        }
    }
}

fn codes_of(report: &Report) -> String {
    report.decided_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
}

/// The chain of the last check.
pub fn last_chain(keeper: &Keeper, address: &Address) -> Option<Chain> {
    let ders = split(keeper.standing(address).pem.as_bytes()).ok()?;
    Chain::presented(&ders).ok()
}

/// True where the key alone keeps a report from being green: the user may answer for it.
pub fn asks_for_key(report: &Report) -> bool {
    report.verdict == Verdict::Attention
        && report.evidence.iter().any(|one| one.check == Check::Pin && one.outcome == Outcome::Note)
}
