//! Copies images from registry to registry, as a guest: `copy_images FROM TO [FROM TO]...`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use deployment::images::{Copier, Copy, Platforms};
use futures_util::future::try_join_all;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let copies: Result<Vec<Copy>, _> = names
        .chunks_exact(2)
        .map(|pair| Ok::<_, Box<dyn Error>>(Copy { from: pair[0].parse()?, to: pair[1].parse()? }))
        .collect();
    let copies = copies?;
    let copier = Copier::new(Vec::new(), Platforms::All)?;
    try_join_all(copies.iter().map(|copy| copier.copy(copy))).await?;
    println!("{} bytes sent, {} were there", copier.progress().sent(), copier.progress().there());
    Ok(())
}
