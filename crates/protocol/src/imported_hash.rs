//! Password hashes that the host app brings along from the login before: which ones can be read, and what they may cost.
//!
//! Specs: RFC 7914 (scrypt), RFC 8018 §5.2 (PBKDF2), RFC 9106 (Argon2); the members are those of Stytch's contract.
//! What comes out is a recipe, by which a digest is made of a password, and the digest that must come out. Argon2 is
//! passed on in its own form.

use crate::{Refusal, refuse_api};
use base64ct::{Base64, Base64Unpadded, Encoding as _};
use serde::{Deserialize, Serialize};

pub const UNKNOWN_TYPE: Refusal = refuse_api(
    400,
    "invalid_hash_type",
    "hash_type: bcrypt, scrypt, argon_2i, argon_2id, argon_2d, pbkdf_2, phpass, md_5, sha_1 or sha_512",
);
pub const BAD_BCRYPT: Refusal = refuse_api(
    400,
    "invalid_bcrypt_hash",
    "hash: 60 characters, $2a$, $2b$ or $2y$, and a cost of 4 to 15 (more would be a way to exhaust the server)",
);
pub const BAD_SCRYPT: Refusal = refuse_api(
    400,
    "invalid_scrypt_hash",
    "send $scrypt$ln=…,r=…,p=…$salt$hash, or the hash as hex or base64 with scrypt_config: salt (base64), n_parameter \
     (a power of two below 262145), r_parameter, p_parameter (16 at most), key_length (16 to 128); 256 MiB at most",
);
pub const BAD_ARGON2: Refusal = refuse_api(
    400,
    "invalid_argon2_hash",
    "send $argon2…$v=19$m=…,t=…,p=…$salt$hash of the hash_type, or the hash as hex with argon_2_config: salt (8 bytes \
     or more), iteration_amount (16 at most), memory (262144 KiB at most), threads (16 at most), key_length (16 to 64)",
);
pub const BAD_PBKDF2: Refusal = refuse_api(
    400,
    "invalid_pbkdf2_hash",
    "send the hash as hex or base64 with pbkdf_2_config: salt (base64), iteration_amount (5000000 at most), key_length \
     (16 to 128), algorithm (sha256 or sha512)",
);
pub const BAD_PHPASS: Refusal = refuse_api(
    400,
    "invalid_phpass_hash",
    "hash: 34 characters that begin with $P$ or $H$, and at most 2^20 rounds (the fourth is 7 to I)",
);
pub const BAD_MD5: Refusal =
    refuse_api(400, "invalid_md5_hash", "send the hash as hex or base64 of 16 bytes, and salts of 256 bytes at most");
pub const BAD_SHA1: Refusal =
    refuse_api(400, "invalid_sha1_hash", "send the hash as hex or base64 of 20 bytes, and salts of 256 bytes at most");
pub const BAD_SHA512: Refusal = refuse_api(
    400,
    "invalid_sha512_hash",
    "send the hash as hex or base64 of 64 bytes, and salts of 256 bytes at most",
);

/// What is beyond would be a way to exhaust the server: each login of the user would cost it.
const MOST_BCRYPT_COST: u32 = 15;
const MOST_PBKDF2_ITERATIONS: u32 = 5_000_000;
const MOST_PHPASS_ROUNDS: u8 = 20;
const MOST_SCRYPT_N: u32 = 262_144;
/// `N · r`: 128 times that is the memory in bytes.
const MOST_SCRYPT_BLOCKS: u64 = 1 << 21;
const MOST_SCRYPT_LANES: u32 = 16;
/// `N · r · p`.
const MOST_SCRYPT_WORK: u64 = 1 << 22;
const MOST_SALT: usize = 256;

