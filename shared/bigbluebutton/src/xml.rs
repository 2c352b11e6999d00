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
