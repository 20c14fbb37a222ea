//! `doorlight log-list`: the list of logs, fetched, verified and kept.
//!
//! Kept is what was fetched, byte for byte, with its signature, so that it is verified again at
//! each use: `doorlight/log_list.json` in the configuration folder. What cannot be verified is said
//! and left aside; the shipped list is always there.

use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use clap::{Args, Subcommand};
use doorlight::ct::log_list::renewal::{self, Fetched, MAX_FETCHED, PUBLISHER};
use doorlight::ct::log_list::{LogList, LogLists, MAX_LIST, Provenance, SHIPPED, StateKind};
use doorlight::text::printable;
use serde_json::json;

use crate::failure::Failure;
use crate::io::input;
use crate::io::network::{Network, PATIENCE};
use crate::io::output;
use crate::io::store;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Fetch the list and keep it, if it is signed and newer than the one held.
    ///
    /// The publisher (Google, unless --from names another) learns that somebody with your IP
    /// address takes the list of logs, and nothing of your addresses. Says nothing in cron where
    /// all is well.
    ///
    /// Exit codes: 0 taken over, or the one held is as new; 65 refused (log-list-signature,
    /// log-list-older, log-list-from-the-future, log-list-malformed, log-list-empty,
    /// log-list-too-large); 69 no answer to use (unreachable, timed-out, status, rate-limited); 74
    /// not written. The list that is held stays.
    Update(UpdateArguments),
    /// Show the list that is used now: its version, age, where it is from, and its logs.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct UpdateArguments {
    /// Where the list is, ending in .json; its signature is asked for under the same address with
    /// .sig.
    #[arg(long, value_name = "URL", default_value = PUBLISHER)]
    from: String,
    /// The key that the list has to be signed by, in PEM or DER, instead of the publisher's.
    #[arg(long, value_name = "FILE", requires = "from")]
    key: Option<PathBuf>,
    /// How long fetching may take as a whole.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE)]
    patience: u64,
}

