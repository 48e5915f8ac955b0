//! Amounts and ids as PostgreSQL sends them. An amount is a `numeric` in its binary form: a count of digits to the base
//! of 10,000, the weight of the first, a sign, and the digits; exact for every `i128`, and read only where it is whole.

use bytes::{BufMut, BytesMut};
use kernel::Id;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Fault = Box<dyn Error + Sync + Send>;

const BASE: u128 = 10_000;
/// Digits of the largest `i128`: ten to the base of 10,000.
const DIGITS: usize = 10;
const NEGATIVE: u16 = 0x4000;

/// An amount, counter or limit in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub i128);

impl ToSql for Amount {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        let (mut digits, mut rest) = ([0_u16; DIGITS], self.0.unsigned_abs());
        let mut first = DIGITS;
        while rest > 0 {
            first -= 1;
            digits[first] = (rest % BASE) as u16;
            rest /= BASE;
        }
        let weight = (DIGITS - first).saturating_sub(1);
        // Zeros at the end are not sent: the weight says how many there are.
        let mut end = DIGITS;
        while end > first && digits[end - 1] == 0 {
            end -= 1;
        }
        out.put_u16((end - first) as u16);
        out.put_u16(weight as u16);
        out.put_u16(if self.0 < 0 { NEGATIVE } else { 0 });
        out.put_u16(0);
        digits[first..end].iter().for_each(|digit| out.put_u16(*digit));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Amount {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        let word = |place: usize| {
            raw.get(2 * place..2 * place + 2)
                .map(|word| u16::from_be_bytes([word[0], word[1]]))
                .ok_or("a numeric ends early")
        };
        let (count, weight, sign) = (usize::from(word(0)?), word(1)? as i16, word(2)?);
        if count == 0 {
            return Ok(Self(0));
        }
        let places = usize::try_from(weight).map_err(|_| "an amount is not whole")? + 1;
        if sign & !NEGATIVE != 0 || count > places || raw.len() != 8 + 2 * count {
            return Err("a numeric is no amount".into());
        }
        // Summed below zero, where there is room for the least of all.
        let mut sum = 0_i128;
        for place in 0..places {
            let digit = if place < count { word(4 + place)? } else { 0 };
            let next = sum.checked_mul(BASE as i128).and_then(|sum| sum.checked_sub(digit.into()));
            sum = next.ok_or("an amount is too large")?;
        }
        match sign {
            NEGATIVE => Ok(Self(sum)),
            _ => sum.checked_neg().map(Self).ok_or_else(|| "an amount is too large".into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }
}

/// Sixteen bytes as a `uuid`: ids, and hashes of names. Their order is that of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl From<Id> for Uuid {
    fn from(id: Id) -> Self {
        Self(id.0)
    }
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        out.put_u128(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(u128::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(amount: i128) -> Vec<u8> {
        let mut out = BytesMut::new();
        Amount(amount).to_sql(&Type::NUMERIC, &mut out).expect("it always fits");
        out.to_vec()
    }

    #[test]
    fn known_amounts() {
        let rows: [(i128, &[u16]); 6] = [
            (0, &[0, 0, 0, 0]),
            (1, &[1, 0, 0, 0, 1]),
            (-9_999, &[1, 0, NEGATIVE, 0, 9_999]),
            (10_000, &[1, 1, 0, 0, 1]),
            (10_001, &[2, 1, 0, 0, 1, 1]),
            (120_000_000, &[2, 2, 0, 0, 1, 2_000]),
        ];
        for (amount, words) in rows {
            let expected: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(bytes(amount), expected, "{amount}");
        }
        for amount in [i128::MAX, i128::MIN, 10_i128.pow(36), 120_000_000] {
            assert_eq!(Amount::from_sql(&Type::NUMERIC, &bytes(amount)).expect("it reads"), Amount(amount));
        }
    }

    #[test]
    fn what_is_no_whole_amount_is_refused() {
        // 0.5, NaN, 10^40, and one that ends early.
        let rows: [&[u16]; 4] =
            [&[1, 0xffff, 0, 1, 5_000], &[0x0001, 0, 0xc000, 0, 1], &[1, 10, 0, 0, 1], &[2, 1, 0, 0, 1]];
        for words in rows {
            let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert!(Amount::from_sql(&Type::NUMERIC, &raw).is_err(), "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn amounts_read_back(amount: i128, shift in 0_u32..127) {
            for amount in [amount, amount >> shift] {
                prop_assert_eq!(Amount::from_sql(&Type::NUMERIC, &bytes(amount)).expect("it reads"), Amount(amount));
            }
        }
    }
}
