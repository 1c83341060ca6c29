//! The text of a page with the places of its characters (ISO 32000-1, clause 9), as far as a keyword's place needs it.
//!
//! Characters come from `/ToUnicode` or from the encoding of the font; what has neither is passed over. Widths that a
//! font does not tell are guessed, so a rectangle may be off by a little, never the page or the line.

mod cmap;
mod encoding;
mod font;
mod ground;
mod program;

use std::collections::HashMap;
use std::rc::Rc;

use unicode_normalization::UnicodeNormalization;

use self::font::TextFont;
use self::ground::{Ground, Look};
pub(crate) use self::program::Programs;
use super::document::{Document, Located};
use super::error::PdfError;
use super::matrix::{IDENTITY, Matrix, apply, times};
use super::object::{Dictionary, Node, ObjectId, Value};
use super::operators::{Operation, Operators};
use super::pages::Page;

/// Characters of one page.
const MAX_GLYPHS: usize = 200_000;
/// Operators of one page with the forms it draws.
const MAX_OPERATORS: usize = 5_000_000;
/// Bytes of the content of one page, and of one form or font map.
const MAX_CONTENT: usize = 16 << 20;
/// Forms within forms.
const MAX_FORMS: usize = 8;
/// Graphics states that are saved at once.
const MAX_SAVED: usize = 512;

/// The text of one page.
#[derive(Debug, Default)]
pub struct PageText {
    glyphs: Vec<Glyph>,
    /// The page's content draws nothing, be it text or not.
    is_blank: bool,
    /// Letters and digits that cannot be seen for certain.
    hidden: u32,
    /// Letters and digits that are not what their font shows for certain.
    others: u32,
    /// There is content behind what was read.
    is_cut_off: bool,
}

/// What one code shows: mostly one character.
#[derive(Debug, Clone)]
struct Glyph {
    text: String,
    /// `[left, bottom, right, top]` around it in default user space.
    place: [f64; 4],
    /// Of its base line: origin, and the direction the line runs in.
    origin: [f64; 2],
    direction: [f64; 2],
}

impl PageText {
    /// Reads the page's content and the forms it draws.
    ///
    /// # Errors
    /// [`PdfError`] if the content cannot be read, or is more than is looked at.
    pub fn of(document: &Document<'_>, page: &Page<'_>) -> Result<Self, PdfError> {
        Self::of_within(document, page, &mut { MAX_OPERATORS })
    }

    /// As [`Self::of`], of at most so many `operators`, of which are taken off those it has.
    pub(crate) fn of_within(
        document: &Document<'_>,
        page: &Page<'_>,
        operators: &mut usize,
    ) -> Result<Self, PdfError> {
        Self::read(page, Reader::new(document, operators))
    }

    /// As [`Self::of_within`], where [`Self::others`] counts what embedded fonts tell as well.
    pub(crate) fn with_programs(
        document: &Document<'_>,
        page: &Page<'_>,
        operators: &mut usize,
        programs: &mut Programs,
    ) -> Result<Self, PdfError> {
        let mut reader = Reader::new(document, operators);
        reader.programs = Some(programs);
        Self::read(page, reader)
    }

    fn read(page: &Page<'_>, mut reader: Reader<'_, '_>) -> Result<Self, PdfError> {
        let document = reader.document;
        let Some(dictionary) = page.located.dictionary() else {
            return Ok(reader.text);
        };
        let content = contents(document, dictionary)?;
        let resources = resources(document, dictionary)?;
        reader.text.is_blank = Operators::new(&content, document.limits())
            .all(|operation| matches!(operation.name, b"q" | b"Q"));
        let look = Look::default();
        reader.run(&content, resources.as_ref(), (IDENTITY, look))?;
        reader.text.hidden = reader.ground.hidden();
        Ok(reader.text)
    }

