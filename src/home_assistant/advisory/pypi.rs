//! What the Python Package Index tells of the weaknesses of a release
//! (`https://pypi.org/pypi/homeassistant/VERSION/json`, the field `vulnerabilities`), taken into
//! the table.
//!
//! It names each weakness, where to read about it and what mends it, and neither its severity nor
//! its first version: what is new enters as high and as affecting everything before, until somebody
//! has read it. Nothing that is in the table is changed by it.

use serde::Deserialize;

use super::{
    Advisories, Advisory, AdvisoryError, MAX_TEXT, Range, Severity, check, is_id, is_link, is_plain,
};
use crate::home_assistant::version::Version;
use crate::text::printable;
use crate::time::Timestamp;

/// The largest answer that is read, in bytes.
pub const MAX_RELEASE: usize = 8 << 20;

/// What came of one entry of the index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Learnt {
    /// In the table already, with this release among the affected.
    Known {
        /// Its best known name.
        id: String,
    },
    /// In the table already, where this release is not affected: somebody should read it.
    Differs {
        /// Its best known name.
        id: String,
        /// The release that the index has it for.
        version: Version,
    },
    /// New, and in the table now; its severity and its first version have to be looked up.
    Added {
        /// Its best known name.
        id: String,
    },
    /// Left out, because it was withdrawn or makes no sense.
    LeftOut {
        /// Its name, safe to show.
        id: String,
    },
}

#[derive(Deserialize)]
struct Release {
    info: Info,
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Info {
    version: Version,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    fixed_in: Vec<String>,
    summary: Option<String>,
    link: Option<String>,
    withdrawn: Option<String>,
}

impl Advisories {
    /// Takes in what the index tells of one release. The table keeps its date: one release says
    /// nothing of the others.
    ///
    /// # Errors
    /// [`AdvisoryError`], with the table as it was.
    pub fn learn(&mut self, json: &[u8], now: Timestamp) -> Result<Vec<Learnt>, AdvisoryError> {
        if json.len() > MAX_RELEASE {
            return Err(AdvisoryError::TooLarge);
        }
        let release: Release = serde_json::from_slice(json)
            .map_err(|error| AdvisoryError::Malformed { reason: printable(&error.to_string()) })?;
        let learnt =
            release.vulnerabilities.iter().map(|one| self.take_in(one, release.info.version, now));
        Ok(learnt.collect())
    }

    /// The same table, up to date as of `now`: for whoever has looked at all that there is.
    #[must_use]
    pub fn as_of(self, now: Timestamp) -> Self {
        Self { published: self.published.max(now), ..self }
    }

