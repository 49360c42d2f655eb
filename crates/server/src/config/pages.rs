//! `[pages]`: where texts and templates come from, and the look.

use super::{
    setting::{Setting, parse_word},
    source::{Raw, Source},
};
use crate::pages::ColorScheme;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Pages {
    /// Templates that replace ours, by file name.
    pub templates_dir: Option<PathBuf>,
    /// Texts that replace ours key by key, or add a language.
    pub locales_dir: Option<PathBuf>,
    /// The language when the browser asks for none that we have.
    pub locale: String,
    /// Linked at the foot of every page.
    pub support_url: Option<String>,
    pub privacy_url: Option<String>,
    pub terms_url: Option<String>,
    pub theme: Theme,
}

/// The look of our pages; whatever is `None` keeps the built-in look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// The product's name, as people know it.
    pub name: Option<String>,
    /// An image file (svg, png, jpg, webp) that we serve ourselves.
    pub logo: Option<PathBuf>,
    /// The logo on dark ground, if it differs.
    pub logo_dark: Option<PathBuf>,
    pub accent: Option<Color>,
    pub accent_dark: Option<Color>,
    pub background: Option<Color>,
    pub background_dark: Option<Color>,
    /// The card.
    pub surface: Option<Color>,
    pub surface_dark: Option<Color>,
    pub text: Option<Color>,
    pub text_dark: Option<Color>,
    /// Follow the device, or always light or dark.
    pub color_scheme: ColorScheme,
    /// Corner radius in CSS pixels, at most 32.
    pub radius: Option<u8>,
    /// A CSS font-family list.
    pub font: Option<String>,
}

/// `#rgb` or `#rrggbb`, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Color(String);

impl Color {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pages {
    pub(super) fn read(source: &mut Source, base: &Path) -> Self {
        let locale = source.or("pages.locale", String::from("en"));
        if !locale.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            source.refuse("pages.locale", "this is no language tag; write one as in \"en\" or \"pt-BR\"");
        }
        Self {
            templates_dir: directory(source, base, "pages.templates_dir"),
            locales_dir: directory(source, base, "pages.locales_dir"),
            locale,
            support_url: link(source, "pages.support_url"),
            privacy_url: link(source, "pages.privacy_url"),
            terms_url: link(source, "pages.terms_url"),
            theme: Theme::read(source, base),
        }
    }
}

impl Theme {
    fn read(source: &mut Source, base: &Path) -> Self {
        let font = source.optional::<String>("pages.theme.font");
        // The text becomes part of a style sheet.
        let is_font = |text: &String| text.chars().all(|c| c.is_alphanumeric() || " -_,'\"".contains(c));
        if font.as_ref().is_some_and(|text| !is_font(text)) {
            source.refuse("pages.theme.font", "write a list of font families, as in \"Inter, system-ui, sans-serif\"");
        }
        let radius = source.optional::<u32>("pages.theme.radius");
        let fitting = radius.and_then(|pixels| u8::try_from(pixels).ok()).filter(|pixels| *pixels <= 32);
        if radius.is_some() && fitting.is_none() {
            source.refuse("pages.theme.radius", "give 0 to 32 pixels");
        }
        Self {
            name: source.optional("pages.theme.name"),
            logo: image(source, base, "pages.theme.logo"),
            logo_dark: image(source, base, "pages.theme.logo_dark"),
            accent: source.optional("pages.theme.accent"),
            accent_dark: source.optional("pages.theme.accent_dark"),
            background: source.optional("pages.theme.background"),
            background_dark: source.optional("pages.theme.background_dark"),
            surface: source.optional("pages.theme.surface"),
            surface_dark: source.optional("pages.theme.surface_dark"),
            text: source.optional("pages.theme.text"),
            text_dark: source.optional("pages.theme.text_dark"),
            color_scheme: source.or("pages.theme.color_scheme", ColorScheme::Auto),
            radius: fitting,
            font,
        }
    }
}

fn directory(source: &mut Source, base: &Path, key: &'static str) -> Option<PathBuf> {
    let path = source.optional::<PathBuf>(key).map(|path| base.join(path))?;
    if !path.is_dir() {
        source.refuse(key, "there is no such directory; make it or take the line away");
    }
    Some(path)
}

fn image(source: &mut Source, base: &Path, key: &'static str) -> Option<PathBuf> {
    let path = source.optional::<PathBuf>(key).map(|path| base.join(path))?;
    if !path.is_file() {
        source.refuse(key, "there is no such file; name an svg, png, jpg or webp file");
    }
    Some(path)
}

fn link(source: &mut Source, key: &'static str) -> Option<String> {
    let text = source.optional::<String>(key)?;
    let is_link = url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "https" | "mailto"));
    if !is_link {
        source.refuse(key, "write an address that begins with https:// or mailto:");
    }
    Some(text)
}

impl Setting for Color {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        let digits = text.strip_prefix('#').unwrap_or_default();
        if matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!("`{text}` is no colour; write it as in \"#3b5bdb\""))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Setting for ColorScheme {
    fn parse(raw: &Raw) -> Result<Self, String> {
        parse_word(raw, &[("auto", Self::Auto), ("light", Self::Light), ("dark", Self::Dark)])
    }

    fn show(&self) -> String {
        String::from(match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        })
    }
}
