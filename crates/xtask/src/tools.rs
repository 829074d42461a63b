//! Running other programs, and installing those that the checks need into the workspace's `.tools` folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// What a step returns: its result, or what to tell the person who ran it.
pub(crate) type Done<T = ()> = Result<T, String>;

/// The workspace's root folder. Cargo tells a program it runs where the program's package is; the path of
/// the build may be another one where clones share a target folder.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).unwrap_or(&package).to_path_buf()
}

/// Where tools are installed: ignored by git, safe to delete, worth caching.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// A program, to be started in the workspace's root.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end, its output shown as it comes.
pub(crate) fn run(command: &mut Command) -> Done {
    let shown = shown(command);
    let status = command.status().map_err(|error| format!("`{shown}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// Runs a command to its end and returns what it wrote on its standard output.
pub(crate) fn output(command: &mut Command) -> Done<String> {
    let shown = shown(command);
    let output = command.output().map_err(|error| format!("`{shown}` did not start: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{shown}` failed ({})\n{}", output.status, told.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{shown}` wrote something that is not UTF-8"))
}

/// A child that does not outlive its owner, also where an error or a panic comes between.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail for a child that has ended and was waited for, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A tool from the registry, at the version the checks are known to pass with.
pub(crate) struct CargoTool {
    pub(crate) package: &'static str,
    pub(crate) binary: &'static str,
    pub(crate) version: &'static str,
}

impl CargoTool {
    /// The tool, built and installed if it is not there at this version.
    pub(crate) fn installed(&self) -> Done<Command> {
        let path = tools().join("bin").join(self.binary).with_extension(std::env::consts::EXE_EXTENSION);
        let there = output(Command::new(&path).arg("--version")).unwrap_or_default();
        if there.split_whitespace().nth(1) != Some(self.version) {
            println!("  installing {} {}", self.package, self.version);
            let build = tools().join("build");
            // Without optimisation: built in a third of the time, and what it checks here is small.
            run(cargo()
                .args(["install", self.package, "--version", self.version, "--locked", "--debug", "--force"])
                .args(["--config", "profile.dev.debug=false", "--root"])
                .arg(tools())
                .env("CARGO_TARGET_DIR", &build)
                .env_remove("RUSTFLAGS"))?;
            remove(&build)?;
        }
        Ok(program(path))
    }
}

/// Removes a folder that may not exist.
pub(crate) fn remove(folder: &Path) -> Done {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Measures the time a command takes.
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "tells a person how long a step took; decides nothing")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time so far, as `1:05`.
    pub(crate) fn shown(&self) -> String {
        minutes(self.0.elapsed())
    }
}

fn minutes(duration: Duration) -> String {
    format!("{}:{:02}", duration.as_secs() / 60, duration.as_secs() % 60)
}

/// A command as a person would type it.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut line = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_shown_with_two_digits() {
        assert_eq!(minutes(Duration::from_millis(65_999)), "1:05");
        assert_eq!(minutes(Duration::from_secs(3_600)), "60:00");
    }

    #[test]
    fn a_command_that_fails_is_named_in_the_error() {
        let error = run(cargo().arg("--no-such-flag").stderr(std::process::Stdio::null())).unwrap_err();
        assert!(error.contains("--no-such-flag` failed"), "{error}");
    }
}
