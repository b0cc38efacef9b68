//! The headers that proxies add to requests: `X-Forwarded-For`, `-Proto`,
//! `-Host`, or `Forwarded` (RFC 7239).
//!
//! Any client can send these headers, so they are used only if the connection
//! comes from one of `TRUSTED_PROXIES`. Each proxy appends the address that it
//! received the request from. Read from the end, the first address that is not
//! a trusted proxy is the client. All entries before it may be made up by the
//! client.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HOST, HeaderName};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;
use refity_config::TrustedProxies;

use crate::client::{ClientAddress, Peer};
use crate::state::AppState;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The middleware around all routes: determines the client's address.
pub(crate) async fn requests(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let said = Said::of(peer, request.headers(), &state.settings.proxies);
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddress::new(said.client));
        extensions.insert(Outside {
            scheme: said.scheme,
            host: said.host,
        });
    }
    next.run(request).await
}

/// The scheme and host that the client used, as far as proxies report them: an
/// extension of the request.
#[derive(Clone, Debug)]
struct Outside {
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

/// The scheme between the client and the first proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Returns the `scheme://host:port` by which the client reaches this registry;
/// `None` if the request has no host.
pub(crate) fn base_url(parts: &Parts) -> Option<String> {
    let outside = parts.extensions.get::<Outside>();
    let named = outside.and_then(|outside| outside.host.as_ref());
    let host = match named.or(parts.uri.authority()) {
        Some(host) => host.as_str(),
        None => parts.headers.get(HOST)?.to_str().ok()?,
    };
    let scheme = match outside.and_then(|outside| outside.scheme) {
        Some(Scheme::Https) => "https",
        Some(Scheme::Http) | None => "http",
    };
    Some(format!("{scheme}://{host}"))
}

/// Whether the client uses HTTPS.
pub(crate) fn is_https(parts: &Parts) -> bool {
    base_url(parts).is_some_and(|url| url.starts_with("https://"))
}

/// The information from the trusted proxies.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    client: IpAddr,
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

/// A hop of the request, as a proxy reports it. The address is `None` if it is
/// hidden or unknown.
#[derive(Debug, Default)]
struct Hop {
    address: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

impl Said {
    fn of(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let nothing = Self {
            client: peer,
            scheme: None,
            host: None,
        };
        if !proxies.contains(peer) {
            return nothing;
        }
        // Most proxies pass on a `Forwarded` header that they do not
        // understand. It is used only if no proxy has set the older headers.
        let mut hops = if headers.contains_key(FORWARDED) && !headers.contains_key(FOR) {
            values(headers, &FORWARDED).into_iter().map(hop).collect()
        } else {
            x_forwarded(headers)
        };
        let mut client = peer;
        let mut at = None;
        for (n, hop) in hops.iter().enumerate().rev() {
            at = Some(n);
            let Some(address) = hop.address else { break };
            client = address;
            if !proxies.contains(address) {
                break;
            }
        }
        let hop = at.map(|at| hops.swap_remove(at)).unwrap_or_default();
        Self {
            client,
            scheme: hop.scheme,
            host: hop.host,
        }
    }
}

/// Returns the hops of the `X-Forwarded-` headers. Lists of different lengths
/// are aligned at their ends, the nearest proxy. If a list is too short, its
/// first entry applies to all earlier hops.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let addresses = values(headers, &FOR);
    let schemes = values(headers, &PROTO);
    let hosts = values(headers, &FORWARDED_HOST);
    // Without addresses, the other headers still describe how the proxy was
    // reached.
    let count = addresses.len().max(1);
    (0..count)
        .map(|n| {
            let from_end = count - n;
            Hop {
                address: addresses.get(n).and_then(|it| address(it)),
                scheme: aligned(&schemes, from_end).and_then(scheme),
                host: aligned(&hosts, from_end).and_then(|it| it.parse().ok()),
            }
        })
        .collect()
}

/// Returns the entry at this distance from the end, or the first entry.
fn aligned<'a>(entries: &[&'a str], from_end: usize) -> Option<&'a str> {
    let at = entries.len().saturating_sub(from_end);
    entries.get(at).copied()
}

/// Parses one element of `Forwarded` (RFC 7239 section 4).
fn hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = address(value),
            "proto" => hop.scheme = scheme(value),
            "host" => hop.host = value.parse().ok(),
            _ => {}
        }
    }
    hop
}

/// Parses an address. A port is ignored: `192.0.2.1`, `192.0.2.1:80`,
/// `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse();
    let address = address.or_else(|_| text.parse().map(|it: SocketAddr| it.ip()));
    address.ok().map(|it| it.to_canonical())
}

fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => None,
    }
}

/// Returns the entries of all lines of a list header.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter();
    lines
        // A line that is not text counts as an unknown hop.
        .map(|line| line.to_str().unwrap_or_default())
        .flat_map(|line| split(line, ','))
        .collect()
}

