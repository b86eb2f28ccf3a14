//! Where operations come from: the files embedded in the binary, and a folder that replaces or adds to them.

use include_dir::{Dir, include_dir};
use std::{fs, io, path::Path, path::PathBuf};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config/operations");

/// The directives that operations are annotated with.
pub(super) const DIRECTIVES: &str = include_str!("../../config/directives.graphql");

/// One file of operations. Its name without the ending is the resource, which becomes the OpenAPI tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name that diagnostics show, `config/operations/users.graphql`.
    pub path: String,
    /// The GraphQL text.
    pub text: String,
}

/// A folder of operations that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read operations from {}: {source}", path.display())]
pub struct UnreadableOperations {
    path: PathBuf,
    source: io::Error,
}

impl SourceFile {
    /// The resource that the file's operations belong to: `workspace-users`.
    #[must_use]
    pub fn resource(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.strip_suffix(".graphql").unwrap_or(name)
    }
}

/// The operations that ship with the gateway, in alphabetical order of their files.
#[must_use]
pub fn embedded() -> Vec<SourceFile> {
    let mut files: Vec<_> = EMBEDDED
        .files()
        .filter_map(|file| {
            let name = file.path().file_name()?.to_str()?;
            Some(SourceFile { path: format!("config/operations/{name}"), text: file.contents_utf8()?.to_owned() })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The embedded operations, overlaid by the `.graphql` files of `folder`: a file replaces the embedded one of the same
/// name, any other adds its operations.
///
/// # Errors
/// If the folder or one of its files cannot be read.
pub fn overlaid(folder: &Path) -> Result<Vec<SourceFile>, UnreadableOperations> {
    let unreadable = |source| UnreadableOperations { path: folder.to_owned(), source };
    let mut files = embedded();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|ending| ending != "graphql") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let own = SourceFile { path: path.display().to_string(), text };
        files.retain(|each| each.resource() != own.resource());
        files.push(own);
    }
    files.sort_by(|a, b| a.resource().cmp(b.resource()));
    Ok(files)
}
