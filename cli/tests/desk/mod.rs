//! A desk with the command line and the lab's files on it.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::Path;
use std::process::Output;

use doorlight_lab::cli::Doorlight;
use doorlight_lab::scenario::{HOST, Lab, Scenario};
use serde_json::Value;
use time::OffsetDateTime;

/// The program, the lab, and what it knows of it.
pub struct Desk {
    pub lab: Lab,
    pub doorlight: Doorlight,
    pub scenarios: Vec<Scenario>,
}

impl Desk {
    pub fn new() -> Self {
        let lab = Lab::new(OffsetDateTime::now_utc());
        let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
        let scenarios = lab.scenarios();
        Self { lab, doorlight, scenarios }
    }

    /// The first whose title has this in it.
    pub fn scenario(&self, title: &str) -> &Scenario {
        self.scenarios.iter().find(|one| one.title.contains(title)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.doorlight.file(name), content).unwrap();
        self.path(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.doorlight.file(name).to_str().unwrap().to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.doorlight.run(arguments)
    }

    /// `check` of a chain file of the good home, with the lab's roots and logs.
    pub fn check_file(&self, chain: &str, more: &[&str]) -> Output {
        let (roots, list) = (self.path("roots.pem"), self.path("log_list.json"));
        let common = [
            "check",
            "--json",
            "--chain",
            chain,
            "--host",
            HOST,
            "--roots",
            &roots,
            "--log-list",
            &list,
        ];
        self.run(&[&common[..], more].concat())
    }
}

/// It ended with this exit code and said this code, in words or in JSON.
pub fn fails(output: &Output, exit_code: i32, code: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{stderr}");
    if output.stdout.is_empty() {
        assert!(stderr.contains(code), "no {code} in: {stderr}");
    } else {
        // With --json.
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["error"]["code"], code, "{said}");
        assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
    }
}
