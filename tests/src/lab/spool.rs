//! What a test looks at in the lab's spool.

use std::path::PathBuf;

use super::Lab;

impl Lab {
    /// The files of uploads and blobs in the spool.
    ///
    /// # Panics
    /// When the spool's folders cannot be read.
    #[must_use]
    pub fn spool_files(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.data_dir().join("spool/files"));
        let folders = folders.expect("the spool's folders").flatten();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()));
        files.flatten().flatten().map(|file| file.path()).collect()
    }

    /// Bytes in all files of the spool.
    #[must_use]
    pub fn spool_bytes(&self) -> u64 {
        let files = self.spool_files();
        let sizes = files.iter().filter_map(|file| file.metadata().ok());
        sizes.map(|meta| meta.len()).sum()
    }

    /// Makes all blobs cold: stops everything, empties the spool, and starts
    /// it again. What SFTP does not hold yet is waited for before.
    pub async fn make_cold(&self) {
        self.wait_until_stored().await;
        self.stop_all().await;
        self.empty_spool();
        self.start_all().await;
    }
}
