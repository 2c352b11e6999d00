//! The Lambda function: keeps the pool of servers in step.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve_requests(scalelite_lifecycle::from_environment)
}
