//! Which rows of a socket table are instances of a MIB table that lacks some of them, so that a search need not step
//! over the others: what other parties do can put a hundred thousand in succession.

use std::sync::OnceLock;

/// Positions of rows, found on first use: four octets each.
#[derive(Debug, Default)]
pub struct Positions(OnceLock<Vec<u32>>);

impl Positions {
    /// The positions of the rows that are instances; `is_one` gets each row in order, and the previous row that is one.
    /// Empty if there is no memory for them.
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

/// A row by its index in the positions of [`Positions::of`].
pub fn row<'a, T>(rows: &'a [T], positions: &[u32], instance: usize) -> Option<&'a T> {
    rows.get(usize::try_from(*positions.get(instance)?).ok()?)
}
