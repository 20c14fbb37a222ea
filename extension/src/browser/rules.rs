//! The rules of `declarativeNetRequest` that keep a guarded host shut, whoever asks. Pure.
//!
//! Shut and open mean exactly one host: `requestDomains` takes subdomains along, so each rule also
//! has the name at its place in the URL. Chromium refuses an expression that compiles to more than
//! 2 KB, so of a long name it has the beginning.
//!
//! | id | kept | priority | what it does | where |
//! |---|---|---|---|---|
//! | 10·slot+1 | dynamic | 10 | blocks everything but main frames | both |
//! | +2, +3 | dynamic | 10 | leads main frames to the gate page; +3 those that carry a form | Chromium |
//! | +4 | dynamic | 30 | blocks everything without encryption but main frames | both |
//! | +5, +8 | dynamic | 30 | leads main frames without encryption to the gate page; +8 forms | Chromium |
//! | +6 | dynamic | 10 | blocks main frames while the permission is missing, in the place of +2, +3, +5, +7 and +8 | both |
//! | +7 | dynamic | 10 | blocks main frames of the name with a trailing dot | Firefox |
//! | from 100,000 | session | 20 | lets one address pass, for exactly its port | both |
//! | from 1,000,000 | session | 40 | lets one probe of our own pass | both |
//!
//! Firefox has no other rule for main frames: its rules run before `webRequest` and would end the
//! hold in [`crate::background::browser_events::before_request`]. Without a permission a redirect
//! rule fails open and hides the block rule below it (measured in Chromium 156 and Firefox 153):
//! hence +6.

use std::collections::{BTreeMap, BTreeSet};

use doorlight::address::{Address, Host};
use serde_json::{Value, json};

use crate::browser::pattern::in_url;

/// The first number of the rules that open an address.
const OPEN: u64 = 100_000;
/// The first number of the rules for probes.
const PROBE: u64 = 1_000_000;
/// How many numbers a background has for its probes. In Chromium private windows have a background
/// of their own over the same rules.
const PROBES: u64 = 100_000;
/// How many numbers belong to one host.
const SLOT: u64 = 10;
/// How many characters of a name an expression has. Of a longer one a subdomain that begins with as
/// many of the same is shut too. Measured in Chromium 156: 73 are accepted in the longest of ours.
const LITERAL: usize = 64;
/// Methods that a gate page can repeat.
const GETS: [&str; 2] = ["get", "head"];
/// How a probe asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// For the headers alone.
    Head,
    /// For what a server answers that knows no HEAD; it is ended at the headers.
    Get,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Get => "GET",
        }
    }
}

/// Methods that it cannot.
const FORMS: [&str; 7] = ["post", "put", "delete", "patch", "options", "connect", "other"];
/// Chromium's names for whatever can be asked for.
const CHROMIUM_TYPES: [&str; 15] = [
    "main_frame",
    "sub_frame",
    "stylesheet",
    "script",
    "image",
    "font",
    "object",
    "xmlhttprequest",
    "ping",
    "csp_report",
    "media",
    "websocket",
    "webtransport",
    "webbundle",
    "other",
];
/// Firefox's.
const FIREFOX_TYPES: [&str; 21] = [
    "main_frame",
    "sub_frame",
    "stylesheet",
    "script",
    "image",
    "font",
    "object",
    "xmlhttprequest",
    "ping",
    "csp_report",
    "media",
    "websocket",
    "beacon",
    "imageset",
    "object_subrequest",
    "speculative",
    "web_manifest",
    "xml_dtd",
    "xslt",
    "json",
    "other",
];

/// What rules depend on in one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Firefox holds main frames in a listener; Chromium leads them to the gate page by rules.
    pub is_firefox: bool,
    /// The gate page's URL.
    pub page: String,
    /// The host of the extension's own pages: the initiator of its probes.
    pub own_host: String,
    /// True in the background of private windows.
    pub is_private: bool,
}

