//! Journals as people write them, by a seed: all spellings that are taken, with assertions that hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Chance by a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Cents with a spelling of its own.
fn spell(dice: &mut Dice, cents: i64, commodity: &str) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.abs() / 100, cents.abs() % 100);
    let grouped = match whole >= 1_000 {
        true => format!("{},{:03}", whole / 1_000, whole % 1_000),
        false => whole.to_string(),
    };
    match dice.below(5) {
        0 => format!("{sign}{grouped}.{rest:02} {commodity}"),
        1 => format!("{commodity} {sign}{whole}.{rest:02}"),
        2 => format!("{sign}{commodity}{whole}.{rest:02}0"),
        3 if rest == 0 => format!("{sign}{whole}. {commodity}"),
        _ => format!("{sign}{whole}.{rest:02}{commodity}"),
    }
}

/// A journal of so many entries.
pub fn journal(seed: u64, entries: u64) -> String {
    let mut dice = Dice(seed);
    let accounts = [
        "assets:bank:main",
        "assets:bank",
        "expenses:food and drink",
        "income:work",
        "Liabilities:card",
        "other",
    ];
    let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut text = String::from("decimal-mark .\naccount other  ; type: E\nP 2024-01-01 EUR 1.10 USD\n\n");
    for number in 0..entries {
        let (month, day) = (1 + number * 12 / entries, 1 + number % 7);
        // A month's days go round, so dates of one month go back: assertions are for the last day alone.
        let separator = dice.one(&["-", "/", "."]);
        let mark = dice.one(&["", " *", " !", " * (17)"]);
        let said = dice.one(&["", " a trip", " shop | bread, butter", " ünïcode"]);
        let remark = dice.one(&["", " ; plain", " ; kind:food, more: x y", " ;"]);
        let _ = writeln!(text, "2024{separator}{month:02}{separator}{day:02}{mark}{said}{remark}");
        if dice.below(4) == 0 {
            let _ = writeln!(text, "  ; a line of its own\n\t; of:two, tags:");
        }
        let commodity = dice.one(&["EUR", "USD", "\"G-1\""]);
        let (one, other) = (dice.one(&accounts), dice.one(&accounts));
        let other = if one == other { "equity:rest" } else { other };
        let cents = dice.below(2_000_000) as i64 - 1_000_000;
        let gap = dice.one(&["  ", "\t\t", "     "]);
        let _ = writeln!(text, "  {one}{gap}{}{remark}", spell(&mut dice, cents, commodity));
        if dice.below(3) == 0 {
            let more = dice.below(100) as i64;
            let _ = writeln!(text, "  {other}  {}", spell(&mut dice, -cents - more, commodity));
            let _ = writeln!(text, "  expenses:fees  {}", spell(&mut dice, more, commodity));
            *sums.entry(("expenses:fees", commodity)).or_default() += more;
            *sums.entry((other, commodity)).or_default() -= cents + more;
        } else {
            let _ = writeln!(text, "  {other}");
            *sums.entry((other, commodity)).or_default() -= cents;
        }
        *sums.entry((one, commodity)).or_default() += cents;
        text.push('\n');
        if dice.below(20) == 0 {
            text.push_str(dice.one(&[
                "# a note\n",
                "comment\n2024 not an entry\nend comment\n",
                "payee x\n",
                "* heading\n",
            ]));
        }
    }
    text.push_str("2025-01-01 the last day\n");
    for ((account, commodity), sum) in sums {
        let _ = writeln!(text, "  {account}  0 {commodity} = {}", spell(&mut dice, sum, commodity));
    }
    text.push_str("  equity:rest  1 EUR\n  equity:more\n");
    text
}
