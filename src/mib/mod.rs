//! The objects we serve: their names, their places, and the sources of their values.
//!
//! [`object`], [`table`] and [`syntax`] define the vocabulary of declarations; each MIB group has a file below
//! [`groups`]. [`view`] answers Get and GetNext from the declarations; [`module`] writes the MIB module from them,
//! [`capabilities`] the module that says what of it is served; [`names`] converts names to OIDs, [`readable`]
//! indexes to text.
//!
//! A new scalar is a row in its group's table. A new table is an implementation of [`table::Rows`] and a declaration
//! whose columns make their cells from a row. A new group is a file and a line in [`groups::GROUPS`].

pub mod capabilities;
pub mod context;
pub mod groups;
pub mod index;
pub mod module;
pub mod names;
pub mod object;
pub mod readable;
pub mod syntax;
pub mod table;
pub mod view;

/// 1.3.6.1.2.1, the root of the standard modules.
pub const MIB_2: [u32; 6] = [1, 3, 6, 1, 2, 1];
