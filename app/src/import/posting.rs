//! The second reading: entries become commands and go to the ledger in batches, a few of them under way at once,
//! in the order of the file.

use super::draft::{Draft, Known};
use super::rejects::Rejects;
use super::survey::Survey;
use super::told;
use crate::output::Failure;
use formats::Rejected;
use kernel::{Caller, Id, Problem, Tenant};
use ledger::accounts::model::{AccountNo, AccountRef};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand, Postings};
use ledger::journal::group::Answer;
use ledger::{BatchRequest, Ledger};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Entries of a batch: few, so that those under way take little memory.
const BATCH: usize = 2_048;
/// Batches under way at once: one is decided while another is written and a third is read.
const UNDER_WAY: usize = 4;

/// What became of entries.
#[derive(Debug, Default)]
pub struct Counts {
    /// Posted now.
    pub posted: u64,
    /// Posted earlier.
    pub there: u64,
    refused: u64,
}

impl Counts {
    /// All that the ledger has answered.
    pub fn done(&self) -> u64 {
        self.posted + self.there + self.refused
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + 'a>>;

/// A batch under way, and the blocks that it came from.
struct Flight<'a> {
    running: Running<'a>,
    answer: Option<Result<Answer, Problem>>,
    blocks: Vec<(u64, String)>,
}

/// Posts entries.
pub struct Post<'a> {
    ledger: &'a Ledger,
    tenant: Tenant,
    book: BookNo,
    known: &'a Known,
    /// What ids are derived under.
    under: &'a str,
    /// Numbers of accounts and assets, as they are met.
    accounts: HashMap<String, AccountNo>,
    /// How often a text stood in the file so far; of the newest day only, where days go one way.
    texts: HashMap<u128, u64>,
    by_day: bool,
    day_ms: i64,
    batch: Vec<Request>,
    blocks: Vec<(u64, String)>,
    under_way: VecDeque<Flight<'a>>,
    /// What became of entries so far.
    pub counts: Counts,
}

impl<'a> Post<'a> {
    /// Posts to the book of a tenant.
    pub async fn begin(
        ledger: &'a Ledger,
        tenant: &Tenant,
        known: &'a Known,
        under: &'a str,
        survey: &Survey,
    ) -> Result<Self, Problem> {
        Ok(Self {
            ledger,
            tenant: tenant.clone(),
            book: ledger.book(tenant).await?,
            known,
            under,
            accounts: HashMap::new(),
            texts: HashMap::new(),
            by_day: survey.one_way,
            day_ms: i64::MIN,
            batch: Vec::with_capacity(BATCH),
            blocks: Vec::with_capacity(BATCH),
            under_way: VecDeque::new(),
            counts: Counts::default(),
        })
    }

    /// Takes an entry.
    pub async fn entry(
        &mut self,
        line: u64,
        text: String,
        draft: Draft,
        rejects: &mut Rejects,
    ) -> Result<(), Failure> {
        match self.request(&text, draft) {
            Ok(request) => {
                self.batch.push(request);
                self.blocks.push((line, text));
            }
            Err(reason) => rejects.add(&Rejected { line, text, reason })?,
        }
        if self.batch.len() == BATCH {
            self.send().await;
            while self.under_way.len() >= UNDER_WAY {
                self.land(rejects).await?;
            }
        }
        Ok(())
    }

    /// Waits for everything under way.
    pub async fn finish(mut self, rejects: &mut Rejects) -> Result<Counts, Failure> {
        self.send().await;
        while !self.under_way.is_empty() {
            self.land(rejects).await?;
        }
        Ok(self.counts)
    }

