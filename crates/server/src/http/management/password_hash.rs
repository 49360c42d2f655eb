//! A password's hash as it comes from the login before, by the names of Stytch's contract.

use hospes_protocol::{
    Refusal,
    imported_hash::{self, Argon2Config, Configs, ImportedHash, Pbkdf2Config, SaltConfig, ScryptConfig},
};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
pub(crate) struct PasswordHash {
    /// As the login before stored it.
    hash: String,
    /// `bcrypt`, `scrypt`, `argon_2i`, `argon_2id`, `argon_2d`, `pbkdf_2`, `phpass`, `md_5`, `sha_1` or `sha_512`.
    hash_type: String,
    #[serde(default)]
    argon_2_config: Option<Argon2ConfigObject>,
    #[serde(default)]
    scrypt_config: Option<ScryptConfigObject>,
    #[serde(default)]
    pbkdf_2_config: Option<Pbkdf2ConfigObject>,
    #[serde(default)]
    md_5_config: Option<SaltConfigObject>,
    #[serde(default)]
    sha_1_config: Option<SaltConfigObject>,
    #[serde(default)]
    sha_512_config: Option<SaltConfigObject>,
}

/// For a hash that is not in the form `$argon2…`.
#[derive(Deserialize, ToSchema)]
struct Argon2ConfigObject {
    /// As it is, 8 bytes or more.
    salt: String,
    /// 16 at most.
    iteration_amount: u32,
    /// In KiB, 262144 at most.
    memory: u32,
    /// 16 at most.
    threads: u32,
    key_length: usize,
}

/// For a hash that is not in the form `$scrypt$…`.
#[derive(Deserialize, ToSchema)]
struct ScryptConfigObject {
    /// Base64.
    salt: String,
    /// A power of two below 262145.
    n_parameter: u32,
    r_parameter: u32,
    /// 16 at most.
    p_parameter: u32,
    key_length: usize,
}

#[derive(Deserialize, ToSchema)]
struct Pbkdf2ConfigObject {
    /// Base64.
    salt: String,
    /// 5,000,000 at most.
    iteration_amount: u32,
    key_length: usize,
    /// `sha256` (if absent) or `sha512`.
    algorithm: Option<String>,
}

/// What stood before and behind the password when the digest was made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct SaltConfigObject {
    prepend_salt: String,
    append_salt: String,
}

impl PasswordHash {
    /// Reads the hash, and refuses what cannot be read or would cost too much.
    pub(crate) fn parse(&self) -> Result<ImportedHash, Refusal> {
        imported_hash::parse(&self.hash_type, &self.hash, &self.configs())
    }

    fn configs(&self) -> Configs {
        let salts = match self.hash_type.as_str() {
            "md_5" => self.md_5_config.as_ref(),
            "sha_1" => self.sha_1_config.as_ref(),
            "sha_512" => self.sha_512_config.as_ref(),
            _ => None,
        };
        Configs {
            argon2: self.argon_2_config.as_ref().map(|own| Argon2Config {
                salt: own.salt.clone(),
                passes: own.iteration_amount,
                memory_kib: own.memory,
                lanes: own.threads,
                length: own.key_length,
            }),
            scrypt: self.scrypt_config.as_ref().map(|own| ScryptConfig {
                salt: own.salt.clone(),
                n: own.n_parameter,
                r: own.r_parameter,
                p: own.p_parameter,
                length: own.key_length,
            }),
            pbkdf2: self.pbkdf_2_config.as_ref().map(|own| Pbkdf2Config {
                salt: own.salt.clone(),
                iterations: own.iteration_amount,
                length: own.key_length,
                algorithm: own.algorithm.clone(),
            }),
            salts: salts.map(|own| SaltConfig { prepend: own.prepend_salt.clone(), append: own.append_salt.clone() }),
        }
    }
}
