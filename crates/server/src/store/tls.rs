//! TLS to PostgreSQL: `sslmode` and `sslrootcert` of the URL, with libpq's meaning.
//!
//! `prefer` (the default) and `require` encrypt but do not ask who answers, as in libpq; `verify-ca` and `verify-full`
//! do. With `sslrootcert`, `require` means `verify-ca`, again as in libpq.

use anyhow::{Context as _, Result, bail};
use postgres::config::{Host, SslMode};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

#[derive(Clone)]
pub(super) enum Tls {
    Off,
    On(MakeRustlsConnect),
}

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Issuer,
    IssuerAndName,
}

/// Splits a URL into what the driver understands and what is decided here.
pub(super) fn parse(url: &str) -> Result<(postgres::Config, Tls)> {
    // Messages must not repeat the URL: it may hold a password.
    let mut url = Url::parse(url).context("the database URL cannot be parsed")?;
    let (mut mode, mut root) = (None, None);
    let mut rest = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslmode" => mode = Some(value.into_owned()),
            "sslrootcert" => root = Some(value.into_owned()),
            _ => rest.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    let mut query = String::new();
    for (name, value) in rest {
        let pair: String = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
        query.push(if query.is_empty() { '?' } else { '&' });
        // The driver decodes %20, but leaves a plus sign as it is.
        query.push_str(&pair.replace('+', "%20"));
    }
    let mut config: postgres::Config =
        format!("{url}{query}").parse().context("the database URL is not one of PostgreSQL")?;

    let (ssl_mode, check) = match (mode.as_deref().unwrap_or("prefer"), &root) {
        ("disable", _) => (SslMode::Disable, Check::Nothing),
        ("prefer", _) => (SslMode::Prefer, Check::Nothing),
        ("require", None) => (SslMode::Require, Check::Nothing),
        ("require", Some(_)) | ("verify-ca", _) => (SslMode::Require, Check::Issuer),
        ("verify-full", _) => (SslMode::Require, Check::IssuerAndName),
        (other, _) => {
            bail!("sslmode={other} is not known; use disable, prefer, require, verify-ca or verify-full")
        }
    };
    // A socket file on this machine needs no TLS, and offers no name to check.
    let is_local =
        !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let tls = if ssl_mode == SslMode::Disable || is_local {
        config.ssl_mode(SslMode::Disable);
        Tls::Off
    } else {
        config.ssl_mode(ssl_mode);
        Tls::On(MakeRustlsConnect::new(client_config(check, root.as_deref())?))
    };
    Ok((config, tls))
}

fn client_config(check: Check, root: Option<&str>) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match check {
        Check::Nothing => Arc::new(Lenient { inner: None, provider: Arc::clone(&provider) }),
        Check::Issuer => Arc::new(Lenient { inner: Some(strict(&provider, root)?), provider: Arc::clone(&provider) }),
        Check::IssuerAndName => strict(&provider, root)?,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Checks issuer and name: against `root`, or against what the operating system trusts.
fn strict(provider: &Arc<CryptoProvider>, root: Option<&str>) -> Result<Arc<dyn ServerCertVerifier>> {
    let path = match root {
        None | Some("system") => return Ok(Arc::new(Verifier::new(Arc::clone(provider))?)),
        Some(path) => path,
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).with_context(|| format!("sslrootcert {path} cannot be read"))?
    {
        roots.add(certificate.with_context(|| format!("sslrootcert {path} is not PEM"))?)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .with_context(|| format!("sslrootcert {path} holds no certificate"))?;
    Ok(verifier)
}

/// Asks nothing, or does not ask for the name; the handshake's signature is checked all the same.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is the last thing that is checked.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
