//! Reads the parameters of mechanisms: the structures that the standard defines with each, pointers followed,
//! counts bounded.

mod messages;

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{bytes, read, template};
use crate::error::{Error, Result};
use crate::mechanism::{Call, Field, Hkdf, Kbkdf, Number, Oaep, Parameter, Pbkdf2};

pub(super) use messages::{kind_or_none, message, wrapping_parameter, write_message};

/// More pieces, or additional keys, than any key derivation has a use for.
const MAX_FIELDS: CK_ULONG = 256;

/// A mechanism, its parameter read; `None` for NULL.
///
/// # Safety
/// If `pointer` is not NULL it points to a `CK_MECHANISM` whose parameter is as long as it says, and what the
/// parameter points to is there, all during `'a`.
pub(super) unsafe fn mechanism_or_none<'a>(pointer: *const CK_MECHANISM) -> Result<Option<Call<'a>>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is ours.
    let mechanism = unsafe { read(pointer) }?;
    let place = Place {
        pointer: mechanism.pParameter,
        length: mechanism.ulParameterLen,
    };
    // SAFETY: likewise.
    let parameter = unsafe { parameter(mechanism.mechanism, &place) };
    Ok(Some(Call {
        kind: mechanism.mechanism,
        parameter: parameter.map_err(|_| Error::MechanismParamInvalid)?,
    }))
}

/// The same where NULL is an error.
///
/// # Safety
/// As for [`mechanism_or_none`].
pub(super) unsafe fn mechanism<'a>(pointer: *const CK_MECHANISM) -> Result<Call<'a>> {
    // SAFETY: the caller's promise is ours.
    unsafe { mechanism_or_none(pointer) }?.ok_or(Error::ArgumentsBad)
}

/// A parameter that has not been read.
struct Place {
    pointer: *mut c_void,
    length: CK_ULONG,
}

impl Place {
    /// The parameter as the structure that the standard defines for the mechanism, if it has its size.
    ///
    /// # Safety
    /// If the pointer is not NULL it points to as many bytes as the length says.
    unsafe fn structure<T: Copy>(&self) -> Result<T> {
        if usize::try_from(self.length) != Ok(size_of::<T>()) {
            return Err(Error::MechanismParamInvalid);
        }
        // SAFETY: the size is right, and the caller vouches for the rest.
        unsafe { read(self.pointer.cast::<T>()) }
    }
}

/// # Safety
/// The place is as long as it says, and what a structure there points to is as long as the structure says, during
/// `'a`.
unsafe fn parameter<'a>(kind: CK_MECHANISM_TYPE, place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is that of every function called here.
    unsafe {
        match kind {
            CKM_RSA_PKCS_PSS
            | CKM_SHA1_RSA_PKCS_PSS
            | CKM_SHA224_RSA_PKCS_PSS
            | CKM_SHA256_RSA_PKCS_PSS
            | CKM_SHA384_RSA_PKCS_PSS
            | CKM_SHA512_RSA_PKCS_PSS
            | CKM_SHA3_224_RSA_PKCS_PSS
            | CKM_SHA3_256_RSA_PKCS_PSS
            | CKM_SHA3_384_RSA_PKCS_PSS
            | CKM_SHA3_512_RSA_PKCS_PSS => pss(place),
            CKM_RSA_PKCS_OAEP => Ok(Parameter::Oaep(oaep(place.structure()?)?)),
            CKM_RSA_AES_KEY_WRAP => rsa_aes_key_wrap(place),
            CKM_AES_GCM => gcm(place),
            // The standard's structure, or the initialisation vector alone, as some hosts have it.
            CKM_AES_GMAC if usize::try_from(place.length) == Ok(size_of::<CK_GCM_PARAMS>()) => gcm(place),
            CKM_AES_CCM => ccm(place),
            CKM_AES_CTR => counter(place),
            // Both are defined with and without their structure.
            CKM_EDDSA if place.length != 0 => eddsa(place),
            CKM_ML_DSA | CKM_HASH_ML_DSA if place.length != 0 => sign_context(place),
            kind if is_hash_ml_dsa(kind) && place.length != 0 => sign_context(place),
            CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => ecdh(place),
            CKM_HKDF_DERIVE | CKM_HKDF_DATA => hkdf(place),
            CKM_CONCATENATE_BASE_AND_DATA
            | CKM_CONCATENATE_DATA_AND_BASE
            | CKM_XOR_BASE_AND_DATA
            | CKM_AES_ECB_ENCRYPT_DATA => data(place),
            CKM_AES_CBC_ENCRYPT_DATA => encrypt_data(place),
            CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => kbkdf(place),
            CKM_SP800_108_FEEDBACK_KDF => feedback_kbkdf(place),
            CKM_PKCS5_PBKD2 => pbkdf2(place),
            _ => bytes(place.pointer.cast(), place.length).map(Parameter::Bytes),
        }
    }
}

