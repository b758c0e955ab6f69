"""The audit log as pymerkle sees it: the same roots at every size, the same proofs, each side believing the other's; and
what becomes of an export that somebody has changed."""
import base64
import hashlib
import json
import random
from pathlib import Path

import pytest
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.proof import InclusionProof, InvalidProof

from harness.control import Control, holdfast

DOCUMENT = {
    "providers": {"one": {"base_url": "http://127.0.0.1:9/v1", "network": "private"}},
    "routes": {"assistant": {"candidates": ["one/model"]}},
}
# Ones, powers of two, their neighbours and others; a proof has another shape at each.
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 128, 129, 200, 255, 256, 257, 300]
NOT_SIGNED = 1
SEED = 11


@pytest.fixture(scope="module")
def control(work):
    served = Control("audit", DOCUMENT, work)
    served.start()
    try:
        yield served
    finally:
        served.stop()


class Log:
    """What was exported: lines as they were hashed, checkpoints as they were signed, and the tree that pymerkle makes."""

    def __init__(self, path: Path):
        self.lines = path.read_bytes().splitlines(keepends=True)
        self.leaves = [line.rstrip(b"\n") for line in self.lines if b'"checkpoint"' not in line[:15]]
        # RFC 9162: SHA-256, leaves after a zero byte and nodes after a one, which is what pymerkle calls security.
        self.tree = InmemoryTree(algorithm="sha256")
        for leaf in self.leaves:
            self.tree.append_entry(leaf)

    def root(self, size: int) -> bytes:
        return self.tree.get_root(size)


def change(control: Control, number: int) -> None:
    """A change that is made, one that is refused, or a stranger: entries of several kinds and lengths."""
    made = control.ask(
        "POST", "/v1/overrides", control.admin,
        {"effect": {"kind": "cap", "deployment": "one/model", "concurrent": number + 1},
         "reason": f"number {number} – größer, „wie gesagt“ \U0001f9ea" + " and more" * (number % 7), "for": "1h"})
    assert made.status == 201, made.body
    ended = control.ask("POST", f"/v1/overrides/{made.json()['id']}/clear", control.admin, {"reason": "that was that"})
    assert ended.status == 200, ended.body
    if number % 10 == 0:
        control.ask("GET", "/v1/status", "hf_viewer_nobody_000")


def signed(note: str) -> tuple[int, bytes]:
    lines = note.split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


@pytest.fixture(scope="module")
def checkpoints(control) -> dict[int, bytes]:
    """Roots that were signed while the log grew past every size."""
    found = {}
    number = 0
    while not found or max(found) < max(SIZES):
        change(control, number)
        number += 1
        answer = control.ask("GET", "/v1/audit/checkpoint", control.admin)
        size, root = signed(answer.body.decode())
        found[size] = root
    return found