/// One call to the browser: all of it happens, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose rules these are; `None` for rules that nobody needs any more.
    pub host: Option<Host>,
    /// The numbers to remove.
    pub remove: Vec<u64>,
    /// The rules to add.
    pub add: Vec<Value>,
}

impl Rules {
    /// What has to change for `hosts` to be shut, each with whether its permission is there. One
    /// call per host, so that no host's rules fail with another's; what nobody needs goes last.
    pub fn shut_changes(&self, present: &[Value], hosts: &BTreeMap<Host, bool>) -> Vec<Change> {
        let mut slots: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for rule in present {
            slots.entry(id(rule) / SLOT).or_default().push(rule);
        }
        // Rules of version 0.1.0 name no domain: they are nobody's.
        let owner = |rules: &[&Value]| {
            rules.iter().map(|rule| host_of(rule)).reduce(|a, b| if a == b { a } else { None })?
        };
        let mut owned: BTreeMap<Host, u64> = BTreeMap::new();
        let mut left = Vec::new();
        for (slot, rules) in &slots {
            match owner(rules).filter(|host| hosts.contains_key(host) && !owned.contains_key(host))
            {
                Some(host) => drop(owned.insert(host, *slot)),
                None => left.extend(rules.iter().map(|rule| id(rule))),
            }
        }
        let mut free = (1..).filter(|slot| !slots.contains_key(slot));
        let mut changes = Vec::new();
        for (host, has_permission) in hosts {
            let slot = owned.get(host).copied().or_else(|| free.next()).unwrap_or_default();
            let wanted = self.shut(host, slot, *has_permission);
            let now = slots.get(&slot).map(Vec::as_slice).unwrap_or_default();
            let is_there = wanted.len() == now.len()
                && wanted.iter().all(|rule| now.iter().any(|other| is_within(rule, other)));
            if !is_there {
                let remove = now.iter().map(|rule| id(rule)).collect();
                changes.push(Change { host: Some(host.clone()), remove, add: wanted });
            }
        }
        if !left.is_empty() {
            changes.push(Change { host: None, remove: left, add: Vec::new() });
        }
        changes
    }

    /// The rules that keep one host shut.
    fn shut(&self, host: &Host, slot: u64, has_permission: bool) -> Vec<Value> {
        let name = in_url(host);
        let is_ip = host.as_str().parse::<core::net::IpAddr>().is_ok();
        // Firefox needs the name with its trailing dot; in Chromium the one without stands for both
        // (measured).
        let domains =
            if is_ip { vec![name.clone()] } else { vec![name.clone(), format!("{name}.")] };
        // With a name and password in the URL too, with a trailing dot too, and not for subdomains.
        let exactly = |schemes: &str, dot: &str| match is_ip {
            true => format!("^({schemes})://"),
            false => format!("^({schemes})://([^/?#@]*@)?{}{dot}[:/]", literal(&name)),
        };
        let with_dot = "\\.?";
        let rule = |n: u64, priority: u32, condition: Value, action: Value| {
            let mut condition = condition;
            if let Some(condition) = condition.as_object_mut() {
                condition.insert("requestDomains".into(), json!(domains));
            }
            json!({"id": SLOT * slot + n, "priority": priority, "condition": condition, "action": action})
        };
        let block = || json!({"type": "block"});
        let to_page = |query: &str| json!({"type": "redirect", "redirect": {"regexSubstitution": format!("{}{query}#\\0", self.page)}});
        let any = exactly("https?|wss?", with_dot);
        let plain = exactly("http|ws", with_dot);
        let main = ["main_frame"];
        let mut rules = vec![
            rule(1, 10, json!({"regexFilter": any}), block()),
            rule(4, 30, json!({"regexFilter": plain}), block()),
        ];
        if !has_permission {
            let filter = exactly("https?", with_dot);
            rules.push(rule(6, 10, json!({"regexFilter": filter, "resourceTypes": main}), block()));
        } else if !self.is_firefox {
            // `\0` is what was matched, so it has to be the whole URL.
            for (n, priority, schemes) in [(2, 10, "https?"), (5, 30, "http")] {
                let filter = format!("{}.*", exactly(schemes, with_dot));
                let condition = |methods: &[&str]| json!({"regexFilter": filter, "resourceTypes": main, "requestMethods": methods});
                rules.push(rule(n, priority, condition(&GETS), to_page("")));
                let form = if n == 2 { 3 } else { 8 };
                rules.push(rule(form, priority, condition(&FORMS), to_page("?post")));
            }
        } else if !is_ip {
            let filter = exactly("https?", "\\.");
            rules.push(rule(7, 10, json!({"regexFilter": filter, "resourceTypes": main}), block()));
        }
        rules
    }

