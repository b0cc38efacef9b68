//! The gateway alone: who may come in, how it starts and ends, what it logs.
//! Nothing here needs SFTP; there is none.

mod access;
mod bad_input;
mod log;
pub mod lone;
mod start_and_end;
