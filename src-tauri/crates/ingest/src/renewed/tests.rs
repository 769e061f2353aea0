use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::source::Memory;
use crate::testkit::{Watched, clock, eager, head, server};
use crate::{HttpOptions, PollOptions, PollSource, Secret};

/// Where a token is kept, the tokens it will give one after the other, and how often it was asked for in vain.
#[derive(Clone, Default)]
struct Safe(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// What is remembered, as the output of a program is.
    token: Option<u32>,
    next: u32,
    /// It never changes.
    stuck: bool,
    missing: bool,
    refusals: u32,
    port: u16,
}

#[async_trait]
impl Renewal for Safe {
    async fn source(&self, refused: bool) -> Result<Option<Arc<dyn Source>>, ConnectError> {
        let mut kept = self.0.lock().unwrap();
        kept.refusals += u32::from(refused);
        if kept.missing {
            return Err(ConnectError::Options("The file is gone.".to_owned()));
        }
        if kept.token.is_some() && (!refused || kept.stuck) {
            return Ok(None);
        }
        kept.next += 1;
        kept.token = Some(kept.next);
        let http = HttpOptions {
            bearer: Some(Secret::new(format!("t{}", kept.next))),
            ..HttpOptions::new(format!("http://127.0.0.1:{}/", kept.port))
        };
        let poll = PollOptions { http, every: Duration::from_millis(2), ..PollOptions::new("") };
        Ok(Some(Arc::new(PollSource::new(poll, clock))))
    }
}

/// A server that takes the token `tN` for the questions from 3 · (N - 1) to 3 · N. Gives its port and the heads.
async fn expiring() -> (u16, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&heads);
    let granted = Arc::new(Mutex::new(0));
    let port = server(move |_, mut socket: TcpStream| {
        let (kept, granted) = (Arc::clone(&kept), Arc::clone(&granted));
        async move {
            loop {
                let head = head(&mut socket).await;
                if head.is_empty() {
                    return;
                }
                let answer = {
                    let mut granted = granted.lock().unwrap();
                    let valid = head.contains(&format!("authorization: Bearer t{}\r\n", *granted / 3 + 1));
                    *granted += u32::from(valid);
                    if valid { "200 OK" } else { "401 Unauthorized" }
                };
                kept.lock().unwrap().push(format!("{answer} {head}"));
                let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\n\r\n{{}}");
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    (port.await, heads)
}

fn source(safe: &Safe) -> RenewedSource {
    RenewedSource::new(safe.clone(), "http://h/".to_owned())
}

#[tokio::test]
async fn a_token_that_expires_is_asked_for_once_more_and_the_feed_goes_on() {
    let (port, heads) = expiring().await;
    let safe = Safe::default();
    safe.0.lock().unwrap().port = port;
    let mut feed = Watched::start(source(&safe), eager());
    for _ in 0..9 {
        feed.message().await;
    }
    feed.stop().await;
    assert!(safe.0.lock().unwrap().token >= Some(3));
    let refused = heads.lock().unwrap().iter().filter(|head| head.starts_with("401")).count();
    assert!((2..=3).contains(&refused), "once for each token that has expired: {refused}");
}

#[tokio::test]
async fn a_token_that_expires_in_a_session_is_no_permanent_refusal() {
    let (port, _) = expiring().await;
    let safe = Safe::default();
    safe.0.lock().unwrap().port = port;
    let mut feed = Watched::start(source(&safe), eager());
    let (reason, refused) = feed.lost().await;
    assert!(reason.contains("401") && reason.contains("The secret has changed meanwhile") && !refused, "{reason}");
    feed.message().await;
    feed.stop().await;
}

/// A source whose session brings one message, or none, and then sends us away.
struct Once(bool);

#[async_trait]
impl Source for Once {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(Brought(u32::from(!self.0))))
    }

    fn address(&self) -> String {
        "once".to_owned()
    }
}

/// How often it was read; from the second time on it has ended.
struct Brought(u32);

#[async_trait]
impl Session for Brought {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        self.0 += 1;
        match self.0 {
            1 => {
                batch.push(clock(), "1".into(), None);
                Ok(())
            }
            2 => Err(SessionError::Closed { code: Some(1008), sentence: "No.".to_owned() }),
            _ => panic!("it is read behind its end"),
        }
    }
}

