use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use feedwatch_model::{MessageMeta, Position};
use proptest::prelude::*;

use super::*;

fn quiet(limits: InboxLimits) -> Arc<Inbox> {
    Inbox::new(limits, Arc::new(|| {}))
}

fn batch(sizes: impl IntoIterator<Item = usize>) -> Batch {
    let mut batch = Batch::default();
    for size in sizes {
        batch.push(Time::from_nanos(size as i64), Bytes::from(vec![b'x'; size]), None);
    }
    batch
}

fn drain(inbox: &Inbox) -> Vec<Event> {
    let mut events = Vec::new();
    while inbox.drain(3, |event| events.push(event)) > 0 {}
    events
}

fn word() -> Event {
    Event::Connecting { at: Time::from_nanos(0), line: 0, attempt: 1 }
}

#[test]
fn a_full_inbox_forgets_the_oldest_and_says_so_where_they_stood() {
    let inbox = quiet(InboxLimits { messages: 2, bytes: 1000 });
    inbox.announce(word());
    inbox.put(&mut batch([1, 2]));
    inbox.announce(word());
    inbox.put(&mut batch([3, 4, 5]));
    let told: Vec<String> = drain(&inbox)
        .iter()
        .map(|event| match event {
            Event::Message(message) => format!("message {}", message.number),
            Event::Dropped { first, count, bytes, from, to } => {
                format!("dropped {first}+{count}, {bytes} bytes, {} to {}", from.nanos(), to.nanos())
            }
            _ => "word".to_owned(),
        })
        .collect();
    assert_eq!(
        told,
        ["word", "dropped 0+2, 3 bytes, 1 to 2", "word", "dropped 2+1, 3 bytes, 3 to 3", "message 3", "message 4"]
    );
}

