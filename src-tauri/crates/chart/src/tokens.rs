//! Colours: the same file the page reads, `ui/src/theme/tokens.json`.

use std::sync::OnceLock;

use serde::Deserialize;

const FILE: &str = include_str!("../../../../ui/src/theme/tokens.json");

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

impl Theme {
    /// Its colours.
    pub fn tokens(self) -> &'static Tokens {
        // The file is part of the program and a test reads it, so the fallback is never seen.
        static FILE_TOKENS: OnceLock<Both> = OnceLock::new();
        let both = FILE_TOKENS.get_or_init(|| serde_json::from_str(FILE).unwrap_or_default());
        match self {
            Theme::Dark => &both.dark,
            Theme::Light => &both.light,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Both {
    dark: Tokens,
    light: Tokens,
}

/// The colours of a theme by their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the token file")]
pub struct Tokens {
    pub bg: Rgba,
    pub pane: Rgba,
    pub card: Rgba,
    pub line: Rgba,
    pub text: Rgba,
    pub dim: Rgba,
    pub faint: Rgba,
    pub trace: Rgba,
    pub band: Rgba,
    pub hover: Rgba,
    pub crit: Rgba,
    pub warn: Rgba,
    pub info: Rgba,
    pub ok: Rgba,
}

/// Red, green, blue and opacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rgba(pub [u8; 4]);

impl TryFrom<String> for Rgba {
    type Error = String;

    /// From `#rrggbb` or `#rrggbbaa`.
    fn try_from(text: String) -> Result<Rgba, String> {
        let wrong = || format!("not a colour: {text}");
        let digits = text.strip_prefix('#').filter(|digits| matches!(digits.len(), 6 | 8));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or_else(wrong)?;
        let number = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
        Ok(Rgba(if digits.len() == 8 { number } else { number << 8 | 0xFF }.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_file_has_every_colour_of_both_themes() {
        let both: Both = serde_json::from_str(FILE).unwrap();
        assert_eq!(both.dark.card, Rgba([0x1f, 0x24, 0x2a, 0xff]));
        assert_eq!(both.light.band, Rgba([0, 0, 0, 0x10]));
        assert_eq!(Theme::Light.tokens(), &both.light);
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        for text in ["", "#", "123456", "#12345", "#12345g", "#+12345", "red"] {
            assert!(Rgba::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