/// Gives what is asked for when it may: a program that takes its time.
#[derive(Clone, Default)]
struct Slow(Arc<(tokio::sync::Notify, Mutex<u32>)>, bool);

#[async_trait]
impl Renewal for Slow {
    async fn source(&self, refused: bool) -> Result<Option<Arc<dyn Source>>, ConnectError> {
        if refused {
            *self.0.1.lock().unwrap() += 1;
            self.0.0.notified().await;
        }
        Ok(Some(Arc::new(Once(!self.1))))
    }
}

#[tokio::test]
async fn a_secret_is_looked_up_once_though_reading_is_broken_off_and_begun_again() {
    let slow = Slow::default();
    let source = RenewedSource::new(slow.clone(), "once".to_owned());
    let mut session = source.connect(&Resume::default()).await.unwrap();
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    // As the loop does that acknowledges between two messages.
    for _ in 0..3 {
        tokio::select! {
            biased;
            ended = session.recv(&mut batch) => panic!("{ended:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    slow.0.0.notify_one();
    let ended = session.recv(&mut batch).await.unwrap_err();
    assert!(matches!(&ended, SessionError::Cut(said) if said.starts_with("No. The secret has changed")), "{ended:?}");
    assert_eq!(*slow.0.1.lock().unwrap(), 1);
}

#[tokio::test]
async fn who_is_sent_away_before_a_message_is_tried_once_more_at_once_and_then_no_more() {
    let slow = Slow(Arc::default(), true);
    let source = RenewedSource::new(slow.clone(), "once".to_owned());
    let refusals = || *slow.0.1.lock().unwrap();
    let ended = async || {
        let mut session = source.connect(&Resume::default()).await.unwrap();
        session.recv(&mut Batch::default()).await.unwrap_err()
    };
    slow.0.0.notify_one();
    assert!(!ended().await.is_permanent(), "there is another one");
    assert!(ended().await.is_permanent(), "which is not accepted either");
    assert_eq!(refusals(), 1);
    slow.0.0.notify_one();
    assert!(ended().await.is_permanent(), "one try a time from now on");
    assert_eq!(refusals(), 2);
}

#[tokio::test]
async fn a_session_that_is_cut_before_it_has_brought_anything_has_the_secret_looked_up() {
    let slow = Slow::default();
    let source = RenewedSource::new(slow.clone(), "once".to_owned());
    let refusals = || *slow.0.1.lock().unwrap();
    let connect = async || source.connect(&Resume::default()).await.unwrap();
    drop(connect().await);
    assert_eq!(refusals(), 0);
    slow.0.0.notify_one();
    let mut session = connect().await;
    assert_eq!(refusals(), 1, "the first one brought nothing");
    session.recv(&mut Batch::default()).await.unwrap();
    drop(session);
    drop(connect().await);
    assert_eq!(refusals(), 1, "the second one did");
}

/// Tells a secret once; then the network that it needs is down.
#[derive(Default)]
struct Offline(std::sync::atomic::AtomicBool);

#[async_trait]
impl Renewal for Offline {
    async fn source(&self, _: bool) -> Result<Option<Arc<dyn Source>>, ConnectError> {
        match self.0.swap(true, std::sync::atomic::Ordering::Relaxed) {
            false => Ok(Some(Arc::new(Once(false)))),
            true => Err(ConnectError::Options("The program failed.".to_owned())),
        }
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_told_just_now_keeps_nobody_out_who_knows_it() {
    let source = RenewedSource::new(Offline::default(), "once".to_owned());
    for _ in 0..3 {
        // Cut before it brought anything, so that the secret is asked for each time.
        drop(source.connect(&Resume::default()).await.unwrap());
    }
    let never = RenewedSource::new(Offline(true.into()), "once".to_owned());
    let error = never.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.is_permanent() && error.to_string() == "The program failed.", "{error}");
}

#[tokio::test]
async fn what_is_refused_though_it_was_asked_for_anew_is_permanent() {
    let (port, heads) = expiring().await;
    let safe = Safe::default();
    {
        let mut kept = safe.0.lock().unwrap();
        (kept.port, kept.next) = (port, 70);
    }
    let source = source(&safe);
    let error = source.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("401"), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 2, "with the one that was remembered, and with the new one");
    safe.0.lock().unwrap().stuck = true;
    let error = source.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.is_permanent(), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 3, "the same one is not tried twice");
    assert_eq!(safe.0.lock().unwrap().refusals, 2);
}

#[tokio::test]
async fn a_refusal_that_no_secret_helps_against_asks_for_none() {
    let port = server(async |_, socket| crate::testkit::answer(socket, "404 Not Found", "").await).await;
    let safe = Safe::default();
    safe.0.lock().unwrap().port = port;
    let source = source(&safe);
    assert!(source.connect(&Resume::default()).await.is_err());
    assert_eq!(safe.0.lock().unwrap().refusals, 0);
    safe.0.lock().unwrap().missing = true;
    let error = source.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_permanent()), ("The file is gone.", true));
}

