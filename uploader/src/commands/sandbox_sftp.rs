//! (in the making)
/// Arguments.
#[derive(clap::Args)]
pub struct Args {}
/// Runs.
/// # Errors
/// Never.
pub async fn run(_: Args) -> Result<(), std::io::Error> {
    Ok(())
}
