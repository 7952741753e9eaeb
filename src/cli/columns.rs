//! Tables for people: every column as wide as its content.

use std::io::{self, Write};

/// The side on which a column's cells are aligned, and the column's least width.
#[derive(Debug, Clone, Copy)]
pub enum Align {
    /// Names.
    Left(usize),
    /// Numbers.
    Right(usize),
}

/// Shows an unknown figure as a question mark.
pub fn figure(figure: Option<u64>) -> String {
    figure.map_or_else(|| "?".to_owned(), |figure| figure.to_string())
}

/// Prints rows with two or more spaces between columns. Extra cells of a row follow its last column.
///
/// # Errors
/// If writing fails.
pub fn print(out: &mut impl Write, columns: &[Align], rows: &[Vec<String>]) -> io::Result<()> {
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(column, side)| match *side {
            Align::Left(least) => least.max(widest(column) + 2),
            // The two spaces come before it.
            Align::Right(least) => least.max(widest(column) + if column == 0 { 0 } else { 2 }),
        })
        .collect();
    for row in rows {
        let mut line = String::new();
        for (position, cell) in row.iter().enumerate() {
            let width = widths.get(position).copied().unwrap_or(0);
            match columns.get(position) {
                Some(Align::Right(_)) => line += &format!("{cell:>width$}"),
                _ => line += &format!("{cell:<width$}"),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let printed = |rows: &[&[&str]]| {
            let rows: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
            let mut out = Vec::new();
            print(&mut out, &[Align::Left(6), Align::Right(5), Align::Right(5)], &rows).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(&[&["a", "1", "2", " x"], &["b", "3"]]), "a         1    2 x\nb         3\n");
        let most = u64::MAX.to_string();
        let text = printed(&[&["a name of some length", &most, &most, " octets"], &["é", "1", "2"]]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("a name of some length    {most}  {most} octets"));
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["é", "1", "2"]);
        let without_octets = lines[0].trim_end_matches(" octets").chars().count();
        assert_eq!(lines[1].chars().count(), without_octets, "{text}");
    }
}
