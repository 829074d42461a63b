//! Runs one check over one order of layers, under paused time.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::ON_PURPOSE;
use crate::contract::{Check, exempt};
use crate::layers::LAYERS;
use crate::rig::Rig;
use crate::subject::Entry;

/// How many random orders a check sees.
pub const ORDERS: u64 = 100;

/// Longer than any wait of a layer: what takes as long hangs.
const FOREVER: Duration = Duration::from_secs(86_400 * 30);

/// Whether a check says anything of a stack: it does where it does of one of its layers.
pub fn applies(check: &Check, order: &[Entry]) -> bool {
    order.iter().any(|entry| exempt(check.name, entry.name).is_none())
}

/// All ordered pairs, a layer with itself included.
pub fn pairs() -> impl Iterator<Item = Vec<Entry>> {
    LAYERS.iter().flat_map(|outer| LAYERS.iter().map(|inner| vec![*outer, *inner]))
}

/// All layers in the random order of `seed`, up to two of them twice.
pub fn random_order(seed: u64) -> Vec<Entry> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut order = LAYERS.to_vec();
    random.shuffle(&mut order);
    for _ in 0..random.usize(..=2) {
        let again = LAYERS[random.usize(..LAYERS.len())];
        order.insert(random.usize(..=order.len()), again);
    }
    order
}

/// The names of an order, outermost first.
pub fn shown(order: &[Entry]) -> String {
    order.iter().map(|entry| entry.name).collect::<Vec<_>>().join(" > ")
}

/// Runs `check` over `order`.
///
/// # Errors
///
/// What failed, where, and in which order and seed.
pub fn run(check: &Check, order: &[Entry], seed: u64) -> Result<(), String> {
    install_hook();
    LAST.set(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new(order, seed);
            let chat = rig.chat.clone();
            let checked = timeout(FOREVER, (check.run)(rig)).await;
            chat.violations.assert_none();
            checked.expect("it hangs");
            chat.alive.assert_nothing("the check is over and everything was dropped");
        });
    }));
    let last = LAST.take().filter(|last| !last.is_empty());
    outcome.map_err(|panic| {
        let what = last.unwrap_or_else(|| message(&*panic));
        format!("{} fails in the order {} (seed {seed}): {what}", check.name, shown(order))
    })
}

thread_local! {
    /// The last panic of this thread that nobody asked for; `None` while no check runs.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics for the one who runs the check, with their place, instead of printing them in between.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let what = message(info.payload());
            let kept = LAST.with_borrow_mut(|last| {
                let running = last.is_some();
                if running && what != ON_PURPOSE {
                    *last = Some(format!(
                        "{what} ({})",
                        info.location().map_or_else(String::new, ToString::to_string)
                    ));
                }
                running
            });
            if !kept {
                usual(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
