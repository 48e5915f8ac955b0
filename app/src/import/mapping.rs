//! A mapping: a TOML file that says how rows of somebody's CSV become entries. Every mistake in it is told with
//! its key, all at once.

use super::keys::Keys;
use formats::{DateForm, Encoding};
use ledger::accounts::model::{AccountKind, path_check};

/// Most lines before the heading: more is a mistake, and each is kept for the rejects.
const MAX_SKIPPED: u64 = 1_000;

/// A column by its name in the heading, or by its number from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// `"Date"`
    Name(String),
    /// `3`
    Number(usize),
}

/// A column, and the key that named it.
pub type Keyed = (String, Column);

/// Where an amount stands.
pub enum AmountColumns {
    /// In one column, with a sign.
    Signed {
        /// Which.
        amount: Keyed,
        /// Whether above zero is money that goes out.
        out: bool,
    },
    /// In two, without.
    Split {
        /// Money that comes in.
        money_in: Keyed,
        /// Money that goes out.
        money_out: Keyed,
    },
}

/// What a mapping says.
pub struct Mapping {
    /// Between cells.
    pub separator: char,
    /// Lines before the heading or the first row.
    pub skip_lines: u64,
    /// Whether the first row names the columns.
    pub heading: bool,
    /// How characters are written.
    pub encoding: Encoding,
    /// How dates are written.
    pub date_form: DateForm,
    /// `.` or `,`
    pub decimal_mark: char,
    /// The commodity of rows that name none.
    pub currency: Option<String>,
    /// The account that the rows are about, where they name none.
    pub account: Option<String>,
    /// The other account, where they name none.
    pub counter_account: Option<String>,
    /// What stands before a counter account that a row names.
    pub counter_prefix: String,
    /// What accounts are.
    pub kinds: Vec<(String, AccountKind)>,
    /// The date.
    pub date: Keyed,
    /// The amount.
    pub amount: AmountColumns,
    /// Where rows name a commodity.
    pub currency_column: Option<Keyed>,
    /// Where rows name their account.
    pub account_column: Option<Keyed>,
    /// Where rows name the other account.
    pub counter_column: Option<Keyed>,
    /// What the description is put together from.
    pub description: Vec<Keyed>,
    /// The reference.
    pub reference: Option<Keyed>,
    /// The party.
    pub party: Option<Keyed>,
    /// Metadata: a name and a column.
    pub metadata: Vec<(String, Keyed)>,
}

impl Mapping {
    /// Reads a mapping.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut keys = Keys::read(text, &["file", "columns", "values", "metadata", "types"])?;
        let separator = keys.parsed("file", "separator", separator).unwrap_or(',');
        let skip_lines = keys.count("file", "skip_lines", MAX_SKIPPED).unwrap_or(0);
        let heading = keys.flag("file", "heading").unwrap_or(true);
        let encodings = [("utf-8", Encoding::Utf8), ("windows-1252", Encoding::Windows1252)];
        let encoding = keys.choice("file", "encoding", &encodings).unwrap_or_default();
        let date_form = keys.parsed("values", "date_format", |text| {
            DateForm::parse(text).map_err(|why| format!("{text:?}: a date format {why}"))
        });
        let decimal_mark = keys.choice("values", "decimal_mark", &[(".", '.'), (",", ',')]).unwrap_or('.');
        let path = |text: &str| path_check(text).map(|()| text.to_owned()).map_err(|why| why.to_string());
        let account = keys.parsed("values", "account", path);
        let counter_account = keys.parsed("values", "counter_account", path);
        let counter_prefix = keys.text("values", "counter_prefix").unwrap_or_default();
        let currency = keys.text("values", "currency");
        let date = keys.column("columns", "date");
        let amount = amount_columns(&mut keys);
        let (currency_column, account_column) =
            (keys.column("columns", "currency"), keys.column("columns", "account"));
        let counter_column = keys.column("columns", "counter_account");
        for (name, is_given) in [
            ("currency", currency.is_some() || currency_column.is_some()),
            ("account", account.is_some() || account_column.is_some()),
            ("counter_account", counter_account.is_some() || counter_column.is_some()),
        ] {
            if !is_given {
                let what = format!("must be given, or columns.{name} where every row says it");
                keys.fault(&format!("values.{name}"), &what);
            }
        }
        if date.is_none() && !keys.has_fault("columns.date") {
            keys.fault("columns.date", "must be given");
        }
        let description = keys.columns("columns", "description");
        let (reference, party) = (keys.column("columns", "reference"), keys.column("columns", "party"));
        let metadata = keys.all_columns("metadata");
        let kinds = keys.all_choices("types", &AccountKind::ALL.map(|kind| (kind.as_str(), kind)));
        let default_form = DateForm::parse("YYYY-MM-DD").expect("the form is whole");
        keys.finish()?;
        Ok(Self {
            separator,
            skip_lines,
            heading,
            encoding,
            date_form: date_form.unwrap_or(default_form),
            decimal_mark,
            currency,
            account,
            counter_account,
            counter_prefix,
            kinds,
            date: date.expect("its absence is a fault"),
            amount: amount.expect("its absence is a fault"),
            currency_column,
            account_column,
            counter_column,
            description,
            reference,
            party,
            metadata,
        })
    }
}

fn separator(text: &str) -> Result<char, String> {
    let mut letters = text.chars();
    match (text, letters.next(), letters.next()) {
        ("tab", ..) => Ok('\t'),
        (_, Some(mark), None) if !mark.is_alphanumeric() && !['"', '\r', '\n'].contains(&mark) => Ok(mark),
        _ => Err("must be one mark such as \",\" or \";\", or \"tab\"".to_owned()),
    }
}

fn amount_columns(keys: &mut Keys) -> Option<AmountColumns> {
    let amount = keys.column("columns", "amount");
    let (money_in, money_out) = (keys.column("columns", "money_in"), keys.column("columns", "money_out"));
    let positive = keys.choice("values", "positive", &[("in", false), ("out", true)]);
    match (amount, money_in, money_out) {
        (Some(amount), None, None) => Some(AmountColumns::Signed { amount, out: positive.unwrap_or(false) }),
        (None, Some(money_in), Some(money_out)) => {
            if positive.is_some() {
                keys.fault("values.positive", "goes with columns.amount only");
            }
            Some(AmountColumns::Split { money_in, money_out })
        }
        _ => {
            keys.fault(
                "columns.amount",
                "must be given, or else both columns.money_in and columns.money_out",
            );
            None
        }
    }
}
