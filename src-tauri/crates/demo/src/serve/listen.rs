//! A listening socket and the tasks of its connections; shut down at once by a token.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use crate::error::DemoError;

/// So long may a connection say goodbye when the server stops.
const GOODBYE: Duration = Duration::from_millis(500);
/// Pause after a failed accept (out of descriptors): it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server does with a connection.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// Serves one connection until it ends or `now` is cancelled.
    fn serve(&self, stream: TcpStream, publisher: Publisher, now: CancellationToken)
    -> impl Future<Output = ()> + Send;
}

/// A bound socket, not yet served.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), DemoError> {
    let failed = |source| DemoError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// A server that runs until its token is cancelled or it is dropped.
pub(crate) struct Server {
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Serves `listener` until `stop` is cancelled.
    pub(crate) fn start(
        listener: TcpListener,
        protocol: impl Protocol,
        publisher: Publisher,
        stop: CancellationToken,
    ) -> Server {
        let task = tokio::spawn(accept(listener, Arc::new(protocol), publisher, stop.clone()));
        Server { stop, task: Some(task) }
    }

    /// Stops at once and returns when every connection is closed.
    pub(crate) async fn stopped(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // It fails only if it panicked, which the log has.
            let _ = task.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept<P: Protocol>(listener: TcpListener, protocol: Arc<P>, publisher: Publisher, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (protocol, publisher, now) = (Arc::clone(&protocol), publisher.clone(), stop.child_token());
                    connections.spawn(async move {
                        // Small messages leave at once; a socket that refuses the option works all the same.
                        let _ = stream.set_nodelay(true);
                        protocol.serve(stream, publisher, now).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, all).await.is_err() {
        connections.shutdown().await;
    }
}
