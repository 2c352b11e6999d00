//! The Lambda function: `Custom::EmailDomain` and the types of binxio's cfn-ses-provider.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve(ses_identity::add_to)
}
