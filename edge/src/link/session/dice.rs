//! Small chance for pauses and jitter. Seeded from outside, so that a run can be repeated; never used for secrets.

/// A sequence of numbers that looks random and follows from its seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Numbers that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.roll() % limit }
    }

    /// A pause that doubles with each failure from `base_ms` up to `max_ms`; half of it is chance.
    pub fn backoff_ms(&mut self, base_ms: u64, failures: u32, max_ms: u64) -> u64 {
        let full = base_ms.saturating_mul(1 << failures.min(16)).min(max_ms);
        full / 2 + self.below(full / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit_and_at_most_half_of_it_is_chance() {
        let mut dice = Dice::new(7);
        for (failures, full) in [(0, 1_000), (1, 2_000), (3, 8_000), (6, 60_000), (40, 60_000)] {
            for _ in 0..50 {
                let pause = dice.backoff_ms(1_000, failures, 60_000);
                assert!((full / 2..=full).contains(&pause), "{failures} failures: {pause}");
            }
        }
    }

    #[test]
    fn the_same_seed_rolls_the_same() {
        let rolls = |seed| (0..10).map(|_| Dice::new(seed).roll()).collect::<Vec<_>>();
        assert_eq!(rolls(3), rolls(3));
        assert_ne!(rolls(3), rolls(4));
        assert_eq!(Dice::new(1).below(0), 0);
    }
}
