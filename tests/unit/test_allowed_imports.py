"""The contract that `make check` holds framectl against."""

from __future__ import annotations

from grimp import ImportGraph

from tests.allowed_imports import AllowedImportsContract


def is_kept(*imports: tuple[str, str], **options: list[str]) -> bool:
    graph = ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            graph.add_module(module)
        graph.add_import(importer=importer, imported=imported)
    contract = AllowedImportsContract(
        name="", session_options={}, contract_options={"source_modules": ["a.ctl"], "allowed_modules": ["b"], **options}
    )
    return contract.check(graph, verbose=False).kept


def test_what_nobody_has_named_is_refused() -> None:
    assert is_kept(("a.ctl.x", "b.y"), ("a.ctl.x", "a.ctl"), ("a.ctl", "json"), ("a.other", "c"))
    assert not is_kept(("a.ctl.x", "c"))
    assert not is_kept(("a.ctl", "a.other"))
    assert not is_kept(("a.ctl", "bb"))


def test_only_imports_of_one_package_can_be_checked() -> None:
    assert is_kept(("a.ctl", "c"), of=["b"])
    assert not is_kept(("a.ctl", "b.z"), of=["b"], allowed_modules=["b.y"])


def test_module_that_is_gone_is_not_allowed_silently() -> None:
    assert not is_kept(("a.ctl", "b.y"), allowed_modules=["b", "b.gone"])
