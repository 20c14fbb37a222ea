//! Whom to write to about a certificate that should not be: the authorities that issue most
//! certificates, by the organisation in the issuer's name.
//!
//! Only what their practice statements have said for years; for all others, and where in doubt,
//! there is the list of all of them at [`REPORTING_LIST`]. An authority has to look into a report
//! within a day, and to revoke what it issued to somebody who did not control the name (Baseline
//! Requirements sections 4.9.1.1, 4.9.5).

use std::collections::BTreeSet;

use crate::address::Host;
use crate::issuances::issuance::{Issuance, Issuer};
use crate::issuances::monitor::crt_sh;
use crate::issuances::monitor::id::Monitor;
use crate::text::printable;

/// Where the Common CA Database has the list of all authorities' ways to report a problem.
pub const REPORTING_LIST: &str = "https://www.ccadb.org/resources";

/// One authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authority {
    /// What it is called.
    pub name: &'static str,
    /// The organisations that its certificates name, as they stand there.
    pub organisations: &'static [&'static str],
    /// Where it takes reports of certificate problems: a mail address.
    pub reports: Option<&'static str>,
    /// How it is named in a CAA record (RFC 8659 section 4.2).
    pub caa: &'static str,
}

/// Those that are known, in order of name.
pub const AUTHORITIES: &[Authority] = &[
    Authority {
        name: "Actalis",
        organisations: &["Actalis S.p.A."],
        reports: None,
        caa: "actalis.it",
    },
    Authority {
        name: "Amazon Trust Services",
        organisations: &["Amazon"],
        reports: None,
        caa: "amazon.com",
    },
    Authority {
        name: "Buypass",
        organisations: &["Buypass AS-983163327"],
        reports: None,
        caa: "buypass.com",
    },
    Authority {
        name: "DigiCert",
        organisations: &["DigiCert Inc", "DigiCert, Inc."],
        reports: Some("revoke@digicert.com"),
        caa: "digicert.com",
    },
    Authority {
        name: "GlobalSign",
        organisations: &["GlobalSign nv-sa"],
        reports: Some("report-abuse@globalsign.com"),
        caa: "globalsign.com",
    },
    Authority {
        name: "GoDaddy",
        organisations: &["GoDaddy.com, Inc."],
        reports: Some("practices@starfieldtech.com"),
        caa: "godaddy.com",
    },
    Authority {
        name: "Google Trust Services",
        organisations: &["Google Trust Services", "Google Trust Services LLC"],
        reports: Some("contact@pki.goog"),
        caa: "pki.goog",
    },
    Authority {
        name: "HARICA",
        organisations: &["Hellenic Academic and Research Institutions CA"],
        reports: None,
        caa: "harica.gr",
    },
    Authority {
        name: "Let's Encrypt",
        organisations: &["Let's Encrypt"],
        reports: Some("cert-prob-reports@letsencrypt.org"),
        caa: "letsencrypt.org",
    },
    Authority {
        name: "Microsoft",
        organisations: &["Microsoft Corporation"],
        reports: None,
        caa: "microsoft.com",
    },
    Authority {
        name: "Sectigo",
        organisations: &["Sectigo Limited", "COMODO CA Limited"],
        reports: Some("sslabuse@sectigo.com"),
        caa: "sectigo.com",
    },
    Authority {
        name: "SSL.com",
        organisations: &["SSL Corporation", "SSL Corp"],
        reports: None,
        caa: "ssl.com",
    },
    // Its intermediates are run by Sectigo, which is asked for CAA.
    Authority {
        name: "ZeroSSL",
        organisations: &["ZeroSSL", "ZeroSSL GmbH"],
        reports: Some("sslabuse@sectigo.com"),
        caa: "sectigo.com",
    },
];

/// The authority of an organisation, which has to be written as it is in its certificates.
pub fn by_organisation(organisation: &str) -> Option<&'static Authority> {
    AUTHORITIES.iter().find(|one| one.organisations.contains(&organisation))
}

/// The authority of an issuer.
pub fn of(issuer: &Issuer) -> Option<&'static Authority> {
    issuer.organisation.as_deref().and_then(by_organisation)
}

/// The CAA records by which nobody but these may issue for the name, as a zone file has them. None
/// for a name under `ui.nabu.casa`, whose zone its owner keeps, and where no authority is named: a
/// record without one would forbid the next renewal.
pub fn caa_records(host: &Host, authorities: &[&Authority]) -> Vec<String> {
    if host.is_home_assistant_cloud() {
        return Vec::new();
    }
    let names: BTreeSet<_> = authorities.iter().map(|one| one.caa).collect();
    names.iter().map(|name| format!("{host}. CAA 0 issue \"{name}\"")).collect()
}

