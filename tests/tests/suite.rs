//! The whole suite as one program, so that it is linked once and its labs
//! share one docker engine. One module for each promise.

mod access;
mod answers;
mod api_operations;
mod catalog;
mod clients;
mod collection;
mod configuration;
mod crash;
mod database_lost;
mod deletes;
mod faulty_sftp;
mod gateway;
mod harness;
mod hostile;
mod interrupted;
mod lab;
mod manifests;
mod many_processes;
mod memory;
mod model;
mod names_and_paths;
mod ordering;
mod protocol_map;
mod proxies;
mod push_pull;
mod ranges;
mod remote;
mod sha512;
mod storage_refuses;
mod storage_trouble;
mod uploads;