@pytest.fixture(scope="module")
def export(control, checkpoints, work) -> Path:
    path = work / "audit-export.ndjson"
    path.unlink(missing_ok=True)
    done = control.command("audit", "export", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def log(export, checkpoints) -> Log:
    log = Log(export)
    assert len(log.leaves) >= max(checkpoints) >= max(SIZES)
    return log


def hashes(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


def test_every_signed_root_is_pymerkles(log, checkpoints):
    assert len(checkpoints) > 50 and any(size & (size - 1) for size in checkpoints)
    assert {size: log.root(size) for size in checkpoints} == checkpoints


def test_every_entry_is_included(control, log):
    pick = random.Random(SEED)
    for size in SIZES:
        for entry in {0, size - 1, size // 2, pick.randrange(size)}:
            ours = control.get(f"/v1/audit/inclusion?entry={entry}&size={size}")
            theirs = log.tree.prove_inclusion(entry + 1, size)
            root, leaf = base64.b64decode(ours["root"]), base64.b64decode(ours["leaf"])
            assert (ours["size"], ours["entry"]) == (size, entry)
            assert root == log.root(size) and leaf == log.tree.get_leaf(entry + 1)
            # pymerkle's path begins with the leaf itself, which RFC 9162 leaves out.
            assert hashes(ours["hashes"]) == theirs.path[1:], f"entry {entry} of {size}"
            proof = InclusionProof("sha256", True, size, entry + 1, theirs.rule, [leaf, *hashes(ours["hashes"])])
            verify_inclusion(leaf, root, proof, index=entry + 1, size=size, algorithm="sha256")
            if ours["hashes"]:
                proof.path[-1] = bytes(32)
                with pytest.raises(InvalidProof):
                    verify_inclusion(leaf, root, proof)


def test_every_size_is_the_beginning_of_every_later_one(control, log):
    for place, size in enumerate(SIZES):
        for older in SIZES[: place + 1]:
            ours = control.get(f"/v1/audit/consistency?from={older}&size={size}")
            theirs = log.tree.prove_consistency(older, size)
            old_root, root = base64.b64decode(ours["from_root"]), base64.b64decode(ours["root"])
            assert (old_root, root) == (log.root(older), log.root(size))
            proof = hashes(ours["hashes"])
            assert proof == consistency_proof(older, log.leaves[:size]), f"{older} in {size}"
            assert is_consistent(older, old_root, size, root, proof), f"{older} in {size}"
            # pymerkle goes another way where the older log is a whole subtree, so that its proofs are longer and say the
            # same of the same two roots.
            verify_consistency(old_root, root, theirs, prior_size=older, later_size=size, algorithm="sha256")
            if older < size:
                assert not is_consistent(older, bytes(32), size, root, proof)
                assert not is_consistent(older, old_root, size, root, [*proof[:-1], bytes(32)])
                with pytest.raises(InvalidProof):
                    verify_consistency(bytes(32), root, theirs)


def root_of(leaves: list[bytes]) -> bytes:
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(leaves)
    return tree.get_root()


def consistency_proof(older: int, leaves: list[bytes], is_whole: bool = True) -> list[bytes]:
    """As RFC 9162 defines it in 2.1.4.1, every hash being pymerkle's."""
    if older == len(leaves):
        return [] if is_whole else [root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if older <= split:
        return [*consistency_proof(older, leaves[:split], is_whole), root_of(leaves[split:])]
    return [*consistency_proof(older - split, leaves[split:], False), root_of(leaves[:split])]


def is_consistent(older: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """The steps of RFC 9162, 2.1.4.2."""
    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    if older == size:
        return not proof and old_root == root
    steps = [old_root, *proof] if older & (older - 1) == 0 else list(proof)
    place, last = older - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node(step, first), node(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node(second, step)
        place, last = place >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, root)


@pytest.mark.parametrize("path, status", [
    ("inclusion?entry=5&size=5", 404), ("inclusion?entry=0&size=0", 404), ("inclusion?entry=0&size=100000", 404),
    ("inclusion?size=5", 422), ("inclusion?entry=-1", 422), ("inclusion?entry=x", 422),
    ("consistency?from=6&size=5", 404), ("consistency?from=0&size=5", 422), ("consistency?from=1&size=100000", 404),
    ("consistency", 422),
])
def test_there_is_no_proof_of_what_is_not_there(control, checkpoints, path, status):
    answer = control.ask("GET", f"/v1/audit/{path}", control.admin)
    assert answer.status == status and answer.json()["mend"], answer.body


# --- what somebody has changed ---


def verify(export: Path, control: Control, *more: str):
    key = str(control.data / "signing.pub")
    done = holdfast("audit", "verify", "--export", str(export), "--key", key, "--json", *more)
    report = json.loads(done.stdout)
    assert (done.returncode == 0) == report["good"] and (report["faults"] == []) == report["good"]
    return done.returncode, report


def test_the_export_is_as_signed(export, control, log):
    status, report = verify(export, control)
    assert status == 0 and report["entries"] == report["signed_entries"] == len(log.leaves)


def edited(lines: list[bytes]) -> list[bytes]:
    assert b"that was that" in lines[40] or b"number" in lines[40]
    entry = json.loads(lines[40])
    entry["principal"] = "somebody-else"
    return [*lines[:40], json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n",
            *lines[41:]]


def renumbered(lines: list[bytes]) -> list[bytes]:
    """One is taken out, and those after it are numbered anew, so that no number is missing."""
    entries = [json.loads(line) for line in lines[:-1]]
    del entries[40]
    for number, entry in enumerate(entries):
        entry["number"] = number
    return [json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            for entry in entries] + lines[-1:]


FORGERIES = {
    "truncated": (lambda lines: lines[:-6] + lines[-1:], "entries are missing at the end"),
    "edited": (edited, "are not those that were signed"),
    "one byte": (
        lambda lines: [lines[0].replace(b'"number":0', b'"number": 0'), *lines[1:]], "are not those that were signed"),
    "reordered": (lambda lines: [*lines[:10], lines[11], lines[10], *lines[12:]], "entry 10 is not what stands"),
    "one taken out": (lambda lines: lines[:40] + lines[41:], "entry 40 is not what stands"),
    "one taken out and renumbered": (renumbered, "entries are missing at the end"),
    "one put in": (lambda lines: lines[:40] + lines[39:], "entry 40 is not what stands"),
    "no entry": (lambda lines: [*lines[:40], b"hello\n", *lines[41:]], "entry 40 is not what stands"),
    "another checkpoint": (
        lambda lines: lines[:-1] + [lines[-1].replace(b"\\n%d\\n" % (len(lines) - 1), b"\\n%d\\n" % (len(lines) - 2))],
        "signed with another key"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_every_forgery_is_detected(export, control, log, tmp_path, forgery):
    forge, message = FORGERIES[forgery]
    lines = forge(log.lines)
    assert lines != log.lines
    forged = tmp_path / "forged.ndjson"
    forged.write_bytes(b"".join(lines))
    status, report = verify(forged, control)
    assert status == NOT_SIGNED and any(message in fault for fault in report["faults"]), report


def test_an_end_that_was_cut_off_with_its_checkpoint_shows_by_one_kept_elsewhere(export, control, log, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text(json.loads(log.lines[-1])["checkpoint"])
    cut = tmp_path / "cut.ndjson"
    cut.write_bytes(b"".join(log.lines[:50]))
    assert verify(cut, control)[0] == 0, "what is left is whole, and nothing in it says more"
    status, report = verify(cut, control, "--checkpoint", str(kept))
    assert status == NOT_SIGNED and any("entries are missing at the end" in fault for fault in report["faults"])


def test_a_fork_is_detected(export, control, work, tmp_path, log):
    """The same management plane from a copy of its data, with the same key and another future: both logs are signed, each
    is whole, and they do not go together."""
    control.stop()
    fork = Control("audit-fork", DOCUMENT, work)
    fork.data.mkdir(mode=0o700)
    for file in control.data.iterdir():
        if file.is_file() and file.name != "control.lock":
            (fork.data / file.name).write_bytes(file.read_bytes())
            (fork.data / file.name).chmod(0o600)
    notes = {}
    try:
        for name, side in (("here", control), ("there", fork)):
            side.admin = control.admin
            side.start()
            change(side, 1 if name == "here" else 2)
            note = side.ask("GET", "/v1/audit/checkpoint", side.admin).body.decode()
            notes[name] = tmp_path / f"{name}.txt"
            notes[name].write_text(note)
            exported = tmp_path / f"{name}.ndjson"
            assert side.command("audit", "export", str(exported)).returncode == 0
            assert verify(exported, control)[0] == 0
            if name == "there":
                side.stop()
        sizes = {name: signed(path.read_text())[0] for name, path in notes.items()}
        assert sizes["here"] == sizes["there"]
        for name, other in (("here", "there"), ("there", "here")):
            status, report = verify(tmp_path / f"{name}.ndjson", control, "--checkpoint", str(notes[other]))
            assert status == NOT_SIGNED
            assert any("there are two logs" in fault for fault in report["faults"]), report
    finally:
        fork.child.stop()