    fn take_in(&mut self, told: &Vulnerability, version: Version, now: Timestamp) -> Learnt {
        let ids: Vec<String> = told
            .aliases
            .iter()
            .chain(core::iter::once(&told.id))
            .filter(|id| is_id(id))
            .cloned()
            .collect();
        if let Some(known) =
            self.advisories.iter().find(|one| one.ids.iter().any(|id| ids.contains(id)))
        {
            let id = known.id().to_owned();
            return if known.affects(&version) {
                Learnt::Known { id }
            } else {
                Learnt::Differs { id, version }
            };
        }
        let left_out = Learnt::LeftOut { id: printable(&told.id) };
        if told.withdrawn.is_some() || self.advisories.len() >= super::MAX_ADVISORIES {
            return left_out;
        }
        // In doubt it is mended late.
        let before = told.fixed_in.iter().filter_map(|text| text.parse().ok()).max();
        let before = before.filter(|before| *before > version);
        let Some(advisory) = advisory(ids, told, before, now) else { return left_out };
        let id = advisory.id().to_owned();
        self.advisories.insert(0, advisory);
        Learnt::Added { id }
    }
}

fn advisory(
    ids: Vec<String>,
    told: &Vulnerability,
    before: Option<Version>,
    now: Timestamp,
) -> Option<Advisory> {
    let mut ids = ids;
    // The best known name first: CVE before GHSA before PYSEC.
    ids.sort();
    ids.dedup();
    let link = told.link.clone().filter(|link| is_link(link));
    let link = link.or_else(|| Some(format!("https://osv.dev/vulnerability/{}", ids.first()?)))?;
    let title: String = told
        .summary
        .iter()
        .flat_map(|text| text.chars())
        .filter(|c| !matches!(c, '<' | '>'))
        .collect();
    let title: String = printable(title.trim()).chars().take(MAX_TEXT).collect();
    let title = if is_plain(&title) { title } else { "Its publisher gives it no name".to_owned() };
    let affected = vec![Range { from: None, before }];
    let advisory =
        Advisory { ids, severity: Severity::High, title, affected, link, published: now };
    check(&advisory).is_ok().then_some(advisory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Advisories {
        Advisories::shipped().unwrap()
    }

    fn now() -> Timestamp {
        "2026-12-24T00:00:00Z".parse().unwrap()
    }

    /// The form of the index, with everything that it tells and nobody asks for.
    fn release(version: &str, vulnerabilities: &str) -> Vec<u8> {
        format!(r#"{{"info":{{"version":"{version}","name":"homeassistant","summary":"…"}},"last_serial":1,"urls":[],"vulnerabilities":[{vulnerabilities}]}}"#).into_bytes()
    }

    const KNOWN: &str = r#"{"aliases":["CVE-2025-62172"],"details":"…","fixed_in":["2025.10.2"],"id":"GHSA-mq77-rv97-285m","link":"https://osv.dev/vulnerability/GHSA-mq77-rv97-285m","source":"osv","summary":"…","withdrawn":null}"#;
    const NEW: &str = r#"{"aliases":["GHSA-aaaa-bbbb-cccc","CVE-2027-1"],"details":"…","fixed_in":["2026.11.3","2026.12.1"],"id":"PYSEC-2027-1","link":"https://osv.dev/vulnerability/PYSEC-2027-1","source":"osv","summary":"A <b>new</b> one\u202e","withdrawn":null}"#;

    #[test]
    fn what_is_known_stays_as_it_is() {
        let mut table = table();
        let learnt = table.learn(&release("2025.10.1", KNOWN), now()).unwrap();
        assert_eq!(learnt, [Learnt::Known { id: "CVE-2025-62172".into() }]);
        let learnt = table.learn(&release("2025.10.2", KNOWN), now()).unwrap();
        assert_eq!(
            learnt,
            [Learnt::Differs {
                id: "CVE-2025-62172".into(),
                version: "2025.10.2".parse().unwrap()
            }]
        );
        assert_eq!(table.advisories, Advisories::shipped().unwrap().advisories);
        assert_eq!(table.published, Advisories::shipped().unwrap().published);
        assert_eq!(table.as_of(now()).published, now());
    }

    #[test]
    fn what_is_new_enters_once_and_the_table_can_be_read() {
        let mut table = table();
        let learnt = table.learn(&release("2026.11.1", NEW), now()).unwrap();
        assert_eq!(learnt, [Learnt::Added { id: "CVE-2027-1".into() }]);
        let again = table.learn(&release("2026.10.4", NEW), now()).unwrap();
        assert_eq!(again, [Learnt::Known { id: "CVE-2027-1".into() }]);
        let one = &table.advisories[0];
        assert_eq!(one.ids, ["CVE-2027-1", "GHSA-aaaa-bbbb-cccc", "PYSEC-2027-1"]);
        assert_eq!((one.severity, one.title.as_str()), (Severity::High, "A bnew/b one\\u{202e}"));
        assert!(
            one.affects(&"2026.12.0".parse().unwrap())
                && !one.affects(&"2026.12.1".parse().unwrap())
        );
        assert_eq!(
            Advisories::shipped().unwrap().renew(table.to_json().as_bytes(), now()),
            Ok(table)
        );
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_said() {
        let mut table = table();
        for (from, to) in [
            (r#""withdrawn":null"#, r#""withdrawn":"2027-01-01T00:00:00Z""#),
            (r#""GHSA-aaaa-bbbb-cccc","CVE-2027-1"],"#, r#"],"x":"#),
        ] {
            let told = NEW
                .replace(from, to)
                .replace(r#""x":"details":"#, r#""details":"#)
                .replace("PYSEC-2027-1", "<b>");
            let learnt = table.learn(&release("2026.11.1", &told), now()).unwrap();
            assert_eq!(learnt, [Learnt::LeftOut { id: "<b>".into() }], "{told}");
        }
        let unmended = NEW.replace(r#"["2026.11.3","2026.12.1"]"#, r#"["soon","2026.1.0"]"#);
        table.learn(&release("2026.11.1", &unmended), now()).unwrap();
        assert_eq!(table.advisories[0].affected, [Range { from: None, before: None }]);
        for json in [&b"{}"[..], b"", br#"{"info":{"version":"latest"},"vulnerabilities":[]}"#] {
            let before = table.clone();
            assert_eq!(table.learn(json, now()).unwrap_err().code(), "advisories-malformed");
            assert_eq!(table, before);
        }
    }
}
