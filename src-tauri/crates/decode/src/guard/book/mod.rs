//! Checksums of order books: CRC-32 over the text of the best levels of a book that snapshots and updates maintain.
//!
//! A candidate is a whole number of 32 bits (signed or not, also as text) that is called like a checksum, in a feed that has
//! arrays of bids and asks. Books are kept from then on, each named by the texts around it (symbol, channel, topic), and
//! every way of writing them ([`text::TEXTS`]) is tried. The first one that fits at least twice and at 90 % of the
//! checksums is in force. Where none fits [`PATIENCE`] checksums are waited for.
//!
//! Not judged: a book whose snapshot did not come; a checksum of 0 (some feeds no longer send it); a message that changes
//! nothing within the depth of the book, since what a feed of that depth sends does (the book is another's); what comes
//! behind a failure until a snapshot begins the book anew or a checksum fits again, so that one damaged or lost message
//! is one failure.

mod levels;
mod pass;
mod roles;
#[cfg(test)]
mod tests;
mod text;

use self::levels::Books;
use self::pass::{Check, Pass};
use self::roles::Role;
use self::text::{TEXTS, Text};
use super::{Judged, View};
use crate::json::leaf::LeafKind;
use crate::json::trie::{Step, Trie};

/// Checksums that are tried before it is given up.
const PATIENCE: u32 = 64;
/// Fits that make a rule, if they are 90 % of all.
const FITS: u32 = 2;
/// Paths of checksums of one feed.
const MAX_CHECKS: usize = 16;
/// Smaller numbers alone are no checksums: of 256 random ones one is.
const LARGE: u32 = 1 << 24;

/// Books kept in one way, and how each text fits them.
#[derive(Clone, Debug, Default)]
struct Trial {
    books: Books,
    judged: u32,
    fits: [u32; TEXTS.len()],
}

#[derive(Clone, Debug, Default)]
enum Stage {
    /// Books that are maintained, and books that each message is all of.
    Trial(Box<[Trial; 2]>),
    Force {
        books: Books,
        always: bool,
        text: Text,
    },
    #[default]
    Over,
}

#[derive(Clone, Debug, Default)]
pub(super) struct BookWatch {
    roles: Vec<Role>,
    has_sides: bool,
    /// The feed has rows `[channel, [price, orders, amount]]`: other arrays are told apart by a checksum of that channel.
    signed: bool,
    stage: Stage,
    /// A trial was begun.
    begun: bool,
    checks: Vec<u32>,
    pass: Pass,
    buffer: Vec<u8>,
}

impl BookWatch {
    /// Looks at the paths of a message; whether there is something to try or to check.
    pub(super) fn look(&mut self, trie: &Trie, view: &View<'_>) -> bool {
        let signed = is_signed(trie, view);
        if signed && !self.signed {
            // What was taken for other arrays may be rows.
            (self.signed, self.has_sides) = (true, true);
            for (node, role) in (0..).zip(&mut self.roles) {
                *role = roles::signed_role(trie, node).unwrap_or(*role);
            }
        }
        for leaf in view.leaves {
            let at = leaf.node as usize;
            if self.roles.len() <= at {
                self.roles.resize(at + 1, Role::Unseen);
            }
            let Some(role) = self.roles.get_mut(at) else { continue };
            if *role == Role::Unseen {
                let row = roles::signed_role(trie, leaf.node).filter(|_| self.signed);
                *role = row.unwrap_or_else(|| roles::role(trie, leaf.node));
            }
            if *role == Role::Other && self.checks.len() < MAX_CHECKS && may_be_checksum(trie, leaf.node, view, signed)
            {
                let is_number = matches!(leaf.kind, LeafKind::Number | LeafKind::Text);
                if is_number && pass::checksum(leaf.raw(view.text)).is_some_and(|sum| sum >= LARGE) {
                    *role = Role::Checksum;
                    self.checks.push(leaf.node);
                }
            }
            self.has_sides |= matches!(role, Role::Price { .. });
        }
        if self.has_sides && !self.checks.is_empty() && !self.begun {
            self.begun = true;
            self.stage = Stage::Trial(Box::default());
        }
        !matches!(self.stage, Stage::Over)
    }

