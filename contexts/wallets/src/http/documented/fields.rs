//! Fields of the documented bodies, read and refused as the source system's validation did: the same order, words
//! and types of faults, all at once. Amounts are read from their text, exponents included, and never as floats.
//! Stricter than there: `true` is no number, a fraction no id, a field stands once.

use kernel::Asset;
use kernel::money::MINOR_LIMIT;
use ledger::http::Json;
use platform_http::json::{Object, Reader, Shape, Value};
use std::borrow::Cow;
use std::fmt;

/// Longest texts, in characters.
const MAX_TEXT: usize = 256;
/// Most bytes of a text that is looked at: 256 characters are at most 1,024.
const MAX_BYTES: usize = 1 << 20;
/// Longest decimal that is looked at: a limit's digits and as many zeros.
const MAX_DECIMAL: usize = 512;
/// Most digits an amount has in all: below 10^36 minor units.
const MAX_DIGITS: u32 = 36;

/// One fault.
struct Fault {
    field: Option<&'static str>,
    message: String,
    kind: &'static str,
    context: Option<(&'static str, u32)>,
}

/// A body that is being read.
pub struct Fields<'d> {
    object: Option<Object<'d>>,
    faults: Vec<Fault>,
}

/// A number as JSON has it: exact, no trailing zeros.
pub struct Number {
    /// Minor units.
    pub minor: i128,
    /// Decimals.
    pub scale: u8,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = kernel::money::print_minor(self.minor, self.scale);
        match text.contains('.') {
            true => f.write_str(text.trim_end_matches('0').trim_end_matches('.')),
            false => f.write_str(&text),
        }
    }
}

