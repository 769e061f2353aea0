use proptest::prelude::*;

use super::*;

/// A payload's length, when it was received, whether something stands beside it, and whether it is given or copied.
type Put = (usize, i64, bool, bool);

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let length = prop_oneof![8 => 0usize..600, 1 => 7_000usize..20_000];
    let time = prop_oneof![
        8 => 0i64..1_000_000,
        1 => -10_000_000_000i64..10_000_000_000,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)],
    ];
    prop::collection::vec((length, time, any::<bool>(), any::<bool>()), 0..300)
}

/// As it was put in: received, payload, topic.
type Told = (i64, Vec<u8>, Option<String>);

fn put(batch: &mut Batch, puts: &[Put]) -> Vec<Told> {
    let mut told = Vec::new();
    for (at, (length, time, has_meta, given)) in puts.iter().enumerate() {
        let (payload, received) = (vec![at as u8; *length], Time::from_nanos(*time));
        let topic = has_meta.then(|| format!("topic {at}"));
        let meta =
            topic.as_deref().map(|topic| Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() }));
        match given {
            true => batch.push(received, Bytes::from(payload.clone()), meta),
            false => batch.copy(received, &payload, meta),
        }
        told.push((*time, payload, topic));
    }
    told
}

fn told(message: &Message) -> Told {
    let topic = message.meta.as_ref().and_then(|meta| meta.topic.as_ref()).map(ToString::to_string);
    (message.received.nanos(), message.payload.to_vec(), topic)
}

fn size(batch: &Batch) -> usize {
    batch.views().map(|view| view.size()).sum()
}

proptest! {
    /// What was put in comes out, in order and in parts as large as they are wanted, while former messages are held and
    /// dropped, so that blocks are used again under what is still held.
    #[test]
    fn what_was_put_in_comes_out(
        rounds in prop::collection::vec((puts(), prop::collection::vec(0usize..200, 0..4), any::<bool>()), 1..5),
        keep in 0usize..400,
    ) {
        let mut batch = Batch::of_line(3);
        let mut held: VecDeque<(Message, Told)> = VecDeque::new();
        for (puts, parts, from_another) in rounds {
            let mut other = Batch::default();
            let was = if from_another { put(&mut other, &puts) } else { put(&mut batch, &puts) };
            if from_another {
                batch.append(&mut other);
                prop_assert!(other.is_empty() && other.bytes == 0);
            }
            prop_assert!(batch.runs.iter().all(|run| run.len() <= Batch::MESSAGES));
            let seen: Vec<Told> = batch.messages().iter().map(told).collect();
            prop_assert_eq!(&seen, &was);
            let times = was.first().map(|first| (first.0, was.last().unwrap().0));
            prop_assert_eq!(batch.times().map(|(first, last)| (first.nanos(), last.nanos())), times);
            let mut was = was.into_iter();
            for part in parts.into_iter().chain([usize::MAX]) {
                prop_assert_eq!((batch.len(), batch.bytes), (was.len(), size(&batch)));
                let runs = batch.take(part);
                let sizes: usize = runs.iter().map(Run::size).sum();
                let taken: Vec<Message> = runs.into_iter().flatten().collect();
                prop_assert_eq!(taken.len(), part.min(was.len()));
                prop_assert_eq!(sizes, taken.iter().map(Message::size).sum::<usize>());
                for message in taken {
                    let was = was.next().unwrap();
                    prop_assert_eq!((told(&message), message.line), (was.clone(), 3));
                    held.push_back((message, was));
                }
                while held.len() > keep {
                    held.pop_front();
                }
                batch.rest();
            }
            prop_assert!(batch.is_empty() && batch.bytes == 0);
        }
        for (message, was) in held {
            prop_assert_eq!(told(&message), was);
        }
    }

    /// What is left of a run, with its numbers and its size.
    #[test]
    fn what_is_kept_of_a_run_is_whole(puts in puts(), kept in prop::collection::vec(any::<bool>(), 300)) {
        let mut batch = Batch::default();
        let was = put(&mut batch, &puts);
        let mut was = was.into_iter().zip(&kept);
        for mut run in batch.take(usize::MAX) {
            let of_run: Vec<(Told, &bool)> = was.by_ref().take(run.len()).collect();
            let mut kept = of_run.iter();
            run.number = 7;
            run.retain(|_| *kept.next().unwrap().1);
            let left: Vec<Told> = of_run.into_iter().filter(|(_, kept)| **kept).map(|(told, _)| told).collect();
            let (size, count) = (run.size(), run.len());
            let messages: Vec<Message> = run.collect();
            prop_assert_eq!(messages.iter().map(told).collect::<Vec<_>>(), left);
            prop_assert_eq!(size, messages.iter().map(Message::size).sum::<usize>());
            prop_assert!(messages.iter().map(|message| message.number).eq(7..7 + count as u64));
        }
    }
}

#[test]
fn a_steady_feed_uses_the_same_blocks_again() {
    let (mut batch, mut places) = (Batch::default(), std::collections::HashSet::new());
    for round in 0..2_000u64 {
        (0..10).for_each(|_| batch.copy(Time::default(), &[7; 300], None));
        let taken: Vec<Message> = batch.take(usize::MAX).into_iter().flatten().collect();
        places.extend(taken.iter().map(|message| message.payload.as_ptr()));
        if round.is_multiple_of(2) {
            batch.rest();
        }
    }
    // 20,000 messages of a hundred to a block.
    assert!(places.len() < 1_000, "{} places", places.len());
}

#[test]
fn what_a_burst_left_is_given_back() {
    let mut batch = Batch::default();
    let mut burst = Vec::new();
    for _ in 0..100 {
        (0..100).for_each(|_| batch.copy(Time::default(), &[7; 300], None));
        burst.extend(batch.take(usize::MAX));
    }
    drop(burst);
    assert!(batch.arena.blocks() > 80);
    for _ in 0..3_000 {
        (0..10).for_each(|_| batch.copy(Time::default(), &[7; 300], None));
        drop(batch.take(usize::MAX));
        batch.rest();
    }
    assert!(batch.arena.blocks() <= 2, "{} blocks", batch.arena.blocks());
}

#[test]
fn a_block_of_which_little_is_left_goes() {
    let mut batch = Batch::default();
    (0..30u8).for_each(|at| batch.copy(Time::default(), &[at; 1_000], None));
    let mut run = batch.take(usize::MAX).pop_front().unwrap();
    run.retain(|view| view.payload[0] == 29);
    assert_eq!(run.block.len(), 1_000);
    assert_eq!(run.next().unwrap().payload, &[29; 1_000][..]);
}

#[test]
fn a_run_counts_its_messages_on() {
    let mut batch = Batch::default();
    (0..5u8).for_each(|at| batch.copy(Time::default(), &[at], None));
    let mut run = batch.take(usize::MAX).pop_front().unwrap();
    run.number = 7;
    run.retain(|view| view.payload != [2]);
    assert_eq!(run.size(), 4);
    let numbered: Vec<_> = run.map(|message| (message.number, message.payload[0])).collect();
    assert_eq!(numbered, [(7, 0), (8, 1), (9, 3), (10, 4)]);
}
