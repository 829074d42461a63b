//! Installs the real clients of `tests/clients`: SDKs at pinned versions, curl and a browser, each by its own
//! package manager, and only where something changed since the last time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{self, Need};
use crate::tools::{Done, output, program, remove, root, run, tools};

/// The lowest major version of Node the pinned SDKs run on.
const NODE: u32 = 20;

/// Where the installed clients are.
pub(crate) struct Clients {
    /// Python with the newest OpenAI and Anthropic SDKs.
    python: PathBuf,
    /// Python with OpenAI's SDK of the major version before.
    python_openai_2: PathBuf,
    /// A browser that is driven without a window.
    chromium: PathBuf,
}

impl Clients {
    /// Tells a test where the clients are.
    pub(crate) fn environment(&self, command: &mut Command) {
        command
            .env("LASTBYTE_CLIENTS", folder())
            .env("LASTBYTE_CLIENTS_PYTHON", &self.python)
            .env("LASTBYTE_CLIENTS_PYTHON_OPENAI_2", &self.python_openai_2)
            .env("LASTBYTE_CLIENTS_CHROMIUM", &self.chromium);
    }
}

/// Installs what is missing.
pub(crate) fn install() -> Done<Clients> {
    debian::provide(&NEEDS, "the client tests", ", or leave them out with --no-clients")?;
    let clients = Clients {
        python: python("python", "requirements.txt")?,
        python_openai_2: python("python-openai-2", "requirements-openai-2.txt")?,
        chromium: chromium().ok_or("Chromium has gone again")?,
    };
    node()?;
    Ok(clients)
}

/// The scripts, and the files that pin what they need.
fn folder() -> PathBuf {
    root().join("tests").join("clients")
}

/// A virtual environment with what a requirements file names. Returns its interpreter.
fn python(name: &str, requirements: &str) -> Done<PathBuf> {
    let home = tools().join("clients").join(name);
    let interpreter = home.join("bin").join("python");
    let file = folder().join(requirements);
    // The interpreter's version too: a virtual environment breaks when the one it was made from goes.
    let wanted = output(program("python3").arg("--version"))? + &read(&file)?;
    let stamp = home.join("installed");
    if !is_current(&stamp, &wanted) {
        println!("  installing {requirements}");
        remove(&home)?;
        run(program("python3").args(["-m", "venv"]).arg(&home))?;
        run(program(&interpreter).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&file))?;
        write(&stamp, &wanted)?;
    }
    Ok(interpreter)
}

/// The npm packages of the lock file, beside the scripts: Node looks for modules from there upwards.
fn node() -> Done {
    let modules = folder().join("node_modules");
    let stamp = modules.join(".installed");
    let wanted = read(&folder().join("package-lock.json"))?;
    if !is_current(&stamp, &wanted) {
        println!("  installing package-lock.json");
        // `ci` installs what the lock file says or fails; it removes what was there.
        run(program("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder()))?;
        write(&stamp, &wanted)?;
    }
    Ok(())
}

/// What installs and runs the clients.
const NEEDS: [Need; 4] = [
    Need {
        what: "python3 with its venv module",
        is_there: || output(program("python3").args(["-c", "import venv, ensurepip"])).is_ok(),
        debian: &["python3", "python3-venv"],
    },
    Need {
        what: "Node 20 or newer with npm",
        is_there: || {
            output(program("node").arg("--version")).is_ok_and(|version| major(&version) >= Some(NODE))
                && output(program("npm").arg("--version")).is_ok()
        },
        debian: &["nodejs", "npm"],
    },
    Need { what: "curl", is_there: || output(program("curl").arg("--version")).is_ok(), debian: &["curl"] },
    Need {
        what: "Chromium",
        is_there: || chromium().is_some(),
        // It depends on no font, and what is measured on the page has a size only with one.
        debian: &["chromium", "fonts-dejavu-core"],
    },
];

/// The browser, under the name it has here.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut found = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |at| at.join(name)));
    // Some systems have a program of that name that only says what to install.
    found.find(|browser| browser.is_file() && output(program(browser).arg("--version")).is_ok())
}

/// `v20.20.2` is of the major version 20.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Whether a stamp says that just this was installed to the end.
fn is_current(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted)
}

fn read(file: &Path) -> Done<String> {
    fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

fn write(file: &Path, text: &str) -> Done {
    fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v9.0.0"), Some(9));
        assert_eq!(major("20"), None);
        assert_eq!(major(""), None);
    }

    #[test]
    fn the_lock_file_names_no_registry() {
        let lock = read(&folder().join("package-lock.json")).unwrap();
        assert!(!lock.contains("://"), "made without --omit-lockfile-registry-resolved");
    }

    #[test]
    fn every_requirement_is_pinned() {
        for file in ["requirements.txt", "requirements-openai-2.txt"] {
            let text = read(&folder().join(file)).unwrap();
            let mut lines = text.lines().filter(|line| !line.starts_with('#')).peekable();
            assert!(lines.peek().is_some(), "{file} is empty");
            assert!(lines.all(|line| line.contains("==")), "{file}");
        }
    }
}
