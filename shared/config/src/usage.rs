//! Usage of a Hetzner Storage Box, from Hetzner's API.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::secret::resolve;
use super::{Problems, Secret, values};

/// Hetzner's API.
const API: &str = "https://api.hetzner.com";

/// The arguments of the usage card.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Usage of a Hetzner Storage Box")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct UsageArgs {
    /// Show the usage of the Storage Box: true, 1, yes, or false, 0, no
    #[arg(
        long, env, action = ArgAction::Set, value_parser = values::boolean,
        num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true"
    )]
    pub ftp_usage_enabled: bool,
    /// Read the usage with this Hetzner API token; read permission is enough
    #[arg(long, env)]
    pub hcloud_token: Option<Secret>,
    /// Read HCLOUD_TOKEN from this file
    #[arg(long, env)]
    pub hcloud_token_file: Option<PathBuf>,
    /// Show the Storage Box with this numeric id; 0 = none
    #[arg(long, env, value_parser = box_id, default_value = "0")]
    pub hetzner_box_id: u64,
    /// Send requests to Hetzner's API through this proxy, such as
    /// http://proxy.example.org:3128 [default: none]
    // The URL may contain a password.
    #[arg(long, env)]
    pub https_proxy: Option<Secret>,
    /// Send requests to this URL instead of Hetzner's API; for tests only
    #[arg(long, env, value_parser = url, default_value = API)]
    pub hcloud_api_url: String,
}

fn box_id(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| "use the numeric id of the Storage Box, or 0 for none".to_owned())
}

fn url(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("use a URL that begins with http:// or https://".to_owned()),
    }
}

/// [`UsageArgs`], validated.
#[derive(Clone, Debug)]
pub struct UsageSettings {
    /// The API token.
    pub token: Secret,
    /// Id of the Storage Box.
    pub box_id: u64,
    /// URL of a proxy; may contain a password.
    pub proxy: Option<Secret>,
    /// Base URL of the API, without a trailing slash.
    pub api: String,
}

impl UsageArgs {
    /// Returns the settings, or `None` if the card is off.
    ///
    /// # Errors
    /// If the card is on but a required value is missing.
    pub fn settings(&self) -> Result<Option<UsageSettings>, Problems> {
        let mut problems = Problems::default();
        if !self.ftp_usage_enabled {
            return Ok(None);
        }
        let (value, file) = (
            self.hcloud_token.as_ref(),
            self.hcloud_token_file.as_deref(),
        );
        let token = resolve("HCLOUD_TOKEN", value, file, &mut problems);
        if value.is_none() && file.is_none() {
            problems.add(
                "FTP_USAGE_ENABLED is true but HCLOUD_TOKEN is not set: create a read token in \
                 Hetzner's console, or set FTP_USAGE_ENABLED to false",
            );
        }
        if self.hetzner_box_id == 0 {
            problems.add(
                "FTP_USAGE_ENABLED is true but HETZNER_BOX_ID is 0: set the id of the Storage Box, \
                 or set FTP_USAGE_ENABLED to false",
            );
        }
        let proxy = self.https_proxy.as_ref().map(|proxy| url(proxy.expose()));
        if let Some(Err(words)) = &proxy {
            problems.add(format!(
                "HTTPS_PROXY is not a URL: {words}, such as http://proxy.example.org:3128"
            ));
        }
        let settings = token.map(|token| UsageSettings {
            token,
            box_id: self.hetzner_box_id,
            proxy: proxy.and_then(Result::ok).map(Secret::new),
            api: self.hcloud_api_url.clone(),
        });
        problems.into_result(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> UsageArgs {
        UsageArgs {
            ftp_usage_enabled: true,
            hcloud_token: Some(Secret::new("hush")),
            hcloud_token_file: None,
            hetzner_box_id: 7,
            https_proxy: None,
            hcloud_api_url: API.to_owned(),
        }
    }

    #[test]
    fn a_card_that_is_on_needs_a_token_and_a_box() {
        assert_eq!(args().settings().unwrap().unwrap().box_id, 7);
        let off = UsageArgs {
            ftp_usage_enabled: false,
            hcloud_token: None,
            ..args()
        };
        assert!(off.settings().unwrap().is_none());
        for (args, named) in [
            (
                UsageArgs {
                    hcloud_token: None,
                    ..args()
                },
                "HCLOUD_TOKEN",
            ),
            (
                UsageArgs {
                    hetzner_box_id: 0,
                    ..args()
                },
                "HETZNER_BOX_ID",
            ),
        ] {
            let words = args.settings().unwrap_err().to_string();
            assert!(words.contains(named) && !words.contains("hush"), "{words}");
        }
        assert!(!format!("{:?}", args()).contains("hush"));
        let proxied = |proxy: &str| UsageArgs {
            https_proxy: Some(Secret::new(proxy)),
            ..args()
        };
        let good = proxied("http://me:hush@proxy:3128/").settings().unwrap();
        let good = good.unwrap();
        assert!(!format!("{good:?}").contains("hush"));
        assert_eq!(good.proxy.unwrap().expose(), "http://me:hush@proxy:3128");
        let words = proxied("me:hush@proxy:3128").settings().unwrap_err();
        let words = words.to_string();
        assert!(words.contains("HTTPS_PROXY"), "{words}");
        assert!(!words.contains("hush"), "{words}");
    }

    #[test]
    fn urls_need_a_scheme_and_lose_a_trailing_slash() {
        assert_eq!(url("http://127.0.0.1:1/").unwrap(), "http://127.0.0.1:1");
        for text in ["", "proxy:3128", "https://", "ftp://x"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
