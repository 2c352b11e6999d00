//! The Lambda function: `Custom::Certificate`, `Custom::CertificateDNSRecord`, `Custom::IssuedCertificate`.

fn main() -> Result<(), function_runtime::Fatal> {
    function_runtime::serve(acm_certificate::add_to)
}
