//! What a test says of an answer, in a word.

use crate::client::{Answer, Sent};

/// What a test expects of a request that it sent.
pub trait Expect {
    /// The answer, which has this status.
    ///
    /// # Panics
    /// When no answer came, or one with another status.
    #[track_caller]
    fn gives(self, status: u16) -> Answer;

    /// The answer, which has this status and this error code.
    ///
    /// # Panics
    /// When no answer came, or one with another status or code.
    #[track_caller]
    fn refuses(self, status: u16, code: &str) -> Answer;
}

impl Expect for Sent {
    #[track_caller]
    fn gives(self, status: u16) -> Answer {
        match self {
            Ok(answer) => answer.expect_status(status),
            Err(error) => panic!("no answer, where {status} was expected: {error:?}"),
        }
    }

    #[track_caller]
    fn refuses(self, status: u16, code: &str) -> Answer {
        let answer = self.gives(status);
        assert_eq!(answer.error_code(), code, "{answer:?}");
        answer
    }
}