    fn request(&mut self, text: &str, draft: Draft) -> Result<Request, String> {
        let derived = self.id(text, draft.time_ms());
        let Draft { own_id, details, sides } = draft;
        let mut postings = Postings::new();
        for side in sides {
            let unknown = || "the file changed while it was read".to_owned();
            let account = self.account(&side.path).ok_or_else(unknown)?;
            let (asset, scale) = self.asset(side.code).ok_or_else(unknown)?;
            let minor = side.number.at_scale(scale).ok_or("the amount is too large")?;
            if minor.unsigned_abs() >= kernel::money::MINOR_LIMIT.unsigned_abs() {
                return Err("the amount is too large".to_owned());
            }
            postings.push(PostingCommand {
                account: AccountRef::Known(account),
                direction: if minor < 0 { Direction::Credit } else { Direction::Debit },
                asset,
                amount: AmountCommand::Exact(minor.abs()),
            });
        }
        let command = Command::PostEntry(PostEntry { postings, details: Some(Box::new(details)) });
        Ok(self.ledger.request(None, Some(own_id.unwrap_or(derived)), command))
    }

    /// An id from the layout, the text, and how often the same text stood before: the same at every import, also
    /// when other entries were added to the file. It sorts by the day, as ids do by their time.
    fn id(&mut self, text: &str, time_ms: i64) -> Id {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.under.as_bytes()).update(&[0]).update(text.as_bytes());
        let name = |hasher: &blake3::Hasher| {
            let bytes = *hasher.finalize().as_bytes();
            u128::from_le_bytes(*bytes.first_chunk().expect("a hash has 32 bytes"))
        };
        let day_ms = time_ms.div_euclid(86_400_000);
        if self.by_day && day_ms != self.day_ms {
            self.texts.clear();
            self.day_ms = day_ms;
        }
        let before = self.texts.entry(name(&hasher)).or_default();
        hasher.update(&[0]).update(&before.to_le_bytes());
        *before += 1;
        let hash = name(&hasher);
        let time = u128::try_from(time_ms).unwrap_or(0) & ((1 << 48) - 1);
        let chance = hash & !(0xffff_ffff_ffff << 80) & !(0xf << 76) & !(0b11 << 62);
        Id(time << 80 | 0x7 << 76 | 0b10 << 62 | chance)
    }

    fn account(&mut self, path: &str) -> Option<AccountNo> {
        if let Some(no) = self.accounts.get(path) {
            return Some(*no);
        }
        let no = self.ledger.reading.find(self.book, &AccountRef::Path(path.into()))?;
        self.accounts.insert(path.to_owned(), no);
        Some(no)
    }

    fn asset(&self, code: kernel::AssetCode) -> Option<(AssetNo, u8)> {
        let scale = *self.known.assets.get(&code)?;
        self.ledger.reading.asset_no(self.book, code).map(|(no, _)| (no, scale))
    }

    /// Hands the batch over. The first look at its answer is what puts it into the ledger's queue, so the order
    /// of batches is that of these calls.
    async fn send(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let commands = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let blocks = std::mem::replace(&mut self.blocks, Vec::with_capacity(BATCH));
        let batch = BatchRequest {
            atomic: false,
            commands: commands.into_iter().map(Ok).collect(),
            key: None,
            manner: Manner::default(),
        };
        let (ledger, book, caller) = (self.ledger, self.book, Caller::house(self.tenant.clone()));
        let mut running: Running<'a> = Box::pin(async move { ledger.run_batch(&caller, book, batch).await });
        let answer = poll_fn(|context| {
            Poll::Ready(match running.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        });
        let answer = answer.await;
        self.under_way.push_back(Flight { running, answer, blocks });
    }

    /// Waits for the oldest batch.
    async fn land(&mut self, rejects: &mut Rejects) -> Result<(), Failure> {
        let Some(flight) = self.under_way.pop_front() else { return Ok(()) };
        let answer = match flight.answer {
            Some(answer) => answer,
            None => flight.running.await,
        };
        let answer = answer.map_err(told)?;
        for (outcome, (line, text)) in answer.outcomes.into_iter().zip(flight.blocks) {
            match outcome {
                Outcome::Done { .. } => self.counts.posted += 1,
                Outcome::Replayed { .. } => self.counts.there += 1,
                Outcome::Refused(problem) => {
                    self.counts.refused += 1;
                    let reason = format!("the ledger refused it: {}", problem.detail);
                    rejects.add(&Rejected { line, text, reason })?;
                }
                Outcome::WouldDo => unreachable!("nothing is rehearsed"),
            }
        }
        Ok(())
    }
}
