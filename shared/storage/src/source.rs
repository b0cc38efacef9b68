//! The bytes of a file on their way to the storage. Counts and hashes them, so
//! that a file gets its final name only if they match.

use std::io::{self, Read};

use refity_types::digest::{Digest, Hasher};

use crate::error::ChangeError;

/// The bytes of a file to store.
pub(crate) struct Source {
    bytes: Box<dyn Read + Send>,
    size: u64,
    left: u64,
    hasher: Hasher,
    digest: Digest,
}

impl Source {
    pub(crate) fn new(bytes: Box<dyn Read + Send>, size: u64, digest: Digest) -> Self {
        Self {
            bytes,
            size,
            left: size,
            hasher: Hasher::new(digest.algorithm()),
            digest,
        }
    }

    /// Reads the next bytes: fills the buffer, except at the end of the file,
    /// and returns 0 after the end. The last bytes are returned only if the
    /// digest of all bytes matches.
    ///
    /// # Errors
    /// [`ChangeError::Source`] and [`ChangeError::Damaged`].
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ChangeError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ChangeError::Source(error)),
            }
        }
        let count = filled as u64;
        let too_short = filled < buffer.len() && count < self.left;
        if count > self.left || too_short {
            let size = self.size;
            let words = format!("there are not exactly {size} bytes");
            return Err(ChangeError::Damaged(words));
        }
        self.hasher.update(&buffer[..filled]);
        self.left -= count;
        if self.left == 0 && (count > 0 || self.size == 0) {
            let fresh = Hasher::new(self.digest.algorithm());
            let found = std::mem::replace(&mut self.hasher, fresh).finish();
            if found != self.digest {
                return Err(ChangeError::Damaged(format!("they hash to {found}")));
            }
        }
        Ok(filled)
    }

    /// Returns a buffer for [`Source::fill`]. It is one byte larger than an
    /// exact fit, to detect surplus bytes.
    pub(crate) fn buffer(&self, most: usize) -> Vec<u8> {
        let size = usize::try_from(self.size.saturating_add(1)).unwrap_or(most);
        vec![0; size.min(most)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &'static [u8], size: usize, digest: Digest) -> Source {
        Source::new(Box::new(bytes), size as u64, digest)
    }

    fn all(mut source: Source, most: usize) -> Result<Vec<u8>, ChangeError> {
        let mut buffer = source.buffer(most);
        let mut bytes = Vec::new();
        loop {
            match source.fill(&mut buffer)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn right_bytes_pass() {
        for (bytes, most) in [(&b"layer"[..], 3), (b"layer", 5), (b"layer", 99), (b"", 4)] {
            let digest = Digest::sha256(bytes);
            assert_eq!(
                all(source(bytes, bytes.len(), digest), most).unwrap(),
                bytes
            );
        }
    }

    #[test]
    fn wrong_bytes_are_damaged() {
        for most in [1, 2, 4, 5, 6, 99] {
            for (size, named) in [(5, &b"other"[..]), (4, b"laye"), (6, b"layer"), (0, b"")] {
                let source = source(b"layer", size, Digest::sha256(named));
                let read = all(source, most);
                assert!(
                    matches!(read, Err(ChangeError::Damaged(_))),
                    "{most} {size}"
                );
            }
        }
    }
}
