//! Conceptual tables: rows in the order of their index, columns that carry their cells, and the search for an instance.
//!
//! A group declares the columns of a table side by side, each with the function that makes its value from a row, so no
//! number can name a cell that does not exist. [`Cells::of`] erases the type of the rows: what remains of a column is
//! its declaration and its [`Instances`].

use super::context::Context;
use super::syntax::Syntax;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use std::ops::ControlFlow::{self, Break, Continue};

/// A conceptual table.
pub struct Table {
    /// The last sub-identifier.
    pub subid: u32,
    /// Descriptor, `lnsListenerTable`.
    pub name: &'static str,
    /// Descriptor of the row, `lnsListenerEntry`.
    pub entry: &'static str,
    /// DESCRIPTION of the table.
    pub description: &'static str,
    /// DESCRIPTION of the row.
    pub entry_description: &'static str,
    /// The components of the index, in order.
    pub index: &'static [Column],
    /// The accessible columns, by sub-identifier: [`Cells::of`] the table's rows.
    pub columns: &'static [&'static dyn Instances],
}

/// A column, or a component of an index.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The last sub-identifier.
    pub subid: u32,
    /// Descriptor.
    pub name: &'static str,
    /// Type.
    pub syntax: Syntax,
    /// UNITS; empty if there are none.
    pub units: &'static str,
    /// DESCRIPTION; empty for objects of standard modules.
    pub description: &'static str,
}

