//! The readers of the seed benchmark, in small and without a gateway.

use std::time::Duration;

use lastbyte_mock::{Faults, Kind};

use crate::seed::load::{Load, Until};
use crate::seed::mix::{faults, mix};
use crate::seed::settings;
use crate::support::mock::MockThread;

#[test]
fn each_request_that_meets_a_fault_is_one_failed_answer_and_no_text_is_wrong() {
    let mut faults = Faults { interval_ms: 1, first_event_ms: 1, ..faults(true) };
    // Silence for ever would have to be waited for.
    faults.mix.retain(|fault| fault.kind != Kind::Stall);
    faults.mix.iter_mut().for_each(|fault| fault.rate *= 10.0);
    let mock = MockThread::start(1, faults).unwrap();
    let load = Load {
        url: mock.chat(),
        seed: 1,
        connections: 20,
        over: Duration::from_millis(20),
        until: Until::Answers(400),
    };
    let measured = load.run(|_| ()).unwrap();
    assert_eq!((measured.answers, measured.wrong.as_slice()), (400, &[][..]));
    let stats = mock.stats();
    let met: u64 = stats.faults.iter().filter(|(kind, _)| **kind != Kind::None).map(|(_, count)| count).sum();
    assert_eq!(stats.requests, 400);
    assert!(met > 40, "{:?}", stats.faults);
    assert_eq!(measured.failures(), met, "{:?} {:?}", measured.failed, stats.faults);
    assert!(measured.first.len() as u64 >= 400 - met);
}

#[test]
fn the_faults_are_what_the_report_says() {
    let total: f64 = mix().iter().map(|(_, fault)| fault.rate).sum();
    assert!((total - 0.023).abs() < 1e-9, "{total}");
    let json = serde_json::to_string(&faults(true)).unwrap();
    assert_eq!(Faults::read(json.as_bytes()).unwrap(), faults(true));
    assert!(settings().len() >= 3);
}
