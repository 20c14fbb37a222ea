//! `doorlight advisories`: the table of advisories brought up to date from answers of the Python
//! Package Index; for `./build.sh renew advisories`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorlight::home_assistant::advisory::pypi::{Learnt, MAX_RELEASE};
use doorlight::home_assistant::advisory::{Advisories, MAX_TABLE};

use crate::failure::Failure;
use crate::io::input;
use crate::io::output;
use crate::io::store;

#[derive(Args)]
pub(crate) struct AdvisoriesArguments {
    /// The table, which is written anew.
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// These are all releases that matter: the table is up to date afterwards.
    #[arg(long)]
    whole: bool,
    /// What the index tells of releases, one file each.
    #[arg(required = true, value_name = "FILE")]
    releases: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &AdvisoriesArguments) -> Result<ExitCode, Failure> {
    let now = input::time(None)?;
    let path = &arguments.table;
    let mut table = Advisories::parse(&input::read(path, MAX_TABLE)?)
        .map_err(|error| Failure::from(error).in_file(path))?;
    let mut known = 0;
    for file in &arguments.releases {
        let told = table
            .learn(&input::read(file, MAX_RELEASE)?, now)
            .map_err(|error| Failure::from(error).in_file(file))?;
        for one in told {
            let line = match one {
                Learnt::Known { .. } => {
                    known += 1;
                    continue;
                }
                Learnt::Added { id } => format!(
                    "added     {id}: look up its severity, its first version and a plain title\n"
                ),
                Learnt::Differs { id, version } => {
                    format!("differs   {id}: the index has it for {version}, the table has not\n")
                }
                Learnt::LeftOut { id } => format!("left out  {id}\n"),
            };
            output::answer(&line)?;
        }
    }
    if arguments.whole {
        table = table.as_of(now);
    }
    let json = table.to_json();
    Advisories::parse(json.as_bytes())?;
    store::write(path, json.as_bytes())?;
    output::answer(&format!(
        "{} releases read, {known} entries known already, the table is dated {}\n",
        arguments.releases.len(),
        table.published
    ))?;
    Ok(ExitCode::SUCCESS)
}
