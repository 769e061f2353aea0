//! From errors of libraries to sentences an operator can act on.

use std::error::Error;
use std::io;
use std::time::Duration;

use feedwatch_model::Time;
use http::{HeaderMap, StatusCode, header};
use rustls::{AlertDescription, CertificateError};

use crate::ConnectError;
use crate::address::without_values;

/// Why no connection could be had with `host` (`example.com:443`), from whatever a library said.
pub(crate) fn connect_error(error: &(dyn Error + 'static), host: &str) -> ConnectError {
    if let Some(tls) = find::<rustls::Error>(error) {
        return tls_error(tls);
    }
    if let Some(http) = find::<hyper::Error>(error)
        && let Some(sentence) = http_error(http, host)
    {
        return sentence;
    }
    let Some(io) = find::<io::Error>(error) else {
        return ConnectError::Network(format!("No connection to {host}: {}.", innermost(error)));
    };
    ConnectError::Network(match io.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("Nothing listens at {host} (connection refused). Check the port, and that the server runs.")
        }
        io::ErrorKind::TimedOut => format!("{host} does not answer (timed out). Check the address and the network."),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("There is no way to {host} from here ({io}). Check this computer's network.")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            format!("{host} cut the connection before it answered.")
        }
        _ if innermost(error).contains("lookup") => name_not_found(host),
        _ => format!("No connection to {host}: {}.", innermost(error)),
    })
}

/// What the HTTP library says where no error of the system lies below it.
fn http_error(error: &hyper::Error, host: &str) -> Option<ConnectError> {
    if error.is_incomplete_message() && find::<io::Error>(error).is_none() {
        return Some(ConnectError::Network(format!("{host} cut the connection before it answered.")));
    }
    error.is_parse().then(|| {
        ConnectError::Protocol(format!(
            "What answers at {host} does not speak HTTP ({}). Check the port; if it is encrypted, paste https:// instead of \
             http://.",
            innermost(error)
        ))
    })
}

/// The name has no address.
pub(crate) fn name_not_found(host: &str) -> String {
    format!("The name of {host} is not found. Check the spelling, and this computer's network.")
}

/// How an open connection broke, as a sentence.
pub(crate) fn cut(error: &(dyn Error + 'static)) -> String {
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
            "The connection was cut without a goodbye.".to_owned()
        }
        Some(io::ErrorKind::TimedOut) => "The connection broke (timed out).".to_owned(),
        _ => format!("The connection broke: {}.", innermost(error)),
    }
}

/// The alert with which the other side ended the encryption: it does not take what we said of ourselves.
pub(crate) fn alert(error: &(dyn Error + 'static)) -> Option<AlertDescription> {
    match find::<rustls::Error>(error)? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn tls_error(error: &rustls::Error) -> ConnectError {
    match error {
        rustls::Error::InvalidCertificate(reason) => ConnectError::Certificate(certificate(reason)),
        rustls::Error::InvalidMessage(_) => ConnectError::Protocol(
            "The server does not speak TLS at this port. Check the port; if the feed is not encrypted, paste ws:// or \
             http:// instead."
                .to_owned(),
        ),
        error => ConnectError::Tls(error.to_string()),
    }
}

fn certificate(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::UnknownIssuer => "it is signed by nobody this computer knows".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was made for another name".to_owned()
        }
        reason => reason.to_string(),
    }
}

