//! The pool of sessions with the database.
//!
//! Each attempt on one address of one host has its own short time, and the next host is tried after it: a host that takes the
//! connection and then says nothing must not keep the others from their turn. A host counts only if it takes writes. Sessions
//! are closed after some minutes, so that names are looked up again, and all idle ones as soon as one error tells that the server
//! stops or has become a standby.
//!
//! It never prepares a named statement and sends no `options`, because poolers refuse both. It never logs a statement.

use std::future::poll_fn;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{AsyncMessage, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Host, Schema};
use super::trouble::Trouble;

/// The usual number of sessions of one bridge.
pub const POOL: u32 = 8;

/// The time for one address of one host, sign-in included.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The time for all hosts together.
const CREATE: Duration = Duration::from_secs(8);

/// The longest wait for a session that others use. A webhook's sender waits no longer than a few seconds.
const WAIT: Duration = Duration::from_secs(4);

/// The time after which a silent connection is given up, and the pause between two signs of life.
const SILENCE: Duration = Duration::from_secs(5);

/// The age at which an idle session is closed.
const AGE_MAX: Duration = Duration::from_secs(600);

/// How TLS is used over a network. A socket never has TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// The certificate is checked, and the host's name in it.
    #[default]
    VerifyFull,
    /// There is no TLS; only for hosts of this machine.
    Disable,
}

/// The way to a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address.
    pub address: Address,
    /// The schema of the tables.
    pub schema: Schema,
    /// The password, where the address holds none.
    pub password: Option<SecretString>,
    /// How TLS is used.
    pub tls: Tls,
    /// The file with the authorities that may vouch for the server, as PEM; without it, the machine's authorities may.
    pub tls_ca: Option<PathBuf>,
    /// The most sessions at a time.
    pub pool: u32,
}

impl Options {
    /// The usual options for an address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, schema: Schema::default(), password: None, tls: Tls::default(), tls_ca: None, pool: POOL }
    }
}

/// A session that its holder gives back to the pool by dropping it.
pub type Client = Object<Dialer>;

/// The sessions with one database. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections {
    pool: Pool<Dialer>,
}

impl Connections {
    /// A pool without a session; the first is opened when it is asked for.
    ///
    /// # Errors
    /// A way that is unsafe, or authorities that cannot be read.
    pub fn new(options: &Options) -> Result<Self, String> {
        let dialer = Dialer::new(options)?;
        let pool = Pool::builder(dialer)
            .max_size(usize::try_from(options.pool).unwrap_or(usize::MAX))
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CREATE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { pool })
    }

    /// A session, idle or new.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(&self) -> Result<Client, Trouble> {
        let busy = || {
            format!("all {} sessions with the database are in use; store.pool allows more", self.pool.status().max_size)
        };
        // On the heap, because the way through all hosts is long.
        Box::pin(self.pool.get()).await.map_err(|error| match error {
            PoolError::Backend(trouble) => trouble,
            PoolError::Closed => Trouble::Closed,
            PoolError::Timeout(TimeoutType::Wait) => Trouble::Away(busy()),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                Trouble::Away(format!("no host of the database answers within {} s", CREATE.as_secs()))
            }
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Trouble::Failed(error.to_string()),
        })
    }

    /// The meaning of an error. When the error ends more than its own session, no session of before is used again.
    #[must_use]
    pub fn trouble(&self, error: &Error) -> Trouble {
        if Trouble::ends_all(error) {
            self.drop_idle();
        }
        Trouble::of(error)
    }

    /// Closes all idle sessions, and those in use as soon as their holders give them back.
    pub fn drop_idle(&self) {
        // First, so that a session which is given back meanwhile is known as an old one.
        self.pool.manager().turn.fetch_add(1, Ordering::AcqRel);
        drop(self.pool.retain(|_, _| false));
    }

    /// The number of idle sessions.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.pool.status().available
    }

    /// Closes the pool: no session is given out any more.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// One session. It is a client of the driver, with a count of warnings.
#[derive(Debug)]
pub struct Session {
    client: tokio_postgres::Client,
    reader: JoinHandle<()>,
    warnings: Arc<AtomicU64>,
    /// As [`Dialer::turn`] when it was opened.
    turn: u64,
}

impl Session {
    /// The number of warnings of SQLSTATE 01000 or of the server's end so far. PostgreSQL sends one where a COMMIT did not wait
    /// for its standby to the end, and then tells of success. A commit during which the number grows is in doubt.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }
}

impl Deref for Session {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A reader would wait for the answer of a server that never answers.
        self.reader.abort();
    }
}

