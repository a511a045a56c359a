//! A request's body while an event handles it. It is the event's until the answer is sent, response body included: what is
//! left of it then is refused, so that no sender waits for a reader that will never come, and who reads on is told why.
//!
//! Whoever makes events of requests uses it: `dispatch` for entrypoints, `actors` for objects and facets.

use super::body::{Body, End, Loan, lent};
use super::error::{Class, Error, Kind};
use super::message::{Request, Response};

/* workerd's texts. */
const ANSWERED: &str = "Can't read from request stream after response has been sent.";
const FAILED: &str = "Can't read from request stream after responding with an exception.";
const LEFT: &str = "Can't read from request stream because client disconnected.";

/// Taken back with its drop: the caller has gone.
pub struct Given(Option<Loan>);

impl Given {
    /// Lends the request's body. What a CONNECT brings has an end of its own.
    pub fn of(request: &mut Request) -> Self {
        if matches!(request.body, Body::Empty) || request.method == http::Method::CONNECT {
            return Self(None);
        }
        let (loan, body) = lent(std::mem::take(&mut request.body));
        request.body = body;
        Self(Some(loan))
    }

    /// The event has answered.
    pub fn answered(mut self, mut answer: Result<Response, Error>) -> Result<Response, Error> {
        let Some(loan) = self.0.take() else {
            return answer;
        };
        match &mut answer {
            Ok(response) if matches!(response.body, Body::Stream(_)) => {
                let body = std::mem::take(&mut response.body);
                response.body = body.watched(move |end| {
                    end_with(
                        &loan,
                        if matches!(end, End::Left(_)) {
                            LEFT
                        } else {
                            ANSWERED
                        },
                    );
                });
            }
            Ok(_) => end_with(&loan, ANSWERED),
            Err(_) => end_with(&loan, FAILED),
        }
        answer
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(loan) = &self.0 {
            end_with(loan, LEFT);
        }
    }
}

fn end_with(loan: &Loan, message: &str) {
    loan.end(Error {
        class: Class::TypeError,
        ..Error::new(Kind::Worker, message)
    });
}
