//! The window's colours as they are on the screen.

use std::collections::HashMap;
use std::process::Command;

use super::asked::Asked;

/// A colour in sRGB.
type Colour = [u8; 3];

/// What is to be seen, pixel for pixel.
pub(crate) struct Picture {
    width: usize,
    pixels: Vec<Colour>,
}

impl Asked<'_> {
    /// The window as it is on the screen.
    pub(crate) fn picture(&self) -> Picture {
        self.part(&[])
    }

    /// Whether that point of it is dark.
    pub(crate) fn is_dark_at(&self, x: i32, y: i32) -> bool {
        let point = format!("1x1+{x}+{y}");
        self.part(&["-crop", &point]).ground() < 0.1
    }

    fn part(&self, arguments: &[&str]) -> Picture {
        let imported = Command::new("import")
            .args(["-window", &self.window])
            .args(arguments)
            .args(["-depth", "8", "ppm:-"])
            .env("DISPLAY", &self.desk.display)
            .output()
            .expect("this test needs ImageMagick");
        assert!(imported.status.success());
        // PPM: "P6", width, height and the greatest value, a white space after each, then three bytes a pixel.
        let mut parts = imported.stdout.splitn(4, |byte| byte.is_ascii_whitespace());
        let [Some(b"P6"), Some(width), Some(_), Some(rest)] = [(); 4].map(|()| parts.next()) else {
            panic!("no PPM");
        };
        let bytes = rest.strip_prefix(b"255\n").expect("a byte a colour");
        Picture {
            width: std::str::from_utf8(width).unwrap().parse().unwrap(),
            pixels: bytes.chunks(3).map(|pixel| pixel.try_into().unwrap()).collect(),
        }
    }
}

impl Picture {
    /// Luminance of the colour that there is most of: 0 is black, 1 white.
    pub(crate) fn ground(&self) -> f64 {
        luminance(most(self.pixels.iter().copied()))
    }

    /// Contrast (WCAG 2.2, *contrast ratio*) between the colour that there is most of in a place (left and upper edge, width,
    /// height) and that which differs most from it: of a text, its ground and its strokes where they cover a pixel.
    pub(crate) fn contrast_within(&self, place: [i32; 4]) -> f64 {
        let [left, top, wide, high] = place.map(|number| usize::try_from(number).unwrap());
        let rows = self.pixels.chunks(self.width).skip(top).take(high);
        let pixels: Vec<Colour> = rows
            .flat_map(|row| row.iter().skip(left).take(wide))
            .copied()
            .collect();
        let ground = luminance(most(pixels.iter().copied()));
        let ratios = pixels.iter().map(|pixel| {
            let other = luminance(*pixel);
            (other.max(ground) + 0.05) / (other.min(ground) + 0.05)
        });
        ratios.fold(1.0, f64::max)
    }
}

fn most(pixels: impl Iterator<Item = Colour>) -> Colour {
    let mut counts: HashMap<Colour, usize> = HashMap::new();
    pixels.for_each(|pixel| *counts.entry(pixel).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.expect("a picture").0
}

/// WCAG 2.2, *relative luminance*.
fn luminance(colour: Colour) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        match part <= 0.04045 {
            true => part / 12.92,
            false => ((part + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
