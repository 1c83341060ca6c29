//! How the parts of the window lie, and the labels they are made of.

use gtk4::gdk;
use gtk4::prelude::*;

/// Width the window opens with where texts have their usual size, in pixels.
const WIDTH: i32 = 580;

/// The usual size of texts, as the toolkit has it: 1024ths of dots an inch.
const USUAL_RESOLUTION: i32 = 96 * 1024;

/// What must stay free of a screen's width, in pixels: the window's own frame.
const RESERVED_WIDTH: i32 = 20;

/// What must stay free of a screen's height, in pixels: the window's own frame and the desktop's panels.
const RESERVED_HEIGHT: i32 = 110;

/// Four parts from top to bottom: who asks, what about, the PIN, the buttons. Only the second scrolls when the screen
/// or the font leaves it no room; the origin, the field and the buttons are always in sight. A screen reader
/// says the title when the window comes, and then reads what is in it, because it is a dialog.
///
/// With the window, the area that scrolls.
pub(super) fn window(
    [asker, content, pin, actions]: [&gtk4::Box; 4],
    title: &str,
) -> (gtk4::Window, gtk4::ScrolledWindow) {
    // Natural: else the list of documents would shrink to one row before the whole scrolls.
    let port = gtk4::Viewport::builder()
        .child(content)
        .vscroll_policy(gtk4::ScrollablePolicy::Natural)
        .build();
    let scrolled = gtk4::ScrolledWindow::builder()
        .child(&port)
        .hscrollbar_policy(gtk4::PolicyType::Never)
        // Always to be seen where something is out of sight: that may be a warning.
        .overlay_scrolling(false)
        .vexpand(true)
        .build();
    let whole = gtk4::Box::new(gtk4::Orientation::Vertical, 0);
    whole.append(asker);
    whole.append(&scrolled);
    whole.append(pin);
    whole.append(actions);
    let window = gtk4::Window::builder()
        .title(title)
        .child(&whole)
        .icon_name("dialog-password")
        .accessible_role(gtk4::AccessibleRole::AlertDialog)
        .build();
    window.add_css_class("trien");
    (window, scrolled)
}

/// A row of pixels more or less is no warning that nobody has seen.
const SLACK: f32 = 2.0;

/// Whether all of a widget, from its top to its bottom, is to be seen in an area that scrolls.
pub(super) fn is_in_sight(widget: &gtk4::Widget, area: &gtk4::ScrolledWindow) -> bool {
    #[allow(
        clippy::cast_precision_loss,
        reason = "heights of screens are exact in a float"
    )]
    let height = area.height() as f32;
    widget.is_mapped()
        && widget
            .compute_bounds(area)
            .is_some_and(|bounds| bounds.y() >= -SLACK && bounds.y() + bounds.height() <= height + SLACK)
}

/// Width that holds as many letters of a line as ever, where a desktop has texts larger; else words beside the buttons
/// would stand one below the other and take the height of the screen.
fn width() -> i32 {
    let settings = gtk4::Settings::default();
    let resolution = settings.map_or(USUAL_RESOLUTION, |settings| settings.gtk_xft_dpi());
    let wide = WIDTH.saturating_mul(resolution / 1024) / (USUAL_RESOLUTION / 1024);
    let room = least(gdk::Rectangle::width).unwrap_or(WIDTH) - RESERVED_WIDTH;
    wide.min(room).max(WIDTH)
}

/// Makes the window as high as everything needs at its width, or as the screen allows. A scrolled area cannot ask for
/// that itself: it does not know its width yet when it is asked.
pub(super) fn fit(window: &gtk4::Window, content: &gtk4::Box) {
    let width = width();
    let natural = |widget: &gtk4::Widget| widget.measure(gtk4::Orientation::Vertical, width).1;
    let fixed: i32 = window.child().map_or(0, |whole| {
        std::iter::successors(whole.first_child(), WidgetExt::next_sibling)
            .filter(|part| !part.is::<gtk4::ScrolledWindow>())
            .map(|part| natural(&part))
            .sum()
    });
    window.set_default_size(width, (fixed + natural(content.upcast_ref())).min(room()));
}

/// Height a window may have on the smallest screen, in pixels.
fn room() -> i32 {
    let least = least(gdk::Rectangle::height).unwrap_or(768);
    (least - RESERVED_HEIGHT).max(240)
}

/// Of all screens, the least of that.
fn least(measure: fn(&gdk::Rectangle) -> i32) -> Option<i32> {
    let monitors = gdk::Display::default().map(|display| display.monitors());
    let monitors = monitors
        .iter()
        .flat_map(|list| list.iter::<gdk::Monitor>().flatten());
    monitors.map(|monitor| measure(&monitor.geometry())).min()
}

/// A left-aligned label that wraps. Never markup: most of what is shown comes from outside.
pub(super) fn label(text: &str, classes: &[&str]) -> gtk4::Label {
    let label = gtk4::Label::builder().label(text).xalign(0.0).wrap(true).build();
    label.set_wrap_mode(gtk4::pango::WrapMode::WordChar);
    label.set_css_classes(classes);
    label
}

/// Names and values side by side, in place of what the grid has held. Each value has a cell of its own, so that none
/// can pass for another line.
pub(super) fn fill(grid: &gtk4::Grid, lines: &[(String, String)]) {
    while let Some(child) = grid.first_child() {
        grid.remove(&child);
    }
    for (line, (key, value)) in (0..).zip(lines) {
        let key = label(key, &["dim"]);
        key.set_wrap(false);
        key.set_valign(gtk4::Align::Baseline);
        let value = label(value, &[]);
        value.set_hexpand(true);
        value.set_valign(gtk4::Align::Baseline);
        grid.attach(&key, 0, line, 1, 1);
        grid.attach(&value, 1, line, 1, 1);
    }
}

/// A label behind an icon.
pub(super) fn marked(icon: &str, text: &str, classes: &[&str]) -> gtk4::Box {
    let line = gtk4::Box::new(gtk4::Orientation::Horizontal, 8);
    line.set_css_classes(classes);
    let image = gtk4::Image::builder()
        .icon_name(icon)
        .valign(gtk4::Align::Start)
        .accessible_role(gtk4::AccessibleRole::Presentation)
        .build();
    line.append(&image);
    line.append(&label(text, &[]));
    line
}
