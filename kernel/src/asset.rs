//! An asset: a currency or another unit with a fixed number of decimals.
//! ISO 4217 is known from the start; a scale never changes once an asset exists.

use std::fmt;

/// More decimals than any asset in use (wei has 18), few enough that 10^36 minor units still mean something.
pub const MAX_SCALE: u8 = 18;
/// Longest asset code, in bytes.
pub const MAX_CODE: usize = 16;

/// The code of an asset: 1 to 16 of `A–Z 0–9 . _ -`, the first a letter. Stored inline, so it is `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetCode {
    bytes: [u8; MAX_CODE],
    length: u8,
}

/// A text that is no asset code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an asset code is 1 to 16 characters of A-Z, 0-9, '.', '_' and '-', and starts with a letter")]
pub struct InvalidAssetCode;

impl AssetCode {
    /// Reads a code exactly as written; lower case is refused, not corrected.
    pub fn parse(text: &str) -> Result<Self, InvalidAssetCode> {
        let source = text.as_bytes();
        let fits = (1..=MAX_CODE).contains(&source.len()) && source[0].is_ascii_uppercase();
        let plain = |byte: &u8| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        };
        if !fits || !source.iter().all(plain) {
            return Err(InvalidAssetCode);
        }
        let mut bytes = [0; MAX_CODE];
        bytes[..source.len()].copy_from_slice(source);
        Ok(Self { bytes, length: source.len() as u8 })
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length as usize]).expect("only ASCII gets in")
    }
}

impl fmt::Display for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An asset: its code and its scale (decimals of the major unit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asset {
    /// `EUR`, `BTC`, `POINTS`.
    pub code: AssetCode,
    /// Decimals: EUR 2, JPY 0, KWD 3.
    pub scale: u8,
}

impl Asset {
    /// The ISO 4217 currency of this code with its minor unit, if there is one that money is kept in.
    /// Codes without a minor unit (metals, bond units, `XXX`) are not money and are not returned.
    pub fn iso(code: AssetCode) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(code.as_str())?;
        let scale = u8::try_from(currency.exponent()?).ok()?;
        Some(Self { code, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(code: &str) -> Option<u8> {
        Asset::iso(AssetCode::parse(code).unwrap()).map(|asset| asset.scale)
    }

    #[test]
    fn iso_currencies_have_their_scales() {
        let rows = [("EUR", Some(2)), ("JPY", Some(0)), ("KWD", Some(3)), ("CLF", Some(4)), ("USD", Some(2))];
        for (code, scale) in rows {
            assert_eq!(iso(code), scale, "{code}");
        }
        assert_eq!(iso("XAU"), None);
        assert_eq!(iso("BTC"), None);
    }

    #[test]
    fn codes_are_refused_not_corrected() {
        for bad in ["", "eur", "1INCH", "EU R", "ABCDEFGHIJKLMNOPQ", "€UR", "E\0R"] {
            assert!(AssetCode::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(AssetCode::parse("USDC.E-1_X").unwrap().as_str(), "USDC.E-1_X");
    }
}
