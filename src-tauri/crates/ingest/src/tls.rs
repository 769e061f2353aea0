//! One TLS configuration for every protocol: rustls with ring, certificates checked against the platform's authorities.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_platform_verifier::Verifier;

use crate::ConnectError;

/// The shared configuration, offering `alpn` (`h2`, `http/1.1`) to the server.
///
/// The platform's authorities are read once; a failure is not kept, so that installing them helps without a restart.
pub(crate) fn client_config(alpn: &[&[u8]]) -> Result<ClientConfig, ConnectError> {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    let mut config = match SHARED.get() {
        Some(config) => config.clone(),
        None => {
            let config = build([])?;
            SHARED.get_or_init(|| config).clone()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// Files for TLS. They are read at every connect, so that a renewed certificate is used without a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities to trust in place of the platform's: PEM.
    pub ca: Option<PathBuf>,
    /// Our own certificate with what leads to its authority: PEM.
    pub cert: Option<PathBuf>,
    /// The key of that certificate: PEM (PKCS #8, PKCS #1 or SEC 1).
    pub key: Option<PathBuf>,
}

/// Larger files hold no certificates.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// The configuration for a connection with files of its own, offering `alpn` to the server. Reads them: blocks shortly.
///
/// # Errors
/// [`ConnectError::Options`] that names the file and what is wrong with it.
pub(crate) fn client_config_with(files: &TlsFiles, alpn: &[&[u8]]) -> Result<ClientConfig, ConnectError> {
    let TlsFiles { ca, cert, key } = files;
    let mut config = match (ca, cert, key) {
        (None, None, None) => return client_config(alpn),
        (ca, cert, key) => {
            let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .map_err(|error| ConnectError::Tls(error.to_string()))?;
            let builder = match ca {
                Some(path) => builder.with_root_certificates(roots(path)?),
                None => builder.dangerous().with_custom_certificate_verifier(platform([], provider)?),
            };
            match (cert, key) {
                (Some(cert), Some(key)) => {
                    let chain = certificates(cert)?;
                    builder.with_client_auth_cert(chain, private_key(key)?).map_err(|error| unfit(cert, key, &error))?
                }
                _ => builder.with_no_client_auth(),
            }
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// What we show as a server: a certificate and its key. Reads them: blocks shortly.
///
/// # Errors
/// [`ConnectError::Options`] that names the file and what is wrong with it.
pub(crate) fn server_config(cert: &Path, key: &Path) -> Result<ServerConfig, ConnectError> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates(cert)?, private_key(key)?);
    config.map_err(|error| unfit(cert, key, &error))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    PrivateKeyDer::from_pem_slice(&pem(path)?)
        .map_err(|error| ConnectError::Options(format!("{} holds no key in PEM: {error}.", path.display())))
}

fn unfit(cert: &Path, key: &Path, error: &rustls::Error) -> ConnectError {
    let (cert, key) = (cert.display(), key.display());
    ConnectError::Options(format!("The certificate {cert} cannot be used with the key {key}: {error}."))
}

fn roots(path: &Path) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            ConnectError::Options(format!("{} holds a certificate that is no authority's: {error}.", path.display()))
        })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem(path)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(ConnectError::Options(format!("{} holds no certificate in PEM.", path.display()))),
        Err(error) => Err(ConnectError::Options(format!("{} is no readable PEM: {error}.", path.display()))),
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, ConnectError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PEM_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| ConnectError::Options(format!("{} cannot be read: {error}.", path.display())))?;
    Ok(bytes)
}

fn platform(
    roots: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, ConnectError> {
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(|error| {
        ConnectError::Certificate(format!(
            "this computer has no usable certificate authorities ({error}); on Debian and Ubuntu install ca-certificates"
        ))
    })?;
    Ok(Arc::new(verifier))
}

/// A configuration that also trusts `roots`.
fn build(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<ClientConfig, ConnectError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let verifier = platform(roots, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls(error.to_string()))?
        .dangerous() // rustls calls every verifier of one's own so; this one asks the platform
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Trusts one more authority, for tests with a certificate of their own.
#[cfg(test)]
pub(crate) fn trusting(root: CertificateDer<'static>) -> ClientConfig {
    build([root]).unwrap()
}
