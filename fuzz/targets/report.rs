//! A report that somebody exported, or made up.
#![no_main]

use doorlight::report::Report;
use doorlight_fuzz::assert_safe_to_show;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let report = match Report::from_json(data) {
        Ok(report) => report,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let json = report.to_json();
    assert!(!json.contains('\n'), "one line");
    let again = Report::from_json(json.as_bytes()).expect("a report of our own");
    assert_eq!(again, report);
    assert_eq!(again.to_json(), json);
    let text = report.to_text();
    assert_safe_to_show(&text);
    assert!(text.starts_with(doorlight::report::headline(report.verdict)));
});
