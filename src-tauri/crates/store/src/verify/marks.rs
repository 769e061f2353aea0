//! Everything that has marks, against the last mark of it: both in order of (owner, item), side by side.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Rows};

use super::{Look, Step, Stop, names, unsealed};
use crate::chain::{Digest, Hasher, Kind, REST_MOST, TABLES, Table, digest_of, rest_digest};

/// The last marks that are looked at later.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Of each feed: the number and the hash of the last segment a block spoke of.
    pub(super) messages: BTreeMap<i64, (i64, Option<Digest>)>,
    /// The same of the last one that was pruned.
    pub(super) pruned: BTreeMap<i64, (i64, Option<Digest>)>,
    /// The digest of the samples that are not sealed, where they are covered.
    rest: Option<Vec<u8>>,
}

/// Owner and item.
type Place = (i64, i64);

/// The last mark of a thing.
struct Mark {
    kind: i64,
    place: Place,
    digest: Option<Vec<u8>>,
    id: i64,
}

struct Marks<'s> {
    rows: Rows<'s>,
    next: Option<Mark>,
}

impl Marks<'_> {
    fn step(&mut self) -> Result<(), rusqlite::Error> {
        self.next = match self.rows.next()? {
            Some(row) => Some(Mark {
                kind: row.get(0)?,
                place: (row.get(1)?, row.get(2)?),
                digest: row.get_ref(3)?.as_blob().ok().map(<[u8]>::to_vec),
                id: row.get(4)?,
            }),
            None => None,
        };
        Ok(())
    }

    /// The next mark of a kind.
    fn of(&self, kind: Kind) -> Option<&Mark> {
        self.next.as_ref().filter(|mark| mark.kind == kind as i64)
    }

    fn take(&mut self, kind: Kind) -> Result<Option<Mark>, rusqlite::Error> {
        if self.of(kind).is_none() {
            return Ok(None);
        }
        let mark = self.next.take();
        self.step()?;
        Ok(mark)
    }
}

/// A thing as it stands.
struct Thing {
    place: Place,
    open: bool,
    digest: Digest,
}

/// The things of a table, in order.
struct Things<'s> {
    table: &'static Table,
    rows: Rows<'s>,
    /// A thing of which there may be further rows.
    begun: Option<(Place, bool, Hasher)>,
}

impl Things<'_> {
    fn next(&mut self, connection: &Connection) -> Result<Option<Thing>, rusqlite::Error> {
        let ended = |(place, open, hasher): (Place, bool, Hasher)| Thing { place, open, digest: hasher.finish() };
        loop {
            let Some(row) = self.rows.next()? else { return Ok(self.begun.take().map(ended)) };
            let (place, open) = ((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)? != 0);
            if let Some((_, is_open, hasher)) = self.begun.as_mut().filter(|(begun, ..)| *begun == place) {
                *is_open |= open;
                hasher.row(row, 3, self.table.count)?;
                continue;
            }
            let mut hasher = Hasher::new();
            hasher.row(row, 3, self.table.count)?;
            if self.table.kind == Kind::Chunk {
                add_data(connection, place.1, &mut hasher)?;
            }
            if let Some(thing) = self.begun.replace((place, open, hasher)) {
                return Ok(Some(ended(thing)));
            }
        }
    }
}

/// Adds the bytes of a chunk.
fn add_data(connection: &Connection, id: i64, hasher: &mut Hasher) -> Result<(), rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT bytes FROM data WHERE id = ?1")?;
    let mut rows = select.query([id])?;
    // Without its bytes it is another digest than any.
    hasher.value(match rows.next()? {
        Some(row) => row.get_ref(0)?,
        None => ValueRef::Null,
    });
    Ok(())
}

pub(super) fn check(look: &mut Look<'_>, ends: &mut Ends) -> Step {
    let connection = look.connection;
    let mut select = connection.prepare(
        "SELECT kind, owner, item, digest, max(id) FROM mark GROUP BY kind, owner, item ORDER BY kind, owner, item",
    )?;
    let mut marks = Marks { rows: select.query([])?, next: None };
    marks.step()?;
    for table in &TABLES {
        check_table(look, &mut marks, table)?;
    }
    while let Some(mark) = marks.next.take() {
        take_end(look, ends, mark);
        marks.step()?;
    }
    let strays: i64 =
        connection
            .query_row("SELECT (SELECT count(*) FROM data) - (SELECT count(*) FROM chunk)", [], |row| row.get(0))?;
    if strays != 0 {
        look.problem(format!("{} packed samples belong to no chunk.", strays.abs()));
    }
    Ok(())
}

