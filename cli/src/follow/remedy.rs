//! What to do about a failure, where that is known.

use deployment::events::Cause;

/// Words in a reason, or beginnings of a type, that tell what helps.
const KNOWN: [(&[&str], &str); 11] = [
    (
        &["is not authorized to perform", "AccessDenied", "not authorized", "UnauthorizedOperation"],
        "whoever deploys lacks that permission; the reason names it. Give it to the role or user, and deploy again",
    ),
    (
        &["AWSServiceRoleFor", "service-linked role", "service linked role"],
        "the account has no such role yet: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com (or the service that the reason names)",
    ),
    (
        &["the public DNS", "delegate ", "no name servers"],
        "the domain's parent zone has to name the hosted zone's name servers; check with: nslookup -type=NS DOMAIN",
    ),
    (
        &[
            "LimitExceeded",
            "limit exceeded",
            "quota",
            "Quota",
            "VcpuLimit",
            "AddressLimitExceeded",
            "maximum number of",
        ],
        "the account's quota is used up: ask for more in the console of Service Quotas, or remove what is not needed, and deploy again",
    ),
    (
        &["InsufficientInstanceCapacity", "insufficient capacity", "Insufficient capacity"],
        "AWS has none of that type there now: try again later, another type, or other zones (BBBAvailabilityZones)",
    ),
    (
        &["not supported in your requested Availability Zone", "Unsupported availability zone", "is not available in"],
        "that zone does not have it: choose another type, or other zones (BBBAvailabilityZones)",
    ),
    (
        &["already exists", "AlreadyExists"],
        "something of that name is there that is not this deployment's, such as what an earlier one kept: see whose it is, and remove or rename it",
    ),
    (
        &["Email address is not verified", "sandbox"],
        "SES still is in its sandbox: ask for production access in its console, or set BBBSESValidated to true and mail up elsewhere",
    ),
    (
        &["did not stabilize", "timed out", "time-out", "timeout", "exceeded the time"],
        "it took longer than allowed; the log of what the resource starts (bbb logs) says what it waited for. Deploying again often is enough",
    ),
    (
        &["No export named"],
        "the stack with the bucket of sources is missing or in another region; leave BBBStackBucketStack to bbb deploy",
    ),
    (
        &["Throttling", "Rate exceeded", "TooManyRequests"],
        "AWS was asked too often, by this account as a whole: deploy again",
    ),
];

/// What to do about a failure of this cause.
pub(crate) fn remedy(cause: &Cause) -> Option<&'static str> {
    KNOWN.iter().find(|(signs, _)| signs.iter().any(|sign| cause.reason.contains(sign))).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reason: &str) -> Option<&'static str> {
        remedy(&Cause {
            stack: "inner".to_owned(),
            logical_id: "Resource".to_owned(),
            resource_type: "AWS::EC2::Instance".to_owned(),
            status: "CREATE_FAILED".to_owned(),
            reason: reason.to_owned(),
        })
    }

    #[test]
    fn what_is_known_helps_and_the_rest_is_not_guessed() {
        assert!(
            said("User: arn is not authorized to perform: ec2:RunInstances").expect("known").contains("permission")
        );
        assert!(said("the public DNS has no name servers for x").expect("known").contains("parent zone"));
        assert!(said("VcpuLimitExceeded: You have requested more").expect("known").contains("quota"));
        assert_eq!(said("Internal failure"), None);
    }
}
