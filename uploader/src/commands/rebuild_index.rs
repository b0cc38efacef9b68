//! `rebuild-index`: creates a new index after the database was lost.
//!
//! Replays the intents of acknowledged manifests and deletes, and adopts the
//! blobs that the manifests reference: from the spool, by hashing its files, or
//! from SFTP. Gateways and uploaders must be stopped.

mod deletes;
mod on_sftp;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use refity_config::EXIT_CONFIGURATION;
use refity_config::installation::InstallationId;
use refity_config::telemetry;
use refity_node::{DATABASE, Node, spool_holds_data};
use refity_spool::{Intent, IntentAction};
use refity_storage::{check_owner, layout};
use refity_store::{Adopted, NewManifest, PutManifest, Referral, Store};
use refity_types::digest::Digest;
use refity_types::manifest::{Descriptor, MANIFEST_MAX_BYTES, Manifest};
use refity_types::media_type::MediaType;
use refity_types::name::{FileId, IntentId, RepositoryName, Tag};

use crate::config::PlaceArgs;
use crate::service::{Failure, Uploader};
use on_sftp::OnSftp;

/// File name of the new index while it is incomplete.
const DRAFT: &str = "refity.db.rebuilding";

/// Arguments of the command.
#[derive(clap::Args)]
pub struct Args {
    /// Data folder and storage.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Rebuild from the tree on SFTP alone, and take it over with a new installation id
    #[arg(long)]
    pub take_over: bool,
}

/// Runs the command and prints a summary.
///
/// # Errors
/// If a database exists, or reading or writing fails.
pub async fn run(args: Args) -> Result<(), Failure> {
    let storage = args.place.storage_settings().unwrap_or_else(|problems| {
        eprintln!("{problems}");
        std::process::exit(EXIT_CONFIGURATION)
    });
    telemetry::init(&args.place.log.log_level, args.place.log.log_format)
        .map_err(|error| Failure::Other(error.to_string()))?;
    let data_dir = args.place.data.data_dir.as_path();
    if data_dir.join(DATABASE).exists() {
        return Err(Failure::Other(format!(
            "{} exists: to rebuild it, stop all gateways and uploaders and move it away with its \
             -wal and -shm files",
            data_dir.join(DATABASE).display()
        )));
    }
    refuse_leftovers(data_dir)?;
    let known =
        InstallationId::load(data_dir).map_err(|error| Failure::Other(error.to_string()))?;
    if known.is_none() && !args.take_over && !spool_holds_data(data_dir) {
        return Err(Failure::Other(format!(
            "{} contains neither an installation id nor a spool. Set DATA_DIR to the folder of the \
             lost database; if only the tree on SFTP is left, add --take-over",
            data_dir.display()
        )));
    }
    // The index gets its final name when it is complete. Until then, other
    // processes refuse to start.
    let draft = data_dir.join(DRAFT);
    remove_database(&draft)?;
    let node = Node::open_with(data_dir, "rebuild-index", &draft).await?;
    let take_over = known.is_none() || args.take_over;
    let uploader = Uploader::new(node, &args.place, storage, take_over)?;
    let refused = rebuild(uploader).await?;
    Store::checkpoint(&draft).await?;
    std::fs::rename(&draft, data_dir.join(DATABASE))?;
    remove_database(&draft)?;
    println!(
        "the index is made anew. Images that were on SFTP already, and not pushed again, are not \
         in it yet"
    );
    if refused > 0 {
        return Err(Failure::Other(format!(
            "{refused} acknowledged manifests lack blobs: push them again"
        )));
    }
    println!("start gateway and uploader: what is not on SFTP yet goes there now");
    Ok(())
}

/// Fills the new index. Returns the number of manifests that could not be
/// replayed.
async fn rebuild(uploader: Uploader) -> Result<usize, Failure> {
    own_tree(&uploader).await?;
    let mut rebuild = Rebuild {
        in_spool: hash_spool(&uploader).await?,
        uploader,
        adopted: HashSet::new(),
        on_sftp: OnSftp::default(),
    };
    rebuild.adopt_groups().await?;
    let refused = rebuild.replay_intents().await?;
    let store = &rebuild.uploader.node.store;
    store.assume_earlier_runs_of_tags().await?;
    store.links_wait_for_tags().await?;
    rebuild.note_what_is_unknown().await?;
    Ok(refused)
}

