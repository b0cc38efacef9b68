//! The files of the web interface: those built into this program, or those of a
//! folder, which is read once.

pub(crate) mod asset;
pub(crate) mod preference;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rust_embed::RustEmbed;

use asset::{Asset, CSS, Coding, HTML, JAVASCRIPT};

/// The page that shows all other pages.
const INDEX: &str = "/index.html";

/// The maximum size of a folder's files: 64 MiB. A larger folder is not a web
/// interface.
const FOLDER_MAX: u64 = 64 << 20;

/// The output of `npm run build`, if it was run.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UiError {
    /// The folder or one of its files cannot be read.
    #[error("UI_DIR: {path} cannot be read: {source}")]
    Unreadable {
        /// The path that cannot be read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The folder is not the output of `npm run build`.
    #[error(
        "UI_DIR: {0} has no index.html: set it to a folder that `make build` made, or unset it"
    )]
    NoIndex(PathBuf),
    /// The folder is too large.
    #[error(
        "UI_DIR: {0} holds more than 64 MiB: set it to a folder with nothing but the interface"
    )]
    TooLarge(PathBuf),
}

/// The files of the web interface.
#[derive(Debug)]
pub(crate) struct Ui {
    index: Asset,
    /// By path, with a leading slash.
    files: BTreeMap<String, Asset>,
}

impl Ui {
    /// Returns the built-in interface, or a page that says that none was built
    /// in.
    pub(crate) fn built_in() -> Self {
        let files = Built::iter().filter_map(|name| {
            let file = Built::get(&name)?;
            let hidden = name.split('/').any(is_hidden);
            let bytes = match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => bytes.into(),
            };
            (!hidden).then(|| (format!("/{name}"), bytes))
        });
        Self::of(&files.collect()).unwrap_or_else(Self::placeholder)
    }

    /// Reads the interface in this folder. Blocking.
    ///
    /// # Errors
    /// See [`UiError`].
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, UiError> {
        let mut files = BTreeMap::new();
        let mut left = FOLDER_MAX;
        read(folder, "", &mut files, &mut left)?;
        Self::of(&files).ok_or_else(|| UiError::NoIndex(folder.to_owned()))
    }

    /// Returns the page that shows all other pages.
    pub(crate) fn index(&self) -> &Asset {
        &self.index
    }

    /// Returns the file at this path.
    pub(crate) fn file(&self, path: &str) -> Option<&Asset> {
        self.files.get(path)
    }

    fn placeholder() -> Self {
        let index = include_bytes!("placeholder/index.html").as_slice();
        let style = include_bytes!("placeholder/style.css").as_slice();
        let style = Asset::of(CSS, style.into());
        Self {
            index: Asset::of(HTML, index.into()),
            files: BTreeMap::from([("/style.css".to_owned(), style)]),
        }
    }

    /// Creates an interface from these files, if they include an index. A
    /// compressed file is another form of the file with the same name.
    fn of(files: &BTreeMap<String, Bytes>) -> Option<Self> {
        let is_form = |path: &str| {
            let mut plain = Coding::ALL
                .iter()
                .filter_map(|it| path.strip_suffix(it.suffix()));
            plain.any(|path| files.contains_key(path))
        };
        let assets = files.iter().filter(|(path, _)| !is_form(path));
        let assets = assets.map(|(path, bytes)| {
            let plain = Asset::of(media_type(path), bytes.clone());
            let asset = Coding::ALL.into_iter().fold(plain, |asset, coding| {
                match files.get(&format!("{path}{}", coding.suffix())) {
                    Some(bytes) => asset.or(coding, bytes.clone()),
                    None => asset,
                }
            });
            (path.clone(), asset)
        });
        let files: BTreeMap<_, _> = assets.collect();
        Some(Self {
            index: files.get(INDEX)?.clone(),
            files,
        })
    }
}

/// Hidden files are not served.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// Reads a folder recursively, under this path prefix. Links to folders are
/// ignored.
fn read(
    folder: &Path,
    below: &str,
    files: &mut BTreeMap<String, Bytes>,
    left: &mut u64,
) -> Result<(), UiError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        |source| UiError::Unreadable { path, source }
    };
    for entry in folder.read_dir().map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        let name = entry.file_name();
        // URL paths are text.
        let Some(name) = name.to_str().filter(|name| !is_hidden(name)) else {
            continue;
        };
        let (at, path) = (entry.path(), format!("{below}/{name}"));
        if entry.file_type().map_err(unreadable(&at))?.is_dir() {
            read(&at, &path, files, left)?;
        } else if at.is_file() {
            let length = at.metadata().map_err(unreadable(&at))?.len();
            let rest = left.checked_sub(length);
            *left = rest.ok_or_else(|| UiError::TooLarge(folder.to_owned()))?;
            let bytes = std::fs::read(&at).map_err(unreadable(&at))?;
            files.insert(path, bytes.into());
        }
    }
    Ok(())
}

/// Returns the media type for a file name.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => HTML,
        Some("css") => CSS,
        Some("js" | "mjs") => JAVASCRIPT,
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/vnd.microsoft.icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&'static str]) -> BTreeMap<String, Bytes> {
        let bytes = |name: &'static str| Bytes::from_static(name.as_bytes());
        let files = names.iter().map(|name| ((*name).to_owned(), bytes(name)));
        files.collect()
    }

    #[test]
    fn an_interface_has_an_index() {
        assert!(Ui::of(&files(&["/theme.js", "/below/index.html"])).is_none());
        let ui = Ui::of(&files(&["/index.html", "/index.html.br", "/a.tar.gz"])).unwrap();
        // A compressed file without an uncompressed one is a file of its own.
        assert!(ui.file("/a.tar.gz").is_some());
        assert!(ui.file("/index.html").is_some());
        assert!(ui.file("/index.html.br").is_none());
    }

    #[test]
    fn without_a_built_in_interface_a_page_explains_how_to_build_it() {
        let page = include_str!("placeholder/index.html");
        assert!(page.contains("<code>make build</code>"));
        let linked = page.split("href=\"").skip(1);
        let linked: Vec<&str> = linked.filter_map(|it| it.split('"').next()).collect();
        assert!(linked.contains(&"/style.css"), "{linked:?}");
        assert!(Ui::placeholder().file("/style.css").is_some());
    }
}
