//! What does not ask the chat API: is it still answered? And what the gateway takes of the machine meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use crate::support::ask::{Http, client};
use crate::support::process::{Held, Listening};

/// Each page ten times a second.
const EVERY: Duration = Duration::from_millis(100);

/// A page that takes longer has not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How long each page took, in seconds; one that did not come as long as was waited.
    pub(crate) took: Vec<f64>,
    pub(crate) failed: u64,
    /// How often the circuit opened, and when that was first seen, since the beginning.
    pub(crate) opened: u64,
    pub(crate) opened_after: Option<f64>,
    /// What the circuit does now.
    pub(crate) state: &'static str,
    /// The most of each.
    pub(crate) held: Option<Held>,
}

/// Asks for the pages until it is dropped.
pub(crate) async fn watch(gateway: &Listening, seen: Rc<RefCell<Seen>>) {
    let (start, client) = (Instant::now(), client(usize::MAX));
    let urls = [format!("{}/healthz", gateway.url), format!("{}/metrics", gateway.admin)];
    let mut asked = JoinSet::new();
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        if let Some(now) = gateway.held() {
            let mut seen = seen.borrow_mut();
            let most = seen.held.get_or_insert_default();
            most.threads = most.threads.max(now.threads);
            most.resident = most.resident.max(now.resident);
            most.most_resident = now.most_resident;
        }
        for url in &urls {
            let (client, url, seen) = (client.clone(), url.clone(), seen.clone());
            asked.spawn_local(async move {
                let began = Instant::now();
                let text = timeout(PATIENCE, page(&client, &url)).await.ok().flatten();
                let mut seen = seen.borrow_mut();
                seen.took.push(began.elapsed().as_secs_f64());
                match text {
                    Some(text) => seen.read(&text, start),
                    None => seen.failed += 1,
                }
            });
        }
        while asked.try_join_next().is_some() {}
    }
}

async fn page(client: &Http, url: &str) -> Option<String> {
    let request = Request::get(url).body(Full::default()).ok()?;
    let response = client.request(request).await.ok().filter(|response| response.status().is_success())?;
    let body = response.into_body().collect().await.ok()?.to_bytes();
    String::from_utf8(body.into()).ok()
}

impl Seen {
    /// What a page says of the circuit, where it says anything.
    fn read(&mut self, page: &str, start: Instant) {
        let value = |name: &str| {
            let mut lines = page.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<u64>().ok())
        };
        if let Some(opened) = value("lastbyte_circuits_opened_total") {
            self.opened = self.opened.max(opened);
            if opened > 0 {
                self.opened_after.get_or_insert_with(|| start.elapsed().as_secs_f64());
            }
        }
        for state in ["closed", "open", "half-open", "closing"] {
            if value(&format!("lastbyte_circuits{{state=\"{state}\"}}")) == Some(1) {
                self.state = state;
            }
        }
    }
}
