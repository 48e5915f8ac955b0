//! Searching entries: what a filter finds is what a naive look at every record finds, pages are whole and stable, and
//! the projection follows its journal through restarts, losses and journals that are not its own.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../model/dice.rs"]
#[allow(dead_code, reason = "shared with the model test")]
mod dice;
mod files;
mod making;

use dice::Dice;
use kernel::Timestamp;
use ledger::effect::Effect;
use ledger::holds::model::HoldAction;
use ledger::journal::record::Record;
use ledger::projection::Span;
use ledger::reading::{EntryFilter, MAX_LOOKED, When};
use making::{A, ACCOUNTS, B, Bench, PARTIES, REFERENCES, SHOPS, TIERS, details, entry};

const ALL: Span = Span { after: 0, before: u64::MAX };

/// Every page of a filter: numbers of the entries, newest first.
async fn pages(bench: &Bench, filter: &EntryFilter, span: Span, limit: usize) -> Vec<u64> {
    let (mut found, mut span) = (Vec::new(), span);
    let seq = bench.head();
    loop {
        let page = bench.ledger.entries(bench.book, filter.clone(), span, limit, Some(seq)).await.unwrap();
        assert!(page.entries.len() <= limit);
        found.extend(page.entries.iter().map(|entry| entry.record.seq));
        let Some(next) = page.next else { return found };
        assert!(next < span.before, "a page goes on before the one before it");
        span.before = next;
    }
}

/// What a list should have, from the record alone and with words of its own.
fn fits(filter: &EntryFilter, record: &Record) -> bool {
    let listed = match &record.effect {
        Effect::Posted { .. } | Effect::Reversed { .. } | Effect::Held { .. } => true,
        Effect::HoldMoved { action: HoldAction::Capture { .. }, .. } => true,
        _ => return false,
    };
    let details = record.command.as_ref().and_then(|command| command.details());
    let postings = record.effect.postings();
    let has = |(name, value): &(String, String)| {
        details.is_some_and(|details| {
            details.text.metadata.iter().any(|(known, stored)| **known == **name && **stored == **value)
        })
    };
    let mut right = listed && filter.metadata.iter().all(has);
    if let Some(reference) = &filter.reference {
        right &= details.and_then(|details| details.reference.as_deref()) == Some(reference);
    }
    if let Some(party) = &filter.party {
        right &= record.party.as_deref() == Some(party);
    }
    if let Some(account) = filter.account {
        right &= postings.iter().filter(|posting| posting.account == account).count() > 0;
    }
    if let Some(asset) = filter.asset {
        let mut amounts: Vec<i128> =
            postings.iter().filter(|posting| posting.asset == asset).map(|posting| posting.amount).collect();
        amounts.sort();
        right &= amounts.last().is_some_and(|largest| {
            (filter.min.unwrap_or(0)..=filter.max.unwrap_or(i128::MAX)).contains(largest)
        });
    }
    right
}

