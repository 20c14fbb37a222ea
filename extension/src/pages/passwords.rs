//! How good a password is, and a new one. What is typed goes to a worker of this very page and
//! nowhere else: no message to the background carries it, nothing is stored, and the page's own
//! policy (`static/passwords.html`) keeps it from asking any server. The worker gives up its
//! ways of asking before it is told anything.
//!
//! Rating and drawing are a module of their own (`passwords/`), which only `static/rater.js` loads:
//! a worker, because the rating of a long password takes seconds. It is ended at the next key.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use js_sys::{Promise, Reflect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

use crate::protocol::{Overview, Request};

use super::background::ask;
use super::button::{Look, button, row};
use super::certificate::pair;
use super::dom::{Part, by_id, paragraph, part};
use super::field::{Field, field};
use super::{browser, said, words};

/// How long nothing has to be typed before the password is rated: on every key would be before
/// people have finished.
const PAUSE: Duration = Duration::from_millis(350);

/// What is shorter is in too many passwords by chance.
const MIN_KNOWN: usize = 3;

/// As many as the rating looks at.
const MAX_KNOWN: usize = 32;

/// What `static/passwords.js` says of a question that was ended.
const ENDED: &str = "ended";

#[wasm_bindgen]
extern "C" {
    /// The password stays the browser's: it never gets into this module's memory.
    #[wasm_bindgen(js_namespace = doorlightPasswords, js_name = rate)]
    fn rate(password: &JsValue, inputs: Vec<String>) -> Promise;
    /// Ends the rating that is under way.
    #[wasm_bindgen(js_namespace = doorlightPasswords, js_name = end)]
    fn end_rating();
    /// Ends whatever is under way.
    #[wasm_bindgen(js_namespace = doorlightPasswords, js_name = leave)]
    fn leave();
    #[wasm_bindgen(js_namespace = doorlightPasswords, js_name = generate)]
    fn generate(kind: &str, count: u32) -> Promise;
    #[wasm_bindgen(catch, js_name = addEventListener)]
    fn listen(event: &str, listener: &js_sys::Function) -> Result<(), JsValue>;
}

/// What the rating says. Its fields are explained in `passwords/src/rating.rs`.
#[derive(Deserialize)]
struct Rating {
    score: u8,
    is_at_least: bool,
    is_cut: bool,
    seconds: Seconds,
    warning: Option<String>,
    suggestions: Vec<String>,
}

#[derive(Deserialize)]
struct Seconds {
    throttled: u64,
    unthrottled: u64,
    slow_hash: u64,
    fast_hash: u64,
}

#[derive(Deserialize)]
struct Made {
    text: String,
    bits: f64,
}

/// What a new password is made of. The limits are those of `passwords/src/generator.rs`, which has
/// the last word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Words,
    Characters,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Characters => "characters",
        }
    }

    /// The fewest, what is offered, the most. Offered are about 78 and 124 bits.
    const fn counts(self) -> (u32, u32, u32) {
        match self {
            Self::Words => (4, 6, 20),
            Self::Characters => (8, 20, 128),
        }
    }
}

/// Shows the page.
pub async fn show() {
    if !Reflect::has(&js_sys::global(), &"doorlightPasswords".into()).unwrap_or_default() {
        by_id("page").set("class", "passwords");
        return by_id("page").fill([
            part("h1").text(&words::word("passwords_title")),
            paragraph(&words::word("not_loaded")).class("note"),
        ]);
    }
    // The names of the homes are what an attacker knows first.
    let hosts = Rc::new(RefCell::new(Vec::new()));
    by_id("page").set("class", "passwords");
    by_id("page").fill([
        part("h1").text(&words::word("passwords_title")),
        paragraph(&words::word("passwords_promise")).class("note"),
        check(&hosts),
        maker(),
    ]);
    // A page that the browser keeps for the way back shows nothing of it any more.
    let _ = listen("pagehide", &doorlight_view::browser::listener(|_| forget()));
    if let Ok(overview) = ask::<Overview>(&Request::Overview).await {
        let guarded = overview.sites.into_iter().filter_map(|site| site.address);
        hosts.borrow_mut().extend(guarded.map(|address| address.host.to_string()));
    }
}

