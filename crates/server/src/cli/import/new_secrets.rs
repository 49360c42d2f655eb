//! Secrets that an import makes for clients that come without one: in a file that only its owner may read.

use crate::{
    entropy::Entropy,
    project::{self, CLIENT_SECRET_PREFIX},
    secret::Secret,
    store::client_secrets::{ClientSecret, Slot},
};
use anyhow::{Context as _, Result, bail};
use hospes_protocol::{Timestamp, client::Client};
use serde_json::json;
use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

pub(super) struct NewSecrets {
    path: PathBuf,
    file: File,
}

impl NewSecrets {
    /// Adds to a file that is there: the secrets of an earlier run are still worth something.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
            bail!("others may read {0}; run `chmod 600 {0}`", path.display());
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Makes a secret, writes it down, and returns what is stored of it.
    pub(super) fn make(&mut self, client: &Client, entropy: &Entropy, now: Timestamp) -> Result<ClientSecret> {
        let secret = Secret::new(CLIENT_SECRET_PREFIX, entropy);
        let line = json!({
            "client_id": client.id,
            "client_name": client.settings.name,
            "client_secret": secret.text(),
        });
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(project::in_slot(Slot::Current, &secret, now))
    }

    /// Returns when what was written is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))
    }
}
