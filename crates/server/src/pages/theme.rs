//! Colours of the theme: parsed strictly, completed for light and dark, and held to the contrasts of WCAG 2.2 AA.

use super::config::{ColorScheme, Theme};
use anyhow::{Result, bail, ensure};
use std::fmt::{self, Write as _};

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    pub const WHITE: Self = Self::rgb(255, 255, 255);
    pub const BLACK: Self = Self::rgb(0, 0, 0);

    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// `#rgb` or `#rrggbb`; nothing else of CSS, since the text goes into a style sheet.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')?
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        match *digits.as_slice() {
            [r, g, b] => Some(Self::rgb(r * 17, g * 17, b * 17)),
            [r1, r2, g1, g2, b1, b2] => Some(Self::rgb(r1 * 16 + r2, g1 * 16 + g2, b1 * 16 + b2)),
            _ => None,
        }
    }

    /// `share` percent of `other`, the rest of `self`.
    #[must_use]
    pub fn mixed(self, other: Self, share: u8) -> Self {
        let share = u32::from(share.min(100));
        let mix = |own: u8, others: u8| {
            let sum = u32::from(own) * (100 - share) + u32::from(others) * share;
            u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX)
        };
        Self::rgb(mix(self.red, other.red), mix(self.green, other.green), mix(self.blue, other.blue))
    }

    /// The contrast ratio of WCAG 2.2 §1.4.3, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (own, others) = (self.luminance(), other.luminance());
        (own.max(others) + 0.05) / (own.min(others) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// `self`, moved towards `pole` only as far as needed to reach `ratio` against every one of `grounds`.
    fn readable(self, pole: Self, grounds: &[Self], ratio: f64) -> Self {
        (0..=100)
            .step_by(4)
            .map(|share| self.mixed(pole, share))
            .find(|colour| grounds.iter().all(|ground| colour.contrast(*ground) >= ratio))
            .unwrap_or(pole)
    }

    /// As bright as it gets with its hue: for a dark ground, where a pale version of it would look washed out.
    fn brightened(self, percent: u32) -> Self {
        let scaled = |channel: u8| u8::try_from((u32::from(channel) * percent / 100).min(255)).unwrap_or(u8::MAX);
        Self::rgb(scaled(self.red), scaled(self.green), scaled(self.blue))
    }

    /// Black or white, whichever is read better on `self`.
    fn ink(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::rgb(0x0b, 0x0d, 0x0c) }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// One of the two sets: everything `style.css` takes from the theme, as `--name: value;`.
fn palette(accent: Colour, background: Colour, surface: Colour, text: Colour) -> Result<String> {
    let dark = surface.luminance() < text.luminance();
    let contrast = text.contrast(surface).min(text.contrast(background));
    if contrast < 7.0 {
        bail!(
            "theme: text {text} on surface {surface} and background {background} has contrast {contrast:.1}, less than 7"
        );
    }
    let grounds = [surface, background];
    let pole = if dark { Colour::WHITE } else { Colour::BLACK };
    // A filled button must stand out from the card (WCAG 2.2 §1.4.11).
    let fill = accent.readable(pole, &[surface], 3.0);
    let ink = fill.ink();
    let hover = fill.mixed(if ink == Colour::WHITE { Colour::BLACK } else { Colour::WHITE }, 12);
    let tint = surface.mixed(fill, if dark { 16 } else { 8 });
    let link = accent.readable(pole, &[surface, background, tint], 4.5);
    let quiet = surface.mixed(text, if dark { 5 } else { 3 });
    let muted = text.mixed(surface, 34).readable(text, &[surface, background, quiet], 4.6);
    let (red, amber) = if dark {
        (Colour::rgb(0xff, 0x9b, 0x93), Colour::rgb(0xf0, 0xc0, 0x6a))
    } else {
        (Colour::rgb(0xb4, 0x23, 0x18), Colour::rgb(0x8a, 0x53, 0x00))
    };
    let strength = if dark { 12 } else { 7 };
    let danger_fill = Colour::rgb(0xc0, 0x2a, 0x1f);
    let mut css = String::new();
    for (name, colour) in [
        ("background", background),
        ("surface", surface),
        ("quiet", quiet),
        ("text", text),
        ("muted", muted),
        ("line", surface.mixed(text, if dark { 16 } else { 11 })),
        // The edge of a field is all that shows where it is (WCAG 2.2 §1.4.11).
        ("edge", surface.mixed(text, 30).readable(text, &grounds, 3.0)),
        ("accent", fill),
        ("accent-hover", hover),
        ("accent-ink", ink),
        ("accent-tint", tint),
        ("link", link),
        ("focus", accent.readable(pole, &grounds, 3.0)),
        ("danger", red.readable(pole, &[surface, background, surface.mixed(red, strength)], 4.5)),
        ("danger-tint", surface.mixed(red, strength)),
        ("danger-line", surface.mixed(red, 34)),
        ("danger-fill", danger_fill),
        ("danger-fill-hover", danger_fill.mixed(Colour::BLACK, 14)),
        ("warning", amber.readable(pole, &[surface, surface.mixed(amber, strength)], 4.5)),
        ("warning-tint", surface.mixed(amber, strength)),
        ("warning-line", surface.mixed(amber, 34)),
    ] {
        write!(css, "--{name}:{colour};")?;
    }
    let shadow = if dark {
        "0 0 0 1px rgba(255,255,255,.07),0 1px 2px rgba(0,0,0,.4),0 16px 40px -12px rgba(0,0,0,.55)"
    } else {
        "0 0 0 1px rgba(20,24,22,.06),0 1px 2px rgba(20,24,22,.05),0 18px 44px -18px rgba(20,24,22,.18)"
    };
    write!(css, "--shadow:{shadow};color-scheme:{};", if dark { "dark" } else { "light" })?;
    Ok(css)
}

/// The style sheet `theme.css`: custom properties only.
pub(super) fn style_sheet(theme: &Theme) -> Result<String> {
    ensure!(theme.radius <= 64, "theme: radius is at most 64, not {}", theme.radius);
    let font_is_plain = theme.font.chars().all(|c| c.is_alphanumeric() || " ,-_\"'".contains(c));
    ensure!(font_is_plain && !theme.font.is_empty(), "theme: font may hold letters, digits, spaces, quotes and commas");
    let paired = |quote: char| theme.font.matches(quote).count().is_multiple_of(2);
    ensure!(paired('"') && paired('\''), "theme: font has an unpaired quote");
    let light = palette(theme.accent, theme.background, theme.surface, theme.text)?;
    let accent_dark = theme.accent_dark.unwrap_or_else(|| {
        let grounds = [theme.surface_dark, theme.background_dark];
        let brightest = 23_000 / u32::from(theme.accent.red.max(theme.accent.green).max(theme.accent.blue).max(1));
        let bright = (100..=brightest).step_by(10).map(|percent| theme.accent.brightened(percent));
        let reaches = |colour: &Colour| grounds.iter().all(|ground| colour.contrast(*ground) >= 6.0);
        bright.clone().find(reaches).or(bright.last()).unwrap_or(theme.accent).readable(Colour::WHITE, &grounds, 5.0)
    });
    let dark = palette(accent_dark, theme.background_dark, theme.surface_dark, theme.text_dark)?;
    let shape = format!(
        "--radius:{}px;--radius-small:{}px;--font:{};",
        theme.radius,
        (u16::from(theme.radius) * 5).div_ceil(8),
        theme.font
    );
    Ok(match theme.color_scheme {
        ColorScheme::Light => format!(":root{{{light}{shape}}}\n"),
        ColorScheme::Dark => format!(":root{{{dark}{shape}}}\n"),
        ColorScheme::Auto => {
            format!(":root{{{light}{shape}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hex_colours_are_taken() {
        assert_eq!(Colour::parse("#1f5c4a"), Some(Colour::rgb(0x1f, 0x5c, 0x4a)));
        assert_eq!(Colour::parse("#fa0"), Some(Colour::rgb(0xff, 0xaa, 0x00)));
        for text in ["red", "1f5c4a", "#1f5c4", "#12345g", "#000;}body{display:none", "", "#"] {
            assert_eq!(Colour::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((Colour::WHITE.contrast(Colour::BLACK) - 21.0).abs() < 0.01);
        assert!((Colour::rgb(0x76, 0x76, 0x76).contrast(Colour::WHITE) - 4.54).abs() < 0.01);
    }

    /// Reads `--name:#rrggbb` out of a set.
    fn token(css: &str, name: &str) -> Colour {
        let start = css.find(&format!("--{name}:")).unwrap() + name.len() + 3;
        Colour::parse(&css[start..start + 7]).unwrap()
    }

    #[test]
    fn any_accent_ends_in_readable_text() {
        let theme = Theme::default();
        for accent in ["#ffff00", "#000000", "#ffffff", "#ff0000", "#808080", "#635bff", "#00ff88", "#1f5c4a"] {
            let accent = Colour::parse(accent).unwrap();
            for css in [
                palette(accent, theme.background, theme.surface, theme.text).unwrap(),
                palette(accent, theme.background_dark, theme.surface_dark, theme.text_dark).unwrap(),
            ] {
                let ratio = |a: &str, b: &str| token(&css, a).contrast(token(&css, b));
                for (a, b, least) in [
                    ("accent-ink", "accent", 4.5),
                    ("accent-ink", "accent-hover", 4.5),
                    ("link", "surface", 4.5),
                    ("link", "background", 4.5),
                    ("link", "accent-tint", 4.5),
                    ("muted", "surface", 4.5),
                    ("muted", "background", 4.5),
                    ("muted", "quiet", 4.5),
                    ("danger", "danger-tint", 4.5),
                    ("warning", "warning-tint", 4.5),
                    ("edge", "surface", 3.0),
                    ("focus", "surface", 3.0),
                    ("accent", "surface", 3.0),
                ] {
                    assert!(ratio(a, b) >= least, "{accent}: {a} on {b} is {:.2}", ratio(a, b));
                }
                assert!(token(&css, "danger-fill").contrast(Colour::WHITE) >= 4.5);
            }
        }
    }

    #[test]
    fn unreadable_text_and_css_in_the_font_are_refused() {
        let pale = Theme { text: Colour::rgb(0xaa, 0xaa, 0xaa), ..Theme::default() };
        assert!(style_sheet(&pale).unwrap_err().to_string().contains("contrast"));
        for font in ["x;}body{display:none}", "url(https://e.test)", "", "\"Inter, sans-serif"] {
            assert!(style_sheet(&Theme { font: font.to_owned(), ..Theme::default() }).is_err(), "{font:?}");
        }
        assert!(style_sheet(&Theme { radius: 65, ..Theme::default() }).is_err());
    }
}
