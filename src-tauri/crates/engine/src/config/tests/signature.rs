//! The key that signatures are checked with.

use std::path::Path;

use super::super::{SecretRef, Signature, parse, resolve_secrets};
use super::{read, said};

const SOCKET: &str = "[feed.spot.websocket]\nurl = \"wss://h/\"\n";
/// RFC 8410, section 10.1.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn signature(lines: &str) -> String {
    format!("{SOCKET}[feed.spot.signature]\n{lines}\n")
}

#[test]
fn every_kind_of_secret_or_a_public_key_may_be_given() {
    let of = |lines: &str| read(&signature(lines)).feeds[0].signature.clone().unwrap();
    let secret = |reference| Signature::Secret(reference);
    assert_eq!(of("key = { env = \"HMAC\" }"), secret(SecretRef::Env("HMAC".into())));
    assert_eq!(of("key = { file = \"/k\" }"), secret(SecretRef::File("/k".into())));
    assert_eq!(of("key = { keyring = \"spot\" }"), secret(SecretRef::Keyring("spot".into())));
    assert_eq!(of("key = { command = [\"print\"] }"), secret(SecretRef::Command(vec!["print".into()])));
    assert_eq!(of("public_key = \"/k.pem\""), Signature::PublicKey("/k.pem".into()));
    assert_eq!(read(SOCKET).feeds[0].signature, None);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_cure() {
    for (lines, place, message, cure) in [
        ("", "3:12", "\"signature\" names no key", "add key = { env = \"SPOT_HMAC\" }, or public_key = \"sender.pem\""),
        ("kye = { env = \"A\" }", "4:1", "unknown key \"kye\"", "did you mean \"key\"?"),
        (
            "key = { env = \"A\" }\npublic_key = \"a.pem\"",
            "5:1",
            "\"signature\" has both key and public_key",
            "keep key for a secret that the sender has too (HMAC), public_key for the sender's own (JWS)",
        ),
        (
            "key = \"s3cr3t\"",
            "4:7",
            "a secret must not stand in the configuration file",
            "write key = { env = \"SPOT_KEY\" } or { file = \"key.txt\" }",
        ),
        ("kee = \"s3cr3t\"", "4:1", "unknown key \"kee\"", "did you mean \"key\"?"),
        ("public_key = \"\"", "4:14", "the path is empty", "write public_key = \"sender.pem\""),
        (
            "public_key = \"-----BEGIN PRIVATE KEY-----s3cr3t\"",
            "4:14",
            "a key must not stand in the configuration file",
            "write public_key = \"sender.pem\"",
        ),
        ("public_key = { file = \"a\" }", "4:14", "\"public_key\" should be a text", "\"public_key\""),
    ] {
        let said = said(&signature(lines));
        assert!(said.starts_with(&format!("feeds.toml:{place}: {message}")) && said.contains(cure), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn a_key_that_is_none_is_told_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feeds.toml");
    let looked_up = |lines: &str| {
        let config = parse(&signature(lines), &file).unwrap();
        resolve_secrets(&config, &|name| (name == "K").then(|| "hunter2".to_owned()))
            .map(|secrets| secrets.of("spot").signature.as_ref().map(|key| key.expose().to_owned()))
            .map_err(|problems| problems.to_string())
    };
    let write = |text: &str| std::fs::write(folder.path().join("a.pem"), text).unwrap();
    assert_eq!(looked_up("key = { env = \"K\" }"), Ok(Some("hunter2".to_owned())));
    let said = looked_up("key = { env = \"L\" }").unwrap_err();
    assert!(said.contains("4:7: the variable \"L\" is not set"), "{said}");
    let said = looked_up("public_key = \"a.pem\"").unwrap_err();
    assert!(said.contains("4:14: the file") && said.contains("a.pem\" cannot be read"), "{said}");
    write("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let said = looked_up("public_key = \"a.pem\"").unwrap_err();
    assert!(said.contains("holds no public key of RSA, P-256 or Ed25519") && said.contains("openssl x509"), "{said}");
    write(PEM);
    assert_eq!(looked_up("public_key = \"a.pem\""), Ok(Some(PEM.trim().to_owned())));
}

#[test]
fn the_key_of_a_feed_with_further_endpoints_is_told_at_its_own_place() {
    let text = format!(
        "{SOCKET}bearer = {{ env = \"K\" }}\n[feed.spot.signature]\nkey = {{ env = \"L\" }}\n\
         [feed.spot.backup.b.websocket]\nurl = \"wss://b/\"\nbearer = {{ env = \"K\" }}\n"
    );
    let config = parse(&text, Path::new("feeds.toml")).unwrap();
    let said = resolve_secrets(&config, &|name| (name == "K").then(|| "k".to_owned())).unwrap_err().to_string();
    assert!(said.contains("5:7: the variable \"L\" is not set"), "{said}");
}
