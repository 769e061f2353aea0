//! Where a source would go on: one position, or one for each lane that is numbered by itself.

use feedwatch_model::Position;

/// The last position of each lane.
///
/// ```
/// use feedwatch_ingest::Resume;
/// use feedwatch_model::Position;
///
/// let mut resume = Resume::default();
/// resume.note(&Position::Offset { lane: "prices/0".into(), offset: 7 });
/// resume.note(&Position::Offset { lane: "prices/0".into(), offset: 8 });
/// assert_eq!((resume.offset("prices/0"), resume.offset("prices/1")), (Some(8), None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume(Vec<Position>);

impl Resume {
    /// Lanes that are remembered. A broker that has more of them numbers its partitions oddly.
    const LANES: usize = 16_384;

    /// Remembers a position in the place of the former one of its lane.
    pub fn note(&mut self, position: &Position) {
        let known = self.0.iter().position(|known| known.lane() == position.lane());
        match known {
            Some(at) => self.0[at].clone_from(position),
            None if self.0.len() < Self::LANES => self.0.push(position.clone()),
            None => {}
        }
    }

    /// The position of a source that has only one.
    pub fn position(&self) -> Option<&Position> {
        self.0.first()
    }

    /// The event id behind which to resume.
    pub fn event_id(&self) -> Option<&str> {
        self.0.iter().find_map(|position| match position {
            Position::EventId(id) => Some(&**id),
            Position::Offset { .. } => None,
        })
    }

    /// The number of the last message of a lane.
    pub fn offset(&self, lane: &str) -> Option<u64> {
        self.0.iter().find_map(|position| match position {
            Position::Offset { lane: known, offset } if &**known == lane => Some(*offset),
            _ => None,
        })
    }

    /// The positions, in the order in which their lanes were first seen.
    pub fn positions(&self) -> &[Position] {
        &self.0
    }
}

impl FromIterator<Position> for Resume {
    fn from_iter<T: IntoIterator<Item = Position>>(positions: T) -> Resume {
        let mut resume = Resume::default();
        positions.into_iter().for_each(|position| resume.note(&position));
        resume
    }
}