/// Empties everything that holds a password.
fn forget() {
    leave();
    for id in ["password", "known"] {
        if let Some(input) = by_id(id).as_input() {
            input.set_value("");
        }
    }
    for id in ["rating", "strength", "made"] {
        by_id(id).fill([]);
    }
}

fn section(id: &str, name: &str) -> Part {
    let heading = part("h2").attr("id", id).text(&words::word(name));
    part("section").attr("aria-labelledby", id).child(heading)
}

fn check(hosts: &Rc<RefCell<Vec<String>>>) -> Part {
    let password =
        field("password", &words::word("passwords_field"), &words::word("passwords_field_hint"));
    password.input.set("type", "password");
    let known =
        field("known", &words::word("passwords_known"), &words::word("passwords_known_hint"));
    let rating = part("div").attr("id", "rating");
    // Read out instead of the whole card.
    let strength = part("p").attr("id", "strength").class("unseen").attr("role", "status");
    let turn = Rc::new(Cell::new(0_u32));
    let rated = {
        let (password, known, rating, hosts) =
            (password.input.clone(), known.input.clone(), rating.clone(), Rc::clone(hosts));
        move |_| {
            let own = turn.get().wrapping_add(1);
            turn.set(own);
            end_rating();
            let (turn, password, rating) = (Rc::clone(&turn), password.clone(), rating.clone());
            let (known, hosts) = (known.clone(), Rc::clone(&hosts));
            wasm_bindgen_futures::spawn_local(async move {
                gloo_timers::future::sleep(PAUSE).await;
                if turn.get() != own {
                    return;
                }
                let known = known_words(&known.value(), &hosts.borrow());
                let parts = match password.as_input() {
                    Some(input) => rated(&input, known).await,
                    None => Vec::new(),
                };
                // What was typed meanwhile is rated by itself.
                if turn.get() == own {
                    rating.fill(parts);
                }
            });
        }
    };
    let input = password.input.clone().on("input", rated.clone());
    let toggle = toggle(&input);
    let known_whole = known.whole;
    let _ = known.input.on("input", rated);
    section("check", "passwords_check_title")
        .child(password.whole)
        .child(row([toggle]))
        .child(known_whole)
        .child(rating)
        .child(strength)
}

/// Shows what was typed, or hides it. Its own words say which.
fn toggle(input: &Part) -> Part {
    let shown =
        part("button").attr("type", "button").class("button").attr("aria-controls", "password");
    let (handle, input) = (shown.clone().text(&words::word("passwords_show")), input.clone());
    shown.on("click", move |_| {
        let is_hidden = input.get("type").as_deref() == Some("password");
        input.set("type", if is_hidden { "text" } else { "password" });
        handle.set_text(&words::word(if is_hidden { "passwords_hide" } else { "passwords_show" }));
    })
}

/// What others know, in pieces: what was typed, and the names of the homes, each whole and in its
/// parts.
fn known_words(typed: &str, hosts: &[String]) -> Vec<String> {
    let whole = typed
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .chain(hosts.iter().map(String::as_str));
    let mut known: Vec<String> = Vec::new();
    for one in whole {
        for piece in
            core::iter::once(one).chain(one.split(|letter: char| !letter.is_alphanumeric()))
        {
            if piece.chars().count() >= MIN_KNOWN && !known.iter().any(|had| had == piece) {
                known.push(piece.to_owned());
            }
        }
    }
    known.truncate(MAX_KNOWN);
    known
}

