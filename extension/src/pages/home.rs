//! The check-up of a home: what it said about itself over the local network, each line with what to
//! do; and how it is asked.
//!
//! Whose home stands behind the `#`.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::time::Timestamp;

use crate::protocol::{HomeStatus, Request, Status};
use doorlight_guard::settings::LocalHome;

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, row};
use super::dom::{Part, by_id, folded, paragraph, part, title};
use super::field::{Field, field};
use super::{browser, check_up, clock, permission, place, said, sign, words};

/// Where most homes answer.
const USUAL_PLACE: &str = "http://homeassistant.local:8123";

/// Shows the page.
pub async fn show() {
    let Ok(address) = place::fragment().parse::<Address>() else {
        return fill(vec![paragraph(&words::word("home_nowhere"))]);
    };
    load(&address).await;
}

async fn load(address: &Address) {
    match ask::<Status>(&Request::Status { url: format!("https://{address}/"), tab: None }).await {
        Ok(status) => show_status(address, &status),
        Err(unanswered) => said::say(&unanswered.in_words()),
    }
}

/// What happens with the background's answer.
type Then = Rc<dyn Fn(Status)>;

fn show_status(address: &Address, status: &Status) {
    title(&words::with("home_title_of", &[address.host.as_str()]));
    let Some(home) = status.home.as_deref().filter(|_| status.is_guarded) else {
        let go = part("a").attr("href", &format!("{}#{address}", browser::own_url("setup.html")));
        return fill(vec![
            paragraph(&words::word("home_not_guarded")),
            part("p").child(go.text(&words::word("popup_guard"))),
        ]);
    };
    let then: Then = {
        let address = address.clone();
        Rc::new(move |status: Status| {
            show_status(&address, &status);
            // The button that was pressed is gone.
            by_id("heading").focus();
        })
    };
    let mut parts = vec![
        part("h1").attr("id", "heading").attr("tabindex", "-1").text(&words::word("home_title")),
        part("p").class("whose").child(part("bdi").class("host").text(address.host.as_str())),
    ];
    parts
        .extend(status.trouble.as_ref().map(|one| paragraph(&trouble_in_words(one)).class("note")));
    if home.local.is_none() {
        parts.push(paragraph(&words::word("home_why")).class("lead"));
        parts.push(form(address, home, &then));
        parts.push(check_up::accounts_advice());
        return fill(parts);
    }
    parts.push(
        part("p")
            .class("light-line")
            .child(sign::label(status.light.as_str()))
            .then(" ")
            .then(&words::word("home_light")),
    );
    parts.extend(home.trouble.as_ref().map(|trouble| {
        part("p").class("note").attr("role", "alert").text(&trouble_in_words(trouble))
    }));
    parts.extend(own_certificate(home));
    parts.extend(again_button(address, home, &then));
    let version = home.check_up.as_ref().and_then(|check_up| check_up.version.as_ref());
    parts.extend(
        version.map(|version| paragraph(&words::with("home_version", &[&version.to_string()]))),
    );
    parts.push(paragraph(&when(home)).class("hint"));
    parts.extend(check_up::blocked(address, home, &then));
    parts.extend(check_up::lines(status, home));
    parts.push(row([ask_button(address, home, &then), print_button()]).class("row no-print"));
    parts.push(check_up::accounts_advice());
    parts.push(
        folded(
            &words::word("home_change_title"),
            [form(address, home, &then), forget_button(address, &then)],
        )
        .class("no-print"),
    );
    fill(parts);
}

/// When the home was asked, and when it answered.
fn when(home: &HomeStatus) -> String {
    let place = home.local.as_deref().unwrap_or_default();
    const SILENT: [&str; 4] =
        ["home-unreachable", "home-bans", "home-distrusts-proxy", "home-sends-on"];
    let is_silent =
        home.trouble.as_ref().is_some_and(|trouble| SILENT.contains(&trouble.code.as_str()));
    match (home.answered, home.tried) {
        (Some(answered), Some(tried)) if answered < tried && !is_silent => {
            words::with("home_last_word", &[place, &clock::ago(answered)])
        }
        (Some(answered), Some(tried)) if answered < tried => {
            words::with("home_silent_since", &[place, &clock::ago(answered), &clock::ago(tried)])
        }
        (Some(answered), _) => words::with("home_answered", &[place, &clock::ago(answered)]),
        (None, Some(tried)) => words::with("home_never_answered", &[place, &clock::ago(tried)]),
        (None, None) => words::with("home_not_asked", &[place]),
    }
}

/// A home that answers over https, and whose certificate there is none that the browser knows.
/// Firefox's exception is for that one alone, and a WebSocket of ours goes by it too; in Chromium
/// one of a worker does not (measured).
fn own_certificate(home: &HomeStatus) -> Option<Part> {
    let place = home.local.as_deref().filter(|place| place.starts_with("https://"))?;
    home.trouble.as_ref().filter(|trouble| trouble.code == "home-unreachable")?;
    let hint = part("p").class("no-print");
    if !browser::is_firefox() {
        return Some(hint.text(&words::word("home_https_chromium")));
    }
    let open = part("a")
        .attr("href", place)
        .attr("target", "_blank")
        .attr("rel", "noreferrer")
        .text(place);
    Some(hint.text(&words::word("home_https_firefox")).then(" ").child(open))
}

