//! The keys by which an application knows its own tasks: made beside the file of tasks, and given to the application as a variable.
//!
//! The server signs and checks nothing by them: the application's library does.

use super::{secret_file, token};
use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Keys of the envelope that the library of a deferring application makes and checks: see the crate `urlfetch-deferred`. They are not
/// shown by `{:?}`. Cheap to clone; clones are the same keys.
#[derive(Clone)]
pub struct DeferredKeys {
    file: PathBuf,
    /// The value of the variable.
    text: String,
    /// Set when the file has them.
    kept: Arc<OnceCell<()>>,
}

impl DeferredKeys {
    /// The variable by which an application is given them.
    pub const VARIABLE: &str = "URLFETCH_DEFERRED_KEYS";

    /// The keys in this file, a `KID:KEY` on each line: the first signs, all check. KID is 1 to 32 of `A-Z a-z 0-9 _ -`, KEY are 64
    /// hexadecimal digits. Where there is no file a new key is made, which is written there, readable by its owner only, before the
    /// first task is taken: see [`Tasks::with_keys`](super::Tasks::with_keys).
    ///
    /// Fails when others than its owner may read the file, and when it has something else.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let found = secret_file::read(path)?;
        let is_kept = found.is_some();
        let text = match found {
            Some(text) => parse(&text).ok_or_else(|| {
                io::Error::other(
                    "has no keys: KID:KEY on each line, each KEY 64 hexadecimal digits and each KID another",
                )
            })?,
            None => new_key().ok_or_else(|| io::Error::other("there is no randomness"))?,
        };
        Ok(DeferredKeys {
            file: path.to_owned(),
            text,
            kept: Arc::new(OnceCell::new_with(is_kept.then_some(()))),
        })
    }

    /// Keys that are kept elsewhere: `KID:KEY[,KID:KEY...]`. None when they are none.
    pub(super) fn kept(text: &str) -> Option<Self> {
        Some(DeferredKeys {
            file: PathBuf::new(),
            text: parse(text)?,
            kept: Arc::new(OnceCell::new_with(Some(()))),
        })
    }

    /// `KID:KEY[,KID:KEY...]`.
    pub fn value(&self) -> &str {
        &self.text
    }

    /// Sees to it that they are on file. Fails when they cannot be, and when another process has put others there: what this one's
    /// application signs nobody would believe after its end.
    pub(super) async fn keep(&self) -> Result<(), String> {
        let write = || async {
            let keys = self.clone();
            let written = tokio::task::spawn_blocking(move || keys.write()).await;
            written
                .unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(|error| format!("'{}': {error}", self.file.display()))
        };
        self.kept.get_or_try_init(write).await.copied()
    }

    fn write(&self) -> io::Result<()> {
        let lines = self.text.replace(',', "\n");
        match secret_file::make(&self.file, &format!("{lines}\n")) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = secret_file::read(&self.file)?.and_then(|text| parse(&text));
                match there.as_deref() == Some(&self.text) {
                    true => Ok(()),
                    false => Err(io::Error::other(
                        "another server has made it since this one began: start this one again",
                    )),
                }
            }
            made => made,
        }
    }
}

impl fmt::Debug for DeferredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeferredKeys({})", self.file.display())
    }
}

/// The value of the variable, if these are lines of keys.
fn parse(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    let mut ids = lines
        .iter()
        .map(|line| id(line))
        .collect::<Option<Vec<_>>>()?;
    ids.sort_unstable();
    let are_many = ids.windows(2).any(|pair| pair[0] == pair[1]);
    (!lines.is_empty() && !are_many).then(|| lines.join(","))
}

/// What the key on a line is called, if it is one.
fn id(line: &str) -> Option<&str> {
    let (id, key) = line.split_once(':')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_id = (1..=32).contains(&id.len()) && id.bytes().all(fits);
    let is_key = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && is_key).then_some(id)
}

/// A random key by a random name; none when the system has no randomness.
pub(super) fn new_key() -> Option<String> {
    let mut text = String::new();
    for byte in token::random::<4>()? {
        let _ = write!(text, "{byte:02x}");
    }
    text.push(':');
    for byte in token::random::<32>()? {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_no_line_of_keys_is_none() {
        let key = "0123456789abcdefABCDEF".repeat(3)[..64].to_owned();
        let one = format!("a:{key}");
        assert_eq!(parse(&format!("{one}\n")).unwrap(), one);
        let two = format!("b-1:{key}\r\n\n {one} ");
        assert_eq!(parse(&two).unwrap(), format!("b-1:{key},{one}"));
        let long = "k".repeat(33);
        for text in [
            "",
            "\n",
            "a",
            &key,
            &format!(":{key}"),
            &format!("{one}0"),
            &format!("a:{}", &key[1..]),
            &format!("a:{}g", &key[1..]),
            &format!("a b:{key}"),
            &format!("{long}:{key}"),
            &format!("{one}\n{one}"),
            &format!("{one},b:{key}"),
            &format!("# comment\n{one}"),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_key_is_made_by_the_first_and_read_by_all_that_follow() {
        let folder = std::env::temp_dir().join(format!("urlfetch-keys-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let path = folder.join("tasks.key");
        let first = DeferredKeys::of_file(&path).unwrap();
        let meanwhile = DeferredKeys::of_file(&path).unwrap();
        assert!(!folder.exists(), "nothing was deferred yet");
        assert_ne!(first.value(), meanwhile.value());
        assert!(parse(first.value()).is_some());
        first.keep().await.unwrap();
        first.clone().keep().await.unwrap();
        assert_eq!(DeferredKeys::of_file(&path).unwrap().value(), first.value());
        let late = meanwhile.keep().await.unwrap_err();
        assert!(late.contains("start this one again"), "{late}");
        let secret = first.value().split_once(':').unwrap().1;
        assert!(!format!("{first:?}").contains(secret));
        fs::write(&path, "").unwrap();
        let broken = DeferredKeys::of_file(&path).unwrap_err().to_string();
        assert!(broken.contains("has no keys"), "{broken}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
