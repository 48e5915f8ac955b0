//! Images: rows as a unit left them, in the order it changed them. Written into the journal beside the unit's
//! records; a start applies those that a file has not. Layout, little endian: schema (4), transactions of rows the
//! file had seen (8), then per image verb (1), table, number of columns (2), columns; texts and bytes with their
//! length (4) before them.

use super::shape::{Shapes, Table, Verb};
use crate::unit::Value;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// How.
    pub verb: Verb,
    /// In which table.
    pub table: String,
    /// The row afterwards, or as it was before it was removed.
    pub row: Vec<Value>,
}

/// All a unit changed, and what it was changed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Migrations the file had seen.
    pub schema: u32,
    /// Transactions of rows alone the file had seen.
    pub rows_transactions: u64,
    /// The images.
    pub images: Vec<Image>,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Value {
    /// A column as it was read.
    pub(crate) fn of(value: ValueRef<'_>) -> rusqlite::Result<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Text(_) => Self::Text(value.as_str()?.to_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => return Err(rusqlite::types::FromSqlError::InvalidType.into()),
        })
    }
}

impl Images {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 96 * self.images.len());
        out.extend_from_slice(&self.schema.to_le_bytes());
        out.extend_from_slice(&self.rows_transactions.to_le_bytes());
        for image in &self.images {
            out.push(match image.verb {
                Verb::Insert => 1,
                Verb::Update => 2,
                Verb::Delete => 3,
            });
            put_bytes(&mut out, image.table.as_bytes());
            out.extend_from_slice(&(image.row.len() as u16).to_le_bytes());
            image.row.iter().for_each(|value| put_value(&mut out, value));
        }
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let schema = u32::from_le_bytes(fixed(&mut rest)?);
        let rows_transactions = u64::from_le_bytes(fixed(&mut rest)?);
        let mut images = Vec::new();
        while !rest.is_empty() {
            let verb = match fixed::<1>(&mut rest)? {
                [1] => Verb::Insert,
                [2] => Verb::Update,
                [3] => Verb::Delete,
                _ => return None,
            };
            let table = text(&mut rest)?;
            let columns = u16::from_le_bytes(fixed(&mut rest)?);
            let row = (0..columns).map(|_| take_value(&mut rest)).collect::<Option<_>>()?;
            images.push(Image { verb, table, row });
        }
        Some(Self { schema, rows_transactions, images })
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Integer(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(2);
            put_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(3);
            put_bytes(out, bytes);
        }
    }
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*first)
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(fixed(rest)?) as usize;
    let (first, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(first)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(bytes(rest)?.to_vec()).ok()
}

fn take_value(rest: &mut &[u8]) -> Option<Value> {
    Some(match fixed::<1>(rest)? {
        [0] => Value::Null,
        [1] => Value::Integer(i64::from_le_bytes(fixed(rest)?)),
        [2] => Value::Text(text(rest)?),
        [3] => Value::Bytes(bytes(rest)?.to_vec()),
        _ => return None,
    })
}

/// Applies an image. It has to touch exactly one row: anything else means that the file and the journal are not
/// of one history.
pub fn apply(connection: &Connection, shapes: &mut Shapes, image: &Image) -> Result<(), String> {
    let fault = |fault: rusqlite::Error| format!("{}: {fault}", image.table);
    let table = shapes.table(connection, &image.table).map_err(fault)?;
    if table.columns.len() != image.row.len() {
        return Err(format!("{}: a row has {} columns", image.table, image.row.len()));
    }
    let (sql, values) = statement(&table, image);
    let touched = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
        .map_err(fault)?;
    if touched == 1 { Ok(()) } else { Err(format!("{}: {touched} rows instead of one", image.table)) }
}

fn statement<'a>(table: &Table, image: &'a Image) -> (String, Vec<&'a Value>) {
    let Table { name, columns, key } = table;
    let numbered = |places: &mut dyn Iterator<Item = usize>, between: &str| {
        places.map(|place| format!("{} = ?{}", columns[place], place + 1)).collect::<Vec<_>>().join(between)
    };
    let by_key = numbered(&mut key.iter().copied(), " AND ");
    let all: Vec<&Value> = image.row.iter().collect();
    match image.verb {
        Verb::Insert => {
            let marks: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
            (format!("INSERT INTO {name} ({}) VALUES ({})", columns.join(", "), marks.join(", ")), all)
        }
        Verb::Update => {
            let rest: Vec<usize> = (0..columns.len()).filter(|place| !key.contains(place)).collect();
            let set = numbered(&mut rest.iter().copied(), ", ");
            (format!("UPDATE {name} SET {set} WHERE {by_key}"), all)
        }
        Verb::Delete => {
            let marks: Vec<String> =
                (1..).zip(key).map(|(mark, place)| format!("{} = ?{mark}", columns[*place])).collect();
            let values = key.iter().map(|place| &image.row[*place]).collect();
            (format!("DELETE FROM {name} WHERE {}", marks.join(" AND ")), values)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_read_back_whole_or_not_at_all() {
        let row = vec![Value::Null, Value::Integer(-7), Value::Text("é".into()), Value::Bytes(vec![0, 255])];
        let image = |verb| Image { verb, table: "a".into(), row: row.clone() };
        let images = vec![image(Verb::Insert), image(Verb::Update), image(Verb::Delete)];
        let images = Images { schema: 3, rows_transactions: 9, images };
        let bytes = images.encode();
        assert_eq!(Images::decode(&bytes), Some(images.clone()));
        let whole = |end: usize| Images::decode(&bytes[..end]).is_some_and(|read| read.images.len() == 3);
        assert!((0..bytes.len()).all(|end| !whole(end)));
    }

    #[test]
    fn an_image_touches_one_row_or_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE a (k TEXT, x INTEGER, PRIMARY KEY (k)) STRICT, WITHOUT ROWID";
        connection.execute_batch(table).unwrap();
        let mut shapes = Shapes::default();
        let mut run = |verb, x| {
            let row = vec![Value::Text("one".into()), Value::Integer(x)];
            apply(&connection, &mut shapes, &Image { verb, table: "a".into(), row })
        };
        assert!(run(Verb::Update, 1).is_err());
        run(Verb::Insert, 1).unwrap();
        assert!(run(Verb::Insert, 1).is_err());
        run(Verb::Update, 2).unwrap();
        run(Verb::Delete, 2).unwrap();
        assert!(run(Verb::Delete, 2).is_err());
    }
}
