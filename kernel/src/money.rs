//! Money: an integer of minor units and its asset. Exact in, exact out; arithmetic is checked;
//! rounding always names its mode; a split returns parts that sum to the whole.

use crate::asset::Asset;
use std::fmt;

/// Amounts stay below 10^36 minor units, so that sums of many still fit an `i128` counter.
pub const MINOR_LIMIT: i128 = 10_i128.pow(36);
/// Longest decimal text that is read at all: 36 digits, 18 decimals, sign, point, and room for zeros.
const MAX_TEXT: usize = 128;

/// An amount of one asset. May be negative where a balance is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Minor units (cents for EUR).
    pub minor: i128,
    /// What is counted.
    pub asset: Asset,
}

/// Why two amounts could not be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The assets differ.
    #[error("amounts of different assets cannot be combined")]
    AssetMismatch,
    /// The result passes the limit of 10^36 minor units.
    #[error("the amount passes the limit of 10^36 minor units")]
    Overflow,
    /// A split without a positive weight.
    #[error("a split needs at least one positive weight")]
    NoWeights,
}

/// Why a text is no amount of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Not of the form `-12.34`.
    #[error("must be a plain decimal number such as \"12.34\"")]
    NotDecimal,
    /// More decimals than the asset has; never rounded away.
    #[error("has {found} decimals, the asset has {scale}")]
    TooManyDecimals {
        /// Decimals the asset has.
        scale: u8,
        /// Decimals given, trailing zeros not counted.
        found: usize,
    },
    /// 10^36 minor units or more.
    #[error("is too large: amounts stay below 10^36 minor units")]
    TooLarge,
}

/// How a value between two minor units is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, a tie to the even one (IEEE 754, "banker's").
    HalfEven,
    /// To the nearest, a tie away from zero.
    HalfUp,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

impl Money {
    /// Adds two amounts of one asset.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.asset != other.asset {
            return Err(MoneyError::AssetMismatch);
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        if minor.unsigned_abs() >= MINOR_LIMIT.unsigned_abs() {
            return Err(MoneyError::Overflow);
        }
        Ok(Self { minor, ..self })
    }

    /// Subtracts an amount of the same asset.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(Self { minor: -other.minor, ..other })
    }

    /// Divides in proportion to the weights by largest remainder (Hare–Niemeyer); ties go to the earlier part.
    /// The parts sum to the whole, each within one minor unit of its exact share.
    pub fn split(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        if total == 0 {
            return Err(MoneyError::NoWeights);
        }
        let whole = self.minor.unsigned_abs();
        let mut parts = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().enumerate() {
            let (share, remainder) = mul_div(whole, u128::from(*weight), total);
            parts.push(share);
            remainders.push((std::cmp::Reverse(remainder), index));
        }
        let missing = whole - parts.iter().sum::<u128>();
        remainders.sort();
        for (_, index) in remainders.into_iter().take(missing as usize) {
            parts[index] += 1;
        }
        let sign = self.minor.signum();
        Ok(parts.into_iter().map(|part| Self { minor: part as i128 * sign, ..self }).collect())
    }

    /// The amount times `numerator / denominator`, settled by `mode`.
    pub fn scale_by(self, numerator: u64, denominator: u64, mode: Rounding) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::NoWeights);
        }
        let divisor = u128::from(denominator);
        let (quotient, remainder) =
            mul_div_checked(self.minor.unsigned_abs(), u128::from(numerator), divisor)?;
        let away = match mode {
            Rounding::Down => false,
            Rounding::Up => remainder > 0,
            Rounding::HalfUp => remainder * 2 >= divisor,
            Rounding::HalfEven => remainder * 2 > divisor || (remainder * 2 == divisor && quotient % 2 == 1),
        };
        let minor = (quotient + u128::from(away)) as i128 * self.minor.signum();
        Self { minor: 0, ..self }.checked_add(Self { minor, ..self })
    }
}

/// `value * factor / divisor` and its remainder, without overflow for `value < 10^36` and 64-bit factors.
fn mul_div(value: u128, factor: u128, divisor: u128) -> (u128, u128) {
    let (high, low) = (value / divisor, value % divisor);
    // `low < divisor < 2^72` and `factor < 2^64`: a split into halves keeps every product within 128 bits.
    let (factor_high, factor_low) = (factor >> 32, factor & 0xffff_ffff);
    let upper = low * factor_high;
    let (upper_quotient, upper_remainder) = (upper / divisor, upper % divisor);
    let lower = (upper_remainder << 32) + low * factor_low;
    let quotient = high * factor + (upper_quotient << 32) + lower / divisor;
    (quotient, lower % divisor)
}

fn mul_div_checked(value: u128, factor: u128, divisor: u128) -> Result<(u128, u128), MoneyError> {
    let limit = MINOR_LIMIT.unsigned_abs();
    let coarse = (value / divisor).checked_mul(factor).ok_or(MoneyError::Overflow)?;
    if coarse >= limit { Err(MoneyError::Overflow) } else { Ok(mul_div(value, factor, divisor)) }
}