async fn rated(input: &HtmlInputElement, known: Vec<String>) -> Vec<Part> {
    let password = Reflect::get(input, &"value".into()).unwrap_or(JsValue::NULL);
    if password.is_falsy() {
        by_id("strength").set_text("");
        return Vec::new();
    }
    match answer::<Rating>(rate(&password, known)).await {
        Ok(rating) => verdict(&rating),
        // By the next key, or because the page was left.
        Err(reason) if reason == ENDED => Vec::new(),
        Err(reason) => {
            vec![paragraph(&words::with("passwords_not_rated", &[&reason])).class("note")]
        }
    }
}

/// What a worker answers, in JSON; or why it does not, in words.
async fn answer<T: DeserializeOwned>(asked: Promise) -> Result<T, String> {
    let json = JsFuture::from(asked).await.map_err(|error| browser::reason(&error))?;
    serde_json::from_str(&json.as_string().unwrap_or_default()).map_err(|error| error.to_string())
}

fn verdict(rating: &Rating) -> Vec<Part> {
    let colour = match rating.score {
        0 | 1 => "danger",
        2 => "attention",
        _ => "trusted",
    };
    let name = words::word(&format!("passwords_score_{}", rating.score));
    let meaning = words::word(&format!("passwords_score_{}_text", rating.score));
    let warning = rating.warning.as_ref().and_then(|code| advice("warning", code));
    by_id("strength")
        .set_text(&format!("{name}. {meaning} {}", warning.as_deref().unwrap_or_default()));
    let mut parts = vec![
        part("p").class("strength").child(part("strong").text(&name)).child(meter(rating.score)),
        paragraph(&meaning),
    ];
    parts.extend(warning.map(|text| paragraph(&text).class("note")));
    let better: Vec<Part> = rating
        .suggestions
        .iter()
        .filter_map(|code| advice("better", code))
        .map(|text| part("li").text(&text))
        .collect();
    if !better.is_empty() {
        parts.push(part("h3").text(&words::word("passwords_better_title")));
        parts.push(part("ul").children(better));
    }
    if rating.is_cut {
        parts.push(paragraph(&words::word("passwords_cut")).class("hint"));
    }
    parts.push(part("h3").text(&words::word("passwords_times_title")));
    let times = [
        ("passwords_throttled", rating.seconds.throttled),
        ("passwords_unthrottled", rating.seconds.unthrottled),
        ("passwords_slow_hash", rating.seconds.slow_hash),
        ("passwords_fast_hash", rating.seconds.fast_hash),
    ];
    let line = |(key, seconds): (&str, u64)| {
        pair(&words::word(key), part("span").text(&in_words(Span::of(seconds), rating.is_at_least)))
    };
    parts.push(part("dl").class("certificate times").children(times.map(line)));
    parts.push(paragraph(&words::word("passwords_estimate")).class("hint"));
    vec![part("div").class(&format!("card {colour}")).children(parts)]
}

/// Four bars, as many of them full as the score says. The word beside it says the same to who
/// cannot see them.
fn meter(score: u8) -> Part {
    let bar = |at| part("span").class(if at < score { "full" } else { "" });
    part("span").class("meter").attr("aria-hidden", "true").children((0..4).map(bar))
}

/// The words for a code of `passwords/src/advice.rs`.
fn advice(what: &str, code: &str) -> Option<String> {
    words::find(&key_of_advice(what, code), &[])
}

fn key_of_advice(what: &str, code: &str) -> String {
    format!("passwords_{what}_{}", code.replace('-', "_"))
}

/// A time as people say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Span {
    UnderASecond,
    Some(&'static str, u64),
    Centuries,
}

impl Span {
    fn of(seconds: u64) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        // Of 365.2425 days, and a twelfth of that.
        const YEAR: u64 = 31_556_952;
        const MONTH: u64 = YEAR / 12;
        let unit = match seconds {
            0 => return Self::UnderASecond,
            1..MINUTE => ("second", 1),
            MINUTE..HOUR => ("minute", MINUTE),
            HOUR..DAY => ("hour", HOUR),
            DAY..MONTH => ("day", DAY),
            MONTH..YEAR => ("month", MONTH),
            _ if seconds < 100 * YEAR => ("year", YEAR),
            _ => return Self::Centuries,
        };
        Self::Some(unit.0, seconds / unit.1)
    }
}