    /// The text of a form XObject, as which an appearance is one. `None` if it is not sure what one of its codes
    /// shows, or a font is not among its own resources.
    ///
    /// # Errors
    /// As [`Self::of`]
    pub(crate) fn of_form<'d>(
        document: &Document<'d>,
        form: &Located<'d>,
        operators: &mut usize,
    ) -> Result<Option<Self>, PdfError> {
        let mut reader = Reader::new(document, operators);
        reader.draw_form(form, None, (IDENTITY, Look::default()))?;
        Ok(reader.is_sure.then_some(reader.text))
    }

    /// Whether the page draws nothing, neither text nor anything else.
    pub(crate) fn is_blank(&self) -> bool {
        self.is_blank
    }

    /// Letters and digits that are there and not to be seen: painted by nothing and over no picture, or in the colour of what
    /// they stand on. Those of which that is not certain do not count.
    pub(crate) fn hidden(&self) -> u32 {
        self.hidden
    }

    /// Letters and digits that are copied, searched and read aloud as others than their font shows (9.10.2). Those of which
    /// that is not certain do not count.
    pub(crate) fn others(&self) -> u32 {
        self.others
    }

    /// Whether something in the content makes no sense, and what stands behind it was not read. Other readers pass over
    /// it.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// How many codes with a character there are.
    pub(crate) fn len(&self) -> usize {
        self.glyphs.len()
    }

    /// Letters and digits of which the middle lies in one of these rectangles, in default user space.
    pub(crate) fn letters_in(&self, areas: &[[f64; 4]]) -> usize {
        let covered = |glyph: &&Glyph| {
            let [left, bottom, right, top] = glyph.place;
            let (x, y) = (left.midpoint(right), bottom.midpoint(top));
            let is_letter = glyph.text.chars().any(char::is_alphanumeric);
            let lies_in = |area: &[f64; 4]| area[0] < x && x < area[2] && area[1] < y && y < area[3];
            is_letter && areas.iter().any(lies_in)
        };
        self.glyphs.iter().filter(covered).count()
    }

    /// The characters, line by line, with a space where a gap is seen.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (index, glyph) in self.glyphs.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).map(|before| &self.glyphs[before]) {
                match step(before, glyph) {
                    Step::Next => {}
                    Step::Gap => text.push(' '),
                    Step::Line => text.push('\n'),
                }
            }
            text.push_str(&glyph.text);
        }
        text
    }

    /// Where this text stands, `[left, bottom, right, top]` in default user space, in the order it is drawn. Case and
    /// white space do not count; a place may run over a line's end.
    #[must_use]
    pub fn find(&self, keyword: &str) -> Vec<[f64; 4]> {
        let wanted: Vec<char> = folded(keyword).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        // Composed over the whole text: a letter and its mark may be two glyphs.
        let mut letters: Vec<(char, usize)> = Vec::new();
        for (index, glyph) in self.glyphs.iter().enumerate() {
            letters.extend(glyph.text.chars().map(|letter| (letter, index)));
        }
        let letters = composed(&letters);
        let text: Vec<char> = letters.iter().map(|(letter, _)| *letter).collect();
        text.windows(wanted.len())
            .enumerate()
            .filter(|(_, window)| *window == wanted.as_slice())
            .map(|(at, window)| self.around(letters[at].1, letters[at + window.len() - 1].1))
            .collect()
    }

    /// The rectangle around the last line of these glyphs.
    fn around(&self, first: usize, last: usize) -> [f64; 4] {
        let glyphs = &self.glyphs[first..=last.max(first)];
        let line = glyphs
            .windows(2)
            .rposition(|pair| matches!(step(&pair[0], &pair[1]), Step::Line))
            .map_or(0, |at| at + 1);
        glyphs[line..]
            .iter()
            .map(|glyph| glyph.place)
            .reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
            .unwrap_or_default()
    }
}

/// NFC, lower case, no white space.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.nfc()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The same for letters with the numbers of their glyphs: marks join the letter before them.
fn composed(letters: &[(char, usize)]) -> Vec<(char, usize)> {
    let mut result: Vec<(char, usize)> = Vec::with_capacity(letters.len());
    for &(letter, glyph) in letters.iter().filter(|(letter, _)| !letter.is_whitespace()) {
        let joined = result
            .last()
            .and_then(|(before, _)| unicode_normalization::char::compose(*before, letter));
        match joined {
            Some(joined) => {
                if let Some(last) = result.last_mut() {
                    last.0 = joined;
                }
            }
            None => result.extend(std::iter::once(letter).nfc().map(|letter| (letter, glyph))),
        }
    }
    let lower = |(letter, glyph): (char, usize)| letter.to_lowercase().map(move |letter| (letter, glyph));
    result.into_iter().flat_map(lower).collect()
}

