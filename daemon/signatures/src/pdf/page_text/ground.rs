//! Whether a letter can be seen: how it is painted, and on what (ISO 32000-1, 8.4 to 8.6 and 9.3.6).
//!
//! It says less than a reader would see, never more: a letter is hidden where that is certain. What is painted by other
//! shapes than rectangles, by pictures, patterns and shadings is of a colour that is not known, all around it.

use super::State;
use crate::pdf::document::Document;
use crate::pdf::error::PdfError;
use crate::pdf::matrix::{Matrix, apply};
use crate::pdf::object::{Dictionary, Node, Value};
use crate::pdf::painted::{Area, Path, around, common};

/// Red, green and blue from 0 to 1; `None` where it is not known.
type Colour = Option<[f64; 3]>;

const BLACK: Colour = Some([0.0; 3]);
const WHITE: [f64; 3] = [1.0; 3];
/// Components that differ by less are one colour to the eye.
const SAME: f64 = 0.03;
/// Of more opacity than this a letter can be seen.
const UNSEEN: f64 = 0.02;
/// Thinner things are no ground for letters, in units of the page.
const THIN: f64 = 3.0;
/// Grounds of one page, and letters that are painted by nothing; what is more is passed over.
const MAX_GROUNDS: usize = 20_000;
/// Grounds that are looked at for letters, in all.
const MAX_LOOKS: usize = 20_000_000;

/// What a letter is painted with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    fill: Colour,
    /// Of the colour space; none of one that is not known here.
    components: Option<usize>,
    mode: i64,
    opacity: f64,
    /// It is mixed with what lies below, or masked.
    is_mixed: bool,
    clip: Option<Area>,
    is_clipped_otherwise: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            fill: BLACK,
            components: Some(1),
            mode: 0,
            opacity: 1.0,
            is_mixed: false,
            clip: None,
            is_clipped_otherwise: false,
        }
    }
}

/// What a page has been painted with so far.
#[derive(Default)]
pub(super) struct Ground {
    painted: Vec<(Area, Colour)>,
    pictures: Vec<Area>,
    /// Where letters stand that are painted by nothing.
    unpainted: Vec<[f64; 2]>,
    hidden: u32,
    looks: usize,
    path: Path,
    clips: bool,
}

impl Ground {
    /// Letters and digits that cannot be seen. Those painted by nothing over a picture are what the picture shows, read by a
    /// machine.
    pub(super) fn hidden(&self) -> u32 {
        let over_nothing = self.unpainted.iter().filter(|place| {
            let lies_in = |area: &Area| is_within(area, **place);
            !self.pictures.iter().any(lies_in)
        });
        let over_nothing = u32::try_from(over_nothing.count()).unwrap_or(u32::MAX);
        self.hidden.saturating_add(over_nothing)
    }

    /// Takes over what an operator says, be it a colour, a path or a picture.
    pub(super) fn take(
        &mut self,
        document: &Document<'_>,
        (name, operands): (&[u8], &[Node]),
        resources: Option<&Dictionary>,
        state: &mut State,
    ) -> Result<(), PdfError> {
        let number = |index: usize| {
            let number = operands.get(index).and_then(|node| node.value.number());
            number.unwrap_or(0.0)
        };
        let at = |matrix: Matrix, index: usize| apply(matrix, [number(index), number(index + 1)]);
        let matrix = state.matrix;
        let look = &mut state.look;
        match name {
            b"Tr" => {
                look.mode = operands
                    .first()
                    .and_then(|node| node.value.integer())
                    .unwrap_or(0)
            }
            b"g" | b"rg" | b"k" => {
                look.components = Some(operands.len());
                look.fill = colour(operands);
            }
            b"cs" => {
                look.components = components(document, resources, operands)?;
                look.fill = look.components.and(BLACK);
            }
            b"sc" | b"scn" => {
                look.fill = colour(operands).filter(|_| look.components == Some(operands.len()));
            }
            b"gs" => set(document, resources, operands, look)?,
            b"re" => self
                .path
                .rectangle(matrix, [number(0), number(1), number(2), number(3)]),
            b"m" => {
                self.path.close();
                self.path.point(at(matrix, 0));
            }
            b"l" => self.path.point(at(matrix, 0)),
            b"c" => self.path.curve([at(matrix, 0), at(matrix, 2), at(matrix, 4)]),
            b"v" | b"y" => self.path.curve([at(matrix, 0), at(matrix, 0), at(matrix, 2)]),
            b"h" => self.path.close(),
            b"W" | b"W*" => self.clips = true,
            b"S" | b"s" | b"n" | b"f" | b"F" | b"f*" | b"B" | b"b" | b"B*" | b"b*" => {
                self.path.close();
                self.paint(name != b"n", matches!(name, b"f" | b"F" | b"f*"), look);
            }
            b"sh" => self.cover(look, None),
            b"ID" => self.picture(matrix, look),
            _ => {}
        }
        Ok(())
    }