fn in_words(span: Span, is_at_least: bool) -> String {
    let text = match span {
        Span::UnderASecond => return words::word("passwords_time_none"),
        Span::Centuries => return words::word("passwords_time_centuries"),
        Span::Some(unit, 1) => words::word(&format!("passwords_time_{unit}")),
        Span::Some(unit, count) => {
            words::with(&format!("passwords_time_{unit}s"), &[&count.to_string()])
        }
    };
    if is_at_least { words::with("passwords_time_more", &[&text]) } else { text }
}

fn maker() -> Part {
    let kind = Rc::new(Cell::new(Kind::Words));
    let count = field("count", &words::word("passwords_count"), &limits(Kind::Words));
    for (name, value) in [("type", "number"), ("step", "1"), ("inputmode", "numeric")] {
        count.input.set(name, value);
    }
    offer(&count, Kind::Words);
    let choice = |own: Kind| {
        let id = format!("kind-{}", own.as_str());
        let (kind, count) = (Rc::clone(&kind), count.clone());
        let input = part("input").attr("type", "radio").attr("name", "kind").attr("id", &id);
        if own == Kind::Words {
            input.set("checked", "");
        }
        let input = input.on("change", move |_| {
            kind.set(own);
            count.forgive();
            offer(&count, own);
        });
        let key = |end: &str| words::word(&format!("passwords_kind_{}{end}", own.as_str()));
        let text = part("span").class("hint block").text(&key("_hint"));
        part("div")
            .class("tick")
            .child(input)
            .child(part("label").attr("for", &id).text(&key("")).child(text))
    };
    let choices = part("fieldset")
        .child(part("legend").text(&words::word("passwords_kind")))
        .child(choice(Kind::Words))
        .child(choice(Kind::Characters));
    let made = part("div").attr("id", "made").attr("aria-live", "polite");
    let (asked, shown) = (count.clone(), made.clone());
    let make = button(&words::word("passwords_make"), Look::First, move || {
        let (kind, asked, shown) = (kind.get(), asked.clone(), shown.clone());
        async move { make(kind, &asked, &shown).await }
    });
    let count = count.enter_clicks(&make);
    let source = part("a")
        .link("https://www.eff.org/dice")
        .attr("target", "_blank")
        .attr("rel", "noopener noreferrer")
        .text(&words::word("passwords_words_link"));
    section("make", "passwords_make_title")
        .child(paragraph(&words::word("passwords_make_text")))
        .child(choices)
        .child(count.whole)
        .child(row([make]))
        .child(made)
        .child(
            paragraph(&words::word("passwords_words_source")).class("hint").then(" ").child(source),
        )
}

/// Puts the limits of this kind to the field, and what is offered into it.
fn offer(count: &Field, kind: Kind) {
    let (least, offered, most) = kind.counts();
    count.input.set("min", &least.to_string());
    count.input.set("max", &most.to_string());
    if let Some(input) = count.input.as_input() {
        input.set_value(&offered.to_string());
    }
    // While the page is built it has the right one already.
    by_id("count-hint").set_text(&limits(kind));
}

fn limits(kind: Kind) -> String {
    let (least, _, most) = kind.counts();
    words::with("passwords_count_hint", &[&least.to_string(), &most.to_string()])
}

async fn make(kind: Kind, count: &Field, shown: &Part) {
    let (least, _, most) = kind.counts();
    let Some(wanted) = count.value().parse().ok().filter(|wanted| (least..=most).contains(wanted))
    else {
        shown.fill([]);
        return count.complain(&words::with(
            "passwords_count_wrong",
            &[&least.to_string(), &most.to_string()],
        ));
    };
    count.forgive();
    match answer::<Made>(generate(kind.as_str(), wanted)).await {
        Ok(made) => shown.fill([new(&made)]),
        Err(reason) if reason == ENDED => {}
        Err(reason) => {
            shown.fill([paragraph(&words::with("passwords_not_made", &[&reason])).class("note")])
        }
    }
}

