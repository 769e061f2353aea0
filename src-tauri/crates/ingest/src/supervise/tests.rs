use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{MessageMeta, Position};

use super::*;
use crate::InboxLimits;
use crate::testkit::{Watched, clock};

/// What one connection does.
enum Play {
    Refuse(ConnectError),
    /// Delivers so many messages, lives so long, then ends so.
    Open(Vec<Option<&'static str>>, Duration, SessionError),
    /// Never says anything.
    Silence,
}

struct Script {
    plays: Mutex<VecDeque<Play>>,
    resumed: Arc<Mutex<Vec<Option<Position>>>>,
}

fn script(plays: impl IntoIterator<Item = Play>) -> (Script, Arc<Mutex<Vec<Option<Position>>>>) {
    let resumed = Arc::new(Mutex::new(Vec::new()));
    (Script { plays: Mutex::new(plays.into_iter().collect()), resumed: resumed.clone() }, resumed)
}

#[async_trait]
impl Source for Script {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        self.resumed.lock().unwrap().push(resume.position().cloned());
        match self.plays.lock().unwrap().pop_front() {
            Some(Play::Refuse(error)) => Err(error),
            Some(Play::Open(ids, life, end)) => Ok(Box::new(Scene { ids, life, end: Some(end) })),
            Some(Play::Silence) | None => Ok(Box::new(Scene { ids: Vec::new(), life: Duration::MAX, end: None })),
        }
    }

    fn address(&self) -> String {
        "script".to_owned()
    }
}

struct Scene {
    ids: Vec<Option<&'static str>>,
    life: Duration,
    end: Option<SessionError>,
}

#[async_trait]
impl Session for Scene {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        for id in self.ids.drain(..) {
            let position = id.map(|id| Position::EventId(id.into()));
            let meta =
                position.map(|position| Box::new(MessageMeta { position: Some(position), ..MessageMeta::default() }));
            batch.push(clock(), Bytes::from_static(b"1"), meta);
        }
        match self.end.take() {
            Some(end) => {
                sleep(self.life).await;
                Err(end)
            }
            None => std::future::pending().await,
        }
    }
}

fn cut() -> SessionError {
    SessionError::Cut("cut".to_owned())
}

fn unreachable_host() -> ConnectError {
    ConnectError::Network("nobody there".to_owned())
}