fn some_filter(dice: &mut Dice, bench: &Bench) -> EntryFilter {
    let mut filter = EntryFilter::default();
    if dice.percent(40) {
        filter.account = bench.account(dice.pick::<&str>(&ACCOUNTS));
    }
    if dice.percent(40) {
        filter.reference = Some((*dice.pick(&REFERENCES)).to_owned());
    }
    if dice.percent(30) {
        filter.party = Some((*dice.pick(&PARTIES)).to_owned());
    }
    if dice.percent(30) {
        filter.metadata.push(("shop".to_owned(), (*dice.pick(&SHOPS)).to_owned()));
    }
    if dice.percent(20) {
        filter.metadata.push(("tier".to_owned(), (*dice.pick(&TIERS)).to_owned()));
    }
    if dice.percent(30) {
        filter.asset = Some(*dice.pick(&[A, B]));
        filter.min = dice.percent(60).then(|| dice.between(0, 60));
        filter.max = dice.percent(60).then(|| dice.between(30, 100));
    }
    filter
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_what_a_look_at_every_record_finds() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut bench = Bench::new().await;
        bench.fill(&mut dice, 400).await;
        let records = bench.records();
        let mut hits = 0;
        for _ in 0..150 {
            let filter = some_filter(&mut dice, &bench);
            let mut expected: Vec<&Record> = records.iter().filter(|record| fits(&filter, record)).collect();
            expected.reverse();
            let mut span = ALL;
            if dice.percent(30) {
                // `from` and `to`, as the route turns them into places.
                let moment = |dice: &mut Dice| dice.pick(&records).at;
                let (one, other) = (moment(&mut dice), moment(&mut dice));
                let (from, to) = (one.min(other), one.max(other));
                expected.retain(|record| record.at >= from && record.at < to);
                span = Span { after: bench.before(from).await, before: bench.before(to).await + 1 };
            }
            let expected: Vec<u64> = expected.iter().map(|record| record.seq).collect();
            hits += expected.len();
            let limit = *dice.pick(&[1, 3, 50, 500]);
            assert_eq!(pages(&bench, &filter, span, limit).await, expected, "seed {seed}: {filter:?}");
        }
        assert!(hits > 1_000, "seed {seed}: the filters find too little to tell anything: {hits}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_as_they_were_while_entries_come() {
    let mut dice = Dice(7);
    let mut bench = Bench::new().await;
    bench.fill(&mut dice, 400).await;
    let by = |reference: Option<&str>, account: Option<&str>| EntryFilter {
        reference: reference.map(str::to_owned),
        account: account.and_then(|path| bench.account(path)),
        ..EntryFilter::default()
    };
    let filters = [by(Some("r1"), None), by(None, Some("bank")), by(None, None)];
    for filter in &filters {
        let before = pages(&bench, filter, ALL, 500).await;
        assert!(before.len() > 14, "{filter:?}: {}", before.len());
        let (mut found, mut span) = (Vec::new(), ALL);
        loop {
            let page =
                bench.ledger.entries(bench.book, filter.clone(), span, 7, Some(bench.head())).await.unwrap();
            found.extend(page.entries.iter().map(|entry| entry.record.seq));
            // What comes meanwhile is newer than everything that is still to be read.
            bench.post(entry("bank", "ada", 5, details("r1", "p1", "s1"))).await;
            let Some(next) = page.next else { break };
            span.before = next;
        }
        assert_eq!(found, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_found_as_soon_as_min_seq_names_it() {
    let bench = Bench::new().await;
    for number in 0..40 {
        let reference = format!("order-{number}");
        let seq = bench.post(entry("bank", "ada", 5, details(&reference, "", ""))).await;
        let filter = EntryFilter { reference: Some(reference), ..EntryFilter::default() };
        let page = bench.ledger.entries(bench.book, filter, ALL, 10, Some(seq)).await.unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.record.seq).collect::<Vec<_>>(), [seq]);
    }
    assert_eq!(bench.ledger.projection_lag(), Some(0));
    let missing = EntryFilter { party: Some("p".to_owned()), ..EntryFilter::default() };
    let beyond = bench.ledger.entries(bench.book, missing, ALL, 10, Some(bench.head() + 1)).await;
    assert_eq!(beyond.unwrap_err().slug.code, "not-yet-visible");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_filters_by_leaves_no_row() {
    let bench = Bench::new().await;
    let mut described = details("", "", "");
    described.as_mut().unwrap().text.description = Some("Ada's coffee".into());
    for one in [None, described] {
        bench.post(entry("bank", "ada", 5, one)).await;
    }
    let progress = bench.caught_up().await;
    assert_eq!((progress.labels, progress.records), (0, bench.head()));
    bench.post(entry("bank", "ada", 5, details("r", "p", "s"))).await;
    assert_eq!(bench.caught_up().await.labels, 3);
    // Found without a row all the same.
    let filter = EntryFilter { account: bench.account("ada"), ..EntryFilter::default() };
    assert_eq!(pages(&bench, &filter, ALL, 2).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_holds_no_text_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new().await;
    bench.post(entry("bank", "ada", 5, details("Lovelace", "Byron", "Babbage"))).await;
    bench.caught_up().await;
    for end in ["", "-wal", "-shm"] {
        let mut path = bench.file().into_os_string();
        path.push(end);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        for word in ["Lovelace", "Byron", "Babbage", "shop"] {
            assert!(!bytes.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word} in {end:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_early_where_little_fits() {
    let bench = Bench::new().await;
    let one = bench.post(entry("bank", "ada", 77, None)).await;
    bench
        .post_all((0..MAX_LOOKED + 500).map(|_| entry("bank", "ada", 5, details("r", "", ""))).collect())
        .await;
    let rare = EntryFilter { asset: Some(A), min: Some(70), ..EntryFilter::default() };
    let account = EntryFilter { account: bench.account("ada"), ..rare.clone() };
    let label = EntryFilter { reference: Some("r".to_owned()), ..rare.clone() };
    for (filter, expected) in [(rare, vec![one]), (account, vec![one]), (label, Vec::new())] {
        let seq = Some(bench.head());
        let page = bench.ledger.entries(bench.book, filter.clone(), ALL, 10, seq).await.unwrap();
        assert!(page.entries.is_empty() && page.next.is_some(), "{filter:?}");
        assert_eq!(pages(&bench, &filter, ALL, 10).await, expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_labels_fill_several_generations() {
    let bench = Bench::new().await;
    let mut expected = Vec::new();
    // Fifty labels each: more than a quarter of a million in all.
    for batch in 0..12 {
        let common = |number: u32| {
            let mut details = details(if number.is_multiple_of(100) { "rare" } else { "" }, "", "");
            let own = details.as_mut().unwrap();
            let name = |place: usize| (format!("name-{place:02}").into(), format!("{number}").into());
            own.text.metadata = (0..49).map(name).collect();
            own.text.metadata.push(("zone".into(), if batch == 0 { "first" } else { "later" }.into()));
            entry("bank", "ada", 5, details)
        };
        let first = bench.post_all((0..500).map(common).collect()).await;
        expected.extend((first..first + 500).step_by(100));
    }
    expected.reverse();
    let rare = EntryFilter { reference: Some("rare".to_owned()), ..EntryFilter::default() };
    assert_eq!(pages(&bench, &rare, ALL, 7).await, expected);
    assert!(bench.ledger.projection().unwrap().progress().labels > 1 << 18);
    let zone =
        |zone: &str| EntryFilter { metadata: vec![("zone".to_owned(), zone.to_owned())], ..rare.clone() };
    let (later, first) = expected.split_at(55);
    assert_eq!(pages(&bench, &zone("later"), ALL, 50).await, later);
    assert_eq!(pages(&bench, &zone("first"), ALL, 50).await, first);
    assert!(pages(&bench, &zone("none"), ALL, 50).await.is_empty());
}

impl Bench {
    /// The last place that is earlier than a time.
    async fn before(&self, at: Timestamp) -> u64 {
        self.ledger.reading.bound(self.book, When::Time(at.plus_us(-1))).await.unwrap().position
    }
}
