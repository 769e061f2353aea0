//! Proxies of the environment, as curl reads them.

use hyper_util::client::proxy::matcher::Matcher;

use super::proxy::{Hop, Proxy};
use super::{Target, Traffic};
use crate::ConnectError;

/// What the environment says for this target. Names in capitals come before those in small letters.
pub(super) fn hop(target: &Target, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Hop>, ConnectError> {
    let of = |name: &'static str| {
        let found = env(name).or_else(|| env(&name.to_ascii_lowercase())).filter(|text| !text.trim().is_empty());
        found.map(|text| (name, text))
    };
    let own = match target.traffic {
        // In a CGI program this variable is what a client's header says (httpoxy).
        Traffic::Http if env("REQUEST_METHOD").is_some() => None,
        Traffic::Http => of("HTTP_PROXY"),
        Traffic::Https => of("HTTPS_PROXY"),
        Traffic::Other => None,
    };
    let Some((name, text)) = own.or_else(|| of("ALL_PROXY")) else { return Ok(None) };
    if is_excepted(target, &of("NO_PROXY").map(|(_, text)| text).unwrap_or_default()) {
        return Ok(None);
    }
    // `proxy:3128` alone is HTTP, for curl and for us.
    let text = if text.contains("://") { text } else { format!("http://{}", text.trim()) };
    match Proxy::parse(&text) {
        Ok(Proxy::Through(hop)) => Ok(Some(hop)),
        Ok(_) => Ok(None),
        Err(error) => Err(ConnectError::Options(format!(
            "The proxy in {name} cannot be used: {error}. Mend the variable, or write proxy = \"none\" or proxy = \
             \"http://host:port\" in the feed's table."
        ))),
    }
}

/// The library's rules for `NO_PROXY`: names with what stands below them, numbers, networks, `*`.
fn is_excepted(target: &Target, no_proxy: &str) -> bool {
    let Ok(address) = format!("https://{}", target.host_and_port()).parse() else { return false };
    Matcher::builder().all("http://any").no(no_proxy).build().intercept(&address).is_none()
}
