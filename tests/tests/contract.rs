//! The contract, run: each check over each layer alone, over every ordered pair, and over random orders.

use lastbyte_tests::contract::{check, checks};
use lastbyte_tests::layers::{DETACHED, LAYERS};
use lastbyte_tests::matrix;
use lastbyte_tests::run::{ORDERS, applies, pairs, random_order, run};
use lastbyte_tests::wrong::{Mistake, WRONG, around};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut trials = Vec::new();
    for check in checks() {
        for layer in LAYERS.iter().chain(DETACHED).filter(|layer| applies(check, &[**layer])) {
            let name = format!("{}::{}", check.name, layer.name);
            trials.push(Trial::test(name, move || Ok(run(check, &[*layer], 0)?)));
        }
        trials.push(Trial::test(format!("{}::pairs", check.name), move || {
            pairs().filter(|pair| applies(check, pair)).try_for_each(|pair| Ok(run(check, &pair, 0)?))
        }));
        trials.push(Trial::test(format!("{}::orders", check.name), move || {
            (0..ORDERS).try_for_each(|seed| Ok(run(check, &random_order(seed), seed)?))
        }));
    }
    trials.push(Trial::test("the_matrix_says_what_is_run", the_matrix_says_what_is_run));
    trials.push(Trial::test("a_layer_without_a_mistake_passes", a_layer_without_a_mistake_passes));
    for (mistake, inner, name) in WRONG {
        trials.push(Trial::test(format!("{name}::finds::{mistake:?}"), move || {
            match run(check(name), &around(*mistake, inner), 0) {
                Err(_) => Ok(()),
                Ok(()) => Err(format!("{mistake:?} around {inner} passes {name}").into()),
            }
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// What finds a mistake must find it for the mistake's sake.
fn a_layer_without_a_mistake_passes() -> Result<(), Failed> {
    for inner in ["guard", "seal"] {
        let order = around(Mistake::None, inner);
        checks().filter(|check| applies(check, &order[1..])).try_for_each(|check| run(check, &order, 0))?;
    }
    Ok(())
}

fn the_matrix_says_what_is_run() -> Result<(), Failed> {
    let unknown = matrix::unknown();
    if !unknown.is_empty() {
        return Err(format!("named in a list, and neither a check, a test nor a layer: {unknown:?}").into());
    }
    if std::env::var_os(matrix::UPDATE).is_some() {
        return Ok(std::fs::write(matrix::path(), matrix::text())?);
    }
    let written = std::fs::read_to_string(matrix::path()).unwrap_or_default();
    // Git may have changed the line ends on its way.
    if written.replace("\r\n", "\n") == matrix::text() {
        return Ok(());
    }
    let update = format!("{}=1 cargo test -p lastbyte-tests --test contract the_matrix", matrix::UPDATE);
    Err(format!("docs/contract-matrix.md says something else than what is run; `{update}` writes it").into())
}
