//! The command line: what can be asked, and an example for each.

use crate::bench::BenchCommand;
use crate::demo::DemoFlags;
use clap::{Args, Parser, Subcommand, ValueEnum};
use kernel::caller::DEFAULT_TENANT;
use std::path::{Path, PathBuf};

/// Concord: the money core you run yourself.
#[derive(Debug, Parser)]
#[command(
    name = "concord",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  concord serve
  concord admin keys create --name till --scopes ledger:read,ledger:write
  concord backup /backups/2026-01-31
  concord ledger verify

Every setting is documented in the output of `concord config`; `concord help COMMAND` shows examples.
Exit codes: 0 done, 1 failed, 2 used wrongly."
)]
pub struct Cli {
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    pub json: bool,
    /// Where things are.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the configuration and the data are.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory of everything that is kept [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A file of settings (TOML).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the HTTP API until SIGTERM or SIGINT, then let requests under way finish.
    #[command(after_help = "\
The address goes to standard output once requests are accepted, the log to standard error.

Examples:
  concord serve
  concord serve --listen 127.0.0.1:9000 --data-dir /var/lib/concord
  concord serve --config /etc/concord.toml --log-format json
  CONCORD__LOG__LEVEL=debug concord serve")]
    Serve(ServeFlags),
    /// Print the API's description (OpenAPI 3.1), the same that a server answers at /openapi.json.
    #[command(after_help = "\
Examples:
  concord openapi > openapi.json")]
    Openapi,
    /// Print the configuration in force, where each setting came from, and what it means.
    #[command(after_help = "\
Examples:
  concord config
  CONCORD__SERVER__LISTEN=127.0.0.1:9000 concord config
  concord config --config /etc/concord.toml --json")]
    Config(ServerFlags),
    /// Look into the books: verify the journal, print the trial balance, export and import entries.
    #[command(after_help = "\
Examples:
  concord ledger verify
  concord ledger trial-balance --at 2026-01-31T23:59:59Z
  concord ledger export --output books.journal
  concord ledger import books.journal")]
    Ledger {
        /// What to look for.
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Manage an installation: its API keys, its clock.
    #[command(after_help = "\
Examples:
  concord admin keys create --name till --scopes ledger:write
  concord admin keys list
  concord admin clock confirm --server http://127.0.0.1:8080")]
    Admin {
        /// What to manage.
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Copy everything that is kept into a new directory, also while a server runs.
    #[command(after_help = "\
The copy of each part is one moment's state, synced and checked before the command answers.

Examples:
  concord backup /backups/2026-01-31
  concord backup /backups/2026-01-31 --data-dir /var/lib/concord")]
    Backup {
        /// Where the backup goes; must be new or empty.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Play the documented examples and a day of wallet operations on a directory that is removed again.
    #[command(after_help = "\
Nothing is installed, nothing is left: a server on a temporary directory and a free port answers the documented
requests, then a day of customers, transfers, top-ups and withdrawals, and in the end the books are verified.

Examples:
  concord demo
  concord demo --operations 5000
  concord demo --json | jq .day")]
    Demo(DemoFlags),
    /// Verify everything: the journal, and that every row agrees with the books.
    #[command(after_help = "\
The journal is read where it is, as `concord ledger verify` does. Then everything is copied at one instant, also from
under a live server, the copy is opened like a restored backup, and every row that repeats what the books say is
compared with them. The copy needs as much room as the data and is removed again.

Examples:
  concord verify
  concord verify --data-dir /var/lib/concord --scratch /scratch/verify
  concord verify --json | jq .rows")]
    Verify {
        /// Where the copy is made; must be new or empty [default: beside the data directory].
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
    },
    /// Bring the files of a data directory up to date, without serving.
    #[command(after_help = "\
A start does the same before it serves: what the journal has and a file has not is redone, then migrations run.

Examples:
  concord migrate
  concord migrate --data-dir /var/lib/concord")]
    Migrate,
    /// Make a data directory from a backup.
    #[command(after_help = "\
Examples:
  concord restore /backups/2026-01-31 --data-dir ./data-restored")]
    Restore {
        /// A directory that `concord backup` made. The data directory must be new or empty.
        #[arg(value_name = "BACKUP")]
        backup: PathBuf,
    },
    /// Measure this program on this machine.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        command: BenchCommand,
    },
}

/// What to serve, and how.
#[derive(Debug, Args)]
pub struct ServeFlags {
    /// Contexts to serve; all of them if none is named. One data directory is served by one process, so
    /// naming fewer than all is refused.
    #[arg(value_name = "CONTEXT")]
    pub contexts: Vec<String>,
    /// Settings.
    #[command(flatten)]
    pub server: ServerFlags,
}

/// What can be looked for in the books.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Read the whole journal again, judge every record, and print the digest of every book.
    #[command(after_help = "\
Nothing is written, and a server may run on the same directory. Every hash and checksum, counter,
limit, status, hold, reversal, number and pointer is worked out again from the records before it;
then the newest snapshot and the index are compared with that. What is wrong is printed with its
place, and the exit code is 1.

A book's digest (BLAKE3) covers what its records say and not how they are stored: copies of a book
have the same one.

Examples:
  concord ledger verify
  concord ledger verify --data-dir /backups/2026-01-31
  concord ledger verify --json | jq .books")]
    Verify,
    /// Print every account's debits, credits and balance, and totals that must be equal.
    #[command(after_help = "\
Without --server the files are read, also beside a server that runs on them. With it the API is
asked, with the key in the variable CONCORD_API_KEY; it answers for the key's tenant.

Examples:
  concord ledger trial-balance
  concord ledger trial-balance --currency EUR --at 2026-01-31T23:59:59Z
  concord ledger trial-balance --tenant acme --at 1200 --json
  CONCORD_API_KEY=ck_… concord ledger trial-balance --server http://127.0.0.1:8080")]
    TrialBalance(TrialFlags),
    /// Write every entry of a book to a file: an hledger journal, CSV or NDJSON.
    #[command(after_help = "\
The files are read, also beside a server that runs on them, and the book is written as it stood when
the command began: entries, reversals and captures in the order of their numbers, on the day they
count (UTC). What is still held is left out, and said so. Texts that hledger cannot carry as they are
go into tags whose name ends in %, which an import reads back.

Examples:
  concord ledger export --output books.journal
  concord ledger export | hledger -f - balance
  concord ledger export --format csv --output entries.csv
  concord ledger export --tenant acme --format ndjson | jq .postings")]
    Export(ExportFlags),
    /// Post the entries of a file to a book: an hledger or beancount journal, CSV or NDJSON.
    #[command(after_help = "\
No server may run on the data directory. The file is read twice, line by line. Accounts open on
first use, with the type that the file says (an `account` directive, a column, a field), else of
their first name (assets, liabilities, equity, income or revenues, expenses), else the default;
commodities become assets with the decimals seen. A date counts from midnight UTC. Balance
assertions are checked. An entry's id comes from its text where the file gives none, so
importing a file again posts only what is new in it.

What cannot be taken as it is (costs, virtual postings, pads, entries under an alias, lines that
are no JSON, rows that do not balance) is told with line, text and reason and put into the file
of rejects, which can be mended and imported; the exit code is 1.

The ending says the layout: .beancount and .bean, .csv, .ndjson and .jsonl, else hledger. CSV
and NDJSON are what an export writes; NDJSON may also have lines as POST /v1/entries takes them,
and a CSV of any other shape is read by a mapping, as docs/recipes/import-a-csv.md shows.

Examples:
  concord ledger import books.journal
  concord ledger import books.beancount --strict --rejects bad.beancount
  concord ledger import entries.ndjson --data-dir ./other
  concord ledger import statement.csv --mapping bank.toml
  concord ledger import old.txt --format hledger --tenant acme --commodity 'h=HOURS' --json")]
    Import(ImportFlags),
}

/// What to import, and how.
#[derive(Debug, Args)]
pub struct ImportFlags {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The layout; by default the file's ending says it, else hledger.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ImportFormat>,
    /// How rows of a CSV become entries (TOML); without it a CSV is one that an export wrote.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Post nothing if anything is rejected that can be judged beforehand.
    #[arg(long)]
    pub strict: bool,
    /// Where rejected blocks go [default: FILE.rejects].
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Type of accounts whose name says none.
    #[arg(long, value_name = "TYPE", default_value = "asset")]
    pub default_type: DefaultType,
    /// The code of a commodity that is none; may be given several times.
    #[arg(long, value_name = "SYMBOL=CODE")]
    pub commodity: Vec<String>,
    /// Whose book.
    #[arg(long, default_value = DEFAULT_TENANT)]
    pub tenant: String,
}

/// A layout that is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// hledger's plain-text journal.
    Hledger,
    /// beancount's plain-text journal.
    Beancount,
    /// A posting a row, or with a mapping an entry a row.
    Csv,
    /// An entry a line.
    Ndjson,
}