/// JSON has no `NaN` and no `Infinity`, but the source system's reader took them, and refused them as amounts: they
/// become texts that are refused as amounts too.
pub fn without_odd_numbers(bytes: &[u8]) -> Cow<'_, [u8]> {
    const ODD: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let (mut out, mut copied, mut at, mut in_text): (Vec<u8>, usize, usize, bool) = (Vec::new(), 0, 0, false);
    while at < bytes.len() {
        match (in_text, bytes[at]) {
            (true, b'\\') => at += 2,
            (_, b'"') => {
                in_text = !in_text;
                at += 1;
            }
            (false, _) => match ODD.iter().find(|odd| bytes[at..].starts_with(odd)) {
                Some(odd) => {
                    out.extend_from_slice(&bytes[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(odd);
                    out.push(b'"');
                    at += odd.len();
                    copied = at;
                }
                None => at += 1,
            },
            (true, _) => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    out.extend_from_slice(&bytes[copied..]);
    Cow::Owned(out)
}

impl<'d> Fields<'d> {
    /// Opens a body.
    pub fn read(root: Value<'d>, reader: &'d Reader) -> Self {
        let mut fields = Self { object: None, faults: Vec::new() };
        match root.shape() {
            Shape::Object => {
                fields.object = Some(reader.object(root));
                if !reader.is_clean() {
                    fields.fault_of_all("fields must stand once");
                }
            }
            Shape::Null => fields.body_fault("field required", "value_error.missing"),
            // What an empty list or text makes there is a body without fields.
            Shape::Array | Shape::Text if is_empty(root) => fields.object = None,
            _ => fields.body_fault("value is not a valid dict", "type_error.dict"),
        }
        fields
    }

    /// Whether a field is there, under either name.
    pub fn has(&self, name: &str, snake: &str) -> bool {
        self.given(name, snake).is_some()
    }

    fn given(&self, name: &str, snake: &str) -> Option<Value<'d>> {
        let object = self.object.as_ref()?;
        object.given(name).or_else(|| object.given(snake))
    }

    /// The field, which has to be there and not null.
    fn required(&mut self, name: &'static str, snake: &str) -> Option<Value<'d>> {
        match self.given(name, snake) {
            None => self.fault(name, "field required", "value_error.missing"),
            Some(value) if value.is_null() => {
                self.fault(name, "none is not an allowed value", "type_error.none.not_allowed")
            }
            Some(value) => return Some(value),
        }
        None
    }

    /// A text of 1 to 256 characters.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.required(name, name)?;
        let text = match value.shape() {
            Shape::Text => Reader::new().text(value, MAX_BYTES).into_owned(),
            Shape::Number => value.source().to_owned(),
            _ => {
                self.fault(name, "str type expected", "type_error.str");
                return None;
            }
        };
        let length = text.chars().count();
        if length == 0 {
            let message = "ensure this value has at least 1 characters".to_owned();
            self.fault_with(name, message, "value_error.any_str.min_length", ("limit_value", 1));
        } else if length > MAX_TEXT {
            let message = format!("ensure this value has at most {MAX_TEXT} characters");
            let context = ("limit_value", MAX_TEXT as u32);
            self.fault_with(name, message, "value_error.any_str.max_length", context);
        } else if text.contains('\0') {
            self.fault(name, "the character NUL is not allowed", "value_error");
        } else {
            return Some(text);
        }
        None
    }

    /// A whole number.
    pub fn integer(&mut self, name: &'static str, snake: &str) -> Option<i128> {
        let value = self.required(name, snake)?;
        let read = match value.shape() {
            Shape::Text | Shape::Number => exact(&Reader::new().decimal(value), 0).ok(),
            _ => None,
        };
        if read.is_none() {
            self.fault(name, "value is not a valid integer", "type_error.integer");
        }
        read
    }

    /// A positive amount of an asset.
    pub fn amount(&mut self, name: &'static str, asset: Asset) -> Option<i128> {
        let value = self.required(name, name)?;
        let read = match value.shape() {
            Shape::Text | Shape::Number => exact(&Reader::new().decimal(value), asset.scale),
            _ => Err(Odd::NotDecimal),
        };
        let whole_digits = MAX_DIGITS - u32::from(asset.scale);
        match read {
            Ok(minor) if minor > 0 => return Some(minor),
            Ok(_) | Err(Odd::Negative) => {
                let message = "ensure this value is greater than 0".to_owned();
                self.fault_with(name, message, "value_error.number.not_gt", ("limit_value", 0));
            }
            Err(Odd::NotDecimal) => self.fault(name, "value is not a valid decimal", "type_error.decimal"),
            Err(Odd::NotFinite) => {
                self.fault(name, "value is not a valid decimal", "value_error.decimal.not_finite");
            }
            Err(Odd::TooManyDecimals) => {
                let places = u32::from(asset.scale);
                let message = format!("ensure that there are no more than {places} decimal places");
                self.fault_with(name, message, "value_error.decimal.max_places", ("decimal_places", places));
            }
            Err(Odd::TooLarge) => {
                let message = format!(
                    "ensure that there are no more than {whole_digits} digits before the decimal point"
                );
                let context = ("whole_digits", whole_digits);
                self.fault_with(name, message, "value_error.decimal.whole_digits", context);
            }
        }
        None
    }

    /// A fault of all fields together.
    pub fn fault_of_all(&mut self, message: &'static str) {
        self.fault("__root__", message, "value_error");
    }

    fn fault(&mut self, field: &'static str, message: &str, kind: &'static str) {
        self.faults.push(Fault { field: Some(field), message: message.to_owned(), kind, context: None });
    }

    fn fault_with(
        &mut self,
        field: &'static str,
        message: String,
        kind: &'static str,
        context: (&'static str, u32),
    ) {
        self.faults.push(Fault { field: Some(field), message, kind, context: Some(context) });
    }

    fn body_fault(&mut self, message: &str, kind: &'static str) {
        self.faults.push(Fault { field: None, message: message.to_owned(), kind, context: None });
    }

    /// `{"detail":[…]}`, if there is a fault. Of a body that is none, only that is told.
    pub fn faults(&self) -> Option<Vec<u8>> {
        if self.faults.is_empty() {
            return None;
        }
        let of_body = self.faults.iter().any(|fault| fault.field.is_none());
        let mut json = Json::new();
        json.open(b'{');
        json.name("detail");
        json.open(b'[');
        for fault in self.faults.iter().filter(|fault| !of_body || fault.field.is_none()) {
            json.next();
            json.open(b'{');
            match fault.field {
                Some(field) => json.raw("loc", &format!("[\"body\",\"{field}\"]")),
                None => json.raw("loc", "[\"body\"]"),
            }
            json.text("msg", &fault.message);
            json.plain("type", fault.kind);
            if let Some((name, value)) = fault.context {
                json.raw("ctx", &format!("{{\"{name}\":{value}}}"));
            }
            json.close(b'}');
        }
        json.close(b']');
        json.close(b'}');
        Some(json.done())
    }
}

fn is_empty(value: Value<'_>) -> bool {
    let source = value.source();
    source.trim_matches(['[', ']']).trim().is_empty()
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    NotDecimal,
    NotFinite,
    Negative,
    TooManyDecimals,
    TooLarge,
}

/// Minor units of a decimal text, exactly: sign, digits, point, exponent.
fn exact(text: &str, scale: u8) -> Result<i128, Odd> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if ["nan", "snan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Err(Odd::NotFinite);
    }
    if unsigned.len() > MAX_DECIMAL {
        return Err(if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            Odd::TooLarge
        } else {
            Odd::NotDecimal
        });
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], power(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Odd::NotDecimal);
    }
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let dropped = (digits.trim_start_matches('0').len() - significant.len()) as i64;
    // The value is `significant` times ten to this power of minor units.
    let shift = exponent - fraction.len() as i64 + dropped + i64::from(scale);
    if shift < 0 {
        // Which of two faults is told follows the order in which they are looked for: the sign comes first.
        return Err(if negative && scale > 0 { Odd::Negative } else { Odd::TooManyDecimals });
    }
    if significant.len() as i64 + shift > i64::from(MAX_DIGITS) {
        return Err(if negative { Odd::Negative } else { Odd::TooLarge });
    }
    let minor: i128 = significant.parse().map_err(|_| Odd::TooLarge)?;
    let minor = minor * 10_i128.pow(u32::try_from(shift).map_err(|_| Odd::TooLarge)?);
    assert!(minor < MINOR_LIMIT, "so many digits are below the limit");
    Ok(if negative { -minor } else { minor })
}

