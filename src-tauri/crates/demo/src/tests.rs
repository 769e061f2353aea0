//! The demo and the replay against real clients. What is counted is compared with what a client read.

use std::net::SocketAddr;
use std::time::Duration;

use feedwatch_model::Time;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::*;

/// What a reader has counted so far.
type Count = watch::Sender<u64>;

/// Waits until it is so: looked at whenever the reader has counted one more.
async fn until(count: &Count, mut so: impl FnMut(u64) -> bool) {
    let mut news = count.subscribe();
    let so = news.wait_for(|count| so(*count));
    tokio::time::timeout(Duration::from_secs(20), so).await.expect("it never came to be").unwrap();
}

/// Connects. Where the door is shut for now it knocks again, as soon as it has been told so.
async fn connect(url: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    loop {
        match tokio_tungstenite::connect_async(url).await {
            Ok((socket, _)) => return socket,
            Err(Error::Http(answer)) if answer.status() == 503 => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client of an event stream, written from the standard and not from the server.
pub(crate) struct SseClient {
    stream: TcpStream,
    pub(crate) head: String,
    /// Undone of chunk framing.
    body: Vec<u8>,
    raw: Vec<u8>,
    chunked: bool,
    pub(crate) retry: Option<u64>,
}

impl SseClient {
    pub(crate) async fn connect(address: SocketAddr, path: &str, last: Option<&str>) -> SseClient {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        Self::request(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n")).await
    }

    pub(crate) async fn request(address: SocketAddr, head: &str) -> SseClient {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut raw = Vec::new();
        let end = loop {
            if let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(stream.read_buf(&mut raw).await.unwrap() > 0, "no head");
        };
        let rest = raw.split_off(end);
        let head = String::from_utf8(raw).unwrap();
        let chunked = head.contains("transfer-encoding: chunked");
        SseClient { stream, head, body: Vec::new(), raw: rest, chunked, retry: None }
    }

    /// Reads more of the body; false at its end.
    async fn more(&mut self) -> bool {
        loop {
            if let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") {
                let size = usize::from_str_radix(std::str::from_utf8(&self.raw[..line]).unwrap(), 16).unwrap();
                if self.raw.len() >= line + 2 + size + 2 {
                    self.body.extend_from_slice(&self.raw[line + 2..line + 2 + size]);
                    self.raw.drain(..line + 2 + size + 2);
                    return size > 0;
                }
            }
            if self.stream.read_buf(&mut self.raw).await.unwrap_or(0) == 0 {
                return false;
            }
        }
    }

    /// The next event: its id and its data; `None` at the end.
    pub(crate) async fn event(&mut self) -> Option<(Option<String>, String)> {
        let end = loop {
            if let Some(end) = self.body.windows(2).position(|two| two == b"\n\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let event = String::from_utf8_lossy(&self.body[..end]).into_owned();
        self.body.drain(..end + 2);
        let (mut id, mut data) = (None, Vec::new());
        for line in event.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data.push(value.to_owned()),
                Some(("retry", value)) => self.retry = value.parse().ok(),
                _ => {}
            }
        }
        Some((id, data.join("\n")))
    }

    /// All that is left, as text.
    pub(crate) async fn rest(mut self) -> String {
        assert!(!self.chunked);
        let _ = self.stream.read_to_end(&mut self.raw).await;
        String::from_utf8(self.raw).unwrap()
    }
}

fn clock() -> Time {
    Time::from_millis(1_700_000_000_000)
}

/// Reads a WebSocket to its end, coming back as long as it is closed with 1001; counts the messages and the closes.
fn read_prices(url: String, got: Count, closes: Count) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let mut socket = connect(&url).await;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Close(close) => {
                        assert_eq!(close.unwrap().code, CloseCode::Away);
                        closes.send_modify(|count| *count += 1);
                    }
                    _ => got.send_modify(|count| *count += 1),
                }
            }
        }
    })
}