/// Reads a decimal text as minor units of an asset with `scale` decimals. Exact: no float on the way.
/// A sign is allowed, an exponent, a leading `+`, spaces and grouping are not. Trailing zeros beyond the
/// scale are harmless and accepted.
pub fn parse_minor(text: &str, scale: u8) -> Result<i128, InvalidAmount> {
    if text.len() > MAX_TEXT {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
        return Err(if plain { InvalidAmount::TooLarge } else { InvalidAmount::NotDecimal });
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(InvalidAmount::NotDecimal),
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    if whole.is_empty() {
        return Err(InvalidAmount::NotDecimal);
    }
    let mut minor = digits_value(whole.as_bytes(), 0)?;
    let kept = fraction.len().min(scale as usize);
    minor = digits_value(&fraction.as_bytes()[..kept], minor)?;
    let rest = &fraction.as_bytes()[kept..];
    if let Some(fault) = excess(rest, fraction.len(), scale) {
        return Err(fault);
    }
    for _ in kept..scale as usize {
        minor *= 10;
        if minor >= MINOR_LIMIT {
            return Err(InvalidAmount::TooLarge);
        }
    }
    Ok(if negative { -minor } else { minor })
}

fn excess(rest: &[u8], fraction: usize, scale: u8) -> Option<InvalidAmount> {
    if !rest.iter().all(u8::is_ascii_digit) {
        return Some(InvalidAmount::NotDecimal);
    }
    let zeros = rest.iter().rev().take_while(|digit| **digit == b'0').count();
    (zeros < rest.len()).then_some(InvalidAmount::TooManyDecimals { scale, found: fraction - zeros })
}

fn digits_value(digits: &[u8], start: i128) -> Result<i128, InvalidAmount> {
    let mut value = start;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(InvalidAmount::NotDecimal);
        }
        value = value * 10 + i128::from(digit - b'0');
        if value >= MINOR_LIMIT {
            return Err(InvalidAmount::TooLarge);
        }
    }
    Ok(value)
}

/// Prints minor units as the decimal text that [`parse_minor`] reads back: `1234` at scale 2 is `12.34`.
pub fn print_minor(minor: i128, scale: u8) -> String {
    let mut text = String::with_capacity(24);
    write_minor(&mut text, minor, scale);
    text
}

/// Appends what [`print_minor`] returns.
pub fn write_minor(out: &mut String, minor: i128, scale: u8) {
    let mut buffer = itoa::Buffer::new();
    let magnitude = minor.unsigned_abs();
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    };
    let scale = scale as usize;
    if minor < 0 {
        out.push('-');
    }
    if scale == 0 {
        out.push_str(digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    } else {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', scale - digits.len()));
        out.push_str(digits);
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", print_minor(self.minor, self.asset.scale), self.asset.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::AssetCode;
    use proptest::prelude::*;

    const fn limit() -> i128 {
        MINOR_LIMIT
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        let rows: &[(&str, u8, &str)] = &[
            ("12.34", 2, "1234"),
            ("0", 2, "0"),
            ("-0.01", 2, "-1"),
            ("12", 0, "12"),
            ("12.3400", 2, "1234"),
            ("007.5", 2, "750"),
            ("0.000000000000000001", 18, "1"),
            ("12.345", 2, "has 3 decimals, the asset has 2"),
            ("1.5", 0, "has 1 decimals, the asset has 0"),
            ("1e3", 2, "must be"),
            ("NaN", 2, "must be"),
            ("inf", 2, "must be"),
            ("", 2, "must be"),
            ("-", 2, "must be"),
            (".5", 2, "must be"),
            ("5.", 2, "must be"),
            ("+5", 2, "must be"),
            ("1,000", 2, "must be"),
            ("1 000", 2, "must be"),
            ("--1", 2, "must be"),
            ("1.2.3", 2, "must be"),
            ("1.0x", 0, "must be"),
            ("٣", 2, "must be"),
            ("1000000000000000000000000000000000000", 0, "is too large"),
            ("999999999999999999999999999999999999", 0, "999999999999999999999999999999999999"),
            ("10000000000000000000000000000000000", 2, "is too large"),
        ];
        for (text, scale, expected) in rows {
            let got = match parse_minor(text, *scale) {
                Ok(minor) => minor.to_string(),
                Err(fault) => fault.to_string(),
            };
            assert!(got.starts_with(expected), "{text:?} at {scale}: {got}");
        }
        assert_eq!(parse_minor(&"9".repeat(400), 2), Err(InvalidAmount::TooLarge));
        assert_eq!(parse_minor(&"x".repeat(400), 2), Err(InvalidAmount::NotDecimal));
    }

    fn eur(minor: i128) -> Money {
        Money { minor, asset: Asset::iso(AssetCode::parse("EUR").unwrap()).unwrap() }
    }

    #[test]
    fn combining_is_typed() {
        let yen = Money { minor: 1, asset: Asset::iso(AssetCode::parse("JPY").unwrap()).unwrap() };
        assert_eq!(eur(1).checked_add(yen), Err(MoneyError::AssetMismatch));
        assert_eq!(eur(limit() - 1).checked_add(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(5).checked_sub(eur(7)), Ok(eur(-2)));
        assert_eq!(eur(-1234).to_string(), "-12.34 EUR");
    }

    #[test]
    fn rounding_names_its_mode() {
        let rows = [
            (5, 2, Rounding::HalfEven, 2),
            (15, 2, Rounding::HalfEven, 8),
            (5, 2, Rounding::HalfUp, 3),
            (-5, 2, Rounding::HalfUp, -3),
            (5, 2, Rounding::Down, 2),
            (-5, 2, Rounding::Up, -3),
        ];
        for (minor, divisor, mode, expected) in rows {
            assert_eq!(
                eur(minor).scale_by(1, divisor, mode),
                Ok(eur(expected)),
                "{minor}/{divisor} {mode:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn printing_reads_back(minor in -(limit() - 1)..limit(), scale in 0u8..=18) {
            prop_assert_eq!(parse_minor(&print_minor(minor, scale), scale), Ok(minor));
        }

        #[test]
        fn parts_sum_to_the_whole(minor in -(limit() - 1)..limit(), weights in prop::collection::vec(any::<u64>(), 1..20)) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = eur(minor).split(&weights).unwrap();
            prop_assert_eq!(parts.iter().map(|part| part.minor).sum::<i128>(), minor);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*weight > 0 || part.minor == 0);
            }
        }
    }
}
