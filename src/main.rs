//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    tandem::cli::run(std::env::args_os())
}
