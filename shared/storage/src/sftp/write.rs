//! Putting files on the storage so that a partial one is never seen under
//! its final name: temporary name, write, sync, close, look, rename, look.

use std::io::{self, Read, Write as _};

use refity_types::digest::{Algorithm, Digest, Hasher};
use ssh2::OpenFlags;

use super::error::RemoteError;
use super::session::Session;
use crate::layout::parent;

/// How much is handed to libssh2 at once. It sends a whole buffer before it
/// collects the answers, so this is the window: 1 MiB is the fastest near
/// the server and costs little memory.
pub const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// Up to this size a file is hashed on its way: all links have the same size,
/// so that the size alone does not tell one from another.
const SMALL_BYTES: u64 = 1 << 20;

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The bytes to store could not be read, or were fewer or more than
    /// said: no fault of the storage.
    #[error("the bytes to store cannot be read: {0}")]
    Source(#[source] io::Error),
    /// The storage failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The caller did not want the target to be replaced any more.
    #[error("given up before anything was replaced")]
    GivenUp,
}

impl WriteError {
    /// For sources that cannot fail.
    pub(super) fn into_remote(self) -> RemoteError {
        match self {
            Self::Remote(error) => error,
            error @ (Self::Source(_) | Self::GivenUp) => RemoteError::Transient(error.to_string()),
        }
    }
}

/// How [`place_folder`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// The folder is there, as given.
    New,
    /// Something was there already and was left alone.
    AlreadyThere,
}

/// Writes `size` bytes to a temporary path and renames it over the target.
/// `progress` hears how many bytes are written so far.
///
/// # Errors
/// The target is then as it was, and the temporary file is removed where
/// the session still can.
pub fn store_file(
    session: &mut Session,
    tmp: &str,
    target: &str,
    size: u64,
    source: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
) -> Result<(), WriteError> {
    let place = Place { tmp, target };
    store(session, place, size, source, progress, &|| true)
}

/// [`write_small`] for a target that another process may be replacing too:
/// `still` is asked at the last moment before the rename.
///
/// # Errors
/// As [`store_file`]; [`WriteError::GivenUp`] where `still` says no.
pub fn replace_small(
    session: &mut Session,
    tmp: &str,
    target: &str,
    bytes: &[u8],
    still: &dyn Fn() -> bool,
) -> Result<(), WriteError> {
    let (place, mut source) = (Place { tmp, target }, bytes);
    let size = bytes.len() as u64;
    store(session, place, size, &mut source, &mut |_| {}, still)
}

/// Where a file is written, and where it is renamed to.
#[derive(Clone, Copy)]
struct Place<'a> {
    tmp: &'a str,
    target: &'a str,
}

fn store(
    session: &mut Session,
    place: Place<'_>,
    size: u64,
    source: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
    still: &dyn Fn() -> bool,
) -> Result<(), WriteError> {
    let stored = write_and_publish(session, place, size, source, progress, still);
    if stored.is_err() && !session.is_broken() {
        // The sweep takes what cannot be removed now.
        let _ = session.remove_file(place.tmp);
    }
    stored
}

/// [`store_file`] for bytes in memory: links and manifests.
///
/// # Errors
/// As [`store_file`].
pub fn write_small(
    session: &mut Session,
    tmp: &str,
    target: &str,
    bytes: &[u8],
) -> Result<(), RemoteError> {
    let mut source = bytes;
    let size = bytes.len() as u64;
    store_file(session, tmp, target, size, &mut source, &mut |_| {})
        .map_err(WriteError::into_remote)
}

/// Builds a folder of small files in tmp and renames it to its place, so
/// that it appears whole. Paths of files are relative, below the folder.
///
/// # Errors
/// The target is then as it was, and the temporary folder is removed where
/// the session still can.
pub fn place_folder(
    session: &mut Session,
    tmp_dir: &str,
    files: &[(String, Vec<u8>)],
    target_dir: &str,
) -> Result<Placed, RemoteError> {
    let placed = build_and_place(session, tmp_dir, files, target_dir);
    if !matches!(placed, Ok(Placed::New)) && !session.is_broken() {
        // The sweep takes what cannot be removed now.
        let _ = session.remove_tree(tmp_dir);
    }
    placed
}

fn build_and_place(
    session: &mut Session,
    tmp_dir: &str,
    files: &[(String, Vec<u8>)],
    target_dir: &str,
) -> Result<Placed, RemoteError> {
    // What an earlier try with this name left behind.
    session.remove_tree(tmp_dir)?;
    for (path, bytes) in files {
        let path = format!("{tmp_dir}/{path}");
        write_temporary(session, &path, bytes).map_err(WriteError::into_remote)?;
    }
    if session.stat(target_dir)?.is_some() {
        return Ok(Placed::AlreadyThere);
    }
    make_parent(session, target_dir)?;
    let renamed = with_parent(session, target_dir, |session| {
        session.rename_new(tmp_dir, target_dir)
    });
    session.forget_folders();
    if session.is_broken() {
        return Err(unfinished(renamed, target_dir));
    }
    let left = session.stat(tmp_dir)?;
    match (session.stat(target_dir)?, left) {
        (Some(meta), None) if meta.is_dir => Ok(Placed::New),
        (Some(_), Some(_)) => Ok(Placed::AlreadyThere),
        _ => Err(unfinished(renamed, target_dir)),
    }
}

/// Writes, syncs and checks a temporary file, and leaves it there.
///
/// # Errors
/// As [`store_file`]; what was written so far may stay.
pub fn write_temporary(session: &mut Session, tmp: &str, bytes: &[u8]) -> Result<(), WriteError> {
    let mut source = bytes;
    let size = bytes.len() as u64;
    copy_to(session, tmp, size, &mut source, &mut |_| {}, None)
}

