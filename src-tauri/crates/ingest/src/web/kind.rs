//! What an answer is, by its `Content-Type`.

use http::HeaderMap;
use http::header;

use super::asker::text;

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `text/event-stream`: it goes on by itself.
    Events,
    /// Something that can be read, and asked for again.
    Document,
    /// A page for people, a picture, an archive; or nothing is said.
    Other,
}

impl Kind {
    /// By what the server says. `application/json`, `…+json`, text that is no page, OpenMetrics and the binary formats that
    /// are read are documents.
    pub(crate) fn of(headers: &HeaderMap) -> Kind {
        let whole = text(headers, &header::CONTENT_TYPE).to_ascii_lowercase();
        let kind = whole.split(';').next().unwrap_or_default().trim();
        match kind {
            "text/event-stream" => Kind::Events,
            "text/html" | "text/css" | "text/javascript" | "text/xml" => Kind::Other,
            "application/json"
            | "application/ndjson"
            | "application/x-ndjson"
            | "application/jsonl"
            | "application/openmetrics-text"
            | "application/csv"
            | "application/msgpack"
            | "application/x-msgpack"
            | "application/cbor" => Kind::Document,
            _ if kind.ends_with("+json") || kind.ends_with("+cbor") || kind.starts_with("text/") => Kind::Document,
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Kind {
        Kind::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, text.parse().unwrap())]))
    }

    #[test]
    fn the_content_type_tells_a_stream_from_a_document_and_a_page() {
        assert_eq!(of("text/event-stream; charset=utf-8"), Kind::Events);
        for document in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/geo+json",
            "text/plain; version=0.0.4; charset=utf-8",
            "application/openmetrics-text; version=1.0.0",
            "text/csv",
        ] {
            assert_eq!(of(document), Kind::Document, "{document}");
        }
        for other in ["text/html", "image/png", "application/octet-stream", "", "json"] {
            assert_eq!(of(other), Kind::Other, "{other}");
        }
        assert_eq!(Kind::of(&HeaderMap::new()), Kind::Other);
    }
}
