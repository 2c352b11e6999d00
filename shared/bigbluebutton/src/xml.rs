//! A document as a sequence of paths: what is not asked for is forgotten at once.

use quick_xml::{Reader, escape::resolve_xml_entity, events::Event};
use tokio::io::AsyncBufRead;

/// What is wanted is a number, a truth value or a word. A longer text is handed on as an empty one.
const MAX_TEXT: usize = 64;

/// What an element of interest does. Paths are local names, such as `response/meetings/meeting`; prefixes of namespaces are left out.
pub(crate) trait Outline {
    /// An element begins.
    fn opened(&mut self, path: &str);

    /// An element ends. `text` is what came after its last child, trimmed.
    fn closed(&mut self, path: &str, text: &str);
}

/// Not one whole, well-formed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Goes through a document.
pub(crate) async fn walk<R: AsyncBufRead + Unpin>(source: R, outline: &mut impl Outline) -> Result<(), Malformed> {
    let mut reader = Reader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut path = String::new();
    let mut text = Text::default();
    let mut roots = 0;
    loop {
        buffer.clear();
        let Ok(event) = reader.read_event_into_async(&mut buffer).await else { return Err(Malformed) };
        match event {
            Event::Start(start) => {
                if path.is_empty() {
                    roots += 1;
                } else {
                    path.push('/');
                }
                path.push_str(start.local_name().as_ref());
                text.clear();
                outline.opened(&path);
            }
            Event::End(_) => {
                outline.closed(&path, text.trimmed());
                text.clear();
                path.truncate(path.rfind('/').unwrap_or_default());
            }
            Event::Text(content) => text.push(&content.xml10_content()),
            Event::CData(content) => text.push(&content.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => text.push(character.encode_utf8(&mut [0; 4])),
                // An entity of the document's own is not expanded: nothing that is wanted has one.
                Ok(None) => text.push(resolve_xml_entity(&reference.xml10_content()).unwrap_or("\u{fffd}")),
                Err(_malformed) => return Err(Malformed),
            },
            Event::Eof => return if path.is_empty() && roots == 1 { Ok(()) } else { Err(Malformed) },
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

#[derive(Default)]
struct Text {
    text: String,
    too_long: bool,
}

impl Text {
    fn push(&mut self, more: &str) {
        // Leading white space may be long and does not count.
        let more = if self.text.is_empty() { more.trim_start() } else { more };
        if self.text.len() + more.trim_end().len() > MAX_TEXT {
            self.too_long = true;
        } else if !self.too_long {
            let room = MAX_TEXT - self.text.len();
            self.text.push_str(if more.len() > room { more.trim_end() } else { more });
        }
    }

    fn trimmed(&self) -> &str {
        if self.too_long { "" } else { self.text.trim() }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.too_long = false;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;

    #[derive(Default, Debug, PartialEq, Clone)]
    struct Seen(Vec<(String, String)>);

    impl Outline for Seen {
        fn opened(&mut self, _: &str) {}

        fn closed(&mut self, path: &str, text: &str) {
            self.0.push((path.to_owned(), text.to_owned()));
        }
    }

    /// In pieces of this many bytes.
    fn walked(document: &[u8], pieces: usize) -> Result<Seen, Malformed> {
        let mut seen = Seen::default();
        walk(BufReader::with_capacity(pieces, document), &mut seen).now_or_never().unwrap().map(|()| seen)
    }

    const DOCUMENT: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a <comment> -->\n<b:a xmlns:b=\"urn:b\" c='>'>\n \
        <d> 1 &amp; &#x32;&unknown; </d><e/><f>x<g>y</g> z </f><h><![CDATA[<i>]]></h><d>2</d>\n</b:a>\n<?end?>\n";

    #[test]
    fn paths_and_texts() {
        let expected = [
            ("a/d", "1 & 2\u{fffd}"),
            ("a/e", ""),
            ("a/f/g", "y"),
            ("a/f", "z"),
            ("a/h", "<i>"),
            ("a/d", "2"),
            ("a", ""),
        ];
        let expected = Seen(expected.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec());
        for pieces in [1, 2, 3, 7, 1000] {
            assert_eq!(walked(DOCUMENT.as_bytes(), pieces).unwrap(), expected, "{pieces}");
        }
    }

    #[test]
    fn half_a_document_is_none() {
        let end = DOCUMENT.find("</b:a>").unwrap() + "</b:a>".len();
        for length in 0..end {
            assert_eq!(walked(&DOCUMENT.as_bytes()[..length], 16), Err(Malformed), "{length}");
        }
    }

    #[test]
    fn what_is_no_document() {
        for text in [
            "",
            "  ",
            "text",
            "<a></b>",
            "<a/><a/>",
            "</a>",
            "<a>&#xD800;</a>",
            "<a>&#x110000;</a>",
            "<!DOCTYPE html><html><body><p>502<br></body></html>",
            "{\"a\": 1}",
        ] {
            assert_eq!(walked(text.as_bytes(), 16), Err(Malformed), "{text}");
        }
        assert_eq!(walked(b"<a>\xff</a>", 16), Err(Malformed));
    }

    #[test]
    fn a_long_text_is_empty() {
        let of = |text: &str| walked(format!("<a>{text}</a>").as_bytes(), 16).unwrap().0.remove(0).1;
        assert_eq!(of(&"1".repeat(MAX_TEXT)), "1".repeat(MAX_TEXT));
        assert_eq!(of(&"1".repeat(MAX_TEXT + 1)), "");
        assert_eq!(of(&format!("{}1&#49;", " ".repeat(1000))), "11");
        assert_eq!(of(&format!("1{}", " ".repeat(1000))), "1");
        assert_eq!(of(&"&amp;".repeat(MAX_TEXT + 1)), "");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(bytes: Vec<u8>, pieces in 1_usize..64) {
            let _either = walked(&bytes, pieces);
        }

        #[test]
        fn nearly_xml_does_not_either(text in "(<[/!?]?[a-c:]{0,2}[ =\"'a-b/]{0,4}>|&[#a-z0-9]{0,4};?|[a-z<&\\[\\]]{0,4}|<!\\[CDATA\\[|\\]\\]>|<!--|-->){0,30}", pieces in 1_usize..64) {
            // However it is cut into pieces, it is the same.
            prop_assert_eq!(walked(text.as_bytes(), pieces), walked(text.as_bytes(), 1 << 16));
        }
    }
}
