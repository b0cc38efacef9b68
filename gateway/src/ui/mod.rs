//! The files of the web interface: those that were built into this program, or
//! those of a folder, which is read once.

pub(crate) mod asset;
pub(crate) mod preference;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rust_embed::RustEmbed;

use asset::{Asset, CSS, Coding, HTML, JAVASCRIPT};

/// Its first file, which shows all its pages.
const INDEX: &str = "/index.html";

/// The most bytes that a folder's files may have: 64 MiB. What has more is
/// some other folder.
const FOLDER_MAX: u64 = 64 << 20;

/// What `npm run build` made, if it did.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UiError {
    /// It, or what is in it, cannot be read.
    #[error("UI_DIR: {path} cannot be read: {source}")]
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what `npm run build` makes.
    #[error(
        "UI_DIR: {0} has no index.html: set it to a folder that `make build` made, or unset it"
    )]
    NoIndex(PathBuf),
    /// It is much more.
    #[error(
        "UI_DIR: {0} holds more than 64 MiB: set it to a folder with nothing but the interface"
    )]
    TooLarge(PathBuf),
}

/// The files of the web interface.
#[derive(Debug)]
pub(crate) struct Ui {
    index: Asset,
    /// By path, which begins with a slash.
    files: BTreeMap<String, Asset>,
}

impl Ui {
    /// What was built into this program; or a page that says that nothing was.
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

    /// What is in this folder. Blocking.
    ///
    /// # Errors
    /// See [`UiError`].
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, UiError> {
        let mut files = BTreeMap::new();
        let mut left = FOLDER_MAX;
        read(folder, "", &mut files, &mut left)?;
        Self::of(&files).ok_or_else(|| UiError::NoIndex(folder.to_owned()))
    }

    /// The file that shows all pages.
    pub(crate) fn index(&self) -> &Asset {
        &self.index
    }

    /// The file at this path.
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

    /// An interface of these files, if an index is among them. A compressed
    /// one is another form of the one beside it.
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

/// What its maker notes for itself is nobody's business.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// Reads what is in a folder and below, under these paths. Folders that are
/// links lead elsewhere.
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
        // Paths of a URL are text.
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

/// What a file of this name holds.
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
        // Nothing is compressed there that could be had otherwise.
        assert!(ui.file("/a.tar.gz").is_some());
        assert!(ui.file("/index.html").is_some());
        assert!(ui.file("/index.html.br").is_none());
    }

    #[test]
    fn where_none_is_built_in_a_page_says_how_to_build_it() {
        let page = include_str!("placeholder/index.html");
        assert!(page.contains("<code>make build</code>"));
        let linked = page.split("href=\"").skip(1);
        let linked: Vec<&str> = linked.filter_map(|it| it.split('"').next()).collect();
        assert!(linked.contains(&"/style.css"), "{linked:?}");
        assert!(Ui::placeholder().file("/style.css").is_some());
    }
}
