//! A Lambda function that answers every event with nothing: what `lambda_runtime` itself costs.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

fn main() -> Result<(), Error> {
    let nothing = service_fn(async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(()));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(lambda_runtime::run(nothing))
}
