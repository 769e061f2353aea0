//! Reading a message without elements of its own: which series its numbers go to stands in one row per key.

use feedwatch_model::{Point, Value};

use super::read::{Around, Found, Seen, Unknown, push};
use super::{Plan, SKIP, SLOW};
use crate::json::trie::NONE;

/// Cells of all rows of a kind; keys beyond are looked up path by path.
const MAX_CELLS: usize = 1 << 18;

impl Plan {
    /// The number of the message's key, and where its row begins in [`Plan::rows`], if all slots go by the same one.
    #[inline]
    pub(super) fn row(&mut self, seen: &Seen<'_>) -> Option<(u32, usize)> {
        let key = match self.tables.len() {
            0 => 0,
            // A key that is not known yet gets its number with its first value, on the other way.
            1 => self.key(0, 0, seen, 0)?,
            _ => return None,
        };
        let width = self.slots.len();
        let row = key as usize * width;
        if self.rows.len() < row + width {
            if row + width > MAX_CELLS {
                return None;
            }
            self.rows.resize(row + width, NONE);
        }
        Some((key, row))
    }

    /// Reads a message without elements of its own: the series of each slot is known from the last one with this key.
    #[inline]
    pub(super) fn read_row(
        &mut self,
        key: u32,
        row: usize,
        seen: &Seen<'_>,
        strict: bool,
        found: &mut Found<'_>,
        around: &mut Around,
    ) -> Result<(), Unknown> {
        for leaf in seen.leaves {
            let slot = match self.codes.get(leaf.node as usize).copied().unwrap_or(SLOW) {
                SKIP => continue,
                SLOW => {
                    self.read_slowly(leaf, seen, strict, false, found, around)?;
                    continue;
                }
                slot => slot,
            };
            let series = self.rows.get(row + slot as usize).copied().unwrap_or(NONE);
            if series == NONE {
                self.read_value(slot, leaf, seen, false, found, around);
                self.fill(key, row, slot as usize);
                continue;
            }
            let number = leaf.number(seen.payload());
            match number.float() {
                Some(float) => found.reading.points.push(Point { series, time: None, value: Value::F64(float) }),
                None => push(found, series, None, leaf, number, seen),
            }
        }
        Ok(())
    }

    #[cold]
    fn fill(&mut self, key: u32, row: usize, slot: usize) {
        let Some(from) = self.slots.get(slot) else { return };
        let key = if from.table == NONE { 0 } else { key };
        if let (Some(series), Some(cell)) = (from.series.get(key as usize), self.rows.get_mut(row + slot)) {
            *cell = *series;
        }
    }
}
