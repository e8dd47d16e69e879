"""Tries every mutant of a policy on the stories of its provider, and tells what each one changed.

The stories are told twice under the policy itself, and their questions noted. A mutant that is
equal to the policy in effect is left out; one that answers every noted question alike changes
nothing that runs, and needs no story; of the others only those stories are told that would hear
another answer. What was found is kept in a folder, if one is named, and not done again.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from upheld.core import observing
from upheld.core.errors import UpheldError
from upheld.mutate.notes import TRIALS, AnswerComparer, Notes, StoryDifference, differences
from upheld.mutate.side_by_side import side_by_side
from upheld.policy.analyse.mutants import Mutant, equal, mutants
from upheld.policy.load import load, pack

PLUGIN: Final = "upheld.mutate.stories"
PATIENCE: Final = 20  # times as long as a story took under the policy itself
GRACE: Final = 10.0  # seconds that a trial may take in any case
CONTROLS: Final = 3  # stories that are told again under the policy itself in the end
SECONDS_MAX: Final = 3600  # for the stories once through
CHANGES, DEAD, EQUAL, NEEDED = "changes", "dead", "equal", "needed"  # what can come of a mutant


class MutantFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one mutant.

    `came` is changes, dead, equal (to the policy in effect) or needed (there is no policy without
    it, and `why` says so). `changes` are what came otherwise in the stories that were told, and
    `stories_told` how many these were.
    """

    id: str
    kind: str
    clause: str
    text: str
    came: str
    why: str = ""
    changes: tuple[StoryDifference, ...] = ()
    stories_told: int = msgspec.field(default=0, name="told")


class MutationReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found about a policy."""

    policy: str  # its digest
    stories: int
    questions: int
    findings: tuple[MutantFinding, ...]

    def count(self, kind: str = "") -> tuple[int, int]:
        """How many mutants change something, of how many that could; of one kind or of all."""
        mine = [each.came for each in self.findings if kind in ("", each.kind)]
        return mine.count(CHANGES), mine.count(CHANGES) + mine.count(DEAD)

    @property
    def share(self) -> float:
        """What share of the mutants that could change something do, in percent."""
        changing, all_ = self.count()
        return 100 * changing / all_ if all_ else 100.0


Progress = Callable[[int, int, MutantFinding], None]
Choice = Callable[[Mutant], bool]


class MutantTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One mutant whose stories must be told: where its policy lies, and where notes go."""

    id: str
    policy: str
    folder: str
    stories: list[str]
    seconds: float
    all: bool


