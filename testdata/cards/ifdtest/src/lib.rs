//! A reader driver (IFD handler 3.0) for a real pcscd, for tests.
//!
//! ```text
//! FRIENDLYNAME "Any name"
//! DEVICENAME   /path/reader.cfg     a text file: card=/path/card.sock control=/path/control.sock pad=1 polled=1
//! LIBPATH      /path/libifdtest.so  a copy of the library for each reader: what it keeps is global to a loaded file
//! CHANNELID    1
//! ```
//!
//! A card is put in by connecting to `card` and speaking vsmartcard's protocol; `control` takes orders, one a connection
//! (see `reader`). Card events are told at once, as a USB reader's interrupt endpoint does, unless it is `polled`.
#![allow(
    missing_docs,
    non_snake_case,
    reason = "the names and their meaning are pcscd's: ifdhandler.h"
)]

mod reader;

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use libc::{c_char, c_long, c_uchar, c_ulong};
use reader::{Reader, Settings, lock, reader};

type Dword = c_ulong;
type Outcome = c_long;

const SUCCESS: Outcome = 0;
const ERROR_TAG: Outcome = 600;
const NOT_KNOWN: Outcome = 606;
const COMMUNICATION_ERROR: Outcome = 612;
const NOT_SUPPORTED: Outcome = 614;
const ICC_PRESENT: Outcome = 615;
const ICC_NOT_PRESENT: Outcome = 616;
const NO_SUCH_DEVICE: Outcome = 617;
const INSUFFICIENT_BUFFER: Outcome = 618;

const TAG_ATR: [Dword; 2] = [0x0303, 0x0009_0303];
const TAG_SLOTS_NUMBER: Dword = 0x0fae;
const TAG_SIMULTANEOUS_ACCESS: Dword = 0x0faf;
const TAG_THREAD_SAFE: Dword = 0x0fad;
const TAG_SLOT_THREAD_SAFE: Dword = 0x0fac;
const TAG_POLLING_THREAD_KILLABLE: Dword = 0x0fb1;
const TAG_STOP_POLLING_THREAD: Dword = 0x0fb2;
const TAG_POLLING_THREAD: Dword = 0x0fb3;
const ATTRIBUTE_VENDOR_NAME: Dword = 0x0001_0100;

const POWER_UP: Dword = 500;
const POWER_DOWN: Dword = 501;
const RESET: Dword = 502;

const GET_FEATURE_REQUEST: Dword = 0x4200_0000 + 3400;
const VERIFY_PIN_DIRECT: Dword = 0x4233_0006;
const MODIFY_PIN_DIRECT: Dword = 0x4233_0007;
const TLV_PROPERTIES: Dword = 0x4233_0012;

/// The longest answer to a reset (ISO/IEC 7816-3, 8.2.1).
const MAX_ATR: usize = 33;

/// `SCARD_IO_HEADER`
#[repr(C)]
pub struct IoHeader {
    protocol: Dword,
    length: Dword,
}

thread_local! {
    /// This is pcscd's thread of this reader, which alone looks for cards; clients' threads look, too.
    static LOOKS_FOR_CARDS: Cell<bool> = const { Cell::new(false) };
}

/// pcscd's thread of this reader waits here and looks for the card when it returns.
unsafe extern "C" fn wait_for_event(_lun: Dword, milliseconds: i32) -> Outcome {
    thread_local!(static SEEN: Cell<u64> = const { Cell::new(0) });
    let Some(reader) = reader() else {
        return COMMUNICATION_ERROR;
    };
    LOOKS_FOR_CARDS.set(true);
    let longest = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(600_000).min(600_000));
    SEEN.set(reader.wait_for_event(SEEN.get(), longest));
    SUCCESS
}

unsafe extern "C" fn stop_waiting(_lun: Dword) -> Outcome {
    if let Some(reader) = reader() {
        reader.wake();
    }
    SUCCESS
}

