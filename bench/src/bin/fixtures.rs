//! `fixtures DIR`: makes the chains, the logs and the forgeries that every contender of the bench
//! reads.
//!
//! | file | holds |
//! |---|---|
//! | `host`, `at` | what is asked for, and when (milliseconds since 1970) |
//! | `roots.pem`, `logs.json`, `logs.conf` | whom to believe; the logs as a v3 list and as OpenSSL reads them |
//! | `SHAPE/root.der`, `issuer.der`, `issuer.spki` | the certificate authority |
//! | `SHAPE/plain.der`, `leaf.der` | the server's certificate, without and with three true SCTs |
//! | `SHAPE/plain-flipped.der`, `leaf-flipped.der` | the same with one bit of the CA's signature flipped |
//! | `SHAPE/sct-flipped.der` | `leaf.der` with one bit of the last SCT's signature flipped |
//! | `SHAPE/sct-forged.der` | signed by the CA, with the right logs' names and wrong signatures |
//! | `SHAPE/misnamed.der` | signed and logged, for another host |
//! | `SHAPE/pins.json` | the home's key |
//! | `SHAPE/checks.json` | the signatures of the verdict on `leaf.der`, ready for WebCrypto; those of the path come first |

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use doorlight::address::Address;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::ct::policy;
use doorlight::site::Origin;
use doorlight::site::pins::Pins;
use doorlight::time::Timestamp;
use doorlight::verdict::examination::{Examination, Knowledge, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use doorlight::x509::signature::{Algorithm, Curve, Hash, SignatureCheck};
use doorlight_lab::authority::{Authority, KeyShape, Order, Scts, key, pem, sct_list};
use doorlight_lab::log::{Log, log_list};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const HOST: &str = "a1b2c3d4.ui.nabu.test";

/// Name; keys of leaf, intermediate and root.
const SHAPES: [(&str, KeyShape, KeyShape, KeyShape); 3] = [
    ("private", KeyShape::P256, KeyShape::P256, KeyShape::P384),
    ("lets-encrypt", KeyShape::P256, KeyShape::P384, KeyShape::Rsa4096),
    ("rsa", KeyShape::Rsa2048, KeyShape::Rsa2048, KeyShape::Rsa4096),
];

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: fixtures DIR")?);
    let now = OffsetDateTime::now_utc();
    let at = Timestamp::from_millis(u64::try_from(now.unix_timestamp_nanos() / 1_000_000)?);
    let logs = [
        Log::new("Bench ECDSA", "One", KeyShape::P256),
        Log::tiled("Bench tiled", "Two", 0x01_0203_0405),
        Log::new("Bench RSA", "Three", KeyShape::Rsa2048),
    ];
    let since = now - Duration::days(300);
    let listed: Vec<_> = logs.iter().map(|log| (log, "usable", since)).collect();
    let log_list = log_list(now - Duration::days(1), &listed);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("host"), HOST)?;
    fs::write(dir.join("at"), at.millis().to_string())?;
    fs::write(dir.join("logs.json"), &log_list)?;
    fs::write(dir.join("logs.conf"), openssl_logs(&logs))?;

    let mut roots = Vec::new();
    for (name, leaf, intermediate, root) in SHAPES {
        let authority = Authority::new(&format!("Bench {name}"), root, intermediate, now);
        roots.push(authority.root.clone());
        let shape = Shape {
            dir: dir.join(name),
            authority,
            leaf,
            now,
            at,
            logs: &logs,
            log_list: &log_list,
        };
        shape.write()?;
    }
    fs::write(dir.join("roots.pem"), pem(&roots))?;
    Ok(())
}

struct Shape<'a> {
    dir: PathBuf,
    authority: Authority,
    leaf: KeyShape,
    now: OffsetDateTime,
    at: Timestamp,
    logs: &'a [Log],
    log_list: &'a str,
}