/// How a digest is made of a password. Salts are base64, so that a recipe can be stored as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "algorithm")]
pub enum Recipe {
    /// 23 bytes.
    Bcrypt {
        cost: u32,
        salt: String,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: String,
        length: usize,
    },
    Pbkdf2 {
        prf: Prf,
        iterations: u32,
        salt: String,
        length: usize,
    },
    /// 16 bytes, after 2^`rounds` times MD5.
    Phpass {
        rounds: u8,
        salt: String,
    },
    /// One digest of `prepend`, the password and `append`.
    Plain {
        digest: Digest,
        prepend: String,
        append: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prf {
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    Md5,
    Sha1,
    Sha512,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportedHash {
    /// In the PHC string format, unread.
    Argon2(String),
    Digest(Recipe, Vec<u8>),
}

/// What stands beside a hash in the request, by the contract's names.
#[derive(Debug, Clone, Default)]
pub struct Configs {
    pub argon2: Option<Argon2Config>,
    pub scrypt: Option<ScryptConfig>,
    pub pbkdf2: Option<Pbkdf2Config>,
    /// That of the digest which `hash_type` names.
    pub salts: Option<SaltConfig>,
}

#[derive(Debug, Clone)]
pub struct Argon2Config {
    pub salt: String,
    pub passes: u32,
    pub memory_kib: u32,
    pub lanes: u32,
    pub length: usize,
}

#[derive(Debug, Clone)]
pub struct ScryptConfig {
    pub salt: String,
    pub n: u32,
    pub r: u32,
    pub p: u32,
    pub length: usize,
}

#[derive(Debug, Clone)]
pub struct Pbkdf2Config {
    pub salt: String,
    pub iterations: u32,
    pub length: usize,
    /// `sha256` if absent.
    pub algorithm: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct SaltConfig {
    pub prepend: String,
    pub append: String,
}

/// Reads a hash of the type `hash_type`, and refuses what cannot be read or would cost too much.
pub fn parse(hash_type: &str, hash: &str, configs: &Configs) -> Result<ImportedHash, Refusal> {
    let salts = configs.salts.clone().unwrap_or_default();
    match hash_type {
        "bcrypt" => bcrypt(hash).ok_or(BAD_BCRYPT),
        "scrypt" => scrypt(hash, configs.scrypt.as_ref()).ok_or(BAD_SCRYPT),
        "argon_2i" => argon2("argon2i", hash, configs.argon2.as_ref()).ok_or(BAD_ARGON2),
        "argon_2id" => argon2("argon2id", hash, configs.argon2.as_ref()).ok_or(BAD_ARGON2),
        "argon_2d" => argon2("argon2d", hash, configs.argon2.as_ref()).ok_or(BAD_ARGON2),
        "pbkdf_2" => pbkdf2(hash, configs.pbkdf2.as_ref()).ok_or(BAD_PBKDF2),
        "phpass" => phpass(hash).ok_or(BAD_PHPASS),
        "md_5" => plain(Digest::Md5, 16, hash, salts).ok_or(BAD_MD5),
        "sha_1" => plain(Digest::Sha1, 20, hash, salts).ok_or(BAD_SHA1),
        "sha_512" => plain(Digest::Sha512, 64, hash, salts).ok_or(BAD_SHA512),
        _ => Err(UNKNOWN_TYPE),
    }
}

/// `$2b$10$` with 22 characters of salt and 31 of digest. `$2x$` is the form of a defect that was mended in 2011.
fn bcrypt(hash: &str) -> Option<ImportedHash> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| hash.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    let is_number = cost.len() == 2 && cost.bytes().all(|c| c.is_ascii_digit());
    let cost = cost.parse().ok().filter(|n| is_number && (4..=MOST_BCRYPT_COST).contains(n))?;
    let (salt, digest) = rest.split_at_checked(22).filter(|(_, digest)| digest.len() == 31)?;
    let salt = Base64::encode_string(&decode(salt, BCRYPT, BitOrder::HighFirst)?);
    Some(ImportedHash::Digest(Recipe::Bcrypt { cost, salt }, decode(digest, BCRYPT, BitOrder::HighFirst)?))
}

fn scrypt(hash: &str, config: Option<&ScryptConfig>) -> Option<ImportedHash> {
    let (log_n, r, p, salt, digest) = match (hash.strip_prefix("$scrypt$"), config) {
        (Some(rest), _) => {
            let (params, rest) = rest.split_once('$')?;
            let (salt, digest) = rest.split_once('$')?;
            let mut params = params.split(',');
            let log_n: u8 = params.next()?.strip_prefix("ln=")?.parse().ok()?;
            let r = params.next()?.strip_prefix("r=")?.parse().ok()?;
            let p = params.next()?.strip_prefix("p=")?.parse().ok().filter(|_| params.next().is_none())?;
            (log_n, r, p, base64(salt)?, base64(digest)?)
        }
        (None, Some(config)) => {
            let log_n = u8::try_from(config.n.checked_ilog2()?).ok().filter(|_| config.n.is_power_of_two())?;
            (log_n, config.r, config.p, base64(&config.salt)?, bytes(hash, config.length)?)
        }
        (None, None) => return None,
    };
    let n = 1_u32.checked_shl(log_n.into()).filter(|n| (2..=MOST_SCRYPT_N).contains(n))?;
    let blocks = u64::from(n).checked_mul(r.into()).filter(|blocks| *blocks <= MOST_SCRYPT_BLOCKS)?;
    blocks.checked_mul(p.into()).filter(|work| *work <= MOST_SCRYPT_WORK)?;
    let fits = r >= 1 && (1..=MOST_SCRYPT_LANES).contains(&p) && salt.len() <= MOST_SALT;
    let length = digest.len();
    let recipe = Recipe::Scrypt { log_n, r, p, salt: Base64::encode_string(&salt), length };
    (fits && (16..=128).contains(&length)).then_some(ImportedHash::Digest(recipe, digest))
}

/// The PHC form, of its parts where the hash is alone.
fn argon2(variant: &str, hash: &str, config: Option<&Argon2Config>) -> Option<ImportedHash> {
    if hash.strip_prefix('$').and_then(|rest| rest.split_once('$')).is_some_and(|(own, _)| own == variant) {
        return Some(ImportedHash::Argon2(hash.to_owned()));
    }
    let Argon2Config { salt, passes, memory_kib, lanes, length } = config?;
    let digest = bytes(hash, *length).filter(|digest| (16..=64).contains(&digest.len()))?;
    let [salt, digest] = [salt.as_bytes(), &digest].map(Base64Unpadded::encode_string);
    Some(ImportedHash::Argon2(format!("${variant}$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}")))
}

fn pbkdf2(hash: &str, config: Option<&Pbkdf2Config>) -> Option<ImportedHash> {
    let Pbkdf2Config { salt, iterations, length, algorithm } = config?.clone();
    let prf = match algorithm.as_deref() {
        None | Some("" | "sha256") => Prf::Sha256,
        Some("sha512") => Prf::Sha512,
        Some(_) => return None,
    };
    let salt = base64(&salt).filter(|salt| salt.len() <= MOST_SALT)?;
    let fits = (1..=MOST_PBKDF2_ITERATIONS).contains(&iterations) && (16..=128).contains(&length);
    let recipe = Recipe::Pbkdf2 { prf, iterations, salt: Base64::encode_string(&salt), length };
    fits.then(|| bytes(hash, length)).flatten().map(|digest| ImportedHash::Digest(recipe, digest))
}

fn phpass(hash: &str) -> Option<ImportedHash> {
    let rest = ["$P$", "$H$"].iter().find_map(|prefix| hash.strip_prefix(prefix))?;
    let (rounds, rest) = rest.split_at_checked(1)?;
    let rounds = u8::try_from(PHPASS.find(rounds)?).ok().filter(|n| (7..=MOST_PHPASS_ROUNDS).contains(n))?;
    let (salt, digest) = rest.split_at_checked(8).filter(|(_, digest)| digest.len() == 22)?;
    let salt = Base64::encode_string(salt.as_bytes());
    Some(ImportedHash::Digest(Recipe::Phpass { rounds, salt }, decode(digest, PHPASS, BitOrder::LowFirst)?))
}

fn plain(digest: Digest, length: usize, hash: &str, salts: SaltConfig) -> Option<ImportedHash> {
    let SaltConfig { prepend, append } = salts;
    let fits = prepend.len() <= MOST_SALT && append.len() <= MOST_SALT;
    let [prepend, append] = [prepend, append].map(|salt| Base64::encode_string(salt.as_bytes()));
    let found = fits.then(|| bytes(hash, length)).flatten()?;
    Some(ImportedHash::Digest(Recipe::Plain { digest, prepend, append }, found))
}

/// So many bytes, as hex or base64; the length tells which.
fn bytes(text: &str, length: usize) -> Option<Vec<u8>> {
    if length.checked_mul(2) == Some(text.len()) && text.bytes().all(|c| c.is_ascii_hexdigit()) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        return pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    }
    base64(text).filter(|bytes| bytes.len() == length)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > 1024 {
        return None;
    }
    Base64Unpadded::decode_vec(text.trim_end_matches('=')).ok()
}

const BCRYPT: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PHPASS: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[derive(Clone, Copy)]
enum BitOrder {
    HighFirst,
    LowFirst,
}

/// Six bits a character. Bits that do not fill a byte are left out whatever they are, as the libraries do that made them.
fn decode(text: &str, alphabet: &str, order: BitOrder) -> Option<Vec<u8>> {
    let (mut held, mut count, mut bytes) = (0_u32, 0_u32, Vec::new());
    for c in text.chars() {
        let bits = u32::try_from(alphabet.find(c)?).ok()?;
        held = match order {
            BitOrder::HighFirst => held << 6 | bits,
            BitOrder::LowFirst => held | bits << count,
        };
        count += 6;
        if count < 8 {
            continue;
        }
        count -= 8;
        let (byte, rest) = match order {
            BitOrder::HighFirst => (held >> count, held & ((1 << count) - 1)),
            BitOrder::LowFirst => (held & 0xff, held >> 8),
        };
        bytes.push(u8::try_from(byte).ok()?);
        held = rest;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrypt_config() -> ScryptConfig {
        ScryptConfig { salt: "c2FsdHNhbHQ=".into(), n: 16_384, r: 8, p: 1, length: 32 }
    }

    fn pbkdf2_config() -> Pbkdf2Config {
        Pbkdf2Config { salt: "c2FsdHNhbHQ=".into(), iterations: 1000, length: 32, algorithm: None }
    }

    fn argon2_config() -> Argon2Config {
        Argon2Config { salt: "saltsalt".into(), passes: 2, memory_kib: 64, lanes: 1, length: 32 }
    }

    fn configs() -> Configs {
        Configs {
            argon2: Some(argon2_config()),
            scrypt: Some(scrypt_config()),
            pbkdf2: Some(pbkdf2_config()),
            salts: None,
        }
    }

    #[track_caller]
    fn check(hash_type: &str, hash: &str, configs: &Configs, expected: Option<Refusal>) {
        assert_eq!(parse(hash_type, hash, configs).err(), expected, "{hash_type} {hash}");
    }

    #[test]
    fn bcrypt_has_a_known_form_and_a_bounded_cost() {
        let hash = |prefix: &str| format!("{prefix}abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234");
        for prefix in ["$2a$04$", "$2b$10$", "$2y$15$"] {
            check("bcrypt", &hash(prefix), &configs(), None);
        }
        for prefix in ["$2x$10$", "$2b$03$", "$2b$16$", "$2b$99$", "$2b$+8$", "$2$10$", "$1$10$", ""] {
            check("bcrypt", &hash(prefix), &configs(), Some(BAD_BCRYPT));
        }
        for hash in [&hash("$2b$10$")[..59], &(hash("$2b$10$") + "a"), &hash("$2b$10$").replace('a', "é"), ""] {
            check("bcrypt", hash, &configs(), Some(BAD_BCRYPT));
        }
    }

    #[test]
    fn scrypt_may_not_cost_more_than_a_login_should() {
        let hash = "00".repeat(32);
        check("scrypt", &hash, &configs(), None);
        check("scrypt", &format!("$scrypt$ln=14,r=8,p=1$c2FsdA${}", "A".repeat(43)), &Configs::default(), None);
        let refused = |config: ScryptConfig| {
            check("scrypt", &hash, &Configs { scrypt: Some(config), ..configs() }, Some(BAD_SCRYPT));
        };
        for n in [0, 1, 3, 16_385, 524_288, u32::MAX] {
            refused(ScryptConfig { n, ..scrypt_config() });
        }
        for (r, p) in [(0, 1), (8, 0), (129, 1), (8, 17), (u32::MAX, u32::MAX), (128, 3)] {
            refused(ScryptConfig { r, p, ..scrypt_config() });
        }
        refused(ScryptConfig { length: 33, ..scrypt_config() });
        refused(ScryptConfig { salt: "no base64!".into(), ..scrypt_config() });
        for hash in [
            "$scrypt$ln=18,r=16,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=64,r=8,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=14,r=8,p=1,x=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=14,r=8,p=1$c2FsdA$AAAA",
            "$scrypt$ln=14,r=8,p=1$c2FsdA",
            "$scrypt$",
        ] {
            check("scrypt", hash, &configs(), Some(BAD_SCRYPT));
        }
    }

    #[test]
    fn argon2_comes_whole_or_in_parts_and_keeps_its_variant() {
        let hash = "00".repeat(32);
        let expected = format!("$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHQ${}", "A".repeat(43));
        assert_eq!(parse("argon_2i", &hash, &configs()), Ok(ImportedHash::Argon2(expected.clone())));
        assert_eq!(parse("argon_2i", &expected, &Configs::default()), Ok(ImportedHash::Argon2(expected.clone())));
        check("argon_2id", &expected, &Configs::default(), Some(BAD_ARGON2));
        check("argon_2d", &expected.replace("argon2i", "argon2d"), &Configs::default(), None);
        check("argon_2id", &hash, &Configs::default(), Some(BAD_ARGON2));
        check("argon_2id", &hash[2..], &configs(), Some(BAD_ARGON2));
    }

    #[test]
    fn pbkdf2_has_bounds_and_two_functions() {
        let hash = "00".repeat(32);
        for algorithm in [None, Some("sha256"), Some("sha512")] {
            let config = Pbkdf2Config { algorithm: algorithm.map(str::to_owned), ..pbkdf2_config() };
            check("pbkdf_2", &hash, &Configs { pbkdf2: Some(config), ..configs() }, None);
        }
        for config in [
            Pbkdf2Config { algorithm: Some("sha1".into()), ..pbkdf2_config() },
            Pbkdf2Config { iterations: 0, ..pbkdf2_config() },
            Pbkdf2Config { iterations: 5_000_001, ..pbkdf2_config() },
            Pbkdf2Config { length: 15, ..pbkdf2_config() },
            Pbkdf2Config { length: usize::MAX, ..pbkdf2_config() },
            Pbkdf2Config { salt: "c2FsdHNhbHQ!".into(), ..pbkdf2_config() },
        ] {
            check("pbkdf_2", &hash, &Configs { pbkdf2: Some(config), ..configs() }, Some(BAD_PBKDF2));
        }
        check("pbkdf_2", &hash, &Configs::default(), Some(BAD_PBKDF2));
    }

    #[test]
    fn phpass_has_a_known_form_and_a_bounded_cost() {
        for hash in ["$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "$H$IIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"] {
            check("phpass", hash, &configs(), None);
        }
        for hash in
            ["$P$JIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "$P$4IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "$P$9IQRaTwmf", "$P$", ""]
        {
            check("phpass", hash, &configs(), Some(BAD_PHPASS));
        }
    }

    #[test]
    fn a_plain_digest_is_hex_or_base64_of_its_length() {
        for (hash_type, length, refusal) in
            [("md_5", 16, BAD_MD5), ("sha_1", 20, BAD_SHA1), ("sha_512", 64, BAD_SHA512)]
        {
            let digest = vec![0xab; length];
            for text in ["ab".repeat(length), "AB".repeat(length), Base64::encode_string(&digest)] {
                let Ok(ImportedHash::Digest(_, found)) = parse(hash_type, &text, &configs()) else { panic!("{text}") };
                assert_eq!(found, digest, "{text}");
            }
            for text in ["ab".repeat(length - 1), "zz".repeat(length), String::new()] {
                check(hash_type, &text, &configs(), Some(refusal.clone()));
            }
            let long = SaltConfig { prepend: "x".repeat(257), append: String::new() };
            check(hash_type, &"ab".repeat(length), &Configs { salts: Some(long), ..configs() }, Some(refusal));
        }
    }

    #[test]
    fn a_recipe_is_read_as_it_was_written() {
        let hash = "00".repeat(32);
        for hash_type in ["scrypt", "pbkdf_2"] {
            let Ok(ImportedHash::Digest(recipe, _)) = parse(hash_type, &hash, &configs()) else {
                panic!("{hash_type}")
            };
            assert_eq!(serde_json::from_str::<Recipe>(&serde_json::to_string(&recipe).unwrap()).unwrap(), recipe);
        }
        check("sha_256", &hash, &configs(), Some(UNKNOWN_TYPE));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_makes_a_panic(text in ".{0,80}", n: u32, r: u32, p: u32, length: usize) {
            let scrypt = ScryptConfig { salt: text.clone(), n, r, p, length };
            let pbkdf2 = Pbkdf2Config { salt: text.clone(), iterations: n, length, algorithm: None };
            let argon2 = Argon2Config { salt: text.clone(), passes: n, memory_kib: r, lanes: p, length };
            let configs = Configs { argon2: Some(argon2), scrypt: Some(scrypt), pbkdf2: Some(pbkdf2), salts: None };
            for hash_type in
                ["bcrypt", "scrypt", "argon_2i", "argon_2id", "argon_2d", "pbkdf_2", "phpass", "md_5", "sha_1", "sha_512"]
            {
                let _ = parse(hash_type, &text, &configs);
                let _ = parse(hash_type, &format!("$2b$10${text}"), &configs);
                let _ = parse(hash_type, &format!("$P$9{text}"), &configs);
                let _ = parse(hash_type, &format!("$scrypt$ln={n},r={r},p={p}${text}"), &configs);
            }
        }
    }
}
