//! Who is turned away, who publishes, and our own clock.

use feedwatch_model::MessageMeta;

use super::*;

fn of(check: Check, pipeline: &Pipeline) -> Vec<(FindingKind, Option<u64>, String)> {
    let all = pipeline.findings().map(|found| &found.finding).filter(|finding| finding.check == check);
    all.map(|finding| (finding.kind, finding.message, finding.text.clone())).collect()
}

#[test]
fn a_burst_of_wrong_tokens_is_one_finding() {
    let mut pipeline = pipeline(false);
    let away = |second: i64, count| Event::TurnedAway { at: at(second * 1_000), count, who: "10.0.0.7".to_owned() };
    (0..5).for_each(|minute| pipeline.step(0, away(minute * 61, 5)));
    assert_eq!(of(Check::Security, &pipeline), [], "five in a minute");
    (400..430).for_each(|second| pipeline.step(0, away(second, 40)));
    let told = of(Check::Security, &pipeline);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, FindingKind::AuthBurst);
    assert!(told[0].2.starts_with("40 clients without a valid token were turned away"), "{}", told[0].2);
}

#[test]
fn a_publisher_that_was_never_seen_is_told_with_its_message() {
    let mut pipeline = pipeline(false);
    let message = |number: u64, publisher: Option<&str>| {
        let publisher = publisher.map(Into::into);
        let meta = MessageMeta { publisher, ..MessageMeta::default() };
        let text = format!("{{\"price\":{}}}", 100 + number * 7 % 5);
        Message { meta: Some(Box::new(meta)), ..Message::new(number, at(number as i64 * 1_000), text) }
    };
    for number in 0..1_100 {
        let publisher = ["plant-a", "plant-b"][(number % 2) as usize];
        pipeline.message(0, message(number, Some(publisher).filter(|_| number != 50)));
    }
    assert_eq!(of(Check::Security, &pipeline), []);
    pipeline.message(0, message(1_100, Some("somebody")));
    pipeline.message(0, message(1_101, Some("plant-a")));
    pipeline.finish();
    let expected = "somebody publishes, which it never did before.".to_owned();
    assert_eq!(of(Check::Security, &pipeline), [(FindingKind::NewPublisher, Some(1_100), expected)]);
}

#[test]
fn our_own_clock_is_blamed_for_what_it_did() {
    let run = |tell: bool| {
        let mut pipeline = pipeline(false);
        for number in 0..600_u64 {
            let ms = number as i64 * 1_000;
            let set = if number >= 300 { 30_000 } else { 0 };
            let mut message = ticker(number, number, ms, 100.0 + (number * 7 % 5) as f64);
            message.received = message.received.plus_nanos(set * 1_000_000);
            if number == 300 && tell {
                pipeline.own_step(message.received, set * 1_000_000);
            }
            pipeline.elapse(message.received, true);
            pipeline.message(0, message);
        }
        of(Check::Clock, &pipeline)
    };
    let told = run(true);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].2.starts_with("The clock of this computer was set forward by 30 s."), "{}", told[0].2);
    assert!(run(false).iter().all(|(.., text)| !text.contains("this computer")), "else the source is blamed");
}