/// Types of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DefaultType {
    /// Normal side debit.
    Asset,
    /// Normal side credit.
    Liability,
    /// Normal side credit.
    Equity,
    /// Normal side credit.
    Income,
    /// Normal side debit.
    Expense,
}

/// What to export, and how.
#[derive(Debug, Args)]
pub struct ExportFlags {
    /// The layout; by default the file's ending says it, else hledger.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<BookFormat>,
    /// The file; it has its name only once it is whole. Without it the text goes to standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Whose book.
    #[arg(long, default_value = DEFAULT_TENANT)]
    pub tenant: String,
}

/// A layout of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BookFormat {
    /// A plain-text journal.
    Hledger,
    /// A posting a row.
    Csv,
    /// An entry a line.
    Ndjson,
}

impl BookFormat {
    /// What a file's ending says.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "journal" | "hledger" | "j" => Some(Self::Hledger),
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// Which trial balance.
#[derive(Debug, Args)]
pub struct TrialFlags {
    /// Ask this server instead of reading the files.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// As it stood at this recorded time (RFC 3339) or after the record of this number.
    #[arg(long, value_name = "TIME|SEQ")]
    pub at: Option<String>,
    /// Only this currency.
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Whose book, when files are read.
    #[arg(long, default_value = DEFAULT_TENANT)]
    pub tenant: String,
}

/// Settings that have a flag.
#[derive(Debug, Args)]
pub struct ServerFlags {
    /// Address and port of the HTTP API [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// How the log is written [default: auto].
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl ServerFlags {
    /// The flags given, as settings.
    pub fn settings(self) -> Vec<(&'static str, String)> {
        let listen = self.listen.map(|listen| ("server.listen", listen));
        let format = self.log_format.map(|format| ("log.format", format.name().to_owned()));
        listen.into_iter().chain(format).collect()
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl LogFormat {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }
}

/// What can be managed.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Manage API keys. A server that runs on the same directory follows within a second.
    #[command(after_help = "\
Examples:
  concord admin keys create --name till --scopes ledger:read,ledger:write
  concord admin keys list
  concord admin keys revoke key_01kg9xk3vne2trz9qsm7b1w0f4")]
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Look after the clock.
    #[command(after_help = "\
Examples:
  concord admin clock confirm")]
    Clock {
        /// What to do about it.
        #[command(subcommand)]
        command: ClockCommand,
    },
}

/// What can be done about the clock.
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Tell a server that its clock is right, after a jump stopped it from deciding.
    #[command(after_help = "\
A clock that jumped by more than a minute, or that stands before the newest record at a start,
stops every decision until somebody has looked: one wrong time server must not expire every hold.
Look at the server's time first. The key, with the scope admin, is taken from the variable
CONCORD_API_KEY.

Examples:
  concord admin clock confirm
  concord admin clock confirm --reason \"ntp is right again\"
  CONCORD_API_KEY=ck_… concord admin clock confirm --server http://10.0.0.7:8080")]
    Confirm {
        /// Which server.
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        server: String,
        /// Why; kept in the server's log.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print its text, for the only time.
    #[command(after_help = "\
The text goes to standard output and everything else to standard error, so that this works:

  KEY=$(concord admin keys create --name till --scopes ledger:write)
  curl -H \"Authorization: Bearer $KEY\" http://127.0.0.1:8080/v1/accounts

Examples:
  concord admin keys create --name ops --scopes '*'
  concord admin keys create --name till --scopes ledger:read,ledger:write --tenant acme
  concord admin keys create --name audit --scopes ledger:read --expires-at 2027-01-01T00:00:00Z --json")]
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,
        /// What it may do: ledger:read, ledger:write, ledger:override, admin, or * for all.
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Whose data it opens.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
        /// When it ends by itself (RFC 3339).
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// List a tenant's keys, newest first, revoked ones included.
    #[command(after_help = "\
Examples:
  concord admin keys list
  concord admin keys list --tenant acme --limit 500 --json")]
    List {
        /// Whose keys.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
        /// Most keys to list, 1 to 500.
        #[arg(long, default_value_t = u64::from(kernel::page::DEFAULT_LIMIT))]
        limit: u64,
        /// Where the page before ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Revoke a key, for good. Repeating it changes nothing.
    #[command(after_help = "\
Examples:
  concord admin keys revoke key_01kg9xk3vne2trz9qsm7b1w0f4
  concord admin keys revoke key_01kg9xk3vne2trz9qsm7b1w0f4 --tenant acme")]
    Revoke {
        /// The key's id, as `list` shows it.
        #[arg(value_name = "KEY")]
        key: String,
        /// Whose key.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
}
