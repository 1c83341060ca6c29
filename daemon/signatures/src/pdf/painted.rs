//! What an appearance paints over: rectangles that are filled, thick lines, and pictures, where nothing shines through
//! (ISO 32000-1, 8.5.3, 8.7, 8.9, 11.6).
//!
//! It says less than a reader would draw, never more: other shapes are passed over, and so is what is clipped by one.

mod masks;

use super::document::{Document, Located};
use super::error::PdfError;
use super::matrix::{IDENTITY, Matrix, apply, times};
use super::object::{Dictionary, Node, ObjectId, Value};
use super::operators::{Operation, Operators};

/// Rectangles of one appearance.
const MAX_AREAS: usize = 10_000;
/// Bytes of the content of one form.
const MAX_CONTENT: usize = 4 << 20;
/// Forms within forms.
const MAX_FORMS: usize = 8;
/// Graphics states that are saved at once.
const MAX_SAVED: usize = 512;
/// Operators of one path that are looked at.
const MAX_POINTS: usize = 10_000;
/// How much larger than a tile the distance to the next one may be, and than what is painted of it.
const TILE: f64 = 1.02;
/// What is less opaque than this lets text be read that lies below.
const OPAQUE: f64 = 0.9;
/// A line that is thicker, in units of the page, may hide letters; a pen or a line through a word does not.
const THICK: f64 = 3.0;
/// Squares along the lines of one appearance; what is more is passed over.
const MAX_SQUARES: usize = 5_000;
/// Straight pieces that a curve is taken for.
const PIECES: u32 = 8;
/// How far the corners of a rectangle may lie from each other's lines, in units of the page.
const STRAIGHT: f64 = 0.01;

/// `[left, bottom, right, top]`
pub(crate) type Area = [f64; 4];

/// The rectangles that an appearance stream paints over when it is fitted into the annotation's rectangle (12.5.5). It
/// may have so many `operators`, of which are taken off those it has.
///
/// # Errors
/// [`PdfError`] if its content cannot be read, or is more than is looked at.
pub(crate) fn painted<'d>(
    document: &Document<'d>,
    appearance: &Located<'d>,
    rectangle: Area,
    operators: &mut usize,
) -> Result<Vec<Area>, PdfError> {
    let mut painter = Painter {
        document,
        operators,
        forms: Vec::new(),
        areas: Vec::new(),
    };
    let Some(dictionary) = appearance.dictionary() else {
        return Ok(Vec::new());
    };
    let Some(bounds) = document.coordinates(dictionary, b"BBox")? else {
        return Ok(Vec::new());
    };
    let own = document.coordinates(dictionary, b"Matrix")?.unwrap_or(IDENTITY);
    let bounds = around(bounds, own);
    let size = |area: Area| [area[2] - area[0], area[3] - area[1]];
    let ([width, height], [wanted_width, wanted_height]) = (size(bounds), size(rectangle));
    let (x, y) = (wanted_width / width, wanted_height / height);
    if !(x.is_finite() && y.is_finite()) {
        return Ok(Vec::new());
    }
    let fitted = [
        x,
        0.0,
        0.0,
        y,
        rectangle[0] - bounds[0] * x,
        rectangle[1] - bounds[1] * y,
    ];
    painter.draw(appearance, None, fitted, State::new(fitted, rectangle))?;
    Ok(painter.areas)
}

/// The rectangle around a rectangle in other coordinates.
pub(super) fn around([left, bottom, right, top]: Area, matrix: Matrix) -> Area {
    let corners = [[left, bottom], [right, bottom], [left, top], [right, top]];
    let mut area = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for [x, y] in corners.map(|corner| apply(matrix, corner)) {
        area = [area[0].min(x), area[1].min(y), area[2].max(x), area[3].max(y)];
    }
    area
}

/// What two rectangles have in common; `None` if that is nothing.
pub(crate) fn common(a: Area, b: Area) -> Option<Area> {
    let area = [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])];
    (area[0] < area[2] && area[1] < area[3]).then_some(area)
}

/// What painting depends on (8.4.1).
#[derive(Clone, Copy)]
struct State {
    matrix: Matrix,
    /// `None` where the clip is no rectangle, or nothing is left of it.
    clip: Option<Area>,
    /// A filling pattern may have gaps, and one for lines.
    is_pattern: bool,
    is_pattern_line: bool,
    /// What lies below shines through (11.3), be it what is filled or a line.
    is_sheer: bool,
    is_sheer_line: bool,
    /// Of a line, in user space, and whether it has gaps.
    width: f64,
    is_dashed: bool,
    /// It is mixed with what lies below.
    is_blended: bool,
    is_masked: bool,
}

