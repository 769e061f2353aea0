//! How long a line is usually quiet: what tells a half-open connection before any time-out does.
//!
//! The limit is ten times the median of the last 64 gaps between messages, and not below twice the longest of the last 16
//! pauses, since messages that come in bursts have short gaps and long pauses; between 1 s and 60 s. Until 16 gaps are
//! known there is none.

use std::collections::VecDeque;
use std::time::Duration;

const GAPS: usize = 64;
const ENOUGH: usize = 16;
const TIMES: u32 = 10;
const PAUSES: usize = 16;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The gaps between looks at which messages had come.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    gaps: Vec<Duration>,
    next: usize,
    messages: u64,
    /// How many there were when the connection began.
    before: u64,
    last: Option<Duration>,
    /// The latest times between looks that saw messages.
    pauses: VecDeque<Duration>,
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
            let pause = now.saturating_sub(last);
            if self.pauses.len() == PAUSES {
                self.pauses.pop_front();
            }
            self.pauses.push_back(pause);
            let each = pause / u32::try_from(new).unwrap_or(u32::MAX);
            for _ in 0..new.min(GAPS as u64) {
                self.add(each);
            }
        }
        self.last = Some(now);
    }

    /// A connection begins: the time before it is no gap.
    pub(super) fn begin(&mut self, messages: u64, now: Duration) {
        (self.messages, self.before, self.last) = (messages, messages, Some(now));
    }

    /// Has a message come over this connection?
    pub(super) fn has_spoken(&self) -> bool {
        self.messages > self.before
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
        let longest = self.pauses.iter().max().copied().unwrap_or_default();
        Some(median.saturating_mul(TIMES).max(longest.saturating_mul(2)).clamp(SHORTEST, LONGEST))
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
        (1..40).for_each(|look| rhythm.look(1 + 5 * look, millis(250 * look)));
        assert_eq!(rhythm.limit(), Some(SHORTEST), "ten times 50 ms");
    }

    #[test]
    fn the_pause_between_two_bursts_is_not_too_long() {
        let mut rhythm = Rhythm::default();
        (0..10).for_each(|burst| rhythm.look(1 + 100 * burst, millis(5_000 * burst)));
        assert_eq!(rhythm.limit(), Some(millis(10_000)));
        (0..20).for_each(|look| rhythm.look(1_000 + look, millis(50_000 + 250 * look)));
        assert_eq!(rhythm.limit(), Some(SHORTEST), "when it speaks steadily they are forgotten");
    }

    #[test]
    fn one_has_spoken_when_a_message_came_over_this_connection() {
        let mut rhythm = Rhythm::default();
        rhythm.begin(7, millis(0));
        rhythm.look(7, millis(250));
        assert!(!rhythm.has_spoken(), "the seven came before");
        rhythm.look(8, millis(500));
        assert!(rhythm.has_spoken());
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
