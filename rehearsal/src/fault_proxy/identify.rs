//! Finds out which operation of which service a request calls.

use std::fmt;

use axum::http::{HeaderMap, Method};

/// An AWS operation, named as in AWS's API references and IAM actions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The name that the request is signed for: `acm`, `route53`, `sts`, ...; empty for an unsigned request.
    pub service: String,
    /// The operation; method and path where it is not known, such as `GET /unknown`.
    pub name: String,
    pub(super) protocol: Protocol,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// How a service writes requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    /// `X-Amz-Target` and JSON, as ACM.
    Json,
    /// `Action` in a form and XML, as STS.
    Query,
    /// As `Query`, with errors of its own shape.
    Ec2,
    /// Method and path, and JSON, as Lambda.
    RestJson,
    /// Method and path, and XML, as Route 53.
    RestXml,
    /// As `RestXml`, with errors of its own shape.
    S3,
    /// Smithy RPC v2: the operation in the path, and CBOR, as `CloudWatch` by the newer SDKs.
    Cbor,
}

impl Operation {
    /// Identifies a request by its signature's scope, its target header, its form, or its method and path.
    pub(super) fn of(method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let service = header("authorization")
            .and_then(signed_service)
            .or_else(|| signed_service_in_query(query))
            .unwrap_or_default();

        if let Some(name) = header("x-amz-target").and_then(|target| target.rsplit('.').next()) {
            return Self { service, name: name.to_owned(), protocol: Protocol::Json };
        }
        if header("smithy-protocol") == Some("rpc-v2-cbor") {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            return Self { service, name, protocol: Protocol::Cbor };
        }
        let form = String::from_utf8_lossy(body);
        let is_form = header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let action = parameter(query, "Action").or_else(|| is_form.then(|| parameter(&form, "Action")).flatten());
        if let Some(name) = action {
            let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
            return Self { service, name, protocol };
        }
        let (routes, protocol): (&[Route], _) = match service.as_str() {
            "route53" => (ROUTE_53, Protocol::RestXml),
            "lambda" => (LAMBDA, Protocol::RestJson),
            "ses" => (SES_V2, Protocol::RestJson),
            "s3" => (S3, Protocol::S3),
            _ => (&[], Protocol::RestJson),
        };
        let name = routes
            .iter()
            .find(|route| route.fits(method, path, query))
            .map_or_else(|| format!("{method} {path}"), |route| route.name.to_owned());
        Self { service, name, protocol }
    }
}

/// The service in `Credential=KEY/20260101/eu-central-1/acm/aws4_request`.
fn signed_service(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?;
    let scope = scope.split([',', ' ']).next()?;
    scope.split('/').nth_back(1).map(str::to_owned)
}

fn signed_service_in_query(query: &str) -> Option<String> {
    let credential = parameter(query, "X-Amz-Credential")?.replace("%2F", "/");
    credential.split('/').nth_back(1).map(str::to_owned)
}

/// The value of `name` in a query string or form.
fn parameter(form: &str, name: &str) -> Option<String> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// An operation of a service that is called by method and path.
struct Route {
    method: &'static str,
    /// Segments; `*` stands for any one, a final `**` for the rest.
    path: &'static str,
    /// A key that the query must have, and which a request without it must not be taken for.
    query: Option<&'static str>,
    name: &'static str,
}

