use super::*;

const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhYmMifQ.c2lnbmF0dXJl-_";
const GREETING: &str = r#"{"type":"auth_required","ha_version":"2025.4.4"}"#;
const WELCOME: &str = r#"{"type":"auth_ok","ha_version":"2025.4.4"}"#;
const USER: &str = r#"{"id":1,"type":"result","success":true,"result":{"id":"5","name":"Doorlight","is_owner":false,"is_admin":false,
    "credentials":[{"auth_provider_type":"homeassistant","auth_provider_id":null}],
    "mfa_modules":[{"id":"totp","name":"Authenticator app","enabled":true}]}}"#;
const ADMIN: &str = r#"{"id":1,"type":"result","success":true,"result":{"name":null,"is_owner":true,"is_admin":true,"mfa_modules":[]}}"#;
const CLOUD: &str = r#"{"id":2,"type":"result","success":true,"result":{"logged_in":true,"cloud":"connected","http_use_ssl":false,"email":"a@b.c",
    "prefs":{"remote_enabled":true},"remote_domain":"ABC.ui.nabu.casa","remote_connected":true,"remote_certificate_status":"ready",
    "remote_certificate":{"common_name":"abc.ui.nabu.casa","expire_date":"2025-06-30T11:22:33+00:00",
        "fingerprint":"a9993e364706816aba3e25717850c26c9cd0d89d","alternative_names":["abc.ui.nabu.casa","ha.home.example"]},"new_field":[1]}}"#;
const LOGGED_OUT: &str = r#"{"id":2,"type":"result","success":true,"result":{"logged_in":false,"cloud":"disconnected","http_use_ssl":false}}"#;
const NO_CLOUD: &str = r#"{"id":2,"type":"result","success":false,"error":{"code":"unknown_command","message":"Unknown command."}}"#;
const HTTP: &str = r#"{"id":3,"type":"result","success":true,"result":{"stable":{"ip_ban_enabled":true,"login_attempts_threshold":5,"server_port":8123},
    "pending":null,"revert_at":null,"active_config_type":"stable","default":{"ip_ban_enabled":true,"login_attempts_threshold":-1}}}"#;

fn with_token() -> Conversation {
    Conversation::new(Some(TOKEN.parse::<Token>().unwrap()))
}

/// What is said to these messages, and how it ends.
fn told(
    mut conversation: Conversation,
    messages: &[&str],
) -> (Vec<String>, Result<Option<HomeReport>, ConversationError>) {
    let mut said = Vec::new();
    for message in messages {
        match conversation.hear(message) {
            Ok(Step::Say(text)) => said.push(text),
            Ok(Step::Wait) => {}
            Ok(Step::Done(report)) => return (said, Ok(Some(*report))),
            Err(error) => return (said, Err(error)),
        }
    }
    (said, Ok(None))
}

fn report(messages: &[&str]) -> HomeReport {
    told(with_token(), messages).1.unwrap().unwrap()
}

fn code(messages: &[&str]) -> &'static str {
    let (said, result) = told(with_token(), messages);
    let tokens = said.iter().filter(|text| text.contains(TOKEN)).count();
    assert!(tokens <= 1, "the token was said {tokens} times");
    result.map_or_else(|error| error.code(), |_| "no error")
}

#[test]
fn without_a_token_it_learns_the_version_and_says_nothing() {
    let (said, report) = told(Conversation::new(None), &[GREETING]);
    let report = report.unwrap().unwrap();
    assert!(said.is_empty());
    assert_eq!(report.version, "2025.4.4".parse().ok());
    assert_eq!((report.cloud, report.account, report.ban), (None, None, None));
}

