//! The web interface that the gateway serves.

use std::path::PathBuf;

use clap::Args;

use super::Problems;

/// The web interface.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Web interface")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct WebArgs {
    /// Folder with a built web interface to serve in place of the gateway's own: what
    /// `make build` puts into web/dist; it is read at the start [default: none]
    #[arg(long, env)]
    pub ui_dir: Option<PathBuf>,
}

impl WebArgs {
    /// The folder to serve, if one is set.
    ///
    /// # Errors
    /// When it holds no interface.
    pub fn settings(&self) -> Result<Option<PathBuf>, Problems> {
        let mut problems = Problems::default();
        if let Some(folder) = &self.ui_dir {
            let index = folder.join("index.html");
            // Whether it is there, and why not if it cannot be told.
            let wrong = match index.metadata() {
                Ok(found) if found.is_file() => None,
                Ok(_) => Some("it is no file".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = wrong {
                problems.add(format!(
                    "UI_DIR is {}, which has no index.html ({why}): set it to a folder with a built \
                     web interface, or unset it to serve the gateway's own",
                    folder.display()
                ));
            }
        }
        problems.into_result(self.ui_dir.clone())
    }
}
