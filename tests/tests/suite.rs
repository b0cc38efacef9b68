//! The whole suite as one program, so that it is linked once and its labs
//! share one docker engine. Modules by area, each with one for
//! each promise.

mod api;
mod clients;
mod harness;
mod hostile;
mod model;
mod operations;
mod proxies;
mod registry;
mod repository;
mod storage;
mod web;
mod web_interface;
