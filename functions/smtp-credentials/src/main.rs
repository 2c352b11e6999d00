//! The Lambda function: `Custom::SmtpCredentials` and the sample's `Custom::SMTPPW`.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve(smtp_credentials::add_to)
}
