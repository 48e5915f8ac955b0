//! Chance with a seed that is printed (`E2E_SEED` repeats a run), client-made ids, and the long counts of soaks.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A random number generator (splitmix64).
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `E2E_SEED` or from the system; says which.
    pub fn of(what: &str) -> Self {
        let given = std::env::var("E2E_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(what));
        println!("{what}: E2E_SEED={seed}");
        Self(seed)
    }

    /// Another one, independent of it.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound` − 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A client's own id.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn is_soak() -> bool {
    number("PROOF_SCALE").is_some_and(|scale| scale > 1)
}

/// How often a server is killed.
pub fn kills() -> u64 {
    number("E2E_KILLS").unwrap_or(if is_soak() { 200 } else { 5 })
}

/// How long the two hot accounts are fought over.
pub fn seconds() -> Duration {
    Duration::from_secs(number("E2E_SECONDS").unwrap_or(if is_soak() { 60 } else { 10 }))
}