/// An exponent. One that no amount has stays as far out as it needs to be to be refused.
fn power(text: &str) -> Result<i64, Odd> {
    const FAR: i64 = 1 << 40;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Odd::NotDecimal);
    }
    let size = digits.parse().unwrap_or(FAR).min(FAR);
    Ok(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        let rows = [
            ("123.123", 8, "12312300000"),
            ("1e2", 2, "10000"),
            ("1.5E-1", 2, "15"),
            ("+.5", 2, "50"),
            ("5.", 2, "500"),
            (" 7 ", 0, "7"),
            ("-7", 0, "-7"),
            ("0e999999999999999999999", 2, "0"),
            ("-0.0", 2, "0"),
            ("1.10", 1, "11"),
            ("1e-2", 1, "TooManyDecimals"),
            ("-0.001", 2, "Negative"),
            ("1e40", 2, "TooLarge"),
            ("1e99999999999999999999", 2, "TooLarge"),
            ("1e-99999999999999999999", 2, "TooManyDecimals"),
            ("9999999999999999999999999999.99999999", 8, "999999999999999999999999999999999999"),
            ("10000000000000000000000000000", 8, "TooLarge"),
            ("NaN", 2, "NotFinite"),
            ("-inf", 2, "NotFinite"),
            ("", 2, "NotDecimal"),
            ("e5", 2, "NotDecimal"),
            ("1e", 2, "NotDecimal"),
            ("1,5", 2, "NotDecimal"),
            ("0x10", 2, "NotDecimal"),
        ];
        for (text, scale, expected) in rows {
            let read = match exact(text, scale) {
                Ok(minor) => minor.to_string(),
                Err(odd) => format!("{odd:?}"),
            };
            assert_eq!(read, expected, "{text:?} with {scale} decimals");
        }
    }

    #[test]
    fn numbers_are_printed_without_trailing_zeros() {
        for (minor, scale, expected) in [
            (12_312_300_000, 8, "123.123"),
            (0, 8, "0"),
            (500_000_000, 8, "5"),
            (100, 0, "100"),
            (1, 8, "0.00000001"),
            (-150, 2, "-1.5"),
        ] {
            assert_eq!(Number { minor, scale }.to_string(), expected);
        }
    }

    #[test]
    fn odd_numbers_become_texts_outside_of_texts_only() {
        let rows: [(&[u8], &[u8]); 3] = [
            (b"{\"a\":NaN,\"b\":-Infinity}", b"{\"a\":\"NaN\",\"b\":\"-Infinity\"}"),
            (b"{\"a\":\"NaN \\\" NaN\"}", b"{\"a\":\"NaN \\\" NaN\"}"),
            (b"[1]", b"[1]"),
        ];
        for (sent, read) in rows {
            assert_eq!(&*without_odd_numbers(sent), read);
        }
    }
}
