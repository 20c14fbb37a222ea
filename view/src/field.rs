//! A field with its name, a hint and, where it was filled in wrongly, a reason.

use crate::dom::{Part, part};

/// The parts of a field.
#[derive(Clone, Debug)]
pub struct Field {
    /// All of it.
    pub whole: Part,
    /// What is typed into.
    pub input: Part,
    complaint: Part,
}

/// A field for one line. `id` is unique on the page.
pub fn field(id: &str, name: &str, hint: &str) -> Field {
    let hint_id = format!("{id}-hint");
    let complaint_id = format!("{id}-complaint");
    let input = part("input")
        .attr("id", id)
        .attr("type", "text")
        .attr("autocomplete", "off")
        .attr("autocapitalize", "none")
        .attr("spellcheck", "false")
        .attr("aria-describedby", &format!("{hint_id} {complaint_id}"));
    let complaint = part("p").attr("id", &complaint_id).class("complaint").attr("role", "alert");
    let whole = part("div")
        .class("field")
        .child(part("label").attr("for", id).text(name))
        .child(part("p").attr("id", &hint_id).class("hint").text(hint))
        .child(input.clone())
        .child(complaint.clone());
    Field { whole, input, complaint }
}

impl Field {
    /// What was typed, without spaces around it.
    pub fn value(&self) -> String {
        self.input.value().trim().to_owned()
    }

    /// Says what is wrong, and leads back to the field.
    pub fn complain(&self, text: &str) {
        self.complaint.set_text(text);
        self.input.set("aria-invalid", "true");
        self.input.focus();
    }

    /// Takes the complaint back.
    pub fn forgive(&self) {
        self.complaint.set_text("");
        self.input.unset("aria-invalid");
    }

    /// Does the same on Enter as a click on `button`.
    #[must_use]
    pub fn enter_clicks(self, button: &Part) -> Self {
        use wasm_bindgen::JsCast as _;
        let button = button.clone();
        let input = self.input.clone().on("keydown", move |event| {
            let key = event.dyn_ref::<web_sys::KeyboardEvent>().map(web_sys::KeyboardEvent::key);
            if key.as_deref() == Some("Enter") {
                event.prevent_default();
                button.click();
            }
        });
        Self { input, ..self }
    }
}
