//! The command line: the same answer as the extension gives, for scripts and for experts.

mod commands;
mod failure;
mod io;
mod judge;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{advisories, audit, check, home, log_list, pin};
use crate::failure::Failure;
use crate::io::output;

/// Checks the certificate at your own remote address before you type a password there.
///
/// Exit codes: 0 trusted, 1 attention, 2 danger, 3 unchecked, 4 an audit knows of a certificate
/// that is not yours, 64 wrong usage, 65 unreadable or refused input, 69 a list of logs could not
/// be fetched, 74 what was learnt could not be kept, or the answer not be written. A batch exits
/// with 0 when every file could be read. With --json, an error that stands in the place of the
/// answer is JSON too, with a stable code: {"error": {"code": …, "message": …}}.
#[derive(Parser)]
#[command(name = "doorlight", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge a certificate: of an address (own TLS connection), of a file, or of every file in a
    /// folder.
    Check(check::Arguments),
    /// Check an address, have the logs prove that they published its certificate, and ask the
    /// monitors who else has one for its name.
    ///
    /// Who learns what: the address, that somebody connects. The logs that the certificate names,
    /// which entry somebody looks for; of a tiled log only which 256 entries it is among. Cert
    /// Spotter (SSLMate) and crt.sh (Sectigo), that somebody asks for this name. All of them see
    /// your IP address. Each can be turned off: --no-logs, --no-cert-spotter, --no-crt-sh. Nothing
    /// of it is asked by `check`.
    ///
    /// A certificate with a key that is not yours is an alarm: told once, with what to do, and the
    /// exit code stays 4 till it has ended or is acknowledged. What was not answered is "not
    /// checked", with the reason, and never an alarm.
    ///
    /// Exit codes: 0 trusted, 1 attention, 2 danger (the connection itself), 4 a certificate that
    /// is not yours is known, 3 unchecked; 64, 65, 74 as elsewhere. With --due and nothing due: 0.
    Audit(Box<audit::AuditArguments>),
    /// Judge a certificate of a file, and have the logs prove that they published it.
    ///
    /// Without that proof it is unchecked. The logs that the certificate names learn which entry
    /// somebody looks for, and your IP address.
    ///
    /// Exit codes: as of `check`.
    Prove(audit::ProveArguments),
    /// Ask a Home Assistant in the local network which certificate it holds, and how it is.
    ///
    /// The version is told to everybody; the certificate, the second factor of the account and
    /// whether failed logins ban need a token. A refused token is not tried again: each try counts
    /// as a failed login. Only addresses of the local network are asked. Over plain http whoever
    /// controls that network can read the token and answer in the home's place: do it at home.
    ///
    /// Exit codes: 0 in order, 1 something asks for attention, 2 the version is too insecure to be
    /// reached from outside, 3 the home was not reached or refused the token; 64 also for an
    /// address that is not local, 65, 74 as elsewhere.
    Home(Box<home::HomeArguments>),
    /// Fetch the list of logs, or show it.
    LogList {
        #[command(subcommand)]
        action: log_list::Action,
    },
    /// Keep and show what is known of your addresses.
    Pin {
        #[command(subcommand)]
        action: pin::Action,
    },
    /// Bring the table of advisories up to date.
    #[command(hide = true)]
    Advisories(advisories::AdvisoriesArguments),
    /// Print the page of all codes, as it stands in docs/codes.md.
    #[command(hide = true)]
    Codes,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed the same way, and are no mistake.
            if !error.use_stderr() {
                let printed = error.print().map_err(Failure::output);
                return end(printed.map(|()| ExitCode::SUCCESS));
            }
            if output::is_json() {
                return end(Err(Failure::usage("usage", error.render())));
            }
            let _ = error.print();
            return ExitCode::from(failure::USAGE);
        }
    };
    let result = match cli.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Prove(arguments) => audit::prove(&arguments),
        Command::Home(arguments) => home::run(&arguments),
        Command::LogList { action } => log_list::run(action),
        Command::Pin { action } => pin::run(action),
        Command::Advisories(arguments) => advisories::run(&arguments),
        Command::Codes => {
            output::answer(&doorlight::verdict::evidence::codes_page()).map(|()| ExitCode::SUCCESS)
        }
    };
    end(result)
}

fn end(result: Result<ExitCode, Failure>) -> ExitCode {
    result.unwrap_or_else(|failure| {
        output::fail(&failure);
        ExitCode::from(failure.exit_code)
    })
}
