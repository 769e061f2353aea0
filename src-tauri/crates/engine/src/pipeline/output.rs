//! What comes out of the pipeline: a batch for the history, and news for shells and notifications.

use std::collections::VecDeque;

use feedwatch_model::{FeedId, Finding, Gap, LedgerBook};
use feedwatch_store::Batch;

use crate::alarms::AlarmChange;
use crate::wire::Level;

/// A finding with its number in this run. The same number once more means: what was found is now settled otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedFinding {
    /// Counts from 1.
    pub number: u32,
    /// The finding.
    pub finding: Finding,
}

/// Something a shell may want to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something was found, or is now settled otherwise.
    Finding(NumberedFinding),
    /// An alarm changed.
    Alarm(AlarmChange),
    /// A gap began or ended.
    Gap(Gap),
    /// One sentence.
    Notice(Level, String),
}

/// Findings that are remembered for shells; older ones are in the history.
const FINDINGS: usize = 10_000;

/// What has come out since it was last taken.
#[derive(Debug, Default)]
pub struct Output {
    /// For the history; stays empty where there is none.
    pub batch: Batch,
    /// For shells and notifications.
    pub news: Vec<News>,
    /// What is to be added to the ledger.
    pub(crate) ledger: LedgerBook,
    keep: bool,
    waiting: Vec<(FeedId, u64)>,
    findings: VecDeque<NumberedFinding>,
    /// Findings of earlier runs.
    earlier: Vec<NumberedFinding>,
    next_finding: u32,
}

impl Output {
    pub(crate) fn new(keep: bool) -> Output {
        Output { keep, ..Output::default() }
    }

    /// Is there a history that wants batches?
    pub(crate) fn keeps(&self) -> bool {
        self.keep
    }

    pub(crate) fn batch_mut(&mut self, fill: impl FnOnce(&mut Batch)) {
        if self.keep {
            fill(&mut self.batch);
        }
    }

    /// Counts a message whose data are in the batch.
    pub(crate) fn count(&mut self, feed: FeedId) {
        if !self.keep {
            return;
        }
        match self.waiting.iter_mut().find(|(counted, _)| *counted == feed) {
            Some((_, count)) => *count += 1,
            None => self.waiting.push((feed, 1)),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.iter().map(|&(_, count)| count as usize).sum()
    }

    pub(crate) fn waiting_of(&self, feed: FeedId) -> u64 {
        self.waiting.iter().find(|(counted, _)| *counted == feed).map_or(0, |&(_, count)| count)
    }

    /// Remembers findings of earlier runs, the oldest first.
    fn recall(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.next_finding = self.next_finding.wrapping_add(1);
            self.earlier.push(NumberedFinding { number: self.next_finding, finding });
        }
    }

    /// Remembers a finding, tells it, and gives its number.
    pub(crate) fn finding(&mut self, finding: Finding) -> u32 {
        self.next_finding = self.next_finding.wrapping_add(1);
        let numbered = NumberedFinding { number: self.next_finding, finding };
        if self.findings.len() >= FINDINGS {
            self.findings.pop_front();
        }
        self.findings.push_back(numbered.clone());
        self.news.push(News::Finding(numbered));
        self.next_finding
    }

    /// A finding is now settled otherwise.
    pub(crate) fn settle(&mut self, number: u32, finding: Finding) {
        let numbered = NumberedFinding { number, finding };
        if let Some(known) = self.findings.iter_mut().rev().find(|known| known.number == number) {
            *known = numbered.clone();
        }
        self.news.push(News::Finding(numbered));
    }

    /// Findings of this run, the oldest first.
    pub(crate) fn findings(&self) -> impl DoubleEndedIterator<Item = &NumberedFinding> {
        self.findings.iter()
    }

    pub(crate) fn take(&mut self) -> Output {
        let mut batch = std::mem::take(&mut self.batch);
        batch.counted = std::mem::take(&mut self.waiting);
        batch.ledger = self.ledger.take();
        Output { batch, news: std::mem::take(&mut self.news), ..Output::default() }
    }
}

impl Output {
    pub(crate) fn take_news(&mut self) -> Output {
        Output { news: std::mem::take(&mut self.news), ..Output::default() }
    }

    pub(crate) fn put_back(&mut self, mut earlier: Batch) {
        let later = std::mem::take(&mut self.batch);
        earlier.feeds.extend(later.feeds);
        earlier.series.extend(later.series);
        earlier.samples.extend(later.samples);
        earlier.messages.extend(later.messages);
        earlier.findings.extend(later.findings);
        earlier.gaps.extend(later.gaps);
        earlier.alarms.extend(later.alarms);
        earlier.transitions.extend(later.transitions);
        earlier.outlived.extend(later.outlived);
        earlier.positions.extend(later.positions);
        earlier.positions = last_of_each(earlier.positions, |(feed, position)| (*feed, position.lane().to_owned()));
        earlier.certificates.extend(later.certificates);
        earlier.certificates = last_of_each(earlier.certificates, |(feed, name, _)| (*feed, name.clone()));
        earlier.drills.extend(later.drills);
        earlier.drills.truncate(FINDINGS);
        earlier.heartbeats = later.heartbeats;
        // What could not be written is added up again.
        for slot in earlier.ledger.drain(..).chain(later.ledger) {
            self.ledger.add(&slot);
        }
        // A disk may be away for days: what replaces what stands already takes its place, and what adds up is bounded.
        // Of findings and transitions the first tell most.
        earlier.alarms = last_of_each(earlier.alarms, |alarm| alarm.id);
        earlier.gaps = last_of_each(earlier.gaps, |gap| (gap.feed, gap.from, gap.cause));
        earlier.gaps.truncate(FINDINGS);
        earlier.findings.truncate(FINDINGS);
        earlier.transitions.truncate(FINDINGS);
        self.batch = earlier;
    }
}

/// Of all with the same key the last one, in the order of these.
fn last_of_each<T, K: Eq + std::hash::Hash>(all: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<T> = all.into_iter().rev().filter(|one| seen.insert(key(one))).collect();
    kept.reverse();
    kept
}

impl super::Pipeline {
    /// Findings of this run, the oldest first; at most the last 10,000.
    pub fn findings(&self) -> impl DoubleEndedIterator<Item = &NumberedFinding> {
        self.shared.output.findings()
    }

    /// Findings of earlier runs, for those who look at the console: they are not told again.
    pub fn recall_findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.shared.output.recall(findings);
    }

    /// The latest findings, also of earlier runs, the oldest first.
    pub fn latest_findings(&self, most: usize) -> Vec<&NumberedFinding> {
        let output = &self.shared.output;
        let mut latest: Vec<_> = output.findings().rev().chain(output.earlier.iter().rev()).take(most).collect();
        latest.reverse();
        latest
    }
}