/// The rows of a table: an array in the order of the index, whose rows, indexes and cells are computed on demand.
pub trait Rows: 'static {
    /// What the index and the cells of one row are made from.
    type Row<'a>;
    /// The number of rows now.
    fn len(cx: &Context<'_>) -> usize;
    /// How many rows to search for the first behind an index. All of them, unless the later rows have a source of their
    /// own, which only an index among them shall touch; a row at the number returned may exist.
    fn len_before(cx: &Context<'_>, _index: &[u32]) -> usize {
        Self::len(cx)
    }
    /// The row at a position; every position below [`Self::len`] has one, and none from there on.
    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<Self::Row<'a>>;
    /// Appends the index of a row. Indexes rise from row to row.
    fn index(row: &Self::Row<'_>, name: &mut Oid);
}

/// Where the last search in a column ended: the position behind the row that it found.
pub type Cursor = std::cell::Cell<usize>;

/// The value of a row in a column; `None` if there is no such instance.
pub type Cell<R> = for<'a> fn(<R as Rows>::Row<'a>, &Context<'a>) -> Option<Value>;

/// The first position at or after the given one whose row may have a cell.
pub type Skip = fn(&Context<'_>, usize) -> Option<usize>;

/// A column and its cells.
pub struct Cells<R: Rows> {
    /// Its name and type.
    pub column: Column,
    cell: Cell<R>,
    skip: Skip,
}

/// A column of our own tables: number, descriptor, type, UNITS, DESCRIPTION, cell.
#[must_use]
pub const fn column<R: Rows>(
    subid: u32,
    name: &'static str,
    syntax: Syntax,
    units: &'static str,
    description: &'static str,
    cell: Cell<R>,
) -> Cells<R> {
    Column { subid, name, syntax, units, description }.cell(cell)
}

/// A column of our own tables that is a level.
#[must_use]
pub const fn gauge<R: Rows>(
    subid: u32,
    name: &'static str,
    units: &'static str,
    description: &'static str,
    cell: Cell<R>,
) -> Cells<R> {
    column(subid, name, Syntax::Gauge32, units, description, cell)
}

/// An index component of our own tables: number, descriptor, type, DESCRIPTION.
#[must_use]
pub const fn component(subid: u32, name: &'static str, syntax: Syntax, description: &'static str) -> Column {
    Column { subid, name, syntax, units: "", description }
}

/// A column in which many rows in succession may have no cell. It must find the next that may have one without looking
/// at each, since a single request may ask a thousand times.
#[must_use]
pub const fn sparse<R: Rows>(skip: Skip, mut cells: Cells<R>) -> Cells<R> {
    cells.skip = skip;
    cells
}

impl Column {
    /// A column, or an index component, of a standard module.
    #[must_use]
    pub const fn standard(subid: u32, name: &'static str, syntax: Syntax) -> Self {
        component(subid, name, syntax, "")
    }

    /// The column with its cells.
    #[must_use]
    pub const fn cell<R: Rows>(self, cell: Cell<R>) -> Cells<R> {
        Cells { column: self, cell, skip: |_, position| Some(position) }
    }
}

/// The OID of a column, given the OID of its group's place and the number of its table; the entry is always the 1 below
/// that (RFC 2578 section 7.1.12).
#[must_use]
pub fn column_oid(place: &[u32], table: u32, column: &Column) -> Vec<u32> {
    [place, &[table, 1, column.subid]].concat()
}

impl Table {
    /// The accessible columns, by sub-identifier.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.columns.iter().map(|cells| cells.column())
    }
}

impl<R: Rows> Cells<R> {
    /// The columns of one table.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
    pub const fn of<const N: usize>(columns: &'static [Self; N]) -> [&'static dyn Instances; N] {
        let mut all = [&columns[0] as &'static dyn Instances; N];
        let mut position = 1;
        while position < N {
            all[position] = &columns[position];
            position += 1;
        }
        all
    }

    /// The name and the value of a row's instance, below the OID of the column.
    pub fn instance<'a>(&self, oid: &[u32], row: R::Row<'a>, cx: &Context<'a>) -> Option<(Oid, Value)> {
        let mut name = Oid::from_slice(oid)?;
        R::index(&row, &mut name);
        Some((name, (self.cell)(row, cx)?))
    }
}

/// The instances of a column, whatever its rows are.
pub trait Instances: Sync {
    /// The column's name and type.
    fn column(&self) -> &Column;

    /// The value of the instance with the given index.
    fn get(&self, cx: &Context<'_>, index: &[u32]) -> Option<Value>;

    /// The next instance after an index, or at it if `include`, and before the end of the range: an instance, nothing
    /// before the end, or nothing at all, so that the next object type may have one. Names begin with `oid`. Looks where
    /// the cursor stands before it searches, and leaves it behind the row that it found.
    fn next(
        &self,
        cx: &Context<'_>,
        oid: &[u32],
        after: &[u32],
        include: bool,
        end: Option<&Oid>,
        cursor: &Cursor,
    ) -> ControlFlow<Option<(Oid, Value)>>;

    /// The index of the row at a position and its cell, found without a search; `None` past the last row. For tests of
    /// the search.
    fn at(&self, cx: &Context<'_>, position: usize) -> Option<(Oid, Option<Value>)>;

    /// The first position at or after the given one where a search looks.
    fn skip(&self, cx: &Context<'_>, position: usize) -> Option<usize>;
}

impl<R: Rows> Instances for Cells<R> {
    fn column(&self) -> &Column {
        &self.column
    }

    fn get(&self, cx: &Context<'_>, index: &[u32]) -> Option<Value> {
        let row = R::row(cx, seek::<R>(cx, index, true))?;
        let mut found = Oid::default();
        R::index(&row, &mut found);
        (found.as_slice() == index).then(|| (self.cell)(row, cx)).flatten()
    }

    fn next(
        &self,
        cx: &Context<'_>,
        oid: &[u32],
        after: &[u32],
        include: bool,
        end: Option<&Oid>,
        cursor: &Cursor,
    ) -> ControlFlow<Option<(Oid, Value)>> {
        let mut position = follow::<R>(cx, after, include, cursor.get());
        while let Some(at) = self.skip(cx, position) {
            let Some(row) = R::row(cx, at) else { break };
            let Some(mut name) = Oid::from_slice(oid) else { break };
            R::index(&row, &mut name);
            if !is_before(&name, end) {
                return Break(None);
            }
            if let Some(value) = (self.cell)(row, cx) {
                cursor.set(at + 1);
                return Break(Some((name, value)));
            }
            position = at + 1;
        }
        Continue(())
    }

    fn at(&self, cx: &Context<'_>, position: usize) -> Option<(Oid, Option<Value>)> {
        let (row, mut index) = (R::row(cx, position)?, Oid::default());
        R::index(&row, &mut index);
        Some((index, (self.cell)(row, cx)))
    }

    fn skip(&self, cx: &Context<'_>, position: usize) -> Option<usize> {
        (self.skip)(cx, position)
    }
}

/// Whether a name lies before the exclusive end of a range, if it has one.
pub(super) fn is_before(name: &Oid, end: Option<&Oid>) -> bool {
    end.is_none_or(|end| name < end)
}

/// The same as [`seek`]; without a search if the cursor stands there. A walk asks for the row behind the one it was given.
/// Looks at the rows on both sides, so it does not matter what has become of the table since.
fn follow<R: Rows>(cx: &Context<'_>, index: &[u32], include: bool, cursor: usize) -> usize {
    // Behind the rows that a search would look at there may be some of another source.
    let stands = cursor.checked_sub(1).filter(|_| cursor <= R::len_before(cx, index)).is_some_and(|before| {
        is_before_row::<R>(cx, before, index, include) == Some(false)
            && is_before_row::<R>(cx, cursor, index, include).unwrap_or(true)
    });
    if stands { cursor } else { seek::<R>(cx, index, include) }
}

/// The position of the first row whose index is after the given one, or at it if `include`.
fn seek<R: Rows>(cx: &Context<'_>, index: &[u32], include: bool) -> usize {
    let (mut low, mut high) = (0, R::len_before(cx, index));
    while low < high {
        let middle = low + (high - low) / 2;
        match is_before_row::<R>(cx, middle, index, include) {
            Some(true) => high = middle,
            _ => low = middle + 1,
        }
    }
    low
}

/// Whether an index lies before that of the row at a position, or is the same if `include`; `None` if there is no such
/// row.
fn is_before_row<R: Rows>(cx: &Context<'_>, position: usize, index: &[u32], include: bool) -> Option<bool> {
    let mut found = Oid::default();
    R::index(&R::row(cx, position)?, &mut found);
    Some(if include { index <= found.as_slice() } else { index < found.as_slice() })
}
