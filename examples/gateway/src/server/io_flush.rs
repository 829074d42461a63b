use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use lastbyte::core::Flusher;
use pin_project_lite::pin_project;

pin_project! {
    /// A transport that says whether something is unwritten.
    pub(super) struct FlushIo<T> {
        #[pin]
        inner: T,
        flusher: Flusher,
    }
}

impl<T> FlushIo<T> {
    pub(super) fn new(inner: T, flusher: Flusher) -> Self {
        Self { inner, flusher }
    }
}

impl<T: Read> Read for FlushIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buf)
    }
}

impl<T: Write> Write for FlushIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        this.flusher.writing();
        this.inner.poll_write(cx, buf)
    }

    /// hyper and h2 flush only once they have written all of their own buffer.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let flushed = this.inner.poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed {
            this.flusher.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        this.flusher.writing();
        this.inner.poll_write_vectored(cx, bufs)
    }
}

pin_project! {
    /// A connection over a [`FlushIo`] that counts its turns.
    ///
    /// Both of hyper's connections try, each time they are polled, to write all that may be sent: HTTP/1 its
    /// buffer, HTTP/2 the frames of every stream that has window for them. They stop only where the
    /// transport is full.
    pub(super) struct Turns<C> {
        #[pin]
        connection: C,
        flusher: Flusher,
    }
}

impl<C> Turns<C> {
    pub(super) fn new(connection: C, flusher: Flusher) -> Self {
        Self { connection, flusher }
    }
}

impl<C: Future> Future for Turns<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = self.project();
        this.flusher.begin(cx);
        let polled = this.connection.poll(cx);
        this.flusher.end();
        polled
    }
}
