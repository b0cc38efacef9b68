//! Random bytes and choices that a seed repeats. `REFITY_SEED` is the seed of a
//! whole run; without it each run draws one and prints it.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The variable with the seed of a run.
pub const SEED_VARIABLE: &str = "REFITY_SEED";

/// A `splitmix64` generator: quick, and good enough for bytes that do not
/// compress and never collide.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Returns a generator with a seed of its own, derived from the run's seed.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(next_seed())
    }

    /// Returns the generator that another one's [`Random::seed`] repeats.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed, to be printed so that a failure can be repeated.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit` - 1.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.bits() >> 1).expect("64-bit machine") % limit
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// So many random bytes.
    pub fn bytes(&mut self, length: usize) -> Bytes {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.bits().to_le_bytes());
        }
        bytes.truncate(length);
        bytes.into()
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

/// The seed of this run.
static RUN: LazyLock<u64> = LazyLock::new(|| match std::env::var(SEED_VARIABLE) {
    Ok(seed) => seed.parse().expect("REFITY_SEED must be a number"),
    Err(_) => {
        let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        // Past the capture of the test that happens to be the first.
        let _ = writeln!(std::io::stderr(), "{SEED_VARIABLE}={seed}");
        seed
    }
});

/// Derives a new seed from the run's, the test's name and how many its thread
/// drew before: the same in each run with the same seed.
fn next_seed() -> u64 {
    static DRAWN: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let count = {
        let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = drawn.entry(name.to_owned()).or_default();
        *count += 1;
        *count
    };
    let hash = Sha256::digest(format!("{} {count} {name}", *RUN));
    hash[..8]
        .iter()
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// Returns so many bytes, different in each call.
#[must_use]
pub fn bytes(length: usize) -> Bytes {
    Random::new().bytes(length)
}
