//! Clients, their requests and answers, and what stands between them and a
//! gateway.

pub mod answer;
pub mod bad_input;
pub mod client;
pub mod curl;
pub mod expect;
pub mod retrying_client;
pub mod round_robin;
pub mod schema;
pub mod slow_line;
pub mod wire;
