//! The key that the signatures of a feed are checked with, on its way from where it is kept to who reads the messages.

use std::sync::{Arc, Mutex, PoisonError};

use feedwatch_decode::SignatureKey;
use feedwatch_ingest::Event;

use crate::config::{FeedConfig, Secret, Signature};
use crate::pipeline::Pipeline;

/// A feed's key. All its endpoints look it up when they connect, and leave it here before their first message.
#[derive(Clone, Debug)]
pub struct Proof(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Signature,
    /// What was left last, and whether it was taken.
    newest: Mutex<(Option<SignatureKey>, bool)>,
}

impl Proof {
    /// That of a feed whose signatures are checked.
    pub fn of(feed: &FeedConfig) -> Option<Proof> {
        let kept = feed.signature.clone()?;
        Some(Proof(Arc::new(Inner { kept, newest: Mutex::default() })))
    }

    /// Where it is kept.
    pub(super) fn kept(&self) -> &Signature {
        &self.0.kept
    }

    /// Leaves the key that holds now.
    pub(super) fn leave(&self, text: &Secret) {
        let key = match self.0.kept {
            Signature::Secret(_) => Some(SignatureKey::secret(text.expose())),
            Signature::PublicKey(_) => SignatureKey::public(text.expose().as_bytes()).ok(),
        };
        let mut newest = self.0.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if key.is_some() && newest.0 != key {
            *newest = (key, false);
        }
    }

    /// What comes over a connection that begins is checked with the key that was looked up for it.
    pub(crate) fn hand_on(proof: Option<&Proof>, event: &Event, pipeline: &mut Pipeline, place: usize) {
        if let (Event::Connected { .. }, Some(proof)) = (event, proof)
            && let Some(key) = proof.take()
        {
            pipeline.sign_with(place, &key);
        }
    }

    /// The key, if another one holds since it was last taken.
    pub(super) fn take(&self) -> Option<SignatureKey> {
        let mut newest = self.0.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut newest.1, true) { None } else { newest.0.clone() }
    }
}
