"""The tree against the published vectors, the obvious definition and two other implementations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proofbundle import merkle as bundle
from tlog_scales.tlog import (
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)

from ledger.wrong import (
    EMPTY,
    LEAVES,
    REFERENCE,
    ROOTS,
    Consistency,
    Inclusion,
    mth,
    wrong_consistencies,
    wrong_inclusions,
)
from sizes import size
from upheld.ledger import tree
from upheld.ledger.tree import Frontier, ProofError

SIZES = size("leaves of a tree", short=70, long=600)
# The size alone of one tree is not in its root: with these proofs, a longer tree would look alike.
ALIKE = {"size of half", "size of twice"}


def subtree(leaves: list[bytes]) -> tree.Subtree:
    """The root over a range of leaves in a list."""
    return lambda start, end: mth(leaves[start:end])


def included(leaves: list[bytes], index: int) -> Inclusion:
    """A right claim that a leaf is in a tree."""
    proof = tree.inclusion_proof(index, len(leaves), subtree(leaves))
    return Inclusion(leaves[index], index, len(leaves), tuple(proof), mth(leaves))


def consistent(leaves: list[bytes], first: int) -> Consistency:
    """A right claim that a tree is the beginning of another."""
    proof = tuple(tree.consistency_proof(first, len(leaves), subtree(leaves)))
    return Consistency(first, len(leaves), proof, mth(leaves[:first]), mth(leaves))


def ours(claim: Inclusion | Consistency) -> bool:
    """Whether upheld takes a claim for proven."""
    try:
        if isinstance(claim, Inclusion):
            tree.verify_inclusion(claim.leaf, claim.index, claim.size, claim.proof, claim.root)
        else:
            tree.verify_consistency(
                claim.first, claim.second, claim.proof, claim.first_root, claim.second_root
            )
    except ProofError:
        return False
    return True


def theirs(claim: Inclusion | Consistency) -> tuple[bool, bool]:
    """Whether tlog-scales and proofbundle take a claim for proven."""
    proof = list(claim.proof)
    try:
        if isinstance(claim, Inclusion):
            InclusionProof(claim.index, claim.size, proof).check(claim.leaf, claim.root)
        else:
            ConsistencyProof(claim.first, claim.second, proof).check(
                claim.first_root, claim.second_root
            )
        scales = True
    except (InclusionProofInvalid, ConsistencyProofInvalid):
        scales = False
    if isinstance(claim, Inclusion):
        return scales, False
    return scales, bundle.verify_consistency(
        claim.first, claim.second, proof, claim.first_root, claim.second_root
    )


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Leaves of a tree, at least one, and one of their indices."""
    count = draw(st.integers(1, SIZES))
    return [tree.leaf_hash(b"%d" % n) for n in range(count)], draw(st.integers(0, count - 1))


@pytest.mark.parametrize("count", range(9))
def test_the_reference_tree_has_its_published_root(count: int) -> None:
    """At each size, appended one by one or hashed at once, the root is the published one."""
    frontier = Frontier()
    for leaf in LEAVES[:count]:
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (count, ROOTS[count])
    assert tree.root_of(LEAVES[:count]) == mth(LEAVES[:count]) == ROOTS[count]


@pytest.mark.parametrize("vector", REFERENCE["inclusion"], ids=str)
def test_a_published_inclusion_proof_is_made_and_verified(vector: dict[str, Any]) -> None:
    """What the vectors prove, upheld proves in the same bytes."""
    claim = included(LEAVES[: vector["size"]], vector["index"])
    assert [each.hex() for each in claim.proof] == vector["proof"]
    assert claim.root == ROOTS[vector["size"]]
    assert ours(claim)


@pytest.mark.parametrize("vector", REFERENCE["consistency"], ids=str)
def test_a_published_consistency_proof_is_made_and_verified(vector: dict[str, Any]) -> None:
    """What the vectors prove, upheld proves in the same bytes."""
    claim = consistent(LEAVES[: vector["second"]], vector["first"])
    assert [each.hex() for each in claim.proof] == vector["proof"]
    assert (claim.first_root, claim.second_root) == (ROOTS[claim.first], ROOTS[claim.second])
    assert ours(claim)