/// A letter to the authority that issued it, in plain text, to be read and sent by the user.
pub fn report_text(host: &Host, issuance: &Issuance) -> String {
    let mut text = format!(
        "Certificate problem report: certificate issued without authorisation\n\n\
         I control the name {host}. The certificate below was issued for it without my consent, to a key that is not mine.\n\
         Please investigate, and revoke it (Baseline Requirements sections 4.9.1.1 and 4.9.5).\n\n"
    );
    let mut line = |name: &str, value: &str| text += &format!("{name:<15} {}\n", printable(value));
    line("Issuer:", &issuance.issuer.name);
    for serial in &issuance.serials {
        line("Serial number:", &serial.to_string());
    }
    line("Valid from:", &issuance.not_before.to_string());
    line("Valid to:", &issuance.not_after.to_string());
    for name in &issuance.names {
        line("Name:", name);
    }
    if let Some(key) = issuance.spki_sha256 {
        line("Key (SHA-256):", &key.to_string());
    }
    for sha256 in &issuance.certificates {
        line("SHA-256:", &sha256.to_string());
    }
    for entry in &issuance.entries {
        match entry.monitor {
            Monitor::CrtSh => line("Found at:", &format!("{}/?id={}", crt_sh::BASE, entry.id)),
            Monitor::CertSpotter => {
                line("Found at:", &format!("Cert Spotter, issuance {}", entry.id))
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_well_formed() {
        let is_name = |text: &str| {
            text.contains('.')
                && text.parse::<crate::address::Host>().is_ok_and(|host| host.as_str() == text)
        };
        let mut organisations = std::collections::BTreeSet::new();
        for one in AUTHORITIES {
            assert!(is_name(one.caa), "{}", one.caa);
            assert!(!one.organisations.is_empty());
            for organisation in one.organisations {
                assert!(organisations.insert(organisation), "{organisation} stands twice");
                assert_eq!(by_organisation(organisation).map(|found| found.name), Some(one.name));
            }
            if let Some(reports) = one.reports {
                let (user, domain) = reports.split_once('@').unwrap();
                assert!(
                    is_name(domain) && user.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                    "{reports}"
                );
            }
        }
        assert!(AUTHORITIES.is_sorted_by_key(|one| one.name.to_lowercase()));
    }

    #[test]
    fn nobody_is_taken_for_another() {
        assert_eq!(
            of(&Issuer::read("C=US, O=Let's Encrypt, CN=YE1")).unwrap().caa,
            "letsencrypt.org"
        );
        assert_eq!(of(&Issuer::read("C=US, O=DigiCert, Inc., CN=x")).unwrap().name, "DigiCert");
        for other in
            ["C=US, O=Lets Encrypt, CN=R11", "O=Let's Encrypt, O=Evil", "CN=O\\=Let's Encrypt", ""]
        {
            assert_eq!(of(&Issuer::read(other)), None, "{other}");
        }
    }

    #[test]
    fn a_report_names_the_certificate_and_a_record_names_the_authority() {
        use crate::issuances::issuance::Entry;
        use crate::issuances::monitor::samples::{HOST, WISH, World};
        use crate::x509::certificate::Certificate;
        let certificate: Certificate = World::new("Lab\u{202e} Trust").issue(WISH);
        let entry = Entry { monitor: Monitor::CrtSh, id: "42".into() };
        let issuance = Issuance::of(&certificate, HOST, entry).unwrap();
        let host: Host = HOST.parse().unwrap();
        let text = report_text(&host, &issuance);
        for part in [
            HOST,
            &certificate.spki_sha256().to_string(),
            &certificate.sha256().to_string(),
            "crt.sh/?id=42",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            text.contains(certificate.serial().trim_start_matches('0'))
                && !text.contains('\u{202e}')
        );
        let own = [by_organisation("ZeroSSL").unwrap(), by_organisation("Let's Encrypt").unwrap()];
        let records = caa_records(&host, &[own[0], own[1], own[0]]);
        assert_eq!(
            records,
            [
                "home.lab.example. CAA 0 issue \"letsencrypt.org\"",
                "home.lab.example. CAA 0 issue \"sectigo.com\""
            ]
        );
        assert_eq!(caa_records(&"abc.ui.nabu.casa".parse().unwrap(), &own), [""; 0]);
        assert_eq!(caa_records(&host, &[]), [""; 0]);
    }
}
