//! The interactive form (ISO 32000-1, 12.7): where it stands, and its fields.

use std::collections::HashSet;

use crate::pdf::{Dictionary, Document, Located, Node, ObjectId, PdfError, Value, decode_text_string};

/// The form dictionary with the object it stands in: its own, or the catalog.
pub(super) struct Form<'d> {
    pub(super) holder: Located<'d>,
    /// The dictionary's node, in `holder`.
    pub(super) node: Node,
}

impl<'d> Form<'d> {
    /// The form, if the catalog has one.
    pub(super) fn of(document: &Document<'d>) -> Result<Option<Self>, PdfError> {
        let catalog = document.catalog()?;
        let Some(node) = catalog
            .dictionary()
            .and_then(|catalog| catalog.get(b"AcroForm"))
            .cloned()
        else {
            return Ok(None);
        };
        let (holder, node) = match node.value {
            Value::Reference(id) => match document.object(id)? {
                Some(own) => (own.clone(), own.node),
                None => return Ok(None),
            },
            _ => (catalog, node),
        };
        match node.value {
            Value::Dictionary(_) => Ok(Some(Self { holder, node })),
            Value::Null => Ok(None),
            _ => Err(PdfError::Missing("the form dictionary")),
        }
    }

    pub(super) fn dictionary(&self) -> &Dictionary {
        self.node
            .value
            .dictionary()
            .expect("checked where a form is made")
    }

    /// The root fields it names, as they stand there.
    pub(super) fn fields(&self, document: &Document<'_>) -> Result<Vec<Node>, PdfError> {
        let Some(fields) = document.get(self.dictionary(), b"Fields")? else {
            return Ok(Vec::new());
        };
        match fields.into_owned() {
            Value::Array(fields) => Ok(fields),
            _ => Err(PdfError::Missing("the fields of the form")),
        }
    }
}

/// A field with what it inherits.
#[derive(Debug, Clone)]
pub(super) struct Field<'d> {
    pub(super) located: Located<'d>,
    /// The partial name (12.7.3.2).
    pub(super) name: String,
    /// `/FT`
    pub(super) kind: Option<Vec<u8>>,
    /// The place of the field it is a kid of.
    pub(super) parent: Option<usize>,
    /// How deep in the tree; a root has 0.
    pub(super) depth: usize,
    /// The objects it is shown by, itself among them if it is merged with its only one.
    pub(super) widgets: Vec<ObjectId>,
}

impl Field<'_> {
    pub(super) fn is_signature(&self) -> bool {
        self.kind.as_deref() == Some(b"Sig")
    }

    /// Whether it has a value.
    pub(super) fn is_signed(&self) -> bool {
        let field = self.located.dictionary();
        field.is_some_and(|field| field.get(b"V").is_some())
    }
}

/// Whether a signature dictionary is a document time-stamp (EN 319 142-1, clause 5.4.3).
pub(super) fn is_time_stamp(signature: &Dictionary) -> bool {
    signature.get(b"SubFilter").and_then(|node| node.value.name()) == Some(b"ETSI.RFC3161")
}

/// Characters of a field's full name; a longer one counts as locked.
const MAX_NAME: usize = 4096;

/// The partial names from the root down, with full stops between (12.7.3.2); `None` if that is too long.
pub(super) fn full_name(fields: &[Field<'_>], field: &Field<'_>) -> Option<String> {
    let mut names = vec![field.name.as_str()];
    let mut parent = field.parent;
    let mut length = field.name.len();
    while let Some(above) = parent.and_then(|index| fields.get(index)) {
        length += 1 + above.name.len();
        if length > MAX_NAME {
            return None;
        }
        names.push(&above.name);
        parent = above.parent;
    }
    names.reverse();
    (length <= MAX_NAME).then(|| names.join("."))
}

/// All fields, parents before their children, in the order of the form.
pub(super) fn fields<'d>(document: &Document<'d>) -> Result<Vec<Field<'d>>, PdfError> {
    let Some(form) = Form::of(document)? else {
        return Ok(Vec::new());
    };
    let mut stack: Vec<_> = form
        .fields(document)?
        .into_iter()
        .rev()
        .filter_map(|node| Some((node.value.reference()?, None)))
        .collect();
    let mut seen = HashSet::new();
    let mut fields: Vec<Field<'d>> = Vec::new();
    while let Some((id, parent)) = stack.pop() {
        let limits = document.limits();
        if seen.len() == limits.nodes || stack.len() > limits.nodes {
            return Err(PdfError::TooMany("form fields"));
        }
        if !seen.insert(id) {
            return Err(PdfError::FormLoop);
        }
        let Some(located) = document.object(id)? else {
            continue;
        };
        let Some(dictionary) = located.dictionary() else {
            continue;
        };
        let parent_field = parent.map(|index: usize| &fields[index]);
        // Kids without a name of their own are the widgets of their parent (12.7.3.1).
        if let (Some(parent), None) = (parent, dictionary.get(b"T")) {
            fields[parent].widgets.push(id);
            continue;
        }
        if parent_field.is_some_and(|field| field.depth >= limits.depth) {
            return Err(PdfError::TooDeep);
        }
        let mut field = read_field(document, &located, parent_field)?;
        field.parent = parent;
        let kids = kids(document, dictionary)?;
        let index = fields.len();
        stack.extend(kids.into_iter().rev().map(|kid| (kid, Some(index))));
        fields.push(field);
    }
    Ok(fields)
}

fn kids(document: &Document<'_>, dictionary: &Dictionary) -> Result<Vec<ObjectId>, PdfError> {
    let kids = document.get(dictionary, b"Kids")?;
    let kids = kids.as_deref().and_then(Value::array).unwrap_or_default();
    Ok(kids.iter().filter_map(|kid| kid.value.reference()).collect())
}

fn read_field<'d>(
    document: &Document<'d>,
    located: &Located<'d>,
    parent: Option<&Field<'d>>,
) -> Result<Field<'d>, PdfError> {
    let dictionary = located.dictionary().ok_or(PdfError::Missing("a form field"))?;
    let own = document.get(dictionary, b"T")?;
    let own = own
        .as_deref()
        .and_then(Value::string)
        .map(decode_text_string)
        .unwrap_or_default();
    let kind = document.get(dictionary, b"FT")?;
    let kind = kind.as_deref().and_then(Value::name).map(<[u8]>::to_vec);
    let widget = dictionary.get(b"Subtype").and_then(|node| node.value.name()) == Some(b"Widget");
    Ok(Field {
        located: located.clone(),
        name: own,
        kind: kind.or_else(|| parent.and_then(|parent| parent.kind.clone())),
        parent: None,
        depth: parent.map_or(0, |parent| parent.depth + 1),
        widgets: if widget { vec![located.id] } else { Vec::new() },
    })
}