/// # Safety
/// `device` is a string that ends in NUL: pcscd's promise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(_lun: Dword, device: *mut c_char) -> Outcome {
    // SAFETY: see above; it is copied at once.
    let file = unsafe { std::ffi::CStr::from_ptr(device) }
        .to_string_lossy()
        .into_owned();
    match std::fs::read_to_string(file) {
        Ok(text) if Reader::open(Settings::parse(&text)) => SUCCESS,
        _ => COMMUNICATION_ERROR,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(_lun: Dword, _channel: Dword) -> Outcome {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(_lun: Dword) -> Outcome {
    SUCCESS
}

/// # Safety
/// `value` has room for `*length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    _lun: Dword,
    tag: Dword,
    length: *mut Dword,
    value: *mut c_uchar,
) -> Outcome {
    let Some(reader) = reader() else {
        return COMMUNICATION_ERROR;
    };
    let events = !reader.settings.polled;
    let found = match tag {
        tag if TAG_ATR.contains(&tag) => lock(&reader.atr).clone(),
        TAG_SLOTS_NUMBER | TAG_SIMULTANEOUS_ACCESS | TAG_SLOT_THREAD_SAFE => vec![1],
        TAG_THREAD_SAFE | TAG_POLLING_THREAD_KILLABLE => vec![0],
        TAG_POLLING_THREAD if events => (wait_for_event as *const () as usize).to_ne_bytes().to_vec(),
        TAG_STOP_POLLING_THREAD if events => (stop_waiting as *const () as usize).to_ne_bytes().to_vec(),
        ATTRIBUTE_VENDOR_NAME => b"Test\0".to_vec(),
        _ => {
            // SAFETY: `length` is pcscd's own variable.
            unsafe { *length = 0 };
            return ERROR_TAG;
        }
    };
    // SAFETY: the caller's promise is the one asked for.
    unsafe { give(&found, value, *length, length) }
}

#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetCapabilities(
    _lun: Dword,
    _tag: Dword,
    _length: Dword,
    _value: *mut c_uchar,
) -> Outcome {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    _lun: Dword,
    _protocol: Dword,
    _flags: c_uchar,
    _pts1: c_uchar,
    _pts2: c_uchar,
    _pts3: c_uchar,
) -> Outcome {
    SUCCESS
}

/// # Safety
/// `atr` has room for [`MAX_ATR`] bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    _lun: Dword,
    action: Dword,
    atr: *mut c_uchar,
    length: *mut Dword,
) -> Outcome {
    let Some(reader) = reader() else {
        return COMMUNICATION_ERROR;
    };
    if reader.gone.load(Ordering::SeqCst) {
        return NO_SUCH_DEVICE;
    }
    let order = match action {
        POWER_UP => 1,
        POWER_DOWN => 0,
        RESET => 2,
        _ => return NOT_SUPPORTED,
    };
    // SAFETY: `length` is pcscd's own variable.
    unsafe { *length = 0 };
    if reader.exchange(&[order], false).is_none() {
        return COMMUNICATION_ERROR;
    }
    if order == 0 {
        return SUCCESS;
    }
    match reader.exchange(&[4], true) {
        Some(answer) if answer.len() <= MAX_ATR => {
            lock(&reader.atr).clone_from(&answer);
            // SAFETY: `atr` has that much room.
            unsafe { give(&answer, atr, MAX_ATR as Dword, length) }
        }
        _ => COMMUNICATION_ERROR,
    }
}

