//! OpenSSH's extensions to SFTP, as its `PROTOCOL` file defines them.

use russh_sftp::protocol::{ExtendedReply, Packet, StatusCode};
use rustix::fs::StatVfs;

use super::files::Refusal;

/// Supported extensions with their advertised revisions.
pub const OFFERED: [(&str, &str); 4] = [
    ("posix-rename@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
];

/// An extended request.
pub(super) enum Request {
    PosixRename { from: String, to: String },
    Fsync { handle: String },
    StatVfs { path: String },
    FstatVfs { handle: String },
}

impl Request {
    /// Reads the part of an extended request that follows its name.
    pub(super) fn parse(name: &str, mut data: &[u8]) -> Result<Self, Refusal> {
        let mut string = || take_string(&mut data).ok_or(Refusal::new(StatusCode::BadMessage));
        match name {
            "posix-rename@openssh.com" => Ok(Self::PosixRename {
                from: string()?,
                to: string()?,
            }),
            "fsync@openssh.com" => Ok(Self::Fsync { handle: string()? }),
            "statvfs@openssh.com" => Ok(Self::StatVfs { path: string()? }),
            "fstatvfs@openssh.com" => Ok(Self::FstatVfs { handle: string()? }),
            _ => Err(Refusal::new(StatusCode::OpUnsupported)),
        }
    }
}

fn take_string(data: &mut &[u8]) -> Option<String> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *data = rest;
    String::from_utf8(text.to_vec()).ok()
}

/// The response to `statvfs`.
pub(super) fn space(id: u32, space: &StatVfs) -> Packet {
    let fields = [
        space.f_bsize,
        space.f_frsize,
        space.f_blocks,
        space.f_bfree,
        space.f_bavail,
        space.f_files,
        space.f_ffree,
        space.f_favail,
        space.f_fsid,
        space.f_flag.bits(),
        space.f_namemax,
    ];
    let data = fields
        .iter()
        .flat_map(|field| field.to_be_bytes())
        .collect();
    ExtendedReply { id, data }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_short_requests_are_bad_messages() {
        let whole = b"\0\0\0\x01a\0\0\0\x02bc";
        assert!(matches!(
            Request::parse("posix-rename@openssh.com", whole),
            Ok(Request::PosixRename { from, to }) if from == "a" && to == "bc"
        ));
        for end in 0..whole.len() {
            assert!(matches!(
                Request::parse("posix-rename@openssh.com", &whole[..end]),
                Err(Refusal(StatusCode::BadMessage, _))
            ));
        }
    }
}
