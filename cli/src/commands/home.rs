//! `doorlight home`: asks a Home Assistant in the local network what it holds, and how it is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use doorlight::address::Address;
use doorlight::home_assistant::advisory::{Advisories, MAX_TABLE};
use doorlight::home_assistant::check_up::CheckUp;
use doorlight::home_assistant::conversation::{Conversation, HomeReport, MAX_TOKEN, Token};
use doorlight::home_assistant::local::{LocalAddress, Scheme};
use doorlight::site::{Heard, OtherHome, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::x509::fingerprint::Fingerprint;

use crate::commands::check;
use crate::failure::Failure;
use crate::io::input;
use crate::io::output;
use crate::io::store;
use crate::io::websocket::{self, Trust, Unheard};

#[derive(Args)]
pub(crate) struct HomeArguments {
    /// The home's address in the local network, as homeassistant.local:8123,
    /// http://192.168.1.5:8123 or https://…
    address: String,
    /// A file that holds a long-lived access token, best of an account that is no administrator and
    /// may log in from the local network only. Without it the home tells its version and no more.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The remote address that this is the home of: what it tells of its certificate is kept with
    /// the pins, and its key counts from then on.
    #[arg(long, value_name = "HOST", requires = "token_file")]
    r#for: Option<String>,
    /// The token is of another account than the one before, or the home was set up anew. Without
    /// this the word of another account is refused: away from home somebody may answer in the
    /// home's place.
    #[arg(long, requires = "for")]
    other_account: bool,
    /// Connect here instead of where the name leads; a local address as well.
    #[arg(long, value_name = "IP:PORT")]
    connect: Option<SocketAddr>,
    /// With https://: the fingerprint of the certificate that the home presents in the local
    /// network, instead of one that browsers trust.
    #[arg(long, value_name = "FINGERPRINT")]
    certificate: Option<Fingerprint>,
    /// With https://: further roots to trust, besides Mozilla's.
    #[arg(long, value_name = "FILE", conflicts_with = "certificate")]
    roots: Vec<PathBuf>,
    /// A newer table of advisories than the one that comes with Doorlight.
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &HomeArguments) -> Result<ExitCode, Failure> {
    let at = input::time(None)?;
    let table = table(arguments.advisories.as_deref(), at)?;
    let guarded = arguments.r#for.as_deref().map(input::address).transpose()?;
    let asked: LocalAddress = arguments.address.parse().map_err(usage)?;
    let asked = match &guarded {
        Some(guarded) => asked.beside(&guarded.host).map_err(usage)?,
        None => asked,
    };
    if asked.scheme == Scheme::Http
        && (arguments.certificate.is_some() || !arguments.roots.is_empty())
    {
        let message = "--certificate and --roots are for https://: over http anybody in the network can answer, and reads the token";
        return Err(Failure::usage("certificate-without-https", message));
    }
    let token = arguments.token_file.as_deref().map(token).transpose()?;
    let trust = match arguments.certificate {
        Some(fingerprint) => Trust::Exactly(fingerprint),
        None => Trust::Roots(certificates(&arguments.roots)?),
    };
    let host = guarded.as_ref().map(|address| address.host.clone());
    let mut conversation = Conversation::new(token);
    let mut unsaved = None;
    let check_up = match websocket::converse(&mut conversation, &asked, arguments.connect, trust) {
        Ok(report) => {
            let word = guarded
                .as_ref()
                .map(|guarded| keep(guarded, &report, arguments.other_account, at))
                .transpose();
            let word = word.unwrap_or_else(|failure| {
                unsaved = Some(failure);
                None
            });
            CheckUp::new(at, host, asked, &report, word.as_ref(), &table)
        }
        Err(Unheard::Refused(failure)) => return Err(failure),
        Err(Unheard::Unreached(why)) => CheckUp::not_reached(at, host, asked, &why, &table),
        Err(Unheard::Failed(error)) => {
            CheckUp::failed(at, host, asked, &conversation, &error, &table)
        }
    };
    let text = if arguments.json { output::json_line(&check_up) } else { check_up.to_text() };
    let failures = output::answer(&text).err().into_iter().chain(unsaved);
    Ok(check::end(check::exit_code(check_up.verdict), check_up.verdict, failures))
}

fn usage(error: doorlight::home_assistant::local::LocalAddressError) -> Failure {
    Failure::usage(error.code(), error)
}

/// The table that comes along, or a newer one of a file.
fn table(file: Option<&Path>, now: Timestamp) -> Result<Advisories, Failure> {
    let shipped = Advisories::shipped()?;
    match file {
        Some(file) => shipped
            .renew(&input::read(file, MAX_TABLE)?, now)
            .map_err(|error| Failure::from(error).in_file(file)),
        None => Ok(shipped),
    }
}

/// From a file alone: what stands on a command line or in the environment can be read by others.
fn token(file: &Path) -> Result<Token, Failure> {
    let bytes = zeroize::Zeroizing::new(input::read(file, MAX_TOKEN + 64)?);
    warn_if_others_can_read(file);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    text.parse().map_err(|error: doorlight::home_assistant::conversation::InvalidToken| {
        Failure::input(error.code(), error).in_file(file)
    })
}

#[cfg(unix)]
fn warn_if_others_can_read(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let file = doorlight::text::printable(&file.display().to_string());
        output::note(&format!(
            "doorlight: {file} can be read by other users of this machine (chmod 600 mends that)\n"
        ));
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}

fn certificates(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    files
        .iter()
        .map(|file| input::certificates(file))
        .collect::<Result<Vec<_>, _>>()
        .map(|all| all.concat())
}

/// Keeps what the home told. No record is made where it told nothing, or of another address.
fn keep(
    guarded: &Address,
    report: &HomeReport,
    is_other_account: bool,
    at: Timestamp,
) -> Result<Result<Heard, OtherHome>, Failure> {
    store::update(|pins| {
        let mut site =
            pins.site(guarded).cloned().unwrap_or_else(|| SiteRecord::new(guarded.clone()));
        let heard = if is_other_account { site.meet(report, at) } else { site.hear(report, at) };
        let is_word = matches!(heard, Ok(Heard::First | Heard::Same | Heard::Other));
        match pins.known_mut(guarded) {
            Some(known) => *known = site,
            None if is_word => *pins.site_mut(guarded) = site,
            None => {}
        }
        heard
    })
}
