//! How a feed numbers its messages: what whoever injects faults must know to say what they look like.

use feedwatch_model::SequenceRule;

use super::text;

/// A rule, and where it reads.
#[derive(Clone, Debug)]
pub struct Rule {
    /// How the numbers follow each other.
    pub rule: SequenceRule,
    /// So many numbers there are, of `plus-one-modulo`.
    pub modulus: Option<u64>,
    /// Where the numbers stand: one path, or two (first and last, previous and this).
    pub paths: Vec<&'static str>,
    /// The paths that scope it.
    pub per: Vec<&'static str>,
    /// The messages that carry it: one of these texts stands at this path; all of them where there is none.
    pub of: Option<Which>,
    /// The messages (snapshots) that begin the numbers of their scope anew.
    pub restarts: Option<Which>,
}

/// Messages with one of these texts at a path.
pub type Which = (&'static str, &'static [&'static str]);

fn is(payload: &[u8], (path, texts): Which) -> bool {
    text::first(payload, path).is_some_and(|text| texts.contains(&text))
}

/// (path, text) pairs.
pub type Per = Vec<(String, String)>;

/// The numbers of a message, in their scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which rule.
    pub rule: usize,
    /// Which scope.
    pub per: Per,
    /// The first number; of `names-previous` the one it names.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// It is compared with nothing before it.
    pub begins: bool,
}

impl Rule {
    /// One number per message.
    pub fn new(rule: SequenceRule, path: &'static str, per: &[&'static str]) -> Rule {
        Rule { rule, modulus: None, paths: vec![path], per: per.to_vec(), of: None, restarts: None }
    }

    /// Two numbers per message.
    pub fn of_two(rule: SequenceRule, paths: [&'static str; 2], per: &[&'static str]) -> Rule {
        Rule { paths: paths.to_vec(), ..Rule::new(rule, "", per) }
    }

    /// The same for some kinds of message.
    #[must_use]
    pub fn of(self, path: &'static str, texts: &'static [&'static str]) -> Rule {
        Rule { of: Some((path, texts)), ..self }
    }

    /// Do its numbers count, so that it can be said which are missing?
    pub fn counts(&self) -> bool {
        use SequenceRule::{FirstFollowsLast, PlusOne, PlusOneModulo};
        matches!(self.rule, PlusOne | PlusOneModulo | FirstFollowsLast)
    }

    /// Does it show what is missing?
    pub fn shows_loss(&self) -> bool {
        self.counts() || self.rule == SequenceRule::NamesPrevious
    }

    /// Is an equal number the same message?
    pub fn is_strict(&self) -> bool {
        self.rule != SequenceRule::NonDecreasing
    }

    fn read(&self, rule: usize, payload: &[u8]) -> Option<Mark> {
        if self.of.is_some_and(|which| !is(payload, which)) {
            return None;
        }
        let begins = self.restarts.is_some_and(|which| is(payload, which));
        let number = |path: &&str| text::first(payload, path)?.parse::<u64>().ok();
        let last = number(self.paths.last()?)?;
        let first = if begins { last } else { number(self.paths.first()?)? };
        let per = self.per.iter().map(|path| Some(((*path).to_owned(), text::first(payload, path)?.to_owned())));
        Some(Mark { rule, per: per.collect::<Option<Per>>()?, first, last, begins })
    }
}

/// What numbers a message, by the first rule that it carries.
pub fn mark(rules: &[Rule], payload: &[u8]) -> Option<Mark> {
    rules.iter().enumerate().find_map(|(at, rule)| rule.read(at, payload))
}
