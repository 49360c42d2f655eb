//! What users type to log in: one name space for e-mail addresses and user names, whatever their case.

use anyhow::{Result, bail};

/// The form in which a login is stored and looked up.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A login that a user is to have, in its folded form.
pub fn parse(text: &str) -> Result<String> {
    let login = fold(text);
    // Invisible characters would make two logins look alike.
    if login.is_empty() || login.len() > 320 || login.chars().any(|c| c.is_control() || c.is_whitespace()) {
        bail!("`{}` is no e-mail address or user name: it has 1 to 320 bytes and no blanks", login.escape_debug());
    }
    Ok(login)
}

/// What a user with these names may type to log in.
pub fn of(username: Option<&str>, email: Option<&str>) -> Result<Vec<String>> {
    let mut logins = Vec::new();
    for name in [email, username].into_iter().flatten() {
        let login = parse(name)?;
        if !logins.contains(&login) {
            logins.push(login);
        }
    }
    Ok(logins)
}
