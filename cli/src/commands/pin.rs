//! `doorlight pin`: what is known of the user's addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use doorlight::address::Address;
use doorlight::site::pins::Pins;
use doorlight::site::{KeyHabit, Origin, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Evidence, Outcome};
use doorlight::verdict::examination::Conclusion;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight::x509::fingerprint::{Fingerprint, SpkiSha256};

use crate::commands::check;
use crate::commands::log_list;
use crate::failure::Failure;
use crate::io::input;
use crate::io::output;
use crate::io::store;
use crate::judge;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Pin an address.
    Add(AddArguments),
    /// Show what is kept.
    List,
    /// Forget one key of an address, or the whole address.
    Remove {
        /// The address.
        address: String,
        /// The key (SHA-256 of the SubjectPublicKeyInfo); everything about the address if not
        /// given.
        key: Option<String>,
    },
    /// Print everything that is kept as one JSON file.
    Export,
    /// Take over everything from an export; nothing that is kept is lost.
    Import {
        /// The export.
        file: PathBuf,
    },
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("how").required(true).args(["fingerprint", "key", "chain", "accept"])))]
pub(crate) struct AddArguments {
    /// The address, as https://host[:port] or host[:port].
    address: String,
    /// The certificate's fingerprint as your home shows it: SHA-1 or SHA-256, in any notation. Its
    /// key is pinned when it is first seen.
    fingerprint: Option<String>,
    /// The key's fingerprint: SHA-256 of the SubjectPublicKeyInfo, in hex or base64.
    #[arg(long, value_name = "PIN")]
    key: Option<String>,
    /// A certificate in PEM or DER whose key to pin.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Pin the key that the address presents now. Do this at home, or compare the fingerprint
    /// first.
    #[arg(long)]
    accept: bool,
    /// With --accept: connect here instead of where the name leads.
    #[arg(long, value_name = "IP:PORT", requires = "accept")]
    connect: Option<SocketAddr>,
    /// With --accept: further roots to trust.
    #[arg(long, value_name = "FILE", requires = "accept")]
    roots: Vec<PathBuf>,
    /// The home keeps its key at renewals (as Home Assistant Cloud does): another key is an alarm.
    #[arg(long)]
    keeps_key: bool,
    /// The home changes its key at renewals (as certbot and Caddy do): another key at the right
    /// time is a question.
    #[arg(long, conflicts_with = "keeps_key")]
    rotates_keys: bool,
}

