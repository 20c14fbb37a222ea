//! What is kept of asking a home, from one start of the browser to the next.

use core::time::Duration;

use doorlight::home_assistant::check_up::{CheckUp, Override};
use doorlight::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};

use crate::trouble::Trouble;

/// A token whose answer was lost rests for so long: it may have been refused, and each refusal
/// counts as a failed login.
const REST: Duration = DAY;

/// On whose account a home is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// It was time to.
    Due,
    /// Somebody waits at the gate.
    Gate,
    /// The user wants to know now.
    ByHand,
    /// The user says that it was another home that refused the token.
    Again,
    /// The user has just handed the token in.
    Introduction,
}

impl Occasion {
    /// True where somebody has clicked for it.
    pub fn is_by_user(self) -> bool {
        !matches!(self, Self::Due | Self::Gate)
    }
}

/// What is kept of asking a home.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HomeState {
    /// When it was last tried.
    pub tried: Option<Timestamp>,
    /// When it last answered.
    pub answered: Option<Timestamp>,
    /// Why it did not, or why its word does not count.
    pub trouble: Option<Trouble>,
    /// What became of its token.
    pub token: TokenState,
    /// What it said about itself.
    pub check_up: Option<CheckUp>,
    /// The version that the owner lets pass, with what was known against it then.
    pub accepted_risk: Option<Override>,
}

/// What became of the token that the user handed in. The token itself is kept elsewhere: it may be
/// gone with the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// None was handed in, or the user took it away.
    #[default]
    None,
    /// It was handed in, and not refused so far.
    Good,
    /// It was said then, and there was no answer to it.
    Said(Timestamp),
    /// It was refused.
    Refused,
}

impl HomeState {
    /// True where the version is not to be reached from outside, whatever the owner says.
    pub fn is_insecure(&self) -> bool {
        self.check_up.as_ref().is_some_and(|check_up| check_up.blocks(None))
    }

    /// True where it keeps the gate shut: the owner does not let it pass, or did so before
    /// something new was known against it.
    pub fn is_blocked(&self) -> bool {
        self.check_up.as_ref().is_some_and(|check_up| check_up.blocks(self.accepted_risk.as_ref()))
    }
}

impl TokenState {
    /// True where the token may be sent at `at`.
    pub fn may_be_said(self, occasion: Occasion, at: Timestamp) -> bool {
        match self {
            Self::None | Self::Good => true,
            Self::Said(before) => occasion.is_by_user() || !rests(before, at),
            Self::Refused => matches!(occasion, Occasion::Again | Occasion::Introduction),
        }
    }

    /// Why the home cannot be asked for its certificate, where that is the token's fault.
    /// `is_known`: the home was asked with a token before.
    pub fn trouble(self, is_stored: bool, is_known: bool, at: Timestamp) -> Option<Trouble> {
        let code = match self {
            Self::None if is_stored || !is_known => return None,
            _ if !is_stored => "home-token-missing",
            Self::Refused => "home-token-refused",
            Self::Said(before) if rests(before, at) => "home-token-resting",
            _ => return None,
        };
        Some(Trouble { code: code.into(), detail: String::new() })
    }
}

/// True while a token that was said `before`, and not answered, is not said again by itself.
fn rests(before: Timestamp, at: Timestamp) -> bool {
    before <= at && at.since(before) < REST
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Occasion; 5] =
        [Occasion::Due, Occasion::Gate, Occasion::ByHand, Occasion::Again, Occasion::Introduction];

    #[test]
    fn a_refused_token_is_said_only_where_the_user_wants_it() {
        let at = Timestamp::from_secs(1_795_000_000);
        let said = |state: TokenState, at| ALL.map(|occasion| state.may_be_said(occasion, at));
        assert_eq!(said(TokenState::Good, at), [true; 5]);
        assert_eq!(said(TokenState::Refused, at), [false, false, false, true, true]);
        // One without an answer rests for a day, unless the user asks.
        let unanswered = TokenState::Said(at);
        assert_eq!(said(unanswered, at), [false, false, true, true, true]);
        let a_day_on = at.plus(DAY);
        assert_eq!(
            said(unanswered, a_day_on.minus(Duration::from_secs(1))),
            [false, false, true, true, true]
        );
        assert_eq!(said(unanswered, a_day_on), [true; 5]);
        // A clock that was set back does not make it rest for years.
        assert_eq!(said(unanswered, at.minus(DAY)), [true; 5]);
    }

    #[test]
    fn a_token_that_went_is_missed_and_one_that_never_was_is_not() {
        let at = Timestamp::from_secs(1_795_000_000);
        let code = |state: TokenState, is_stored, is_known| {
            state.trouble(is_stored, is_known, at).map(|trouble| trouble.code)
        };
        assert_eq!(code(TokenState::None, false, false), None);
        assert_eq!(code(TokenState::Good, true, true), None);
        // A home that is known was asked with one, whatever became of what was kept of that.
        assert_eq!(code(TokenState::None, false, true).as_deref(), Some("home-token-missing"));
        for state in [TokenState::Good, TokenState::Said(at), TokenState::Refused] {
            assert_eq!(code(state, false, false).as_deref(), Some("home-token-missing"));
        }
        assert_eq!(code(TokenState::Refused, true, true).as_deref(), Some("home-token-refused"));
        assert_eq!(code(TokenState::Said(at), true, true).as_deref(), Some("home-token-resting"));
        assert_eq!(code(TokenState::Said(at.minus(DAY)), true, true), None);
    }

    #[test]
    fn what_was_kept_by_an_older_version_is_read() {
        let old: HomeState =
            serde_json::from_str(r#"{"tried":"2026-11-22T12:00:00Z"}"#).expect("an older form");
        assert_eq!(old.token, TokenState::None);
    }
}
