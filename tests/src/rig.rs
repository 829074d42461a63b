//! A stack of layers around a chat API that is driven by hand.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use http::{Request, Response};
use lastbyte::core::EndingHandle;
use tower::ServiceExt;

use crate::answers;
use crate::boxed::{AnswerBody, Boxed, RequestBody, boxed};
use crate::chat::{Chat, ChatError};
use crate::subject::{ATTEMPTS, Does, Entry, Subject};
use crate::violations::Violations;
use crate::witness::{Border, Witness};

/// Layers in an order, outermost first.
pub struct Stack {
    entries: Vec<Entry>,
    subjects: Vec<Subject>,
    violations: Violations,
    endings: Arc<Mutex<Vec<EndingHandle>>>,
}

/// What a check works with.
pub struct Rig {
    /// The layers.
    pub stack: Stack,
    /// What is inside of them.
    pub chat: Chat,
    /// Both together.
    pub service: Boxed,
    /// What a check may roll its dice from.
    pub seed: u64,
}

impl Stack {
    fn new(entries: &[Entry], violations: Violations) -> Self {
        let subjects = entries.iter().map(|entry| (entry.make)()).collect();
        Self { entries: entries.to_vec(), subjects, violations, endings: Arc::default() }
    }

    /// Whether a layer of it does that.
    pub fn does(&self, what: Does) -> bool {
        self.count(what) > 0
    }

    fn count(&self, what: Does) -> usize {
        self.subjects.iter().filter(|subject| subject.does.contains(&what)).count()
    }

    /// How often the chat API is asked for an answer that never comes to anything: retries do not multiply,
    /// since one that gives up says so in the head.
    pub fn attempts(&self) -> usize {
        if self.does(Does::Retries) { ATTEMPTS } else { 1 }
    }

    /// How often it is asked where it gives no head that could say so.
    pub fn attempts_without_a_head(&self) -> usize {
        ATTEMPTS.pow(self.count(Does::Retries) as u32)
    }

    /// The names of the layers, outermost first.
    pub fn names(&self) -> Vec<&'static str> {
        self.entries.iter().map(|entry| entry.name).collect()
    }

    /// A service with these layers around `inner`, and a witness behind each. Each call applies the same
    /// layers anew.
    pub fn around(&self, inner: Boxed) -> Boxed {
        let innermost_first = self.subjects.iter().zip(&self.entries).enumerate().rev();
        innermost_first.fold(inner, |inner, (place, (subject, entry))| {
            let border = Border {
                behind: entry.name,
                outermost: place == 0,
                violations: self.violations.clone(),
                endings: self.endings.clone(),
            };
            boxed(Witness::new(subject.around(inner), border))
        })
    }

    /// A router with these layers around each of its routes.
    pub fn mount(&self, router: Router) -> Router {
        self.subjects.iter().rev().fold(router, |router, subject| subject.mount(router))
    }

    /// The endings that any layer handed out so far.
    pub fn endings(&self) -> Vec<EndingHandle> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rig {
    /// A rig with these layers.
    pub fn new(entries: &[Entry], seed: u64) -> Self {
        let violations = Violations::default();
        let chat = Chat::new(violations.clone());
        let stack = Stack::new(entries, violations);
        let service = stack.around(boxed(chat.service()));
        Self { stack, chat, service, seed }
    }

    /// The same layers made anew, around a chat API of its own.
    pub fn twin(&self) -> Self {
        Self::new(&self.stack.entries, self.seed)
    }

    /// A chat request that asks for a stream.
    pub fn request(&self) -> Request<RequestBody> {
        answers::request(&self.chat, "/v1/chat/completions", true)
    }

    /// Sends a request through a clone of the service, as a server does.
    ///
    /// # Errors
    ///
    /// That of the service.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Response<AnswerBody>, ChatError> {
        self.service.clone().oneshot(request).await
    }

    /// Fails where a witness or the chat API has seen what may not be.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.chat.violations.assert_none();
    }
}
