//! The limit program: axum with the cryptography of an operation and nothing else. What it does, no server on this
//! machine can do faster.

use crate::{
    arguments::limit_command,
    child::{Running, free_address},
    cores::Cores,
};
use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair, UnparsedPublicKey,
    },
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    routing::{get, post},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The token that `/opaque` knows.
pub(crate) const OPAQUE: &str = "opq_b8Qm0Zr3yT6uVw2xKpLs5dFgHjNcXeAa1iOoUtRq4M7";

type Json = ([(HeaderName, HeaderValue); 1], Bytes);

struct Limit {
    ecdsa: EcdsaKeyPair,
    rsa: RsaKeyPair,
    public: UnparsedPublicKey<Vec<u8>>,
    tokens: HashMap<[u8; 32], Value>,
    document: Bytes,
    count: AtomicU64,
}

/// Starts this very program as the limit program.
pub(crate) async fn start(cores: &Cores) -> Result<Running> {
    let address = free_address()?;
    let own = env::current_exe()?;
    let mut command = cores.server_command(&own.to_string_lossy());
    let mut running = Running::start(command.arg(limit_command()).env("LIMIT_ADDRESS", address.to_string()), address)?;
    running.wait(Duration::from_secs(20)).await?;
    Ok(running)
}

pub(crate) fn serve() -> Result<()> {
    let address: SocketAddr = env::var("LIMIT_ADDRESS")?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let state = Arc::new(Limit::new()?);
        let router = Router::new()
            .route("/fixed", get(|| async { "ok\n" }))
            .route("/document", get(document))
            .route("/es256", post(es256))
            .route("/rs256", post(rs256))
            .route("/opaque", post(opaque))
            .route("/verify", get(verify))
            .with_state(state);
        let listener = tokio::net::TcpListener::bind(address).await?;
        Ok(axum::serve(axum::serve::ListenerExt::tap_io(listener, no_delay), router).await?)
    })
}

fn no_delay(stream: &mut tokio::net::TcpStream) {
    let _ = stream.set_nodelay(true);
}

impl Limit {
    fn new() -> Result<Self> {
        let failed = |_| anyhow!("a key could not be made");
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(failed)?;
        let ecdsa = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())?;
        // Through the same form in which a stored key is loaded.
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let der: Pkcs8V1Der<'_> = rsa.as_der().map_err(failed)?;
        let rsa = RsaKeyPair::from_pkcs8(der.as_ref())?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, ecdsa.public_key().as_ref().to_vec());
        let record = json!({
            "active": true, "scope": "openid notes.read", "client_id": "web", "token_type": "Bearer",
            "exp": 4_000_000_000_u64, "iat": 1_700_000_000, "sub": "user-test-1", "aud": "https://api.example/notes",
            "iss": "http://127.0.0.1:8080", "jti": "4d0b9a61-4c1f-4b1f-8aa0-16d1f0f7e2f3",
        });
        let document = json!({ "filler": "x".repeat(1_886) }).to_string();
        Ok(Self {
            ecdsa,
            rsa,
            public,
            tokens: HashMap::from([(sha256(OPAQUE.as_bytes()), record)]),
            document: document.into(),
            count: AtomicU64::new(0),
        })
    }

    /// A token's header and claims, with an id that is new each time.
    fn unsigned(&self, alg: &str) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"Qm0Zr3yT6uVw2xKpLs5dFgHjNcXeAa1iOoUtRq4M7bg"}}"#);
        let claims = format!(
            r#"{{"iss":"http://127.0.0.1:8080","sub":"web","aud":"https://api.example/notes","client_id":"web","scope":"notes.read","iat":1700000000,"exp":4000000000,"jti":"4d0b9a61-4c1f-4b1f-8aa0-{count:012}"}}"#
        );
        [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".")
    }
}

async fn document(State(limit): State<Arc<Limit>>) -> Json {
    json_of(limit.document.clone())
}

async fn es256(State(limit): State<Arc<Limit>>, _body: Bytes) -> Result<Json, StatusCode> {
    let mut token = limit.unsigned("ES256");
    let signature = limit.ecdsa.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| BROKEN)?;
    push_signature(&mut token, signature.as_ref());
    Ok(token_response(&token))
}

async fn rs256(State(limit): State<Arc<Limit>>, _body: Bytes) -> Result<Json, StatusCode> {
    let mut token = limit.unsigned("RS256");
    let mut signature = vec![0; limit.rsa.public_modulus_len()];
    limit.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).map_err(|_| BROKEN)?;
    push_signature(&mut token, &signature);
    Ok(token_response(&token))
}

async fn opaque(State(limit): State<Arc<Limit>>, body: Bytes) -> Result<Json, StatusCode> {
    let token = body.strip_prefix(b"token=").ok_or(StatusCode::BAD_REQUEST)?;
    let record = limit.tokens.get(&sha256(token)).ok_or(StatusCode::NOT_FOUND)?;
    Ok(json_of(serde_json::to_vec(record).map_err(|_| BROKEN)?.into()))
}

async fn verify(State(limit): State<Arc<Limit>>, headers: HeaderMap) -> Result<Json, StatusCode> {
    let subject = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(|token| limit.verified(token).ok())
        .ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(json_of(json!({ "sub": subject }).to_string().into()))
}

impl Limit {
    /// The subject of a token that verifies.
    fn verified(&self, token: &str) -> Result<Value> {
        let (signed, signature) = token.rsplit_once('.').context("no signature")?;
        let (_, claims) = signed.split_once('.').context("no claims")?;
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| anyhow!("not base64url"))?;
        self.public.verify(signed.as_bytes(), &signature).map_err(|_| anyhow!("does not verify"))?;
        let claims = Base64UrlUnpadded::decode_vec(claims).map_err(|_| anyhow!("not base64url"))?;
        let claims: Value = serde_json::from_slice(&claims)?;
        claims.get("sub").cloned().context("no subject")
    }
}

const BROKEN: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

fn push_signature(token: &mut String, signature: &[u8]) {
    token.push('.');
    token.push_str(&Base64UrlUnpadded::encode_string(signature));
}

fn token_response(token: &str) -> Json {
    json_of(
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":600,"scope":"notes.read"}}"#).into(),
    )
}

fn json_of(bytes: Bytes) -> Json {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
