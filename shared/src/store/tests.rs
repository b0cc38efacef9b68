//! What the store promises, tried on a database in a temporary folder.
