"""Chooses the files in the window of a run and reads them; this blocks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.sandbox.adobe_audiences.audiences import Audience
from pipeline.sandbox.adobe_audiences.csv_file import BadFile, read_rows
from pipeline.sandbox.adobe_audiences.files import FileGone, Files, SourceFile
from pipeline.sandbox.adobe_audiences.run_state import Run, Taken
from pipeline.sandbox.adobe_audiences.violations import Violations


class Ingestion:
    """Reads files for runs, and records violations: files read twice, or unreadable ones."""

    def __init__(self, files: Files, largest_file_bytes: int, violations: Violations) -> None:
        self._files = files
        self._largest = largest_file_bytes
        self._violations = violations
        self._runs_of: defaultdict[SourceFile, list[str]] = defaultdict(list)

    def take(self, run: Run, audience: Audience) -> Taken:
        """The rows of all files in the run's window."""
        definition = audience.definition
        found = self._files.find(definition.path, is_folder=definition.is_folder)
        picked = [file for file in found if run.picks(file.modified_s)]
        self._note(run, picked)
        paths = [file.path for file in picked]
        if not picked:
            return Taken(paths, {}, "no file is in the window")
        rows: dict[str, Sequence[str]] = {}
        for file in picked:
            try:
                rows |= self._rows(file, audience)
            except (BadFile, FileGone) as error:
                self._violations.add("bad_file", f"{file.path}: {error}")
                return Taken(paths, {}, str(error))
        return Taken(paths, rows, None)

    def _rows(self, file: SourceFile, audience: Audience) -> Mapping[str, Sequence[str]]:
        return read_rows(self._files.read(file.path), audience.definition, self._largest)

    def _note(self, run: Run, picked: Sequence[SourceFile]) -> None:
        if not picked:
            self._violations.add("no_file", f"{run.run_id} of {run.audience_id}")
        if len(picked) > 1:
            self._violations.add("several_files", f"{run.run_id} of {run.audience_id}")
        for file in picked:
            earlier = self._runs_of[file]
            if earlier:
                self._violations.add("window_twice", f"{file.path} in {run.run_id}, {earlier[0]}")
            earlier.append(run.run_id)
