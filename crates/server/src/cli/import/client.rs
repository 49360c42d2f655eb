//! A connected app or a machine of a file, with the secrets that come with it, and what becomes of them here.

use super::{
    entry::{Context, Done, Ready, Standing, told},
    record::Members,
};
use crate::{
    entropy::Entropy,
    http::management::{body, connected_apps, m2m_clients::NewMachine},
    imported_secret, project,
    secret::Secret,
    store::{
        Tx,
        client_secrets::{ClientSecret, Proof, Slot},
    },
};
use anyhow::Result;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::{
    Timestamp,
    audit_event::{self, EventKind, Occasion},
    client::{Client, ClientSettings},
    id::ProjectId,
    machine,
};
use serde::Deserialize;

pub(super) struct NewClient {
    pub(super) client: Client,
    pub(super) secrets: Vec<Brought>,
    occasion: Occasion,
}

/// A secret that comes with a client.
pub(super) struct Brought {
    slot: Slot,
    what: Known,
}

/// What is known of it.
enum Known {
    Text(Secret),
    /// Its SHA-256, and the end by which its owner knows it.
    Hash([u8; 32], String),
}

/// What is read beside the settings.
#[derive(Deserialize)]
struct Record {
    client_id: String,
    status: Option<String>,
    client_secret: Option<String>,
    /// While a rotation is under way: both are accepted.
    next_client_secret: Option<String>,
    /// SHA-256 of the secret, for whoever does not have the secret itself.
    client_secret_hash: Option<String>,
    client_secret_last_four: Option<String>,
}

/// Reads a connected app. What is wrong is told with what to change.
pub(super) fn parse_app(members: Members, context: &Context<'_>) -> Result<NewClient, String> {
    let settings = connected_apps::settings_of_new(members.clone(), context.project).map_err(told)?;
    parse(members, settings, context)
}

/// Reads a machine. What is wrong is told with what to change.
pub(super) fn parse_machine(members: Members, context: &Context<'_>) -> Result<NewClient, String> {
    let machine: NewMachine = body::read(members.clone()).map_err(told)?;
    let settings = machine.settings(context.project).map_err(|refusal| refusal.description.into_owned())?;
    parse(members, settings, context)
}

/// Puts settings and the rest of a record together.
pub(super) fn parse(members: Members, settings: ClientSettings, context: &Context<'_>) -> Result<NewClient, String> {
    let record: Record = body::read(members).map_err(told)?;
    let id = project::parse_client_id(&record.client_id).map_err(|error| error.to_string())?;
    let secrets = record.secrets()?;
    if !secrets.is_empty() && !project::uses_secret(&settings) {
        return Err("this client has no use for a secret, and one is given; take it out".to_owned());
    }
    let disabled_at = match record.status.as_deref() {
        None | Some("active") => None,
        Some("inactive") => Some(context.now),
        Some(other) => return Err(format!("status is `{other}`; write active or inactive")),
    };
    let client = Client { disabled_at, ..Client::new(id, settings, context.now) };
    Ok(NewClient { client, secrets, occasion: context.occasion() })
}

impl Record {
    fn secrets(&self) -> Result<Vec<Brought>, String> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut known = Vec::new();
        for secret in [text(&self.client_secret), text(&self.next_client_secret)].into_iter().flatten() {
            machine::validate_imported_secret(&secret).map_err(|refusal| refusal.description.into_owned())?;
            known.push(Known::Text(Secret::from_text(secret)));
        }
        if let Some(hash) = text(&self.client_secret_hash).filter(|_| known.is_empty()) {
            let hash = parse_sha256(&hash).ok_or(
                "client_secret_hash can be taken if it is SHA-256 as hex or base64; else take it out, and make the \
                 client a new secret",
            )?;
            known.push(Known::Hash(hash, self.client_secret_last_four.clone().unwrap_or_default()));
        }
        // The first is the current one, whichever it was: a new secret alone is what the client goes on with.
        Ok([Slot::Current, Slot::Next].into_iter().zip(known).map(|(slot, what)| Brought { slot, what }).collect())
    }
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() == 64 {
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        return Some(hash);
    }
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = Base64UrlUnpadded::decode_vec(&text).ok()?;
    hash = bytes.try_into().ok()?;
    Some(hash)
}

impl Brought {
    /// What is stored of it. Takes as long as a password.
    pub(super) fn stored(&self, entropy: &Entropy, now: Timestamp) -> Result<ClientSecret> {
        match &self.what {
            Known::Text(secret) => {
                let wrapped = imported_secret::wrap_here(&secret.hash(), entropy)?;
                Ok(imported_secret::in_slot(self.slot, secret, wrapped, now))
            }
            Known::Hash(hash, end) => {
                let wrapped = imported_secret::wrap_here(hash, entropy)?;
                let (proof, last_four) = (Proof::Wrapped(wrapped), project::last_four(end));
                Ok(ClientSecret { slot: self.slot, proof, last_four, created_at: now })
            }
        }
    }
}

impl NewClient {
    /// Whether it cannot prove who it is by what the file brings.
    pub(super) fn lacks_secret(&self) -> bool {
        self.secrets.is_empty() && project::uses_secret(&self.client.settings)
    }

    pub(super) fn look(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Standing> {
        let Some(found) = tx.find_client(project, &self.client.id)? else { return Ok(Standing::New) };
        let mut differs = audit_event::changed(&found.settings, &self.client.settings);
        if found.disabled_at.is_some() != self.client.disabled_at.is_some() {
            differs.push("status".to_owned());
        }
        let is_complete =
            !project::uses_secret(&found.settings) || !tx.find_client_secrets(project, &found.id)?.is_empty();
        Ok(Standing::There { id: found.id.to_string(), differs, is_complete })
    }

    pub(super) fn apply(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        standing: Standing,
        ready: &Ready,
    ) -> Result<Done> {
        let id = &self.client.id;
        let (done, kind) = match standing {
            Standing::Refused(why) => return Ok(Done::Refused(why)),
            Standing::New if tx.add_client(project, &self.client)? => (Done::Added, EventKind::ClientAdded),
            // Somebody else was faster.
            Standing::New => return Ok(Done::There { differs: Vec::new(), completed: false }),
            Standing::There { differs, is_complete, .. } if is_complete || ready.secrets.is_empty() => {
                return Ok(Done::There { differs, completed: false });
            }
            Standing::There { differs, .. } => {
                (Done::There { differs, completed: true }, EventKind::ClientSecretRotationFinished)
            }
        };
        for secret in &ready.secrets {
            tx.set_client_secret(project, id, secret)?;
        }
        tx.record(project, &self.occasion.event(kind).client(id))?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::sha256;
    use base64ct::Base64;

    #[test]
    fn a_hash_of_a_secret_is_sha256_in_any_usual_form() {
        let hash = sha256(b"kR7_v-2Qb9");
        let hex = "50fc236fb60173b79cafd7b0100d54c369bbbf570f2cc9af1bcdf801d503038d";
        for text in
            [hex.to_uppercase(), hex.to_owned(), Base64::encode_string(&hash), Base64UrlUnpadded::encode_string(&hash)]
        {
            assert_eq!(parse_sha256(&text), Some(hash), "{text}");
        }
        for text in ["", "$2b$04$abcdefghijklmnopqrstuuLkMI6emr6qsRB//kVk2itACx4Sei8nK", &"zz".repeat(32), "AAAA"] {
            assert_eq!(parse_sha256(text), None, "{text}");
        }
    }
}
