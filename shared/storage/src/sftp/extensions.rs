//! OpenSSH's SFTP extensions that `ssh2` does not support, implemented on a
//! channel of our own: `posix-rename@openssh.com` and `statvfs@openssh.com`
//! (OpenSSH's PROTOCOL file, section 4).

use std::io::{self, Read, Write};

use super::error::status;
use crate::storage::Space;

const INIT: u8 = 1;
const VERSION: u8 = 2;
const STATUS: u8 = 101;
const EXTENDED: u8 = 200;
const EXTENDED_REPLY: u8 = 201;
/// The protocol version that all servers support.
const SFTP_VERSION: u32 = 3;
/// Maximum length of a response in bytes; the requested ones are short.
const PACKET_MAX: u32 = 64 * 1024;
/// `statvfs` flag: the file system is read-only.
const READ_ONLY: u64 = 1;

/// The server's extensions to SFTP version 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// A rename that atomically replaces its target.
    pub posix_rename: bool,
    /// Forcing a file to disk.
    pub fsync: bool,
    /// Querying the disk space.
    pub statvfs: bool,
    /// Creating hard links.
    pub hardlink: bool,
}

impl Extensions {
    /// Returns the names of the supported extensions.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            ("posix-rename@openssh.com", self.posix_rename),
            ("fsync@openssh.com", self.fsync),
            ("statvfs@openssh.com", self.statvfs),
            ("hardlink@openssh.com", self.hardlink),
        ];
        let offered = all.into_iter().filter(|(_, offered)| *offered);
        offered.map(|(name, _)| name).collect()
    }
}

/// A second SFTP channel in a session, for extended requests only.
pub(super) struct Control<C> {
    channel: C,
    extensions: Extensions,
    last_id: u32,
}

impl<C: Read + Write> Control<C> {
    /// Initializes the protocol and reads the server's extensions.
    pub(super) fn start(mut channel: C) -> io::Result<Self> {
        let mut hello = vec![INIT];
        hello.extend(SFTP_VERSION.to_be_bytes());
        send(&mut channel, &hello)?;
        let answer = receive(&mut channel)?;
        let mut fields = Fields(&answer);
        if fields.byte()? != VERSION || fields.u32()? < SFTP_VERSION {
            return Err(protocol("the server speaks no SFTP version 3"));
        }
        let mut extensions = Extensions::default();
        while !fields.0.is_empty() {
            let name = fields.text()?;
            let _version = fields.text()?;
            match name {
                b"posix-rename@openssh.com" => extensions.posix_rename = true,
                b"fsync@openssh.com" => extensions.fsync = true,
                b"statvfs@openssh.com" => extensions.statvfs = true,
                b"hardlink@openssh.com" => extensions.hardlink = true,
                _ => {}
            }
        }
        Ok(Self {
            channel,
            extensions,
            last_id: 0,
        })
    }

    pub(super) fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// Renames a file, replacing the target. Returns the server's status; 0 is
    /// success.
    pub(super) fn posix_rename(&mut self, from: &str, to: &str) -> io::Result<i32> {
        let answer = self.ask("posix-rename@openssh.com", &[from, to])?;
        let mut fields = Fields(&answer);
        match fields.byte()? {
            STATUS => self.status(&mut fields),
            _ => Err(protocol("unexpected answer to a rename")),
        }
    }

    /// Returns the disk space at a path, or the server's status.
    pub(super) fn statvfs(&mut self, path: &str) -> io::Result<Result<Space, i32>> {
        let answer = self.ask("statvfs@openssh.com", &[path])?;
        let mut fields = Fields(&answer);
        match fields.byte()? {
            STATUS => self.status(&mut fields).map(Err),
            EXTENDED_REPLY => {
                self.check_id(&mut fields)?;
                let _block = fields.u64()?;
                let fragment = fields.u64()?;
                let blocks = fields.u64()?;
                let _free = fields.u64()?;
                let available = fields.u64()?;
                for _files in 0..3 {
                    fields.u64()?;
                }
                let _id = fields.u64()?;
                let flags = fields.u64()?;
                Ok(Ok(Space {
                    free: available.saturating_mul(fragment),
                    total: blocks.saturating_mul(fragment),
                    read_only: flags & READ_ONLY != 0,
                }))
            }
            _ => Err(protocol("unexpected answer to statvfs")),
        }
    }

