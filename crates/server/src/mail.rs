//! Mail: over SMTP, or into a folder where no mail server is configured.
//!
//! Specs: RFC 5321, RFC 5322, RFC 8314 §3 (TLS from the first byte rather than STARTTLS).

use crate::{config, extra_ca};
use anyhow::{Context as _, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Notify;
use tracing::{info, warn};

/// For one mail; a server that takes longer is tried again later.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What is sent to one person.
pub(crate) struct Mail {
    /// Names the file, and the message.
    pub(crate) id: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Post(Arc<Parts>);

struct Parts {
    from: Mailbox,
    way: Way,
    /// Somebody has something to send.
    due: Notify,
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder {
        path: PathBuf,
        /// Nobody else can be meant: the issuer is on this machine.
        is_development: bool,
    },
}

impl Post {
    pub(crate) fn read(config: &config::Mail, is_development: bool) -> Result<Self> {
        let from = config.from.parse().with_context(|| format!("mail.from: `{}` is no address", config.from))?;
        let way = match &config.host {
            None => Way::Folder { path: config.dir.clone(), is_development },
            Some(host) => Way::Smtp(smtp(host, config)?),
        };
        Ok(Self(Arc::new(Parts { from, way, due: Notify::new() })))
    }

    /// Whether what is sent arrives: at a mail server, or in the folder of whoever develops on this machine.
    pub(crate) fn reaches_people(&self) -> bool {
        match self.0.way {
            Way::Smtp(_) => true,
            Way::Folder { is_development, .. } => is_development,
        }
    }

    /// There is something to send; the job need not wait until it looks by itself.
    pub(crate) fn wake(&self) {
        self.0.due.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.0.due.notified().await;
    }

    pub(crate) async fn send(&self, mail: Mail) -> Result<()> {
        let to: Mailbox = mail.to.parse().context("the address of the user")?;
        let domain = self.0.from.email.domain();
        let message = Message::builder()
            .from(self.0.from.clone())
            .to(to)
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .subject(mail.subject)
            .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
            .context("the mail")?;
        match &self.0.way {
            Way::Smtp(server) => {
                server.send(message).await.context("the mail server")?;
                Ok(())
            }
            Way::Folder { path, is_development } => {
                let (path, file) = (path.clone(), path.join(format!("{}.eml", mail.id)));
                let name = file.display().to_string();
                tokio::task::spawn_blocking(move || write(path, file, &message.formatted())).await??;
                if *is_development {
                    info!(file = name, "a mail was written to a file");
                } else {
                    warn!(file = name, "a mail was written to a file and not sent; set mail.host in the configuration");
                }
                Ok(())
            }
        }
    }
}

fn smtp(host: &str, config: &config::Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let tls = || tls(host, config.extra_ca_file.as_deref()).context("TLS for mail");
    let tls = match config.tls {
        config::MailTls::Implicit => Tls::Wrapper(tls()?),
        config::MailTls::Starttls => Tls::Required(tls()?),
        config::MailTls::None => Tls::None,
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(config.port).tls(tls);
    let builder = match (&config.user, &config.password) {
        (Some(user), Some(password)) => {
            builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()))
        }
        _ => builder,
    };
    Ok(builder.timeout(Some(TIMEOUT)).build())
}

fn tls(host: &str, extra_ca_file: Option<&Path>) -> Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(path) = extra_ca_file {
        let about = || format!("mail.extra_ca_file {}", path.display());
        let pem = fs::read_to_string(path).with_context(about)?;
        for certificate in extra_ca::parse(&pem).with_context(about)? {
            parameters = parameters.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
        }
    }
    Ok(parameters.build()?)
}

/// Only whoever runs the server may read it: the mail has a token in it.
fn write(path: PathBuf, file: PathBuf, bytes: &[u8]) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(&path).with_context(|| path.display().to_string())?;
    // Whole or not at all, for whoever watches the folder.
    let unfinished = file.with_extension("part");
    let mut open = OpenOptions::new();
    let mut written = open.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    written.write_all(bytes)?;
    fs::rename(unfinished, file)?;
    Ok(())
}
