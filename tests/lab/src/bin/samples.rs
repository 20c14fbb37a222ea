//! `samples FOLDER`: the certificates that the web page has to try: a good one, its renewal with
//! the same key, and a man in the middle; with the root, the logs and the key of their own small
//! world, and the moment at which they are judged. `./build.sh renew samples`.

use std::path::PathBuf;
use std::process::ExitCode;

use doorlight_lab::authority::{Order, Scts, pem};
use doorlight_lab::scenario::{HOST, Lab};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: samples FOLDER");
        return ExitCode::from(64);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("samples: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> std::io::Result<()> {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let logs = lab.good_logs();
    let first = lab.now - Duration::days(65);
    let order = |not_before| Order {
        names: &[HOST],
        not_before,
        not_after: not_before + Duration::days(90),
        scts: Scts::From(&logs),
    };
    let good = lab.authority.issue(&order(first), &lab.home_key);
    let renewed = lab.authority.issue(&order(lab.now - Duration::days(2)), &lab.home_key);
    let scenarios = lab.scenarios();
    let proxy = scenarios
        .iter()
        .find(|one| one.name == "A1-root-sent")
        .map(|one| one.chain.clone())
        .unwrap_or_default();
    for (name, chain) in [("good", &good), ("renewed", &renewed), ("between", &proxy)] {
        std::fs::write(folder.join(format!("{name}.pem")), pem(chain))?;
    }
    std::fs::write(folder.join("root.pem"), pem(std::slice::from_ref(&lab.authority.root)))?;
    std::fs::write(folder.join("log_list.json"), lab.log_list() + "\n")?;
    std::fs::write(folder.join("pins.json"), lab.pins_at(HOST) + "\n")?;
    let at = lab.now.format(&Rfc3339).map_err(std::io::Error::other)?;
    std::fs::write(folder.join("world.json"), json!({"at": at, "host": HOST}).to_string() + "\n")
}
