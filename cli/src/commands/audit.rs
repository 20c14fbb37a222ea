//! `doorlight audit` and `doorlight prove`: the check, deepened by what the logs prove and by what
//! the monitors know.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use doorlight::address::{Address, Host};
use doorlight::ct::heads::Heads;
use doorlight::ct::publication::{self, Promises};
use doorlight::issuances::authority::{self, Authority, REPORTING_LIST};
use doorlight::issuances::monitor::id::Monitor;
use doorlight::issuances::monitor::query::Query;
use doorlight::issuances::monitor::{Sources, cert_spotter, crt_sh, look_up};
use doorlight::issuances::timeline::{Labels, Timeline};
use doorlight::issuances::watch::{Alarm, Known, WatchRecord, particulars};
use doorlight::site::SiteRecord;
use doorlight::text::printable;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Evidence, Outcome};
use doorlight::verdict::examination::{Conclusion, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::{Added, Report};
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight_guard::prove::ask_logs;
use serde_json::{Value, json};

use crate::commands::check;
use crate::failure::Failure;
use crate::io::input;
use crate::io::memory::{Memory, Watch};
use crate::io::network::{Network, PATIENCE};
use crate::io::output;
use crate::io::store;
use crate::judge::{JudgedBy, Setting};

/// A certificate for the name is known whose key is not yours, and nobody acknowledged it.
const UNKNOWN_ISSUANCE: u8 = 4;

/// What judges, and how long the network may take.
#[derive(Args)]
pub(crate) struct Means {
    #[command(flatten)]
    judged_by: JudgedBy,
    /// An export of pins to use instead of the ones kept here. It is only read; what the audit
    /// remembers goes to FILE.audit.
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// How long the logs may take together, and after them the monitors.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE)]
    patience: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Means {
    fn setting(&self, proof: bool) -> Result<Setting, Failure> {
        let mut setting = self.judged_by.setting()?;
        if proof {
            setting.require.push(Check::Inclusion);
        }
        Ok(setting)
    }

    fn network(&self) -> Network {
        let tiles = store::cache_folder().map(|folder| folder.join("tiles"));
        Network::new(Duration::from_secs(self.patience), tiles)
    }
}

#[derive(Args)]
pub(crate) struct AuditArguments {
    /// The address, as host[:port] or https://host[:port].
    address: String,
    #[command(flatten)]
    means: Means,
    /// Connect here instead of where the name leads.
    #[arg(long, value_name = "IP:PORT")]
    connect: Option<SocketAddr>,
    /// Nothing is trusted unless every log proves that it published the certificate, or is within
    /// its time.
    #[arg(long)]
    require_proof: bool,
    /// Do nothing till a look at a monitor is due (once a day, sooner after a failure), and print
    /// only what has to be said. For cron, every hour.
    #[arg(long)]
    due: bool,
    /// Do not ask the logs.
    #[arg(long)]
    no_logs: bool,
    /// Do not ask crt.sh.
    #[arg(long)]
    no_crt_sh: bool,
    /// Do not ask Cert Spotter.
    #[arg(long)]
    no_cert_spotter: bool,
    /// Where crt.sh is.
    #[arg(long, value_name = "URL", default_value = crt_sh::BASE)]
    crt_sh: String,
    /// Where Cert Spotter is.
    #[arg(long, value_name = "URL", default_value = cert_spotter::BASE)]
    cert_spotter: String,
    /// Note that a certificate is all right, by the ID that its alarm shows, and look at nothing.
    #[arg(long, value_name = "ID", conflicts_with_all = ["due", "letter", "json"])]
    acknowledge: Vec<String>,
    /// Print a letter to the authority about a certificate, by the ID that its alarm shows, and
    /// look at nothing.
    #[arg(long, value_name = "ID", conflicts_with = "due")]
    letter: Option<String>,
}

impl AuditArguments {
    fn sources(&self) -> Sources<'_> {
        Sources {
            cert_spotter: (!self.no_cert_spotter).then_some(self.cert_spotter.as_str()),
            crt_sh: (!self.no_crt_sh).then_some(self.crt_sh.as_str()),
        }
    }

    /// The command by which this audit is asked about what it found.
    fn again(&self, address: &Address) -> String {
        match &self.means.site {
            Some(file) => {
                format!("doorlight audit {address} --site '{}'", printable(&file.to_string_lossy()))
            }
            None => format!("doorlight audit {address}"),
        }
    }
}

#[derive(Args)]
pub(crate) struct ProveArguments {
    /// A certificate chain in PEM or DER.
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// The host that the chain is for.
    #[arg(long, value_name = "NAME")]
    host: String,
    #[command(flatten)]
    means: Means,
}

/// What keeps coming to light while an audit goes on.
struct Findings {
    /// The connection, judged.
    judged: Report,
    /// What the logs and the monitors add to it.
    added: Added,
    /// What could not be kept or read: said at the end.
    failures: Vec<Failure>,
}

impl Findings {
    fn new(judged: Report, also_required: Vec<Check>, failures: Vec<Failure>) -> Self {
        Self { judged, added: Added { also_required, ..Added::default() }, failures }
    }

    /// Asks the logs, and remembers what they signed.
    fn publication(&mut self, means: &Means, memory: &Memory, promises: &Promises, at: Timestamp) {
        let network = means.network();
        let found = match memory.heads() {
            Ok(before) => {
                let asked = ask_logs(memory, &network, promises, &before, at);
                let (found, kept) = pollster::block_on(asked);
                self.failures.extend(kept.err());
                found
            }
            Err(failure) => {
                // What was seen before is there and cannot be read: nothing can be said of the
                // history.
                let nothing = Heads::default();
                let asked = publication::audit(&network, promises, &nothing, at);
                let mut found = pollster::block_on(asked);
                found
                    .evidence
                    .retain(|one| one.check != Check::Consistency || one.outcome == Outcome::Fail);
                let open = Evidence::new(Code::ConsistencyNotChecked).with("reason", failure.code);
                found.evidence.push(open);
                self.failures.push(failure);
                found
            }
        };
        self.added.evidence.extend(found.evidence);
        self.added.publication = found.reports;
    }

    fn report(&self) -> Report {
        self.judged.with(&self.added)
    }

    fn end(self, code: ExitCode, verdict: Verdict) -> ExitCode {
        check::end(code, verdict, self.failures)
    }
}

pub(crate) fn prove(arguments: &ProveArguments) -> Result<ExitCode, Failure> {
    let means = &arguments.means;
    let at = input::time(None)?;
    let setting = means.setting(true)?;
    let chain = Chain::from_bundle(&input::certificates(&arguments.chain)?)
        .map_err(|error| Failure::from(error).in_file(&arguments.chain))?;
    let address = input::address(&arguments.host)?;
    let kept = means.site.as_deref().map(input::pins).transpose()?;
    let memory = Memory::beside(means.site.as_deref())?;
    let observation =
        Observation { address, at, chain, seen: Seen::File, possession: Possession::Unknown };
    let site = check::site(kept.as_ref(), &observation.address);
    let Conclusion { report, promises, .. } = setting.judge(&observation, site);
    let mut findings = Findings::new(report, setting.require, Vec::new());
    findings.publication(means, &memory, &promises, at);
    let report = findings.report();
    let text = if means.json { output::json_line(&report) } else { report.to_text() };
    findings.failures.extend(output::answer(&text).err());
    let code = check::exit_code(report.verdict);
    Ok(findings.end(code, report.verdict))
}

pub(crate) fn run(arguments: &AuditArguments) -> Result<ExitCode, Failure> {
    let address = input::address(&arguments.address)?;
    let at = input::time(None)?;
    let means = &arguments.means;
    let memory = Memory::beside(means.site.as_deref())?;
    if let Some(id) = &arguments.letter {
        return letter(&memory, &address, id);
    }
    if !arguments.acknowledge.is_empty() {
        return acknowledge(&memory, &address, &arguments.acknowledge, at);
    }
    let sources = arguments.sources();
    let mut watch = memory.watch(&address);
    let record = watch.as_ref().ok().and_then(|watch| watch.record.as_ref());
    let due = match (arguments.due, record) {
        // The moment at which the watch began is as good a seed as any: each has another.
        (true, Some(record)) => record.due(&sources.monitors(), at, record.since.millis()),
        _ => sources.monitors(),
    };
    if arguments.due && due.is_empty() && !sources.monitors().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let setting = means.setting(arguments.require_proof)?;
    if watch.as_ref().is_ok_and(|watch| watch.record.is_none()) {
        output::note(&who_learns_what(&address, arguments));
    }

    let (mut findings, leaf, kept) = look(arguments, setting, &memory, &address, at)?;
    // What is said of other people's certificates does not make the connection's own light better
    // or worse than it is.
    let of_the_connection = findings.report().verdict;
    // A man in the middle must not choose which name the monitors are asked for.
    let trusted_leaf = leaf.as_ref().filter(|_| of_the_connection != Verdict::Danger);
    let mut alarms = Vec::new();
    match &mut watch {
        Ok(watch) => {
            let site = kept.unwrap_or_else(|| SiteRecord::new(address.clone()));
            alarms = ask_monitors(arguments, watch, (&site, trusted_leaf), &sources.only(&due), at);
            let record = watch.record.get_or_insert_with(|| WatchRecord::new(address.clone(), at));
            findings.added.evidence.extend(record.evidence(&sources.monitors(), at));
            findings.failures.extend(watch.keep().err());
        }
        Err(failure) => {
            let evidence = Evidence::new(Code::IssuancesNotChecked).with("reason", failure.code);
            findings.added.evidence.push(evidence);
        }
    }
    let record = match watch {
        Ok(watch) => Some(watch),
        Err(failure) => {
            findings.failures.push(failure);
            None
        }
    };
    tell(arguments, findings, record, &alarms, (leaf.as_ref(), of_the_connection), at)
}

/// The connection, judged, and what the logs prove. With it the leaf, and the record of the address
/// as it is after the look; none where nothing is known, or nothing can be read.
fn look(
    arguments: &AuditArguments,
    setting: Setting,
    memory: &Memory,
    address: &Address,
    at: Timestamp,
) -> Result<(Findings, Option<Certificate>, Option<SiteRecord>), Failure> {
    let means = &arguments.means;
    let mut failures = Vec::new();
    let kept = match &means.site {
        Some(file) => Some(input::pins(file)?),
        None => store::load().map_err(|failure| failures.push(failure)).ok(),
    };
    let site = match &kept {
        Some(pins) => check::site(Some(pins), address),
        None => Site::Unreadable,
    };
    let record =
        |site| if let Site::Record(record) = site { Some(SiteRecord::clone(record)) } else { None };
    let observation = match check::look(address, arguments.connect, at) {
        Ok(observation) => observation,
        Err(report) => {
            let findings = Findings::new(*report, setting.require, failures);
            return Ok((findings, None, record(site)));
        }
    };
    let Conclusion { report, continuity, promises, .. } = setting.judge(&observation, site);
    let mut findings = Findings::new(report, setting.require, failures);
    if !arguments.no_logs {
        findings.publication(means, memory, &promises, at);
    }
    let mut known = record(site);
    if let (Some(own), Some(continuity), None) = (&mut known, continuity, &means.site) {
        match check::remember(&observation, continuity, findings.report().verdict)
            .and_then(|()| store::load())
        {
            Ok(pins) => *own = pins.site(address).cloned().unwrap_or_else(|| own.clone()),
            Err(failure) => findings.failures.push(failure),
        }
    }
    Ok((findings, Some(observation.chain.leaf().clone()), known))
}

/// Asks the monitors of `sources` and puts what they know into the watch. Returns what has to be
/// told.
fn ask_monitors(
    arguments: &AuditArguments,
    watch: &mut Watch,
    (site, leaf): (&SiteRecord, Option<&Certificate>),
    sources: &Sources<'_>,
    at: Timestamp,
) -> Vec<Alarm> {
    let record = watch.record.get_or_insert_with(|| WatchRecord::new(site.address.clone(), at));
    let network = arguments.means.network();
    let query = Query::new(&record.address.host, leaf, record.asked.as_deref());
    record.asked = query.as_ref().map(|query| query.name().to_owned());
    let found = pollster::block_on(look_up(&network, query.as_ref(), sources, record.knows(site)));
    record.take_in(&found, site, at)
}

/// Prints, and only then notes that the alarms were told.
fn tell(
    arguments: &AuditArguments,
    mut findings: Findings,
    mut watch: Option<Watch>,
    alarms: &[Alarm],
    (leaf, of_the_connection): (Option<&Certificate>, Verdict),
    at: Timestamp,
) -> Result<ExitCode, Failure> {
    let report = &findings.report();
    let record = watch.as_ref().and_then(|watch| watch.record.as_ref());
    let text = if arguments.means.json {
        to_json(report, record, alarms)
    } else {
        let mut text = report.to_text();
        if let Some(record) = record {
            text += "\n";
            text += &Timeline::new(record, leaf, at).to_text(&Labels::ENGLISH);
        }
        let own = leaf.and_then(|leaf| authority::by_organisation(&leaf.issuer_organisation()));
        let again = arguments.again(&Address { host: report.host.clone(), port: report.port });
        alarms.iter().for_each(|alarm| text += &describe(&report.host, alarm, own, &again));
        let stands = |known: &&Known| {
            known.is_alarming(at) && alarms.iter().all(|alarm| alarm.id != known.id())
        };
        for known in record.iter().flat_map(|record| &record.issuances).filter(stands) {
            text += &remind(known, &again);
        }
        text
    };
    let is_stale = report.evidence.iter().any(|one| one.code == Code::IssuancesStale);
    let is_more_than_told = report.decided_by.iter().any(|code| *code != Code::IssuancesUnknown);
    let is_news =
        !alarms.is_empty() || is_stale || (report.verdict != Verdict::Trusted && is_more_than_told);
    let mut is_told = true;
    if is_news || !arguments.due {
        let told = output::answer(&text);
        is_told = told.is_ok();
        findings.failures.extend(told.err());
    }
    let alarming =
        record.is_some_and(|record| record.issuances.iter().any(|known| known.is_alarming(at)));
    // An alarm that nobody read is told again.
    if is_told
        && !alarms.is_empty()
        && let Some(watch) = &mut watch
        && let Some(record) = &mut watch.record
    {
        alarms.iter().for_each(|alarm| {
            record.told(&alarm.id, at);
        });
        findings.failures.extend(watch.keep().err());
    }
    drop(watch);
    let code = if alarming && of_the_connection != Verdict::Danger {
        ExitCode::from(UNKNOWN_ISSUANCE)
    } else {
        check::exit_code(report.verdict)
    };
    Ok(findings.end(code, report.verdict))
}

fn to_json(report: &Report, record: Option<&WatchRecord>, alarms: &[Alarm]) -> String {
    let issuance = |known: &Known| {
        let mut one = particulars(known);
        if let Value::Object(fields) = &mut one {
            fields.insert("told".into(), json!(known.told));
            fields.insert("acknowledged".into(), json!(known.acknowledged));
            fields.insert("last_seen".into(), json!(known.last_seen));
        }
        one
    };
    let issuances: Vec<_> =
        record.iter().flat_map(|record| &record.issuances).map(issuance).collect();
    let looks: Vec<_> = record
        .iter()
        .flat_map(|record| &record.looks)
        .map(|looks| json!({"monitor": looks.monitor, "last": looks.last, "last_whole": looks.last_whole, "reason": looks.reason}))
        .collect();
    let alarms: Vec<_> = alarms.iter().map(|alarm| &alarm.id).collect();
    let whole = json!({"schema": 1, "report": report, "issuances": issuances, "looks": looks, "alarms": alarms});
    output::json_line(&whole)
}

/// One alarm, with what to do. `own` is the authority of the certificate on the line, `again` the
/// command that this is.
fn describe(host: &Host, alarm: &Alarm, own: Option<&'static Authority>, again: &str) -> String {
    let issuance = &alarm.issuance;
    let mut text = format!(
        "\nALARM  A certificate for {host} was issued to a key that is not yours.\n  ID          {}\n  issuer      {}\n  valid       {} to {}\n",
        alarm.id,
        printable(&issuance.issuer.name),
        issuance.not_before,
        issuance.not_after
    );
    for serial in &issuance.serials {
        text += &format!("  serial      {serial}\n");
    }
    if let Some(key) = issuance.spki_sha256 {
        text += &format!("  key         {key}\n");
    }
    for name in issuance.names.iter().take(8) {
        text += &format!("  name        {}\n", printable(name));
    }
    text += "  What to do:\n";
    if alarm.may_be_renewal {
        text += "  - Your home changes its key at renewals and one is due: look there first whether this is its own.\n";
    }
    text += &format!("  - If it is yours: {again} --acknowledge {}\n", alarm.id);
    let whom = alarm.authority.and_then(|one| one.reports).unwrap_or(REPORTING_LIST);
    let who = alarm.authority.map_or("its authority", |one| one.name);
    text +=
        &format!("  - If not, ask {who} to revoke it ({whom}): {again} --letter {}\n", alarm.id);
    text += "  - Change the passwords of your DNS and hosting accounts: who gets such a certificate controlled one of them.\n";
    let own: Vec<_> = own.into_iter().collect();
    for record in authority::caa_records(host, &own) {
        text += &format!("  - Set a CAA record, so that no other authority may issue: {record}\n");
    }
    text
}

/// An alarm that was told before and still stands.
fn remind(known: &Known, again: &str) -> String {
    let told = known.told.map_or_else(String::new, |told| format!(" on {told}"));
    let id = known.id();
    format!(
        "\nStill not yours, told{told}: {id}\n  {again} --acknowledge {id}\n  {again} --letter {id}\n"
    )
}

/// Said before anything is asked for the first time.
fn who_learns_what(address: &Address, arguments: &AuditArguments) -> String {
    let host = &address.host;
    let sources = arguments.sources();
    let mut text = format!("The first audit of {address}. Who learns what, now and each time:\n");
    text += &format!("  {address}: that somebody connects; no request is sent\n");
    if !arguments.no_logs {
        text += "  the logs that the certificate names: which entry somebody looks for; of a tiled log only which 256 entries it is among, and the branches above (--no-logs)\n";
    }
    for monitor in sources.monitors() {
        let (base, flag) = match monitor {
            Monitor::CertSpotter => (sources.cert_spotter, "--no-cert-spotter"),
            Monitor::CrtSh => (sources.crt_sh, "--no-crt-sh"),
        };
        let base = printable(base.unwrap_or_default());
        text += &format!(
            "  {} ({base}): that somebody asks for {host}, or for the name above it where your certificate names that one alone ({flag})\n",
            monitor.name()
        );
    }
    text + "All of them see your IP address. Nobody else learns anything.\n"
}

fn no_such(address: &Address) -> Failure {
    Failure::input(
        "no-such-issuance",
        format!("no certificate with this ID is known for {address}"),
    )
}

fn letter(memory: &Memory, address: &Address, id: &str) -> Result<ExitCode, Failure> {
    let watch = memory.watch(address)?;
    let known =
        watch.record.iter().flat_map(|record| &record.issuances).find(|known| known.id() == id);
    let known = known.ok_or_else(|| no_such(address))?;
    let one = authority::of(&known.issuance.issuer);
    output::aside(format_args!(
        "To: {}\n",
        one.and_then(|one| one.reports).unwrap_or(REPORTING_LIST)
    ));
    output::answer(&authority::report_text(&address.host, &known.issuance))?;
    Ok(ExitCode::SUCCESS)
}

fn acknowledge(
    memory: &Memory,
    address: &Address,
    ids: &[String],
    at: Timestamp,
) -> Result<ExitCode, Failure> {
    let mut watch = memory.watch(address)?;
    let record = watch.record.as_mut().ok_or_else(|| no_such(address))?;
    // All of them or none.
    if !ids.iter().all(|id| record.acknowledge(id, at)) {
        return Err(no_such(address));
    }
    watch.keep()?;
    Ok(ExitCode::SUCCESS)
}
