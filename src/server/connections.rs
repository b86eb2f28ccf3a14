//! Connections of callers: accepted, served over HTTP/1.1, and allowed to finish.

use crate::{config, rest::Front};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{convert::Infallible, future::Future, io, pin::pin, time::Duration};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

/// How long nothing is accepted once the process has as many files open as it may.
const RESPITE: Duration = Duration::from_millis(50);

/// Serves all that connect until `stop`; then accepts no more, and lets running requests finish as long as the settings
/// allow.
pub(super) async fn serve(
    listener: TcpListener,
    front: Front,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.receive_timeout);
    let running = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(why) if is_of_one_connection(&why) => continue,
            Err(why) => {
                tracing::warn!(%why, "cannot accept a connection");
                sleep(RESPITE).await;
                continue;
            }
        };
        // Answers are written in one piece; waiting for more only delays them.
        let _best_effort = stream.set_nodelay(true);
        let front = front.clone();
        let service = service_fn(move |request| {
            let front = front.clone();
            async move { Ok::<_, Infallible>(front.answer(peer, request).await) }
        });
        let connection = running.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(why) = connection.await {
                tracing::debug!(%why, "a connection ends early");
            }
        });
    }
    drop(listener);
    if timeout(settings.drain, running.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running when the time to finish was over");
    }
}

/// Whether accepting failed for this one caller, who is gone already.
fn is_of_one_connection(why: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(why.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
