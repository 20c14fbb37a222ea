//! What else may answer at the home's address, for tests in real browsers: a home with new keys,
//! and hostile certificates that browsers accept.

use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType};

use crate::authority::{Authority, KeyShape, Scts, key};
use crate::scenario::{HOST, Lab, MARKUP, Scenario};
use crate::server::signing_key;

/// 1.3.6.1.5.5.7.1.1, authorityInfoAccess (RFC 5280 section 4.2.2.1).
const INFORMATION_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

/// 1.3.6.1.5.5.7.48.2, id-ad-caIssuers, in DER.
const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

impl Lab {
    /// The further ones. `issuer_url` is where the proxy's intermediate can be fetched, for the
    /// proxy that does not send it.
    pub fn further_scenarios(&self, issuer_url: &str) -> Vec<Scenario> {
        let scenarios = [self.good_variants(), self.rotating_home(), self.hostile(issuer_url)];
        scenarios.into_iter().flatten().collect()
    }

    /// The home's own key, sent in other ways.
    fn good_variants(&self) -> Vec<Scenario> {
        let good = |name, title, chain| Scenario {
            name,
            id: "good",
            title,
            chain,
            key: signing_key(&self.home_key),
            pinned: "trusted",
            first_sight: "attention",
            codes: &["pin-same-key"],
        };
        let logs = self.good_logs();
        let second = self.authority.issue(&self.order(20, Scts::From(&logs)), &self.home_key);
        let mut alone = self.authority.issue(&self.order(30, Scts::From(&logs)), &self.home_key);
        alone.truncate(1);
        vec![
            good("good-second", "another certificate of the home, same key", second),
            Scenario {
                pinned: "danger",
                first_sight: "danger",
                codes: &["path-unknown-issuer"],
                ..good("leaf-only", "the home's certificate without its intermediate", alone)
            },
        ]
    }

    /// A home that makes a new key at each renewal. With a pin of the *other* home's key all of
    /// these are new keys.
    fn rotating_home(&self) -> Vec<Scenario> {
        let keys = [(); 3].map(|()| key(KeyShape::P256));
        let logs = self.good_logs();
        let home = |name, title, authority: &Authority, age, key: &KeyPair| Scenario {
            name,
            id: "rotating",
            title,
            chain: authority.issue(&self.order(age, Scts::From(&logs)), key),
            key: signing_key(key),
            pinned: "danger",
            first_sight: "attention",
            codes: &["pin-new-key"],
        };
        let [first, second, third] = &keys;
        vec![
            home("rotating-old", "80 of 90 days old, first key", &self.authority, 80, first),
            home("rotating-new", "renewed when due, second key", &self.authority, 1, second),
            home(
                "rotating-new-other-ca",
                "renewed by another CA, second key",
                &self.other_authority,
                1,
                second,
            ),
            home("rotating-young", "20 of 90 days old, first key", &self.authority, 20, first),
            home("rotating-early", "another key long before it is due", &self.authority, 1, third),
        ]
    }

    /// A certificate for ten thousand names, short ones, so that it is just small enough to be
    /// read.
    pub fn ten_thousand_names(&self) -> Vec<Vec<u8>> {
        let digit = |n: u32| char::from_digit(n % 36, 36).unwrap_or('0');
        let name = |n: u32| [digit(n / 1296), digit(n / 36), digit(n)].iter().collect::<String>();
        self.authority.issue_changed(&self.order(2, Scts::None), &key(KeyShape::P256), |params| {
            params.subject_alt_names.extend((0..9_999).map(|n| dns(&name(n))));
        })
    }

    /// A proxy that hides its issuer, and what a rogue certificate may be full of. Each names the
    /// home first, so that browsers stop reading there.
    fn hostile(&self, issuer_url: &str) -> Vec<Scenario> {
        let thief = key(KeyShape::P256);
        let logs = self.good_logs();
        let logged = self.order(2, Scts::From(&logs));
        let unlogged = self.order(2, Scts::None);
        let rogue = |name, title, chain| Scenario {
            name,
            id: "A16",
            title,
            chain,
            key: signing_key(&thief),
            pinned: "danger",
            first_sight: "attention",
            codes: &["pin-new-key"],
        };
        let changed = |change: &dyn Fn(&mut CertificateParams)| {
            self.authority.issue_changed(&logged, &thief, |params| change(params))
        };

        let mut hidden = self.proxy.issue_changed(&unlogged, &thief, |params| {
            params.custom_extensions.push(issuer_address(issuer_url));
        });
        hidden.truncate(1);
        let markup = changed(&|params| {
            params.distinguished_name.push(DnType::OrganizationName, MARKUP);
            params
                .distinguished_name
                .push(DnType::CommonName, "<script>document.title='owned'</script>");
            for name in
                ["<svg/onload=alert(1)>", "\"><b>bold</b>", "javascript:alert(1)", "&lt;i&gt;"]
            {
                params.subject_alt_names.push(dns(&format!("{name}.ui.nabu.test")));
            }
        });
        let invisible = changed(&|params| {
            let organisation =
                "Home\u{202e}tset.uban.iu\u{202c}\u{200b}\u{2066} trusted\u{feff}\n\tline two\u{7}";
            params.distinguished_name.push(DnType::OrganizationName, organisation);
            params
                .distinguished_name
                .push(DnType::CommonName, format!("\u{200f}{HOST}\u{200d}\u{2028}\u{0}"));
        });
        let many_names = changed(&|params| {
            params
                .subject_alt_names
                .extend((0..1_999).map(|n| dns(&format!("n{n:04}.ui.nabu.test"))));
        });
        let strangers = (1..=9).flat_map(|n| {
            let stranger =
                Authority::new(&format!("Stranger {n}"), KeyShape::P256, KeyShape::P256, self.now);
            [stranger.intermediate, stranger.root]
        });
        let long_chain =
            self.authority.issue(&logged, &thief).into_iter().chain(strangers).collect();
        vec![
            Scenario {
                id: "A1",
                first_sight: "unchecked",
                ..rogue("proxy-hidden", "a proxy that hides its own issuer", hidden)
            },
            rogue("A16-markup", "markup in the subject and in names", markup),
            Scenario {
                first_sight: "danger",
                ..rogue(
                    "A16-markup-issuer",
                    "a proxy whose name is markup",
                    self.proxy_of_markup.issue(&unlogged, &thief),
                )
            },
            rogue("A16-invisible", "right-to-left and invisible characters", invisible),
            rogue("A16-many-names", "2,000 names", many_names),
            rogue("A16-long-chain", "a chain of 20 certificates", long_chain),
        ]
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

/// An authorityInfoAccess that names one address.
fn issuer_address(url: &str) -> CustomExtension {
    let element = |tag, value: &[u8]| {
        let length = u8::try_from(value.len())
            .ok()
            .filter(|length| *length < 0x80)
            .expect("a short address");
        [&[tag, length], value].concat()
    };
    let description = element(0x30, &[CA_ISSUERS, &element(0x86, url.as_bytes())].concat());
    CustomExtension::from_oid_content(INFORMATION_ACCESS, element(0x30, &description))
}
