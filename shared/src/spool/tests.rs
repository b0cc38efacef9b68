//! What the spool promises, tried in a temporary folder.
