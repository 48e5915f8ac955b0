//! CSV as RFC 4180 has it: commas, double quotes where they are needed, lines that end in a line feed.

use std::fmt::{self, Write};

/// Writes one row.
pub fn write_row<'a>(out: &mut impl Write, cells: impl IntoIterator<Item = &'a str>) -> fmt::Result {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.write_char(',')?;
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.trim() != cell {
            out.write_char('"')?;
            for (part, piece) in cell.split('"').enumerate() {
                if part > 0 {
                    out.write_str("\"\"")?;
                }
                out.write_str(piece)?;
            }
            out.write_char('"')?;
        } else {
            out.write_str(cell)?;
        }
    }
    out.write_char('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_needed() {
        let mut out = String::new();
        write_row(&mut out, ["a", "", "b,c", "say \"x\"", "two\nlines", " edge"]).unwrap();
        assert_eq!(out, "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\" edge\"\n");
    }
}