pub(crate) fn run(action: Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Add(arguments) => add(&arguments)?,
        Action::List => output::answer(&list(&store::load()?))?,
        Action::Remove { address, key } => remove(&input::address(&address)?, key.as_deref())?,
        Action::Export => output::answer(&store::load()?.to_json())?,
        Action::Import { file } => {
            let imported = input::pins(&file)?;
            let count = imported.sites().len();
            store::update(|pins| pins.merge(imported))?;
            output::answer(&format!("{count} addresses taken over\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(arguments: &AddArguments) -> Result<(), Failure> {
    let address = input::address(&arguments.address)?;
    let at = input::time(None)?;
    let what = What::read(arguments, &address, at)?;
    let record = store::update(|pins| {
        let site = pins.site_mut(&address);
        if arguments.keeps_key {
            site.key_habit = KeyHabit::Keeps;
        }
        if arguments.rotates_keys {
            site.key_habit = KeyHabit::Rotates;
        }
        match what {
            What::Entered(fingerprint) => site.enter(fingerprint, at),
            What::Key(key) => site.pin(key, Origin::Entered, at),
            What::Certificate(leaf, origin) => site.accept(&leaf, origin, at),
        }
        site.clone()
    })?;
    output::answer(&describe(&record))
}

/// What to pin.
enum What {
    Entered(Fingerprint),
    Key(SpkiSha256),
    Certificate(Box<Certificate>, Origin),
}

impl What {
    fn read(arguments: &AddArguments, address: &Address, at: Timestamp) -> Result<Self, Failure> {
        let no_fingerprint = |error| Failure::usage("fingerprint", error);
        if let Some(text) = &arguments.fingerprint {
            return text.parse().map(Self::Entered).map_err(no_fingerprint);
        }
        if let Some(text) = &arguments.key {
            return SpkiSha256::parse(text).map(Self::Key).map_err(no_fingerprint);
        }
        if let Some(file) = &arguments.chain {
            let chain = Chain::from_bundle(&input::certificates(file)?)
                .map_err(|error| Failure::from(error).in_file(file))?;
            return Ok(Self::Certificate(Box::new(chain.leaf().clone()), Origin::Entered));
        }
        let leaf = accepted(arguments, address, at)?;
        Ok(Self::Certificate(Box::new(leaf), Origin::Seen))
    }
}

/// The certificate that the address presents now, if nothing but the missing pin speaks against it.
fn accepted(
    arguments: &AddArguments,
    address: &Address,
    at: Timestamp,
) -> Result<Certificate, Failure> {
    let refuse = |report: doorlight::verdict::report::Report| {
        output::aside(report.to_text());
        Failure::input("not-accepted", "what was seen cannot be pinned")
    };
    let observation =
        check::look(address, arguments.connect, at).map_err(|report| refuse(*report))?;
    let setting =
        judge::Setting::new(input::roots(&arguments.roots)?, log_list::of_files(&[], &[])?);
    let kept = store::load()?;
    let Conclusion { report, .. } = setting.judge(&observation, check::site(Some(&kept), address));
    // What was read at home is not overruled by what is on the line.
    let is_acceptable = |one: &Evidence| {
        one.outcome != Outcome::Fail
            || (one.check == Check::Pin && one.code != Code::PinFingerprintMismatch)
    };
    let only_the_pin = report.evidence.iter().all(is_acceptable);
    if !only_the_pin || report.verdict == Verdict::Unchecked {
        return Err(refuse(report));
    }
    Ok(observation.chain.leaf().clone())
}

fn remove(address: &Address, key: Option<&str>) -> Result<(), Failure> {
    let at = input::time(None)?;
    let removed = match key {
        Some(key) => {
            let key =
                SpkiSha256::parse(key).map_err(|error| Failure::usage("fingerprint", error))?;
            store::update(|pins| {
                pins.site(address).is_some() && pins.site_mut(address).unpin(key, at)
            })?
        }
        None => store::update(|pins| pins.remove(address))?,
    };
    if removed { Ok(()) } else { Err(Failure::input("not-pinned", "nothing of the kind is kept")) }
}

fn list(pins: &Pins) -> String {
    pins.sites().iter().map(describe).collect()
}

fn describe(site: &SiteRecord) -> String {
    let habit = match site.key_habit {
        KeyHabit::Keeps => "keeps its key",
        KeyHabit::Rotates => "may change its key at a renewal",
    };
    let mut text = format!("{} ({habit})\n", site.address);
    for pin in &site.pins {
        let origin = match pin.origin {
            Origin::Home => "told by the home",
            Origin::Entered => "entered",
            Origin::Seen => "seen and accepted",
        };
        text += &format!("  key          {}  {origin}, {}\n", pin.spki_sha256, pin.added);
    }
    for one in &site.entered {
        text += &format!("  fingerprint  {}  entered, {}\n", one.fingerprint, one.added);
    }
    if let Some(word) = &site.home {
        let (told, until) = (word.last_told, word.not_after);
        text += &format!(
            "  home         {}  told by the home, {told}, until {until}\n",
            word.fingerprint
        );
    }
    if let Some(last) = site.seen.last() {
        text += &format!(
            "  last seen    {}  issued by {}, until {}\n",
            last.last_seen,
            doorlight::text::printable(&last.authority),
            last.not_after
        );
    }
    text
}
