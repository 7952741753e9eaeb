//! Generated files in a working tree: written, or compared with the existing ones.

use crate::file::{Error, File, MARK, read};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes what is out of date below `root` and removes what is no longer generated; returns the paths of both.
pub fn write(root: &Path, files: &[File]) -> Result<Vec<String>, Error> {
    let mut changed = Vec::new();
    for file in files.iter().filter(|file| !is_there(root, file)) {
        put(&root.join(&file.path), file).map_err(|error| Error::File(file.path.clone(), error))?;
        changed.push(file.path.clone());
    }
    for path in left_over(root, files)? {
        fs::remove_file(root.join(&path)).map_err(|error| Error::File(path.clone(), error))?;
        changed.push(path);
    }
    Ok(changed)
}

/// What [`write()`] would change, and why.
pub fn drifted(root: &Path, files: &[File]) -> Result<Vec<String>, Error> {
    let changed = files.iter().filter(|file| !is_there(root, file));
    let mut drifted: Vec<_> =
        changed.map(|file| format!("{} is not what the source makes", file.path)).collect();
    drifted.extend(left_over(root, files)?.iter().map(|path| format!("{path} is not made any more")));
    Ok(drifted)
}

fn put(path: &Path, file: &File) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, &file.text)?;
    fs::set_permissions(path, Permissions::from_mode(file.mode()))
}

/// Whether the file has its text, and is executable if it should be.
fn is_there(root: &Path, file: &File) -> bool {
    let mode = fs::metadata(root.join(&file.path)).map(|metadata| metadata.permissions().mode());
    let is_program = |mode: u32| mode & 0o111 != 0;
    mode.is_ok_and(|mode| is_program(mode) == is_program(file.mode()))
        && read(root, &file.path).is_ok_and(|text| text == file.text)
}

/// Files beside the generated ones that claim to be generated but are not among them.
fn left_over(root: &Path, files: &[File]) -> Result<Vec<String>, Error> {
    let made: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    let folders: BTreeSet<_> =
        made.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let mut left = Vec::new();
    for folder in folders {
        let entries = match fs::read_dir(root.join(folder)) {
            Ok(entries) => entries,
            // All its files are missing, and each is reported by itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::File(folder.to_owned(), error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::File(folder.to_owned(), error))?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let is_marked = || fs::read_to_string(entry.path()).is_ok_and(|text| text.contains(MARK));
            if !made.contains(path.as_str()) && is_marked() {
                left.push(path);
            }
        }
    }
    left.sort();
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File::new(path, text.to_owned())
    }

    #[test]
    fn every_kind_of_drift_is_told_and_mended() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let marked = format!("# Written {MARK}\n");
        let files = [file("a/page", &marked), file("b/program", "#!/bin/sh\n"), file("b/data", "1\n")];
        assert_eq!(drifted(root, &files).unwrap().len(), 3, "nothing is there yet");
        assert_eq!(write(root, &files).unwrap(), ["a/page", "b/program", "b/data"]);
        assert_eq!(drifted(root, &files).unwrap(), [""; 0]);
        assert_eq!(write(root, &files).unwrap(), [""; 0], "nothing is touched twice");

        fs::write(root.join("a/page"), "edited\n").unwrap();
        fs::set_permissions(root.join("b/program"), Permissions::from_mode(0o644)).unwrap();
        fs::remove_file(root.join("b/data")).unwrap();
        fs::write(root.join("a/older"), &marked).unwrap();
        fs::write(root.join("a/by-hand"), "ours\n").unwrap();
        fs::write(root.join("a/picture"), [0xff, 0xd8]).unwrap();
        assert_eq!(
            drifted(root, &files).unwrap(),
            [
                "a/page is not what the source makes",
                "b/program is not what the source makes",
                "b/data is not what the source makes",
                "a/older is not made any more",
            ]
        );
        assert_eq!(write(root, &files).unwrap(), ["a/page", "b/program", "b/data", "a/older"]);
        assert_eq!(drifted(root, &files).unwrap(), [""; 0]);
        assert!(root.join("a/by-hand").exists() && root.join("a/picture").exists());
    }
}
