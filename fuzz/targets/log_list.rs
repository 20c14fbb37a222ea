//! A list of logs, handed in by anybody. The first four bytes are the time of the look-ups, the
//! rest is the list.
#![no_main]

use doorlight::ct::log_list::{Log, LogList, LogLists, Provenance};
use doorlight::ct::policy::{CHROME, Promise};
use doorlight::x509::fingerprint::SpkiSha256;
use doorlight::time::{CLOCK_SKEW, Timestamp};
use doorlight_fuzz::{LOG_LISTS, assert_safe_to_show};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((seconds, json)) = data.split_first_chunk::<4>() else { return };
    let at = Timestamp::from_secs(u32::from_be_bytes(*seconds).into());
    let check = LogList::signature_check(json, seconds).expect("the pinned key is of use");
    assert_eq!(check.message, json);

    let list = match LogList::parse(json, Provenance::Unsigned) {
        Ok(list) => list,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    assert!(!list.logs.is_empty());
    assert_eq!(LogList::parse(&[b" \n", json].concat(), Provenance::Unsigned).as_ref(), Ok(&list));
    assert_safe_to_show(&list.version);
    for log in &list.logs {
        assert_eq!(log.id, *SpkiSha256::of(&log.spki).as_bytes(), "the ID is the hash of the key");
        for text in [&log.description, &log.operator] {
            assert_safe_to_show(text);
        }
        for (name, _) in &log.previous_operators {
            assert_safe_to_show(name);
        }
        let mut spans: Vec<_> = log.previous_operators.iter().map(|(name, end)| (*end, name)).collect();
        spans.sort_by_key(|(end, _)| *end);
        let then = spans.iter().find(|(end, _)| at < *end).map_or(&log.operator, |(_, name)| *name);
        assert_eq!(log.operator_at(at), then);
    }

    // Beside the shipped list, in either order: the newest that is not younger than the time
    // judges.
    let mut lists = LOG_LISTS.clone();
    lists.push(list.clone());
    for lists in [&lists, &LogLists::new(vec![list.clone()])] {
        let judge = lists.judging(at);
        if let Some(judge) = judge {
            let published = judge.timestamp.expect("a set of keys judges nothing");
            assert!(published <= at.plus(CLOCK_SKEW));
            let own = list.timestamp.filter(|own| *own <= at.plus(CLOCK_SKEW));
            assert!(own.is_none_or(|own| own <= published));
        }
        for log in &list.logs {
            let (found, is_listed) = lists.log(&log.id, at).expect("it is in one of them");
            assert_eq!(found.id, log.id);
            assert_eq!(is_listed, judge.is_some_and(|judge| judge.log(&log.id).is_some()));
            if !is_listed {
                assert!(judge.is_none_or(|judge| judge.logs.iter().all(|one| one.id != log.id)));
            }
        }
    }
    // As an examination does: a log that stands in the list twice, under two operators, is the
    // first of them.
    let first = |log: &Log| list.log(&log.id).expect("it is in the list");
    let promises: Vec<_> = list.logs.iter().map(|log| Promise { log: first(log), timestamp: at }).collect();
    let count = CHROME.count(at.since(Timestamp::from_secs(0)), &promises);
    assert!(count.operators <= count.logs && count.logs <= list.logs.len());
    assert!(!count.is_met() || list.timestamp.is_some() || list.logs.iter().any(|log| log.state.is_some()));
});
