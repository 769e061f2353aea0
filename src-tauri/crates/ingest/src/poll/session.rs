//! One session of asking.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use feedwatch_model::{Certificate, MessageMeta, Time};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::grid::Grid;
use super::options::PollOptions;
use crate::batch::Batch;
use crate::source::Session;
use crate::web::asker::{Asker, Question, detail, is_ok, text};
use crate::web::coding::{Broken, Coding, whole};
use crate::{ConnectError, SessionError, reason};

/// Of a header's text so much is kept beside the message, in characters.
const LONGEST: usize = 256;

/// A session: the first answer has come, the others are asked for.
pub(crate) struct PollSession {
    asker: Asker,
    question: Question,
    /// The head of the first answer, until its body is read.
    first: Option<Response<Incoming>>,
    since: Instant,
    grid: Grid,
    known: Known,
    heard: Time,
    timeout: Duration,
    limit: usize,
    detail: String,
}

/// By what the server tells whether anything changed since.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    tag: Option<HeaderValue>,
    changed: Option<HeaderValue>,
}

impl Known {
    fn of(headers: &HeaderMap) -> Known {
        let of = |name: HeaderName| headers.get(name).cloned();
        Known { tag: of(header::ETAG), changed: of(header::LAST_MODIFIED) }
    }

    fn ask(&self, headers: &mut HeaderMap) {
        for (name, value) in [(header::IF_NONE_MATCH, &self.tag), (header::IF_MODIFIED_SINCE, &self.changed)] {
            match value {
                Some(value) => drop(headers.insert(name, value.clone())),
                None => drop(headers.remove(name)),
            }
        }
    }
}

impl PollSession {
    /// A session that begins with this answer.
    pub(crate) fn new(
        asker: Asker,
        options: &PollOptions,
        first: Response<Incoming>,
    ) -> Result<PollSession, ConnectError> {
        if !is_ok(&first) && first.status() != StatusCode::NO_CONTENT {
            return Err(asker.status_error(&first));
        }
        Coding::of(first.headers())?;
        Ok(PollSession {
            question: options.question()?,
            since: Instant::now(),
            grid: Grid::new(options.every),
            known: Known::default(),
            heard: asker.now(),
            timeout: options.timeout,
            limit: options.http.max_message,
            detail: detail(&first, asker.is_encrypted()),
            first: Some(first),
            asker,
        })
    }

    /// The next answer and what is to be known of it, or nothing where nothing changed.
    async fn answer(&mut self) -> Result<Option<(Bytes, MessageMeta)>, SessionError> {
        let (response, left_out) = match self.first.take() {
            Some(first) => (first, 0),
            None => self.ask().await?,
        };
        self.heard = self.asker.now();
        match response.status() {
            StatusCode::OK => {}
            // Only who was told what is known can say that it did not change.
            StatusCode::NOT_MODIFIED if self.known != Known::default() => return Ok(None),
            StatusCode::NO_CONTENT => return Ok(None),
            StatusCode::NOT_MODIFIED => {
                let sentence = "The server says that nothing changed (304), though it was not asked so.".to_owned();
                return Err(SessionError::Protocol(sentence));
            }
            _ => return Err(SessionError::Refused(self.asker.status_error(&response))),
        }
        let known = Known::of(response.headers());
        let meta = meta(response.headers(), left_out);
        let payload = self.body(response).await?;
        // What was not read whole must be asked for once more.
        self.known = known;
        self.heard = self.asker.now();
        Ok(Some((payload, meta)))
    }

    /// Waits for the time to ask, and asks.
    async fn ask(&mut self) -> Result<(Response<Incoming>, u32), SessionError> {
        sleep_until(self.since + self.grid.next()).await;
        let left_out = self.grid.asked(self.since.elapsed());
        self.known.ask(&mut self.question.headers);
        let deadline = Instant::now() + self.timeout;
        let asked = timeout_at(deadline, self.asker.ask(&self.question)).await;
        let response = asked.map_err(|_| self.too_slow())?.map_err(SessionError::Refused)?;
        Ok((response, left_out))
    }

    fn too_slow(&self) -> SessionError {
        SessionError::Refused(ConnectError::TimedOut { host: self.asker.host(), after: self.timeout })
    }

    /// The whole body, inflated. Neither what comes nor what it inflates to may be larger than allowed.
    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, SessionError> {
        let (limit, option) = (self.limit, "max_message");
        let coding = Coding::of(response.headers()).map_err(SessionError::Refused)?;
        let mut body = response.into_body();
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(SessionError::TooBig { size: Some(announced), limit, option });
        }
        let deadline = Instant::now() + self.timeout;
        let mut read = BytesMut::with_capacity(announced);
        loop {
            let frame = timeout_at(deadline, body.frame()).await.map_err(|_| self.too_slow())?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| SessionError::Cut(reason::cut(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > limit - read.len() {
                return Err(SessionError::TooBig { size: None, limit, option });
            }
            read.extend_from_slice(&data);
        }
        whole(coding, read.freeze(), limit).map_err(|broken| match broken {
            Broken::TooBig(limit) => SessionError::TooBig { size: None, limit, option },
            Broken::Damaged | Broken::Short => SessionError::Protocol(
                "The server sent a compressed answer that is damaged. If that happens again, write compression = false in \
                 the feed's table."
                    .to_owned(),
            ),
        })
    }
}

/// What stands beside the message.
fn meta(headers: &HeaderMap, left_out: u32) -> MessageMeta {
    let said = [header::CONTENT_TYPE, header::ETAG, header::LAST_MODIFIED].into_iter().filter_map(|name| {
        let value: String = text(headers, &name).chars().take(LONGEST).collect();
        (!value.is_empty()).then(|| (Arc::from(name.as_str()), Arc::from(value)))
    });
    // A slow answer has kept the grid from being asked.
    let late = (left_out > 0).then(|| (Arc::from("polls-left-out"), Arc::from(left_out.to_string())));
    MessageMeta { headers: said.chain(late).collect(), ..MessageMeta::default() }
}

#[async_trait]
impl Session for PollSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        match self.answer().await? {
            Some((payload, meta)) => batch.push(self.heard, payload, Some(Box::new(meta))),
            None => batch.alive(self.heard),
        }
        Ok(())
    }

    fn certificate(&self) -> Option<Certificate> {
        self.asker.certificate()
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.asker.bytes().get())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.heard)
    }
}
