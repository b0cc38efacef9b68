//! `gc`: collects garbage now, or previews a collection.

use refity_config::telemetry;
use refity_config::{CollectionArgs, DataArgs, LogArgs};
use refity_node::Node;
use refity_store::Collected;

use crate::collect;
use crate::service::Failure;

/// Arguments of the command.
#[derive(clap::Args)]
pub struct Args {
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Garbage collection rules.
    #[command(flatten)]
    pub collection: CollectionArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
    /// Print what would be collected without collecting it
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command and prints a line for each collected object.
///
/// # Errors
/// If the database or the storage is unavailable.
pub async fn run(args: Args) -> Result<(), Failure> {
    telemetry::init(&args.log.log_level, args.log.log_format)
        .map_err(|error| Failure::Other(error.to_string()))?;
    let node = Node::open(&args.data.data_dir, "gc").await?;
    let rules = args.collection.rules();
    let collected = node.store.collect(rules, args.dry_run, print).await?;
    let all = collected.done();
    let all = all.map_err(|words| Failure::Other(words.to_owned()))?;
    println!(
        "{} manifests, {} links to blobs, and {} blobs of {} bytes {}",
        all.manifests,
        all.links,
        all.blobs,
        all.bytes,
        if args.dry_run {
            "would be collected"
        } else {
            "are collected: the uploaders move them to the trash, which is emptied after a day"
        }
    );
    if !args.dry_run {
        collect::note(&node.store, &all, "by the command gc").await?;
    }
    node.wake_uploaders();
    Ok(())
}

fn print(collected: Collected) {
    match collected {
        Collected::Manifest(repository, digest) => println!("manifest {repository} {digest}"),
        Collected::Link(repository, digest) => println!("link {repository} {digest}"),
        Collected::Bytes(digest, bytes) => println!("bytes {digest} {bytes}"),
    }
}
