//! Which proxies are believed about where a request comes from.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The networks of the proxies in front of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether what comes from this address is a proxy of ours. An IPv4
    /// address that is mapped into IPv6 counts as the IPv4 address that it is.
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
            "{entry} is neither an IP address nor a network: proxies are listed like 127.0.0.1 or \
             127.0.0.1,10.0.0.0/8,fd00::/8, without host names and ports"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_and_networks_are_believed() {
        let proxies: TrustedProxies = " 127.0.0.1, 10.1.2.3/8 ,fd00::/8,".parse().unwrap();
        for (address, believed) in [
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
                believed,
                "{address}"
            );
        }
    }

    #[test]
    fn by_default_nobody_is() {
        let nobody: TrustedProxies = "".parse().unwrap();
        assert_eq!(nobody, TrustedProxies::default());
        assert!(!nobody.contains([127, 0, 0, 1].into()));
    }

    #[test]
    fn what_is_no_network_is_named() {
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