    /// A picture in the unit square (8.9.5).
    pub(super) fn picture(&mut self, matrix: Matrix, look: &Look) {
        let area = around([0.0, 0.0, 1.0, 1.0], matrix);
        if self.pictures.len() < MAX_GROUNDS {
            self.pictures.push(area);
        }
        self.cover(look, Some(area));
    }

    /// Paints the path that was made, and clips by it.
    fn paint(&mut self, is_painted: bool, only_fills: bool, look: &mut Look) {
        let path = std::mem::take(&mut self.path);
        if is_painted {
            let is_plain = only_fills && !look.is_mixed && !look.is_clipped_otherwise && look.opacity > 0.98;
            match path.only() {
                Some(area) => self.add(look, area, look.fill.filter(|_| is_plain)),
                None if path.has_others() => path
                    .bounds()
                    .into_iter()
                    .for_each(|area| self.add(look, area, None)),
                None => path
                    .rectangles()
                    .iter()
                    .for_each(|area| self.add(look, *area, None)),
            }
        }
        if std::mem::take(&mut self.clips) {
            let area = path.bounds().unwrap_or_default();
            look.is_clipped_otherwise |= path.only().is_none();
            look.clip = Some(match look.clip {
                Some(clip) => common(clip, area).unwrap_or_default(),
                None => area,
            });
        }
    }

    /// Something of a colour that is not known; without an area, all that is not clipped.
    fn cover(&mut self, look: &Look, area: Option<Area>) {
        const EVERYWHERE: Area = [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY];
        self.add(look, area.unwrap_or(EVERYWHERE), None);
    }

    fn add(&mut self, look: &Look, area: Area, colour: Colour) {
        let area = match look.clip {
            Some(clip) => common(clip, area),
            None => Some(area),
        };
        let is_thick = |[left, bottom, right, top]: &Area| (right - left).min(top - bottom) >= THIN;
        if let Some(area) = area.filter(is_thick)
            && self.painted.len() <= MAX_GROUNDS
        {
            self.painted.push((area, colour));
        }
    }

    /// A letter or digit, by the rectangle around it.
    pub(super) fn letter(&mut self, [left, bottom, right, top]: Area, look: &Look) {
        let place = [left.midpoint(right), bottom.midpoint(top)];
        let is_cut = look.clip.is_some_and(|clip| !is_within(&clip, place));
        // What is clipped away, or by a shape, is not looked at; nor what is drawn by lines.
        if is_cut || look.is_clipped_otherwise {
            return;
        }
        match look.mode {
            3 if self.unpainted.len() < MAX_GROUNDS => self.unpainted.push(place),
            0 | 4 if look.is_mixed => {}
            0 | 4 if look.opacity < UNSEEN => self.hidden += 1,
            0 | 4 if self.is_lost(place, look) => self.hidden += 1,
            _ => {}
        }
    }

    /// Whether it has the colour of what it stands on.
    fn is_lost(&mut self, place: [f64; 2], look: &Look) -> bool {
        let Some(fill) = look.fill else { return false };
        let same = |other: [f64; 3]| {
            fill.iter()
                .zip(other)
                .all(|(one, other)| (one - other).abs() < SAME)
        };
        // Grounds that were passed over may be of any colour.
        if self.painted.len() > MAX_GROUNDS || self.looks > MAX_LOOKS {
            return false;
        }
        // Of nothing but white paper most documents are.
        if !same(WHITE) && !self.painted.iter().any(|(_, colour)| colour.is_some_and(same)) {
            self.looks += self.painted.len();
            return false;
        }
        let mut grounds = self.painted.iter().rev();
        let ground = grounds.position(|(area, _)| is_within(area, place));
        self.looks += ground.unwrap_or(self.painted.len());
        match ground {
            Some(back) => self.painted[self.painted.len() - 1 - back].1.is_some_and(same),
            None => same(WHITE),
        }
    }
}

