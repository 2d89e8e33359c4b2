//! File descriptors: one socket needs one, and ten thousand need more than most shells grant.

/// The limit on open files stands in the way.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{needed} open files are needed, the limit is {limit} (raise it with `ulimit -n {needed}`)"
)]
pub struct FdLimitError {
    /// How many the sockets need, the process's other files included.
    pub needed: u64,
    /// The most this process may have.
    pub limit: u64,
}

/// What a process has open besides its sockets: standard streams, epoll, the guest's files.
const BESIDES: u64 = 64;

/// Sees to it that `sockets` sockets can be open at once, raising the process's soft limit when it is lower. Returns the limit now
/// in force; fails, changing nothing, when the hard limit forbids it. Does nothing where there is no such limit.
pub fn raise_fd_limit(sockets: u64) -> Result<u64, FdLimitError> {
    let needed = sockets.saturating_add(BESIDES);
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // `None` is "no limit".
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let soft = current.unwrap_or(u64::MAX);
        if soft >= needed {
            return Ok(soft);
        }
        let refused = FdLimitError {
            needed,
            limit: maximum.unwrap_or(u64::MAX),
        };
        if maximum.is_some_and(|hard| hard < needed) {
            return Err(refused);
        }
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(needed),
                maximum,
            },
        )
        .map_err(|_| FdLimitError {
            limit: soft,
            ..refused
        })?;
        Ok(needed)
    }
    #[cfg(not(unix))]
    Ok(needed)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_cannot_be_raised_names_the_number_needed() {
        let error = raise_fd_limit(u64::MAX - 1).map(|_| ()).err();
        // A process without any limit has nothing to refuse.
        if let Some(error) = error {
            assert_eq!(error.needed, u64::MAX);
            assert!(
                error
                    .to_string()
                    .contains(&format!("ulimit -n {}", u64::MAX))
            );
        }
    }

    #[test]
    fn a_limit_is_never_lowered() {
        let before = raise_fd_limit(0).unwrap();
        assert!(raise_fd_limit(1).unwrap() >= before);
    }
}
