"""The TypeScript types, read by TypeScript's own compiler: right uses pass, and each wrong one is an error."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.runtime import registry
from workers.gateway import typescript

pytestmark = pytest.mark.slow

OFFLINE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED")
COMPILER = "typescript@5.9.3"
PROGRAM = """\
import type { Answer, Body, HearthEvent, TaskState, Tasks } from "./hearth";

export const body: Body<"hearth.leads.upsert"> = { leads: [{ external_id: "C-1", timeline: "0-3", custom: { a: 1 } }] };
export const message: Tasks["hearth.leads.upsert"]["request"] = { tenant_id: "acme", ...body };

export function probability(answer: Answer<"hearth.leads.score">): number | undefined {
  return "lead" in answer.data ? answer.data.lead.probability : answer.data.scored;
}
export function version(answer: Answer<"hearth.leads.score">): string | undefined {
  return answer.model?.version;
}
export function band(event: HearthEvent): string | null {
  switch (event.type) {
    case "band.changed":
      return event.data.band;
    case "plan.waiting":
      // @ts-expect-error: an event of another type has no band
      return event.data.band;
    default:
      return event.external_id;
  }
}
export const state = (told: TaskState): string => told.error?.errors[0]?.loc ?? told.state;

// @ts-expect-error: a misspelt key
export const misspelt: Body<"hearth.leads.upsert"> = { leads: [{ external_id: "C-1", first_nam: "Ada" }] };
// @ts-expect-error: a value that the contract does not know
export const unknown: Body<"hearth.leads.upsert"> = { leads: [{ external_id: "C-1", timeline: "soon" }] };
// @ts-expect-error: a message on the broker names its tenant
export const nobody: Tasks["hearth.leads.upsert"]["request"] = { leads: [] };
// @ts-expect-error: leads are missing
export const empty: Body<"hearth.leads.upsert"> = {};
"""


@pytest.fixture(scope="module")
def compiler(tmp_path_factory) -> list[str]:
    """The command of a TypeScript compiler: of this machine, or else installed for this test."""
    if found := shutil.which("tsc"):
        return [found]
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("neither tsc nor npm is on PATH")
    folder = tmp_path_factory.mktemp("tsc")
    npm = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefer-offline", COMPILER]
    installed = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if installed.returncode and OFFLINE.search(installed.stderr):
        pytest.skip("npm cannot reach its registry")
    assert installed.returncode == 0, installed.stderr
    return ["node", str(folder / "node_modules" / "typescript" / "bin" / "tsc")]


def check(compiler: list[str], folder: Path, program: str) -> str:
    """What the compiler has to say of a program beside the types; nothing: it is right."""
    (folder / "hearth.d.ts").write_text(typescript.declarations(registry.schemas()), encoding="utf-8")
    (folder / "program.ts").write_text(program, encoding="utf-8")
    options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"]
    command = [*compiler, *options, "program.ts", "hearth.d.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False).stdout


def test_right_uses_pass_and_wrong_ones_do_not(compiler, tmp_path):
    assert check(compiler, tmp_path, PROGRAM) == ""


def test_the_compiler_looks_at_all(compiler, tmp_path):
    told = check(compiler, tmp_path, PROGRAM.replace("// @ts-expect-error: leads are missing\n", ""))
    assert "Property 'leads' is missing" in told
