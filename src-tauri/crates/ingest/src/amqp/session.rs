//! One open session with a broker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{Certificate, Time};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::{Channel, Connection, Consumer};
use tokio::time::timeout;

use super::wire::{Cutter, Intake};
use super::{said, trouble};
use crate::batch::Batch;
use crate::source::{FlowControl, Session};
use crate::{Clock, SessionError};

/// An acknowledgement that cannot be written for so long: the connection is dead.
const STUCK: Duration = Duration::from_secs(5);

/// One open session with a broker. What it leaves unacknowledged the broker keeps.
pub(super) struct AmqpSession {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
    pub(super) consumer: Consumer,
    /// Goes last: by then the library was told goodbye, or will never hear it.
    pub(super) reading: Reading,
}

/// What is read, and how far.
pub(super) struct Reading {
    pub(super) queue: String,
    pub(super) intake: Arc<Intake>,
    pub(super) tags: Tags,
    pub(super) topic: Option<Arc<str>>,
    pub(super) max_message: usize,
    pub(super) acknowledges: bool,
    pub(super) clock: Clock,
    pub(super) detail: String,
    pub(super) certificate: Option<Certificate>,
    pub(super) _cutter: Cutter,
}

/// The delivery tags of messages that are not acknowledged, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Tags {
    open: VecDeque<u64>,
    done: u64,
}

impl Tags {
    fn gave(&mut self, tag: u64) {
        self.open.push_back(tag);
    }

    /// The tag up to which the first `count` messages reach, if that is further than before.
    fn up_to(&mut self, count: u64) -> Option<u64> {
        let new = usize::try_from(count.saturating_sub(self.done)).unwrap_or(usize::MAX).min(self.open.len());
        self.done += new as u64;
        self.open.drain(..new).next_back()
    }
}

impl AmqpSession {
    /// Takes what the library has; pending only while the batch is empty.
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Result<(), SessionError>> {
        while !batch.is_full() {
            match self.consumer.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(delivery))) => self.reading.take(delivery, batch),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(trouble::session_error(&error, self.reading.max_message)));
                }
                Poll::Ready(None) => return Poll::Ready(Err(trouble::cancelled(&self.reading.queue))),
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Reading {
    fn take(&mut self, mut delivery: Delivery, batch: &mut Batch) {
        let received = (self.clock)();
        self.intake.took(delivery.data.len());
        if self.acknowledges {
            self.tags.gave(delivery.delivery_tag);
        }
        let mut data = std::mem::take(&mut delivery.data);
        // A body of several frames was put together in a block that may be twice as large.
        data.shrink_to_fit();
        let meta = said::meta(&delivery, &mut self.topic);
        batch.push(received, Bytes::from(data), Some(Box::new(meta)));
    }
}

#[async_trait]
impl Session for AmqpSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        std::future::poll_fn(|cx| self.poll_recv(cx, batch)).await
    }

    fn acknowledges(&self) -> bool {
        self.reading.acknowledges
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let Some(tag) = self.reading.tags.up_to(count) else { return Ok(()) };
        match timeout(STUCK, self.channel.basic_ack(tag, BasicAckOptions { multiple: true })).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(trouble::session_error(&error, self.reading.max_message)),
            Err(_) => Err(SessionError::Cut("The broker takes no more acknowledgements.".to_owned())),
        }
    }

    async fn close(&mut self) {
        if let Ok(goodbye) = super::setup::short("Goodbye") {
            // Who does not answer is cut.
            let _ = self.connection.close(200, goodbye).await;
        }
    }

    fn certificate(&self) -> Option<Certificate> {
        self.reading.certificate.clone()
    }

    fn detail(&self) -> String {
        self.reading.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.reading.intake.bytes())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.reading.intake.heard())
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_messages_are_acknowledged_by_the_last_of_their_tags() {
        let mut tags = Tags::default();
        (1..=10).for_each(|tag| tags.gave(tag));
        assert_eq!(tags.up_to(0), None);
        assert_eq!(tags.up_to(4), Some(4));
        assert_eq!(tags.up_to(4), None, "a count that does not grow is nothing new");
        assert_eq!(tags.up_to(3), None);
        assert_eq!(tags.up_to(10), Some(10));
        assert_eq!(tags.up_to(11), None, "what was not given cannot be acknowledged");
        tags.gave(11);
        assert_eq!(tags.up_to(11), Some(11));
    }
}