fn is_within(area: &Area, [x, y]: [f64; 2]) -> bool {
    area[0] < x && x < area[2] && area[1] < y && y < area[3]
}

/// By how many components there are (8.6.4).
fn colour(operands: &[Node]) -> Colour {
    let numbers: Option<Vec<f64>> = operands.iter().map(|node| node.value.number()).collect();
    match *numbers? {
        [grey] => Some([grey; 3]),
        [red, green, blue] => Some([red, green, blue]),
        [cyan, magenta, yellow, black] => {
            Some([cyan, magenta, yellow].map(|ink| (1.0 - ink) * (1.0 - black)))
        }
        _ => None,
    }
}

/// Of a colour space whose components mean what those of the device's spaces do.
fn components(
    document: &Document<'_>,
    resources: Option<&Dictionary>,
    operands: &[Node],
) -> Result<Option<usize>, PdfError> {
    let Some(name) = operands.first().and_then(|node| node.value.name()) else {
        return Ok(None);
    };
    let by_name = |name: &[u8]| match name {
        b"DeviceGray" | b"CalGray" => Some(1),
        b"DeviceRGB" | b"CalRGB" => Some(3),
        b"DeviceCMYK" => Some(4),
        _ => None,
    };
    if let Some(count) = by_name(name) {
        return Ok(Some(count));
    }
    let spaces = match resources {
        Some(resources) => document.get(resources, b"ColorSpace")?,
        None => None,
    };
    let spaces = spaces.as_deref().and_then(Value::dictionary);
    let Some(space) = spaces.and_then(|spaces| spaces.get(name)) else {
        return Ok(None);
    };
    let space = document.resolve(space)?;
    let (kind, profile) = match &*space {
        Value::Name(name) => return Ok(by_name(name)),
        Value::Array(parts) => (parts.first(), parts.get(1)),
        _ => return Ok(None),
    };
    let kind = kind.and_then(|kind| kind.value.name()).unwrap_or_default();
    if kind != b"ICCBased" {
        return Ok(by_name(kind));
    }
    let Some(profile) = profile else { return Ok(None) };
    let profile = document.resolve(profile)?;
    let Some(profile) = profile.dictionary() else {
        return Ok(None);
    };
    let count = document.get(profile, b"N")?.and_then(|count| count.integer());
    Ok(count.and_then(|count| usize::try_from(count).ok()))
}

/// What a graphics state dictionary says of it (table 58).
fn set(
    document: &Document<'_>,
    resources: Option<&Dictionary>,
    operands: &[Node],
    look: &mut Look,
) -> Result<(), PdfError> {
    let states = match resources {
        Some(resources) => document.get(resources, b"ExtGState")?,
        None => None,
    };
    let name = operands.first().and_then(|node| node.value.name());
    let states = states.as_deref().and_then(Value::dictionary);
    let Some(node) = states.zip(name).and_then(|(states, name)| states.get(name)) else {
        return Ok(());
    };
    let value = document.resolve(node)?;
    let Some(dictionary) = value.dictionary() else {
        return Ok(());
    };
    let opacity = document.get(dictionary, b"ca")?;
    if let Some(opacity) = opacity.and_then(|opacity| opacity.number()) {
        look.opacity = opacity;
    }
    let blend = document.get(dictionary, b"BM")?;
    let mask = document.get(dictionary, b"SMask")?;
    let blends = blend.is_some_and(|blend| !matches!(blend.name(), Some(b"Normal" | b"Compatible")));
    let masks = mask.as_ref().is_some_and(|mask| mask.name() != Some(b"None"));
    // Once it was mixed it may be so still.
    look.is_mixed |= blends || masks;
    Ok(())
}
