//! The binary `concord`. Everything is in the library; here are only the allocator and the exit code.

/// Under many small requests from many threads the system's allocator costs a fifth of the time.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    concord::run(std::env::args_os(), std::env::vars_os())
}
