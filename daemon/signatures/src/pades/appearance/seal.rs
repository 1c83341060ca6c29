//! The seal that is drawn where nobody gave a picture.

use super::{RED, number};

/// A rounded square with a line inside and a tick, all strokes.
pub(super) fn draw(x: f64, y: f64, side: f64) -> String {
    let unit = side / 20.0;
    let point = |dx: f64, dy: f64| format!("{} {}", number(x + dx * unit), number(y + dy * unit));
    let mut content = format!("q {RED} RG {RED} rg 1 J 1 j {} w\n", number(1.6 * unit));
    content.push_str(&rounded(&point, 1.0, 19.0, 4.5));
    content.push_str(&format!("S {} w\n", number(0.5 * unit)));
    content.push_str(&rounded(&point, 3.0, 17.0, 3.0));
    content.push_str(&format!(
        "S {} w {} m {} l {} l S Q\n",
        number(1.8 * unit),
        point(6.2, 10.2),
        point(9.0, 7.0),
        point(14.0, 13.2)
    ));
    content
}

/// The path of a square with round corners.
fn rounded(point: &impl Fn(f64, f64) -> String, low: f64, high: f64, radius: f64) -> String {
    // How far the control points of a quarter circle lie along its tangents.
    let handle = radius * (1.0 - 0.5523);
    let (near, far) = (low + radius, high - radius);
    let curve = |a: String, b: String, c: String| format!("{a} {b} {c} c ");
    let mut path = format!("{} m {} l ", point(near, low), point(far, low));
    path += &curve(
        point(high - handle, low),
        point(high, low + handle),
        point(high, near),
    );
    path += &format!("{} l ", point(high, far));
    path += &curve(
        point(high, high - handle),
        point(high - handle, high),
        point(far, high),
    );
    path += &format!("{} l ", point(near, high));
    path += &curve(
        point(low + handle, high),
        point(low, high - handle),
        point(low, far),
    );
    path += &format!("{} l ", point(low, near));
    path += &curve(
        point(low, low + handle),
        point(low + handle, low),
        point(near, low),
    );
    path + "h "
}