/// The mechanisms that hash for ML-DSA themselves, one for each hash function.
fn is_hash_ml_dsa(kind: CK_MECHANISM_TYPE) -> bool {
    matches!(
        kind,
        CKM_HASH_ML_DSA_SHA224
            | CKM_HASH_ML_DSA_SHA256
            | CKM_HASH_ML_DSA_SHA384
            | CKM_HASH_ML_DSA_SHA512
            | CKM_HASH_ML_DSA_SHA3_224
            | CKM_HASH_ML_DSA_SHA3_256
            | CKM_HASH_ML_DSA_SHA3_384
            | CKM_HASH_ML_DSA_SHA3_512
            | CKM_HASH_ML_DSA_SHAKE128
            | CKM_HASH_ML_DSA_SHAKE256
    )
}

/// # Safety
/// As for [`parameter`]; so for all functions below.
unsafe fn pss<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_RSA_PKCS_PSS_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Pss {
        hash: given.hashAlg,
        mask: given.mgf,
        salt_len: given.sLen,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn oaep<'a>(given: CK_RSA_PKCS_OAEP_PARAMS) -> Result<Oaep<'a>> {
    Ok(Oaep {
        hash: given.hashAlg,
        mask: given.mgf,
        source: given.source,
        // SAFETY: the caller's promise is ours.
        label: unsafe { bytes(given.pSourceData.cast(), given.ulSourceDataLen) }?,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn rsa_aes_key_wrap<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_RSA_AES_KEY_WRAP_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::RsaAesKeyWrap {
        aes_bits: given.ulAESKeyBits,
        // SAFETY: likewise.
        oaep: unsafe { oaep(read(given.pOAEPParams)?) }?,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn gcm<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_GCM_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Gcm {
        // SAFETY: likewise.
        iv: unsafe { bytes(given.pIv, given.ulIvLen) }?,
        // SAFETY: likewise.
        additional: unsafe { bytes(given.pAAD, given.ulAADLen) }?,
        tag_bits: given.ulTagBits,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn ccm<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_CCM_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Ccm {
        data_len: given.ulDataLen,
        // SAFETY: likewise.
        nonce: unsafe { bytes(given.pNonce, given.ulNonceLen) }?,
        // SAFETY: likewise.
        additional: unsafe { bytes(given.pAAD, given.ulAADLen) }?,
        tag_len: given.ulMACLen,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn counter<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_AES_CTR_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Counter {
        bits: given.ulCounterBits,
        block: given.cb,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn eddsa<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_EDDSA_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::EdDsa {
        prehash: given.phFlag != CK_FALSE,
        // SAFETY: likewise.
        context: unsafe { bytes(given.pContextData, given.ulContextDataLen) }?,
    })
}

/// The two structures have different sizes, and the mechanisms take one each; which one is for their file to say.
///
/// # Safety
/// As for [`parameter`].
unsafe fn sign_context<'a>(place: &Place) -> Result<Parameter<'a>> {
    if usize::try_from(place.length) == Ok(size_of::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>()) {
        // SAFETY: the caller's promise is ours.
        let given: CK_HASH_SIGN_ADDITIONAL_CONTEXT = unsafe { place.structure() }?;
        return Ok(Parameter::SignContext {
            hedge: given.hedgeVariant,
            // SAFETY: likewise.
            context: unsafe { bytes(given.pContext, given.ulContextLen) }?,
            hash: Some(given.hash),
        });
    }
    // SAFETY: likewise.
    let given: CK_SIGN_ADDITIONAL_CONTEXT = unsafe { place.structure() }?;
    Ok(Parameter::SignContext {
        hedge: given.hedgeVariant,
        // SAFETY: likewise.
        context: unsafe { bytes(given.pContext, given.ulContextLen) }?,
        hash: None,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn ecdh<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_ECDH1_DERIVE_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Ecdh {
        kdf: given.kdf,
        // SAFETY: likewise.
        shared: unsafe { bytes(given.pSharedData, given.ulSharedDataLen) }?,
        // SAFETY: likewise.
        public: unsafe { bytes(given.pPublicData, given.ulPublicDataLen) }?,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn hkdf<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_HKDF_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Hkdf(Hkdf {
        extract: given.bExtract != CK_FALSE,
        expand: given.bExpand != CK_FALSE,
        hash: given.prfHashMechanism,
        salt_type: given.ulSaltType,
        // SAFETY: likewise.
        salt: unsafe { bytes(given.pSalt, given.ulSaltLen) }?,
        salt_key: given.hSaltKey,
        // SAFETY: likewise.
        info: unsafe { bytes(given.pInfo, given.ulInfoLen) }?,
    }))
}

/// # Safety
/// As for [`parameter`].
unsafe fn data<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_KEY_DERIVATION_STRING_DATA = unsafe { place.structure() }?;
    // SAFETY: likewise.
    unsafe { bytes(given.pData, given.ulLen) }.map(Parameter::Data)
}

/// # Safety
/// As for [`parameter`].
unsafe fn encrypt_data<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_AES_CBC_ENCRYPT_DATA_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::EncryptData {
        iv: given.iv,
        // SAFETY: likewise.
        data: unsafe { bytes(given.pData, given.length) }?,
    })
}

/// # Safety
/// As for [`parameter`].
unsafe fn kbkdf<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_SP800_108_KDF_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Kbkdf(Kbkdf {
        prf: given.prfType,
        // SAFETY: likewise.
        fields: unsafe { fields(given.pDataParams, given.ulNumberOfDataParams) }?,
        iv: &[],
        // SAFETY: likewise.
        additional: unsafe { additional(given.pAdditionalDerivedKeys, given.ulAdditionalDerivedKeys) }?,
    }))
}

/// # Safety
/// As for [`parameter`].
unsafe fn feedback_kbkdf<'a>(place: &Place) -> Result<Parameter<'a>> {
    // SAFETY: the caller's promise is ours.
    let given: CK_SP800_108_FEEDBACK_KDF_PARAMS = unsafe { place.structure() }?;
    Ok(Parameter::Kbkdf(Kbkdf {
        prf: given.prfType,
        // SAFETY: likewise.
        fields: unsafe { fields(given.pDataParams, given.ulNumberOfDataParams) }?,
        // SAFETY: likewise.
        iv: unsafe { bytes(given.pIV, given.ulIVLen) }?,
        // SAFETY: likewise.
        additional: unsafe { additional(given.pAdditionalDerivedKeys, given.ulAdditionalDerivedKeys) }?,
    }))
}

/// # Safety
/// If `pointer` is not NULL it points to `count` elements.
unsafe fn elements<T: Copy>(pointer: *const T, count: CK_ULONG) -> Result<Vec<T>> {
    if count > MAX_FIELDS || (pointer.is_null() && count > 0) {
        return Err(Error::MechanismParamInvalid);
    }
    let count = usize::try_from(count).map_err(|_| Error::MechanismParamInvalid)?;
    // SAFETY: `i` is below the count that the caller vouches for.
    (0..count).map(|i| unsafe { read(pointer.add(i)) }).collect()
}

/// # Safety
/// As for [`elements`], and each element points to as many bytes as it says, during `'a`.
unsafe fn fields<'a>(pointer: *const CK_PRF_DATA_PARAM, count: CK_ULONG) -> Result<Vec<Field<'a>>> {
    // SAFETY: the caller's promise is ours.
    let given = unsafe { elements(pointer, count) }?;
    // SAFETY: likewise.
    given.iter().map(|field| unsafe { one_field(field) }).collect()
}

/// # Safety
/// As for [`fields`].
unsafe fn one_field<'a>(given: &CK_PRF_DATA_PARAM) -> Result<Field<'a>> {
    let place = Place {
        pointer: given.pValue,
        length: given.ulValueLen,
    };
    // SAFETY: the caller's promise is that of every function called here.
    unsafe {
        match given.type_ {
            CK_SP800_108_ITERATION_VARIABLE if place.pointer.is_null() && place.length == 0 => {
                Ok(Field::Iteration(None))
            }
            CK_SP800_108_ITERATION_VARIABLE => Ok(Field::Iteration(Some(counter_format(&place)?))),
            CK_SP800_108_OPTIONAL_COUNTER => Ok(Field::Counter(counter_format(&place)?)),
            CK_SP800_108_DKM_LENGTH => {
                let format: CK_SP800_108_DKM_LENGTH_FORMAT = place.structure()?;
                let of_segments = match format.dkmLengthMethod {
                    CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => false,
                    CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => true,
                    _ => return Err(Error::MechanismParamInvalid),
                };
                let number = Number {
                    little_endian: format.bLittleEndian != CK_FALSE,
                    bits: format.ulWidthInBits,
                };
                Ok(Field::Length { of_segments, number })
            }
            CK_SP800_108_BYTE_ARRAY => bytes(place.pointer.cast(), place.length).map(Field::Bytes),
            CK_SP800_108_KEY_HANDLE => Ok(Field::Key(place.structure()?)),
            _ => Err(Error::MechanismParamInvalid),
        }
    }
}

/// # Safety
/// As for [`parameter`].
unsafe fn counter_format(place: &Place) -> Result<Number> {
    // SAFETY: the caller's promise is ours.
    let format: CK_SP800_108_COUNTER_FORMAT = unsafe { place.structure() }?;
    Ok(Number {
        little_endian: format.bLittleEndian != CK_FALSE,
        bits: format.ulWidthInBits,
    })
}

/// # Safety
/// As for [`elements`], and each element points to a template as long as it says, during `'a`.
unsafe fn additional<'a>(
    pointer: *const CK_DERIVED_KEY,
    count: CK_ULONG,
) -> Result<Vec<Vec<crate::attribute::RawAttribute<'a>>>> {
    // SAFETY: the caller's promise is ours.
    let keys = unsafe { elements(pointer, count) }?;
    keys.iter()
        .map(|key| {
            if key.phKey.is_null() {
                return Err(Error::MechanismParamInvalid);
            }
            // SAFETY: likewise.
            unsafe { template(key.pTemplate, key.ulAttributeCount) }
        })
        .collect()
}

/// Tells the host the handles of the keys that were derived along (`CK_DERIVED_KEY.phKey`).
///
/// # Safety
/// `pointer` is what [`mechanism`] has read before in the same call.
pub(super) unsafe fn write_additional(
    pointer: *const CK_MECHANISM,
    handles: &[CK_OBJECT_HANDLE],
) -> Result<()> {
    if handles.is_empty() {
        return Ok(());
    }
    // SAFETY: the caller's promise is ours.
    let mechanism = unsafe { read(pointer) }?;
    let place = Place {
        pointer: mechanism.pParameter,
        length: mechanism.ulParameterLen,
    };
    let keys = if mechanism.mechanism == CKM_SP800_108_FEEDBACK_KDF {
        // SAFETY: likewise.
        let given: CK_SP800_108_FEEDBACK_KDF_PARAMS = unsafe { place.structure() }?;
        given.pAdditionalDerivedKeys
    } else {
        // SAFETY: likewise.
        let given: CK_SP800_108_KDF_PARAMS = unsafe { place.structure() }?;
        given.pAdditionalDerivedKeys
    };
    for (i, handle) in handles.iter().enumerate() {
        // SAFETY: there are as many keys as handles were made for, each with a place, which `additional` has seen.
        unsafe { super::write(read(keys.add(i))?.phKey, || Ok(*handle)) }?;
    }
    Ok(())
}

/// `CK_PKCS5_PBKD2_PARAMS2`; the older structure differs in one thing, a pointer to the password's length, and has
/// the same size, so which one it is cannot be seen: a length that is no address of ours is a length.
///
/// # Safety
/// As for [`parameter`].
unsafe fn pbkdf2<'a>(place: &Place) -> Result<Parameter<'a>> {
    /// No password is longer; every pointer is higher.
    const LONGEST_PASSWORD: CK_ULONG = 4096;
    // SAFETY: the caller's promise is ours.
    let given: CK_PKCS5_PBKD2_PARAMS2 = unsafe { place.structure() }?;
    let password_len = if given.ulPasswordLen > LONGEST_PASSWORD {
        // SAFETY: likewise; the first page of memory is never mapped, so what is above it is the older structure's
        // pointer.
        unsafe { read(given.ulPasswordLen as *const CK_ULONG) }?
    } else {
        given.ulPasswordLen
    };
    if password_len > LONGEST_PASSWORD {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(Parameter::Pbkdf2(Pbkdf2 {
        salt_source: given.saltSource,
        // SAFETY: likewise.
        salt: unsafe { bytes(given.pSaltSourceData.cast(), given.ulSaltSourceDataLen) }?,
        iterations: given.iterations,
        prf: given.prf,
        // SAFETY: likewise.
        password: unsafe { bytes(given.pPassword, password_len) }?,
    }))
}
