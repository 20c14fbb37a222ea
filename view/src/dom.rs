//! Builds elements out of names, attributes and text. There is no way here to turn text into
//! markup.

use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, HtmlElement, HtmlInputElement, HtmlTextAreaElement};

use crate::{browser, host};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = DOMParser)]
    type Parser;
    #[wasm_bindgen(catch, constructor, js_class = "DOMParser")]
    fn new() -> Result<Parser, JsValue>;
    // Where a page requires trusted types, text has to be vouched for first.
    #[wasm_bindgen(method, catch, js_name = parseFromString)]
    fn parse(this: &Parser, text: &JsValue, kind: &str) -> Result<Document, JsValue>;
}

/// An element, alone or in the page. Where there is none, everything done to it does nothing.
#[derive(Clone, Debug)]
pub struct Part(Option<Element>);

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// A new element.
pub fn part(tag: &'static str) -> Part {
    Part(document().and_then(|document| document.create_element(tag).ok()))
}

/// The element of the page with this id.
pub fn by_id(id: &str) -> Part {
    Part(document().and_then(|document| document.get_element_by_id(id)))
}

/// A drawing of the core's own, read as XML: no part of it is ever taken for markup of a page, and
/// the page's policy keeps scripts and styles in it from counting. What is no SVG is nothing.
pub fn drawing(svg: &str) -> Part {
    let read = || {
        let parsed = Parser::new().ok()?.parse(&vouched_for(svg), "image/svg+xml").ok()?;
        let root = parsed.document_element().filter(|root| root.tag_name() == "svg")?;
        document()?.import_node_with_deep(&root, true).ok()?.dyn_into().ok()
    };
    Part(read())
}

/// Where the browser knows trusted types, and so a page's policy may require them: text for the
/// reader of XML, by a policy of its own. The only text that passes here is a drawing of the
/// core's.
fn vouched_for(svg: &str) -> JsValue {
    thread_local! {
        static POLICY: Option<JsValue> = drawing_policy();
    }
    let vouched = POLICY.with(|policy| {
        let policy = policy.as_ref()?;
        let create: Function = Reflect::get(policy, &"createHTML".into()).ok()?.dyn_into().ok()?;
        create.call1(policy, &svg.into()).ok()
    });
    vouched.unwrap_or_else(|| svg.into())
}

fn drawing_policy() -> Option<JsValue> {
    let types = Reflect::get(&js_sys::global(), &"trustedTypes".into()).ok()?;
    let create: Function = Reflect::get(&types, &"createPolicy".into()).ok()?.dyn_into().ok()?;
    let rules = Object::new();
    let same = Closure::<dyn FnMut(JsValue) -> JsValue>::new(|text| text).into_js_value();
    Reflect::set(&rules, &"createHTML".into(), &same).ok()?;
    create.call2(&types, &"doorlight-drawing".into(), &rules).ok()
}

/// The page's body.
pub fn body() -> Part {
    Part(document().and_then(|document| document.body()).map(Element::from))
}

/// Sets the title of the page.
pub fn title(text: &str) {
    if let Some(document) = document() {
        document.set_title(text);
    }
}

/// A paragraph.
pub fn paragraph(text: &str) -> Part {
    part("p").text(text)
}

/// A part that opens at a click: `name` is always there, `inside` when it is open.
pub fn folded(name: &str, inside: impl IntoIterator<Item = Part>) -> Part {
    part("details")
        .child(part("summary").text(name))
        .child(part("div").class("inside").children(inside))
}

/// Does something with every element of the page that a selector finds.
pub fn each(selector: &'static str, mut act: impl FnMut(&Part)) {
    let list = document().and_then(|document| document.query_selector_all(selector).ok());
    let Some(list) = list else { return };
    for element in (0..list.length()).filter_map(|at| list.get(at)?.dyn_into::<Element>().ok()) {
        act(&Part(Some(element)));
    }
}

/// The id of the element that has the focus; empty where it has none.
pub fn focused() -> String {
    document()
        .and_then(|document| document.active_element())
        .map(|element| element.id())
        .unwrap_or_default()
}

/// The ids of the folded parts that are open.
pub fn open_folds() -> Vec<String> {
    let list =
        document().and_then(|document| document.query_selector_all("details[open][id]").ok());
    let Some(list) = list else { return Vec::new() };
    let elements = (0..list.length()).filter_map(|at| list.get(at)?.dyn_into::<Element>().ok());
    elements.map(|element| element.id()).collect()
}

/// Opens the folded parts with these ids.
pub fn open_again(ids: &[String]) {
    for id in ids {
        by_id(id).set("open", "");
    }
}