impl Route {
    fn fits(&self, method: &Method, path: &str, query: &str) -> bool {
        let has = |key: &str| query.split('&').any(|pair| pair.split('=').next() == Some(key));
        self.method == method.as_str() && self.query.is_none_or(has) && fits(self.path, path)
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.trim_matches('/').split('/').filter(|s| !s.is_empty());
    for expected in pattern.split('/').filter(|s| !s.is_empty()) {
        match (expected, segments.next()) {
            ("**", _) => return true,
            (_, None) => return false,
            ("*", Some(_)) => {}
            (expected, Some(segment)) if expected == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

const fn route(method: &'static str, path: &'static str, name: &'static str) -> Route {
    Route { method, path, query: None, name }
}

const fn with_query(method: &'static str, path: &'static str, query: &'static str, name: &'static str) -> Route {
    Route { method, path, query: Some(query), name }
}

/// Route 53's operations on zones, records and changes.
const ROUTE_53: &[Route] = &[
    route("POST", "2013-04-01/hostedzone", "CreateHostedZone"),
    route("GET", "2013-04-01/hostedzone", "ListHostedZones"),
    route("GET", "2013-04-01/hostedzonesbyname", "ListHostedZonesByName"),
    route("GET", "2013-04-01/hostedzone/*", "GetHostedZone"),
    route("DELETE", "2013-04-01/hostedzone/*", "DeleteHostedZone"),
    route("POST", "2013-04-01/hostedzone/*/rrset", "ChangeResourceRecordSets"),
    route("GET", "2013-04-01/hostedzone/*/rrset", "ListResourceRecordSets"),
    route("GET", "2013-04-01/change/*", "GetChange"),
];

/// Lambda's operations that functions and the command use.
const LAMBDA: &[Route] = &[
    route("POST", "2015-03-31/functions/*/invocations", "Invoke"),
    route("GET", "2015-03-31/functions", "ListFunctions"),
    route("GET", "2015-03-31/functions/*", "GetFunction"),
];

/// `SESv2`'s operations on identities.
const SES_V2: &[Route] = &[
    route("POST", "v2/email/identities", "CreateEmailIdentity"),
    route("GET", "v2/email/identities", "ListEmailIdentities"),
    route("GET", "v2/email/identities/*", "GetEmailIdentity"),
    route("DELETE", "v2/email/identities/*", "DeleteEmailIdentity"),
    route("PUT", "v2/email/identities/*/dkim", "PutEmailIdentityDkimAttributes"),
    route("PUT", "v1/email/identities/*/dkim/signing", "PutEmailIdentityDkimSigningAttributes"),
    route("PUT", "v2/email/identities/*/feedback", "PutEmailIdentityFeedbackAttributes"),
    route("PUT", "v2/email/identities/*/mail-from", "PutEmailIdentityMailFromAttributes"),
    route("PUT", "v2/email/identities/*/configuration-set", "PutEmailIdentityConfigurationSetAttributes"),
    route("GET", "v2/email/identities/*/policies", "GetEmailIdentityPolicies"),
    route("POST", "v2/email/identities/*/policies/*", "CreateEmailIdentityPolicy"),
    route("PUT", "v2/email/identities/*/policies/*", "UpdateEmailIdentityPolicy"),
    route("DELETE", "v2/email/identities/*/policies/*", "DeleteEmailIdentityPolicy"),
    route("GET", "v2/email/account", "GetAccount"),
    route("GET", "v2/email/tags", "ListTagsForResource"),
    route("POST", "v2/email/tags", "TagResource"),
    route("DELETE", "v2/email/tags", "UntagResource"),
];

/// S3's operations on buckets and objects, in path style.
const S3: &[Route] = &[
    route("GET", "", "ListBuckets"),
    route("PUT", "*", "CreateBucket"),
    route("HEAD", "*", "HeadBucket"),
    route("DELETE", "*", "DeleteBucket"),
    with_query("GET", "*", "list-type", "ListObjectsV2"),
    with_query("POST", "*", "delete", "DeleteObjects"),
    route("HEAD", "*/**", "HeadObject"),
    route("GET", "*/**", "GetObject"),
    route("PUT", "*/**", "PutObject"),
    route("DELETE", "*/**", "DeleteObject"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (name.parse::<axum::http::HeaderName>().expect("a name"), value.parse().expect("a value"))
            })
            .collect();
        let method = method.parse().expect("a method");
        Operation::of(&method, target, &headers, body.as_bytes()).to_string()
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=00"
        )
    }

    #[test]
    fn json_services_name_it_in_a_header() {
        assert_eq!(
            identify(
                "POST",
                "/",
                &[("authorization", &signed("acm")), ("x-amz-target", "CertificateManager.RequestCertificate"),],
                "{}"
            ),
            "acm:RequestCertificate"
        );
    }

    #[test]
    fn the_newer_sdks_name_it_in_the_path() {
        let headers = [("authorization", signed("monitoring")), ("smithy-protocol", "rpc-v2-cbor".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        assert_eq!(identify("POST", path, &headers, "\u{a0}"), "monitoring:DescribeAlarms");
    }

    #[test]
    fn query_services_name_it_in_the_form() {
        assert_eq!(
            identify(
                "POST",
                "/",
                &[("authorization", &signed("sts")), ("content-type", "application/x-www-form-urlencoded"),],
                "Action=AssumeRole&Version=2011-06-15"
            ),
            "sts:AssumeRole"
        );
        assert_eq!(identify("GET", "/?Action=GetCallerIdentity", &[], ""), ":GetCallerIdentity");
    }

    #[test]
    fn rest_services_are_told_by_method_and_path() {
        let rest = |service, method, target| identify(method, target, &[("authorization", &signed(service))], "");
        assert_eq!(rest("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/"), "route53:ChangeResourceRecordSets");
        assert_eq!(rest("route53", "GET", "/2013-04-01/hostedzone/Z1/rrset?name=x"), "route53:ListResourceRecordSets");
        assert_eq!(rest("route53", "GET", "/2013-04-01/change/C1"), "route53:GetChange");
        assert_eq!(rest("lambda", "POST", "/2015-03-31/functions/f/invocations"), "lambda:Invoke");
        assert_eq!(
            rest("ses", "PUT", "/v2/email/identities/a.org/mail-from"),
            "ses:PutEmailIdentityMailFromAttributes"
        );
        assert_eq!(rest("s3", "PUT", "/bucket/a/b/c"), "s3:PutObject");
        assert_eq!(rest("s3", "PUT", "/bucket"), "s3:CreateBucket");
        assert_eq!(rest("s3", "GET", "/bucket?list-type=2&prefix=a"), "s3:ListObjectsV2");
        assert_eq!(rest("route53", "PATCH", "/somewhere"), "route53:PATCH /somewhere");
    }

    #[test]
    fn presigned_requests_are_told_by_their_query() {
        assert_eq!(
            identify(
                "PUT",
                "/bucket/key?X-Amz-Credential=AKID%2F20260101%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Signature=0",
                &[],
                ""
            ),
            "s3:PutObject"
        );
    }
}