fn short() -> Duration {
    Duration::from_millis(1)
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_and_tried_again_until_it_is_over() {
    let (source, _) = script([Play::Refuse(unreachable_host()), Play::Open(vec![None], short(), cut()), Play::Silence]);
    let mut feed = Watched::start(source, Backoff::default());
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(match feed.next().await {
            Event::Connecting { attempt, .. } => format!("connecting {attempt}"),
            Event::Connected { endpoint, .. } => format!("connected {endpoint}"),
            Event::Message(message) => format!("message {}", message.number),
            Event::Lost { at, last_good, reason, refused, .. } => {
                assert!(last_good < at && !refused);
                format!("lost {reason}")
            }
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "connecting 1",
            "lost nobody there",
            "connecting 2",
            "connected script",
            "message 0",
            "lost cut",
            "connecting 3",
            "connected script"
        ]
    );
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_good_moment_is_that_of_the_last_message_through_all_failures() {
    let (source, _) = script([
        Play::Open(vec![None], Duration::from_secs(1), cut()),
        Play::Refuse(unreachable_host()),
        Play::Refuse(unreachable_host()),
    ]);
    let mut feed = Watched::start(source, Backoff::default());
    let received = feed.message().await.received;
    for _ in 0..3 {
        assert_eq!(feed.loss().await.last_good, received);
    }
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_a_healthy_connection_forgets_them() {
    let refuse = || Play::Refuse(unreachable_host());
    let long = Duration::from_secs(20);
    let (source, _) = script([refuse(), refuse(), refuse(), Play::Open(vec![], long, cut()), refuse()]);
    let mut feed = Watched::start(source, Backoff::default());
    let mut ceiling = Vec::new();
    while ceiling.len() < 5 {
        ceiling.push(feed.loss().await.retry_in);
        if ceiling.len() == 4 {
            assert!(matches!(feed.next().await, Event::Connecting { attempt: 1, .. }));
        }
    }
    for (lost, limit) in ceiling.iter().zip([250, 500, 1000, 250, 500]) {
        assert!(*lost <= Duration::from_millis(limit), "{ceiling:?}");
    }
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_closes_is_not_hammered() {
    let (source, resumed) = script((0..50).map(|_| Play::Open(vec![], Duration::ZERO, cut())));
    let begin = Instant::now();
    let mut feed = Watched::start(source, Backoff::default());
    for _ in 0..50 {
        feed.lost().await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(50 * 49), "{:?}", begin.elapsed());
    assert_eq!(resumed.lock().unwrap().len(), 50);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_tried_again_slowly() {
    let refusal = ConnectError::Protocol("wrong".to_owned());
    let (source, _) = script([Play::Refuse(refusal), Play::Silence]);
    let mut feed = Watched::start(source, Backoff::default());
    assert_eq!(feed.lost().await, ("wrong".to_owned(), true));
    let begin = Instant::now();
    assert!(matches!(feed.next().await, Event::Connecting { attempt: 2, .. }));
    assert!((45..=75).contains(&begin.elapsed().as_secs()));
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_gets_it() {
    let busy = |secs| ConnectError::Status {
        status: 503,
        sentence: "busy".to_owned(),
        permanent: false,
        retry_after: Some(Duration::from_secs(secs)),
    };
    let (source, _) = script([Play::Refuse(busy(100)), Play::Refuse(busy(1_000_000))]);
    let mut feed = Watched::start(source, Backoff::default());
    for wanted in [100, 3600] {
        assert_eq!(feed.loss().await.retry_in.as_secs(), wanted);
    }
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_session_resumes_behind_the_last_position() {
    let position = |id: &str| Some(Position::EventId(id.into()));
    let (source, resumed) = script([
        Play::Open(vec![Some("4"), Some("5"), None], short(), cut()),
        Play::Open(vec![None], short(), cut()),
        Play::Silence,
    ]);
    let mut feed = Watched::resume(source, Backoff::default(), position("3"), InboxLimits::default());
    feed.lost().await;
    feed.lost().await;
    while !matches!(feed.next().await, Event::Connected { .. }) {}
    assert_eq!(*resumed.lock().unwrap(), [position("3"), position("5"), position("5")]);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn close_codes_that_ask_for_time_get_it_and_others_do_not() {
    let closed = |code| SessionError::Closed { code: Some(code), sentence: "closed".to_owned() };
    let plays = [1012, 1013, 1001].map(|code| Play::Open(vec![], short(), closed(code)));
    let (source, _) = script(plays);
    let mut feed = Watched::start(source, Backoff::default());
    let restart = feed.loss().await.retry_in.as_secs();
    assert!((5..=30).contains(&restart), "{restart}");
    let later = feed.loss().await.retry_in.as_secs();
    assert!((30..=60).contains(&later), "{later}");
    assert!(feed.loss().await.retry_in < Duration::from_secs(5));
    feed.stop().await;
}

/// Says how long to wait, then cuts.
struct Patient(Duration);

#[async_trait]
impl Source for Patient {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(Patient(self.0)))
    }

    fn address(&self) -> String {
        String::new()
    }
}

#[async_trait]
impl Session for Patient {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        batch.set_retry(self.0);
        Err(cut())
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_may_set_the_base_of_the_waits() {
    let policy = Backoff { base: Duration::from_secs(1000), cap: Duration::from_secs(1000), ..Backoff::default() };
    let mut feed = Watched::start(Patient(Duration::ZERO), policy.clone());
    assert_eq!(feed.loss().await.retry_in, policy.floor);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back_sooner_than_the_server_asked_for() {
    let asked = Duration::from_secs(3);
    let mut feed = Watched::start(Patient(asked), Backoff::default());
    assert_eq!(feed.loss().await.retry_in, asked);
    for _ in 0..20 {
        assert!(feed.loss().await.retry_in >= asked);
    }
    feed.stop().await;
    let mut feed = Watched::start(Patient(Duration::from_secs(86_400)), Backoff::default());
    assert_eq!(feed.loss().await.retry_in, Backoff::default().cap, "nor is it forgotten for a day");
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_finished_source_is_not_tried_again() {
    let end = SessionError::Ended("all told".to_owned());
    let (source, resumed) = script([Play::Open(vec![None, None], short(), end)]);
    let mut feed = Watched::start(source, Backoff::default());
    assert_eq!(feed.ended().await, "all told");
    feed.task.await.unwrap();
    assert_eq!((feed.inbox.counters().received, resumed.lock().unwrap().len()), (2, 1));
}

/// Never connects, or never takes a goodbye.
struct Stuck {
    connects: bool,
}

#[async_trait]
impl Source for Stuck {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        if self.connects { Ok(Box::new(Deaf)) } else { std::future::pending().await }
    }

    fn address(&self) -> String {
        String::new()
    }
}

struct Deaf;

#[async_trait]
impl Session for Deaf {
    async fn recv(&mut self, _: &mut Batch) -> Result<(), SessionError> {
        std::future::pending().await
    }

    async fn close(&mut self) {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_every_wait_at_once() {
    // While connecting.
    let begin = Instant::now();
    let mut feed = Watched::start(Stuck { connects: false }, Backoff::default());
    feed.next().await;
    feed.stop().await;
    // While waiting for the next try.
    let (source, _) = script([Play::Refuse(ConnectError::Protocol("wrong".to_owned()))]);
    let mut feed = Watched::start(source, Backoff::default());
    feed.lost().await;
    feed.stop().await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    // While the other side does not take the goodbye.
    let mut feed = Watched::start(Stuck { connects: true }, Backoff::default());
    while !matches!(feed.next().await, Event::Connected { .. }) {}
    feed.stop().await;
    assert!(begin.elapsed() <= GOODBYE + Duration::from_millis(5), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_drains_bounds_the_words_too() {
    let (source, resumed) = script((0..5000).map(|_| Play::Open(vec![], Duration::ZERO, cut())));
    let feed = Watched::start(source, Backoff::default());
    tokio::time::sleep(Duration::from_secs(1_000_000)).await;
    assert!(resumed.lock().unwrap().len() < 500, "{}", resumed.lock().unwrap().len());
    let mut events = Vec::new();
    while feed.inbox.drain(100, |event| events.push(event)) > 0 {}
    assert!(events.len() < 1100, "{}", events.len());
    feed.stop().await;
}

/// Sends a message whenever it is asked, and notes what is acknowledged.
struct Broker(Arc<Mutex<Vec<u64>>>);

#[async_trait]
impl Source for Broker {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        self.0.lock().unwrap().push(0);
        Ok(Box::new(Delivery { left: 3, acked: self.0.clone() }))
    }

    fn address(&self) -> String {
        String::new()
    }
}

struct Delivery {
    left: usize,
    acked: Arc<Mutex<Vec<u64>>>,
}

#[async_trait]
impl Session for Delivery {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if self.left == 0 {
            std::future::pending::<()>().await;
        }
        self.left -= 1;
        batch.push(clock(), Bytes::from_static(b"1"), None);
        Ok(())
    }

    fn acknowledges(&self) -> bool {
        true
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        self.acked.lock().unwrap().push(count);
        Ok(())
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

/// Waits until as much was noted; the clock of these tests stands still while anything can run.
async fn noted(acked: &Mutex<Vec<u64>>, what: &[u64]) {
    while *acked.lock().unwrap() != what {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_acknowledged_and_nothing_else() {
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut feed = Watched::start(Broker(acked.clone()), Backoff::default());
    feed.message().await;
    feed.inbox.kept_below(1);
    noted(&acked, &[0, 1]).await;
    feed.message().await;
    feed.message().await;
    feed.inbox.kept_below(3);
    noted(&acked, &[0, 1, 3]).await;
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_history_refused_is_asked_for_again_once_it_can_be_kept() {
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut feed = Watched::start(Broker(acked.clone()), Backoff::default());
    for _ in 0..3 {
        feed.message().await;
    }
    feed.inbox.kept_below(1);
    noted(&acked, &[0, 1]).await;
    // The second one is lost; the third is on disk, but must not take the second with it.
    feed.inbox.refused();
    feed.inbox.kept_below(3);
    feed.inbox.recovered();
    let (reason, _) = feed.lost().await;
    assert!(reason.contains("sends again"), "{reason}");
    feed.message().await;
    assert_eq!(*acked.lock().unwrap(), [0, 1, 0], "the broker was asked again, and nothing was acknowledged");
    feed.inbox.kept_below(4);
    noted(&acked, &[0, 1, 0, 1]).await;
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_shortly_after_the_stop_is_acknowledged_before_the_goodbye() {
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut feed = Watched::start(Broker(acked.clone()), Backoff::default());
    for _ in 0..3 {
        feed.message().await;
    }
    feed.inbox.kept_below(1);
    noted(&acked, &[0, 1]).await;
    feed.stop.cancel();
    // The last transaction comes after the stop.
    tokio::time::sleep(Duration::from_millis(300)).await;
    feed.inbox.kept_below(3);
    feed.stop().await;
    assert_eq!(*acked.lock().unwrap(), [0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_never_kept_does_not_hold_up_the_stop() {
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut feed = Watched::start(Broker(acked.clone()), Backoff::default());
    feed.message().await;
    let stopped = tokio::time::Instant::now();
    feed.stop().await;
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
    assert_eq!(*acked.lock().unwrap(), [0]);
}
