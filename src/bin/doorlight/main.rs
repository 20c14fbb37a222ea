//! The command line: the same answer as the extension gives, for scripts and for experts.

mod batch;
mod check;
mod connect;
mod failure;
mod input;
mod pin;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks the certificate at your own remote address before you type a password there.
///
/// Exit codes: 0 trusted, 1 attention, 2 danger, 3 unchecked, 64 wrong usage, 65 unreadable input, 74 the pins could not be written. A
/// batch exits with 0 when every file could be read.
#[derive(Parser)]
#[command(name = "doorlight", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge a certificate: of an address (own TLS connection), of a file, or of every file in a folder.
    Check(check::Arguments),
    /// Keep and show what is known of your addresses.
    Pin {
        #[command(subcommand)]
        action: pin::Action,
    },
    /// Print the page of all codes, as it stands in docs/codes.md.
    #[command(hide = true)]
    Codes,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed the same way, and are no mistake.
            let is_mistake = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if is_mistake { failure::USAGE } else { 0 });
        }
    };
    let result = match cli.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Pin { action } => pin::run(action),
        Command::Codes => {
            print!("{}", doorlight::evidence::codes_page());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|failure| {
        eprintln!("doorlight: {failure}");
        ExitCode::from(failure.exit_code)
    })
}
