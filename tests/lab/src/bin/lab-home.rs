//! `lab-home FOLDER`: the home, its impostors and its neighbours for tests in real browsers. It says in JSON where they are, and then does what it is told line by line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use doorlight_lab::control::Control;
use doorlight_lab::scenario::Lab;
use time::OffsetDateTime;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: lab-home FOLDER");
        return ExitCode::from(64);
    };
    let served = Control::start(Lab::new(OffsetDateTime::now_utc()), &folder).and_then(|(control, hello)| {
        let mut output = std::io::stdout();
        writeln!(output, "{hello}")?;
        output.flush()?;
        control.obey(std::io::stdin().lock(), output)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-home: {error}");
            ExitCode::FAILURE
        }
    }
}
