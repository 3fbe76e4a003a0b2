//! Keeps an unfinished chunked body in hand until its answer is sent.
//!
//! actix goes on reading a chunked body that its handler has let go of, to save the connection,
//! without a limit in bytes or time: one refused request could hold a connection for ever (INV-9).
//! A body that is still held when the answer is sent makes actix close the connection instead.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header;
use bytes::Bytes;
use futures_util::Stream as _;
use futures_util::stream::poll_fn;

type Shared = Rc<RefCell<Payload>>;

/// A hold on the body of a request, if it needs one.
pub(super) struct Hold(Option<Shared>);

impl Hold {
    /// Takes hold; the handler reads the body as before.
    pub(super) fn of(req: &mut ServiceRequest) -> Self {
        if !req.headers().contains_key(header::TRANSFER_ENCODING) {
            return Self(None);
        }
        let shared: Shared = Rc::new(RefCell::new(req.take_payload()));
        let source = Rc::clone(&shared);
        let reader = poll_fn(move |cx| Pin::new(&mut *source.borrow_mut()).poll_next(cx));
        req.set_payload(Payload::Stream {
            payload: Box::pin(reader),
        });
        Self(Some(shared))
    }

    /// The answer's body, which lets go of the request's body when it has been sent.
    pub(super) fn until_sent(self, body: BoxBody) -> BoxBody {
        match self.0 {
            None => body,
            Some(held) => BoxBody::new(Holding { body, _held: held }),
        }
    }
}

struct Holding {
    body: BoxBody,
    _held: Shared,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