impl Part {
    /// Sets its classes.
    #[must_use]
    pub fn class(self, names: &str) -> Self {
        self.attr("class", names)
    }

    /// Sets an attribute. Addresses go through [`Part::link`] and [`Part::image`].
    #[must_use]
    pub fn attr(self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets an attribute of an element that is in the page already.
    pub fn set(&self, name: &'static str, value: &str) {
        if let Some(element) = &self.0 {
            let _ = element.set_attribute(name, value);
        }
    }

    /// Takes an attribute away.
    pub fn unset(&self, name: &'static str) {
        if let Some(element) = &self.0 {
            let _ = element.remove_attribute(name);
        }
    }

    /// An attribute.
    pub fn get(&self, name: &'static str) -> Option<String> {
        self.0.as_ref()?.get_attribute(name)
    }

    /// Lets it lead to an `https://` address; any other leads nowhere.
    #[must_use]
    pub fn link(self, url: &str) -> Self {
        if url.starts_with("https://") { self.attr("href", url) } else { self }
    }

    /// Lets it show a picture of the page's own.
    #[must_use]
    pub fn image(self, file: &str) -> Self {
        self.attr("src", &host::ask(|host| host.own_url(file))).attr("alt", "")
    }

    /// Replaces what is in it by text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.set_text(text);
        self
    }

    /// The same, for an element that is in the page already.
    pub fn set_text(&self, text: &str) {
        if let Some(element) = &self.0 {
            element.set_text_content(Some(text));
        }
    }

    /// The text in it.
    pub fn text_inside(&self) -> String {
        self.0.as_ref().and_then(|element| element.text_content()).unwrap_or_default()
    }

    /// Adds an element at its end.
    #[must_use]
    pub fn child(self, child: Part) -> Self {
        self.append(child);
        self
    }

    /// Adds elements at its end.
    #[must_use]
    pub fn children(self, children: impl IntoIterator<Item = Part>) -> Self {
        for child in children {
            self.append(child);
        }
        self
    }

    fn append(&self, child: Part) {
        if let (Some(element), Some(child)) = (&self.0, child.0) {
            let _ = element.append_child(&child);
        }
    }

    /// Adds text at its end.
    #[must_use]
    pub fn then(self, text: &str) -> Self {
        if let Some(element) = &self.0 {
            let _ = element.append_with_str_1(text);
        }
        self
    }

    /// Puts `inside` in the place of what is in it.
    pub fn fill(&self, inside: impl IntoIterator<Item = Part>) {
        self.set_text("");
        for child in inside {
            self.append(child);
        }
    }

    /// Listens to an event.
    #[must_use]
    pub fn on(self, event: &'static str, listen: impl FnMut(Event) + 'static) -> Self {
        if let Some(element) = &self.0 {
            let _ = element.add_event_listener_with_callback(event, &browser::listener(listen));
        }
        self
    }

    /// What was typed into a field, of one line or more.
    pub fn value(&self) -> String {
        let line = self.as_input().map(|input| input.value());
        line.or_else(|| self.as_area().map(|area| area.value())).unwrap_or_default()
    }

    /// Puts text into a field in the place of what was typed.
    pub fn set_value(&self, text: &str) {
        if let Some(input) = self.as_input() {
            input.set_value(text);
        } else if let Some(area) = self.as_area() {
            area.set_value(text);
        }
    }

    fn as_area(&self) -> Option<HtmlTextAreaElement> {
        self.0.clone()?.dyn_into().ok()
    }

    /// Whether a box is ticked.
    pub fn is_checked(&self) -> bool {
        self.as_input().is_some_and(|input| input.checked())
    }

    /// The element as a field.
    pub fn as_input(&self) -> Option<HtmlInputElement> {
        self.0.clone()?.dyn_into().ok()
    }

    fn as_html(&self) -> Option<HtmlElement> {
        self.0.clone()?.dyn_into().ok()
    }

    /// Puts the focus on it.
    pub fn focus(&self) {
        if let Some(element) = self.as_html() {
            let _ = element.focus();
        }
    }

    /// Takes the tick out of a box.
    pub fn uncheck(&self) {
        if let Some(input) = self.as_input() {
            input.set_checked(false);
        }
    }

    /// Brings it into view.
    pub fn scroll_to(&self) {
        if let Some(element) = &self.0 {
            element.scroll_into_view();
        }
    }

    /// Clicks it.
    pub fn click(&self) {
        if let Some(element) = self.as_html() {
            element.click();
        }
    }
}
