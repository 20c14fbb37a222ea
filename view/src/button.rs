//! Buttons that do one thing at a time.

use core::cell::Cell;
use std::rc::Rc;

use js_sys::Reflect;
use web_sys::Event;

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

/// A button. `act` runs inside the click, so that it may ask for permissions; what it returns runs
/// on, and the button waits for it.
pub fn button<F, W>(name: &str, look: Look, act: F) -> Part
where
    F: Fn() -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    pressed_where(name, look, |_| true, act)
}

/// How long a [`deliberate`] button waits before it can be pressed, in milliseconds.
const SETTLED: f64 = 1000.0;

/// A button for what must not happen by accident: it ignores a click in its first second, and the
/// second click of a double click that began elsewhere.
pub fn deliberate<F, W>(name: &str, look: Look, act: F) -> Part
where
    F: Fn() -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let since = js_sys::Date::now();
    let is_meant = move |click: &Event| {
        // How many clicks came in a row (UI Events, `UIEvent.detail`); 0 for the keyboard.
        let count = Reflect::get(click, &"detail".into()).ok().and_then(|count| count.as_f64());
        count.unwrap_or_default() < 2.0 && js_sys::Date::now() - since >= SETTLED
    };
    pressed_where(name, look, is_meant, act)
}

fn pressed_where<F, W>(
    name: &str,
    look: Look,
    is_meant: impl Fn(&Event) -> bool + 'static,
    act: F,
) -> Part
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
    shown.on("click", move |click| {
        if !is_meant(&click) || is_busy.replace(true) {
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
