//! What holds for every route: access (`table.txt`), answers that match the API
//! description, and bad input that is refused.

mod bad_input;
mod description;
mod principals;
mod requests;
mod rights;
