use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::scan::Scan;

pin_project! {
    /// The inner service's body, in which secrets are masked if they are searched for.
    #[derive(Debug)]
    pub struct MaskBody<B> {
        #[pin]
        inner: B,
        scan: Option<Scanned>,
    }
}

#[derive(Debug)]
struct Scanned {
    scan: Scan,
    /// What comes before the next frame of the inner body.
    ready: [Bytes; 2],
    /// And behind that.
    trailers: Option<Frame<Bytes>>,
    has_ended: bool,
}

impl<B> MaskBody<B> {
    pub(super) fn new(inner: B, scan: Option<Scan>) -> Self {
        let scan = scan.map(|scan| Scanned {
            scan,
            ready: [Bytes::new(), Bytes::new()],
            trailers: None,
            has_ended: false,
        });
        Self { inner, scan }
    }
}

impl<B: Default> Default for MaskBody<B> {
    /// The inner body's default, as it is.
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl Scanned {
    fn next(&mut self) -> Option<Frame<Bytes>> {
        let data = self.ready.iter_mut().find(|data| !data.is_empty());
        match data {
            Some(data) => Some(Frame::data(std::mem::take(data))),
            None => self.trailers.take(),
        }
    }

    fn is_done(&self) -> bool {
        self.scan.is_idle() && self.trailers.is_none() && self.ready.iter().all(Bytes::is_empty)
    }

    /// Nothing follows but `trailers`.
    fn end(&mut self, trailers: Option<Frame<Bytes>>) {
        self.ready = self.scan.push(Bytes::new(), true);
        self.trailers = trailers;
        self.has_ended = true;
    }
}

impl<B: Body<Data = Bytes>> Body for MaskBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(scanned) = this.scan else {
            return this.inner.poll_frame(cx);
        };
        loop {
            if let Some(frame) = scanned.next() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if scanned.has_ended {
                return Poll::Ready(None);
            }
            match ready!(this.inner.as_mut().poll_frame(cx)).transpose() {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let is_last = this.inner.is_end_stream();
                        scanned.ready = scanned.scan.push(data, is_last);
                    }
                    Err(trailers) => scanned.end(Some(trailers)),
                },
                Ok(None) => scanned.end(None),
                Err(error) => {
                    // What is held back is the beginning of a secret, or may be.
                    scanned.has_ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.scan {
            None => self.inner.is_end_stream(),
            Some(scanned) => scanned.is_done() && (scanned.has_ended || self.inner.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.scan {
            None => self.inner.size_hint(),
            Some(_) if self.is_end_stream() => SizeHint::with_exact(0),
            // Marks are longer or shorter than what they stand for.
            Some(_) => SizeHint::default(),
        }
    }
}
