//! `hospes demo`.

use super::serve::runtime;
use crate::demo::{self, Options};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Demo {
    /// Where the demo keeps its database; made anew at each start
    #[arg(long, default_value = "hospes-demo", value_name = "FOLDER")]
    directory: PathBuf,
    /// Port of the server; another one if it is taken
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Port of the guest application; another one if it is taken
    #[arg(long, default_value_t = 8091)]
    guest_port: u16,
}

impl Demo {
    pub(super) fn run(&self) -> Result<()> {
        let options = Options { directory: self.directory.clone(), port: self.port, guest_port: self.guest_port };
        runtime()?.block_on(demo::run(options))
    }
}