    /// The numbers of the session's rules that let something else than `open` pass. Probes are not
    /// among them.
    pub fn open_strays(&self, present: &[Value], open: &BTreeSet<Address>) -> Vec<u64> {
        let wanted: Vec<_> = open.iter().flat_map(|address| self.open(0, address)).collect();
        let is_wanted =
            |rule: &Value| wanted.iter().any(|one| is_within(content(one), content(rule)));
        let opening = present.iter().filter(|rule| opens(rule));
        opening.filter(|rule| !is_wanted(rule)).map(id).collect()
    }

    /// What has to be added for `open` to pass: one call for each address.
    pub fn open_changes(
        &self,
        present: &[Value],
        open: &BTreeSet<Address>,
    ) -> Vec<(Address, Vec<Value>)> {
        let taken: BTreeSet<_> = present.iter().map(id).collect();
        let mut free = (OPEN..PROBE).filter(|id| !taken.contains(id));
        let mut changes = Vec::new();
        for address in open {
            let is_there =
                |rule: &Value| present.iter().any(|one| is_within(content(rule), content(one)));
            let missing: Vec<_> =
                self.open(0, address).into_iter().filter(|rule| !is_there(rule)).collect();
            let numbered = missing.into_iter().zip(free.by_ref()).map(|(mut rule, id)| {
                if let Some(rule) = rule.as_object_mut() {
                    rule.insert("id".into(), json!(id));
                }
                rule
            });
            let rules: Vec<_> = numbered.collect();
            if !rules.is_empty() {
                changes.push((address.clone(), rules));
            }
        }
        changes
    }

    /// The rules that let one address pass. Firefox's rules see sockets as `https`, Chromium's as
    /// `wss` (measured).
    fn open(&self, first: u64, address: &Address) -> Vec<Value> {
        let types: &[&str] = if self.is_firefox { &FIREFOX_TYPES } else { &CHROMIUM_TYPES };
        let host = in_url(&address.host);
        let port = if address.port == 443 { String::new() } else { format!(":{}", address.port) };
        let rule = |(n, scheme): (u64, &&str)| {
            let condition =
                json!({"urlFilter": format!("|{scheme}://{host}{port}/"), "resourceTypes": types});
            json!({"id": first + n, "priority": 20, "condition": condition, "action": {"type": "allow"}})
        };
        (0..).zip(&["https", "wss"]).map(rule).collect()
    }

    /// The rule that lets one of our own probes pass. Whoever answers TLS reads its URL and may
    /// hand it on while the answer waits, so the URL alone is no exemption: only a request from our
    /// own origin, with this method, and of a page in `tab` or without a tab passes.
    pub fn probe(&self, n: u64, url: &str, method: Method, tab: Option<i32>) -> Value {
        json!({
            "id": self.probes().start + n % PROBES,
            "priority": 40,
            "condition": {
                "urlFilter": format!("|{url}|"),
                "requestMethods": [method.as_str().to_ascii_lowercase()],
                "resourceTypes": ["xmlhttprequest"],
                "tabIds": [tab.unwrap_or(-1)],
                "initiatorDomains": [self.own_host],
            },
            "action": {"type": "allow"},
        })
    }

