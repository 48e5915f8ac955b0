//! Back pointers of a balance's postings as a skew-binary list: each posting points to the one before and
//! to one further back, so that a posting at any past place is found in O(log n) steps, and adding one
//! reads nothing but this small resident stack (E. W. Myers, "An applicative random-access stack", 1983).

use smallvec::SmallVec;

/// Bits of a stack word that hold the place; the rest hold the rank of its tree.
const PLACE_BITS: u32 = 58;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// Where a posting stands: the record's journal position, and which posting of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u64);

/// Bits of a place that hold the posting's number (a record has at most 1,000).
const POSTING_BITS: u32 = 10;
/// No posting stands here: position 0 is a segment's header.
pub const NOWHERE: Place = Place(0);

impl Place {
    /// A posting of a record.
    pub fn new(position: u64, posting: usize) -> Self {
        debug_assert!(position < 1 << (PLACE_BITS - POSTING_BITS) && posting < 1 << POSTING_BITS);
        Self(position << POSTING_BITS | posting as u64)
    }

    /// The record's position.
    pub fn position(self) -> u64 {
        self.0 >> POSTING_BITS
    }

    /// The posting's number in the record.
    pub fn posting(self) -> usize {
        (self.0 & ((1 << POSTING_BITS) - 1)) as usize
    }
}

/// The pointers of a new posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// Its number among the balance's postings, from 1.
    pub number: u64,
    /// The posting before.
    pub previous: Place,
    /// The posting before the tree that this one is the root of.
    pub jump: Place,
}

/// Roots of the trees of a balance's postings, newest last; at most log₂ n + 1. Two of them take no more
/// room than a pointer to more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    roots: SmallVec<[u64; 2]>,
    /// How many postings there are: a tree of rank r has 2^r − 1.
    count: u64,
}

impl Stack {
    /// Adds a posting and returns its pointers.
    pub fn push(&mut self, place: Place) -> Links {
        self.count += 1;
        let number = self.count;
        let previous = self.newest();
        let roots = &mut self.roots;
        let rank = match roots.as_slice() {
            [.., second, first] if second >> PLACE_BITS == first >> PLACE_BITS => {
                let rank = (first >> PLACE_BITS) + 1;
                roots.truncate(roots.len() - 2);
                rank
            }
            _ => 1,
        };
        let jump = roots.last().map_or(NOWHERE, |root| Place(root & PLACE_MASK));
        roots.push(rank << PLACE_BITS | place.0);
        Links { number, previous, jump }
    }

    /// The newest posting.
    pub fn newest(&self) -> Place {
        self.roots.last().map_or(NOWHERE, |root| Place(root & PLACE_MASK))
    }

    /// How many postings there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The words, for a snapshot.
    pub fn words(&self) -> &[u64] {
        &self.roots
    }

    /// From the words of a snapshot.
    pub fn from_words(words: Vec<u64>) -> Self {
        let count = words.iter().map(|root| (1 << (root >> PLACE_BITS)) - 1).sum();
        Self { roots: SmallVec::from_slice(&words), count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_past_place_is_a_few_steps_away() {
        let mut stack = Stack::default();
        let mut links = vec![Links { number: 0, previous: NOWHERE, jump: NOWHERE }];
        for number in 1..=10_000_u64 {
            let new = stack.push(Place::new(number, 0));
            assert_eq!(new.number, number);
            links.push(new);
        }
        assert!(stack.words().len() <= 15);
        for wanted in 1..=10_000_u64 {
            let (mut at, mut steps) = (stack.newest(), 0);
            while at.position() > wanted {
                let here = links[at.position() as usize];
                at = if here.jump.position() >= wanted { here.jump } else { here.previous };
                steps += 1;
            }
            assert_eq!(at.position(), wanted);
            // Myers' bound: 3 ⌊log₂ (n + 1)⌋ − 2.
            assert!(steps <= 3 * 13 - 2, "{steps} steps to {wanted}");
        }
    }
}
