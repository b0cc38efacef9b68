//! The gateway: the registry protocol under `/v2`, the API under `/api` and
//! the web UI. Stateless: all that it must remember is in the database and
//! the spool, so any gateway goes on where another stopped.

mod access;
mod api;
mod config;
mod log;
mod registry;
mod router;
mod state;
mod web;

fn main() {}
