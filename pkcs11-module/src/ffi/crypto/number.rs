//! Integers of any size, for the algorithms whose numbers the library does not check or compute by itself.

use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A number that is wiped when it is dropped.
pub(super) struct Number(NonNull<BIGNUM>);

impl Number {
    pub(super) fn new() -> Result<Self> {
        // SAFETY: takes nothing and gives a new number or NULL.
        NonNull::new(unsafe { BN_new() })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let number = Self::new()?;
        // SAFETY: a slice's pointer and length, and a number that lives.
        let read = unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), number.0.as_ptr()) };
        NonNull::new(read).map(|_| number).ok_or(Error::HostMemory)
    }

    pub(super) fn small(value: u64) -> Result<Self> {
        Self::read(&value.to_be_bytes())
    }

    pub(super) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        // SAFETY: the number lives, and the buffer has as many bytes as the library says it needs.
        unsafe {
            let mut bytes = Zeroizing::new(vec![0; BN_num_bytes(self.0.as_ptr()) as usize]);
            BN_bn2bin(self.0.as_ptr(), bytes.as_mut_ptr());
            bytes
        }
    }

    /// As long as is asked for; a number that is longer is an impossible value.
    pub(super) fn padded(&self, len: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        // SAFETY: the number lives; the place gives its own length.
        let done = unsafe { BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), self.0.as_ptr()) };
        (done == 1).then_some(bytes).ok_or(Error::AttributeValueInvalid)
    }

    /// A copy of one of the library's numbers.
    ///
    /// # Safety
    /// If `number` is not NULL it lives.
    pub(super) unsafe fn copy_of(number: *const BIGNUM) -> Result<Self> {
        if number.is_null() {
            return Err(Error::FunctionFailed);
        }
        // SAFETY: not NULL, and the caller vouches for the rest.
        NonNull::new(unsafe { BN_dup(number) })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    /// The number for the library to read.
    pub(super) fn as_ptr(&self) -> *mut BIGNUM {
        self.0.as_ptr()
    }

    /// The number for the library to own, which wipes and frees it.
    pub(super) fn into_raw(self) -> *mut BIGNUM {
        ManuallyDrop::new(self).0.as_ptr()
    }

    pub(super) fn bits(&self) -> u32 {
        // SAFETY: the number lives.
        unsafe { BN_num_bits(self.0.as_ptr()) }
    }

    pub(super) fn is_odd(&self) -> bool {
        // SAFETY: the number lives.
        unsafe { BN_is_odd(self.0.as_ptr()) == 1 }
    }

    pub(super) fn is_one(&self) -> bool {
        // SAFETY: the number lives.
        unsafe { BN_is_one(self.0.as_ptr()) == 1 }
    }

    pub(super) fn is_above(&self, other: &Self) -> bool {
        // SAFETY: both live.
        unsafe { BN_cmp(self.0.as_ptr(), other.0.as_ptr()) > 0 }
    }

    /// The number less one; it is not zero.
    pub(super) fn less_one(&self) -> Result<Self> {
        let number = Self::new()?;
        // SAFETY: both live.
        let done = unsafe {
            !BN_copy(number.0.as_ptr(), self.0.as_ptr()).is_null() && BN_sub_word(number.0.as_ptr(), 1) == 1
        };
        done.then_some(number).ok_or(Error::HostMemory)
    }

    /// The number without its factors of two, and how many they are.
    pub(super) fn odd_part(&self) -> Result<(Self, i32)> {
        let number = Self::new()?;
        // SAFETY: both live.
        let (twos, done) = unsafe {
            let twos = BN_count_low_zero_bits(self.0.as_ptr());
            (twos, BN_rshift(number.0.as_ptr(), self.0.as_ptr(), twos))
        };
        (done == 1).then_some((number, twos)).ok_or(Error::HostMemory)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { BN_clear_free(self.0.as_ptr()) };
    }
}

/// Room for the library's intermediate results.
pub(super) struct Work(NonNull<BN_CTX>);

impl Work {
    pub(super) fn new() -> Result<Self> {
        // SAFETY: takes nothing and gives a new context or NULL.
        NonNull::new(unsafe { BN_CTX_new() })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    /// Runs one calculation into a new number. It fails for numbers that are no key's: an even modulus, a zero.
    pub(super) fn calculate(
        &self,
        calculation: impl FnOnce(*mut BIGNUM, *mut BN_CTX) -> i32,
    ) -> Result<Number> {
        let number = Number::new()?;
        let done = calculation(number.0.as_ptr(), self.0.as_ptr());
        (done == 1).then_some(number).ok_or(Error::AttributeValueInvalid)
    }

    pub(super) fn product(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_mul(out, a.0.as_ptr(), b.0.as_ptr(), work) })
    }

    pub(super) fn quotient(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL asks for no remainder.
        self.calculate(|out, work| unsafe {
            BN_div(out, std::ptr::null_mut(), a.0.as_ptr(), b.0.as_ptr(), work)
        })
    }

    pub(super) fn remainder(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL asks for no quotient.
        self.calculate(|out, work| unsafe {
            BN_div(std::ptr::null_mut(), out, a.0.as_ptr(), b.0.as_ptr(), work)
        })
    }

    pub(super) fn square(&self, a: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_mod_sqr(out, a.0.as_ptr(), modulus.0.as_ptr(), work) })
    }

    pub(super) fn power(&self, base: &Number, exponent: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL lets the library make its own Montgomery values.
        self.calculate(|out, work| unsafe {
            BN_mod_exp_mont_consttime(
                out,
                base.0.as_ptr(),
                exponent.0.as_ptr(),
                modulus.0.as_ptr(),
                work,
                null(),
            )
        })
    }

    pub(super) fn common_divisor(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_gcd(out, a.0.as_ptr(), b.0.as_ptr(), work) })
    }

    pub(super) fn inverse(&self, a: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe {
            i32::from(!BN_mod_inverse(out, a.0.as_ptr(), modulus.0.as_ptr(), work).is_null())
        })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { BN_CTX_free(self.0.as_ptr()) };
    }
}
