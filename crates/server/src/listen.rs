//! Accepting connections: bounded in number, in the time a header may take, and in the time a goodbye may take.
//!
//! Slow or idle peers cannot hold the server (attacks.md row 34), and a stop lets running requests finish.

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::{HeaderValue, header::CONNECTION},
    response::Response,
};
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore, sync::watch};
use tower::{Service, ServiceExt as _};
use tracing::{debug, warn};

/// How long a client may take to send the head of its request; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    /// How long running requests may go on after the stop.
    pub(crate) goodbye: Duration,
}

/// Serves `service` until `stop` changes, then lets running requests finish.
#[expect(clippy::disallowed_methods, reason = "a task per connection; they are awaited at the end")]
pub(crate) async fn serve<S>(listener: TcpListener, service: S, bounds: Bounds, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let room = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024);
    loop {
        // A full house leaves new connections in the kernel's queue.
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            _ = stop.changed() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly "too many open files": waiting a moment beats a busy loop.
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let service = tower::service_fn(move |request| answer(service.clone(), request, peer));
        let service = TowerToHyperService::new(service);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.goodbye, graceful.shutdown()).await.is_err() {
        warn!("some requests did not finish in time");
    }
}

/// Tells handlers who is at the other end, and the peer if its connection is of no more use.
async fn answer<S>(service: S, request: Request<Incoming>, peer: SocketAddr) -> Result<Response, Infallible>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let (mut request, unread) = watched(request);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = service.oneshot(request).await?;
    // RFC 9112 §9.6: hyper closes a connection on which a body was left unread. Whoever is not told sends the next
    // request into it, and cannot know whether it was carried out.
    if unread.is_some_and(|unread| unread.load(Ordering::Relaxed)) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The request, and whether its body still waits to be read; `None` where there is no body.
fn watched(request: Request<Incoming>) -> (Request<Body>, Option<Arc<AtomicBool>>) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), None);
    }
    let unread = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&unread);
    (request.map(|body| Body::new(Watched { body, unread: own })), Some(unread))
}

struct Watched {
    body: Incoming,
    unread: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
