//! Batches: up to ten thousand commands in one request, as JSON or one a line.

use super::entries::scales;
use super::parse::{Resolver, own_id};
use super::render::{Json, Render};
use super::{Failure, OVERRIDE, WRITES, book_of};
use crate::books::model::BookNo;
use crate::command::{Command, Manner, Request};
use crate::effect::{Effect, Outcome};
use crate::entries::model::{PostEntry, PostingCommand, ReverseEntry};
use crate::holds::model::{ActOnHold, HoldAction};
use crate::journal::group::Answer as Outcomes;
use crate::refusal as slug;
use crate::{BatchRequest, Ledger, NotDone};
use axum::extract::State;
use hashbrown::HashMap;
use kernel::{Asset, Caller, Datum, Id, Problem, id::prefix};
use platform_http::json::{Document, Object, Reader, Value};
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, slugs, write_problem};
use std::sync::Arc;
use std::time::Duration;

/// Most commands of a batch: what one decides in about ten milliseconds.
const MAX_COMMANDS: usize = 10_000;
/// Largest body of a batch.
const MAX_BYTES: usize = 16 << 20;
/// A batch may take longer than a single command.
const TIME_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.post("/v1/batches", WRITES, batch_post, Doc {
        name: "batch_post",
        summary: "Post many commands at once",
        detail: "Atomic: any refusal undoes all. Independent: one answer per command. Each command sees the effects of those before it. As NDJSON, one command a line, `mode` and `return` stand in the query, and the answer is one result a line.",
        query: &[
            Parameter { name: "mode", about: "For NDJSON: atomic or independent (default).", kind: "string" },
            Parameter { name: "return", about: "For NDJSON: summary (default) or full.", kind: "string" },
        ],
        body: Some(Body {
            schema: "Batch",
            example: r#"{"mode":"atomic","commands":[{"type":"posting","debit_account":"bank","credit_account":"customers:ada:wallet","amount":"25.00","currency":"EUR"}]}"#,
            lines: true,
        }),
        ok: (201, "BatchResult"),
        problems: const { &[&slug::BATCH_REFUSED, &slug::IDEMPOTENCY_CONFLICT, &slug::LEDGER_UNAVAILABLE] },
        body_limit: Some(MAX_BYTES),
        time_limit: Some(TIME_LIMIT),
        ..Doc::NONE
    })
}

/// How a batch was asked for.
struct Asked {
    atomic: bool,
    full: bool,
    dry_run: bool,
}

const MODES: [(&str, bool); 2] = [("independent", false), ("atomic", true)];
const RETURNS: [(&str, bool); 2] = [("summary", false), ("full", true)];

/// Reads commands of one batch. Holds and entries of the same batch are known by the ids they bring.
struct CommandReader<'a> {
    ledger: &'a Ledger,
    resolver: Resolver<'a>,
    made: HashMap<Id, Vec<Asset>>,
    /// BLAKE3 of what is sent under the batch's key. What a name means may change until the batch is repeated, and
    /// even whether a command can be read; what was sent does not.
    sent: Option<blake3::Hasher>,
}

async fn batch_post(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    query: Query,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let lines = payload.media == platform_http::Media::Lines;
    let mode = query.choice("mode", &MODES);
    let full = query.choice("return", &RETURNS);
    if !lines && (mode.is_some() || full.is_some()) {
        query.fault("mode", "invalid-value", "mode and return stand in the body, unless it is NDJSON");
    }
    query.into_result()?;
    let resolver = Resolver { ledger: &ledger, book };
    let sent = key.as_ref().map(|_| blake3::Hasher::new());
    let mut reader = CommandReader { ledger: &ledger, resolver, made: HashMap::new(), sent };
    let (asked, commands) = if lines {
        let asked = Asked { atomic: mode.unwrap_or(false), full: full.unwrap_or(false), dry_run: false };
        (asked, read_lines(&mut reader, &payload).await?)
    } else {
        read_document(&mut reader, &payload).await?
    };
    let key = key.zip(reader.sent).map(|(key, sent)| (key.into_boxed_str(), *sent.finalize().as_bytes()));
    let manner =
        Manner { dry_run: asked.dry_run, freeze_refusals: false, may_override: by.scopes.allow(OVERRIDE) };
    let batch = BatchRequest { atomic: asked.atomic, commands, key, manner };
    answer(&ledger, &by, book, batch, &asked, lines).await
}

