//! The objects we serve: what they are called, where they sit, where their values come from.
//!
//! [`object`], [`table`] and [`syntax`] have the vocabulary of declarations; each MIB group is declared in a file of its own below
//! [`groups`]; [`view`] answers Get and GetNext from the declarations; [`module`] writes the MIB module from the
//! same declarations, [`capabilities`] the one that says what of it is served; [`names`] turns names into OIDs and back.
//!
//! A new scalar is a row in its group's table. A new table is an implementation of [`table::Rows`], which says what a row is,
//! and a declaration, whose columns each make their cell from a row. A new group is a file and a line in [`groups::GROUPS`].

pub mod capabilities;
pub mod context;
pub mod groups;
pub mod index;
pub mod module;
pub mod names;
pub mod object;
pub mod syntax;
pub mod table;
pub mod view;

/// 1.3.6.1.2.1, the root of the standard modules.
pub const MIB_2: [u32; 6] = [1, 3, 6, 1, 2, 1];
