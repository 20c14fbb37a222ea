//! Who else has a certificate for the name: asked of the monitors, one by one, each after a click
//! that says what it learns.

use doorlight::address::Address;
use doorlight::issuances::monitor::id::Monitor;
use doorlight::verdict::evidence::Check;
use doorlight::x509::certificate::Certificate;
use doorlight_view::button::{Look, button};
use doorlight_view::dom::{Part, by_id, paragraph, part};
use doorlight_view::{said, words};

use crate::question::NameQuestion;
use crate::{known, loader, shown};

/// The section about an address, with the certificate that is on the page.
pub fn section(address: &Address, leaf: Option<&Certificate>) -> Part {
    let place = part("div").attr("id", "found");
    if loader::is_there() {
        remember(question(address, leaf, None));
    }
    let section = part("section")
        .child(part("h3").text(&words::with("www_names_title", &[&address.host.to_string()])))
        .child(paragraph(&words::word("www_names_text")));
    if address.host.as_str().parse::<core::net::IpAddr>().is_ok() {
        return section.child(paragraph(&words::word("why_no_name")));
    }
    let items = Monitor::ALL.map(|monitor| item(address, leaf, monitor));
    section.child(part("ul").class("ask").children(items)).child(place)
}

fn item(address: &Address, leaf: Option<&Certificate>, monitor: Monitor) -> Part {
    let key = monitor.as_str().replace('-', "_");
    let id = match monitor {
        Monitor::CertSpotter => "ask-cert-spotter",
        Monitor::CrtSh => "ask-crt-sh",
    };
    let (asked, shown) = (address.clone(), leaf.cloned());
    let act = button(&words::word(&format!("watch_{key}")), Look::Plain, move || {
        let question = question(&asked, shown.as_ref(), Some(monitor));
        said::say(&words::word("watch_asking"));
        let address = asked.clone();
        async move {
            match loader::ask_monitor(question).await {
                Ok(evidence) => {
                    said::say_briefly(&words::word("watch_done"));
                    if shown::deepen(&address, &[Check::Issuances], evidence) {
                        by_id(id).focus();
                    }
                }
                Err(_) => said::say(&words::word("www_not_loaded")),
            }
        }
    });
    let there = match monitor {
        Monitor::CertSpotter => "https://sslmate.com/ct_search_api/".to_owned(),
        Monitor::CrtSh => format!("https://crt.sh/?q={}", address.host),
    };
    let name = words::word(&format!("watch_{key}_name"));
    part("li")
        .child(part("strong").text(&name))
        .child(paragraph(&words::word(&format!("www_{key}_hint"))).class("hint"))
        .child(act.attr("id", id))
        .then(" ")
        .child(
            part("a")
                .link(&there)
                .attr("rel", "noreferrer noopener")
                .attr("target", "_blank")
                .class("no-print")
                .text(&words::with("www_look_there", &[&name])),
        )
}

/// Shows again what monitors have said of the name, and has it count.
fn remember(question: NameQuestion) {
    wasm_bindgen_futures::spawn_local(async move {
        let address = question.address.clone();
        let Ok(evidence) = loader::ask_monitor(question).await else { return };
        if !evidence.is_empty() && shown::lacks(&address, Check::Issuances, &evidence) {
            shown::deepen(&address, &[Check::Issuances], evidence);
        }
    });
}

fn question(
    address: &Address,
    leaf: Option<&Certificate>,
    monitor: Option<Monitor>,
) -> NameQuestion {
    let at = doorlight_browser::now();
    known::with(|known| NameQuestion {
        address: address.clone(),
        monitor,
        record: known.record(address, at, None),
        pem: leaf.map(Certificate::pem),
        cert_spotter: known.cert_spotter.clone(),
        crt_sh: known.crt_sh.clone(),
    })
}
