//! Where a database is: `postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...]/DATABASE[?NAME=VALUE&...]`. A HOST that begins with
//! a slash, written as `%2F`, is the folder of a Unix socket. Names are those that `tokio_postgres::Config` knows.

use super::stream::Way;
use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation, TargetSessionAttrs};

/// What a URL need not say. A peer that is gone without a word is missed when it has not answered for 20 seconds.
const ORDINARY: &str = "application_name=urlfetch&connect_timeout=5&tcp_user_timeout=20\
    &keepalives_idle=5&keepalives_interval=5&keepalives_retries=3";

/// What a URL says, and whom TLS trusts.
#[derive(Clone)]
pub(super) struct Address {
    /// Tried in this order.
    pub(super) hosts: Vec<Config>,
    pub(super) way: Way,
}

impl Address {
    /// Reads a URL. Its password is not repeated in an error. `tls` is used when it is asked for.
    pub(super) fn parse(url: &str, tls: ClientConfig) -> Result<Self, String> {
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let rest = rest.ok_or("is no URL")?;
        let (user, rest) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (mut tls_wanted, mut params) = (false, ORDINARY.to_owned());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match form_urlencoded::parse(pair.as_bytes()).next() {
                Some((name, mode)) if name == "sslmode" => {
                    tls_wanted = match &*mode {
                        "disable" => false,
                        // A certificate is never left unjudged: what asks for less gets more.
                        "require" | "verify-ca" | "verify-full" => true,
                        _ => return Err("sslmode is neither `disable` nor `require`".into()),
                    };
                }
                _ => params = format!("{params}&{pair}"),
            }
        }
        // One for each host: the library's own patience with one that is silent ends when it is connected.
        let config = |host| -> Result<Config, String> {
            let url = format!("postgres://{user}{host}/{database}?{params}");
            let mut config: Config = url.parse().map_err(|error| super::wire::reason(&error))?;
            if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
                return Err("names no host".into());
            }
            if config.get_password().is_none()
                && let Ok(password) = std::env::var("PGPASSWORD")
            {
                config.password(password);
            }
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            let tcp = !config.get_hostaddrs().is_empty()
                || (config.get_hosts().iter()).any(|host| matches!(host, Host::Tcp(_)));
            config.ssl_mode(match tls_wanted || tcp {
                true => SslMode::Require,
                false => SslMode::Disable,
            });
            if !tls_wanted {
                // There is no TLS behind it: see `stream`.
                config.ssl_negotiation(SslNegotiation::Direct);
            }
            Ok(config)
        };
        Ok(Address {
            hosts: hosts.split(',').map(config).collect::<Result<_, _>>()?,
            way: match tls_wanted {
                true => Way::tls(tls),
                false => Way::guarded(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, crate::sender::tls::client_config(&[]).unwrap())
    }

    #[test]
    fn a_url_says_who_where_and_what() {
        let url = "postgres://me:a%40b@one,two:6000,[::1]:7/tasks?sslmode=require&options=-c%20x";
        let address = parse(url).unwrap();
        let hosts = address
            .hosts
            .iter()
            .map(|host| (host.get_hosts(), host.get_ports()));
        assert!(hosts.eq([
            (&[Host::Tcp("one".into())][..], &[5432][..]),
            (&[Host::Tcp("two".into())], &[6000]),
            (&[Host::Tcp("::1".into())], &[7]),
        ]));
        for host in &address.hosts {
            assert_eq!(host.get_user(), Some("me"));
            assert_eq!(host.get_password(), Some(&b"a@b"[..]));
            assert_eq!(host.get_dbname(), Some("tasks"));
            assert_eq!(host.get_options(), Some("-c x"));
            assert_eq!(host.get_ssl_negotiation(), SslNegotiation::Postgres);
        }
        let socket = &parse("postgresql://me@%2Frun%2Fpostgresql").unwrap().hosts[0];
        assert_eq!(socket.get_hosts(), [Host::Unix("/run/postgresql".into())]);
        assert_eq!(socket.get_dbname(), None);
    }

    #[test]
    fn only_a_socket_has_no_guard() {
        let mode = |url| parse(url).unwrap().hosts[0].get_ssl_mode();
        assert_eq!(mode("postgres://me@%2Frun/x"), SslMode::Disable);
        for url in [
            "postgres://me@h/x",
            "postgres://me@h/x?sslmode=disable",
            "postgres://me@h/x?host=%2Frun",
            "postgres://me@%2Frun/x?hostaddr=127.0.0.1",
            "postgres:///x?hostaddr=127.0.0.1",
        ] {
            assert_eq!(mode(url), SslMode::Require, "{url}");
        }
    }

    #[test]
    fn what_a_url_does_not_say_is_careful_and_what_it_says_holds() {
        let host = |query: &str| parse(&format!("postgres://h/x{query}")).unwrap().hosts[0].clone();
        let seconds = |host: &Config| host.get_connect_timeout().unwrap().as_secs();
        assert_eq!(seconds(&host("")), 5);
        assert_eq!(seconds(&host("?connect_timeout=7")), 7);
        assert!(host("").get_tcp_user_timeout().is_some());
        let writes = host("?target_session_attrs=any").get_target_session_attrs();
        assert_eq!(writes, TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for url in [
            "postgres:me:secret@h",
            "postgres://me:secret@/x",
            "postgres://me:secret@h:x/x",
            "postgres://me:secret@h/x?sslmode=maybe",
            // They leave a certificate unjudged.
            "postgres://me:secret@h/x?sslmode=prefer",
            "postgres://me:secret@h/x?sslmode=allow",
            "postgres://me:secret@h/x?nonsense=1",
            "postgres://me:secret@h/x?nonsense",
            "postgres://me:secret@h/%ff",
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(
                !error.contains("secret") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}
