"""Opens two gates of the suites that ask whose library it is, not what it can do. A plugin of pytest."""

import os


def pytest_configure():
    if "PKCS11_MODULE" in os.environ:
        # python-pkcs11: cases that need the officer's PIN and the number of slots, which the harness gives.
        import tests

        tests.Only.softhsm2 = lambda case: case
    else:
        # PyKCS11 takes the version of any library for one of the token it was written against, and skips what old
        # releases of that one could not do.
        from PyKCS11 import PyKCS11

        told = PyKCS11.PyKCS11Lib.getInfo

        def as_a_late_release(library):
            info = told(library)
            info.libraryVersion = (2, 7)
            return info

        PyKCS11.PyKCS11Lib.getInfo = as_a_late_release
