//! Keys that leave the token and come back (PKCS #11 3.1, sections 5.18.3 and 5.18.4): each wrapping mechanism with each
//! kind of key, and every reason to refuse.

#![allow(unsafe_code)] // templates within templates are structures of C
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::crypto::{With, oaep_params, plain};
use harness::raw::{Given, Library, bytes, no, number, yes};
use harness::{P256, P384, PIN, SO_PIN, run};

type Handle = CK_OBJECT_HANDLE;

/// A library with the user logged in.
#[derive(Clone, Copy)]
struct Host {
    library: Library,
    session: CK_SESSION_HANDLE,
}

impl Host {
    fn new() -> Self {
        let library = Library::initialized();
        let session = library.user_session();
        Self { library, session }
    }

    /// A key whose value may be seen.
    fn secret(self, key_type: CK_KEY_TYPE, value: &[u8], more: &[Given]) -> Handle {
        let fixed = [
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, key_type),
            bytes(CKA_VALUE, value),
            no(CKA_SENSITIVE),
            yes(CKA_EXTRACTABLE),
        ];
        self.library
            .create(self.session, &[&fixed[..], more].concat())
            .unwrap()
    }

    fn aes(self) -> Handle {
        self.secret(CKK_AES, &[7; 32], &[])
    }

    fn pair(self, kind: CK_MECHANISM_TYPE, public: &[Given], private: &[Given]) -> (Handle, Handle) {
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let private = [&open[..], private].concat();
        self.library
            .generate_pair(self.session, kind, public, &private)
            .unwrap()
    }

    fn rsa(self) -> (Handle, Handle) {
        self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &[number(CKA_MODULUS_BITS, 2048)], &[])
    }

    fn wrap<P>(self, with: &With<P>, wrapping: Handle, key: Handle) -> Result<Vec<u8>, CK_RV> {
        self.library.wrap(self.session, with, wrapping, key)
    }

    fn unwrap<P>(
        self,
        with: &With<P>,
        key: Handle,
        wrapped: &[u8],
        template: &[Given],
    ) -> Result<Handle, CK_RV> {
        self.library.unwrap(self.session, with, key, wrapped, template)
    }

    fn get(self, key: Handle, kind: CK_ATTRIBUTE_TYPE) -> Vec<u8> {
        self.library.get(self.session, key, kind).unwrap()
    }
}

fn template(class: CK_OBJECT_CLASS, key_type: CK_KEY_TYPE) -> Vec<Given> {
    vec![
        number(CKA_CLASS, class),
        number(CKA_KEY_TYPE, key_type),
        no(CKA_SENSITIVE),
    ]
}

fn iv(kind: CK_MECHANISM_TYPE) -> With<[u8; 16]> {
    With::new(kind, [3; 16])
}

/// Every private key of the token's kinds, with the attributes that make it.
fn private_keys(host: Host) -> Vec<(CK_KEY_TYPE, Handle, Vec<CK_ATTRIBUTE_TYPE>)> {
    let curve = |oid: &[u8]| {
        host.pair(CKM_EC_KEY_PAIR_GEN, &[bytes(CKA_EC_PARAMS, oid)], &[])
            .1
    };
    let named = |kind, oid: &[u8]| host.pair(kind, &[bytes(CKA_EC_PARAMS, oid)], &[]).1;
    let set = |kind, set| host.pair(kind, &[number(CKA_PARAMETER_SET, set)], &[]).1;
    let rsa = vec![
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_COEFFICIENT,
    ];
    vec![
        (CKK_RSA, host.rsa().1, rsa),
        (CKK_EC, curve(P256), vec![CKA_EC_PARAMS, CKA_VALUE]),
        (CKK_EC, curve(P384), vec![CKA_EC_PARAMS, CKA_VALUE]),
        (
            CKK_EC_EDWARDS,
            named(CKM_EC_EDWARDS_KEY_PAIR_GEN, &[6, 3, 0x2b, 0x65, 0x70]),
            vec![CKA_EC_PARAMS, CKA_VALUE],
        ),
        (
            CKK_EC_MONTGOMERY,
            named(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, &[6, 3, 0x2b, 0x65, 0x6e]),
            vec![CKA_EC_PARAMS, CKA_VALUE],
        ),
        (
            CKK_ML_DSA,
            set(CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_65),
            vec![CKA_PARAMETER_SET, CKA_VALUE],
        ),
        (
            CKK_ML_KEM,
            set(CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_768),
            vec![CKA_PARAMETER_SET, CKA_VALUE],
        ),
    ]
}

