//! Which rows of a socket table are instances of a MIB's table that has not all of them, so that a search needs to step over
//! none: by what others do there may be a hundred thousand in succession that have no instance.

use std::sync::OnceLock;

/// Positions of rows, found when they are first asked for: four octets for each.
#[derive(Debug, Default)]
pub struct Positions(OnceLock<Vec<u32>>);

impl Positions {
    /// The positions of those rows that are instances; `is_one` is given each row in order, and the one before it that is.
    /// None at all where there is no memory for them.
    pub fn of<T>(&self, rows: &[T], is_one: impl Fn(&T, Option<&T>) -> bool) -> &[u32] {
        self.0.get_or_init(|| {
            let mut positions = Vec::new();
            if positions.try_reserve_exact(rows.len()).is_err() {
                return positions;
            }
            let mut before = None;
            for (position, row) in rows.iter().enumerate() {
                if is_one(row, before) {
                    positions.extend(u32::try_from(position));
                    before = Some(row);
                }
            }
            positions.shrink_to_fit();
            positions
        })
    }
}

/// A row by the position that [`Positions::of`] has for it.
pub fn row<'a, T>(rows: &'a [T], positions: &[u32], instance: usize) -> Option<&'a T> {
    rows.get(usize::try_from(*positions.get(instance)?).ok()?)
}
