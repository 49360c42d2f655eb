//! `sslmode`: what the client asks of a server's certificate, seen from the server.

use crate::store::postgresql::Settings;
use base64ct::{Base64, Encoding as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The client said who it is, for everybody to read.
    Plain,
    /// It said so through TLS.
    Encrypted,
    /// It went away without a word.
    Nothing,
}

#[test]
fn the_mode_decides_what_is_asked_of_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (Authority::new("one"), Authority::new("other"));
    let (root, wrong_root) = (ca.write_to(folder.path()), other.write_to(folder.path()));
    let (right_name, wrong_name) = (ca.certify("localhost"), ca.certify("elsewhere.example"));
    let no_tls = None;
    for (query, server, expected) in [
        ("sslmode=disable".to_owned(), Some(&right_name), Seen::Plain),
        ("sslmode=prefer".to_owned(), Some(&wrong_name), Seen::Encrypted),
        (String::new(), Some(&wrong_name), Seen::Encrypted),
        ("sslmode=require".to_owned(), Some(&wrong_name), Seen::Encrypted),
        (format!("sslmode=require&sslrootcert={root}"), Some(&wrong_name), Seen::Encrypted),
        (format!("sslmode=require&sslrootcert={wrong_root}"), Some(&right_name), Seen::Nothing),
        (format!("sslmode=verify-ca&sslrootcert={root}"), Some(&wrong_name), Seen::Encrypted),
        (format!("sslmode=verify-ca&sslrootcert={wrong_root}"), Some(&right_name), Seen::Nothing),
        (format!("sslmode=verify-full&sslrootcert={root}"), Some(&right_name), Seen::Encrypted),
        (format!("sslmode=verify-full&sslrootcert={root}"), Some(&wrong_name), Seen::Nothing),
        (format!("sslmode=verify-full&sslrootcert={wrong_root}"), Some(&right_name), Seen::Nothing),
        // What the operating system trusts; our authority is not among it.
        ("sslmode=verify-full".to_owned(), Some(&right_name), Seen::Nothing),
        ("sslmode=verify-full&sslrootcert=system".to_owned(), Some(&right_name), Seen::Nothing),
        // A server without TLS, or somebody on the way who takes it away.
        ("sslmode=prefer".to_owned(), no_tls, Seen::Plain),
        ("sslmode=require".to_owned(), no_tls, Seen::Nothing),
        (format!("sslmode=verify-full&sslrootcert={root}"), no_tls, Seen::Nothing),
    ] {
        assert_eq!(what_a_server_sees(&query, server), expected, "{query} {:?}", server.map(|own| &own.name));
    }
}

fn what_a_server_sees(query: &str, server: Option<&Certified>) -> Seen {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://somebody@localhost:{port}/hospes?{query}");
    let settings = Settings::parse(&url, Duration::from_secs(1)).unwrap();
    thread::scope(|scope| {
        let seen = scope.spawn(move || serve_one(&listener.accept().unwrap().0, server));
        // The server hangs up in any case.
        assert!(settings.connect().is_err());
        seen.join().unwrap()
    })
}

/// Answers the first messages of PostgreSQL's protocol, until the client says who it is.
fn serve_one(mut stream: &TcpStream, server: Option<&Certified>) -> Seen {
    // "SSLRequest": length 8 and the number 80877103; the startup message is longer.
    let mut first = [0; 8];
    stream.read_exact(&mut first).unwrap();
    if first != [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f] {
        return Seen::Plain;
    }
    let mut word = [0; 1];
    let Some(server) = server else {
        stream.write_all(b"N").unwrap();
        return if stream.read_exact(&mut word).is_ok() { Seen::Plain } else { Seen::Nothing };
    };
    stream.write_all(b"S").unwrap();
    let connection = ServerConnection::new(Arc::clone(&server.config)).unwrap();
    let mut encrypted = StreamOwned::new(connection, stream.try_clone().unwrap());
    if encrypted.read_exact(&mut word).is_ok() { Seen::Encrypted } else { Seen::Nothing }
}

struct Authority {
    name: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

struct Certified {
    name: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { name: name.to_owned(), certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes the certificate as PEM and returns the path.
    fn write_to(&self, folder: &Path) -> String {
        let path = folder.join(format!("{}.pem", self.name));
        let encoded = Base64::encode_string(&self.certificate);
        let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn certify(&self, name: &str) -> Certified {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        Certified { name: name.to_owned(), config: Arc::new(config) }
    }
}