    fn ask(&mut self, request: &str, arguments: &[&str]) -> io::Result<Vec<u8>> {
        self.last_id = self.last_id.wrapping_add(1);
        let mut packet = vec![EXTENDED];
        packet.extend(self.last_id.to_be_bytes());
        for text in std::iter::once(&request).chain(arguments) {
            let length = u32::try_from(text.len()).map_err(|_| protocol("a path is too long"))?;
            packet.extend(length.to_be_bytes());
            packet.extend(text.as_bytes());
        }
        send(&mut self.channel, &packet)?;
        receive(&mut self.channel)
    }

    fn check_id(&self, fields: &mut Fields<'_>) -> io::Result<()> {
        if fields.u32()? == self.last_id {
            Ok(())
        } else {
            Err(protocol("an answer to another request"))
        }
    }

    fn status(&self, fields: &mut Fields<'_>) -> io::Result<i32> {
        self.check_id(fields)?;
        Ok(i32::try_from(fields.u32()?).unwrap_or(status::FAILURE))
    }
}

fn send(channel: &mut impl Write, packet: &[u8]) -> io::Result<()> {
    let length = u32::try_from(packet.len()).map_err(|_| protocol("a packet is too long"))?;
    channel.write_all(&[&length.to_be_bytes(), packet].concat())?;
    channel.flush()
}

fn receive(channel: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    channel.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > PACKET_MAX {
        return Err(protocol("an answer is too long"));
    }
    let mut packet = Vec::new();
    channel.take(u64::from(length)).read_to_end(&mut packet)?;
    if packet.len() as u64 == u64::from(length) {
        Ok(packet)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn protocol(words: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

/// The unread part of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| protocol("an answer is too short"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take::<1>()?[0])
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    fn text(&mut self) -> io::Result<&'a [u8]> {
        let length = self.u32()? as usize;
        let (text, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| protocol("an answer is too short"))?;
        self.0 = rest;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Responds with the given packets to any request.
    struct Canned(io::Cursor<Vec<u8>>);

    impl Read for Canned {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Canned {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn canned(packets: &[&[u8]]) -> Canned {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend(u32::try_from(packet.len()).unwrap().to_be_bytes());
            bytes.extend(*packet);
        }
        Canned(io::Cursor::new(bytes))
    }

    fn version(names: &[&str]) -> Vec<u8> {
        let mut packet = vec![VERSION, 0, 0, 0, 3];
        for text in names.iter().flat_map(|name| [*name, "1"]) {
            packet.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            packet.extend(text.as_bytes());
        }
        packet
    }

    #[test]
    fn reads_what_is_offered_and_a_status() {
        let hello = version(&["posix-rename@openssh.com", "new@x", "fsync@openssh.com"]);
        let refused = [STATUS, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut control = Control::start(canned(&[&hello, &refused])).unwrap();
        let offered = control.extensions();
        assert!(offered.posix_rename && offered.fsync && !offered.statvfs);
        assert_eq!(control.posix_rename("a", "b").unwrap(), 3);
    }

    #[test]
    fn a_huge_answer_is_refused_unread() {
        let hostile = Canned(io::Cursor::new(vec![255; 64]));
        assert!(Control::start(hostile).is_err());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(first: Vec<u8>, second: Vec<u8>) {
            let _ = Control::start(canned(&[&first]));
            let hello = version(&[]);
            if let Ok(mut control) = Control::start(canned(&[&hello, &second])) {
                let _ = control.statvfs("x");
            }
        }
    }
}
