//! Puts what was measured into a page, so that its figures are those that were printed.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->` in a file.
pub(crate) fn write(path: &Path, name: &str, text: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let replaced = replaced(&page, name, text)
        .with_context(|| format!("{} has no lines <!-- {name} --> and <!-- end of {name} -->", path.display()))?;
    std::fs::write(path, replaced).with_context(|| format!("write {}", path.display()))
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_of_this_name_is_replaced() {
        let page = "# P\n<!-- a -->\nold\n<!-- end of a -->\ntext\n<!-- b -->\nb\n<!-- end of b -->\n";
        let expected = "# P\n<!-- a -->\n\nnew\n\n<!-- end of a -->\ntext\n<!-- b -->\nb\n<!-- end of b -->\n";
        assert_eq!(replaced(page, "a", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(expected, "a", "new").as_deref(), Some(expected));
        assert_eq!(replaced(page, "c", "new"), None);
    }
}
