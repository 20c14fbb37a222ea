//! A report that somebody exported, or made up.
#![no_main]

use doorlight::verdict::report::Report;
use doorlight_fuzz::assert_safe_to_show;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let mut report = match Report::from_json(data) {
        Ok(report) => report,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for one in &mut report.evidence {
        one.detail.values_mut().for_each(drop_fractions);
    }
    let json = report.to_json();
    assert!(!json.contains('\n'), "one line");
    let again = Report::from_json(json.as_bytes()).expect("a report of our own");
    assert_eq!(again, report);
    assert_eq!(again.to_json(), json);
    let text = report.to_text();
    assert_safe_to_show(&text);
    assert!(text.starts_with(doorlight::verdict::report::headline(report.verdict)));
});

/// The core writes whole numbers only. Others, which serde_json reads to the last bit but one
/// unless it is built to do better, are no part of the promise.
fn drop_fractions(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(drop_fractions),
        Value::Object(members) => members.values_mut().for_each(drop_fractions),
        _ => {}
    }
}
