"""The conflicts between documents that one flag could not express: sizes, hybrids, hash-based signatures, hedging."""

from __future__ import annotations

import pytest

from pqvalidate.policy.engine import PolicyVerdict
from tests.policy.shelf import AFTER_2031, bundle, judged, offering, rule, signed_by_a

REQUIRING = {"eccg-acm-2.0": "eccg2.hybrid", "bsi-tr-02102-1-2026": "bsi.hybrid", "anssi-2026": "anssi.hybrid"}
LISTS = {
    "cnsa-2.0": "cnsa2.sig", "nist-base": "nist.204.sig", "eccg-acm-2.0": "eccg2.sig",
    "bsi-tr-02102-1-2026": "bsi.sig", "nl-gov-baseline": "nl.hb.sig", "asd-ism": "asd.1991",
}  # fmt: skip


def conditions(verdict: PolicyVerdict) -> str:
    return " ".join(row.en for row in verdict.conditions)


@pytest.mark.parametrize(
    "policy", ["nist-base", "eccg-acm-2.0", "bsi-tr-02102-1-2026", "anssi-2026", "uk-ncsc", "asd-ism", "eu-roadmap"]
)
def test_ml_kem_768_passes_where_cnsa_fails_it(policy: str) -> None:
    assert judged(bundle("ml-kem-rs"), policy).decision == "conforms"
    assert judged(bundle("ml-kem-rs"), "cnsa-2.0").decision == "does-not-conform"


def test_ml_kem_768_passes_in_the_netherlands_with_a_certificate_of_a_third_party_only() -> None:
    assert judged(bundle("ml-kem-rs"), "nl-gov-baseline").decision == "undecided"
    assert judged(signed_by_a("vendor-self", "ml-kem-rs"), "nl-gov-baseline").decision == "undecided"
    assert judged(signed_by_a("lab", "ml-kem-rs"), "nl-gov-baseline").decision == "conforms"


def test_ml_kem_768_fails_in_australia_if_it_is_used_beyond_2030() -> None:
    now, later = judged(bundle("ml-kem-rs"), "asd-ism"), judged(bundle("ml-kem-rs"), "asd-ism", AFTER_2031)
    assert now.decision == "conforms"
    assert "Do not use ML-KEM-768 after 2030-12-31." in conditions(now)
    assert later.decision == "does-not-conform"
    assert {row.rule for row in later.rules if row.outcome == "fail"} == {"asd.1917", "asd.2030"}


def test_a_library_that_offers_1024_and_87_meets_australia_beyond_2030_with_conditions() -> None:
    later = judged(bundle("openssl"), "asd-ism", AFTER_2031)
    assert later.decision == "conforms"
    assert "Do not use ML-KEM-768, ML-DSA-65 after 2030-12-31." in conditions(later)
    assert judged(bundle("openssl"), "asd-ism", AFTER_2031, "ML-KEM-768").decision == "does-not-conform"


@pytest.mark.parametrize(("policy", "name"), REQUIRING.items())
def test_a_bare_lattice_library_is_neither_hybrid_nor_not_and_gets_a_condition_of_use(policy: str, name: str) -> None:
    verdict = judged(bundle("ml-kem-rs"), policy)
    assert rule(verdict, name).outcome == "not-applicable"
    assert "May only be used composed with a classical mechanism: ML-KEM-768." in conditions(verdict)


@pytest.mark.parametrize(("policy", "name"), REQUIRING.items())
def test_a_product_that_offers_lattices_only_bare_is_not_shown_to_compose_them(policy: str, name: str) -> None:
    product = offering(bundle("ml-kem-rs"), "ML-KEM-768", form="protocol-endpoint")
    assert rule(judged(product, policy), name).outcome == "insufficient-evidence"


def test_a_product_that_offers_a_bare_lattice_beside_a_hybrid_fails() -> None:
    product = offering(bundle("ml-kem-rs"), "ML-KEM-768", "X25519MLKEM768", form="protocol-endpoint")
    assert rule(judged(product, "bsi-tr-02102-1-2026"), "bsi.hybrid").outcome == "fail"