enum Step {
    Next,
    Gap,
    Line,
}

fn step(before: &Glyph, glyph: &Glyph) -> Step {
    let [dx, dy] = before.direction;
    let moved = [
        glyph.origin[0] - before.origin[0],
        glyph.origin[1] - before.origin[1],
    ];
    let height = (before.place[3] - before.place[1]).max(1e-3);
    let across = (moved[1] * dx - moved[0] * dy).abs();
    let along = moved[0] * dx + moved[1] * dy;
    let width = before.place[2] - before.place[0];
    if across > height * 0.4 || along < -height {
        Step::Line
    } else if along > width + height * 0.2 {
        Step::Gap
    } else {
        Step::Next
    }
}

/// Content streams, joined with white space (7.8.2).
fn contents(document: &Document<'_>, page: &Dictionary) -> Result<Vec<u8>, PdfError> {
    let Some(node) = page.get(b"Contents") else {
        return Ok(Vec::new());
    };
    let parts: Vec<Node> = match document.resolve(node)?.as_ref() {
        Value::Array(nodes) => nodes.clone(),
        _ => vec![node.clone()],
    };
    let mut content = Vec::new();
    for id in parts.iter().filter_map(|node| node.value.reference()) {
        if let Some(stream) = document.object(id)? {
            content.extend(document.decoded(&stream, MAX_CONTENT - content.len())?);
            content.push(b'\n');
        }
        if content.len() >= MAX_CONTENT {
            return Err(PdfError::TooMany("bytes of page content"));
        }
    }
    Ok(content)
}

/// The resources of a page, its own or a parent's (7.7.3.4).
fn resources(document: &Document<'_>, page: &Dictionary) -> Result<Option<Dictionary>, PdfError> {
    let mut node = page.clone();
    for _ in 0..document.limits().depth {
        if let Some(resources) = document.get(&node, b"Resources")? {
            return Ok(resources.dictionary().cloned());
        }
        let parent = document.get(&node, b"Parent")?;
        match parent.as_deref().and_then(Value::dictionary).cloned() {
            Some(parent) => node = parent,
            None => break,
        }
    }
    Ok(None)
}

/// What text depends on (8.4.1, 9.3.1).
#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<TextFont>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    scale: f64,
    leading: f64,
    rise: f64,
    look: Look,
}

struct Reader<'a, 'd> {
    document: &'a Document<'d>,
    fonts: HashMap<ObjectId, Rc<TextFont>>,
    text: PageText,
    operators: &'a mut usize,
    programs: Option<&'a mut Programs>,
    /// The forms that are being drawn.
    forms: Vec<ObjectId>,
    /// What every code shows is told by its font.
    is_sure: bool,
    ground: Ground,
}

impl<'a, 'd> Reader<'a, 'd> {
    fn new(document: &'a Document<'d>, operators: &'a mut usize) -> Self {
        Self {
            document,
            fonts: HashMap::new(),
            text: PageText::default(),
            operators,
            programs: None,
            forms: Vec::new(),
            is_sure: true,
            ground: Ground::default(),
        }
    }

