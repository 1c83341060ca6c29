#!/usr/bin/env python3
"""Judges PDF signatures in time with pyHanko's validation for the archive (EN 319 102-1), offline.

    levels.py FILE... --trust ROOT [--crl LIST...]

Prints one JSON object, for each file: `time`, the verdict of ades_with_time_validation on the signature by itself (B-T)
with the lists that are given; `now`, the verdict of ades_lta_validation, and `later`, that of
simulate_future_ades_lta_validation for five years from now, each as the name of the sub-indication; `OK` when it
passed. `retroactive` is what the simpler validation says that takes the document's own revocation information as good
for times before it, as `--retroactive-revinfo` does: `OK` when it wants revocation known and finds it.
"""

import argparse
import asyncio
import dataclasses
import datetime
import json
import logging
import pathlib

from asn1crypto import crl
from pades import read_certificates
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import ades, async_validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.policy_decl import LocalKnowledge, PdfSignatureValidationSpec, SignatureValidationSpec
from pyhanko_certvalidator import policy_decl
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer


async def judge(path, spec, roots, lists):
    """All verdicts on the first signature that is no time-stamp."""
    later = datetime.datetime.now(tz=datetime.timezone.utc) + datetime.timedelta(days=1826)
    with open(path, "rb") as file:
        reader = PdfFileReader(file)
        signature = reader.embedded_regular_signatures[0]
        verdict = {}
        knowledge = LocalKnowledge(known_crls=lists)
        alone = dataclasses.replace(spec.signature_validation_spec, local_knowledge=knowledge)
        validations = {
            "time": lambda: ades.ades_with_time_validation(
                signature.signed_data, alone, raw_digest=signature.compute_digest()
            ),
            "now": lambda: ades.ades_lta_validation(signature, pdf_validation_spec=spec),
            "later": lambda: ades.simulate_future_ades_lta_validation(
                signature, pdf_validation_spec=spec, future_validation_time=later
            ),
        }
        for name, validation in validations.items():
            try:
                result = await validation()
                verdict[name] = result.ades_subindic.name
            except Exception as error:  # pylint: disable=broad-except
                verdict[name] = f"{type(error).__name__}: {error}"
        verdict["retroactive"] = await retroactively(reader, signature, roots)
        return verdict


async def retroactively(reader, signature, roots):
    """With what the document security store holds, and nothing else."""
    try:
        options = {"trust_roots": roots, "allow_fetching": False, "revocation_mode": "require"}
        options["retroactive_revinfo"] = True
        context = DocumentSecurityStore.read_dss(reader).as_validation_context(options)
        status = await async_validate_pdf_signature(
            signature, signer_validation_context=context, ts_validation_context=context
        )
        return "OK" if status.bottom_line else status.summary()
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}"


def specification(roots):
    """What the verdicts go by: these roots (certificates), and revocation has to be known."""
    revocation = policy_decl.CertRevTrustPolicy(
        revocation_checking_policy=policy_decl.REQUIRE_REVINFO,
        freshness_req_type=policy_decl.FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
    )
    trust = SimpleTrustManager.build(roots)
    policy = CertValidationPolicySpec(trust_manager=trust, revinfo_policy=revocation)
    return PdfSignatureValidationSpec(signature_validation_spec=SignatureValidationSpec(cert_validation_policy=policy))


def main():
    """Reads the arguments, prints the verdicts."""
    parser = argparse.ArgumentParser(description="Judge PDF signatures in time with pyHanko.")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--trust", nargs="+", required=True, metavar="ROOT")
    parser.add_argument("--crl", nargs="*", default=[], type=pathlib.Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    roots = read_certificates(options.trust)
    spec = specification(roots)
    lists = [CRLContainer(crl_data=crl.CertificateList.load(path.read_bytes())) for path in options.crl]
    print(json.dumps({path: asyncio.run(judge(path, spec, roots, lists)) for path in options.files}, indent=2))


if __name__ == "__main__":
    main()