async fn answer(
    ledger: &Ledger,
    by: &Caller,
    book: BookNo,
    batch: BatchRequest,
    asked: &Asked,
    lines: bool,
) -> Result<Answer, Failure> {
    let ids = ids(&batch.commands);
    let outcomes = ledger.run_batch(by, book, batch).await?;
    // A batch that was refused as a whole has one outcome: why.
    if let [Outcome::Refused(problem)] = &outcomes.outcomes[..]
        && (asked.atomic || ids.len() != 1 || is_of_the_batch(problem))
    {
        return Err(NotDone { problem: Problem::clone(problem), replayed: outcomes.replayed }.into());
    }
    let replayed = outcomes.replayed;
    let body = render(ledger, book, &outcomes, &ids, asked, lines)?;
    let status = if asked.dry_run { 200 } else { 201 };
    let answer = Answer::ok(body).with_status(status).replayed(replayed);
    Ok(if lines { answer.lines() } else { answer })
}

/// Whether a refusal that stands alone is about the batch's own key and not about its only command.
fn is_of_the_batch(problem: &Problem) -> bool {
    let own = [Datum::from("mode"), Datum::from("commands")];
    problem.data.iter().any(|(name, datum)| {
        *name == "differing_fields"
            && matches!(datum, Datum::List(fields) if fields.iter().any(|f| own.contains(f)))
    })
}

