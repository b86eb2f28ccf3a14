//! The two small templates of the catalogue: paths and tags. Both know `{variable}` and nothing else.

use std::fmt;

/// A route's path, such as `/workspaces/{workspaceId}/users`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    segments: Vec<Segment>,
}

/// A part of a [`Path`] between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Stands for itself.
    Literal(String),
    /// Binds a variable.
    Variable(String),
}

/// The name of a set of cached answers that grow stale together, such as `deployment:{deploymentId}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// What comes before the variable, or the whole tag.
    pub prefix: String,
    /// The variable that tells the set from its siblings.
    pub variable: Option<String>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a path starts with a slash".to_owned());
        };
        let segments: Vec<_> = rest.split('/').map(Segment::parse).collect::<Result<_, _>>()?;
        let mut names: Vec<_> = segments.iter().filter_map(Segment::variable).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{{{}}} stands twice in the path", pair[0])),
            None => Ok(Self { segments }),
        }
    }

    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of the variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::variable)
    }

    /// The name of the variable that is the last segment, if the path ends with one.
    #[must_use]
    pub fn last_variable(&self) -> Option<&str> {
        self.segments.last().and_then(Segment::variable)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let plain =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if plain(name) => Ok(Self::Variable(name.to_owned())),
            None if plain(text) => Ok(Self::Literal(text.to_owned())),
            _ => Err(format!("\"{text}\" is neither a word nor a {{variable}}")),
        }
    }

    /// The variable that the segment binds.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) => Some(name),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Variable(name) => write!(f, "/{{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl Tag {
    /// Reads a tag: words, with at most one `{variable}` at the end.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (prefix, variable) = match text.split_once('{') {
            None => (text, None),
            Some((prefix, rest)) => match rest.strip_suffix('}') {
                Some(name) if !name.is_empty() && !name.contains(['{', '}']) => (prefix, Some(name.to_owned())),
                _ => return Err("a tag has at most one {variable}, at its end".to_owned()),
            },
        };
        if prefix.is_empty() {
            return Err("a tag starts with a word".to_owned());
        }
        Ok(Self { prefix: prefix.to_owned(), variable })
    }
}
