//! Proxies that are trusted for the client address.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The networks of trusted proxies in front of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Returns whether the address belongs to a trusted proxy. An IPv4-mapped
    /// IPv6 address is treated as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn network(entry: &str) -> Result<IpNet, String> {
    let address = entry.parse::<IpAddr>().map(|it| it.to_canonical().into());
    address.or_else(|_| entry.parse()).map_err(|_| {
        format!(
            "{entry} is neither an IP address nor a network: use a list such as 127.0.0.1 or \
             127.0.0.1,10.0.0.0/8,fd00::/8, without host names or ports"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_and_networks_are_trusted() {
        let proxies: TrustedProxies = " 127.0.0.1, 10.1.2.3/8 ,fd00::/8,".parse().unwrap();
        for (address, trusted) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::ffff:10.0.0.1", true),
        ] {
            assert_eq!(
                proxies.contains(address.parse().unwrap()),
                trusted,
                "{address}"
            );
        }
    }

    #[test]
    fn no_proxy_is_trusted_by_default() {
        let none: TrustedProxies = "".parse().unwrap();
        assert_eq!(none, TrustedProxies::default());
        assert!(!none.contains([127, 0, 0, 1].into()));
    }

    #[test]
    fn an_invalid_network_is_named() {
        for text in [
            "proxy.local",
            "10.0.0.0/33",
            "127.0.0.1:80",
            "10.0.0.0-9",
            "*",
        ] {
            let list = format!("127.0.0.1,{text}");
            let error = list.parse::<TrustedProxies>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC*") {
            let _ = text.parse::<TrustedProxies>();
        }
    }
}
