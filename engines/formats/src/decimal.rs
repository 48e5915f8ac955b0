//! A decimal number as it was written: units and how many of its digits stand behind the point. Exact.

use std::fmt;

/// Most digits behind the point.
pub const MAX_SCALE: u8 = 18;
/// Numbers stay below 10^36 units.
const LIMIT: i128 = 10_i128.pow(36);

/// `12.50` is 1250 units at scale 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All digits as one whole number, with the sign.
    pub units: i128,
    /// How many of them stand behind the point.
    pub scale: u8,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// One digit more, behind the point or before it. `None` where the number grows too long.
    pub(crate) fn push(self, digit: u8, behind: bool) -> Option<Self> {
        let units = self.units * 10 + i128::from(digit - b'0');
        let scale = self.scale + u8::from(behind);
        (units < LIMIT && scale <= MAX_SCALE).then_some(Self { units, scale })
    }

    /// Reads digits with at most one point and a minus in front: `-12.50`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || fraction.is_empty() {
            return None;
        }
        let mut number = Self::ZERO;
        let mut behind = false;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => number = number.push(byte, behind)?,
                b'.' if !behind => behind = true,
                _ => return None,
            }
        }
        Some(if digits.len() < text.len() { number.negated() } else { number })
    }

    /// The units at another scale; `None` where digits would be lost or it is too large.
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        let ten = |power: u8| 10_i128.checked_pow(u32::from(power));
        if scale >= self.scale {
            return self.units.checked_mul(ten(scale - self.scale)?);
        }
        let lost = ten(self.scale - scale)?;
        (self.units % lost == 0).then(|| self.units / lost)
    }

    /// The sum, at the larger scale.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        (units.unsigned_abs() < LIMIT.unsigned_abs()).then_some(Self { units, scale })
    }

    /// The product, without zeros that only the multiplication brought; `None` where it grows too long.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let units = self.units.checked_mul(other.units)?;
        Self { units, scale: self.scale.checked_add(other.scale)? }.shortened(self.scale.max(other.scale))
    }

    /// The quotient, where it is exact; `None` where it is not, or nothing can be divided by.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        let ten = |power: u8| 10_i128.checked_pow(u32::from(power));
        let divisor = other.units.checked_mul(ten(self.scale)?)?;
        let dividend = self.units.checked_mul(ten(other.scale)?)?;
        (0..=MAX_SCALE).find_map(|scale| {
            let dividend = dividend.checked_mul(ten(scale)?)?;
            let exact = dividend.checked_rem(divisor)? == 0;
            exact.then(|| Self { units: dividend / divisor, scale })?.shortened(scale)
        })
    }

    /// Without zeros at the end, down to a scale; `None` where it stays too long.
    fn shortened(self, least: u8) -> Option<Self> {
        let Self { mut units, mut scale } = self;
        while scale > least && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        (units.unsigned_abs() < LIMIT.unsigned_abs() && scale <= MAX_SCALE).then_some(Self { units, scale })
    }

    /// How far it is from zero.
    pub fn abs(self) -> Self {
        Self { units: self.units.abs(), ..self }
    }

    /// With the other sign.
    pub fn negated(self) -> Self {
        Self { units: -self.units, ..self }
    }

    /// Whether both are the same number, however written.
    pub fn equals(self, other: Self) -> bool {
        self.checked_add(other.negated()).is_some_and(|left| left.units == 0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let one = 10_u128.pow(u32::from(self.scale));
        write!(f, "{sign}{}.{:0width$}", digits / one, digits % one, width = usize::from(self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let one = Decimal { units: 1050, scale: 2 };
        assert_eq!(one.to_string(), "10.50");
        assert_eq!(Decimal { units: -5, scale: 3 }.to_string(), "-0.005");
        assert_eq!(one.at_scale(1), Some(105));
        assert_eq!(one.at_scale(0), None);
        assert_eq!(one.at_scale(18), Some(10_500_000_000_000_000_000));
        let sum = one.checked_add(Decimal { units: -105, scale: 1 }).unwrap();
        assert_eq!(sum, Decimal { units: 0, scale: 2 });
        assert!(one.equals(Decimal { units: 105, scale: 1 }));
        let large = Decimal { units: LIMIT - 1, scale: 0 };
        assert_eq!(large.checked_add(large), None);
        assert_eq!(large.at_scale(18), None);
        assert_eq!(large.checked_mul(large), None);
    }

    fn text(number: Option<Decimal>) -> String {
        number.map_or("none".to_owned(), |number| number.to_string())
    }

    #[test]
    fn products_and_quotients_are_exact_or_none() {
        for (one, other, product, quotient) in [
            ("1.50", "2.00", "3.00", "0.75"),
            ("1", "3", "3", "none"),
            ("-1", "8", "-8", "-0.125"),
            ("0", "5", "0", "0"),
            ("5", "0", "0", "none"),
            ("0.000000000000000001", "0.1", "none", "0.00000000000000001"),
        ] {
            let (a, b) = (Decimal::parse(one).unwrap(), Decimal::parse(other).unwrap());
            assert_eq!(
                (text(a.checked_mul(b)), text(a.checked_div(b))),
                (product.into(), quotient.into()),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn plain_numbers_are_read() {
        for good in ["0", "-12.50", "007.1", "0.000000000000000001"] {
            assert_eq!(text(Decimal::parse(good)), good.replace("007", "7"), "{good}");
        }
        for bad in
            ["", "-", ".5", "5.", "+1", "1e3", "1,5", " 1", "1.2.3", "0.0000000000000000001", &"9".repeat(37)]
        {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}
