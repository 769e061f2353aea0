//! From a connection to a session with its subscriptions.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frames::{Next, next};
use super::line::{Io, Line, line};
use super::options::{MqttOptions, MqttTopic, MqttVersion};
use super::packets::{self, Welcome};
use super::session::{MqttSession, Terms};
use super::source::Memory;
use super::{topics, trouble};
use crate::batch::Batch;
use crate::{Clock, ConnectError};

/// Topics of one SUBSCRIBE: some brokers take no more.
const AT_ONCE: usize = 8;
/// What a broker says first is short.
const FIRST: usize = 4 << 10;

/// Connects, is let in, and subscribes, unless what session the broker has of ours knows all our topics.
pub(super) async fn open(
    options: &MqttOptions,
    clock: Clock,
    memory: &Arc<Memory>,
) -> Result<MqttSession, ConnectError> {
    let client_id = client_id(options);
    let (line, input, welcome, version) = let_in(options, clock, &client_id, memory.is_left()).await?;
    memory.set_left(false);
    let wanted = options.wanted();
    cannot(&welcome, &wanted)?;
    // An MQTT 5 broker is told not to repeat retained messages of a topic that it knows.
    let subscribes = version == MqttVersion::V5 || !welcome.session || !memory.is_subscribed();
    let terms =
        Terms { version, client_id, welcome, detail: line.detail, certificate: line.certificate, bytes: line.bytes };
    let mut session = MqttSession::new(options, terms, line.io, input, clock, Arc::clone(memory));
    if subscribes {
        memory.set_subscribed(false);
        for (number, topics) in (1..).zip(wanted.chunks(AT_ONCE)) {
            session.subscribe(number, topics).await?;
        }
        let (mut first, mut more) = (Batch::default(), Batch::default());
        while session.is_subscribing() && !first.is_full() {
            let read = session.until_subscribed(&mut first, &mut more).await;
            read.map_err(|error| trouble::as_connect_error(error, options))?;
        }
        session.keep(first);
    }
    Ok(session)
}

/// By what name the broker is to know us.
fn client_id(options: &MqttOptions) -> String {
    if options.look { format!("fwlook{:016x}", fastrand::u64(..)) } else { options.client_id.clone() }
}

/// Connects in the wanted version, or in the older one with a broker that does not speak MQTT 5. `anew`: without what the
/// broker has kept of the last session.
async fn let_in(
    options: &MqttOptions,
    clock: Clock,
    client_id: &str,
    mut anew: bool,
) -> Result<(Line, BytesMut, Welcome, MqttVersion), ConnectError> {
    let mut version = options.version;
    loop {
        let mut line = line(options, clock).await?;
        let mut input = BytesMut::new();
        let answer = greet(&mut line.io, &mut input, options, version, client_id, anew).await?;
        let refused = match answer {
            // A session that is kept begins with the next connection.
            Some(welcome) if welcome.code == 0 && anew && version == MqttVersion::V311 => {
                anew = false;
                None
            }
            Some(welcome) if welcome.code == 0 => return Ok((line, input, welcome, version)),
            Some(welcome) if version == MqttVersion::V5 && trouble::is_old(welcome.code) => None,
            Some(welcome) => Some(trouble::refused(&welcome, version, options, client_id)),
            // Some older brokers say nothing to a version that they do not know.
            None if version == MqttVersion::V5 => None,
            None => Some(trouble::cut_at_once(options)),
        };
        match refused {
            Some(error) => return Err(error),
            None => version = MqttVersion::V311,
        }
    }
}

/// Says who we are and hears the answer. `None`: the connection was cut in place of one.
async fn greet(
    io: &mut Box<dyn Io>,
    input: &mut BytesMut,
    options: &MqttOptions,
    version: MqttVersion,
    client_id: &str,
    clean: bool,
) -> Result<Option<Welcome>, ConnectError> {
    let connect = packets::connect(options, version, client_id, clean).ok_or_else(trouble::no_text)?;
    let written = async {
        io.write_all(&connect).await?;
        io.flush().await
    };
    // One that is cut while we write may have said why.
    let written = written.await;
    let whole = loop {
        match next(input, FIRST, false) {
            Ok(Next::Whole(whole)) => break whole,
            Ok(Next::Missing(_)) if input.first().is_none_or(|first| *first == 0x20) && input.len() < FIRST => {}
            _ => return Err(trouble::no_mqtt(options)),
        }
        match io.read_buf(input).await {
            Ok(0) if input.is_empty() => return Ok(None),
            Ok(0) => return Err(trouble::no_mqtt(options)),
            Ok(_) => {}
            Err(error) => return trouble::before_the_answer(&error, options),
        }
    };
    if let Err(error) = written {
        return trouble::before_the_answer(&error, options);
    }
    packets::welcome(version, input, whole).map(Some).ok_or_else(|| trouble::no_mqtt(options))
}

/// What the broker has said that it cannot do.
fn cannot(welcome: &Welcome, topics: &[MqttTopic]) -> Result<(), ConnectError> {
    let first = |is: fn(&str) -> bool| topics.iter().find(|topic| is(&topic.filter));
    if welcome.no_wildcards
        && let Some(topic) = first(topics::has_wildcard)
    {
        let filter = &topic.filter;
        return Err(ConnectError::Options(format!(
            "The broker takes no wildcards, but {filter} has one. Name the topics one by one."
        )));
    }
    if welcome.no_shared
        && let Some(topic) = first(topics::is_shared)
    {
        let (filter, plain) = (&topic.filter, topics::plain_filter(&topic.filter));
        return Err(ConnectError::Options(format!(
            "The broker has no shared subscriptions, but {filter} is one. Write {plain} for all of its messages."
        )));
    }
    Ok(())
}