fn read_plant(url: &str, got: Count) -> tokio::task::JoinHandle<()> {
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let (address, path) = (address.parse().unwrap(), format!("/{path}"));
    tokio::spawn(async move {
        let mut client = SseClient::connect(address, &path, None).await;
        while client.event().await.is_some() {
            got.send_modify(|count| *count += 1);
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_lose_nothing_receive_exactly_what_the_log_says_was_published() {
    let options = DemoOptions { seed: 3, speed: 40.0, ..DemoOptions::default() };
    let mut demo = Demo::start(options, clock).await.unwrap();
    let [prices, plant, closes] = [0; 3].map(Count::new);
    let readers =
        [read_prices(demo.prices_url(), prices.clone(), closes.clone()), read_plant(&demo.plant_url(), plant.clone())];
    until(&prices, |_| demo.log().ticks >= 1250).await;
    let log = demo.pause().await;
    until(&prices, |count| count >= log.published(Feed::Prices)).await;
    until(&plant, |count| count >= log.published(Feed::Plant)).await;
    assert_eq!(*prices.borrow(), log.published(Feed::Prices));
    assert_eq!(*plant.borrow(), log.published(Feed::Plant));
    assert_eq!(demo.log(), log, "nothing is published while paused");

    assert_eq!(*closes.borrow(), 1);
    assert_eq!(log.connections["prices"].len(), 2);
    let until_now = SCHEDULE.iter().map(|line| line.second).filter(|second| *second <= 110);
    assert_eq!(log.entries.iter().map(|entry| entry.second).collect::<Vec<_>>(), until_now.collect::<Vec<_>>());
    let [outage] = &log.outages[..] else { panic!("{:?}", log.outages) };
    assert_eq!(outage.from, log.started.unwrap().plus(Duration::from_secs(100)));
    let missed: Vec<u64> = outage.missed.values().map(|(from, to)| to - from + 1).collect();
    assert!(missed.len() == 4 && missed.iter().all(|count| *count == missed[0] && *count >= 15), "{missed:?}");

    readers.iter().for_each(|reader| reader.abort());
    assert_eq!(demo.stop().await.entries, log.entries);
}

#[tokio::test]
async fn the_schedule_waits_for_the_first_client_and_events_bear_its_times() {
    let mut demo = Demo::start(DemoOptions { speed: 20.0, ..DemoOptions::default() }, clock).await.unwrap();
    assert_eq!(demo.log().ticks, 0);
    let (mut socket, _) = tokio_tungstenite::connect_async(demo.prices_url()).await.unwrap();
    socket.send(Message::text(r#"{"type":"subscribe","channels":["ticker"]}"#)).await.unwrap();
    let (mut subscribed, mut first) = (false, None);
    while !subscribed || first.is_none() {
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        let message: serde_json::Value = serde_json::from_str(&text).unwrap();
        match message["type"].as_str().unwrap() {
            "subscriptions" => subscribed = true,
            "ticker" => _ = first.get_or_insert(message),
            _ => {}
        }
    }
    assert_eq!(first.unwrap()["time"], "2023-11-14T22:13:20.000Z");
    let log = demo.pause().await;
    assert_eq!(log.started, Some(clock()));
    let text = serde_json::to_string(&log).unwrap();
    assert_eq!(serde_json::from_str::<Log>(&text).unwrap(), log);
    demo.stop().await;
}

#[tokio::test]
async fn a_speed_that_is_none_is_refused() {
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = DemoOptions { speed, ..DemoOptions::default() };
        assert!(matches!(Demo::start(options, clock).await, Err(DemoError::Speed(_))));
        assert!(speed.to_string().parse::<Speed>().is_err());
    }
    assert_eq!("max".parse::<Speed>().unwrap(), Speed::Max);
    assert_eq!("10".parse::<Speed>().unwrap(), Speed::Times(10.0));
}

async fn replay(count: u64, protocol: ReplayProtocol, speed: Speed, faults: &str) -> Replay {
    let frames = (0..count).map(|n| Frame::new(Time::from_millis(n as i64 * 100), format!("{{\"n\":{n}}}")));
    let frames = Box::new(frames.map(|frame| Frame { id: Some(frame.at.to_string()), ..frame }));
    let listen = "127.0.0.1:0".parse().unwrap();
    Replay::start(ReplayOptions { frames, protocol, listen, speed, faults: faults.parse().unwrap() }).await.unwrap()
}

/// Reads a WebSocket to its end: the messages and the code of the close.
async fn read_once(address: &str) -> (Vec<String>, CloseCode) {
    let mut socket = connect(address).await;
    let (mut got, mut code) = (Vec::new(), CloseCode::Abnormal);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Close(close) => code = close.unwrap().code,
            message => got.push(message.into_text().unwrap().to_string()),
        }
    }
    (got, code)
}

fn numbered(range: impl Iterator<Item = u64>) -> Vec<String> {
    range.map(|n| format!("{{\"n\":{n}}}")).collect()
}

#[tokio::test]
async fn a_replay_sends_every_message_and_closes_with_1000() {
    let replay = replay(20_000, ReplayProtocol::WebSocket, Speed::Max, "").await;
    let (got, code) = read_once(replay.address()).await;
    assert_eq!(got, numbered(0..20_000));
    assert_eq!(code, CloseCode::Normal);
    let report = replay.finished().await;
    assert_eq!(report, ReplayReport { messages: 20_000, sent: 20_000, complete: true, ..ReplayReport::default() });
}

#[tokio::test]
async fn a_replay_over_an_event_stream_ends_behind_the_last_message() {
    let replay = replay(3000, ReplayProtocol::Sse, Speed::Max, "drop=1").await;
    let (address, _) = replay.address().trim_start_matches("http://").split_once('/').unwrap();
    let mut client = SseClient::connect(address.parse().unwrap(), "/events", None).await;
    let mut got = Vec::new();
    while let Some((_, data)) = client.event().await {
        got.push(data);
    }
    assert_eq!(got, numbered((0..3000).filter(|n| *n != 1)));
    let report = replay.finished().await;
    assert_eq!((report.messages, report.sent, report.dropped, report.lost), (3000, 2999, 1, 0));
    let again = SseClient::connect(address.parse().unwrap(), "/events", None).await;
    assert!(again.head.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn after_a_cut_the_rest_waits_for_the_next_client() {
    // Five seconds of capture.
    let replay = replay(50, ReplayProtocol::WebSocket, Speed::Max, "cut=2s").await;
    let mut parts = Vec::new();
    for expected in [CloseCode::Away, CloseCode::Away, CloseCode::Normal] {
        let (got, code) = read_once(replay.address()).await;
        assert_eq!(code, expected);
        parts.push(got);
    }
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 10]);
    assert_eq!(parts.concat(), numbered(0..50));
    let report = replay.finished().await;
    assert_eq!((report.sent, report.cuts, report.lost), (50, 2, 0));
}

#[tokio::test]
async fn a_replay_keeps_the_pace_of_the_capture() {
    let replay = replay(11, ReplayProtocol::WebSocket, Speed::Times(10.0), "delay=2:300ms").await;
    let began = tokio::time::Instant::now();
    let (got, _) = read_once(replay.address()).await;
    // A second of capture at ten times its pace: never sooner.
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(got, numbered([0, 1, 3, 4, 2, 5, 6, 7, 8, 9, 10].into_iter()));
}

#[tokio::test]
async fn a_stopped_replay_says_how_far_it_came() {
    let replay = replay(1000, ReplayProtocol::WebSocket, Speed::Times(1.0), "").await;
    let (mut socket, _) = tokio_tungstenite::connect_async(replay.address()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("{\"n\":0}"));
    drop(socket);
    replay.stop();
    let report = replay.finished().await;
    assert!(!report.complete && report.sent >= 1 && report.sent < 1000);
}

#[tokio::test]
async fn an_address_in_use_is_said() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ReplayOptions {
        frames: Box::new(std::iter::empty()),
        protocol: ReplayProtocol::Sse,
        listen: taken.local_addr().unwrap(),
        speed: Speed::Max,
        faults: Faults::default(),
    };
    let Err(error) = Replay::start(options).await else { panic!("it listens twice") };
    assert!(error.to_string().contains("Choose another port"), "{error}");
}
