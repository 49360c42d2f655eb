//! Passwords: argon2id on a bounded number of threads, so that a storm of logins cannot stall the tokens.
//!
//! Specs: RFC 9106 §4, RFC 9106 §3.1.
//!
//! What a good password is, is the caller's rule; here are only the limits without which hashing would be unsafe.

use crate::{
    entropy::Entropy,
    failure::Failure,
    imported_digest,
    password_strength::{self, Judged},
};
use anyhow::{Context as _, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use base64ct::{Base64Unpadded, Encoding as _};
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    Refusal,
    imported_hash::{BAD_ARGON2, ImportedHash, Recipe},
    password_policy::{self, PasswordPolicy},
    refuse,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub const EMPTY: Refusal = refuse(InvalidRequest, "the password must not be empty");
pub const TOO_LONG: Refusal = refuse(InvalidRequest, "the password must have at most 1024 bytes");
pub const HAS_NUL: Refusal = refuse(InvalidRequest, "the password must not contain a NUL character");

const MAX_BYTES: usize = 1024;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What an imported hash may ask of us at most; beyond that it would be a way to exhaust the server.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// Unless the configuration says otherwise: each thread keeps its 19 MiB.
const MOST_THREADS: usize = 8;

/// Hashes and verifies. Cheap to clone; clones share the threads and the queue.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// How many hashes are computed at once.
    running: Arc<Semaphore>,
    /// How many callers may be here at all, computing or waiting.
    admitted: Arc<Semaphore>,
    /// Verified when there is no such user, so that the answer takes as long.
    dummy: Arc<str>,
    memory: Arc<Memory>,
    entropy: Entropy,
}

/// What hashes compute in. It is used again: each allocation anew would stay with whichever thread made it, and there
/// are many threads.
#[derive(Default)]
struct Memory {
    kept: Mutex<Vec<Blocks>>,
    /// How often argon2 ran.
    runs: AtomicU64,
}

/// The memory of one hash.
#[derive(Default)]
struct Blocks {
    blocks: Vec<Block>,
    /// How often argon2 ran in it since it was lent.
    runs: u64,
}

/// A hash that somebody brought along, with argon2id around it: guessing what is in there costs as much as for one of
/// ours, whatever it was before. Stored as JSON in the place of a hash in PHC form.
#[derive(Serialize, Deserialize)]
struct Wrapped {
    recipe: Recipe,
    /// Of the digest that the recipe makes of the password, in PHC form.
    outer: String,
}

/// How a password compares with what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    /// `renewed` is a hash with today's parameters, when the stored one has older ones: store it in its place.
    Right {
        renewed: Option<String>,
    },
}

