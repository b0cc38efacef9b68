//! Names of users, robots and personal access tokens.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

use crate::name::GroupName;

/// Maximum length of a user name, in characters.
pub const USER_NAME_MAX: usize = 64;

/// Maximum length of a token name, in characters.
pub const TOKEN_NAME_MAX: usize = 64;

/// The text is not a valid account or token name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// Invalid user name.
    #[error(
        "a user name has 1 to {USER_NAME_MAX} characters: letters and digits of any script, and \
         . _ - @ between them"
    )]
    User,
    /// Invalid robot name.
    #[error(
        "a robot name has lower-case letters and digits, with . _ or - between them, and at most 64 characters"
    )]
    Robot,
    /// Invalid token name.
    #[error(
        "a token name has 1 to {TOKEN_NAME_MAX} characters: letters and digits of any script, \
         spaces, and . _ - @ / : + # ( ) ,"
    )]
    Token,
}

/// A user name in Unicode NFC. Names are case-insensitive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserName(String);

impl UserName {
    /// Returns the name as entered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key for lookups.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }
}

impl FromStr for UserName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        // NFC makes a text at most three times as long.
        if text.len() > 16 * USER_NAME_MAX {
            return Err(AccountNameError::User);
        }
        let name: String = text.nfc().collect();
        let inside = |c: char| matches!(c, '.' | '_' | '-' | '@');
        let well_formed = (1..=USER_NAME_MAX).contains(&name.chars().count())
            && name.chars().all(|c| is_letter(c) || inside(c))
            && name.chars().next().is_some_and(char::is_alphanumeric)
            && !name.ends_with(inside);
        if well_formed {
            Ok(Self(name))
        } else {
            Err(AccountNameError::User)
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Separates a robot's group from its own name. Not allowed in user names.
const ROBOT_SEPARATOR: char = '+';

/// The name with which a robot signs in: `group+name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RobotName {
    /// Returns the robot's group.
    pub group: GroupName,
    name: String,
}

impl RobotName {
    /// Returns the full name of a robot in a group.
    ///
    /// # Errors
    /// [`AccountNameError::Robot`].
    pub fn new(group: GroupName, name: &str) -> Result<Self, AccountNameError> {
        // Robot names follow the grammar of group names.
        let well_formed = name.len() <= 64 && name.parse::<GroupName>().is_ok();
        well_formed
            .then(|| Self {
                group,
                name: name.to_owned(),
            })
            .ok_or(AccountNameError::Robot)
    }

    /// Returns the name without the group.
    #[must_use]
    pub fn own(&self) -> &str {
        &self.name
    }
}

impl FromStr for RobotName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        let (group, name) = text
            .split_once(ROBOT_SEPARATOR)
            .ok_or(AccountNameError::Robot)?;
        let group = group.parse().map_err(|_| AccountNameError::Robot)?;
        Self::new(group, name)
    }
}

impl fmt::Display for RobotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ROBOT_SEPARATOR}{}", self.group, self.name)
    }
}

/// Returns whether a character is a letter or a digit, excluding combining
/// marks.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// The name of a personal access token, trimmed and in Unicode NFC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName(String);

impl FromStr for TokenName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        if text.len() > 16 * TOKEN_NAME_MAX {
            return Err(AccountNameError::Token);
        }
        let name: String = text.trim().nfc().collect();
        let inside = |c: char| " ._-@/:+#(),".contains(c);
        let well_formed = (1..=TOKEN_NAME_MAX).contains(&name.chars().count())
            && name.chars().all(|c| is_letter(c) || inside(c));
        well_formed
            .then_some(Self(name))
            .ok_or(AccountNameError::Token)
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! serde_by_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
serde_by_text!(UserName);
serde_by_text!(RobotName);
serde_by_text!(TokenName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_normalized_and_case_insensitive() {
        let composed: UserName = "Zoë".parse().unwrap();
        let decomposed: UserName = "Zoe\u{308}".parse().unwrap();
        assert_eq!(composed, decomposed);
        assert_eq!(composed.key(), "ZOË".parse::<UserName>().unwrap().key());
        assert_ne!(composed.key(), "Zoe".parse::<UserName>().unwrap().key());
    }

    #[test]
    fn user_name_length_is_counted_in_characters() {
        for name in [
            "a",
            "bob",
            "bob@example.com",
            "ДАША",
            "山田",
            "a.b_c-d",
            "1",
        ] {
            assert!(name.parse::<UserName>().is_ok(), "{name}");
        }
        assert!("ж".repeat(64).parse::<UserName>().is_ok());
        assert!("e\u{301}".repeat(64).parse::<UserName>().is_ok());
        let long = "ж".repeat(65);
        let endless = "e\u{301}".repeat(100_000);
        for name in [
            "",
            " ",
            "bob ",
            "a b",
            "a:b",
            "a+b",
            "a/b",
            "-a",
            "a.",
            ".",
            "a\0b",
            "<b>",
            "a\nb",
            "'; DROP TABLE users; --",
            "\u{202e}bob",
            "\u{301}a",
            &long,
            &endless,
        ] {
            assert_eq!(
                name.parse::<UserName>(),
                Err(AccountNameError::User),
                "{name:.80}"
            );
        }
    }

    #[test]
    fn robot_names_differ_from_user_names() {
        let robot: RobotName = "team+ci".parse().unwrap();
        assert_eq!((robot.group.as_str(), robot.own()), ("team", "ci"));
        assert_eq!(robot.to_string(), "team+ci");
        for name in [
            "ci",
            "+ci",
            "team+",
            "team+CI",
            "Team+ci",
            "team+a+b",
            "team/app+ci",
        ] {
            assert!(name.parse::<RobotName>().is_err(), "{name}");
        }
    }

    #[test]
    fn token_names_are_short_and_plain() {
        for (text, expected) in [
            ("laptop", Some("laptop")),
            (" CI (main), build #7 ", Some("CI (main), build #7")),
            ("Zoe\u{308}", Some("Zo\u{eb}")),
            ("", None),
            (" \t", None),
            ("a\nb", None),
            ("<script>", None),
            ("'; DROP TABLE access_tokens; --", None),
            ("\u{202e}x", None),
        ] {
            let name = text.parse::<TokenName>().map(|name| name.to_string());
            assert_eq!(name.ok().as_deref(), expected, "{text}");
        }
        assert!("ж".repeat(TOKEN_NAME_MAX).parse::<TokenName>().is_ok());
        assert!("ж".repeat(TOKEN_NAME_MAX + 1).parse::<TokenName>().is_err());
    }
}
