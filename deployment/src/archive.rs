//! Zip archives whose bytes depend on their contents alone.

use std::io::{Cursor, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Why an archive could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A file that should go into the archive could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file's name is not Unicode, which a zip archive read elsewhere would garble.
    #[error("the name of {} is not Unicode", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The archive could not be written.
    #[error("cannot write the archive")]
    Write(#[source] zip::result::ZipError),
}

impl From<zip::result::ZipError> for ArchiveError {
    fn from(source: zip::result::ZipError) -> Self {
        Self::Write(source)
    }
}

/// An archive in memory that grows entry by entry.
struct Archive {
    writer: ZipWriter<Cursor<Vec<u8>>>,
}

impl Archive {
    fn new() -> Self {
        Self { writer: ZipWriter::new(Cursor::new(Vec::new())) }
    }

    fn add(&mut self, name: &str, content: &[u8], executable: bool) -> Result<(), ArchiveError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // The zip format's own epoch, 1980-01-01: a build time would give every build another content hash.
            .last_modified_time(DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        self.writer.start_file(name, options)?;
        self.writer.write_all(content).map_err(|source| ArchiveError::Write(source.into()))
    }

    fn finish(self) -> Result<Vec<u8>, ArchiveError> {
        Ok(self.writer.finish()?.into_inner())
    }
}

/// Zips one executable under `name`; `comment` becomes the archive's comment.
pub(crate) fn executable(name: &str, content: &[u8], comment: &str) -> Result<Vec<u8>, ArchiveError> {
    let mut archive = Archive::new();
    archive.writer.set_comment(comment)?;
    archive.add(name, content, true)?;
    archive.finish()
}

/// The comment of the archive in `bytes`; `None` when it is no archive.
pub(crate) fn comment(bytes: &[u8]) -> Option<String> {
    let archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    String::from_utf8(archive.comment().to_vec()).ok()
}

/// Zips the files below `folder` in the order of their names, following symbolic links.
pub(crate) fn folder(folder: &Path) -> Result<Vec<u8>, ArchiveError> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let mut archive = Archive::new();
    for (name, path) in files {
        let failed = |source| ArchiveError::Read { path: path.clone(), source };
        let mut file = std::fs::File::open(&path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(failed)?;
        archive.add(&name, &content, mode & 0o111 != 0)?;
    }
    archive.finish()
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Read { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name().into_string().map_err(|name| ArchiveError::Name { path: folder.join(name) })?;
        let name = format!("{prefix}{name}");
        let metadata = std::fs::metadata(&path).map_err(|source| ArchiveError::Read { path: path.clone(), source })?;
        if metadata.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.push((name, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_zips_to_the_same_bytes_with_its_executables_kept() {
        let make = |names: &[&str]| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::create_dir(folder.path().join("lib")).expect("a folder");
            for name in names {
                std::fs::write(folder.path().join(name), name).expect("a file");
            }
            std::fs::set_permissions(folder.path().join("run"), std::fs::Permissions::from_mode(0o700))
                .expect("permissions");
            super::folder(folder.path()).expect("an archive")
        };
        let first = make(&["run", "lib/a", "lib/b"]);
        let second = make(&["lib/b", "run", "lib/a"]);
        assert_eq!(first, second);

        let mut archive = ZipArchive::new(Cursor::new(first)).expect("an archive");
        let entries: Vec<_> = (0..archive.len())
            .map(|index| {
                let entry = archive.by_index(index).expect("an entry");
                (entry.name().expect("a name").into_owned(), entry.unix_mode().map(|mode| mode & 0o777))
            })
            .collect();
        assert_eq!(
            entries,
            [("lib/a".to_owned(), Some(0o644)), ("lib/b".to_owned(), Some(0o644)), ("run".to_owned(), Some(0o755)),]
        );
    }

    #[test]
    fn the_comment_is_read_back() {
        let bytes = executable("bootstrap", b"binary", "what it holds").expect("an archive");
        assert_eq!(comment(&bytes).as_deref(), Some("what it holds"));
        assert_eq!(comment(b"no archive"), None);
    }
}
