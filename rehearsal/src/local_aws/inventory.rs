//! What exists in the local AWS, for the services whose SDK crates would only be needed here.
//!
//! Compiling their SDK crates (IAM, `CloudWatch` Logs, SSM, above all EC2) takes longer than a whole rehearsal. The emulator lets its root
//! user in without checking the signature, so that a few requests by hand do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ACCOUNT, LocalAws, LocalAwsError, REGION};

impl LocalAws {
    /// The names of all IAM roles.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn roles(&self) -> Result<BTreeSet<String>, LocalAwsError> {
        let mut roles = BTreeSet::new();
        let mut marker = String::new();
        loop {
            let mut form = "Action=ListRoles&Version=2010-05-08".to_owned();
            if !marker.is_empty() {
                form.push_str(&format!("&Marker={marker}"));
            }
            let request = self.request("iam").header("content-type", "application/x-www-form-urlencoded").body(form);
            let answer = send("ListRoles", request).await?;
            roles.extend(elements(&answer, "RoleName").map(str::to_owned));
            match elements(&answer, "Marker").next() {
                Some(next) if !next.is_empty() => marker = next.to_owned(),
                _ => return Ok(roles),
            }
        }
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

    /// Registers an image of our own and gives its id.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn register_image(&self, name: &str) -> Result<String, LocalAwsError> {
        let form = format!(
            "Action=RegisterImage&Version=2016-11-15&Name={name}&Architecture=x86_64&RootDeviceName=/dev/sda1\
             &VirtualizationType=hvm&BlockDeviceMapping.1.DeviceName=/dev/sda1&BlockDeviceMapping.1.Ebs.VolumeSize=8"
        );
        let request = self.request("ec2").header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = send("RegisterImage", request).await?;
        Ok(elements(&answer, "imageId").next().unwrap_or_default().to_owned())
    }

    /// Deregisters an image.
    ///
    /// # Errors
    ///
    /// When the local AWS does not answer.
    pub async fn deregister_image(&self, id: &str) -> Result<(), LocalAwsError> {
        let form = format!("Action=DeregisterImage&Version=2016-11-15&ImageId={id}");
        let request = self.request("ec2").header("content-type", "application/x-www-form-urlencoded").body(form);
        send("DeregisterImage", request).await.map(drop)
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
            let request = self
                .request(service)
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", operation)
                .body(body.to_string());
            let answer: Value = serde_json::from_str(&send(operation, request).await?).unwrap_or_default();
            let found = answer[list].as_array().into_iter().flatten();
            names.extend(found.filter_map(|one| one[name].as_str()).map(str::to_owned));
            token = answer[token_name].clone();
            if token.is_null() {
                return Ok(names);
            }
        }
    }

    /// A request that says it is the root user's.
    fn request(&self, service: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}/", self.endpoint)).header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0"
            ),
        )
    }
}

async fn send(operation: &'static str, request: reqwest::RequestBuilder) -> Result<String, LocalAwsError> {
    let failed = |source| LocalAwsError::Request { operation, source };
    request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?.text().await.map_err(failed)
}

/// The texts of the elements called `name`, which hold neither elements nor escaped characters.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
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
