"""Run directories under `runs/`: created, locked, written, listed and found. Every file is absent or complete."""

from bnexp.store.comparison_document import ArmHead, ComparisonDocument, ComparisonHead
from bnexp.store.directories import new_directory, own_directory, point_latest, resumed_directory
from bnexp.store.histories import write_histories
from bnexp.store.kept_rows import ROWS, keep_rows
from bnexp.store.names import slug
from bnexp.store.reading import content, cure, read_json, refuse_lost, regular, text
from bnexp.store.records import first_fault, write_record
from bnexp.store.records import head as read_head
from bnexp.store.run_record import MEASURES_NOT_KEPT, ComparedRecord, DataFacts, RunHead, RunRecord
from bnexp.store.runs import CELLS, CHECKPOINT, Kind, Run, State, Status
from bnexp.store.search import find, nearest_runs, runs_in
from bnexp.store.study_document import StudyHead
from bnexp.store.writing import copy, json_text, make_place, refuse_unwritable, write, write_json, write_with
from bnexp.system.run_folders import LOCK

__all__ = [
    "CELLS",
    "CHECKPOINT",
    "LOCK",
    "MEASURES_NOT_KEPT",
    "ROWS",
    "ArmHead",
    "ComparedRecord",
    "ComparisonDocument",
    "ComparisonHead",
    "DataFacts",
    "Kind",
    "Run",
    "RunHead",
    "RunRecord",
    "State",
    "Status",
    "StudyHead",
    "content",
    "copy",
    "cure",
    "find",
    "first_fault",
    "json_text",
    "keep_rows",
    "make_place",
    "nearest_runs",
    "new_directory",
    "own_directory",
    "point_latest",
    "read_head",
    "read_json",
    "refuse_lost",
    "refuse_unwritable",
    "regular",
    "resumed_directory",
    "runs_in",
    "slug",
    "text",
    "write",
    "write_histories",
    "write_json",
    "write_record",
    "write_with",
]
