//! What a broker sends again after the history had refused it.

use feedwatch_model::{MessageMeta, Position};
use feedwatch_store::Outcome;

use super::*;

/// A message as JetStream numbers it (`numbered`), or as RabbitMQ flags it.
fn handed_out(number: u64, sequence: u64, numbered: bool, redelivered: bool) -> Event {
    let position = numbered.then(|| Position::Offset { lane: "S".into(), offset: sequence });
    let meta = MessageMeta { position, awaits_ack: !numbered, redelivered, ..MessageMeta::default() };
    let ms = sequence as i64 * 100;
    Event::Message(Message { meta: Some(Box::new(meta)), ..ticker(number, sequence, ms, 100.0 + (ms % 7) as f64) })
}

#[test]
fn what_the_history_refused_is_stored_when_it_comes_again_though_its_sequence_was_seen() {
    for (numbered, in_any_order) in [(true, false), (true, true), (false, true)] {
        let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
        let known = Known { in_any_order, ..Known::default() };
        pipeline.add_feed(FeedSettings { known, ..settings(None) }, at(0));
        let mut next = 0;
        let mut step = |pipeline: &mut Pipeline, sequences: std::ops::Range<u64>, redelivered| {
            for sequence in sequences {
                pipeline.step(0, handed_out(next, sequence, numbered, redelivered));
                next += 1;
            }
            pipeline.take_output()
        };
        step(&mut pipeline, 1..200, false);
        let refused = step(&mut pipeline, 200..300, false);
        assert_eq!(refused.batch.messages.len(), 100);
        pipeline.put_back(Batch::default());
        step(&mut pipeline, 300..310, false);
        let again = step(&mut pipeline, 200..310, true);
        let outcomes: Vec<&Outcome> = again.batch.messages.iter().map(|message| &message.outcome).collect();
        let count = |outcome: &Outcome| outcomes.iter().filter(|one| **one == outcome).count();
        assert_eq!((count(&Outcome::Read), count(&Outcome::Duplicate)), (100, 10), "{numbered} {in_any_order}");
        let sequence = |news: Vec<News>| {
            news.into_iter()
                .filter(|news| matches!(news, News::Finding(found) if found.finding.check == Check::Sequence))
                .count()
        };
        assert_eq!(sequence(again.news), 0, "nothing is wrong with the feed");
    }
}
