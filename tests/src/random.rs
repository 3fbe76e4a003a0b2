//! Random numbers that repeat: a failing test prints its seed, and the seed gives the same run.

use std::time::Duration;

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// From the environment variable `DAYBOOK_SEED`, else from `seed`; printed, so that it shows
    /// beside a failure.
    pub fn seeded(seed: u64) -> Self {
        let named = std::env::var("DAYBOOK_SEED").ok();
        let seed = named.and_then(|text| text.parse().ok()).unwrap_or(seed);
        eprintln!("random seed {seed} (repeat with DAYBOOK_SEED={seed})");
        Self::of(seed)
    }

    /// From this seed and no other.
    pub fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Another source of its own, for a client that runs beside.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self {
            state: self.number(),
        }
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// An index below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn index(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length fits");
        usize::try_from(self.below(bound)).expect("below a usize")
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// Yes, once in `bound` times.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn once_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// A pause shorter than this.
    ///
    /// # Panics
    /// When there is no shorter one.
    pub fn pause_below(&mut self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).expect("a short pause");
        Duration::from_micros(self.below(micros))
    }
}

/// Whether the long forms of the tests are wanted: `DAYBOOK_SOAK=1`.
pub fn soak() -> bool {
    std::env::var_os("DAYBOOK_SOAK").is_some_and(|value| value == "1")
}