/// What an HTTP status means that is not the wanted one. `now` is needed for a `Retry-After` that tells a date.
pub(crate) fn status_error(status: StatusCode, headers: &HeaderMap, now: Time) -> ConnectError {
    let code = status.as_u16();
    let (meaning, permanent) = match code {
        300..=399 => (redirected(headers), true),
        401 => ("the token or password is not accepted. Check it, or ask the feed's owner for a new one.".into(), true),
        403 => ("reading this feed is not allowed. Check the token's rights, or ask the feed's owner.".into(), true),
        404 | 410 => ("there is no feed at this path. Check the address.".into(), true),
        407 => ("the proxy wants a password. Check HTTPS_PROXY.".into(), true),
        408 | 425 => ("the server was too busy to wait. It is tried again.".into(), false),
        426 => (upgrade(headers), true),
        429 => ("too many connections or requests. It is tried again when the server allows.".into(), false),
        503 => ("the server is not available just now. It is tried again.".into(), false),
        400..=499 => ("the server does not accept the request. Check the address and the headers.".into(), true),
        500..=599 => ("the server has a fault of its own. It is tried again.".into(), false),
        _ => ("this is no answer of a feed. Check the address.".to_owned(), true),
    };
    let retry_after = if permanent { None } else { retry_after(headers, now) };
    ConnectError::Status {
        status: code,
        sentence: format!("The server answered {code}: {meaning}"),
        permanent,
        retry_after,
    }
}

fn redirected(headers: &HeaderMap) -> String {
    match headers.get(header::LOCATION).and_then(|location| location.to_str().ok()) {
        Some(location) => {
            format!("the feed has moved to {}. Use that address if you trust it.", without_values(location))
        }
        None => "the feed has moved, but the server does not say where. Check the address.".to_owned(),
    }
}

fn upgrade(headers: &HeaderMap) -> String {
    let wanted = headers.get(header::UPGRADE).and_then(|wanted| wanted.to_str().ok()).unwrap_or("another protocol");
    format!("the server wants {wanted}. If the feed is a WebSocket, paste its ws:// or wss:// address.")
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let until = i64::try_from(date.as_nanosecond()).ok()?.saturating_sub(now.nanos());
    Some(Duration::from_nanos(u64::try_from(until).unwrap_or(0)))
}

/// Looks for an error of type `T` in the chain, also inside `io::Error`, whose `source` skips what it wraps.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        if let Some(wanted) = error.downcast_ref::<T>() {
            found = Some(wanted);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    found
}

/// What the last error of the chain says: the outer ones only say that something failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    fn told(code: u16, headers: &HeaderMap) -> ConnectError {
        status_error(StatusCode::from_u16(code).unwrap(), headers, Time::parse_rfc3339("1994-11-06T08:49:00Z").unwrap())
    }

    #[test]
    fn bad_credentials_and_wrong_paths_need_a_person() {
        for code in [400, 401, 403, 404, 410, 426, 301] {
            assert!(told(code, &HeaderMap::new()).is_permanent(), "{code}");
        }
        for code in [408, 429, 500, 502, 503, 504] {
            assert!(!told(code, &HeaderMap::new()).is_permanent(), "{code}");
        }
    }

    #[test]
    fn retry_after_is_obeyed_as_seconds_and_as_a_date() {
        assert_eq!(told(429, &headers("retry-after", "7")).retry_after(), Some(Duration::from_secs(7)));
        let date = told(503, &headers("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(date.retry_after(), Some(Duration::from_secs(37)));
        let past = told(503, &headers("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"));
        assert_eq!(past.retry_after(), Some(Duration::ZERO));
        assert_eq!(told(503, &headers("retry-after", "soon")).retry_after(), None);
    }

    #[test]
    fn a_redirect_names_the_new_address_without_its_token() {
        let error = told(302, &headers("location", "wss://example.com/new?token=abc&station=abc"));
        assert!(error.to_string().contains("wss://example.com/new?token=***&station=***"), "{error}");
    }

    #[test]
    fn a_name_without_address_is_told_in_words() {
        let error = io::Error::other("failed to lookup address information: Name or service not known");
        let told = connect_error(&error, "exmaple.com:443");
        assert_eq!(
            told.to_string(),
            "The name of exmaple.com:443 is not found. Check the spelling, and this computer's network."
        );
        assert!(!told.is_permanent());
    }

    #[test]
    fn a_certificate_error_is_found_inside_an_io_error() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::new(io::ErrorKind::InvalidData, inner);
        let told = connect_error(&error, "example.com:443");
        assert!(told.is_permanent());
        assert!(told.to_string().starts_with("The server's certificate is not trusted: it has expired."), "{told}");
    }
}
