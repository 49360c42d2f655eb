//! The text of the mail that lets its reader set a new password, in English and German.

use hospes_protocol::password_reset::{MailLocale, PasswordReset};
use url::Url;

pub(crate) struct Texts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// `link` holds the token. The name in the text is the host of the issuer: what the reader can compare.
pub(crate) fn texts(reset: &PasswordReset, issuer: &str, link: &str) -> Texts {
    let host = Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let minutes = reset.expires_at.0.saturating_sub(reset.created_at.0) / 60;
    let [subject, asked, button, until, otherwise] = match reset.locale {
        MailLocale::En => [
            format!("Set a new password for {host}"),
            format!("Somebody asked for a new password for your account at {host}."),
            "Set a new password".to_owned(),
            format!("The link works once, within {minutes} minutes."),
            "If it was not you, you need not do anything: your password stays as it is.".to_owned(),
        ],
        MailLocale::De => [
            format!("Neues Passwort für {host}"),
            format!("Jemand hat ein neues Passwort für Ihr Konto bei {host} angefordert."),
            "Neues Passwort setzen".to_owned(),
            format!("Der Link gilt einmal und {minutes} Minuten lang."),
            "Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.".to_owned(),
        ],
    };
    let text = format!("{asked}\n\n{button}: {link}\n\n{until}\n{otherwise}\n");
    let lang = match reset.locale {
        MailLocale::En => "en",
        MailLocale::De => "de",
    };
    let [asked, button, until, otherwise, link] = [&asked, &button, &until, &otherwise, link].map(escape);
    let html = format!(
        "<!doctype html>\n<html lang=\"{lang}\"><body style=\"font-family:sans-serif\">\n<p>{asked}</p>\n\
         <p><a href=\"{link}\">{button}</a></p>\n<p>{until}<br>{otherwise}</p>\n</body></html>\n"
    );
    Texts { subject, text, html }
}

fn escape(text: impl AsRef<str>) -> String {
    text.as_ref().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
