//! Ids: 128 bits that sort by time (UUIDv7), shown as `prefix_` and 26 characters of base 32.
//! The text form follows the TypeID specification 0.3; a plain UUID is read as well where clients bring their own.

use std::fmt;
use std::sync::Mutex;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The kinds of ids and their prefixes: the one registry.
pub mod prefix {
    /// Ledger account.
    pub const ACCOUNT: &str = "acc";
    /// Journal entry, captures and reversals included.
    pub const ENTRY: &str = "ent";
    /// Hold.
    pub const HOLD: &str = "hold";
    /// Batch.
    pub const BATCH: &str = "bat";
    /// API key.
    pub const API_KEY: &str = "key";
    /// Work for later: a scheduled transfer.
    pub const JOB: &str = "job";
    /// Batch of payouts.
    pub const PAYOUTS: &str = "pay";
    /// HTTP request.
    pub const REQUEST: &str = "req";
    // new-context: prefixes
}

/// 128 bits that name a thing. The prefix belongs to the place it is shown, not to the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u128);

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id of the form {prefix}_… (26 characters after the underscore) or a UUID")]
pub struct InvalidId {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

impl Id {
    /// Reads `prefix_…` or a UUID in any of its usual spellings.
    pub fn parse(text: &str, prefix: &'static str) -> Result<Self, InvalidId> {
        if let Some(rest) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) {
            return decode(rest.as_bytes()).map(Self).ok_or(InvalidId { prefix });
        }
        match uuid::Uuid::try_parse_ascii(text.as_bytes()) {
            Ok(uuid) => Ok(Self(uuid.as_u128())),
            Err(_) => Err(InvalidId { prefix }),
        }
    }

    /// The text form: `ent_01h455vb4pex5vsknk084sn02q`.
    pub fn show(self, prefix: &str) -> String {
        let mut text = String::with_capacity(prefix.len() + 27);
        self.write(&mut text, prefix);
        text
    }

    /// Appends what [`Id::show`] returns.
    pub fn write(self, out: &mut String, prefix: &str) {
        out.push_str(prefix);
        out.push('_');
        for place in (0..26).rev() {
            out.push(char::from(ALPHABET[((self.0 >> (place * 5)) & 31) as usize]));
        }
    }
}

fn decode(text: &[u8]) -> Option<u128> {
    // 26 × 5 bits are 130: the first character carries only three.
    if text.len() != 26 || text[0] > b'7' {
        return None;
    }
    text.iter().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| letter == byte)?;
        Some(value << 5 | digit as u128)
    })
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_u128(self.0))
    }
}

/// Where new ids come from; a parameter, so that tests and the simulator decide chance.
pub trait IdSource: Send + Sync {
    /// A new id, never given before, sorting after those given earlier.
    fn next(&self) -> Id;
    /// 128 bits that nobody can guess, for salts and secrets.
    fn random(&self) -> u128;
}

/// UUIDv7 from the system's clock and chance.
#[derive(Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next(&self) -> Id {
        Id(uuid::Uuid::now_v7().as_u128())
    }

    fn random(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64)
    }
}

/// Ids by a seed: the same in every run, still time-ordered in form. For tests and the simulator.
#[derive(Debug)]
pub struct SeededIds(Mutex<(u64, u64)>);

impl SeededIds {
    /// Starts the sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }

    fn step(&self) -> (u64, u64) {
        let mut state = self.0.lock().expect("no panic while held");
        state.0 = state.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.1 += 1;
        // SplitMix64's finaliser.
        let mut mixed = state.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31), state.1)
    }
}

impl IdSource for SeededIds {
    fn next(&self) -> Id {
        let (mixed, count) = self.step();
        Id(u128::from(count) << 80 | 0x7 << 76 | 0x8 << 60 | u128::from(mixed >> 4))
    }

    fn random(&self) -> u128 {
        let (high, _) = self.step();
        let (low, _) = self.step();
        u128::from(high) << 64 | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_read_back() {
        for value in [0, 1, u128::MAX, 0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881] {
            let id = Id(value);
            assert_eq!(Id::parse(&id.show("ent"), "ent"), Ok(id));
            assert_eq!(Id::parse(&format!("{id:?}"), "ent"), Ok(id));
        }
        // The specification's own vector.
        let id = Id(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881);
        assert_eq!(id.show("prefix"), "prefix_01h2xcejqtf2nbrexx3vqjhp41");
    }

    #[test]
    fn other_texts_are_refused() {
        let texts =
            ["", "ent_", "acc_01h2xcejqtf2nbrexx3vqjhp41", "ent_81h2xcejqtf2nbrexx3vqjhp41", "ent_01H2", "x"];
        for text in texts {
            assert!(Id::parse(text, "ent").is_err(), "{text:?}");
        }
    }

    #[test]
    fn new_ids_sort_after_older_ones() {
        for source in [&RandomIds as &dyn IdSource, &SeededIds::new(7)] {
            let ids: Vec<_> = (0..1000).map(|_| source.next()).collect();
            assert!(ids.is_sorted());
        }
    }
}
