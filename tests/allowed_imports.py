"""A contract for import-linter: what a package may import, so that whatever is not named is refused.

import-linter's own `forbidden` names what is refused: a new module is then allowed to everybody until somebody thinks
of it. Checks direct imports. The standard library is always allowed.
"""

from __future__ import annotations

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedImportsContract(Contract):
    """`source_modules` import nothing but themselves and `allowed_modules`; each is meant with what is below it."""

    type_name = "allowed_imports"

    source_modules = fields.ListField(subfield=fields.StringField())
    allowed_modules = fields.ListField(subfield=fields.StringField())
    of = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    """Only imports of these packages are checked; all when none is named."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 -- import-linter's
        # Each holds the list that the file names; declared is what parses it.
        named = (self.source_modules, self.allowed_modules, self.of)
        sources, allowed, checked = (tuple(cast(list[str], each)) for each in named)
        unknown = [each for each in (*sources, *allowed) if each not in graph.modules and "." in each]
        broken = [
            f"{importer} -> {imported}"
            for importer in sorted(graph.modules)
            if _is_below(importer, sources)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not _is_below(imported, (*sources, *allowed))
            and imported.partition(".")[0] not in sys.stdlib_module_names
            and (not checked or _is_below(imported, checked))
        ]
        return ContractCheck(
            kept=not broken and not unknown, metadata={"lines": [*broken, *(f"no module {name}" for name in unknown)]}
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["lines"]:
            output.print_error(line)


def _is_below(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)
