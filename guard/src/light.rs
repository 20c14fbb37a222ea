//! The light in the toolbar: colour and sign.

use serde::{Deserialize, Serialize};

/// The colour of the light: the verdict, and what the verdict does not know of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// Checked and matching, now.
    Trusted,
    /// Nothing is wrong, and somebody should look.
    Attention,
    /// Something is wrong.
    Danger,
    /// It could not be told, or not yet.
    Unchecked,
    /// The user went past the gate.
    Exception,
    /// Nobody asked Doorlight to look here.
    NotGuarded,
}

impl Light {
    /// As it stands in file names, texts and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Attention => "attention",
            Self::Danger => "danger",
            Self::Unchecked => "unchecked",
            Self::Exception => "exception",
            Self::NotGuarded => "not-guarded",
        }
    }

    /// The sign that says the same as the colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Trusted => "✓",
            Self::Attention => "!",
            Self::Danger => "✕",
            Self::Unchecked => "?",
            Self::Exception => "↷",
            Self::NotGuarded => "",
        }
    }

    /// Behind the sign; white on each has a contrast of at least 4.5 to 1.
    pub fn color(self) -> &'static str {
        match self {
            Self::Trusted => "#1a7f37",
            Self::Attention => "#9a6700",
            Self::Danger => "#cf222e",
            Self::Unchecked => "#57606a",
            Self::Exception => "#8250df",
            Self::NotGuarded => "#57606a",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const ALL: [Light; 6] = [
        Light::Trusted,
        Light::Attention,
        Light::Danger,
        Light::Unchecked,
        Light::Exception,
        Light::NotGuarded,
    ];

    /// WCAG 2.2, relative luminance.
    fn luminance(color: &str) -> f64 {
        let part = |at: usize| {
            let value = u8::from_str_radix(color.get(at..at + 2).unwrap_or_default(), 16)
                .unwrap_or_default();
            let share = f64::from(value) / 255.0;
            if share <= 0.03928 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn colour_is_never_the_only_signal_and_always_readable() {
        let signs: BTreeSet<_> = ALL.iter().map(|light| light.sign()).collect();
        assert_eq!(signs.len(), ALL.len());
        for light in ALL {
            let contrast = 1.05 / (luminance(light.color()) + 0.05);
            assert!(contrast >= 4.5, "{light:?}: {contrast}");
            assert_eq!(serde_json::json!(light), light.as_str(), "one name everywhere");
        }
    }
}
