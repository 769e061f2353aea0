//! Messages that are signed, and one that is not by whom it says.

use feedwatch_model::MessageMeta;
use ring::hmac;

use super::*;

fn signed(number: u64, secret: &str) -> Message {
    let text = format!("{{\"price\":{}}}", 100 + number * 7 % 5);
    let sum = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = vec![("X-Signature".into(), hex.as_str().into())];
    let mut message = Message::new(number, at(number as i64 * 1_000), text);
    message.meta = Some(Box::new(MessageMeta { headers, ..MessageMeta::default() }));
    message
}

fn mismatches(pipeline: &Pipeline) -> usize {
    pipeline.findings().filter(|found| found.finding.check == Check::Signature).count()
}

#[test]
fn one_forged_message_is_one_finding_and_one_alarm_that_heals() {
    let mut pipeline = pipeline(false);
    pipeline.sign_with(0, &SignatureKey::secret("hunter2"));
    for number in 0..300 {
        let secret = if number == 150 { "gu3ss" } else { "hunter2" };
        pipeline.step(0, Event::Message(signed(number, secret)));
        pipeline.elapse(at(number as i64 * 1_000), true);
        let open = pipeline.alarms().all().filter(|alarm| alarm.state.is_active()).count();
        assert_eq!(open, usize::from((150..210).contains(&number)), "{number}");
    }
    let found: Vec<_> = pipeline.findings().map(|found| found.finding.clone()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].check, found[0].kind, found[0].message), (Check::Signature, FindingKind::Mismatch, Some(150)));
}

#[test]
fn another_key_holds_from_the_next_message_on() {
    let mut pipeline = pipeline(false);
    pipeline.sign_with(0, &SignatureKey::secret("old"));
    (0..100).for_each(|number| pipeline.step(0, Event::Message(signed(number, "old"))));
    pipeline.sign_with(0, &SignatureKey::secret("new"));
    (100..200).for_each(|number| pipeline.step(0, Event::Message(signed(number, "new"))));
    assert_eq!(mismatches(&pipeline), 0);
    pipeline.step(0, Event::Message(signed(200, "old")));
    assert_eq!(mismatches(&pipeline), 1, "the old one holds no longer");
}

#[test]
fn without_a_key_nothing_is_checked() {
    let mut pipeline = pipeline(false);
    (0..200).for_each(|number| pipeline.step(0, Event::Message(signed(number, "any"))));
    assert_eq!(mismatches(&pipeline), 0);
}
