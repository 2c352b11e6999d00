//! The Lambda function: `Custom::FindAMI`.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve(ami_finder::add_to)
}
