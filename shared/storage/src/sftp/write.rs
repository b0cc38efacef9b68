//! Writes files so that an incomplete file never appears under its final name:
//! write to a temporary name, sync, close, check, rename, check.

use std::io::Write as _;

use refity_types::digest::{Digest, Hasher};
use ssh2::OpenFlags;

use super::parent;
use super::session::Session;
use crate::error::{ChangeError, StorageError};
use crate::source::Source;
use crate::storage::{Guard, Placed};

/// Number of bytes handed to libssh2 at once. It sends a whole buffer before it
/// collects the responses, so this is the window. 1 MiB is the fastest near the
/// server and costs little memory.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// Maximum size of a file whose bytes are compared if its size alone is
/// inconclusive: all links have the same size.
const SMALL_BYTES: u64 = 1 << 20;

/// A file to upload.
pub(super) struct Upload<'a> {
    /// Temporary path.
    pub(super) tmp: &'a str,
    /// Final path.
    pub(super) target: &'a str,
    /// Size in bytes.
    pub(super) size: u64,
    /// Digest of the bytes.
    pub(super) digest: &'a Digest,
}

/// Writes a file to its temporary path and renames it over the target. Calls
/// `progress` with the number of bytes written so far.
///
/// # Errors
/// On error, the target is unchanged, and the temporary file is removed if the
/// session still permits it.
pub(super) fn store(
    session: &mut Session,
    upload: &Upload<'_>,
    source: &mut Source,
    progress: &mut dyn FnMut(u64),
    guard: &Guard,
) -> Result<(), ChangeError> {
    let stored = write_and_rename(session, upload, source, progress, guard);
    if stored.is_err() && !session.is_broken() {
        // The sweep deletes the file if this fails.
        let _ = session.remove_file(upload.tmp);
    }
    stored
}

/// Like [`store`], for bytes in memory.
pub(super) fn store_small(
    session: &mut Session,
    tmp: &str,
    target: &str,
    bytes: &[u8],
    guard: &Guard,
) -> Result<(), ChangeError> {
    let digest = Digest::sha256(bytes);
    let upload = Upload {
        tmp,
        target,
        size: bytes.len() as u64,
        digest: &digest,
    };
    let mut source = in_memory(bytes, &digest);
    // Nothing is overwritten before the rename, so there is nothing to guard.
    store(session, &upload, &mut source, &mut |_| {}, guard)
}

/// Writes bytes in memory to a temporary path and renames it to the target
/// unless that exists.
pub(super) fn create_small(
    session: &mut Session,
    tmp: &str,
    target: &str,
    bytes: &[u8],
) -> Result<Placed, StorageError> {
    write_temporary(session, tmp, bytes)?;
    make_parent(session, target)?;
    let placed = place(session, tmp, target, |meta| !meta.is_dir);
    if !matches!(placed, Ok(Placed::New)) && !session.is_broken() {
        let _ = session.remove_file(tmp);
    }
    placed
}

/// Builds a folder of small files under a temporary name and renames it to the
/// target, so that it appears complete. File paths are relative to the folder.
///
/// # Errors
/// On error, the target is unchanged, and the temporary folder is removed if
/// the session still permits it.
pub(super) fn place_folder(
    session: &mut Session,
    tmp_dir: &str,
    files: &[(String, Vec<u8>)],
    target_dir: &str,
) -> Result<Placed, StorageError> {
    let placed = build_and_place(session, tmp_dir, files, target_dir);
    if !matches!(placed, Ok(Placed::New)) && !session.is_broken() {
        // The sweep deletes the folder if this fails.
        let _ = session.remove_tree(tmp_dir);
    }
    placed
}

fn build_and_place(
    session: &mut Session,
    tmp_dir: &str,
    files: &[(String, Vec<u8>)],
    target_dir: &str,
) -> Result<Placed, StorageError> {
    // Remove the leftovers of an earlier attempt.
    session.remove_tree(tmp_dir)?;
    for (path, bytes) in files {
        let path = format!("{tmp_dir}/{path}");
        write_temporary(session, &path, bytes)?;
    }
    if session.stat(target_dir)?.is_some() {
        return Ok(Placed::AlreadyThere);
    }
    make_parent(session, target_dir)?;
    let placed = place(session, tmp_dir, target_dir, |meta| meta.is_dir);
    session.forget_folders();
    placed
}

/// Renames to an unused name. The reported result of a rename is not reliable:
/// only the location of the bytes afterwards is.
fn place(
    session: &mut Session,
    from: &str,
    to: &str,
    is_right: impl Fn(&crate::storage::Meta) -> bool,
) -> Result<Placed, StorageError> {
    let renamed = with_parent(session, to, |session| session.rename_new(from, to));
    if session.is_broken() {
        return Err(unfinished(renamed, to));
    }
    let left = session.stat(from)?;
    match (session.stat(to)?, left) {
        (Some(meta), None) if is_right(&meta) => Ok(Placed::New),
        (Some(_), Some(_)) => Ok(Placed::AlreadyThere),
        _ => Err(unfinished(renamed, to)),
    }
}