impl Shape<'_> {
    fn write(&self) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(&self.dir)?;
        let logs: Vec<&Log> = self.logs.iter().collect();
        let key = key(self.leaf);
        let issue = |name, scts| {
            let not_before = self.now - Duration::days(10);
            let order = Order {
                names: &[name],
                not_before,
                not_after: not_before + Duration::days(90),
                scts,
            };
            self.authority.issue(&order, &key).remove(0)
        };
        let invented =
            logs.iter().map(|log| log.invent(self.now - Duration::days(9))).collect::<Vec<_>>();
        let plain = issue(HOST, Scts::None);
        let leaf = issue(HOST, Scts::From(&logs));
        let certificate = Certificate::from_der(&leaf)?;
        let checks = self.checks(&leaf)?;
        let list = certificate.sct_list().ok_or("no SCTs")?;
        let list_at =
            leaf.windows(list.len()).position(|window| window == list).ok_or("no SCTs")?;

        self.file("root.der", &self.authority.root)?;
        self.file("issuer.der", &self.authority.intermediate)?;
        self.file("issuer.spki", &checks.first().ok_or("no signatures")?.spki()?)?;
        self.file("plain-flipped.der", &flipped(&plain, plain.len() - 1))?;
        self.file("plain.der", &plain)?;
        self.file("leaf-flipped.der", &flipped(&leaf, leaf.len() - 1))?;
        self.file("sct-flipped.der", &flipped(&leaf, list_at + list.len() - 1))?;
        self.file("leaf.der", &leaf)?;
        self.file("sct-forged.der", &issue(HOST, Scts::Forged(sct_list(&invented))))?;
        self.file("misnamed.der", &issue("other.ui.nabu.test", Scts::From(&logs)))?;
        let mut pins = Pins::default();
        pins.site_mut(&HOST.parse()?).pin(certificate.spki_sha256(), Origin::Home, self.at);
        self.file("pins.json", pins.to_json().as_bytes())?;
        let checks: Vec<Value> = checks.iter().map(for_webcrypto).collect::<Result<_, _>>()?;
        self.file("checks.json", Value::from(checks).to_string().as_bytes())?;
        Ok(())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        fs::write(Path::new(&self.dir).join(name), bytes)
    }

    /// What the verdict asks of the platform.
    fn checks(&self, leaf: &[u8]) -> Result<Vec<SignatureCheck>, Box<dyn Error>> {
        let mut roots = Roots::none();
        roots.add(std::slice::from_ref(&self.authority.root))?;
        let list = LogList::parse(self.log_list.as_bytes(), Provenance::Unsigned)?;
        let observation = Observation {
            address: HOST.parse::<Address>()?,
            at: self.at,
            chain: Chain::from_bundle(&[leaf.to_vec(), self.authority.intermediate.clone()])?,
            seen: Seen::File,
            possession: Possession::Unknown,
        };
        let knowledge = Knowledge {
            roots: &roots,
            log_lists: &LogLists::new(vec![list]),
            policy: &policy::CHROME,
            intermediates: &[],
            site: Site::Unknown,
            also_required: &[],
        };
        Ok(Examination::new(&observation, knowledge).checks())
    }
}

fn flipped(der: &[u8], at: usize) -> Vec<u8> {
    let mut der = der.to_vec();
    der[at] ^= 1;
    der
}

/// As `CTLOG_STORE_load_file` reads it.
fn openssl_logs(logs: &[Log]) -> String {
    let names: Vec<_> = (0..logs.len()).map(|n| format!("log{n}")).collect();
    let mut out = format!("enabled_logs = {}\n", names.join(","));
    for (name, log) in names.iter().zip(logs) {
        out += &format!(
            "[{name}]\ndescription = {}\nkey = {}\n",
            log.name,
            Base64::encode_string(&log.spki())
        );
    }
    out
}

fn for_webcrypto(check: &SignatureCheck) -> Result<Value, Box<dyn Error>> {
    let hash = |hash| match hash {
        Hash::Sha256 => "SHA-256",
        Hash::Sha384 => "SHA-384",
        Hash::Sha512 => "SHA-512",
    };
    let algorithm = match check.algorithm {
        Algorithm::RsaPkcs1(with) => json!({"name": "RSASSA-PKCS1-v1_5", "hash": hash(with)}),
        Algorithm::Ecdsa(Curve::P256, with) => {
            json!({"name": "ECDSA", "namedCurve": "P-256", "hash": hash(with)})
        }
        Algorithm::Ecdsa(Curve::P384, with) => {
            json!({"name": "ECDSA", "namedCurve": "P-384", "hash": hash(with)})
        }
        other => return Err(format!("no shape has {other:?}").into()),
    };
    let signature = check.ecdsa_raw_signature().unwrap_or_else(|| check.signature.clone());
    Ok(json!({
        "algorithm": algorithm,
        "spki": Base64::encode_string(&check.spki()?),
        "signature": Base64::encode_string(&signature),
        "message": Base64::encode_string(&check.message),
    }))
}
