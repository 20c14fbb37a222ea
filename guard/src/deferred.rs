//! A background that asks nobody: small, so that it wakes quickly. Where somebody has to be asked, a
//! whole one takes over ([`Relief`]).
//!
//! What that may lose is what every end of a background may lose, and the schedules end it before
//! and after each effect. What was asked of this one and has no answer yet is asked of the whole one
//! again.

use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;

use doorlight::address::Address;
use doorlight::ct::publication::Promises;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use futures_util::future::select;

use crate::audits::{has_work, wants_proof};
use crate::engine::{Engine, Inquire};
use crate::homes::{is_due, is_worth_asking};
use crate::ports::{News, Ports, Relief};
use crate::store::Store;

/// Whoever waits for the check is answered before the whole one takes over.
const AFTER: Duration = Duration::from_secs(2);

/// How often it is looked whether all is stored.
const MOMENT: Duration = Duration::from_millis(10);
/// A gate that cannot be set keeps nobody waiting longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An engine that asks nobody.
pub type Waking<P> = Engine<P, Deferred>;

/// Hands over to a whole background. First it stores what it knows and carries out what it has
/// concluded, about every address.
pub async fn relieve<P: Ports + Relief>(engine: &Waking<P>) -> Infallible {
    let stored = async {
        engine.set_gate().await;
        while engine.is_deciding() {
            engine.ports().sleep(MOMENT).await;
        }
    };
    select(pin!(stored), pin!(engine.ports().sleep(PATIENCE))).await;
    engine.ports().relieve().await
}

/// The same, where what was just seen leaves a question: the check of before counts no longer, or
/// the whole one would go by it.
async fn relieve_at_the_gate<P: Ports + Relief>(
    engine: &Waking<P>,
    address: &Address,
) -> Infallible {
    engine.store.change(|state| state.session.expire(Some(address)));
    relieve(engine).await
}

/// Leaves it all to a whole background.
#[derive(Clone, Copy, Debug)]
pub struct Deferred;

impl<P: Ports + Relief> Inquire<P> for Deferred {
    fn new(_: Store<P>) -> Self {
        Self
    }

    async fn home(engine: &Waking<P>, address: &Address, report: &Report) -> News {
        let now = engine.store.now();
        let is_worth_it = engine.store.with(|state| is_worth_asking(state, address, report, now));
        if is_worth_it && !engine.ports().is_private() {
            match relieve_at_the_gate(engine, address).await {}
        }
        News::None
    }

    async fn proof(engine: &Waking<P>, address: &Address, leaf: &Certificate, _: &Promises) {
        let now = engine.store.now();
        let is_wanted = engine.store.with(|state| wants_proof(state, address, leaf.sha256(), now));
        if is_wanted && !engine.ports().is_private() {
            match relieve_at_the_gate(engine, address).await {}
        }
    }

    fn checked(engine: &Waking<P>, address: &Address) {
        let address = address.clone();
        engine.spawn(|engine| async move {
            let now = engine.store.now();
            let is_needed = engine.store.with(|state| {
                has_work(state, &address, now)
                    || state.guarded(now).iter().any(|one| is_due(state, one, now))
            });
            if is_needed && !engine.ports().is_private() {
                engine.ports().sleep(AFTER).await;
                match relieve(&engine).await {}
            }
        });
    }
}
