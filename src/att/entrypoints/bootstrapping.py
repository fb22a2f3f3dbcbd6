"""Wires ATT's change of itself over the rooms in which projects are developed; on the appliance alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from att.appliance import Facts, running_release
from att.bootstrap.collecting import Collector
from att.bootstrap.engine import EngineProposals
from att.bootstrap.guarding import GuardedPolicies, GuardedPulls
from att.bootstrap.probing import Prober
from att.bootstrap.project import SelfProject
from att.bootstrap.proposing import Proposer
from att.bootstrap.running import Runner
from att.bootstrap.service import Cycles
from att.bootstrap.source import Source
from att.bootstrap.steps import Steps
from att.bootstrap.trying import Trial
from att.bootstrap.undoing import Undoing
from att.bootstrap.working import Workbench
from att.code.service import Code
from att.events.service import Events
from att.forge.ports import Policies, PullRequests
from att.forge.service import Forge
from att.git.service import Git
from att.jobs.service import Jobs
from att.projects.ports import Places
from att.projects.service import Projects
from att.store.service import Store
from att.testing.service import Testing
from att.upgrade.client import EngineClient
from att.workspace.ports import Agents, Sandboxes


def bootstrapping(services: dict[type, Any], where: Facts, store: Store, events: Events, jobs: Jobs) -> SelfProject:
    """Add cycles to `services`, guard project att's pull requests and rules; the project's `run` is the caller's."""
    engine = EngineProposals(EngineClient(where.unit("att-upgraded").socket_paths[0]))
    forge, git, release = services[Forge], services[Git], running_release()
    repositories, agents, sandboxes = forge.repositories, services[Agents], services[Sandboxes]
    project = SelfProject(services[Places], services[Projects].makers, forge, where.paths.seed_bundle)
    source = Source(project, repositories, where.paths.api_state)
    pulls = GuardedPulls(forge.pulls, repositories, engine)
    proposer = Proposer(source, Collector(project, source, repositories, agents, sandboxes), engine)
    bench = Workbench(project, git, services[Code], agents, repositories)
    trial = Trial(source, services[Testing])
    runner = Runner(
        Prober(project, source, git, pulls, engine, release=release, since=lambda: _since(where.paths.current)),
        Steps(project, source, bench, trial, pulls, repositories, proposer, engine, release),
        Undoing(project, source, bench, pulls),
        engine,
        events,
        store.clock,
    )
    services |= {PullRequests: pulls, Policies: GuardedPolicies(forge, services[Places])}
    services[Cycles] = Cycles(project, pulls, proposer, engine, runner, jobs)
    return project


def _since(current: Path) -> datetime:
    """Return when the link to the running release was made: what began before that ran on another one."""
    return datetime.fromtimestamp(current.lstat().st_mtime, UTC)
