//! Units over real files: a context whose pots fill up to a cap, each filling an entry and two rows.

use kernel::{Caller, RandomIds, Slug, SystemClock, Tenant};
use ledger::Ledger;
use ledger::accounts::model::{AccountKind, AccountRef, OpenAccount};
use ledger::books::model::AssetNo;
use ledger::command::{Command as LedgerCommand, Keys, Request};
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand};
use ledger::journal::disk::{Disk, RealDisk};
use ledger::journal::engine::Settings;
use ledger::journal::keeper::Keeper;
use ledger::journal::recovery::{Recovered, recover};
use ledger::journal::rest::Rest;
use ledger::journal::segments::{FIRST_POSITION, segment_name};
use ledger::journal::unit::{Fact, UnitDone};
use platform_store::books::Books as _;
use platform_store::unit::{Answered, Change, Command, MoneyUnit, RefusedArm, RowsUnit};
use platform_store::{Error, Migration, Setting, Stopped, UnitStore, params};
use std::path::Path;
use std::sync::Arc;

const CAP: i64 = 1_000;
static MIGRATIONS: [Migration; 1] = [Migration {
    file: "0001_pots.sql",
    sql: "CREATE TABLE pots (id INTEGER PRIMARY KEY, used INTEGER NOT NULL) STRICT;
          CREATE TABLE moves (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT;
          CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
          CREATE TABLE declines (id INTEGER PRIMARY KEY) STRICT;",
}];

struct House {
    ledger: Ledger,
    store: UnitStore<Ledger>,
}

fn open(folder: &Path) -> House {
    let disk = RealDisk::try_new(&folder.join("journal")).unwrap();
    let clock = Arc::new(SystemClock::default());
    let ledger =
        Ledger::open(Arc::new(disk), clock.clone(), Arc::new(RandomIds), Settings::default()).unwrap();
    let on_fatal = Arc::new(|what: &str| panic!("{what}"));
    let setting = Setting { books: Arc::new(ledger.clone()), clock, on_fatal };
    let store = UnitStore::open(&folder.join("pots.sqlite"), "pots", &MIGRATIONS, setting).unwrap();
    House { ledger, store }
}

fn by() -> Caller {
    Caller::house(Tenant::default())
}

fn command(key: Option<&str>, fields: Vec<(&'static str, String)>) -> Command {
    Command { name: "pots.fill", fields, key: key.map(str::to_owned), dry_run: false }
}

impl House {
    fn request(&self, command: LedgerCommand) -> Request {
        Request { keys: Keys::default(), ..self.ledger.request(None, None, command) }
    }

    async fn open_account(&self, path: &str, limits: Vec<(AssetNo, ledger::accounts::model::Limits)>) {
        let open = OpenAccount {
            path: path.into(),
            kind: AccountKind::Liability,
            assets: None,
            limits,
            text: Default::default(),
            by_pattern: false,
        };
        let book = self.ledger.book(&Tenant::default()).await.unwrap();
        let request = self.request(LedgerCommand::OpenAccount(open));
        self.ledger.run(&by(), book, request, Default::default()).await.unwrap();
    }

    fn entry(&self, from: &str, to: &str, amount: i64) -> Request {
        let side = |path: &str, direction| PostingCommand {
            account: AccountRef::Path(path.into()),
            direction,
            asset: AssetNo(0),
            amount: AmountCommand::Exact(amount.into()),
        };
        let postings = [side(from, Direction::Debit), side(to, Direction::Credit)];
        self.request(LedgerCommand::PostEntry(PostEntry {
            postings: postings.into_iter().collect(),
            details: None,
        }))
    }

    async fn used(&self) -> i64 {
        let read =
            self.store.read(|reader| reader.row("SELECT used FROM pots WHERE id = 1", [], |row| row.get(0)));
        read.await.map_err(|fault: Error| fault).unwrap().unwrap_or(0)
    }

    async fn rows(&self, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let read = self.store.read(move |reader| reader.row(&sql, params![], |row| row.get(0)));
        read.await.map_err(|fault: Error| fault).unwrap().unwrap()
    }

    /// Balance of an account, as readers see it.
    async fn balance(&self, path: &str) -> i128 {
        let book = self.ledger.book(&Tenant::default()).await.unwrap();
        let account = self.ledger.reading.find(book, &AccountRef::Path(path.into())).unwrap();
        let bound = self.ledger.reading.bound(book, ledger::reading::When::Now).await.unwrap();
        let balances = self.ledger.reading.balances(account, bound).unwrap();
        balances.iter().map(|seen| seen.counters.posted(Direction::Credit)).sum()
    }

    /// Fills the pot: its row first, which is where the cap is.
    async fn fill(&self, key: Option<&str>, id: i64, amount: i64) -> Result<Answered, Stopped> {
        let asked = command(key, vec![("id", id.to_string()), ("amount", amount.to_string())]);
        let make = || async {
            if self.used().await + amount > CAP {
                return Err(Stopped::Unanswered(kernel::Problem::new(&FULL, "The pot is full.")));
            }
            let fill = "UPDATE pots SET used = used + ?1 WHERE id = 1 AND used + ?1 <= ?2";
            let note = "INSERT INTO moves (id, amount) VALUES (?1, ?2)";
            let mut arm = RefusedArm::default();
            arm.rows.changes.push(Change::one("INSERT INTO declines (id) VALUES (?1)", [id.into()]));
            let mut unit = MoneyUnit::answering(move |done: &UnitDone| {
                format!("{} at {}", done.decisions.len(), done.decisions[0].seq).into_bytes()
            })
            .change(Change::one(fill, [amount.into(), CAP.into()]))
            .change(Change::one(note, [id.into(), amount.into()]))
            .post(self.entry("purse", "pot", amount));
            unit.refused = Some(arm);
            Ok(unit)
        };
        self.store.once_money(&by(), &asked, make).await
    }
}

/// The keeper of a journal that nobody serves.
fn keeper(folder: &Path) -> Keeper {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::try_new(folder).unwrap());
    let Recovered { segments, identity, index, .. } = recover(&disk, &RandomIds).unwrap();
    let rest = Rest::new(Arc::new(SystemClock::default()));
    Keeper { disk, segments, identity, index, rest }
}

fn is_segment(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".seg"))
}

