//! The repository itself: its words, its crates, and the map of its tests.

mod crates;
mod protocol_map;
mod words;
