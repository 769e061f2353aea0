//! How long a line is usually quiet: what tells a half-open connection before any time-out does.
//!
//! The limit is ten times the median of the last 64 gaps between messages, between 1 s and 60 s. Until 16 gaps are known
//! there is none.

use std::time::Duration;

const GAPS: usize = 64;
const ENOUGH: usize = 16;
const TIMES: u32 = 10;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The gaps between looks at which messages had come.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    gaps: Vec<Duration>,
    next: usize,
    messages: u64,
    last: Option<Duration>,
}

impl Rhythm {
    /// At `now` so many messages have come in all. Several at once share the time since the last look that saw any.
    pub(super) fn look(&mut self, messages: u64, now: Duration) {
        let new = messages.saturating_sub(self.messages);
        if new == 0 {
            return;
        }
        self.messages = messages;
        if let Some(last) = self.last {
            let each = now.saturating_sub(last) / u32::try_from(new).unwrap_or(u32::MAX);
            for _ in 0..new.min(GAPS as u64) {
                self.add(each);
            }
        }
        self.last = Some(now);
    }

    /// A connection begins: the time before it is no gap.
    pub(super) fn begin(&mut self, messages: u64, now: Duration) {
        (self.messages, self.last) = (messages, Some(now));
    }

    /// How long it has been quiet.
    pub(super) fn quiet(&self, now: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last))
    }

    /// From when on that is longer than usual.
    pub(super) fn limit(&self) -> Option<Duration> {
        if self.gaps.len() < ENOUGH {
            return None;
        }
        let mut sorted = self.gaps.clone();
        sorted.sort_unstable();
        let median = *sorted.get(sorted.len() / 2)?;
        Some(median.saturating_mul(TIMES).clamp(SHORTEST, LONGEST))
    }

    fn add(&mut self, gap: Duration) {
        if self.gaps.len() < GAPS {
            self.gaps.push(gap);
        } else if let Some(slot) = self.gaps.get_mut(self.next) {
            *slot = gap;
        }
        self.next = (self.next + 1) % GAPS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn ten_usual_gaps_without_a_message_are_too_long() {
        let mut rhythm = Rhythm::default();
        for number in 0..40 {
            assert_eq!(rhythm.limit().is_some(), number > ENOUGH as u64, "after {number} messages");
            rhythm.look(number + 1, millis(300 * number));
        }
        assert_eq!(rhythm.limit(), Some(millis(3000)));
        assert_eq!(rhythm.quiet(millis(300 * 39 + 2000)), millis(2000));
    }

    #[test]
    fn many_messages_at_one_look_share_its_time() {
        let mut rhythm = Rhythm::default();
        rhythm.look(1, millis(0));
        rhythm.look(1001, millis(500_000));
        assert_eq!(rhythm.limit(), Some(millis(5000)));
        rhythm.look(100_001, millis(500_100));
        assert_eq!(rhythm.limit(), Some(SHORTEST));
    }

    #[test]
    fn an_outage_is_no_gap() {
        let mut rhythm = Rhythm::default();
        for number in 0..20 {
            rhythm.look(number + 1, millis(300 * number));
        }
        rhythm.begin(20, millis(600_000));
        rhythm.look(21, millis(600_300));
        assert_eq!(rhythm.limit(), Some(millis(3000)));
        assert_eq!(rhythm.quiet(millis(601_000)), millis(700));
    }
}