def test_a_hybrid_object_passes_where_hybrids_are_required_and_is_discouraged_elsewhere() -> None:
    product = offering(bundle("ml-kem-rs"), "X25519MLKEM768", form="protocol-endpoint")
    assert rule(judged(product, "bsi-tr-02102-1-2026"), "bsi.hybrid").outcome == "pass"
    assert rule(judged(product, "cnsa-2.0"), "cnsa2.hybrid").outcome == "fail"
    assert rule(judged(product, "cnsa-2.0"), "cnsa2.hybrid").level == "advisory"


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [("eccg-acm-2.0", "pass"), ("bsi-tr-02102-1-2026", "pass"), ("nist-base", "pass"), ("cnsa-2.0", "fail"),
     ("nl-gov-baseline", "fail"), ("asd-ism", "fail")],
)  # fmt: skip
def test_slh_dsa_alone_is_fine_in_the_eu_and_unlisted_by_others(policy: str, outcome: str) -> None:
    product = offering(bundle("dilithium-py"), "SLH-DSA-SHA2-192s")
    verdict = judged(product, policy)
    assert rule(verdict, LISTS[policy]).outcome == outcome


@pytest.mark.parametrize("policy", ["eccg-acm-2.0", "bsi-tr-02102-1-2026"])
def test_hash_based_signatures_are_exempt_from_the_hybrid_rule(policy: str) -> None:
    verdict = judged(offering(bundle("dilithium-py"), "SLH-DSA-SHA2-192s"), policy)
    assert rule(verdict, REQUIRING[policy]).outcome == "not-applicable"
    assert "composed" not in conditions(verdict)


@pytest.mark.parametrize("name", ["FrodoKEM-976", "FN-DSA-512", "a mechanism that nobody lists"])
def test_what_a_profile_does_not_list_is_denied(name: str) -> None:
    verdict = judged(offering(bundle("ml-kem-rs"), name), "cnsa-2.0")
    assert verdict.decision == "does-not-conform"
    assert verdict.sets[0].decision == "denied"


def test_frodokem_is_listed_in_the_eu_and_denied_by_cnsa() -> None:
    product = offering(bundle("ml-kem-rs"), "FrodoKEM-976")
    assert rule(judged(product, "eccg-acm-2.0"), "eccg2.kem").outcome == "pass"
    assert rule(judged(product, "cnsa-2.0"), "cnsa2.kem").outcome == "fail"


def test_deterministic_signing_fails_where_hedged_signing_is_asked_for() -> None:
    bsi, asd = judged(bundle("deterministic"), "bsi-tr-02102-1-2026"), judged(bundle("deterministic"), "asd-ism")
    assert (rule(bsi, "bsi.hedged").outcome, bsi.decision) == ("fail", "does-not-conform")
    assert (rule(asd, "asd.1992").outcome, rule(asd, "asd.1992").level) == ("fail", "advisory")


def test_hedged_signing_passes_where_it_was_seen_and_is_open_where_it_was_not_asked() -> None:
    seen = judged(bundle("openssl-standard"), "bsi-tr-02102-1-2026", None, "ML-KEM-768", "ML-DSA-65")
    assert rule(seen, "bsi.hedged").outcome == "pass"
    assert seen.decision == "conforms"
    assert rule(judged(bundle("openssl"), "bsi-tr-02102-1-2026"), "bsi.hedged").outcome == "insufficient-evidence"


def test_the_drafts_conform_nowhere() -> None:
    product = offering(bundle("kyber-py"), "Kyber-768", "Kyber-1024")
    for policy in ("cnsa-2.0", "nist-base", "eccg-acm-2.0", "bsi-tr-02102-1-2026", "uk-ncsc", "asd-ism"):
        assert judged(product, policy).decision == "does-not-conform", policy


def test_1024_and_87_are_permitted_by_every_profile_that_names_sets() -> None:
    for policy in ("cnsa-2.0", "nist-base", "eccg-acm-2.0", "bsi-tr-02102-1-2026", "nl-gov-baseline", "asd-ism"):
        verdict = judged(bundle("openssl"), policy, AFTER_2031)
        by_name = {row.parameter_set: row.decision for row in verdict.sets}
        assert (by_name["ML-KEM-1024"], by_name["ML-DSA-87"]) == ("permitted", "permitted"), policy


def test_a_failed_check_fails_every_profile() -> None:
    for policy in ("pqc-behaviour", "nist-base", "eu-roadmap", "uk-ncsc"):
        verdict = judged(bundle("pqcrypto"), policy)
        assert verdict.decision == "does-not-conform"
        assert rule(verdict, "nist.204.behaviour").outcome == "fail"