fn check_table(look: &mut Look<'_>, marks: &mut Marks<'_>, table: &'static Table) -> Step {
    let connection = look.connection;
    let mut select = connection.prepare(&table.all_sql())?;
    let mut things = Things { table, rows: select.query([])?, begun: None };
    let mut thing = things.next(connection)?;
    loop {
        let marked = marks.of(table.kind).map(|mark| mark.place);
        match (&thing, marked) {
            (None, None) => return Ok(()),
            (Some(here), marked) if marked.is_none_or(|marked| here.place < marked) => {
                judge(look, table, Some(here), None)?;
                thing = things.next(connection)?;
            }
            (here, marked) => {
                let mark = marks.take(table.kind)?;
                let same = here.as_ref().filter(|here| Some(here.place) == marked);
                judge(look, table, same, mark.as_ref())?;
                if same.is_some() {
                    thing = things.next(connection)?;
                }
            }
        }
    }
}

/// Judges a thing and its last mark, of which at least one is there.
fn judge(look: &mut Look<'_>, table: &Table, thing: Option<&Thing>, mark: Option<&Mark>) -> Step {
    let digest = mark.and_then(|mark| mark.digest.as_deref());
    let wrong = match (thing, digest) {
        (None, None) => return Ok(()),
        (None, Some(_)) => "is gone",
        (Some(thing), None) if thing.open && !look.ended => {
            look.told.uncovered.ledger += 1;
            return Ok(());
        }
        (Some(_), None) => "was added: nothing says that it was written",
        (Some(_), Some([])) if mark.is_some_and(|mark| mark.id <= look.begun) => {
            look.told.uncovered.before += 1;
            return Ok(());
        }
        (Some(_), Some([])) => "is marked as older than the chain, which it is not",
        (Some(thing), Some(digest)) => {
            look.checked(1);
            if !thing.open && digest == thing.digest {
                return Ok(());
            }
            "is not what was written"
        }
    };
    let (owner, item) = thing.map(|thing| thing.place).or(mark.map(|mark| mark.place)).unwrap_or_default();
    let what = names::thing(look.connection, table, owner, item);
    let place = mark.map_or_else(|| Ok(String::new()), |mark| place_of(look.connection, mark.id))?;
    look.problem(format!("{what} {wrong}{place}."));
    Ok(())
}

/// The block that covers a mark, in brackets.
fn place_of(connection: &Connection, mark: i64) -> Result<String, Stop> {
    let sql = "SELECT seq, at FROM chain WHERE first <= ?1 AND last >= ?1";
    let block: Option<(i64, i64)> =
        connection.query_row(sql, [mark], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(match block {
        Some((seq, at)) => format!(" (block {seq} of {})", names::second(at)),
        None => " (behind the last block)".to_owned(),
    })
}

fn take_end(look: &mut Look<'_>, ends: &mut Ends, mark: Mark) {
    let digest = mark.digest.as_deref().and_then(digest_of);
    let (owner, item) = mark.place;
    // Of a feed they come in order of segments: the last one stays.
    if mark.kind == Kind::Messages as i64 {
        ends.messages.insert(owner, (item, digest));
    } else if mark.kind == Kind::Pruned as i64 {
        ends.pruned.insert(owner, (item, digest));
    } else if mark.kind == Kind::Rest as i64 {
        ends.rest = mark.digest;
    } else if mark.kind == Kind::Broken as i64 {
        let at = names::second(item);
        look.problem(format!(
            "When Feedwatch began at {at}, the samples that were not sealed were not those of the end before: they had been \
             altered."
        ));
    } else if mark.kind != Kind::Run as i64 {
        look.problem(format!("A mark of an unknown kind ({}) was added.", mark.kind));
    }
}

/// Samples that are not sealed: covered by a good end, as long as nothing was written since.
pub(super) fn check_rest(look: &mut Look<'_>, ends: &Ends) -> Step {
    let Some(marked) = &ends.rest else {
        let samples = unsealed(look.connection)?;
        if look.ended && (1..=REST_MOST).contains(&samples) {
            look.problem(format!("{samples} samples that are not sealed were added behind the last good end."));
        } else {
            look.told.uncovered.samples = samples;
        }
        return Ok(());
    };
    let found = rest_digest(look.connection)?;
    if found.as_ref().map(|(digest, _)| digest.as_slice()) != Some(marked.as_slice()) {
        look.problem("The samples that are not sealed are not those of the last good end.".to_owned());
    }
    look.checked(found.map_or(0, |(_, count)| count));
    Ok(())
}
