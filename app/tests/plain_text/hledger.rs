//! hledger itself, where it is installed, and our trial balance in its terms. Under CI=true it must be installed.

use super::server::run;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Account and commodity to a decimal text without needless zeros; balances of zero are left out.
pub type Balances = BTreeMap<(String, String), String>;

/// The program.
pub struct Hledger;

impl Hledger {
    /// Finds it.
    pub fn find() -> Option<Self> {
        let found = Command::new("hledger").arg("--version").output().is_ok_and(|said| said.status.success());
        assert!(
            found || std::env::var("CI").as_deref() != Ok("true"),
            "hledger is missing: apt-get install hledger"
        );
        found.then_some(Self)
    }

    fn run(&self, file: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("hledger");
        // A journal is UTF-8, whatever the machine speaks.
        command.env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8").arg("-f").arg(file).args(arguments);
        let said = command.output().unwrap();
        assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    }

    /// `hledger check` passes.
    pub fn check(&self, file: &Path) {
        self.run(file, &["check"]);
    }

    /// `hledger balance`.
    pub fn balance(&self, file: &Path) -> Balances {
        let rows = self.run(file, &["balance", "--flat", "-N", "--layout=bare", "-O", "csv"]);
        rows.lines()
            .skip(1)
            .filter_map(|row| {
                let cells: Vec<&str> = row.trim_matches('"').split("\",\"").collect();
                let [account, commodity, balance] = cells[..] else { panic!("{row}") };
                let commodity = commodity.replace('"', "");
                Some(((account.to_owned(), commodity), plain(balance)?))
            })
            .collect()
    }
}

/// A decimal without needless zeros; none for zero.
fn plain(number: &str) -> Option<String> {
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    (!["", "0", "-0"].contains(&number)).then(|| number.to_owned())
}

/// The trial balance of a data directory, debits above zero.
pub fn trial(folder: &Path, data: &str) -> Balances {
    let answer = run(folder, &format!("ledger trial-balance --json --data-dir {data}")).json();
    let rows = answer["data"].as_array().unwrap().iter();
    let balances = rows.filter_map(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let balance = plain(&text("balance"))?;
        let debit = ["asset", "expense"].contains(&text("type").as_str());
        let signed = match (debit, balance.strip_prefix('-')) {
            (true, _) => balance.clone(),
            (false, Some(positive)) => positive.to_owned(),
            (false, None) => format!("-{balance}"),
        };
        Some(((text("path"), text("currency")), signed))
    });
    balances.collect()
}
