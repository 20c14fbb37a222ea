//! One after the other: a lock for work that waits in between. The background has one thread, so nothing more is needed.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

/// Whose turn it is.
#[derive(Clone, Debug, Default)]
pub struct Turn(Rc<RefCell<Option<Promise>>>);

/// A turn that is taken; dropping it hands it on.
#[derive(Debug)]
pub struct Taken {
    turn: Turn,
    done: Option<Function>,
}

impl Turn {
    /// Waits until nobody else has it.
    pub async fn take(&self) -> Taken {
        loop {
            let before = self.0.borrow().clone();
            let Some(before) = before else { break };
            // The promise is only ever fulfilled.
            let _ = JsFuture::from(before).await;
        }
        let mut done = None;
        *self.0.borrow_mut() = Some(Promise::new(&mut |resolve, _| done = Some(resolve)));
        Taken { turn: self.clone(), done }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.turn.0.borrow_mut() = None;
        if let Some(done) = self.done.take() {
            let _ = done.call0(&JsValue::UNDEFINED);
        }
    }
}
