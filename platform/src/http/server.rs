//! Listens and serves.

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio_util::sync::CancellationToken;

use super::request_context;
use crate::BoxError;

/// The limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerDefaults {
    /// Threads that serve.
    pub workers: usize,
    /// Open connections per worker; more wait in the listen queue.
    pub connections_max: usize,
    /// Connections waiting to be accepted.
    pub backlog: u32,
    /// How long an idle connection is kept.
    pub keep_alive_s: u64,
    /// How long the head of a request may take.
    pub head_timeout_s: u64,
    /// How long a closing connection may take to take its answer.
    pub disconnect_timeout_s: u64,
    /// How long requests in flight may go on after the stop.
    pub drain_s: u64,
}

/// The limits that both listeners start from.
pub fn server_defaults() -> ServerDefaults {
    ServerDefaults {
        workers: 2,
        connections_max: 2_000,
        backlog: 1_024,
        keep_alive_s: 75,
        head_timeout_s: 5,
        disconnect_timeout_s: 2,
        drain_s: 10,
    }
}

/// A listener that is bound and does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else has the port.
    #[error(
        "{address} is in use: stop the other process or choose another port \
         (port 0 takes a free one)"
    )]
    InUse {
        /// The address as it was given.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Anything else.
    #[error("failed to listen on {address}")]
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Bound {
    /// Where it really listens: with port 0, the port that was free.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Opens a listener at `host:port`.
pub fn bind(address: &str) -> Result<Bound, ServeError> {
    let failed = |source: std::io::Error| {
        let address = address.to_owned();
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ServeError::InUse { address, source }
        } else {
            ServeError::Bind { address, source }
        }
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, addr })
}

/// Serves until the token is cancelled, then lets requests in flight end. `configure` adds the
/// application's data and calls `Api::configure`; the request-context middleware is around it.
pub async fn serve<C>(
    bound: Bound,
    limits: ServerDefaults,
    configure: C,
    token: CancellationToken,
) -> Result<(), BoxError>
where
    C: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let app = move || {
        App::new()
            .wrap(request_context())
            .configure(configure.clone())
    };
    let server = HttpServer::new(app)
        .workers(limits.workers)
        .max_connections(limits.connections_max)
        .backlog(limits.backlog)
        .keep_alive(Duration::from_secs(limits.keep_alive_s))
        .client_request_timeout(Duration::from_secs(limits.head_timeout_s))
        .client_disconnect_timeout(Duration::from_secs(limits.disconnect_timeout_s))
        .shutdown_timeout(limits.drain_s)
        .disable_signals()
        .listen(bound.listener)?
        .run();
    let handle = server.handle();
    let mut server = pin!(server);
    tokio::select! {
        served = &mut server => {
            served?;
            Err("the listener closed although nobody asked it to".into())
        }
        () = token.cancelled() => {
            // The server has to be polled while it stops.
            let (served, ()) = tokio::join!(server, handle.stop(true));
            Ok(served?)
        }
    }
}
