//! What the reader takes along: the report, the certificates, a link, a print.

use doorlight::x509::chain::Chain;
use doorlight_view::browser;
use doorlight_view::button::{Look, button, row};
use doorlight_view::dom::{Part, paragraph, part};
use doorlight_view::{file, said, words};

use crate::check::{Checked, Origin};
use crate::link;

/// The report as the command line prints it with `--json`, to the letter.
pub fn report(checked: &Checked) -> String {
    checked.report().to_json() + "\n"
}

/// The certificates, the server's own first.
pub fn pem(chain: &Chain) -> String {
    core::iter::once(chain.leaf()).chain(chain.others()).map(|one| one.pem()).collect()
}

/// The buttons.
pub fn section(checked: &Checked) -> Part {
    let host = checked.address.host.as_str().replace(':', "-");
    let save = |word: &str, name: String, kind: &'static str, content: String| {
        button(&words::word(word), Look::Plain, move || {
            let (name, content) = (name.clone(), content.clone());
            async move { file::save(&name, kind, &content).await }
        })
    };
    let mut buttons = vec![
        save(
            "www_save_report",
            format!("doorlight-{host}.json"),
            "application/json",
            report(checked),
        ),
        save(
            "www_save_pem",
            format!("doorlight-{host}.pem"),
            "application/x-pem-file",
            pem(&checked.chain),
        ),
    ];
    // A sample is right in its own world alone; whoever opened a link to it would see an unknown
    // root.
    let has_link = checked.origin != Origin::Sample;
    let fragment = has_link.then(|| link::make(&checked.chain, &checked.address)).flatten();
    if let Some(fragment) = &fragment {
        let fragment = fragment.clone();
        buttons.push(button(&words::word("www_copy_link"), Look::Plain, move || {
            let url = place() + &fragment;
            async move {
                match browser::copy(&url).await {
                    Ok(()) => said::say_briefly(&words::word("www_link_copied")),
                    Err(_) => said::say(&words::with("www_link_not_copied", &[&url])),
                }
            }
        }));
    }
    buttons.push(button(&words::word("www_print"), Look::Plain, || {
        if let Some(window) = web_sys::window() {
            let _ = window.print();
        }
        async {}
    }));
    let text = match (&fragment, has_link) {
        (Some(_), _) => words::word("www_link_text"),
        (None, true) => words::with("www_link_too_long", &[&(link::MAX_MADE / 1000).to_string()]),
        (None, false) => words::word("www_link_sample"),
    };
    part("section")
        .class("no-print")
        .child(part("h3").text(&words::word("www_take_title")))
        .child(row(buttons))
        .child(paragraph(&text).class("hint"))
}

/// The page's own address, without what stands behind `#` or `?`.
fn place() -> String {
    let href =
        web_sys::window().and_then(|window| window.location().href().ok()).unwrap_or_default();
    href.split(['#', '?']).next().unwrap_or_default().to_owned()
}