impl State {
    fn new(matrix: Matrix, clip: Area) -> Self {
        Self {
            matrix,
            clip: Some(clip),
            is_pattern: false,
            is_pattern_line: false,
            is_sheer: false,
            is_sheer_line: false,
            width: 1.0,
            is_dashed: false,
            is_blended: false,
            is_masked: false,
        }
    }
}

/// The path that is being made (8.5.2).
#[derive(Default)]
pub(super) struct Path {
    rectangles: Vec<Area>,
    /// Of the subpath that is open.
    points: Vec<[f64; 2]>,
    /// Straight lines, and pieces of others.
    lines: Vec<[[f64; 2]; 2]>,
    /// It has more than rectangles.
    has_others: bool,
    /// Around all its points.
    bounds: Option<Area>,
    seen: usize,
}

impl Path {
    pub(super) fn point(&mut self, point: [f64; 2]) {
        let [x, y] = point;
        let [left, bottom, right, top] = self.bounds.unwrap_or([x, y, x, y]);
        self.bounds = Some([left.min(x), bottom.min(y), right.max(x), top.max(y)]);
        self.seen += 1;
        if self.seen <= MAX_POINTS {
            if let Some(last) = self.points.last() {
                self.lines.push([*last, point]);
            }
            self.points.push(point);
        } else {
            self.has_others = true;
        }
    }

    /// A Bézier curve from the current point (8.5.2.2).
    pub(super) fn curve(&mut self, [b, c, d]: [[f64; 2]; 3]) {
        if let Some(a) = self.points.last().copied() {
            for piece in 1..=PIECES {
                let t = f64::from(piece) / f64::from(PIECES);
                let u = 1.0 - t;
                let at = |axis: usize| {
                    u * u * u * a[axis] + 3.0 * u * t * (u * b[axis] + t * c[axis]) + t * t * t * d[axis]
                };
                self.point([at(0), at(1)]);
            }
        }
        self.has_others = true;
    }

    pub(super) fn rectangle(&mut self, matrix: Matrix, [x, y, width, height]: [f64; 4]) {
        self.close();
        let corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
        for corner in corners {
            self.point(apply(matrix, corner));
        }
        self.join();
        self.close();
    }

    /// Draws the line back to where the open subpath began.
    fn join(&mut self) {
        if let (Some(first), Some(last)) = (self.points.first(), self.points.last()) {
            self.lines.push([*last, *first]);
        }
    }

    /// Ends the open subpath.
    pub(super) fn close(&mut self) {
        let mut points = std::mem::take(&mut self.points);
        if points.len() == 5 && points.first() == points.last() {
            points.pop();
        }
        match points.as_slice() {
            [a, b, c, d] if is_straight([*a, *b, *c, *d]) => {
                self.rectangles
                    .push([a[0].min(c[0]), a[1].min(c[1]), a[0].max(c[0]), a[1].max(c[1])])
            }
            // A point or a line fills nothing.
            [] | [_] | [_, _] => {}
            _ => self.has_others = true,
        }
    }

    /// Around all of it.
    pub(super) fn bounds(&self) -> Option<Area> {
        self.bounds
    }

    /// Whether there is more to it than rectangles.
    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    pub(super) fn rectangles(&self) -> &[Area] {
        &self.rectangles
    }

    /// The rectangle that it is, if it is one.
    pub(super) fn only(&self) -> Option<Area> {
        match self.rectangles.as_slice() {
            [one] if !self.has_others => Some(*one),
            _ => None,
        }
    }
}

/// Whether four corners in their order make a rectangle along the axes.
fn is_straight([a, b, c, d]: [[f64; 2]; 4]) -> bool {
    let level = |one: [f64; 2], other: [f64; 2], axis: usize| (one[axis] - other[axis]).abs() < STRAIGHT;
    let starts_level = level(a, b, 1) && level(b, c, 0) && level(c, d, 1) && level(d, a, 0);
    let starts_upright = level(a, b, 0) && level(b, c, 1) && level(c, d, 0) && level(d, a, 1);
    starts_level || starts_upright
}