    fn run(
        &mut self,
        content: &[u8],
        resources: Option<&Dictionary>,
        (matrix, look): (Matrix, Look),
    ) -> Result<(), PdfError> {
        let mut state = State {
            matrix,
            look,
            font: None,
            size: 0.0,
            character_space: 0.0,
            word_space: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let mut saved: Vec<State> = Vec::new();
        let (mut text, mut line) = (IDENTITY, IDENTITY);
        let mut operations = Operators::new(content, self.document.limits());
        for operation in operations.by_ref() {
            *self.operators = self
                .operators
                .checked_sub(1)
                .ok_or(PdfError::TooMany("operators of page content"))?;
            let Operation { name, operands, .. } = operation;
            let number = |index: usize| {
                operands
                    .get(index)
                    .and_then(|node| node.value.number())
                    .unwrap_or(0.0)
            };
            let matrix = || [number(0), number(1), number(2), number(3), number(4), number(5)];
            let mut next_line = |text: &mut Matrix, x: f64, y: f64| {
                line = times([1.0, 0.0, 0.0, 1.0, x, y], line);
                *text = line;
            };
            match name {
                b"q" if saved.len() < MAX_SAVED => saved.push(state.clone()),
                b"Q" => state = saved.pop().unwrap_or(state),
                b"cm" => state.matrix = times(matrix(), state.matrix),
                b"BT" => {
                    text = IDENTITY;
                    line = IDENTITY;
                }
                b"Tf" => {
                    let font = operands.first().and_then(|node| node.value.name());
                    state.font = font.map(|name| self.font(resources, name)).transpose()?.flatten();
                    state.size = number(1);
                }
                b"Tc" => state.character_space = number(0),
                b"Tw" => state.word_space = number(0),
                b"Tz" => state.scale = number(0) / 100.0,
                b"TL" => state.leading = number(0),
                b"Ts" => state.rise = number(0),
                b"Td" => next_line(&mut text, number(0), number(1)),
                b"TD" => {
                    state.leading = -number(1);
                    next_line(&mut text, number(0), number(1));
                }
                b"Tm" => {
                    line = matrix();
                    text = line;
                }
                b"T*" => next_line(&mut text, 0.0, -state.leading),
                b"'" | b"\"" => {
                    if name == b"\"" {
                        state.word_space = number(0);
                        state.character_space = number(1);
                    }
                    next_line(&mut text, 0.0, -state.leading);
                    if let Some(shown) = operands.last().and_then(|node| node.value.string()) {
                        self.show(shown, &state, &mut text)?;
                    }
                }
                b"Tj" => {
                    if let Some(shown) = operands.first().and_then(|node| node.value.string()) {
                        self.show(shown, &state, &mut text)?;
                    }
                }
                b"TJ" => {
                    let parts = operands
                        .first()
                        .and_then(|node| node.value.array())
                        .unwrap_or_default();
                    for part in parts {
                        match &part.value {
                            Value::String(shown) => self.show(shown, &state, &mut text)?,
                            other => {
                                let back = other.number().unwrap_or(0.0) / 1000.0 * state.size * state.scale;
                                text = times([1.0, 0.0, 0.0, 1.0, -back, 0.0], text);
                            }
                        }
                    }
                }
                b"Do" => {
                    let name = operands.first().and_then(|node| node.value.name());
                    if let Some(name) = name {
                        self.draw(resources, name, (state.matrix, state.look))?;
                    }
                }
                _ => self
                    .ground
                    .take(self.document, (name, &operands), resources, &mut state)?,
            }
        }
        self.text.is_cut_off |= operations.stopped;
        Ok(())
    }

    fn resource(
        &self,
        resources: Option<&Dictionary>,
        kind: &[u8],
        name: &[u8],
    ) -> Result<Option<Node>, PdfError> {
        let Some(resources) = resources else {
            return Ok(None);
        };
        let kind = self.document.get(resources, kind)?;
        Ok(kind
            .as_deref()
            .and_then(Value::dictionary)
            .and_then(|kind| kind.get(name))
            .cloned())
    }

    fn font(
        &mut self,
        resources: Option<&Dictionary>,
        name: &[u8],
    ) -> Result<Option<Rc<TextFont>>, PdfError> {
        let Some(node) = self.resource(resources, b"Font", name)? else {
            return Ok(None);
        };
        let id = node.value.reference();
        if let Some(known) = id.and_then(|id| self.fonts.get(&id)) {
            return Ok(Some(Rc::clone(known)));
        }
        let value = self.document.resolve(&node)?;
        let Some(dictionary) = value.dictionary() else {
            return Ok(None);
        };
        let font = Rc::new(TextFont::read(
            self.document,
            dictionary,
            self.programs.as_deref_mut(),
        )?);
        if let Some(id) = id {
            self.fonts.insert(id, Rc::clone(&font));
        }
        Ok(Some(font))
    }

    /// An external object that is drawn by its name (8.8).
    fn draw(
        &mut self,
        resources: Option<&Dictionary>,
        name: &[u8],
        (matrix, look): (Matrix, Look),
    ) -> Result<(), PdfError> {
        let id = self.resource(resources, b"XObject", name)?;
        let id = id.and_then(|node| node.value.reference());
        let Some(form) = id.map(|id| self.document.object(id)).transpose()?.flatten() else {
            return Ok(());
        };
        let Some(dictionary) = form.dictionary() else {
            return Ok(());
        };
        let kind = self.document.get(dictionary, b"Subtype")?;
        match kind.as_deref().and_then(Value::name) {
            Some(b"Form") => self.draw_form(&form, resources, (matrix, look)),
            Some(b"Image") => {
                self.ground.picture(matrix, &look);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A form XObject (8.10).
    fn draw_form(
        &mut self,
        form: &Located<'d>,
        resources: Option<&Dictionary>,
        (matrix, look): (Matrix, Look),
    ) -> Result<(), PdfError> {
        let Some(dictionary) = form.dictionary() else {
            return Ok(());
        };
        if self.forms.len() == MAX_FORMS || self.forms.contains(&form.id) {
            return Ok(());
        }
        let content = self.document.decoded(form, MAX_CONTENT)?;
        let own = self.document.get(dictionary, b"Resources")?;
        let own = own.as_deref().and_then(Value::dictionary);
        let own_matrix = self
            .document
            .coordinates(dictionary, b"Matrix")?
            .unwrap_or(IDENTITY);
        self.forms.push(form.id);
        self.run(&content, own.or(resources), (times(own_matrix, matrix), look))?;
        self.forms.pop();
        Ok(())
    }

    /// Shows a string and moves on (9.4.4).
    fn show(&mut self, shown: &[u8], state: &State, text: &mut Matrix) -> Result<(), PdfError> {
        let Some(font) = &state.font else {
            self.is_sure &= shown.is_empty();
            return Ok(());
        };
        self.is_sure &= font.is_told;
        for code in font.codes(shown) {
            self.is_sure &= code.text.is_some();
            let width = code.width * state.size;
            let mut advance = width + state.character_space;
            if code.is_space {
                advance += state.word_space;
            }
            if let Some(letters) = code.text {
                if self.text.glyphs.len() == MAX_GLYPHS {
                    return Err(PdfError::TooMany("characters of a page"));
                }
                let to_page = times(*text, state.matrix);
                let is_letter = letters.chars().any(char::is_alphanumeric);
                let glyph = glyph(letters, to_page, width * state.scale, state);
                if let Some(glyph) = glyph.as_ref().filter(|_| is_letter) {
                    self.text.others = self.text.others.saturating_add(u32::from(code.is_another));
                    // Glyphs that are little pictures have colours of their own.
                    if !font.draws_itself {
                        self.ground.letter(glyph.place, &state.look);
                    }
                }
                self.text.glyphs.extend(glyph);
            }
            *text = times([1.0, 0.0, 0.0, 1.0, advance * state.scale, 0.0], *text);
        }
        Ok(())
    }
}

/// A glyph around its base line; `None` if its place is no number.
fn glyph(text: String, matrix: Matrix, width: f64, state: &State) -> Option<Glyph> {
    // Ascenders and descenders of usual fonts.
    let (top, bottom) = (state.rise + 0.9 * state.size, state.rise - 0.22 * state.size);
    let corners =
        [[0.0, bottom], [width, bottom], [0.0, top], [width, top]].map(|corner| apply(matrix, corner));
    let mut place = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for [x, y] in corners {
        place = [place[0].min(x), place[1].min(y), place[2].max(x), place[3].max(y)];
    }
    let origin = apply(matrix, [0.0, state.rise]);
    let length = matrix[0].hypot(matrix[1]);
    let direction = if length > 0.0 {
        [matrix[0] / length, matrix[1] / length]
    } else {
        [1.0, 0.0]
    };
    place
        .iter()
        .chain(&origin)
        .all(|number| number.is_finite())
        .then_some(Glyph {
            text,
            place,
            origin,
            direction,
        })
}
