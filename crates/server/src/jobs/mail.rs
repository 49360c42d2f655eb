//! Sends the mails that wait in the database. Of several processes one takes a mail; a mail server that does not answer
//! is tried again, at longer and longer intervals, while the token is good.

use crate::{app::App, front::Front, mail::Mail, reset_mail, secret::Secret};
use anyhow::{Context as _, Result};
use hospes_protocol::{Seconds, Timestamp, id::ProjectId, password_reset};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, info, warn};

const EVERY: Duration = Duration::from_secs(2);
/// One after the other, so that a slow mail server does not hold more than it must.
const BATCH: u32 = 20;

pub(super) async fn run(front: Front, app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.post.woken() => {}
            _ = stop.changed() => return,
        }
        let now = app.clock.now();
        let due = match app.store.read(move |tx| Ok(tx.list_projects_with_due_mails(now)?)).await {
            Ok(due) => due,
            Err(failure) => {
                debug!(%failure, "nobody knows which mails wait");
                continue;
            }
        };
        for project in due {
            if let Err(error) = send_due_of(&front, &project).await {
                warn!(%project, error = format!("{error:#}"), "mails could not be looked for");
            }
        }
    }
}

/// Also of a project that nobody has asked this process for yet.
async fn send_due_of(front: &Front, project: &ProjectId) -> Result<()> {
    match front.app_of(project).await? {
        Some(app) => send_due(&app).await,
        None => Ok(()),
    }
}

async fn send_due(app: &App) -> Result<()> {
    let (project, now) = (app.project.clone(), app.clock.now());
    let due = app.store.read(move |tx| Ok(tx.list_due_mails(&project, now, BATCH)?)).await?;
    for id in due {
        send_one(app, id, now).await?;
    }
    Ok(())
}

async fn send_one(app: &App, id: String, now: Timestamp) -> Result<()> {
    let (project, wanted) = (app.project.clone(), id.clone());
    let taken = app.store.write(move |tx| {
        // Longer than a mail may take, so that nobody sends it twice.
        let Some(due) = tx.take_due_mail(&project, &wanted, now, now.plus(Seconds(60)))? else { return Ok(None) };
        let user = tx.find_user(&project, &due.reset.user_id)?;
        Ok(Some((due, user)))
    });
    let Some((due, user)) = taken.await? else { return Ok(()) };
    let email = user.and_then(|user| user.profile.emails.into_iter().find(|email| email.id == due.reset.email_id));
    let next = match email {
        // The user or the address went, or it is too late: nobody is to get this.
        None => None,
        Some(_) if now >= due.reset.expires_at => None,
        Some(email) => {
            let token = token(app, &due.reset.id, &due.token_salt);
            let link = password_reset::link(&due.reset.destination, &app.issuer, token.text())
                .context("where a mail leads")?;
            let texts = reset_mail::texts(&due.reset, &app.issuer, &link);
            let mail = Mail {
                id: due.reset.id.clone(),
                to: email.address,
                subject: texts.subject,
                text: texts.text,
                html: texts.html,
            };
            match app.post.send(mail).await {
                Ok(()) => {
                    info!(user_id = %due.reset.user_id, "a mail for a new password was sent");
                    None
                }
                Err(error) => {
                    warn!(user_id = %due.reset.user_id, error = format!("{error:#}"), "a mail could not be sent");
                    Some(password_reset::next_attempt(due.attempts, now))
                }
            }
        }
    };
    let project = app.project.clone();
    app.store.write(move |tx| Ok(tx.set_mail_due(&project, &id, next)?)).await?;
    Ok(())
}

/// The token of a mail. It is not stored: whoever reads the database cannot set passwords.
pub(crate) fn token(app: &App, id: &str, salt: &[u8]) -> Secret {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    Secret::from_text(Base64UrlUnpadded::encode_string(&app.keys.mac(b"password reset", &[id.as_bytes(), salt])))
}
