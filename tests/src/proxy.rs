//! A TCP proxy that breaks connections on purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// What the proxy does with what comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything goes through.
    Pass,
    /// Connections stay open and nothing goes through.
    Blackhole,
    /// Every connection is broken at once, also those that stand.
    Reset,
    /// Requests go through; the connection breaks when this many bytes of replies went through.
    CutReplyAfter(u64),
}

/// A running proxy in front of one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicU64>,
    task: AbortHandle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Reply,
}

impl Proxy {
    /// Starts on a free port in front of `upstream` (`127.0.0.1:7400`), letting everything pass.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(upstream: impl Into<String>) -> Self {
        let upstream = upstream.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (mode, watched) = watch::channel(Mode::Pass);
        let cuts = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&cuts);
        let accept = async move {
            // Dropping the set ends every connection with the proxy.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (watched, counter) = (watched.clone(), Arc::clone(&counter));
                let upstream = upstream.clone();
                connections.spawn(async move {
                    if let Ok(server) = TcpStream::connect(upstream).await {
                        connection(client, server, watched, &counter).await;
                    }
                });
            }
        };
        Self {
            address,
            mode,
            cuts,
            task: tokio::spawn(accept).abort_handle(),
        }
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for an HTTP client.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what happens from now on, for standing connections too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many connections were broken by [`Mode::CutReplyAfter`].
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Both directions; when one ends or is cut, both streams are dropped.
async fn connection(
    client: TcpStream,
    server: TcpStream,
    mode: watch::Receiver<Mode>,
    cuts: &AtomicU64,
) {
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::select! {
        () = pipe(client_reads, server_writes, Direction::Request, mode.clone(), cuts) => {}
        () = pipe(server_reads, client_writes, Direction::Reply, mode, cuts) => {}
    }
}

async fn pipe(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    mut mode: watch::Receiver<Mode>,
    cuts: &AtomicU64,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed: u64 = 0;
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Reset {
            return;
        }
        let read = tokio::select! {
            changed = mode.changed() => {
                if changed.is_err() { return; }
                continue;
            }
            read = from.read(&mut buffer), if now != Mode::Blackhole => read,
        };
        let Ok(length @ 1..) = read else { return };
        let mut through = length;
        if let (Mode::CutReplyAfter(limit), Direction::Reply) = (now, direction) {
            let left = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
            through = length.min(left);
        }
        if to.write_all(&buffer[..through]).await.is_err() {
            return;
        }
        if through < length {
            cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        passed = passed.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}
