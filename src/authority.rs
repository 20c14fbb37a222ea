//! Whom to write to about a certificate that should not be: the authorities that issue most certificates, by the organisation in the issuer's name.
//!
//! Only what their practice statements have said for years; for all others, and where in doubt, there is the list of all of them at [`REPORTING_LIST`].
//! An authority has to look into a report within a day, and to revoke what it issued to somebody who did not control the name
//! (Baseline Requirements sections 4.9.1.1, 4.9.5).

use crate::issuance::Issuer;

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
    Authority { name: "Actalis", organisations: &["Actalis S.p.A."], reports: None, caa: "actalis.it" },
    Authority { name: "Amazon Trust Services", organisations: &["Amazon"], reports: None, caa: "amazon.com" },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_well_formed() {
        let is_name = |text: &str| {
            text.contains('.') && text.parse::<crate::address::Host>().is_ok_and(|host| host.as_str() == text)
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
        assert_eq!(of(&Issuer::read("C=US, O=Let's Encrypt, CN=YE1")).unwrap().caa, "letsencrypt.org");
        assert_eq!(of(&Issuer::read("C=US, O=DigiCert, Inc., CN=x")).unwrap().name, "DigiCert");
        for other in ["C=US, O=Lets Encrypt, CN=R11", "O=Let's Encrypt, O=Evil", "CN=O\\=Let's Encrypt", ""] {
            assert_eq!(of(&Issuer::read(other)), None, "{other}");
        }
    }
}
