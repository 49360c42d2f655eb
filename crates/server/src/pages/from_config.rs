//! The look of the pages as the configuration file says it.

use super::{PagesConfig, Theme, theme::Colour};
use crate::config;
use anyhow::{Context as _, Result};

impl PagesConfig {
    pub fn read(config: &config::Pages) -> Result<Self> {
        let built_in = Theme::default();
        let own = &config.theme;
        let colour = |color: &Option<config::Color>| -> Result<Option<Colour>> {
            let parse = |color: &config::Color| {
                Colour::parse(color.as_str()).with_context(|| format!("{} is no colour", color.as_str()))
            };
            color.as_ref().map(parse).transpose()
        };
        let accent = colour(&own.accent)?;
        let background = colour(&own.background)?;
        let theme = Theme {
            accent: accent.unwrap_or(built_in.accent),
            // A dark accent that belongs to another accent would look like a mistake.
            accent_dark: colour(&own.accent_dark)?.or(built_in.accent_dark.filter(|_| accent.is_none())),
            background: background.unwrap_or(built_in.background),
            background_dark: colour(&own.background_dark)?.unwrap_or(built_in.background_dark),
            radius: own.radius.unwrap_or(built_in.radius),
            font: own.font.clone().unwrap_or(built_in.font),
            surface: colour(&own.surface)?.unwrap_or(built_in.surface),
            surface_dark: colour(&own.surface_dark)?.unwrap_or(built_in.surface_dark),
            text: colour(&own.text)?.unwrap_or(built_in.text),
            text_dark: colour(&own.text_dark)?.unwrap_or(built_in.text_dark),
            logo: own.logo.clone(),
            logo_dark: own.logo_dark.clone(),
            color_scheme: own.color_scheme,
        };
        Ok(Self {
            name: own.name.clone(),
            templates_dir: config.templates_dir.clone(),
            locales_dir: config.locales_dir.clone(),
            default_locale: config.locale.clone(),
            support_url: config.support_url.clone(),
            privacy_url: config.privacy_url.clone(),
            terms_url: config.terms_url.clone(),
            theme,
        })
    }
}
