//! ARNs of certificates.

/// The parts of `arn:PARTITION:acm:REGION:ACCOUNT:certificate/ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CertificateArn<'a> {
    pub(crate) region: &'a str,
}

impl<'a> CertificateArn<'a> {
    /// Reads an ARN of any partition; anything else, such as the markers that other providers used as physical ids, gives nothing.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let is_certificate = resource.strip_prefix("certificate/").is_some_and(|id| !id.is_empty());
        let is_whole =
            prefix == "arn" && !partition.is_empty() && service == "acm" && !region.is_empty() && !account.is_empty();
        (is_whole && is_certificate).then_some(Self { region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_partition_and_nothing_else() {
        let region = |text| CertificateArn::parse(text).map(|arn| arn.region);
        assert_eq!(region("arn:aws:acm:eu-west-1:123456789012:certificate/1-2"), Some("eu-west-1"));
        assert_eq!(region("arn:aws-cn:acm:cn-north-1:123456789012:certificate/1-2"), Some("cn-north-1"));
        for other in [
            "failed-to-create",
            "could-not-create",
            "",
            "arn:aws:acm:eu-west-1:1:certificate/",
            "arn:aws:iam::1:role/x",
        ] {
            assert_eq!(region(other), None, "{other}");
        }
    }
}