    /// The rules of this background's probes that are still there: left behind by an earlier life.
    pub fn probe_strays(&self, present: &[Value]) -> Vec<u64> {
        let own = self.probes();
        present.iter().map(id).filter(|id| own.contains(id)).collect()
    }

    fn probes(&self) -> core::ops::Range<u64> {
        let start = if self.is_private { PROBE + PROBES } else { PROBE };
        start..start + PROBES
    }
}

/// A name, or the beginning of a long one, as an expression.
fn literal(name: &str) -> String {
    // Names in URLs are ASCII: letters, digits, hyphens, underscores and dots.
    match name.get(..LITERAL) {
        Some(start) if start != name => [&start.replace('.', "\\."), "[^/:?#@]*"].concat(),
        _ => name.replace('.', "\\."),
    }
}

/// True for a rule that lets an address pass.
pub fn opens(rule: &Value) -> bool {
    (OPEN..PROBE).contains(&id(rule))
}

/// The number of a rule.
pub fn id(rule: &Value) -> u64 {
    rule.get("id").and_then(Value::as_u64).unwrap_or_default()
}

fn content(rule: &Value) -> &Value {
    rule.get("condition").unwrap_or(&Value::Null)
}

/// The host of a rule, without its trailing dot.
fn host_of(rule: &Value) -> Option<Host> {
    let domain = rule.get("condition")?.get("requestDomains")?.get(0)?.as_str()?;
    domain.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// True where everything that `wanted` says is in `found` too. A browser adds defaults to what it
/// was given, and may order lists anew.
fn is_within(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|other| is_within(value, other))),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().all(|value| found.contains(value))
        }
        // Chromium's numbers come back as doubles.
        (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
        _ => wanted == found,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use doorlight::url::Url;

    fn rules(is_firefox: bool) -> Rules {
        let page = if is_firefox {
            "moz-extension://u/gate.html"
        } else {
            "chrome-extension://x/gate.html"
        };
        Rules { is_firefox, page: page.into(), own_host: "x".into(), is_private: false }
    }

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    fn hosts(all: &[(&str, bool)]) -> BTreeMap<Host, bool> {
        all.iter().map(|(name, has_permission)| (host(name), *has_permission)).collect()
    }

    /// A browser's part in it: which rule of a set decides about a request. `allow` outranks
    /// `block` and `block` `redirect` where priorities are equal.
    fn decides<'r>(set: &'r [Value], url: &str, kind: &str, method: &str) -> Option<&'r Value> {
        let name = Url::split(url).unwrap().host();
        let has = |condition: &Value, key: &str, value: &str| {
            condition
                .get(key)
                .is_none_or(|list| list.as_array().unwrap().iter().any(|one| one == value))
        };
        let matches = |rule: &&Value| {
            let condition = content(rule);
            let is_domain = condition.get("requestDomains").is_none_or(|list| {
                let is_in = |one: &str| name == one || name.ends_with(&format!(".{one}"));
                list.as_array().unwrap().iter().any(|one| is_in(one.as_str().unwrap()))
            });
            let is_url = match (condition.get("regexFilter"), condition.get("urlFilter")) {
                (Some(filter), _) => {
                    regex::Regex::new(filter.as_str().unwrap()).unwrap().is_match(url)
                }
                (_, Some(filter)) => {
                    let filter = filter.as_str().unwrap().strip_prefix('|').unwrap();
                    filter.strip_suffix('|').map_or(url.starts_with(filter), |whole| url == whole)
                }
                _ => true,
            };
            let is_type = match condition.get("resourceTypes") {
                None => kind != "main_frame",
                Some(_) => has(condition, "resourceTypes", kind),
            };
            is_domain && is_url && is_type && has(condition, "requestMethods", method)
        };
        let rank = |rule: &&Value| {
            let action = rule["action"]["type"].as_str().unwrap();
            let action =
                ["redirect", "block", "allow"].iter().position(|one| *one == action).unwrap();
            (rule["priority"].as_u64().unwrap(), action)
        };
        set.iter().filter(matches).max_by_key(rank)
    }

    fn verdict(set: &[Value], url: &str, kind: &str, method: &str) -> String {
        match decides(set, url, kind, method) {
            None => "passes".into(),
            Some(rule) => match rule["action"]["redirect"]["regexSubstitution"].as_str() {
                Some(to) if to.contains("?post#") => "gate, a form".into(),
                Some(_) => "gate".into(),
                None => rule["action"]["type"].as_str().unwrap().into(),
            },
        }
    }

    fn set(rules: &Rules, shut: &[(&str, bool)], open: &[&str]) -> Vec<Value> {
        let shut = rules.shut_changes(&[], &hosts(shut)).into_iter().flat_map(|change| change.add);
        let open: BTreeSet<Address> = open.iter().map(|address| address.parse().unwrap()).collect();
        let open = rules.open_changes(&[], &open).into_iter().flat_map(|(_, rules)| rules);
        shut.chain(open).collect()
    }

    #[test]
    fn shut_and_open_mean_exactly_one_host_and_port() {
        let guarded = [("home.example", true), ("sub.home.example", true)];
        // Name; what a picture and a visit meet while all is shut, and with home.example:8443 open.
        // Firefox's visits are the listener's.
        for (url, shut, visit, open, open_visit) in [
            ("https://home.example/x", "block", "gate", "block", "gate"),
            ("https://home.example:8443/x", "block", "gate", "allow", "allow"),
            ("wss://home.example:8443/x", "block", "passes", "allow", "allow"),
            ("https://home.example.:8443/x", "block", "gate", "block", "gate"),
            ("https://user:pass@home.example:8443/x", "block", "gate", "block", "gate"),
            ("https://evil.example@home.example/x", "block", "gate", "block", "gate"),
            ("https://sub.home.example:8443/x", "block", "gate", "block", "gate"),
            ("https://other.home.example/x", "passes", "passes", "passes", "passes"),
            ("https://home.example.evil.example/x", "passes", "passes", "passes", "passes"),
            ("https://evil.example/https://home.example/", "passes", "passes", "passes", "passes"),
            ("http://home.example:8443/x", "block", "gate", "block", "gate"),
            ("ws://home.example:8443/x", "block", "passes", "block", "passes"),
        ] {
            for is_firefox in [true, false] {
                let rules = rules(is_firefox);
                // Chromium takes the name with its trailing dot for the same.
                let set_shut = set(&rules, &guarded, &[]);
                let set_open = set(&rules, &guarded, &["home.example:8443"]);
                assert_eq!(verdict(&set_shut, url, "image", "get"), shut, "{url} {is_firefox}");
                assert_eq!(verdict(&set_open, url, "image", "get"), open, "{url} {is_firefox}");
                if !is_firefox {
                    assert_eq!(verdict(&set_shut, url, "main_frame", "get"), visit, "{url}");
                    assert_eq!(verdict(&set_open, url, "main_frame", "get"), open_visit, "{url}");
                } else if url.starts_with("http") {
                    let dotted = if url.contains("example.:") { "block" } else { "passes" };
                    assert_eq!(verdict(&set_shut, url, "main_frame", "get"), dotted, "{url}");
                }
            }
        }
        let chromium = rules(false);
        let shut = set(&chromium, &guarded, &[]);
        assert_eq!(verdict(&shut, "https://home.example/x", "main_frame", "post"), "gate, a form");
        assert_eq!(verdict(&shut, "http://home.example/x", "main_frame", "post"), "gate, a form");
    }

    #[test]
    fn without_its_permission_a_host_is_blocked() {
        for is_firefox in [true, false] {
            let rules = rules(is_firefox);
            let shut = set(&rules, &[("home.example", false)], &[]);
            for kind in ["image", "main_frame"] {
                assert_eq!(verdict(&shut, "https://home.example/", kind, "get"), "block");
                assert_eq!(verdict(&shut, "https://sub.home.example/", kind, "get"), "passes");
            }
            assert_eq!(verdict(&shut, "https://home.example.:8443/", "main_frame", "get"), "block");
        }
    }

    #[test]
    fn addresses_without_a_name_are_taken_as_they_are() {
        for (name, url) in [
            ("192.0.2.7", "https://192.0.2.7:8123/"),
            ("2001:db8::1", "https://[2001:db8::1]:8123/"),
        ] {
            for is_firefox in [true, false] {
                let rules = rules(is_firefox);
                let address = format!("{}:8123", in_url(&host(name)));
                assert_eq!(
                    verdict(&set(&rules, &[(name, true)], &[]), url, "image", "get"),
                    "block"
                );
                assert_eq!(
                    verdict(&set(&rules, &[(name, true)], &[&address]), url, "image", "get"),
                    "allow"
                );
            }
            assert_eq!(
                verdict(&set(&rules(false), &[(name, true)], &[]), url, "main_frame", "get"),
                "gate"
            );
        }
    }

    #[test]
    fn names_of_any_length_and_depth_are_shut_by_a_short_expression() {
        let long = format!("{}.{}.{}.test", "a".repeat(63), "b".repeat(63), "c".repeat(58));
        let deep = format!("{}test", "a.".repeat(100));
        for length in [LITERAL - 1, LITERAL, LITERAL + 1] {
            let name = format!("{}.home.test", "x".repeat(63 - 5).repeat(2));
            let name = &name[name.len() - length..];
            for name in [name, &long, &deep, "a.test", "e.d.c.b.a.home.test"] {
                let chromium = set(&rules(false), &[(name, true)], &[]);
                let filter = chromium[2]["condition"]["regexFilter"].as_str().unwrap();
                assert!(filter.matches("\\.").count() + LITERAL + 43 >= filter.len(), "{filter}");
                for (host, image) in [
                    (name.to_owned(), "block"),
                    (format!("{name}."), "block"),
                    (format!("sub.{name}"), "passes"),
                    (format!("{name}.evil.test"), "passes"),
                    (format!("evil{name}"), "passes"),
                ] {
                    let url = format!("https://user@{host}:8123/x");
                    // A name that begins as the long one does is shut too.
                    let begins = name.len() > LITERAL && host.starts_with(&name[..LITERAL]);
                    if image == "block" || !begins {
                        assert_eq!(verdict(&chromium, &url, "image", "get"), image, "{url}");
                    }
                }
                let firefox = set(&rules(true), &[(name, true)], &[]);
                for (host, visit) in [(name.to_owned(), "passes"), (format!("{name}."), "block")] {
                    let url = format!("https://{host}/");
                    assert_eq!(verdict(&firefox, &url, "main_frame", "get"), visit, "{url}");
                }
            }
        }
    }

    #[test]
    fn a_host_keeps_its_slot_and_what_is_there_is_left_alone() {
        let rules = rules(false);
        let first = rules.shut_changes(&[], &hosts(&[("b.test", true)]));
        let present: Vec<_> = first.iter().flat_map(|change| change.add.clone()).collect();
        assert!(rules.shut_changes(&present, &hosts(&[("b.test", true)])).is_empty());
        let second = rules.shut_changes(&present, &hosts(&[("a.test", true), ("b.test", true)]));
        assert_eq!(second.len(), 1, "only what is new");
        assert_eq!(second[0].host, Some(host("a.test")));
        assert!(second[0].add.iter().all(|rule| id(rule) >= 20));
        // The permission goes: one call takes the old rules and brings the new ones.
        let without = rules.shut_changes(&present, &hosts(&[("b.test", false)]));
        assert_eq!((without.len(), without[0].remove.len()), (1, present.len()));
        assert!(without[0].add.iter().all(|rule| id(rule) < 20));
        // A host that is guarded no longer.
        let gone = rules.shut_changes(&present, &hosts(&[]));
        assert_eq!((gone.len(), gone[0].remove.len(), gone[0].add.len()), (1, present.len(), 0));
        // A browser adds its defaults.
        let mut returned = present.clone();
        returned[0]["condition"]["isUrlFilterCaseSensitive"] = json!(false);
        assert!(rules.shut_changes(&returned, &hosts(&[("b.test", true)])).is_empty());
    }

    #[test]
    fn rules_of_an_older_version_go_after_the_new_ones_are_there() {
        let old = json!({"id": 11, "priority": 1, "condition": {"regexFilter": "^https?://"}, "action": {"type": "block"}});
        let changes = rules(false).shut_changes(&[old], &hosts(&[("a.test", true)]));
        assert_eq!(
            changes.iter().map(|change| change.host.is_some()).collect::<Vec<_>>(),
            [true, false]
        );
        assert!(
            changes[0].add.iter().all(|rule| id(rule) / SLOT == 2),
            "not in the place of the old ones"
        );
        assert_eq!(changes[1].remove, [11]);
    }

    #[test]
    fn what_is_open_is_added_and_taken_back_by_address() {
        let rules = rules(false);
        let [a, b]: [Address; 2] = ["a.test", "b.test:8123"].map(|text| text.parse().unwrap());
        let added = |open: &[&Address], present: &[Value]| {
            rules.open_changes(present, &open.iter().map(|one| (*one).clone()).collect())
        };
        let of_a: Vec<_> = added(&[&a], &[]).into_iter().flat_map(|(_, rules)| rules).collect();
        assert_eq!(of_a.len(), 2);
        let both = added(&[&a, &b], &of_a);
        assert_eq!(both.len(), 1, "one is open already");
        let ids: BTreeSet<_> = of_a.iter().chain(&both[0].1).map(id).collect();
        assert_eq!(ids.len(), 4, "no number twice");
        let probe = rules.probe(0, "https://a.test/robots.txt?1", Method::Head, None);
        let present: Vec<_> = of_a.iter().cloned().chain([probe.clone()]).collect();
        assert_eq!(
            rules.open_strays(&present, &BTreeSet::from([b])),
            of_a.iter().map(id).collect::<Vec<_>>()
        );
        assert!(rules.open_strays(&present, &BTreeSet::from([a])).is_empty());
        assert_eq!(rules.probe_strays(&present), [id(&probe)]);
        let private = Rules { is_private: true, ..rules };
        assert!(
            private.probe_strays(&present).is_empty(),
            "another background's probes are its own"
        );
    }

    #[test]
    fn a_probe_passes_by_all_its_marks_together() {
        let url = "https://home.example/robots.txt?0123";
        let rules = rules(false);
        for (method, own, other) in [(Method::Head, "head", "get"), (Method::Get, "get", "head")] {
            let mut set = set(&rules, &[("home.example", true)], &[]);
            set.push(rules.probe(7, url, method, None));
            assert_eq!(verdict(&set, url, "xmlhttprequest", own), "allow");
            for (url, kind, method) in [
                (url, "xmlhttprequest", other),
                (url, "xmlhttprequest", "post"),
                (url, "image", own),
                ("https://home.example/robots.txt?01234", "xmlhttprequest", own),
                ("https://home.example/robots.txt?012", "xmlhttprequest", own),
            ] {
                assert_eq!(verdict(&set, url, kind, method), "block", "{url} {kind} {method}");
            }
            let condition = content(&set[set.len() - 1]).clone();
            assert_eq!(
                (condition["tabIds"].clone(), condition["initiatorDomains"].clone()),
                (json!([-1]), json!(["x"]))
            );
        }
    }
}
