//! Who we are: what stands in `CONNECT`, and the signature that proves a key without sending it.
//!
//! A seed is base32 of two bytes that say its kind, 32 bytes and a checksum (CRC-16/XMODEM, the low byte first)
//! (<https://docs.nats.io/reference/reference-protocols/nkeys>). A credentials file has a user's JWT and such a seed between
//! lines of hyphens.

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value};

use super::options::NatsOptions;
use crate::{ConnectError, Secret, base64};

/// The kinds of keys: five bits each.
const SEED: u8 = 18 << 3;
const USER: u8 = 20 << 3;
/// What a server's challenge may have.
const LONGEST_NONCE: usize = 1 << 10;

/// Who we are, known to be usable before anything is sent.
pub(super) struct Identity {
    user: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    jwt: Option<Secret>,
    key: Option<Ed25519KeyPair>,
}

impl Identity {
    pub(super) fn of(options: &NatsOptions) -> Result<Identity, ConnectError> {
        let login = &options.login;
        let (jwt, seed) = match (&options.creds, &options.nkey) {
            (Some(creds), _) => {
                let part = |mark| between(creds.expose(), mark);
                let (Some(jwt), Some(seed)) = (part("USER JWT"), part("SEED")) else {
                    return Err(ConnectError::Options(
                        "`creds` holds no credentials of NATS: there must be a user's JWT and a seed between lines of \
                         hyphens, as `nsc generate creds` writes them."
                            .to_owned(),
                    ));
                };
                (Some(Secret::new(jwt)), Some(seed))
            }
            (None, nkey) => (None, nkey.as_ref().map(|seed| seed.expose().trim())),
        };
        let key = seed.map(key_of).transpose()?;
        Ok(Identity {
            user: login.user.clone(),
            password: login.password.clone(),
            token: login.token.clone(),
            jwt,
            key,
        })
    }

    /// `CONNECT` with its JSON. `nonce`: the server's challenge.
    pub(super) fn connect(&self, nonce: Option<&str>, encrypted: bool) -> Result<String, ConnectError> {
        let mut said = Map::new();
        let mut add = |key: &str, value: Value| drop(said.insert(key.to_owned(), value));
        add("verbose", false.into());
        add("pedantic", false.into());
        add("tls_required", encrypted.into());
        add("name", "Feedwatch".into());
        add("lang", "rust".into());
        add("version", env!("CARGO_PKG_VERSION").into());
        add("protocol", 1.into());
        add("headers", true.into());
        add("no_responders", true.into());
        for (key, text) in [
            ("user", self.user.as_deref()),
            ("pass", self.password.as_ref().map(Secret::expose)),
            ("auth_token", self.token.as_ref().map(Secret::expose)),
            ("jwt", self.jwt.as_ref().map(Secret::expose)),
        ] {
            if let Some(text) = text {
                add(key, text.into());
            }
        }
        if let Some(key) = &self.key {
            let nonce = nonce.filter(|nonce| nonce.len() <= LONGEST_NONCE).ok_or_else(|| {
                ConnectError::Protocol(
                    "The server gives nothing to sign, so it knows no users by their keys. Take `creds` or `nkey` out, or \
                     check the address."
                        .to_owned(),
                )
            })?;
            let signature = base64::encode(key.sign(nonce.as_bytes()).as_ref());
            add("sig", signature.trim_end_matches('=').replace('+', "-").replace('/', "_").into());
            if self.jwt.is_none() {
                add("nkey", public(key).into());
            }
        }
        Ok(format!("CONNECT {}\r\n", Value::Object(said)))
    }
}

/// What stands between `-----BEGIN … mark-----` and the next line of hyphens.
fn between<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("---") && line.contains("BEGIN") && line.contains(mark))?;
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with("---"))
}

fn key_of(seed: &str) -> Result<Ed25519KeyPair, ConnectError> {
    let wrong = || {
        ConnectError::Options(
            "The seed of the user's key is not readable: it has 58 letters and digits and begins with SU. Copy it again."
                .to_owned(),
        )
    };
    let bytes = from_base32(seed).ok_or_else(wrong)?;
    let (body, sum) = bytes.split_last_chunk::<2>().ok_or_else(wrong)?;
    let [first, second, secret @ ..] = body else { return Err(wrong()) };
    let kind = (first & 7) << 5 | second >> 3;
    if u16::from_le_bytes(*sum) != checksum(body) || first & 0xF8 != SEED || kind != USER {
        return Err(wrong());
    }
    Ed25519KeyPair::from_seed_unchecked(secret).map_err(|_| wrong())
}

