//! The window: builds the areas, carries what the person does to the [`Course`], and shows what it says.

mod actions;
mod asker;
mod away;
mod certificate;
mod dark;
mod documents;
mod layout;
mod permissions;
mod pin_field;
mod signature;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actions::Actions;
use certificate::CertificateArea;
pub(crate) use dark::follow as follow_the_desktop;
use documents::{Documents, Trouble};
use gtk4::prelude::*;
use gtk4::{gdk, gio, glib};
use layout::{label, marked};
use permissions::Permissions;
use pin_field::PinField;
use trien_protocol::prompt::{Answer, FromPrompt, PinEntry, Question, QuestionKind, ToPrompt};

use crate::Failure;
use crate::channel::{self, Channel, Reader};
use crate::course::{Course, Phase};
use crate::messages::Phrases;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Asks, and returns when the window is gone.
///
/// # Errors
/// [`Failure::NoDisplay`], or a daemon that breaks the protocol.
pub(crate) fn run(
    question: Question,
    channel: Channel,
    reader: Reader,
    pin_pipe: OwnedFd,
) -> Result<(), Failure> {
    let display = gdk::Display::default().ok_or(Failure::NoDisplay)?;
    keep_marks();
    let provider = gtk4::CssProvider::new();
    provider.load_from_data(include_str!("style.css"));
    gtk4::style_context_add_provider_for_display(
        &display,
        &provider,
        gtk4::STYLE_PROVIDER_PRIORITY_APPLICATION,
    );
    let prompt = Prompt::new(&question, channel, pin_pipe);
    drop(question);
    prompt.connect();
    prompt.listen(reader);
    prompt.window.present();
    prompt.ended.run();
    match prompt.failure.take() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Has the extents of texts in whole pixels. As GTK has them by itself they are those of unhinted outlines, to which it
/// then clips hinted ones: at sizes that are no whole pixels, as 10 pt at 96 dpi, the highest row of a text is gone, and
/// with it the tilde of *ễ* and the hook of *ả*.
fn keep_marks() {
    if let Some(settings) = gtk4::Settings::default() {
        settings.set_gtk_hint_font_metrics(true);
    }
}

struct Prompt {
    window: gtk4::Window,
    /// The part of it that scrolls.
    scrolled: gtk4::ScrolledWindow,
    content: gtk4::Box,
    certificate: CertificateArea,
    documents: Option<Documents>,
    /// For a page that is not known yet; then there is no certificate and no PIN.
    permissions: Option<Permissions>,
    pin_field: PinField,
    actions: Actions,
    /// Sharing a certificate needs no key, whatever its token would ask for.
    takes_pin: bool,
    course: RefCell<Course>,
    /// Of each certificate, whose it is and what its token is called.
    signers: Vec<(String, String)>,
    channel: Rc<Channel>,
    pin_pipe: OwnedFd,
    started: Instant,
    /// Keys, by their hardware codes, that went down while *approve* was dead and are still down: what repeats then was not
    /// meant for what is seen now.
    held: RefCell<BTreeSet<u32>>,
    shown: Cell<bool>,
    ended: glib::MainLoop,
    failure: RefCell<Option<channel::Error>>,
}

impl Prompt {
    fn new(question: &Question, channel: Channel, pin_pipe: OwnedFd) -> Rc<Self> {
        let channel = Rc::new(channel);
        let phrases = Phrases::new(question.language);
        let certificate = CertificateArea::new(question, phrases);
        let pin_field = PinField::new(question.kind, phrases);
        let actions = Actions::new(question.kind, phrases);
        let asker = asker::build(question, phrases);
        let content = gtk4::Box::new(gtk4::Orientation::Vertical, 18);
        content.add_css_class("content");
        if let Some(caution) = asker::caution(question, phrases) {
            content.append(&caution);
        }
        let asking = Rc::clone(&channel);
        let documents = Documents::new(question, phrases, move |document| {
            // A daemon that is gone is noticed when nothing comes back.
            let _ = asking.send(&FromPrompt::Open { document });
        });
        if let Some(documents) = &documents {
            content.append(&documents.widget);
        }
        if let Some(signature) = &question.signature {
            content.append(&signature::build(signature, phrases));
        }
        let permissions =
            (question.kind == QuestionKind::AllowOrigin).then(|| Permissions::new(question, phrases));
        match &permissions {
            Some(permissions) => content.append(&permissions.widget),
            None => content.append(&certificate.widget),
        }
        let takes_pin = !matches!(
            question.kind,
            QuestionKind::ShareCertificate | QuestionKind::AllowOrigin
        );
        let pins = question.certificates.iter().map(|one| match takes_pin {
            true => one.pin,
            false => PinEntry::NotNeeded,
        });
        let mut pins: Vec<PinEntry> = pins.collect();
        if permissions.is_some() {
            pins.push(PinEntry::NotNeeded);
        }
        let patience = Duration::from_secs(question.seconds.into());
        let (window, scrolled) = layout::window(
            [&asker, &content, &pin_field.widget, &actions.widget],
            &asker::title(question, phrases),
        );
        Rc::new(Self {
            window,
            scrolled,
            content,
            certificate,
            documents,
            permissions,
            pin_field,
            actions,
            takes_pin,
            course: RefCell::new(Course::new(pins, patience, Duration::ZERO)),
            signers: question
                .certificates
                .iter()
                .map(|one| (one.name.clone(), one.token.clone()))
                .collect(),
            channel,
            pin_pipe,
            started: Instant::now(),
            held: RefCell::default(),
            shown: Cell::new(false),
            ended: glib::MainLoop::new(None, false),
            failure: RefCell::new(None),
        })
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn connect(self: &Rc<Self>) {
        self.actions.connect_approve(self.on(Self::approve));
        self.actions.connect_refuse(self.on(Self::refuse));
        self.pin_field.connect_enter(self.on(Self::approve));
        self.pin_field.connect_acknowledged(self.on(Self::changed));
        let prompt = Rc::downgrade(self);
        self.certificate.connect_chosen(move |index| {
            if let Some(prompt) = prompt.upgrade() {
                prompt.choose(index);
            }
        });
        if let Some(documents) = &self.documents {
            documents.connect_changed(self.on(Self::changed));
        }
        if let Some(permissions) = &self.permissions {
            permissions.connect_changed(self.on(Self::changed));
        }
        let closed = self.on(Self::refuse);
        self.window.connect_close_request(move |_| {
            closed();
            glib::Propagation::Stop
        });
        let fronted = self.on(Self::fronted);
        self.window.connect_is_active_notify(move |_| fronted());
        let painted = self.on(Self::painted);
        let resized = self.on(Self::changed);
        self.window.connect_map(move |window| {
            if let Some(clock) = window.frame_clock() {
                let painted = painted.clone();
                clock.connect_after_paint(move |_| painted());
            }
            // Where everything is follows from the size. Where the window itself is no toolkit tells: Wayland has no such
            // thing.
            if let Some(surface) = window.surface() {
                let (wider, higher) = (resized.clone(), resized.clone());
                surface.connect_width_notify(move |_| wider());
                surface.connect_height_notify(move |_| higher());
            }
        });
        let scrolled = self.on(Self::changed);
        self.scrolled
            .vadjustment()
            .connect_value_changed(move |_| scrolled());
        if let Some(settings) = gtk4::Settings::default() {
            let (recoloured, restyled) = (self.on(Self::changed), self.on(Self::changed));
            settings.connect_gtk_application_prefer_dark_theme_notify(move |_| recoloured());
            settings.connect_gtk_theme_name_notify(move |_| restyled());
        }
        self.connect_escape();
        self.connect_held_keys();
        away::watch(self.on(Self::left_alone));
        let ticked = self.on(Self::tick);
        glib::timeout_add_local(TICK, move || {
            ticked();
            glib::ControlFlow::Continue
        });
        self.window.set_default_widget(Some(self.actions.refuse_button()));
        self.show_phase();
        layout::fit(&self.window, &self.content);
    }

    /// A drop-down's open list takes Escape for itself; everywhere else it refuses.
    fn connect_escape(self: &Rc<Self>) {
        let keys = gtk4::EventControllerKey::new();
        let refused = self.on(Self::refuse);
        let prompt = Rc::downgrade(self);
        keys.connect_key_pressed(move |_, key, _, _| {
            let open = prompt
                .upgrade()
                .is_some_and(|prompt| prompt.course.borrow().phase() != Phase::Waiting);
            if key == gdk::Key::Escape && open {
                refused();
                return glib::Propagation::Stop;
            }
            glib::Propagation::Proceed
        });
        self.window.add_controller(keys);
    }

    /// Sees every key before anything else does, and takes none.
    fn connect_held_keys(self: &Rc<Self>) {
        let keys = gtk4::EventControllerKey::new();
        keys.set_propagation_phase(gtk4::PropagationPhase::Capture);
        let prompt = Rc::downgrade(self);
        keys.connect_key_pressed(move |_, _, code, _| {
            if let Some(prompt) = prompt.upgrade().filter(|prompt| !prompt.is_alive()) {
                prompt.held.borrow_mut().insert(code);
            }
            glib::Propagation::Proceed
        });
        let prompt = Rc::downgrade(self);
        keys.connect_key_released(move |_, _, code, _| {
            if let Some(prompt) = prompt.upgrade() {
                prompt.held.borrow_mut().remove(&code);
                prompt.tick();
            }
        });
        self.window.add_controller(keys);
    }

    /// True if *approve* is alive.
    fn is_alive(&self) -> bool {
        let acknowledged = self.pin_field.is_acknowledged();
        self.shown.get()
            && self.permits_something()
            && self.held.borrow().is_empty()
            && self.course.borrow().may_approve(acknowledged, self.now())
    }

    /// A callback that does not keep the window alive.
    fn on(self: &Rc<Self>, action: fn(&Self)) -> impl Fn() + Clone + 'static {
        let prompt = Rc::downgrade(self);
        move || {
            if let Some(prompt) = prompt.upgrade() {
                action(&prompt);
            }
        }
    }

    /// The daemon's messages, one at a time, read off the main thread.
    fn listen(self: &Rc<Self>, mut reader: Reader) {
        let prompt = Rc::downgrade(self);
        glib::spawn_future_local(async move {
            loop {
                let read = gio::spawn_blocking(move || {
                    let message = reader.next();
                    (reader, message)
                });
                let (Ok((again, message)), Some(prompt)) = (read.await, prompt.upgrade()) else {
                    return;
                };
                reader = again;
                if !prompt.receive(message) {
                    return;
                }
            }
        });
    }

    /// False when nothing more is to be read.
    fn receive(&self, message: Result<Option<ToPrompt>, channel::Error>) -> bool {
        match message {
            Ok(Some(message)) => {
                let received = self.course.borrow_mut().receive(&message, self.now());
                match &message {
                    ToPrompt::Opened { path } => self.show_document(path),
                    ToPrompt::NotOpened { too_many: true } => self.show_trouble(Some(Trouble::TooMany)),
                    ToPrompt::NotOpened { .. } => self.show_trouble(Some(Trouble::NoCopy)),
                    _ => {}
                }
                if matches!(message, ToPrompt::Opened { .. } | ToPrompt::NotOpened { .. }) && received.is_ok()
                {
                    return true;
                }
                if let Err(out_of_turn) = received {
                    self.fail(out_of_turn.into());
                    return false;
                }
                self.show_phase();
                true
            }
            Ok(None) => {
                self.course.borrow_mut().hung_up();
                self.tick();
                false
            }
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    /// The daemon cannot be relied on: nothing is approved, and the process says why.
    fn fail(&self, error: channel::Error) {
        self.failure.replace(Some(error));
        self.refuse();
        self.course.borrow_mut().hung_up();
        self.tick();
    }

    /// The first frame is on the screen: only now can anybody have read anything.
    fn painted(&self) {
        if !self.shown.replace(true) {
            self.course.borrow_mut().changed(self.now());
            if !self.pin_field.grab_focus() {
                self.actions.refuse_button().grab_focus();
            }
            self.send(&FromPrompt::Shown);
        }
    }

    fn fronted(&self) {
        if self.window.is_active() {
            self.course.borrow_mut().changed(self.now());
            self.tick();
        } else {
            // What happens to them now is told to another window.
            self.held.borrow_mut().clear();
        }
    }

    /// What is in sight, or chosen, is not what it was.
    fn changed(&self) {
        self.course.borrow_mut().changed(self.now());
        self.tick();
    }

    /// Has a program of the person's show a document. It is a copy of the bytes that will be signed.
    fn show_document(&self, path: &str) {
        let file = gio::File::for_path(path);
        let context = gdk::Display::default().map(|display| display.app_launch_context());
        if let Some(context) = &context {
            // Chosen for this window, which has to be there at once.
            context.unsetenv("GSK_RENDERER");
        }
        let launched = gio::AppInfo::launch_default_for_uri(&file.uri(), context.as_ref());
        self.show_trouble(launched.err().map(|_| Trouble::NoProgram));
    }

    fn show_trouble(&self, trouble: Option<Trouble>) {
        if let Some(documents) = &self.documents
            && documents.show_trouble(trouble)
        {
            self.changed();
        }
    }

    fn choose(&self, index: usize) {
        self.course.borrow_mut().choose(index, self.now());
        let chosen = self.course.borrow().chosen();
        self.certificate.show(chosen);
        self.show_pin();
        self.tick();
    }

    fn approve(&self) {
        if !self.is_alive() {
            return;
        }
        let acknowledged = self.pin_field.is_acknowledged();
        let entry = self.course.borrow().pin();
        if let PinEntry::Window { min, max, .. } = entry {
            let Some(pin) = self.pin_field.take(min, max) else {
                // The field says why.
                self.changed();
                return;
            };
            if pin.write(&self.pin_pipe).is_err() {
                self.give_up();
                return;
            }
        }
        let message = self.course.borrow_mut().approve(acknowledged, self.now());
        if let Some(message) = message {
            self.send(&self.permissions.as_ref().map_or(message, granted));
        }
        self.show_phase();
    }

    /// False if a page is to be allowed nothing at all.
    fn permits_something(&self) -> bool {
        let chosen = self.permissions.as_ref().map(Permissions::chosen);
        chosen.is_none_or(|(permissions, _)| !permissions.is_empty())
    }

    /// The worker that would have read the PIN is gone: the daemon hears a refusal, the person a failure.
    fn give_up(&self) {
        self.send(&FromPrompt::Answer(Answer::Refused));
        self.course.borrow_mut().pin_lost(self.now());
        self.show_phase();
    }

    fn refuse(&self) {
        let message = self.course.borrow_mut().refuse();
        if let Some(message) = message {
            self.send(&message);
        }
        if self.course.borrow().phase() == Phase::Stopped {
            self.show_phase();
        }
        self.tick();
    }

    /// The person is no more before the screen: whoever comes next shall find nothing that was his.
    fn left_alone(&self) {
        let message = self.course.borrow_mut().left_alone();
        if let Some(message) = message {
            self.send(&message);
        }
        self.tick();
    }

    fn send(&self, message: &FromPrompt) {
        if self.channel.send(message).is_err() {
            self.course.borrow_mut().hung_up();
            self.tick();
        }
    }

    /// Shows a phase that may be another one.
    fn show_phase(&self) {
        let course = self.course.borrow();
        let open = course.is_open();
        self.certificate.set_open(course.phase() == Phase::Asking);
        self.certificate
            .set_settled(matches!(course.phase(), Phase::Retry(_)));
        self.pin_field.set_open(open);
        if let Some(documents) = &self.documents {
            documents.set_open(open);
        }
        self.pin_field
            .widget
            .set_visible(self.takes_pin && !matches!(course.phase(), Phase::Finished(_)));
        self.actions.show(&course);
        drop(course);
        if open {
            self.show_pin();
            self.pin_field.grab_focus();
        }
        self.tick();
    }

    fn show_pin(&self) {
        let (pin, phase, chosen) = {
            let course = self.course.borrow();
            (course.pin(), course.phase(), course.chosen())
        };
        let (name, token) = self
            .signers
            .get(chosen)
            .map_or(("", ""), |(name, token)| (name, token));
        self.pin_field.show(pin, phase, name, token);
    }

    /// Warnings that the person would approve without having them before his eyes. Before the first frame nothing has a
    /// place yet.
    fn unseen_warnings(&self) -> usize {
        if !self.shown.get() {
            return 0;
        }
        let documents = self.documents.as_ref();
        let certificate = match self.permissions {
            Some(_) => 0,
            None => self.certificate.unseen(&self.scrolled),
        };
        documents.map_or(0, |documents| documents.unseen(&self.scrolled)) + certificate
    }

    /// Time has gone on: what depends on it is shown, and at the end the window goes.
    fn tick(&self) {
        let now = self.now();
        let message = self.course.borrow_mut().tick(now);
        if let Some(message) = message {
            self.send(&message);
            // Time was up; where something stays signed, the person is still told how it ended.
            self.actions.show(&self.course.borrow());
        }
        let course = self.course.borrow();
        if course.phase() == Phase::Left {
            self.pin_field.clear();
            self.ended.quit();
            return;
        }
        self.actions.set_time_left(course.seconds_left(now));
        self.actions.set_unseen(match course.is_open() {
            true => self.unseen_warnings(),
            false => 0,
        });
        drop(course);
        self.actions.set_armed(self.is_alive());
    }
}

/// What the person allows.
fn granted(permissions: &Permissions) -> FromPrompt {
    let (permissions, days) = permissions.chosen();
    FromPrompt::Answer(Answer::Granted { permissions, days })
}
