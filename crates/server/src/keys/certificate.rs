//! A certificate around a public key: SDKs of Stytch require one in the key set, and read nothing in it.
//!
//! Specs: RFC 5280 §4.1, RFC 7517 §4.7.
//! The same key always gives the same certificate, in every process: its number comes from the key's name, its times are
//! fixed (RFC 5280 §4.1.2.5 has a date for "no end"), and an RSA signature draws no randomness.

use anyhow::{Context as _, Result};
use aws_lc_rs::digest;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, SerialNumber, date_time_ymd};

/// The DER form of a certificate for the RSA key `pkcs8`, which signs it itself.
pub(super) fn self_signed(pkcs8: &[u8], kid: &str) -> Result<Vec<u8>> {
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &PKCS_RSA_SHA256)
        .context("the key cannot sign a certificate")?;
    let mut params = CertificateParams::default();
    let hash = digest::digest(&digest::SHA256, kid.as_bytes());
    // RFC 5280 §4.1.2.2: positive, 20 octets at most
    let number: Vec<u8> = [0x01].iter().chain(hash.as_ref().iter().take(15)).copied().collect();
    params.serial_number = Some(SerialNumber::from_slice(&number));
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Hospes");
    params.distinguished_name = name;
    let certificate = params.self_signed(&pair).context("a certificate for the key")?;
    Ok(certificate.der().to_vec())
}