/// Writes, syncs and checks a temporary file, and keeps it.
///
/// # Errors
/// On error, an incomplete file may remain.
pub(super) fn write_temporary(
    session: &mut Session,
    tmp: &str,
    bytes: &[u8],
) -> Result<(), StorageError> {
    let digest = Digest::sha256(bytes);
    let mut source = in_memory(bytes, &digest);
    let (size, guard) = (bytes.len() as u64, Guard::always());
    copy_to(session, tmp, size, &mut source, &mut |_| {}, &guard).map_err(ChangeError::into_storage)
}

fn in_memory(bytes: &[u8], digest: &Digest) -> Source {
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    Source::new(source, bytes.len() as u64, digest.clone())
}

fn write_and_rename(
    session: &mut Session,
    upload: &Upload<'_>,
    source: &mut Source,
    progress: &mut dyn FnMut(u64),
    guard: &Guard,
) -> Result<(), ChangeError> {
    let Upload {
        tmp, target, size, ..
    } = *upload;
    let in_one_step = session.extensions()?.posix_rename;
    copy_to(session, tmp, size, source, progress, guard)?;
    make_parent(session, target)?;
    if !in_one_step && holds(session, upload)? {
        session.remove_file(tmp)?;
        return Ok(());
    }
    guard.check()?;
    let renamed = with_parent(session, target, |session| session.rename_over(tmp, target));
    if session.is_broken() {
        return Err(unfinished(renamed, target).into());
    }
    // The reported result of a rename is not reliable. The rename has succeeded
    // if the temporary name is unused and the target has the right size. If the
    // rename failed and the target may be another file of that size, compare
    // the bytes too.
    let compared = !in_one_step || size <= SMALL_BYTES;
    if renamed.is_err() && compared && !holds(session, upload)? {
        return Err(unfinished(renamed, target).into());
    }
    let left = session.stat(tmp)?;
    match session.stat(target)? {
        Some(meta) if left.is_none() && meta.is_file_of(size) => Ok(()),
        _ => Err(unfinished(renamed, target).into()),
    }
}

fn unfinished(renamed: Result<(), StorageError>, target: &str) -> StorageError {
    match renamed {
        Err(error) => error,
        Ok(()) => StorageError::operation(format!(
            "the storage says that it renamed a file to {target}, and it is not there whole"
        )),
    }
}

/// Returns whether the target is a file with these bytes, by reading all of it.
/// Used if a target cannot be replaced atomically.
fn holds(session: &mut Session, upload: &Upload<'_>) -> Result<bool, StorageError> {
    match session.stat(upload.target)? {
        Some(meta) if meta.is_file_of(upload.size) => {}
        _ => return Ok(false),
    }
    let mut reader = super::read::open(session, upload.target)?;
    let mut hasher = Hasher::new(upload.digest.algorithm());
    let mut buffer = vec![0; WRITE_BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finish() == *upload.digest),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn copy_to(
    session: &mut Session,
    tmp: &str,
    size: u64,
    source: &mut Source,
    progress: &mut dyn FnMut(u64),
    guard: &Guard,
) -> Result<(), ChangeError> {
    make_parent(session, tmp)?;
    let mut file = with_parent(session, tmp, |session| create(session, tmp))?;
    let mut buffer = source.buffer(WRITE_BUFFER_BYTES);
    let mut written = 0;
    loop {
        guard.check()?;
        let count = source.fill(&mut buffer)?;
        if count == 0 {
            break;
        }
        if let Err(error) = file.write_all(&buffer[..count]) {
            let error = session.stream_failed(&error, "writing", tmp);
            return Err(session.explain(error, tmp, size - written).into());
        }
        written += count as u64;
        progress(written);
    }
    if let Err(error) = session.fsync(&mut file, tmp) {
        return Err(session.explain(error, tmp, 0).into());
    }
    // Exceeded quotas are often reported here.
    if let Err(error) = file.close() {
        let error = session.failed(&error, "closing", tmp);
        return Err(session.explain(error, tmp, 0).into());
    }
    match session.stat(tmp)? {
        Some(meta) if meta.size == size => Ok(()),
        found => Err(StorageError::shorter(tmp, size, found.map_or(0, |meta| meta.size)).into()),
    }
}

/// Creates a temporary file. If the server does not permit overwriting a
/// leftover of that name, removes it first.
fn create(session: &mut Session, tmp: &str) -> Result<ssh2::File, StorageError> {
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

pub(super) fn make_parent(session: &mut Session, path: &str) -> Result<(), StorageError> {
    parent(path).map_or(Ok(()), |folder| session.mkdir_all(folder))
}

/// Runs an operation below a folder that the session remembers as existing. If
/// the folder is missing, creates it again and retries once.
fn with_parent<T>(
    session: &mut Session,
    path: &str,
    mut act: impl FnMut(&mut Session) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    match act(session) {
        Err(error) if error.is_missing() => {
            session.forget_folders();
            make_parent(session, path)?;
            act(session)
        }
        result => result,
    }
}
