//! The contract, run: each check over each layer alone, over every ordered pair, and over random orders.

use lastbyte_tests::contract::checks;
use lastbyte_tests::layers::LAYERS;
use lastbyte_tests::run::{ORDERS, applies, pairs, random_order, run};
use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut trials = Vec::new();
    for check in checks() {
        for layer in LAYERS.iter().filter(|layer| applies(check, &[**layer])) {
            trials.push(Trial::test(format!("{}::{}", check.name, layer.name), move || {
                Ok(run(check, &[*layer], 0)?)
            }));
        }
        trials.push(Trial::test(format!("{}::pairs", check.name), move || {
            pairs().filter(|pair| applies(check, pair)).try_for_each(|pair| Ok(run(check, &pair, 0)?))
        }));
        trials.push(Trial::test(format!("{}::orders", check.name), move || {
            (0..ORDERS).try_for_each(|seed| Ok(run(check, &random_order(seed), seed)?))
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
