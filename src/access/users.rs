//! Who may log in, and what they prove it with.

use std::sync::Arc;

use anyhow::{Context, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordVerifier};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use russh::keys::{Algorithm, PublicKey};
use slpsim_config as config;
use slpsim_console::Role;
use tokio::sync::Semaphore;

use crate::error::{BlameUser, user_error};

/// Password hashes computed at a time; each takes the memory that it names. The rest wait.
const HASHES_AT_A_TIME: usize = 2;
/// Most memory of one hash, in KiB: a configuration must not be able to take the machine's.
const HASH_MEMORY_KIB: u32 = 1 << 20;
/// Most rounds and most lanes of one hash, for the same reason; usual are 2 or 3 rounds of 1 to 4 lanes.
const HASH_ROUNDS: u32 = 64;
const HASH_LANES: u32 = 64;
/// Longest password that is looked at, in bytes.
const PASSWORD_MAX: usize = 1024;

/// A user who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The users of a daemon; the same on each of its devices.
pub struct Users {
    users: Vec<User>,
    /// Computed for a name that is not there and a wrong password that needs no hash, so that neither tells by its time
    /// which names there are.
    decoy: Option<String>,
    hashing: Arc<Semaphore>,
}

struct User {
    account: Arc<Account>,
    secret: Secret,
    keys: Vec<PublicKey>,
}

enum Secret {
    /// The password's own digest: comparing digests takes the same time however much of a guess is right.
    Digest(Vec<u8>),
    /// An Argon2 hash in PHC form.
    Hash(String),
    /// No password is right.
    None,
}

impl std::fmt::Debug for Users {
    /// Names alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.users.iter().map(|user| &user.account)).finish()
    }
}

impl Users {
    /// The users of a configuration.
    ///
    /// # Errors
    /// Where a hash or a key is none of ours; one line for the user that repeats neither.
    pub fn of(users: &[config::User]) -> Result<Self> {
        let users: Vec<_> = users
            .iter()
            .map(|user| User::of(user).with_context(|| format!("user {}", user.name)).blame_user())
            .collect::<Result<_>>()?;
        let decoy = users.iter().find_map(|user| match &user.secret {
            Secret::Hash(hash) => Some(hash.clone()),
            Secret::Digest(_) | Secret::None => None,
        });
        Ok(Self { users, decoy, hashing: Arc::new(Semaphore::new(HASHES_AT_A_TIME)) })
    }

    /// Whether nobody may come in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Who `name` is, if `password` is theirs.
    pub async fn by_password(&self, name: &str, password: &str) -> Option<Arc<Account>> {
        if password.len() > PASSWORD_MAX {
            return None;
        }
        let user = self.find(name);
        let right = match user.map(|user| &user.secret) {
            Some(Secret::Digest(known)) => {
                let given = digest(&SHA256, password.as_bytes());
                let right = verify_slices_are_equal(known, given.as_ref()).is_ok();
                right || self.waste_time(password).await
            }
            Some(Secret::Hash(hash)) => self.matches(hash, password).await,
            Some(Secret::None) | None => self.waste_time(password).await,
        };
        user.filter(|_| right).map(|user| Arc::clone(&user.account))
    }

    /// Who `name` is, if `key` is theirs. That they own it is for the caller to know.
    #[must_use]
    pub fn by_key(&self, name: &str, key: &PublicKey) -> Option<Arc<Account>> {
        let user = self.find(name)?;
        let known = user.keys.iter().any(|known| known.key_data() == key.key_data());
        known.then(|| Arc::clone(&user.account))
    }

    fn find(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.account.name == name)
    }

    /// As long as a wrong password of a user with a hash takes, where there is such a user; never right.
    async fn waste_time(&self, password: &str) -> bool {
        if let Some(decoy) = &self.decoy {
            self.matches(decoy, password).await;
        }
        false
    }

    /// On a thread of its own: a hash takes tens of milliseconds of one core. Its turn goes with it, since it goes on where
    /// the client that asked for it has gone.
    async fn matches(&self, hash: &str, password: &str) -> bool {
        let Ok(turn) = Arc::clone(&self.hashing).acquire_owned().await else { return false };
        let (hash, password) = (hash.to_owned(), password.to_owned());
        let verify = move || {
            let _turn = turn;
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        };
        tokio::task::spawn_blocking(verify).await.unwrap_or(false)
    }
}