struct Painter<'a, 'd> {
    document: &'a Document<'d>,
    operators: &'a mut usize,
    /// The forms that are being drawn.
    forms: Vec<ObjectId>,
    areas: Vec<Area>,
}

impl<'d> Painter<'_, 'd> {
    /// Draws a form XObject, as which an appearance is one (8.10).
    fn draw(
        &mut self,
        form: &Located<'d>,
        resources: Option<&Dictionary>,
        matrix: Matrix,
        state: State,
    ) -> Result<(), PdfError> {
        let Some(dictionary) = form.dictionary().filter(|_| form.stream.is_some()) else {
            return Ok(());
        };
        if self.forms.len() == MAX_FORMS || self.forms.contains(&form.id) {
            return Ok(());
        }
        let own = self
            .document
            .coordinates(dictionary, b"Matrix")?
            .unwrap_or(IDENTITY);
        let matrix = times(own, matrix);
        let bounds: Option<Area> = self.document.coordinates(dictionary, b"BBox")?;
        let Some(bounds) = bounds else { return Ok(()) };
        let clip = state.clip.and_then(|clip| common(clip, around(bounds, matrix)));
        let content = self.document.decoded(form, MAX_CONTENT)?;
        let own = self.document.get(dictionary, b"Resources")?;
        let own = own.as_deref().and_then(Value::dictionary);
        self.forms.push(form.id);
        self.run(
            &content,
            own.or(resources),
            State {
                matrix,
                clip,
                ..state
            },
        )?;
        self.forms.pop();
        Ok(())
    }

    fn run(
        &mut self,
        content: &[u8],
        resources: Option<&Dictionary>,
        mut state: State,
    ) -> Result<(), PdfError> {
        let mut saved: Vec<State> = Vec::new();
        let mut path = Path::default();
        let mut clips = false;
        let mut operations = Operators::new(content, self.document.limits());
        for Operation { name, operands, data } in operations.by_ref() {
            *self.operators = self
                .operators
                .checked_sub(1)
                .ok_or(PdfError::TooMany("operators of an appearance"))?;
            let number = |index: usize| {
                let number = operands.get(index).and_then(|node| node.value.number());
                number.unwrap_or(0.0)
            };
            let point = |state: &State| apply(state.matrix, [number(0), number(1)]);
            match name {
                b"q" if saved.len() < MAX_SAVED => saved.push(state),
                b"Q" => state = saved.pop().unwrap_or(state),
                b"cm" => {
                    let matrix = [number(0), number(1), number(2), number(3), number(4), number(5)];
                    state.matrix = times(matrix, state.matrix);
                }
                b"gs" => self.set(resources, &operands, &mut state)?,
                b"w" => state.width = number(0),
                b"d" => {
                    let gaps = operands.first().and_then(|node| node.value.array());
                    state.is_dashed = gaps.is_some_and(|gaps| !gaps.is_empty());
                }
                b"g" | b"rg" | b"k" => state.is_pattern = false,
                b"G" | b"RG" | b"K" => state.is_pattern_line = false,
                b"cs" | b"sc" | b"scn" => {
                    state.is_pattern = self.has_gaps(name, resources, &operands)?;
                }
                b"CS" | b"SC" | b"SCN" => {
                    state.is_pattern_line = self.has_gaps(name, resources, &operands)?;
                }
                b"re" => path.rectangle(state.matrix, [number(0), number(1), number(2), number(3)]),
                b"m" => {
                    path.close();
                    path.point(point(&state));
                }
                b"l" => path.point(point(&state)),
                b"c" | b"v" | b"y" => {
                    let at = |index: usize| apply(state.matrix, [number(index), number(index + 1)]);
                    let current = path.points.last().copied().unwrap_or_else(|| at(0));
                    path.curve(match name {
                        b"c" => [at(0), at(2), at(4)],
                        b"v" => [current, at(0), at(2)],
                        _ => [at(0), at(2), at(2)],
                    });
                }
                b"h" => {
                    path.join();
                    path.close();
                }
                b"W" | b"W*" => clips = true,
                b"S" | b"s" | b"n" | b"f" | b"F" | b"f*" | b"B" | b"b" | b"B*" | b"b*" => {
                    if matches!(name, b"s" | b"b" | b"b*") {
                        path.join();
                    }
                    path.close();
                    if matches!(name, b"S" | b"s" | b"B" | b"b" | b"B*" | b"b*") {
                        self.draw_lines(&state, &path)?;
                    }
                    let filled: &[Area] = match name {
                        b"S" | b"s" | b"n" => &[],
                        b"f" | b"F" | b"B" | b"b" => &path.rectangles,
                        // Of several, one may be a hole in another.
                        _ if path.only().is_some() => &path.rectangles,
                        _ => &[],
                    };
                    if !state.is_pattern {
                        filled.iter().try_for_each(|area| self.paint(&state, *area))?;
                    }
                    if std::mem::take(&mut clips) {
                        let clip = state.clip.zip(path.only());
                        state.clip = clip.and_then(|(clip, area)| common(clip, area));
                    }
                    path = Path::default();
                }
                b"sh" => {
                    if let Some(clip) = state.clip {
                        self.paint(&state, clip)?;
                    }
                }
                b"ID" if Self::is_solid_within(&operands, data, &state) => {
                    self.paint(&state, around([0.0, 0.0, 1.0, 1.0], state.matrix))?;
                }
                b"Do" => self.place(resources, &operands, &state)?,
                _ => {}
            }
        }
        // Other readers pass over what makes no sense, and paint what stands behind it.
        match operations.stopped {
            true => Err(PdfError::Missing("the end of the content")),
            false => Ok(()),
        }
    }

    fn paint(&mut self, state: &State, area: Area) -> Result<(), PdfError> {
        let covers = !state.is_sheer && !state.is_blended && !state.is_masked;
        let clip = state.clip.filter(|_| covers);
        if let Some(area) = clip.and_then(|clip| common(clip, area)) {
            if self.areas.len() == MAX_AREAS {
                return Err(PdfError::TooMany("rectangles of an appearance"));
            }
            self.areas.push(area);
        }
        Ok(())
    }

    /// The squares that thick lines fill for certain, whatever their ends and joins are.
    fn draw_lines(&mut self, state: &State, path: &Path) -> Result<(), PdfError> {
        let [a, b, c, d, ..] = state.matrix;
        // The thinner of the two ways it may be stretched.
        let width = state.width.abs() * a.hypot(b).min(c.hypot(d));
        let is_thick = width > THICK;
        if !is_thick || state.is_pattern_line || state.is_sheer_line || state.is_dashed {
            return Ok(());
        }
        let state = State {
            is_sheer: false,
            ..*state
        };
        let half = width / 8.0_f64.sqrt();
        for [[x, y], [to_x, to_y]] in &path.lines {
            let (along, up) = (to_x - x, to_y - y);
            let steps = (along.hypot(up) / half).ceil().clamp(1.0, 10_000.0);
            let mut step = 0.0;
            while step <= steps && self.areas.len() < MAX_SQUARES {
                let (x, y) = (x + along * step / steps, y + up * step / steps);
                self.paint(&state, [x - half, y - half, x + half, y + half])?;
                step += 1.0;
            }
        }
        Ok(())
    }

    /// Whether what is painted from now on is a pattern that may have gaps (8.7).
    fn has_gaps(
        &mut self,
        name: &[u8],
        resources: Option<&Dictionary>,
        operands: &[Node],
    ) -> Result<bool, PdfError> {
        let Some(last) = operands.last().filter(|node| node.value.name().is_some()) else {
            return Ok(false);
        };
        if matches!(name, b"cs" | b"CS") {
            return Ok(last.value.name() == Some(b"Pattern"));
        }
        let Some(pattern) = self.resource(resources, b"Pattern", std::slice::from_ref(last))? else {
            return Ok(true);
        };
        let value = self.document.resolve(&pattern)?;
        let Some(dictionary) = value.dictionary() else {
            return Ok(true);
        };
        let kind = self.document.get(dictionary, b"PatternType")?;
        match (kind.and_then(|kind| kind.integer()), pattern.value.reference()) {
            // A shading goes everywhere.
            (Some(2), _) => Ok(false),
            (Some(1), Some(id)) => self.tiles_have_gaps(id),
            _ => Ok(true),
        }
    }

    /// Whether the tiles of a pattern leave something free: within one, or between two (8.7.3).
    fn tiles_have_gaps(&mut self, id: ObjectId) -> Result<bool, PdfError> {
        let Some(tile) = self.document.object(id)? else {
            return Ok(true);
        };
        let Some(dictionary) = tile.dictionary() else {
            return Ok(true);
        };
        let Some(bounds) = self.document.rectangle(dictionary, b"BBox")? else {
            return Ok(true);
        };
        let step = |key: &[u8]| {
            let step = self.document.get(dictionary, key)?;
            Ok::<_, PdfError>(step.and_then(|step| step.number()).unwrap_or(f64::INFINITY).abs())
        };
        let (x, y) = (step(b"XStep")?, step(b"YStep")?);
        let [left, bottom, right, top] = bounds;
        if x > (right - left) * TILE || y > (top - bottom) * TILE {
            return Ok(true);
        }
        let outside = std::mem::take(&mut self.areas);
        let drawn = self.draw_tile(&tile, bounds);
        let inside = std::mem::replace(&mut self.areas, outside);
        drawn?;
        let size = |[left, bottom, right, top]: Area| (right - left) * (top - bottom);
        Ok(!inside.iter().any(|area| size(*area) * TILE >= size(bounds)))
    }

    fn draw_tile(&mut self, tile: &Located<'d>, bounds: Area) -> Result<(), PdfError> {
        if self.forms.len() == MAX_FORMS || self.forms.contains(&tile.id) {
            return Ok(());
        }
        let Some(dictionary) = tile.dictionary().filter(|_| tile.stream.is_some()) else {
            return Ok(());
        };
        let content = self.document.decoded(tile, MAX_CONTENT)?;
        let own = self.document.get(dictionary, b"Resources")?;
        let own = own.as_deref().and_then(Value::dictionary);
        self.forms.push(tile.id);
        self.run(&content, own, State::new(IDENTITY, bounds))?;
        self.forms.pop();
        Ok(())
    }

    /// A picture or a form that is drawn by name.
    fn place(
        &mut self,
        resources: Option<&Dictionary>,
        operands: &[Node],
        state: &State,
    ) -> Result<(), PdfError> {
        let node = self.resource(resources, b"XObject", operands)?;
        let id = node.and_then(|node| node.value.reference());
        let Some(object) = id.map(|id| self.document.object(id)).transpose()?.flatten() else {
            return Ok(());
        };
        let Some(dictionary) = object.dictionary() else {
            return Ok(());
        };
        let kind = self.document.get(dictionary, b"Subtype")?;
        match kind.as_deref().and_then(Value::name) {
            Some(b"Form") => self.draw(&object, resources, state.matrix, *state),
            Some(b"Image") => {
                if !self.is_solid(&object, state)? {
                    return Ok(());
                }
                let [a, b, c, d, ..] = state.matrix;
                // Turned by a right angle or not at all.
                if (b == 0.0 && c == 0.0) || (a == 0.0 && d == 0.0) {
                    self.paint(state, around([0.0, 0.0, 1.0, 1.0], state.matrix))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes over what a graphics state dictionary says (table 58).
    fn set(
        &self,
        resources: Option<&Dictionary>,
        operands: &[Node],
        state: &mut State,
    ) -> Result<(), PdfError> {
        let Some(node) = self.resource(resources, b"ExtGState", operands)? else {
            return Ok(());
        };
        let value = self.document.resolve(&node)?;
        let Some(dictionary) = value.dictionary() else {
            return Ok(());
        };
        let opacity = self.document.get(dictionary, b"ca")?;
        if let Some(opacity) = opacity.and_then(|value| value.number()) {
            state.is_sheer = opacity < OPAQUE;
        }
        let opacity = self.document.get(dictionary, b"CA")?;
        if let Some(opacity) = opacity.and_then(|value| value.number()) {
            state.is_sheer_line = opacity < OPAQUE;
        }
        let width = self.document.get(dictionary, b"LW")?;
        if let Some(width) = width.and_then(|value| value.number()) {
            state.width = width;
        }
        if let Some(blend) = self.document.get(dictionary, b"BM")? {
            state.is_blended = !matches!(blend.name(), Some(b"Normal" | b"Compatible"));
        }
        if let Some(mask) = self.document.get(dictionary, b"SMask")? {
            state.is_masked = mask.name() != Some(b"None");
        }
        Ok(())
    }

    fn resource(
        &self,
        resources: Option<&Dictionary>,
        kind: &[u8],
        operands: &[Node],
    ) -> Result<Option<Node>, PdfError> {
        let name = operands.first().and_then(|node| node.value.name());
        let (Some(resources), Some(name)) = (resources, name) else {
            return Ok(None);
        };
        let kind = self.document.get(resources, kind)?;
        let kind = kind.as_deref().and_then(Value::dictionary);
        Ok(kind.and_then(|kind| kind.get(name)).cloned())
    }
}
