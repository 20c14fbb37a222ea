//! `lab-home FOLDER [HOST]`: the home, its impostors, its neighbours and the public world (logs,
//! monitors, the list of logs) for tests in real browsers. With a HOST, the public world is there
//! over TLS; otherwise over plain HTTP. It says in JSON where they are, and then does what it is
//! told line by line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use doorlight_lab::control::Control;
use doorlight_lab::scenario::Lab;
use time::OffsetDateTime;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: lab-home FOLDER [HOST]");
        return ExitCode::from(64);
    };
    let host = std::env::args().nth(2);
    let lab = Lab::new(OffsetDateTime::now_utc());
    let served = Control::start(lab, &folder, host.as_deref()).and_then(|(control, hello)| {
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