#[test]
fn what_the_other_side_keeps_for_us_is_not_forgotten_for_what_nobody_keeps() {
    let inbox = quiet(InboxLimits { messages: 4, bytes: 1000 });
    let of_line = |line: u8, sizes: std::ops::Range<usize>| {
        let mut batch = Batch::of_line(line);
        sizes.for_each(|size| batch.push(Time::from_nanos(size as i64), Bytes::from(vec![b'x'; size]), None));
        batch
    };
    inbox.begins(1, Time::default(), true, true);
    inbox.put(&mut of_line(1, 1..4));
    inbox.put(&mut of_line(0, 4..9));
    let told: Vec<(u64, u64)> = drain(&inbox)
        .iter()
        .map(|event| match event {
            Event::Message(message) => (message.number, 0),
            Event::Dropped { first, count, .. } => (*first, *count),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(told, [(0, 0), (1, 0), (2, 0), (3, 4), (7, 0)]);
    assert_eq!((inbox.counters().dropped, inbox.counters().queued), (4, 0));
    inbox.begins(1, Time::default(), true, true);
    inbox.put(&mut of_line(1, 1..9));
    assert_eq!(inbox.counters().dropped, 4, "there is nothing that may go");
}

#[test]
fn a_message_larger_than_all_room_is_kept_alone() {
    let inbox = quiet(InboxLimits { messages: 10, bytes: 10 });
    inbox.put(&mut batch([5, 50]));
    assert_eq!(
        inbox.counters(),
        InboxCounters { received: 2, bytes: 55, dropped: 1, duplicate: 0, queued: 1, wire_bytes: None }
    );
}

#[test]
fn the_doorbell_rings_only_for_an_empty_inbox() {
    let rings = Arc::new(AtomicUsize::new(0));
    let counted = rings.clone();
    let inbox = Inbox::new(
        InboxLimits::default(),
        Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
    );
    inbox.put(&mut batch([]));
    assert_eq!(rings.load(Ordering::SeqCst), 0);
    inbox.put(&mut batch([1, 1, 1]));
    inbox.announce(word());
    inbox.put(&mut batch([1]));
    assert_eq!(rings.load(Ordering::SeqCst), 1);
    drain(&inbox);
    inbox.announce(word());
    assert_eq!(rings.load(Ordering::SeqCst), 2);
}

/// Messages of one byte, with a kibibyte beside each.
fn told(count: usize) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..count {
        let headers = vec![("x".into(), "y".repeat(400).into())];
        let (topic, id, key) =
            (Some("t".repeat(200).into()), Some("i".repeat(223).into()), Some("k".repeat(200).into()));
        let meta = MessageMeta { topic, id, key, headers, ..MessageMeta::default() };
        batch.push(Time::from_nanos(0), Bytes::from_static(b"x"), Some(Box::new(meta)));
    }
    batch
}

#[tokio::test]
async fn what_stands_beside_a_message_is_counted_among_the_bytes() {
    let inbox = quiet(InboxLimits { messages: 1000, bytes: 10 << 10 });
    inbox.put(&mut told(100));
    assert_eq!((inbox.counters().queued, inbox.counters().bytes), (9, 100), "of payload it is told as ever");
    drain(&inbox);
    assert_eq!(inbox.lock().queued_bytes, 0);
    let mut batch = told(100);
    inbox.put_what_fits(&mut batch);
    assert_eq!((inbox.counters().queued, batch.messages().len()), (9, 91));
    let mut batch = Batch::default();
    let id: Arc<str> = "i".repeat(Batch::BYTES).into();
    let position = Some(Position::EventId(id));
    batch.push(Time::from_nanos(0), Bytes::new(), Some(Box::new(MessageMeta { position, ..MessageMeta::default() })));
    assert!(batch.is_full());
    drop(batch.take(usize::MAX));
    assert!(!batch.is_full());
}

#[tokio::test]
async fn who_can_wait_loses_nothing() {
    let inbox = quiet(InboxLimits { messages: 4, bytes: 20 });
    let filling = inbox.clone();
    let task = tokio::spawn(async move {
        for _ in 0..50 {
            filling.put_when_room(&mut batch([1, 9, 3, 30, 2, 2, 2])).await;
        }
    });
    let mut events = Vec::new();
    while !task.is_finished() || inbox.counters().queued > 0 {
        assert!(inbox.counters().queued <= 4);
        inbox.drain(3, |event| events.push(event));
        tokio::task::yield_now().await;
    }
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::Message(message) = event { Some(message.number) } else { None })
        .collect();
    assert_eq!(numbers, (0..350).collect::<Vec<_>>());
    assert_eq!(inbox.counters().dropped, 0);
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<usize>),
    Word,
    Drain(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::collection::vec(0usize..40, 0..12).prop_map(Step::Put),
        1 => Just(Step::Word),
        2 => (0usize..12).prop_map(Step::Drain),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Drained events tell every message exactly once, in order, as delivered or as dropped, and the books agree at
    /// every step; what is queued keeps to the limits.
    #[test]
    fn every_message_is_in_exactly_one_place(steps in steps(), messages in 1usize..20, bytes in 1usize..200) {
        let inbox = quiet(InboxLimits { messages, bytes });
        let (mut out, mut words) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Put(sizes) => inbox.put(&mut batch(sizes)),
                Step::Word => { inbox.announce(word()); words += 1; }
                Step::Drain(count) => {
                    let before = out.len();
                    let drained = inbox.drain(count, |event| out.push(event));
                    prop_assert_eq!(drained, out.len() - before);
                    prop_assert!(drained >= count || inbox.lock().items.is_empty(), "who gets less has got all");
                }
            }
            let books = inbox.counters();
            let sizes = inbox.lock().items.iter().map(|item| match item {
                Item::Messages(run) => run.size(),
                Item::Word(_) => 0,
            }).sum::<usize>();
            prop_assert_eq!(inbox.lock().queued_bytes, sizes);
            let drained = out.iter().filter(|event| matches!(event, Event::Message(_))).count() as u64;
            prop_assert_eq!(books.received, drained + books.dropped + books.queued);
            prop_assert!(books.queued <= messages as u64);
            prop_assert!(books.queued <= 1 || inbox.lock().queued_bytes <= bytes);
        }
        let newest = inbox.counters().received.checked_sub(1);
        while inbox.drain(5, |event| out.push(event)) > 0 {}
        let (mut next, mut dropped, mut seen_words) = (0, 0, 0);
        for event in &out {
            match event {
                Event::Message(message) => { prop_assert_eq!(message.number, next); next += 1; }
                Event::Dropped { first, count, .. } => {
                    prop_assert_eq!(*first, next);
                    next += count;
                    dropped += count;
                }
                _ => seen_words += 1,
            }
        }
        let books = inbox.counters();
        prop_assert_eq!((next, dropped, seen_words, 0), (books.received, books.dropped, words, books.queued));
        let last = out.iter().rev().find_map(|event| match event {
            Event::Message(message) => Some(message.number),
            _ => None,
        });
        prop_assert_eq!(last, newest, "the newest survives");
    }

    /// Two lines bring copies: each payload is taken once, whichever was first, and the books agree at every step.
    #[test]
    fn copies_are_in_the_books(
        steps in prop::collection::vec((0u8..2, 1u64..30, any::<bool>(), 0usize..40), 0..80),
        messages in 1usize..40,
    ) {
        let inbox = quiet(InboxLimits { messages, bytes: 1 << 20 });
        inbox.arbitrate(2, Duration::from_secs(60));
        (0..2).for_each(|line| inbox.begins(line, Time::default(), false, false));
        let (mut sent, mut out) = ([0u64; 2], Vec::new());
        for (line, count, drains, enough) in steps {
            let mut batch = Batch::of_line(line);
            let next = &mut sent[usize::from(line)];
            for number in *next..*next + count {
                let meta = number.is_multiple_of(3).then(|| Box::new(MessageMeta { topic: Some("t".into()), ..MessageMeta::default() }));
                batch.copy(Time::from_nanos(number as i64), &number.to_le_bytes(), meta);
            }
            *next += count;
            inbox.put(&mut batch);
            if drains {
                inbox.drain(enough, |event| out.push(event));
            }
            let (books, furthest) = (inbox.counters(), sent[0].max(sent[1]));
            let drained = out.iter().filter(|event| matches!(event, Event::Message(_))).count() as u64;
            prop_assert_eq!(books.received, sent[0] + sent[1]);
            prop_assert_eq!(books.received, drained + books.dropped + books.duplicate + books.queued);
            prop_assert_eq!(books.duplicate, sent[0].min(sent[1]));
            prop_assert_eq!(inbox.next_number(), furthest);
        }
        while inbox.drain(7, |event| out.push(event)) > 0 {}
        for event in &out {
            if let Event::Message(message) = event {
                prop_assert_eq!(&message.payload[..], &message.number.to_le_bytes()[..]);
                prop_assert_eq!(message.meta.is_some(), message.number.is_multiple_of(3));
            }
        }
    }
}
