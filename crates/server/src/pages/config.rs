//! How the pages look and where their texts come from: the part `pages` of the configuration.

use super::theme::Colour;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagesConfig {
    /// The name of the host app, as users know it; without it, the project's name is shown.
    pub name: Option<String>,
    /// Templates here take the place of ours by file name (`consent.html`); the rest stays ours.
    pub templates_dir: Option<PathBuf>,
    /// Texts here (`de.toml`) replace ours key by key, or add a language.
    pub locales_dir: Option<PathBuf>,
    /// The language when the browser asks for none that we have.
    pub default_locale: String,
    /// Where users find help; linked on the error page and in the footer.
    pub support_url: Option<String>,
    pub privacy_url: Option<String>,
    pub terms_url: Option<String>,
    pub theme: Theme,
}

impl Default for PagesConfig {
    fn default() -> Self {
        Self {
            name: None,
            templates_dir: None,
            locales_dir: None,
            default_locale: "en".to_owned(),
            support_url: None,
            privacy_url: None,
            terms_url: None,
            theme: Theme::default(),
        }
    }
}

/// The tokens of the look. Colours are `#rrggbb`; what is left out of the dark set is derived from the light one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Buttons, links, focus.
    pub accent: Colour,
    pub accent_dark: Option<Colour>,
    /// Behind the card.
    pub background: Colour,
    pub background_dark: Colour,
    /// The card.
    pub surface: Colour,
    pub surface_dark: Colour,
    pub text: Colour,
    pub text_dark: Colour,
    /// Corner radius of the card in pixels; buttons and fields follow. 0 to 64.
    pub radius: u8,
    /// A CSS font list of fonts that are on people's devices; nothing is loaded.
    pub font: String,
    /// A file (svg, png, jpg, webp) that we serve ourselves.
    pub logo: Option<PathBuf>,
    /// The logo on dark ground, if it differs.
    pub logo_dark: Option<PathBuf>,
    /// Follow the device, or always one of them.
    pub color_scheme: ColorScheme,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorScheme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            accent: Colour::rgb(0x1f, 0x5c, 0x4a),
            accent_dark: Some(Colour::rgb(0x6d, 0xc4, 0x9f)),
            background: Colour::rgb(0xf6, 0xf5, 0xf2),
            background_dark: Colour::rgb(0x10, 0x12, 0x11),
            surface: Colour::rgb(0xff, 0xff, 0xff),
            surface_dark: Colour::rgb(0x19, 0x1c, 0x1b),
            text: Colour::rgb(0x1a, 0x1c, 0x1b),
            text_dark: Colour::rgb(0xed, 0xef, 0xee),
            radius: 16,
            font: "ui-sans-serif, system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", \"Noto Sans\", \
                   Arial, sans-serif"
                .to_owned(),
            logo: None,
            logo_dark: None,
            color_scheme: ColorScheme::Auto,
        }
    }
}