impl Passwords {
    /// At most `threads` hashes at once and `queue` callers waiting; one more is answered `Busy`. Zero threads means
    /// one less than there are processors, so that logins alone never take the whole machine, and at most eight.
    pub fn new(threads: usize, queue: usize, entropy: &Entropy) -> Self {
        let threads = match threads {
            0 => thread::available_parallelism()
                .map_or(1, |processors| processors.get().saturating_sub(1).min(MOST_THREADS)),
            threads => threads,
        };
        let (threads, queue) = (threads.clamp(1, 1024), queue.min(1 << 16));
        Self {
            running: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + queue)),
            dummy: dummy(entropy).into(),
            memory: Arc::default(),
            entropy: entropy.clone(),
        }
    }

    /// The hash to store for `password`, in PHC form.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, Failure> {
        validate(&password)?;
        let entropy = self.entropy.clone();
        self.run(move |blocks| hash_in(blocks, password.as_bytes(), &entropy)).await
    }

    /// What to store for a hash that somebody brings along. The first login with the right password replaces it.
    pub async fn import(&self, imported: ImportedHash) -> Result<String, Failure> {
        match imported {
            ImportedHash::Argon2(text) => usable(text),
            ImportedHash::Digest(recipe, digest) => {
                let entropy = self.entropy.clone();
                self.run(move |blocks| wrap(blocks, recipe, digest, &entropy)).await
            }
        }
    }

    /// Compares `password` with a stored hash, or with nothing: pass `None` when there is no such user or no password,
    /// and the answer is `Wrong` after the same time.
    pub async fn verify(&self, password: Zeroizing<String>, stored: Option<String>) -> Result<Verdict, Failure> {
        // Known before any user is looked at, so refusing early says nothing about one.
        if validate(&password).is_err() {
            return Ok(Verdict::Wrong);
        }
        let (dummy, entropy) = (Arc::clone(&self.dummy), self.entropy.clone());
        self.run(move |blocks| verify(blocks, &password, stored.as_deref(), &dummy, &entropy)).await
    }

    /// How strong `password` is. On the threads of the hashes, since it costs about as much. `known` is what an attacker
    /// knows about the user.
    pub async fn judge(
        &self,
        password: Zeroizing<String>,
        known: Vec<String>,
        policy: PasswordPolicy,
    ) -> Result<Judged, Failure> {
        // Empty is weak rather than refused: it is how every password begins that somebody types.
        if !password.is_empty() {
            validate(&password)?;
        }
        self.run(move |_| Ok(password_strength::judge(&password, &known, &policy))).await
    }

    /// How often argon2 ran since the start, which tells whether two answers cost the same.
    pub fn runs(&self) -> u64 {
        self.memory.runs.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Blocks) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Failure::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.context("the password threads ended")?;
        // The permits move into the thread: a caller that goes away does not make room while its hash still runs.
        let memory = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            let result = memory.lend(work);
            drop((running, admitted));
            result
        });
        Ok(done.await.context("hashing a password failed")??)
    }
}

