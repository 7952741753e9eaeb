//! Which descriptor holds which socket: twelve octets for each socket, since a host may have very many.

/// A descriptor of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The process; never 0.
    pub process: u32,
    /// Its descriptor.
    pub descriptor: i32,
}

/// What is known of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A descriptor that holds it.
    Holder(Holder),
    /// It was looked for in vain so many times.
    Missed(u8),
}

/// Wanted sockets by inode, and what is known of each.
#[derive(Debug, Default)]
pub struct Holders {
    /// In order. A socket's inode has 32 bits (`get_next_ino`, fs/inode.c).
    inodes: Vec<u32>,
    /// The process, or 0 and how often the socket was missed.
    places: Vec<(u32, i32)>,
}

impl Holders {
    /// These sockets, of which nothing is known. An inode of 0 means that no process holds a socket.
    #[must_use]
    pub fn of_wanted(wanted: &[u64]) -> Self {
        let inodes = wanted.iter().filter_map(|inode| u32::try_from(*inode).ok());
        let mut inodes: Vec<u32> = inodes.filter(|inode| *inode != 0).collect();
        inodes.sort_unstable();
        inodes.dedup();
        inodes.shrink_to_fit();
        let places = vec![(0, 0); inodes.len()];
        Self { inodes, places }
    }

    /// How many sockets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inodes.is_empty()
    }

    /// The position of a socket.
    #[must_use]
    pub fn position(&self, inode: u64) -> Option<usize> {
        self.inodes.binary_search(&u32::try_from(inode).ok()?).ok()
    }

    /// The position of the first socket behind an inode.
    #[must_use]
    pub fn behind(&self, inode: u32) -> usize {
        self.inodes.partition_point(|other| *other <= inode)
    }

    /// The inode at a position.
    #[must_use]
    pub fn inode(&self, position: usize) -> Option<u32> {
        self.inodes.get(position).copied()
    }

    /// What is known of the socket at a position; `None` past the last.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<Known> {
        self.places.get(position).map(|(process, rest)| match process {
            0 => Known::Missed(u8::try_from(*rest).unwrap_or(u8::MAX)),
            process => Known::Holder(Holder { process: *process, descriptor: *rest }),
        })
    }

    /// The holder of a socket.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<Holder> {
        match self.at(self.position(inode)?)? {
            Known::Holder(holder) => Some(holder),
            Known::Missed(_) => None,
        }
    }

    /// Notes what is known of the socket at a position.
    pub fn set(&mut self, position: usize, known: Known) {
        if let Some(place) = self.places.get_mut(position) {
            *place = match known {
                Known::Holder(holder) => (holder.process, holder.descriptor),
                Known::Missed(times) => (0, times.into()),
            };
        }
    }

    /// Takes over what others know of the same sockets.
    pub fn learn(&mut self, others: &Self) {
        let mut known = others.inodes.iter().zip(&others.places).peekable();
        for (inode, place) in self.inodes.iter().zip(&mut self.places) {
            while known.next_if(|(other, _)| *other < inode).is_some() {}
            if let Some((_, other)) = known.next_if(|(other, _)| *other == inode) {
                *place = *other;
            }
        }
    }

    /// The processes that hold any.
    pub fn processes(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|(process, _)| *process).filter(|process| *process != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_socket_is_kept_while_it_is_wanted() {
        let mut holders = Holders::of_wanted(&[9, 7, 0, 9, 5, 1 << 32 | 7]);
        assert_eq!((holders.len(), holders.behind(5), holders.inode(1)), (3, 1, Some(7)));
        assert_eq!((holders.at(0), holders.at(3)), (Some(Known::Missed(0)), None));
        let holder = Holder { process: 12, descriptor: 3 };
        holders.set(1, Known::Holder(holder));
        holders.set(2, Known::Missed(2));
        assert_eq!((holders.of(7), holders.of(9), holders.of(1 << 32 | 7)), (Some(holder), None, None));
        let mut next = Holders::of_wanted(&[1, 7, 8, 9, 10]);
        next.learn(&holders);
        let known: Vec<_> = (0..5).map(|position| next.at(position).unwrap()).collect();
        let missed = Known::Missed;
        assert_eq!(known, [missed(0), Known::Holder(holder), missed(0), missed(2), missed(0)]);
        assert_eq!(next.processes().collect::<Vec<_>>(), [12]);
        assert!(Holders::of_wanted(&[0]).is_empty());
    }
}