/// The lists of the files, or the shipped one and the fetched one where there are none. Every
/// signature has to fit one of the lists.
pub(crate) fn of_files(lists: &[PathBuf], signatures: &[PathBuf]) -> Result<LogLists, Failure> {
    if lists.is_empty() {
        return at_hand();
    }
    let lists = lists
        .iter()
        .map(|path| input::read(path, MAX_LIST).map(|json| (path, json)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut is_signed = vec![false; lists.len()];
    for path in signatures {
        let signature = input::read(path, 4096)?;
        let fits = |json: &[u8]| {
            LogList::signature_check(json, &signature).is_some_and(|check| check.verify_natively())
        };
        match lists.iter().zip(&mut is_signed).find(|((_, json), _)| fits(json)) {
            Some((_, signed)) => *signed = true,
            None => {
                let message = "the signature is not by the pinned key over one of the lists";
                return Err(Failure::input("log-list-signature", message).in_file(path));
            }
        }
    }
    let read = |((path, json), signed): (&(&PathBuf, Vec<u8>), bool)| {
        let provenance = if signed { Provenance::Signed } else { Provenance::Unsigned };
        LogList::parse(json, provenance).map_err(|error| Failure::from(error).in_file(path))
    };
    lists.iter().zip(is_signed).map(read).collect::<Result<Vec<_>, _>>().map(LogLists::new)
}

fn path() -> Result<PathBuf, Failure> {
    Ok(store::folder()?.join("log_list.json"))
}

/// The one that is kept, verified again.
fn load() -> Result<Option<(Fetched, LogList)>, Failure> {
    let path = path()?;
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let bytes = input::read(&path, MAX_FETCHED)?;
    let held = Fetched::from_json(&bytes)
        .map_err(|error| Failure::input("log-list-held", error).in_file(&path))?;
    let is_signed = held.signature_check().is_some_and(|check| check.verify_natively());
    let list = held.read(is_signed).map_err(|error| Failure::from(error).in_file(&path))?;
    Ok(Some((held, list)))
}

/// The shipped list and the one that was fetched. Where that one cannot be used, it is said, and
/// the shipped one judges.
pub(crate) fn at_hand() -> Result<LogLists, Failure> {
    let mut lists = LogLists::shipped()?;
    match load() {
        Ok(held) => held.into_iter().for_each(|(_, list)| lists.push(list)),
        // Without a home folder nothing was ever kept.
        Err(failure) if failure.code == "no-home-folder" => {}
        Err(failure) => output::warn(&failure.and("the list that came with the program is used")),
    }
    Ok(lists)
}

pub(crate) fn run(action: Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Update(arguments) => update(&arguments)?,
        Action::Show { json } => show(json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn update(arguments: &UpdateArguments) -> Result<(), Failure> {
    let at = input::time(None)?;
    let key = arguments.key.as_deref().map(public_key).transpose()?;
    let network = Network::new(Duration::from_secs(arguments.patience), None);
    let path = path()?;
    let _lock = store::lock(&path)?;
    // One that cannot be verified any more is none, and is replaced.
    let held = load().ok().flatten();
    let shipped = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped)?;
    let newest =
        held.iter().map(|(_, list)| list).chain([&shipped]).filter_map(|list| list.timestamp).max();
    let (fetched, parsed) =
        pollster::block_on(renewal::renew(&network, &arguments.from, key.as_deref(), newest, at))?;
    let published = parsed.timestamp.unwrap_or(at);
    let is_same = held.is_some_and(|(held, _)| {
        held.list == fetched.list && held.key == fetched.key && held.from == fetched.from
    });
    if !is_same {
        let mut json = serde_json::to_string(&fetched).unwrap_or_default();
        json.push('\n');
        store::write(&path, json.as_bytes())?;
    }
    if std::io::stdout().is_terminal() {
        let what = if is_same { "is as new as it gets" } else { "taken over" };
        let (version, count) = (parsed.version, parsed.logs.len());
        output::answer(&format!("list {version} of {published}, {count} logs: {what}\n"))?;
    }
    Ok(())
}

fn public_key(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = input::read(path, MAX_LIST)?;
    renewal::public_key(&bytes).map_err(|error| Failure::from(error).in_file(path))
}

/// The list that judges now.
fn show(as_json: bool) -> Result<(), Failure> {
    let at = input::time(None)?;
    let lists = at_hand()?;
    let Some(list) = lists.judging(at) else {
        return Err(Failure::input(
            "log-list-from-the-future",
            "every list is from the future; is this machine's clock right?",
        ));
    };
    let held = load().ok().flatten().filter(|(_, held)| {
        held.timestamp == list.timestamp && list.provenance == Provenance::Signed
    });
    let held = held.map(|(held, _)| held);
    let published = list.timestamp.unwrap_or(at);
    let age = at.since(published).as_secs() / (24 * 60 * 60);
    let state = |log: &doorlight::ct::log_list::Log| log.state.map(|state| state.kind);
    if as_json {
        let logs: Vec<_> = list
            .logs
            .iter()
            .map(|log| {
                json!({
                    "description": log.description,
                    "operator": log.operator,
                    "log_id": Base64::encode_string(&log.id),
                    "state": state(log).map(StateKind::as_str),
                    "url": log.access.as_ref().map(doorlight::ct::log_list::Access::url),
                })
            })
            .collect();
        let shown = json!({
            "version": list.version,
            "published": published,
            "age_days": age,
            "provenance": list.provenance.as_str(),
            "from": held.as_ref().map(|held| printable(&held.from)),
            "fetched_at": held.as_ref().map(|held| held.fetched_at),
            "own_key": held.as_ref().is_some_and(|held| held.key.is_some()),
            "skipped": list.skipped,
            "logs": logs,
        });
        return output::answer(&output::json_line(&shown));
    }
    let mut text = format!("version     {}\n", list.version);
    text += &format!("published   {published}, {age} days ago\n");
    match &held {
        Some(held) => {
            let whose =
                if held.key.is_some() { "by the key that you named" } else { "by the pinned key" };
            let (at, from) = (held.fetched_at, printable(&held.from));
            text += &format!("provenance  signed {whose}; fetched {at} from {from}\n");
        }
        None => {
            let provenance = list.provenance.as_str();
            text += &format!("provenance  {provenance}: it came with the program\n");
        }
    }
    let (count, skipped) = (list.logs.len(), list.skipped);
    text += &format!("logs        {count}, {skipped} entries left out that make no sense\n");
    let mut logs: Vec<_> = list.logs.iter().collect();
    logs.sort_by_key(|log| (&log.operator, &log.description));
    let mut operator = None;
    for log in logs {
        if operator.replace(&log.operator) != Some(&log.operator) {
            text += &format!("\n{}\n", log.operator);
        }
        let state = state(log).map_or("no state", StateKind::as_str);
        text += &format!("  {state:<10}  {}\n", log.description);
    }
    output::answer(&text)
}
