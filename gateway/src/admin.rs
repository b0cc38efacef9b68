//! `refity-gateway admin`: manages accounts directly in the database, so that it
//! works without a running gateway and for locked-out users.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::IpAddr;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use refity_config::clock::Clock;
use refity_config::{DataArgs, EXIT_CONFIGURATION};
use refity_node::DATABASE;
use refity_store::{
    AuditAction, AuditEntry, NewUser, Order, PageRequest, Role, Store, StoreError, User, UserSort,
};
use refity_types::account::UserName;
use tokio::runtime::Builder;

use crate::access::{PasswordError, PolicyError, check_policy, hash_password};
use crate::client::ClientKey;
use crate::timestamp::rfc3339;

/// Maximum length of a password in bytes.
const PASSWORD_MAX: u64 = 4096;

/// Accounts per page.
const PAGE: u32 = 1000;

/// Arguments of the command.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create a user with the password in the first line of standard input
    CreateUser {
        /// User name: 1 to 64 letters and digits, with . _ - @ between them
        name: UserName,
        /// Grant full access (admin), or only granted rights (user)
        #[arg(long, value_enum, default_value = "user")]
        role: RoleName,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Set a user's password to the first line of standard input; ends all sessions of the
    /// user
    ResetPassword {
        /// User name, case-insensitive
        name: UserName,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Reset the limit on failed sign-ins
    Unlock {
        /// Of this user, from any address
        #[arg(required_unless_present = "address")]
        name: Option<UserName>,
        /// From this IP address (IPv6: its /64 network), for any user
        #[arg(long)]
        address: Option<IpAddr>,
    },
    /// List all users: name, role, state, last sign-in
    ListUsers,
}

#[derive(clap::Args, Debug)]
struct PasswordArgs {
    /// Read the password from standard input; required, since all processes can see command
    /// lines
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Require the user to change the password at the next sign-in
    #[arg(long)]
    must_change: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Admin,
    User,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::User => Self::User,
        }
    }
}

/// An error of the command.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(
        "no {DATABASE} in {0}: set DATA_DIR to the gateway's data folder, and start the gateway \
         once before"
    )]
    NoDatabase(String),
    #[error("unknown user {0}")]
    Unknown(UserName),
    #[error("user {0} already exists")]
    Exists(UserName),
    #[error("standard input: {0}")]
    Policy(PolicyError),
    #[error("the first line of standard input is empty: write the password to standard input")]
    NoPassword,
    #[error("cannot read or write: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// Returns 2 if the command is invalid, 1 if it may succeed later.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Io(_) | Self::Password(_) | Self::Store(_) => ExitCode::FAILURE,
            _ => ExitCode::from(u8::try_from(EXIT_CONFIGURATION).unwrap_or(u8::MAX)),
        }
    }
}

/// Runs the command.
pub(crate) fn main(args: Args) -> ExitCode {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let done = runtime
        .map_err(Failure::Io)
        .and_then(|runtime| runtime.block_on(run(args)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let path = args.data.data_dir.join(DATABASE);
    // Creating a database would hide a wrong DATA_DIR.
    if !Store::check(&path).await? {
        let folder = args.data.data_dir.display().to_string();
        return Err(Failure::NoDatabase(folder));
    }
    let store = Store::open(&path, Clock::system()?).await?;
    match args.command {
        Command::CreateUser {
            name,
            role,
            password,
        } => create(&store, name, role.into(), &password).await,
        Command::ResetPassword { name, password } => reset(&store, &name, &password).await,
        Command::Unlock { name, address } => unlock(&store, name, address).await,
        Command::ListUsers => list(&store).await,
    }
}

async fn create(
    store: &Store,
    name: UserName,
    role: Role,
    password: &PasswordArgs,
) -> Result<(), Failure> {
    let new = NewUser {
        name: name.clone(),
        password_hash: hash_of_input().await?,
        role,
        must_change_password: password.must_change,
    };
    let user = store.create_user(new).await?;
    let user = user.ok_or(Failure::Exists(name))?;
    note(store, AuditAction::UserCreate, &user.name).await?;
    say(&format!("created user {}", user.name))
}

async fn reset(store: &Store, name: &UserName, password: &PasswordArgs) -> Result<(), Failure> {
    let user = found(store, name).await?;
    let hash = hash_of_input().await?;
    let must_change = password.must_change;
    store.set_password(user.id, hash, must_change).await?;
    store.clear_account_failures(name).await?;
    note(store, AuditAction::Password, &user.name).await?;
    if user.disabled {
        say(&format!("{} is still disabled", user.name))?;
    }
    say(&format!(
        "changed the password of {}; all sessions have ended",
        user.name
    ))
}

async fn unlock(
    store: &Store,
    name: Option<UserName>,
    address: Option<IpAddr>,
) -> Result<(), Failure> {
    if let Some(name) = name {
        let user = found(store, &name).await?;
        store.clear_account_failures(&name).await?;
        note(store, AuditAction::UserUnlock, &user.name).await?;
        say(&format!("unlocked {}", user.name))?;
    }
    if let Some(address) = address {
        let key = ClientKey::of(address).to_string();
        store.clear_address_failures(&key).await?;
        note(store, AuditAction::UserUnlock, &key).await?;
        say(&format!("unlocked {key}"))?;
    }
    Ok(())
}

async fn list(store: &Store) -> Result<(), Failure> {
    let mut cursor = None;
    loop {
        let page = PageRequest {
            order: Order::Asc,
            cursor,
            limit: PAGE,
        };
        let page = store.users(None, UserSort::Name, page).await?;
        for user in page.items {
            say(&line(&user))?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Formats name, role, state and last sign-in, separated by tabs.
fn line(user: &User) -> String {
    let role = match user.role {
        Role::Admin => "admin",
        Role::User => "user",
    };
    let state = match (user.disabled, user.must_change_password) {
        (true, _) => "disabled",
        (false, true) => "must change password",
        (false, false) => "enabled",
    };
    let last = user.last_login_at.map_or("never".to_owned(), rfc3339);
    format!("{}\t{role}\t{state}\t{last}", user.name)
}

async fn found(store: &Store, name: &UserName) -> Result<User, Failure> {
    let user = store.user(name).await?;
    user.ok_or_else(|| Failure::Unknown(name.clone()))
}

async fn note(store: &Store, action: AuditAction, target: &str) -> Result<(), Failure> {
    let entry = AuditEntry {
        actor: "command line".to_owned(),
        credential: "none",
        action,
        target: target.to_owned(),
        repository: None,
        address: "local".to_owned(),
        refused: false,
        detail: None,
    };
    Ok(store.record(entry).await?)
}

fn say(words: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{words}")?)
}

async fn hash_of_input() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin().lock().take(PASSWORD_MAX).read_line(&mut text)?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::NoPassword);
    }
    check_policy(password).map_err(Failure::Policy)?;
    Ok(hash_password(password).await?)
}
