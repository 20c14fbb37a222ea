//! What is on the page: shown, changed, judged again. How it looks is [`draw_with`]'s.

use std::cell::{Cell, RefCell};

use doorlight::address::Address;
use doorlight::ct::publication::PublicationReport;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Check, Evidence};
use doorlight::x509::chain::Chain;
use doorlight_view::dom::{self, Part, by_id};
use doorlight_view::{said, words};

use crate::check::{Checked, Origin, World};
use crate::known;

thread_local! {
    /// Counts what was begun: what ends after something newer was begun is not shown any more.
    static TURN: Cell<u32> = const { Cell::new(0) };
    /// What is on the page.
    static SHOWN: RefCell<Option<Checked>> = const { RefCell::new(None) };
    /// How it is drawn.
    static DRAW: Cell<fn(&Checked) -> Vec<Part>> = const { Cell::new(|_| Vec::new()) };
}

/// Says how a result is drawn.
pub fn draw_with(draw: fn(&Checked) -> Vec<Part>) {
    DRAW.set(draw);
}

/// The certificate that is on the page, unless it is a sample, which nothing of the reader's is
/// compared with.
pub fn shown() -> Option<Checked> {
    SHOWN.with_borrow(Clone::clone).filter(|checked| checked.origin != Origin::Sample)
}

/// Adds what was found by asking to the report on the page, in the place of what the same `checks`
/// had found before, and decides anew. False where the page shows something else by now.
pub fn deepen(address: &Address, checks: &[Check], evidence: Vec<Evidence>) -> bool {
    let Some(mut checked) = shown().filter(|checked| checked.address == *address) else {
        return false;
    };
    checked.added.evidence.retain(|one| !checks.contains(&one.check));
    checked.added.evidence.extend(evidence);
    show_again(checked);
    true
}

/// True where the report on the page says something else of this check.
pub fn lacks(address: &Address, check: Check, evidence: &[Evidence]) -> bool {
    shown().is_some_and(|checked| {
        let there = checked.added.evidence.iter().filter(|one| one.check == check);
        checked.address == *address && !there.eq(evidence)
    })
}

/// The same for what the logs proved about a certificate, which has to be on the page still.
pub fn prove(
    asked: &Checked,
    reports: Vec<PublicationReport>,
    checks: &[Check],
    evidence: Vec<Evidence>,
) -> bool {
    let is_there = SHOWN.with_borrow_mut(|shown| match shown {
        Some(shown)
            if shown.chain.leaf() == asked.chain.leaf() && shown.judged.at == asked.judged.at =>
        {
            shown.added.publication = reports;
            true
        }
        _ => false,
    });
    is_there && deepen(&asked.address, checks, evidence)
}

/// Begins something new.
fn begin() -> u32 {
    TURN.set(TURN.get().wrapping_add(1));
    TURN.get()
}

/// By what the page judges: what it knows now.
fn world(address: &Address, at: Timestamp, chain: &Chain) -> Option<World> {
    known::with(|known| {
        Some(World {
            roots: known.roots(),
            log_lists: known.log_lists().ok()?,
            record: known.record(address, at, Some(chain)),
        })
    })
}

/// Judges certificates, and shows what was found after `before`.
pub async fn judge(
    chain: Chain,
    address: Address,
    wanted: Option<Timestamp>,
    origin: Origin,
    before: Option<Part>,
) {
    let at = wanted.unwrap_or_else(doorlight_browser::now);
    if !doorlight_browser::is_available() {
        return said::say(&words::word("www_no_webcrypto"));
    }
    let Some(world) = world(&address, at, &chain) else {
        return said::say(&words::word("not_loaded"));
    };
    let has_before = before.is_some();
    let turn = begin();
    let checked = Checked::new(chain, address, wanted, origin, world).await;
    if turn != TURN.get() {
        return;
    }
    show(checked, before);
    by_id(if has_before { "written" } else { "verdict" }).focus();
    by_id("result").scroll_to();
}

/// Judges what is on the page by what is known now, and keeps the focus where it was.
pub async fn judge_again(checked: Checked, focus: &str) {
    let Checked { chain, address, wanted, origin, judged, added, .. } = checked;
    let at = wanted.unwrap_or_else(doorlight_browser::now);
    let Some(world) = world(&address, at, &chain) else { return };
    let turn = begin();
    let mut checked = Checked::new(chain, address, wanted, origin, world).await;
    if turn == TURN.get() {
        // What was asked about this address stays known.
        if (&checked.judged.host, checked.judged.port) == (&judged.host, judged.port) {
            checked.added = added;
        }
        show_again(checked);
        by_id(focus).focus();
    }
}

/// Shows it in the place of the same before, with what was open open and the focus where it was.
pub fn show_again(checked: Checked) {
    let (open, focused) = (dom::open_folds(), dom::focused());
    show(checked, None);
    dom::open_again(&open);
    if !focused.is_empty() && dom::focused() != focused {
        by_id(&focused).focus();
    }
}

/// Shows a result.
pub fn show(checked: Checked, before: Option<Part>) {
    let parts = DRAW.get()(&checked);
    by_id("result").fill(before.into_iter().chain(parts));
    SHOWN.set(Some(checked));
}

/// Shows something that is no result.
pub fn show_instead(parts: impl IntoIterator<Item = Part>) {
    begin();
    SHOWN.set(None);
    by_id("result").fill(parts);
    by_id("result").scroll_to();
}