fn write_and_publish(
    session: &mut Session,
    place: Place<'_>,
    size: u64,
    source: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
    still: &dyn Fn() -> bool,
) -> Result<(), WriteError> {
    let Place { tmp, target } = place;
    let in_one_step = session.extensions()?.posix_rename;
    let hashed = !in_one_step || size <= SMALL_BYTES;
    let mut hasher = hashed.then(|| Hasher::new(Algorithm::Sha256));
    copy_to(session, tmp, size, source, progress, hasher.as_mut())?;
    make_parent(session, target)?;
    let written = hasher.map(Hasher::finish);
    if !in_one_step
        && let Some(written) = &written
        && holds(session, target, size, written)?
    {
        session.remove_file(tmp)?;
        return Ok(());
    }
    if !still() {
        return Err(WriteError::GivenUp);
    }
    let renamed = with_parent(session, target, |session| session.rename_over(tmp, target));
    if session.is_broken() {
        return Err(unfinished(renamed, target).into());
    }
    // A rename may say one thing and do another: what counts is that the
    // temporary name is gone and the target has the size; and the bytes, where
    // the rename failed and another file of that size may have been there.
    if renamed.is_err()
        && let Some(written) = &written
        && !holds(session, target, size, written)?
    {
        return Err(unfinished(renamed, target).into());
    }
    let left = session.stat(tmp)?;
    match session.stat(target)? {
        Some(meta) if left.is_none() && !meta.is_dir && meta.size == size => Ok(()),
        _ => Err(unfinished(renamed, target).into()),
    }
}

fn unfinished(renamed: Result<(), RemoteError>, target: &str) -> RemoteError {
    match renamed {
        Err(error) => error,
        Ok(()) => RemoteError::Transient(format!(
            "the storage says that it renamed a file to {target}, and it is not there whole"
        )),
    }
}

/// Whether the target is a file with these bytes, by reading all of it: the
/// way where a target cannot be replaced in one step.
fn holds(
    session: &mut Session,
    target: &str,
    size: u64,
    digest: &Digest,
) -> Result<bool, RemoteError> {
    match session.stat(target)? {
        Some(meta) if !meta.is_dir && meta.size == size => {}
        _ => return Ok(false),
    }
    let mut reader = super::read::open(session, target)?;
    let mut hasher = Hasher::new(digest.algorithm());
    let mut buffer = vec![0; buffer_size(size)];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish() == *digest),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) => {
                let remote = RemoteError::from_io(&error).cloned();
                return Err(remote.unwrap_or_else(|| RemoteError::Transient(error.to_string())));
            }
        }
    }
}

fn copy_to(
    session: &mut Session,
    tmp: &str,
    size: u64,
    source: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
    mut hasher: Option<&mut Hasher>,
) -> Result<(), WriteError> {
    make_parent(session, tmp)?;
    let mut file = with_parent(session, tmp, |session| create(session, tmp))?;
    let mut buffer = vec![0; buffer_size(size)];
    let mut written = 0;
    loop {
        let count = fill(source, &mut buffer).map_err(WriteError::Source)?;
        if count == 0 {
            break;
        }
        let bytes = &buffer[..count];
        if let Err(error) = file.write_all(bytes) {
            let error = session.stream_failed(&error, "writing", tmp);
            return Err(session.explain(error, tmp, size - written).into());
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(bytes);
        }
        written += count as u64;
        if written > size {
            return Err(WriteError::Source(wrong_size(size)));
        }
        progress(written);
    }
    if written < size {
        return Err(WriteError::Source(wrong_size(size)));
    }
    if let Err(error) = session.fsync(&mut file, tmp) {
        return Err(session.explain(error, tmp, 0).into());
    }
    // Quotas often fail here.
    if let Err(error) = file.close() {
        let error = session.failed(&error, "closing", tmp);
        return Err(session.explain(error, tmp, 0).into());
    }
    match session.stat(tmp)? {
        Some(meta) if meta.size == size => Ok(()),
        found => Err(RemoteError::Transient(format!(
            "the storage took {size} bytes for {tmp} and holds {}",
            found.map_or(0, |meta| meta.size)
        ))
        .into()),
    }
}

fn wrong_size(size: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("there are not exactly {size} bytes"),
    )
}

/// Creates a temporary file. A leftover of that name is removed first where
/// the server does not let it be overwritten.
fn create(session: &mut Session, tmp: &str) -> Result<ssh2::File, RemoteError> {
    let flags = OpenFlags::WRITE | OpenFlags::TRUNCATE;
    match session.open_file(tmp, flags, "writing") {
        Err(error) if !error.is_missing() && !session.is_broken() => {
            if session.remove_file(tmp).is_ok() {
                return session.open_file(tmp, flags, "writing");
            }
            Err(session.explain(error, tmp, 0))
        }
        result => result,
    }
}

fn make_parent(session: &mut Session, path: &str) -> Result<(), RemoteError> {
    parent(path).map_or(Ok(()), |folder| session.mkdir_all(folder))
}

/// Does something below a folder that the session believes to exist; if it
/// is gone, makes it again and tries once more.
fn with_parent<T>(
    session: &mut Session,
    path: &str,
    mut act: impl FnMut(&mut Session) -> Result<T, RemoteError>,
) -> Result<T, RemoteError> {
    match act(session) {
        Err(error) if error.is_missing() => {
            session.forget_folders();
            make_parent(session, path)?;
            act(session)
        }
        result => result,
    }
}

fn buffer_size(size: u64) -> usize {
    // One byte more than an exact fit, to notice what is too long.
    usize::try_from(size.saturating_add(1))
        .unwrap_or(WRITE_BUFFER_BYTES)
        .min(WRITE_BUFFER_BYTES)
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
