//! The page tree (ISO 32000-1, 7.7.3) and what pages inherit.

use std::collections::HashSet;

use super::document::{Document, Located};
use super::error::PdfError;
use super::object::{Dictionary, ObjectId, Value};

/// How far a page is turned clockwise when shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// Not
    #[default]
    None,
    /// 90°
    Quarter,
    /// 180°
    Half,
    /// 270°
    ThreeQuarters,
}

impl Rotation {
    fn from_degrees(degrees: i64) -> Self {
        match degrees.rem_euclid(360) {
            90 => Self::Quarter,
            180 => Self::Half,
            270 => Self::ThreeQuarters,
            _ => Self::None,
        }
    }
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page<'d> {
    /// The page object.
    pub located: Located<'d>,
    /// What is shown of it: crop box within media box, `[left, bottom, right, top]` in default user space units.
    /// `None` if the page says nothing usable.
    pub shown: Option<[f64; 4]>,
    /// How it is turned.
    pub rotation: Rotation,
}

/// What nodes hand down (table 30, "inheritable").
#[derive(Debug, Clone, Copy, Default)]
struct Inherited {
    media_box: Option<[f64; 4]>,
    crop_box: Option<[f64; 4]>,
    rotation: Rotation,
}

/// Walks the page tree from the first page to the last.
#[derive(Debug)]
pub struct Pages<'a, 'd> {
    document: &'a Document<'d>,
    /// Nodes to visit, the next one last.
    stack: Vec<(ObjectId, Inherited)>,
    inner: HashSet<ObjectId>,
    left: usize,
}

impl<'d> Document<'d> {
    /// All pages, in order.
    ///
    /// # Errors
    /// [`PdfError::NoPages`] if there is no page tree, and as [`Self::catalog`].
    pub fn pages(&self) -> Result<Pages<'_, 'd>, PdfError> {
        let catalog = self.catalog()?;
        let root = catalog
            .dictionary()
            .and_then(|catalog| catalog.get(b"Pages")?.value.reference());
        let stack = vec![(root.ok_or(PdfError::NoPages)?, Inherited::default())];
        Ok(Pages {
            document: self,
            stack,
            inner: HashSet::new(),
            left: self.limits().nodes,
        })
    }

    /// One page, counted from 1.
    ///
    /// # Errors
    /// [`PdfError::NoPages`], [`PdfError::PageOutOfRange`], and what is wrong with the tree before that page.
    pub fn page(&self, page: u32) -> Result<Page<'d>, PdfError> {
        let mut pages = 0;
        for found in self.pages()? {
            pages += 1;
            let found = found?;
            if pages == page {
                return Ok(found);
            }
        }
        Err(if pages == 0 {
            PdfError::NoPages
        } else {
            PdfError::PageOutOfRange { page, pages }
        })
    }
}

impl Document<'_> {
    /// A rectangle with its corners in order (7.9.5).
    ///
    /// # Errors
    /// As [`Self::resolve`]
    pub(crate) fn rectangle(&self, node: &Dictionary, key: &[u8]) -> Result<Option<[f64; 4]>, PdfError> {
        let corners = self.coordinates(node, key)?;
        Ok(corners.map(|[x1, y1, x2, y2]| [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)]))
    }
}

impl<'d> Iterator for Pages<'_, 'd> {
    type Item = Result<Page<'d>, PdfError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance().transpose();
        if matches!(result, Some(Err(_))) {
            self.stack.clear();
        }
        result
    }
}

impl<'d> Pages<'_, 'd> {
    fn advance(&mut self) -> Result<Option<Page<'d>>, PdfError> {
        while let Some((id, inherited)) = self.stack.pop() {
            self.left = self.left.checked_sub(1).ok_or(PdfError::TooMany("pages"))?;
            let Some(located) = self.document.object(id)? else {
                continue;
            };
            let Some(dictionary) = located.dictionary() else {
                continue;
            };
            let inherited = self.inherit(dictionary, inherited)?;
            match self.document.get(dictionary, b"Kids")? {
                Some(kids) if !dictionary.is_type(b"Page") => {
                    if !self.inner.insert(id) {
                        return Err(PdfError::PageTreeLoop);
                    }
                    self.push(&kids, inherited)?;
                }
                _ => return Ok(Some(page(located, inherited))),
            }
        }
        Ok(None)
    }

    fn push(&mut self, kids: &Value, inherited: Inherited) -> Result<(), PdfError> {
        let kids = kids
            .array()
            .ok_or(PdfError::Missing("the kids of a page tree node"))?;
        if self.stack.len() + kids.len() > self.left {
            return Err(PdfError::TooMany("pages"));
        }
        self.stack.extend(
            kids.iter()
                .rev()
                .filter_map(|kid| Some((kid.value.reference()?, inherited))),
        );
        Ok(())
    }

    fn inherit(&self, node: &Dictionary, from: Inherited) -> Result<Inherited, PdfError> {
        let rotation = self
            .document
            .get(node, b"Rotate")?
            .and_then(|value| value.integer());
        Ok(Inherited {
            media_box: self.document.rectangle(node, b"MediaBox")?.or(from.media_box),
            crop_box: self.document.rectangle(node, b"CropBox")?.or(from.crop_box),
            rotation: rotation.map_or(from.rotation, Rotation::from_degrees),
        })
    }
}

fn page(located: Located<'_>, inherited: Inherited) -> Page<'_> {
    let shown = match (inherited.media_box, inherited.crop_box) {
        // What the crop box has outside the medium is not shown (14.11.2).
        (Some(media), Some(crop)) => Some([
            media[0].max(crop[0]),
            media[1].max(crop[1]),
            media[2].min(crop[2]),
            media[3].min(crop[3]),
        ]),
        (media, crop) => media.or(crop),
    };
    let shown = shown.filter(|[left, bottom, right, top]| left < right && bottom < top);
    Page {
        located,
        shown,
        rotation: inherited.rotation,
    }
}