/// Removes a database and its auxiliary files, if they exist.
fn remove_database(path: &Path) -> Result<(), Failure> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(Path::new(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// SQLite would apply a write-ahead log without its database to the new one.
fn refuse_leftovers(data_dir: &Path) -> Result<(), Failure> {
    for suffix in ["-wal", "-shm"] {
        let path = data_dir.join(format!("{DATABASE}{suffix}"));
        if path.exists() {
            return Err(Failure::Other(format!(
                "{} belongs to the lost database: move it away first",
                path.display()
            )));
        }
    }
    Ok(())
}

async fn own_tree(uploader: &Uploader) -> Result<(), Failure> {
    let (storage, installation) = (&*uploader.storage, uploader.node.installation);
    let state = check_owner(storage, installation, uploader.take_over).await?;
    println!(
        "the tree on SFTP: {state:?} (installation {})",
        uploader.node.installation
    );
    Ok(())
}

/// Hashes all files of the spool.
async fn hash_spool(uploader: &Uploader) -> Result<HashMap<Digest, (FileId, u64)>, Failure> {
    use refity_types::digest::Algorithm;
    let spool = &uploader.node.spool;
    let files = spool.list_files().await?;
    println!("hashing {} files of the spool", files.len());
    let mut digests = HashMap::new();
    for found in files {
        let algorithms = [Algorithm::Sha256, Algorithm::Sha512];
        for digest in spool.hash_file_by(found.file, algorithms).await? {
            digests.insert(digest, (found.file, found.size));
        }
    }
    Ok(digests)
}

struct Rebuild {
    uploader: Uploader,
    in_spool: HashMap<Digest, (FileId, u64)>,
    /// Manifests that are already in the new index.
    adopted: HashSet<(RepositoryName, Digest)>,
    on_sftp: OnSftp,
}

impl Rebuild {
    /// Adopts the groups that have a marker on SFTP.
    async fn adopt_groups(&mut self) -> Result<(), Failure> {
        let listing = self.uploader.storage.list(&layout::groups()).await?;
        let entries = listing.all().await?;
        for name in entries
            .iter()
            .filter_map(|entry| entry.name.as_str().parse().ok())
        {
            self.uploader.node.store.create_group(&name).await?;
        }
        Ok(())
    }

    /// Records whether SFTP holds content that the index does not know: such
    /// content cannot be distinguished from garbage.
    async fn note_what_is_unknown(&mut self) -> Result<(), Failure> {
        let storage = &self.uploader.storage;
        let listing = storage.list(&layout::repositories()).await?;
        if !listing.all().await?.is_empty() {
            self.uploader.node.store.note_partial_index().await?;
        }
        Ok(())
    }

    /// Replays all intents. Returns the number of manifests that could not be
    /// replayed.
    async fn replay_intents(&mut self) -> Result<usize, Failure> {
        let spool = self.uploader.node.spool.clone();
        let mut intents = Vec::new();
        for (id, _) in spool.list_intents().await? {
            match spool.read_intent(id).await? {
                Some(intent) => intents.push((id, intent)),
                None => println!("intent {id} is torn: it was never acknowledged"),
            }
        }
        // An index references manifests that were pushed before it.
        intents.sort_by_key(|(_, intent)| intent.generation);
        let (mut replayed, mut deleted, mut refused) = (0, 0, 0_usize);
        for (id, intent) in intents {
            let Intent {
                generation,
                repository,
                action,
            } = intent;
            match action {
                IntentAction::Delete { deletion } => {
                    deletes::replay(self, id, repository, deletion, generation).await?;
                    deleted += 1;
                }
                IntentAction::Put {
                    media_type,
                    digest,
                    tags,
                    manifest,
                } => {
                    let new = NewManifest {
                        intent: id,
                        ..bare(
                            &repository,
                            &digest,
                            &media_type,
                            manifest,
                            tags,
                            generation,
                        )
                    };
                    match self.replay(new).await {
                        Ok(()) => replayed += 1,
                        Err(failure) => {
                            refused += 1;
                            println!("not replayed: {repository}@{digest}: {failure}");
                        }
                    }
                }
            }
        }
        println!(
            "{replayed} manifests and {deleted} deletes replayed, {refused} not; their intents \
             stay in the spool"
        );
        Ok(refused)
    }

    /// Stores a manifest in the index after determining its references.
    async fn replay(&mut self, new: NewManifest) -> Result<(), Failure> {
        let manifest = self.parse(&new.bytes, &new.media_type)?;
        let named = self.adopt_named(&new.repository, &manifest, new.generation);
        let needed = named.await?;
        self.put(NewManifest {
            media_type: manifest.media_type.clone(),
            blobs: needed.blobs,
            optional_blobs: needed.optional_blobs,
            manifests: needed.manifests,
            referral: Referral::of(&manifest),
            ..new
        })
        .await
    }

    async fn put(&mut self, new: NewManifest) -> Result<(), Failure> {
        let key = (new.repository.clone(), new.digest.clone());
        let store = &self.uploader.node.store;
        store.create_group(&new.repository.group()).await?;
        match self.uploader.node.store.replay_manifest(new).await? {
            PutManifest::Put { .. } => {
                self.adopted.insert(key);
                Ok(())
            }
            PutManifest::Missing(missing) => Err(Failure::Other(format!("it lacks {missing:?}"))),
            other => Err(Failure::Other(format!("{other:?}"))),
        }
    }

    fn parse(&self, bytes: &[u8], media_type: &MediaType) -> Result<Manifest, Failure> {
        Manifest::parse(bytes, Some(media_type)).map_err(|error| Failure::Other(error.to_string()))
    }

    /// Adopts the blobs that a manifest references. Its child manifests were
    /// already replayed, or are taken from SFTP.
    async fn adopt_named(
        &mut self,
        repository: &RepositoryName,
        manifest: &Manifest,
        generation: i64,
    ) -> Result<Named, Failure> {
        let named = Named {
            blobs: digests(&manifest.required_blobs()),
            optional_blobs: digests(&manifest.optional_blobs()),
            manifests: digests(&manifest.required_manifests()),
        };
        for blob in manifest.required_blobs() {
            self.adopt_blob(repository, &blob.digest, blob.size, generation)
                .await?;
        }
        for blob in manifest.optional_blobs() {
            // This blob may be missing.
            let _ = self
                .adopt_blob(repository, &blob.digest, blob.size, generation)
                .await;
        }
        for child in manifest.required_manifests() {
            let known = (repository.clone(), child.digest.clone());
            if !self.adopted.contains(&known) {
                self.adopt_published(repository, &child.digest, generation)
                    .await?;
            }
        }
        Ok(named)
    }

    /// Adopts a blob from the spool or from SFTP. It gets the generation of the
    /// manifest that references it, so that a later delete is newer.
    async fn adopt_blob(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
        generation: i64,
    ) -> Result<(), Failure> {
        let (size, found) = match self.in_spool.get(digest) {
            Some(&(file, size)) => (size, Adopted::Spool(file)),
            None => {
                let found = self.uploader.storage.stat(&layout::blob(digest)).await?;
                match found {
                    Some(meta) if meta.is_file_of(size) => (size, Adopted::Remote),
                    _ => {
                        return Err(Failure::Other(format!(
                            "{digest} is neither in the spool nor on SFTP"
                        )));
                    }
                }
            }
        };
        let store = &self.uploader.node.store;
        store
            .adopt_blob(repository, digest, size, found, generation)
            .await?;
        Ok(())
    }

    /// Adopts a manifest from SFTP, whose intent is already completed. It gets
    /// the generation of the object that references it, so that a later delete
    /// is newer.
    async fn adopt_published(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
        generation: i64,
    ) -> Result<(), Failure> {
        let (storage, path) = (&self.uploader.storage, layout::blob(digest));
        let bytes = storage.read_small(&path, MANIFEST_MAX_BYTES).await?;
        if Digest::of(digest.algorithm(), &bytes) != *digest {
            return Err(Failure::Other(format!("{digest} is damaged on SFTP")));
        }
        let manifest = Manifest::parse(&bytes, None);
        let media_type = manifest.map_err(|error| Failure::Other(error.to_string()))?;
        let (media_type, tags) = (media_type.media_type, Vec::new());
        let new = bare(
            repository,
            digest,
            &media_type,
            bytes.into(),
            tags,
            generation,
        );
        // An index can contain indexes.
        Box::pin(self.replay(new)).await
    }
}

/// Creates a manifest whose references are not determined yet.
fn bare(
    repository: &RepositoryName,
    digest: &Digest,
    media_type: &MediaType,
    bytes: Bytes,
    tags: Vec<Tag>,
    generation: i64,
) -> NewManifest {
    NewManifest {
        repository: repository.clone(),
        digest: digest.clone(),
        media_type: media_type.clone(),
        bytes,
        platform: None,
        blobs: Vec::new(),
        optional_blobs: Vec::new(),
        manifests: Vec::new(),
        referral: None,
        tags,
        generation,
        intent: IntentId::random(),
        user: None,
    }
}

fn digests(descriptors: &[&Descriptor]) -> Vec<Digest> {
    descriptors.iter().map(|d| d.digest.clone()).collect()
}

/// The references of a manifest.
struct Named {
    blobs: Vec<Digest>,
    optional_blobs: Vec<Digest>,
    manifests: Vec<Digest>,
}