static FULL: Slug = Slug { code: "pot-full", status: 422, title: "The pot is full" };

async fn furnished(folder: &Path, purse: i64) -> Arc<House> {
    let house = open(folder);
    let floor = ledger::accounts::model::Limits { floor: Some(0), ceiling: None };
    house.open_account("world", Vec::new()).await;
    house.open_account("purse", vec![(AssetNo(0), floor)]).await;
    house.open_account("pot", Vec::new()).await;
    let book = house.ledger.book(&Tenant::default()).await.unwrap();
    let request = house.entry("world", "purse", purse);
    house.ledger.run(&by(), book, request, Default::default()).await.unwrap();
    let make = || async {
        let insert = Change::one("INSERT INTO pots (id, used) VALUES (1, 0)", []);
        Ok::<_, Stopped>(MoneyUnit::answering(|_: &UnitDone| b"made".to_vec()).change(insert))
    };
    house.store.once_money(&by(), &command(Some("make"), Vec::new()), make).await.unwrap();
    Arc::new(house)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_another_command_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 500).await;
    let first = house.fill(Some("k"), 1, 100).await.unwrap();
    let again = house.fill(Some("k"), 1, 100).await.unwrap();
    assert_eq!((again.answer, again.replayed), (first.answer.clone(), true));
    let Err(Stopped::Refused(other)) = house.fill(Some("k"), 1, 99).await else { panic!("it conflicts") };
    assert_eq!(other.problem.slug.code, "idempotency-conflict");
    assert!(other.problem.detail.contains("amount"), "{}", other.problem.detail);
    assert_eq!((house.used().await, house.balance("pot").await), (100, 100));
    drop(house);
    let house = open(folder.path());
    let again = house.fill(Some("k"), 1, 100).await.unwrap();
    assert_eq!((again.answer, again.replayed), (first.answer, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_books_undoes_the_rows_and_leaves_its_arm() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 50).await;
    for replayed in [false, true] {
        let Err(Stopped::Refused(refused)) = house.fill(Some("k"), 1, 60).await else { panic!("refused") };
        assert_eq!((refused.problem.slug.code, refused.replayed), ("insufficient-funds", replayed));
    }
    assert_eq!((house.used().await, house.rows("moves").await, house.rows("declines").await), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_fill_the_pot_to_the_brim_and_not_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100_000).await;
    let tasks: Vec<_> = (0..400)
        .map(|id| {
            let house = house.clone();
            tokio::spawn(async move { house.fill(None, id, 7).await.is_ok() })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += i64::from(task.await.unwrap());
    }
    assert_eq!(done, CAP / 7);
    let books = i64::try_from(house.balance("pot").await).unwrap();
    assert_eq!((house.used().await, books, house.rows("moves").await), (done * 7, done * 7, done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_answers_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    let mut asked = command(Some("k"), Vec::new());
    asked.dry_run = true;
    let make = || async {
        let note = Change::one("INSERT INTO moves (id, amount) VALUES (1, 5)", []);
        let unit = MoneyUnit::answering(|done: &UnitDone| done.decisions.len().to_string().into_bytes());
        Ok::<_, Stopped>(unit.change(note).post(house.entry("purse", "pot", 5)))
    };
    for _ in 0..2 {
        let told = house.store.once_money(&by(), &asked, make).await.unwrap();
        assert_eq!((told.answer, told.dry_run, told.replayed), (b"1".to_vec(), true, false));
    }
    assert_eq!((house.rows("moves").await, house.balance("pot").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_times_that_do_not_hold_are_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    let book = house.ledger.book(&Tenant::default()).await.unwrap();
    let purse = house.ledger.reading.find(book, &AccountRef::Path("purse".into())).unwrap();
    let tries = std::sync::atomic::AtomicU32::new(0);
    let make = || async {
        let attempt = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let position = house.ledger.reading.settings_at(purse);
        let unit = MoneyUnit::answering(|_: &UnitDone| Vec::new()).post(house.entry("purse", "pot", 5));
        let now = house.ledger.now();
        Ok::<_, Stopped>(match attempt {
            0 => unit.trusting(Fact::SettingsAt(purse, position + 1)),
            1 => unit.trusting(Fact::LastSeq(purse, AssetNo(0), 0)),
            2 => unit.within(now.plus_us(3_600_000_000), now.plus_us(7_200_000_000)),
            _ => unit.trusting(Fact::SettingsAt(purse, position)).within(now, now.plus_us(60_000_000)),
        })
    };
    house.store.once_money(&by(), &command(None, Vec::new()), make).await.unwrap();
    assert_eq!((tries.into_inner(), house.balance("pot").await), (4, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_units_have_keys_of_their_own_and_numbers_grow() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    let make = || async {
        let insert = Change::one("INSERT INTO declines (id) VALUES (7)", []);
        Ok::<_, Stopped>(RowsUnit::answering(b"noted".to_vec()).change(insert))
    };
    // The key of the money unit that made the pot.
    let asked = command(Some("make"), Vec::new());
    for replayed in [false, true] {
        let told = house.store.once_rows(&by(), &asked, make).await.unwrap();
        assert_eq!((told.answer, told.replayed), (b"noted".to_vec(), replayed));
    }
    assert_eq!(house.rows("store_audit").await, 1);
    let tenant = Tenant::default();
    let first = house.store.number(&tenant, "wallet").await.unwrap();
    let second = house.store.number(&tenant, "wallet").await.unwrap();
    assert_eq!((first, second), (1, 2));
    drop(house);
    let house = open(folder.path());
    assert!(house.store.number(&tenant, "wallet").await.unwrap() > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_missing_or_of_another_journal_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    house.fill(None, 1, 5).await.unwrap();
    house.store.close();
    let (ledger, clock) = (house.ledger.clone(), house.store.clock().clone());
    let other = tempfile::tempdir().unwrap();
    let foreign = furnished(other.path(), 100).await;
    foreign.store.close();
    let start = |path: &Path| {
        let on_fatal = Arc::new(|_: &str| {});
        let setting = Setting { books: Arc::new(ledger.clone()), clock: clock.clone(), on_fatal };
        UnitStore::open(path, "pots", &MIGRATIONS, setting).map(drop).map_err(|fault| fault.to_string())
    };
    let missing = start(&folder.path().join("none.sqlite")).unwrap_err();
    assert!(missing.contains("missing or empty"), "{missing}");
    let foreign = start(&other.path().join("pots.sqlite")).unwrap_err();
    assert!(foreign.contains("another journal"), "{foreign}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redo_is_gone_once_no_file_needs_it_and_a_lost_file_is_still_missed() {
    const NAME: &str = "Zaphod Beeblebrox";
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    // Enough for a second segment: only what stands before the newest is written again.
    let padding = NAME.repeat(6_000);
    let mut id = 1_i64;
    while std::fs::read_dir(folder.path().join("journal")).unwrap().filter(is_segment).count() < 2 {
        id += 1;
        let text = padding.clone();
        let make = move || {
            let insert =
                Change::one("INSERT INTO names (id, name) VALUES (?1, ?2)", [id.into(), text.clone().into()]);
            let unit = MoneyUnit::answering(|_: &UnitDone| b"named".to_vec()).change(insert);
            async move { Ok::<_, Stopped>(unit) }
        };
        house.store.once_money(&by(), &command(None, Vec::new()), make).await.unwrap();
    }
    let in_file = house.store.books().durable().position;
    house.store.close();
    house.ledger.close();
    drop(house);

    let first = folder.path().join("journal").join(segment_name(FIRST_POSITION));
    let has_name = || {
        let bytes = std::fs::read(&first).unwrap();
        bytes.windows(NAME.len()).any(|part| part == NAME.as_bytes())
    };
    let keeper = keeper(&folder.path().join("journal"));
    assert!(!keeper.destroy_redo(0, &|_| FIRST_POSITION).unwrap(), "the file may need it");
    assert!(has_name());
    let upto = |context: &str| if context == "pots" { in_file } else { 0 };
    std::fs::write(folder.path().join("journal/rewritten.tmp"), "half").unwrap();
    assert!(!keeper.destroy_redo(u64::MAX, &upto).unwrap(), "there is no room for a second copy");
    assert!(has_name());
    assert!(keeper.destroy_redo(0, &upto).unwrap());
    assert!(!folder.path().join("journal/rewritten.tmp").exists());
    assert!(!has_name(), "the images are gone");
    assert!(!keeper.destroy_redo(0, &upto).unwrap(), "the newest segment keeps its own");
    drop(keeper);

    let house = open(folder.path());
    assert_eq!(house.rows("names").await, id - 1);
    assert_eq!(house.balance("purse").await, 100);
    house.store.close();
    let other = folder.path().join("pots.sqlite");
    std::fs::rename(&other, folder.path().join("elsewhere")).unwrap();
    let on_fatal = Arc::new(|_: &str| {});
    let (books, clock) = (Arc::new(house.ledger.clone()), house.store.clock().clone());
    let start = UnitStore::open(&other, "pots", &MIGRATIONS, Setting { books, clock, on_fatal });
    let refused = start.map(drop).unwrap_err().to_string();
    assert!(refused.contains("its redo is destroyed"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_copied_in_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    let columns = &["id", "amount"];
    let rows = |ids: std::ops::Range<i64>| ids.map(|id| vec![id.into(), 7_i64.into()]).collect::<Vec<_>>();
    assert_eq!(house.store.copy_in("moves", columns, rows(0..2_500)).await.unwrap(), 2_500);
    assert_eq!(house.rows("moves").await, 2_500);
    // One of them is there already: none of the others comes in.
    let taken = house.store.copy_in("moves", columns, rows(2_400..2_600)).await.unwrap_err();
    assert!(matches!(taken, Stopped::Unanswered(_)), "{taken:?}");
    assert_eq!(house.rows("moves").await, 2_500);
    house.fill(Some("after"), 9_000, 5).await.unwrap();
    house.store.close();
    house.ledger.close();
    drop(house);
    assert_eq!(open(folder.path()).rows("moves").await, 2_501);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_waits_for_rows_and_nobody_waits_for_what_never_comes() {
    use platform_store::books::Awaited as _;
    use std::time::Duration;
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path(), 100).await;
    let book = house.ledger.book(&Tenant::default()).await.unwrap();
    let reading = &house.ledger.reading;
    let head = reading.head_seq(book);
    let newest = reading.feed(book, head - 1, 1).unwrap().remove(0);
    let (view, short) = (house.ledger.engine().view.clone(), Duration::from_millis(20));
    view.hold("other", newest.position);
    assert!(reading.feed(book, head - 1, 1).unwrap().is_empty());
    assert!(!reading.await_shown(book, head, short).await);
    assert!(reading.await_shown(book, head - 1, short).await);
    assert!(house.ledger.await_rows("pots", newest.position).await, "it is another context's");
    view.release("other");
    assert!(reading.await_shown(book, head, short).await);
    view.hold("pots", newest.position);
    view.poison();
    let long = Duration::from_secs(60);
    assert!(!reading.await_shown(book, head, long).await, "it will not be shown any more");
    assert!(!house.ledger.await_rows("pots", newest.position).await);
}
