//! The client's side of SCRAM-SHA-256 (RFC 5802 and RFC 7677): proves that a password is known without saying it, and asks the same of
//! the server. No channel is bound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac_sha256::{HMAC, Hash};
use subtle::ConstantTimeEq;

/// What PostgreSQL calls it.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// What the client says of channels: it cannot bind one.
const UNBOUND: &str = "n,,";
/// A server that wants more rounds wants to keep us busy: PostgreSQL's own number is 4,096.
const MOST_ROUNDS: u32 = 100_000;

/// An exchange that has begun.
pub(super) struct Scram {
    /// What was said first, behind what is said of channels.
    first: String,
    nonce: String,
}

/// What the server must say in the end.
pub(super) struct Expected([u8; 32]);

impl Scram {
    /// The nonce is one that nobody can guess, of visible characters but the comma. The user is named elsewhere.
    pub(super) fn new(nonce: String) -> Self {
        let first = format!("n=,r={nonce}");
        Scram { first, nonce }
    }

    /// The client's first words.
    pub(super) fn first(&self) -> String {
        format!("{UNBOUND}{}", self.first)
    }

    /// The client's last words after the server's first ones.
    pub(super) fn last(self, password: &str, server: &str) -> Result<(String, Expected), String> {
        let mut said = (None, None, None);
        for part in server.split(',') {
            match part.split_once('=') {
                Some(("r", nonce)) => said.0 = Some(nonce),
                Some(("s", salt)) => said.1 = STANDARD.decode(salt).ok(),
                Some(("i", rounds)) => said.2 = rounds.parse::<u32>().ok(),
                _ => {}
            }
        }
        let (Some(nonce), Some(salt), Some(rounds)) = said else {
            return Err("the server's challenge makes no sense".into());
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the server's challenge is not an answer to us".into());
        }
        if !(1..=MOST_ROUNDS).contains(&rounds) {
            return Err(format!("the server wants {rounds} rounds of hashing"));
        }
        // What SASLprep makes of other characters is not done here.
        if !password.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err("a password must be of visible ASCII characters".into());
        }
        let salted = salted(password, &salt, rounds);
        let key = HMAC::mac("Client Key", salted);
        let bare = format!("c={},r={nonce}", STANDARD.encode(UNBOUND));
        let all = format!("{},{server},{bare}", self.first);
        let signature = HMAC::mac(&all, Hash::hash(&key));
        let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let expected = HMAC::mac(&all, HMAC::mac("Server Key", salted));
        let last = format!("{bare},p={}", STANDARD.encode(proof));
        Ok((last, Expected(expected)))
    }
}

impl Expected {
    /// Whether the server's last words show that it knows the password as well.
    pub(super) fn is(&self, server: &str) -> bool {
        let said = server
            .strip_prefix("v=")
            .and_then(|said| STANDARD.decode(said).ok());
        said.is_some_and(|said| said.ct_eq(&self.0).into())
    }
}

/// PBKDF2 with one block.
fn salted(password: &str, salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut round = HMAC::mac([salt, &[0, 0, 0, 1]].concat(), password);
    let mut all = round;
    for _ in 1..rounds {
        round = HMAC::mac(round, password);
        all.iter_mut()
            .zip(round)
            .for_each(|(all, byte)| *all ^= byte);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3, but for the user, whom PostgreSQL does not want to be named there.
    #[test]
    fn an_exchange_ends_when_both_know_the_password() {
        let scram = Scram {
            first: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
            nonce: "rOprNGfwEbeRWgbNEkqO".into(),
        };
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (last, expected) = scram.last("pencil", server).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(expected.is("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!expected.is("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="));
        assert!(!expected.is("e=other-error"));
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        for server in [
            "",
            "r=mine,s=AAAA,i=4096",
            "r=yoursmine,s=AAAA,i=4096",
            "r=mine2,s=AAAA,i=0",
            "r=mine2,s=AAAA,i=4000000000",
            "r=mine2,s=!,i=4096",
            "r=mine2,i=4096",
        ] {
            let scram = Scram::new("mine".into());
            assert!(scram.last("x", server).is_err(), "{server}");
        }
        assert!(
            Scram::new("mine".into())
                .last("ä", "r=mine2,s=AAAA,i=1")
                .is_err()
        );
    }
}
