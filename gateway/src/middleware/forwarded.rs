//! What proxies say of the requests that they pass on: `X-Forwarded-For`,
//! `-Proto`, `-Host`, or `Forwarded` (RFC 7239).
//!
//! Anybody can send these headers, so they count only where the connection
//! comes from one of `TRUSTED_PROXIES`. Each proxy adds the address that it
//! saw at the end: read from there, the first that is no proxy of ours is the
//! client, and what stands before it is the client's own invention.

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

/// The middleware around everything: tells all others who the client is.
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

/// How the client calls this registry, as far as proxies say it: an extension
/// of the request.
#[derive(Clone, Debug)]
struct Outside {
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

/// How the client speaks to the first proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// `scheme://host:port` by which the client reaches this registry; nothing
/// where the request names no host.
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

/// Whether the client came by HTTPS.
pub(crate) fn is_https(parts: &Parts) -> bool {
    base_url(parts).is_some_and(|url| url.starts_with("https://"))
}

/// What the proxies of ours say of a request.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    client: IpAddr,
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

/// The address that a proxy saw; `None` if it is hidden or unknown.
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
        // Most proxies pass on a Forwarded that they do not know: it counts
        // only where none has added to the older headers.
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

/// The hops of the `X-Forwarded-` headers. Lists of different lengths end at
/// the same, the nearest proxy; where one says nothing of the first hops, its
/// first entry stands for them.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let addresses = values(headers, &FOR);
    let schemes = values(headers, &PROTO);
    let hosts = values(headers, &FORWARDED_HOST);
    // Without addresses they still say how the proxy was reached.
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

/// The entry so far from the end, or the first.
fn aligned<'a>(entries: &[&'a str], from_end: usize) -> Option<&'a str> {
    let at = entries.len().saturating_sub(from_end);
    entries.get(at).copied()
}

/// One element of `Forwarded` (RFC 7239 section 4).
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

/// An address with or without a port, which is ignored: `192.0.2.1`,
/// `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
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

/// The entries of all lines of a list.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter();
    lines
        // What is no text hides what it says.
        .map(|line| line.to_str().unwrap_or_default())
        .flat_map(|line| split(line, ','))
        .collect()
}

/// The parts between separators that are not in quotes. A quote that never
/// ends is none: a client could swallow with it what a proxy adds.
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

    /// 10.0.0.0/8 is ours; the connection comes from 10.0.0.1.
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
    fn the_last_address_that_is_not_ours_is_the_client() {
        for (list, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7, 10.0.0.2,10.9.9.9", "192.0.2.7"),
            ("192.0.2.7:4711, 10.0.0.2:80", "192.0.2.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7, fd00::2", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            // All are ours: the first began it.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // What cannot be read hides what is before it.
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
    fn the_standard_header_says_the_same() {
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
        // A proxy that writes the one passes on what a client says in the other.
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
        fn no_header_makes_a_stranger_of_another(list in "[0-9a-f:., \"=;\\[\\]for]*") {
            let said = said_by("203.0.113.5", &[(FOR, &list), (FORWARDED, &list)]);
            prop_assert_eq!(said.client.to_string(), "203.0.113.5");
        }

        #[test]
        fn what_a_client_invents_never_counts(invented in "[0-9af:., \"=;\\\\]*") {
            let list = format!("{invented}, 192.0.2.7");
            prop_assert_eq!(client(&[(FOR, &list)]), "192.0.2.7");
            for added in ["for=192.0.2.7", "for=\"192.0.2.7:80\";proto=http"] {
                let list = format!("for={invented}, {added}");
                prop_assert_eq!(client(&[(FORWARDED, &list)]), "192.0.2.7");
            }
        }
    }
}
