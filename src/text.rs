//! Text that somebody else wrote, made safe to show.
//!
//! Names in certificates and in lists of logs are chosen by whoever made them (attacker A16).
//! Terminal escapes, bidirectional overrides and invisible characters would let such a name pass
//! for another, so every string that enters the core from outside goes through [`printable`]. HTML
//! is not the core's business: pages set text, never markup.

/// The longest text that is kept of one field, in characters.
pub const MAX_CHARS: usize = 256;

/// `text` with every character that does not show as itself written as `\u{…}`, and cut to
/// [`MAX_CHARS`] characters as they are written then (a cut is marked with `…`).
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_CHARS));
    let mut left = MAX_CHARS;
    for c in text.chars() {
        let is_plain = shows_as_itself(c);
        let length = if is_plain { 1 } else { c.escape_unicode().len() };
        let Some(rest) = left.checked_sub(length) else {
            out.push('…');
            break;
        };
        left = rest;
        if is_plain {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// `text` without what nobody sees in it. White space stays.
pub fn visible(text: &str) -> String {
    text.chars().filter(|c| c.is_whitespace() || shows_as_itself(*c)).collect()
}

/// False for controls, for bidirectional formatting and for characters of no width.
pub fn shows_as_itself(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_written_out() {
        assert_eq!(printable("Let's Encrypt"), "Let's Encrypt");
        assert_eq!(printable("Főtanúsítvány"), "Főtanúsítvány");
        assert_eq!(printable("a\u{1b}[31m\n"), "a\\u{1b}[31m\\u{a}");
        assert_eq!(printable("moc.\u{202e}evil"), "moc.\\u{202e}evil");
        assert_eq!(printable("na\u{200b}bu"), "na\\u{200b}bu");
        assert_eq!(printable(&"x".repeat(10_000)).chars().count(), MAX_CHARS + 1);
        for hostile in ["\u{1b}", "\u{202e}", "x\u{e0001}"] {
            let once = printable(&hostile.repeat(10_000));
            assert!(once.chars().count() <= MAX_CHARS + 1 && once.ends_with('…'), "{once}");
            assert_eq!(printable(&once), once);
        }
    }
}
