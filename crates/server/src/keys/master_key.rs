//! The master key: what the signing keys in the database are encrypted under. It never enters the database.
//!
//! Specs: RFC 5116 §5.2 (AES-256-GCM), RFC 5869 (HKDF).

use crate::{config::MasterKeySource, entropy::Entropy, store::deployment::MasterKeyMark};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::id::ProjectId;
use std::{
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};
use zeroize::Zeroizing;

/// The first byte of everything sealed, so that another way of sealing can follow this one.
const VERSION: u8 = 1;

/// The key, ready to use. It cannot be printed or read back.
pub struct MasterKey {
    id: String,
    check_value: [u8; 32],
    seal: LessSafeKey,
    root: Prk,
}

/// What a sealed text is for. It is opened only for the same project, name and purpose, so a row that was moved or
/// swapped in the database does not open.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub project: &'a ProjectId,
    pub kid: &'a str,
    pub purpose: &'a str,
}

impl MasterKey {
    /// Reads 32 bytes as base64url, as they stand in `HOSPES_MASTER_KEY` and in the key file.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text.trim().trim_end_matches('='))
            .map(Zeroizing::new)
            .map_err(|_| anyhow!("the master key is no base64url"))?;
        ensure!(bytes.len() == 32, "the master key has {} bytes; it must have 32", bytes.len());
        ensure!(bytes.iter().any(|byte| *byte != 0), "the master key is all zeros");
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let root = Salt::new(HKDF_SHA256, b"hospes master key 1").extract(bytes);
        let id = expand(&root, &[b"id"])?;
        let seal_key = UnboundKey::new(&AES_256_GCM, expand(&root, &[b"seal"])?.as_slice())
            .map_err(|_| anyhow!("the sealing key has a wrong length"))?;
        Ok(Self {
            id: id.iter().take(8).fold(String::new(), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
            check_value: *expand(&root, &[b"check value"])?,
            seal: LessSafeKey::new(seal_key),
            root,
        })
    }

    /// Reads the key that the configuration names; `None` when it is to be in a file that does not exist.
    pub fn find(source: &MasterKeySource) -> Result<Option<Self>> {
        match source {
            MasterKeySource::Environment(secret) => Self::parse(secret.expose()).context("HOSPES_MASTER_KEY").map(Some),
            MasterKeySource::File(path) => Self::read_file(path),
        }
    }

    /// Reads a key file; `None` when there is none.
    pub fn read_file(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read the key file {}", path.display())),
        };
        refuse_readable_by_others(path)?;
        Self::parse(&text).with_context(|| format!("in the key file {}", path.display())).map(Some)
    }

    /// Makes a new key and its file (mode 0600), which must not exist. The file is on the disk when this returns.
    pub fn make_file(path: &Path, entropy: &Entropy) -> Result<Self> {
        let bytes = Zeroizing::new(entropy.bytes::<32>());
        let text = Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_slice()) + "\n");
        let key = Self::from_bytes(bytes.as_slice())?;
        write_new(path, text.as_bytes()).with_context(|| format!("cannot make the key file {}", path.display()))?;
        Ok(key)
    }

    /// Names the key without telling anything about it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the database keeps to recognize the key by.
    pub fn check_value(&self) -> &[u8] {
        &self.check_value
    }

    pub(super) fn mark(&self) -> MasterKeyMark {
        MasterKeyMark { id: self.id.clone(), check_value: self.check_value.to_vec() }
    }

    /// A key for one use, bound to `label` and what follows it; for CSRF tokens and their like.
    pub fn subkey(&self, label: &str, project: &ProjectId) -> Result<Zeroizing<[u8; 32]>> {
        expand(&self.root, &[b"subkey", label.as_bytes(), project.as_str().as_bytes()])
    }

    /// Encrypts `plain` for `context`: version ‖ nonce ‖ ciphertext ‖ tag.
    pub fn seal(&self, context: Context<'_>, plain: &[u8], entropy: &Entropy) -> Result<Vec<u8>> {
        // A random nonce: far fewer than 2^32 texts are ever sealed under one key.
        let nonce = entropy.bytes::<NONCE_LEN>();
        let mut text = Zeroizing::new(plain.to_vec());
        let tag = self
            .seal
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.bytes()), &mut text)
            .map_err(|_| anyhow!("a key could not be encrypted"))?;
        Ok([&[VERSION], nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// Decrypts what [`MasterKey::seal`] made for the same `context`.
    pub fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let refused = || {
            anyhow!("a stored key ({}) does not open: its row was changed, or the master key is another", context.kid)
        };
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(refused()) };
        let Some((nonce, text)) = rest.split_first_chunk::<NONCE_LEN>() else { return Err(refused()) };
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.bytes()), &mut text)
            .map_err(|_| refused())?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

