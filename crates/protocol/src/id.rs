//! Typed identifiers: a client's id cannot be passed where a user's is meant.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{cmp::Ordering, fmt, hash, marker::PhantomData};

/// An identifier of a `K`; opaque text on the wire and in the store.
pub struct Id<K> {
    text: String,
    kind: PhantomData<fn() -> K>,
}

/// What an identifier identifies.
pub mod kind {
    #[derive(Debug)]
    pub enum Project {}
    #[derive(Debug)]
    pub enum Client {}
    #[derive(Debug)]
    pub enum User {}
    #[derive(Debug)]
    pub enum Email {}
    #[derive(Debug)]
    pub enum Phone {}
    #[derive(Debug)]
    pub enum Session {}
    #[derive(Debug)]
    pub enum Family {}
    #[derive(Debug)]
    pub enum Interaction {}
    #[derive(Debug)]
    pub enum Event {}
    #[derive(Debug)]
    pub enum Webhook {}
}

pub type ProjectId = Id<kind::Project>;
pub type ClientId = Id<kind::Client>;
pub type UserId = Id<kind::User>;
pub type EmailId = Id<kind::Email>;
pub type PhoneId = Id<kind::Phone>;
pub type SessionId = Id<kind::Session>;
pub type FamilyId = Id<kind::Family>;
pub type InteractionId = Id<kind::Interaction>;
pub type EventId = Id<kind::Event>;
pub type WebhookId = Id<kind::Webhook>;

impl<K> Id<K> {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: PhantomData }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self::new(self.text.clone())
    }
}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
