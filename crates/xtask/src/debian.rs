//! Programs that no registry of code has: they are looked for, and installed where Debian's packages can be.

use std::path::Path;

use crate::tools::{Done, output, program, run};

/// Something that has to be on this machine: how to see that it is there, and Debian's packages with it.
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) is_there: fn() -> bool,
    pub(crate) debian: &'static [&'static str],
}

/// Sees to it that all of them are there for `whom`. `otherwise` is what else can be done, for the error.
pub(crate) fn provide(needs: &[Need], whom: &str, otherwise: &str) -> Done {
    if missing(needs).is_empty() {
        return Ok(());
    }
    if is_debian_root() {
        let packages: Vec<&str> = missing(needs).iter().flat_map(|need| need.debian).copied().collect();
        println!("  installing {}", packages.join(" "));
        run(program("apt-get").args(["update", "--quiet"]))?;
        run(program("apt-get")
            .args(["install", "--quiet", "--yes", "--no-install-recommends"])
            .args(packages)
            // Debian's tools for packages ask before they start a service: none is wanted here.
            .env("RUNLEVEL", "1")
            .env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let whats: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.debian).copied().collect();
    Err(format!(
        "{whom} need {} (Debian: apt-get install {}){otherwise}",
        whats.join(", and "),
        packages.join(" ")
    ))
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| !(need.is_there)()).collect()
}

fn is_debian_root() -> bool {
    Path::new("/etc/debian_version").exists()
        && output(program("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}