/// Splits at separators outside of quotes. A quote that is never closed is
/// taken literally: otherwise a client could hide what a proxy appends.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let quotes = text.bytes().filter(|b| *b == b'"').count();
    let mut quoted = false;
    let parts = text.split(move |c| {
        quoted ^= c == '"' && quotes % 2 == 0;
        c == separator && !quoted
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 10.0.0.0/8 is trusted; the connection comes from 10.0.0.1.
    fn said_by(peer: &str, lines: &[(HeaderName, &str)]) -> Said {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        let proxies = "10.0.0.0/8,fd00::/8".parse().unwrap();
        Said::of(peer.parse().unwrap(), &headers, &proxies)
    }

    fn client(lines: &[(HeaderName, &str)]) -> String {
        said_by("10.0.0.1", lines).client.to_string()
    }

    #[test]
    fn untrusted_peers_are_ignored() {
        let lines = [
            (FOR, "192.0.2.7"),
            (PROTO, "https"),
            (FORWARDED, "for=192.0.2.8"),
        ];
        let said = said_by("203.0.113.5", &lines);
        assert_eq!(said.client.to_string(), "203.0.113.5");
        assert_eq!((said.scheme, said.host), (None, None));
    }

    #[test]
    fn the_last_untrusted_address_is_the_client() {
        for (list, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7, 10.0.0.2,10.9.9.9", "192.0.2.7"),
            ("192.0.2.7:4711, 10.0.0.2:80", "192.0.2.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7, fd00::2", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            // All are trusted proxies: the first one sent the request.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // An unreadable entry hides those before it.
            ("192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.7,", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(&[(FOR, list)]), expected, "{list}");
        }
        let lines = [(FOR, "198.51.100.1"), (FOR, "192.0.2.7"), (FOR, "10.0.0.2")];
        assert_eq!(client(&lines), "192.0.2.7", "lines are one list");
    }

    #[test]
    fn the_standard_header_has_the_same_meaning() {
        for (value, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7"),
            ("for=198.51.100.1, for=192.0.2.7;by=10.0.0.1", "192.0.2.7"),
            ("for=192.0.2.7, for=10.0.0.2", "192.0.2.7"),
            ("for=192.0.2.7, for=_hidden", "10.0.0.1"),
            ("for=192.0.2.7, for=\"a,for=b\"", "10.0.0.1"),
            ("nonsense", "10.0.0.1"),
        ] {
            assert_eq!(client(&[(FORWARDED, value)]), expected, "{value}");
        }
        // A proxy that sets one header passes on the client's value of the other.
        let both = [(FORWARDED, "for=198.51.100.1"), (FOR, "192.0.2.7")];
        assert_eq!(client(&both), "192.0.2.7");
    }

    #[test]
    fn scheme_and_host_are_those_that_the_client_used() {
        let host = |text: &str| Some(text.parse::<Authority>().unwrap());
        let said = said_by(
            "10.0.0.1",
            &[
                (FOR, "192.0.2.7"),
                (PROTO, "https"),
                (FORWARDED_HOST, "registry.example.org:8443"),
            ],
        );
        assert_eq!(said.scheme, Some(Scheme::Https));
        assert_eq!(said.host, host("registry.example.org:8443"));
        let said = said_by(
            "10.0.0.1",
            &[(FOR, "192.0.2.7, 10.0.0.2"), (PROTO, "ftp, https, http")],
        );
        assert_eq!(said.scheme, Some(Scheme::Https), "not the inner proxy's");
        let said = said_by(
            "10.0.0.1",
            &[(
                FORWARDED,
                "for=192.0.2.7;proto=https;host=\"a.org:1\", for=10.0.0.2;proto=http",
            )],
        );
        assert_eq!(
            (said.scheme, said.host),
            (Some(Scheme::Https), host("a.org:1"))
        );
        let said = said_by("10.0.0.1", &[(PROTO, "https")]);
        assert_eq!(said.scheme, Some(Scheme::Https), "without addresses");
        let said = said_by("10.0.0.1", &[(PROTO, "gopher"), (FORWARDED_HOST, "a b")]);
        assert_eq!((said.scheme, said.host), (None, None));
    }

    proptest! {
        #[test]
        fn no_header_changes_an_untrusted_peers_address(list in "[0-9a-f:., \"=;\\[\\]for]*") {
            let said = said_by("203.0.113.5", &[(FOR, &list), (FORWARDED, &list)]);
            prop_assert_eq!(said.client.to_string(), "203.0.113.5");
        }

        #[test]
        fn forged_entries_are_ignored(invented in "[0-9af:., \"=;\\\\]*") {
            let list = format!("{invented}, 192.0.2.7");
            prop_assert_eq!(client(&[(FOR, &list)]), "192.0.2.7");
            for added in ["for=192.0.2.7", "for=\"192.0.2.7:80\";proto=http"] {
                let list = format!("for={invented}, {added}");
                prop_assert_eq!(client(&[(FORWARDED, &list)]), "192.0.2.7");
            }
        }
    }
}
