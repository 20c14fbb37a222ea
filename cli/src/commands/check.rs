//! `doorlight check`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use doorlight::address::Address;
use doorlight::site::Continuity;
use doorlight::site::pins::Pins;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::examination::{self, Conclusion, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::Report;
use doorlight::x509::chain::Chain;

use crate::commands::batch;
use crate::failure::Failure;
use crate::io::connect::{Presented, connect};
use crate::io::input;
use crate::io::output;
use crate::io::store;
use crate::judge::{JudgedBy, Setting, When};

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["address", "chain", "batch"])))]
pub(crate) struct Arguments {
    /// The address, as https://host[:port]: looked at over a TLS connection of our own.
    address: Option<String>,
    /// A certificate chain in PEM or DER instead.
    #[arg(long, value_name = "FILE", requires = "host")]
    chain: Option<PathBuf>,
    /// The host that the chain is for.
    #[arg(long, value_name = "NAME", conflicts_with = "address")]
    host: Option<String>,
    /// Every PEM file in a folder instead, one line of JSON for each.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["host", "site"])]
    batch: Option<PathBuf>,
    /// The time to judge by, as 2026-11-22T13:00:00Z; now if not given.
    #[arg(long, value_name = "RFC3339", conflicts_with = "address")]
    at: Option<String>,
    /// Judge each certificate by the time twelve hours after its first moment.
    #[arg(long, conflicts_with_all = ["at", "address"])]
    at_issue: bool,
    #[command(flatten)]
    judged_by: JudgedBy,
    /// An export of pins to use instead of the ones kept here.
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Connect here instead of where the name leads.
    #[arg(long, value_name = "IP:PORT", requires = "address")]
    connect: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let setting = arguments.judged_by.setting()?;
    let when = if arguments.at_issue {
        When::AtIssue
    } else {
        When::At(input::time(arguments.at.as_deref())?)
    };
    if let Some(folder) = &arguments.batch {
        return batch::run(folder, &setting, &when);
    }
    let (report, saved) = if let (Some(file), Some(host)) = (&arguments.chain, &arguments.host) {
        let chain = Chain::from_bundle(&input::certificates(file)?)
            .map_err(|error| Failure::from(error).in_file(file))?;
        let observation = Observation {
            address: input::address(host)?,
            at: when.of(chain.leaf()),
            chain,
            seen: Seen::File,
            possession: Possession::Unknown,
        };
        let kept = kept(arguments.site.as_deref())?;
        let site = known(&kept, &observation.address);
        (setting.judge(&observation, site).report, Ok(()))
    } else {
        let address = input::address(arguments.address.as_deref().unwrap_or_default())?;
        check_address(&arguments, &setting, &address)?
    };
    let text = if arguments.json { output::json_line(&report) } else { report.to_text() };
    let failures = output::answer(&text).err().into_iter().chain(saved.err());
    Ok(end(exit_code(report.verdict), report.verdict, failures))
}

/// The exit code; where something could not be kept or said, that is the end of what was trusted. A
/// warning is never held back for want of a place to write it down.
pub(crate) fn end(
    code: ExitCode,
    verdict: Verdict,
    failures: impl IntoIterator<Item = Failure>,
) -> ExitCode {
    let mut code = code;
    for failure in failures {
        output::warn(&failure);
        if verdict == Verdict::Trusted {
            code = ExitCode::from(failure.exit_code);
        }
    }
    code
}

/// The report, and whether what was learnt could be kept.
fn check_address(
    arguments: &Arguments,
    setting: &Setting,
    address: &Address,
) -> Result<(Report, Result<(), Failure>), Failure> {
    let at = input::time(None)?;
    let kept = kept(arguments.site.as_deref())?;
    let observation = match look(address, arguments.connect, at) {
        Ok(observation) => observation,
        Err(report) => return Ok((*report, Ok(()))),
    };
    let site = known(&kept, address);
    let Conclusion { report, continuity, .. } = setting.judge(&observation, site);
    let is_kept_here = arguments.site.is_none() && matches!(site, Site::Record(_));
    let mut saved = Ok(());
    if let (true, Some(continuity)) = (is_kept_here, continuity) {
        saved = remember(&observation, continuity, report.verdict);
    }
    Ok((report, saved))
}

/// Brings the kept record up to date.
pub(crate) fn remember(
    observation: &Observation,
    continuity: Continuity,
    verdict: Verdict,
) -> Result<(), Failure> {
    let (address, leaf) = (&observation.address, observation.chain.leaf());
    store::update(|pins| pins.site_mut(address).remember(leaf, continuity, verdict, observation.at))
}

/// What the address presents now, or the report that ends here.
pub(crate) fn look(
    address: &Address,
    at_socket: Option<SocketAddr>,
    at: Timestamp,
) -> Result<Observation, Box<Report>> {
    let Presented { chain, possession } = match connect(address, at_socket) {
        Ok(presented) => presented,
        Err(error) => {
            return Err(Box::new(examination::unseen(
                address,
                at,
                error.code(),
                &error.to_string(),
            )));
        }
    };
    match Chain::presented(&chain) {
        Ok(chain) => Ok(Observation {
            address: address.clone(),
            at,
            chain,
            seen: Seen::OwnProbe,
            possession,
        }),
        Err(error) => Err(Box::new(examination::unreadable(address, at, Seen::OwnProbe, error))),
    }
}

/// The pins that were handed in, or those kept here. What is kept and cannot be read is no reason
/// to judge nothing, and not the same as no pins either: [`known`] says so.
fn kept(handed_in: Option<&Path>) -> Result<Result<Pins, Failure>, Failure> {
    match handed_in {
        Some(file) => input::pins(file).map(Ok),
        None => Ok(store::load()),
    }
}

/// What they say of the address.
fn known<'a>(kept: &'a Result<Pins, Failure>, address: &Address) -> Site<'a> {
    match kept {
        Ok(pins) => site(Some(pins), address),
        Err(failure) => {
            output::warn(failure);
            Site::Unreadable
        }
    }
}

/// What `pins` say of the address.
pub(crate) fn site<'a>(pins: Option<&'a Pins>, address: &Address) -> Site<'a> {
    pins.and_then(|pins| pins.site(address)).map_or(Site::Unknown, Site::Record)
}

pub(crate) fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Trusted => 0,
        Verdict::Attention => 1,
        Verdict::Danger => 2,
        Verdict::Unchecked => 3,
    })
}
