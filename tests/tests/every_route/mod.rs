//! What is promised of all routes: who may do what (`table.txt`), that answers
//! are as the description says, and that nothing bad that is sent is worse than
//! refused.

mod bad_input;
mod description;
mod persons;
mod requests;
mod rights;
