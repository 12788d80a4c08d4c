//! Cells that spreadsheets open.

/// A cell of a CSV file that a spreadsheet shows and never runs: one that begins like a formula gets an apostrophe in
/// front, which spreadsheets take for "this is text".
pub fn harmless(cell: &str) -> String {
    let begins = cell.trim_start_matches([' ', '\u{a0}', '\u{3000}']).chars().next();
    let risky = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];
    if begins.is_some_and(|first| risky.contains(&first)) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        for risky in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "  =cmd", "\u{3000}=1"] {
            assert_eq!(harmless(risky), format!("'{risky}"));
        }
        for fine in ["", "A=1", "茶叶", "2026-02-18", "¥1.00", " x"] {
            assert_eq!(harmless(fine), fine);
        }
    }
}
