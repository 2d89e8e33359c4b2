//! The secret of those who may call the API by a socket, and names that nobody can guess.

use super::secret_file;
use rustls::crypto::SecureRandom;
use std::fmt;
use std::io;
use std::path::Path;
use subtle::ConstantTimeEq;

/// What a client sends as `Authorization: Bearer TOKEN`. It is not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A secret of at least 16 visible characters of ASCII; none when it is not.
    pub fn new(secret: &str) -> Option<Self> {
        let good = secret.len() >= 16 && secret.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Token(secret.to_owned()))
    }

    /// The secret in this file, which is made with a new one, and its folder with it, when it is not there. Only its owner may read
    /// it: when others may, it fails.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        if let Some(text) = secret_file::read(path)? {
            return Token::new(text.trim())
                .ok_or_else(|| io::Error::other("has no token of 16 visible characters or more"));
        }
        let secret = random_name().ok_or_else(|| io::Error::other("there is no randomness"))?;
        secret_file::make(path, &format!("{secret}\n"))?;
        Ok(Token(secret))
    }

    /// The secret itself, to be sent.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether somebody knows it. Takes as long for every wrong one of the same length.
    pub(crate) fn is(&self, said: &str) -> bool {
        self.0.as_bytes().ct_eq(said.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// 128 random bits in hexadecimal; none when the system has no randomness.
pub(crate) fn random_name() -> Option<String> {
    Some(format!("{:032x}", u128::from_be_bytes(random()?)))
}

/// Random bytes; none when the system has no randomness.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let provider = rustls::crypto::ring::default_provider();
    let random: &dyn SecureRandom = provider.secure_random;
    let mut bytes = [0; N];
    random.fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_token_is_made_once_and_not_shown() {
        let folder = std::env::temp_dir().join(format!("urlfetch-token-{}", std::process::id()));
        let path = folder.join("deeper").join("tasks.token");
        let made = Token::of_file(&path).unwrap();
        assert_eq!(Token::of_file(&path).unwrap(), made);
        assert!(made.is(made.secret()) && !made.is("") && !made.is(&"0".repeat(32)));
        fs::write(&path, "short").unwrap();
        assert!(Token::of_file(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert!(!format!("{made:?}").contains(made.secret()));
    }
}
