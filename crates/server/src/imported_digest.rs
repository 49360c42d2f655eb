//! The digests by which others stored passwords, made of a password once more. For comparing only: none of them is stored
//! by us as it is ([`crate::passwords`] puts argon2id around it).
//!
//! Specs: RFC 7914 §6 (scrypt), RFC 8018 §5.2 (PBKDF2).

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::{digest, pbkdf2};
use base64ct::{Base64, Encoding as _};
use hospes_protocol::imported_hash::{Digest, Prf, Recipe};
use md5::{Digest as _, Md5};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// bcrypt looks at so many bytes, and at the zero byte behind the password if there is room for it.
const BCRYPT_BYTES: usize = 72;
/// Of the 24 bytes that come out, the last is never stored.
const BCRYPT_LENGTH: usize = 23;

/// Takes as long as the recipe says, so keep it on the threads of [`crate::passwords::Passwords`].
pub(crate) fn compute(recipe: &Recipe, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    let digest = match recipe {
        Recipe::Bcrypt { cost, salt } => bcrypt(*cost, &decode(salt)?, password.as_bytes())?,
        Recipe::Scrypt { log_n, r, p, salt, length } => {
            let params = scrypt::Params::new(*log_n, *r, *p).context("parameters of scrypt")?;
            let mut output = vec![0; *length];
            scrypt::scrypt(password.as_bytes(), &decode(salt)?, &params, &mut output).context("scrypt")?;
            output
        }
        Recipe::Pbkdf2 { prf, iterations, salt, length } => {
            let algorithm = match prf {
                Prf::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                Prf::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            };
            let iterations = NonZeroU32::new(*iterations).context("no iterations of PBKDF2")?;
            let mut output = vec![0; *length];
            pbkdf2::derive(algorithm, iterations, &decode(salt)?, password.as_bytes(), &mut output);
            output
        }
        Recipe::Phpass { rounds, salt } => {
            let rounds = 1_u32.checked_shl((*rounds).into()).context("rounds of phpass")?;
            let mut state = md5(&[&decode(salt)?, password.as_bytes()]);
            for _ in 0..rounds {
                state = md5(&[&state, password.as_bytes()]);
            }
            state
        }
        Recipe::Plain { digest, prepend, append } => {
            let parts = [&*decode(prepend)?, password.as_bytes(), &*decode(append)?];
            match digest {
                Digest::Md5 => md5(&parts),
                Digest::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY, &parts),
                Digest::Sha512 => sha(&digest::SHA512, &parts),
            }
        }
    };
    Ok(Zeroizing::new(digest))
}

fn decode(salt: &str) -> Result<Vec<u8>> {
    Base64::decode_vec(salt).ok().context("the salt of a stored recipe")
}

fn bcrypt(cost: u32, salt: &[u8], password: &[u8]) -> Result<Vec<u8>> {
    ensure!(cost < 32, "a cost that bcrypt does not have");
    let salt = salt.try_into().context("a salt of bcrypt has 16 bytes")?;
    let bytes: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_BYTES).collect();
    let output = bcrypt::bcrypt(cost, salt, &Zeroizing::new(bytes));
    Ok(output.into_iter().take(BCRYPT_LENGTH).collect())
}

fn md5(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Md5::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().to_vec()
}

fn sha(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}