@pytest.mark.parametrize("count", range(1, 9))
def test_every_wrong_inclusion_proof_is_refused(count: int) -> None:
    """Off by one, swapped root, trailing bytes, size 0, empty root: each is refused."""
    names = set()
    for index in range(count):
        right = included(LEAVES[:count], index)
        assert ours(right)
        assert theirs(right)[0]
        for name, wrong in wrong_inclusions(right):
            if name in ALIKE and theirs(wrong)[0]:
                continue  # such a root would be another tree's; the checkpoint signs the size
            assert not ours(wrong), (name, wrong)
            names.add(name)
    assert {"size 0", "swapped root", "empty root", "trailing hash", "index is the size"} <= names


@pytest.mark.parametrize("count", range(1, 9))
def test_every_wrong_consistency_proof_is_refused(count: int) -> None:
    """Off by one, swapped roots, trailing bytes, size 0, empty root: each is refused."""
    names = set()
    for first in range(1, count + 1):
        right = consistent(LEAVES[:count], first)
        assert ours(right)
        assert theirs(right) == (True, True)
        for name, wrong in wrong_consistencies(right):
            assert not ours(wrong), (name, wrong)
            names.add(name)
    assert {"size 0, empty root, no hashes", "both sizes 0", "empty root first"} <= names


def test_others_take_an_empty_tree_for_proven_and_we_do_not() -> None:
    """From nothing everything goes on: a verifier in the wild accepts that, upheld names it."""
    claim = Consistency(0, 8, (), EMPTY, ROOTS[8])
    assert theirs(claim)[0]
    with pytest.raises(ProofError, match="want 0 < first"):
        tree.verify_consistency(0, 8, (), EMPTY, ROOTS[8])


def test_proofs_that_cannot_be_are_not_made() -> None:
    """An index that is not below the size, a size 0 or a shrinking tree is an error at once."""
    for index, count in ((0, 0), (8, 8), (-1, 8)):
        with pytest.raises(ProofError, match="below the tree's size"):
            tree.inclusion_proof(index, count, subtree(LEAVES))
    for first, second in ((0, 8), (8, 7), (-1, 8)):
        with pytest.raises(ProofError, match="want 0 < first ≤ second"):
            tree.consistency_proof(first, second, subtree(LEAVES))


@given(trees())
def test_a_frontier_has_the_root_by_definition(drawn: tuple[list[bytes], int]) -> None:
    """Appending leaf by leaf, and hashing row by row, both give RFC 6962's root."""
    leaves, _ = drawn
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == tree.root_of(leaves) == mth(leaves)


@given(trees())
def test_proofs_are_those_of_other_implementations(drawn: tuple[list[bytes], int]) -> None:
    """Inclusion and consistency proofs have the same hashes as proofbundle's, and hold there."""
    leaves, index = drawn
    data = [b"%d" % n for n in range(len(leaves))]
    inclusion, consistency = included(leaves, index), consistent(leaves, index + 1)
    assert list(inclusion.proof) == bundle.inclusion_proof(data, index)
    assert list(consistency.proof) == bundle.consistency_proof(data, index + 1)
    assert ours(inclusion)
    assert theirs(inclusion)[0]
    assert bundle.verify_inclusion(
        data[index], index, len(data), list(inclusion.proof), inclusion.root
    )
    assert ours(consistency)
    assert theirs(consistency) == (True, True)


@given(trees(), st.data())
def test_what_we_accept_others_accept_too(
    drawn: tuple[list[bytes], int], data: st.DataObject
) -> None:
    """Of all wrong variants, upheld takes none for proven that another implementation refuses."""
    leaves, index = drawn
    wrong: list[tuple[str, Inclusion | Consistency]] = [
        *wrong_inclusions(included(leaves, index)),
        *wrong_consistencies(consistent(leaves, index + 1)),
    ]
    name, claim = data.draw(st.sampled_from(wrong))
    assert not ours(claim) or (name in ALIKE and theirs(claim)[0])
