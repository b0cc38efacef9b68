//! Running the programs: configuration, starts and ends, kills, collections,
//! limits of memory and disk, and the loss of the database.

mod collection;
mod configuration;
mod crash;
mod database_held;
mod database_lost;
mod faults;
pub mod gateway;
mod interrupted;
mod link_batches;
mod many_processes;
mod memory;
mod ordering;
mod secrets;
mod uploader_end;