/// # Safety
/// `command` has `command_length` bytes, `answer` room for `*length`; `header` is null or pcscd's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    _lun: Dword,
    _sent: IoHeader,
    command: *mut c_uchar,
    command_length: Dword,
    answer: *mut c_uchar,
    length: *mut Dword,
    header: *mut IoHeader,
) -> Outcome {
    let Some(reader) = reader() else {
        return COMMUNICATION_ERROR;
    };
    // SAFETY: `length` is pcscd's own variable.
    let room = unsafe { std::mem::replace(&mut *length, 0) };
    if reader.gone.load(Ordering::SeqCst) {
        return NO_SUCH_DEVICE;
    }
    // SAFETY: the caller's promise.
    let command = unsafe { std::slice::from_raw_parts(command, command_length as usize) };
    match reader.exchange(command, true) {
        Some(said) => {
            // SAFETY: null, or pcscd's own.
            if let Some(header) = unsafe { header.as_mut() } {
                header.protocol = 1;
            }
            // SAFETY: `answer` has that much room.
            unsafe { give(&said, answer, room, length) }
        }
        // vsmartcard's reader gives an empty success for a card that was just pulled, a USB reader an error.
        None if reader.settings.polled => SUCCESS,
        None => ICC_NOT_PRESENT,
    }
}

/// # Safety
/// `input` has `input_length` bytes, `output` room for `room`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    _lun: Dword,
    code: Dword,
    input: *mut c_uchar,
    input_length: Dword,
    output: *mut c_uchar,
    room: Dword,
    length: *mut Dword,
) -> Outcome {
    let Some(reader) = reader() else {
        return COMMUNICATION_ERROR;
    };
    // SAFETY: `length` is pcscd's own variable.
    unsafe { *length = 0 };
    if reader.gone.load(Ordering::SeqCst) {
        return NO_SUCH_DEVICE;
    }
    let pad = reader.settings.pad;
    let answer = match code {
        GET_FEATURE_REQUEST => features(pad),
        // dwMaxAPDUDataSize = 65536: extended lengths are passed on.
        TLV_PROPERTIES => vec![0x0a, 4, 0, 0, 1, 0],
        VERIFY_PIN_DIRECT | MODIFY_PIN_DIRECT if pad && input_length > 0 => {
            // SAFETY: the caller's promise.
            let structure = unsafe { std::slice::from_raw_parts(input, input_length as usize) };
            let done = match code {
                VERIFY_PIN_DIRECT => reader.verify(structure),
                _ => reader.modify(structure),
            };
            match done {
                Some(status) => status,
                None => return ICC_NOT_PRESENT,
            }
        }
        _ => return NOT_KNOWN,
    };
    // SAFETY: `output` has that much room.
    unsafe { give(&answer, output, room, length) }
}

#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(_lun: Dword) -> Outcome {
    match reader() {
        None => COMMUNICATION_ERROR,
        Some(reader) if reader.gone.load(Ordering::SeqCst) => {
            reader.empty_was_seen();
            NO_SUCH_DEVICE
        }
        Some(reader) if reader.is_occupied() => ICC_PRESENT,
        Some(reader) => {
            if LOOKS_FOR_CARDS.get() {
                reader.empty_was_seen();
            }
            ICC_NOT_PRESENT
        }
    }
}

/// Tag, length, control code in big-endian order (PC/SC part 10, 2.2).
fn features(pad: bool) -> Vec<u8> {
    let mut offered = vec![(0x12, TLV_PROPERTIES)];
    if pad {
        offered.extend([(0x06, VERIFY_PIN_DIRECT), (0x07, MODIFY_PIN_DIRECT)]);
    }
    let entry = |(tag, code): (u8, Dword)| [&[tag, 4][..], &(code as u32).to_be_bytes()].concat();
    offered.into_iter().flat_map(entry).collect()
}

/// # Safety
/// `to` has room for `room` bytes.
unsafe fn give(bytes: &[u8], to: *mut c_uchar, room: Dword, length: *mut Dword) -> Outcome {
    if bytes.len() > room as usize {
        return INSUFFICIENT_BUFFER;
    }
    // SAFETY: there is room, and the caller's buffer does not overlap with ours.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        *length = bytes.len() as Dword;
    }
    SUCCESS
}
