//! Files with secrets: made for their owner alone, and not believed where others may read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

/// What is in the file; none when there is none. Fails when others than its owner may read or write it.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if is_open_to_others(&file.metadata()?) {
        return Err(io::Error::other(
            "others than its owner may read it: chmod 600, or remove it and a new one is made",
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Makes the file, and its folder with it. On the disk when this returns. Fails when there is one already; when it fails otherwise,
/// there is none: half a secret would be taken for one that somebody has spoiled.
pub(crate) fn make(path: &Path, text: &str) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        drop(file);
        let _ = fs::remove_file(path);
        return Err(error);
    }
    // So is its name. Elsewhere than on Unix a folder cannot be opened for that.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(file: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
}

/// Who may read a file is not said by its mode there.
#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_its_owners_alone_and_is_made_once() {
        let folder = std::env::temp_dir().join(format!("urlfetch-secret-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let path = folder.join("deeper").join("secret");
        assert_eq!(read(&path).unwrap(), None);
        make(&path, "a\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read(&path).unwrap().unwrap(), "a\n");
        assert_eq!(
            make(&path, "b\n").unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(read(&path).unwrap().unwrap(), "a\n");
        for open in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let refused = read(&path).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
