//! The web interface that the gateway serves.

use std::path::PathBuf;

use clap::Args;

use super::Problems;

/// The arguments of the web interface.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Web interface")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct WebArgs {
    /// Serve the web interface in this folder (such as web/dist after `make build`)
    /// instead of the built-in one; read at startup [default: none]
    #[arg(long, env)]
    pub ui_dir: Option<PathBuf>,
}

impl WebArgs {
    /// Returns the folder to serve, if one is set.
    ///
    /// # Errors
    /// If the folder has no `index.html`.
    pub fn settings(&self) -> Result<Option<PathBuf>, Problems> {
        let mut problems = Problems::default();
        if let Some(folder) = &self.ui_dir {
            let index = folder.join("index.html");
            let wrong = match index.metadata() {
                Ok(found) if found.is_file() => None,
                Ok(_) => Some("not a file".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = wrong {
                problems.add(format!(
                    "UI_DIR is {}, which has no index.html ({why}): set it to a folder with a built \
                     web interface, or unset it to serve the built-in one",
                    folder.display()
                ));
            }
        }
        problems.into_result(self.ui_dir.clone())
    }
}
