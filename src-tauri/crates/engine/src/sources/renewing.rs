//! The secrets of a feed, looked up whenever it connects.
//!
//! Variables, files and the keyring are read each time. A program is run for the first connection, and again when what it printed is
//! not accepted any more: with no shell, no input and nothing of its errors kept, for 10 s at most, after which it ends with all that it has started.

use std::collections::HashMap;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_decode::Format;
use feedwatch_ingest::{Clock, ConnectError, Renewal, Source};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::{
    Credentials, Given, MAX_SECRET_BYTES, Paths, Purpose, SecretRef, SourceConfig, asked_of, look_up, look_up_key,
    quoted, sentences,
};
use crate::platform;
use crate::sources::Proof;

/// How long a program may take to print a secret.
const LONGEST_RUN: Duration = Duration::from_secs(10);

/// What a source is made of anew when its secrets change.
pub(super) struct Renewing {
    source: Arc<SourceConfig>,
    feed: String,
    own: String,
    in_turns: bool,
    paths: Paths,
    clock: Clock,
    purpose: Purpose,
    format: Option<Format>,
    proof: Option<Proof>,
    keyring: Keyring,
    known: Mutex<Known>,
}

/// How the keyring is asked for a name.
type Keyring = fn(String) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, (String, String)>> + Send>>;

#[derive(Default)]
struct Known {
    /// Of the source that was made last.
    credentials: Option<Credentials>,
    /// What programs have printed.
    printed: HashMap<SecretRef, String>,
}

impl Renewing {
    pub(super) fn new(source: &SourceConfig, given: &Given<'_>, proof: Option<&Proof>) -> Renewing {
        Renewing {
            source: Arc::new(source.clone()),
            feed: given.feed.to_owned(),
            own: given.own.to_owned(),
            in_turns: given.in_turns,
            paths: given.paths.clone(),
            clock: given.clock,
            purpose: given.purpose,
            format: given.format,
            proof: proof.cloned(),
            keyring: |name| Box::pin(async move { platform::keyring::read(&name).await }),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What programs and the keyring say. Programs that have not been run yet are, and all of them where what is known was
    /// `refused`.
    async fn said(&self, refused: bool) -> Result<HashMap<SecretRef, String>, ConnectError> {
        let mut said = if refused { HashMap::new() } else { self.known().printed.clone() };
        for reference in asked_of(self.source.configured(), self.proof.as_ref().map(Proof::kept)) {
            if said.contains_key(&reference) {
                continue;
            }
            // One that fails is run again at the next connection.
            self.known().printed.remove(&reference);
            let text = match &reference {
                SecretRef::Command(command) => run(command, &self.paths).await,
                SecretRef::Keyring(name) => entry(name, self.keyring).await,
                SecretRef::Env(_) | SecretRef::File(_) => continue,
            };
            said.insert(reference, text.map_err(ConnectError::Options)?);
        }
        let printed = said.iter().filter(|(reference, _)| matches!(reference, SecretRef::Command(_)));
        self.known().printed = printed.map(|(reference, text)| (reference.clone(), text.clone())).collect();
        Ok(said)
    }
}

#[async_trait]
impl Renewal for Renewing {
    async fn source(&self, refused: bool) -> Result<Option<Arc<dyn Source>>, ConnectError> {
        let said = self.said(refused).await?;
        let (source, proof) = (Arc::clone(&self.source), self.proof.clone());
        // Files may lie on a disk that sleeps.
        let looked_up = tokio::task::spawn_blocking(move || {
            let (env, said) = (|name: &str| std::env::var(name).ok(), |asked: &SecretRef| said.get(asked).cloned());
            if let Some(proof) = proof {
                proof.leave(&look_up_key(proof.kept(), &env, &said)?);
            }
            look_up(source.configured(), &env, &said)
        });
        let lost = |error: tokio::task::JoinError| ConnectError::Options(format!("A secret cannot be read: {error}."));
        let credentials = looked_up.await.map_err(lost)?.map_err(ConnectError::Options)?;
        let mut known = self.known();
        if known.credentials.as_ref() == Some(&credentials) {
            return Ok(None);
        }
        let given = Given {
            feed: &self.feed,
            own: &self.own,
            in_turns: self.in_turns,
            credentials: &credentials,
            paths: &self.paths,
            clock: self.clock,
            purpose: self.purpose,
            format: self.format,
        };
        let source = self.source.configured().source(&given);
        known.credentials = Some(credentials);
        Ok(Some(source))
    }
}

/// What a program prints, or a sentence with the cure. Its further words may be secrets, and are not repeated.
async fn run(command: &[String], paths: &Paths) -> Result<String, String> {
    let Some((program, words)) = command.split_first() else { return Err("There is no program to run.".to_owned()) };
    let what = format!("The program {} that prints a secret", quoted(program));
    let cure = "Run it by hand: it must print the secret and nothing else.";
    let mut command = Command::new(paths.expand(program.as_ref()));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    platform::lead_a_group(&mut command);
    let mut child = command.spawn().map_err(|error| format!("{what} cannot be run: {error}. {cure}"))?;
    // Given up before the child is, so that the number is still its own.
    let mut family = Family(child.id());
    let mut printed = Vec::new();
    let ended = timeout(LONGEST_RUN, async {
        if let Some(out) = child.stdout.take() {
            out.take(MAX_SECRET_BYTES + 1).read_to_end(&mut printed).await?;
        }
        if printed.len() as u64 > MAX_SECRET_BYTES {
            return Ok(None);
        }
        let status = child.wait().await?;
        // What it leaves behind on purpose, such as an agent, may stay.
        family.0 = None;
        Ok::<_, std::io::Error>(Some(status))
    });
    match ended.await {
        Ok(Ok(Some(status))) if status.success() => {}
        Ok(Ok(Some(status))) => return Err(format!("{what} ended with {status}. {cure}")),
        Ok(Ok(None)) => return Err(format!("{what} prints more than {} KiB. {cure}", MAX_SECRET_BYTES >> 10)),
        Ok(Err(error)) => return Err(format!("{what} cannot be heard: {error}. {cure}")),
        Err(_) => return Err(format!("{what} has not ended within {} s. {cure}", LONGEST_RUN.as_secs())),
    }
    String::from_utf8(printed).map_err(|_| format!("{what} prints what is no text. {cure}"))
}

/// What the keyring has under this name, or a sentence with the cure.
async fn entry(name: &str, keyring: Keyring) -> Result<String, String> {
    let what = format!("The entry {} of the keyring", quoted(name));
    let Ok(read) = timeout(LONGEST_RUN, keyring(name.to_owned())).await else {
        return Err(format!(
            "The keyring has not answered within {} s. Unlock it, or start it anew.",
            LONGEST_RUN.as_secs()
        ));
    };
    let value = read.map_err(|(wrong, cure)| {
        let (wrong, cure) = sentences(&wrong, &cure);
        format!("{wrong} {cure}")
    })?;
    if value.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!(
            "{what} has more than {} KiB. Put the secret there, and nothing else.",
            MAX_SECRET_BYTES >> 10
        ));
    }
    String::from_utf8(value).map_err(|_| format!("{what} is no text. Put the secret there, and nothing else."))
}

/// The processes of a program that has not ended. They end with this.
struct Family(Option<u32>);

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            platform::end_group(leader);
        }
    }
}

#[cfg(test)]
mod tests;
