//! Files from the user and for the user.

use core::time::Duration;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Event, File, HtmlInputElement, Url};

use crate::button::{Look, button};
use crate::dom::{Part, body, part};
use crate::{said, words};

/// The largest file that is read, in bytes: none that is meant here comes near.
const MAX_BYTES: f64 = 16_777_216.0;

/// Hands a file to the user, or says why not. `kind` is its media type.
pub async fn save(name: &str, kind: &str, content: &str) {
    if write(name, kind, content).await.is_err() {
        return said::say(&words::word("file_not_saved"));
    }
    said::say_briefly(&words::with("file_saved", &[name]));
}

async fn write(name: &str, kind: &str, content: &str) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let parts = Array::of1(&JsValue::from_str(content));
    let blob = Blob::new_with_str_sequence_and_options(&parts, &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link = part("a")
        .attr("href", &url)
        .attr("download", name)
        .attr("hidden", "")
        .attr("tabindex", "-1");
    let place = part("div").child(link.clone());
    let _ = body().child(place.clone());
    link.click();
    // Firefox reads the address a moment after the click.
    gloo_timers::future::sleep(Duration::from_secs(2)).await;
    place.set_text("");
    Url::revoke_object_url(&url)
}

/// A button that lets the user choose a file, whose text is handed to `take`.
pub fn choose<F, W>(name: &str, kinds: &str, take: F) -> Part
where
    F: Fn(String) -> W + Clone + 'static,
    W: Future<Output = ()> + 'static,
{
    choose_bytes(name, kinds, move |bytes| take(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The same for a file of any kind.
pub fn choose_bytes<F, W>(name: &str, kinds: &str, take: F) -> Part
where
    F: Fn(Vec<u8>) -> W + Clone + 'static,
    W: Future<Output = ()> + 'static,
{
    let listen = move |event: Event| {
        let take = take.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let input =
                event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let Some(input) = input else { return };
            let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
            match read(&file).await {
                Ok(bytes) => take(bytes).await,
                Err(_) => said::say(&words::word("file_not_read")),
            }
            // The same file may be chosen again after it was corrected.
            input.set_value("");
        });
    };
    let input = part("input")
        .attr("type", "file")
        .attr("accept", kinds)
        .attr("hidden", "")
        .attr("tabindex", "-1")
        .attr("aria-hidden", "true")
        .on("change", listen);
    let opener = input.clone();
    let shown = button(name, Look::Plain, move || {
        opener.click();
        async {}
    });
    part("span").class("choose").child(shown).child(input)
}

/// What is in a file.
///
/// # Errors
/// It is larger than any that is meant here, or the browser cannot read it.
pub async fn read(file: &File) -> Result<Vec<u8>, JsValue> {
    if file.size() > MAX_BYTES {
        return Err(JsValue::NULL);
    }
    let buffer = JsFuture::from(file.array_buffer()).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
