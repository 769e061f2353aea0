//! Keys and tokens as operators of NATS make them with `nsc`: an operator signs accounts, an account its users.

use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whose key it is: five bits.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Operator = 14,
    Account = 0,
    User = 20,
}

struct Key {
    kind: Kind,
    secret: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Key {
    /// The same every time.
    fn of(kind: Kind) -> Key {
        let mut secret = [0; 32];
        secret.copy_from_slice(digest(&SHA256, format!("{kind:?} of a test").as_bytes()).as_ref());
        Key { kind, secret, pair: Ed25519KeyPair::from_seed_unchecked(&secret).expect("a key") }
    }

    fn public(&self) -> String {
        let mut bytes = vec![(self.kind as u8) << 3];
        bytes.extend(self.pair.public_key().as_ref());
        written(bytes)
    }

    fn seed(&self) -> String {
        let kind = (self.kind as u8) << 3;
        let mut bytes = vec![18 << 3 | kind >> 5, (kind & 31) << 3];
        bytes.extend(self.secret);
        written(bytes)
    }

    /// What this key says of another one.
    fn says(&self, of: &Key, nats: &Value) -> String {
        let head = json!({"typ": "JWT", "alg": "ed25519-nkey"});
        let claims = json!({
            "jti": "TEST", "iat": 1_700_000_000, "iss": self.public(), "name": "test", "sub": of.public(), "nats": nats,
        });
        let text = format!("{}.{}", base64(head.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = base64(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}.{signature}")
    }
}

/// A server's configuration that lets one user in, and that user's credentials file.
pub fn operated() -> (String, String) {
    let [operator, account, user] = [Kind::Operator, Kind::Account, Kind::User].map(Key::of);
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    let of_operator = operator.says(&operator, &json!({"type": "operator", "version": 2}));
    let of_account = operator.says(&account, &json!({"type": "account", "version": 2, "limits": limits}));
    let of_user = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}});
    let of_user = account.says(&user, &of_user);
    let config = format!(
        "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}\n",
        account.public()
    );
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n\
         ------END USER NKEY SEED------\n",
        user.seed()
    );
    (config, creds)
}

/// With its checksum, in base32.
fn written(mut bytes: Vec<u8>) -> String {
    let sum = bytes.iter().fold(0_u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 })
    });
    bytes.extend(sum.to_le_bytes());
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let letters = (0..bytes.len() * 8).step_by(5).map(|from| {
        let five = (from..from + 5).fold(0, |five, at| five << 1 | usize::from(bit(at)));
        char::from(ALPHABET[five])
    });
    letters.collect()
}

/// RFC 4648, section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let letters = (0..bytes.len() * 8).step_by(6).map(|from| {
        let six = (from..from + 6).fold(0, |six, at| six << 1 | usize::from(bit(at)));
        char::from(LETTERS[six])
    });
    letters.collect()
}
