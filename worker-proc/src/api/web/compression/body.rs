//! A native body that goes through a coder with no JavaScript in between.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};

use super::coder::{CodeError, Coder, Step};
use super::content::ContentCoder;
use crate::glue::{IoContext, OpError};
use crate::service::{Body, BodyStream, Error, processor};

/// What a body can go through.
pub enum AnyCoder {
    /// JavaScript holds it too.
    Stream(Rc<RefCell<Coder>>),
    Content(ContentCoder),
}

impl AnyCoder {
    fn step(&mut self, input: &[u8], last: bool) -> Result<Step, CodeError> {
        match self {
            Self::Stream(coder) => coder.borrow_mut().step(input, last),
            Self::Content(coder) => coder.step(input, last),
        }
    }
}

/// The coded form of another body. Dropping it drops that body.
pub struct CodedBody {
    source: Body,
    coder: AnyCoder,
    /// What the coder has not taken yet.
    input: Bytes,
    /// The coder may have output without more input.
    more: bool,
    /// The source has ended.
    last: bool,
    /// The event that pays for the processor time, whoever reads.
    payer: Option<Weak<dyn IoContext>>,
}

impl CodedBody {
    pub fn new(source: Body, coder: AnyCoder, payer: Option<Weak<dyn IoContext>>) -> Self {
        Self {
            source,
            coder,
            input: Bytes::new(),
            more: false,
            last: false,
            payer,
        }
    }

    /// A step of the coder, on the event's account.
    fn step(&mut self) -> Result<Step, CodeError> {
        let payer = self.payer.as_ref().and_then(Weak::upgrade);
        let spent = payer.as_ref().and_then(|payer| payer.cpu_time());
        let limit = payer.as_ref().and_then(|payer| payer.cpu_limit());
        let (Some(limit), Some(spent)) = (limit, spent) else {
            return self.coder.step(&self.input, self.last);
        };
        if spent.get() >= limit {
            return Err(CodeError::Ended {});
        }
        let (step, used) = processor::metered(None, || self.coder.step(&self.input, self.last));
        spent.set(spent.get() + used);
        step
    }
}

impl BodyStream for CodedBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if self.more {
                let step = match self.step() {
                    Ok(step) => step,
                    Err(error) => {
                        self.more = false;
                        self.last = true;
                        self.source = Body::Empty;
                        return Poll::Ready(Some(Err(service_error(error))));
                    }
                };
                self.input.advance(step.taken);
                self.more = step.more;
                if !step.output.is_empty() {
                    return Poll::Ready(Some(Ok(step.output.into())));
                }
            } else if self.last {
                return Poll::Ready(None);
            } else {
                match ready!(self.source.poll_chunk(cx)) {
                    Some(Ok(chunk)) => self.input = chunk,
                    Some(Err(error)) => {
                        self.last = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => self.last = true,
                }
                self.more = true;
            }
        }
    }
}

fn service_error(error: CodeError) -> Error {
    OpError::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::super::coder::Format;
    use super::*;
    use crate::service::Class;

    async fn collect(mut body: Body) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(chunk) = std::future::poll_fn(|cx| body.poll_chunk(cx)).await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all)
    }

    fn coded(source: Body, coder: Coder) -> Body {
        Body::Stream(Box::new(CodedBody::new(
            source,
            AnyCoder::Stream(Rc::new(RefCell::new(coder))),
            None,
        )))
    }

    #[tokio::test]
    async fn there_and_back() {
        let text = Bytes::from(vec![7; 300_000]);
        let packed = coded(Body::from(text.clone()), Coder::compressor(Format::Gzip));
        let unpacked = coded(packed, Coder::decompressor(Format::Gzip, true));
        assert_eq!(collect(unpacked).await.unwrap(), text);
    }

    #[tokio::test]
    async fn a_missing_end_is_an_error() {
        let error = collect(coded(Body::Empty, Coder::decompressor(Format::Gzip, true)))
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::TypeError);
    }
}