/// Unwraps some bytes as a template says.
type Open<'a> = dyn Fn(&[u8], &[Given]) -> Result<Handle, CK_RV> + 'a;

alone! {
    fn every_mechanism_wraps_every_secret_key(_home) {
        let host = Host::new();
        let (aes, (public, private)) = (host.aes(), host.rsa());
        let oaep = With::new(CKM_RSA_PKCS_OAEP, oaep_params(CKM_SHA256, CKG_MGF1_SHA256, b"label"));
        let inner = oaep_params(CKM_SHA384, CKG_MGF1_SHA384, b"");
        let rsa_aes = With::new(CKM_RSA_AES_KEY_WRAP, CK_RSA_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: 256,
            pOAEPParams: (&raw const inner).cast_mut(),
        });
        for (key_type, value) in [
            (CKK_AES, &[1_u8; 16][..]), (CKK_AES, &[2; 24]), (CKK_AES, &[3; 32]),
            (CKK_GENERIC_SECRET, &[0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0]), (CKK_SHA256_HMAC, &[5; 64]),
        ] {
            let key = host.secret(key_type, value, &[]);
            let length = number(CKA_VALUE_LEN, value.len() as CK_ULONG);
            let back = |with: &dyn Fn() -> Result<Vec<u8>, CK_RV>, open: &Open<'_>, lengths: &[bool]| {
                let wrapped = with().unwrap();
                for &has_length in lengths {
                    let mut template = template(CKO_SECRET_KEY, key_type);
                    template.extend(has_length.then(|| length.clone()));
                    assert_eq!(host.get(open(&wrapped, &template).unwrap(), CKA_VALUE), value);
                }
            };
            macro_rules! round_trip {
                ($with:expr, $wrapping:expr, $unwrapping:expr, $lengths:expr) => {
                    back(&|| host.wrap($with, $wrapping, key), &|wrapped, list| host.unwrap($with, $unwrapping, wrapped, list), $lengths)
                };
            }
            let either = &[true, false];
            round_trip!(&plain(CKM_RSA_PKCS), public, private, either);
            round_trip!(&oaep, public, private, either);
            round_trip!(&rsa_aes, public, private, either);
            round_trip!(&plain(CKM_RSA_X_509), public, private, &[true]);
            round_trip!(&plain(CKM_AES_KEY_WRAP_KWP), aes, aes, either);
            round_trip!(&plain(CKM_AES_KEY_WRAP_PKCS7), aes, aes, either);
            round_trip!(&iv(CKM_AES_CBC_PAD), aes, aes, either);
            round_trip!(&iv(CKM_AES_CBC), aes, aes, &[true]);
            round_trip!(&plain(CKM_AES_ECB), aes, aes, &[true]);
            if value.len().is_multiple_of(8) {
                round_trip!(&plain(CKM_AES_KEY_WRAP), aes, aes, either);
            } else {
                assert_eq!(host.wrap(&plain(CKM_AES_KEY_WRAP), aes, key), Err(CKR_KEY_SIZE_RANGE));
            }
        }
    }

    fn every_private_key_comes_back_as_it_was(_home) {
        let host = Host::new();
        let (aes, (public, private)) = (host.aes(), host.rsa());
        let inner = oaep_params(CKM_SHA_1, CKG_MGF1_SHA1, b"");
        let rsa_aes = With::new(CKM_RSA_AES_KEY_WRAP, CK_RSA_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: 128,
            pOAEPParams: (&raw const inner).cast_mut(),
        });
        for (key_type, key, kinds) in private_keys(host) {
            let template = template(CKO_PRIVATE_KEY, key_type);
            let kwp = plain(CKM_AES_KEY_WRAP_KWP);
            let (cbc, bare) = (iv(CKM_AES_CBC_PAD), iv(CKM_AES_CBC));
            let copies = [
                host.unwrap(&kwp, aes, &host.wrap(&kwp, aes, key).unwrap(), &template),
                host.unwrap(&cbc, aes, &host.wrap(&cbc, aes, key).unwrap(), &template),
                host.unwrap(&bare, aes, &host.wrap(&bare, aes, key).unwrap(), &template),
                host.unwrap(&rsa_aes, private, &host.wrap(&rsa_aes, public, key).unwrap(), &template),
            ];
            for copy in copies {
                let copy = copy.unwrap();
                for &kind in &kinds {
                    assert_eq!(host.get(copy, kind), host.get(key, kind), "{key_type:#x} {kind:#x}");
                }
            }
            // Too long, and of a kind that is not wrapped so.
            assert_eq!(host.wrap(&plain(CKM_RSA_PKCS), public, key), Err(CKR_KEY_NOT_WRAPPABLE));
            // The wrong type in the template.
            let other = if key_type == CKK_RSA { CKK_EC } else { CKK_RSA };
            let template = [number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, other)];
            let wrapped = host.wrap(&kwp, aes, key).unwrap();
            assert_eq!(host.unwrap(&kwp, aes, &wrapped, &template), Err(CKR_WRAPPED_KEY_INVALID));
        }
    }

    fn openssl_reads_and_writes_wrapped_private_keys(home) {
        let host = Host::new();
        let aes = host.aes();
        let cbc = iv(CKM_AES_CBC_PAD);
        let cipher = ["enc", "-aes-256-cbc", "-K", &"07".repeat(32), "-iv", &"03".repeat(16)];
        for (key_type, key, _) in private_keys(host).into_iter().take(5) {
            std::fs::write(home.join("wrapped"), host.wrap(&cbc, aes, key).unwrap()).unwrap();
            run(home, "openssl", &[&cipher[..], &["-d", "-in", "wrapped", "-out", "info.der"]].concat());
            run(home, "openssl", &["pkey", "-inform", "DER", "-in", "info.der", "-check", "-noout"]);
            // OpenSSL writes the public key of an elliptic curve along.
            run(home, "openssl", &["pkey", "-inform", "DER", "-in", "info.der", "-out", "key.pem"]);
            run(home, "openssl", &["pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "info.der"]);
            run(home, "openssl", &[&cipher[..], &["-in", "info.der", "-out", "wrapped"]].concat());
            let wrapped = std::fs::read(home.join("wrapped")).unwrap();
            let copy = host.unwrap(&cbc, aes, &wrapped, &template(CKO_PRIVATE_KEY, key_type)).unwrap();
            let kind = if key_type == CKK_RSA { CKA_PRIVATE_EXPONENT } else { CKA_VALUE };
            assert_eq!(host.get(copy, kind), host.get(key, kind));
        }
    }

    fn what_may_not_leave_the_token_does_not(_home) {
        let host = Host::new();
        let (aes, kwp) = (host.aes(), plain(CKM_AES_KEY_WRAP_KWP));
        let key = host.secret(CKK_AES, &[1; 16], &[]);
        assert_eq!(host.library.set(host.session, key, &[no(CKA_EXTRACTABLE)]), CKR_OK);
        assert_eq!(host.wrap(&kwp, aes, key), Err(CKR_KEY_UNEXTRACTABLE));
        let choosy = host.secret(CKK_AES, &[1; 16], &[yes(CKA_WRAP_WITH_TRUSTED)]);
        assert_eq!(host.wrap(&kwp, aes, choosy), Err(CKR_KEY_NOT_WRAPPABLE));
        let (public, private) = host.rsa();
        assert_eq!(host.wrap(&kwp, aes, public), Err(CKR_KEY_NOT_WRAPPABLE));
        assert_eq!(host.wrap(&kwp, aes, 0xffff), Err(CKR_KEY_HANDLE_INVALID));

        let key = host.secret(CKK_AES, &[1; 16], &[]);
        let (pkcs, info) = (plain(CKM_RSA_PKCS), plain(CKM_AES_CMAC));
        assert_eq!(host.wrap(&kwp, 0xffff, key), Err(CKR_WRAPPING_KEY_HANDLE_INVALID));
        assert_eq!(host.wrap(&pkcs, private, key), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        assert_eq!(host.wrap(&pkcs, aes, key), Err(CKR_WRAPPING_KEY_TYPE_INCONSISTENT));
        assert_eq!(host.wrap(&kwp, public, key), Err(CKR_WRAPPING_KEY_TYPE_INCONSISTENT));
        assert_eq!(host.wrap(&info, aes, key), Err(CKR_MECHANISM_INVALID));
        assert_eq!(host.wrap(&plain(CKM_AES_CBC_PAD), aes, key), Err(CKR_MECHANISM_PARAM_INVALID));
        let unwilling = host.secret(CKK_AES, &[1; 16], &[no(CKA_WRAP)]);
        assert_eq!(host.wrap(&kwp, unwilling, key), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        let long = host.secret(CKK_GENERIC_SECRET, &[1; 300], &[]);
        assert_eq!(host.wrap(&pkcs, public, long), Err(CKR_KEY_SIZE_RANGE));
    }

    /// Section 4.10: a key that asks for it leaves under a key that the security officer trusts, and under no other.
    fn a_key_that_the_officer_trusts_wraps_what_asks_for_it(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        let host = Host { library, session };
        let bits = [number(CKA_MODULUS_BITS, 2048), yes(CKA_TOKEN), yes(CKA_WRAP), bytes(CKA_ID, &[5])];
        let (public, _) = host.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &bits, &[yes(CKA_TOKEN), yes(CKA_UNWRAP), bytes(CKA_ID, &[5])]);
        let oaep = With::new(CKM_RSA_PKCS_OAEP, oaep_params(CKM_SHA256, CKG_MGF1_SHA256, &[]));
        let choosy = host.secret(CKK_AES, &[3; 32], &[yes(CKA_WRAP_WITH_TRUSTED), yes(CKA_TOKEN), bytes(CKA_ID, &[6])]);
        assert_eq!(host.wrap(&oaep, public, choosy), Err(CKR_KEY_NOT_WRAPPABLE));
        assert_eq!(library.set(session, public, &[yes(CKA_TRUSTED)]), CKR_ATTRIBUTE_READ_ONLY);

        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.login(session, CKU_SO, SO_PIN), CKR_OK);
        let wrapping = [number(CKA_CLASS, CKO_PUBLIC_KEY), bytes(CKA_ID, &[5])];
        let [public] = library.find(session, &wrapping)[..] else { panic!("the officer sees public keys") };
        assert_eq!(library.set(session, public, &[yes(CKA_TRUSTED)]), CKR_OK);

        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        let one = |class, id| library.find(session, &[number(CKA_CLASS, class), bytes(CKA_ID, &[id])])[0];
        let (public, choosy) = (one(CKO_PUBLIC_KEY, 5), one(CKO_SECRET_KEY, 6));
        let private = one(CKO_PRIVATE_KEY, 5);
        assert!(library.is(session, public, CKA_TRUSTED));
        let wrapped = host.wrap(&oaep, public, choosy).unwrap();
        let copy = host.unwrap(&oaep, private, &wrapped, &template(CKO_SECRET_KEY, CKK_AES)).unwrap();
        assert_eq!(host.get(copy, CKA_VALUE), [3; 32]);
        // Another pair is trusted by nobody, and the wish cannot be taken back.
        let (other, _) = host.rsa();
        assert_eq!(host.wrap(&oaep, other, choosy), Err(CKR_KEY_NOT_WRAPPABLE));
        assert_eq!(library.set(session, choosy, &[no(CKA_WRAP_WITH_TRUSTED)]), CKR_ATTRIBUTE_READ_ONLY);
    }

    fn what_is_no_wrapped_key_is_not_taken(_home) {
        let host = Host::new();
        let (aes, (public, private)) = (host.aes(), host.rsa());
        let key = host.secret(CKK_GENERIC_SECRET, &[9; 20], &[]);
        let (kwp, cbc, raw) = (plain(CKM_AES_KEY_WRAP_KWP), iv(CKM_AES_CBC), plain(CKM_RSA_X_509));
        let generic = template(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let wrapped = host.wrap(&kwp, aes, key).unwrap();
        let take = |wrapped: &[u8], list: &[Given]| host.unwrap(&kwp, aes, wrapped, list);

        let mut changed = wrapped.clone();
        changed[5] ^= 1;
        assert_eq!(take(&changed, &generic), Err(CKR_WRAPPED_KEY_INVALID));
        for length in [0, 7, 15, 31] {
            assert_eq!(take(&wrapped[..length], &generic), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        }
        assert_eq!(take(&wrapped, &template(CKO_SECRET_KEY, CKK_AES)), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        assert_eq!(take(&wrapped, &template(CKO_PRIVATE_KEY, CKK_EC)), Err(CKR_WRAPPED_KEY_INVALID));
        assert_eq!(take(&wrapped, &[number(CKA_CLASS, CKO_SECRET_KEY)]), Err(CKR_TEMPLATE_INCOMPLETE));
        assert!(take(&wrapped, &template(CKO_PUBLIC_KEY, CKK_EC)).is_err());
        let with = |more: Given| [&generic[..], &[more]].concat();
        assert_eq!(take(&wrapped, &with(number(CKA_VALUE_LEN, 19))), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        assert!(take(&wrapped, &with(bytes(CKA_VALUE, &[1]))).is_err());
        assert_eq!(host.unwrap(&kwp, 0xffff, &wrapped, &generic), Err(CKR_UNWRAPPING_KEY_HANDLE_INVALID));
        assert_eq!(host.unwrap(&kwp, private, &wrapped, &generic), Err(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT));
        assert_eq!(host.unwrap(&plain(CKM_RSA_PKCS), public, &wrapped, &generic), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        assert_eq!(host.unwrap(&plain(CKM_RSA_PKCS), private, &wrapped, &generic), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        // A block that has no padding: what any octets are decrypted to may have one by chance.
        let mut block = [0x11; 256];
        block[0] = 0;
        let unpadded = host.library.encrypt_with(host.session, &raw, public, &block).unwrap();
        assert_eq!(host.unwrap(&plain(CKM_RSA_PKCS), private, &unpadded, &generic), Err(CKR_WRAPPED_KEY_INVALID));

        // Only zeros are cut off, and only to the length that the template says.
        let wrapped = host.wrap(&cbc, aes, key).unwrap();
        let cut = |length| host.unwrap(&cbc, aes, &wrapped, &with(number(CKA_VALUE_LEN, length)));
        assert_eq!(cut(19), Err(CKR_WRAPPED_KEY_INVALID));
        assert_eq!(cut(33), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        assert!(cut(20).is_ok());
        let wrapped = host.wrap(&raw, public, key).unwrap();
        let cut = |length| host.unwrap(&raw, private, &wrapped, &with(number(CKA_VALUE_LEN, length)));
        assert_eq!(cut(19), Err(CKR_WRAPPED_KEY_INVALID));
        assert_eq!(cut(257), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        assert_eq!(host.unwrap(&raw, private, &wrapped, &generic), Err(CKR_TEMPLATE_INCOMPLETE));
    }

    fn an_unwrapped_key_says_where_it_comes_from(_home) {
        let host = Host::new();
        let (aes, kwp) = (host.aes(), plain(CKM_AES_KEY_WRAP_KWP));
        let generated = host.library.generate(host.session, CKM_AES_KEY_GEN, &[number(CKA_VALUE_LEN, 16), yes(CKA_EXTRACTABLE)]).unwrap();
        let wrapped = host.wrap(&kwp, aes, generated).unwrap();
        let list = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES), yes(CKA_SENSITIVE)];
        let key = host.unwrap(&kwp, aes, &wrapped, &list).unwrap();
        let is = |kind| host.library.is(host.session, key, kind);
        assert!(!is(CKA_LOCAL) && !is(CKA_ALWAYS_SENSITIVE) && !is(CKA_NEVER_EXTRACTABLE));
        assert!(is(CKA_EXTRACTABLE) && is(CKA_SENSITIVE));
        assert_eq!(host.get(key, CKA_VALUE_LEN), (16 as CK_ULONG).to_ne_bytes());
        assert_eq!(host.get(key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION.to_ne_bytes());
        assert_eq!(host.get(key, CKA_CHECK_VALUE), host.get(generated, CKA_CHECK_VALUE));
    }

    fn the_templates_of_wrapping_keys_bind(_home) {
        let host = Host::new();
        let kwp = plain(CKM_AES_KEY_WRAP_KWP);
        let label = b"only this";
        let only = [CK_ATTRIBUTE { type_: CKA_LABEL, pValue: label.as_ptr().cast_mut().cast(), ulValueLen: 9 }];
        let raw = |list: &[CK_ATTRIBUTE]| {
            // SAFETY: plain structures of C, read as the bytes that the attribute is made of.
            let bytes = unsafe { std::slice::from_raw_parts(list.as_ptr().cast::<u8>(), size_of_val(list)) };
            bytes.to_vec()
        };
        let wrapping = host.secret(CKK_AES, &[1; 16], &[(CKA_WRAP_TEMPLATE, raw(&only)), (CKA_UNWRAP_TEMPLATE, raw(&only))]);
        let fits = host.secret(CKK_AES, &[2; 16], &[bytes(CKA_LABEL, label)]);
        let other = host.secret(CKK_AES, &[2; 16], &[bytes(CKA_LABEL, b"another")]);
        assert_eq!(host.wrap(&kwp, wrapping, other), Err(CKR_KEY_HANDLE_INVALID));
        let wrapped = host.wrap(&kwp, wrapping, fits).unwrap();
        let generic = template(CKO_SECRET_KEY, CKK_AES);
        let key = host.unwrap(&kwp, wrapping, &wrapped, &generic).unwrap();
        assert_eq!(host.get(key, CKA_LABEL), label);
        let against = [&generic[..], &[bytes(CKA_LABEL, b"another")]].concat();
        assert_eq!(host.unwrap(&kwp, wrapping, &wrapped, &against), Err(CKR_TEMPLATE_INCONSISTENT));
    }

    fn a_key_that_always_asks_cannot_unwrap(_home) {
        let host = Host::new();
        let (public, private) = host.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &[number(CKA_MODULUS_BITS, 2048)], &[yes(CKA_ALWAYS_AUTHENTICATE)]);
        let key = host.secret(CKK_AES, &[2; 16], &[]);
        let wrapped = host.wrap(&plain(CKM_RSA_PKCS), public, key).unwrap();
        let list = template(CKO_SECRET_KEY, CKK_AES);
        assert_eq!(host.unwrap(&plain(CKM_RSA_PKCS), private, &wrapped, &list), Err(CKR_USER_NOT_LOGGED_IN));
    }

    fn places_that_are_missing_are_bad_arguments(_home) {
        let host = Host::new();
        let aes = host.aes();
        let kwp = plain(CKM_AES_KEY_WRAP_KWP);
        assert_eq!(host.library.wrap_nowhere(host.session, &kwp, aes, aes), CKR_ARGUMENTS_BAD);
        assert_eq!(host.library.unwrap_nowhere(host.session, &kwp, aes), CKR_ARGUMENTS_BAD);
    }
}
