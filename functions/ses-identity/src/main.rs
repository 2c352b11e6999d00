//! The Lambda function: `Custom::EmailDomain`, `Custom::SmtpCredentials` and the types of binxio's cfn-ses-provider.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve(ses_identity::add_to)
}