/// Opens sessions for the pool.
pub struct Dialer {
    base: Config,
    hosts: Vec<Host>,
    /// Absent where TLS is off.
    tls: Option<MakeRustlsConnect>,
    /// How often all sessions were given up.
    turn: AtomicU64,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Manager for Dialer {
    type Type = Session;
    type Error = Trouble;

    async fn create(&self) -> Result<Session, Trouble> {
        let turn = self.turn.load(Ordering::Acquire);
        let mut told = Vec::new();
        for host in &self.hosts {
            for config in self.attempts(host).await {
                let trouble = match timeout(ATTEMPT, self.dial(&config, host, turn)).await {
                    Ok(Ok(session)) => return Ok(session),
                    Ok(Err(error)) => Trouble::of(&error),
                    Err(_) => Trouble::Away(format!("no answer within {} s", ATTEMPT.as_secs())),
                };
                told.push((host, trouble));
            }
        }
        Err(worst(&told))
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<Trouble> {
        if session.is_closed() {
            return Err(RecycleError::message("the session has ended"));
        }
        if session.turn != self.turn.load(Ordering::Acquire) {
            return Err(RecycleError::message("the session was given up with all others"));
        }
        if metrics.age() > AGE_MAX {
            return Err(RecycleError::message("the session is old"));
        }
        Ok(())
    }
}

impl Dialer {
    fn new(options: &Options) -> Result<Self, String> {
        let Address { user, password, hosts, database } = &options.address;
        let tls = match options.tls {
            Tls::VerifyFull => {
                let has_network = hosts.iter().any(|host| matches!(host, Host::Tcp { .. }));
                has_network.then(|| trust(options.tls_ca.as_deref()).map(MakeRustlsConnect::new)).transpose()?
            }
            Tls::Disable => match options.address.remote().next() {
                None => None,
                Some(host) => return Err(format!("TLS may not be off on the way to {host}, which is another machine")),
            },
        };
        let mut base = Config::new();
        base.user(user).dbname(database).application_name("tandem").target_session_attrs(TargetSessionAttrs::ReadWrite);
        base.connect_timeout(ATTEMPT).tcp_user_timeout(SILENCE);
        base.keepalives(true).keepalives_idle(SILENCE).keepalives_interval(SILENCE).keepalives_retries(2);
        let password = options.password.as_ref().or(password.as_ref().map(super::address::Password::secret));
        if let Some(password) = password {
            base.password(password.expose_secret());
        }
        Ok(Self { base, hosts: hosts.clone(), tls, turn: AtomicU64::new(0) })
    }

    /// The driver's settings for each address of a host. A name is looked up each time, because it follows a switch-over.
    async fn attempts(&self, host: &Host) -> Vec<Config> {
        let mut config = self.base.clone();
        match host {
            Host::Socket { directory, port } => {
                config.host_path(directory).port(*port).ssl_mode(SslMode::Disable);
                vec![config]
            }
            Host::Tcp { name, port } => {
                config.host(name).port(*port);
                config.ssl_mode(if self.tls.is_some() { SslMode::Require } else { SslMode::Disable });
                let found = timeout(ATTEMPT, tokio::net::lookup_host((name.as_str(), *port))).await;
                let addresses: Vec<IpAddr> = match found {
                    Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
                    // The driver looks again and tells the fault.
                    Ok(Err(_)) | Err(_) => return vec![config],
                };
                let at = |address| {
                    let mut config = config.clone();
                    config.hostaddr(address);
                    config
                };
                addresses.into_iter().map(at).collect()
            }
        }
    }

    async fn dial(&self, config: &Config, host: &Host, turn: u64) -> Result<Session, Error> {
        match (&self.tls, host) {
            (Some(tls), Host::Tcp { .. }) => open(config, tls.clone(), turn).await,
            (Some(_), Host::Socket { .. }) | (None, Host::Tcp { .. } | Host::Socket { .. }) => {
                open(config, NoTls, turn).await
            }
        }
    }
}

/// Opens a session, and reads its connection from then on.
async fn open<T>(config: &Config, tls: T, turn: u64) -> Result<Session, Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    T::TlsConnect: TlsConnect<Socket>,
{
    let (client, connection) = config.connect(tls).await?;
    let warnings = Arc::new(AtomicU64::new(0));
    let reader = tokio::spawn(read(connection, Arc::clone(&warnings)));
    Ok(Session { client, reader, warnings, turn })
}

/// Reads a connection to its end. A call on the session hears of the end itself.
async fn read<S>(mut connection: Connection<Socket, S>, warnings: Arc<AtomicU64>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && [SqlState::WARNING, SqlState::ADMIN_SHUTDOWN].contains(notice.code())
        {
            // In front of the answer to the commit, because the connection is read in order.
            warnings.fetch_add(1, Ordering::Release);
        }
    }
}

/// The trouble of all hosts as one. A refusal is the operator's to heal, so it outweighs a host that is away.
fn worst(told: &[(&Host, Trouble)]) -> Trouble {
    let words: Vec<_> = told.iter().map(|(host, trouble)| format!("{host}: {trouble}")).collect();
    let words = words.join("; ");
    let is_refused = |(_, trouble): &(&Host, Trouble)| matches!(trouble, Trouble::Refused(_));
    let is_failed = |(_, trouble): &(&Host, Trouble)| matches!(trouble, Trouble::Failed(_));
    if told.iter().any(is_refused) {
        Trouble::Refused(words)
    } else if told.iter().any(is_failed) {
        Trouble::Failed(words)
    } else {
        Trouble::Away(words)
    }
}

/// The rules for TLS: the authorities, and the one crypto provider of this program.
fn trust(file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let told = |why: String| format!("store.tls_ca: {}: {why}", file.display());
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| told(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| told(error.to_string()))?;
                roots.add(certificate).map_err(|error| told(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(told("it holds no certificate".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("this machine trusts no authority: install ca-certificates, or set store.tls_ca".to_owned());
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