fn render(
    ledger: &Ledger,
    book: BookNo,
    outcomes: &Outcomes,
    ids: &[Option<(Id, &'static str)>],
    asked: &Asked,
    lines: bool,
) -> Result<Vec<u8>, Problem> {
    let mut json = Json::new();
    json.bytes.reserve(outcomes.outcomes.len() * 80);
    if !lines {
        json.open(b'{');
        json.plain("mode", if asked.atomic { "atomic" } else { "independent" });
        json.name("results");
        json.open(b'[');
    }
    for (outcome, id) in outcomes.outcomes.iter().zip(ids) {
        if !lines {
            json.next();
        }
        result(ledger, book, &mut json, outcomes, outcome, *id, asked.full)?;
        if lines {
            json.bytes.push(b'\n');
        }
    }
    if !lines {
        json.close(b']');
        json.close(b'}');
    }
    Ok(json.done())
}

fn result(
    ledger: &Ledger,
    book: BookNo,
    json: &mut Json,
    outcomes: &Outcomes,
    outcome: &Outcome,
    id: Option<(Id, &'static str)>,
    full: bool,
) -> Result<(), Problem> {
    json.open(b'{');
    match outcome {
        Outcome::Done { seq, position } | Outcome::Replayed { seq, position } => {
            let replayed = matches!(outcome, Outcome::Replayed { .. });
            let mut record = None;
            // Of a batch that is repeated, new ids name nothing: the first ones stand in the records.
            if full || replayed || outcomes.replayed {
                record = Some(ledger.record(outcomes, *position)?);
            }
            let (own, prefix) = id.unwrap_or((Id(0), prefix::ENTRY));
            json.id("id", record.as_ref().map_or(own, |record| record.id), prefix);
            json.number("seq", *seq);
            json.plain("status", if replayed { "replayed" } else { "posted" });
            if let Some(record) = record.filter(|_| full) {
                json.name("result");
                let render = Render { reading: &ledger.reading, book };
                match &record.effect {
                    Effect::Held { hold, .. } => render.hold(json, &record, hold, &record, false),
                    Effect::Opened(_) => super::accounts::render_record(ledger, book, json, record),
                    _ => render.entry(json, &record, false),
                }
            }
        }
        Outcome::WouldDo => json.plain("status", "rehearsed"),
        Outcome::Refused(problem) => {
            json.plain("status", "refused");
            json.name("problem");
            write_problem(&mut json.bytes, problem, None, None);
        }
    }
    json.close(b'}');
    Ok(())
}

/// A batch that was read and goes no further: what the route costs without a ledger behind it, for measuring.
pub struct Unrun {
    book: BookNo,
    asked: Asked,
    ids: Vec<Option<(Id, &'static str)>>,
}

impl Unrun {
    /// Reads a JSON body as the route does.
    pub async fn read(ledger: &Ledger, by: &Caller, payload: &Payload) -> Result<Self, Failure> {
        let book = book_of(ledger, by).await?;
        let resolver = Resolver { ledger, book };
        let mut reader = CommandReader { ledger, resolver, made: HashMap::new(), sent: None };
        let (asked, commands) = read_document(&mut reader, payload).await?;
        Ok(Self { book, asked, ids: ids(&commands) })
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The answer as if each command had been carried out, under numbers from here on.
    pub fn answer(&self, ledger: &Ledger, first: u64) -> Result<Answer, Failure> {
        let done = |seq| Outcome::Done { seq, position: 0 };
        let outcomes = (first..first + self.ids.len() as u64).map(done).collect();
        let outcomes = Outcomes { outcomes, replayed: false, group: None, dry: Vec::new() };
        let body = render(ledger, self.book, &outcomes, &self.ids, &self.asked, false)?;
        Ok(Answer::created(body))
    }
}

fn ids(commands: &Commands) -> Vec<Option<(Id, &'static str)>> {
    let id = |request: &Request| (request.id, id_prefix(&request.command));
    commands.iter().map(|command| command.as_ref().ok().map(id)).collect()
}

fn id_prefix(command: &Command) -> &'static str {
    match command {
        Command::PlaceHold(_) => prefix::HOLD,
        Command::OpenAccount(_) => prefix::ACCOUNT,
        _ => prefix::ENTRY,
    }
}

type Commands = Vec<Result<Request, Arc<Problem>>>;

async fn read_document(
    reader: &mut CommandReader<'_>,
    payload: &Payload,
) -> Result<(Asked, Commands), Problem> {
    let document = Document::parse(&payload.bytes)?;
    // What of the body a later command needs is looked up before: reading itself waits for nothing.
    let whole = Reader::new();
    let object = whole.object(document.root());
    let atomic = object.choice("mode", &MODES);
    let items: Vec<Value<'_>> = object.items("commands", 1..=MAX_COMMANDS).collect();
    let full = object.optional_choice("return", &RETURNS).unwrap_or(false);
    let dry_run = object.flag("dry_run");
    if dry_run && !atomic {
        object.fault("dry_run", "invalid-value", "is for atomic batches");
    }
    object.finish();
    let mut commands = Vec::with_capacity(items.len());
    for value in items {
        reader.note(value.source().as_bytes());
        commands.push(reader.one(Reader::new(), value));
    }
    // In an atomic batch every fault counts; an independent one goes on without the commands at fault.
    if atomic {
        for problem in commands.iter().filter_map(|command| command.as_ref().err()) {
            problem
                .faults
                .iter()
                .for_each(|fault| whole.fault_elsewhere(&fault.pointer, fault.code, &fault.detail));
        }
    }
    whole.into_result()?;
    Ok((Asked { atomic, full, dry_run }, commands))
}

async fn read_lines(reader: &mut CommandReader<'_>, payload: &Payload) -> Result<Commands, Problem> {
    let mut commands = Vec::new();
    for (number, line) in payload.bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if commands.len() == MAX_COMMANDS {
            let detail = format!("must have at most {MAX_COMMANDS} lines");
            return Err(slugs::invalid("", "too-many", detail));
        }
        reader.note(line);
        let command = Document::parse(line).map_err(|problem| problem.with("body_line", number as i64 + 1));
        commands.push(match command {
            Err(problem) => Err(problem.into()),
            Ok(document) => {
                let faults = Reader::under(format!("/lines/{}", number + 1));
                reader.one(faults, document.root())
            }
        });
    }
    if commands.is_empty() {
        return Err(slugs::invalid("", "too-few", "must have at least one line"));
    }
    Ok(commands)
}

impl CommandReader<'_> {
    /// Takes a command into the digest of what was sent.
    fn note(&mut self, command: &[u8]) {
        if let Some(sent) = &mut self.sent {
            sent.update(&without_blanks(command));
            sent.update(b"\n");
        }
    }

    /// Reads one command; what is wrong with it is its own problem.
    fn one(&mut self, reader: Reader, value: Value<'_>) -> Result<Request, Arc<Problem>> {
        let object = reader.object(value);
        let kind = object.text("type", 16);
        let key = object.optional_text("key", 255).map(|key| key.into_owned());
        let read = match &*kind {
            "posting" => self.posting(&object),
            "entry" => self.entry(&object),
            "hold" => self.hold(&object),
            "capture" => self.act(&object, super::holds::capture),
            "void" => self.act(&object, super::holds::void),
            "increment" => self.act(&object, super::holds::increment),
            "extension" => self.act(&object, super::holds::extend),
            "reversal" => self.reversal(&object),
            "account" => self.account(&object),
            _ => {
                let kinds = "entry, posting, hold, capture, void, increment, extension, reversal, account";
                object.fault("type", "invalid-value", format_args!("must be one of: {kinds}"));
                return Err(reader.into_problem().into());
            }
        };
        object.finish();
        match read {
            Some((own, command)) if reader.is_clean() => {
                let request = self.ledger.request(key, own, command);
                self.remember(&request);
                Ok(request)
            }
            _ => Err(reader.into_problem().into()),
        }
    }

    /// What later commands of the batch may refer to.
    fn remember(&mut self, request: &Request) {
        let postings: &[PostingCommand] = match &request.command {
            Command::PlaceHold(hold) => &hold.postings,
            Command::PostEntry(entry) => &entry.postings,
            _ => return,
        };
        if request.keys.own_id {
            let asset =
                |posting: &PostingCommand| self.ledger.reading.asset(self.resolver.book, posting.asset);
            self.made.insert(request.id, postings.iter().map(asset).collect());
        }
    }

    fn posting(&self, object: &Object<'_>) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::ENTRY);
        let entry = super::documented::posting(&self.resolver, object)?;
        Some((own, Command::PostEntry(entry)))
    }

    fn entry(&self, object: &Object<'_>) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::ENTRY);
        let entry: PostEntry = super::entries::entry(&self.resolver, object)?;
        Some((own, Command::PostEntry(entry)))
    }

    fn hold(&self, object: &Object<'_>) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::HOLD);
        Some((own, Command::PlaceHold(super::holds::place(&self.resolver, object)?)))
    }

    /// A command's `type` says that it is an account, so the account's own type is its `account_type`.
    fn account(&self, object: &Object<'_>) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::ACCOUNT);
        Some((own, Command::OpenAccount(super::accounts::open(&self.resolver, object, "account_type")?)))
    }

    fn act(
        &self,
        object: &Object<'_>,
        read: fn(&Resolver<'_>, &Object<'_>, &[Asset]) -> Option<HoldAction>,
    ) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::ENTRY);
        let hold = object.parsed("hold", 64, |text| Id::parse(text, prefix::HOLD))?;
        let scales = self.scales(object, "hold", hold)?;
        let action = read(&self.resolver, object, &scales);
        let details = self.resolver.details(object);
        Some((own, Command::ActOnHold(ActOnHold { hold, action: action?, details })))
    }

    fn reversal(&self, object: &Object<'_>) -> Option<(Option<Id>, Command)> {
        let own = own_id(object, prefix::ENTRY);
        let entry = object.parsed("entry", 64, |text| Id::parse(text, prefix::ENTRY))?;
        let scales = self.scales(object, "entry", entry)?;
        let share = self.resolver.share(object, &scales);
        let details = self.resolver.details(object);
        Some((own, Command::ReverseEntry(ReverseEntry { entry, share: share?, details })))
    }

    /// The assets of what a command refers to: made earlier in this batch, or durable.
    fn scales(&self, object: &Object<'_>, field: &str, id: Id) -> Option<Vec<Asset>> {
        if let Some(scales) = self.made.get(&id) {
            return Some(scales.clone());
        }
        let found = self.ledger.reading.story_now(self.resolver.book, id);
        match found {
            Ok(Some(story)) => Some(scales(self.ledger, self.resolver.book, &story)),
            Ok(None) | Err(_) => {
                object.fault(
                    field,
                    "not-found",
                    "is not in this book, and nothing earlier in this batch brings this id",
                );
                None
            }
        }
    }
}

/// A command as it was sent, without the blanks between its tokens.
fn without_blanks(command: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let is_kept = |byte: &u8| {
        let kept = quoted || !byte.is_ascii_whitespace();
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        kept
    };
    command.iter().copied().filter(is_kept).collect()
}
