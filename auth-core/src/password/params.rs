use super::InvalidSetting;

/// Stored hashes that ask for more are not obeyed: whoever can write one could make each sign-in take seconds.
pub(super) const MAX_MEMORY_KIB: u32 = 256 * 1024;
pub(super) const MAX_PASSES: u32 = 10;
pub(super) const MAX_LANES: u32 = 8;

/// What OWASP's weakest recommendation (7 MiB, 5 passes) fills, and the memory that it takes.
const LEAST_WORK_KIB: u64 = 35_840;
const LEAST_MEMORY_KIB: u32 = 7 * 1024;

/// What a hash costs: the parameters of argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParams {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl HashParams {
    /// 19 MiB, 2 passes, 1 lane: the default, and OWASP's first recommendation by memory.
    pub const OWASP: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// 46 MiB, 1 pass, 1 lane: as strong against others' hardware, for machines with memory to spare.
    pub const SINGLE_PASS: Self = Self {
        memory_kib: 46 * 1024,
        passes: 1,
        lanes: 1,
    };

    /// `memory_kib` KiB of memory, filled `passes` times, in `lanes` independent lanes. Lanes are computed one after the other.
    ///
    /// # Errors
    ///
    /// When it is less than 7 MiB or than 7 MiB filled five times, which is what OWASP asks for at least, or more than what
    /// would be accepted of a stored hash: 256 MiB, 10 passes, 8 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidSetting> {
        let params = Self::within_limits(memory_kib, passes, lanes).ok_or(InvalidSetting(
            "a hash takes 256 mib, 10 passes and 8 lanes at most, and one of each at least",
        ))?;
        if memory_kib < LEAST_MEMORY_KIB || params.work() < LEAST_WORK_KIB {
            return Err(InvalidSetting(
                "a hash fills 7 mib of memory at least, and 35 mib in all its passes",
            ));
        }
        Ok(params)
    }

    /// The least that argon2 can be asked for: 8 KiB, 1 pass. For tests whose subject is not the strength.
    #[must_use]
    pub const fn danger_cheapest() -> Self {
        Self {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        }
    }

    pub(super) fn within_limits(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let params = Self {
            memory_kib,
            passes,
            lanes,
        };
        let valid = (1..=MAX_LANES).contains(&lanes)
            && (1..=MAX_PASSES).contains(&passes)
            && (8 * lanes..=MAX_MEMORY_KIB).contains(&memory_kib);
        valid.then_some(params)
    }

    /// The memory that it takes, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// How often the memory is filled.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// The number of lanes.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The KiB that are filled in all passes, which is what the time goes with.
    pub(super) fn work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// Parameters that fill `kib` KiB in all, in no more memory than this takes; none for too little to be worth it.
    pub(super) fn filling(&self, kib: u64) -> Option<Self> {
        let passes = kib.div_ceil(u64::from(self.memory_kib)).max(1);
        let memory = u32::try_from(kib / passes).ok()?;
        Self::within_limits(memory, u32::try_from(passes).ok()?, self.lanes)
    }

    /// The higher one of each cost.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            passes: self.passes.max(other.passes),
            lanes: self.lanes.max(other.lanes),
        }
    }
}

/// [`OWASP`](Self::OWASP).
impl Default for HashParams {
    fn default() -> Self {
        Self::OWASP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_excessive_costs_cannot_be_set() {
        for (memory, passes, lanes, valid) in [
            // What OWASP recommends, from much memory to little.
            (47_104, 1, 1, true),
            (19_456, 2, 1, true),
            (12_288, 3, 1, true),
            (9_216, 4, 1, true),
            (7_168, 5, 1, true),
            (262_144, 10, 8, true),
            (262_145, 1, 1, false),
            (19_456, 11, 1, false),
            (19_456, 2, 9, false),
            (19_456, 1, 1, false),
            (7_167, 10, 1, false),
            (19_456, 0, 1, false),
            (19_456, 2, 0, false),
        ] {
            let params = HashParams::new(memory, passes, lanes);
            assert_eq!(params.is_ok(), valid, "{memory} {passes} {lanes}");
        }
        assert_eq!(HashParams::default(), HashParams::OWASP);
        assert!(HashParams::new(19_456, 2, 1) == Ok(HashParams::OWASP));
    }

    #[test]
    fn what_is_missing_is_filled_in_no_more_memory() {
        let target = HashParams::OWASP;
        for missing in [8_u64, 9, 1000, 19_456, 19_457, 30_000, 38_912] {
            let filler = target.filling(missing).unwrap();
            assert!(filler.memory_kib <= target.memory_kib, "{missing}");
            let filled = filler.work();
            assert!(
                filled <= missing && missing - filled < 2,
                "{missing}: {filled}"
            );
        }
        assert_eq!(target.filling(0), None);
        assert_eq!(target.filling(7), None);
    }
}
