//! Whether the person is still there: a desktop tells of a locked screen, and the system of sleep, over D-Bus.

use std::time::Duration;

use gtk4::glib::{self, Variant};
use gtk4::{gio, prelude::*};

/// `systemd-logind`, or what stands in for it (elogind): org.freedesktop.login1(5).
const LOGIN: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Desktops that have a lock of their own tell of it here, with `ActiveChanged`.
const SCREEN_SAVERS: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.xfce.ScreenSaver",
];

/// How long logind has to say whose session it is that was locked.
const WHOSE: Duration = Duration::from_secs(1);

/// Calls back when the person's screen is locked, or the computer goes to sleep, for as long as the main loop runs. Where
/// a bus is not there, or nobody tells, it never does.
pub(super) fn watch(left: impl Fn() + Clone + 'static) {
    glib::spawn_future_local(on_system(left.clone()));
    glib::spawn_future_local(on_session(left));
}

async fn on_system(left: impl Fn() + Clone + 'static) {
    let Some(bus) = connected(gio::BusType::System).await else {
        return;
    };
    let asks = bus.clone();
    let locked = move |path: &str| {
        let (bus, path, left) = (asks.clone(), path.to_owned(), left.clone());
        glib::spawn_future_local(async move {
            if !is_anothers(&bus, &path).await {
                left();
            }
        });
    };
    let told = locked.clone();
    let lock = bus.subscribe_to_signal(
        Some(LOGIN),
        Some(SESSION),
        Some("Lock"),
        None,
        None,
        gio::DBusSignalFlags::NONE,
        move |signal| told(signal.object_path),
    );
    // Most desktops that lock by themselves say so here, and emit no `Lock`.
    let told = locked.clone();
    let hint = bus.subscribe_to_signal(
        Some(LOGIN),
        Some(PROPERTIES),
        Some("PropertiesChanged"),
        None,
        Some(SESSION),
        gio::DBusSignalFlags::NONE,
        move |signal| {
            if is_locked(signal.parameters) {
                told(signal.object_path);
            }
        },
    );
    let sleep = bus.subscribe_to_signal(
        Some(LOGIN),
        Some(MANAGER),
        Some("PrepareForSleep"),
        None,
        None,
        gio::DBusSignalFlags::NONE,
        move |signal| {
            if is_true(signal.parameters) {
                locked("");
            }
        },
    );
    std::future::pending::<()>().await;
    drop((lock, hint, sleep));
}

async fn on_session(left: impl Fn() + Clone + 'static) {
    let Some(bus) = connected(gio::BusType::Session).await else {
        return;
    };
    let savers = SCREEN_SAVERS.map(|interface| {
        let left = left.clone();
        bus.subscribe_to_signal(
            None,
            Some(interface),
            Some("ActiveChanged"),
            None,
            None,
            gio::DBusSignalFlags::NONE,
            move |signal| {
                if is_true(signal.parameters) {
                    left();
                }
            },
        )
    });
    std::future::pending::<()>().await;
    drop(savers);
}

/// The bus, if there is one.
pub(super) async fn connected(bus: gio::BusType) -> Option<gio::DBusConnection> {
    let bus = gio::bus_get_future(bus).await.ok()?;
    // Else the process ends with the bus.
    bus.set_exit_on_close(false);
    Some(bus)
}

/// Whether a session is known to be another user's. One of which logind says nothing may be this person's; no path stands
/// for the whole computer.
async fn is_anothers(bus: &gio::DBusConnection, path: &str) -> bool {
    if path.is_empty() {
        return false;
    }
    let asked = bus.call_future(
        Some(LOGIN),
        path,
        PROPERTIES,
        "Get",
        Some(&(SESSION, "User").to_variant()),
        None,
        gio::DBusCallFlags::NONE,
        i32::try_from(WHOSE.as_millis()).unwrap_or(i32::MAX),
    );
    let Ok(reply) = asked.await else { return false };
    // The user's id and the path of his object.
    let user = reply.try_child_value(0).and_then(|value| value.as_variant());
    let id = user.and_then(|user| user.try_child_value(0)?.get::<u32>());
    id.is_some_and(|id| id != rustix::process::getuid().as_raw())
}

/// Whether among the properties that changed there is a screen that is now locked.
fn is_locked(parameters: &Variant) -> bool {
    let changed = parameters
        .try_child_value(1)
        .map(|changed| glib::VariantDict::new(Some(&changed)));
    changed.is_some_and(|changed| changed.lookup("LockedHint").ok().flatten() == Some(true))
}

/// Whether a signal's only argument is true.
fn is_true(parameters: &Variant) -> bool {
    parameters.try_child_value(0).and_then(|value| value.get()) == Some(true)
}
