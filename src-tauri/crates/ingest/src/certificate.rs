//! What is remembered of a server's certificate, read from its DER form (X.509, RFC 5280).

use feedwatch_model::{Certificate, Time};
use ring::digest::{SHA256, digest};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;
use x509_parser::parse_x509_certificate;

/// The longest name of an authority that is shown.
const LONGEST_NAME: usize = 200;

/// Reads it; `None` for what is no certificate, which a verified connection never shows.
pub(crate) fn read(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let time = |time: x509_parser::time::ASN1Time| Time::from_secs_f64(time.timestamp() as f64);
    let validity = certificate.validity();
    let print = digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let issuer = certificate.issuer();
    let common = issuer.iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    let issuer = common.unwrap_or_else(|| issuer.to_string());
    let issuer = issuer.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
    Some(Certificate { print, from: time(validity.not_before), until: time(validity.not_after), issuer, tls: None })
}

/// The server's own, of an encrypted connection.
pub(crate) fn of<S>(stream: &TlsStream<S>) -> Option<Certificate> {
    let connection = stream.get_ref().1;
    let certificate = connection.peer_certificates()?.first().and_then(|der| read(der))?;
    let tls = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some("1.2".to_owned()),
        Some(ProtocolVersion::TLSv1_3) => Some("1.3".to_owned()),
        _ => None,
    };
    Some(Certificate { tls, ..certificate })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn validity_and_issuer_are_read() {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2027, 3, 4);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "Test CA");
        let key = rcgen::KeyPair::generate().unwrap();
        let made = parameters.self_signed(&key).unwrap();
        let read = read(made.der()).unwrap();
        assert_eq!(read.from.to_string(), "2026-01-02T00:00:00.000000000Z");
        assert_eq!(read.until.to_string(), "2027-03-04T00:00:00.000000000Z");
        assert_eq!((read.issuer.as_str(), read.print.len()), ("Test CA", 64));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).is_none());
        }
    }
}
