//! The latest rows of a socket table, to recognise rows that the kernel repeats.

use std::hash::{BuildHasher, RandomState};

/// Tells one socket's row from another's: its endpoints and state, and its inode.
pub type Identity<'a> = (&'a [u8], &'a [u8]);

const SETS: usize = 4096;
/// Eight hashes fill a CPU cache line.
const WAYS: usize = 8;

/// Remembers rows in 256 KiB, however many there are: it forgets a row once eight others have entered its set, which
/// happens to one in 100,000 after 4,000 others, to one in a thousand after 8,000.
pub struct Seen {
    /// Hashes, latest of each set first; 0 is none.
    hashes: Vec<[u64; WAYS]>,
    /// Keyed afresh each time, so that no peer can make connections whose hashes collide.
    hasher: RandomState,
}

impl Default for Seen {
    /// Allocates with the first row.
    fn default() -> Self {
        Self { hashes: Vec::new(), hasher: RandomState::new() }
    }
}

impl Seen {
    /// Returns whether it has seen this row before; remembers it.
    pub fn again(&mut self, row: Identity<'_>) -> bool {
        if self.hashes.is_empty() {
            self.hashes = vec![[0; WAYS]; SETS];
        }
        let hash = self.hasher.hash_one(row).max(1);
        let position = usize::try_from(hash >> 32).unwrap_or(0) % SETS;
        let Some(set) = self.hashes.get_mut(position) else { return false };
        if set.contains(&hash) {
            return true;
        }
        set.rotate_right(1);
        if let Some(latest) = set.first_mut() {
            *latest = hash;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rows_are_known_again() {
        let mut seen = Seen::default();
        let row = |number: u32| number.to_be_bytes();
        let new = (0..100_000).filter(|&number| !seen.again((&row(number), b"5"))).count();
        assert_eq!(new, 100_000);
        let known = (96_000..100_000).filter(|&number| seen.again((&row(number), b"5"))).count();
        assert!(known >= 3_995, "{known}");
        assert!(!seen.again((&row(99_999), b"6")), "another inode is another socket");
        let other = Seen::default();
        assert_ne!(seen.hasher.hash_one(row(1)), other.hasher.hash_one(row(1)), "nobody can know the hashes");
        assert_eq!(size_of_val(&*seen.hashes), 256 << 10);
    }
}