fn new(made: &Made) -> Part {
    let text = made.text.clone();
    let copy = button(&words::word("copy"), Look::Plain, move || {
        let text = text.clone();
        async move {
            match doorlight_view::browser::copy(&text).await {
                Ok(()) => said::say_briefly(&words::word("passwords_copied")),
                Err(_) => said::say(&words::word("not_copied")),
            }
        }
    });
    part("div")
        .class("card")
        .child(part("p").child(part("code").class("text password").text(&made.text)))
        .child(paragraph(&words::with("passwords_bits", &[&format!("{:.1}", made.bits)])))
        .child(row([copy]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = include_str!("../../static/_locales/en/messages.json");
    const ADVICE: &str = include_str!("../../../passwords/src/advice.rs");

    #[test]
    fn times_are_said_in_the_largest_unit() {
        for (seconds, said) in [
            (0, Span::UnderASecond),
            (1, Span::Some("second", 1)),
            (59, Span::Some("second", 59)),
            (60, Span::Some("minute", 1)),
            (3599, Span::Some("minute", 59)),
            (3600, Span::Some("hour", 1)),
            (86_399, Span::Some("hour", 23)),
            (86_400, Span::Some("day", 1)),
            (2_629_745, Span::Some("day", 30)),
            (2_629_746, Span::Some("month", 1)),
            (31_556_951, Span::Some("month", 11)),
            (31_556_952, Span::Some("year", 1)),
            (3_155_695_199, Span::Some("year", 99)),
            (3_155_695_200, Span::Centuries),
            (u64::MAX, Span::Centuries),
        ] {
            assert_eq!(Span::of(seconds), said, "{seconds}");
        }
    }

    #[test]
    fn what_others_know_is_taken_apart() {
        let hosts = ["a1b2.ui.nabu.casa".to_owned()];
        let known = known_words("anna, Müller-Lüdenscheidt  of anna", &hosts);
        let expected = [
            "anna",
            "Müller-Lüdenscheidt",
            "Müller",
            "Lüdenscheidt",
            "a1b2.ui.nabu.casa",
            "a1b2",
            "nabu",
            "casa",
        ];
        assert_eq!(known, expected);
        assert!(known_words("", &[]).is_empty());
        assert_eq!(
            known_words(&(0..99).map(|n| format!("w{n:03} ")).collect::<String>(), &[]).len(),
            MAX_KNOWN
        );
    }

    /// Every code that the rating can give has words, and so have all that the page puts together.
    #[test]
    fn everything_has_words() {
        let words: serde_json::Value = serde_json::from_str(WORDS).unwrap();
        let mut keys = Vec::new();
        for (start, what) in [("Warning::", "warning"), ("Suggestion::", "better")] {
            for line in ADVICE.lines().filter(|line| line.trim().starts_with(start)) {
                let code = line.split('"').nth(1).unwrap();
                keys.push(key_of_advice(what, code));
            }
        }
        assert_eq!(keys.len(), 27, "all warnings and suggestions of zxcvbn 3.1");
        for unit in ["second", "minute", "hour", "day", "month", "year"] {
            keys.push(format!("passwords_time_{unit}"));
            keys.push(format!("passwords_time_{unit}s"));
        }
        for score in 0..=4 {
            keys.push(format!("passwords_score_{score}"));
            keys.push(format!("passwords_score_{score}_text"));
        }
        for kind in [Kind::Words, Kind::Characters] {
            keys.push(format!("passwords_kind_{}", kind.as_str()));
            keys.push(format!("passwords_kind_{}_hint", kind.as_str()));
        }
        for key in keys {
            assert!(words.get(&key).is_some(), "no {key}");
        }
    }
}
