//! A certificate that signs itself, for TLS on 127.0.0.1.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// A folder that holds it as `ca.crt`, as skopeo and docker want it.
    pub folder: PathBuf,
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one in this folder.
    ///
    /// # Panics
    /// When openssl is not installed.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let folder = folder.join("certificate");
        std::fs::create_dir(&folder).expect("a new folder");
        let made = Self {
            certificate: folder.join("ca.crt"),
            // Not *.key: with that name it would be a client's.
            key: folder.join("private"),
            folder,
        };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-subj", "/CN=127.0.0.1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&made.certificate)
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{output:?}");
        made
    }
}
