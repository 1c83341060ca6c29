//! A window of another program.

use std::process::Child;

use super::{Desk, SCREEN_HEIGHT, wait_for};

/// A window of another program; it goes with this.
pub(crate) struct Other<'a> {
    pub(super) desk: &'a Desk,
    pub(super) process: Child,
    pub(super) window: String,
}

impl Other<'_> {
    pub(crate) fn fill_the_screen(&self) {
        self.take_state("_NET_WM_STATE_FULLSCREEN");
        wait_for("a window that fills the screen", || {
            let geometry = self
                .desk
                .xdotool(&["getwindowgeometry", "--shell", &self.window])?;
            geometry
                .contains(&format!("HEIGHT={SCREEN_HEIGHT}"))
                .then_some(())
        });
    }

    /// A state that the window manager reads when a window comes to the screen (EWMH).
    pub(super) fn take_state(&self, state: &str) {
        self.desk
            .xdotool(&["windowunmap", "--sync", &self.window])
            .expect("cannot leave the screen");
        let property = "_NET_WM_STATE";
        // Withdrawn, it loses the states it had.
        wait_for("a window without a state", || {
            let words = ["-id", &self.window, property];
            let listed = self.desk.xprop(&words);
            (listed.contains("not found") || listed.trim().ends_with('=')).then_some(())
        });
        self.desk.xprop(&[
            "-id",
            &self.window,
            "-f",
            property,
            "32a",
            "-set",
            property,
            state,
        ]);
        self.desk
            .xdotool(&["windowmap", "--sync", &self.window])
            .expect("cannot come to the screen");
        wait_for("a window in its state", || {
            let listed = self.desk.xprop(&["-id", &self.window, property]);
            listed.contains(state).then_some(())
        });
    }
}

impl Drop for Other<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