impl User {
    fn of(user: &config::User) -> Result<Self> {
        let role = if user.admin { Role::Admin } else { Role::Operator };
        let secret = match &user.credential {
            Some(config::Credential::Password(password)) => {
                Secret::Digest(digest(&SHA256, password.expose().as_bytes()).as_ref().to_vec())
            }
            Some(config::Credential::Hash(hash)) => Secret::Hash(checked(hash.expose())?),
            None => Secret::None,
        };
        let keys = user.keys.iter().map(|line| public_key(line)).collect::<Result<_>>()?;
        Ok(Self { account: Arc::new(Account { name: user.name.clone(), role }), secret, keys })
    }
}

/// The hash, if it can be verified with a bounded amount of memory.
fn checked(hash: &str) -> Result<String> {
    const EXPECTED: &str = "`password-hash` is no Argon2 hash in PHC form: it begins with $argon2id$v=19$ and holds salt and hash";
    let parsed = PasswordHash::new(hash).map_err(|_| user_error(EXPECTED))?;
    let params = Params::try_from(&parsed).map_err(|_| user_error(EXPECTED))?;
    if !parsed.algorithm.as_str().starts_with("argon2") || parsed.hash.is_none() || parsed.salt.is_none() {
        return Err(user_error(EXPECTED));
    }
    if params.m_cost() > HASH_MEMORY_KIB {
        return Err(user_error(format!("`password-hash` wants more than {HASH_MEMORY_KIB} KiB of memory")));
    }
    if params.t_cost() > HASH_ROUNDS || params.p_cost() > HASH_LANES {
        return Err(user_error(format!(
            "`password-hash` wants more than {HASH_ROUNDS} rounds or {HASH_LANES} lanes"
        )));
    }
    Ok(hash.to_owned())
}

fn public_key(line: &str) -> Result<PublicKey> {
    let shown: String = line.chars().take(30).collect();
    let key = PublicKey::from_openssh(line)
        .map_err(|error| user_error(format!("`{shown}...` is no public key of OpenSSH's form: {error}")))?;
    let kind = key.algorithm();
    if matches!(kind, Algorithm::Ed25519 | Algorithm::Ecdsa { .. }) {
        return Ok(key);
    }
    Err(user_error(format!(
        "a key of the kind {kind} cannot log in here: make one with ssh-keygen -t ed25519"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordHasher;
    use config::{Credential, Secret as Hidden};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPUzZaQ/2RcfpAkDWqN9V0vZ2n0fQ1HjvhAEmzSZ8lK me@here";

    fn user(name: &str, credential: Option<Credential>, keys: &[&str]) -> config::User {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        config::User { name: name.into(), credential, keys, admin: name == "admin" }
    }

    fn cheap_hash(password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        argon2.hash_password(password.as_bytes()).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_user_is_known_by_password_or_hash_and_nobody_else_is() {
        let users = Users::of(&[
            user("admin", Some(Credential::Password(Hidden::new("one"))), &[]),
            user("viewer", Some(Credential::Hash(Hidden::new(&cheap_hash("two")))), &[]),
            user("robot", None, &[KEY]),
        ])
        .unwrap();
        for (name, password, role) in [
            ("admin", "one", Some(Role::Admin)),
            ("viewer", "two", Some(Role::Operator)),
            ("admin", "two", None),
            ("viewer", "one", None),
            ("robot", "", None),
            ("nobody", "one", None),
            ("admin", &"x".repeat(10_000), None),
        ] {
            let found = users.by_password(name, password).await;
            assert_eq!(found.as_ref().map(|account| account.role), role, "{name} {password}");
        }
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert_eq!(users.by_key("robot", &key).unwrap().name, "robot");
        assert!(users.by_key("admin", &key).is_none());
        let shown = format!("{users:?}");
        assert!(shown.contains("viewer") && !shown.contains("argon2"), "{shown}");
    }

    #[test]
    fn what_is_no_hash_and_no_key_is_refused_without_being_repeated() {
        let hash = |text: &str| Users::of(&[user("a", Some(Credential::Hash(Hidden::new(text))), &[])]);
        for text in ["hunter2", "$argon2id$v=19$m=8,t=1,p=1", "$2b$12$abcdefghijklmnopqrstuv", ""] {
            let error = hash(text).unwrap_err().to_string();
            assert!(error.contains("user a") && error.contains("PHC"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        let huge = cheap_hash("x").replace("m=8", "m=4194304");
        assert!(hash(&huge).unwrap_err().to_string().contains("KiB"));
        let long = cheap_hash("x").replace("t=1", "t=4000000");
        assert!(hash(&long).unwrap_err().to_string().contains("rounds"));
        let error = Users::of(&[user("a", None, &["ssh-ed25519 rubbish"])]).unwrap_err().to_string();
        assert!(error.contains("no public key"), "{error}");
    }
}
