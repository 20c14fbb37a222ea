//! The real command line, run against the lab.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::authority::pem;
use crate::scenario::{HOST, Lab, Scenario};
use crate::server::Server;

/// A `doorlight` that knows the lab's roots and logs, and nothing of this machine's user.
pub struct Doorlight {
    program: PathBuf,
    folder: TempDir,
}

/// What came of a check.
pub struct Judged {
    /// The exit code.
    pub exit_code: i32,
    /// The report.
    pub report: Value,
}

impl Judged {
    /// The verdict.
    pub fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap_or("none")
    }

    /// The codes of the evidence.
    pub fn codes(&self) -> Vec<&str> {
        self.report["evidence"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["code"].as_str())
            .collect()
    }

    /// The codes that decided.
    pub fn decided_by(&self) -> Vec<&str> {
        self.report["decided_by"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }
}

impl Doorlight {
    /// Writes down what the lab has published. A world that is to be asked has to be started
    /// before, or its logs are not where the list says.
    pub fn new(program: &Path, lab: &Lab) -> Self {
        let folder = TempDir::new().expect("a folder for the lab");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("a file")
        };
        write("roots.pem", pem(&lab.roots()));
        write("log_list.json", lab.log_list());
        write("pins.json", lab.pins());
        Self { program: program.into(), folder }
    }

    /// A file of the lab.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with a configuration folder of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the program starts")
    }

    /// Starts a server that presents the scenario, and lets the program look at it.
    pub fn look_at(&self, scenario: &Scenario, is_pinned: bool) -> Judged {
        judged(&self.check(scenario, is_pinned, &["--json"]))
    }

    /// The same as a person would see it.
    pub fn describe(&self, scenario: &Scenario, is_pinned: bool) -> String {
        String::from_utf8_lossy(&self.check(scenario, is_pinned, &[]).stdout).into_owned()
    }

    fn check(&self, scenario: &Scenario, is_pinned: bool, more: &[&str]) -> Output {
        let server = Server::start(&scenario.chain, std::sync::Arc::clone(&scenario.key));
        let mut command = self.command();
        command.args(["check", &format!("https://{HOST}")]).args(more);
        command.args(["--connect", &server.address().to_string()]);
        command.arg("--roots").arg(self.file("roots.pem"));
        command.arg("--log-list").arg(self.file("log_list.json"));
        if is_pinned {
            command.arg("--site").arg(self.file("pins.json"));
        }
        command.output().expect("the program starts")
    }
}

/// Reads what `check --json` printed.
pub fn judged(output: &Output) -> Judged {
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Judged { exit_code: output.status.code().unwrap_or(-1), report }
}
