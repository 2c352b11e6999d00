//! Reads a CloudFormation template, YAML or JSON, into one long form with positions.

mod error;
mod scalar;
mod short_form;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};
use short_form::ShortForm;

pub use error::TemplateError;

/// How deep a template may nest before it is refused.
///
/// `CloudFormation` allows far less; without a limit a hostile file could exhaust the stack.
const MAX_DEPTH: usize = 100;

/// A parsed template: its body in long form, and where in the file each part stands.
#[derive(Debug, Clone)]
pub struct Template {
    path: PathBuf,
    /// The template as `CloudFormation` understands it: `!Ref x` has become `{"Ref": "x"}`, and so on.
    pub body: Value,
    positions: BTreeMap<String, Position>,
    /// The lines that hold nothing but a comment.
    comments: BTreeSet<usize>,
    size: usize,
}

/// A place in a template file; both numbers start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl From<Marker> for Position {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// A template file and, where known, the place in it; shown as `file:line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The template file.
    pub file: PathBuf,
    /// The place in the file; unknown for JSON templates.
    pub position: Option<Position>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

impl Template {
    /// Reads and parses the template file at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or as [`Template::parse`] does.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TemplateError::Read { file: path.to_path_buf(), source })?;
        Self::parse(path, &text)
    }

    /// Parses `text`; `path` is only used to name the file in errors.
    ///
    /// Scalars keep what their author wrote. A plain scalar becomes a JSON number only if it prints back as the same
    /// text, so that account numbers keep their leading zeros and `1.10` is not shortened; only `true` and `false` are
    /// booleans. Everything else, dates included, is a string.
    ///
    /// # Errors
    ///
    /// When the text is neither YAML nor JSON, is not a single mapping, has a key twice, a null, an alias, a merge key
    /// or an unknown tag: what `CloudFormation` refuses or silently misreads.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TemplateError> {
        let mut reader = Reader {
            file: path,
            parser: Parser::new_from_str(text),
            positions: BTreeMap::new(),
            blocks: BTreeSet::new(),
        };
        let parsed = reader.document();
        let (body, positions) = match parsed {
            Ok(body) => (body, reader.positions),
            // A few things in JSON, escaped surrogate pairs for one, are not YAML.
            Err(error @ TemplateError::Syntax { .. }) => match serde_json::from_str(text) {
                Ok(Value::Object(body)) => (Value::Object(body), BTreeMap::new()),
                _ => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let lines = text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with('#'));
        let comments = lines.map(|(_, number)| number).filter(|number| !reader.blocks.contains(number)).collect();
        Ok(Self { path: path.to_path_buf(), body, positions, comments, size: text.len() })
    }

    /// The file that the template was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How large the template is as it was read, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether a comment stands in the value at `pointer`, or in the line above it.
    #[must_use]
    pub fn is_explained(&self, pointer: &str) -> bool {
        let Some(first) = self.positions.get(pointer).map(|position| position.line) else {
            return false;
        };
        let inner = self.positions.range(format!("{pointer}/")..format!("{pointer}0"));
        let last = inner.map(|(_, position)| position.line).max().unwrap_or(first);
        self.comments.range(first.saturating_sub(1)..=last).next().is_some()
    }

    /// Where the value at `pointer`, a JSON pointer into [`Template::body`], was written.
    ///
    /// A value that a short form expanded to has no place of its own; its nearest written ancestor stands for it.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> Location {
        let mut pointer = pointer;
        let position = loop {
            if let Some(position) = self.positions.get(pointer) {
                break Some(*position);
            }
            match pointer.rfind('/') {
                Some(parent) => pointer = &pointer[..parent],
                None => break None,
            }
        };
        Location { file: self.path.clone(), position }
    }
}

