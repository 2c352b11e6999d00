//! What exists in the local AWS, for the services whose SDK crates would only be needed here.
//!
//! Compiling their SDK crates (IAM, `CloudWatch` Logs, SSM, SES, Secrets Manager, above all EC2) takes longer than a whole rehearsal. The emulator lets its root
//! user in without checking the signature, so that a few requests by hand do.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCOUNT, LocalAws, LocalAwsError, REGION};

impl LocalAws {
    /// The names of all IAM roles.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn roles(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed_by_iam("ListRoles", &[], "RoleName").await
    }

    /// The names of all IAM users.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn users(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed_by_iam("ListUsers", &[], "UserName").await
    }

    /// The ids of a user's access keys.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or there is no such user.
    pub async fn access_keys(&self, user: &str) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed_by_iam("ListAccessKeys", &[("UserName", user)], "AccessKeyId").await
    }

    /// The names of all log groups.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn log_groups(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed("logs", "Logs_20140328.DescribeLogGroups", ("logGroups", "logGroupName"), "nextToken").await
    }

    /// The names of all SSM parameters.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn parameters(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed("ssm", "AmazonSSM.DescribeParameters", ("Parameters", "Name"), "NextToken").await
    }

    /// The ARNs of all secrets.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn secrets(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        self.listed("secretsmanager", "secretsmanager.ListSecrets", ("SecretList", "ARN"), "NextToken").await
    }

    /// The current text of a secret.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or there is no such secret or nothing in it.
    pub async fn secret(&self, arn: &str) -> Result<String, LocalAwsError> {
        let answer = self.json("secretsmanager", "secretsmanager.GetSecretValue", &json!({"SecretId": arn})).await?;
        Ok(answer["SecretString"].as_str().unwrap_or_default().to_owned())
    }

    /// The names of all identities that SES may send from, verified or not.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn email_identities(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        let request = self.request(Method::GET, "ses", REGION, "/v2/email/identities");
        let answer: Value = serde_json::from_str(&send("ListEmailIdentities", request).await?).unwrap_or_default();
        let found = answer["EmailIdentities"].as_array().into_iter().flatten();
        Ok(found.filter_map(|one| one["IdentityName"].as_str()).map(str::to_owned).collect())
    }

    /// What SES in a region says of an identity.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or there is no such identity.
    pub async fn email_identity(&self, region: &str, name: &str) -> Result<Value, LocalAwsError> {
        let request = self.request(Method::GET, "ses", region, &format!("/v2/email/identities/{name}"));
        Ok(serde_json::from_str(&send("GetEmailIdentity", request).await?).unwrap_or_default())
    }

    /// Makes an identity that is no stack's.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn create_email_identity(&self, name: &str) -> Result<(), LocalAwsError> {
        let request = self.request(Method::POST, "ses", REGION, "/v2/email/identities");
        let request =
            request.header("content-type", "application/json").body(json!({"EmailIdentity": name}).to_string());
        send("CreateEmailIdentity", request).await.map(drop)
    }

    /// Sets the MAIL FROM domain of an identity.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or there is no such identity.
    pub async fn set_mail_from(&self, identity: &str, domain: &str) -> Result<(), LocalAwsError> {
        let path = format!("/v2/email/identities/{identity}/mail-from");
        let request = self.request(Method::PUT, "ses", REGION, &path).header("content-type", "application/json");
        let request = request.body(json!({"MailFromDomain": domain}).to_string());
        send("PutEmailIdentityMailFromAttributes", request).await.map(drop)
    }

    /// Deletes an identity.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or there is no such identity.
    pub async fn delete_email_identity(&self, name: &str) -> Result<(), LocalAwsError> {
        let request = self.request(Method::DELETE, "ses", REGION, &format!("/v2/email/identities/{name}"));
        send("DeleteEmailIdentity", request).await.map(drop)
    }

    /// The topics that SES reports to about an identity: for bounces, complaints and deliveries.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn notification_topics(&self, identity: &str) -> Result<[Option<String>; 3], LocalAwsError> {
        let parameters = [("Identities.member.1", identity)];
        let answer = self.query("ses", REGION, "GetIdentityNotificationAttributes", &parameters).await?;
        Ok(["BounceTopic", "ComplaintTopic", "DeliveryTopic"]
            .map(|name| elements(&answer, name).next().map(str::to_owned)))
    }

    /// Registers an image of our own and gives its id.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn register_image(&self, name: &str) -> Result<String, LocalAwsError> {
        let parameters = [
            ("Name", name),
            ("Architecture", "x86_64"),
            ("RootDeviceName", "/dev/sda1"),
            ("VirtualizationType", "hvm"),
            ("BlockDeviceMapping.1.DeviceName", "/dev/sda1"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
        ];
        let answer = self.query("ec2", REGION, "RegisterImage", &parameters).await?;
        Ok(elements(&answer, "imageId").next().unwrap_or_default().to_owned())
    }

    /// Deregisters an image.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn deregister_image(&self, id: &str) -> Result<(), LocalAwsError> {
        self.query("ec2", REGION, "DeregisterImage", &[("ImageId", id)]).await.map(drop)
    }

    /// All pages of a JSON list: the `name` of every one in `list`.
    async fn listed(
        &self,
        service: &str,
        operation: &'static str,
        (list, name): (&str, &str),
        token_name: &str,
    ) -> Result<BTreeSet<String>, LocalAwsError> {
        let mut names = BTreeSet::new();
        let mut token = Value::Null;
        loop {
            let body = if token.is_null() { json!({}) } else { json!({token_name: token}) };
            let answer = self.json(service, operation, &body).await?;
            let found = answer[list].as_array().into_iter().flatten();
            names.extend(found.filter_map(|one| one[name].as_str()).map(str::to_owned));
            token = answer[token_name].clone();
            if token.is_null() {
                return Ok(names);
            }
        }
    }

    /// All pages of IAM's list: the texts of the elements called `element`.
    async fn listed_by_iam(
        &self,
        operation: &'static str,
        parameters: &[(&str, &str)],
        element: &str,
    ) -> Result<BTreeSet<String>, LocalAwsError> {
        let mut names = BTreeSet::new();
        let mut marker = None::<String>;
        loop {
            let mut parameters = parameters.to_vec();
            parameters.extend(marker.iter().map(|marker| ("Marker", marker.as_str())));
            let answer = self.query("iam", REGION, operation, &parameters).await?;
            names.extend(elements(&answer, element).map(str::to_owned));
            marker = elements(&answer, "Marker").next().filter(|next| !next.is_empty()).map(str::to_owned);
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    /// A call of a JSON API as the root user; the operation is named as in its header.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or refuses.
    pub async fn json(&self, service: &str, operation: &'static str, body: &Value) -> Result<Value, LocalAwsError> {
        let request =
            self.request(Method::POST, service, REGION, "/").header("content-type", "application/x-amz-json-1.1");
        let request = request.header("x-amz-target", operation).body(body.to_string());
        Ok(serde_json::from_str(&send(operation, request).await?).unwrap_or_default())
    }

    /// A call of a Query API as the root user, for what no client here is compiled for; gives the answer's XML.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer, or refuses.
    pub async fn query(
        &self,
        service: &str,
        region: &str,
        operation: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<String, LocalAwsError> {
        let version = match service {
            "iam" => "2010-05-08",
            "ses" => "2010-12-01",
            "sns" => "2010-03-31",
            _ => "2016-11-15",
        };
        let form = [("Action", operation), ("Version", version)];
        let form: Vec<_> =
            form.iter().chain(parameters).map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.request(Method::POST, service, region, "/");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(operation, request.body(form.join("&"))).await
    }

    /// A request that says it is the root user's.
    fn request(&self, method: Method, service: &str, region: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.endpoint)).header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{region}/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0"
            ),
        )
    }
}

async fn send(operation: &'static str, request: reqwest::RequestBuilder) -> Result<String, LocalAwsError> {
    let failed = |source| LocalAwsError::Request { operation, source };
    request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?.text().await.map_err(failed)
}

/// A text as a form has it.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

/// The texts of the elements called `name` in a Query API's answer, which hold neither elements nor escaped characters.
pub fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name}>");
    let close = format!("</{name}>");
    xml.split(&open)
        .skip(1)
        .filter_map(move |rest| rest.split_once(&close).map(|(text, _)| text))
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name() {
        let xml = "<a><RoleName>one</RoleName><RoleId>x</RoleId><RoleName>two</RoleName></a>";
        assert_eq!(elements(xml, "RoleName").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(elements(xml, "Marker").count(), 0);
    }
}
