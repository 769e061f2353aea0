//! Certificates of the tests' own: an authority with one for a server and one for a client, and another authority.

use std::fs;
use std::path::Path;

/// The name in the client certificate.
pub const CERTIFIED: &str = "feedwatch-client";

/// Writes `ca.pem`, `other-ca.pem`, `server.pem` and `server.key` (for localhost and 127.0.0.1), `client.pem` and
/// `client.key` (for [`CERTIFIED`]).
///
/// # Panics
/// If the disk does not let it.
pub fn write(folder: &Path) {
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a certificate");
    let authority = |name: &str| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let made = params.self_signed(&key).expect("an authority");
        (made.pem(), rcgen::Issuer::new(params, key))
    };
    let (pem, issuer) = authority("Tests");
    write("ca.pem", pem);
    write("other-ca.pem", authority("Somebody else").0);
    for (file, name, alternatives) in [
        ("server", "localhost", vec!["localhost".to_owned(), "127.0.0.1".to_owned()]),
        ("client", CERTIFIED, Vec::new()),
    ] {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(alternatives).expect("parameters");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let made = params.signed_by(&key, &issuer).expect("a certificate");
        write(&format!("{file}.pem"), made.pem());
        write(&format!("{file}.key"), key.serialize_pem());
    }
}
