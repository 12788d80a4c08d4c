//! The `packline-hub` program: everything is in the library, so that tests and the demo can run it too.

fn main() -> std::process::ExitCode {
    packline_hub::main_with(std::env::args_os())
}
