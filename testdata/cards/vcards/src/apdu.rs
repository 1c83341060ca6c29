//! What a card's operating system does around the applets: applet selection, command chaining,
//! GET RESPONSE.

use heapless::VecView;
use iso7816::{Command, Status, command::CommandView};

/// The longest command and answer.
pub(crate) const MAX: usize = 8192;

/// An application on the card.
pub(crate) trait Applet {
    fn aid(&self) -> iso7816::Aid;
    fn call(&mut self, command: CommandView<'_>, reply: &mut VecView<u8>) -> Result<(), Status>;
}

#[cfg(feature = "piv")]
impl<T: piv_authenticator::Client> Applet for piv_authenticator::Authenticator<T> {
    fn aid(&self) -> iso7816::Aid {
        iso7816::App::aid(self)
    }
    fn call(&mut self, command: CommandView<'_>, reply: &mut VecView<u8>) -> Result<(), Status> {
        self.respond(command, reply)
    }
}

#[cfg(feature = "openpgp")]
impl<T: opcard::Client> Applet for opcard::Card<T> {
    fn aid(&self) -> iso7816::Aid {
        iso7816::App::aid(self)
    }
    fn call(&mut self, command: CommandView<'_>, reply: &mut VecView<u8>) -> Result<(), Status> {
        self.handle(command, reply)
    }
}

/// The applications of one card, one of them selected.
pub(crate) struct Card<'a> {
    applets: Vec<Box<dyn Applet + 'a>>,
    selected: usize,
    pending: Option<Box<Command<MAX>>>,
    reply: Box<heapless::Vec<u8, MAX>>,
    sent: usize,
}

impl<'a> Card<'a> {
    /// The first applet is the default one.
    pub(crate) fn new(applets: Vec<Box<dyn Applet + 'a>>) -> Self {
        Self {
            applets,
            selected: 0,
            pending: None,
            reply: Box::default(),
            sent: 0,
        }
    }

    pub(crate) fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let status = self.run(apdu);
        match status {
            Ok(le) => self.take(le),
            Err(status) => <[u8; 2]>::from(status).to_vec(),
        }
    }

    fn run(&mut self, apdu: &[u8]) -> Result<usize, Status> {
        let view = CommandView::try_from(apdu).map_err(|_| Status::WrongLength)?;
        let le = view.expected();
        if apdu[1] == 0xC0 {
            return Ok(le);
        }
        self.reply.clear();
        self.sent = 0;
        let command = match self.pending.take() {
            Some(mut first) if first.instruction() == view.instruction() => {
                first
                    .extend_from_command_view(view)
                    .map_err(|_| Status::WrongLength)?;
                first
            }
            _ => Box::new(view.to_owned::<MAX>().map_err(|_| Status::WrongLength)?),
        };
        if !view.class().chain().last_or_only() {
            self.pending = Some(command);
            return Ok(0);
        }
        let mut command = command;
        if apdu[1] == 0xA4 && command.p1 == 0x04 {
            // ISO 7816-4: a right-truncated AID selects too. The applets want it whole.
            let asked = command.data().to_vec();
            let hit = self
                .applets
                .iter()
                .position(|a| asked.len() >= 5 && a.aid().as_bytes().starts_with(&asked));
            match hit.or_else(|| self.applets.iter().position(|a| a.aid().matches(&asked))) {
                Some(n) => self.selected = n,
                None => return Err(Status::NotFound),
            }
            let data = command.data_mut();
            data.clear();
            data.extend_from_slice(self.applets[self.selected].aid().as_bytes())
                .map_err(|_| Status::WrongLength)?;
        }
        let whole = command.as_view();
        self.applets[self.selected].call(whole, self.reply.as_mut_view())?;
        Ok(le)
    }

    fn take(&mut self, le: usize) -> Vec<u8> {
        let rest = self.reply.len() - self.sent;
        // A case-3 command (no Le) still gets its answer at once, as over T=1 on real tokens.
        let n = rest.min(if le == 0 { 256 } else { le });
        let mut out = self.reply[self.sent..self.sent + n].to_vec();
        self.sent += n;
        let left = rest - n;
        let status = if left == 0 {
            Status::Success
        } else {
            Status::MoreAvailable(u8::try_from(left).unwrap_or(0))
        };
        out.extend_from_slice(&<[u8; 2]>::from(status));
        out
    }
}
