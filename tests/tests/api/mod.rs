//! The API for people and programs: who may do what, and what it returns.

mod access;
mod answers;
mod content;
mod every_route;
mod operations;
mod people;
