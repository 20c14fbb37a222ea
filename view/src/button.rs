//! Buttons that do one thing at a time.

use core::cell::Cell;
use std::rc::Rc;

use crate::dom::{Part, part};

/// How much a button stands out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// The one that most people should press.
    First,
    /// All others.
    Plain,
    /// The one that goes past the gate: in the colour of exceptions.
    Past,
}

/// A button. `act` runs inside the click, so that it may ask for permissions; what it returns runs on, and the button waits for it.
pub fn button<F, W>(name: &str, look: Look, act: F) -> Part
where
    F: Fn() -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let class = match look {
        Look::First => "button first",
        Look::Plain => "button",
        Look::Past => "button past",
    };
    let shown = part("button").attr("type", "button").class(class).text(name);
    let is_busy = Rc::new(Cell::new(false));
    let handle = shown.clone();
    shown.on("click", move |_| {
        if is_busy.replace(true) {
            return;
        }
        handle.set("aria-busy", "true");
        let work = act();
        let (handle, is_busy) = (handle.clone(), Rc::clone(&is_busy));
        wasm_bindgen_futures::spawn_local(async move {
            work.await;
            handle.unset("aria-busy");
            is_busy.set(false);
        });
    })
}

/// A row of buttons.
pub fn row(buttons: impl IntoIterator<Item = Part>) -> Part {
    part("div").class("row").children(buttons)
}