/// Appends `segment` to a JSON pointer.
#[must_use]
pub fn pointer_to(parent: &str, segment: &str) -> String {
    format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// Turns the parser's events into a value.
struct Reader<'a> {
    file: &'a Path,
    parser: Parser<'a, StrInput<'a>>,
    positions: BTreeMap<String, Position>,
    /// The lines of block scalars, in which a number sign begins no comment.
    blocks: BTreeSet<usize>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), TemplateError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(source)) => Err(TemplateError::Syntax { at: self.at(*source.marker()), source }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn at(&self, marker: Marker) -> Location {
        Location { file: self.file.to_path_buf(), position: Some(marker.into()) }
    }

    fn document(&mut self) -> Result<Value, TemplateError> {
        let first = loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => {
                    return Err(TemplateError::NotAMapping {
                        at: Location { file: self.file.to_path_buf(), position: None },
                    });
                }
                event => break (event, span),
            }
        };
        let start = first.1.start;
        if !matches!(first.0, Event::MappingStart(_, None)) {
            return Err(TemplateError::NotAMapping { at: self.at(start) });
        }
        let body = self.value(first, "", 0)?;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(body),
                _ => {
                    return Err(TemplateError::SecondDocument { at: self.at(span.start) });
                }
            }
        }
    }

    /// Reads the value that `event` begins.
    fn value(&mut self, (event, span): (Event<'a>, Span), pointer: &str, depth: usize) -> Result<Value, TemplateError> {
        let at = span.start;
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooDeep { at: self.at(at) });
        }
        self.positions.insert(pointer.to_owned(), at.into());
        if matches!(event, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, _, _)) {
            self.blocks.extend(at.line() + 1..=span.end.line());
        }
        match event {
            Event::Scalar(text, style, _, tag) => match self.short_form(tag, at)? {
                Some(function) => Ok(function.of_text(&text)),
                None => scalar::read(&text, style).ok_or_else(|| TemplateError::Null { at: self.at(at) }),
            },
            Event::SequenceStart(_, tag) => match self.short_form(tag, at)? {
                Some(function) => {
                    let inner = pointer_to(pointer, &function.long_name());
                    Ok(function.of(Value::Array(self.sequence(&inner, depth)?)))
                }
                None => Ok(Value::Array(self.sequence(pointer, depth)?)),
            },
            Event::MappingStart(_, tag) => match self.short_form(tag, at)? {
                Some(function) => {
                    let inner = pointer_to(pointer, &function.long_name());
                    Ok(function.of(Value::Object(self.mapping(&inner, depth)?)))
                }
                None => Ok(Value::Object(self.mapping(pointer, depth)?)),
            },
            Event::Alias(_) => Err(TemplateError::Alias { at: self.at(at) }),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Err(TemplateError::Incomplete { at: self.at(at) }),
        }
    }

    fn sequence(&mut self, pointer: &str, depth: usize) -> Result<Vec<Value>, TemplateError> {
        let mut items = Vec::new();
        loop {
            let next = self.next()?;
            if matches!(next.0, Event::SequenceEnd) {
                return Ok(items);
            }
            let pointer = pointer_to(pointer, &items.len().to_string());
            items.push(self.value(next, &pointer, depth + 1)?);
        }
    }

    fn mapping(&mut self, pointer: &str, depth: usize) -> Result<Map<String, Value>, TemplateError> {
        let mut entries = Map::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(text, _, _, None) => text.into_owned(),
                _ => {
                    return Err(TemplateError::KeyNotText { at: self.at(span.start) });
                }
            };
            if key == "<<" {
                return Err(TemplateError::MergeKey { at: self.at(span.start) });
            }
            if entries.contains_key(&key) {
                return Err(TemplateError::DuplicateKey { at: self.at(span.start), key });
            }
            let next = self.next()?;
            let value = self.value(next, &pointer_to(pointer, &key), depth + 1)?;
            entries.insert(key, value);
        }
    }

    /// The intrinsic function that `tag` abbreviates, if there is a tag.
    fn short_form(&self, tag: Option<Cow<'_, Tag>>, at: Marker) -> Result<Option<ShortForm>, TemplateError> {
        tag.map(|tag| {
            ShortForm::tagged(&tag).ok_or_else(|| TemplateError::UnknownTag { at: self.at(at), tag: tag.to_string() })
        })
        .transpose()
    }
}