impl Memory {
    /// Runs `work` with memory that nobody else uses meanwhile.
    fn lend<T>(&self, work: impl FnOnce(&mut Blocks) -> T) -> T {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = kept.unwrap_or_default();
        let result = work(&mut blocks);
        self.runs.fetch_add(std::mem::take(&mut blocks.runs), Ordering::Relaxed);
        // An imported hash may have asked for more than ours do.
        let is_usual = u32::try_from(blocks.blocks.len()).is_ok_and(|length| length <= MEMORY_KIB);
        if is_usual {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
        }
        result
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

/// The limits of a password, whoever sets it.
pub fn validate(password: &str) -> Result<(), Refusal> {
    if password.is_empty() {
        return Err(EMPTY);
    }
    if password.len() > MAX_BYTES {
        return Err(TOO_LONG);
    }
    if password.contains('\0') {
        return Err(HAS_NUL);
    }
    Ok(())
}

/// The same for a password that somebody chooses now, rather than brings along.
pub fn validate_chosen(password: &str) -> Result<(), Refusal> {
    validate(password)?;
    password_policy::validate_length(password)
}

/// Hashes on this thread: for the command line and the seed file. Servers use [`Passwords`].
pub fn hash(password: &str, entropy: &Entropy) -> anyhow::Result<String> {
    hash_in(&mut Blocks::default(), password.as_bytes(), entropy)
}

/// [`Passwords::import`] on this thread: for the command line.
pub fn import_here(imported: ImportedHash, entropy: &Entropy) -> Result<String, Failure> {
    match imported {
        ImportedHash::Argon2(text) => usable(text),
        ImportedHash::Digest(recipe, digest) => Ok(wrap(&mut Blocks::default(), recipe, digest, entropy)?),
    }
}

fn usable(hash: String) -> Result<String, Failure> {
    if is_usable(&hash) { Ok(hash) } else { Err(BAD_ARGON2.into()) }
}

fn wrap(blocks: &mut Blocks, recipe: Recipe, digest: Vec<u8>, entropy: &Entropy) -> anyhow::Result<String> {
    let outer = hash_in(blocks, &Zeroizing::new(digest), entropy)?;
    Ok(serde_json::to_string(&Wrapped { recipe, outer })?)
}

fn hash_in(blocks: &mut Blocks, secret: &[u8], entropy: &Entropy) -> anyhow::Result<String> {
    let salt = entropy.bytes::<16>();
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow!("argon2 parameters: {error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    compute(&argon2, blocks, secret, &salt, &mut output)?;
    Ok(phc(&salt, &output))
}

/// A hash in today's form with a random output: no known password has it, and comparing with it takes as long as with
/// any other.
fn dummy(entropy: &Entropy) -> String {
    phc(&entropy.bytes::<16>(), &entropy.bytes::<{ Params::DEFAULT_OUTPUT_LEN }>())
}

/// A hash with today's parameters as it is stored.
fn phc(salt: &[u8], output: &[u8]) -> String {
    let [salt, output] = [salt, output].map(Base64Unpadded::encode_string);
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}")
}

/// Fills `output`. `blocks` grow to what `argon2` needs, and what they held before does not matter.
fn compute(
    argon2: &Argon2<'_>,
    blocks: &mut Blocks,
    secret: &[u8],
    salt: &[u8],
    output: &mut [u8],
) -> anyhow::Result<()> {
    let needed = argon2.params().block_count();
    if blocks.blocks.len() < needed {
        blocks.blocks.resize(needed, Block::new());
    }
    blocks.runs += 1;
    argon2
        .hash_password_into_with_memory(secret, salt, output, &mut blocks.blocks)
        .map_err(|error| anyhow!("argon2 failed: {error}"))
}

/// Whether `stored` is a hash that [`Passwords::verify`] accepts; for imports.
pub fn is_usable(stored: &str) -> bool {
    parse(stored).is_some()
}

fn verify(
    blocks: &mut Blocks,
    password: &str,
    stored: Option<&str>,
    dummy: &str,
    entropy: &Entropy,
) -> anyhow::Result<Verdict> {
    let parsed = stored.and_then(|stored| parse_stored(stored, password));
    if let (Some(_), None) = (stored, &parsed) {
        tracing::error!(
            "a stored password hash cannot be read; the user cannot log in until the password is set again"
        );
    }
    let Some(Stored { hash, params, digest }) = parsed else {
        let (hash, params) = parse(dummy).context("the dummy hash is readable")?;
        // The comparison is for its time only: nobody knows this password.
        let _ = compare(blocks, password.as_bytes(), &hash, params);
        return Ok(Verdict::Wrong);
    };
    let is_current = digest.is_none() && is_current(&hash, &params);
    let secret = digest.as_deref().map_or(password.as_bytes(), Vec::as_slice);
    if !compare(blocks, secret, &hash, params) {
        return Ok(Verdict::Wrong);
    }
    let renewed = if is_current { None } else { Some(hash_in(blocks, password.as_bytes(), entropy)?) };
    Ok(Verdict::Right { renewed })
}

/// What is compared with a password.
struct Stored {
    hash: PasswordHash,
    params: Params,
    /// Of the password, where the hash is of a digest.
    digest: Option<Zeroizing<Vec<u8>>>,
}

fn parse_stored(stored: &str, password: &str) -> Option<Stored> {
    if !stored.starts_with('{') {
        let (hash, params) = parse(stored)?;
        return Some(Stored { hash, params, digest: None });
    }
    let Wrapped { recipe, outer } = serde_json::from_str(stored).ok()?;
    let (hash, params) = parse(&outer)?;
    Some(Stored { hash, params, digest: Some(imported_digest::compute(&recipe, password).ok()?) })
}

/// Whether `secret` gives the stored output, compared in constant time.
fn compare(blocks: &mut Blocks, secret: &[u8], hash: &PasswordHash, params: Params) -> bool {
    let variant =
        Algorithm::try_from(hash.algorithm.as_str()).ok().zip(hash.version.and_then(|own| own.try_into().ok()));
    let (Some((algorithm, version)), Some(salt), Some(expected)) = (variant, &hash.salt, &hash.hash) else {
        return false;
    };
    let argon2 = Argon2::new(algorithm, version, params);
    let mut output = vec![0; expected.len()];
    compute(&argon2, blocks, secret, salt, &mut output).is_ok() && output.ct_eq(expected.as_bytes()).into()
}

/// Reads an argon2 hash in PHC form; `None` when it is malformed or asks for too much.
fn parse(stored: &str) -> Option<(PasswordHash, Params)> {
    if stored.len() > 512 {
        return None;
    }
    let hash = PasswordHash::new(stored).ok()?;
    Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    Version::try_from(hash.version?).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let fits = params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
    // An output this short could be guessed, and an absent one would leave nothing to compare.
    let is_whole = hash.salt.is_some() && hash.hash.as_ref().is_some_and(|output| output.len() >= 16);
    (fits && is_whole).then_some((hash, params))
}

fn is_current(hash: &PasswordHash, params: &Params) -> bool {
    matches!(Algorithm::try_from(hash.algorithm.as_str()), Ok(Algorithm::Argon2id))
        && hash.version == Some(Version::V0x13.into())
        && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
        && hash.hash.as_ref().is_some_and(|output| output.len() == Params::DEFAULT_OUTPUT_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    use hospes_protocol::imported_hash::{self, Argon2Config, Configs, Pbkdf2Config, SaltConfig, ScryptConfig};
    use std::time::Duration;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    fn passwords() -> Passwords {
        Passwords::new(2, 8, &Entropy::seeded(1))
    }

    fn old_hash(password: &str) -> String {
        with_params(password, 64, 1, 1)
    }

    /// As the library makes it on its own.
    fn with_params(password: &str, memory: u32, passes: u32, lanes: u32) -> String {
        let params = Params::new(memory, passes, lanes, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_with_salt(password.as_bytes(), b"0123456789abcdef").unwrap().to_string()
    }

    #[test]
    fn what_stands_in_for_a_missing_hash_costs_what_a_new_one_does() {
        let stand_in = dummy(&Entropy::Os);
        let (hash, params) = parse(&stand_in).unwrap();
        assert!(is_current(&hash, &params), "{stand_in}");
        assert_ne!(stand_in, dummy(&Entropy::Os));
    }

    #[tokio::test]
    async fn the_right_password_and_only_it_is_accepted() {
        let passwords = passwords();
        let stored = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = |password: &str| passwords.verify(secret(password), Some(stored.clone()));
        assert_eq!(verify("correct horse").await.unwrap(), Verdict::Right { renewed: None });
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", "correct horse\0", "correct horse\0x"] {
            assert_eq!(verify(wrong).await.unwrap(), Verdict::Wrong, "{wrong:?}");
        }
    }

    #[test]
    fn memory_that_was_used_before_changes_no_hash() {
        let memory = Memory::default();
        let entropy = Entropy::seeded(1);
        for (n, sizes) in [(64, 1, 1), (256, 3, 4), (19_456, 2, 1), (64, 1, 1)].into_iter().cycle().take(8).enumerate()
        {
            let password = format!("password {n}");
            let stored = with_params(&password, sizes.0, sizes.1, sizes.2);
            let (hash, params) = parse(&stored).unwrap();
            assert!(memory.lend(|blocks| compare(blocks, password.as_bytes(), &hash, params.clone())), "{stored}");
            assert!(!memory.lend(|blocks| compare(blocks, b"another", &hash, params)), "{stored}");
            let ours = memory.lend(|blocks| hash_in(blocks, password.as_bytes(), &entropy)).unwrap();
            let (hash, params) = parse(&ours).unwrap();
            assert_eq!(Argon2::from(params).verify_password(password.as_bytes(), &hash), Ok(()), "{ours}");
        }
        assert_eq!(memory.kept.lock().unwrap().len(), 1);
    }

    #[test]
    fn memory_for_a_greedy_hash_is_given_back() {
        let memory = Memory::default();
        let (hash, params) = parse(&with_params("x", 2 * MEMORY_KIB, 1, 1)).unwrap();
        assert!(memory.lend(|blocks| compare(blocks, b"x", &hash, params)));
        assert!(memory.kept.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let passwords = passwords();
        let (one, two) = (passwords.hash(secret("same")).await.unwrap(), passwords.hash(secret("same")).await.unwrap());
        assert_ne!(one, two);
    }

    #[tokio::test]
    async fn what_cannot_be_hashed_safely_is_refused() {
        let passwords = passwords();
        assert_eq!(validate_chosen(""), Err(EMPTY));
        assert_eq!(validate_chosen("seven77"), Err(password_policy::TOO_SHORT));
        for (password, refusal) in [(String::new(), EMPTY), ("a\0b".into(), HAS_NUL), ("a".repeat(1025), TOO_LONG)] {
            let Err(Failure::Refused(found)) = passwords.hash(secret(&password)).await else { panic!("accepted") };
            assert_eq!(found, refusal);
        }
        let longest = "ä".repeat(512);
        let stored = passwords.hash(secret(&longest)).await.unwrap();
        assert_eq!(passwords.verify(secret(&longest), Some(stored)).await.unwrap(), Verdict::Right { renewed: None });
    }

    #[tokio::test]
    async fn an_outdated_hash_is_renewed_when_the_password_is_right() {
        let passwords = passwords();
        let stored = Some(old_hash("old"));
        assert_eq!(passwords.verify(secret("new"), stored.clone()).await.unwrap(), Verdict::Wrong);
        let Verdict::Right { renewed: Some(renewed) } = passwords.verify(secret("old"), stored).await.unwrap() else {
            panic!("not renewed")
        };
        assert_eq!(passwords.verify(secret("old"), Some(renewed)).await.unwrap(), Verdict::Right { renewed: None });
    }

    /// Hashes that other software made of `harbour light`: libxcrypt (bcrypt), OpenSSL (scrypt, PBKDF2, digests); of
    /// `test12345` the example of phpass; of `password` the test vectors of the reference implementation of argon2.
    fn brought_along() -> Vec<(&'static str, &'static str, Configs, &'static str)> {
        let salts = || SaltConfig { prepend: "pre".into(), append: "post".into() };
        let salted = || Configs { salts: Some(salts()), ..Configs::default() };
        let scrypt = ScryptConfig { salt: "c2FsdHNhbHQ=".into(), n: 1024, r: 8, p: 2, length: 32 };
        let pbkdf2 = |length, algorithm: Option<&str>| Configs {
            pbkdf2: Some(Pbkdf2Config {
                salt: "c2FsdHNhbHQ=".into(),
                iterations: 1000,
                length,
                algorithm: algorithm.map(str::to_owned),
            }),
            ..Configs::default()
        };
        let argon2 = Configs {
            argon2: Some(Argon2Config { salt: "somesalt".into(), passes: 2, memory_kib: 65536, lanes: 1, length: 32 }),
            ..Configs::default()
        };
        let light = "harbour light";
        vec![
            ("bcrypt", "$2b$04$abcdefghijklmnopqrstuuLkMI6emr6qsRB//kVk2itACx4Sei8nK", Configs::default(), light),
            ("bcrypt", "$2y$05$N9qo8uLOickgx2ZMRZoMyeXGdRoCBdLLjqhlruS02THfdQWPvbgE.", Configs::default(), light),
            ("bcrypt", "$2b$04$abcdefghijklmnopqrstuuF7KK/SfP9IRGj0pPJMr8GdtCS8xpmpC", Configs::default(), "päss"),
            (
                "scrypt",
                "4070f1cc1d70213002c9a1303825ad64fcff0c0410183fd60e1870a990f85650",
                Configs { scrypt: Some(scrypt), ..Configs::default() },
                light,
            ),
            (
                "scrypt",
                "$scrypt$ln=10,r=8,p=2$c2FsdHNhbHQ$QHDxzB1wITACyaEwOCWtZPz/DAQQGD/WDhhwqZD4VlA",
                Configs::default(),
                light,
            ),
            ("pbkdf_2", "d400b1b96ca544b5a1ee0a2cb305c13302341f11cd4a9c9f9153ee2a82eb1742", pbkdf2(32, None), light),
            (
                "pbkdf_2",
                "ZrrflOJ4HcufaIB/y9KIJOsmvnpamux7PoQR3rPlzpuX8F4e1nvbpMzqWTqMSL/eX6vepNsIT52PUAFbrdWakw==",
                pbkdf2(64, Some("sha512")),
                light,
            ),
            ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", Configs::default(), "test12345"),
            ("phpass", "$H$9saltsaltlWrqrlJeSPq3sjDal8Awo.", Configs::default(), light),
            ("md_5", "c2112e34c3331ba4a2ac1faf5f8ade5a", salted(), light),
            ("sha_1", "77c9cfb8f4bd45b3dec57aac1cd8ec946cf7e5a0", Configs::default(), light),
            ("sha_1", "6390654755cdabc17981e87a1bb20f5eba5b326a", salted(), light),
            (
                "sha_512",
                "+avp8uhtRkN6yNuTN79nPrgfT6vV+X8ZKtepcPdCFboFNPyTWXFOgY0JckQa9wRFRCo80bNct7dmG7BtCE/BZA==",
                salted(),
                light,
            ),
            (
                "argon_2i",
                "c1628832147d9720c5bd1cfd61367078729f6dfb6f8fea9ff98158e0d7816ed0",
                argon2.clone(),
                "password",
            ),
            ("argon_2id", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7", argon2, "password"),
        ]
    }

    #[tokio::test]
    async fn a_hash_from_elsewhere_takes_the_right_password_and_becomes_one_of_ours() {
        let passwords = passwords();
        for (hash_type, hash, configs, password) in brought_along() {
            let imported = imported_hash::parse(hash_type, hash, &configs).unwrap();
            let stored = passwords.import(imported.clone()).await.unwrap();
            let before = passwords.runs();
            let verdict = passwords.verify(secret("harbour lights"), Some(stored.clone())).await.unwrap();
            assert_eq!((verdict, passwords.runs() - before), (Verdict::Wrong, 1), "{hash_type}");
            let verdict = passwords.verify(secret(password), Some(stored)).await.unwrap();
            let Verdict::Right { renewed: Some(renewed) } = verdict else { panic!("{hash_type} {hash}: {verdict:?}") };
            assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
            let verdict = passwords.verify(secret(password), Some(renewed)).await.unwrap();
            assert_eq!(verdict, Verdict::Right { renewed: None });
        }
    }

    #[tokio::test]
    async fn what_is_stored_of_a_weak_hash_does_not_reveal_it() {
        let passwords = passwords();
        for (hash_type, hash, configs, _) in brought_along() {
            let ImportedHash::Digest(recipe, digest) = imported_hash::parse(hash_type, hash, &configs).unwrap() else {
                continue;
            };
            let stored = passwords.import(ImportedHash::Digest(recipe.clone(), digest.clone())).await.unwrap();
            for form in [Base64Unpadded::encode_string(&digest), hash.to_owned()] {
                assert!(!stored.contains(&form), "{hash_type}: {stored}");
            }
            // And one import is not another, so equal passwords do not show.
            assert_ne!(passwords.import(ImportedHash::Digest(recipe, digest)).await.unwrap(), stored);
        }
    }

    #[tokio::test]
    async fn bcrypt_looks_at_72_bytes_as_it_did_before() {
        let passwords = passwords();
        let hash = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
        let imported = imported_hash::parse("bcrypt", hash, &Configs::default()).unwrap();
        let stored = passwords.import(imported).await.unwrap();
        for (length, is_right) in [(71, false), (72, true), (80, true), (1024, true)] {
            let verdict = passwords.verify(secret(&"x".repeat(length)), Some(stored.clone())).await.unwrap();
            assert_eq!(verdict != Verdict::Wrong, is_right, "{length}");
        }
    }

    #[tokio::test]
    async fn an_argon2_hash_that_asks_for_too_much_is_not_imported() {
        let passwords = passwords();
        for parts in ["m=1048576,t=2,p=1", "m=64,t=17,p=1", "m=1024,t=1,p=17", "m=0,t=0,p=0", "m=x"] {
            let text = format!("$argon2id$v=19${parts}$c2FsdHNhbHQ${}", "A".repeat(43));
            let refused = passwords.import(ImportedHash::Argon2(text)).await;
            assert!(
                matches!(&refused, Err(Failure::Refused(refusal)) if *refusal == BAD_ARGON2),
                "{parts}: {refused:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_malformed_or_greedy_hash_is_wrong_and_never_a_panic() {
        let passwords = passwords();
        let good = old_hash("x");
        let body = good.rsplit_once("p=1$").unwrap().1;
        let mut stored: Vec<String> = [
            "",
            "$",
            "x",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$",
            "$2b$12$abcdefghijklmnopqrstuv",
            "plain text",
            "{",
            "{}",
            r#"{"recipe":{"algorithm":"bcrypt","cost":99,"salt":""},"outer":"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA"}"#,
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$",
            "$argon2id$v=19$m=0,t=0,p=0$c2FsdHNhbHRzYWx0$AAAA",
            "\0",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAA",
        ]
        .map(str::to_owned)
        .to_vec();
        stored.push("$".repeat(10_000));
        stored.push(format!("$argon2id$v=19$m=4294967295,t=1,p=1${body}"));
        stored.push(format!("$argon2id$v=19$m=64,t=4294967295,p=1${body}"));
        stored.push(format!("$argon2id$v=19$m=1048576,t=1,p=100${body}"));
        stored.push(format!("$argon2id$v=99$m=64,t=1,p=1${body}"));
        stored.extend((1..good.len()).map(|end| good[..end].to_owned()).step_by(7));
        for stored in stored {
            assert!(!is_usable(&stored) || stored.len() < good.len(), "{stored}");
            assert_eq!(passwords.verify(secret("x"), Some(stored.clone())).await.unwrap(), Verdict::Wrong, "{stored}");
        }
        assert!(is_usable(&good));
    }

    // attacks.md row 29: the answer's time must not tell whether a user exists. Counted, since clocks are no witnesses
    // on a busy machine; that one run costs what another does is what `what_stands_in_…` says.
    #[tokio::test]
    async fn an_unknown_user_costs_what_a_wrong_password_does() {
        let passwords = passwords();
        let stored = passwords.hash(secret("right")).await.unwrap();
        for (stored, password, expected) in [(Some(stored.clone()), "wrong", 1), (None, "wrong", 1), (None, "", 0)] {
            let before = passwords.runs();
            assert_eq!(passwords.verify(secret(password), stored).await.unwrap(), Verdict::Wrong);
            assert_eq!(passwords.runs() - before, expected);
        }
    }

    // attacks.md row 34: a storm of logins is answered at once, not queued without end.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_is_busy_at_once_and_recovers() {
        let passwords = Passwords::new(1, 2, &Entropy::seeded(1));
        let mut storm = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let passwords = passwords.clone();
            storm.spawn(async move { passwords.verify(secret("x"), None).await });
        }
        let (mut wrong, mut busy) = (0, 0);
        while let Some(answer) = storm.join_next().await {
            match answer.unwrap() {
                Ok(Verdict::Wrong) => wrong += 1,
                Err(Failure::Busy) => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(wrong >= 3 && busy >= 1, "{wrong} answered, {busy} busy");
        assert_eq!(passwords.verify(secret("x"), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_gives_its_place_back_when_its_hash_ends() {
        let passwords = Passwords::new(1, 0, &Entropy::seeded(1));
        {
            let gone = passwords.verify(secret("x"), None);
            tokio::select! { biased; _ = gone => panic!("too fast"), () = std::future::ready(()) => {} }
        }
        for _ in 0..200 {
            if passwords.verify(secret("x"), None).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the place was never given back");
    }
}
