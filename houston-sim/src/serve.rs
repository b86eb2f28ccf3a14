//! Connections: accepting them, keeping them alive, and dropping them on purpose.

use crate::{Houston, http::Dropped};
use axum::{Router, body::Body};
use hyper::service::{Service, service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{io, pin::pin, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long [`Houston::serve`] waits for requests under way when it is told to stop.
const PATIENCE: Duration = Duration::from_secs(5);

impl Houston {
    /// Answers on `listener` until `shutdown` resolves, then finishes what is under way.
    ///
    /// # Errors
    /// None at present: a connection that cannot be accepted is skipped.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let closing = CancellationToken::new();
        let router = self.router_until(closing.clone());
        let connections = TaskTracker::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(stream, router.clone(), closing.clone()))),
                    Err(error) => {
                        // Out of file descriptors, most likely; others will be given back.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        closing.cancel();
        connections.close();
        drop(tokio::time::timeout(PATIENCE, connections.wait()).await);
        Ok(())
    }
}

async fn connection(stream: TcpStream, router: Router, closing: CancellationToken) {
    // Answers are small and final; waiting to fill a packet only delays them.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let router = TowerToHyperService::new(router.clone());
        async move {
            match router.call(request.map(Body::new)).await {
                Ok(response) if response.extensions().get::<Dropped>().is_some() => Err(Dropped),
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let end = tokio::select! {
        end = connection.as_mut() => end,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = end {
        tracing::debug!(%error, "connection ended");
    }
}
