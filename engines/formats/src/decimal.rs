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
    }
}
