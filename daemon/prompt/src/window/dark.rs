//! Whether the person's desktop is dark. Desktops say so by their portal, which GTK 4 without libadwaita does not ask; its
//! own ways (a theme's name in the X settings, `settings.ini`, `GTK_THEME`) are left as they are.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gtk4::glib::{self, Variant};
use gtk4::{gio, prelude::*};

use super::away;

/// XDG Desktop Portal, `org.freedesktop.portal.Settings`, version 1.
const PORTAL: &str = "org.freedesktop.portal.Desktop";
const OBJECT: &str = "/org/freedesktop/portal/desktop";
const SETTINGS: &str = "org.freedesktop.portal.Settings";

/// Of its settings, that of which kind of colours the person likes.
const APPEARANCE: &str = "org.freedesktop.appearance";
const SCHEME: &str = "color-scheme";

/// Values of [`SCHEME`]; any other means that he has not said.
const DARK: u32 = 1;
const LIGHT: u32 = 2;

/// How long the portal has before the window comes without it. What it says later counts as well.
const FIRST: Duration = Duration::from_millis(100);

/// Has the window's colours follow the desktop's for as long as the main loop runs. Returns when it is known what they are,
/// or after [`FIRST`].
pub(crate) fn follow() {
    let known = Rc::new(Cell::new(false));
    let tells = Rc::clone(&known);
    glib::spawn_future_local(async move { follow_on_session(&tells).await });
    let late = Rc::clone(&known);
    glib::timeout_add_local_once(FIRST, move || late.set(true));
    let context = glib::MainContext::default();
    while !known.get() {
        context.iteration(true);
    }
}

async fn follow_on_session(known: &Cell<bool>) {
    let Some(bus) = away::connected(gio::BusType::Session).await else {
        known.set(true);
        return;
    };
    // Before it is asked: what changes in between is not missed.
    let changes = bus.subscribe_to_signal(
        Some(PORTAL),
        Some(SETTINGS),
        Some("SettingChanged"),
        Some(OBJECT),
        Some(APPEARANCE),
        gio::DBusSignalFlags::NONE,
        |signal| {
            let part = |index| signal.parameters.try_child_value(index);
            if part(1).is_some_and(|key| key.str() == Some(SCHEME)) {
                prefer(part(2).and_then(number));
            }
        },
    );
    let asked = bus.call_future(
        Some(PORTAL),
        OBJECT,
        SETTINGS,
        "Read",
        Some(&(APPEARANCE, SCHEME).to_variant()),
        None,
        gio::DBusCallFlags::NONE,
        -1,
    );
    if let Ok(reply) = asked.await {
        prefer(reply.try_child_value(0).and_then(number));
    }
    known.set(true);
    std::future::pending::<()>().await;
    drop(changes);
}

/// A number, in as many variants as it is wrapped in: portals differ in that.
fn number(mut value: Variant) -> Option<u32> {
    while value.is_type(glib::VariantTy::VARIANT) {
        value = value.as_variant()?;
    }
    value.get()
}

fn prefer(scheme: Option<u32>) {
    let Some(settings) = gtk4::Settings::default() else {
        return;
    };
    match scheme {
        Some(DARK) => settings.set_gtk_application_prefer_dark_theme(true),
        Some(LIGHT) => settings.set_gtk_application_prefer_dark_theme(false),
        _ => settings.reset_property("gtk-application-prefer-dark-theme"),
    }
}
