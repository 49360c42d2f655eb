//! A mail server: says what RFC 5321 §4.2 wants to hear, refuses as often as the test wants, and keeps what it takes.

use base64ct::{Base64, Encoding as _};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A test looks so often whether something has happened; together 15 seconds at least.
const LOOKS: usize = 750;
const BETWEEN: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(crate) struct MailServer {
    pub(crate) port: u16,
    /// The certificate that signed the server's own, where it has one.
    pub(crate) ca: Option<String>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// How many mails are still to be refused for now (451).
    refusals: usize,
    /// What a client must prove with AUTH PLAIN (RFC 4616) before it may send.
    login: Option<String>,
    attempts: usize,
    refused_logins: usize,
    failed_handshakes: usize,
    mails: Vec<String>,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::refusing(0)
    }

    /// One that takes no mail for so many attempts.
    pub(crate) fn refusing(refusals: usize) -> Self {
        Self::serve(Shared { refusals, ..Shared::default() }, None)
    }

    /// One that speaks TLS from the first byte under this name and wants a user and a password.
    pub(crate) fn with_tls(name: &str, (user, password): (&str, &str)) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let base64 = Base64::encode_string(certificate.der());
        let ca = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let login = Some(Base64::encode_string(format!("\0{user}\0{password}").as_bytes()));
        Self { ca: Some(ca), ..Self::serve(Shared { login, ..Shared::default() }, Some(Arc::new(config))) }
    }

    fn serve(shared: Shared, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(shared));
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                // A client that hangs up is what some tests are about.
                let _ = match &tls {
                    None => talk(stream, &own),
                    Some(config) => {
                        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
                        match stream.conn.complete_io(&mut stream.sock) {
                            Ok(_) => talk(stream, &own),
                            Err(error) => {
                                own.lock().unwrap().failed_handshakes += 1;
                                Err(error)
                            }
                        }
                    }
                };
            }
        });
        Self { port, ca: None, shared }
    }

    /// The mails that were taken, once there are so many.
    pub(crate) async fn mails(&self, count: usize) -> Vec<String> {
        self.wait_for("mails", count, |shared| shared.mails.len()).await;
        self.shared.lock().unwrap().mails.clone()
    }

    /// Waits until so many mails were offered, taken or not.
    pub(crate) async fn attempts(&self, count: usize) {
        self.wait_for("attempts", count, |shared| shared.attempts).await;
    }

    pub(crate) async fn failed_handshakes(&self, count: usize) {
        self.wait_for("failed handshakes", count, |shared| shared.failed_handshakes).await;
    }

    pub(crate) async fn logins_refused(&self, count: usize) {
        self.wait_for("refused logins", count, |shared| shared.refused_logins).await;
    }

    pub(crate) fn refused_logins(&self) -> usize {
        self.shared.lock().unwrap().refused_logins
    }

    /// Waits for a look of the job, and sees that nothing more was offered.
    pub(crate) async fn stays_at(&self, attempts: usize) {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(self.shared.lock().unwrap().attempts, attempts);
    }

    async fn wait_for(&self, what: &str, count: usize, seen: impl Fn(&Shared) -> usize) {
        for _ in 0..LOOKS {
            if seen(&self.shared.lock().unwrap()) >= count {
                return;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        panic!("only {} of {count} {what}", seen(&self.shared.lock().unwrap()));
    }
}

/// One connection.
fn talk(stream: impl Read + Write, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut is_logged_in = shared.lock().unwrap().login.is_none();
    let (mut mail, mut is_data) = (String::new(), false);
    stream.get_mut().write_all(b"220 mail.test\r\n")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        mail.push_str(&line);
        let line = line.trim_end();
        if is_data && line != "." {
            continue;
        }
        let answer = match line.split(' ').next().unwrap_or_default() {
            "." => {
                shared.lock().unwrap().mails.push(std::mem::take(&mut mail));
                is_data = false;
                "250 taken"
            }
            "EHLO" => "250-mail.test\r\n250 AUTH PLAIN",
            "AUTH" => {
                let mut shared = shared.lock().unwrap();
                is_logged_in = shared.login.as_deref() == line.strip_prefix("AUTH PLAIN ");
                shared.refused_logins += usize::from(!is_logged_in);
                if is_logged_in { "235 welcome" } else { "535 who are you" }
            }
            "MAIL" if !is_logged_in => "530 log in first",
            "MAIL" => {
                let mut shared = shared.lock().unwrap();
                shared.attempts += 1;
                if shared.refusals > 0 {
                    shared.refusals -= 1;
                    "451 not now"
                } else {
                    "250 go on"
                }
            }
            "DATA" => {
                is_data = true;
                "354 go on"
            }
            "QUIT" => return stream.get_mut().write_all(b"221 bye\r\n"),
            _ => "250 yes",
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
        stream.get_mut().flush()?;
    }
}