/// The public key as servers know it: `U…`.
fn public(key: &Ed25519KeyPair) -> String {
    let mut bytes = vec![USER];
    bytes.extend(key.public_key().as_ref());
    bytes.extend(checksum(&bytes).to_le_bytes());
    to_base32(&bytes)
}

/// CRC-16/XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 })
    })
}

/// RFC 4648, section 6, without padding.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn to_base32(bytes: &[u8]) -> String {
    let (mut text, mut group, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        (group, bits) = (group << 8 | u32::from(*byte), bits + 8);
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(group >> bits & 31) as usize]));
        }
        group &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(group << (5 - bits) & 31) as usize]));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut group, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let five = ALPHABET.iter().position(|known| *known == letter)?;
        (group, bits) = (group << 5 | u32::try_from(five).ok()?, bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits & 0xFF) as u8);
        }
        group &= (1 << bits) - 1;
    }
    // No byte ends in a letter more.
    (bits < 5).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// A seed and its public key as `nk -gen user -pubout` writes them, from the documentation of nkeys.
    const SEED_TEXT: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    fn options(seed: &str) -> NatsOptions {
        NatsOptions { nkey: Some(Secret::new(seed)), ..NatsOptions::new("h", vec!["a".into()]) }
    }

    fn said(identity: &Identity, nonce: Option<&str>) -> Value {
        let line = identity.connect(nonce, false).unwrap();
        serde_json::from_str(line.strip_prefix("CONNECT ").unwrap().trim_end()).unwrap()
    }

    #[test]
    fn a_seed_gives_the_key_that_others_make_of_it() {
        let key = key_of(SEED_TEXT).unwrap();
        assert_eq!(public(&key), PUBLIC);
    }

    #[test]
    fn the_challenge_is_signed_and_the_seed_is_not_sent() {
        let identity = Identity::of(&options(SEED_TEXT)).unwrap();
        let said = said(&identity, Some("n0nce"));
        assert_eq!(said["nkey"], PUBLIC);
        let signature = said["sig"].as_str().unwrap().replace('-', "+").replace('_', "/");
        let signature = base64::decode(&signature).unwrap();
        let key = key_of(SEED_TEXT).unwrap();
        UnparsedPublicKey::new(&ED25519, key.public_key().as_ref()).verify(b"n0nce", &signature).unwrap();
        assert!(!said.to_string().contains(SEED_TEXT));
        assert!(identity.connect(None, false).unwrap_err().is_permanent());
    }

    #[test]
    fn a_credentials_file_has_a_jwt_and_a_seed() {
        let file = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.x.y\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n\
             -----BEGIN USER NKEY SEED-----\n{SEED_TEXT}\n------END USER NKEY SEED------\n"
        );
        let options = NatsOptions { creds: Some(Secret::new(&*file)), nkey: None, ..options("") };
        let said = said(&Identity::of(&options).unwrap(), Some("n"));
        assert_eq!((&said["jwt"], &said["nkey"]), (&"eyJ0.x.y".into(), &Value::Null));
        assert!(said["sig"].is_string());
        for wrong in ["", "eyJ0", &file.replace("SEED", "KEY"), &file.replace(SEED_TEXT, "------")] {
            let options = NatsOptions { creds: Some(Secret::new(wrong)), ..options.clone() };
            assert!(Identity::of(&options).is_err_and(|error| error.is_permanent()), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_seed_of_a_user_is_told_without_repeating_it() {
        for wrong in ["", "SU", "abc", PUBLIC, &SEED_TEXT.replace("RF5", "RF6"), &format!("{SEED_TEXT}A")] {
            let error = Identity::of(&options(wrong)).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("begins with SU") && !error.contains("RF6")), "{wrong}");
        }
    }

    #[test]
    fn user_and_password_or_a_token_are_sent() {
        let login = NatsOptions::login_of("ann", Some("s3cr3t"));
        let identity = Identity::of(&NatsOptions { login, nkey: None, ..options("") }).unwrap();
        let with = said(&identity, None);
        assert_eq!(
            (&with["user"], &with["pass"], &with["auth_token"]),
            (&"ann".into(), &"s3cr3t".into(), &Value::Null)
        );
        let login = NatsOptions::login_of("t0ken", None);
        let identity = Identity::of(&NatsOptions { login, nkey: None, ..options("") }).unwrap();
        assert_eq!(said(&identity, None)["auth_token"], "t0ken");
    }

    proptest! {
        #[test]
        fn base32_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(from_base32(&to_base32(&bytes)), Some(bytes));
        }

        #[test]
        fn no_seed_makes_it_panic(text in ".{0,80}") {
            prop_assert!(key_of(&text).is_err());
        }
    }
}
