//! One TLS configuration for every protocol: rustls with ring, certificates checked against the platform's authorities.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
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

/// A configuration that also trusts `roots`.
fn build(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<ClientConfig, ConnectError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone()).map_err(|error| {
        ConnectError::Certificate(format!(
            "this computer has no usable certificate authorities ({error}); on Debian and Ubuntu install ca-certificates"
        ))
    })?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls(error.to_string()))?
        .dangerous() // rustls calls every verifier of one's own so; this one asks the platform
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Trusts one more authority, for tests with a certificate of their own.
#[cfg(test)]
pub(crate) fn trusting(root: CertificateDer<'static>) -> ClientConfig {
    build([root]).unwrap()
}
