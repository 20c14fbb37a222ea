//! What a home says, or whoever answers in its place: messages one a line, after a byte that says
//! whether there is a token.
#![no_main]

use doorlight::home_assistant::advisory::Advisories;
use doorlight::home_assistant::check_up::CheckUp;
use doorlight::home_assistant::conversation::{Conversation, ConversationError, Step};
use doorlight::home_assistant::local::LocalAddress;
use doorlight::home_assistant::version::Version;
use doorlight::site::pins::Pins;
use doorlight::site::Heard;
use doorlight::time::Timestamp;
use doorlight_fuzz::{HOME, assert_safe_to_show};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "c2VjcmV0.c2VjcmV0.c2VjcmV0";

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = core::str::from_utf8(rest) else { return };
    let token = (first & 1 == 1).then(|| TOKEN.parse().expect("it is a token"));
    let has_token = token.is_some();
    let mut conversation = Conversation::new(token);
    let (mut said, mut ended) = (0, None);
    for message in text.split('\n') {
        let result = conversation.hear(message);
        assert!(!format!("{result:?} {conversation:?}").contains(TOKEN) || message.contains(TOKEN));
        match result {
            Ok(Step::Say(text)) => said += usize::from(text.contains(TOKEN)),
            Ok(Step::Wait) => {}
            Ok(Step::Done(report)) => ended = Some(Ok(report)),
            Err(error) => ended = Some(Err(error)),
        }
        if ended.is_some() {
            break;
        }
    }
    assert!(said <= usize::from(has_token), "the token was said twice");
    let at = Timestamp::from_secs(1_795_000_000);
    let asked: LocalAddress = "homeassistant.local".parse().expect("it is local");
    let table = Advisories::shipped().expect("the shipped table is whole");
    let check_up = match ended {
        None => return,
        Some(Err(error)) => {
            assert!(!error.code().is_empty());
            assert_safe_to_show(&error.to_string());
            let check_up = CheckUp::failed(at, None, asked, &conversation, &error, &table);
            assert_eq!(conversation.hear("{}"), Err(ConversationError::Over));
            check_up
        }
        Some(Ok(report)) => {
            assert!(has_token || (report.cloud.is_none() && report.account.is_none()));
            let mut pins = Pins::default();
            let site = pins.site_mut(&"home.example".parse().expect("it is an address"));
            let word = site.hear(&report, at);
            match &word {
                Ok(Heard::Nothing(_)) | Err(_) => assert_eq!(site.home, None),
                Ok(_) => {
                    let told = site.home.as_ref().expect("it was kept");
                    assert!(told.names.contains(&site.address.host));
                    // What nobody told is not confirmed.
                    assert!(told.fingerprint != HOME.sha1());
                }
            }
            assert_eq!(Pins::from_json(pins.to_json().as_bytes()).as_ref(), Ok(&pins));
            CheckUp::new(at, None, asked, &report, Some(&word), &table)
        }
    };
    assert_safe_to_show(&check_up.to_text());
    assert_eq!(CheckUp::from_json(check_up.to_json().as_bytes()).as_ref(), Ok(&check_up));
    if let Some(version) = check_up.version {
        assert_eq!(version.to_string().parse::<Version>().as_ref(), Ok(&version));
        assert!(version.released() < version.unsupported_since());
    }
});