impl Context<'_> {
    /// Every part with its length before it, so that two contexts never give the same bytes.
    fn bytes(&self) -> Vec<u8> {
        join(&[b"hospes sealed key", self.project.as_str().as_bytes(), self.kid.as_bytes(), self.purpose.as_bytes()])
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The parts, each with its length before it.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

// RFC 5869 §2.3
fn expand(root: &Prk, parts: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>> {
    let info = join(parts);
    let info = [info.as_slice()];
    let mut key = Zeroizing::new([0; 32]);
    root.expand(&info, Length32)
        .and_then(|output| output.fill(key.as_mut_slice()))
        .map_err(|_| anyhow!("a subkey of the master key could not be derived"))?;
    Ok(key)
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("others may read the key file {0} (mode {1:03o}); run `chmod 600 {0}`", path.display(), mode & 0o777);
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<()> {
    Ok(())
}

fn write_new(path: &Path, text: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()?;
    // The name is in the directory, and the directory must reach the disk too.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: u8) -> MasterKey {
        MasterKey::from_bytes(&[fill; 32]).unwrap()
    }

    fn context<'a>(project: &'a ProjectId, kid: &'a str, purpose: &'a str) -> Context<'a> {
        Context { project, kid, purpose }
    }

    #[test]
    fn what_was_sealed_opens_and_does_not_show() {
        let project = ProjectId::new("p");
        let here = context(&project, "kid", "oauth");
        let sealed = key(1).seal(here, b"a private key", &Entropy::Os).unwrap();
        assert_eq!(key(1).open(here, &sealed).unwrap().as_slice(), b"a private key");
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        let again = key(1).seal(here, b"a private key", &Entropy::Os).unwrap();
        assert_ne!(sealed, again);
        let empty = key(1).seal(here, b"", &Entropy::Os).unwrap();
        assert!(key(1).open(here, &empty).unwrap().is_empty());
    }

    #[test]
    fn sealed_bytes_are_bound_to_their_context() {
        let (project, other) = (ProjectId::new("p"), ProjectId::new("q"));
        let sealed = key(1).seal(context(&project, "kid", "oauth"), b"x", &Entropy::Os).unwrap();
        for wrong in [
            context(&other, "kid", "oauth"),
            context(&project, "kie", "oauth"),
            context(&project, "kid", "session"),
            // Parts cannot run into each other.
            context(&project, "kido", "auth"),
            context(&ProjectId::new("pk"), "id", "oauth"),
        ] {
            assert!(key(1).open(wrong, &sealed).is_err(), "{wrong:?}");
        }
        assert!(key(2).open(context(&project, "kid", "oauth"), &sealed).is_err());
    }

    #[test]
    fn changed_or_cut_bytes_do_not_open() {
        let project = ProjectId::new("p");
        let here = context(&project, "kid", "oauth");
        let sealed = key(1).seal(here, b"a private key", &Entropy::Os).unwrap();
        for length in 0..sealed.len() {
            assert!(key(1).open(here, &sealed[..length]).is_err(), "{length}");
        }
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key(1).open(here, &changed).is_err(), "{position}");
        }
        let error = key(1).open(here, b"").unwrap_err().to_string();
        assert!(error.contains("kid"), "{error}");
    }

    #[test]
    fn keys_are_recognized_and_their_subkeys_differ() {
        let (one, two) = (key(1), key(2));
        assert_eq!(one.id(), key(1).id());
        assert_eq!(one.id().len(), 16);
        assert_ne!(one.id(), two.id());
        assert_eq!(one.check_value(), key(1).check_value());
        assert_ne!(one.check_value(), two.check_value());
        let (p, q) = (ProjectId::new("p"), ProjectId::new("q"));
        let subkeys = [
            one.subkey("csrf", &p),
            one.subkey("csrf", &q),
            one.subkey("csr", &ProjectId::new("fp")),
            one.subkey("other", &p),
            two.subkey("csrf", &p),
        ]
        .map(|subkey| *subkey.unwrap());
        let different: std::collections::HashSet<_> = subkeys.iter().collect();
        assert_eq!(different.len(), subkeys.len());
        assert!(!format!("{one:?}").contains("check"));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64url_and_not_zero() {
        let text = Base64UrlUnpadded::encode_string(&[7; 32]);
        for good in [text.clone(), format!("{text}="), format!(" {text}\n")] {
            assert_eq!(MasterKey::parse(&good).unwrap().id(), key(7).id());
        }
        let (short, long) = ([7; 31], [7; 33]);
        for bad in [
            String::new(),
            "A".repeat(43),
            Base64UrlUnpadded::encode_string(&short),
            Base64UrlUnpadded::encode_string(&long),
            "not base64 at all, but forty-three letters!".into(),
        ] {
            assert!(MasterKey::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hospes.key");
        assert!(MasterKey::read_file(&path).unwrap().is_none());
        let made = MasterKey::make_file(&path, &Entropy::Os).unwrap();
        let read = MasterKey::find(&MasterKeySource::File(path.clone())).unwrap().unwrap();
        assert_eq!(made.id(), read.id());
        assert!(MasterKey::make_file(&path, &Entropy::Os).is_err());
        assert_eq!(MasterKey::read_file(&path).unwrap().unwrap().id(), made.id());
        fs::write(&path, "broken").unwrap();
        let error = format!("{:#}", MasterKey::read_file(&path).unwrap_err());
        assert!(error.contains("hospes.key") && !error.contains("broken"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hospes.key");
        MasterKey::make_file(&path, &Entropy::Os).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for (mode, accepted) in [(0o400, true), (0o600, true), (0o640, false), (0o604, false), (0o666, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = MasterKey::read_file(&path);
            assert_eq!(read.is_ok(), accepted, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }
}
