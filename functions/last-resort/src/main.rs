//! The `OnFailure` destination of every function that provides custom resources: tells CloudFormation FAILED when the function could not.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve_last_resort()
}
