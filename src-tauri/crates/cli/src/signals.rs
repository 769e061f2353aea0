//! Ctrl-C and its kin, and the runtime of this shell.

use std::future::Future;
use std::time::Duration;

use crate::out::{Trouble, could_not};

/// A small runtime.
pub fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(could_not)
}

/// Resolves when the program is asked to end.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut stream) => drop(stream.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Resolves when the program is asked to end or the time is over.
pub async fn interrupted_or(time: Option<Duration>) {
    let over: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match time {
        Some(time) => Box::pin(tokio::time::sleep(time)),
        None => Box::pin(std::future::pending()),
    };
    tokio::select! {
        () = interrupted() => {}
        () = over => {}
    }
}
