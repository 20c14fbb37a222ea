//! What is known against versions of Home Assistant: the table that is shipped, or the user's own.

use doorlight::home_assistant::advisory::{Advisories, AdvisoryError};
use doorlight::time::Timestamp;

use crate::settings::Settings;
use crate::trouble::Trouble;

/// The table that counts at `now`, none where not even the shipped one can be read, and why the
/// user's own does not.
pub fn read(settings: &Settings, now: Timestamp) -> (Option<Advisories>, Option<Trouble>) {
    let own = settings.advisories.trim();
    let shipped = match Advisories::shipped() {
        Ok(shipped) if !own.is_empty() => shipped,
        shipped => return (shipped.ok(), None),
    };
    match shipped.renew(own.as_bytes(), now) {
        Ok(own) => (Some(own), None),
        // An update of the extension has brought a newer one.
        Err(AdvisoryError::Older { .. }) => (Some(shipped), None),
        Err(error) => {
            let code = "advisories-unreadable".into();
            (Some(shipped), Some(Trouble { code, detail: error.to_string() }))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use core::time::Duration;
    use doorlight::time::DAY;

    /// What cannot be read never takes the place of what is shipped, and has its code.
    #[test]
    fn what_cannot_be_read_is_named_and_judges_nothing() {
        let shipped = Advisories::shipped().unwrap();
        let at = shipped.published.plus(DAY).plus(Duration::from_secs(1));
        let dated = |published: Timestamp| {
            let mut table = serde_json::to_value(&shipped).unwrap();
            table["published"] = serde_json::json!(published);
            table.to_string()
        };
        let newer = shipped.published.plus(DAY);
        for (own, published, code) in [
            (String::new(), shipped.published, None),
            ("\t".into(), shipped.published, None),
            ("{".into(), shipped.published, Some("advisories-unreadable")),
            (dated(newer), newer, None),
            // An update of the extension has brought a newer one.
            (dated(shipped.published.minus(DAY)), shipped.published, None),
        ] {
            let settings = Settings { advisories: own.clone(), ..Settings::default() };
            let (table, trouble) = read(&settings, at);
            assert_eq!(trouble.as_ref().map(|one| one.code.as_str()), code, "{own:.40}");
            assert_eq!(table.unwrap().published, published, "{own:.40}");
        }
    }
}
