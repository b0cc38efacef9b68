//! Layers as gzip and zstd, without either program: frames whose blocks hold
//! the bytes as they are. Every decompressor takes them.

use bytes::Bytes;

/// The most that a stored block of deflate holds (RFC 1951, 3.2.4).
const DEFLATE_BLOCK: usize = 0xffff;

/// The most that any block of zstd holds (RFC 8878, 3.1.1.2).
const ZSTD_BLOCK: usize = 128 * 1024;

/// How each gzip file begins.
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// How each zstd frame begins.
pub(super) const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// These bytes as a gzip file (RFC 1952).
pub(super) fn gzip(bytes: &[u8]) -> Bytes {
    let mut file = GZIP_MAGIC.to_vec();
    // Deflate, no flags, no time, nothing said of the compression, any system.
    file.extend_from_slice(&[8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut blocks = bytes.chunks(DEFLATE_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let size = u16::try_from(block.len()).unwrap();
        file.push(u8::from(blocks.peek().is_none()));
        file.extend_from_slice(&size.to_le_bytes());
        file.extend_from_slice(&(!size).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(&crc32(bytes).to_le_bytes());
    file.extend_from_slice(&size_of(bytes));
    file.into()
}

/// These bytes as a zstd frame (RFC 8878).
pub(super) fn zstd(bytes: &[u8]) -> Bytes {
    let mut frame = ZSTD_MAGIC.to_vec();
    // One segment, its size in four bytes, no checksum.
    frame.push(0b1010_0000);
    frame.extend_from_slice(&size_of(bytes));
    let mut blocks = bytes.chunks(ZSTD_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let last = u32::from(blocks.peek().is_none());
        let header = (u32::try_from(block.len()).unwrap() << 3) | last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame.into()
}

fn size_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap().to_le_bytes()
}

fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            let carry = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            (sum >> 1) ^ carry
        })
    });
    !sum
}