#[test]
fn with_a_token_it_asks_what_is_needed_in_order() {
    let (said, result) = told(with_token(), &[GREETING, WELCOME, USER, CLOUD]);
    let report = result.unwrap().unwrap();
    assert_eq!(
        said,
        [
            format!(r#"{{"type":"auth","access_token":"{TOKEN}"}}"#),
            r#"{"id":1,"type":"auth/current_user"}"#.into(),
            r#"{"id":2,"type":"cloud/status"}"#.into()
        ]
    );
    let cloud = report.cloud.unwrap();
    assert!(cloud.logged_in && cloud.connected);
    assert_eq!(cloud.remote_domain.as_deref(), Some("abc.ui.nabu.casa"));
    assert_eq!(cloud.certificate_status.as_deref(), Some("ready"));
    let certificate = cloud.certificate.unwrap();
    assert_eq!(certificate.common_name, "abc.ui.nabu.casa");
    assert_eq!(certificate.names, ["abc.ui.nabu.casa", "ha.home.example"]);
    assert_eq!(certificate.not_after.to_string(), "2025-06-30T11:22:33Z");
    assert_eq!(certificate.fingerprint, CertificateSha1::of(b"abc"));
    let account = report.account.unwrap();
    assert_eq!(
        (account.name.as_str(), account.is_admin, account.is_owner),
        ("Doorlight", false, false)
    );
    assert_eq!(account.mfa, [SecondFactor { id: "totp".into(), enabled: true }]);
    assert_eq!(report.ban, None);
}

#[test]
fn an_administrator_is_asked_for_the_ban_and_nobody_else() {
    let (said, result) = told(with_token(), &[GREETING, WELCOME, ADMIN, CLOUD, HTTP]);
    assert_eq!(said.last().unwrap(), r#"{"id":3,"type":"http/config"}"#);
    let ban = result.unwrap().unwrap().ban.unwrap();
    assert_eq!((ban, ban.is_effective()), (Ban { enabled: true, threshold: 5 }, true));
    assert!(
        !Ban { enabled: true, threshold: -1 }.is_effective()
            && !Ban { enabled: true, threshold: 0 }.is_effective()
    );
    let default =
        HTTP.replace(r#""active_config_type":"stable""#, r#""active_config_type":"default""#);
    assert_eq!(
        report(&[GREETING, WELCOME, ADMIN, CLOUD, &default]).ban,
        Some(Ban { enabled: true, threshold: -1 })
    );
    for unreadable in [
        r#"{"id":3,"type":"result","success":false,"error":{"code":"unknown_command","message":"x"}}"#
            .to_owned(),
        r#"{"id":3,"type":"result","success":false,"error":{"code":"unauthorized","message":"x"}}"#
            .to_owned(),
        HTTP.replace("stable", "else"),
        HTTP.replace(r#""ip_ban_enabled":true"#, r#""ip_ban_enabled":1"#),
        HTTP.replace(r#""result":{"#, r#""result":[],"x":{"#),
        HTTP.replace(r#""active_config_type":"stable""#, r#""active_config_type":"pending""#),
    ] {
        assert_eq!(report(&[GREETING, WELCOME, ADMIN, CLOUD, &unreadable]).ban, None, "{unreadable}");
    }
}

#[test]
fn no_cloud_and_logged_out_are_no_errors() {
    assert_eq!(report(&[GREETING, WELCOME, USER, NO_CLOUD]).cloud, None);
    let cloud = report(&[GREETING, WELCOME, USER, LOGGED_OUT]).cloud.unwrap();
    assert_eq!((cloud.logged_in, cloud.connected, cloud.certificate), (false, false, None));
    let none = CLOUD.replace(r#""remote_certificate":{"#, r#""remote_certificate":null,"other":{"#);
    assert_eq!(report(&[GREETING, WELCOME, USER, &none]).cloud.unwrap().certificate, None);
    let out = CLOUD.replace(r#""logged_in":true"#, r#""logged_in":false"#);
    assert_eq!(
        report(&[GREETING, WELCOME, USER, &out]).cloud.unwrap().certificate,
        None,
        "logged out, it says nothing"
    );
    let refused = NO_CLOUD.replace("unknown_command", "unauthorized");
    assert_eq!(code(&[GREETING, WELCOME, USER, &refused]), "home-command-refused");
}

#[test]
fn a_version_in_no_known_form_is_unknown_and_no_error() {
    for greeting in [
        r#"{"type":"auth_required"}"#,
        r#"{"type":"auth_required","ha_version":null}"#,
        r#"{"type":"auth_required","ha_version":"<img src=x>\u202e"}"#,
    ] {
        let report = report(&[greeting, WELCOME, USER, CLOUD]);
        assert_eq!(report.version, None);
        assert_eq!(report.version_text, printable(&report.version_text));
    }
}

#[test]
fn one_refused_token_is_the_end() {
    let refused = r#"{"type":"auth_invalid","message":"Invalid access token or password"}"#;
    let mut conversation = with_token();
    assert!(matches!(conversation.hear(GREETING), Ok(Step::Say(_))));
    assert_eq!(conversation.hear(refused).unwrap_err().code(), "home-token-refused");
    for again in [GREETING, WELCOME, refused] {
        assert_eq!(
            conversation.hear(again),
            Err(ConversationError::Over),
            "nothing is said after it"
        );
    }
}

/// Every order of the messages but the right one is refused, and in none of them the token is said
/// twice.
#[test]
fn every_other_order_is_refused() {
    let right = [GREETING, WELCOME, USER, CLOUD];
    let strange = [
        r#"{"type":"auth_invalid","message":"x"}"#,
        r#"{"id":1,"type":"pong"}"#,
        r#"{"id":1,"type":"event","event":{}}"#,
        r#"{"id":9,"type":"result","success":true,"result":{}}"#,
        r#"{"type":"result","success":true,"result":{}}"#,
        NO_CLOUD,
        HTTP,
    ];
    for n in 0..right.len() {
        for other in right.iter().chain(&strange).filter(|other| **other != right[n]) {
            let messages = [&right[..n], &[*other]].concat();
            let allowed = n == 3 && *other == NO_CLOUD;
            assert_eq!(code(&messages) == "no error", allowed, "{messages:?}");
        }
    }
    assert_eq!(code(&[GREETING, WELCOME, CLOUD]), "home-unknown-id");
    assert_eq!(code(&[GREETING, WELCOME, r#"{"id":1,"type":"pong"}"#]), "home-out-of-order");
    assert_eq!(code(&[WELCOME]), "home-out-of-order");
}

#[test]
fn what_is_cut_short_is_refused() {
    for (n, message) in [GREETING, WELCOME, USER, CLOUD].into_iter().enumerate() {
        let before = &[GREETING, WELCOME, USER][..n];
        for (end, _) in message.char_indices() {
            assert_eq!(
                code(&[before, &[&message[..end]]].concat()),
                "home-message-malformed",
                "{n} {end}"
            );
        }
    }
}

#[test]
fn hostile_messages_end_it_with_a_code() {
    let deep =
        format!(r#"{{"type":"auth_required","x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"type":"auth_required","x":"{}"}}"#, "x".repeat(10 << 20));
    assert_eq!(
        code(&[deep.as_str()]),
        "no error",
        "what is passed over is passed over without a stack"
    );
    assert_eq!(
        code(&[GREETING, WELCOME, &USER.replace("\"5\"", &"[".repeat(500_000))]),
        "home-message-malformed"
    );
    let kind = format!(r#"{{"type":"{}\u001b[31m"}}"#, "x".repeat(100_000));
    for (message, expected) in [
        (long.as_str(), "home-message-too-large"),
        (&kind, "home-out-of-order"),
        ("", "home-message-malformed"),
        ("null", "home-message-malformed"),
        ("[]", "home-message-malformed"),
        (r#"["auth_required","2025.4.4",null,null,null,null,null]"#, "home-message-malformed"),
        ("{}", "home-message-malformed"),
        ("\u{0}", "home-message-malformed"),
        (r#"[{"type":"auth_required","ha_version":"2025.4.4"}]"#, "home-message-malformed"),
        (r#"{"type":"auth_required","ha_version":2025.4}"#, "home-message-malformed"),
        (r#"{"type":"auth_required","type":"auth_ok"}"#, "home-message-malformed"),
        (r#"{"type":["auth_required"]}"#, "home-message-malformed"),
    ] {
        let (said, result) = told(with_token(), &[message]);
        let error = result.unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(
            said.is_empty()
                && error.to_string().chars().count() < 1000
                && !error.to_string().contains('\u{1b}')
        );
    }
}

#[test]
fn answers_out_of_form_are_refused() {
    let fingerprint = "a9993e364706816aba3e25717850c26c9cd0d89d";
    for (from, to) in [
        (fingerprint, "a9993e36"),
        (fingerprint, "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D"),
        (fingerprint, "zz993e364706816aba3e25717850c26c9cd0d89d"),
        ("2025-06-30T11:22:33+00:00", "soon"),
        (r#""logged_in":true"#, r#""logged_in":"yes""#),
        (r#""success":true"#, r#""success":false"#),
        (r#""success":true,"#, ""),
        (r#""alternative_names":["#, r#""alternative_names":[1,"#),
    ] {
        assert_ne!(CLOUD, CLOUD.replace(from, to));
        assert_eq!(
            code(&[GREETING, WELCOME, USER, &CLOUD.replace(from, to)]),
            "home-answer-malformed",
            "{to}"
        );
    }
    let names = format!(r#""alternative_names":[{}"x","#, r#""x","#.repeat(MAX_NAMES));
    let many = CLOUD.replace(r#""alternative_names":["#, &names);
    assert_eq!(code(&[GREETING, WELCOME, USER, &many]), "home-answer-malformed");
    let naive = CLOUD.replace("+00:00", "");
    assert!(report(&[GREETING, WELCOME, USER, &naive]).cloud.unwrap().certificate.is_some());
    assert_eq!(
        code(&[GREETING, WELCOME, &USER.replace(r#""is_admin":false"#, r#""is_admin":null"#)]),
        "home-answer-malformed"
    );
}

#[test]
fn a_token_is_of_one_form_and_never_printed() {
    assert!(format!("  {TOKEN}\n").parse::<Token>().is_ok());
    for text in [
        "",
        "abc",
        "a.b",
        "a.b.c.d",
        "a..c",
        "a.b.c\"",
        "a.b.c d",
        "a.b.ü",
        "a.b.c\\",
        "Bearer a.b.c",
        &format!("a.b.{}", "c".repeat(MAX_TOKEN)),
    ] {
        assert_eq!(text.parse::<Token>().unwrap_err(), InvalidToken, "{text}");
    }
    let token = TOKEN.parse::<Token>().unwrap();
    let mut conversation = Conversation::new(Some(token.clone()));
    let printed =
        format!("{token:?} {conversation:?} {:?} {conversation:?}", conversation.hear(GREETING));
    assert!(!printed.contains("eyJ") && !printed.contains("c2ln"), "{printed}");
}