#[test]
fn refusals_that_another_secret_may_help_against_are_told_from_others() {
    let status =
        |status, permanent| ConnectError::Status { status, sentence: String::new(), permanent, retry_after: None };
    for code in [401, 403, 407, 4, 5, 134, 135] {
        assert!(status(code, true).may_be_a_secret(), "{code}");
    }
    for code in [301, 404, 410, 426] {
        assert!(!status(code, true).may_be_a_secret(), "{code}");
    }
    assert!(!status(503, false).may_be_a_secret() && !ConnectError::Network(String::new()).may_be_a_secret());
    assert!(!ConnectError::Certificate(String::new()).may_be_a_secret());
    let closed = |code| SessionError::Closed { code: Some(code), sentence: String::new() };
    assert!(closed(1008).may_be_a_secret() && closed(4401).may_be_a_secret() && !closed(1000).may_be_a_secret());
    assert!(SessionError::Refused(status(401, true)).may_be_a_secret());
    assert!(
        !SessionError::Ended(String::new()).may_be_a_secret() && !SessionError::Cut(String::new()).may_be_a_secret()
    );
}

/// A source that remembers how many sessions there were.
#[derive(Default)]
struct Counting(Arc<Mutex<u32>>);

#[async_trait]
impl Source for Counting {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        *self.0.lock().unwrap() += 1;
        Err(ConnectError::Network(self.0.lock().unwrap().to_string()))
    }

    fn address(&self) -> String {
        "counting".to_owned()
    }

    fn memory(&self) -> Option<Memory> {
        Some(self.0.clone())
    }

    fn take_over(&mut self, memory: Memory) {
        self.0 = memory.downcast().unwrap();
    }
}

/// Gives another secret each time.
struct Restless;

#[async_trait]
impl Renewal for Restless {
    async fn source(&self, _: bool) -> Result<Option<Arc<dyn Source>>, ConnectError> {
        Ok(Some(Arc::<Counting>::default()))
    }
}

#[tokio::test]
async fn what_sessions_leave_is_not_lost_with_an_old_secret() {
    let source = RenewedSource::new(Restless, "counting".to_owned());
    for count in ["1", "2", "3"] {
        let error = source.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), count);
    }
}

#[test]
fn sources_that_remember_take_over_what_another_one_of_their_kind_remembers() {
    fn check<S: Source>(make: impl Fn() -> S, other: &dyn Source) {
        let (former, mut new) = (make(), make());
        let is_of = |source: &S| Arc::ptr_eq(&source.memory().unwrap(), &former.memory().unwrap());
        assert!(!is_of(&new));
        new.take_over(other.memory().unwrap());
        assert!(!is_of(&new), "of another kind");
        new.take_over(former.memory().unwrap());
        assert!(is_of(&new));
    }
    let other = Counting::default();
    check(|| crate::WebSocketSource::new(crate::WebSocketOptions::new("ws://h/"), clock), &other);
    check(|| crate::MqttSource::new(crate::MqttOptions::new("h", []), clock), &other);
    check(|| crate::NatsSource::new(crate::NatsOptions::new("h", Vec::new()), clock), &other);
    #[cfg(feature = "kafka")]
    {
        let servers = crate::KafkaServers::parse("kafka://h:1").unwrap();
        let options = crate::KafkaOptions::new(servers, crate::KafkaRole::Member { group: "g".into() });
        check(|| crate::KafkaSource::new(options.clone(), clock), &other);
    }
}
