//! Connections of callers: accepted, served over HTTP/1.1, and allowed to finish.

use super::{idle::Connections, stream::Stream};
use crate::{config, rest::Front};
use futures_util::FutureExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

/// The most bytes that the headers of one request may have, its address among them. Much more than anybody needs, and
/// little enough for many connections.
const HEAD: usize = 64 << 10;

/// How long nothing is accepted once the process has as many files open as it may.
const RESPITE: Duration = Duration::from_millis(50);

/// Serves all that connect until `stop`; then accepts no more, and lets running requests finish as long as the settings
/// allow.
pub(super) async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD);
    let (mut connections, mut looks) = Connections::new(settings.idle_timeout);
    let places = Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS)));
    let running = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            _ = looks.tick() => {
                connections.look();
                continue;
            }
            () = &mut stop => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(why) if is_of_one_connection(&why) => continue,
            Err(why) => {
                tracing::warn!(%why, "cannot accept a connection");
                sleep(RESPITE).await;
                continue;
            }
        };
        // Answers are written in one piece; waiting for more only delays them.
        let _best_effort = socket.set_nodelay(true);
        // Who asks and never reads gives its place up too.
        #[cfg(target_os = "linux")]
        let _best_effort = socket2::SockRef::from(&socket).set_tcp_user_timeout(Some(settings.idle_timeout));
        let (front, pulse) = (Arc::clone(&front), connections.pulse());
        let stream = Stream { socket, pulse: Arc::clone(&pulse) };
        let asked = Arc::clone(&pulse);
        let service = service_fn(move |request| {
            let answering = asked.answering();
            front.answer(peer, request).map(move |response| {
                drop(answering);
                Ok::<_, Infallible>(response)
            })
        });
        let connection = running.watch(http.serve_connection(TokioIo::new(stream), service));
        let task = tokio::spawn(async move {
            let _until_it_closes = place;
            if let Err(why) = connection.await {
                tracing::debug!(%why, "a connection ends early");
            }
        });
        connections.add(pulse, task.abort_handle());
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
