//! libtrien_pkcs11.so
