//! The chip: Trussed as the operating system below the applets. Everything runs on the calling thread, so that a command
//! costs what its computing costs (`trussed::virt::Platform` polls once a millisecond).

use std::{cell::RefCell, fs, io, path::Path, path::PathBuf};

use littlefs2::{consts, driver::Storage, io::Result as LfsResult};
use rand_chacha::ChaCha8Rng;
use rand_core::{OsRng, RngCore, SeedableRng};
use trussed::{
    ClientImplementation,
    backend::{Backend as _, BackendId},
    pipe::{ServiceEndpoint, TrussedChannel},
    platform,
    serde_extensions::{ExtensionDispatch, ExtensionId, ExtensionImpl},
    service::{Service, ServiceResources},
    types::{Context, CoreContext},
    virt::{StorageConfig, Store, StoreConfig, UserInterface},
};
use trussed_auth::AuthExtension;
use trussed_auth_backend::{AuthBackend, AuthContext, FilesystemLayout};
use trussed_chunked::ChunkedExtension;
use trussed_core::{
    Error,
    api::{Reply, Request, reply, request},
    types::{Bytes, Location},
};
use trussed_hpke::HpkeExtension;
use trussed_rsa_alloc::SoftwareRsa;
use trussed_staging::{StagingBackend, StagingContext};
use trussed_wrap_key_to_file::WrapKeyToFileExtension;

// ---- flash -----------------------------------------------------------------------------

const BLOCK: usize = 512;
const BLOCKS: usize = 512; // 256 KiB

/// Flash kept in memory, written through to a file when there is one.
struct Flash {
    bytes: Vec<u8>,
    file: Option<PathBuf>,
}

impl Flash {
    fn open(file: Option<&Path>) -> io::Result<(Self, bool)> {
        let stored = match file {
            Some(p) if p.exists() => Some(fs::read(p)?),
            _ => None,
        };
        let fresh = stored.is_none();
        let bytes = stored.unwrap_or_else(|| vec![0xff; BLOCK * BLOCKS]);
        assert_eq!(bytes.len(), BLOCK * BLOCKS, "flash image of another size");
        Ok((
            Self {
                bytes,
                file: file.map(Into::into),
            },
            fresh,
        ))
    }

    fn through(&self, offset: usize, len: usize) {
        use std::os::unix::fs::FileExt;
        if let Some(p) = &self.file {
            let f = fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(p)
                .unwrap();
            if f.metadata().unwrap().len() == 0 {
                f.write_all_at(&self.bytes, 0).unwrap();
            } else {
                f.write_all_at(&self.bytes[offset..offset + len], offset as u64)
                    .unwrap();
            }
        }
    }
}

impl Storage for Flash {
    const READ_SIZE: usize = 16;
    const WRITE_SIZE: usize = 16;
    const BLOCK_SIZE: usize = BLOCK;
    const BLOCK_COUNT: usize = BLOCKS;
    const BLOCK_CYCLES: isize = -1;
    type CACHE_SIZE = consts::U512;
    type LOOKAHEAD_SIZE = consts::U8;

    fn read(&mut self, offset: usize, buf: &mut [u8]) -> LfsResult<usize> {
        buf.copy_from_slice(&self.bytes[offset..offset + buf.len()]);
        Ok(buf.len())
    }
    fn write(&mut self, offset: usize, data: &[u8]) -> LfsResult<usize> {
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
        self.through(offset, data.len());
        Ok(data.len())
    }
    fn erase(&mut self, offset: usize, len: usize) -> LfsResult<usize> {
        self.bytes[offset..offset + len].fill(0xff);
        self.through(offset, len);
        Ok(len)
    }
}

fn flash(file: Option<&Path>) -> StorageConfig<'static> {
    let (flash, fresh) = Flash::open(file).expect("flash image");
    StorageConfig {
        storage: Box::new(flash),
        format: fresh,
    }
}

// ---- platform --------------------------------------------------------------------------

struct Chip<'a> {
    rng: ChaCha8Rng,
    store: Store<'a>,
    ui: UserInterface,
}

impl<'a> platform::Platform for Chip<'a> {
    type R = ChaCha8Rng;
    type S = Store<'a>;
    type UI = UserInterface;
    fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }
    fn store(&self) -> Store<'a> {
        self.store
    }
    fn user_interface(&mut self) -> &mut UserInterface {
        &mut self.ui
    }
}

// ---- backends --------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Staging,
    Auth,
    Rsa,
}
use Part::*;

pub(crate) const PARTS: &[BackendId<Part>] = &[
    BackendId::Custom(Staging),
    BackendId::Custom(Auth),
    BackendId::Custom(Rsa),
    BackendId::Core,
];

#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Ext {
    Auth,
    Chunked,
    Hpke,
    Wrap,
}

impl From<Ext> for u8 {
    fn from(e: Ext) -> Self {
        e as Self
    }
}

impl TryFrom<u8> for Ext {
    type Error = Error;
    fn try_from(n: u8) -> Result<Self, Error> {
        [Self::Auth, Self::Chunked, Self::Hpke, Self::Wrap]
            .get(usize::from(n))
            .copied()
            .ok_or(Error::InternalError)
    }
}

pub(crate) struct Parts {
    auth: AuthBackend,
    staging: StagingBackend,
}