fn form(address: &Address, home: &HomeStatus, then: &Then) -> Part {
    let place =
        field("home-place", &words::word("home_place_label"), &words::word("home_place_hint"));
    place.input.set("value", home.local.as_deref().unwrap_or(USUAL_PLACE));
    let hint = if home.has_token { "home_token_hint_has" } else { "home_token_hint" };
    let token = field("home-token", &words::word("home_token_label"), &words::word(hint));
    token.input.set("type", "password");
    let keeps = part("input").attr("type", "checkbox").attr("id", "home-keeps");
    if home.keeps_token {
        keeps.set("checked", "");
    }
    let keep = part("div")
        .class("tick")
        .child(keeps.clone())
        .child(part("label").attr("for", "home-keeps").text(&words::word("home_keep_label")));
    let (fields, whose, then) = ((place.clone(), token.clone()), address.clone(), then.clone());
    let before = home.answered;
    let go = button(&words::word("home_ask_first"), Look::First, move || {
        let keeps_token = keeps.is_checked();
        // The browser's question has to be put inside the click.
        let asked = LocalHome::place(&fields.0.value(), &whose.host)
            .map(|place| permission::ask_for_place(&place));
        let (fields, whose, then) = (fields.clone(), whose.clone(), then.clone());
        async move {
            let (place, token) = &fields;
            place.forgive();
            token.forgive();
            match asked {
                Ok(given) => match given.await {
                    Ok(true) => set(&whose, &fields, keeps_token, before, &then).await,
                    Ok(false) => said::say(&words::word("permission_denied")),
                    Err(error) => {
                        place.complain(&words::with(
                            "permission_failed",
                            &[&browser::reason(&error)],
                        ));
                    }
                },
                Err(error) => place
                    .complain(&words::word(&format!("trouble_{}", error.code().replace('-', "_")))),
            }
        }
    });
    let token = token.enter_clicks(&go);
    let place = place.enter_clicks(&go);
    part("div")
        .class("home-form")
        .child(place.whole)
        .child(token.whole)
        .child(guide())
        .child(keep)
        .child(paragraph(&words::word("home_keep_means")).class("hint"))
        .child(row([go]))
}

async fn set(
    address: &Address,
    (place, token): &(Field, Field),
    keeps_token: bool,
    before: Option<Timestamp>,
    then: &Then,
) {
    let typed = token.value();
    let request = Request::SetHome {
        address: address.clone(),
        local: place.value(),
        token: (!typed.is_empty()).then_some(typed),
        keeps_token,
    };
    said::say(&words::word("home_asking"));
    match ask::<Status>(&request).await {
        Ok(status) => match &status.trouble {
            Some(trouble) if trouble.code.starts_with("home-token") => {
                token.complain(&trouble_in_words(trouble))
            }
            Some(trouble) => place.complain(&trouble_in_words(trouble)),
            None => finish(then, status, before),
        },
        Err(unanswered) => said::say(&unanswered.in_words()),
    }
}

/// `before`: when the home had answered last.
fn finish(then: &Then, status: Status, before: Option<Timestamp>) {
    let has_answered =
        status.home.as_deref().is_some_and(|home| home.trouble.is_none() && home.answered > before);
    then(status);
    said::say_briefly(&words::word(if has_answered { "home_asked" } else { "home_asked_in_vain" }));
}

/// How to make the token, step by step.
fn guide() -> Part {
    let steps = ["user", "local", "login", "token", "paste"]
        .map(|step| part("li").text(&words::word(&format!("home_guide_{step}"))));
    let why = paragraph(&words::word("home_guide_why")).class("hint");
    folded(&words::word("home_guide_title"), [part("ol").children(steps), why])
}

fn ask_button(address: &Address, home: &HomeStatus, then: &Then) -> Part {
    button_that_asks("home_ask_again", Look::First, false, address, home, then)
}

/// Where another home has refused the token: the way to try it again in one's own network.
fn again_button(address: &Address, home: &HomeStatus, then: &Then) -> Option<Part> {
    home.has_refused_token.then(|| {
        let again = button_that_asks("home_token_again", Look::Plain, true, address, home, then);
        row([again]).class("row no-print")
    })
}

fn button_that_asks(
    name: &str,
    look: Look,
    again: bool,
    address: &Address,
    home: &HomeStatus,
    then: &Then,
) -> Part {
    let (whose, then) = (address.clone(), then.clone());
    let local = home.local.clone().unwrap_or_default();
    let (needs, before) = (!home.has_permission, home.answered);
    button(&words::word(name), look, move || {
        let place = LocalHome::place(&local, &whose.host).ok().filter(|_| needs);
        let given = place.map(|place| permission::ask_for_place(&place));
        let (whose, then) = (whose.clone(), then.clone());
        async move {
            if let Some(given) = given {
                // Without it the answer says so.
                let _ = given.await;
            }
            said::say(&words::word("home_asking"));
            match ask::<Status>(&Request::AskHome { address: whose, again }).await {
                Ok(status) => finish(&then, status, before),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

fn forget_button(address: &Address, then: &Then) -> Part {
    let (whose, then) = (address.clone(), then.clone());
    let forget = button(&words::word("home_forget"), Look::Plain, move || {
        let (whose, then) = (whose.clone(), then.clone());
        async move {
            match ask::<Status>(&Request::ForgetHome { address: whose }).await {
                Ok(status) => {
                    then(status);
                    said::say_briefly(&words::word("home_forgotten"));
                }
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    part("div")
        .child(paragraph(&words::word("home_forget_means")).class("hint"))
        .child(row([forget]))
}

fn print_button() -> Part {
    button(&words::word("print"), Look::Plain, || async {
        if let Some(window) = web_sys::window() {
            let _ = window.print();
        }
    })
}

fn fill(parts: Vec<Part>) {
    let page = by_id("page");
    page.set("class", "home");
    page.fill(parts);
}