    pub(super) fn is_active(&self) -> bool {
        !matches!(self.stage, Stage::Over)
    }

    /// The paths of the checksums, once they are believed.
    pub(super) fn nodes(&self) -> &[u32] {
        if matches!(self.stage, Stage::Force { .. }) { &self.checks } else { &[] }
    }

    /// The messages come once more.
    pub(super) fn restart(&mut self) {
        if let Stage::Force { books, .. } = &mut self.stage {
            books.clear();
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Force { .. })
    }

    /// Tries every way on a message; whether one is in force from now on.
    #[cold]
    pub(super) fn try_out(&mut self, view: &View<'_>) -> bool {
        let BookWatch { roles, stage, pass, buffer, .. } = self;
        let Stage::Trial(trials) = stage else { return false };
        if !pass.look(view, roles) {
            return false;
        }
        if pass.overflows {
            trials.iter_mut().for_each(|trial| trial.books.clear());
            return false;
        }
        for (trial, always) in trials.iter_mut().zip([false, true]) {
            pass.apply(view, roles, always, &mut trial.books);
            for check in &pass.checks {
                trial.judge(check, buffer);
            }
        }
        for always in [false, true] {
            let Some(trial) = trials.get_mut(usize::from(always)) else { continue };
            if let Some(text) = trial.accepted() {
                let books = std::mem::take(&mut trial.books);
                *stage = Stage::Force { books, always, text };
                return true;
            }
        }
        // Books that never had a snapshot may still get one.
        if trials.iter().all(|trial| trial.judged >= PATIENCE) {
            *stage = Stage::Over;
        }
        false
    }

    /// Checks a message by the rule in force.
    pub(super) fn check(&mut self, view: &View<'_>, mut give: impl FnMut(u32, Judged)) {
        let BookWatch { roles, stage, pass, buffer, .. } = self;
        let Stage::Force { books, always, text } = stage else { return };
        if !pass.look(view, roles) {
            return;
        }
        if pass.overflows {
            return books.clear();
        }
        pass.apply(view, roles, *always, books);
        for check in &pass.checks {
            let touched = books.is_touched(check.key);
            let Some(book) = books.book(check.key).filter(|book| book.whole) else { continue };
            let computed = text.checksum(book, buffer);
            let fits = computed == check.stated;
            // Where the checksum stands alone, what it is about came before.
            let is_idle = touched && !book.changed;
            if !fits && (check.stated == 0 || book.doubted || is_idle) {
                continue;
            }
            book.doubted = !fits;
            give(check.node, Judged { fits, stated: check.stated.into(), computed: computed.into() });
        }
    }
}

impl Trial {
    fn judge(&mut self, check: &Check, buffer: &mut Vec<u8>) {
        let touched = self.books.is_touched(check.key);
        let Some(book) = self.books.book(check.key).filter(|book| book.whole && check.stated != 0) else { return };
        if touched && !book.changed {
            return;
        }
        self.judged += 1;
        for (fits, text) in self.fits.iter_mut().zip(TEXTS) {
            *fits += u32::from(text.checksum(book, buffer) == check.stated);
        }
    }

    fn accepted(&self) -> Option<Text> {
        let most = self.fits.iter().copied().max().filter(|most| *most >= FITS && most * 10 >= self.judged * 9)?;
        self.fits.iter().zip(TEXTS).find(|(fits, _)| **fits == most).map(|(_, text)| text)
    }
}

/// A message `[channel, "cs", checksum]`.
fn is_signed(trie: &Trie, view: &View<'_>) -> bool {
    let is_word = |node| trie.step(node) == Step::Position(1) && trie.parent(node) == crate::json::trie::ROOT;
    view.leaves.len() == 3 && view.leaves.get(1).is_some_and(|leaf| is_word(leaf.node) && leaf.raw(view.text) == b"cs")
}

fn may_be_checksum(trie: &Trie, node: u32, view: &View<'_>, signed: bool) -> bool {
    if signed {
        return view.leaves.last().is_some_and(|leaf| leaf.node == node);
    }
    trie.step(node) == Step::Key && roles::is_checksum(&trie.segment(node))
}
