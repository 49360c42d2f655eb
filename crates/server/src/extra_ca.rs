//! Certificates that the operator trusts besides the system's, for a mail server or for hosts we fetch from that a private
//! authority has certified.

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// The certificates of a text in PEM form, at least one.
pub(crate) fn parse(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .context("read the extra CA certificates")?;
    ensure!(!certificates.is_empty(), "the extra CA file holds no certificate in PEM form");
    Ok(certificates)
}
