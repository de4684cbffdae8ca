//! A folder of a test's own.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder among the temporary files. Removed when dropped, with what is in it.
pub(crate) struct Folder {
    path: PathBuf,
    to_be_emptied: bool,
}

impl Folder {
    /// `name` is one that no other test of the same file has.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("rawipc-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self {
            path,
            to_be_emptied: false,
        }
    }

    /// One in which the test leaves nothing, which is asserted.
    pub(crate) fn to_be_emptied(name: &str) -> Self {
        let mut folder = Self::new(name);
        folder.to_be_emptied = true;
        folder
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// A file with these permissions, to be executed.
    pub(crate) fn program(&self, name: &str, mode: u32, content: &[u8]) -> CString {
        let path = self.file(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        CString::new(path.as_os_str().as_bytes()).expect("no NUL")
    }
}

impl core::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.to_be_emptied && !std::thread::panicking() {
            fs::remove_dir(&self.path).expect("nothing is left in the folder");
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