#[derive(Default)]
pub(crate) struct PartsContext {
    auth: AuthContext,
    staging: StagingContext,
}

impl ExtensionDispatch for Parts {
    type BackendId = Part;
    type Context = PartsContext;
    type ExtensionId = Ext;

    fn core_request<P: platform::Platform>(
        &mut self,
        part: &Part,
        ctx: &mut Context<PartsContext>,
        request: &Request,
        res: &mut ServiceResources<P>,
    ) -> Result<Reply, Error> {
        match part {
            Auth => self
                .auth
                .request(&mut ctx.core, &mut ctx.backends.auth, request, res),
            Staging => self
                .staging
                .request(&mut ctx.core, &mut ctx.backends.staging, request, res),
            Rsa => SoftwareRsa.request(&mut ctx.core, &mut (), request, res),
        }
    }

    fn extension_request<P: platform::Platform>(
        &mut self,
        part: &Part,
        ext: &Ext,
        ctx: &mut Context<PartsContext>,
        request: &request::SerdeExtension,
        res: &mut ServiceResources<P>,
    ) -> Result<reply::SerdeExtension, Error> {
        let core = &mut ctx.core;
        let st = &mut ctx.backends.staging;
        match (part, ext) {
            (Auth, Ext::Auth) => ExtensionImpl::<AuthExtension>::extension_request_serialized(
                &mut self.auth,
                core,
                &mut ctx.backends.auth,
                request,
                res,
            ),
            (Staging, Ext::Chunked) => ExtensionImpl::<ChunkedExtension>::extension_request_serialized(
                &mut self.staging,
                core,
                st,
                request,
                res,
            ),
            (Staging, Ext::Hpke) => ExtensionImpl::<HpkeExtension>::extension_request_serialized(
                &mut self.staging,
                core,
                st,
                request,
                res,
            ),
            (Staging, Ext::Wrap) => ExtensionImpl::<WrapKeyToFileExtension>::extension_request_serialized(
                &mut self.staging,
                core,
                st,
                request,
                res,
            ),
            _ => Err(Error::RequestNotAvailable),
        }
    }
}

macro_rules! ext {
    ($($extension:ty => $id:ident),*) => {$(
        impl ExtensionId<$extension> for Parts {
            type Id = Ext;
            const ID: Ext = Ext::$id;
        }
    )*};
}
ext!(AuthExtension => Auth, ChunkedExtension => Chunked, HpkeExtension => Hpke, WrapKeyToFileExtension => Wrap);

// ---- running ---------------------------------------------------------------------------

pub(crate) struct Syscall<'a>(&'a dyn Fn());

impl platform::Syscall for Syscall<'_> {
    fn syscall(&mut self) {
        (self.0)()
    }
}

pub(crate) type Client<'a> = ClientImplementation<'a, Syscall<'a>, Parts>;

/// Non-volatile memory of one card. It outlives removals and resets.
pub(crate) struct Nvm<'a>(StoreConfig<'a>);

impl Nvm<'_> {
    pub(crate) fn open(dir: Option<&Path>) -> Self {
        if let Some(dir) = dir {
            fs::create_dir_all(dir).expect("state directory");
        }
        let at = |name: &str| dir.map(|d| d.join(name));
        Self(StoreConfig {
            internal: flash(at("internal.flash").as_deref()),
            external: flash(at("external.flash").as_deref()),
            volatile: flash(None),
        })
    }

    /// One power-on. `run` gets a client for each name; volatile memory is wiped first.
    pub(crate) fn power_on<R>(
        &mut self,
        names: [&str; 2],
        seed: Option<u64>,
        run: impl FnOnce([Client<'_>; 2]) -> R,
    ) -> R {
        self.0.volatile = flash(None);
        let result = self.0.with_store(|store| {
            let rng = match seed {
                Some(s) => ChaCha8Rng::seed_from_u64(s),
                None => ChaCha8Rng::seed_from_u64(OsRng.next_u64()),
            };
            let mut ui = UserInterface::new();
            ui.set_user_presence_level(trussed_core::types::consent::Level::Normal); // touch: always given
            let chip = Chip { rng, store, ui };
            let parts = Parts {
                auth: AuthBackend::with_hw_key(
                    Location::Internal,
                    Bytes::try_from(b"test hardware key".as_slice()).unwrap(),
                    FilesystemLayout::V0,
                ),
                staging: StagingBackend::default(),
            };
            let channels = [TrussedChannel::new(), TrussedChannel::new()];
            let mut requesters = Vec::new();
            let mut endpoints = Vec::new();
            for (channel, name) in channels.iter().zip(names) {
                let (requester, responder) = channel.split().unwrap();
                requesters.push(requester);
                endpoints.push(ServiceEndpoint::new(
                    responder,
                    CoreContext::new(name.try_into().unwrap()),
                    PARTS,
                ));
            }
            let service = RefCell::new((Service::with_dispatch(chip, parts), endpoints));
            let process = || {
                let (service, endpoints) = &mut *service.borrow_mut();
                service.process(endpoints);
            };
            let mut clients = requesters
                .into_iter()
                .map(|r| Client::new(r, Syscall(&process), None));
            let clients = [clients.next().unwrap(), clients.next().unwrap()];
            run(clients)
        });
        self.0.internal.format = false;
        self.0.external.format = false;
        result
    }
}
