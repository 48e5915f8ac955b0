//! `concord ledger import`: the entries of a file into a book, from journals of hledger or beancount, CSV or NDJSON.
//! The file is read twice, line by line: first what it has is gathered and judged, then accounts and assets are made
//! and entries are posted in batches. An entry's id comes from its text, so what is there already is found and not
//! posted again.

mod assertions;
mod balances;
mod draft;
mod keys;
mod layout;
mod mapped;
mod mapping;
mod ndjson;
mod opening;
mod posting;
mod rejects;
mod rows;
mod sieve;
mod source;
mod survey;
#[cfg(test)]
mod tests;

use crate::cli::{DefaultType, ImportFlags};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::progress::{Progress, grouped};
use crate::wiring::{self, World};
use draft::{Draft, Known};
use formats::Rejected;
use kernel::{AssetCode, Problem, Tenant};
use layout::Layout;
use ledger::accounts::model::AccountKind;
use ledger::journal::engine::Settings;
use posting::{Counts, Post};
use rejects::Rejects;
use serde_json::json;
use sieve::{Sieve, Visit};
use std::collections::HashMap;
use std::path::PathBuf;

/// Names in memory at which the index is written out meanwhile: a long file should not take more than a short one.
const NAMES_IN_MEMORY: u64 = 40_000;

/// Imports a file.
pub async fn run(flags: ImportFlags, config: &Config, output: Output) -> Result<(), Failure> {
    let tenant = Tenant::parse(&flags.tenant).map_err(|why| Failure::flag("--tenant")(&why))?;
    let codes = codes(&flags.commodity)?;
    // Before anything is made: a file that is not there must leave no directory behind.
    source::Lines::open(&flags.file)?;
    let layout = Layout::of(&flags)?;
    let data = DataDir::make(&config.data.dir)?;
    let _lock = data.lock()?;
    let world = World::real();
    let settings =
        Settings { checkpoint_names: config.ledger.checkpoint_names.min(NAMES_IN_MEMORY), ..config.ledger };
    let ledger = wiring::open_ledger(&data, &world, settings)?;
    if ledger.engine().clock_suspect() {
        let what =
            "the clock stands before the book's newest record; start a server and confirm its time first";
        return Err(Failure::Refused(what.to_owned()));
    }
    let mut known = Known { codes, assets: opening::assets(&ledger, &tenant), now: ledger.now() };
    let mut progress = Progress::new(output, "looking through", "bytes");
    let mut tell = |done, most| progress.tell(done, done, most);
    let survey = survey::survey(&flags.file, &layout, &known, &mut tell)?;
    let mut rejects = Rejects::new(rejects_path(&flags), &layout, output);
    if flags.strict && survey.rejected > 0 {
        let mut sieve = Sieve::second(&layout, &known, &survey);
        sieve.run(&flags.file, &mut Tell(&mut rejects), &mut |_, _| {})?;
        rejects.finish()?;
        return Err(rejects.failure("; nothing was posted"));
    }
    opening::open(&ledger, &tenant, &mut known, &survey, flags.default_type.kind()).await?;
    let mut post = Post::begin(&ledger, &tenant, &known, &layout.under, &survey).await.map_err(told)?;
    let mut sieve = Sieve::second(&layout, &known, &survey);
    run_through(&mut post, &mut sieve, &flags, &mut rejects, output).await?;
    let counts = post.finish(&mut rejects).await?;
    rejects.finish()?;
    ledger.close();
    answer(&counts, &rejects, output)
}

/// The second reading.
async fn run_through(
    post: &mut Post<'_>,
    sieve: &mut Sieve<'_>,
    flags: &ImportFlags,
    rejects: &mut Rejects,
    output: Output,
) -> Result<(), Failure> {
    let mut reader = sieve.reader(&flags.file)?;
    let mut progress = Progress::new(output, "posting", "entries");
    loop {
        let mut taken = Taken::default();
        let more = reader.step(&mut taken)?;
        for rejected in &taken.rejected {
            rejects.add(rejected)?;
        }
        for (line, text, draft) in taken.entries {
            post.entry(line, text, draft, rejects).await?;
        }
        if reader.is_time() {
            progress.tell(post.counts.done(), reader.read(), reader.size());
        }
        if !more {
            return Ok(());
        }
    }
}

/// What one line brought.
#[derive(Default)]
struct Taken {
    entries: Vec<(u64, String, Draft)>,
    rejected: Vec<Rejected>,
}

impl Visit for Taken {
    fn entry(&mut self, line: u64, text: String, draft: Draft) -> Result<(), Failure> {
        self.entries.push((line, text, draft));
        Ok(())
    }

    fn rejected(&mut self, rejected: Rejected) -> Result<(), Failure> {
        self.rejected.push(rejected);
        Ok(())
    }
}

/// Tells what is rejected and nothing else.
struct Tell<'a>(&'a mut Rejects);

impl Visit for Tell<'_> {
    fn entry(&mut self, _: u64, _: String, _: Draft) -> Result<(), Failure> {
        Ok(())
    }

    fn rejected(&mut self, rejected: Rejected) -> Result<(), Failure> {
        self.0.add(&rejected)
    }
}

fn answer(counts: &Counts, rejects: &Rejects, output: Output) -> Result<(), Failure> {
    let number = |number: u64| grouped(number.into());
    let text = format!(
        "{} posted, {} already there, {} rejected\n",
        number(counts.posted),
        number(counts.there),
        number(rejects.count)
    );
    let json = json!({
        "posted": counts.posted,
        "already_there": counts.there,
        "rejected": rejects.count,
        "first_rejected": rejects.told,
    });
    output.answer(Printed { text, json })?;
    if rejects.count > 0 { Err(rejects.failure("")) } else { Ok(()) }
}

fn rejects_path(flags: &ImportFlags) -> PathBuf {
    flags.rejects.clone().unwrap_or_else(|| {
        let mut name = flags.file.file_name().unwrap_or_default().to_owned();
        name.push(".rejects");
        flags.file.with_file_name(name)
    })
}

/// Reads `SYMBOL=CODE` pairs.
fn codes(pairs: &[String]) -> Result<HashMap<String, AssetCode>, Failure> {
    let mut codes = HashMap::new();
    for pair in pairs {
        let wrong =
            || Failure::Flag { flag: "--commodity", what: format!("must be SYMBOL=CODE, not {pair:?}") };
        let (symbol, code) = pair.rsplit_once('=').ok_or_else(wrong)?;
        let code = AssetCode::parse(code).map_err(|why| Failure::flag("--commodity")(&why))?;
        codes.insert(symbol.to_owned(), code);
    }
    Ok(codes)
}

impl DefaultType {
    fn kind(self) -> AccountKind {
        match self {
            Self::Asset => AccountKind::Asset,
            Self::Liability => AccountKind::Liability,
            Self::Equity => AccountKind::Equity,
            Self::Income => AccountKind::Income,
            Self::Expense => AccountKind::Expense,
        }
    }
}

fn told(problem: Problem) -> Failure {
    let what = "what was posted is there, and importing the file again goes on from it";
    Failure::Refused(format!("the ledger stopped: {} ({what})", problem.detail))
}
