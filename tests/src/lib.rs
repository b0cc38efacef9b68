

pub mod sshd;