class MutationRun:
    """One run of the stories under the mutants of one policy."""

    def __init__(
        self,
        policy: Path,
        stories: str | Sequence[str],
        work: Path,
        *,
        workers: int = 0,
        all_changes: bool = False,
    ) -> None:
        self.path, self.policy = policy.resolve(), load(policy)
        self.command = shlex.split(stories) if isinstance(stories, str) else [*stories]
        if not self.command:
            raise UpheldError(
                "no command tells the stories",
                code="usage",
                hint='as in --stories "pytest tests/stories"',
            )
        self.work, self.all_changes = work, all_changes
        self.workers = workers or len(os.sched_getaffinity(0))
        self.key = json.dumps([self.policy.digest, self.command, all_changes])

    def run(self, choose: Choice, progress: Progress) -> MutationReport:
        """Try the mutants for which `choose` is true."""
        self._prepare()
        selected = [each for each in mutants(self.policy) if choose(each)]
        findings = {each.id: each for each in self._saved_findings()}
        finished = [findings[each.id] for each in selected if each.id in findings]
        for number, each in enumerate(finished, 1):
            progress(number, len(selected), each)
        waiting = [each for each in selected if each.id not in findings]
        trials: list[tuple[Mutant, MutantTrial]] = []
        notes = self._usual()
        asker = AnswerComparer(notes, self.policy)

        def tell(finding: MutantFinding) -> None:
            findings[finding.id] = finding
            finished.append(finding)
            self._keep(finding)
            progress(len(finished), len(selected), finding)

        considered = side_by_side(partial(self._without_stories, asker), waiting, self.workers)
        for mutant, (finding, affected_stories) in zip(waiting, considered, strict=True):
            if finding is not None:
                tell(finding)
            else:
                trials.append((mutant, self._trial(mutant, affected_stories, notes, len(trials))))
        self._try(trials, notes, tell)
        return MutationReport(
            policy=self.policy.digest,
            stories=len(notes.stories),
            questions=len(notes.questions),
            findings=tuple(findings[each.id] for each in selected),
        )

    # What is kept

    def _prepare(self) -> None:
        """Begin in the folder, unless what lies there is of the same policy and command."""
        self.work.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.work / "trials", ignore_errors=True)
        key = self.work / "key.json"
        if not key.exists() or key.read_text(encoding="utf-8") != self.key:
            for each in ("findings.jsonl", "once.done"):
                (self.work / each).unlink(missing_ok=True)
            key.write_text(self.key, encoding="utf-8")

    def _saved_findings(self) -> list[MutantFinding]:
        path = self.work / "findings.jsonl"
        if not path.exists():
            return []
        findings = []
        for line in path.read_bytes().splitlines():
            try:
                findings.append(msgspec.json.decode(line, type=MutantFinding))
            except msgspec.MsgspecError:
                continue  # cut where the process was killed
        return findings

    def _keep(self, finding: MutantFinding) -> None:
        with (self.work / "findings.jsonl").open("ab") as out:
            out.write(b"\n" + msgspec.json.encode(finding) + b"\n")

    # Under the policy itself

    def _usual(self) -> Notes:
        """The notes of the stories under the policy itself, told twice."""
        names = ("once", "again")
        mark = self.work / "once.done"
        if not mark.exists():
            running = [self._start(self._clear(self.work / name), self.path) for name in names]
            codes = [self._wait_for(each) for each in running]
            if any(codes):
                raise UpheldError(
                    "the stories do not hold under the policy itself",
                    code="stories",
                    hint="run them: " + shlex.join(self.command),
                )
            mark.touch()
        notes = Notes(self.work / "once")
        if not notes.stories:
            raise UpheldError(
                "the stories asked nothing of the policy",
                code="stories",
                hint="load the policy that UPHELD_POLICY names",
            )
        return notes

    @staticmethod
    def _clear(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for each in folder.glob("*.jsonl"):
            each.unlink()
        return folder

    def _start(
        self, folder: Path, policy: Path, more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Run the stories, taking notes in a folder; what they print goes to a file beside it."""
        plugins = [*filter(None, os.environ.get("PYTEST_PLUGINS", "").split(",")), PLUGIN]
        environment = {
            **os.environ,
            observing.POLICY: str(policy),
            observing.FOLDER: str(folder),
            "PYTEST_PLUGINS": ",".join(plugins),
            **(more or {}),
        }
        with (folder / "printed.txt").open("wb") as out:
            try:
                return subprocess.Popen(  # noqa: S603 - the command that whoever runs this names
                    self.command,
                    env=environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
            except OSError as error:
                raise UpheldError(
                    f"{self.command[0]} cannot be run: {error.strerror}",
                    code="stories",
                    hint="name a command",
                ) from None

    @staticmethod
    def _wait_for(process: subprocess.Popen[bytes]) -> int:
        """The exit code of a run; one that does not end is stopped."""
        try:
            return process.wait(SECONDS_MAX)
        except BaseException as error:
            process.kill()
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                return -1
            raise

    # Mutants

    def _without_stories(
        self, asker: AnswerComparer, mutant: Mutant
    ) -> tuple[MutantFinding | None, dict[str, int]]:
        """The finding on a mutant that needs no story, or else the stories that it may change."""
        if mutant.error:
            return _finding(mutant, NEEDED, why=mutant.error), {}
        if equal(self.policy, mutant):
            return _finding(mutant, EQUAL), {}
        stories = asker.affected_stories(mutant.policy)
        return (None, stories) if stories else (_finding(mutant, DEAD), {})

    def _trial(
        self, mutant: Mutant, affected_stories: dict[str, int], notes: Notes, number: int
    ) -> MutantTrial:
        folder = self.work / "trials" / f"{number}"
        folder.mkdir(parents=True, exist_ok=True)
        seconds = notes.seconds
        stories = sorted(
            affected_stories, key=lambda s: (-affected_stories[s], seconds.get(s, 0.0), s)
        )
        patience = GRACE + PATIENCE * sum(seconds.get(each, 1.0) for each in stories)
        return MutantTrial(
            id=mutant.id,
            policy=str(self._write(mutant, folder)),
            folder=str(folder),
            stories=stories,
            seconds=patience,
            all=self.all_changes,
        )

    def _write(self, mutant: Mutant, folder: Path) -> Path:
        """The file of a mutant: Markdown, unless it needs words that lie beside the policy."""
        path = folder / self.path.name
        if (self.path.parent / self.policy.front.vocabulary).is_file():
            path.write_bytes(pack(mutant.policy))
        else:
            path.write_text(mutant.source, encoding="utf-8")
        return path

    def _try(
        self,
        trials: list[tuple[Mutant, MutantTrial]],
        notes: Notes,
        tell: Callable[[MutantFinding], None],
    ) -> None:
        """Tell the stories of all trials."""
        if not notes.forks:
            for mutant, trial in trials:
                tell(self._run_whole(mutant, trial, notes))
            return
        lines = b"\n".join(msgspec.json.encode(trial) for _, trial in trials)
        (self.work / "trials.jsonl").write_bytes(lines)
        for mark in (*self.work.glob("*.taken"), *self.work.glob("trials/*/answer.json")):
            mark.unlink()
        more = {TRIALS: str(self.work)}
        running = [
            self._start(self._clear(self.work / f"worker-{n}"), self.path, more)
            for n in range(min(self.workers, len(trials)))
        ]
        waiting = dict(enumerate(trials))
        try:
            while waiting:
                alive = [each for each in running if each.poll() is None]
                waiting = _take_answers(waiting, tell)
                if not alive:
                    break
                time.sleep(0.05)
        finally:
            for each in running:
                if each.poll() is None and waiting:
                    each.kill()
                each.wait()
        if waiting:
            raise UpheldError(
                "the stories ended before all were told",
                code="stories",
                hint=f"see {self.work}/worker-0/printed.txt",
            )
        if trials:
            self._control(notes)

    def _control(self, notes: Notes) -> None:
        """Raise UpheldError if a story now comes out otherwise under the policy itself.

        Somebody changed what the stories rest on while they were told, so that nothing is known.
        """
        folder = self.work / "trials" / "control"
        folder.mkdir(parents=True, exist_ok=True)
        few = sorted(notes.seconds, key=lambda story: notes.seconds[story])[:CONTROLS]
        trial = MutantTrial(
            id="",
            policy=str(self.path),
            folder=str(folder),
            stories=few,
            seconds=GRACE + PATIENCE * sum(map(notes.seconds.__getitem__, few)),
            all=False,
        )
        (self.work / "trials.jsonl").write_bytes(msgspec.json.encode(trial))
        (self.work / "0.taken").unlink(missing_ok=True)
        worker = self._clear(self.work / "worker-0")
        self._wait_for(self._start(worker, self.path, {TRIALS: str(self.work)}))
        answer = folder / "answer.json"
        if not answer.exists() or answer.read_bytes() != b"[]":
            for each in ("findings.jsonl", "once.done"):
                (self.work / each).unlink(missing_ok=True)
            raise UpheldError(
                "the stories come out otherwise than when they were begun",
                code="stories",
                hint="change nothing meanwhile, and run them again",
            )

    def _run_whole(self, mutant: Mutant, trial: MutantTrial, notes: Notes) -> MutantFinding:
        """Run the whole command under a mutant, for stories that are not told by pytest."""
        folder = self._clear(Path(trial.folder))
        story_list = folder / "stories.txt"
        story_list.write_text("\n".join(trial.stories), encoding="utf-8")
        code = self._wait_for(
            self._start(folder, Path(trial.policy), {observing.STORIES: str(story_list)})
        )
        now, again = Notes(folder).results, Notes(self.work / "again").results
        changes = [
            each
            for story in trial.stories
            for each in differences(notes.results, again, now, story)
        ]
        if code:
            changes.insert(0, StoryDifference("outcome", "", f"the command ends with {code}"))
        return _finding(
            mutant,
            CHANGES if changes else DEAD,
            changes=tuple(changes),
            stories_told=len(trial.stories),
        )


def _take_answers(
    waiting: dict[int, tuple[Mutant, MutantTrial]], tell: Callable[[MutantFinding], None]
) -> dict[int, tuple[Mutant, MutantTrial]]:
    """Tell the findings of the trials that are done; those that are not."""
    remaining = {}
    for number, (mutant, trial) in waiting.items():
        path = Path(trial.folder) / "answer.json"
        try:
            changes = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, str, str]])
        except (OSError, msgspec.MsgspecError):  # not there, or not whole yet
            remaining[number] = (mutant, trial)
            continue
        story_changes = tuple(StoryDifference(*each) for each in changes)
        tell(
            _finding(
                mutant,
                CHANGES if story_changes else DEAD,
                changes=story_changes,
                stories_told=len(trial.stories),
            )
        )
    return remaining


def _finding(
    mutant: Mutant,
    came: str,
    *,
    why: str = "",
    changes: tuple[StoryDifference, ...] = (),
    stories_told: int = 0,
) -> MutantFinding:
    return MutantFinding(
        id=mutant.id,
        kind=mutant.kind,
        clause=mutant.clause,
        text=mutant.text,
        came=came,
        why=why,
        changes=changes,
        stories_told=stories_told,
    )


def _every(_mutant: Mutant) -> bool:
    return True


def _silent(_done: int, _of: int, _finding: MutantFinding) -> None:
    pass


def mutate(  # noqa: PLR0913 - an option each, named where it is given
    policy: str | Path,
    stories: str | Sequence[str],
    *,
    keep: Path | None = None,
    workers: int = 0,
    all_changes: bool = False,
    choose: Choice = _every,
    progress: Progress = _silent,
) -> MutationReport:
    """What each word of a policy does, by the stories that a command tells.

    The command loads the policy that UPHELD_POLICY names; see `upheld.policy_under_test`. With
    `keep`, a folder, what was found is kept there and a later run goes on from it; without
    `all_changes`, the first story of a mutant that comes out otherwise is the last that is told.
    """
    if sys.platform == "win32":
        raise UpheldError("stories are told in forks", code="platform", hint="use Linux or macOS")
    with tempfile.TemporaryDirectory(prefix="upheld-mutate-") as temporary:
        run = MutationRun(
            Path(policy), stories, keep or Path(temporary), workers=workers, all_changes=all_changes
        )
        return run.run(choose, progress)
